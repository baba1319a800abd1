//! A lake at work for a while: production ingest and compaction over stores that count, under a clock that is set.
//!
//! Rules:
//! - Each shard has a container of its own, and so has each bucket and each other task: all are warm.
//! - A dispatch does what the Lambda function does: the deliveries, a run for each bucket, again while there is more, and
//!   the balance.
//! - Housekeeping comes once, when the grace period and the stream's retention are over, so that it finds all that was
//!   left behind; it is counted in the part that the observed time has of all time.
//! - CPU time is that of this thread while the code that is deployed runs: the payload is parsed in it, and made outside.

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iguazu_compact::{Compactor, ParquetTables, report};
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest};
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::Objects as _;
use iguazu_lake::retry::RetryPolicy;
use iguazu_sim::counted::{Counted, Counts};
use iguazu_transform::{Catalog, Contract, Limits, Parquet, Secrets};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::feed::{Batch, Feed};
use crate::Failure;
use crate::generate::STREAM_CREATED_MS;
use crate::machine;
use crate::random::Random;

/// The contract: that of the other benchmarks with all columns, and sums by the hour.
const CONTRACT: &str = concat!(
    include_str!("../../events.toml"),
    "\n[[rollup]]\nname = \"hourly\"\nwindow = \"hour\"\nby = [\"user_country\", \"event_type\"]\n",
    "sum = [\"amount\", \"quantity\"]\n",
);
/// 20 November 2026, 12:00.
const START: Timestamp = Timestamp::from_millis(1_795_176_000_000);
const INVOCATION: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(86_400);
/// How long the stream keeps its records.
const RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// What is simulated.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// Shards.
    pub shards: u32,
    /// Buckets of the table.
    pub buckets: u32,
    /// Events a second and shard.
    pub rate: f64,
    /// How long the mapping gathers a batch, at most.
    pub window_s: u64,
    /// Between two dispatches.
    pub schedule_s: u64,
    /// Dispatches before anything is counted, so that the lake is in its stride.
    pub before: u32,
    /// Dispatches that are counted.
    pub counted: u32,
}

/// What a function did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// How often it was invoked.
    pub invocations: f64,
    /// CPU time.
    pub cpu_s: f64,
    /// Requests.
    pub counts: Counts,
    /// Bytes of its own log lines.
    pub log_bytes: f64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, more: Self) {
        self.invocations += more.invocations;
        self.cpu_s += more.cpu_s;
        self.counts += more.counts;
        self.log_bytes += more.log_bytes;
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Simulated seconds.
    pub seconds: f64,
    /// Events that were delivered.
    pub events: u64,
    /// Bytes of their JSON.
    pub event_bytes: u64,
    /// Ingest.
    pub ingest: Work,
    /// The dispatcher.
    pub dispatch: Work,
    /// The runs of buckets.
    pub compact: Work,
    /// Deliveries and balance.
    pub others: Work,
    /// Housekeeping, for the same events.
    pub housekeeping: Work,
    /// Of that, how much of a full housekeeping the observed time gives cause to.
    pub housekeeping_share: f64,
    /// Custom metrics: each name with each set of dimensions.
    pub metrics: usize,
    /// Bytes of raw files.
    pub raw_bytes: u64,
    /// Raw files.
    pub raw_files: u64,
    /// Versions of buckets.
    pub versions: u64,
    /// Bytes of the table's files and roll-ups for an event, in the end.
    pub table_bytes_per_event: f64,
}

/// The machine that everything believes to run on.
#[derive(Clone)]
struct Clocked {
    micros: Arc<AtomicI64>,
    random: Arc<Mutex<Random>>,
}

impl Host for Clocked {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::Relaxed))
    }

    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + Send {
        // Nothing fails here, so nobody waits but for a deadline.
        std::future::pending()
    }

    fn random(&self) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).bits()
    }
}

type Container = Ingest<Counted, Counted, Clocked, FixedStreams, Parquet>;
type Runner = Compactor<Counted, Counted, Clocked, ParquetTables>;

/// The lake, and all that works on it.
pub struct World {
    plan: Plan,
    ports: Counted,
    host: Clocked,
    contract: Arc<Contract>,
    feeds: Vec<Feed>,
    containers: Vec<Container>,
    buckets: Vec<Runner>,
    /// For what else a dispatch invokes: itself, deliveries, balance, housekeeping.
    others: [Runner; 4],
    runtime: Runtime,
    metrics: BTreeSet<String>,
    seen: Observed,
}

impl World {
    /// A lake that has nothing yet.
    ///
    /// # Errors
    /// Where the contract is none.
    pub fn new(plan: Plan) -> Result<Self, Failure> {
        let ports = Counted::default();
        let random = Arc::new(Mutex::new(Random::new(0x0D1C_E5EED)));
        let host = Clocked { micros: Arc::new(AtomicI64::new(START.micros())), random };
        let contract = Contract::parse("cost.toml", CONTRACT)?;
        let catalog = Arc::new(Catalog::new(vec![contract.clone()], &Secrets::default(), Limits::default())?);
        let container = |_| {
            let settings = iguazu_ingest::Settings {
                catalog: Arc::clone(&catalog),
                output_bytes_max: 64 << 20,
                deadline_margin: Duration::from_secs(3),
                partial_responses: true,
                retry: RetryPolicy::default(),
            };
            let streams = FixedStreams { created_ms: STREAM_CREATED_MS.unsigned_abs() };
            Ingest::new(ports.clone(), ports.clone(), host.clone(), streams, Parquet, settings)
        };
        let runner = || {
            let mut settings = iguazu_compact::Settings {
                first_buckets: plan.buckets,
                grace: GRACE,
                root: "s3://lake".to_owned(),
                ..iguazu_compact::Settings::default()
            };
            // What the function is configured with unless told otherwise.
            settings.budget.bytes_max = 256 << 20;
            Compactor::new(ports.clone(), ports.clone(), host.clone(), ParquetTables, settings)
        };
        let feed = |shard| Feed::new(shard, START, plan.rate, plan.window_s);
        Ok(Self {
            feeds: (0..u64::from(plan.shards)).map(feed).collect(),
            containers: (0..plan.shards).map(container).collect(),
            buckets: (0..plan.buckets).map(|_| runner()).collect(),
            others: std::array::from_fn(|_| runner()),
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            metrics: BTreeSet::new(),
            seen: Observed::default(),
            contract: Arc::new(contract),
            plan,
            ports,
            host,
        })
    }

    /// What is needed to ask the lake.
    pub fn lake(&self) -> (&Counted, &Runtime, &Contract) {
        (&self.ports, &self.runtime, &self.contract)
    }

    /// Runs what is planned.
    ///
    /// # Errors
    /// Where anything fails: nothing here gives it cause to.
    pub fn run(&mut self) -> Result<Observed, Failure> {
        let all = self.plan.before + self.plan.counted;
        let mut earlier = 0;
        for cycle in 0..all {
            if cycle == self.plan.before {
                earlier = std::mem::take(&mut self.seen).events;
            }
            self.cycle(u64::from(cycle) + 1)?;
        }
        self.seen.seconds = (u64::from(self.plan.counted) * self.plan.schedule_s) as f64;
        self.housekeeping()?;
        self.seen.housekeeping_share = f64::from(self.plan.counted) / f64::from(all);
        self.seen.metrics = self.metrics.len();
        self.seen.table_bytes_per_event = self.table_bytes()? as f64 / (earlier + self.seen.events) as f64;
        Ok(self.seen.clone())
    }

    fn cycle(&mut self, number: u64) -> Result<(), Failure> {
        let end = START.plus(Duration::from_secs(number * self.plan.schedule_s));
        for shard in 0..self.feeds.len() {
            while let Some(batch) = self.feeds[shard].batch(end) {
                self.ingest(shard, &batch)?;
            }
        }
        self.set(end);
        let deadline = end.plus(INVOCATION);
        let [dispatcher, deliveries, balance, _] = &self.others;
        let (ports, runtime) = (&self.ports, &self.runtime);
        let (done, dispatch) = measured(dispatcher.epoch(&self.contract, deadline), ports, runtime);
        done?;
        let (done, mut others) = measured(deliveries.publish_deliveries(deadline), ports, runtime);
        others.log_bytes = format!("{:?}", done?).len() as f64;
        let (done, mut balanced) = measured(balance.balance(&self.contract, deadline), ports, runtime);
        let line = report::balance_metrics(&done?, end, "Iguazu", "iguazu-worker", &self.contract.table);
        balanced.log_bytes = line.len() as f64;
        note(&mut self.metrics, &line)?;
        others += balanced;
        self.seen.dispatch += dispatch;
        self.seen.others += others;
        for bucket in 0..self.plan.buckets {
            while self.compact(bucket, deadline)? {}
        }
        Ok(())
    }

    fn ingest(&mut self, shard: usize, batch: &Batch) -> Result<(), Failure> {
        self.set(batch.at);
        let container = &self.containers[shard];
        let deadline = batch.at.plus(INVOCATION);
        let handled = async {
            let invocation = Invocation::parse(&batch.json)?;
            let handled = container.handle(invocation, deadline).await;
            let line = handled.report.embedded_metrics(batch.at, "Iguazu", "iguazu-ingest", false);
            handled.answer.map(|_| (handled.report, line))
        };
        let (done, mut work) = measured(handled, &self.ports, &self.runtime);
        let (report, line) = done?;
        if report.commits != 1 || report.counts.accepted != batch.events {
            return Err(
                format!("{} events gave {:?} in {} commits", batch.events, report.counts, report.commits).into()
            );
        }
        work.log_bytes = (line.len() + format!("{report:?}").len()) as f64;
        note(&mut self.metrics, &line)?;
        let seen = &mut self.seen;
        seen.ingest += work;
        seen.events += batch.events;
        seen.event_bytes += batch.event_bytes;
        seen.raw_files += report.files;
        seen.raw_bytes += report.bytes;
        Ok(())
    }

    /// A run of a bucket; says whether there is more to do.
    fn compact(&mut self, bucket: u32, deadline: Timestamp) -> Result<bool, Failure> {
        let runner = &self.buckets[bucket as usize];
        let (ran, mut work) = measured(runner.run(&self.contract, bucket, deadline), &self.ports, &self.runtime);
        let finished = ran.answer?;
        let line = ran.report.embedded_metrics(deadline, "Iguazu", "iguazu-worker", &self.contract.table, false);
        work.log_bytes = (line.len() + format!("{:?}", ran.report).len()) as f64;
        note(&mut self.metrics, &line)?;
        self.seen.versions += ran.report.versions;
        self.seen.compact += work;
        Ok(finished.more)
    }

    fn housekeeping(&mut self) -> Result<(), Failure> {
        let (ports, runtime, runner) = (&self.ports, &self.runtime, &self.others[3]);
        let contracts = [Arc::clone(&self.contract)];
        let swept = self.host.now().plus(GRACE + Duration::from_secs(1));
        self.set(swept);
        let (done, mut work) = measured(runner.sweep(&self.contract, swept.plus(INVOCATION)), ports, runtime);
        if !done?.finished {
            return Err("a sweep did not come to its end".into());
        }
        // The first time it is noted what everybody has consumed; a retention later that may shrink.
        let mut shrunk = 0;
        for at in [swept, swept.plus(RETENTION + Duration::from_secs(1))] {
            self.set(at);
            let (done, more) = measured(runner.shrink(&contracts, RETENTION, at.plus(INVOCATION)), ports, runtime);
            shrunk += done?;
            work += more;
        }
        if shrunk == 0 {
            return Err("no row shrank".into());
        }
        self.seen.housekeeping = work;
        Ok(())
    }

    /// Bytes of what the versions of the table name by now: data files and roll-ups.
    fn table_bytes(&self) -> Result<u64, Failure> {
        let objects = self.ports.objects();
        self.runtime.block_on(async {
            let mut bytes = 0;
            for prefix in KeyPrefix::versions(&self.contract.table) {
                for key in objects.list(&prefix, None, usize::MAX).await? {
                    let object = objects.get(&key).await?.ok_or("an object that was listed is gone")?;
                    bytes += if key.as_str().ends_with(".parquet") { object.bytes.len() as u64 } else { 0 };
                }
            }
            Ok(bytes)
        })
    }

    fn set(&self, now: Timestamp) {
        self.host.micros.store(now.micros(), Ordering::Relaxed);
    }
}

/// Runs something to its end; returns what it came to, and what that took.
fn measured<T>(work: impl Future<Output = T>, ports: &Counted, runtime: &Runtime) -> (T, Work) {
    let (done, took) = machine::timed(|| runtime.block_on(work));
    (done, Work { invocations: 1.0, cpu_s: took.as_secs_f64(), counts: ports.take(), log_bytes: 0.0 })
}

/// Notes which metrics a line has.
fn note(metrics: &mut BTreeSet<String>, line: &str) -> Result<(), Failure> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    let directive = &value["_aws"]["CloudWatchMetrics"][0];
    let names = directive["Metrics"].as_array().ok_or("a line of metrics without metrics")?;
    for name in names {
        metrics.insert(format!("{} {} {}", value["function"], value["table"], name["Name"]));
    }
    Ok(())
}
