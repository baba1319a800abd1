//! The publisher that compaction calls after each version.

use std::sync::Arc;

use iguazu_compact::CompactError;
use iguazu_compact::publish::{Publisher, VersionView};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::ports::Objects;
use iguazu_transform::contract::Contract;

use crate::publish::{Publication, publish};

/// Publishes every version to the Delta logs of its table.
#[derive(Clone, Debug)]
pub struct DeltaPublisher<O, H> {
    objects: Arc<O>,
    host: H,
}

impl<O: Objects + 'static, H: Host> DeltaPublisher<O, H> {
    /// A publisher to logs in this store.
    pub fn new(objects: Arc<O>, host: H) -> Self {
        Self { objects, host }
    }
}

impl<O: Objects + 'static, H: Host> Publisher for DeltaPublisher<O, H> {
    const PUBLISHES: bool = true;

    async fn publish(
        &self,
        contract: &Arc<Contract>,
        views: &[VersionView],
        replaces: &[ChainId],
        deadline: Timestamp,
    ) -> Result<(), CompactError> {
        let publication = Publication { views, replaces };
        match publish(&self.objects, &self.host, deadline, contract, publication).await {
            Ok(published) => {
                tracing::info!(table = %contract.table, published = ?published.events, "published to the Delta log");
                Ok(())
            }
            Err(error) => Err(CompactError::Further { source: error.into() }),
        }
    }
}
