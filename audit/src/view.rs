//! A table at one snapshot, as its readers see it: the published snapshot names a version of each bucket, whose state names
//! the lists of the live files.
//!
//! A table that has no snapshot is empty: whether it should have one is in the ledger. What is named and not there, or damaged, is a finding; the rest of the table
//! is looked at all the same.

use iguazu_compact::publish::Snapshot;
use iguazu_compact::state::codec::{self, PartitionFiles};
use iguazu_compact::state::{Lane, LiveFile, Span, State, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{Published, TablePartition, VersionPart};
use iguazu_lake::ports::Objects;
use iguazu_transform::contract::Contract;

use crate::error::AuditError;
use crate::finding::{Finding, Problem};

/// A table at one snapshot.
#[derive(Clone, Debug)]
pub struct View {
    /// The table.
    pub table: TableName,
    /// The epoch that is read.
    pub epoch: u32,
    /// How many buckets it has; none where nothing is published yet.
    pub buckets: u32,
    /// The versions of those buckets that have one.
    pub versions: Vec<Version>,
    /// The snapshot, which also says how far the epochs after this one are; none where nothing is published yet.
    pub snapshot: Option<Snapshot>,
    /// What of it is not there, or is damaged.
    pub findings: Vec<Finding>,
}

/// A version of a bucket.
#[derive(Clone, Debug)]
pub struct Version {
    /// The bucket.
    pub bucket: u32,
    /// Its chain.
    pub chain: ChainId,
    /// The version.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// When it was committed.
    pub at: Timestamp,
    /// The checksum of the state object that was read.
    pub sha256: Sha256Sum,
    /// What it is.
    pub state: State,
    /// Its live files.
    pub files: Vec<Live>,
}

/// A live file.
#[derive(Clone, Debug)]
pub struct Live {
    /// The bucket.
    pub bucket: u32,
    /// The placements of the bucket.
    pub span: Span,
    /// The partition.
    pub partition: TablePartition,
    /// Its key.
    pub key: ObjectKey,
    /// What its list says of it: the version that wrote it, rows, bytes, checksum, times, ids, roll-ups.
    pub file: LiveFile,
    /// The keys of its roll-ups, in the order of `file.rollups`.
    pub rollups: Vec<ObjectKey>,
}

/// Reads the newest snapshot of a table.
///
/// # Errors
/// Where the store fails, or the snapshot is not understood.
pub async fn view<O: Objects>(objects: &O, contract: &Contract) -> Result<View, AuditError> {
    let table = contract.table.clone();
    let key = Published::Snapshot.key(&table);
    let object = objects.get(&key).await.map_err(AuditError::port("reading the snapshot of a table"))?;
    let Some(object) = object else {
        return Ok(View { table, epoch: 0, buckets: 0, versions: Vec::new(), snapshot: None, findings: Vec::new() });
    };
    let snapshot = Snapshot::read(key.as_str(), &object.bytes)?;
    let buckets = snapshot.epochs.get(&snapshot.current).map_or(0, |of| of.buckets);
    let (epoch, versions, findings) = (snapshot.current, Vec::new(), Vec::new());
    let mut view = View { table, epoch, buckets, versions, snapshot: None, findings };
    for (bucket, entry) in snapshot.versions(snapshot.current) {
        let chain = ChainId::Bucket { table: view.table.clone(), epoch: view.epoch, bucket };
        let written = Written { n: entry.n, attempt: entry.attempt, ordinal: 0 };
        let key = written.object(&chain, &view.table, VersionPart::State).key();
        let object = objects.get(&key).await.map_err(AuditError::port("reading a version of a bucket"))?;
        let Some(object) = object else {
            let expected = format!("the state of version {} of bucket {bucket}", entry.n);
            view.findings.push(Finding::new(Problem::Missing, &key, expected, "no object"));
            continue;
        };
        // The snapshot says nothing of its checksum; the ledger does, and is asked by who verifies.
        let sha256 = Sha256Sum::of(&object.bytes);
        let state: State = match codec::decode(|| key.to_string(), &object.bytes) {
            Ok(state) => state,
            Err(error) => {
                view.findings.push(unreadable(&key, &error));
                continue;
            }
        };
        let (n, attempt, at) = (entry.n, entry.attempt, entry.at);
        let mut version = Version { bucket, chain, n, attempt, at, sha256, state, files: Vec::new() };
        let found = version.read_files(objects, &view.table).await?;
        view.findings.extend(found);
        view.versions.push(version);
    }
    view.snapshot = Some(snapshot);
    Ok(view)
}

fn unreadable(key: &ObjectKey, error: &dyn std::error::Error) -> Finding {
    let problem = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    Finding::new(Problem::Unreadable, key, "a text of a version", problem)
}

impl Version {
    async fn read_files<O: Objects>(&mut self, objects: &O, table: &TableName) -> Result<Vec<Finding>, AuditError> {
        let mut findings = Vec::new();
        for (partition, entry) in &self.state.partitions {
            let key = entry.object.partition(&self.chain, table);
            let object = objects.get(&key).await.map_err(AuditError::port("reading the files of a partition"))?;
            let Some(object) = object else {
                let expected = format!("the list of {} live files", entry.files);
                findings.push(Finding::new(Problem::Missing, &key, expected, "no object"));
                continue;
            };
            let sum = Sha256Sum::of(&object.bytes);
            if sum != entry.sha256 {
                let expected = format!("the SHA-256 sum {}", entry.sha256);
                findings.push(Finding::new(Problem::Damaged, &key, expected, sum));
                continue;
            }
            let read: PartitionFiles = match codec::decode(|| key.to_string(), &object.bytes) {
                Ok(read) => read,
                Err(error) => {
                    findings.push(unreadable(&key, &error));
                    continue;
                }
            };
            let rows: u64 = read.files.iter().map(|file| file.rows).sum();
            if rows != entry.rows {
                let (expected, found) = (format!("{} rows", entry.rows), format!("{rows} rows in its files"));
                findings.push(Finding::new(Problem::Rows, &key, expected, found));
            }
            self.files.extend(read.files.into_iter().map(|file| self.live(table, partition, file)).collect::<Vec<_>>());
        }
        Ok(findings)
    }

    fn live(&self, table: &TableName, partition: &TablePartition, file: LiveFile) -> Live {
        let rollup = |rollup: &TableName| file.written.rollup(&self.chain, table, partition, rollup);
        Live {
            bucket: self.bucket,
            span: self.state.span,
            partition: partition.clone(),
            key: file.written.data(&self.chain, table, partition),
            rollups: file.rollups.iter().map(|of| rollup(&of.rollup)).collect(),
            file,
        }
    }
}

impl View {
    /// Every live file.
    pub fn files(&self) -> impl Iterator<Item = &Live> {
        self.versions.iter().flat_map(|version| &version.files)
    }

    /// Every part of a bucket that has read the chains equally far.
    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.versions.iter().flat_map(|version| &version.state.lanes)
    }

    /// When the newest of its versions was committed.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.versions.iter().map(|version| version.at).max()
    }

    /// The placements of which the table has taken a raw file: `ordinal` is its position among the files of its row.
    #[must_use]
    pub fn taken(&self, chain: &ChainId, n: RowNumber, ordinal: u32) -> Vec<Span> {
        let covers = |lane: &&Lane| lane.marks.get(chain).is_some_and(|mark| mark.covers(n, ordinal));
        self.lanes().filter(covers).map(|lane| lane.span).collect()
    }

    /// Whether these spans are all placements.
    #[must_use]
    pub fn are_all(spans: &[Span]) -> bool {
        let mut spans = spans.to_vec();
        spans.sort_unstable();
        let mut next = Some(0);
        for span in spans {
            match next {
                Some(first) if span.first <= first => next = span.last.max(first).checked_add(1),
                Some(_) => return false,
                None => return true,
            }
        }
        next.is_none()
    }

    /// The bucket of an event, where anything is published.
    #[must_use]
    pub fn bucket_of(&self, id: EventId) -> Option<u32> {
        (0..self.buckets).find(|&bucket| Span::of_bucket(bucket, self.buckets).holds(id.placement()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_all_placements_when_they_leave_no_gap() {
        let span = |first, last| Span { first, last };
        assert!(View::are_all(&[Span::ALL]));
        assert!(View::are_all(&[span(8, u64::MAX), span(0, 7)]));
        assert!(!View::are_all(&[span(9, u64::MAX), span(0, 7)]));
        assert!(!View::are_all(&[span(0, 7)]));
        assert!(!View::are_all(&[]));
    }
}
