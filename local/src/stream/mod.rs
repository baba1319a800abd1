//! The stream: what was put, by shards, until it is consumed and its retention is over.
//!
//! ```text
//! endpoint ──put, split, merge──▶ Writer ──one transaction for all that wait──▶ stream.sqlite
//!                                                                                  │
//! mapping ◀──pages of a shard, after a position── Reader ◀──────────────────────────┘
//! ```
//!
//! - What was acknowledged is on the disk: the write-ahead log is synced before a reply is given. A put whose reply was
//!   lost may be there, as with Kinesis.
//! - One thread writes. All commands that wait for it go into one transaction, so the cost of a sync is shared.
//! - A position is a number of the store's own that only grows. [`sequence`] dresses it as a sequence number.
//! - A record leaves only when it is older than the retention of its stream **and** the mapping's checkpoint is past it.
//!   Kinesis forgets what nobody consumed; on one machine the disk is the limit, and nothing is lost to a clock.
//! - [`topology`] is pure: which shard takes a hash, and what a split or a merge makes of the shards.

pub mod limits;
mod round;
pub mod sequence;
pub mod store;
pub mod topology;
pub mod writer;

pub use store::{Checkpoint, Progress, Reader, Stored, StreamError};
pub use topology::{Shard, Stream, Streams};
pub use writer::{Entry, Placed, Refused, Writer};
