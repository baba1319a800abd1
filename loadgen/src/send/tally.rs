//! What is counted while a run goes on: in all, and second by second.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use iguazu_lake::ids::ShardId;

use crate::run_file::{Counts, Latency, Second, ShardLoad};

/// An hour, in microseconds: longer latencies are counted as this.
const LATENCY_MAX: u64 = 3_600_000_000;

/// Latencies by number.
#[derive(Debug)]
struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    fn new(digits: u8) -> Self {
        // These bounds are sound for every number of digits up to five.
        Self(Histogram::new_with_bounds(1, LATENCY_MAX, digits).ok())
    }

    fn add(&mut self, micros: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros.clamp(1, LATENCY_MAX));
        }
    }

    fn latency(&self) -> Latency {
        let Some(of) = self.0.as_ref().filter(|histogram| !histogram.is_empty()) else { return Latency::default() };
        Latency {
            p50: of.value_at_quantile(0.5),
            p90: of.value_at_quantile(0.9),
            p99: of.value_at_quantile(0.99),
            p999: of.value_at_quantile(0.999),
            max: of.max(),
        }
    }
}

/// What was counted so far.
#[derive(Debug)]
pub struct Tally {
    counts: Counts,
    latencies: Latencies,
    second: u64,
    /// The counts at the beginning of this second.
    before: Counts,
    of_second: Latencies,
    seconds: Vec<Second>,
    shards: BTreeMap<ShardId, ShardLoad>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            latencies: Latencies::new(3),
            second: 0,
            before: Counts::default(),
            of_second: Latencies::new(2),
            seconds: Vec::new(),
            shards: BTreeMap::new(),
        }
    }
}

impl Tally {
    /// The counts, to be raised at a time in microseconds since the start.
    pub fn at(&mut self, now: u64) -> &mut Counts {
        while now / 1_000_000 > self.second {
            self.close();
        }
        &mut self.counts
    }

    /// A record was acknowledged.
    pub fn acknowledged(&mut self, now: u64, shard: &ShardId, documents: u64, bytes: u64, due: u64) {
        let counts = self.at(now);
        counts.acknowledged += 1;
        counts.documents += documents;
        counts.bytes += bytes;
        let latency = now.saturating_sub(due);
        self.latencies.add(latency);
        self.of_second.add(latency);
        if !self.shards.contains_key(shard) {
            self.shards.insert(shard.clone(), ShardLoad::default());
        }
        if let Some(load) = self.shards.get_mut(shard) {
            load.records += 1;
            load.bytes += bytes;
        }
    }

    fn close(&mut self) {
        let (of, before) = (self.counts, self.before);
        let counts = Counts {
            acknowledged: of.acknowledged - before.acknowledged,
            documents: of.documents - before.documents,
            bytes: of.bytes - before.bytes,
            requests: of.requests - before.requests,
            unanswered: of.unanswered - before.unanswered,
            resent: of.resent - before.resent,
            throttled: of.throttled - before.throttled,
            failed: of.failed - before.failed,
        };
        self.seconds.push(Second { at: self.second, counts, latency: self.of_second.latency() });
        self.second += 1;
        self.before = of;
        if let Some(histogram) = &mut self.of_second.0 {
            histogram.reset();
        }
    }

    /// The counts in all.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What was acknowledged in the last whole second.
    #[must_use]
    pub fn last_second(&self) -> Counts {
        self.seconds.last().map(|second| second.counts).unwrap_or_default()
    }

    /// The latencies in all.
    #[must_use]
    pub fn latency(&self) -> Latency {
        self.latencies.latency()
    }

    /// The seconds and the shards, at the end.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Second>, BTreeMap<String, ShardLoad>) {
        self.close();
        (self.seconds, self.shards.into_iter().map(|(shard, load)| (shard.to_string(), load)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_add_up_to_all() {
        let mut tally = Tally::default();
        let shard: ShardId = "shardId-000000000000".parse().unwrap();
        for at in [100, 900_000, 3_500_000] {
            tally.acknowledged(at, &shard, 2, 10, at - 100);
            tally.at(at).requests += 1;
        }
        let counts = tally.counts();
        assert_eq!((counts.acknowledged, counts.documents, counts.bytes, counts.requests), (3, 6, 30, 3));
        assert_eq!(tally.latency().p50, 100);
        let (seconds, shards) = tally.finish();
        let by_second: Vec<_> = seconds.iter().map(|second| (second.at, second.counts.acknowledged)).collect();
        assert_eq!(by_second, [(0, 2), (1, 0), (2, 0), (3, 1)]);
        assert_eq!(shards["shardId-000000000000"], ShardLoad { records: 3, bytes: 30 });
    }
}
