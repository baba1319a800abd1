//! The two ports: everything that the core asks of the world outside the process.
//!
//! Every adapter of a port passes the one conformance suite of that port. An adapter makes one try per call;
//! trying again is the caller's business ([`crate::retry`]), because only the caller knows its deadline.

mod error;
mod ledger;
mod objects;

pub use error::{Fault, PortError};
pub use ledger::{Ledger, PutRow, Shrunk, StoredRow};
pub use objects::{ETag, Object, Objects, PutIfAbsent, PutIfMatch};
