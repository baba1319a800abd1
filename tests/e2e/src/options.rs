//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

/// A wrong thing that the harness does itself, to show that the proof finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Control {
    /// The mapping takes failed batches for done.
    Lose,
    /// Rows of the ledger are committed once more.
    Double,
}

/// Runs the deployed functions over the real wire protocols, lets everything go wrong on the way, and proves that nothing
/// is lost, nothing is there twice and every sum is right.
#[derive(Clone, Debug, Parser)]
#[command(name = "iguazu-e2e")]
pub struct Options {
    /// For how long events are due.
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub seconds: u64,
    /// The same in minutes; the result is then that of a soak.
    #[arg(long, value_name = "MINUTES", conflicts_with = "seconds")]
    pub minutes: Option<u64>,
    /// Events a second.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub rate: u64,
    /// Shards of the stream at the beginning.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub shards: i32,
    /// Split or merge shards every so many seconds, in turns.
    #[arg(long, value_name = "SECONDS", default_value_t = 6)]
    pub reshard: u64,
    /// The seed of the load, the faults and the mishaps.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the run and the logs go. What an earlier run left there is replaced.
    #[arg(long, value_name = "FOLDER", default_value = "target/e2e")]
    pub out: PathBuf,
    /// The program of ingest; the one beside this program otherwise.
    #[arg(long, value_name = "PATH")]
    pub ingest: Option<PathBuf>,
    /// The program of compaction; the one beside this program otherwise.
    #[arg(long, value_name = "PATH")]
    pub compact: Option<PathBuf>,
    /// The load generator; the one beside this program otherwise.
    #[arg(long, value_name = "PATH")]
    pub loadgen: Option<PathBuf>,
    /// Do a wrong thing on purpose; the run must then fail.
    #[arg(long, value_name = "WHICH")]
    pub control: Option<Control>,
}

impl Options {
    /// For how long events are due.
    #[must_use]
    pub fn load_seconds(&self) -> u64 {
        self.minutes.map_or(self.seconds, |minutes| minutes * 60)
    }

    /// A program: the one that was named, or the one beside this program.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn program(named: Option<&Path>, name: &str) -> Result<PathBuf, String> {
        let beside = || {
            let own = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
            Ok::<_, String>(own.with_file_name(name))
        };
        let path = named.map_or_else(beside, |path| Ok(path.to_owned()))?;
        // The containers do not run where we do.
        path.canonicalize().map_err(|error| format!("{}: {error}; build it, or name another one", path.display()))
    }
}
