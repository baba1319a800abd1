//! The table that every side writes, and the two ways of cutting it into files.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// How the rows of an invocation are cut into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// One file: the sides do the same.
    Same,
    /// What each side would do in earnest: ours a file per date, the others a file per event type and date.
    Own,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Same, Self::Own];

    /// Its name, on command lines and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Own => "own",
        }
    }
}

/// The version of the contract, as the rows have it.
pub const CONTRACT_VERSION: i32 = 1;

/// The columns. `events.toml` is the same as a contract, and `baseline.py` as a schema of pyarrow.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let required = [
        ("event_id", DataType::Utf8),
        ("event_type", DataType::Utf8),
        ("event_time", time()),
        ("arrival_time", time()),
        ("stream", DataType::Utf8),
        ("shard", DataType::Utf8),
        ("sequence", DataType::Utf8),
        ("sub", DataType::Int32),
        ("contract_version", DataType::Int32),
    ];
    let optional = [
        ("source", DataType::Utf8),
        ("user_id", DataType::Utf8),
        ("user_country", DataType::Utf8),
        ("user_tier", DataType::Utf8),
        ("ip", DataType::Utf8),
        ("session_id", DataType::Utf8),
        ("device_os", DataType::Utf8),
        ("device_model", DataType::Utf8),
        ("locale", DataType::Utf8),
        ("url", DataType::Utf8),
        ("amount", DataType::Decimal128(18, 2)),
        ("currency", DataType::Utf8),
        ("quantity", DataType::Int64),
        ("properties", DataType::Utf8),
    ];
    let required = required.map(|(name, kind)| Field::new(name, kind, false));
    let optional = optional.map(|(name, kind)| Field::new(name, kind, true));
    Arc::new(Schema::new(required.into_iter().chain(optional).collect::<Vec<_>>()))
});
