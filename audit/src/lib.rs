//! Reads a lake as its readers do, and recomputes what it must hold.
//!
//! ```text
//! ledger ─▶ deliveries ─▶ raw files ─▶ model ─▶ what a table must hold ─╮
//!                                                                       ├─ compare ─▶ findings
//! snapshot ─▶ view ─────▶ live files ─▶ held ─▶ what the table holds ───╯
//! ```
//!
//! - [`open`](mod@open): the lake, the ledger and the contracts of a data folder.
//! - [`model`]: what a table must hold, by brute force from the rows that were delivered.
//! - [`deliveries`](mod@deliveries) and [`view`](mod@view): what was committed, and what readers are shown.
//! - [`held`](mod@held): what the live files and the roll-ups of a view hold.
//! - [`verify`](mod@verify): all of it, one against the other.
//! - [`trace`](mod@trace): one event, from its deliveries to the roll-ups that count it.
//! - [`status`](mod@status): how far shards and tables have come.
//!
//! Rules of this crate:
//! - It is the independent proof. It shares the formats with compaction, the texts and the keys, and nothing that computes.
//! - What is wrong with a lake is a [`Finding`], and never an error: the rest of the lake is looked at all the same.
//! - Nothing is decoded before its checksum is known to be right, and a reader that panics all the same is a finding.
//! - Memory is bounded: tables are gone through in parts of their placements.
//! - It changes nothing, so it may be run beside the pipeline at any time.

mod compare;
mod content;
mod error;
mod file;
mod finding;
mod heads;
mod rows;
mod sums;

pub mod deliveries;
pub mod folder;
pub mod held;
pub mod model;
pub mod open;
pub mod status;
pub mod trace;
pub mod value;
pub mod verify;
pub mod view;

pub use compare::compare;
pub use content::Fingerprint;
pub use deliveries::{Deliveries, deliveries};
pub use error::AuditError;
pub use finding::{Finding, Problem};
pub use folder::Folder;
pub use held::{Held, held};
pub use model::{Expected, Model};
pub use open::{OpenError, Opened, catalog, contracts_in, open};
pub use status::{ShardStatus, Status, TableStatus, status, status_after};
pub use sums::Rollups;
pub use trace::{Trace, trace};
pub use value::{Cell, GroupKey, Measured, Value};
pub use verify::{Options, Progress, Verified, verify};
pub use view::{View, view};
