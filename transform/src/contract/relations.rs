//! What analysts find of a table, as data: the tables and views that are made known to Athena and Glue.
//!
//! - `<table>`: every event once.
//! - `<table>_raw`: every delivery that was committed, but for those of batches with more dates than a commit gives files
//!   of their own.
//! - `<table>_<roll-up>_parts`: what a roll-up says of each file of events, and `<table>_<roll-up>`: a view that adds it up.
//! - `<table>_view`: a view of the events for people: when, what, the contract's columns, then where an event came from.
//! - `quarantine`: what was delivered and is no valid event, of all tables.
//!
//! Rules:
//! - Statements ([`super::ddl`]) and the JSON that a deployment reads come from these, so that they cannot differ.
//! - Nothing here says where the lake is, which years it has or which epoch is read: folders are relative to its root,
//!   and views name their relations without a database.
//! - The partitions' folders hold manifests that name the Parquet files, so that no query sees a file that is not
//!   committed, and each partition of each bucket is seen as one version of it.
//! - Partitions are projected from the table's properties, so that none is ever registered.
//! - Where every type of event is a plain name, the partitions by type are listed; otherwise a query has to name the
//!   type of event that it wants, because Athena cannot guess what folders there are.

mod json;

use iguazu_lake::keys::version::TypeKey;

use super::arrow::system_kind;
use super::{
    ColumnType, Contract, Measure, MeasureKind, Name, PARTITION_COLUMNS, REST_COLUMN, ROLLUP_COLUMNS, Rollup,
    SYSTEM_COLUMNS, TYPE_PARTITION, UnknownFields,
};

pub use json::catalog;

/// The table of quarantined input, which is of no contract.
pub const QUARANTINE: &str = "quarantine";
/// What reads the files.
pub const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
/// What reads the manifests.
pub const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat";
/// What Hive asks for beside it; nothing is ever written by it.
pub const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
/// The longest comment of a column that Glue keeps.
const COMMENT_CHARS_MAX: usize = 255;
/// The longest description of a table that Glue keeps.
const TABLE_COMMENT_CHARS_MAX: usize = 2048;

/// The relations of a contract's table, in the order in which they are to be made known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relations {
    /// The table of events.
    pub table: TableRelation,
    /// The table of deliveries.
    pub raw: TableRelation,
    /// The view for people.
    pub view: ViewRelation,
    /// The table of each roll-up's parts, and the view that adds them up.
    pub rollups: Vec<(TableRelation, ViewRelation)>,
}

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Events, each once.
    Events,
    /// Deliveries.
    Raw,
    /// What a roll-up says of each file of events.
    RollupParts,
    /// What is no valid event.
    Quarantine,
}

/// A table over manifests, with projected partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRelation {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub role: Role,
    /// What it is, for people.
    pub description: String,
    /// Its columns, without those of partitions.
    pub columns: Vec<Field>,
    /// The columns that its partitions are by.
    pub partition_keys: Vec<Field>,
    /// Where its manifests are, below the lake's root.
    pub folder: String,
    /// Whether a folder of the epoch that is read comes behind that folder.
    pub by_epoch: bool,
    /// The folders of a partition behind that, with `${column}` for its values.
    pub template: String,
    /// Its properties, but for where its partitions are, which follows from the folder and the template.
    pub properties: Vec<(String, Property)>,
}

/// The value of a table's property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// A text.
    Text(String),
    /// The range of years, which is the lake's to say: the first one, a comma, and the last one.
    Years,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRelation {
    /// Its name.
    pub name: String,
    /// What it gives: each column, and the expression that it is.
    pub columns: Vec<(Field, String)>,
    /// The table that it is of.
    pub of: String,
    /// What it is grouped by, if it is.
    pub group_by: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
    /// What it holds, for people, no longer than Glue keeps it.
    pub comment: String,
}

/// The type of a column: one that contracts know, or bytes, which only quarantine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A type of contracts.
    Of(ColumnType),
    /// Bytes.
    Binary,
}

impl ColumnKind {
    /// The type in Hive's words, as a statement has it: names within it are quoted.
    #[must_use]
    pub fn hive(&self) -> String {
        match self {
            Self::Of(kind) => hive_type(kind, "`"),
            Self::Binary => "binary".to_owned(),
        }
    }

    /// The type in Hive's words, as Glue keeps it: without quotes, which it does not understand.
    #[must_use]
    pub fn glue(&self) -> String {
        match self {
            Self::Of(kind) => hive_type(kind, ""),
            Self::Binary => "binary".to_owned(),
        }
    }

    /// The type in the words of Athena's queries, which views keep beside the others.
    #[must_use]
    pub fn sql(&self) -> String {
        match self {
            Self::Of(kind) => sql_type(kind),
            Self::Binary => "varbinary".to_owned(),
        }
    }
}

fn hive_type(kind: &ColumnType, quote: &str) -> String {
    match kind {
        ColumnType::String | ColumnType::Json => "string".to_owned(),
        ColumnType::Int32 => "int".to_owned(),
        ColumnType::Int64 => "bigint".to_owned(),
        ColumnType::Float64 => "double".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Timestamp => "timestamp".to_owned(),
        ColumnType::List(element) => format!("array<{}>", hive_type(element, quote)),
        ColumnType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{quote}{}{quote}:{}", field.name, hive_type(&field.kind, quote)))
                .collect();
            format!("struct<{}>", fields.join(","))
        }
    }
}

/// Athena reads a `timestamp` of Hive to the millisecond.
fn sql_type(kind: &ColumnType) -> String {
    match kind {
        ColumnType::String | ColumnType::Json => "varchar".to_owned(),
        ColumnType::Int32 => "integer".to_owned(),
        ColumnType::Timestamp => "timestamp(3)".to_owned(),
        ColumnType::List(element) => format!("array({})", sql_type(element)),
        ColumnType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("\"{}\" {}", field.name, sql_type(&field.kind))).collect();
            format!("row({})", fields.join(","))
        }
        same => hive_type(same, ""),
    }
}

/// A text on one line, of at most so many characters.
fn shortened(text: &str, chars_max: usize) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = flat.chars().take(chars_max).collect();
    if short.len() < flat.len() {
        short.pop();
        short.push('…');
    }
    short
}

/// What a system column holds, for people.
pub(super) fn system_comment(name: &str) -> &'static str {
    match name {
        "event_id" => "The UUID of the event",
        "event_type" => "The type of the event",
        "event_time" => "When the event happened, UTC",
        "arrival_time" => "When its record arrived, UTC",
        "stream" => "The stream that delivered it, and when that was created",
        "shard" => "The shard of the stream",
        "sequence" => "The sequence number of its record",
        "sub" => "Which event of its record, from 0",
        "contract_version" => "The version of the contract that judged it",
        _ => "What no column holds, as JSON",
    }
}

fn field(name: &str, kind: ColumnType, comment: &str) -> Field {
    Field { name: name.to_owned(), kind: ColumnKind::Of(kind), comment: shortened(comment, COMMENT_CHARS_MAX) }
}

impl Contract {
    /// What analysts find of the table.
    #[must_use]
    pub fn relations(&self) -> Relations {
        let table = self.table.to_string();
        let raw = format!("Deliveries to {table}: an event is here as often as it was delivered");
        let raw = (format!("{table}_raw"), raw, format!("tables/{table}/raw"));
        let events = (table.clone(), self.description.clone(), format!("tables/{table}/events"));
        let events = TableRelation::of(Role::Events, events, self.fields(), Some(self));
        let rollups = self.rollups.iter().map(|rollup| {
            let parts = self.rollup_parts(rollup);
            let sums = self.rollup_view(rollup, &parts);
            (parts, sums)
        });
        Relations {
            raw: TableRelation::of(Role::Raw, raw, self.fields(), Some(self)),
            view: self.view(&events),
            rollups: rollups.collect(),
            table: events,
        }
    }

    fn fields(&self) -> Vec<Field> {
        let system = SYSTEM_COLUMNS.into_iter().chain(self.rest());
        let system = system.map(|name| field(name, system_kind(name), system_comment(name)));
        let own = |column: &super::Column| field(column.name.as_str(), column.kind.clone(), &column.description);
        system.chain(self.columns.iter().map(own)).collect()
    }

    fn rest(&self) -> Option<&'static str> {
        (self.unknown_fields == UnknownFields::Keep).then_some(REST_COLUMN)
    }

    fn rollup_parts(&self, rollup: &Rollup) -> TableRelation {
        let [window_start, count, overflowed] = ROLLUP_COLUMNS;
        let group = |name: &Name| Some(field(name.as_str(), self.kind_of(name)?, ""));
        let measure = |of: &Measure| Some(field(of.name.as_str(), of.column_type(&self.kind_of(&of.column)?), ""));
        let mut fields = vec![field(window_start, ColumnType::Timestamp, "When the window begins, UTC")];
        fields.extend(rollup.by.iter().filter_map(group));
        fields.push(field(count, ColumnType::Int64, "How many events"));
        fields.extend(rollup.measures.iter().filter_map(measure));
        fields.push(field(overflowed, ColumnType::String, "Sums that have more than 38 digits and are null"));
        let sums = format!("{}_{}", self.table, rollup.name);
        let description = format!("Parts of {sums}, one for each file of events");
        let folder = format!("tables/{}/rollups/{}", self.table, rollup.name);
        TableRelation::of(Role::RollupParts, (format!("{sums}_parts"), description, folder), fields, Some(self))
    }

    /// The sums of all parts. A sum of which a part is too large for its column is null as a whole, rather than wrong.
    fn rollup_view(&self, rollup: &Rollup, parts: &TableRelation) -> ViewRelation {
        let [window_start, count, overflowed] = ROLLUP_COLUMNS;
        let groups: Vec<_> = std::iter::once(window_start).chain(rollup.by.iter().map(Name::as_str)).collect();
        let mut columns: Vec<_> = groups.iter().map(|name| (*name, quoted(name))).collect();
        columns.push((count, format!("sum({})", quoted(count))));
        columns.extend(rollup.measures.iter().map(|measure| {
            let name = quoted(measure.name.as_str());
            let sum = match measure.kind {
                MeasureKind::Sum => format!(
                    "CASE WHEN count_if(contains(split({}, ','), '{}')) = 0 THEN sum({name}) END",
                    quoted(overflowed),
                    measure.name
                ),
                MeasureKind::Min => format!("min({name})"),
                MeasureKind::Max => format!("max({name})"),
            };
            (measure.name.as_str(), sum)
        }));
        let group_by = groups.into_iter().map(str::to_owned).collect();
        ViewRelation { group_by, ..parts.viewed(format!("{}_{}", self.table, rollup.name), columns) }
    }

    fn view(&self, of: &TableRelation) -> ViewRelation {
        let names = ["event_time", "event_type"]
            .into_iter()
            .chain(self.columns.iter().map(|column| column.name.as_str()))
            .chain(self.rest())
            .chain(["event_id", "arrival_time", "stream", "shard", "sequence", "sub", "contract_version"])
            .chain(of.partition_keys.iter().map(|key| key.name.as_str()));
        of.viewed(format!("{}_view", self.table), names.map(|name| (name, quoted(name))).collect())
    }

    /// The types of event with commas between them, where these are all and their names mean nothing to Glue or to S3.
    fn listed_types(&self) -> Option<String> {
        const TYPES_MAX: usize = 100;
        let names: Option<Vec<&str>> = self.types.iter().map(|pattern| pattern.name()).collect();
        let names = names.filter(|names| !self.default && !names.is_empty() && names.len() <= TYPES_MAX)?;
        names.iter().all(|name| TypeKey::of(name).as_str() == *name).then(|| names.join(","))
    }
}

/// The table of what was delivered and is no valid event.
#[must_use]
pub fn quarantine() -> TableRelation {
    let of = |name, kind, comment| Field { kind, ..field(name, ColumnType::String, comment) };
    let string = |name, comment| of(name, ColumnKind::Of(ColumnType::String), comment);
    let int = |name, comment| of(name, ColumnKind::Of(ColumnType::Int32), comment);
    let system = |name| string(name, system_comment(name));
    let columns = vec![
        string("reason", "The code of why it is here"),
        string("detail", "What is wrong, and how to mend it"),
        of("arrival_time", ColumnKind::Of(ColumnType::Timestamp), system_comment("arrival_time")),
        system("stream"),
        system("shard"),
        system("sequence"),
        int("sub", system_comment("sub")),
        int("contract_version", system_comment("contract_version")),
        of("payload", ColumnKind::Binary, "Its bytes as they were delivered"),
        string("contract", "The table whose contract judged it"),
        string("path", "Where in it the problem is"),
        string("found", "What kind of value was found there"),
    ];
    let description = "What was delivered and is no valid event, by the day of its arrival".to_owned();
    let named = (QUARANTINE.to_owned(), description, "deliveries/quarantine".to_owned());
    TableRelation::of(Role::Quarantine, named, columns, None)
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl TableRelation {
    /// A table with this name, description and folder.
    fn of(role: Role, named: (String, String, String), columns: Vec<Field>, contract: Option<&Contract>) -> Self {
        let (name, description, folder) = named;
        let by_epoch = matches!(role, Role::Events | Role::RollupParts);
        let by_type = contract.filter(|contract| by_epoch && contract.partition_by_type);
        let days = PARTITION_COLUMNS.map(|name| field(name, ColumnType::Int32, ""));
        let by = by_type.map(|_| field(TYPE_PARTITION, ColumnType::String, ""));
        let partition_keys: Vec<_> = days.into_iter().chain(by).collect();
        let template = partition_keys.iter().map(|key| format!("{0}=${{{0}}}/", key.name)).collect();
        let description = shortened(&description, TABLE_COMMENT_CHARS_MAX);
        let properties = properties(contract, by_type);
        Self { name, role, description, columns, partition_keys, folder, by_epoch, template, properties }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.columns.iter().chain(&self.partition_keys).find(|field| field.name == name)
    }

    /// A view with these columns and their expressions, which have the types and the comments that they have here.
    fn viewed(&self, name: String, columns: Vec<(&str, String)>) -> ViewRelation {
        let known = |(name, expression): (&str, String)| Some((self.field(name)?.clone(), expression));
        let columns = columns.into_iter().filter_map(known).collect();
        ViewRelation { name, columns, of: self.name.clone(), group_by: Vec::new() }
    }
}

/// The properties that partitions are projected from.
fn properties(it: Option<&Contract>, by_type: Option<&Contract>) -> Vec<(String, Property)> {
    let text = |value: &str| Property::Text(value.to_owned());
    let version = it.map(|it| ("iguazu.contract_version".to_owned(), Property::Text(it.version.to_string())));
    let mut properties: Vec<_> = version.into_iter().collect();
    properties.push(("projection.enabled".to_owned(), text("true")));
    let ranges = [(Property::Years, "4"), (text("1,12"), "2"), (text("1,31"), "2")];
    for (name, (range, digits)) in PARTITION_COLUMNS.into_iter().zip(ranges) {
        properties.push((format!("projection.{name}.type"), text("integer")));
        properties.push((format!("projection.{name}.range"), range));
        properties.push((format!("projection.{name}.digits"), text(digits)));
    }
    if let Some(it) = by_type {
        let types = it.listed_types();
        let kind = text(if types.is_some() { "enum" } else { "injected" });
        properties.push((format!("projection.{TYPE_PARTITION}.type"), kind));
        properties.extend(types.map(|types| (format!("projection.{TYPE_PARTITION}.values"), Property::Text(types))));
    }
    properties
}

impl ViewRelation {
    /// The query of the view. Without a database it names its relation alone, and is understood in the view's own.
    #[must_use]
    pub fn query(&self, database: Option<&str>) -> String {
        let column = |(field, expression): &(Field, String)| {
            let name = quoted(&field.name);
            if name == *expression { format!("  {name}") } else { format!("  {expression} AS {name}") }
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        let database = database.map(|database| format!("{}.", quoted(database))).unwrap_or_default();
        let mut query = format!("SELECT\n{}\nFROM {database}{}", columns.join(",\n"), quoted(&self.of));
        if !self.group_by.is_empty() {
            let groups: Vec<_> = self.group_by.iter().map(|name| quoted(name)).collect();
            query.push_str(&format!("\nGROUP BY {}", groups.join(", ")));
        }
        query
    }
}
