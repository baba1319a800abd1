//! What a version of a bucket is: how far it has read, which files are live, and what it has counted.
//!
//! Rules:
//! - A state is immutable. The next version names the partition objects that it did not touch again.
//! - A bucket is a [`Span`] of placements. Its watermark is a vector of marks for each of its lanes; a bucket has one
//!   lane, unless it was merged from buckets that had read differently far.
//! - Rows are conserved: what was taken is live, or was counted as a duplicate.

pub mod codec;

use std::collections::BTreeMap;

use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber, TableName, Timestamp};
use iguazu_lake::invariants::{InvariantId, Violation};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{TablePartition, VersionObject, VersionPart};
use serde::{Deserialize, Serialize};

/// An interval of placements, both ends included. A bucket is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The least.
    pub first: u64,
    /// The greatest.
    pub last: u64,
}

impl Span {
    /// All placements.
    pub const ALL: Self = Self { first: 0, last: u64::MAX };

    /// The span of one of `buckets` equal buckets. The number is a power of two.
    #[must_use]
    pub fn of_bucket(bucket: u32, buckets: u32) -> Self {
        let bits = buckets.max(1).ilog2();
        if bits == 0 {
            return Self::ALL;
        }
        let first = u64::from(bucket) << (u64::BITS - bits);
        Self { first, last: first | (u64::MAX >> bits) }
    }

    /// Whether a placement is within.
    #[must_use]
    pub fn holds(&self, placement: u64) -> bool {
        self.first <= placement && placement <= self.last
    }

    /// What two spans have in common.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }
}

/// How far a chain has been read by a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The row to go on with: all rows before it are taken whole.
    pub n: u64,
    /// How many files of that row are taken already.
    pub files: u32,
    /// Rows of the table in all that was passed, those of other buckets included.
    pub offered: u64,
    /// Rows of this lane in it.
    pub taken: u64,
}

impl Mark {
    /// Whether the file `ordinal` of row `n` is behind the mark.
    #[must_use]
    pub fn covers(&self, n: RowNumber, ordinal: u32) -> bool {
        (n.get(), ordinal) < (self.n, self.files)
    }
}

/// A part of a bucket that has read all chains equally far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The part.
    pub span: Span,
    /// How far each chain is read. A chain that is not there was never read.
    pub marks: BTreeMap<ChainId, Mark>,
}

/// A closed bucket of the epoch before, which this one has yet to take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Its chain.
    pub chain: ChainId,
    /// The version that it ended with.
    pub n: RowNumber,
    /// The part of it that belongs here.
    pub span: Span,
    /// How many of its files, in their order, are taken over.
    pub files: u32,
}

/// Where an object of a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The version that wrote it.
    pub n: RowNumber,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its ordinal among those of its kind.
    pub ordinal: u32,
}

/// The files of a partition, from afar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// The version that changed it last.
    pub changed: RowNumber,
    /// Its partition object.
    pub object: Written,
    /// That object's checksum.
    pub sha256: Sha256Sum,
    /// Its live files.
    pub files: u32,
    /// Their rows.
    pub rows: u64,
    /// Their bytes, those of the roll-ups not included.
    pub bytes: u64,
}

/// A live file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveFile {
    /// Who wrote it.
    pub written: Written,
    /// Its rows. An emptied partition has one file without any.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The checksum of its bytes.
    pub sha256: Sha256Sum,
    /// The least and the greatest event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// The least and the greatest id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<(EventId, EventId)>,
    /// Where in the file it says which ids it holds: from, to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<(u64, u64)>,
    /// What the roll-ups say of it, in the order of the contract that it was written by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollups: Vec<RollupFile>,
}

/// What a roll-up says of one data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollupFile {
    /// The roll-up.
    pub rollup: TableName,
    /// Its groups.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The checksum of its bytes.
    pub sha256: Sha256Sum,
}

/// What a bucket has counted since the table began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Rows of raw files.
    pub taken: u64,
    /// Rows that came with the files of the epoch before, less those that this bucket answers for by its counts.
    pub moved: i64,
    /// Rows that are live.
    pub live: u64,
    /// Copies that were dropped: of new rows, or of live ones that a better copy replaced.
    pub duplicates: u64,
    /// Live rows that a better copy replaced.
    pub replaced: u64,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The bucket.
    pub span: Span,
    /// How far it has read, in the order of their spans.
    pub lanes: Vec<Lane>,
    /// What it has yet to take over from the epoch before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Seed>,
    /// Its partitions that were ever written.
    pub partitions: BTreeMap<TablePartition, PartitionEntry>,
    /// What it has counted.
    pub totals: Totals,
}

impl State {
    /// The state of a bucket that has read nothing.
    #[must_use]
    pub fn empty(span: Span) -> Self {
        Self {
            span,
            lanes: vec![Lane { span, marks: BTreeMap::new() }],
            seeds: Vec::new(),
            partitions: BTreeMap::new(),
            totals: Totals::default(),
        }
    }

    /// I10: every row that was taken is live, or was counted as a duplicate.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn conserved(&self) -> Result<(), Violation> {
        let Totals { taken, moved, live, duplicates, replaced } = self.totals;
        let wrong = |detail: String| Err(Violation::new(InvariantId::I10Conservation, detail));
        let rows: u64 = self.partitions.values().map(|partition| partition.rows).sum();
        if rows != live {
            return wrong(format!("{live} rows are counted as live, {rows} are in files"));
        }
        let marked: u64 = self.lanes.iter().flat_map(|lane| lane.marks.values()).map(|mark| mark.taken).sum();
        if marked != taken {
            return wrong(format!("{taken} rows are counted as taken, {marked} by the marks"));
        }
        if i128::from(taken) + i128::from(moved) != i128::from(live) + i128::from(duplicates) || replaced > duplicates {
            return wrong(format!(
                "{taken} rows taken and {moved} moved are {live} live and {duplicates} duplicates, {replaced} replaced"
            ));
        }
        Ok(())
    }

    /// Lanes that have read equally far become one.
    pub fn join_lanes(&mut self) {
        let same_place = |a: &Lane, b: &Lane| {
            a.marks.len() == b.marks.len()
                && a.marks.iter().all(|(chain, mark)| {
                    b.marks.get(chain).is_some_and(|other| {
                        (mark.n, mark.files, mark.offered) == (other.n, other.files, other.offered)
                    })
                })
        };
        let mut joined: Vec<Lane> = Vec::with_capacity(self.lanes.len());
        for lane in std::mem::take(&mut self.lanes) {
            match joined.last_mut() {
                Some(last) if last.span.last.checked_add(1) == Some(lane.span.first) && same_place(last, &lane) => {
                    last.span.last = lane.span.last;
                    for (chain, mark) in &mut last.marks {
                        mark.taken += lane.marks.get(chain).map_or(0, |other| other.taken);
                    }
                }
                _ => joined.push(lane),
            }
        }
        self.lanes = joined;
    }
}

impl Written {
    /// The object of a bucket's table by its part.
    #[must_use]
    pub fn object(&self, chain: &ChainId, table: &TableName, part: VersionPart) -> VersionObject {
        VersionObject { part, table: table.clone(), chain: chain.clone(), n: self.n, attempt: self.attempt }
    }

    /// The key of a data file.
    #[must_use]
    pub fn data(&self, chain: &ChainId, table: &TableName, partition: &TablePartition) -> ObjectKey {
        let part = VersionPart::Data { partition: partition.clone(), ordinal: self.ordinal };
        self.object(chain, table, part).key()
    }

    /// The key of what a roll-up says of the data file.
    #[must_use]
    pub fn rollup(
        &self,
        chain: &ChainId,
        table: &TableName,
        partition: &TablePartition,
        rollup: &TableName,
    ) -> ObjectKey {
        let (partition, rollup) = (partition.clone(), rollup.clone());
        self.object(chain, table, VersionPart::Rollup { rollup, partition, ordinal: self.ordinal }).key()
    }

    /// The key of a partition object.
    #[must_use]
    pub fn partition(&self, chain: &ChainId, table: &TableName) -> ObjectKey {
        self.object(chain, table, VersionPart::Partition { ordinal: self.ordinal }).key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_part_all_placements_between_them() {
        for buckets in [1_u32, 2, 8, 256] {
            let spans: Vec<_> = (0..buckets).map(|bucket| Span::of_bucket(bucket, buckets)).collect();
            assert_eq!(spans[0].first, 0);
            assert_eq!(spans[spans.len() - 1].last, u64::MAX);
            assert!(spans.windows(2).all(|pair| pair[0].last.wrapping_add(1) == pair[1].first));
        }
    }
}
