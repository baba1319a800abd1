//! `iguazu contract test`: sample events beside a contract, and what must become of them.
//!
//! ```text
//! contracts/orders.toml
//! contracts/orders.tests/refused.in.ndjson         events, one a line
//!                        refused.expected.ndjson   what must become of each, one a line
//! ```
//!
//! Rules:
//! - Events are decoded by the very code that ingests, under all contracts of the contract's folder, as they would be in
//!   force together.
//! - Nothing depends on a clock: the events' lines say when they arrive.
//! - Secrets are stand-ins that are the same everywhere, so hashes can be expected and no secret is in a test.

mod case;
mod json;
mod row;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use iguazu_transform::Catalog;
use miette::miette;
use serde::Serialize;

use super::source;
use crate::cli::present::{counted, say, say_json};
use crate::cli::{Answer, Common, NO};
use case::Case;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The tests of contracts/orders.toml are the files contracts/orders.tests/<case>.in.ndjson, with one event a line, and
<case>.expected.ndjson, with what must become of each:

  {\"table\":\"orders\",\"event_id\":\"…\",\"event_type\":\"order.placed\",\"event_time\":\"…\",\"amount\":12.30}
  {\"quarantined\":\"column_missing\",\"path\":\"/order/amount\"}

A column that is left out is expected to be null. Lines that begin with # are remarks, but for `# arrived
2026-11-21T12:30:00Z`, which says when the events behind it arrive; the first event needs one. The exit code is 1 where
something came out differently.

Examples:
  iguazu contract test contracts/
  iguazu contract test contracts/orders.toml --bless")]
pub struct Args {
    /// Contracts, or folders of contracts.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write what comes out as what is expected. Look at it before you keep it.
    #[arg(long)]
    bless: bool,
}

/// What came out otherwise than it was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file of the events.
    pub file: String,
    /// The line of the event.
    pub line: usize,
    /// The column; none where it is about the whole line.
    pub column: Option<String>,
    /// What was expected; none where nothing was.
    pub expected: Option<String>,
    /// What came out; none where nothing did.
    pub found: Option<String>,
}

/// What the tests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// Cases that were run.
    pub cases: u64,
    /// Events in them.
    pub events: u64,
    /// Files of expectations that were written anew.
    pub blessed: Vec<String>,
    /// Contracts that have no tests.
    pub untested: Vec<String>,
    /// What came out otherwise.
    pub differences: Vec<Difference>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let tested = test(&args.paths, args.bless)?;
    if common.json {
        say_json(&tested)?;
    } else {
        say(&as_text(&tested, std::io::stdout().is_terminal()))?;
    }
    Ok(ExitCode::from(if tested.differences.is_empty() { 0 } else { NO }))
}

/// Runs the tests of contracts, or writes them anew.
fn test(paths: &[PathBuf], bless: bool) -> miette::Result<Tested> {
    let mut tested = Tested::default();
    for file in source::files(paths)? {
        let path = Path::new(&file.name);
        let folder = path.with_extension("tests");
        let cases = case::of_folder(&folder)?;
        if cases.is_empty() {
            tested.untested.push(file.name);
            continue;
        }
        let catalog = catalog_around(path)?;
        for case in cases {
            run_case(&case, &catalog, bless, &mut tested)?;
        }
    }
    if tested.cases == 0 {
        let help = "put events into <table>.tests/<case>.in.ndjson beside the contract, and run this with --bless";
        return Err(miette!(help = help, "there are no tests beside {}", tested.untested.join(", ")));
    }
    Ok(tested)
}

/// The contracts of a contract's folder, taken together.
fn catalog_around(contract: &Path) -> miette::Result<Catalog> {
    let folder = contract.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    source::deployment(&source::sound(&source::files(&[folder.to_owned()])?)?)
}

fn run_case(case: &Case, catalog: &Catalog, bless: bool, tested: &mut Tested) -> miette::Result<()> {
    let found = case.outcomes(catalog)?;
    tested.cases += 1;
    tested.events += found.len() as u64;
    if bless {
        if case.bless(&found)? {
            tested.blessed.push(case.expected_file.display().to_string());
        }
    } else {
        tested.differences.extend(case.differences(&found)?);
    }
    Ok(())
}

fn as_text(tested: &Tested, colours: bool) -> String {
    let (bold, plain) = if colours { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let mut text = String::new();
    for Difference { file, line, column, expected, found } in &tested.differences {
        let column = column.as_ref().map(|column| format!(" {column}:")).unwrap_or_default();
        let expected = expected.as_deref().unwrap_or("nothing");
        let found = found.as_deref().unwrap_or("nothing");
        text.push_str(&format!("{bold}{file}:{line}:{column}{plain}\n  expected {expected}\n  found    {found}\n"));
    }
    text.extend(tested.blessed.iter().map(|file| format!("{file}: written anew\n")));
    text.extend(tested.untested.iter().map(|file| format!("{file}: has no tests\n")));
    let cases = counted(tested.cases, "case", "cases");
    let events = counted(tested.events, "event", "events");
    let differences = counted(tested.differences.len() as u64, "difference", "differences");
    text.push_str(&format!("{cases}, {events}, {differences}\n"));
    text
}

#[cfg(test)]
mod tests;
