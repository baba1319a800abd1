//! Ingest: from an invocation of Lambda's Kinesis event source mapping to a commit in the shard's chain.
//!
//! - [`invocation`]: shard, sequence number and data out of the event, whatever state it is in. `usual` reads the form
//!   that Lambda writes; what differs from it goes to the event's types, or is salvaged record by record.
//! - [`Ingest`]: the driver around [`iguazu_lake::commit::decide`]. It reads, writes and asks again, and decides nothing.
//! - [`redrive`]: what a mapping gave up, and the requests to drive it again.
//! - [`report`]: what one invocation did, and the same as CloudWatch metrics.
//! - [`config`]: the environment, read and validated once; the tables' contracts likewise. Without any
//!   there is one table, by the built-in contract.
//! - `lambda`: the Lambda function itself (feature `lambda`).
//!
//! Rules: success is returned only after the commit; data never fails a batch, only infrastructure does; nothing
//! runs on after the handler has returned.

pub mod config;
mod driver;
mod error;
pub mod invocation;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod redrive;
pub mod report;
mod streams;
mod usual;

pub use driver::{Handled, Ingest, Settings};
pub use error::IngestError;
pub use streams::{FixedStreams, Streams};
