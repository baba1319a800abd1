//! One schedule: a seed, run to rest, checked, and run on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use iguazu_compact::epoch::{Epoch, Epochs};
use iguazu_compact::sweep as tables;
use iguazu_compact::{CompactError, Compactor, Ran};
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Handled, Ingest, Settings};
use iguazu_lake::commit;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::invariants::{self, InvariantId};
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::retry::RetryPolicy;
use iguazu_lake::sweep::{SweepBounds, Swept, sweep_orphans};
use iguazu_transform::{Payload, Record};

use crate::checks::Violation;
use crate::counters::{Counters, Event};
use crate::draw::{Actor, Draws};
use crate::faults::{Allowed, FaultAt};
use crate::kinesis::STREAM;
use crate::payloads::{CATALOG, TABLES};
use crate::plain::SimFormat;
use crate::ports::{Shared, SimHost, SimPorts};
use crate::readers::Reader;
use crate::scene::{AFTER_DAYS, DAY, SECOND};
use crate::world::{Happening, Work, World};

/// How many happenings a schedule may have before it is called stuck.
const HAPPENINGS_MAX: u64 = 200_000;
/// The pollers of the checks at rest, the sweeps, and the shrinking.
const REPEATER: u32 = 700_000;
const SWEEPER: u32 = 800_000;

type Handler = Ingest<SimPorts, SimPorts, SimHost, FixedStreams, SimFormat>;
type TableCompactor = Compactor<SimPorts, SimPorts, SimHost, SimFormat>;

/// What became of a schedule.
#[derive(Debug)]
pub struct Outcome {
    /// The first thing that went wrong, if anything did.
    pub violation: Option<Violation>,
    /// What happened how often.
    pub counters: Counters,
    /// The faults that happened.
    pub faults: Vec<FaultAt>,
    /// Everything that happened, if it was asked for.
    pub timeline: Vec<String>,
}

enum Ended {
    Invocation(Box<Handled>),
    Sweep(Option<Swept>),
    Shrink,
    Compaction(Box<Ran>),
    Change(Result<Epoch, CompactError>),
    TableSweep(Result<tables::Swept, CompactError>),
    Reading,
}

type Work_ = Pin<Box<dyn Future<Output = Ended>>>;

/// A schedule in progress.
struct Schedule {
    shared: Shared,
    tasks: Vec<Option<Work_>>,
    handlers: Vec<Option<Arc<Handler>>>,
    compactors: BTreeMap<(usize, usize), Arc<TableCompactor>>,
    happenings: u64,
    last_answer: Option<Box<Handled>>,
    last_run: Option<Box<Ran>>,
}

/// Runs a schedule.
#[must_use]
pub fn run(seed: u64, allowed: Allowed, with_timeline: bool) -> Outcome {
    let shared = Shared::new(World::new(seed, allowed, with_timeline));
    let schedule = Schedule {
        shared: shared.clone(),
        tasks: Vec::new(),
        handlers: Vec::new(),
        compactors: BTreeMap::new(),
        happenings: 0,
        last_answer: None,
        last_run: None,
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || schedule.run_to_the_end())).is_err();
    let mut world = shared.lock();
    if panicked {
        world.violate(Violation::Panicked);
    }
    Outcome {
        violation: world.violation.clone(),
        counters: world.counters.clone(),
        faults: std::mem::take(&mut world.faults),
        timeline: world.timeline.take().unwrap_or_default(),
    }
}

impl Schedule {
    fn run_to_the_end(mut self) {
        // What sleeps for days wakes up later still: all that the checks at rest do comes before.
        self.run_until(AFTER_DAYS);
        self.check_at_rest();
        let days = self.shared.lock().scene.days;
        if days {
            self.go_on_days_later();
            self.check_at_rest();
        }
    }

    fn broken(&self) -> bool {
        self.shared.lock().violation.is_some()
    }

    fn run_until(&mut self, horizon: u64) {
        loop {
            self.run_tasks();
            let happening = {
                let mut world = self.shared.lock();
                if world.violation.is_some() {
                    return;
                }
                match world.next(horizon) {
                    Some(happening) => happening,
                    None => return,
                }
            };
            self.happenings += 1;
            if self.happenings > HAPPENINGS_MAX {
                self.shared.lock().violate(Violation::Stuck(format!("{HAPPENINGS_MAX} happenings and no rest")));
                return;
            }
            self.let_happen(happening);
        }
    }

    fn let_happen(&self, happening: Happening) {
        let mut world = self.shared.lock();
        match happening {
            Happening::Apply(call) => world.apply(call),
            Happening::Reply(call) => world.reply(call),
            Happening::Wake(task, waker) => world.wake(task, &waker),
            Happening::Poll(poller) => world.poll(poller),
            Happening::Append { shard, payload } => world.append(shard, payload),
            Happening::Reshard => world.reshard(),
            Happening::StartMapping(mapping) => world.start_mapping(mapping),
            Happening::ResetMapping(mapping) => world.reset_mapping(mapping),
            Happening::Timeout(task) => world.time_out(task),
            Happening::Thaw(container) => world.thaw(container),
            Happening::Discard(container) => world.discard(container),
            Happening::Compact { compactor, table, bucket } => world.begin_compaction(compactor, table, bucket),
            Happening::ChangeBuckets { table, buckets } => world.begin_change(table, buckets),
            Happening::SweepTable { run, table } => world.begin_table_sweep(run, table),
            Happening::Read { reader, table } => world.begin_reading(reader, table),
            Happening::Sweep(run) => {
                let mut draws = Draws::new(world.seed, Actor::poller(SWEEPER + run));
                let container = world.add_container(&mut draws);
                world.containers[container].foreground = Some(usize::MAX);
                world.begin(container, SWEEPER, run, Work::Sweep { page: 3 });
            }
        }
    }

    /// Begins the tasks that were asked for and runs those whose answers came.
    fn run_tasks(&mut self) {
        loop {
            let (spawn, ready) = {
                let mut world = self.shared.lock();
                (std::mem::take(&mut world.spawn), std::mem::take(&mut world.ready))
            };
            if spawn.is_empty() && ready.is_empty() {
                return;
            }
            for (task, work) in spawn {
                let future = self.future_of(task, work);
                if self.tasks.len() <= task {
                    self.tasks.resize_with(task + 1, || None);
                }
                self.tasks[task] = Some(future);
                self.poll(task);
            }
            ready.into_iter().for_each(|task| self.poll(task));
        }
    }

    fn poll(&mut self, task: usize) {
        let Some(mut future) = self.tasks.get_mut(task).and_then(Option::take) else { return };
        {
            let mut world = self.shared.lock();
            let container = world.tasks[task].container;
            if !world.tasks[task].alive || !world.containers[container].alive {
                // The future is dropped here: what it has sent is on its way, and nothing else of it goes on.
                return;
            }
            world.current = task;
        }
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.tasks[task] = Some(future),
            Poll::Ready(ended) => {
                drop(future);
                self.ended(task, ended);
            }
        }
    }

    fn ended(&mut self, task: usize, ended: Ended) {
        let mut world = self.shared.lock();
        match ended {
            Ended::Invocation(handled) => {
                world.invocation_answered(task, &handled);
                self.last_answer = Some(handled);
            }
            Ended::Sweep(swept) => {
                world.tasks[task].alive = false;
                world.counters.add(Event::SweptUndecided, swept.map_or(0, |swept| swept.undecided));
            }
            Ended::Shrink | Ended::Reading => world.tasks[task].alive = false,
            Ended::Compaction(ran) => {
                world.compaction_ended(task, &ran);
                drop(world);
                self.last_run = Some(ran);
            }
            Ended::Change(changed) => {
                world.tasks[task].alive = false;
                if let Err(error) = changed {
                    world.compaction_failed(&error);
                }
            }
            Ended::TableSweep(swept) => world.table_sweep_ended(task, &swept),
        }
    }

    fn future_of(&mut self, task: usize, work: Work) -> Work_ {
        let ports = SimPorts(self.shared.clone());
        let host = SimHost(self.shared.clone());
        match work {
            Work::Invoke { shard, records, deadline } => self.invocation(task, shard, &records, deadline),
            Work::Sweep { page } => Box::pin(async move {
                let deadline = self_deadline(&host);
                let bounds = SweepBounds { page, deadline, retry: RetryPolicy::default() };
                let swept = sweep_orphans(&ports, &ports, &host, &KeyPrefix::everything(), None, &bounds).await;
                Ended::Sweep(swept.ok().map(|(swept, _)| swept))
            }),
            Work::Shrink => {
                let is_shard = |chain: &&ChainId| matches!(chain, ChainId::Shard { .. });
                let chains: Vec<_> = {
                    let world = self.shared.lock();
                    let shards = world.chains.keys().filter(is_shard);
                    shards.map(|chain| (chain.clone(), world.consumed(chain))).collect()
                };
                Box::pin(async move {
                    let deadline = self_deadline(&host);
                    for (chain, end) in chains {
                        let policy = RetryPolicy::default();
                        let consumed = |row: &commit::Row| row.n.get() < end;
                        // Whether it gets through does not matter: it is repeated by whoever comes next.
                        let _shrunk = commit::shrink_consumed(&ports, &host, &policy, deadline, &chain, consumed).await;
                    }
                    Ended::Shrink
                })
            }
            Work::Compact { table, bucket, deadline } => {
                let container = self.shared.lock().tasks[task].container;
                let compactor = self.compactor(container, table);
                Box::pin(
                    async move { Ended::Compaction(Box::new(compactor.run(&TABLES[table], bucket, deadline).await)) },
                )
            }
            Work::ChangeBuckets { table, buckets } => Box::pin(async move {
                let (retry, deadline) = (RetryPolicy::default(), self_deadline(&host));
                let epochs = Epochs { ledger: &ports, host: &host, retry, deadline };
                Ended::Change(epochs.change(&TABLES[table].table, buckets).await)
            }),
            Work::SweepTable { table, readers_epoch } => {
                let compactor = self.new_compactor(readers_epoch, 0);
                Box::pin(async move {
                    let deadline = self_deadline(&host);
                    Ended::TableSweep(compactor.sweep(&TABLES[table], deadline).await)
                })
            }
            Work::Read { table, of_snapshot } => {
                let (seed, actor) = {
                    let world = self.shared.lock();
                    (world.seed, Actor::invocation(world.tasks[task].poller, world.tasks[task].invocation))
                };
                let draws = Draws::new(seed ^ 1, actor);
                let reader = Reader { ports, host, contract: Arc::clone(&TABLES[table]), draws };
                Box::pin(async move {
                    if of_snapshot {
                        reader.snapshots().await;
                    } else {
                        reader.manifests().await;
                    }
                    Ended::Reading
                })
            }
        }
    }

    fn invocation(&mut self, task: usize, shard: usize, records: &[usize], deadline: Timestamp) -> Work_ {
        let (container, invocation) = {
            let world = self.shared.lock();
            let shard = &world.shards[shard];
            let records: Vec<_> = records.iter().map(|&at| &shard.records[at]).collect();
            let name = match &shard.chain {
                ChainId::Shard { shard, .. } => shard.clone(),
                _ => unreachable!("shards have shards' chains"),
            };
            let invocation = if world.scene.through_json {
                let payload = json(&name.to_string(), &records);
                Invocation::parse(payload.as_bytes()).unwrap_or_default()
            } else {
                let records = records.iter().map(|record| Record {
                    sequence: record.sequence,
                    arrival: record.arrival,
                    payload: Payload::Data(record.data()),
                });
                let stream = STREAM.parse().unwrap_or_else(|_| unreachable!("a constant"));
                Invocation { shards: [((stream, name), records.collect())].into(), unidentified: None }
            };
            (world.tasks[task].container, invocation)
        };
        let handler = self.handler(container);
        Box::pin(async move { Ended::Invocation(Box::new(handler.handle(invocation, deadline).await)) })
    }

    /// A container's compactor of a table, made when it first runs and warm from then on.
    fn compactor(&mut self, container: usize, table: usize) -> Arc<TableCompactor> {
        if let Some(compactor) = self.compactors.get(&(container, table)) {
            return Arc::clone(compactor);
        }
        let compactor = self.new_compactor(0, container);
        self.compactors.insert((container, table), Arc::clone(&compactor));
        compactor
    }

    fn new_compactor(&self, readers_epoch: u32, container: usize) -> Arc<TableCompactor> {
        let settings =
            self.shared.lock().scene.compaction.as_ref().map(|scene| scene.settings(readers_epoch, container));
        let ports = SimPorts(self.shared.clone());
        let host = SimHost(self.shared.clone());
        Arc::new(Compactor::new(ports.clone(), ports, host, SimFormat::Plain, settings.unwrap_or_default()))
    }

    /// A container's handler, made when it is first invoked and warm from then on.
    fn handler(&mut self, container: usize) -> Arc<Handler> {
        if self.handlers.len() <= container {
            self.handlers.resize_with(container + 1, || None);
        }
        let shared = &self.shared;
        Arc::clone(self.handlers[container].get_or_insert_with(|| {
            let (parquet, output_bytes_max, partial_responses) = {
                let scene = &shared.lock().scene;
                (scene.parquet, scene.output_bytes_max, scene.partial_responses)
            };
            let settings = Settings {
                catalog: Arc::clone(&CATALOG),
                output_bytes_max,
                deadline_margin: Duration::from_secs(1),
                partial_responses,
                retry: RetryPolicy::default(),
            };
            let format = if parquet { SimFormat::Parquet } else { SimFormat::Plain };
            let ports = SimPorts(shared.clone());
            Arc::new(Ingest::new(
                ports.clone(),
                ports,
                SimHost(shared.clone()),
                FixedStreams { created_ms: 1 },
                format,
                settings,
            ))
        }))
    }

    /// The world has come to rest: is everything there, once, and does repeating anything change nothing?
    fn check_at_rest(&mut self) {
        if self.broken() {
            return;
        }
        self.shared.lock().at_peace = true;
        self.shared.lock().check_at_rest();
        self.repeat_a_batch();
        if self.broken() {
            return;
        }
        let (swept, compacts) = {
            let world = self.shared.lock();
            (world.scene.swept_at_rest, world.scene.compaction.is_some())
        };
        if compacts {
            self.check_compaction(swept);
        }
        if swept && !self.broken() {
            self.do_in_peace(Work::Sweep { page: 1_000 });
            self.shared.lock().check_swept();
        }
        let mut world = self.shared.lock();
        world.check_referenced();
        world.at_peace = false;
    }

    /// All that is there is compacted; doing it again and publishing it again changes nothing; the sweep leaves nothing
    /// behind that nobody can need.
    fn check_compaction(&mut self, swept: bool) {
        self.compact_in_peace();
        if self.broken() {
            return;
        }
        self.shared.lock().check_tables();
        if self.broken() {
            return;
        }
        let before = {
            let mut world = self.shared.lock();
            world.forget_published();
            world.everything()
        };
        self.compact_in_peace();
        {
            let mut world = self.shared.lock();
            if world.everything() != before {
                let detail = "compacting and publishing again changed something";
                world.violate(Violation::Seen(invariants::Violation::new(InvariantId::I9Repeatable, detail)));
            }
        }
        if !swept || self.broken() {
            return;
        }
        let past = {
            let mut world = self.shared.lock();
            let later = world.now() + DAY / 64;
            world.pass_until(later);
            world.point_readers()
        };
        for (table, readers_epoch) in past.into_iter().enumerate() {
            self.do_in_peace(Work::SweepTable { table, readers_epoch });
        }
        let mut world = self.shared.lock();
        if world.scene.compaction.as_ref().is_some_and(|scene| scene.points_readers) {
            world.check_tables_swept();
        }
        world.check_tables();
    }

    /// Every bucket of every table runs until nothing is left for it.
    fn compact_in_peace(&mut self) {
        for table in 0..TABLES.len() {
            let mut bucket = 0;
            let mut runs = 0;
            while bucket < self.shared.lock().buckets(&TABLES[table].table) && !self.broken() {
                let deadline = self.shared.lock().deadline_in_peace();
                self.last_run = None;
                self.do_in_peace(Work::Compact { table, bucket, deadline });
                let finished = self.last_run.as_ref().and_then(|ran| ran.answer.as_ref().ok().copied());
                bucket += u32::from(finished.is_some_and(|finished| !finished.more));
                runs += 1;
                if runs > 400 {
                    let what = format!("bucket {bucket} of {} is never done", TABLES[table].table);
                    self.shared.lock().violate(Violation::Stuck(what));
                }
            }
        }
    }

    /// I9: any part of what was delivered, to a cold container, changes nothing.
    fn repeat_a_batch(&mut self) {
        let (shard, records, rows, deadline) = {
            let world = self.shared.lock();
            let mut draws = Draws::new(world.seed, Actor::poller(REPEATER));
            let shard = draws.index(world.shards.len());
            let all = world.shards[shard].records.len();
            let first = draws.index(all.max(1));
            let end = draws.between(first as u64, all as u64) as usize;
            // Records that have expired cannot be delivered any more, and their rows are stubs.
            let expired = world.now() >= AFTER_DAYS;
            let records: Vec<_> = if expired { Vec::new() } else { (first..end).collect() };
            (shard, records, world.ledgered.rows(), world.timestamp(world.now() + DAY))
        };
        if records.is_empty() {
            return;
        }
        self.last_answer = None;
        self.do_in_peace(Work::Invoke { shard, records, deadline });
        let answered = matches!(&self.last_answer, Some(handled) if handled.answer.is_ok());
        let mut world = self.shared.lock();
        let more = world.ledgered.rows() - rows;
        if more > 0 || !answered {
            let detail = format!("a repeated batch of shard {shard} left {more} rows more; answered: {answered}");
            world.violate(Violation::Seen(invariants::Violation::new(InvariantId::I9Repeatable, detail)));
        }
    }

    /// Runs some work by itself in a container of its own.
    fn do_in_peace(&mut self, work: Work) {
        let now = {
            let mut world = self.shared.lock();
            let mut draws = Draws::new(world.seed, Actor::poller(REPEATER));
            let container = world.add_container(&mut draws);
            world.containers[container].foreground = Some(usize::MAX);
            let run = world.tasks.len() as u32;
            world.begin(container, REPEATER, run, work);
            world.now()
        };
        self.run_until(now + DAY / 8);
    }

    /// Three days later: records have expired, their rows are stubs, and what slept for days wakes up.
    fn go_on_days_later(&mut self) {
        if self.broken() {
            return;
        }
        self.shared.lock().pass_until(AFTER_DAYS);
        self.do_in_peace(Work::Shrink);
        {
            let mut world = self.shared.lock();
            for shard in 0..world.scene.shards {
                world.plan_producers(shard, 2, AFTER_DAYS + DAY / 4);
            }
            world.plan_compaction(AFTER_DAYS + DAY / 4);
        }
        self.run_until(AFTER_DAYS + DAY);
    }
}

fn self_deadline(host: &SimHost) -> Timestamp {
    use iguazu_lake::host::Host as _;
    host.now().plus(Duration::from_micros(60 * SECOND))
}

/// The invocation's payload, as Lambda writes it.
fn json(shard: &str, records: &[&crate::kinesis::ShardRecord]) -> String {
    let records: Vec<_> = records
        .iter()
        .map(|record| {
            let data: Bytes = record.data();
            serde_json::json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "k",
                    "sequenceNumber": record.sequence.to_string(),
                    "data": base64::engine::general_purpose::STANDARD.encode(&data),
                    "approximateArrivalTimestamp": record.arrival.millis() as f64 / 1e3,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": format!("{shard}:{}", record.sequence),
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-west-1",
                "eventSourceARN": format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{STREAM}"),
            })
        })
        .collect();
    serde_json::json!({ "Records": records }).to_string()
}
