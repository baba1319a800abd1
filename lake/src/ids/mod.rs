//! A newtype for every id, parsed once at the border and never a bare string inside.
//!
//! Every id that can reach an object key or a ledger key has an allow-list for its characters, so that no
//! value from outside ever needs escaping.

mod chain;
mod names;
mod sequence;
mod time;
mod unique;

pub use chain::{ChainId, RowNumber};
pub use names::{ShardId, StreamId, StreamName, TableName};
pub use sequence::{SequenceNumber, SequenceRange, SequenceSet};
pub use time::Timestamp;
pub use unique::{AttemptId, EventId};

/// A text that is not the id it should be: which id, what is wrong with it, and what would be right.
///
/// The offending text itself is not kept: it may come from a payload, and errors reach logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {id}: {problem}; expected {expected}")]
pub struct IdError {
    /// The id that was asked for.
    pub id: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What would have been accepted.
    pub expected: &'static str,
}

impl IdError {
    pub(crate) fn new(id: &'static str, problem: impl Into<String>, expected: &'static str) -> Self {
        Self { id, problem: problem.into(), expected }
    }
}

/// Implements the text forms of an id from its `Display` and `FromStr`: serde writes and reads the same text.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
