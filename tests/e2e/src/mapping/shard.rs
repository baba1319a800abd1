//! A poller of one shard.
//!
//! It keeps what it has read and not yet seen done, numbered from 1 on in the order of the shard: those numbers are the
//! positions of its cursor.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_local::mapping::cursor::{Cursor, Item, Next, Outcome};
use iguazu_local::mapping::payload::{self, Told};
use tokio::sync::watch;

use super::Mapping;
use super::given_up::Batch;
use super::stream::Read;
use crate::tally::What;

/// How much a second poller reads at once: its batches shall be cut elsewhere than the first one's.
const SECOND_RECORDS_MAX: usize = 137;

/// How far a shard's poller has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether it is read to its end.
    pub ended: bool,
    /// How often there was nothing more since something was there.
    pub looks_empty: u32,
    /// Records that were read.
    pub read: u64,
}

/// A poller.
pub struct Poller {
    mapping: Arc<Mapping>,
    shard: String,
    is_second: bool,
    stop: watch::Receiver<bool>,
    cursor: Cursor,
    /// What was read and is not done, with its positions.
    kept: VecDeque<(u64, Read)>,
    /// The position and the sequence number of what was read last.
    last: (u64, Option<String>),
}

impl Poller {
    /// A poller of a shard, from its beginning on. A second one of a shard works beside the first, and nobody waits for it.
    #[must_use]
    pub fn new(mapping: Arc<Mapping>, shard: String, is_second: bool, stop: watch::Receiver<bool>) -> Self {
        Self { mapping, shard, is_second, stop, cursor: Cursor::default(), kept: VecDeque::new(), last: (0, None) }
    }

    /// Runs until the shard is read to its end, or `stop` says so.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            // Looked at before the records, so that none can come after they are found to be at their end.
            let known_as_closed = match self.mapping.stream.is_closed(&self.shard).await {
                Ok(closed) => closed,
                Err(_) => {
                    self.mapping_call_failed().await;
                    continue;
                }
            };
            if self.fetch().await.is_err() {
                self.mapping_call_failed().await;
                continue;
            }
            if self.batch_len() == 0 {
                if self.cursor.until().is_some() {
                    self.cursor.nothing_left();
                } else if known_as_closed {
                    self.note(|progress| progress.ended = true);
                    return;
                } else {
                    self.note(|progress| progress.looks_empty += 1);
                }
                self.pause(self.mapping.settings.batch_window).await;
                continue;
            }
            self.batch().await;
            if self.cursor.until().is_none() && !known_as_closed {
                self.pause(self.mapping.settings.batch_window).await;
            }
        }
    }

    /// Reads on, unless enough is kept for a batch.
    async fn fetch(&mut self) -> Result<(), String> {
        let most = self.mapping.settings.batch_records_max;
        if self.cursor.until().is_some() || self.kept.len() >= most {
            return Ok(());
        }
        let limit = i32::try_from(most - self.kept.len()).unwrap_or(i32::MAX);
        let read = self.mapping.stream.after(&self.shard, self.last.1.as_deref(), limit).await?;
        let count = read.len() as u64;
        for record in read {
            self.last = (self.last.0 + 1, Some(record.sequence.clone()));
            self.kept.push_back((self.last.0, record));
        }
        if count > 0 {
            self.note(|progress| {
                progress.looks_empty = 0;
                progress.read += count;
            });
        }
        Ok(())
    }

    /// How many of the kept records the next batch takes.
    fn batch_len(&self) -> usize {
        let until = self.cursor.until().unwrap_or(u64::MAX);
        let most = if self.is_second { SECOND_RECORDS_MAX } else { self.mapping.settings.batch_records_max };
        let within = self.kept.iter().take_while(|(position, _)| *position <= until).count().min(most);
        let sizes = self.kept.range(..within).map(|(_, read)| (read.partition_key.len(), read.data.len()));
        payload::fitting(sizes, self.mapping.settings.payload_bytes_max)
    }

    async fn batch(&mut self) {
        let batch = self.kept.range(..self.batch_len());
        let items: Vec<_> =
            batch.clone().map(|(position, read)| Item { position: *position, arrival: read.arrival }).collect();
        let told = batch.clone().map(|(_, read)| Told {
            sequence: read.sequence.as_str().into(),
            arrival: read.arrival,
            partition_key: &read.partition_key,
            data: &read.data,
        });
        let event: Bytes = payload::event(self.mapping.stream.arn(), &self.shard, told);
        if self.is_second {
            self.mapping.weather.tally.add(What::SecondPollerBatches);
        }
        let mut outcome = match self.mapping.function.invoke(event.clone()).await {
            Ok(answer) => payload::judge(&answer, |sequence| {
                batch.clone().find(|(_, read)| read.sequence == sequence).map(|(position, _)| *position)
            }),
            Err(_) => Outcome::Failed,
        };
        if matches!(outcome, Outcome::From(_)) {
            self.mapping.weather.tally.add(What::Partial);
        }
        if outcome == Outcome::Failed && self.mapping.loses() {
            outcome = Outcome::Done;
        }
        if outcome == Outcome::Failed && !self.is_second && self.give_up(&event).await {
            outcome = Outcome::Done;
        }
        let next = self.cursor.note(&items, outcome, &self.mapping.settings);
        while self.kept.front().is_some_and(|(position, _)| *position <= self.cursor.position) {
            self.kept.pop_front();
        }
        if let Next::Wait(wait) = next {
            self.mapping.weather.tally.add(What::BatchesRetried);
            self.pause(wait).await;
        }
    }

    /// Gives the next batch up, if that is to happen; returns whether it is kept, and so may be passed.
    async fn give_up(&self, invocation: &Bytes) -> bool {
        let mut batch = self.kept.range(..self.batch_len()).map(|(_, read)| read.sequence.as_str());
        let records = batch.len();
        let (Some(first), true) = (batch.next(), self.mapping.gives_up()) else { return false };
        let (last, stream_arn) = (batch.next_back().unwrap_or(first), self.mapping.stream.arn());
        let batch = Batch { stream_arn, shard: &self.shard, first, last, records, invocation };
        match self.mapping.given_up.keep(batch).await {
            Ok(()) => {
                self.mapping.weather.tally.add(What::GivenUp);
                true
            }
            Err(problem) => {
                eprintln!("a batch that is given up cannot be kept, so it is tried again: {problem}");
                false
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        if !self.is_second {
            self.mapping.note(&self.shard, change);
        }
    }

    /// A call failed beyond the retries of the SDK, as the proxy means it to: it is made again.
    async fn mapping_call_failed(&mut self) {
        self.mapping.weather.tally.add(What::PollsFailed);
        self.pause(self.mapping.settings.batch_window).await;
    }

    async fn pause(&mut self, time: std::time::Duration) {
        tokio::select! {
            _ = self.stop.changed() => {}
            () = SystemHost.sleep(time) => {}
        }
    }
}
