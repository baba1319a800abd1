//! Names that people or Kinesis give: streams, shards, tables.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{IdError, serde_as_text};

/// Checks a name against its allow-list and length.
fn check(
    id: &'static str,
    text: &str,
    length_max: usize,
    expected: &'static str,
    allowed: fn(usize, char) -> bool,
) -> Result<Arc<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::new(id, "it is empty", expected));
    }
    if text.len() > length_max {
        return Err(IdError::new(id, format!("it has {} bytes, the limit is {length_max}", text.len()), expected));
    }
    match text.chars().enumerate().find(|&(at, c)| !allowed(at, c)) {
        Some((at, _)) => Err(IdError::new(id, format!("the character at position {at} is not allowed"), expected)),
        None => Ok(text.into()),
    }
}

/// The name of a Kinesis stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl FromStr for StreamName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        check("stream name", text, 128, "1 to 128 characters of [a-zA-Z0-9_.-]", |_, c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
        })
        .map(Self)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(StreamName);

/// A stream: its name and when it was created, since a stream that is deleted and made again under the same
/// name numbers its shards and its records anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The stream's name.
    pub name: StreamName,
    /// Its creation time in milliseconds since the epoch, as Kinesis reports it.
    pub created_ms: u64,
}

/// A shard of a stream, as the `eventID` of a record names it.
///
/// No dots, unlike what the Kinesis API would permit: the dot separates the parts of a chain's text. At most 40
/// bytes, so that a file's name fits every file system. Kinesis itself writes `shardId-` and twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(Arc<str>);

impl FromStr for ShardId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        check("shard id", text, 40, "1 to 40 characters of [a-zA-Z0-9_-]", |_, c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
        })
        .map(Self)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(ShardId);

/// A table of the lake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(Arc<str>);

impl FromStr for TableName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        check("table name", text, 64, "a lower-case letter, then up to 63 of [a-z0-9_]", |at, c| {
            c.is_ascii_lowercase() || (at > 0 && (c.is_ascii_digit() || c == '_'))
        })
        .map(Self)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(TableName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_folder_is_refused() {
        for text in ["", "..", "a/b", "a.b", "Events", "1events", "a b", "ä", "a%2fb", &"a".repeat(65)] {
            assert!(text.parse::<TableName>().is_err(), "{text:?}");
        }
        for text in ["a/b", "a.b", "", "shardId 1", &"s".repeat(41)] {
            assert!(text.parse::<ShardId>().is_err(), "{text:?}");
        }
        for text in ["a/b", "", "ä", &"s".repeat(129)] {
            assert!(text.parse::<StreamName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_and_where_and_what_would_be_right() {
        let error = "orders!".parse::<TableName>().map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("not a table name: the character at position 6 is not allowed; \
                 expected a lower-case letter, then up to 63 of [a-z0-9_]"
                .to_owned())
        );
    }
}
