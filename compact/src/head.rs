//! The newest version of a bucket, read whole: its row, its state and the files of its partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{TablePartition, VersionPart};
use iguazu_lake::ports::{Ledger, Objects};

use crate::error::CompactError;
use crate::io::{CONCURRENT, Io};
use crate::publish::VersionView;
use crate::state::codec::{self, PartitionFiles, VersionBody, VersionRow};
use crate::state::{LiveFile, State, Written};

/// A version of a bucket.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its number.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// When it was committed.
    pub at: Timestamp,
    /// What it is.
    pub state: State,
    /// The live files of each partition.
    pub files: BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
}

impl Version {
    /// The version as publishers see it.
    #[must_use]
    pub fn view(&self, chain: &ChainId, table: &TableName) -> VersionView {
        let files = |partition: &TablePartition| self.files.get(partition).map(|files| files.to_vec());
        let partitions = self
            .state
            .partitions
            .iter()
            .map(|(partition, entry)| (partition.clone(), (entry.changed, files(partition).unwrap_or_default())))
            .collect();
        VersionView { chain: chain.clone(), table: table.clone(), n: self.n, at: self.at, partitions }
    }
}

/// The newest row of a bucket's chain, and the version that it stands for.
#[derive(Clone, Debug)]
pub enum Head {
    /// No row was ever written.
    None,
    /// A version.
    Open(Version),
    /// The epoch is over; the version that it ended with, if it had any.
    Closed {
        /// The closing row.
        n: RowNumber,
        /// The version before it.
        version: Option<Version>,
    },
}

/// Partition objects that were read already. They never change.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<BTreeMap<ObjectKey, Arc<Vec<LiveFile>>>>);

/// How many partition objects a container remembers.
const REMEMBERED_MAX: usize = 100_000;

impl Remembered {
    fn get(&self, key: &ObjectKey) -> Option<Arc<Vec<LiveFile>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn insert(&self, key: ObjectKey, files: Arc<Vec<LiveFile>>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            // Which are forgotten costs reads at most.
            remembered.clear();
        }
        remembered.insert(key, files);
    }
}

/// Reads the newest version of a bucket.
pub(crate) async fn head<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    remembered: &Remembered,
    chain: &ChainId,
    table: &TableName,
) -> Result<Head, CompactError> {
    io.report().ledger += 1;
    let newest = io
        .retry
        .run(io.host, io.deadline, |_| io.ledger.newest(chain))
        .await
        .map_err(CompactError::port("reading the newest version"))?;
    let Some(stored) = newest else { return Ok(Head::None) };
    let row = codec::row(&stored)?;
    match row.body {
        VersionBody::Version { .. } => Ok(Head::Open(version(io, remembered, chain, table, &row).await?)),
        VersionBody::Closed { of: None } => Ok(Head::Closed { n: row.n, version: None }),
        VersionBody::Closed { of: Some(of) } => {
            Ok(Head::Closed { n: row.n, version: Some(version_of(io, remembered, chain, table, of).await?) })
        }
    }
}

/// Reads a version of a bucket by its number.
pub(crate) async fn version_of<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    remembered: &Remembered,
    chain: &ChainId,
    table: &TableName,
    n: RowNumber,
) -> Result<Version, CompactError> {
    io.report().ledger += 1;
    let stored = io
        .retry
        .run(io.host, io.deadline, |_| io.ledger.get(chain, n))
        .await
        .map_err(CompactError::port("reading a version"))?;
    let row = stored.as_ref().map(codec::row).transpose()?;
    match row {
        Some(row @ VersionRow { body: VersionBody::Version { .. }, .. }) => {
            version(io, remembered, chain, table, &row).await
        }
        _ => Err(CompactError::Foreign { problem: format!("{chain} has no version {n}, which another row names") }),
    }
}

async fn version<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    remembered: &Remembered,
    chain: &ChainId,
    table: &TableName,
    row: &VersionRow,
) -> Result<Version, CompactError> {
    let VersionBody::Version { state: sum, at } = &row.body else {
        return Err(CompactError::Foreign { problem: format!("row {} of {chain} is no version", row.n) });
    };
    let written = Written { n: row.n, attempt: row.attempt, ordinal: 0 };
    let key = written.object(chain, table, VersionPart::State).key();
    let bytes = io.committed(&key, sum).await?;
    let state = codec::state(key.as_str(), &bytes, sum)?;
    let reads = state.partitions.iter().map(|(partition, entry)| async move {
        let key = entry.object.partition(chain, table);
        let files = match remembered.get(&key) {
            Some(files) => files,
            None => {
                let bytes = io.committed(&key, &entry.sha256).await?;
                let read: PartitionFiles = codec::read(key.as_str(), &bytes, &entry.sha256)?;
                let files = Arc::new(read.files);
                remembered.insert(key, files.clone());
                files
            }
        };
        Ok::<_, CompactError>((partition.clone(), files))
    });
    let files = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
    Ok(Version { n: row.n, attempt: row.attempt, at: *at, state, files })
}
