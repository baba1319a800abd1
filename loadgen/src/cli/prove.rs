//! `loadgen verify`: whether the lake holds what was sent.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use iguazu_audit::{Folder, open};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ports::{Ledger, Objects};
#[cfg(feature = "aws")]
use iguazu_setup::contracts::{parse, read_folder};
use iguazu_transform::{Catalog, Contract};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{Context, IntoDiagnostic, miette};

#[cfg(feature = "aws")]
use super::cloud;
use super::{Answer, NO, runtime, say, workload};
use crate::oracle::{Oracle, Part, oracle};
use crate::report;
use crate::run_file::{Run, RunFolder};
use crate::verify::acked::Acked;
use crate::verify::drain::drain;
use crate::verify::findings::Kind;
use crate::verify::proof::{Proof, lake_numbers};
use crate::verify::verify;
use crate::workload::Workload;

/// What can be said.
#[derive(clap::Args)]
pub struct Args {
    /// The data folder of the pipeline.
    #[arg(long, value_name = "FOLDER", env = "IGUAZU_DATA", default_value = "iguazu-data")]
    data: PathBuf,
    /// The folder that `loadgen run` wrote; name all of them where several runs went into one lake.
    #[arg(long, value_name = "FOLDER", default_value = "loadgen-run")]
    run: Vec<PathBuf>,
    /// How long to wait for the pipeline to drain.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    cloud: cloud::Args,
}

pub fn run(args: &Args) -> Answer {
    let folders: Vec<_> = args.run.iter().map(|path| RunFolder::at(path)).collect();
    let mut runs = Vec::new();
    for folder in &folders {
        runs.push(folder.read().into_diagnostic()?);
    }
    check(&runs)?;
    let mut made = Vec::new();
    let mut catalog = None;
    for run in &runs {
        let (made_again, compiled) = workload::of(run.plan.clone(), &run.contracts)?;
        made.push((made_again, run.records));
        catalog = Some(compiled);
    }
    let catalog = catalog.ok_or_else(|| miette!("there is no run; name one with --run"))?;
    runtime()?.block_on(open_and_prove(args, &Sent { folders: &folders, runs: &runs, made: &made, catalog: &catalog }))
}

/// Whether the runs can be verified, and together.
fn check(runs: &[Run]) -> miette::Result<()> {
    let mut seeds = BTreeSet::new();
    for run in runs {
        if !run.undecided.is_empty() {
            return Err(miette!(
                help = "run the load again; with a larger --give-up where the endpoint is away for long",
                "{} records were never acknowledged, so nobody knows whether they must be in the lake",
                run.undecided.len()
            ));
        }
        if run.contracts != runs[0].contracts {
            return Err(miette!("the runs are of other contracts each; verify them on their own"));
        }
        if !seeds.insert(run.plan.seed) {
            return Err(miette!(
                help = "give every run into one lake a seed of its own",
                "two runs have the seed {}, so they sent the same events with other values",
                run.plan.seed
            ));
        }
    }
    Ok(())
}

/// What was sent.
struct Sent<'a> {
    folders: &'a [RunFolder],
    runs: &'a [Run],
    made: &'a [(Workload, u64)],
    catalog: &'a Catalog,
}

impl Sent<'_> {
    fn contracts(&self) -> Vec<Contract> {
        let tables = self.made.iter().take(1).flat_map(|(workload, _)| workload.tables());
        tables.map(|table| table.contract().clone()).collect()
    }
}

async fn open_and_prove(args: &Args, sent: &Sent<'_>) -> Answer {
    #[cfg(feature = "aws")]
    if let Some(bucket) = &args.cloud.bucket {
        let (objects, ledger) = cloud::open(bucket, &args.cloud).await?;
        let told = |problems: Vec<String>| miette!(help = "correct the contracts", "{}", problems.join("\n"));
        if let Some(folder) = &args.cloud.contracts {
            let texts = read_folder(folder).map_err(|problem| miette!("{problem}"))?;
            same_contracts(&sent.contracts(), &parse(&texts).map_err(told)?)?;
        }
        return prove(args, sent, &objects, &ledger).await;
    }
    let (objects, ledger, of_lake) = open(&Folder::at(&args.data)).into_diagnostic()?;
    same_contracts(&sent.contracts(), &of_lake.iter().map(|of| of.as_ref().clone()).collect::<Vec<_>>())?;
    prove(args, sent, &objects, &ledger).await
}

async fn prove<O: Objects, L: Ledger>(args: &Args, sent: &Sent<'_>, objects: &O, ledger: &L) -> Answer {
    let Sent { folders, runs, made, catalog } = sent;
    let parts: Vec<_> = made.iter().map(|(workload, records)| Part { workload, records: *records }).collect();
    let contracts = sent.contracts();
    let oracle = expected(&parts, catalog)?;
    let mut acked = Acked::default();
    for ((folder, run), documents) in folders.iter().zip(*runs).zip(&oracle.documents) {
        let added = acked.add(folder, run, documents);
        added.into_diagnostic().wrap_err_with(|| format!("{}", folder.acks().display()))?;
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let began = SystemHost.now();
    let limit = Duration::from_secs(args.wait);
    drain((objects, ledger, &SystemHost), &contracts, &acked, limit, |left| {
        bar.set_message(format!("waiting for the pipeline: {left}"));
    })
    .await
    .into_diagnostic()?;
    let waited = SystemHost.now().since(began);
    let shown = |what: &str| bar.set_message(format!("comparing {what}"));
    let verdict = verify(objects, ledger, &oracle, &acked, shown).await.into_diagnostic()?;
    let lake = lake_numbers(objects, ledger, &contracts).await.into_diagnostic()?;
    bar.finish_and_clear();
    let proof = Proof { waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX), verdict, lake };
    for (folder, run) in folders.iter().zip(*runs) {
        folder.write_json("verify.json", &proof).into_diagnostic()?;
        report::write(folder, run, Some(&proof)).into_diagnostic()?;
    }
    answer(&proof)
}

fn answer(proof: &Proof) -> Answer {
    let verdict = &proof.verdict;
    for line in verdict.findings.lines() {
        say(line)?;
    }
    if verdict.findings.count(Kind::Strange) > 0 {
        say("where several runs went into this lake, name each of them with --run")?;
    }
    if !verdict.not_compared.is_empty() {
        say(format_args!("not compared, because they are by stream or shard: {}", verdict.not_compared.join(", ")))?;
    }
    say(format_args!(
        "{} deliveries were never acknowledged and are held; {} cells of roll-ups were compared",
        verdict.unacknowledged, verdict.cells
    ))?;
    say(verdict.line())?;
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn expected(parts: &[Part<'_>], catalog: &Catalog) -> miette::Result<Oracle> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} records made again") {
        bar.set_style(style);
    }
    let made = oracle(parts, catalog, |done, all| {
        if done % 1_024 == 0 {
            bar.set_length(all);
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    made.into_diagnostic()
}

/// The lake must be of the contracts that events were made for.
fn same_contracts(of_run: &[Contract], of_lake: &[Contract]) -> miette::Result<()> {
    let named = |contracts: &[Contract]| {
        let mut names: Vec<_> = contracts.iter().map(|of| format!("{} version {}", of.table, of.version)).collect();
        names.sort();
        names.join(", ")
    };
    let same = of_run.len() == of_lake.len() && of_run.iter().all(|contract| of_lake.contains(contract));
    if same {
        return Ok(());
    }
    Err(miette!(
        help = "start the pipeline with the contracts of the run: for the built-in workload, `loadgen contracts FOLDER` \
                writes them",
        "the run was made for other contracts than the lake's: {} against {}",
        named(of_run),
        named(of_lake)
    ))
}
