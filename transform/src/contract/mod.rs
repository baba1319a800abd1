//! A contract: the one description of a table, as `contracts/<table>.toml` has it.
//!
//! This module is the model: what a contract says once it is known to be sound. The reader makes one from text and
//! refuses what is not; everything else only asks it. From it come the decoder, the Arrow schema and the Parquet
//! files, the Athena tables, the producer's JSON Schema, the data dictionary and the check that a new version may
//! follow an old one.
//!
//! Rules:
//! - Types come from the contract, never from the data.
//! - The order of columns is the order in the file: the system columns, what no column holds, then the contract's
//!   columns in theirs. A new column is put last.
//! - Names of columns are lower snake case, `[a-z][a-z0-9_]{0,63}`, so that every engine reads them alike.
//! - A contract names secrets and never holds one.
//! - A number of a contract (a default, a filter's value) is kept as its text, so that it passes through no float.

use std::fmt;
use std::time::Duration;

use iguazu_lake::ids::TableName;
use uuid::Uuid;

pub mod arrow;
pub mod compare;
pub mod ddl;
mod dictionary;
pub mod infer;
mod json_schema;
mod pattern;
mod pointer;
pub mod problem;
mod quantity;
pub mod read;
pub mod relations;
pub mod types;
mod words;
mod write;

pub use compare::{Comparison, compare};
pub use infer::{InferError, infer};
pub use pattern::TypePattern;
pub use pointer::{Pointer, PointerError};
pub use problem::{ContractErrors, Problem};

/// The columns that every table has, in their order. They are ours, so no contract may name one of its own so.
pub const SYSTEM_COLUMNS: [&str; 9] =
    ["event_id", "event_type", "event_time", "arrival_time", "stream", "shard", "sequence", "sub", "contract_version"];

/// The column of what no column holds. It stands behind the system columns, where it is kept.
pub const REST_COLUMN: &str = "data";

/// The names under which a table is partitioned, which no column may have either.
pub const PARTITION_COLUMNS: [&str; 3] = ["year", "month", "day"];

/// The name under which a table is also partitioned by the type of event. Not `event_type`, which is a column.
pub const TYPE_PARTITION: &str = "type_key";

/// The columns that every roll-up has beside its groups and measures. The last is about sums that have too many digits
/// to be shown.
pub const ROLLUP_COLUMNS: [&str; 3] = ["window_start", "count", "overflowed"];

/// A table's contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The table.
    pub table: TableName,
    /// Counts up with every change; rows say which version judged them. 0 is the built-in contract's alone.
    pub version: u32,
    /// What the table is, for people.
    pub description: String,
    /// The types of event that the table takes.
    pub types: Vec<TypePattern>,
    /// Whether it also takes what no other table takes.
    pub default: bool,
    /// Where id, type and time stand.
    pub envelope: Envelope,
    /// What becomes of what no column holds.
    pub unknown_fields: UnknownFields,
    /// What becomes of an object that names a member twice.
    pub duplicate_keys: DuplicateKeys,
    /// What an event may be like.
    pub limits: EventLimits,
    /// Whether the table is partitioned by the type of event as well as by the day.
    pub partition_by_type: bool,
    /// Which copy of an event is kept.
    pub keep: Keep,
    /// The columns behind the system columns.
    pub columns: Vec<Column>,
    /// Which events the table does not take after all. All of them must let an event pass.
    pub filters: Vec<Filter>,
    /// What is summed up.
    pub rollups: Vec<Rollup>,
}

/// Where an event says what every event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The parts of the id, at least one. Several are an id together, which is then always hashed.
    pub id: Vec<Pointer>,
    /// What becomes of an id that is no UUID, or of one in parts: hashed to one under this namespace by UUIDv5, or
    /// refused.
    pub id_namespace: Option<Uuid>,
    /// The type.
    pub kind: Pointer,
    /// When it happened.
    pub time: Pointer,
    /// How that is written.
    pub time_format: TimeFormat,
}

/// How a point in time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2026-11-21T12:30:00.5Z`
    Rfc3339,
    /// Seconds since 1970, a number; a fraction of up to six digits may follow.
    EpochSeconds,
    /// Milliseconds since 1970, a number; a fraction of up to three digits may follow.
    EpochMillis,
    /// Microseconds since 1970, a whole number.
    EpochMicros,
    /// As `strftime` writes it, in the syntax of chrono; UTC where it names no offset.
    Pattern(String),
}

/// What becomes of members that no column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are kept as JSON text in [`REST_COLUMN`], byte for byte. A value that its column holds only in part, such
    /// as a struct with a member more, is kept there as a whole.
    Keep,
    /// They are dropped.
    Ignore,
    /// The event is quarantined.
    Quarantine,
}

/// What becomes of an object that names a member twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// The event is quarantined, wherever the object stands.
    Reject,
    /// The last one counts.
    Last,
}

/// What an event of a table may be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Levels of arrays and objects; the event's own braces are the first.
    pub depth_max: usize,
    /// Bytes of the event's document.
    pub event_bytes_max: usize,
    /// Bytes of a text that goes into a column of type string, in UTF-8, after its steps.
    pub string_bytes_max: usize,
    /// Bytes of the event's type, in UTF-8.
    pub type_bytes_max: usize,
    /// How long before the arrival of its record an event may have happened.
    pub time_past_max: Duration,
    /// How long after the arrival of its record an event may claim to happen: clocks disagree.
    pub time_future_max: Duration,
    /// Dates of a batch that get a file of their own; the surplus shares one.
    pub dates_per_batch_max: usize,
}

/// Which copy of an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The one with the greatest event time; of those, the one with the greatest hash of its content.
    Latest,
    /// The one that arrived first; of those, the one with the least hash of its content.
    First,
}

/// The name of a column, a struct's field, a roll-up or a measure: `[a-z][a-z0-9_]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The name of a secret: `[a-z][a-z0-9_]{0,63}`. Its value is handed in beside the contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

/// A name of another form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected lower snake case: a letter a-z, then up to 63 of a-z, 0-9 and _")]
pub struct NameError;

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 64
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

macro_rules! name {
    ($type:ident) => {
        impl $type {
            /// The name's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(NameError) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Name);
name!(SecretName);

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Name,
    /// Where its values come from.
    pub source: Source,
    /// Their type.
    pub kind: ColumnType,
    /// Whether an event without a value is quarantined. A column that is not required holds nulls.
    pub required: bool,
    /// The value of an event that has none. It goes through no step.
    pub default: Option<Literal>,
    /// What is done to a value on its way, in this order.
    pub steps: Vec<Step>,
    /// What it is, for people.
    pub description: String,
}

/// Where a column's values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first of these places that holds something else than null.
    Paths(Vec<Pointer>),
    /// Every event has the same value.
    Constant(Literal),
}

/// A value of a contract, as JSON text: `"eu"`, `12.30`, `true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(pub String);

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A double. The one type that rounds what it is given, as its name says.
    Float64,
    /// An exact decimal number: up to 38 digits, some of them behind the point.
    Decimal {
        /// Its digits, 1 to 38.
        precision: u8,
        /// Those behind the point, up to all.
        scale: u8,
    },
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A microsecond, in UTC.
    Timestamp,
    /// Any JSON, as text, byte for byte.
    Json,
    /// Values of one type.
    List(Box<ColumnType>),
    /// Named values.
    Struct(Vec<StructField>),
}

/// A field of a struct. It may always be missing or null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructField {
    /// Its name in the table.
    pub name: Name,
    /// The member's name in the event.
    pub member: String,
    /// Its type.
    pub kind: ColumnType,
}

/// What is done to a value. But for [`Step::Cast`], [`Step::ParseTime`] and [`Step::DatePart`], a step makes a text of
/// a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// White space at both ends is cut off.
    Trim,
    /// Letters become lower case.
    Lower,
    /// Letters become upper case.
    Upper,
    /// Characters beyond this many are cut off.
    Truncate {
        /// How many stay.
        chars: u32,
    },
    /// A value of another JSON type is taken where it says the same: `"12"` as 12, 12 as `"12"`, `"true"` as true. A
    /// number becomes the text that it was written as.
    Cast,
    /// A text or a number is read as a point in time, for a column of type timestamp or date, or for a
    /// [`Step::DatePart`].
    ParseTime(TimeFormat),
    /// A part of a point in time in UTC, for a column of type int32 or int64. Without a [`Step::ParseTime`] before it,
    /// the value is read as RFC 3339.
    DatePart(DatePart),
    /// The host of a URL, in lower case.
    UrlHost,
    /// HMAC-SHA-256 of the text under a secret, as 64 lower-case hexadecimal digits.
    HmacSha256 {
        /// Which secret.
        secret: SecretName,
    },
    /// `[redacted]` in place of any value.
    Redact,
}

/// A part of a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatePart {
    /// 2026
    Year,
    /// 1 to 4
    Quarter,
    /// 1 to 12
    Month,
    /// The day of the month, 1 to 31.
    Day,
    /// 0 to 23
    Hour,
    /// 0 to 59
    Minute,
    /// 1 is Monday, 7 is Sunday.
    Weekday,
}

/// Which events a table does not take. They are quarantined under a code of their own, so that none is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Where to look.
    pub path: Pointer,
    /// What to look for.
    pub test: Test,
    /// Whether an event that passes the test is taken, or one that does not.
    pub keep: bool,
}

/// What a filter looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Something else than null stands there.
    Present,
    /// One of these values stands there: texts as they read, numbers by their value.
    In(Vec<Literal>),
}

/// What is summed up in a table of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// The table's name behind that of its events: `<table>_<name>`.
    pub name: Name,
    /// The width of its time windows, over event time in UTC.
    pub window: Window,
    /// The columns that a group is a combination of values of; the system columns `event_type`, `stream` and `shard`
    /// too.
    pub by: Vec<Name>,
    /// What is summed up, beside the count of events that every roll-up has.
    pub measures: Vec<Measure>,
    /// What it is, for people.
    pub description: String,
}

/// The width of a time window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// A column of a roll-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name in the roll-up.
    pub name: Name,
    /// The column that it is made of.
    pub column: Name,
    /// How.
    pub kind: MeasureKind,
}

/// How a measure is made of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    /// The exact sum of whole or decimal numbers.
    Sum,
    /// The least value of an ordered type.
    Min,
    /// The greatest value of an ordered type.
    Max,
}

impl Default for EventLimits {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            depth_max: 64,
            event_bytes_max: 1 << 20,
            string_bytes_max: 64 << 10,
            type_bytes_max: 256,
            time_past_max: DAY.saturating_mul(3660),
            time_future_max: DAY,
            dates_per_batch_max: 8,
        }
    }
}

impl Contract {
    /// The built-in contract: any JSON object with an `id`, a `type` and a `time`; the rest is kept as JSON text.
    #[must_use]
    pub fn built_in(table: TableName) -> Self {
        let at = |name: &str| Pointer::of([name]);
        Self {
            table,
            version: 0,
            description: "Any JSON object with an id, a type and a time; the rest is kept as JSON text.".to_owned(),
            types: vec![TypePattern::any()],
            default: true,
            envelope: Envelope {
                id: vec![at("id")],
                id_namespace: None,
                kind: at("type"),
                time: at("time"),
                time_format: TimeFormat::Rfc3339,
            },
            unknown_fields: UnknownFields::Keep,
            duplicate_keys: DuplicateKeys::Reject,
            limits: EventLimits { event_bytes_max: usize::MAX, ..EventLimits::default() },
            partition_by_type: false,
            keep: Keep::Latest,
            columns: Vec::new(),
            filters: Vec::new(),
            rollups: Vec::new(),
        }
    }

    /// The secrets that it names, each once, in order.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretName> {
        let steps = self.columns.iter().flat_map(|column| &column.steps);
        let mut names: Vec<_> = steps
            .filter_map(|step| match step {
                Step::HmacSha256 { secret } => Some(secret),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
