//! Calls to the ports: what becomes of each, and what it does to the stores.

use std::task::Waker;

use iguazu_lake::ids::{ChainId, RowNumber};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::{
    ETag, Fault as PortFault, Object, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};

use crate::counters::Event;
use crate::faults::{Fault, FaultAt};
use crate::plain::fingerprint;
use crate::ports::{Answer, Request};
use crate::scene::{AFTER_DAYS, DAY, SECOND, TIMEOUT};
use crate::world::{Happening, Task, World};

/// A call on its way.
pub(crate) struct CallInFlight {
    task: usize,
    request: Request,
    answer: Option<Result<Answer, PortError>>,
    /// What the caller is told instead of the truth.
    told: Option<Told>,
    replied: bool,
    waker: Waker,
}

/// What a caller is told that is not the truth.
#[derive(Clone, Copy)]
enum Told {
    NotApplied(Fault),
    MaybeApplied(Fault),
    Nothing,
}

/// What identifies the content of an object: the same for the same content, as on S3. Only what is published is ever
/// replaced.
fn etag(key: &ObjectKey, bytes: &[u8]) -> ETag {
    let replaced = key.as_str().starts_with("tables/");
    ETag(if replaced { format!("{:016x}", fingerprint(bytes)) } else { String::new() })
}

impl World {
    /// Takes a call from the running task and decides its fate.
    pub(crate) fn submit(&mut self, request: Request, waker: Waker) -> usize {
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
        let fault =
            (roll < self.scene.storm && !self.reads_only(task)).then(|| self.pick(&request, kind)).filter(|&fault| {
                let Task { poller, invocation, .. } = self.tasks[task];
                self.permits(FaultAt { poller, invocation, call, fault })
            });
        self.note(|world| {
            let Task { poller, invocation, .. } = world.tasks[task];
            format!("poller {poller} invocation {invocation} call {call}: {}", request.name())
        });
        self.calls.push(CallInFlight { task, request, answer: None, told: None, replied: false, waker });
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
            Fault::Conflict409 if !matches!(request, Request::PutIfAbsent(..) | Request::PutIfMatch(..)) => {
                Fault::Throttled
            }
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
                    AFTER_DAYS + DAY / 4 - self.now() + delay
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
                    _ => AFTER_DAYS + DAY / 4 - self.now() + delay,
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
        self.calls[id].waker.wake_by_ref();
        self.run(self.calls[id].task);
    }

    pub(crate) fn take_reply(&mut self, id: usize, waker: &Waker) -> Option<Result<Answer, PortError>> {
        let call = &mut self.calls[id];
        if call.replied {
            return call.answer.take();
        }
        call.waker.clone_from(waker);
        None
    }

    /// What a request does to the stores.
    fn execute(&mut self, request: Request) -> Answer {
        match request {
            Request::Get(key) => Answer::Object(
                self.objects.get(&key).map(|bytes| Object { bytes: bytes.clone(), etag: etag(&key, bytes) }),
            ),
            Request::GetRange(key, range) => Answer::Range(self.objects.get(&key).map(|bytes| {
                let end = bytes.len().min(range.end as usize);
                bytes.slice(end.min(range.start as usize)..end)
            })),
            Request::PutIfAbsent(key, bytes) => {
                if self.objects.contains_key(&key) {
                    self.counters.event(Event::PutFoundOwnObject);
                    return Answer::PutIfAbsent(PutIfAbsent::Exists);
                }
                let etag = etag(&key, &bytes);
                self.object_published(&key, None, &bytes);
                self.objects.insert(key, bytes);
                Answer::PutIfAbsent(PutIfAbsent::Created(etag))
            }
            Request::PutIfMatch(key, bytes, seen) => {
                let Some(there) = self.objects.get(&key).filter(|there| etag(&key, there) == seen).cloned() else {
                    self.counters.event(Event::ReplacedByAnother);
                    return Answer::PutIfMatch(PutIfMatch::Changed);
                };
                let etag = etag(&key, &bytes);
                self.object_published(&key, Some(&there), &bytes);
                self.objects.insert(key, bytes);
                Answer::PutIfMatch(PutIfMatch::Replaced(etag))
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
            Request::Registry(after, limit) => {
                let after = after.map(|chain| chain.to_string());
                let mut chains: Vec<_> = self.registry.iter().map(|chain| (chain.to_string(), chain)).collect();
                chains.retain(|(text, _)| after.as_ref().is_none_or(|after| text > after));
                chains.sort_unstable();
                Answer::Chains(chains.into_iter().take(limit).map(|(_, chain)| chain.clone()).collect())
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
