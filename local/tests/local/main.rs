//! The parts of the pipeline on one machine, each over a real store.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod endpoint;
mod mapping;
mod pipeline;
mod stream;
