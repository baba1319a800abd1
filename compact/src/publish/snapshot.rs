//! The snapshot of a table: one object that says which version of each bucket a reader is to read, so that a program
//! reads the whole table, a moved event and the roll-ups included, as of one moment.
//!
//! Versions only grow in it, entry by entry, so merging what two publishers say is the same in any order. An epoch takes
//! over from the one before when each of its buckets has published a version and taken over what belongs to it.

use std::collections::BTreeMap;

use iguazu_lake::ids::{AttemptId, RowNumber, TableName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::state::codec::{self, CodecError};

/// A bucket's version in a snapshot. Its state object is
/// `state/<table>/bucket.<table>.<epoch>.<bucket>.<version>.<attempt>.json`, the version in twelve digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The version.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// When it was committed.
    pub at: Timestamp,
    /// Whether it has yet to take over files of the epoch before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seeding: bool,
}

/// The versions of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochVersions {
    /// How many buckets it has.
    pub buckets: u32,
    /// The versions of those that have one.
    pub versions: BTreeMap<u32, Bucket>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The table.
    pub table: TableName,
    /// The epoch to read.
    pub current: u32,
    /// Since when that is so, by the clock of whoever published it.
    pub since: Timestamp,
    /// The epoch to read, and those that are under way.
    pub epochs: BTreeMap<u32, EpochVersions>,
}

impl Snapshot {
    /// The snapshot of a table that has nothing yet.
    #[must_use]
    pub fn of(table: TableName) -> Self {
        Self { table, current: 0, since: Timestamp::EPOCH, epochs: BTreeMap::new() }
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// Where it is of a later version, or damaged.
    pub fn read(what: &str, text: &[u8]) -> Result<Self, CodecError> {
        codec::decode(|| what.to_owned(), text)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        codec::encode(self)
    }

    /// The versions of an epoch, by bucket.
    pub fn versions(&self, epoch: u32) -> impl Iterator<Item = (u32, Bucket)> + '_ {
        self.epochs.get(&epoch).into_iter().flat_map(|of| of.versions.iter().map(|(bucket, entry)| (*bucket, *entry)))
    }

    /// Enters a bucket's version; returns whether that changed anything.
    pub fn enter(&mut self, epoch: Epoch, bucket: u32, entry: Bucket, now: Timestamp) -> bool {
        if epoch.number < self.current {
            return false;
        }
        let of = self
            .epochs
            .entry(epoch.number)
            .or_insert_with(|| EpochVersions { buckets: epoch.buckets, versions: BTreeMap::new() });
        if of.versions.get(&bucket).is_some_and(|known| known.n >= entry.n) {
            return false;
        }
        of.versions.insert(bucket, entry);
        let complete = |of: &EpochVersions| {
            of.versions.len() as u64 == u64::from(of.buckets) && of.versions.values().all(|entry| !entry.seeding)
        };
        let newest = self.epochs.iter().rfind(|(number, of)| **number > self.current && complete(of));
        if let Some((&number, _)) = newest {
            (self.current, self.since) = (number, now);
            self.epochs.retain(|&epoch, _| epoch >= number);
        }
        true
    }
}
