//! Why a publication did not end well. What it says of the log stays true: a commit is whole or not there, and the
//! same publication may be asked for again at any time.

use arrow::error::ArrowError;
use deltalake_core::DeltaTableError;
use iguazu_lake::ids::{ChainId, TableName, Timestamp};
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::PortError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// The object store failed for longer than the retries last. The commit may have been made.
    #[error("the Delta log of {root} could not be written")]
    Port {
        /// The root of the log.
        root: KeyPrefix,
        /// The last fault.
        source: PortError,
    },
    /// The log could not be read, or not be understood.
    #[error("the Delta log of {root} could not be read")]
    Log {
        /// The root of the log.
        root: KeyPrefix,
        /// What the reader of the log says.
        source: Box<DeltaTableError>,
    },
    /// Others were faster in every try.
    #[error(
        "the Delta log of {root} grew under every one of {tries} tries to commit; the next publication tries again"
    )]
    Contended {
        /// The root of the log.
        root: KeyPrefix,
        /// How many there were.
        tries: u32,
    },
    /// The time is up.
    #[error("stopped at {now}, before the deadline {deadline}; the same publication may be asked for again")]
    Deadline {
        /// When it stopped.
        now: Timestamp,
        /// The deadline.
        deadline: Timestamp,
    },
    /// What is asked for is no publication of a table.
    #[error("{chain} cannot be published so: {problem}")]
    Misplaced {
        /// The chain.
        chain: ChainId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A version has files of a roll-up that the contract does not have.
    #[error(
        "a version of {table} has files of the roll-up {rollup}, which its contract does not have; publish it with the contract that it was written by, or a later one"
    )]
    UnknownRollup {
        /// The table.
        table: TableName,
        /// The roll-up.
        rollup: TableName,
    },
    /// Somebody else has written to the log.
    #[error(
        "the Delta log of {root} names the file {path}, which compaction has not written; rows may be in it that are in files of ours too. Restore the log's state from before, or delete its folder: it is made anew"
    )]
    Foreign {
        /// The root of the log.
        root: KeyPrefix,
        /// The file.
        path: String,
    },
    /// The table of the log is not the one of the contract.
    #[error("the Delta log of {root} has another table than the contract: {problem}")]
    Schema {
        /// The root of the log.
        root: KeyPrefix,
        /// What differs.
        problem: String,
    },
    /// A column has a type that Delta does not.
    #[error("the columns of {root} could not be told in Delta's types")]
    Columns {
        /// The root of the log.
        root: KeyPrefix,
        /// Why.
        source: ArrowError,
    },
}
