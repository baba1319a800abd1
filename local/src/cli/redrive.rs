//! `iguazu redrive`: what the mapping gave up, through the handler once more under its original ids.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use iguazu_ingest::Handled;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::StreamName;
use iguazu_lake::ports::{Fault, PortError};
use iguazu_setup::chain_of;
use miette::{IntoDiagnostic, WrapErr};
use serde::Serialize;

use super::present::{say, say_json, table};
use super::{Answer, Common, NO, lake};
use crate::mapping::failures;
use crate::pipeline::ingest;
use crate::stream::{Reader, Streams as KnownStreams};

/// How long one batch may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Sends what the mapping gave up (see --retries and --record-age of `iguazu up`) through the handler once more, under
/// its original ids. A batch that is committed then leaves the folder of failures; one that fails again stays. To repeat
/// it changes nothing, and the pipeline may run meanwhile.
#[derive(clap::Args)]
pub struct Args {
    /// Only list what is there.
    #[arg(long)]
    list: bool,
}

/// What became of a batch.
#[derive(Serialize)]
struct Redriven {
    file: String,
    committed: bool,
    accepted: u64,
    quarantined: u64,
    held_already: u64,
    problem: Option<String>,
}

/// The streams of a store, as they were read.
struct Snapshot(KnownStreams);

impl iguazu_ingest::Streams for Snapshot {
    async fn created_ms(&self, stream: &StreamName) -> Result<u64, PortError> {
        let none = || Fault::lasting("stream lookup", format!("the data folder has no stream {stream}"));
        self.0.get(stream).map(|stream| stream.created_ms).ok_or_else(|| PortError::NotApplied(none()))
    }
}

pub fn run(common: &Common, args: Args) -> Answer {
    let folder = common.folder.failures();
    let about = || format!("the failures in {} cannot be read", folder.display());
    let files = failures::list(&folder).into_diagnostic().wrap_err_with(about)?;
    if args.list || files.is_empty() {
        let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        if common.json {
            say_json(&names)?;
        } else if names.is_empty() {
            say("The mapping has given up nothing.\n")?;
        } else {
            say(&(names.join("\n") + "\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let all = lake::block_on(redrive(common, &files))??;
    show(common, &all)?;
    Ok(if all.iter().all(|one| one.committed) { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

async fn redrive(common: &Common, files: &[std::path::PathBuf]) -> miette::Result<Vec<Redriven>> {
    let folder = &common.folder;
    let (opened, catalog) = (lake::open(folder)?, Arc::new(lake::catalog(folder)?));
    let (streams, _) = Reader::open(&folder.stream()).and_then(|reader| reader.streams()).into_diagnostic()?;
    let handler = ingest(opened.objects, opened.ledger, catalog, Snapshot(streams));
    let mut all = Vec::new();
    for file in files {
        let deadline = SystemHost.now().plus(TIMEOUT);
        let payload = failures::read(file).map_err(|error| error.to_string());
        let invocation = payload.and_then(|text| Invocation::parse(text.as_bytes()).map_err(|error| chain_of(&error)));
        let mut one = Redriven {
            file: file.display().to_string(),
            committed: false,
            accepted: 0,
            quarantined: 0,
            held_already: 0,
            problem: None,
        };
        match invocation {
            Ok(invocation) => {
                let Handled { answer, report } = handler.handle(invocation, deadline).await;
                one.accepted = report.counts.accepted;
                one.quarantined = report.counts.quarantined;
                one.held_already = report.trimmed;
                match answer {
                    // A part of a batch is done too, but only a whole one may leave.
                    Ok(answer) if answer.batch_item_failures.is_empty() => one.committed = true,
                    Ok(_) => one.problem = Some("a part of it is left; run the command once more".to_owned()),
                    Err(error) => one.problem = Some(chain_of(&error)),
                }
            }
            Err(problem) => one.problem = Some(problem),
        }
        if one.committed {
            std::fs::remove_file(file).into_diagnostic().wrap_err_with(|| format!("{}", file.display()))?;
        }
        all.push(one);
    }
    Ok(all)
}

fn show(common: &Common, all: &[Redriven]) -> miette::Result<()> {
    if common.json {
        say_json(&all)?;
        return Ok(());
    }
    let mut table = table(["file", "committed", "accepted", "quarantined", "held already", "problem"]);
    for one in all {
        table.add_row([
            one.file.clone(),
            if one.committed { "yes" } else { "no" }.to_owned(),
            one.accepted.to_string(),
            one.quarantined.to_string(),
            one.held_already.to_string(),
            one.problem.clone().unwrap_or_default(),
        ]);
    }
    say(&format!("{table}\n"))?;
    Ok(())
}
