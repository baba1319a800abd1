//! The world: discrete-event time, tasks and containers.
//!
//! What becomes of a call to a port is in [`crate::calls`], what producers, shards and the event source mapping do is in [`crate::kinesis`] and [`crate::mapping`]; what
//! must hold is in [`crate::checks`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::StoredRow;

use crate::calls::CallInFlight;
use crate::checks::{Ledgered, Violation};
use crate::counters::{Counters, Event};
use crate::draw::{Actor, Draws};
use crate::faults::{Allowed, FaultAt};
use crate::kinesis::Shard;
use crate::mapping::{Mapping, Poller};
use crate::payloads::ARRIVAL;
use crate::scene::{QUIET_FROM, SECOND, Scene};
use crate::tables::Tables;

/// What happens at some time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A call reaches its store.
    Apply(usize),
    /// A call's answer reaches its caller.
    Reply(usize),
    /// A task's sleep is over.
    Wake(usize, Waker),
    /// A poller looks for records.
    Poll(usize),
    /// A producer sends a payload to a shard, or to what became of it.
    Append { shard: usize, payload: usize },
    /// A shard is split, or two are merged.
    Reshard,
    /// A mapping begins.
    StartMapping(usize),
    /// A mapping is set back to TRIM_HORIZON.
    ResetMapping(usize),
    /// An invocation has run too long.
    Timeout(usize),
    /// A frozen container goes on.
    Thaw(usize),
    /// A container that was frozen after a time-out is thrown away.
    Discard(usize),
    /// The sweep runs.
    Sweep(u32),
    /// A compactor runs for a bucket of a table.
    Compact { compactor: usize, table: usize, bucket: u32 },
    /// A table gets another number of buckets.
    ChangeBuckets { table: usize, buckets: u32 },
    /// The sweep of a table runs.
    SweepTable { run: u32, table: usize },
    /// Somebody reads a table.
    Read { reader: u32, table: usize },
}

/// A task that the simulation must begin.
#[derive(Debug)]
pub(crate) enum Work {
    /// Hand these records to the container's handler.
    Invoke { shard: usize, records: Vec<usize>, deadline: Timestamp },
    /// Sweep orphans, so many keys at a time.
    Sweep { page: usize },
    /// Shrink the consumed rows of every chain.
    Shrink,
    /// Compact a bucket.
    Compact { table: usize, bucket: u32, deadline: Timestamp },
    /// Begin another epoch of a table.
    ChangeBuckets { table: usize, buckets: u32 },
    /// Sweep what the versions of a table left behind.
    SweepTable { table: usize, readers_epoch: u32 },
    /// Read a table.
    Read { table: usize, of_snapshot: bool },
}

/// What the world knows of a task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) container: usize,
    pub(crate) poller: u32,
    pub(crate) invocation: u32,
    pub(crate) alive: bool,
    pub(crate) calls: u32,
    pub(crate) faults: Draws,
    random: Draws,
}

/// A container of the function, or the place where a sweep runs.
#[derive(Debug)]
pub(crate) struct Container {
    /// How far its clock is from the world's, in microseconds.
    pub(crate) skew: i64,
    pub(crate) alive: bool,
    pub(crate) frozen: bool,
    /// The invocation that Lambda waits for.
    pub(crate) foreground: Option<usize>,
    /// Tasks to run when it thaws.
    waiting: Vec<usize>,
}

/// The world.
pub struct World {
    pub(crate) seed: u64,
    pub(crate) scene: Scene,
    pub(crate) shards: Vec<Shard>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) pollers: Vec<Poller>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) containers: Vec<Container>,
    pub(crate) objects: BTreeMap<ObjectKey, Bytes>,
    pub(crate) chains: BTreeMap<ChainId, BTreeMap<RowNumber, StoredRow>>,
    pub(crate) registry: BTreeSet<ChainId>,
    pub(crate) ledgered: Ledgered,
    pub(crate) tables: Tables,
    /// Where each compactor ran last.
    pub(crate) compactors: BTreeMap<usize, usize>,
    pub(crate) counters: Counters,
    pub(crate) violation: Option<Violation>,
    pub(crate) faults: Vec<FaultAt>,
    pub(crate) timeline: Option<Vec<String>>,
    pub(crate) spawn: Vec<(usize, Work)>,
    pub(crate) ready: Vec<usize>,
    pub(crate) current: usize,
    /// Faults are over for good: the checks of the world at rest are running.
    pub(crate) at_peace: bool,
    allowed: Allowed,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    pub(crate) calls: Vec<CallInFlight>,
}

impl World {
    pub(crate) fn new(seed: u64, allowed: Allowed, with_timeline: bool) -> Self {
        let scene = Scene::new(seed);
        let mut world = Self {
            seed,
            shards: Vec::new(),
            mappings: Vec::new(),
            pollers: Vec::new(),
            tasks: Vec::new(),
            containers: Vec::new(),
            objects: BTreeMap::new(),
            chains: BTreeMap::new(),
            registry: BTreeSet::new(),
            ledgered: Ledgered::default(),
            tables: Tables::default(),
            compactors: BTreeMap::new(),
            counters: Counters::default(),
            violation: None,
            faults: Vec::new(),
            timeline: with_timeline.then(Vec::new),
            spawn: Vec::new(),
            ready: Vec::new(),
            current: usize::MAX,
            at_peace: false,
            allowed,
            now: 0,
            queue: BinaryHeap::new(),
            happenings: Vec::new(),
            calls: Vec::new(),
            scene,
        };
        world.set_the_scene();
        world
    }

    /// The true time, in microseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// What the clock of the running task's container says.
    pub(crate) fn clock(&self) -> Timestamp {
        let skew = self.tasks.get(self.current).map_or(0, |task| self.containers[task.container].skew);
        Timestamp::from_micros(ARRIVAL.micros() + self.now as i64 + skew)
    }

    /// The world's instant as a timestamp.
    pub(crate) fn timestamp(&self, at: u64) -> Timestamp {
        Timestamp::from_micros(ARRIVAL.micros() + at as i64)
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.tasks[self.current].random.bits()
    }

    pub(crate) fn note(&mut self, text: impl FnOnce(&Self) -> String) {
        if self.timeline.is_some() {
            let line = format!("{:>12.6}  {}", self.now as f64 / SECOND as f64, text(self));
            if let Some(timeline) = &mut self.timeline {
                timeline.push(line);
            }
        }
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.note(|_| format!("VIOLATION {violation}"));
        self.violation.get_or_insert(violation);
    }

    pub(crate) fn schedule(&mut self, at: u64, happening: Happening) {
        let order = self.happenings.len();
        self.happenings.push(Some(happening));
        self.queue.push(Reverse((at.max(self.now), order as u64, order)));
    }

    pub(crate) fn schedule_after(&mut self, delay: u64, happening: Happening) {
        self.schedule(self.now + delay, happening);
    }

    /// Moves on to the next happening before `horizon`.
    pub(crate) fn next(&mut self, horizon: u64) -> Option<Happening> {
        let Reverse((at, _, order)) = *self.queue.peek()?;
        if at >= horizon {
            return None;
        }
        self.queue.pop();
        self.now = at;
        self.happenings[order].take()
    }

    /// Lets time pass until `at`; nothing may be scheduled before it.
    pub(crate) fn pass_until(&mut self, at: u64) {
        self.now = self.now.max(at);
    }

    /// Whether a fault that was drawn is let happen; if it is, it is written down.
    pub(crate) fn permits(&mut self, at: FaultAt) -> bool {
        let quiet = self.at_peace || self.now >= QUIET_FROM;
        if quiet || !self.allowed.permits(&at) {
            return false;
        }
        self.counters.fault(at.fault);
        self.faults.push(at);
        self.note(|_| format!("  fault {at}"));
        true
    }

    // ---- Tasks and containers -------------------------------------------------------------------------------

    pub(crate) fn add_container(&mut self, draws: &mut Draws) -> usize {
        let skew = match draws.below(8) {
            0 => -(draws.below(30 * SECOND) as i64),
            1 => draws.below(8 * SECOND) as i64,
            _ => draws.below(SECOND / 5) as i64 - (SECOND / 10) as i64,
        };
        let skew = if self.at_peace { 0 } else { skew };
        if skew < -(SECOND as i64) {
            self.counters.event(Event::ClockSlow);
        }
        if skew > SECOND as i64 {
            self.counters.event(Event::ClockFast);
        }
        self.containers.push(Container { skew, alive: true, frozen: false, foreground: None, waiting: Vec::new() });
        self.containers.len() - 1
    }

    /// Begins a task; faults are drawn by the poller and its invocation, so that each has its own.
    pub(crate) fn begin(&mut self, container: usize, poller: u32, invocation: u32, work: Work) -> usize {
        let faults = Draws::new(self.seed, Actor::invocation(poller, invocation));
        let random = Draws::new(!self.seed, Actor::invocation(poller, invocation));
        self.tasks.push(Task { container, poller, invocation, alive: true, calls: 0, faults, random });
        let task = self.tasks.len() - 1;
        self.spawn.push((task, work));
        task
    }

    pub(crate) fn run(&mut self, task: usize) {
        let Task { container, alive, .. } = self.tasks[task];
        if !alive || !self.containers[container].alive {
            return;
        }
        if self.containers[container].frozen {
            self.containers[container].waiting.push(task);
        } else {
            self.ready.push(task);
        }
    }

    pub(crate) fn wake_after(&mut self, duration: Duration, waker: Waker) -> u64 {
        let until = self.now + u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        self.schedule(until, Happening::Wake(self.current, waker));
        until
    }

    pub(crate) fn wake(&mut self, task: usize, waker: &Waker) {
        // A task polls those of its futures only that were woken.
        waker.wake_by_ref();
        self.run(task);
    }

    /// The container dies with everything in it. What it has sent is on its way.
    pub(crate) fn crash(&mut self, container: usize) {
        self.note(|_| format!("container {container} dies"));
        self.containers[container].alive = false;
        for task in 0..self.tasks.len() {
            if self.tasks[task].container == container && std::mem::replace(&mut self.tasks[task].alive, false) {
                self.invocation_failed(task);
            }
        }
    }

    pub(crate) fn freeze(&mut self, container: usize, thaw_after: u64) {
        self.containers[container].frozen = true;
        self.schedule_after(thaw_after, Happening::Thaw(container));
    }

    pub(crate) fn thaw(&mut self, container: usize) {
        if !self.containers[container].alive || !std::mem::take(&mut self.containers[container].frozen) {
            return;
        }
        let waiting = std::mem::take(&mut self.containers[container].waiting);
        if !waiting.is_empty() {
            self.note(|_| format!("container {container} thaws"));
        }
        for task in waiting {
            if self.containers[container].foreground != Some(task) && self.tasks[task].alive {
                self.counters.event(Event::ZombieWoke);
            }
            self.run(task);
        }
    }

    /// Lambda's time is up: it answers the poller with an error and freezes the environment.
    pub(crate) fn time_out(&mut self, task: usize) {
        let container = self.tasks[task].container;
        if self.containers[container].foreground != Some(task) || !self.tasks[task].alive {
            return;
        }
        self.counters.event(Event::InvocationTimedOut);
        self.note(|_| format!("container {container}: the invocation timed out"));
        self.containers[container].frozen = true;
        self.containers[container].foreground = None;
        match self.tasks[task].faults.below(4) {
            0 => self.schedule_after(20 * SECOND, Happening::Discard(container)),
            _ => {
                let after = self.tasks[task].faults.between(SECOND, 60 * SECOND);
                self.schedule_after(after, Happening::Thaw(container));
            }
        }
        self.invocation_failed(task);
    }

    pub(crate) fn discard(&mut self, container: usize) {
        if self.containers[container].frozen {
            self.containers[container].alive = false;
        }
    }
}
