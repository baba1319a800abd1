//! What must hold: after every change of the ledger, at every checkpoint, at every deletion, and at rest.

use std::collections::BTreeMap;
use std::fmt;

use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, Counts, Row, codec};
use iguazu_lake::ids::{ChainId, RowNumber, SequenceNumber, SequenceSet, TableName};
use iguazu_lake::invariants::{self, InvariantId};
use iguazu_lake::keys::version::VersionObject;
use iguazu_lake::keys::{Area, DataFile, ObjectKey};
use iguazu_lake::ports::StoredRow;
use iguazu_transform::{FileFormat, Parquet};

use crate::counters::Event;
use crate::payloads::POOL;
use crate::plain::{SeenRow, SimFormat};
use crate::truth::RawRow;
use crate::world::World;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Production code refused to go on, because an invariant would not have held.
    Asserted(invariants::Violation),
    /// The world saw that an invariant does not hold.
    Seen(invariants::Violation),
    /// The world did not come to rest.
    Stuck(String),
    /// Production code says that it cannot go on, which no fault leads to.
    Failed(String),
    /// Production code panicked.
    Panicked,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asserted(violation) => write!(f, "asserted: {violation}"),
            Self::Seen(violation) => write!(f, "seen: {violation}"),
            Self::Stuck(what) => write!(f, "stuck: {what}"),
            Self::Failed(what) => write!(f, "failed: {what}"),
            Self::Panicked => f.write_str("a panic"),
        }
    }
}

/// What the rows of the ledger hold, as the world saw it when each was written.
#[derive(Debug, Default)]
pub(crate) struct Ledgered {
    /// By shard and record: the row that holds it.
    held: BTreeMap<(usize, usize), RowNumber>,
    /// Every commit that was ever made, also of rows that are stubs by now.
    commits: Vec<(ChainId, Row)>,
    pub(crate) counts: Counts,
}

impl Ledgered {
    pub(crate) fn rows(&self) -> usize {
        self.commits.len()
    }

    /// How many files a row of a shard's chain has.
    pub(crate) fn files_of(&self, chain: &ChainId, n: RowNumber) -> usize {
        let row = self.commits.iter().find(|(of, row)| of == chain && row.n == n);
        row.map_or(0, |(_, row)| match &row.body {
            Body::Commit(commit) => commit.files.len(),
            Body::Closed(_) | Body::Stub(_) => 0,
        })
    }
}

impl World {
    pub(crate) fn seen(&mut self, id: InvariantId, detail: impl Into<String>) {
        self.violate(Violation::Seen(invariants::Violation::new(id, detail)));
    }

    fn hold(&mut self, result: Result<(), invariants::Violation>) {
        if let Err(violation) = result {
            self.violate(Violation::Seen(violation));
        }
    }

    fn shard_of(&self, chain: &ChainId) -> Option<usize> {
        self.shards.iter().position(|shard| shard.chain == *chain)
    }

    /// A row is about to be in the ledger.
    pub(crate) fn row_committed(&mut self, chain: &ChainId, stored: &StoredRow) {
        self.note(|_| format!("row {} of {chain} is written by {}", stored.n, stored.attempt));
        if !self.registry.contains(chain) {
            self.seen(InvariantId::I1Chain, format!("row {} of a chain that is not in the registry", stored.n));
        }
        if stored.n == RowNumber::FIRST {
            self.counters.event(Event::FirstRow);
        }
        match chain {
            ChainId::Shard { .. } => {}
            ChainId::Bucket { .. } => return self.version_committed(chain, stored),
            ChainId::Epochs { table } => return self.epoch_committed(table, stored),
        }
        let previous = self.ledgered.commits.iter().rev().find(|(of, _)| of == chain).map(|(_, row)| row);
        match codec::decode(stored) {
            Ok(row) => {
                let follows = invariants::follows(previous, &row);
                self.hold(follows);
                if let Body::Commit(commit) = &row.body {
                    self.check_commit(chain, &row, commit);
                }
                self.ledgered.commits.push((chain.clone(), row));
            }
            Err(error) => self.seen(InvariantId::I1Chain, error.to_string()),
        }
    }

    fn check_commit(&mut self, chain: &ChainId, row: &Row, commit: &Commit) {
        let Some(shard) = self.shard_of(chain) else {
            self.seen(InvariantId::I2Fidelity, format!("a commit in {chain}, which is no shard"));
            return;
        };
        let mut rows: Vec<(SequenceNumber, Option<SeenRow>)> = Vec::new();
        for (file, ordinal) in commit.files.iter().zip(0..) {
            let key = file.data_file(chain, row.n, row.attempt).key();
            match self.objects.get(&key) {
                Some(bytes) if Sha256Sum::of(bytes) == file.sha256 && bytes.len() as u64 == file.bytes => {
                    let bytes = bytes.clone();
                    if self.scene.parquet {
                        let sequences = Parquet.sequences(&bytes).unwrap_or_default();
                        rows.extend(sequences.as_slice().iter().map(|sequence| (*sequence, None)));
                    } else {
                        if let Area::Raw(table) = &file.area
                            && self.scene.compaction.is_some()
                        {
                            self.take_raw(table, chain, row.n, ordinal, &bytes, shard);
                        }
                        let read = SimFormat::rows(&bytes).unwrap_or_default();
                        rows.extend(read.into_iter().map(|(sequence, row)| (sequence, Some(row))));
                    }
                }
                Some(_) => self.seen(InvariantId::I5Objects, format!("{key} is not what row {} recorded", row.n)),
                None => self.seen(InvariantId::I5Objects, format!("row {} names {key}, which is not there", row.n)),
            }
        }
        let records: SequenceSet = rows.iter().map(|(sequence, _)| *sequence).collect();
        self.hold(invariants::coherent(commit, records.as_slice()));
        self.hold(invariants::digested(commit, records.as_slice()));
        for sequence in records.as_slice() {
            let seen: Vec<_> = rows.iter().filter(|(of, _)| of == sequence).filter_map(|(_, row)| *row).collect();
            self.check_record(shard, row.n, sequence, seen);
        }
        let sum = &mut self.ledgered.counts;
        sum.records += commit.counts.records;
        sum.delivered += commit.counts.delivered;
        sum.accepted += commit.counts.accepted;
        sum.quarantined += commit.counts.quarantined;
    }

    /// Rows of a table that are in raw now: what its versions have to hold.
    fn take_raw(&mut self, table: &TableName, chain: &ChainId, n: RowNumber, ordinal: u32, file: &[u8], shard: usize) {
        for line in SimFormat::lines(file).unwrap_or_default() {
            let records = &self.shards[shard].records;
            if !records.iter().any(|record| record.sequence == line.sequence && record.arrival == line.arrival) {
                self.seen(InvariantId::I2Fidelity, format!("{} did not arrive at {}", line.id, line.arrival));
            }
            self.tables.raw.push(RawRow { table: table.clone(), chain: chain.clone(), n, ordinal, line });
        }
    }

    /// I1 and I2 of one record: delivered, whole, true to what was sent, and in no other row.
    fn check_record(&mut self, shard: usize, n: RowNumber, sequence: &SequenceNumber, mut seen: Vec<SeenRow>) {
        let found = self.shards[shard].records.iter().position(|record| record.sequence == *sequence);
        let Some(at) = found.filter(|&at| self.shards[shard].records[at].delivered) else {
            self.seen(InvariantId::I2Fidelity, format!("row {n} holds {sequence}, which was never delivered"));
            return;
        };
        seen.sort_unstable();
        if !self.scene.parquet && seen != POOL[self.shards[shard].records[at].payload].rows {
            self.seen(
                InvariantId::I2Fidelity,
                format!("row {n} does not hold record {at} of shard {shard} as it was sent"),
            );
        }
        if let Some(other) = self.ledgered.held.insert((shard, at), n) {
            self.seen(InvariantId::I1Chain, format!("record {at} of shard {shard} is in rows {other} and {n}"));
        }
    }

    /// I3: a poller's checkpoint passes these records.
    pub(crate) fn checkpoint_passed(&mut self, shard: usize, records: &[usize]) {
        for &record in records {
            if !self.ledgered.held.contains_key(&(shard, record)) {
                self.seen(
                    InvariantId::I3Checkpoint,
                    format!("the checkpoint passes record {record} of shard {shard}, which no row holds"),
                );
            }
        }
    }

    /// I5: an object is about to be deleted. Only what can never be committed may be.
    pub(crate) fn object_deleted(&mut self, key: &ObjectKey) {
        self.note(|_| format!("{key} is deleted"));
        let Ok(file) = DataFile::parse(key) else {
            if let Ok(object) = VersionObject::parse(key) {
                self.version_object_deleted(key, &object);
            }
            return;
        };
        let row = self.chains.get(&file.chain).and_then(|rows| rows.get(&file.n));
        match row.map(|row| row.attempt == file.attempt) {
            Some(false) => {
                if self.objects.contains_key(key) {
                    self.counters.event(Event::SweptOrphan);
                }
            }
            Some(true) => self.seen(InvariantId::I5Objects, format!("{key} is deleted and row {} names it", file.n)),
            None => {
                self.seen(InvariantId::I5Objects, format!("{key} is deleted and row {} could still name it", file.n));
            }
        }
    }

    /// I4 and I10 when nothing moves any more.
    pub(crate) fn check_at_rest(&mut self) {
        for shard in 0..self.shards.len() {
            for at in 0..self.shards[shard].records.len() {
                if !self.ledgered.held.contains_key(&(shard, at)) {
                    self.seen(InvariantId::I4Complete, format!("record {at} of shard {shard} is nowhere in the lake"));
                }
            }
        }
        let sent = self.shards.iter().flat_map(|shard| &shard.records).map(|record| &POOL[record.payload].counts);
        let (delivered, quarantined) =
            sent.fold((0, 0), |sum, counts| (sum.0 + counts.delivered, sum.1 + counts.quarantined));
        let counts = self.ledgered.counts;
        if (counts.delivered, counts.quarantined) != (delivered, quarantined) {
            self.seen(InvariantId::I10Conservation, format!("{delivered} sent, {quarantined} of them bad; {counts:?}"));
        }
        self.hold(invariants::conserved(&counts));
    }

    /// I5 for every file that any row ever named.
    pub(crate) fn check_referenced(&mut self) {
        let mut missing = Vec::new();
        for (chain, row) in &self.ledgered.commits {
            let Body::Commit(commit) = &row.body else { continue };
            for file in &commit.files {
                let key = file.data_file(chain, row.n, row.attempt).key();
                if self.objects.get(&key).is_none_or(|bytes| Sha256Sum::of(bytes) != file.sha256) {
                    missing.push(key);
                }
            }
        }
        for key in missing {
            self.seen(InvariantId::I5Objects, format!("{key} is referenced and is gone or damaged"));
        }
    }

    /// After a sweep at rest: what is left is referenced, or could still be committed.
    pub(crate) fn check_swept(&mut self) {
        let files: Vec<_> = self.objects.keys().filter_map(|key| DataFile::parse(key).ok()).collect();
        for file in files {
            let row = self.chains.get(&file.chain).and_then(|rows| rows.get(&file.n));
            if row.is_some_and(|row| row.attempt != file.attempt) {
                self.seen(InvariantId::I5Objects, format!("the sweep left {}, which no row can ever name", file.key()));
            }
        }
    }
}
