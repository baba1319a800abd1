//! What Athena and Glue are told of a table: statements, each to be run by itself.
//!
//! - `<table>`: every event once.
//! - `<table>_raw`: every delivery that was committed, but for those of batches with more dates than a commit gives files
//!   of their own.
//! - `<table>_<roll-up>_parts`: what a roll-up says of each file of events, and `<table>_<roll-up>`: a view that adds it up.
//! - `<table>_view`: a view of the events for people: when, what, the contract's columns, then where an event came from.
//! - `quarantine`: what was delivered and is no valid event, of all tables.
//!
//! Rules:
//! - The partitions' folders hold manifests that name the Parquet files, so that no query sees a file that is not
//!   committed, and each partition of each bucket is seen as one version of it.
//! - Partitions are projected from the table's properties, so that none is ever registered.
//! - Events and roll-ups are those of one epoch, in which the number of buckets is one and the same. A change of that
//!   number is seen when the statements of the next epoch are run.
//! - Names are quoted, comments are single-quoted with backslash escapes, as Hive's grammar has it, and no longer than
//!   Glue keeps them.
//! - Where every type of event is a plain name, the partitions by type are listed; otherwise a query has to name the
//!   type of event that it wants, because Athena cannot guess what folders there are.

use std::fmt::{self, Write};
use std::ops::RangeInclusive;

use iguazu_lake::keys::version::TypeKey;

use super::arrow::system_kind;
use super::{
    Column, ColumnType, Contract, MeasureKind, PARTITION_COLUMNS, REST_COLUMN, ROLLUP_COLUMNS, Rollup, SYSTEM_COLUMNS,
    TYPE_PARTITION, UnknownFields,
};

/// The table of quarantined input, which is of no contract.
pub const QUARANTINE: &str = "quarantine";

/// Where the lake is, for the statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeLocation {
    database: String,
    root: String,
    years: RangeInclusive<u16>,
    epoch: u32,
}

/// What cannot be the location of a lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The database has another name.
    #[error("a database is named by 1 to 128 characters of [a-z0-9_]")]
    Database,
    /// The root has another form.
    #[error("the lake's root is written s3://bucket or s3://bucket/prefix, with characters of [a-zA-Z0-9_.=/-]")]
    Root,
    /// The years are none.
    #[error("the years go from an earlier one to a later one, within 1 to 9999")]
    Years,
}

impl LakeLocation {
    /// The lake of a Glue database below `s3://bucket/prefix`, with events of these years. Athena looks for each
    /// day of them, so there should be no more than needed.
    ///
    /// # Errors
    /// Where one of them has another form.
    pub fn new(database: &str, root: &str, years: RangeInclusive<u16>) -> Result<Self, LocationError> {
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if database.is_empty() || database.len() > 128 || !database.chars().all(named) {
            return Err(LocationError::Database);
        }
        let root = root.trim_end_matches('/');
        let path = root.strip_prefix("s3://").ok_or(LocationError::Root)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.=/-".contains(c);
        if path.is_empty() || path.starts_with('/') || path.contains("//") || !path.chars().all(allowed) {
            return Err(LocationError::Root);
        }
        if years.is_empty() || *years.start() == 0 || *years.end() > 9999 {
            return Err(LocationError::Years);
        }
        Ok(Self { database: database.to_owned(), root: root.to_owned(), years, epoch: 0 })
    }

    /// The same lake, with the events and roll-ups of this epoch.
    #[must_use]
    pub fn at_epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }
}

/// The statements for a table, in the order in which they are to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddl {
    /// The table of events.
    pub table: String,
    /// The table of deliveries.
    pub raw: String,
    /// The view for people.
    pub view: String,
    /// The table of each roll-up's parts, and the view that adds them up.
    pub rollups: Vec<(String, String)>,
}

impl fmt::Display for Ddl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};\n\n{};\n\n{};\n", self.table, self.raw, self.view)?;
        self.rollups.iter().try_for_each(|(parts, view)| write!(f, "\n{parts};\n\n{view};\n"))
    }
}

impl Contract {
    /// The statements that make the table known to Athena.
    #[must_use]
    pub fn ddl(&self, lake: &LakeLocation) -> Ddl {
        let mut ddl = Ddl { table: String::new(), raw: String::new(), view: String::new(), rollups: Vec::new() };
        // Writing to a string does not fail.
        let _ = table(&mut ddl.table, self, lake);
        let _ = raw(&mut ddl.raw, self, lake);
        let _ = view(&mut ddl.view, self, lake);
        for rollup in &self.rollups {
            let (mut parts, mut sums) = (String::new(), String::new());
            let _ = rollup_parts(&mut parts, self, rollup, lake);
            let _ = rollup_view(&mut sums, self, rollup, lake);
            ddl.rollups.push((parts, sums));
        }
        ddl
    }
}

impl LakeLocation {
    /// The statement that makes the quarantine of all tables known to Athena.
    #[must_use]
    pub fn quarantine(&self) -> String {
        let mut out = String::new();
        let _ = quarantine(&mut out, self);
        out
    }
}

/// The type in Hive's words.
fn hive_type(kind: &ColumnType) -> String {
    match kind {
        ColumnType::String | ColumnType::Json => "string".to_owned(),
        ColumnType::Int32 => "int".to_owned(),
        ColumnType::Int64 => "bigint".to_owned(),
        ColumnType::Float64 => "double".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Timestamp => "timestamp".to_owned(),
        ColumnType::List(element) => format!("array<{}>", hive_type(element)),
        ColumnType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("`{}`:{}", field.name, hive_type(&field.kind))).collect();
            format!("struct<{}>", fields.join(","))
        }
    }
}

/// A Hive string of at most so many characters.
fn quoted(text: &str, chars_max: usize) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = flat.chars().take(chars_max).collect();
    if short.len() < flat.len() {
        short.pop();
        short.push('…');
    }
    format!("'{}'", short.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The longest comment of a column that Glue keeps.
const COMMENT_CHARS_MAX: usize = 255;
/// The longest description of a table that Glue keeps.
const TABLE_COMMENT_CHARS_MAX: usize = 2048;

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

fn line(name: &str, kind: &str, comment: &str) -> String {
    let comment =
        if comment.is_empty() { String::new() } else { format!(" COMMENT {}", quoted(comment, COMMENT_CHARS_MAX)) };
    format!("  `{name}` {kind}{comment}")
}

fn columns(it: &Contract) -> Vec<String> {
    let rest = (it.unknown_fields == UnknownFields::Keep).then_some(REST_COLUMN);
    let system = |name| line(name, &hive_type(&system_kind(name)), system_comment(name));
    let system = SYSTEM_COLUMNS.into_iter().chain(rest).map(system);
    let own = it.columns.iter().map(|column| line(column.name.as_str(), &hive_type(&column.kind), &column.description));
    system.chain(own).collect()
}

fn head(out: &mut String, lake: &LakeLocation, name: &str, columns: &[String], comment: &str) -> fmt::Result {
    writeln!(out, "CREATE EXTERNAL TABLE IF NOT EXISTS `{}`.`{name}` (", lake.database)?;
    write!(out, "{}", columns.join(",\n"))?;
    writeln!(out, "\n)\nCOMMENT {}", quoted(comment, TABLE_COMMENT_CHARS_MAX))
}

/// Where the manifests are.
fn manifests(out: &mut String, lake: &LakeLocation, folder: &str) -> fmt::Result {
    out.write_str("ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n")?;
    out.write_str("STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'\n")?;
    out.write_str("OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n")?;
    writeln!(out, "LOCATION '{}{folder}/'", lake.root)
}

/// The clause of the partition columns.
fn partitions(out: &mut String, by_type: bool) -> fmt::Result {
    let days = PARTITION_COLUMNS.map(|name| format!("`{name}` int"));
    let by_type = by_type.then(|| format!("`{TYPE_PARTITION}` string"));
    writeln!(out, "PARTITIONED BY ({})", days.into_iter().chain(by_type).collect::<Vec<_>>().join(", "))
}

/// The properties that partitions are projected from.
fn properties(
    out: &mut String,
    it: Option<&Contract>,
    lake: &LakeLocation,
    folder: &str,
    by_type: bool,
) -> fmt::Result {
    writeln!(out, "TBLPROPERTIES (")?;
    if let Some(it) = it {
        writeln!(out, "  'iguazu.contract_version' = '{}',", it.version)?;
    }
    writeln!(out, "  'projection.enabled' = 'true',")?;
    let years = format!("{:04},{:04}", lake.years.start(), lake.years.end());
    for (name, range, digits) in [
        (PARTITION_COLUMNS[0], years.as_str(), 4),
        (PARTITION_COLUMNS[1], "1,12", 2),
        (PARTITION_COLUMNS[2], "1,31", 2),
    ] {
        writeln!(out, "  'projection.{name}.type' = 'integer',\n  'projection.{name}.range' = '{range}',")?;
        writeln!(out, "  'projection.{name}.digits' = '{digits}',")?;
    }
    if by_type {
        match it.and_then(listed_types) {
            Some(types) => {
                writeln!(out, "  'projection.{TYPE_PARTITION}.type' = 'enum',")?;
                writeln!(out, "  'projection.{TYPE_PARTITION}.values' = '{types}',")?;
            }
            None => writeln!(out, "  'projection.{TYPE_PARTITION}.type' = 'injected',")?,
        }
    }
    let days = PARTITION_COLUMNS.map(|name| format!("/{name}=${{{name}}}")).concat();
    let by_type = if by_type { format!("/{TYPE_PARTITION}=${{{TYPE_PARTITION}}}") } else { String::new() };
    write!(out, "  'storage.location.template' = '{}{folder}{days}{by_type}/'\n)", lake.root)
}

/// The types of event with commas between them, where these are all and their names mean nothing to Glue or to S3.
fn listed_types(it: &Contract) -> Option<String> {
    const TYPES_MAX: usize = 100;
    let names: Option<Vec<&str>> = it.types.iter().map(|pattern| pattern.name()).collect();
    let names = names.filter(|names| !it.default && !names.is_empty() && names.len() <= TYPES_MAX)?;
    names.iter().all(|name| TypeKey::of(name).as_str() == *name).then(|| names.join(","))
}

fn table(out: &mut String, it: &Contract, lake: &LakeLocation) -> fmt::Result {
    head(out, lake, &it.table.to_string(), &columns(it), &it.description)?;
    partitions(out, it.partition_by_type)?;
    let folder = format!("/tables/{}/events/epoch={}", it.table, lake.epoch);
    manifests(out, lake, &folder)?;
    properties(out, Some(it), lake, &folder, it.partition_by_type)
}

fn raw(out: &mut String, it: &Contract, lake: &LakeLocation) -> fmt::Result {
    let comment = format!("Deliveries to {}: an event is here as often as it was delivered", it.table);
    head(out, lake, &format!("{}_raw", it.table), &columns(it), &comment)?;
    partitions(out, false)?;
    let folder = format!("/tables/{}/raw", it.table);
    manifests(out, lake, &folder)?;
    properties(out, Some(it), lake, &folder, false)
}

fn quarantine(out: &mut String, lake: &LakeLocation) -> fmt::Result {
    let columns = [
        ("reason", "string", "The code of why it is here"),
        ("detail", "string", "What is wrong, and how to mend it"),
        ("arrival_time", "timestamp", "When its record arrived, UTC"),
        ("stream", "string", "The stream that delivered it, and when that was created"),
        ("shard", "string", "The shard of the stream"),
        ("sequence", "string", "The sequence number of its record"),
        ("sub", "int", "Which event of its record, from 0"),
        ("contract_version", "int", "The version of the contract that judged it"),
        ("payload", "binary", "Its bytes as they were delivered"),
        ("contract", "string", "The table whose contract judged it"),
        ("path", "string", "Where in it the problem is"),
        ("found", "string", "What kind of value was found there"),
    ];
    let columns: Vec<_> = columns.iter().map(|(name, kind, comment)| line(name, kind, comment)).collect();
    head(out, lake, QUARANTINE, &columns, "What was delivered and is no valid event, by the day of its arrival")?;
    partitions(out, false)?;
    manifests(out, lake, "/deliveries/quarantine")?;
    properties(out, None, lake, "/deliveries/quarantine", false)
}

fn rollup_parts(out: &mut String, it: &Contract, rollup: &Rollup, lake: &LakeLocation) -> fmt::Result {
    let [window_start, count, overflowed] = ROLLUP_COLUMNS;
    let kind = |name: &super::Name| it.kind_of(name).map_or_else(String::new, |kind| hive_type(&kind));
    let mut columns = vec![line(window_start, "timestamp", "When the window begins, UTC")];
    columns.extend(rollup.by.iter().map(|name| line(name.as_str(), &kind(name), "")));
    columns.push(line(count, "bigint", "How many events"));
    columns.extend(rollup.measures.iter().map(|measure| {
        let kind = it.kind_of(&measure.column).map(|kind| hive_type(&measure.column_type(&kind)));
        line(measure.name.as_str(), &kind.unwrap_or_default(), "")
    }));
    columns.push(line(overflowed, "string", "Sums that have more than 38 digits and are null"));
    let name = format!("{}_{}_parts", it.table, rollup.name);
    head(out, lake, &name, &columns, &format!("Parts of {}_{}, one for each file of events", it.table, rollup.name))?;
    partitions(out, it.partition_by_type)?;
    let folder = format!("/tables/{}/rollups/{}/epoch={}", it.table, rollup.name, lake.epoch);
    manifests(out, lake, &folder)?;
    properties(out, Some(it), lake, &folder, it.partition_by_type)
}

/// The sums of all parts. A sum of which a part is too large for its column is null as a whole, rather than wrong.
fn rollup_view(out: &mut String, it: &Contract, rollup: &Rollup, lake: &LakeLocation) -> fmt::Result {
    let [window_start, count, overflowed] = ROLLUP_COLUMNS;
    let groups: Vec<_> = std::iter::once(window_start)
        .chain(rollup.by.iter().map(super::Name::as_str))
        .map(|name| format!("\"{name}\""))
        .collect();
    let mut names: Vec<_> = groups.iter().map(|name| format!("  {name}")).collect();
    names.push(format!("  sum(\"{count}\") AS \"{count}\""));
    for measure in &rollup.measures {
        let name = &measure.name;
        names.push(match measure.kind {
            MeasureKind::Sum => format!(
                "  CASE WHEN count_if(contains(split(\"{overflowed}\", ','), '{name}')) = 0 THEN sum(\"{name}\") END AS \"{name}\""
            ),
            MeasureKind::Min => format!("  min(\"{name}\") AS \"{name}\""),
            MeasureKind::Max => format!("  max(\"{name}\") AS \"{name}\""),
        });
    }
    writeln!(out, "CREATE OR REPLACE VIEW \"{}\".\"{}_{}\" AS", lake.database, it.table, rollup.name)?;
    write!(
        out,
        "SELECT\n{}\nFROM \"{}\".\"{}_{}_parts\"\nGROUP BY {}",
        names.join(",\n"),
        lake.database,
        it.table,
        rollup.name,
        groups.join(", ")
    )
}

/// In a view, names are quoted as SQL has it.
fn view(out: &mut String, it: &Contract, lake: &LakeLocation) -> fmt::Result {
    let by_type = it.partition_by_type.then_some(TYPE_PARTITION);
    let rest = (it.unknown_fields == UnknownFields::Keep).then_some(REST_COLUMN);
    let names = ["event_time", "event_type"]
        .into_iter()
        .chain(it.columns.iter().map(column_name))
        .chain(rest)
        .chain(["event_id", "arrival_time", "stream", "shard", "sequence", "sub", "contract_version"])
        .chain(PARTITION_COLUMNS)
        .chain(by_type);
    let names: Vec<_> = names.map(|name| format!("  \"{name}\"")).collect();
    writeln!(out, "CREATE OR REPLACE VIEW \"{}\".\"{}_view\" AS", lake.database, it.table)?;
    write!(out, "SELECT\n{}\nFROM \"{}\".\"{}\"", names.join(",\n"), lake.database, it.table)
}

fn column_name(column: &Column) -> &str {
    column.name.as_str()
}
