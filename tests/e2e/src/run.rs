//! A run, from the empty world to the proof.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::guardian::Guardian;
use crate::options::{Control, Options};
use crate::proof::{Proven, prove};
use crate::tally::What;
use crate::world::World;
use crate::{control, load, logs, report};

/// How often compaction is dispatched.
const DISPATCH_EVERY: Duration = Duration::from_secs(3);
/// How many dispatches come between two calls for housekeeping.
const HOUSEKEEPING_EVERY: u32 = 5;
/// How often it is said how things are.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// How long the run waits, after the load, for what has not happened yet.
const CHAOS_MAX: Duration = Duration::from_secs(90);
/// How long the mapping may take, after the load, to read all there is.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);
/// How long compaction may take after that.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// Runs it all; true where everything is as it must be.
///
/// # Errors
/// Where the run could not be carried out.
pub async fn run(options: &Options) -> Result<bool, String> {
    let folder = prepare(&options.out)?;
    let loadgen = Options::program(options.loadgen.as_deref(), "loadgen")?;
    let contracts = folder.join("contracts");
    load::contracts(&loadgen, &contracts).await?;
    let guardian = Arc::new(Guardian::start().map_err(|error| format!("there is no shell: {error}"))?);
    let world = World::start(options, &contracts, guardian).await?;
    say(format_args!("seed {}, logs in {}", options.seed, folder.display()));
    let proven = drive(options, &world, &loadgen, &folder).await;
    world.ingest.end().await;
    world.dispatcher.end().await;
    world.compact.end().await;
    finish(options, &world, proven?, &folder)
}

/// An empty folder for the run.
fn prepare(folder: &Path) -> Result<PathBuf, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    // Only what an earlier run made: whoever names the wrong folder loses nothing else.
    for part in ["containers", "contracts", "run"] {
        match std::fs::remove_dir_all(folder.join(part)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(told(error)),
            _ => {}
        }
    }
    std::fs::create_dir_all(folder).map_err(told)?;
    folder.canonicalize().map_err(told)
}

async fn drive(options: &Options, world: &World, loadgen: &Path, folder: &Path) -> Result<Proven, String> {
    let (stop_mapping, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mapping = Arc::clone(&world.mapping);
    tasks.spawn(async move { mapping.run(stopping).await });
    let (stop_schedule, stopping) = watch::channel(false);
    let (service, dispatcher) = (Arc::clone(&world.service), Arc::clone(&world.dispatcher));
    let mut schedules = JoinSet::new();
    schedules.spawn(async move {
        let mut turn = 0_u32;
        while !*stopping.borrow() {
            service.invoke(&dispatcher, Bytes::from_static(br#"{"source":"aws.scheduler"}"#));
            turn += 1;
            if turn.is_multiple_of(HOUSEKEEPING_EVERY) {
                service.invoke(&dispatcher, Bytes::from_static(br#"{"task":"housekeeping"}"#));
            }
            SystemHost.sleep(DISPATCH_EVERY).await;
        }
    });
    let mut child = load::begin(loadgen, options, &folder.join("run"), world)?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(|error| error.to_string())?,
            () = SystemHost.sleep(SAY_EVERY) => progress(world, "sending"),
        }
    };
    load::judge(status, options)?;
    // What a control shows does not hang on it.
    let all_seen = || options.control.is_some() || world.tally().missing().is_empty();
    until(world, "waiting for what has not happened yet", CHAOS_MAX, all_seen).await;
    world.mapping.look_again();
    let read = until(world, "reading what is left", CATCH_UP_MAX, || world.mapping.standing().is_done()).await;
    if !read {
        return Err(format!(
            "the mapping has not read all there is within {CATCH_UP_MAX:?}: {:?}",
            world.mapping.standing()
        ));
    }
    let _ = stop_mapping.send(true);
    while tasks.join_next().await.is_some() {}
    // Whoever is frozen still may wake up while the lake is read: that changes nothing, and is seen to change nothing.
    world.weather.calm.store(true, Ordering::Relaxed);
    if options.control == Some(Control::Double) {
        let rows = control::double(&world.servers).await?;
        say(format_args!("{rows} rows are committed once more, on purpose"));
    }
    say("everything is read; waiting for compaction, and comparing");
    let mut proving = Box::pin(prove(world, loadgen, folder, DRAIN_MAX));
    let proven = loop {
        tokio::select! {
            proven = &mut proving => break proven,
            () = SystemHost.sleep(SAY_EVERY) => progress(world, "comparing"),
        }
    };
    let _ = stop_schedule.send(true);
    while schedules.join_next().await.is_some() {}
    proven
}

/// Waits until something holds, for so long at most; returns whether it does.
async fn until(world: &World, what: &str, limit: Duration, holds: impl Fn() -> bool) -> bool {
    let begun = SystemHost.now();
    let mut said = begun;
    while !holds() {
        let now = SystemHost.now();
        if now.since(begun) > limit {
            return false;
        }
        if now.since(said) > SAY_EVERY {
            progress(world, what);
            said = now;
        }
        SystemHost.sleep(Duration::from_millis(200)).await;
    }
    true
}

fn progress(world: &World, what: &str) {
    let (tally, standing) = (world.tally(), world.mapping.standing());
    let sum = |one, other| tally.count(one) + tally.count(other);
    say(format_args!(
        "{what}: {} records read, {} shards ({} ended, {} with records left), {} invocations, {} kills, {} freezes, {} faults",
        standing.read,
        standing.shards,
        standing.ended,
        standing.behind,
        sum(What::IngestInvocations, What::CompactInvocations),
        sum(What::IngestKills, What::CompactKills),
        sum(What::IngestFreezes, What::CompactFreezes),
        tally.all_faults(),
    ));
}

fn say(what: impl std::fmt::Display) {
    eprintln!("{} {what}", SystemHost.now());
}

fn finish(options: &Options, world: &World, proven: Proven, folder: &Path) -> Result<bool, String> {
    let containers = folder.join("containers");
    let logs = logs::read(&containers).map_err(|error| format!("{}: {error}", containers.display()))?;
    println!("{}", report::table(world.tally(), &logs));
    logs.stderr.iter().for_each(|line| println!("{line}"));
    proven.told.iter().for_each(|line| println!("{line}"));
    let missing = world.tally().missing();
    missing.iter().for_each(|what| println!("it never happened: {what}"));
    let holds = proven.findings == 0 && missing.is_empty();
    if !holds {
        println!("it failed with seed {}; the logs are in {}", options.seed, folder.display());
    }
    println!("{}", report::result(options, world.tally(), &proven, missing.len()));
    Ok(holds)
}
