//! `iguazu quarantine`: what was refused, why, and how it gets in after all.

mod list;
mod replay;
pub mod rows;
mod show;
mod store;

#[cfg(test)]
pub use store::files;
pub use store::left_out;

use super::condition::{Field, text, time};
use super::{Answer, Common};

/// What conditions on rows of quarantine may be about.
pub const FIELDS: [Field; 9] = [
    text("reason"),
    text("table"),
    text("contract"),
    text("stream"),
    text("shard"),
    text("sequence"),
    text("path"),
    text("found"),
    time("arrival"),
];

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists what was refused, by reason or row by row.
    List(list::Args),
    /// Shows one row whole, with the bytes that were delivered.
    Show(show::Args),
    /// Sends what was refused through the contracts in force once more.
    Replay(replay::Args),
}

pub fn run(common: &Common, command: Command) -> Answer {
    match command {
        Command::List(args) => list::run(common, args),
        Command::Show(args) => show::run(common, args),
        Command::Replay(args) => replay::run(common, args),
    }
}
