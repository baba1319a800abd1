//! What a shard delivers: invocations as Lambda cuts them, from events that arrive evenly.
//!
//! An invocation ends with the window, with 10,000 records or with 6 MB of payload, whichever comes first. Three events in
//! a hundred are from one of the two days before, and one in a hundred is a copy of an earlier one.

use chrono::{DateTime, Utc};
use iguazu_lake::ids::Timestamp;

use crate::generate::{self, Event, INVOCATION_BYTES_MAX};
use crate::random::Random;

const RECORDS_MAX: u64 = 10_000;
/// Copies in a thousand.
const COPIES: u64 = 10;
/// Events that are kept to be sent again.
const RECENT: usize = 20_000;

/// A shard.
pub struct Feed {
    random: Random,
    shard: String,
    /// When the next event arrives, in microseconds.
    next: i64,
    step: i64,
    window: i64,
    sequence: u128,
    recent: Vec<Event>,
    /// The record that did not fit the invocation before, and the bytes of its event.
    left: Option<(String, usize)>,
}

/// An invocation.
#[derive(Debug)]
pub struct Batch {
    /// The payload.
    pub json: Vec<u8>,
    /// When it is handed over.
    pub at: Timestamp,
    /// Its events.
    pub events: u64,
    /// Bytes of their own JSON.
    pub event_bytes: u64,
}

impl Feed {
    /// The shard of a number, which delivers so many events a second from `start` on.
    pub fn new(number: u64, start: Timestamp, rate: f64, window_s: u64) -> Self {
        Self {
            random: Random::new(0x00C0_57ED ^ (number << 40)),
            shard: format!("shardId-{number:012}"),
            next: start.micros(),
            step: (1e6 / rate) as i64,
            window: window_s as i64 * 1_000_000,
            sequence: 2_538_361_571_095_921_575_989_136_588_898 + (u128::from(number) << 50),
            recent: Vec::new(),
            left: None,
        }
    }

    /// The next invocation that begins before a time.
    pub fn batch(&mut self, before: Timestamp) -> Option<Batch> {
        let begun = self.next;
        if begun >= before.micros() {
            return None;
        }
        let mut batch = Batch { json: b"{\"Records\":[".to_vec(), at: Timestamp::EPOCH, events: 0, event_bytes: 0 };
        let mut last = begun;
        let full = loop {
            if self.next >= begun + self.window {
                break false;
            }
            let (record, bytes) = self.left.take().unwrap_or_else(|| self.record());
            if batch.events == RECORDS_MAX || batch.json.len() + record.len() + 3 > INVOCATION_BYTES_MAX {
                self.left = Some((record, bytes));
                break true;
            }
            if batch.events > 0 {
                batch.json.push(b',');
            }
            batch.json.extend_from_slice(record.as_bytes());
            batch.events += 1;
            batch.event_bytes += bytes as u64;
            last = self.next;
            self.next += self.step;
        };
        batch.json.extend_from_slice(b"]}");
        batch.at = Timestamp::from_micros(if full { last } else { begun + self.window });
        Some(batch)
    }

    /// The record that arrives next.
    fn record(&mut self) -> (String, usize) {
        let arrival = DateTime::<Utc>::from_timestamp_micros(self.next).unwrap_or_default();
        let event = if self.random.per_mille(COPIES) && !self.recent.is_empty() {
            self.random.one_of(&self.recent).clone()
        } else {
            generate::event(&mut self.random, arrival)
        };
        self.sequence += (u128::from(1 + self.random.below(3)) << 80) + u128::from(self.random.below(1 << 42));
        let sequence = format!("4959033827149025660855969{:031}", self.sequence);
        let record = generate::envelope(&event, &self.shard, &sequence, arrival);
        let bytes = event.json.len();
        if self.recent.len() < RECENT {
            self.recent.push(event);
        } else {
            let at = self.random.below(RECENT as u64) as usize;
            self.recent[at] = event;
        }
        (record, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(START.micros() + seconds * 1_000_000)
    }

    #[test]
    fn a_slow_shard_is_cut_by_the_window() {
        let mut feed = Feed::new(0, START, 1.0, 30);
        let batches: Vec<_> = std::iter::from_fn(|| feed.batch(at(300))).collect();
        assert_eq!(batches.len(), 10);
        assert!(batches.iter().all(|batch| batch.events == 30));
        assert_eq!(batches[0].at, at(30));
    }

    #[test]
    fn a_full_shard_is_cut_by_the_payload_and_no_event_is_left_out() {
        let mut feed = Feed::new(0, START, 1_000.0, 30);
        let batches: Vec<_> = std::iter::from_fn(|| feed.batch(at(30))).collect();
        for batch in &batches {
            assert!((INVOCATION_BYTES_MAX - 3_000..=INVOCATION_BYTES_MAX).contains(&batch.json.len()));
        }
        let events: u64 = batches.iter().map(|batch| batch.events).sum();
        assert!((30_000..40_000).contains(&events), "{events}");
        // The first event of a batch arrives a step behind the last one of the batch before.
        assert_eq!(batches[1].at.micros() - batches[0].at.micros(), batches[1].events as i64 * 1_000);
    }
}
