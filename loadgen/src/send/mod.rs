//! Sends the records of a run: an open loop that goes on whatever the endpoint does.
//!
//! - A record is due when the plan says so, and its latency counts from then, however long it had to wait to be sent.
//! - Of a request that was taken in part, only what failed is sent again.
//! - A request without an answer is sent again as a whole: what it held may then be in the stream twice.
//! - [`pace`] listens to throttles, [`health`] to outages; [`outbox`] knows what is on its way.

pub mod client;
pub mod health;
pub mod outbox;
pub mod pace;
pub mod reshard;
pub mod tally;

use std::io::Write;
use std::iter::Peekable;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, pending};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use crate::acks::{Ack, AckWriter, AcksError};
use crate::records::Records;
use crate::run_file::{Counts, Ending, Latency, Outage, Reshard, Second, ShardLoad};
use crate::workload::Workload;
use client::{Entry, Kinesis, Reply};
use health::Health;
use outbox::{Outbox, Pending, REQUEST_RECORDS_MAX};
use pace::Pace;
use tally::Tally;

/// How long records are gathered before a request is sent that has room for more.
const LINGER: u64 = 10_000;
/// How long a record waits that was refused, after its first try; then twice that, and so on.
const AGAIN_AFTER: u64 = 100_000;
/// Records that are not acknowledged, beyond which no more are made: memory is bounded whatever the endpoint does.
const OPEN_MAX: usize = 20_000;
/// How often progress is shown: percentiles take a while to find.
const SHOW_EVERY: u64 = 200_000;
/// The longest that the loop sleeps.
const TICK: u64 = 100_000;

/// How to send.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests on their way at a time.
    pub concurrency: usize,
    /// After how long without a record being taken a run is given up.
    pub give_up: Duration,
    /// Seconds between splits and merges.
    pub reshard: Option<u64>,
}

/// What became of a run.
#[derive(Debug)]
pub struct Sent {
    /// Why it ended.
    pub ending: Ending,
    /// Why the stream will never take it.
    pub refusal: Option<String>,
    /// Records that were begun to be sent.
    pub records: u64,
    /// Those that were never acknowledged.
    pub undecided: Vec<u64>,
    /// What was counted.
    pub counts: Counts,
    /// Latencies.
    pub latency: Latency,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// By shard.
    pub shards: std::collections::BTreeMap<String, ShardLoad>,
    /// When nothing was answered.
    pub outages: Vec<Outage>,
    /// Splits and merges.
    pub reshards: Vec<Reshard>,
}

/// What is shown while records are sent.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What was counted.
    pub counts: Counts,
    /// What was counted in the last whole second.
    pub last_second: Counts,
    /// The latencies.
    pub latency: Latency,
    /// Whether the endpoint does not answer.
    pub down: bool,
    /// The limit in records a second, where the stream throttles.
    pub limit: Option<f64>,
    /// The number of events by whose time records are due now.
    pub events: u64,
    /// Whether somebody asked to stop.
    pub stopping: bool,
}

/// Something that stops a run: the first time no more records are begun, the second time nothing is waited for.
pub type Stops = Pin<Box<dyn Stream<Item = ()>>>;

struct Sender<'w, W> {
    kinesis: Kinesis,
    settings: Settings,
    records: Peekable<Records<'w>>,
    begun: u64,
    events: u64,
    outbox: Outbox,
    pace: Pace,
    health: Health,
    tally: Tally,
    acks: AckWriter<W>,
    start: Instant,
    /// When the last request was sent.
    last: u64,
    /// When progress was last shown.
    shown: u64,
    /// How often somebody asked to stop.
    stops: u32,
    reshards: Vec<Reshard>,
    refusal: Option<String>,
}

/// Sends the records of a workload, and writes down what was acknowledged.
///
/// # Errors
/// Where acknowledgements cannot be written.
pub async fn send<W: Write>(
    workload: &Workload,
    kinesis: Kinesis,
    settings: Settings,
    acks: AckWriter<W>,
    mut stops: Stops,
    mut show: impl FnMut(Progress),
) -> Result<(Sent, W), AcksError> {
    let mut reshards: Pin<Box<dyn Stream<Item = String>>> = match settings.reshard {
        Some(seconds) => Box::pin(reshard::every(seconds, workload.plan().seed, kinesis.clone())),
        None => Box::pin(pending()),
    };
    let mut sender = Sender {
        pace: Pace::new(workload.plan().rate as f64),
        records: Records::of(workload).peekable(),
        begun: 0,
        events: 0,
        outbox: Outbox::default(),
        health: Health::default(),
        tally: Tally::default(),
        start: Instant::now(),
        last: 0,
        shown: 0,
        stops: 0,
        reshards: Vec::new(),
        refusal: None,
        kinesis,
        settings,
        acks,
    };
    let mut requests = FuturesUnordered::new();
    let ending = loop {
        let now = sender.now();
        sender.draw(now);
        while let Some(batch) = sender.next_request(now, requests.len()) {
            let kinesis = sender.kinesis.clone();
            requests.push(async move {
                let reply = kinesis.put(&batch).await;
                (batch, reply)
            });
        }
        if now >= sender.shown + SHOW_EVERY {
            sender.shown = now;
            show(sender.progress());
        }
        if let Some(ending) = sender.ending(now, requests.is_empty()) {
            break ending;
        }
        tokio::select! {
            Some((batch, reply)) = requests.next() => sender.answered(batch, reply)?,
            Some(what) = reshards.next() => {
                let at = sender.now();
                sender.reshards.push(Reshard { at, what });
            }
            Some(()) = stops.next() => sender.stops += 1,
            () = tokio::time::sleep_until(sender.wake(now)) => {}
        }
    };
    sender.finish(ending)
}

impl<W: Write> Sender<'_, W> {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Makes the records that are due.
    fn draw(&mut self, now: u64) {
        while self.stops == 0 && self.outbox.open().len() < OPEN_MAX {
            let Some(record) = self.records.next_if(|record| record.due_micros <= now) else { break };
            self.begun += 1;
            self.events = self.events.max(record.documents.last().map_or(0, |document| document.due + 1));
            self.outbox.offer(record);
        }
    }

    /// The records of the next request, where one may be sent and is worth it.
    fn next_request(&mut self, now: u64, on_their_way: usize) -> Option<Vec<Pending>> {
        if on_their_way >= self.health.width(now, self.settings.concurrency) {
            return None;
        }
        let ready = self.outbox.ready(now);
        let patient = ready < REQUEST_RECORDS_MAX && now.saturating_sub(self.last) < LINGER;
        let most = self.pace.allowance(now);
        if ready == 0 || patient || most == 0 {
            return None;
        }
        let batch = self.outbox.take(now, most);
        if batch.is_empty() {
            return None;
        }
        self.pace.sent(batch.len());
        self.last = now;
        let again = batch.iter().filter(|record| record.tries > 1).count() as u64;
        let counts = self.tally.at(now);
        counts.requests += 1;
        counts.resent += again;
        Some(batch)
    }

    fn answered(&mut self, batch: Vec<Pending>, reply: Reply) -> Result<(), AcksError> {
        let now = self.now();
        match reply {
            Reply::Entries(entries) => {
                let taken = entries.iter().any(|entry| matches!(entry, Entry::Taken { .. }));
                self.health.answered(now, taken);
                for (record, entry) in batch.into_iter().zip(entries) {
                    self.judged(record, entry, now)?;
                }
            }
            Reply::Throttled => {
                self.health.answered(now, false);
                for record in batch {
                    self.judged(record, Entry::Throttled, now)?;
                }
            }
            Reply::Unanswered(problem) => {
                self.health.unanswered(now, problem);
                self.tally.at(now).unanswered += 1;
                batch.into_iter().for_each(|record| self.outbox.again(record, now));
            }
            Reply::Refused(problem) => self.refusal = self.refusal.take().or(Some(problem)),
        }
        Ok(())
    }

    fn judged(&mut self, record: Pending, entry: Entry, now: u64) -> Result<(), AcksError> {
        match entry {
            Entry::Taken { shard, sequence } => {
                let (documents, bytes) = (record.documents, record.data.len() as u64);
                self.tally.acknowledged(now, &shard, documents, bytes, record.due_micros);
                self.outbox.acknowledged(record.number);
                self.acks.add(Ack { record: record.number, shard, sequence })?;
                return Ok(());
            }
            Entry::Throttled => {
                self.tally.at(now).throttled += 1;
                let taken = self.tally.last_second().acknowledged;
                self.pace.throttled(now, taken as f64);
            }
            Entry::Failed => self.tally.at(now).failed += 1,
        }
        let pause = AGAIN_AFTER << record.tries.saturating_sub(1).min(4);
        self.outbox.again(record, now + pause);
        Ok(())
    }

    /// Whether it is over, and why.
    fn ending(&mut self, now: u64, idle: bool) -> Option<Ending> {
        if self.refusal.is_some() {
            return Some(Ending::Refused);
        }
        let since = self.health.failing().map(|since| Duration::from_micros(now.saturating_sub(since)));
        if since.is_some_and(|since| since >= self.settings.give_up) {
            return Some(Ending::GaveUp);
        }
        if self.stops > 1 {
            return Some(Ending::Interrupted);
        }
        let nothing_left = idle && self.outbox.open().is_empty();
        match self.stops {
            0 => (nothing_left && self.records.peek().is_none()).then_some(Ending::Complete),
            _ => nothing_left.then_some(Ending::Interrupted),
        }
    }

    /// Until when there is nothing to do unless something happens.
    fn wake(&mut self, now: u64) -> Instant {
        let mut at = now + TICK;
        if let Some(until) = self.health.until() {
            at = at.min(until);
        } else if !self.outbox.open().is_empty() {
            at = at.min(now + LINGER);
        }
        if self.stops == 0
            && let Some(next) = self.records.peek()
        {
            at = at.min(next.due_micros.max(now + LINGER));
        }
        // Never at once, so that the loop does not spin while it waits for answers.
        self.start + Duration::from_micros(at.max(now + 1_000))
    }

    fn progress(&self) -> Progress {
        Progress {
            counts: self.tally.counts(),
            last_second: self.tally.last_second(),
            latency: self.tally.latency(),
            down: self.health.until().is_some(),
            limit: self.pace.limit(),
            events: self.events,
            stopping: self.stops > 0,
        }
    }

    fn finish(self, ending: Ending) -> Result<(Sent, W), AcksError> {
        let (counts, latency) = (self.tally.counts(), self.tally.latency());
        let (seconds, shards) = self.tally.finish();
        let sent = Sent {
            ending,
            refusal: self.refusal,
            records: self.begun,
            undecided: self.outbox.open().iter().copied().collect(),
            counts,
            latency,
            seconds,
            shards,
            outages: self.health.into_outages(),
            reshards: self.reshards,
        };
        Ok((sent, self.acks.finish()?))
    }
}
