//! Why an audit could not be carried out. What it finds to be wrong with a lake is a [`Finding`](crate::Finding), and no
//! error.

use iguazu_lake::commit::codec::CodecError as RowError;
use iguazu_lake::ports::PortError;

use iguazu_compact::state::codec::CodecError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A port failed.
    #[error("{doing} did not succeed; nothing is known of the lake by that, try again")]
    Port {
        /// What was being done.
        doing: &'static str,
        /// The fault.
        source: PortError,
    },
    /// A row of a shard's chain is not understood.
    #[error("a row of {chain} is not understood; without it nothing can be said of the lake")]
    Row {
        /// The chain.
        chain: String,
        /// Why not.
        source: RowError,
    },
    /// The snapshot of a table, or a version that it names, is not understood.
    #[error("what is published of the table is not understood; deploy the newest program everywhere")]
    State(#[from] CodecError),
    /// Rows that were to be summed up do not fit the table.
    #[error("rows do not fit the table {table}: {problem}")]
    Foreign {
        /// The table.
        table: String,
        /// What does not fit.
        problem: String,
    },
}

impl AuditError {
    pub(crate) fn port(doing: &'static str) -> impl Fn(PortError) -> Self {
        move |source| Self::Port { doing, source }
    }
}
