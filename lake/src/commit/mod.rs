//! The ingest commit: what a shard's chain says, and the pure state machine that decides what to do next.
//!
//! - [`Row`] and its versioned text: [`row`] and [`codec`].
//! - [`decide`]: from what is known and what just happened to the next step. It never awaits.
//! - [`proof`]: which reads prove that a record at or below the chain's end is committed already.
//!
//! The driver, which reads, writes and asks again, is in the ingest crate. Deliberately absent here: what an event
//! is, and how it becomes a file.

pub mod codec;
mod decide;
mod memory;
mod proof;
mod row;
mod shrink;

pub use decide::{Base, Command, Decision, Done, Refusal, State, Step, Tally, decide};
pub use memory::Memory;
pub use row::{Body, Closed, Commit, Counts, FileEntry, Late, Row, Stub};
pub use shrink::{ShrinkError, shrink_consumed};
