//! Why an invocation fails. Each is a matter of infrastructure or of a defect; none is a matter of the data.

use iguazu_lake::commit::Refusal;
use iguazu_lake::commit::codec::CodecError;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::invariants::Violation;
use iguazu_lake::ports::PortError;
use iguazu_transform::FormatError;

/// Why an invocation fails. Lambda then delivers its records again, and what was committed is recognised.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The payload is not an invocation of a Kinesis event source mapping.
    #[error("the invocation is malformed: {problem}; expected the event of a Kinesis event source mapping")]
    Malformed {
        /// What is wrong, by record index, never by content.
        problem: String,
    },
    /// An object that is to be driven again is none that a mapping gave up.
    #[error("{problem}; expected what an event source mapping leaves at its on-failure destination on S3")]
    NotGivenUp {
        /// What is wrong, never the content.
        problem: String,
    },
    /// What a mapping gave up could not be driven again.
    #[error("{place} could not be driven again")]
    Redrive {
        /// The object.
        place: String,
        /// Why.
        source: Box<IngestError>,
    },
    /// A port failed for longer than the retries last.
    #[error("{doing} failed")]
    Port {
        /// What was being done.
        doing: &'static str,
        /// The port's error.
        source: PortError,
    },
    /// The invocation's time is nearly over; it stops by itself before it is killed.
    #[error("stopped at {now}, before the invocation's deadline {deadline}: raise the timeout or lower the batch size")]
    Deadline {
        /// When it stopped.
        now: Timestamp,
        /// When it would have been killed.
        deadline: Timestamp,
    },
    /// The commit protocol cannot go on.
    #[error("the commit was refused")]
    Refused(#[from] Refusal),
    /// An invariant would be broken by what was about to be committed.
    #[error("the commit was withheld")]
    Violated(#[from] Violation),
    /// A row of the ledger cannot be read or written.
    #[error("a row of the ledger is not understood")]
    Codec(#[from] CodecError),
    /// A file could not be encoded.
    #[error("a file could not be encoded")]
    Format(#[from] FormatError),
    /// The source of attempt ids repeats itself.
    #[error("{tries} attempt ids in a row were taken already: the source of randomness repeats itself")]
    AttemptsNotFresh {
        /// How many were tried.
        tries: u32,
    },
    /// The budget was used up, and the answer cannot say where to go on: the mapping does not understand partial
    /// answers, or the invocation holds several shards. What is committed is recognised when it comes again.
    #[error("the first part of the batch is committed; the rest of its {shards} shard(s) must be delivered again")]
    Unfinished {
        /// How many shards the invocation holds.
        shards: usize,
    },
}

impl IngestError {
    pub(crate) fn port(doing: &'static str) -> impl FnOnce(PortError) -> Self {
        move |source| Self::Port { doing, source }
    }
}
