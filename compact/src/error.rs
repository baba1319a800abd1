//! Why a run of compaction did not end well. None of it is a matter of the data, and the next run goes on from the last
//! version.

use iguazu_lake::commit::ShrinkError;
use iguazu_lake::commit::codec::CodecError as RowError;
use iguazu_lake::ids::{TableName, Timestamp};
use iguazu_lake::invariants::Violation;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::PortError;

use crate::state::codec::CodecError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// A port failed for longer than the retries last.
    #[error("{doing} did not succeed")]
    Port {
        /// What was being done.
        doing: &'static str,
        /// The last fault.
        source: PortError,
    },
    /// A row of a shard's chain is not understood.
    #[error("a row of a shard's chain is not understood")]
    Row(#[from] RowError),
    /// A text of a version is not understood.
    #[error("a version is not understood")]
    State(#[from] CodecError),
    /// An object that a committed row names is gone.
    #[error(
        "the committed object {key} is gone (I5); restore it from a backup or from an earlier version of the bucket"
    )]
    Gone {
        /// Its key.
        key: ObjectKey,
    },
    /// An object does not have the checksum that was recorded for it.
    #[error("the committed object {key} does not have its recorded checksum (I5); restore it from a backup")]
    Damaged {
        /// Its key.
        key: ObjectKey,
    },
    /// A file could not be read.
    #[error("a Parquet file could not be read or written")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Columns could not be laid out.
    #[error("columns could not be read or laid out")]
    Columns(#[from] arrow::error::ArrowError),
    /// A file is Parquet, but does not fit the table.
    #[error("a file does not fit the table: {problem}")]
    Foreign {
        /// What is wrong with it.
        problem: String,
    },
    /// Rows are not shrunk.
    #[error("consumed rows could not be shrunk")]
    Shrink(#[from] ShrinkError),
    /// An invariant does not hold.
    #[error(transparent)]
    Violated(#[from] Violation),
    /// The number of buckets is none.
    #[error("{buckets} buckets: expected a power of two from 1 to 256")]
    Buckets {
        /// What was asked for.
        buckets: u32,
    },
    /// No contract is of that table.
    #[error("there is no table {table}: expected one that a contract names")]
    NoSuchTable {
        /// What was asked for.
        table: TableName,
    },
    /// The table has no epoch of that number, or no such bucket in it.
    #[error("bucket {bucket} of a table that has {buckets} of them")]
    NoSuchBucket {
        /// What was asked for.
        bucket: u32,
        /// How many there are.
        buckets: u32,
    },
    /// Attempts that should be fresh were taken.
    #[error("an attempt id that was just drawn is taken: the source of randomness repeats itself")]
    NotFresh,
    /// Other publishers were first again and again.
    #[error("{key} was replaced by other publishers whenever it was to be; the next run publishes what is missing")]
    Contended {
        /// The object.
        key: ObjectKey,
    },
    /// Another publisher, such as that of the Delta log, could not go on.
    #[error("a version could not be published further; the next run tries again")]
    Further {
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The time is up.
    #[error("stopped at {now}, before the deadline {deadline}; the next run goes on from the last version")]
    Deadline {
        /// When it stopped.
        now: Timestamp,
        /// The deadline.
        deadline: Timestamp,
    },
}

impl CompactError {
    /// Wraps a port's error.
    pub fn port(doing: &'static str) -> impl Fn(PortError) -> Self {
        move |source| Self::Port { doing, source }
    }
}
