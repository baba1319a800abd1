//! A table's contract, compiled: where its values are found, and what is made of them.

use std::cell::Cell;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use iguazu_lake::ids::{EventId, Timestamp};

use super::nested::{Reading, Shape, Unfit, scalar, value, written};
use super::paths::{NodeId, Paths, SlotId};
use super::rest::{Claims, Rest};
use super::walk::{Found, Walk};
use crate::columns::Cells;
use crate::contract::{Contract, DuplicateKeys, Literal, Pointer, Source, Step, UnknownFields};
use crate::json::{Cursor, Kind, decoded};
use crate::reason::{Member, Reason};
use crate::rows::{Place, Rows};
use crate::value::{Scalar, Scratch, Secrets, TimeReader, hashed_id};

use super::CatalogError;
use super::filter::Condition;

/// What a cell of a column costs beside its text.
const CELL_BYTES: usize = 16;

/// A place, and how to call it.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) slot: SlotId,
    pub(crate) node: NodeId,
    pub(crate) path: String,
}

impl Spot {
    pub(crate) fn of(pointer: &Pointer, paths: &mut Paths) -> Result<Self, CatalogError> {
        let (slot, node) = paths.place(pointer)?;
        Ok(Self { slot, node, path: pointer.to_string() })
    }
}

#[derive(Debug)]
struct Column {
    name: String,
    spots: Vec<Spot>,
    shape: Shape,
    required: bool,
    /// Whether it hides what it is made of.
    hides: bool,
    /// What stands for a value that is missing, by the shape of a column without steps.
    fallback: Option<(Literal, Shape)>,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    pub(crate) contract: Arc<Contract>,
    pub(crate) schema: SchemaRef,
    id: Vec<Spot>,
    kind: Spot,
    time: Spot,
    time_reader: TimeReader,
    filters: Vec<(Spot, Condition)>,
    columns: Vec<Column>,
    /// Whether a column has several places; then the values that it passes by are kept.
    alternatives: bool,
    claims: Claims,
}

/// Memory that is used again for each event.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Rows that are expected in all.
    pub(super) room: usize,
    pub(crate) walk: Walk,
    scratch: Scratch,
    decoded: String,
    kept: Vec<NodeId>,
}

impl Desk {
    /// A desk for about so many rows.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }
}

impl Table {
    /// Compiles a contract. The claims follow when all tables have named their places.
    pub(crate) fn compile(contract: Contract, secrets: &Secrets, paths: &mut Paths) -> Result<Self, CatalogError> {
        let envelope = &contract.envelope;
        let id = envelope.id.iter().map(|part| Spot::of(part, paths)).collect::<Result<Vec<_>, _>>()?;
        let kind = Spot::of(&envelope.kind, paths)?;
        let time = Spot::of(&envelope.time, paths)?;
        let mut columns = Vec::with_capacity(contract.columns.len());
        for column in &contract.columns {
            let broken =
                |cause| CatalogError::Column { table: contract.table.clone(), column: column.name.to_string(), cause };
            let (pointers, constant): (&[Pointer], _) = match &column.source {
                Source::Paths(pointers) => (pointers, column.default.as_ref()),
                Source::Constant(literal) => (&[], Some(literal)),
            };
            let fallback = match constant {
                Some(literal) => Some((literal.clone(), Shape::compile(&column.kind, &[], secrets).map_err(broken)?)),
                None => None,
            };
            columns.push(Column {
                name: column.name.to_string(),
                spots: pointers.iter().map(|pointer| Spot::of(pointer, paths)).collect::<Result<Vec<_>, _>>()?,
                shape: Shape::compile(&column.kind, &column.steps, secrets).map_err(broken)?,
                required: column.required,
                hides: column.steps.iter().any(|step| matches!(step, Step::HmacSha256 { .. } | Step::Redact)),
                fallback,
            });
        }
        let filter =
            |filter: &crate::contract::Filter| Ok((Spot::of(&filter.path, paths)?, Condition::compile(filter)));
        let filters = contract.filters.iter().map(filter).collect::<Result<Vec<_>, CatalogError>>()?;
        Ok(Self {
            schema: contract.arrow_schema(),
            time_reader: TimeReader::new(&envelope.time_format)
                .map_err(|problem| CatalogError::TimeFormat { table: contract.table.clone(), problem })?,
            alternatives: columns.iter().any(|column: &Column| column.spots.len() > 1),
            claims: Claims::of(&[], &[], paths),
            contract: Arc::new(contract),
            id,
            kind,
            time,
            filters,
            columns,
        })
    }

    /// Settles what the table holds of an event, now that every place is known.
    pub(crate) fn claim(&mut self, paths: &Paths) {
        // An id that is hashed cannot be read back from the hash, nor can what a filter looked at from its verdict; so
        // where the rest is kept, they are. They are no unknown fields for that.
        let kept = self.contract.unknown_fields == UnknownFields::Keep;
        let hashed = self.contract.envelope.id_namespace.is_some();
        let ids = self.id.iter().filter(|_| !(kept && hashed));
        let filters = self.filters.iter().map(|(spot, _)| spot).filter(|_| !kept);
        let columns = self.columns.iter().flat_map(|column| &column.spots);
        let spots = ids.chain([&self.kind, &self.time]).chain(filters).chain(columns);
        let hidden = self.columns.iter().filter(|column| column.hides).flat_map(|column| &column.spots);
        let nodes = |spots: &mut dyn Iterator<Item = &Spot>| spots.map(|spot| spot.node).collect::<Vec<_>>();
        self.claims = Claims::of(&nodes(&mut spots.into_iter()), &nodes(&mut hidden.into_iter()), paths);
    }

    /// The contract.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// No rows yet, and room for some.
    pub(crate) fn rows(&self, table: usize, room: usize) -> Rows {
        let kept = self.contract.unknown_fields == UnknownFields::Keep;
        let columns = self.contract.columns.iter().map(|column| Cells::with_room(&column.kind, room)).collect();
        Rows::with_room(table, room, kept, columns)
    }

    /// Where the type stands.
    pub(crate) fn kind(&self) -> &Spot {
        &self.kind
    }

    /// Takes an event that was passed over, as one row more, and says how many bytes it costs in memory.
    ///
    /// # Errors
    /// Where the event is none of the table's. Then the rows are as they were.
    pub(crate) fn take(
        &self,
        text: &str,
        paths: &Paths,
        place: Place,
        desk: &mut Desk,
        rows: &mut Rows,
    ) -> Result<usize, Reason> {
        self.judge(text, &desk.walk)?;
        let id = self.id(text, desk)?;
        let time = self.time(text, place.arrival, desk)?;
        for (spot, condition) in &self.filters {
            let found = desk.walk.at(spot.slot).filter(|found| found.kind != Kind::Null);
            if !condition.takes(found.map(|found| scalar(found, text, &mut desk.decoded))) {
                return Err(Reason::Filtered { path: spot.path.clone() });
            }
        }
        let answer = self.fill(text, paths, desk, rows);
        if answer.is_err() {
            rows.take_back();
        }
        let bytes = answer?;
        let kind = desk.walk.at(self.kind.slot).filter(|found| found.kind == Kind::Text);
        let kind = kind.map_or("", |found| decoded(written(found, text), found.escaped, &mut desk.decoded));
        rows.end(id, kind, time, place);
        Ok(bytes + kind.len() + self.columns.len() * CELL_BYTES)
    }

    /// What a contract says of an event as a whole.
    fn judge(&self, text: &str, walk: &Walk) -> Result<(), Reason> {
        let limits = &self.contract.limits;
        if text.len() > limits.event_bytes_max {
            return Err(Reason::EventTooLarge { bytes: text.len(), limit: limits.event_bytes_max });
        }
        if walk.depth > limits.depth_max {
            return Err(Reason::TooDeep { byte: depth_at(text, limits.depth_max), limit: limits.depth_max });
        }
        match (walk.duplicate, self.contract.duplicate_keys) {
            (Some(byte), DuplicateKeys::Reject) => Err(Reason::DuplicateKey { byte }),
            _ => Ok(()),
        }
    }

    fn id(&self, text: &str, desk: &mut Desk) -> Result<EventId, Reason> {
        let missing = |spot: &Spot| Reason::Missing { member: Member::Id, path: spot.path.clone() };
        let part =
            |spot: &Spot| desk.walk.at(spot.slot).filter(|found| found.kind != Kind::Null).ok_or_else(|| missing(spot));
        let (namespace, [spot]) = (self.contract.envelope.id_namespace, &*self.id) else {
            // Several parts are always hashed; the reader of contracts has seen to the namespace.
            let namespace = self.contract.envelope.id_namespace.unwrap_or_default();
            let texts = self.id.iter().map(|spot| id_text(part(spot)?, text, spot)).collect::<Result<Vec<_>, _>>()?;
            return Ok(hashed_id(namespace, &texts.iter().map(String::as_str).collect::<Vec<_>>()));
        };
        let found = part(spot)?;
        match namespace {
            None if found.kind != Kind::Text => {
                let (path, found) = (spot.path.clone(), found.kind.name());
                Err(Reason::NotAString { member: Member::Id, path, found })
            }
            None => decoded(written(found, text), found.escaped, &mut desk.decoded)
                .parse()
                .map_err(|_| Reason::IdNotAUuid { path: spot.path.clone() }),
            Some(namespace) => {
                let id = id_text(found, text, spot)?;
                Ok(id.parse().unwrap_or_else(|_| hashed_id(namespace, &[&id])))
            }
        }
    }

    fn time(&self, text: &str, arrival: Timestamp, desk: &mut Desk) -> Result<Timestamp, Reason> {
        let path = || self.time.path.clone();
        let found = desk.walk.at(self.time.slot).filter(|found| found.kind != Kind::Null);
        let found = found.ok_or_else(|| Reason::Missing { member: Member::Time, path: path() })?;
        let time = self
            .time_reader
            .read(scalar(found, text, &mut desk.decoded))
            .map(Timestamp::from_micros)
            .map_err(|misfit| Reason::TimeUnfit { path: path(), found: found.kind.name(), misfit })?;
        let limits = &self.contract.limits;
        if time < arrival.minus(limits.time_past_max) {
            Err(Reason::TimeTooOld { path: path(), limit: limits.time_past_max })
        } else if time > arrival.plus(limits.time_future_max) {
            Err(Reason::TimeTooNew { path: path(), limit: limits.time_future_max })
        } else {
            Ok(time)
        }
    }

    /// Puts a value into every column, and says how many bytes of text that were. After an error some columns have a
    /// value and others do not.
    fn fill(&self, text: &str, paths: &Paths, desk: &mut Desk, rows: &mut Rows) -> Result<usize, Reason> {
        desk.kept.clear();
        let Desk { walk, scratch, decoded, kept, .. } = desk;
        let string_bytes_max = self.contract.limits.string_bytes_max;
        let mut reading = Reading { text, string_bytes_max, scratch, decoded, partial: false, bytes: 0 };
        for (column, cells) in self.columns.iter().zip(rows.cells()) {
            let places = || column.spots.iter().filter_map(|spot| Some((spot, walk.at(spot.slot)?)));
            match places().find(|(_, found)| found.kind != Kind::Null) {
                Some((spot, found)) => {
                    reading.partial = false;
                    column.shape.put(found, cells, &mut reading).map_err(|unfit| column.unfit(spot, unfit))?;
                    if reading.partial {
                        kept.push(spot.node);
                    }
                    if self.alternatives && !column.hides {
                        let passed_by =
                            places().filter(|(other, found)| other.slot != spot.slot && found.kind != Kind::Null);
                        kept.extend(passed_by.map(|(other, _)| other.node));
                    }
                }
                None => column.fall_back(cells, &mut reading)?,
            }
        }
        let mut bytes = reading.bytes;
        if self.contract.unknown_fields == UnknownFields::Ignore {
            return Ok(bytes);
        }
        if self.alternatives {
            // What one column passes by, another may hold.
            let held = |node: NodeId| self.columns.iter().any(|column| column.holds(node, walk));
            kept.retain(|&node| !held(node));
        }
        let duplicates = walk.duplicate.is_some();
        let (unknown, exposed) = (Cell::new(None), Cell::new(None));
        let rest = Rest { text, paths, claims: &self.claims, kept, duplicates, unknown, exposed };
        let out = rows.rest();
        let before = out.len();
        rest.write(walk, out);
        bytes += out.len() - before;
        match (rest.unknown.get(), rest.exposed.get(), self.contract.unknown_fields) {
            (Some(byte), _, UnknownFields::Quarantine) => Err(Reason::UnknownField { byte }),
            (_, Some(byte), UnknownFields::Keep) => Err(Reason::HiddenWithin { byte }),
            _ => Ok(bytes),
        }
    }
}

impl Column {
    /// Whether the column of the present event was filled from the only place that it has, or from its first.
    fn holds(&self, node: NodeId, walk: &Walk) -> bool {
        let filled = self.spots.iter().find(|spot| walk.at(spot.slot).is_some_and(|found| found.kind != Kind::Null));
        filled
            .is_some_and(|spot| spot.node == node && matches!(self.shape, Shape::Text | Shape::Scalar(_) | Shape::Json))
    }

    fn fall_back(&self, cells: &mut Cells, reading: &mut Reading<'_>) -> Result<(), Reason> {
        let path = || self.spots.first().map(|spot| spot.path.clone()).unwrap_or_default();
        match &self.fallback {
            Some((Literal(literal), shape)) => {
                let Some(found) = value(&mut Cursor::new(literal.as_bytes())) else {
                    return Err(Reason::ColumnMissing { column: self.name.clone(), path: path() });
                };
                let mut literal = Reading {
                    text: literal,
                    string_bytes_max: usize::MAX,
                    scratch: reading.scratch,
                    decoded: reading.decoded,
                    partial: false,
                    bytes: 0,
                };
                let put = shape.put(found, cells, &mut literal).map_err(|Unfit { within, found, misfit }| {
                    let path = path() + &within;
                    Reason::ColumnUnfit { column: self.name.clone(), path, found, misfit }
                });
                reading.bytes += literal.bytes;
                put
            }
            None if self.required => Err(Reason::ColumnMissing { column: self.name.clone(), path: path() }),
            None => {
                cells.push_null();
                Ok(())
            }
        }
    }

    #[cold]
    fn unfit(&self, spot: &Spot, unfit: Unfit) -> Reason {
        let Unfit { within, found, misfit } = unfit;
        Reason::ColumnUnfit { column: self.name.clone(), path: format!("{}{within}", spot.path), found, misfit }
    }
}

/// A part of an id that is going to be hashed: a string, or a whole number as it is written.
fn id_text(found: Found, text: &str, spot: &Spot) -> Result<String, Reason> {
    let mut scratch = String::new();
    match scalar(found, text, &mut scratch) {
        Scalar::Text(text) => Ok(text.to_owned()),
        Scalar::Number(token) if token.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            Ok(token.to_owned())
        }
        _ => Err(Reason::NotAString { member: Member::Id, path: spot.path.clone(), found: found.kind.name() }),
    }
}

/// Where the first level beyond a limit begins.
#[cold]
fn depth_at(text: &str, depth_max: usize) -> usize {
    match Cursor::new(text.as_bytes()).skip(depth_max) {
        Err(crate::json::Fault::Depth { byte, .. }) => byte,
        _ => 0,
    }
}
