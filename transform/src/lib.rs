//! Contracts of tables, and by them the bytes of a record to rows, and rows to Parquet files.
//!
//! ```text
//!                         *.toml ──▶ Contract ──▶ Catalog
//!                                                    │
//! Record ──unpack──▶ documents ──────────────▶ walk, route, take ──▶ Rows, by table ─┐
//!    │                   │                           │                               ├─ Batch::finish ──▶ OutputFile
//!    └───────────────────┴───────── Reason ──────────┴─────────────▶ QuarantineRow ──┘   by a FileFormat
//! ```
//!
//! - [`contract`]: what a table is, read from its text, and what else comes of it.
//! - [`unpack`]: a record to documents; [`kpl`] and its compression are the wrappings.
//! - [`decode`]: a document to a row of the table that its type belongs to, or to a [`Reason`]. [`json`] says where its
//!   tokens stand, and [`value`] what a value becomes in its column.
//! - [`batch`]: rows to the files of a commit; [`parquet`] is their format.
//!
//! Rules of this crate:
//! - It is synchronous and does no I/O, reads no clock and draws no randomness: the same records give the same
//!   bytes. An event's age is judged against the arrival of its record, so a retry judges it alike.
//! - It is total. Whatever a record holds, it yields at least one row: an event, or a quarantine row with the
//!   original bytes and a typed [`Reason`]. Only [`FormatError`] is an error, and data does not cause it.
//! - Nothing is altered but by a step that the contract names: what does not fit its column exactly is quarantined
//!   rather than rounded or cut, and what no column holds is kept byte for byte unless the contract gives it up. The
//!   one type that rounds is `float64`.
//! - What a document may cost is bounded by the named values of [`Limits`] and of its contract's
//!   [`EventLimits`](contract::EventLimits), and no recursion follows the input.
//! - Neither a value nor a name of an event appears in a [`Reason`]'s text, because such texts reach logs.
//!
//! Without contracts there is the [built-in one](Contract::built_in), which takes any JSON object that has an id, a
//! type and a time, and keeps the rest as JSON text.
//!
//! Deliberately absent: reading contracts from a place, which is I/O. Deduplication, partitions by type and roll-ups are
//! the business of compaction.

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
