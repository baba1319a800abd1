//! `iguazu verify`: recomputes tables and roll-ups from the raw files, and compares them with what readers see.
//!
//! Exit code 0 where the lake is right, and 1 where anything is wrong.

use std::fmt::Write as _;
use std::process::ExitCode;

use comfy_table::CellAlignment;
use iguazu_audit::verify::TableVerified;
use iguazu_audit::{Finding, Options, Progress, Verified, open, verify};
use iguazu_lake::ids::TableName;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, WrapErr, miette};

use super::{Answer, Common, NO, present};

#[derive(clap::Args)]
pub struct Args {
    /// Verifies one table, and what was delivered to it.
    #[arg(long, value_name = "TABLE")]
    table: Option<TableName>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let (objects, ledger, contracts) = open(&common.folder).into_diagnostic()?;
    if let Some(table) = &args.table
        && !contracts.iter().any(|contract| contract.table == *table)
    {
        let known: Vec<_> = contracts.iter().map(|contract| contract.table.to_string()).collect();
        return Err(miette!("there is no table {table}: expected one of {}", known.join(", ")));
    }
    let bar = bar();
    let mut show = |progress: Progress| {
        bar.set_length(progress.all);
        bar.set_position(progress.done);
    };
    let options = Options { only: args.table, ..Options::default() };
    let work = verify(&objects, &ledger, &contracts, &options, &mut show);
    let verified = super::lake::block_on(work)?.into_diagnostic().wrap_err("the lake could not be verified")?;
    bar.finish_and_clear();
    if common.json {
        present::say_json(&verified)?;
    } else {
        present::say(&shown(&verified))?;
    }
    Ok(if verified.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// A bar on standard error, where that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    // The template is a constant; were it wrong, the plain bar would do.
    if let Ok(style) = ProgressStyle::with_template("verifying {wide_bar} {pos}/{len} files, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// What was verified, for people.
fn shown(verified: &Verified) -> String {
    let of = &verified.delivered;
    let mut text = format!(
        "{} by {} gave {}: {} accepted, {} quarantined. {} read and checked.\n",
        some(of.records, "record"),
        some(of.shards, "shard"),
        some(of.delivered, "row"),
        of.accepted,
        of.quarantined,
        some(of.files, "file"),
    );
    let mut table = present::table([
        "table",
        "accepted",
        "taken",
        "pending",
        "events",
        "duplicates",
        "live",
        "files",
        "groups",
        "compared",
    ]);
    for verified in &verified.tables {
        table.add_row(row(verified));
    }
    table.column_iter_mut().skip(1).take(8).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    // Writing to a string does not fail.
    let _ = writeln!(text, "{table}");
    if verified.tables.iter().any(|table| !table.recomputed) {
        text.push_str("Raw files of a table are gone or cannot be read, so its events are not compared one by one.\n");
    }
    if verified.findings.is_empty() {
        let all = verified.tables.iter().all(|table| table.recomputed);
        text.push_str(if all { "Nothing is wrong.\n" } else { "Nothing that could be compared is wrong.\n" });
    } else {
        let _ = writeln!(
            text,
            "\n{}{}. Keep a copy of the data folder before anything is mended.",
            findings(&verified.findings),
            some(verified.findings.len() as u64, "finding"),
        );
    }
    text
}

/// So many of something.
fn some(count: u64, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

fn row(verified: &TableVerified) -> [String; 10] {
    let TableVerified { accepted, taken, pending, events, duplicates, live, files, groups, .. } = verified;
    let compared = if verified.recomputed { "event by event" } else { "counts only" };
    let counts = [accepted, taken, pending, events, duplicates, live, files, groups].map(|count| count.to_string());
    let mut cells = [verified.table.as_str(); 10].map(str::to_owned);
    cells[1..9].clone_from_slice(&counts);
    cells[9] = compared.to_owned();
    cells
}

/// Findings one below the other. What they say is on lines of its own and whole, so that it can be copied.
pub(super) fn findings(findings: &[Finding]) -> String {
    let shown = |Finding { problem, place, expected, found }: &Finding| {
        format!("{problem}\n  where     {place}\n  expected  {expected}\n  found     {found}\n\n")
    };
    findings.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use iguazu_audit::verify::Delivered;
    use iguazu_audit::{Fingerprint, Problem};

    use super::*;

    fn verified(findings: Vec<Finding>) -> Verified {
        let table = TableVerified {
            table: "orders".to_owned(),
            epoch: 0,
            buckets: 1,
            buckets_begun: 1,
            accepted: 63,
            taken: 61,
            pending: 2,
            events: 59,
            duplicates: 2,
            live: 59,
            files: 4,
            groups: 30,
            fingerprint_expected: Fingerprint::default(),
            fingerprint_found: Fingerprint::default(),
            recomputed: true,
        };
        Verified { delivered: Delivered { records: 64, ..Delivered::default() }, tables: vec![table], findings }
    }

    #[test]
    fn a_right_lake_is_said_to_be_one() {
        let text = shown(&verified(Vec::new()));
        assert!(text.starts_with("64 records by 0 shards"), "{text}");
        assert!(text.ends_with("Nothing is wrong.\n"), "{text}");
    }

    #[test]
    fn of_a_table_that_could_not_be_recomputed_no_more_is_said_than_is_known() {
        let mut verified = verified(Vec::new());
        verified.tables[0].recomputed = false;
        let text = shown(&verified);
        assert!(text.ends_with("\nNothing that could be compared is wrong.\n"), "{text}");
        assert!(text.contains("counts only") && !text.contains("Nothing is wrong"), "{text}");
    }

    #[test]
    fn a_finding_is_shown_with_its_whole_place() {
        let place = format!("orders, event {}", "0".repeat(200));
        let text = shown(&verified(vec![Finding::new(Problem::LostEvent, &place, "the event", "none")]));
        assert!(text.contains(&place) && text.contains("expected  the event") && text.contains("1 finding."), "{text}");
    }
}
