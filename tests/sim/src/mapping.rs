//! The event source mapping as it behaves: arbitrary cuts, retries, bisecting, partial responses, lanes, doubled
//! pollers, time-outs, lost answers, and records that are given up and driven again.

use aws_lambda_events::streams::KinesisEventResponse;
use iguazu_ingest::{Handled, IngestError};
use iguazu_lake::commit::Refusal;

use crate::checks::Violation;
use crate::counters::Event;
use crate::draw::{Actor, Draws};
use crate::faults::{Fault, FaultAt};
use crate::scene::{MappingScene, SECOND, Scene, TIMEOUT};
use crate::world::{Happening, Work, World};

/// A mapping and how far it is.
#[derive(Debug)]
pub(crate) struct Mapping {
    scene: MappingScene,
    started: bool,
    filtered: bool,
    /// Shards that have pollers.
    polled: Vec<usize>,
}

/// What a poller works on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    /// A lane of a shard, from its checkpoint on.
    Lane { lane: u64, lanes: u64 },
    /// Records that the mapping gave up, under their original ids.
    Redrive(Vec<usize>),
}

/// A poller.
#[derive(Clone, Debug)]
pub(crate) struct Poller {
    id: u32,
    mapping: usize,
    shard: usize,
    task: Task,
    /// The index of the first record that is not done.
    position: usize,
    running: Option<Running>,
    retired: bool,
    /// How many invocations it may still make, if it is a double.
    life: Option<u32>,
    errors: u32,
    /// The size that bisecting leaves for the next batch.
    bisected: Option<usize>,
    invocations: u32,
    doubles: u32,
    draws: Draws,
}

#[derive(Clone, Debug)]
struct Running {
    task: usize,
    batch: Vec<usize>,
}

impl World {
    pub(crate) fn set_mappings(&mut self, scene: &Scene) {
        for (at, mapping) in scene.mappings.iter().enumerate() {
            self.mappings.push(Mapping {
                scene: mapping.clone(),
                started: false,
                filtered: mapping.filtered,
                polled: Vec::new(),
            });
            self.schedule(mapping.starts_at, Happening::StartMapping(at));
            if let Some(reset_at) = mapping.reset_at {
                self.schedule(reset_at, Happening::ResetMapping(at));
            }
            if mapping.lanes > 1 {
                self.counters.event(Event::LanesTwoToFour);
            }
            if mapping.filtered {
                self.counters.event(Event::FilteredMapping);
            }
        }
        if scene.mappings.len() > 1 {
            self.counters.event(Event::TwoMappings);
        }
    }

    pub(crate) fn start_mapping(&mut self, mapping: usize) {
        self.mappings[mapping].started = true;
        let latest = self.mappings[mapping].scene.from_latest;
        if latest {
            self.counters.event(Event::StartedAtLatest);
        }
        for shard in 0..self.shards.len() {
            // LATEST knows no parents; TRIM_HORIZON reaches children through them.
            if latest || self.shards[shard].parents.is_empty() {
                let position = if latest { self.shards[shard].records.len() } else { 0 };
                self.add_pollers(mapping, shard, position);
            }
        }
    }

    pub(crate) fn reset_mapping(&mut self, mapping: usize) {
        self.counters.event(Event::ResetToTrimHorizon);
        self.note(|_| format!("mapping {mapping} is set back to TRIM_HORIZON"));
        self.mappings[mapping].filtered = false;
        for shard in 0..self.shards.len() {
            if !self.mappings[mapping].polled.contains(&shard) && self.shards[shard].parents.is_empty() {
                self.add_pollers(mapping, shard, 0);
            }
        }
        for at in 0..self.pollers.len() {
            let poller = &mut self.pollers[at];
            if poller.mapping == mapping && poller.task_is_lane() {
                // What runs goes on, and its answer no longer matters.
                poller.position = 0;
                poller.running = None;
                poller.retired = poller.life.is_some();
                self.schedule_after(0, Happening::Poll(at));
            }
        }
    }

    fn add_pollers(&mut self, mapping: usize, shard: usize, position: usize) {
        if self.mappings[mapping].polled.contains(&shard) {
            return;
        }
        self.mappings[mapping].polled.push(shard);
        let lanes = self.mappings[mapping].scene.lanes;
        for lane in 0..lanes {
            let id = (mapping * 100 + shard * 10) as u32 + lane as u32;
            self.add_poller(id, mapping, shard, Task::Lane { lane, lanes }, position, None);
        }
    }

    fn add_poller(&mut self, id: u32, mapping: usize, shard: usize, task: Task, position: usize, life: Option<u32>) {
        self.pollers.push(Poller {
            id,
            mapping,
            shard,
            task,
            position,
            running: None,
            retired: false,
            life,
            errors: 0,
            bisected: None,
            invocations: 0,
            doubles: 0,
            draws: Draws::new(self.seed, Actor::poller(id)),
        });
        self.schedule_after(0, Happening::Poll(self.pollers.len() - 1));
    }

    /// Something may have changed for the pollers of a shard.
    pub(crate) fn poke(&mut self, shard: usize) {
        for at in 0..self.pollers.len() {
            if self.pollers[at].shard == shard && self.pollers[at].running.is_none() && !self.pollers[at].retired {
                let delay = self.pollers[at].draws.below(SECOND / 2);
                self.schedule_after(delay, Happening::Poll(at));
            }
        }
    }

    pub(crate) fn poll(&mut self, at: usize) {
        if self.pollers[at].retired || self.pollers[at].running.is_some() {
            return;
        }
        if self.pollers[at].life == Some(0) {
            self.pollers[at].retired = true;
            return;
        }
        self.misbehave(at);
        let batch = self.cut(at);
        if batch.is_empty() {
            self.end_of_shard(at);
            return;
        }
        let poller = &mut self.pollers[at];
        poller.invocations += 1;
        poller.life = poller.life.map(|life| life.saturating_sub(1));
        let (id, invocation, shard) = (poller.id, poller.invocations, poller.shard);
        for &record in &batch {
            self.shards[shard].records[record].delivered = true;
        }
        let container = self.container_for(at);
        let deadline = self.timestamp(self.now() + TIMEOUT);
        let work = Work::Invoke { shard, records: batch.clone(), deadline };
        let task = self.begin(container, id, invocation, work);
        self.containers[container].foreground = Some(task);
        self.note(|_| {
            format!("poller {id} invocation {invocation}: records {batch:?} of shard {shard} to container {container}")
        });
        self.pollers[at].running = Some(Running { task, batch });
        self.schedule_after(TIMEOUT, Happening::Timeout(task));
    }

    /// What pollers do now and then without being asked.
    fn misbehave(&mut self, at: usize) {
        let storm = self.scene.storm;
        let poller = &mut self.pollers[at];
        let (doubled, rewound, back) = (poller.draws.below(4_000), poller.draws.below(4_000), poller.draws.index(5));
        if !poller.task_is_lane() || poller.life.is_some() {
            return;
        }
        let Poller { id, mapping, shard, position, invocations, .. } = *poller;
        let fault_at = |fault| FaultAt { poller: id, invocation: invocations, call: 0, fault };
        if doubled < storm && self.permits(fault_at(Fault::DoubledPoller)) {
            let double = self.pollers[at].doubles + 1;
            self.pollers[at].doubles = double;
            let task = self.pollers[at].task.clone();
            self.add_poller(id + 1_000 * double, mapping, shard, task, position.saturating_sub(back), Some(3));
        }
        if rewound < storm && position > 0 && self.permits(fault_at(Fault::Rewind)) {
            self.pollers[at].position = position.saturating_sub(back + 1);
        }
    }

    /// The next batch: some of the records that are there, cut anywhere.
    fn cut(&mut self, at: usize) -> Vec<usize> {
        let most = self.scene.batch_max;
        let poller = &mut self.pollers[at];
        let size = poller.draws.between(1, most) as usize;
        let size = poller.bisected.take().unwrap_or(size);
        let records = &self.shards[poller.shard].records;
        match &poller.task {
            Task::Redrive(records) => records.clone(),
            Task::Lane { lane, lanes } => {
                let filtered = self.mappings[poller.mapping].filtered;
                let mine = (poller.position..records.len()).filter(|&record| {
                    records[record].lane_hash % lanes == *lane
                        && !(filtered && records[record].payload.is_multiple_of(4))
                });
                mine.take(size).collect()
            }
        }
    }

    /// A poller has nothing to do: at the end of a closed shard, the children's turn may have come.
    fn end_of_shard(&mut self, at: usize) {
        let Poller { mapping, shard, life, .. } = self.pollers[at];
        if !self.shards[shard].closed || life.is_some() {
            return;
        }
        self.pollers[at].position = self.shards[shard].records.len();
        for child in self.shards[shard].children.clone() {
            let parents = self.shards[child].parents.clone();
            if parents.iter().all(|&parent| self.shard_done(mapping, parent)) {
                self.add_pollers(mapping, child, 0);
            }
        }
    }

    fn shard_done(&self, mapping: usize, shard: usize) -> bool {
        let end = self.shards[shard].records.len();
        let lanes = self.pollers.iter().filter(|poller| {
            poller.mapping == mapping && poller.shard == shard && poller.task_is_lane() && poller.life.is_none()
        });
        self.mappings[mapping].polled.contains(&shard)
            && lanes.fold(true, |done, poller| done && poller.running.is_none() && poller.position >= end)
    }

    fn container_for(&mut self, at: usize) -> usize {
        let (reuse, which) = (self.pollers[at].draws.below(8), self.pollers[at].draws.bits());
        let free: Vec<_> = (0..self.containers.len())
            .filter(|&container| {
                let container = &self.containers[container];
                container.alive && container.foreground.is_none() && (!container.frozen || reuse == 7)
            })
            .collect();
        if reuse == 0 || free.is_empty() {
            let mut draws = self.pollers[at].draws.clone();
            return self.add_container(&mut draws);
        }
        let container = free[(which % free.len() as u64) as usize];
        if self.containers[container].frozen {
            self.counters.event(Event::ZombieBesideNewInvocation);
            self.thaw(container);
        }
        container
    }

    /// An invocation ended in an error that the handler did not report: a crash or a time-out.
    pub(crate) fn invocation_failed(&mut self, task: usize) {
        let container = self.tasks[task].container;
        if self.containers[container].foreground == Some(task) {
            self.containers[container].foreground = None;
        }
        if let Some(at) = self.poller_of(task) {
            self.retry(at);
        }
    }

    fn poller_of(&self, task: usize) -> Option<usize> {
        self.pollers.iter().position(|poller| poller.running.as_ref().is_some_and(|running| running.task == task))
    }

    /// An invocation ended.
    pub(crate) fn invocation_answered(&mut self, task: usize, handled: &Handled) {
        let container = self.tasks[task].container;
        self.tasks[task].alive = false;
        if self.containers[container].foreground == Some(task) {
            self.containers[container].foreground = None;
        }
        self.counters.report(&handled.report);
        self.note(|world| {
            let crate::world::Task { poller, invocation, .. } = world.tasks[task];
            match &handled.answer {
                Ok(response) => format!("poller {poller} invocation {invocation}: success{}", retry_text(response)),
                Err(error) => format!("poller {poller} invocation {invocation}: {error}"),
            }
        });
        if let Err(IngestError::Violated(violation) | IngestError::Refused(Refusal::Violated(violation))) =
            &handled.answer
        {
            self.violate(Violation::Asserted(violation.clone()));
        }
        let Some(at) = self.poller_of(task) else { return };
        let Poller { id, invocations, .. } = self.pollers[at];
        let lost = self.pollers[at].draws.below(2_000) < self.scene.storm
            && self.permits(FaultAt { poller: id, invocation: invocations, call: 0, fault: Fault::LostAnswer });
        match &handled.answer {
            Ok(response) if !lost => self.advance(at, response),
            _ => self.retry(at),
        }
    }

    fn advance(&mut self, at: usize, response: &KinesisEventResponse) {
        let Some(Running { batch, .. }) = self.pollers[at].running.take() else { return };
        let shard = self.pollers[at].shard;
        let reported = response.batch_item_failures.first().and_then(|item| item.item_identifier.as_deref());
        // A mapping that does not understand partial responses takes every answer for success.
        let reported = reported.filter(|_| self.scene.partial_responses);
        let first_left = reported.map(|id| {
            let known = batch.iter().position(|&record| self.shards[shard].records[record].sequence.to_string() == id);
            // An unknown identifier fails the whole batch.
            known.unwrap_or(0)
        });
        if first_left.is_some() {
            self.counters.event(Event::PartialResponse);
        }
        let done = &batch[..first_left.unwrap_or(batch.len())];
        self.checkpoint_passed(shard, done);
        let next = first_left.map_or_else(|| batch.last().map_or(0, |last| last + 1), |first| batch[first]);
        let poller = &mut self.pollers[at];
        poller.errors = 0;
        match &mut poller.task {
            Task::Lane { .. } => poller.position = next,
            Task::Redrive(records) => {
                records.drain(..done.len());
                if records.is_empty() {
                    poller.retired = true;
                    self.counters.event(Event::Redriven);
                    return;
                }
            }
        }
        let delay = self.pollers[at].draws.below(SECOND / 10);
        self.schedule_after(delay, Happening::Poll(at));
    }

    fn retry(&mut self, at: usize) {
        let Some(Running { batch, .. }) = self.pollers[at].running.take() else { return };
        let poller = &mut self.pollers[at];
        poller.errors += 1;
        let (bisect, pause) = (poller.draws.one_in(3), poller.draws.between(SECOND / 10, 2 * SECOND));
        let Poller { id, mapping, shard, invocations, errors, .. } = *poller;
        let lane = poller.task_is_lane();
        let fault_at = |fault| FaultAt { poller: id, invocation: invocations, call: 0, fault };
        let gives_up = lane && errors >= 2 && self.mappings[mapping].scene.gives_up;
        if gives_up && self.permits(fault_at(Fault::GivenUp)) {
            self.pollers[at].position = batch.last().map_or(0, |last| last + 1);
            self.pollers[at].errors = 0;
            self.add_poller(500_000 + id * 10 + invocations, mapping, shard, Task::Redrive(batch), 0, None);
        } else if bisect && batch.len() > 1 && self.permits(fault_at(Fault::Bisect)) {
            self.pollers[at].bisected = Some(batch.len() / 2);
        }
        self.schedule_after(pause, Happening::Poll(at));
    }
}

impl Poller {
    fn task_is_lane(&self) -> bool {
        matches!(self.task, Task::Lane { .. })
    }
}

fn retry_text(response: &KinesisEventResponse) -> String {
    let first = response.batch_item_failures.first().and_then(|item| item.item_identifier.clone());
    first.map_or_else(String::new, |id| format!(", to go on from {id}"))
}
