//! Documents to rows, by contracts.
//!
//! A [`Catalog`] holds the contracts of a deployment, compiled. A document is passed over once: the walk checks its
//! grammar to the letter and notes what stands at the places that any contract looks at. The event's type then says
//! which table it belongs to, and that table's columns take their values straight from the text. There is no tree of
//! values, and but for structs, hashed ids and numbers in filters a value costs no allocation. Rules:
//! - A document becomes a row of one table, or a reason. A row whose last column does not fit leaves no trace.
//! - Which table it is depends on the document and the contracts alone.
//! - What no column holds is kept, dropped or refused as the contract says, and never lost by oversight.

use std::collections::BTreeMap;

use iguazu_lake::ids::TableName;

use crate::contract::{Contract, TypePattern};
use crate::json::{Kind, decoded};
use crate::limits::Limits;
use crate::reason::{Member, Reason};
use crate::rows::{Place, Rows};
use crate::value::{ConversionError, Secrets};

mod filter;
mod habits;
mod nested;
mod paths;
mod rest;
mod table;
mod twice;
mod walk;

pub use paths::TooManyPaths;
pub use table::Table;

use paths::{Paths, SlotId};
pub(crate) use table::Desk;
use walk::Bounds;

/// Why contracts cannot serve together, or at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is none.
    #[error("there is no contract; leave the contracts out altogether to use the built-in one")]
    Empty,
    /// Two describe one table.
    #[error("two contracts describe the table {table}; give one of them another name")]
    TableTwice {
        /// The table.
        table: TableName,
    },
    /// Two tables take what no other takes.
    #[error("the tables {first} and {second} are both the default; only one can take what no other takes")]
    DefaultTwice {
        /// One.
        first: TableName,
        /// The other.
        second: TableName,
    },
    /// Two tables take the same.
    #[error("the tables {first} and {second} both take events of the type {pattern}; an event belongs to one table")]
    PatternTwice {
        /// The pattern.
        pattern: TypePattern,
        /// One.
        first: TableName,
        /// The other.
        second: TableName,
    },
    /// The format of an event's time says no exact time.
    #[error("the time_format of the table {table} cannot be read by: {problem}")]
    TimeFormat {
        /// The table.
        table: TableName,
        /// Why.
        problem: String,
    },
    /// A column cannot be filled.
    #[error("the column {column} of the table {table} cannot be filled")]
    Column {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Why.
        #[source]
        cause: ConversionError,
    },
    /// They look at too much.
    #[error(transparent)]
    TooManyPaths(#[from] TooManyPaths),
}

/// Types that no table would take for their length are held against patterns up to here, so that the table that they
/// are meant for is named; longer ones are not, because there may be many patterns.
const MATCHED_BYTES_MAX: usize = 1024;

/// Tables whose events have their type at one place.
#[derive(Debug)]
struct Route {
    kind: SlotId,
    path: String,
    names: BTreeMap<String, usize>,
    /// The more exact first.
    patterns: Vec<(TypePattern, usize)>,
}

/// The contracts of a deployment, compiled.
#[derive(Debug)]
pub struct Catalog {
    limits: Limits,
    paths: Paths,
    tables: Vec<Table>,
    routes: Vec<Route>,
    /// The table that takes what no other takes.
    default: Option<usize>,
    bounds: Bounds,
    bytes_max: usize,
    /// The longest type that any table takes.
    type_bytes_max: usize,
}

/// Where a document went.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The table whose contract judged it; none where it did not come so far.
    pub(crate) table: Option<usize>,
    pub(crate) reason: Reason,
}

impl Catalog {
    /// Compiles contracts.
    ///
    /// # Errors
    /// Where they contradict each other, or name a secret that is not there.
    pub fn new(mut contracts: Vec<Contract>, secrets: &Secrets, limits: Limits) -> Result<Self, CatalogError> {
        contracts.sort_by_key(|contract| contract.table.to_string());
        if let Some(pair) = contracts.windows(2).find(|pair| pair[0].table == pair[1].table) {
            return Err(CatalogError::TableTwice { table: pair[0].table.clone() });
        }
        let mut paths = Paths::new();
        let mut tables = Vec::with_capacity(contracts.len());
        for contract in contracts {
            tables.push(Table::compile(contract, secrets, &mut paths)?);
        }
        tables.iter_mut().for_each(|table| table.claim(&paths));
        let of_all = |limit: fn(&Table) -> usize| tables.iter().map(limit).max().ok_or(CatalogError::Empty);
        Ok(Self {
            default: default_of(&tables)?,
            routes: routes_of(&tables)?,
            bounds: Bounds {
                depth_max: of_all(|table| table.contract.limits.depth_max)?,
                members_max: limits.members_per_object_max,
            },
            bytes_max: of_all(|table| table.contract.limits.event_bytes_max)?,
            type_bytes_max: of_all(|table| table.contract.limits.type_bytes_max)?,
            limits,
            paths,
            tables,
        })
    }

    /// The built-in contract for one table.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the contract is a constant, and every test compiles it")]
    pub fn built_in(table: TableName, limits: Limits) -> Self {
        Self::new(vec![Contract::built_in(table)], &Secrets::default(), limits).expect("the built-in contract is sound")
    }

    /// The limits of records.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The tables, by name.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Takes a document as a row of its table, and says what that costs in memory; `rows` has one entry for each table.
    pub(crate) fn take(
        &self,
        document: &[u8],
        place: Place,
        desk: &mut Desk,
        rows: &mut [Option<Rows>],
    ) -> Result<usize, Refused> {
        let unjudged = |reason| Refused { table: None, reason };
        if document.len() > self.bytes_max {
            return Err(unjudged(Reason::EventTooLarge { bytes: document.len(), limit: self.bytes_max }));
        }
        let text =
            std::str::from_utf8(document).map_err(|error| unjudged(Reason::NotUtf8 { byte: error.valid_up_to() }))?;
        match desk.walk.pass(text, &self.paths, self.bounds).map_err(unjudged)? {
            Kind::Object => {}
            other => return Err(unjudged(Reason::NotAnObject { found: other.name() })),
        }
        let at = self.route(text, desk)?;
        let (Some(table), Some(rows)) = (self.tables.get(at), rows.get_mut(at)) else {
            return Err(unjudged(Reason::TypeUnknown { path: String::new() }));
        };
        let rows = rows.get_or_insert_with(|| table.rows(at, desk.room));
        table.take(text, &self.paths, place, desk, rows).map_err(|reason| Refused { table: Some(at), reason })
    }

    /// Which table an event belongs to, by its type.
    fn route(&self, text: &str, desk: &mut Desk) -> Result<usize, Refused> {
        let mut wrong = None;
        let mut scratch = String::new();
        for route in &self.routes {
            let Some(found) = desk.walk.at(route.kind).filter(|found| found.kind != Kind::Null) else { continue };
            if found.kind != Kind::Text {
                wrong = wrong.or(Some((route, Some(found.kind))));
                continue;
            }
            let kind = decoded(nested::written(found, text), found.escaped, &mut scratch);
            if kind.len() > self.type_bytes_max.max(MATCHED_BYTES_MAX) {
                let (bytes, limit, path) = (kind.len(), self.type_bytes_max, route.path.clone());
                return Err(Refused { table: None, reason: Reason::TypeTooLong { path, bytes, limit } });
            }
            if let Some(at) = route.table(kind) {
                return self.judge_kind(at, kind);
            }
            wrong = wrong.or(Some((route, None)));
        }
        self.without_route(wrong, text, desk)
    }

    fn judge_kind(&self, at: usize, kind: &str) -> Result<usize, Refused> {
        let Some(table) = self.tables.get(at) else { return Ok(at) };
        let (limit, bytes) = (table.contract.limits.type_bytes_max, kind.len());
        let path = || table.kind().path.clone();
        let reason = match bytes {
            0 => Reason::TypeEmpty { path: path() },
            _ if bytes > limit => Reason::TypeTooLong { path: path(), bytes, limit },
            _ => return Ok(at),
        };
        Err(Refused { table: Some(at), reason })
    }

    /// An event whose type no table names: the default table's, if there is one.
    #[cold]
    fn without_route(&self, wrong: Option<(&Route, Option<Kind>)>, text: &str, desk: &Desk) -> Result<usize, Refused> {
        // With one table, that one is asked in any case, so that its contract is named.
        let judge = self.default.or((self.tables.len() == 1).then_some(0));
        let Some(table) = judge.and_then(|at| self.tables.get(at)).or(self.tables.first()) else {
            return Err(Refused { table: None, reason: Reason::TypeUnknown { path: String::new() } });
        };
        let path = table.kind().path.clone();
        let found = desk.walk.at(table.kind().slot).filter(|found| found.kind != Kind::Null);
        let reason = match (found, self.default) {
            (Some(found), Some(at)) if found.kind == Kind::Text => {
                let mut scratch = String::new();
                return self.judge_kind(at, decoded(nested::written(found, text), found.escaped, &mut scratch));
            }
            (Some(found), _) if found.kind != Kind::Text => {
                Reason::NotAString { member: Member::Type, path, found: found.kind.name() }
            }
            (None, _) if wrong.is_none() || self.default.is_some() => Reason::Missing { member: Member::Type, path },
            _ => Reason::TypeUnknown { path },
        };
        Err(Refused { table: judge, reason })
    }
}

impl Route {
    #[inline]
    fn table(&self, kind: &str) -> Option<usize> {
        if !self.names.is_empty()
            && let Some(&table) = self.names.get(kind)
        {
            return Some(table);
        }
        self.patterns.iter().find(|(pattern, _)| pattern.matches(kind)).map(|&(_, table)| table)
    }
}

fn default_of(tables: &[Table]) -> Result<Option<usize>, CatalogError> {
    let mut defaults = (0..).zip(tables).filter(|(_, table)| table.contract.default);
    match (defaults.next(), defaults.next()) {
        (Some((_, first)), Some((_, second))) => Err(CatalogError::DefaultTwice {
            first: first.contract.table.clone(),
            second: second.contract.table.clone(),
        }),
        (first, _) => Ok(first.map(|(at, _)| at)),
    }
}

fn routes_of(tables: &[Table]) -> Result<Vec<Route>, CatalogError> {
    let mut routes: Vec<Route> = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let kind = table.kind().slot;
        let known = routes.iter().position(|route| route.kind == kind);
        let route = known.unwrap_or_else(|| {
            let path = table.kind().path.clone();
            routes.push(Route { kind, path, names: BTreeMap::new(), patterns: Vec::new() });
            routes.len() - 1
        });
        let route = &mut routes[route];
        for pattern in &table.contract.types {
            let before = match pattern.name() {
                Some(name) => route.names.insert(name.to_owned(), at),
                None => {
                    let known = route.patterns.iter().find(|(known, _)| known == pattern).map(|&(_, at)| at);
                    route.patterns.push((pattern.clone(), at));
                    known
                }
            };
            if let Some(other) = before.filter(|&other| other != at).and_then(|other| tables.get(other)) {
                return Err(CatalogError::PatternTwice {
                    pattern: pattern.clone(),
                    first: other.contract.table.clone(),
                    second: table.contract.table.clone(),
                });
            }
        }
    }
    for route in &mut routes {
        route.patterns.sort_by(|(a, _), (b, _)| b.precedence(a));
    }
    Ok(routes)
}
