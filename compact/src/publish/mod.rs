//! Publication: what readers see of a version. All of it is a function of the version, so anyone may repeat it at any
//! time, and nothing of it ever goes back.

mod deliveries;
mod manifest;
mod snapshot;
mod through;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use iguazu_lake::ids::{ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::version::TablePartition;

use iguazu_transform::contract::Contract;

use crate::error::CompactError;
use crate::state::LiveFile;

pub use deliveries::Delivered;
pub use manifest::{Manifest, Manifests};
pub use snapshot::{Bucket, EpochVersions, Snapshot};
pub use through::{Record, Through};

/// How often a conditional replacement that another publisher was first with is begun again.
const TRIES_MAX: u32 = 64;

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

/// Another way to publish, beside manifests and snapshots, such as a Delta log.
pub trait Publisher: Send + Sync {
    /// Whether it does anything; where not, what it would need is not read.
    const PUBLISHES: bool;

    /// Makes `views` visible, of one bucket or of several. `replaces` are the buckets of all earlier epochs: their files
    /// give way to those of the views at once, which are then of all buckets. Repeating it, and calling it late, changes
    /// nothing.
    fn publish(
        &self,
        contract: &Arc<Contract>,
        views: &[VersionView],
        replaces: &[ChainId],
        deadline: Timestamp,
    ) -> impl Future<Output = Result<(), CompactError>> + Send;
}

/// No other way.
impl Publisher for () {
    const PUBLISHES: bool = false;

    async fn publish(
        &self,
        _: &Arc<Contract>,
        _: &[VersionView],
        _: &[ChainId],
        _: Timestamp,
    ) -> Result<(), CompactError> {
        Ok(())
    }
}
