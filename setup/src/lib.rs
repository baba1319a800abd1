//! What every program of ours does at its start.
//!
//! - [`environment`]: the variables of the process, read once.
//! - [`variables`]: settings of them, validated once, with every problem told.
//! - [`contracts`]: the tables' contracts of a folder.
//! - [`logs`]: where logs go (feature `logs`).
//!
//! Deliberately absent: what the settings of a program are.

use std::error::Error;

pub mod contracts;
pub mod environment;
#[cfg(feature = "logs")]
pub mod logs;
pub mod variables;

/// An error with all its causes, for a log line.
#[must_use]
pub fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
