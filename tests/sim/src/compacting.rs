//! Compactors, sweeps of tables, changes of the number of buckets, and readers: when they run, and where.

use std::time::Duration;

use iguazu_compact::arrange::Sizes;
use iguazu_compact::plan::Budget;
use iguazu_compact::sweep::Swept;
use iguazu_compact::{CompactError, Ran, Report, Settings};
use iguazu_lake::ids::Timestamp;
use iguazu_lake::retry::RetryPolicy;

use crate::checks::Violation;
use crate::counters::Event;
use crate::draw::{Actor, Draws};
use crate::payloads::TABLES;
use crate::scene::{AFTER_DAYS, QUIET_FROM, SECOND};
use crate::world::{Happening, Work, World};

/// Where the lake is, as manifests have it.
pub(crate) const ROOT: &str = "s3://lake";
/// How long a reader takes at most, from what it read first to the last file of it.
pub(crate) const LEISURE: u64 = 20 * SECOND;
/// Longer than any reader's leisure and what two clocks may differ by.
const GRACE: Duration = Duration::from_secs(60);
/// How long a run of compaction may take.
pub(crate) const RUN_TIMEOUT: u64 = 60 * SECOND;

/// Whose draws and faults are whose.
const COMPACTOR: u32 = 810_000;
const TABLE_SWEEPER: u32 = 820_000;
const CHANGER: u32 = 830_000;
const READER: u32 = 840_000;
/// Runs of compaction in peace.
pub(crate) const PEACEFUL: u32 = 850_000;

/// What a scene has of compaction.
#[derive(Clone, Debug)]
pub struct CompactionScene {
    /// Compactors that run beside each other.
    pub compactors: u64,
    /// How often each of them runs.
    pub runs: u64,
    /// Changes of the number of buckets: when, of which table, to how many.
    pub changes: Vec<(u64, usize, u32)>,
    /// Sweeps of tables.
    pub sweeps: u64,
    /// Readers.
    pub readers: u64,
    /// Whether readers of manifests are pointed to the newest epoch when nothing moves.
    pub points_readers: bool,
    /// What one version may take.
    pub budget: Budget,
    /// How files are merged.
    pub sizes: Sizes,
    /// The buckets of a table that has none, as two halves of the compactors are configured.
    pub first_buckets: [u32; 2],
    /// Versions of one run.
    pub versions_max: u32,
}

impl CompactionScene {
    /// The scene of a seed; nothing in those that only ingest.
    pub(crate) fn new(seed: u64) -> Option<Self> {
        let mut draws = Draws::new(seed, Actor::COMPACTION);
        if !draws.one_in(4) {
            return None;
        }
        let changes = if draws.one_in(3) { draws.between(1, 3) } else { 0 };
        let table = draws.index(TABLES.len());
        let mut at = 0;
        let changes = (0..changes).map(|_| {
            at += draws.between(4 * SECOND, 35 * SECOND);
            (at, table, [1, 2, 4, 8][draws.index(4)])
        });
        let changes = changes.collect();
        Some(Self {
            compactors: draws.between(1, 3),
            runs: draws.between(1, 5),
            changes,
            sweeps: draws.between(0, 2),
            readers: draws.between(0, 2),
            points_readers: draws.one_in(2),
            budget: Budget {
                rows_max: [1, 3, 8, 1 << 20][draws.index(4)],
                bytes_max: 1 << 20,
                files_max: [1, 3, 64, 64][draws.index(4)],
            },
            sizes: Sizes { target_bytes: draws.between(200, 900), fan: draws.between(2, 3) as u32 },
            first_buckets: [[1, 1], [1, 1], [2, 2], [1, 2], [4, 1]][draws.index(5)],
            versions_max: [1, 3, 16][draws.index(3)],
        })
    }

    pub(crate) fn settings(&self, readers_epoch: u32, container: usize) -> Settings {
        Settings {
            first_buckets: self.first_buckets[container % 2],
            budget: self.budget,
            sizes: self.sizes,
            grace: GRACE,
            readers_epoch,
            deadline_margin: Duration::from_secs(1),
            versions_max: self.versions_max,
            root: ROOT.to_owned(),
            retry: RetryPolicy::default(),
        }
    }
}

impl World {
    pub(crate) fn plan_compaction(&mut self, from: u64) {
        let Some(scene) = self.scene.compaction.clone() else { return };
        let mut draws = Draws::new(self.seed ^ from, Actor::poller(COMPACTOR));
        for compactor in 0..scene.compactors as usize {
            for _ in 0..scene.runs {
                let at = from + draws.between(SECOND, QUIET_FROM + 30 * SECOND);
                let (table, bucket) = (draws.index(TABLES.len()), draws.below(9) as u32);
                self.schedule(at, Happening::Compact { compactor, table, bucket });
            }
        }
        for (at, table, buckets) in scene.changes.iter().copied() {
            // Once more on another day, to another number.
            let buckets = if from > 0 { 10 / buckets.max(2) } else { buckets };
            self.schedule(from + at, Happening::ChangeBuckets { table, buckets: buckets.next_power_of_two() });
        }
        for run in 0..scene.sweeps {
            let at = from + draws.between(30 * SECOND, 240 * SECOND);
            self.schedule(at, Happening::SweepTable { run: run as u32, table: draws.index(TABLES.len()) });
        }
        for reader in 0..scene.readers {
            let at = from + draws.between(5 * SECOND, 150 * SECOND);
            let table = scene.changes.first().map_or_else(|| draws.index(TABLES.len()), |(_, table, _)| *table);
            self.schedule(at, Happening::Read { reader: reader as u32, table });
        }
    }

    /// Whether a task only reads: such have no faults of their own, so that their leisure is known.
    pub(crate) fn reads_only(&self, task: usize) -> bool {
        (READER..PEACEFUL).contains(&self.tasks[task].poller)
    }

    /// Begins a run of compaction where its compactor is warm, or in a new container.
    pub(crate) fn begin_compaction(&mut self, compactor: usize, table: usize, bucket: u32) {
        let buckets = self.tables.epoch(&TABLES[table].table).map_or(1, |(_, buckets)| buckets);
        // Now and then there is no such bucket.
        let bucket = if bucket == 8 { bucket } else { bucket % buckets };
        let place = self.compactors.get(&compactor).copied().filter(|&container| {
            let busy = self.tasks.iter().any(|task| task.alive && task.container == container);
            self.containers[container].alive && !self.containers[container].frozen && !busy
        });
        let run = self.tasks.len() as u32;
        let container = place.unwrap_or_else(|| {
            let mut draws = Draws::new(self.seed, Actor::invocation(COMPACTOR + compactor as u32, run));
            self.add_container(&mut draws)
        });
        self.compactors.insert(compactor, container);
        let deadline = self.timestamp(self.now() + RUN_TIMEOUT);
        let work = Work::Compact { table, bucket, deadline };
        let task = self.begin(container, COMPACTOR + compactor as u32, run, work);
        self.containers[container].foreground = Some(task);
        self.note(|_| format!("compactor {compactor} runs for bucket {bucket} of {}", TABLES[table].table));
        self.schedule_after(RUN_TIMEOUT, Happening::Timeout(task));
    }

    /// Begins anything else in a container of its own.
    pub(crate) fn begin_aside(&mut self, poller: u32, work: Work) -> usize {
        let run = self.tasks.len() as u32;
        let mut draws = Draws::new(self.seed, Actor::invocation(poller, run));
        let container = self.add_container(&mut draws);
        self.containers[container].foreground = Some(usize::MAX);
        self.note(|_| format!("poller {poller} invocation {run}: {work:?}"));
        self.begin(container, poller, run, work)
    }

    pub(crate) fn begin_change(&mut self, table: usize, buckets: u32) {
        self.begin_aside(CHANGER, Work::ChangeBuckets { table, buckets });
    }

    pub(crate) fn begin_table_sweep(&mut self, run: u32, table: usize) {
        // Readers are pointed to an epoch at rest, which is long ago when a sweep is told of it.
        let readers_epoch = self.tables.readers_epoch.get(&TABLES[table].table).copied().unwrap_or(0);
        self.begin_aside(TABLE_SWEEPER + run, Work::SweepTable { table, readers_epoch });
    }

    pub(crate) fn begin_reading(&mut self, reader: u32, table: usize) {
        self.begin_aside(READER + reader, Work::Read { table, of_snapshot: reader.is_multiple_of(2) });
    }

    /// A run of compaction ended.
    pub(crate) fn compaction_ended(&mut self, task: usize, ran: &Ran) {
        let container = self.tasks[task].container;
        self.tasks[task].alive = false;
        if self.containers[container].foreground == Some(task) {
            self.containers[container].foreground = Some(usize::MAX);
        }
        self.count_compaction(&ran.report);
        match &ran.answer {
            Ok(finished) => self.note(|_| format!("container {container}: {finished:?}")),
            Err(error) => self.compaction_failed(error),
        }
    }

    /// A sweep of a table ended.
    pub(crate) fn table_sweep_ended(&mut self, task: usize, swept: &Result<Swept, CompactError>) {
        self.tasks[task].alive = false;
        match swept {
            Ok(swept) => {
                self.note(|_| format!("{swept:?}"));
                self.counters.add(Event::SweptVersionUndecided, swept.undecided);
            }
            Err(error) => self.compaction_failed(error),
        }
    }

    /// Some errors are what faults lead to; any other is a defect.
    pub(crate) fn compaction_failed(&mut self, error: &CompactError) {
        self.note(|_| format!("it failed: {error}"));
        match error {
            CompactError::Violated(violation) => self.violate(Violation::Asserted(violation.clone())),
            CompactError::Port { .. } | CompactError::Deadline { .. } if !self.at_peace => {}
            CompactError::Contended { .. } if !self.at_peace => {}
            CompactError::NoSuchBucket { .. } => self.counters.event(Event::NoSuchBucket),
            other => self.violate(Violation::Failed(other.to_string())),
        }
    }

    fn count_compaction(&mut self, report: &Report) {
        let counts = [
            (Event::VersionConflict, report.conflicts),
            (Event::VersionReadBack, report.read_backs),
            (Event::RowReplaced, report.replaced),
            (Event::CopyDropped, report.duplicates - report.replaced),
            (Event::RollupRestated, report.restated),
            (Event::FilesMerged, report.files_merged),
            (Event::FilesCopied, report.files_copied),
            (Event::FilesSeeded, report.seeded),
            (Event::ManifestReplaced, report.manifests),
            (Event::ManifestNewerAlready, report.manifests_newer),
            (Event::CompactionStopped, u64::from(report.stopped)),
            (Event::RowsLeft, u64::from(report.rows_left > 0)),
        ];
        counts.into_iter().for_each(|(event, count)| self.counters.add(event, count));
    }

    /// Points readers of manifests to the epoch that the snapshot is of, if they ever are; says to the sweep which
    /// epoch that is, by table.
    pub(crate) fn point_readers(&mut self) -> Vec<u32> {
        let points = self.scene.compaction.as_ref().is_some_and(|scene| scene.points_readers);
        for contract in TABLES.iter().filter(|_| points) {
            let epoch = self.current_epoch(&contract.table);
            self.tables.readers_epoch.insert(contract.table.clone(), epoch);
        }
        TABLES.iter().map(|contract| self.tables.readers_epoch.get(&contract.table).copied().unwrap_or(0)).collect()
    }

    /// A deadline for work in peace.
    pub(crate) fn deadline_in_peace(&self) -> Timestamp {
        self.timestamp(self.now() + RUN_TIMEOUT)
    }
}

/// Nothing of compaction is planned behind this.
const _: () = assert!(QUIET_FROM + 240 * SECOND < AFTER_DAYS);
