//! What is written is what was read, whatever way it goes, and what is found is what is there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod finding;
mod summing;
mod support;
mod writing;
