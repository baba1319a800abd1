//! Reads a lake as its readers do, and recomputes what it must hold.

pub mod folder;

pub use folder::Folder;
