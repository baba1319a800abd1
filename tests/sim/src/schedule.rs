//! One schedule: a seed, run to rest, checked, and run on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Handled, Ingest, Settings};
use iguazu_lake::commit;
use iguazu_lake::ids::Timestamp;
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
use crate::payloads::CATALOG;
use crate::plain::SimFormat;
use crate::ports::{Shared, SimHost, SimPorts};
use crate::scene::{AFTER_DAYS, DAY, SECOND};
use crate::world::{Happening, Work, World};

/// How many happenings a schedule may have before it is called stuck.
const HAPPENINGS_MAX: u64 = 200_000;
/// The pollers of the checks at rest, the sweeps, and the shrinking.
const REPEATER: u32 = 700_000;
const SWEEPER: u32 = 800_000;

type Handler = Ingest<SimPorts, SimPorts, SimHost, FixedStreams, SimFormat>;

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
}

type Work_ = Pin<Box<dyn Future<Output = Ended>>>;

/// A schedule in progress.
struct Schedule {
    shared: Shared,
    tasks: Vec<Option<Work_>>,
    handlers: Vec<Option<Arc<Handler>>>,
    happenings: u64,
    last_answer: Option<Box<Handled>>,
}

/// Runs a schedule.
#[must_use]
pub fn run(seed: u64, allowed: Allowed, with_timeline: bool) -> Outcome {
    let shared = Shared::new(World::new(seed, allowed, with_timeline));
    let schedule =
        Schedule { shared: shared.clone(), tasks: Vec::new(), handlers: Vec::new(), happenings: 0, last_answer: None };
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
            Happening::Wake(task) => world.wake(task),
            Happening::Poll(poller) => world.poll(poller),
            Happening::Append { shard, payload } => world.append(shard, payload),
            Happening::Reshard => world.reshard(),
            Happening::StartMapping(mapping) => world.start_mapping(mapping),
            Happening::ResetMapping(mapping) => world.reset_mapping(mapping),
            Happening::Timeout(task) => world.time_out(task),
            Happening::Thaw(container) => world.thaw(container),
            Happening::Discard(container) => world.discard(container),
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
            Ended::Shrink => world.tasks[task].alive = false,
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
                let chains: Vec<_> = self.shared.lock().chains.keys().cloned().collect();
                Box::pin(async move {
                    let deadline = self_deadline(&host);
                    for chain in chains {
                        let policy = RetryPolicy::default();
                        // Whether it gets through does not matter: it is repeated by whoever comes next.
                        let _shrunk =
                            commit::shrink_consumed(&ports, &host, &policy, deadline, &chain, None, |_| true).await;
                    }
                    Ended::Shrink
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
                iguazu_lake::ids::ChainId::Shard { shard, .. } => shard.clone(),
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
        let swept = self.shared.lock().scene.swept_at_rest;
        if swept {
            self.do_in_peace(Work::Sweep { page: 1_000 });
            self.shared.lock().check_swept();
        }
        let mut world = self.shared.lock();
        world.check_referenced();
        world.at_peace = false;
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
