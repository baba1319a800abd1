//! The keys of what compaction writes: the objects of a bucket's versions, and what is published of them.
//!
//! ```text
//! data/<table>/<partition>/<chain>.<version>.<attempt>.<ordinal>.parquet
//! rollups/<table>/<rollup>/<partition>/<chain>.<version>.<attempt>.<ordinal>.parquet
//! state/<table>/<chain>.<version>.<attempt>.json
//! state/<table>/<chain>.<version>.<attempt>.<ordinal>.json
//! tables/<table>/events/epoch=<epoch>/<partition>/bucket-<bucket>
//! tables/<table>/rollups/<rollup>/epoch=<epoch>/<partition>/bucket-<bucket>
//! tables/<table>/raw/<partition>/<chain of a shard>
//! tables/<table>/published/<chain>.json
//! tables/<table>/snapshot.json
//! deliveries/quarantine/<partition>/<chain of a shard>
//! deliveries/published/<chain of a shard>.json
//! deliveries/consumed/<chain of a shard>.json
//! data/<table>/_delta_log/<version of the log>.json
//! rollups/<table>/<rollup>/_delta_log/<version of the log>.json
//! ```
//!
//! The first four are immutable and named for the version and the attempt that wrote them, like every object of a
//! commit. The next five are replaced, one by one and conditionally; they decide nothing and can be made again at any
//! time. The last two are the commits of Delta logs, each put once and for all. A `<partition>` is the day of event time, and the type of event where a table is partitioned by it:
//! `year=2026/month=11/day=21/type_key=order.placed`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{KeyError, KeyPrefix, ObjectKey, Partition, fixed, parse_partition};
use crate::ids::{AttemptId, ChainId, IdError, RowNumber, TableName, Timestamp};

const TYPE_FOLDER: &str = "type_key=";

/// The type of event as a part of a key: the type itself where it is plain, and else the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeKey(Arc<str>);

impl TypeKey {
    /// The key of a type.
    ///
    /// A type of up to 64 characters of `[A-Za-z0-9_.-]` stands for itself. Any other is `h-` and the 16 digits of its
    /// XXH3, as is one that begins like that, so that two types never meet but by a collision of 64 bits; what an
    /// event's type is, is said by its column.
    #[must_use]
    pub fn of(event_type: &str) -> Self {
        if Self::is_plain(event_type) && !event_type.starts_with("h-") {
            Self(event_type.into())
        } else {
            Self(format!("h-{:016x}", xxhash_rust::xxh3::xxh3_64(event_type.as_bytes())).into())
        }
    }

    fn is_plain(text: &str) -> bool {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypeKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if Self::is_plain(text) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::new("type key", "it has another form", "1 to 64 characters of [A-Za-z0-9_.-]"))
        }
    }
}

impl fmt::Display for TypeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A partition of a table: the day of event time, and the type of event where the table is partitioned by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TablePartition {
    /// The day. Times beyond the years of a key are in [`Partition::Mixed`].
    pub day: Partition,
    /// The type.
    pub kind: Option<TypeKey>,
}

impl TablePartition {
    /// The partition of an event's time, without a type.
    #[must_use]
    pub fn of(event_time: Timestamp) -> Self {
        Self { day: Partition::of(event_time), kind: None }
    }

    fn parse(text: &str) -> Option<Self> {
        let (day, kind) = match text.split_once(&format!("/{TYPE_FOLDER}")) {
            Some((day, kind)) => (day, Some(kind.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { day: parse_partition(day)?, kind })
    }
}

impl fmt::Display for TablePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Some(kind) => write!(f, "{}/{TYPE_FOLDER}{kind}", self.day),
            None => self.day.fmt(f),
        }
    }
}

impl FromStr for TablePartition {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let expected = "year=<year>/month=<month>/day=<day> or mixed, and then /type_key=<type> or nothing";
        Self::parse(text).ok_or_else(|| IdError::new("partition", "it has another form", expected))
    }
}

crate::ids::serde_as_text!(TypeKey);
crate::ids::serde_as_text!(TablePartition);

/// What an object of a version holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionPart {
    /// Events of a partition.
    Data {
        /// Which one.
        partition: TablePartition,
        /// Which of the version's data files.
        ordinal: u32,
    },
    /// What a roll-up says of the data file of the same ordinal.
    Rollup {
        /// The roll-up.
        rollup: TableName,
        /// The partition of the data file.
        partition: TablePartition,
        /// The ordinal of the data file.
        ordinal: u32,
    },
    /// The state that the version is.
    State,
    /// The files of one partition.
    Partition {
        /// Which of the version's partition objects.
        ordinal: u32,
    },
}

/// An object that only a version of a bucket may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionObject {
    /// What it holds.
    pub part: VersionPart,
    /// The table; that of the chain.
    pub table: TableName,
    /// The chain of the bucket.
    pub chain: ChainId,
    /// The version that may name it.
    pub n: RowNumber,
    /// The attempt that wrote it.
    pub attempt: AttemptId,
}

impl VersionObject {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey(self.to_string().into())
    }

    /// The object of a key; the only spelling that is accepted is the one that [`VersionObject::key`] gives.
    ///
    /// # Errors
    /// Where the key is no such object's.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyError> {
        Self::from_segments(key.as_str())
            .filter(|object| object.to_string() == key.as_str())
            .ok_or_else(|| KeyError::NotADataFile(key.to_string()))
    }

    fn from_segments(text: &str) -> Option<Self> {
        let (folder, name) = text.rsplit_once('/')?;
        let (root, rest) = folder.split_once('/')?;
        match root {
            "data" => {
                let (table, partition) = rest.split_once('/')?;
                let (named, ordinal) = name_of(name, ".parquet", true)?;
                let part = VersionPart::Data { partition: TablePartition::parse(partition)?, ordinal: ordinal? };
                Self::of(part, table, named)
            }
            "rollups" => {
                let (table, rest) = rest.split_once('/')?;
                let (rollup, partition) = rest.split_once('/')?;
                let (named, ordinal) = name_of(name, ".parquet", true)?;
                let rollup = rollup.parse().ok()?;
                let partition = TablePartition::parse(partition)?;
                Self::of(VersionPart::Rollup { rollup, partition, ordinal: ordinal? }, table, named)
            }
            "state" => {
                let with_ordinal = name.strip_suffix(".json")?.rsplit('.').next()?.len() == ORDINAL_DIGITS;
                let (named, ordinal) = name_of(name, ".json", with_ordinal)?;
                let part = match ordinal {
                    Some(ordinal) => VersionPart::Partition { ordinal },
                    None => VersionPart::State,
                };
                Self::of(part, rest, named)
            }
            _ => None,
        }
    }

    fn of(part: VersionPart, table: &str, (chain, n, attempt): Named) -> Option<Self> {
        let table: TableName = table.parse().ok()?;
        let ours = matches!(&chain, ChainId::Bucket { table: of, .. } if *of == table);
        ours.then_some(Self { part, table, chain, n, attempt })
    }
}

const ORDINAL_DIGITS: usize = 5;
type Named = (ChainId, RowNumber, AttemptId);

fn name_of(name: &str, suffix: &str, with_ordinal: bool) -> Option<(Named, Option<u32>)> {
    let mut rest = name.strip_suffix(suffix)?;
    let mut ordinal = None;
    if with_ordinal {
        let (front, digits) = rest.rsplit_once('.')?;
        ordinal = Some(fixed(digits, ORDINAL_DIGITS)?);
        rest = front;
    }
    let mut parts = rest.rsplitn(3, '.');
    let attempt = parts.next()?.parse().ok()?;
    let n = RowNumber::new(fixed(parts.next()?, 12)?);
    Some(((parts.next()?.parse().ok()?, n, attempt), ordinal))
}

impl fmt::Display for VersionObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, table, chain, n, attempt } = self;
        let n = n.get();
        match part {
            VersionPart::Data { partition, ordinal } => {
                write!(f, "data/{table}/{partition}/{chain}.{n:012}.{attempt}.{ordinal:05}.parquet")
            }
            VersionPart::Rollup { rollup, partition, ordinal } => {
                write!(f, "rollups/{table}/{rollup}/{partition}/{chain}.{n:012}.{attempt}.{ordinal:05}.parquet")
            }
            VersionPart::State => write!(f, "state/{table}/{chain}.{n:012}.{attempt}.json"),
            VersionPart::Partition { ordinal } => {
                write!(f, "state/{table}/{chain}.{n:012}.{attempt}.{ordinal:05}.json")
            }
        }
    }
}

/// What is published of a table, and replaced with every change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Published {
    /// The manifest of a bucket's data files in a partition.
    Events {
        /// The partition.
        partition: TablePartition,
        /// The chain of the bucket.
        epoch: u32,
        /// The bucket.
        bucket: u32,
    },
    /// The manifest of a bucket's roll-up files in a partition.
    Rollup {
        /// The roll-up.
        rollup: TableName,
        /// The partition.
        partition: TablePartition,
        /// The chain of the bucket.
        epoch: u32,
        /// The bucket.
        bucket: u32,
    },
    /// The manifest of a shard's raw files in a partition.
    Raw {
        /// The partition.
        partition: Partition,
        /// The chain of the shard.
        chain: ChainId,
    },
    /// How far a chain is published.
    Through {
        /// The chain of a bucket or of a shard.
        chain: ChainId,
    },
    /// The snapshot of the whole table.
    Snapshot,
}

impl Published {
    /// Its key in the folder of a table.
    #[must_use]
    pub fn key(&self, table: &TableName) -> ObjectKey {
        let text = match self {
            Self::Events { partition, epoch, bucket } => {
                format!("tables/{table}/events/epoch={epoch}/{partition}/bucket-{bucket}")
            }
            Self::Rollup { rollup, partition, epoch, bucket } => {
                format!("tables/{table}/rollups/{rollup}/epoch={epoch}/{partition}/bucket-{bucket}")
            }
            Self::Raw { partition, chain } => format!("tables/{table}/raw/{partition}/{chain}"),
            Self::Through { chain } => format!("tables/{table}/published/{chain}.json"),
            Self::Snapshot => format!("tables/{table}/snapshot.json"),
        };
        ObjectKey(text.into())
    }

    /// The key of the manifest of a shard's quarantine files in a partition, which is of no table.
    #[must_use]
    pub fn quarantine(partition: Partition, chain: &ChainId) -> ObjectKey {
        ObjectKey(format!("deliveries/quarantine/{partition}/{chain}").into())
    }

    /// The key of how far a shard's raw and quarantine files are published.
    #[must_use]
    pub fn deliveries_through(chain: &ChainId) -> ObjectKey {
        ObjectKey(format!("deliveries/published/{chain}.json").into())
    }

    /// The key of how far a shard's chain was consumed, and when that was known.
    #[must_use]
    pub fn consumed(chain: &ChainId) -> ObjectKey {
        ObjectKey(format!("deliveries/consumed/{chain}.json").into())
    }
}

impl KeyPrefix {
    /// The folders that hold the objects of a table's versions: data, roll-ups and states.
    #[must_use]
    pub fn versions(table: &TableName) -> [Self; 3] {
        ["data", "rollups", "state"].map(|folder| Self(format!("{folder}/{table}/").into()))
    }

    /// The folder of a table's data files, which is also the root of its Delta log.
    #[must_use]
    pub fn data(table: &TableName) -> Self {
        Self(format!("data/{table}/").into())
    }

    /// The folder of a roll-up's files, which is also the root of its Delta log.
    #[must_use]
    pub fn rollup(table: &TableName, rollup: &TableName) -> Self {
        Self(format!("rollups/{table}/{rollup}/").into())
    }

    /// The folder of the Delta log below this root.
    #[must_use]
    pub fn delta_log(&self) -> Self {
        Self(format!("{self}_delta_log/").into())
    }

    /// The commit `version` of the Delta log below this root.
    #[must_use]
    pub fn delta_commit(&self, version: u64) -> ObjectKey {
        ObjectKey(format!("{self}_delta_log/{version:020}.json").into())
    }

    /// What a table publishes.
    #[must_use]
    pub fn published(table: &TableName) -> Self {
        Self(format!("tables/{table}/").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_object_of_a_version_reads_back_from_its_key(
            table in "[a-z][a-z0-9_]{0,63}", rollup in "[a-z][a-z0-9_]{0,63}", kind in prop::option::of("\\PC{0,80}"),
            epoch: u32, bucket: u32, n in 0_u64..1_000_000_000_000, attempt: u128, ordinal in 0_u32..100_000,
            day in prop::option::of(0_i64..2_900_000), which in 0..4,
        ) {
            let table: TableName = table.parse().unwrap();
            let day = day.map_or(Partition::Mixed, |day| Partition::of(Timestamp::from_micros(day * 86_400_000_000)));
            let partition = TablePartition { day, kind: kind.map(|kind| TypeKey::of(&kind)) };
            let rollup = rollup.parse().unwrap();
            let part = match which {
                0 => VersionPart::Data { partition, ordinal },
                1 => VersionPart::Rollup { rollup, partition, ordinal },
                2 => VersionPart::Partition { ordinal },
                _ => VersionPart::State,
            };
            let chain = ChainId::Bucket { table: table.clone(), epoch, bucket };
            let object =
                VersionObject { part, table, chain, n: RowNumber::new(n), attempt: AttemptId::from_u128(attempt) };
            let key = object.key();
            prop_assert_eq!(key.as_str().parse::<ObjectKey>(), Ok(key.clone()));
            prop_assert_eq!(VersionObject::parse(&key), Ok(object));
        }

        #[test]
        fn no_key_makes_the_parser_panic(
            text in "(data|rollups|state)/(e|e/r)/(mixed|year=2026/month=11/day=[0-9]{2}(/type_key=[a-z./]{0,5})?)?/?\
                     bucket\\.e\\.[0-9]\\.[0-9]\\.[0-9]{11,13}\\.[0-9a-f]{31,33}(\\.[0-9]{4,6})?\\.(parquet|json)"
        ) {
            if let Ok(key) = text.parse::<ObjectKey>()
                && let Ok(object) = VersionObject::parse(&key)
            {
                prop_assert_eq!(object.key(), key);
            }
        }
    }

    #[test]
    fn a_delta_log_lies_beside_the_files_that_it_names() {
        let (table, rollup) = ("events".parse().unwrap(), "hourly".parse().unwrap());
        for (root, commit) in [
            (KeyPrefix::data(&table), "data/events/_delta_log/00000000000000000007.json"),
            (KeyPrefix::rollup(&table, &rollup), "rollups/events/hourly/_delta_log/00000000000000000007.json"),
        ] {
            let key = root.delta_commit(7);
            assert_eq!(key.as_str(), commit);
            assert_eq!(commit.parse(), Ok(key.clone()));
            assert!(key.as_str().starts_with(root.delta_log().as_str()));
            assert!(VersionObject::parse(&key).is_err());
        }
    }

    #[test]
    fn a_type_that_is_not_plain_or_looks_like_a_hash_is_hashed() {
        assert_eq!(TypeKey::of("order.placed").as_str(), "order.placed");
        for odd in ["", "a/b", "..\u{e9}", "h-0000000000000000", &"x".repeat(65)] {
            let key = TypeKey::of(odd);
            assert!(key.as_str().starts_with("h-") && key.as_str().len() == 18, "{odd:?}");
        }
    }
}
