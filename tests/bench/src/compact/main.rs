//! What compaction takes: Iguazu's and DuckDB's, on the same raw files, each in a process of its own; then what a run
//! reads that adds a few events to a large table.
//!
//! Rules:
//! - The raw files are written as ingest writes them, and are a function of a seed.
//! - Both sides write one copy of each event, sorted by time, and the sums by hour and two dimensions; what they wrote is
//!   shown to be the same before any figure is reported.
//! - Ours is the whole run of the compactor: it reads the ledger, fetches and verifies the raw files, stores and commits
//!   what it writes, and publishes it. What it wrote is read by what it published. The ledger is a SQLite file.
//! - CPU time and memory are those of the whole process, from its start to its end.
//!
//! Deliberately absent: S3 and DynamoDB, whose requests are counted and priced.

#[path = "../generate.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "invocations are what the other benchmark is about"))]
mod generate;
mod incremental;
#[path = "../kinds.rs"]
mod kinds;
mod lake;
mod ours;
#[path = "../random.rs"]
mod random;
mod raw;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde::Deserialize;

use crate::lake::{Lake, wait};
use crate::ours::Did;

/// Why there is no result. Nobody decides by it.
type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: bench-compact [--files N] [--python INTERPRETER] [--folder FOLDER]
       bench-compact --ours FOLDER   our side alone, over the lake of a folder";

/// What was asked for.
struct Options {
    files: u64,
    python: PathBuf,
    folder: PathBuf,
    ours: Option<PathBuf>,
}

/// What a process took.
#[derive(Debug, Deserialize)]
struct Took {
    wall_s: f64,
    cpu_s: f64,
    peak_bytes: u64,
    said: Did,
}

/// What both results hold.
#[derive(Debug, Deserialize)]
struct Checked {
    rows: u64,
    distinct: u64,
    groups: u64,
}

fn main() -> ExitCode {
    match options().and_then(|options| match &options.ours {
        Some(folder) => ours::run(folder),
        None => bench(&options),
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-compact: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        files: 500,
        python: ".venv-readers/bin/python".into(),
        folder: "target/bench-compact".into(),
        ours: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "--files" => options.files = next()?.parse()?,
            "--python" => options.python = next()?.into(),
            "--folder" => options.folder = next()?.into(),
            "--ours" => options.ours = Some(next()?.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn bench(options: &Options) -> Result<(), Failure> {
    let raw = options.folder.join(format!("lake-{}", options.files));
    let input = raw::store(&raw, options.files)?;
    report::input(&input);
    let (out, theirs) = (emptied(&options.folder.join("ours"))?, emptied(&options.folder.join("duckdb"))?);
    Lake::copy(&raw, &out)?;
    let program = std::env::current_exe()?;
    let ours = measured(options, &[&program, "--ours".as_ref(), &out])?;
    let live = wait(Lake::open(&out)?.live(&raw::TABLE.parse()?))?;
    let listed = options.folder.join("live.json");
    std::fs::write(&listed, serde_json::to_vec(&live)?)?;
    let interpreter = std::path::absolute(&options.python)?;
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/compact.py"));
    let files = std::path::absolute(raw.join("lake/raw"))?;
    let duckdb = measured(options, &[&interpreter, script, "compact".as_ref(), &files, &theirs, "2".as_ref()])?;
    let checked: Checked = python(options, &["check".as_ref(), &listed, &theirs])?;
    report::sides(&ours, &duckdb, &checked);
    let again = incremental::run(options, &input, &out, false)?;
    let later = incremental::run(options, &input, &out, true)?;
    report::result(&ours, &duckdb, &again, &later, &input);
    Ok(())
}

fn emptied(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(std::path::absolute(folder)?)
}

fn measured(options: &Options, command: &[&Path]) -> Result<Took, Failure> {
    python(options, &[&["measure".as_ref()], command].concat())
}

/// What the script answers.
fn python<A: serde::de::DeserializeOwned>(options: &Options, arguments: &[&Path]) -> Result<A, Failure> {
    let interpreter = std::path::absolute(&options.python)?;
    let done = Command::new(&interpreter)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/compact.py"))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} does not start: {error}; run `make bench-compact`", interpreter.display()))?;
    if !done.status.success() {
        return Err("a process that is measured failed; what it says is above".into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}
