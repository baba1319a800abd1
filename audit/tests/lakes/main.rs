//! Lakes that are right, and lakes that are wrong in every way that a verification is to find.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests: a panic is a finding"
)]

mod defects;
mod disk;
mod forge;
mod model;
mod publication;
mod right;
mod tracing;
mod world;
