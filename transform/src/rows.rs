//! The rows of the two kinds of file. What a file's rows share (the stream, the shard) is in
//! [`Source`](crate::batch::Source).

use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, Timestamp};

use crate::event::Event;

/// The version of the contract that judged a row: 0 is the built-in contract, the only one that exists here.
pub const CONTRACT_VERSION: i32 = 0;

/// An event and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// When the stream took its record.
    pub arrival: Timestamp,
    /// Its record.
    pub sequence: SequenceNumber,
    /// Which document of the record it is, from 0.
    pub sub: u32,
}

impl EventRow {
    /// What the row holds in memory, near enough to budget with.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.event.kind.len() + self.event.data.len()
    }
}

/// What is no event, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its record.
    pub sequence: SequenceNumber,
    /// Which document of the record it is, from 0; 0 also where it is the whole record.
    pub sub: u32,
    /// When the stream took its record.
    pub arrival: Timestamp,
    /// Why it is here, as a stable code.
    pub reason_code: &'static str,
    /// Why it is here, in words.
    pub detail: String,
    /// The bytes of the document, or of the whole record where it could not be taken apart.
    pub original: Bytes,
}

impl QuarantineRow {
    /// What the row holds in memory, near enough to budget with.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.detail.len() + self.original.len()
    }
}
