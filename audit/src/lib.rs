//! Reads a lake as its readers do, and recomputes what it must hold.

pub mod folder;
pub mod open;

pub use folder::Folder;
pub use open::{OpenError, Opened, catalog, contracts_in, open};
