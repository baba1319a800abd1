//! `iguazu query`: DuckDB over one snapshot.

mod duckdb;
mod views;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use iguazu_audit::{Deliveries, View, deliveries, view};
use iguazu_lake::keys::{Area, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::Contract;
use miette::{Context, IntoDiagnostic, miette};
use serde_json::json;

use super::contract::{Location, statements};
use super::present::{counted, say, say_json};
use super::quarantine::left_out;
use super::{Answer, Common, FAILED, lake};
use duckdb::{Format, Places, Session};
use views::{Files, RollupFiles, TableFiles, views};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The views, each of one snapshot, that of the moment at which the command began:
  <table>              every event once
  <table>_<roll-up>    the sums of a roll-up, exact
  <table>_raw          every delivery
  quarantine           what was refused, and why

Without SQL, DuckDB asks for it; `.tables` lists the views there and `.quit` ends it. Files that are replaced meanwhile
stay for the grace period of `iguazu up`, so begin a session anew before that is over. DuckDB is looked for in
.venv-duckdb, where `make duckdb` puts it, and among the programs; `pip install duckdb-cli` has it as well.

Examples:
  iguazu query
  iguazu query \"SELECT event_type, count(*) FROM events GROUP BY ALL ORDER BY 2 DESC\"
  iguazu query --csv \"SELECT * FROM orders_revenue WHERE window_start >= '2026-11-21'\"
  iguazu query \"SELECT reason, count(*) FROM quarantine GROUP BY ALL\" --json
  iguazu query --athena --database lake --root s3://my-lake \"SELECT count(*) FROM events\"")]
pub struct Args {
    /// What to ask; several statements are separated by semicolons. Without it, DuckDB asks.
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// Print the answer as CSV.
    #[arg(long, conflicts_with_all = ["json", "athena", "show_views"])]
    csv: bool,
    /// The command line of DuckDB.
    #[arg(long, value_name = "PATH", env = "IGUAZU_DUCKDB")]
    duckdb: Option<PathBuf>,
    /// Print the statements that make the views, and run nothing.
    #[arg(long, visible_alias = "sql-only", conflicts_with = "athena")]
    show_views: bool,
    /// Print the statements that make the same known to Athena, and then the SQL, and run nothing.
    #[arg(long)]
    athena: bool,
    #[command(flatten)]
    location: Location,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let opened = lake::open(&common.folder)?;
    if args.athena {
        return athena(common, &args, &opened.contracts);
    }
    let root = absolute(&common.folder.lake())?;
    let files = lake::block_on(files(&opened.objects, &opened.ledger, &opened.contracts, &root))??;
    let views = views(&files);
    for (rollup, absent) in files.incomplete() {
        let files = counted(absent as u64, "live file", "live files");
        eprintln!("{rollup} leaves out {files} of before the roll-up was in the contract");
    }
    let script = views::script(&views);
    if args.show_views {
        let shown = if common.json {
            say_json(&json!({ "views": views.iter().map(|view| &view.name).collect::<Vec<_>>(), "statements": script }))
        } else {
            say(&script)
        };
        return shown.map(|_| ExitCode::SUCCESS);
    }
    let program = Places::here().find(args.duckdb.as_deref())?;
    if args.sql.is_none() {
        let names: Vec<_> = views.iter().map(|view| view.name.as_str()).collect();
        let live: usize = files.tables.iter().map(|table| table.live.len()).sum();
        eprintln!("One snapshot, {}; views: {}", counted(live as u64, "live file", "live files"), names.join(", "));
    }
    let format = match (common.json, args.csv) {
        (true, _) => Format::Json,
        (false, true) => Format::Csv,
        (false, false) => Format::Table,
    };
    let session = Session::new(&program, &script, args.sql.as_deref(), format)?;
    let succeeded = lake::block_on(session.run())??;
    // What went wrong, DuckDB has said itself.
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn athena(common: &Common, args: &Args, contracts: &[Arc<Contract>]) -> Answer {
    let lake = args.location.lake()?;
    let mut statements = statements(contracts.iter().map(AsRef::as_ref), &lake);
    statements.extend(args.sql.iter().map(|sql| sql.trim().trim_end_matches(';').to_owned()));
    let said = if common.json {
        say_json(&json!({ "statements": statements }))
    } else {
        say(&format!("{};\n", statements.join(";\n\n")))
    };
    said.map(|_| ExitCode::SUCCESS)
}

/// A folder as DuckDB finds it from wherever it is told to work.
fn absolute(folder: &Path) -> miette::Result<PathBuf> {
    let unreadable = || format!("{} cannot be found", folder.display());
    let path = folder.canonicalize().into_diagnostic().wrap_err_with(unreadable)?;
    let help = "give the data folder a path in UTF-8";
    path.to_str().ok_or_else(|| miette!(help = help, "DuckDB cannot read below {}", path.display()))?;
    Ok(path)
}

/// The files of the tables, each as of its newest snapshot, and every committed delivery.
async fn files<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Arc<Contract>],
    root: &Path,
) -> miette::Result<Files> {
    let mut tables = Vec::new();
    for contract in contracts {
        let view = view(objects, contract).await.into_diagnostic()?;
        tables.push((contract.clone(), whole(view)?));
    }
    // Deliveries are looked at last, so that what a table holds is among them.
    let delivered = deliveries(ledger).await.into_diagnostic()?;
    if let Some(notice) = left_out(&delivered) {
        eprintln!("{notice}");
    }
    let at = |key: &ObjectKey| root.join(key.as_str());
    let raw = |of: &Area| named(&delivered, of).map(at).collect();
    let table = |(contract, view): (Arc<Contract>, View)| {
        let rollups = contract.rollups.iter().map(|rollup| {
            let mut of = RollupFiles::default();
            for live in view.files() {
                let mut parts = live.file.rollups.iter().zip(&live.rollups);
                match parts.find(|(part, _)| part.rollup.to_string() == rollup.name.as_str()) {
                    Some((_, key)) => of.parts.push(at(key)),
                    None => of.absent += usize::from(live.file.rows > 0),
                }
            }
            of
        });
        TableFiles {
            live: view.files().map(|live| at(&live.key)).collect(),
            rollups: rollups.collect(),
            raw: raw(&Area::Raw(contract.table.clone())),
            contract,
        }
    };
    let quarantine = raw(&Area::Quarantine);
    Ok(Files { tables: tables.into_iter().map(table).collect(), quarantine })
}

/// A table of which a part is missing answers no question.
fn whole(view: View) -> miette::Result<View> {
    match view.findings.first() {
        None => Ok(view),
        Some(finding) => Err(miette!(
            help = "`iguazu verify` tells everything that is wrong with it",
            "the snapshot of the table {} cannot be read whole: {finding}",
            view.table
        )),
    }
}

fn named<'d>(delivered: &'d Deliveries, area: &'d Area) -> impl Iterator<Item = &'d ObjectKey> {
    let files = delivered.shards.iter().flat_map(|shard| &shard.files);
    files.filter(move |file| file.area == *area).map(|file| &file.key)
}

#[cfg(test)]
mod tests;
