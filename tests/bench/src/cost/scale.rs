//! The sizes that are reckoned, and what is simulated of each.

use serde::Serialize;

use super::ask::{self, Asked};
use super::beside::{self, Volume};
use super::bill::{self, Line};
use super::prices::List;
use super::world::{Observed, Plan, World};
use crate::Failure;

/// Shards that are simulated of a thousand.
const PART: u32 = 8;

/// What can be turned.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Options {
    /// How long the mapping gathers a batch.
    pub window_s: u64,
    /// Between two dispatches.
    pub schedule_s: u64,
    /// How old the table is whose ids are random.
    pub age_days: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { window_s: 30, schedule_s: 300, age_days: 30.0 }
    }
}

/// A size.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Scale {
    /// Its name.
    pub name: &'static str,
    /// What the names of its results end with.
    pub suffix: &'static str,
    /// How often that is there, side by side.
    pub times: u32,
    /// What is simulated.
    pub plan: Plan,
}

/// What came of it.
#[derive(Debug)]
pub struct Reckoned {
    /// The size.
    pub scale: Scale,
    /// What was seen.
    pub seen: Observed,
    /// What asking a file takes.
    pub asked: Asked,
    /// What all of it is.
    pub volume: Volume,
    /// The pipeline.
    pub pipeline: Vec<Line>,
    /// The stream, provisioned and on demand.
    pub streams: [Vec<Line>; 2],
    /// Firehose, with an event in each record, and with as many as it bills for.
    pub firehose: [Vec<Line>; 2],
    /// A write for each event.
    pub dynamodb: Vec<Line>,
    /// What is kept.
    pub kept: Vec<Line>,
}

impl Scale {
    /// The three sizes, and a smaller part of the last one, to see whether what is scaled scales.
    pub fn all(options: &Options) -> [Self; 4] {
        let plan = |shards, rate, before, counted| Plan {
            shards,
            buckets: shards,
            rate,
            window_s: options.window_s,
            schedule_s: options.schedule_s,
            before,
            counted,
        };
        // A slow shard is simulated for a day before and a day; a fast one for as long as it takes eight files to
        // be merged; the part of a thousand for a dispatch, since its buckets write files that are large at once.
        let day = u32::try_from(86_400 / options.schedule_s).unwrap_or(u32::MAX);
        let scale = |name, suffix, times, plan| Self { name, suffix, times, plan };
        [
            scale("1/1000 of a full shard", "_low", 1, plan(1, 1.0, day, day)),
            scale("a full shard", "", 1, plan(1, 1_000.0, 8, 8)),
            scale("1,000 full shards, by half the part", "_half", 2_000 / PART, plan(PART / 2, 1_000.0, 1, 1)),
            scale("1,000 full shards", "_high", 1_000 / PART, plan(PART, 1_000.0, 1, 1)),
        ]
    }

    /// What is simulated, in words.
    pub fn says(&self) -> String {
        let Plan { shards, buckets, rate, schedule_s, counted, .. } = self.plan;
        let hours = f64::from(counted) * schedule_s as f64 / 3_600.0;
        format!("{}: {shards} shards of {rate} events/s, {buckets} buckets, {hours:.2} hours", self.name)
    }

    /// Simulates and reckons it.
    ///
    /// # Errors
    /// Where the simulation fails.
    pub fn run(self, list: &List, options: &Options) -> Result<Reckoned, Failure> {
        let mut world = World::new(self.plan)?;
        let seen = world.run()?;
        let asked = ask::ask(&world, seen.events / seen.versions.max(1))?;
        let event_bytes = seen.event_bytes as f64 / seen.events as f64;
        let volume = Volume {
            rate: f64::from(self.plan.shards) * self.plan.rate * f64::from(self.times),
            event_bytes,
            delivered_bytes: seen.raw_bytes as f64 / seen.events as f64,
            partitions: (seen.raw_files as f64 / seen.ingest.invocations).round(),
            shards: f64::from(self.plan.shards * self.times),
        };
        Ok(Reckoned {
            scale: self,
            pipeline: bill::pipeline(&self.plan, &seen, &asked, options.age_days, list),
            streams: [beside::provisioned(&volume, list), beside::on_demand(&volume, list)],
            firehose: [1.0, (5_120.0 / event_bytes).floor()].map(|events| beside::firehose(&volume, events, list)),
            dynamodb: beside::dynamodb(list),
            kept: bill::kept(&seen, list).into(),
            seen,
            asked,
            volume,
        })
    }
}
