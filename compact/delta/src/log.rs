//! The shell: reads a log by Delta's library, and commits to it by one put-if-absent.
//!
//! A log is read as a whole with every publication: the newest checkpoint, and the commits since.

use std::sync::Arc;
use std::time::Duration;

use deltalake_core::kernel::StructType;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::{DeltaTable, DeltaTableError};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::{Objects, PortError, PutIfAbsent};
use iguazu_lake::retry::RetryPolicy;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use crate::actions::{Birth, Commit};
use crate::decide::{Held, Holdings, Wanted};
use crate::error::DeltaError;
use crate::publish::Outcome;
use crate::schema::Table;
use crate::store::PortStore;

/// Commits between two checkpoints: what a reader reads at most besides the checkpoint.
pub(crate) const COMMITS_PER_CHECKPOINT: u64 = 20;
/// Every bucket of a table may want to commit at once, and each try has a winner.
const CONFLICTS: RetryPolicy =
    RetryPolicy { tries_max: 64, pause_first: Duration::from_millis(20), pause_max: Duration::from_secs(1) };

/// A log, and the object store that it is read through.
pub(crate) struct Log<O> {
    objects: Arc<O>,
    root: KeyPrefix,
    store: LogStoreRef,
}

/// A log as it was read.
pub(crate) struct Seen {
    table: DeltaTable,
    version: u64,
    holdings: Holdings,
    birth: Birth,
    columns: StructType,
    partitions: Vec<String>,
}

impl<O: Objects + 'static> Log<O> {
    pub(crate) fn new(objects: &Arc<O>, root: &KeyPrefix) -> Result<Self, DeltaError> {
        let at = Self::at(root);
        // Only the path of the address is ever used.
        let address = Url::parse(&format!("iguazu:///{root}"));
        let address = address.map_err(|error| at(DeltaTableError::generic(error.to_string())))?;
        let whole = PortStore::new(Arc::clone(objects));
        let below = PrefixStore::new(whole.clone(), Path::from(root.as_str()));
        let store = default_logstore(Arc::new(below), Arc::new(whole), &address, &StorageConfig::default());
        Ok(Self { objects: Arc::clone(objects), root: root.clone(), store })
    }

    fn at(root: &KeyPrefix) -> impl Fn(DeltaTableError) -> DeltaError {
        move |source| DeltaError::Log { root: root.clone(), source: Box::new(source) }
    }

    /// The log as it is, if there is one.
    pub(crate) async fn read(&self, chains: impl Iterator<Item = &ChainId>) -> Result<Option<Seen>, DeltaError> {
        let begun = self.objects.list(&self.root.delta_log(), None, 1).await;
        if begun.map_err(|source| DeltaError::Port { root: self.root.clone(), source })?.is_empty() {
            return Ok(None);
        }
        let mut table = DeltaTable::new(Arc::clone(&self.store));
        table.load().await.map_err(Self::at(&self.root))?;
        let state = table.snapshot().map_err(Self::at(&self.root))?;
        let mut holdings = Holdings::default();
        for file in state.log_data().iter() {
            let path = file.path().into_owned();
            let held = Held::parse(&self.root, &path, file.size());
            let foreign = || DeltaError::Foreign { root: self.root.clone(), path: path.clone() };
            let held = held.ok_or_else(foreign)?;
            holdings.files.insert(path, held);
        }
        for chain in chains {
            let through = state.transaction_version(&self.store, chain).await.map_err(Self::at(&self.root))?;
            holdings.through.extend(through.map(|through| (chain.clone(), through)));
        }
        let metadata = state.metadata();
        let birth = Birth { id: metadata.id().to_owned(), at_ms: metadata.created_time() };
        let columns = state.schema().as_ref().clone();
        let partitions = metadata.partition_columns().to_vec();
        Ok(Some(Seen { version: state.version(), holdings, birth, columns, partitions, table }))
    }

    /// Tells the log what is wanted, unless it knows already.
    pub(crate) async fn publish<H: Host>(
        &self,
        host: &H,
        deadline: Timestamp,
        table: &Table,
        wanted: &Wanted<'_>,
    ) -> Result<Outcome, DeltaError> {
        let (mut tries, mut faults) = (0, 0);
        loop {
            let fault = match self.try_once(host, table, wanted).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => None,
                // Whatever became of a put, the log says so when it is read again.
                Err(error @ (DeltaError::Port { .. } | DeltaError::Log { .. })) => Some(error),
                Err(error) => return Err(error),
            };
            tries += 1;
            faults += u32::from(fault.is_some());
            let policy = if fault.is_some() { RetryPolicy::default() } else { CONFLICTS };
            let pause = policy.pause(tries, host.random());
            let now = host.now();
            match fault {
                Some(error) if faults >= policy.tries_max || !may_pass(&error) => return Err(error),
                None if tries >= policy.tries_max => {
                    return Err(DeltaError::Contended { root: self.root.clone(), tries });
                }
                _ if now.plus(pause) >= deadline => return Err(DeltaError::Deadline { now, deadline }),
                _ => host.sleep(pause).await,
            }
        }
    }

    /// Nothing, if somebody else was faster.
    async fn try_once<H: Host>(
        &self,
        host: &H,
        table: &Table,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Outcome>, DeltaError> {
        let seen = self.read(wanted.chains()).await?;
        let empty = Holdings::default();
        let holdings = seen.as_ref().map_or(&empty, |seen| &seen.holdings);
        let grown = match &seen {
            Some(seen) => table.grown(&seen.columns, &seen.partitions)?,
            None => Some(table.columns.clone()),
        };
        let change = wanted.change(&self.root, table.rollup.as_ref(), holdings);
        let known = seen.as_ref().map(|seen| seen.version);
        let change = match (change, &grown, known) {
            (None, None, Some(version)) => {
                return Ok(Some(Outcome { version, committed: false, added: 0, removed: 0 }));
            }
            (change, _, _) => change.unwrap_or_default(),
        };

        let now = host.now();
        let mut commit = Commit::default();
        commit.info(now, known, &change.through);
        if seen.is_none() {
            commit.protocol();
        }
        if let Some(columns) = &grown {
            let birth = match &seen {
                Some(seen) => seen.birth.clone(),
                None => Birth::now(now, [host.random(), host.random()]),
            };
            let told = commit.table(table, &birth, columns);
            told.map_err(|error| Self::at(&self.root)(DeltaTableError::generic(error.to_string())))?;
        }
        commit.change(table, &change, now);

        let version = known.map_or(0, |known| known + 1);
        let put = self.objects.put_if_absent(&self.root.delta_commit(version), commit.into_bytes()).await;
        match put.map_err(|source| DeltaError::Port { root: self.root.clone(), source })? {
            PutIfAbsent::Exists => return Ok(None),
            PutIfAbsent::Created(_) => {}
        }
        if version > 0
            && version % COMMITS_PER_CHECKPOINT == 0
            && let Some(seen) = seen
        {
            self.checkpoint(seen.table).await;
        }
        let (added, removed) = (change.add.len(), change.remove.len());
        Ok(Some(Outcome { version, committed: true, added, removed }))
    }

    /// Readers begin at the newest checkpoint. A log without one is longer to read, and no other.
    async fn checkpoint(&self, mut table: DeltaTable) {
        let written = match table.update_state().await {
            Ok(()) => deltalake_core::checkpoints::create_checkpoint(&table, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(root = %self.root, error, "no checkpoint of the Delta log was written; the next one is");
        }
    }
}

/// Whether the same try has any hope later. What the library says of a fault does not tell.
fn may_pass(error: &DeltaError) -> bool {
    match error {
        DeltaError::Port { source: PortError::NotApplied(fault) | PortError::MaybeApplied(fault), .. } => {
            fault.retryable
        }
        _ => true,
    }
}
