//! Versions of buckets to Delta logs, for Spark, DuckDB, Polars, Athena and Databricks. Opt-in: nothing else depends on
//! this crate.
//!
//! ```text
//! versions ─▶ what each log is to hold ─┐
//!                                       ├─▶ one commit: add, remove, txn ─▶ put if absent
//! log ─▶ what it holds ─────────────────┘            └─ taken? read again
//! ```
//!
//! - A table's log lies at `data/<table>/_delta_log/`, a roll-up's at `rollups/<table>/<rollup>/_delta_log/`: beside the
//!   files, which it names by their paths below its root. No file is written or copied for it.
//! - The `txn` of a bucket, by the text of its chain, is the version of it that the log holds.
//! - Logs are read by Delta's own library through [`PortStore`], so that they lie wherever everything else lies.
//!
//! Rules of this crate:
//! - A commit adds and removes files of whole versions: a reader sees every bucket at one of its versions.
//! - No bucket goes back, whoever publishes, in whatever order, and however often.
//! - Nothing is deleted. A file that the log has removed is compaction's to sweep, after the grace period; commits and
//!   checkpoints of the log stay.
//! - Nobody else writes to these logs. Where somebody has, publication stops and says so.

mod actions;
mod decide;
mod error;
mod log;
mod publish;
mod publisher;
mod schema;
mod store;

pub use error::DeltaError;
pub use publish::{Outcome, Publication, Published, publish};
pub use publisher::DeltaPublisher;
pub use store::PortStore;
