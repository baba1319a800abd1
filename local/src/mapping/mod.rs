//! The event source mapping: what carries records from the shards of a stream to the function, as Lambda's does.
//!
//! ```text
//! Reader ──page──▶ batch ──payload──▶ Function ──answer──▶ Cursor ──checkpoint──▶ Writer
//!                    ▲                                       │
//!                    └──── the same again, a half, the rest ─┘──▶ what is given up: failures/
//! ```
//!
//! - One batch of a shard is under way at a time. A batch is full at so many records or at 6 MB of payload, or goes after
//!   a window.
//! - Success moves the checkpoint behind the batch; a partial answer moves it to before the first record that failed;
//!   a failure moves nothing, and the batch comes again, whole or, if so set, cut in two.
//! - Retries and age are without limit unless told otherwise. What exceeds a limit is written to the failures first, the
//!   whole invocation with it, and only then passed over.
//! - Children of a shard begin when their parents were read to the end.
//! - Checkpoints are durable, but moved after the fact: after a crash a batch may come again, cut anywhere.
//!
//! [`cursor`] decides and is pure; [`poll`] reads, invokes and writes; [`payload`] writes what the function is handed.

pub mod cursor;
pub mod failures;
pub mod payload;
pub mod poll;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;

/// What batches are handed to.
pub trait Function: Send + Sync + 'static {
    /// Invokes it with a payload and gives its answer, which is JSON, or the text of its error.
    fn invoke(&self, payload: Bytes, deadline: Timestamp) -> impl Future<Output = Result<Bytes, String>> + Send;
}

/// How the mapping is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Records of a batch, at most.
    pub batch_records_max: usize,
    /// How long a batch that is not full waits for more.
    pub batch_window: Duration,
    /// Bytes of a payload, at most, unless a single record has more.
    pub payload_bytes_max: usize,
    /// How often a batch that fails is tried again. Nothing: for ever.
    pub retries_max: Option<u32>,
    /// How old a record may become. Nothing: as old as it gets.
    pub record_age_max: Option<Duration>,
    /// Whether a batch that fails is cut in two.
    pub bisect: bool,
    /// Whether the function answers with the items that failed.
    pub partial_answers: bool,
    /// How long an invocation may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_records_max: 10_000,
            batch_window: Duration::from_millis(500),
            payload_bytes_max: 6 << 20,
            retries_max: None,
            record_age_max: None,
            bisect: true,
            partial_answers: true,
            timeout: Duration::from_secs(60),
        }
    }
}
