//! What is said on the wire: requests, answers and refusals, in JSON 1.1 or CBOR 1.1.
//!
//! The shapes are the same in both; what differs is told by [`Blob`] and [`Moment`]: bytes are base64 in JSON and bytes
//! in CBOR, times are seconds in JSON and tagged milliseconds in CBOR.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stream::StreamError;
use crate::stream::topology::TopologyError;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// JSON 1.1.
    Json,
    /// CBOR 1.1.
    Cbor,
}

impl Codec {
    /// The content type that names it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// Where the body is not such a request.
    pub fn read<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, Refusal> {
        let problem = match self {
            Self::Json => match serde_json::from_slice(if body.is_empty() { b"{}" } else { body }) {
                Ok(request) => return Ok(request),
                Err(error) => error.to_string(),
            },
            Self::Cbor => match ciborium::from_reader(body) {
                Ok(request) => return Ok(request),
                Err(error) => error.to_string(),
            },
        };
        Err(Refusal::new("SerializationException", format!("the request cannot be read: {problem}")))
    }

    /// Writes an answer.
    ///
    /// # Errors
    /// Never, as our answers go.
    pub fn write<T: Serialize>(self, answer: &T) -> Result<Vec<u8>, Refusal> {
        let unwritable = |problem: String| Refusal::internal(format!("the answer cannot be written: {problem}"));
        match self {
            Self::Json => serde_json::to_vec(answer).map_err(|error| unwritable(error.to_string())),
            Self::Cbor => {
                let mut body = Vec::new();
                ciborium::into_writer(answer, &mut body).map_err(|error| unwritable(error.to_string()))?;
                Ok(body)
            }
        }
    }
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The name of the error, as the SDKs know it.
    pub kind: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal for which the request is to blame.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, kind, message: message.into() }
    }

    /// An argument that cannot be.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    /// An operation that is not carried out here.
    pub fn unknown_operation(message: impl Into<String>) -> Self {
        Self::new("UnknownOperationException", message)
    }

    /// A failure that is ours; an SDK tries again.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: 500, kind: "InternalFailure", message: message.into() }
    }
}

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        let message = error.to_string();
        match error {
            StreamError::NoStream(_) | StreamError::Topology(TopologyError::NoShard(_)) => {
                Self::new("ResourceNotFoundException", message)
            }
            StreamError::Exists(_) => Self::new("ResourceInUseException", message),
            StreamError::Topology(TopologyError::Exhausted) => Self::new("LimitExceededException", message),
            StreamError::Topology(_) => Self::argument(message),
            StreamError::Stopped => Self { status: 503, kind: "ServiceUnavailable", message },
            StreamError::File { .. } | StreamError::Sqlite { .. } | StreamError::Unwritten { .. } => {
                Self::internal(message)
            }
        }
    }
}

/// The body of a refusal.
#[derive(Serialize)]
pub struct ErrorBody<'a> {
    /// The name of the error.
    #[serde(rename = "__type")]
    pub kind: &'static str,
    /// What is wrong.
    pub message: &'a str,
}

/// Bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Blob;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("data as base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
                // The decoder's own error would tell a byte of the data.
                let bytes = BASE64_STANDARD.decode(text).map_err(|_| E::custom("the data is not base64"))?;
                Ok(Blob(Bytes::from(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(Bytes::copy_from_slice(bytes)))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(Bytes::from(bytes)))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Either)
        } else {
            deserializer.deserialize_byte_buf(Either)
        }
    }
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time fit a double")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.0.millis() as f64 / 1_000.0)
        } else {
            ciborium::tag::Required::<i64, 1>(self.0.millis()).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates, and every time is a time")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let seconds = f64::deserialize(deserializer)?;
            Ok(Self(Timestamp::from_millis((seconds * 1_000.0) as i64)))
        } else {
            let ciborium::tag::Accepted::<ciborium::Value, 1>(ms) = Deserialize::deserialize(deserializer)?;
            let whole = ms.as_integer().and_then(|ms| i64::try_from(ms).ok());
            let ms = whole.or_else(|| ms.as_float().map(|ms| ms as i64));
            ms.map(|ms| Self(Timestamp::from_millis(ms))).ok_or_else(|| D::Error::custom("a time is no number"))
        }
    }
}

/// A record to put.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEntry {
    /// The data.
    pub data: Blob,
    /// Its partition key.
    pub partition_key: String,
    /// Where it goes, in place of the hash of the partition key.
    #[serde(default)]
    pub explicit_hash_key: Option<String>,
}

/// `PutRecord`.
#[derive(Deserialize)]
pub struct PutRecord {
    /// The stream, by name.
    #[serde(rename = "StreamName", default)]
    pub stream_name: Option<String>,
    /// The stream, by ARN.
    #[serde(rename = "StreamARN", default)]
    pub stream_arn: Option<String>,
    /// The data.
    #[serde(rename = "Data")]
    pub data: Blob,
    /// Its partition key.
    #[serde(rename = "PartitionKey")]
    pub partition_key: String,
    /// Where it goes, in place of the hash of the partition key.
    #[serde(rename = "ExplicitHashKey", default)]
    pub explicit_hash_key: Option<String>,
}

/// `PutRecords`.
#[derive(Deserialize)]
pub struct PutRecords {
    /// The stream, by name.
    #[serde(rename = "StreamName", default)]
    pub stream_name: Option<String>,
    /// The stream, by ARN.
    #[serde(rename = "StreamARN", default)]
    pub stream_arn: Option<String>,
    /// The records.
    #[serde(rename = "Records")]
    pub records: Vec<PutEntry>,
}

/// What became of a record.
#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
pub struct PutResult {
    /// Its sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// Its shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_id: Option<String>,
    /// Why it was not put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// The answer to `PutRecords`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecordsAnswer {
    /// Records that were not put.
    pub failed_record_count: usize,
    /// What became of each.
    pub records: Vec<PutResult>,
    /// What data is encrypted by.
    pub encryption_type: &'static str,
}

/// The arguments of all other operations: each takes those that it knows.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct Arguments {
    /// The stream, by name.
    pub stream_name: Option<String>,
    /// The stream, by ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// How many shards a new stream has.
    pub shard_count: Option<u32>,
    /// How many shards there shall be.
    pub target_shard_count: Option<u32>,
    /// A shard.
    pub shard_id: Option<String>,
    /// The shard to split.
    pub shard_to_split: Option<String>,
    /// Where its second half begins.
    pub new_starting_hash_key: Option<String>,
    /// The shard to merge.
    pub shard_to_merge: Option<String>,
    /// The one that it is merged with.
    pub adjacent_shard_to_merge: Option<String>,
    /// Where an iterator begins.
    pub shard_iterator_type: Option<String>,
    /// The sequence number that it begins at or after.
    pub starting_sequence_number: Option<String>,
    /// The time that it begins at.
    pub timestamp: Option<Moment>,
    /// An iterator.
    pub shard_iterator: Option<String>,
    /// How many items are wanted.
    pub limit: Option<usize>,
    /// How many items are wanted, in listings.
    pub max_results: Option<usize>,
    /// Where a listing goes on.
    pub next_token: Option<String>,
    /// The shard that a listing goes on behind.
    pub exclusive_start_shard_id: Option<String>,
    /// The stream that a listing goes on behind.
    pub exclusive_start_stream_name: Option<String>,
    /// Hours that records are kept.
    pub retention_period_hours: Option<u32>,
}
