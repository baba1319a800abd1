//! The texts of versions: the row in the ledger, the state object and the partition objects. JSON, so that a person can
//! read them.
//!
//! Version 1 of each. Unknown versions and unknown fields are refused: a program that does not know what a version says
//! must not commit after it. Every version that ever shipped has a golden file.

use bytes::Bytes;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, RowNumber, Timestamp};
use iguazu_lake::ports::StoredRow;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{LiveFile, State};

/// The version that is written.
pub const VERSION: u32 = 1;

/// A text that this program cannot read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It has a version of a later program.
    #[error("{what} has version {found}, this program knows up to {VERSION}: deploy the newer one everywhere")]
    UnknownVersion {
        /// Which text.
        what: String,
        /// The version in it.
        found: u32,
    },
    /// It is not what any version writes, or not what was written.
    #[error("{what} is damaged")]
    Damaged {
        /// Which text.
        what: String,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// It does not have its recorded checksum.
    #[error("{what} does not have its recorded checksum")]
    Checksum {
        /// Which text.
        what: String,
    },
}

/// What a row of a bucket's chain says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum VersionBody {
    /// A version.
    Version {
        /// The checksum of its state object, whose key follows from the chain, the row and the attempt.
        state: Sha256Sum,
        /// When it was committed, by the clock of whoever did.
        at: Timestamp,
    },
    /// The epoch is over: no row follows, and the state is still that of the version before.
    Closed {
        /// That version; none where the bucket never had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<RowNumber>,
    },
}

/// A row of a bucket's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Its number: the version.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// What it says.
    pub body: VersionBody,
}

/// What a row of a table's chain of epochs says. The row's number is the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochBody {
    /// The number of buckets, a power of two.
    pub buckets: u32,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    body: T,
}

/// Reads a text of any version that ever shipped.
///
/// # Errors
/// Where it is of a later version, or damaged.
pub fn decode<T: DeserializeOwned>(what: impl Fn() -> String, text: &[u8]) -> Result<T, CodecError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let version: Version =
        serde_json::from_slice(text).map_err(|source| CodecError::Damaged { what: what(), source })?;
    if version.v != VERSION {
        return Err(CodecError::UnknownVersion { what: what(), found: version.v });
    }
    let body =
        serde_json::from_slice::<Enclosed<T>>(text).map_err(|source| CodecError::Damaged { what: what(), source })?;
    Ok(body.body)
}

/// A body with its version, read without flattening, so that unknown fields are refused.
struct Enclosed<T> {
    body: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Enclosed<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        fields.remove("v");
        let body = T::deserialize(serde_json::Value::Object(fields)).map_err(serde::de::Error::custom)?;
        Ok(Self { body })
    }
}

/// Writes a text as the newest version.
#[must_use]
pub fn encode<T: Serialize>(body: &T) -> String {
    // Maps with keys that are texts, and numbers: nothing of it can fail to be JSON.
    serde_json::to_string(&Versioned { v: VERSION, body }).unwrap_or_default()
}

/// Reads a row of a bucket's chain.
///
/// # Errors
/// Where it is of a later version, or damaged.
pub fn row(stored: &StoredRow) -> Result<VersionRow, CodecError> {
    let body = decode(|| format!("version {}", stored.n), stored.body.as_bytes())?;
    Ok(VersionRow { n: stored.n, attempt: stored.attempt, body })
}

/// Writes a row of a bucket's chain.
#[must_use]
pub fn stored(row: &VersionRow) -> StoredRow {
    StoredRow { n: row.n, attempt: row.attempt, body: encode(&row.body) }
}

/// The files of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionFiles {
    /// The live ones, in the order of their event times.
    pub files: Vec<LiveFile>,
}

/// An object's bytes and their checksum.
#[must_use]
pub fn object<T: Serialize>(body: &T) -> (Bytes, Sha256Sum) {
    let bytes = Bytes::from(encode(body));
    let sum = Sha256Sum::of(&bytes);
    (bytes, sum)
}

/// Reads an object, which must be the one that its row recorded.
///
/// # Errors
/// Where it is another, of a later version, or damaged.
pub fn read<T: DeserializeOwned>(what: &str, bytes: &[u8], sum: &Sha256Sum) -> Result<T, CodecError> {
    if Sha256Sum::of(bytes) != *sum {
        return Err(CodecError::Checksum { what: what.to_owned() });
    }
    decode(|| what.to_owned(), bytes)
}

/// Reads a state object.
///
/// # Errors
/// As [`read`].
pub fn state(what: &str, bytes: &[u8], sum: &Sha256Sum) -> Result<State, CodecError> {
    read(what, bytes, sum)
}
