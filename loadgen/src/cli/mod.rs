//! The command line.
//!
//! The exit code is 0 where all is well, 1 where the lake does not hold what it must or a run gave up, and 2 where a command
//! could not be carried out. Answers go to standard output, progress and errors to standard error. Whoever reads standard
//! output may close it when they have seen enough: that is no error, and changes no exit code.

#[cfg(feature = "aws")]
mod cloud;
mod contracts;
mod prove;
mod run;
mod workload;

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::{Context, IntoDiagnostic};

/// How a command ended, if it could be carried out.
pub type Answer = miette::Result<ExitCode>;

/// The answer "no".
const NO: u8 = 1;
/// It could not be carried out.
const FAILED: u8 = 2;

#[derive(Parser)]
#[command(name = "loadgen", version, propagate_version = true)]
/// Loads a Kinesis stream with events that it can make again, and proves what the lake holds of them.
///
/// First `loadgen contracts contracts/`, and start the pipeline with them. Then `loadgen run`, then `loadgen verify`.
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sends a load, and writes down what was acknowledged.
    Run(Box<run::Args>),
    /// Waits until the pipeline has drained, and proves that the lake holds what was sent: nothing lost, nothing twice,
    /// every sum right.
    Verify(prove::Args),
    /// Writes report.json and report.html of a run once more.
    Report(ReportArgs),
    /// Writes the contracts of the built-in workload to a folder.
    Contracts(contracts::Args),
}

#[derive(clap::Args)]
struct ReportArgs {
    /// The folder that `loadgen run` wrote.
    #[arg(long, value_name = "FOLDER", default_value = "loadgen-run")]
    run: std::path::PathBuf,
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let answer = match Cli::parse().command {
        Command::Run(args) => run::run(*args),
        Command::Verify(args) => prove::run(&args),
        Command::Report(args) => report(&args),
        Command::Contracts(args) => contracts::run(&args),
    };
    answer.unwrap_or_else(|error| {
        eprintln!("{error:?}");
        ExitCode::from(FAILED)
    })
}

fn report(args: &ReportArgs) -> Answer {
    let folder = crate::run_file::RunFolder::at(&args.run);
    let run = folder.read().into_diagnostic()?;
    let proof = folder.read_json("verify.json").into_diagnostic()?;
    crate::report::write(&folder, &run, proof.as_ref()).into_diagnostic()?;
    say(folder.file("report.html").display())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a line of the answer, if somebody still reads it.
fn say(line: impl Display) -> miette::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).into_diagnostic().wrap_err("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// A runtime for a command that awaits.
fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_takes_its_arguments() {
        Cli::command().debug_assert();
    }
}
