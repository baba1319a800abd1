//! `loadgen run`: sends a load.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use iguazu_audit::Folder;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_setup::contracts::{Text, read_folder};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{Context, IntoDiagnostic, miette};

use super::{Answer, NO, runtime, say, workload};
use crate::acks::AckWriter;
use crate::plan::Plan;
use crate::report;
use crate::run_file::{Ending, Run, RunFolder, VERSION};
use crate::send::client::{Kinesis, Target};
use crate::send::{Progress, Sent, Settings, send};
use crate::share::Share;
use crate::workload::shop;

/// What can be said.
#[derive(clap::Args)]
#[command(next_line_help = false)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    amount: AmountArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    sending: SendingArgs,
    /// Where run.json, acks.bin and the report go.
    #[arg(long, value_name = "FOLDER", default_value = "loadgen-run")]
    out: PathBuf,
    /// Replace a run that is in that folder already.
    #[arg(long)]
    overwrite: bool,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Where to")]
struct TargetArgs {
    /// The stream.
    #[arg(long, value_name = "NAME", default_value = "events")]
    stream: String,
    /// A Kinesis endpoint such as http://127.0.0.1:4567; without it and without --data, AWS itself.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The data folder of a pipeline that `iguazu up` runs: the endpoint is read from it.
    #[arg(long, value_name = "FOLDER", conflicts_with = "endpoint")]
    data: Option<PathBuf>,
    /// The region; without it, that of the environment, and us-east-1 for an endpoint of one's own.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "How much")]
struct AmountArgs {
    /// How many events, duplicates and malformed documents not counted; without it, as many as --seconds asks for.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    events: Option<u64>,
    /// For how long events are due at the rate; a stream that throttles takes longer.
    #[arg(long, value_name = "S", default_value_t = 30)]
    seconds: u64,
    /// Events a second.
    #[arg(long, value_name = "N", default_value_t = 1_000, conflicts_with = "mb_per_s",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000_000))]
    rate: u64,
    /// In place of a rate: millions of bytes of events a second.
    #[arg(long, value_name = "MB", value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000))]
    mb_per_s: Option<u64>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "What")]
struct ShapeArgs {
    /// All randomness comes from it: the same seed sends the same events, but for the times in them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Send events that fit the contracts of this folder; without it, orders and visits of a shop.
    #[arg(long, value_name = "FOLDER")]
    contracts: Option<PathBuf>,
    /// Events that are sent once more as they are, to whatever shard.
    #[arg(long, value_name = "SHARE", default_value = "0.02")]
    again: Share,
    /// Events that are sent once more with a later time and other values, to whatever shard.
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    revised: Share,
    /// Events that happened up to --late-hours before they are sent.
    #[arg(long, value_name = "SHARE", default_value = "0.02")]
    late: Share,
    /// How late a late event is, at most.
    #[arg(long, value_name = "HOURS", default_value_t = 72,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=8_760))]
    late_hours: u32,
    /// Events that happened up to a minute before they are sent.
    #[arg(long, value_name = "SHARE", default_value = "0.1")]
    disordered: Share,
    /// Documents that no table takes, of every kind, of all that are sent; at most 0.9.
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    malformed: Share,
    /// Records that are KPL aggregates.
    #[arg(long, value_name = "SHARE", default_value = "0.05")]
    kpl: Share,
    /// Records that are gzip of several lines.
    #[arg(long, value_name = "SHARE", default_value = "0.05")]
    gzip: Share,
    /// Records that are zstd of several lines.
    #[arg(long, value_name = "SHARE", default_value = "0.05")]
    zstd: Share,
    /// Records of several lines as they are.
    #[arg(long, value_name = "SHARE", default_value = "0.05")]
    lines: Share,
    /// Documents in such a record, at most.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = RangedU64ValueParser::<u32>::new().range(2..=500))]
    documents_per_record: u32,
    /// Partition keys, and groups of the columns that roll-ups group by.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    keys: u32,
    /// How much some keys are preferred, in hundredths: 0 is not at all, 100 is Zipf's law.
    #[arg(long, value_name = "PERCENT", default_value_t = 100,
          value_parser = RangedU64ValueParser::<u32>::new().range(0..=300))]
    skew: u32,
    /// Bytes of an event, about.
    #[arg(long, value_name = "BYTES", default_value_t = 590,
          value_parser = RangedU64ValueParser::<u32>::new().range(100..=200_000))]
    size: u32,
}

#[derive(clap::Args)]
#[command(next_help_heading = "How it is sent")]
struct SendingArgs {
    /// Requests on their way at a time.
    #[arg(long, value_name = "N", default_value_t = 16,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=1_000))]
    concurrency: u64,
    /// Give up when nothing was taken for so long; until then, everything is sent again.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    give_up: u64,
    /// Split or merge shards every so many seconds, in turns.
    #[arg(long, value_name = "SECONDS", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    reshard: Option<u64>,
}

pub fn run(args: Args) -> Answer {
    let folder = RunFolder::at(&args.out);
    if folder.file("run.json").exists() && !args.overwrite {
        return Err(miette!(
            help = "name another folder with --out, or replace it with --overwrite",
            "{} holds a run already",
            args.out.display()
        ));
    }
    let plan = plan(&args, SystemHost.now())?;
    let contracts = match &args.shape.contracts {
        Some(folder) => read_folder(&folder.display().to_string()).map_err(|problem| miette!("{problem}"))?,
        None => shop::contracts(),
    };
    let target = args.target.target()?;
    runtime()?.block_on(load(&args, &folder, plan, contracts, target))
}

impl TargetArgs {
    fn target(&self) -> miette::Result<Target> {
        let endpoint = match &self.data {
            None => self.endpoint.clone(),
            Some(data) => {
                let path = Folder::at(data).address();
                let address = std::fs::read_to_string(&path).into_diagnostic();
                let address = address.wrap_err_with(|| {
                    format!("{} says where the endpoint is; start `iguazu up` first", path.display())
                })?;
                Some(address.trim().to_owned())
            }
        };
        Ok(Target { stream: self.stream.clone(), endpoint, region: self.region.clone() })
    }
}

fn plan(args: &Args, start: Timestamp) -> miette::Result<Plan> {
    let (amount, shape) = (&args.amount, &args.shape);
    let packed: u32 =
        [shape.kpl, shape.gzip, shape.zstd, shape.lines].iter().map(|share| share.parts_per_million()).sum();
    if packed > 1_000_000 {
        return Err(miette!("--kpl, --gzip, --zstd and --lines are shares of all records, and come to more than 1"));
    }
    if shape.malformed.parts_per_million() > 900_000 {
        return Err(miette!("--malformed is {}, the limit is 0.9: the rest are events", shape.malformed));
    }
    let rate = amount.mb_per_s.map_or(amount.rate, |mb| (mb * 1_000_000 / u64::from(shape.size)).max(1));
    Ok(Plan {
        seed: shape.seed,
        events: amount.events.unwrap_or_else(|| amount.seconds.saturating_mul(rate)),
        rate,
        start: Timestamp::from_millis(start.millis()),
        again: shape.again,
        revised: shape.revised,
        late: shape.late,
        late_hours: shape.late_hours,
        disordered: shape.disordered,
        malformed: shape.malformed,
        kpl: shape.kpl,
        gzip: shape.gzip,
        zstd: shape.zstd,
        lines: shape.lines,
        documents_per_record: shape.documents_per_record,
        keys: shape.keys,
        skew_percent: shape.skew,
        bytes: shape.size,
    })
}

async fn load(args: &Args, folder: &RunFolder, plan: Plan, contracts: Vec<Text>, target: Target) -> Answer {
    let (workload, _) = workload::of(plan, &contracts)?;
    folder.create().into_diagnostic()?;
    // A run that comes to nothing leaves none of an earlier one beside acknowledgements that are not its own.
    for earlier in ["run.json", "verify.json"] {
        folder.forget(earlier).into_diagnostic()?;
    }
    let file = File::create(folder.acks()).into_diagnostic().wrap_err("acks.bin cannot be made")?;
    let acks = AckWriter::new(BufWriter::new(file)).into_diagnostic()?;
    let settings = Settings {
        concurrency: usize::try_from(args.sending.concurrency).unwrap_or(1),
        give_up: Duration::from_secs(args.sending.give_up),
        reshard: args.sending.reshard,
    };
    let kinesis = Kinesis::connect(&target).await;
    let stops = Box::pin(unfold((), |()| async { tokio::signal::ctrl_c().await.ok().map(|()| ((), ())) }));
    let bar = ProgressBar::new(workload.plan().events);
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} events due  {msg}") {
        bar.set_style(style);
    }
    let started = SystemHost.now();
    let (sent, _) = send(&workload, kinesis, settings, acks, stops.boxed_local(), |progress| show(&bar, &progress))
        .await
        .into_diagnostic()?;
    bar.finish_and_clear();
    let refusal = sent.refusal.clone();
    let run = recorded(sent, workload.plan().clone(), contracts, target, (started, SystemHost.now()));
    folder.write(&run).into_diagnostic()?;
    report::write(folder, &run, None).into_diagnostic()?;
    say(report::summary(&run))?;
    say(folder.path().display())?;
    if let Some(problem) = refusal {
        return Err(miette!(
            help = "check the name of the stream, the endpoint and the credentials",
            "the stream {} refuses records: {problem}",
            run.stream
        ));
    }
    Ok(if run.ending == Ending::GaveUp { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let Progress { counts, last_second, latency, down, limit, events, stopping } = progress;
    bar.set_position(*events);
    let state = match (down, limit) {
        (true, _) => ", no answer, trying again".to_owned(),
        (false, Some(limit)) => format!(", held to {limit:.0} records/s"),
        (false, None) => String::new(),
    };
    let stopping = if *stopping { ", finishing what was begun, Ctrl-C again to leave it" } else { "" };
    bar.set_message(format!(
        "{} documents/s, {} records acked, {} resent, {} throttled, p99 {:.1} ms{state}{stopping}",
        last_second.documents,
        counts.acknowledged,
        counts.resent,
        counts.throttled,
        latency.p99 as f64 / 1e3,
    ));
}

fn recorded(
    sent: Sent,
    plan: Plan,
    contracts: Vec<Text>,
    target: Target,
    (started, ended): (Timestamp, Timestamp),
) -> Run {
    Run {
        version: VERSION,
        stream: target.stream,
        endpoint: target.endpoint,
        plan,
        contracts,
        started,
        ended,
        ending: sent.ending,
        records: sent.records,
        undecided: sent.undecided,
        counts: sent.counts,
        latency: sent.latency,
        seconds: sent.seconds,
        shards: sent.shards,
        outages: sent.outages,
        reshards: sent.reshards,
    }
}
