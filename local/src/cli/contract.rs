//! `iguazu contract`: what one can do with contracts before they are in force. None of it needs a data folder.

mod check;
mod ddl;
mod diff;
mod docs;
mod infer;
mod source;
mod test;

use super::{Answer, Common};

pub use ddl::{Location, statements};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tells everything that is wrong with contracts, and whether they contradict each other.
    Check(check::Args),
    /// Tells what a new version changes, and whether it may follow the old one.
    Diff(diff::Args),
    /// Drafts a contract from sample events.
    Infer(infer::Args),
    /// Prints the statements that make tables known to Athena.
    Ddl(ddl::Args),
    /// Prints a data dictionary, or a JSON Schema for producers.
    Docs(docs::Args),
    /// Runs the tests beside contracts: sample events, and what must become of them.
    Test(test::Args),
}

pub fn run(common: &Common, command: Command) -> Answer {
    match command {
        Command::Check(args) => check::run(common, args),
        Command::Diff(args) => diff::run(common, args),
        Command::Infer(args) => infer::run(common, args),
        Command::Ddl(args) => ddl::run(common, args),
        Command::Docs(args) => docs::run(common, args),
        Command::Test(args) => test::run(common, args),
    }
}
