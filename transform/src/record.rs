//! What the caller hands over: records as they were delivered.

use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, Timestamp};

use crate::reason::Reason;

/// A record of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the shard.
    pub sequence: SequenceNumber,
    /// When the stream took it: the same at every retry, so that whatever depends on it is, too.
    pub arrival: Timestamp,
    /// What it holds.
    pub payload: Payload,
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Its bytes.
    Data(Bytes),
    /// What the invocation could not even hand over, for instance because its base64 is wrong.
    Undecodable {
        /// The bytes as the invocation had them.
        original: Bytes,
        /// What is wrong with them.
        reason: Reason,
    },
}
