//! Chains and the numbers of their rows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{IdError, ShardId, StreamId, TableName, serde_as_text};

/// The number of a row in its chain: 0, 1, 2, … without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowNumber(u64);

impl RowNumber {
    /// The first row of every chain.
    pub const FIRST: Self = Self(0);

    /// A row's number from its integer.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The integer.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The row after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The row before this one; the first row has none.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for RowNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A chain: a linear log in the ledger. Its text is its key there and the beginning of its objects' names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainId {
    /// The commits of one shard of a stream: `shard.<stream>.<created>.<shard>`.
    Shard {
        /// The stream.
        stream: StreamId,
        /// The shard.
        shard: ShardId,
    },
    /// The versions of one bucket of a table: `bucket.<table>.<epoch>.<bucket>`.
    Bucket {
        /// The table.
        table: TableName,
        /// The epoch, in which the number of buckets is one and the same.
        epoch: u32,
        /// The bucket.
        bucket: u32,
    },
    /// The epochs of a table, each with its number of buckets: `epochs.<table>`.
    Epochs {
        /// The table.
        table: TableName,
    },
}

const EXPECTED: &str = "shard.<stream>.<created ms>.<shard>, bucket.<table>.<epoch>.<bucket> or epochs.<table>";

/// An integer in its one spelling: no sign, no leading zero.
fn integer<T: FromStr + ToString>(text: &str) -> Result<T, IdError> {
    match text.parse::<T>() {
        Ok(value) if value.to_string() == text => Ok(value),
        _ => Err(IdError::new("chain id", "a number in it has another form", EXPECTED)),
    }
}

impl FromStr for ChainId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let other = || IdError::new("chain id", "it has another form", EXPECTED);
        let (kind, rest) = text.split_once('.').ok_or_else(other)?;
        if kind == "epochs" {
            return Ok(Self::Epochs { table: rest.parse()? });
        }
        // From the right: a stream's name may hold dots, what follows it may not.
        let mut parts = rest.rsplitn(3, '.');
        let (Some(third), Some(second), Some(first)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(other());
        };
        match kind {
            "shard" => Ok(Self::Shard {
                stream: StreamId { name: first.parse()?, created_ms: integer(second)? },
                shard: third.parse()?,
            }),
            "bucket" => Ok(Self::Bucket { table: first.parse()?, epoch: integer(second)?, bucket: integer(third)? }),
            _ => Err(other()),
        }
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard { stream, shard } => write!(f, "shard.{}.{}.{shard}", stream.name, stream.created_ms),
            Self::Bucket { table, epoch, bucket } => write!(f, "bucket.{table}.{epoch}.{bucket}"),
            Self::Epochs { table } => write!(f, "epochs.{table}"),
        }
    }
}
serde_as_text!(ChainId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_chain_reads_back_from_its_text(stream in "[a-zA-Z0-9_.-]{1,128}", created_ms: u64, shard in "[a-zA-Z0-9_-]{1,40}") {
            let chain = ChainId::Shard {
                stream: StreamId { name: stream.parse().unwrap(), created_ms },
                shard: shard.parse().unwrap(),
            };
            prop_assert_eq!(chain.to_string().parse::<ChainId>(), Ok(chain));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            if let Ok(chain) = text.parse::<ChainId>() {
                prop_assert_eq!(chain.to_string(), text);
            }
        }
    }

    #[test]
    fn a_bucket_reads_back_and_other_spellings_are_refused() {
        assert_eq!(
            "bucket.events.0.7".parse::<ChainId>().map(|chain| chain.to_string()),
            Ok("bucket.events.0.7".into())
        );
        assert_eq!("epochs.events".parse::<ChainId>().map(|chain| chain.to_string()), Ok("epochs.events".into()));
        for text in [
            "bucket.events.00.7",
            "bucket.events.+1.7",
            "bucket.events.7",
            "shard.a.1",
            "queue.a.1.b",
            "",
            "shard",
            "epochs.",
            "epochs.a.b",
        ] {
            assert!(text.parse::<ChainId>().is_err(), "{text:?}");
        }
    }
}
