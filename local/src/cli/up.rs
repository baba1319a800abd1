//! `iguazu up`: the whole pipeline on this machine.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use iguazu_audit::Folder;
use iguazu_compact::arrange::Sizes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{StreamName, TableName};
use miette::{Context, IntoDiagnostic, Report, miette};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::log::Log;
use super::present::{say, say_json_line};
use super::{Answer, Common, variables};
use crate::mapping;
use crate::pipeline::{self, ContractsError, HeldError, PipelineError, Running, Schedule, Settings};
use crate::stream::StreamError;

/// How often it is looked whether all parts are alive.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the whole pipeline on this machine, until Ctrl-C: a Kinesis-compatible endpoint, ingest, compaction, and the lake
/// in the data folder. A start goes on where the last one ended, however it ended.
///
/// Any Kinesis client can put records: give it the endpoint's URL, any credentials, and the region us-east-1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct Args {
    /// A file with options: the same names without dashes in front, one `name = value` per line in TOML. What is given
    /// here counts for more than what is given there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The stream that is made if it is not there; several are parted by commas.
    #[arg(long, default_value = "events", value_delimiter = ',', value_name = "NAME")]
    stream: Vec<StreamName>,
    /// Shards of a stream that is made.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    shards: u32,
    /// The port of the endpoint; 0 takes a free one.
    #[arg(long, default_value_t = 4567)]
    port: u16,
    /// The address that the endpoint listens on. It checks no credentials, so think twice before it is not loopback.
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
    /// The folder of the contracts that describe the tables; without it, those of the last start, or one table that
    /// takes any JSON object with an id, a type and a time.
    #[arg(long, value_name = "FOLDER")]
    contracts: Option<PathBuf>,
    /// The name of that one table, if it is not to be events.
    #[arg(long, value_name = "NAME", conflicts_with = "contracts")]
    table: Option<TableName>,
    /// Records of a batch, at most.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_records: u32,
    /// How long a batch that is not full waits for more.
    #[arg(long, default_value = "500ms", value_parser = humantime::parse_duration, value_name = "TIME")]
    batch_window: Duration,
    /// How often a batch that fails is tried again; without it, for ever.
    #[arg(long, value_name = "TIMES")]
    retries: Option<u32>,
    /// How old a record may become before it is given up; without it, as old as it gets.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    record_age: Option<Duration>,
    /// Whether a batch that fails is cut in two.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    bisect: bool,
    /// From one compaction to the next: how fresh the tables are.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration, value_name = "TIME")]
    compact_every: Duration,
    /// From one sweep of files that nobody needs any more to the next.
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration, value_name = "TIME")]
    sweep_every: Duration,
    /// How long a replaced file stays for its readers: longer than any query.
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration, value_name = "TIME")]
    grace: Duration,
    /// Buckets of a new table: a power of two.
    #[arg(long, default_value_t = 1, value_parser = buckets)]
    buckets: u32,
    /// MiB at which a file of a table is large enough.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=4_096), value_name = "MIB")]
    target_mib: u64,
    /// Hours that the stream keeps records at least; those that were not consumed stay longer.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760), value_name = "HOURS")]
    retention_hours: u32,
    /// Lets shards take no more than those of Kinesis: 1 MiB and 1,000 records per second.
    #[arg(long, default_value_t = false, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    shard_limits: bool,
    /// The least level that is logged to the data folder's iguazu.log: error, warn, info, debug or trace.
    #[arg(long, default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"], value_name = "LEVEL")]
    log: String,
}

const EXAMPLES: &str = "Examples:
  iguazu up
  iguazu up --data /srv/lake --contracts contracts --stream orders --shards 4 --compact-every 30s
  iguazu up --config iguazu.toml

  AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any aws kinesis put-record --endpoint-url http://127.0.0.1:4567 \\
    --region us-east-1 --stream-name events --partition-key a --cli-binary-format raw-in-base64-out \\
    --data '{\"id\":\"0b5c3f6e-6c1e-4f0e-9d3a-2f1f6a1f0c11\",\"type\":\"greeting\",\"time\":\"2026-11-21T12:00:00Z\"}'";

fn buckets(text: &str) -> Result<u32, String> {
    let found = text.parse().ok().filter(|buckets: &u32| buckets.is_power_of_two() && *buckets <= 256);
    found.ok_or_else(|| "expected a power of two from 1 to 256".to_owned())
}

/// The arguments of a command line in which the options of a `--config` file stand before those that were typed.
///
/// # Errors
/// Where the file cannot be read or is not made of options.
pub fn with_config(typed: Vec<OsString>) -> miette::Result<Vec<OsString>> {
    // A data folder may be called up, too.
    let command = |(index, argument): &(usize, &OsString)| *argument == "up" && typed[index - 1] != "--data";
    let found = typed.iter().enumerate().skip(1).find(command).map(|(index, _)| index);
    let Some(up) = found else { return Ok(typed) };
    let text = |argument: &OsString| argument.to_str().map(str::to_owned);
    let path = typed.iter().enumerate().skip(up + 1).find_map(|(index, argument)| match text(argument)?.as_str() {
        "--config" => typed.get(index + 1).map(PathBuf::from),
        argument => argument.strip_prefix("--config=").map(PathBuf::from),
    });
    let Some(path) = path else { return Ok(typed) };
    // What was typed counts for more, so it is left out of what the file says.
    let is_typed = |option: &String| {
        let name = option.split('=').next().unwrap_or_default();
        let names = |argument: &String| argument == name || argument.starts_with(&format!("{name}="));
        typed.iter().filter_map(text).any(|argument| names(&argument))
    };
    let options = read_config(&path)?.into_iter().filter(|option| !is_typed(option)).collect::<Vec<_>>();
    let (front, back) = typed.split_at(up + 1);
    Ok(front.iter().cloned().chain(options.into_iter().map(OsString::from)).chain(back.iter().cloned()).collect())
}

/// The options of a file, as they would be typed.
fn read_config(path: &Path) -> miette::Result<Vec<String>> {
    let about = || format!("the file of options {}", path.display());
    let text = fs::read_to_string(path).into_diagnostic().wrap_err_with(about)?;
    let table: toml::Table = text.parse().into_diagnostic().wrap_err_with(about)?;
    let mut options = Vec::new();
    for (name, value) in table {
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(yes) => yes.to_string(),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => {
                return Err(miette!(
                    help = "write a text, a number, true or false, or a list of texts",
                    "{}: {name} is a {}, which no option is",
                    about(),
                    other.type_str()
                ));
            }
        };
        options.push(format!("--{name}={value}"));
    }
    Ok(options)
}

pub fn run(common: &Common, args: Args) -> Answer {
    let level = args.log.clone();
    let settings = settings(common, args, variables::secrets()?);
    log_to(&settings.folder, &level)?;
    let running = pipeline::start(&settings).map_err(explained)?;
    announce(common, &running)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), address = %running.address, "started");
    if let Some(part) = wait(&running)? {
        running.stop();
        return Err(miette!(
            help = "look into the log for why, and start again: nothing that was acknowledged is lost",
            "the part {part} of the pipeline has died, so the others were ended"
        ));
    }
    if std::io::stderr().is_terminal() {
        eprintln!(
            "stopping: what is under way is finished first (Ctrl-C again ends at once, which loses nothing either)"
        );
    }
    running.stop();
    Ok(ExitCode::SUCCESS)
}

fn settings(common: &Common, args: Args, secrets: iguazu_transform::Secrets) -> Settings {
    Settings {
        folder: common.folder.clone(),
        listen: SocketAddr::new(args.bind, args.port),
        streams: args.stream,
        shards: args.shards,
        retention_hours: args.retention_hours,
        shard_limits: args.shard_limits,
        contracts: args.contracts,
        table: args.table,
        secrets,
        mapping: mapping::Settings {
            batch_records_max: args.batch_records as usize,
            batch_window: args.batch_window,
            retries_max: args.retries,
            record_age_max: args.record_age,
            bisect: args.bisect,
            ..mapping::Settings::default()
        },
        schedule: Schedule { compact_every: args.compact_every, sweep_every: args.sweep_every, grace: args.grace },
        buckets: args.buckets,
        sizes: Sizes { target_bytes: args.target_mib << 20, ..Sizes::default() },
    }
}

/// Logs go to the data folder as JSON; errors are told on the terminal too.
fn log_to(folder: &Folder, level: &str) -> miette::Result<()> {
    let path = folder.log();
    let about = || format!("the log {} cannot be written; choose another folder by --data", path.display());
    fs::create_dir_all(folder.path()).into_diagnostic().wrap_err_with(about)?;
    let file = Log::open(path.clone()).into_diagnostic().wrap_err_with(about)?;
    let others = if level == "error" { "error" } else { "warn" };
    let to_file = tracing_subscriber::fmt::layer().json().with_current_span(false).with_writer(Mutex::new(file));
    let to_people = tracing_subscriber::fmt::layer().without_time().with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(to_file.with_filter(EnvFilter::new(format!("{others},iguazu={level}"))))
        .with(to_people.with_filter(EnvFilter::new("error")))
        .init();
    Ok(())
}

fn announce(common: &Common, running: &Running) -> miette::Result<()> {
    let tables: Vec<_> = running.tables.iter().map(ToString::to_string).collect();
    let (address, data) = (format!("http://{}", running.address), common.folder.path().display());
    if common.json {
        let data = data.to_string();
        let ready = json!({ "endpoint": address, "data": data, "tables": tables, "pid": std::process::id() });
        say_json_line(&ready)?;
        return Ok(());
    }
    say(&format!(
        "Iguazu runs. Ctrl-C ends it; a start goes on where it ended.\n\n  \
           endpoint  {address}   (Kinesis; any credentials, region us-east-1)\n  \
           tables    {}\n  \
           data      {data}   (log: {data}/iguazu.log)\n\n\
         In another terminal:  iguazu --data {data} status | query | verify\n",
        tables.join(", ")
    ))?;
    Ok(())
}

/// Waits for Ctrl-C or an end from outside; or until a part has died, whose name it gives.
#[tokio::main(flavor = "current_thread")]
async fn wait(running: &Running) -> miette::Result<Option<&'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let told = |kind| signal(kind).into_diagnostic().wrap_err("signals cannot be received");
    let (mut interrupt, mut terminate) = (told(SignalKind::interrupt())?, told(SignalKind::terminate())?);
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = SystemHost.sleep(LOOK) => {
                if let Some(part) = running.ended() {
                    return Ok(Some(part));
                }
            }
        }
    }
    std::thread::spawn(end_at_once_if_told_again);
    Ok(None)
}

#[tokio::main(flavor = "current_thread")]
async fn end_at_once_if_told_again() {
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

/// An error of the start with what to do about it.
fn explained(error: PipelineError) -> Report {
    let help = match &error {
        PipelineError::Held(HeldError::InUse { .. }) => {
            "end the process that has it, or choose another folder by --data"
        }
        PipelineError::Held(HeldError::Unusable { .. }) => "choose a folder that can be written by --data",
        PipelineError::Contracts(ContractsError::MayNotFollow { .. }) => {
            "give the contract the next version and change it in ways that old rows allow, give the new shape another \
             table, or choose another data folder; `iguazu contract diff` tells the changes"
        }
        PipelineError::Contracts(ContractsError::OtherTable { .. } | ContractsError::TableBesideContracts { .. }) => {
            "leave --table out, or choose another data folder by --data"
        }
        PipelineError::Contracts(_) => "`iguazu contract check` shows each problem in its place",
        PipelineError::LedgerGone { .. } => {
            "restore it from a backup, the stream from the same one; or choose another data folder by --data"
        }
        PipelineError::NoContract { .. } => "give the contracts of all tables by --contracts, as they were",
        PipelineError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            "another process listens there: end it, or choose another port by --port (0 takes a free one)"
        }
        PipelineError::Listen { .. } => "choose an address of this machine by --bind, and a port above 1023 by --port",
        PipelineError::Stream { source: StreamError::File { .. }, .. } => "nothing was changed",
        PipelineError::Stream { .. } | PipelineError::Lake { .. } => {
            "look whether the disk is full and the file is one of Iguazu's. A file that is damaged \
             can be replaced by its copy in a backup: the ledger together with the lake and the stream"
        }
        PipelineError::Machine { .. } => "look whether the disk is full and how many threads a process may have",
    };
    let mut chain = Vec::new();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        chain.push(cause.to_string());
        source = cause.source();
    }
    let text = std::iter::once(error.to_string()).chain(chain).collect::<Vec<_>>().join(": ");
    miette!(help = help, "{text}")
}
