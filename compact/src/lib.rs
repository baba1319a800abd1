//! Compaction: raw deliveries to a table with each event once, and sums that are exact.
//!
//! ```text
//! registry ─▶ rows beyond the marks ─▶ plan ─▶ raw files ─▶ keep one copy of each event
//!                                                               │ ask the live files of the bucket
//!                                                               ▼
//!     published ◀── version row v+1 ◀── state ◀── new files ◀── arrange
//! ```
//!
//! - [`plan`], [`keep`] and [`arrange`] decide, and do not await.
//! - [`state`] is what a version is, and its texts.
//! - [`format`] is the port to the files of a table.
//!
//! Rules of this crate:
//! - The row of the bucket's chain decides. A run may overlap itself, die anywhere, or run twice.
//! - What is published is a function of a version, so anyone may publish it at any time.
//! - Files are deleted only when no reader can be reading them.

mod advance;
pub mod arrange;
pub mod config;
pub mod conserve;
pub mod driver;
pub mod epoch;
pub mod error;
pub mod format;
pub mod head;
mod intake;
mod io;
pub mod keep;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod parquet;
pub mod plan;
pub mod publish;
pub mod report;
mod rewrite;
pub mod rollup;
mod seed;
pub mod state;
mod stubs;
pub mod sweep;
pub mod task;

pub use driver::{Compactor, Finished, Ran, Settings};
pub use error::CompactError;
pub use format::TableFormat;
pub use parquet::ParquetTables;
pub use report::Report;
