//! The world: discrete-event time, the stores with every outcome that a call can have, tasks and containers.
//!
//! What producers, shards and the event source mapping do is in [`crate::kinesis`] and [`crate::mapping`]; what
//! must hold is in [`crate::checks`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::{ETag, Fault as PortFault, Object, PortError, PutIfAbsent, PutRow, Shrunk, StoredRow};

use crate::checks::{Ledgered, Violation};
use crate::counters::{Counters, Event};
use crate::draw::{Actor, Draws};
use crate::faults::{Allowed, Fault, FaultAt};
use crate::kinesis::Shard;
use crate::mapping::{Mapping, Poller};
use crate::payloads::ARRIVAL;
use crate::ports::{Answer, Request};
use crate::scene::{AFTER_DAYS, DAY, QUIET_FROM, SECOND, Scene, TIMEOUT};

/// What happens at some time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A call reaches its store.
    Apply(usize),
    /// A call's answer reaches its caller.
    Reply(usize),
    /// A task's sleep is over.
    Wake(usize),
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
}

/// What the world knows of a task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) container: usize,
    pub(crate) poller: u32,
    pub(crate) invocation: u32,
    pub(crate) alive: bool,
    calls: u32,
    faults: Draws,
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

struct CallInFlight {
    task: usize,
    request: Request,
    answer: Option<Result<Answer, PortError>>,
    /// What the caller is told instead of the truth.
    told: Option<Told>,
    replied: bool,
}

#[derive(Clone, Copy)]
enum Told {
    NotApplied(Fault),
    MaybeApplied(Fault),
    Nothing,
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
    calls: Vec<CallInFlight>,
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

    fn run(&mut self, task: usize) {
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

    pub(crate) fn wake_after(&mut self, duration: Duration) -> u64 {
        let until = self.now + u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        self.schedule(until, Happening::Wake(self.current));
        until
    }

    pub(crate) fn wake(&mut self, task: usize) {
        self.run(task);
    }

    /// The container dies with everything in it. What it has sent is on its way.
    fn crash(&mut self, container: usize) {
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

    // ---- Calls ----------------------------------------------------------------------------------------------

    /// Takes a call from the running task and decides its fate.
    pub(crate) fn submit(&mut self, request: Request) -> usize {
        let task = self.current;
        let (roll, kind, pace, delay) = {
            let faults = &mut self.tasks[task].faults;
            (faults.below(1_000), faults.bits(), faults.below(1 << 32), faults.below(1 << 32))
        };
        let call = self.tasks[task].calls;
        self.tasks[task].calls += 1;
        let there = 500 + (pace & 0xffff) / 4;
        let back = 500 + (pace >> 16) / 4;
        let id = self.calls.len();
        let fault = (roll < self.scene.storm).then(|| self.pick(&request, kind)).filter(|&fault| {
            let Task { poller, invocation, .. } = self.tasks[task];
            self.permits(FaultAt { poller, invocation, call, fault })
        });
        self.note(|world| {
            let Task { poller, invocation, .. } = world.tasks[task];
            format!("poller {poller} invocation {invocation} call {call}: {}", request.name())
        });
        self.calls.push(CallInFlight { task, request, answer: None, told: None, replied: false });
        self.let_happen(id, fault, there, back, delay);
        id
    }

    /// Which fault a draw means for a request.
    fn pick(&self, request: &Request, kind: u64) -> Fault {
        const WEIGHTED: [Fault; 20] = [
            Fault::Throttled,
            Fault::Conflict409,
            Fault::Conflict409,
            Fault::Unavailable503,
            Fault::LostReply,
            Fault::LostReply,
            Fault::LostReply,
            Fault::LostRequest,
            Fault::LateApply,
            Fault::LateApply,
            Fault::LateApply,
            Fault::VeryLateApply,
            Fault::CrashBefore,
            Fault::CrashAfter,
            Fault::CrashAfter,
            Fault::FreezeShort,
            Fault::FreezeShort,
            Fault::FreezeLong,
            Fault::FreezeLong,
            Fault::FreezeDays,
        ];
        match WEIGHTED[(kind % 20) as usize] {
            Fault::VeryLateApply if !self.scene.days => self.pick(request, 8),
            Fault::FreezeDays if !self.scene.days => Fault::FreezeLong,
            Fault::Conflict409 if !matches!(request, Request::PutIfAbsent(..)) => Fault::Throttled,
            Fault::LostReply | Fault::LostRequest | Fault::LateApply | Fault::VeryLateApply if request.is_read() => {
                Fault::Unavailable503
            }
            fault => fault,
        }
    }

    fn let_happen(&mut self, id: usize, fault: Option<Fault>, there: u64, back: u64, delay: u64) {
        let container = self.tasks[self.calls[id].task].container;
        let mut apply_after = Some(there);
        let mut reply_after = Some(there + back);
        let told = match fault {
            None => None,
            Some(fault @ (Fault::Throttled | Fault::Conflict409 | Fault::Unavailable503)) => {
                apply_after = None;
                Some(Told::NotApplied(fault))
            }
            Some(fault @ Fault::LostReply) => Some(Told::MaybeApplied(fault)),
            Some(fault @ Fault::LostRequest) => {
                apply_after = None;
                Some(Told::MaybeApplied(fault))
            }
            Some(fault @ (Fault::LateApply | Fault::VeryLateApply)) => {
                let days = fault == Fault::VeryLateApply;
                apply_after = Some(if days {
                    AFTER_DAYS + DAY / 4 - self.now + delay
                } else {
                    SECOND / 10 + delay % (30 * SECOND)
                });
                reply_after = Some(there + back + delay % SECOND);
                Some(Told::MaybeApplied(fault))
            }
            Some(Fault::CrashBefore) => {
                (apply_after, reply_after) = (None, None);
                self.crash(container);
                Some(Told::Nothing)
            }
            Some(Fault::CrashAfter) => {
                reply_after = None;
                self.crash(container);
                Some(Told::Nothing)
            }
            Some(fault) => {
                let thaw_after = match fault {
                    Fault::FreezeShort => SECOND / 10 + delay % (5 * SECOND),
                    Fault::FreezeLong => TIMEOUT + delay % (60 * SECOND),
                    _ => AFTER_DAYS + DAY / 4 - self.now + delay,
                };
                self.freeze(container, thaw_after);
                None
            }
        };
        self.calls[id].told = told;
        if let Some(after) = apply_after {
            self.schedule_after(after, Happening::Apply(id));
        }
        if let Some(after) = reply_after {
            self.schedule_after(after, Happening::Reply(id));
        }
    }

    pub(crate) fn apply(&mut self, id: usize) {
        let request = self.calls[id].request.clone();
        let answer = self.execute(request);
        self.calls[id].answer = Some(Ok(answer));
    }

    pub(crate) fn reply(&mut self, id: usize) {
        let failed = |fault: Fault| PortFault::passing("sim", fault.name());
        match self.calls[id].told {
            None => {}
            Some(Told::NotApplied(fault)) => self.calls[id].answer = Some(Err(PortError::NotApplied(failed(fault)))),
            Some(Told::MaybeApplied(fault)) => {
                self.calls[id].answer = Some(Err(PortError::MaybeApplied(failed(fault))));
            }
            Some(Told::Nothing) => return,
        }
        self.calls[id].replied = true;
        self.run(self.calls[id].task);
    }

    pub(crate) fn take_reply(&mut self, id: usize) -> Option<Result<Answer, PortError>> {
        let call = &mut self.calls[id];
        if call.replied { call.answer.take() } else { None }
    }

    /// What a request does to the stores.
    fn execute(&mut self, request: Request) -> Answer {
        match request {
            Request::Get(key) => Answer::Object(
                self.objects.get(&key).map(|bytes| Object { bytes: bytes.clone(), etag: ETag(String::new()) }),
            ),
            Request::PutIfAbsent(key, bytes) => {
                if self.objects.contains_key(&key) {
                    self.counters.event(Event::PutFoundOwnObject);
                    return Answer::PutIfAbsent(PutIfAbsent::Exists);
                }
                self.objects.insert(key, bytes);
                Answer::PutIfAbsent(PutIfAbsent::Created(ETag(String::new())))
            }
            Request::Delete(key) => {
                self.object_deleted(&key);
                self.objects.remove(&key);
                Answer::Unit
            }
            Request::List(prefix, after, limit) => {
                let keys = self.objects.keys().filter(|key| key.as_str().starts_with(prefix.as_str()));
                Answer::Keys(
                    keys.filter(|key| after.as_ref().is_none_or(|after| *key > after)).take(limit).cloned().collect(),
                )
            }
            Request::GetRow(chain, n) => Answer::Row(self.chains.get(&chain).and_then(|rows| rows.get(&n)).cloned()),
            Request::Newest(chain) => {
                Answer::Row(self.chains.get(&chain).and_then(|rows| rows.values().next_back()).cloned())
            }
            Request::Scan(chain, after, limit) => {
                let start = after.map_or(RowNumber::FIRST, RowNumber::next);
                let rows =
                    self.chains.get(&chain).map(|rows| rows.range(start..).take(limit).map(|(_, row)| row.clone()));
                Answer::Rows(rows.map_or_else(Vec::new, Iterator::collect))
            }
            Request::PutRow(chain, row) => Answer::PutRow(self.put_row(chain, row)),
            Request::Shrink(chain, stub) => Answer::Shrunk(self.shrink_row(&chain, stub)),
            Request::Register(chain) => {
                self.registry.insert(chain);
                Answer::Unit
            }
        }
    }

    fn put_row(&mut self, chain: ChainId, row: StoredRow) -> PutRow {
        if let Some(there) = self.chains.get(&chain).and_then(|rows| rows.get(&row.n)) {
            if there.attempt != row.attempt && there.body.contains("\"stub\"") {
                self.counters.event(Event::CollidedWithStub);
            }
            return PutRow::Occupied(there.clone());
        }
        self.row_committed(&chain, &row);
        self.chains.entry(chain).or_default().insert(row.n, row);
        PutRow::Applied
    }

    fn shrink_row(&mut self, chain: &ChainId, stub: StoredRow) -> Shrunk {
        let Some(rows) = self.chains.get_mut(chain) else { return Shrunk::NoSuchRow };
        match rows.get(&stub.n) {
            Some(row) if row.attempt == stub.attempt => {
                rows.insert(stub.n, stub);
                self.counters.event(Event::StubbedRow);
                Shrunk::Done
            }
            _ => Shrunk::NoSuchRow,
        }
    }
}
