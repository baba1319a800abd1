//! A lake in a folder: objects under their keys, and a ledger beside them.

use std::future::Future;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use iguazu_compact::publish::Manifest;
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, FileEntry, Row, codec};
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, SequenceSet, TableName};
use iguazu_lake::keys::{DataFile, KeyPrefix};
use iguazu_lake::ports::{Ledger as _, Objects as _};
use iguazu_transform::Output;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// How manifests begin the names of files.
pub const ROOT: &str = "s3://lake";
const LEDGER: &str = "ledger.sqlite";

/// A lake.
pub struct Lake {
    folder: PathBuf,
    /// What S3 would hold.
    pub objects: DiskObjects,
    /// What DynamoDB would hold.
    pub ledger: SqliteLedger,
}

/// The files that a reader of manifests reads.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Live {
    /// Of the table.
    pub events: Vec<PathBuf>,
    /// Of the sums by the hour.
    pub hourly: Vec<PathBuf>,
}

impl Live {
    /// Bytes of the table's data files.
    ///
    /// # Errors
    /// Where one is not there.
    pub fn bytes(&self) -> Result<u64, Failure> {
        self.events.iter().map(|path| Ok(std::fs::metadata(path)?.len())).sum()
    }
}

/// Runs to the end what waits for the disk and the clock.
///
/// # Errors
/// Where there is no runtime, and what it fails with.
pub fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work)
}

impl Lake {
    /// Opens the lake of a folder, which is made if need be.
    ///
    /// # Errors
    /// Where that fails.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let objects = DiskObjects::open(folder.join("lake"))?;
        let ledger = SqliteLedger::open(folder.join(LEDGER))?;
        Ok(Self { folder, objects, ledger })
    }

    /// Makes a lake that has what another has. Objects never change, so theirs are given a second name.
    ///
    /// # Errors
    /// Where that fails, or something is there already.
    pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
        linked(&from.join("lake"), &to.join("lake"))?;
        std::fs::copy(from.join(LEDGER), to.join(LEDGER))?;
        Ok(())
    }

    /// Commits what a batch came to, as ingest does; returns the bytes of the row.
    ///
    /// # Errors
    /// Where that fails.
    pub async fn commit(&self, chain: &ChainId, output: Output, set: &SequenceSet) -> Result<usize, Failure> {
        let n = self.ledger.newest(chain).await?.map_or(RowNumber::FIRST, |row| row.n.next());
        // A function of what is committed, like everything else in the lake.
        let attempt = AttemptId::from_u128(u128::from(n.get()) + 1);
        let mut files = Vec::new();
        for file in output.files {
            files.push(FileEntry {
                area: file.area.clone(),
                partition: file.partition,
                rows: file.rows,
                bytes: file.bytes.len() as u64,
                event_time: file.event_time,
                sha256: Sha256Sum::of(&file.bytes),
            });
            let place = DataFile { area: file.area, partition: file.partition, chain: chain.clone(), n, attempt };
            self.objects.put(&place.key(), file.bytes).await?;
        }
        let numbers: &[SequenceNumber] = set.as_slice();
        let (first, last) = numbers.first().zip(numbers.last()).ok_or("a batch without records")?;
        let range = SequenceRange::new(*first, *last).ok_or("no range")?;
        let digest = SequenceSet::digest_of(numbers);
        let commit =
            Commit { range, to: range.last(), late: false, earlier: None, files, counts: output.counts, digest };
        let row = codec::encode(&Row { n, attempt, body: Body::Commit(commit) })?;
        let bytes = row.body.len();
        self.ledger.register(chain).await?;
        self.ledger.put_if_absent(chain, &row).await?;
        Ok(bytes)
    }

    /// The files that the manifests of a table name, in the order of their keys.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn live(&self, table: &TableName) -> Result<Live, Failure> {
        let mut live = Live::default();
        for key in self.objects.list(&KeyPrefix::published(table), None, usize::MAX).await? {
            let text = key.as_str();
            let files = match text.strip_prefix(&format!("tables/{table}/")).and_then(|rest| rest.split_once('/')) {
                Some(("events", _)) => &mut live.events,
                Some(("rollups", _)) => &mut live.hourly,
                _ => continue,
            };
            let bytes: Bytes = self.objects.get(&key).await?.ok_or("a manifest is gone")?.bytes;
            let manifest = Manifest::parse(ROOT, &bytes).ok_or("a manifest names what is not in the lake")?;
            files.extend(manifest.files.iter().map(|file| self.folder.join("lake").join(file.as_str())));
        }
        Ok(live)
    }
}

fn linked(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // What begins with a dot is the adapter's.
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let (path, to) = (entry.path(), to.join(name));
        if entry.file_type()?.is_dir() {
            linked(&path, &to)?;
        } else {
            std::fs::hard_link(path, to)?;
        }
    }
    Ok(())
}
