//! The command line: what can be said, and how answers and errors look.
//!
//! Rules:
//! - A command writes its answer to standard output, as a table for people or, with `--json`, as JSON for programs: one
//!   document, or one line per item where it goes on for long. Everything else goes to standard error.
//! - The exit code is 0 where all is well, 1 where the answer is "no" (a verification that failed, contracts that may not
//!   follow each other), and 2 where the command could not be carried out.
//! - An error says what is wrong, where, and what to do next.

mod condition;
mod contract;
mod judge;
mod lake;
mod log;
mod present;
mod progress;
mod quarantine;
mod query;
mod redrive;
mod status;
mod tap;
#[cfg(test)]
mod tests;
mod top;
mod trace;
mod up;
mod variables;
mod verify;
#[cfg(test)]
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use iguazu_audit::Folder;

/// How a command ended, if it could be carried out.
pub type Answer = miette::Result<ExitCode>;

/// The answer "no": carried out, and something is not as it should be.
pub const NO: u8 = 1;
/// It could not be carried out.
pub const FAILED: u8 = 2;

#[derive(Parser)]
/// Carries events from Kinesis into a lake of Parquet files, each exactly once.
#[command(name = "iguazu", version, propagate_version = true)]
struct Cli {
    /// The data folder of the pipeline.
    #[arg(long, global = true, value_name = "FOLDER", env = "IGUAZU_DATA", default_value = "iguazu-data")]
    data: PathBuf,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What every command is told.
pub struct Common {
    /// The data folder.
    pub folder: Folder,
    /// Whether to answer in JSON.
    pub json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole pipeline on this machine.
    Up(up::Args),
    /// Shows how far shards and tables have come, and whether all adds up.
    Status(status::Args),
    /// Shows the status again and again.
    Top(top::Args),
    /// Queries tables, roll-ups and quarantine of one snapshot with DuckDB.
    Query(query::Args),
    /// Follows one event from its deliveries to the roll-ups that count it.
    Trace(trace::Args),
    /// Shows events as they arrive, and what becomes of them.
    Tap(tap::Args),
    /// Lists what was refused and why, and sends it through again.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Checks, compares and drafts contracts, and makes what comes of them.
    #[command(subcommand)]
    Contract(contract::Command),
    /// Recomputes the tables and roll-ups from the raw files and compares.
    Verify(verify::Args),
    /// Sends what the mapping gave up through once more.
    Redrive(redrive::Args),
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match up::with_config(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error:?}");
            return ExitCode::from(FAILED);
        }
    };
    carry_out(Cli::parse_from(arguments)).unwrap_or_else(|error| {
        eprintln!("{error:?}");
        ExitCode::from(FAILED)
    })
}

fn carry_out(cli: Cli) -> Answer {
    let common = Common { folder: Folder::at(cli.data), json: cli.json };
    match cli.command {
        Command::Up(args) => up::run(&common, args),
        Command::Status(args) => status::run(&common, args),
        Command::Top(args) => top::run(&common, args),
        Command::Query(args) => query::run(&common, args),
        Command::Trace(args) => trace::run(&common, args),
        Command::Tap(args) => tap::run(&common, args),
        Command::Quarantine(command) => quarantine::run(&common, command),
        Command::Contract(command) => contract::run(&common, command),
        Command::Verify(args) => verify::run(&common, args),
        Command::Redrive(args) => redrive::run(&common, args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "iguazu", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
