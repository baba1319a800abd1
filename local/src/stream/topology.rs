//! Streams and their shards: which shard takes a record, and how shards are split and merged. Pure.
//!
//! A shard takes a range of hashes, both ends included; the open shards of a stream cover all hashes, each once. A shard
//! that was split or merged is closed at a position, stays with its records, and its children name it as a parent, so
//! that a consumer can read it to its end first.

use std::collections::BTreeMap;

use iguazu_lake::ids::StreamName;
use md5::{Digest, Md5};
use thiserror::Error;

/// The most shards that a stream may have had in its life: a sequence number has six digits for them.
pub const SHARDS_MAX: u32 = 999_999;

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number within the stream.
    pub number: u32,
    /// The shards that it was made from: none, one by a split, two by a merge.
    pub parents: Vec<u32>,
    /// The least hash that it takes.
    pub first_hash: u128,
    /// The greatest.
    pub last_hash: u128,
    /// The position at which it was opened.
    pub opened: u64,
    /// The position at which it was closed.
    pub closed: Option<u64>,
}

impl Shard {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        name(self.number)
    }
}

/// The name of a shard.
#[must_use]
pub fn name(number: u32) -> String {
    format!("shardId-{number:012}")
}

/// The number in the name of a shard.
#[must_use]
pub fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("shardId-")?;
    (digits.len() == 12 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The hash of a partition key.
#[must_use]
pub fn hash(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: StreamName,
    /// When it was created, in milliseconds since the epoch. Whole seconds, as the API tells it to everybody.
    pub created_ms: u64,
    /// How long records are kept at least.
    pub retention_hours: u32,
    /// Its shards by number, closed ones included.
    pub shards: BTreeMap<u32, Shard>,
}

/// All streams.
pub type Streams = BTreeMap<StreamName, Stream>;

/// Why shards cannot be changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// There is no such shard.
    #[error("the stream has no shard {}", name(*.0))]
    NoShard(u32),
    /// It is closed.
    #[error("shard {} is closed: only an open shard can be split or merged", name(*.0))]
    Closed(u32),
    /// The new starting hash key is outside.
    #[error("the new starting hash key {at} is not within shard {}: it must be greater than {first} and at most {last}", name(*.shard))]
    SplitOutside {
        /// The shard.
        shard: u32,
        /// Where it was to be split.
        at: u128,
        /// Its least hash.
        first: u128,
        /// Its greatest.
        last: u128,
    },
    /// The two do not touch.
    #[error("shards {} and {} are not adjacent: their ranges of hashes must touch", name(*.0), name(*.1))]
    NotAdjacent(u32, u32),
    /// A count that is neither twice nor half of what is open.
    #[error("{open} shards are open and the target is {target}: give twice or half of what is open")]
    Target {
        /// What is open.
        open: u32,
        /// What was asked for.
        target: u32,
    },
    /// No number is left.
    #[error("a stream can have {SHARDS_MAX} shards in its life")]
    Exhausted,
}

impl Stream {
    /// A stream with `count` shards of equal ranges, opened at `position`.
    #[must_use]
    pub fn new(name: StreamName, created_ms: u64, retention_hours: u32, count: u32, position: u64) -> Self {
        let count = u128::from(count.max(1));
        let step = u128::MAX / count;
        let shards = (0..count).map(|index| {
            let last = if index + 1 == count { u128::MAX } else { (index + 1) * step - 1 };
            #[expect(clippy::cast_possible_truncation, reason = "it is below a count of 32 bits")]
            let number = index as u32;
            let (first_hash, last_hash) = (index * step, last);
            (number, Shard { number, parents: vec![], first_hash, last_hash, opened: position, closed: None })
        });
        let shards = shards.collect();
        Self { name, created_ms: created_ms / 1_000 * 1_000, retention_hours, shards }
    }

    /// The open shards, by their hashes.
    #[must_use]
    pub fn open(&self) -> Vec<&Shard> {
        let mut open: Vec<_> = self.shards.values().filter(|shard| shard.closed.is_none()).collect();
        open.sort_by_key(|shard| shard.first_hash);
        open
    }

    /// The open shard that takes a hash.
    #[must_use]
    pub fn shard_of(&self, hash: u128) -> Option<&Shard> {
        let takes = |shard: &&Shard| shard.closed.is_none() && (shard.first_hash..=shard.last_hash).contains(&hash);
        self.shards.values().find(takes)
    }

    /// Splits a shard in two, of which the second begins at `at`.
    ///
    /// # Errors
    /// Where there is no such open shard, or `at` is not within it.
    pub fn split(&mut self, shard: u32, at: u128, position: u64) -> Result<(), TopologyError> {
        let Shard { first_hash: first, last_hash: last, .. } = *self.open_shard(shard)?;
        if at <= first || at > last {
            return Err(TopologyError::SplitOutside { shard, at, first, last });
        }
        let next = self.next(2)?;
        self.close(shard, position);
        self.enter(next, vec![shard], (first, at - 1), position);
        self.enter(next + 1, vec![shard], (at, last), position);
        Ok(())
    }

    /// Merges two shards whose ranges touch.
    ///
    /// # Errors
    /// Where they are not two adjacent open shards.
    pub fn merge(&mut self, one: u32, other: u32, position: u64) -> Result<(), TopologyError> {
        let (a, b) = (self.open_shard(one)?, self.open_shard(other)?);
        let touch = |a: &Shard, b: &Shard| a.last_hash.checked_add(1) == Some(b.first_hash);
        if !touch(a, b) && !touch(b, a) {
            return Err(TopologyError::NotAdjacent(one, other));
        }
        let range = (a.first_hash.min(b.first_hash), a.last_hash.max(b.last_hash));
        let next = self.next(1)?;
        self.close(one, position);
        self.close(other, position);
        self.enter(next, vec![one, other], range, position);
        Ok(())
    }

    /// Doubles or halves the open shards.
    ///
    /// # Errors
    /// Where `target` is neither twice nor half of what is open.
    pub fn scale(&mut self, target: u32, position: u64) -> Result<(), TopologyError> {
        let ranges: Vec<_> =
            self.open().iter().map(|shard| (shard.number, shard.first_hash, shard.last_hash)).collect();
        let open = u32::try_from(ranges.len()).map_err(|_| TopologyError::Exhausted)?;
        if target == open.saturating_mul(2) {
            let halves = |(shard, first, last)| {
                let at = u128::checked_add(first + (last - first) / 2, 1).filter(|at| *at <= last);
                at.map(|at| (shard, at)).ok_or(TopologyError::SplitOutside { shard, at: first, first, last })
            };
            // All of them or none: a shard of a single hash cannot be split.
            for (shard, at) in ranges.into_iter().map(halves).collect::<Result<Vec<(u32, u128)>, _>>()? {
                self.split(shard, at, position)?;
            }
        } else if open % 2 == 0 && target == open / 2 {
            for pair in ranges.chunks_exact(2) {
                self.merge(pair[0].0, pair[1].0, position)?;
            }
        } else {
            return Err(TopologyError::Target { open, target });
        }
        Ok(())
    }

    fn open_shard(&self, number: u32) -> Result<&Shard, TopologyError> {
        let shard = self.shards.get(&number).ok_or(TopologyError::NoShard(number))?;
        if shard.closed.is_some() { Err(TopologyError::Closed(number)) } else { Ok(shard) }
    }

    fn next(&self, more: u32) -> Result<u32, TopologyError> {
        let next = self.shards.last_key_value().map_or(0, |(number, _)| number + 1);
        if next + more > SHARDS_MAX { Err(TopologyError::Exhausted) } else { Ok(next) }
    }

    fn close(&mut self, number: u32, position: u64) {
        if let Some(shard) = self.shards.get_mut(&number) {
            shard.closed = Some(position);
        }
    }

    fn enter(&mut self, number: u32, parents: Vec<u32>, (first_hash, last_hash): (u128, u128), opened: u64) {
        self.shards.insert(number, Shard { number, parents, first_hash, last_hash, opened, closed: None });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(shards: u32) -> Stream {
        Stream::new("orders".parse().unwrap(), 1_795_219_200_999, 24, shards, 1)
    }

    fn covers_everything_once(stream: &Stream) -> bool {
        let open = stream.open();
        open.first().is_some_and(|shard| shard.first_hash == 0)
            && open.last().is_some_and(|shard| shard.last_hash == u128::MAX)
            && open.windows(2).all(|pair| pair[0].last_hash + 1 == pair[1].first_hash)
    }

    #[test]
    fn a_stream_is_as_old_as_the_api_tells_in_whole_seconds() {
        assert_eq!(stream(1).created_ms, 1_795_219_200_000);
    }

    #[test]
    fn children_name_their_parents_and_parents_are_closed_where_children_open() {
        let mut stream = stream(2);
        stream.split(0, 1 << 100, 7).unwrap();
        stream.merge(3, 1, 9).unwrap();
        let shard = |number: u32| &stream.shards[&number];
        assert_eq!((shard(0).closed, shard(2).opened, &shard(2).parents), (Some(7), 7, &vec![0]));
        assert_eq!((shard(3).closed, shard(1).closed, &shard(4).parents), (Some(9), Some(9), &vec![3, 1]));
        assert_eq!((shard(4).first_hash, shard(4).last_hash), (1 << 100, u128::MAX));
    }

    #[test]
    fn what_cannot_be_done_says_why_and_changes_nothing() {
        let mut stream = stream(3);
        stream.scale(6, 5).unwrap();
        let before = stream.clone();
        let refused = [
            stream.split(0, 5, 9).unwrap_err(),
            stream.split(77, 5, 9).unwrap_err(),
            stream.split(3, 0, 9).unwrap_err(),
            stream.merge(3, 5, 9).unwrap_err(),
            stream.scale(7, 9).unwrap_err(),
        ];
        let last = before.shards[&3].last_hash;
        assert_eq!(refused[0], TopologyError::Closed(0));
        assert_eq!(refused[1], TopologyError::NoShard(77));
        assert_eq!(refused[2], TopologyError::SplitOutside { shard: 3, at: 0, first: 0, last });
        assert_eq!(refused[3], TopologyError::NotAdjacent(3, 5));
        assert_eq!(refused[4], TopologyError::Target { open: 6, target: 7 });
        assert_eq!(stream, before);
    }

    proptest! {
        #[test]
        fn after_any_changes_the_open_shards_take_every_hash_once(
            shards in 1_u32..9,
            changes in proptest::collection::vec(
                (0_u8..4, any::<u32>(), prop_oneof![Just(u128::MAX), Just(1), any::<u128>()]),
                0..20,
            ),
            key in ".*",
        ) {
            let mut stream = stream(shards);
            for (position, (kind, which, at)) in changes.into_iter().enumerate() {
                let open: Vec<u32> = stream.open().iter().map(|shard| shard.number).collect();
                let index = which as usize % open.len();
                let before = stream.clone();
                let changed = match kind {
                    0 => stream.split(open[index], at, position as u64),
                    1 => stream.merge(open[index], open[(index + 1) % open.len()], position as u64),
                    2 => stream.scale(2 * open.len() as u32, position as u64),
                    _ => stream.scale(open.len() as u32 / 2, position as u64),
                };
                prop_assert!(changed.is_ok() || stream == before);
                if stream.open().len() > 64 {
                    break;
                }
                prop_assert!(covers_everything_once(&stream));
            }
            prop_assert!(stream.shard_of(hash(&key)).is_some());
        }
    }
}
