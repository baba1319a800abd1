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

use crate::epoch::Epoch;
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

    /// Makes the newest of what is known and `views` visible. In the first epoch there is one view, of one bucket; in
    /// a later one there is a view of each bucket, and the files of all earlier epochs give way to them at once. Repeating
    /// it, and calling it late, changes nothing.
    fn publish(
        &self,
        contract: &Arc<Contract>,
        epoch: Epoch,
        views: &[VersionView],
    ) -> impl Future<Output = Result<(), CompactError>> + Send;
}

/// No other way.
impl Publisher for () {
    const PUBLISHES: bool = false;

    async fn publish(&self, _: &Arc<Contract>, _: Epoch, _: &[VersionView]) -> Result<(), CompactError> {
        Ok(())
    }
}
