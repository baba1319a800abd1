//! Every object key is built here, and parsed back here.
//!
//! ```text
//! raw/<table>/year=2026/month=11/day=21/<chain>.<row>.<attempt>.parquet
//! raw/<table>/mixed/<chain>.<row>.<attempt>.parquet
//! quarantine/year=2026/month=11/day=21/<chain>.<row>.<attempt>.parquet
//! quarantine/mixed/<chain>.<row>.<attempt>.parquet
//! ```
//!
//! A file's name says which row of which chain it was written for, and by which attempt: that is all the sweep
//! needs to know whether it can ever be committed. The row has twelve digits, so that a listing is in row order.
//! What compaction writes is in [`version`]. `mixed` holds the surplus dates of a batch that spans too many of them.
//!
//! Nothing that an event says reaches a key: tables come from contracts, dates from parsed times.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};

use crate::ids::{AttemptId, ChainId, RowNumber, TableName, Timestamp};

pub mod version;

/// The key of an object: segments of `[a-zA-Z0-9_.=-]` between single slashes, none of them `.` or `..`, none
/// empty, and none beginning with a dot. It is a safe relative path as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

/// The beginning of keys: empty, or whole segments closed by a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(Arc<str>);

/// A text that is not a key, or a key that is not a data file's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text cannot be an object's key.
    #[error("not an object key: {0}; expected up to 1024 bytes of segments of [a-zA-Z0-9_.=-] between slashes")]
    NotAKey(&'static str),
    /// The key is not one that a commit writes.
    #[error("not the key of a data file: {0}")]
    NotADataFile(String),
}

fn check_segments(text: &str) -> Result<(), KeyError> {
    if text.len() > 1024 {
        return Err(KeyError::NotAKey("it is longer than 1024 bytes"));
    }
    for segment in text.split('/') {
        if segment.is_empty() {
            return Err(KeyError::NotAKey("a segment is empty"));
        }
        if segment.starts_with('.') {
            return Err(KeyError::NotAKey("a segment begins with a dot"));
        }
        if segment.len() > 255 {
            return Err(KeyError::NotAKey("a segment is longer than 255 bytes"));
        }
        if !segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.=-".contains(&byte)) {
            return Err(KeyError::NotAKey("a character is not allowed"));
        }
    }
    Ok(())
}

impl ObjectKey {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        check_segments(text).map(|()| Self(text.into()))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::ids::serde_as_text!(ObjectKey);

impl KeyPrefix {
    /// The prefix's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every key begins with it.
    #[must_use]
    pub fn everything() -> Self {
        Self("".into())
    }

    /// Every raw file of every table.
    #[must_use]
    pub fn raw() -> Self {
        Self("raw/".into())
    }

    /// Every quarantine file.
    #[must_use]
    pub fn quarantine() -> Self {
        Self("quarantine/".into())
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyPrefix {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.strip_suffix('/') {
            Some(segments) => check_segments(segments).map(|()| Self(text.into())),
            None if text.is_empty() => Ok(Self::everything()),
            None => Err(KeyError::NotAKey("a prefix ends with a slash")),
        }
    }
}

/// What a file of a commit holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Events of a table, as they were delivered.
    Raw(TableName),
    /// What was delivered and is no valid event.
    Quarantine,
}

/// Which dates a file holds: of event time in raw, of arrival in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// One date.
    Day(NaiveDate),
    /// Several.
    Mixed,
}

/// A file of a commit, by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// What it holds.
    pub area: Area,
    /// Of which dates.
    pub partition: Partition,
    /// The chain whose row may name it.
    pub chain: ChainId,
    /// The row that may name it.
    pub n: RowNumber,
    /// The attempt that wrote it.
    pub attempt: AttemptId,
}

impl DataFile {
    /// The file's key.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey(self.to_string().into())
    }

    /// The file of a key; the only spelling that is accepted is the one that [`DataFile::key`] gives.
    ///
    /// # Errors
    /// Where the key is no data file's.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyError> {
        Self::from_segments(key.as_str()).ok_or_else(|| KeyError::NotADataFile(key.to_string()))
    }

    fn from_segments(text: &str) -> Option<Self> {
        let (folder, name) = text.rsplit_once('/')?;
        let (area, partition) = match folder.split_once('/')? {
            ("raw", rest) => {
                let (table, partition) = rest.split_once('/')?;
                (Area::Raw(table.parse().ok()?), partition)
            }
            ("quarantine", partition) => (Area::Quarantine, partition),
            _ => return None,
        };
        let mut parts = name.strip_suffix(".parquet")?.rsplitn(3, '.');
        let attempt = parts.next()?.parse().ok()?;
        let n = RowNumber::new(fixed(parts.next()?, 12)?);
        let chain = parts.next()?.parse().ok()?;
        Some(Self { area, partition: parse_partition(partition)?, chain, n, attempt })
    }
}

/// A number in the one spelling that a key has for it: so many decimal digits, leading zeros included.
fn fixed<T: FromStr>(text: &str, digits: usize) -> Option<T> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_partition(text: &str) -> Option<Partition> {
    if text == "mixed" {
        return Some(Partition::Mixed);
    }
    let mut parts = text.split('/');
    let year = fixed(parts.next()?.strip_prefix("year=")?, 4)?;
    let month = fixed(parts.next()?.strip_prefix("month=")?, 2)?;
    let day = fixed(parts.next()?.strip_prefix("day=")?, 2)?;
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    parts.next().is_none().then_some(Partition::Day(date))
}

impl Partition {
    /// The partition of an instant: its date, if it is in one of the years 0 to 9999, which are those that a key has
    /// room for. What lies beyond is mixed, since a file whose key cannot be read back could never be swept.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        time.date().filter(|date| (0..=9999).contains(&date.year())).map_or(Self::Mixed, Self::Day)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => write!(f, "year={:04}/month={:02}/day={:02}", date.year(), date.month(), date.day()),
            Self::Mixed => f.write_str("mixed"),
        }
    }
}

impl fmt::Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.area {
            Area::Raw(table) => write!(f, "raw/{table}/")?,
            Area::Quarantine => f.write_str("quarantine/")?,
        }
        write!(f, "{}/{}.{:012}.{}.parquet", self.partition, self.chain, self.n.get(), self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_data_file_reads_back_from_its_key(
            table in prop::option::of("[a-z][a-z0-9_]{0,63}"),
            days in prop::option::of(0_i32..3_652_058),
            stream in "[a-zA-Z0-9_.-]{1,128}",
            created: u64,
            shard in "[a-zA-Z0-9_-]{1,20}",
            n in 0_u64..1_000_000_000_000,
            attempt: u128,
        ) {
            let file = DataFile {
                area: table.map_or(Area::Quarantine, |table| Area::Raw(table.parse().unwrap())),
                partition: days.map_or(Partition::Mixed, |days| {
                    Partition::Day(NaiveDate::from_num_days_from_ce_opt(days + 1).unwrap())
                }),
                chain: format!("shard.{stream}.{created}.{shard}").parse().unwrap(),
                n: RowNumber::new(n),
                attempt: AttemptId::from_u128(attempt),
            };
            let key = file.key();
            prop_assert_eq!(key.as_str().parse::<ObjectKey>(), Ok(key.clone()));
            prop_assert_eq!(DataFile::parse(&key), Ok(file));
        }

        #[test]
        fn no_text_makes_the_parser_panic_and_what_it_takes_it_gives_back(
            text in "(raw/e|quarantine)/(mixed|year=[0-9]{3,5}/month=[0-9]{1,2}/day=[0-9]{1,2})\
                     /shard\\.[a.]{1,3}\\.[0-9]{1,3}\\.s\\.[0-9]{11,13}\\.[0-9a-fA]{31,33}\\.parquet|[a-z0-9_.=/-]{0,80}"
        ) {
            if let Ok(key) = text.parse::<ObjectKey>() {
                prop_assert_eq!(key.as_str(), &text);
                if let Ok(file) = DataFile::parse(&key) {
                    prop_assert_eq!(file.key(), key);
                }
            }
        }
    }

    #[test]
    fn a_key_cannot_leave_the_lake() {
        for text in ["", "/", "/a", "a/", "a//b", "a/../b", "..", "a/.hidden", "a b", "a\\b", "ä", "a\0", "a%2e"] {
            assert!(text.parse::<ObjectKey>().is_err(), "{text:?}");
        }
        assert!("raw".parse::<KeyPrefix>().is_err());
        assert!("../".parse::<KeyPrefix>().is_err());
    }

    #[test]
    fn a_key_looks_like_this() {
        let file = DataFile {
            area: Area::Raw("events".parse().unwrap()),
            partition: Partition::Day(NaiveDate::from_ymd_opt(2026, 3, 7).unwrap()),
            chain: "shard.orders.1767225600000.shardId-000000000003".parse().unwrap(),
            n: RowNumber::new(41),
            attempt: AttemptId::from_u128(0xabc),
        };
        assert_eq!(
            file.key().as_str(),
            "raw/events/year=2026/month=03/day=07/shard.orders.1767225600000.shardId-000000000003\
             .000000000041.00000000000000000000000000000abc.parquet"
        );
    }
}
