//! The bytes of a record to events, and events to Parquet files.
//!
//! ```text
//! Record ──unpack──▶ documents ──Event::parse──▶ EventRow ─┐
//!    │                   │                                 ├─ Batch::finish ──FileFormat──▶ OutputFile
//!    └───────────────────┴────── Reason ──▶ QuarantineRow ─┘
//! ```
//!
//! Rules of this crate:
//! - It is synchronous and does no I/O, reads no clock and draws no randomness: the same records give the same
//!   bytes. An event's age is judged against the arrival of its record, so a retry judges it alike.
//! - It is total. Whatever a record holds, it yields at least one row: an event, or a quarantine row with the
//!   original bytes and a typed [`Reason`]. Only [`FormatError`] is an error, and data does not cause it.
//! - Nothing is altered on the way: what an event says beyond its id, type and time is kept byte for byte, and
//!   what could not be kept exactly is quarantined rather than rounded.
//! - Every loop and every allocation is bounded by a named value of [`Limits`], and no recursion follows the input.
//! - No value of an event appears in a [`Reason`]'s text, because such texts reach logs.
//!
//! Deliberately absent: contracts. This is the built-in contract, which takes any JSON object that has an id, a
//! type and a time, and keeps the rest as JSON text. Deduplication is the business of compaction.

pub mod batch;
mod columns;
mod compression;
pub mod contract;
pub mod decode;
pub mod format;
pub mod json;
pub mod kpl;
mod layout;
pub mod limits;
pub mod parquet;
pub mod reason;
pub mod record;
pub mod rows;
pub mod unpack;
pub mod value;

pub use batch::{Batch, Counts, Output, OutputFile, Pushed, Source};
pub use contract::Contract;
pub use decode::{Catalog, CatalogError};
pub use format::{FileFormat, FormatError};
pub use limits::Limits;
pub use parquet::Parquet;
pub use reason::Reason;
pub use record::{Payload, Record};
pub use rows::{QuarantineRow, Rows};
pub use value::Secrets;
