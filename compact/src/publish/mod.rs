//! Publication: what readers see of a version. All of it is a function of the version, so anyone may repeat it at any
//! time, and nothing of it ever goes back.

use std::collections::BTreeMap;

use iguazu_lake::ids::{ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::version::TablePartition;

use crate::state::LiveFile;

/// A version of a bucket with all of its live files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionView {
    /// The bucket's chain.
    pub chain: ChainId,
    /// The table.
    pub table: TableName,
    /// The version.
    pub n: RowNumber,
    /// When it was committed.
    pub at: Timestamp,
    /// The live files of each partition that was ever written, and the version that changed it last. A file of an
    /// emptied partition has no rows.
    pub partitions: BTreeMap<TablePartition, (RowNumber, Vec<LiveFile>)>,
}
