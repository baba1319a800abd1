//! A run for one bucket of one table: it reads, writes and asks what decides. It decides nothing.
//!
//! ```text
//! newest epoch ─▶ newest version ─▶ publish it ─▶ plan ─▶ write version v+1 ─▶ again, while there is more
//!                                                  └─ nothing new ─▶ done
//! ```

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use iguazu_lake::chain::{self, Appended};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_lake::retry::RetryPolicy;
use iguazu_transform::contract::Contract;

use crate::arrange::Sizes;
use crate::epoch::{Epoch, Epochs};
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::head::{Head, Remembered, Version, head, version_of};
use crate::io::Io;
use crate::plan::Budget;
use crate::publish::{Manifests, Publisher, Through};
use crate::report::Report;
use crate::state::codec::{self, VersionBody, VersionRow};

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Buckets of a table that has none yet. What the ledger says counts.
    pub first_buckets: u32,
    /// What one version may take.
    pub budget: Budget,
    /// How files are merged.
    pub sizes: Sizes,
    /// How long a replaced file stays after its replacement was published: longer than any query.
    pub grace: Duration,
    /// The epoch that readers of manifests are pointed to. The files of epochs before it may be swept.
    pub readers_epoch: u32,
    /// How long before its deadline a run stops by itself.
    pub deadline_margin: Duration,
    /// Versions that one run may commit.
    pub versions_max: u32,
    /// Where the lake is, as manifests have it: `s3://bucket` or `s3://bucket/prefix`.
    pub root: String,
    /// How patiently the ports are tried.
    pub retry: RetryPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_buckets: 1,
            budget: Budget::default(),
            sizes: Sizes::default(),
            grace: Duration::from_secs(24 * 60 * 60),
            readers_epoch: 0,
            deadline_margin: Duration::from_secs(10),
            versions_max: 16,
            root: String::new(),
            retry: RetryPolicy::default(),
        }
    }
}

/// The compactor of buckets, and what it remembers between runs.
pub struct Compactor<O, L, H, F, P = ()> {
    pub(crate) objects: O,
    pub(crate) ledger: L,
    pub(crate) host: H,
    pub(crate) format: F,
    pub(crate) publisher: P,
    pub(crate) settings: Settings,
    pub(crate) remembered: Remembered,
}

/// How a run ended, and what it did either way.
#[derive(Debug)]
pub struct Ran {
    /// Whether it did all that there was to do.
    pub answer: Result<Finished, CompactError>,
    /// What it did.
    pub report: Report,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The epoch that it worked for.
    pub epoch: Epoch,
    /// Whether something is left for the next run.
    pub more: bool,
}

/// What a run works on.
pub(crate) struct Job<'a> {
    pub(crate) contract: &'a Arc<Contract>,
    pub(crate) table: &'a TableName,
    pub(crate) epoch: Epoch,
    pub(crate) bucket: u32,
    pub(crate) chain: ChainId,
}

/// What became of the attempt to commit a version.
pub(crate) enum Advanced {
    /// There was nothing to commit.
    Nothing,
    /// A version was committed.
    Won { version: Box<Version>, more: bool },
    /// Another run was first.
    Lost,
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat> Compactor<O, L, H, F> {
    /// A compactor that remembers nothing yet and publishes manifests and snapshots.
    pub fn new(objects: O, ledger: L, host: H, format: F, settings: Settings) -> Self {
        Self::publishing(objects, ledger, host, format, (), settings)
    }
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// A compactor that also publishes by another publisher.
    pub fn publishing(objects: O, ledger: L, host: H, format: F, publisher: P, settings: Settings) -> Self {
        Self { objects, ledger, host, format, publisher, settings, remembered: Remembered::default() }
    }

    /// Compacts and publishes a bucket of a table, or stops cleanly before `deadline`.
    pub async fn run(&self, contract: &Arc<Contract>, bucket: u32, deadline: Timestamp) -> Ran {
        let report = Mutex::new(Report::default());
        let stop = deadline.minus(self.settings.deadline_margin);
        let answer = {
            let io = self.io(stop, &report);
            // On the heap: it is large, and a run is long.
            let work = Box::pin(self.work(&io, contract, bucket));
            self.until(stop, deadline, work).await
        };
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.stopped = matches!(answer, Err(CompactError::Deadline { .. }));
        Ran { answer, report }
    }

    pub(crate) fn io<'a>(&'a self, deadline: Timestamp, report: &'a Mutex<Report>) -> Io<'a, O, L, H> {
        let retry = self.settings.retry;
        Io { objects: &self.objects, ledger: &self.ledger, host: &self.host, retry, deadline, report }
    }

    /// The machine that it runs on.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Runs `work` until it ends or the time has come; then it is dropped where it stands.
    async fn until<T>(
        &self,
        stop: Timestamp,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, CompactError>> + Unpin,
    ) -> Result<T, CompactError> {
        let now = self.host.now();
        if now >= stop {
            return Err(CompactError::Deadline { now, deadline });
        }
        let alarm = pin!(self.host.sleep(stop.since(now)));
        match select(work, alarm).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(CompactError::Deadline { now: self.host.now(), deadline }),
        }
    }

    async fn work(
        &self,
        io: &Io<'_, O, L, H>,
        contract: &Arc<Contract>,
        bucket: u32,
    ) -> Result<Finished, CompactError> {
        let begun = self.host.now();
        let table = &contract.table;
        let epochs = Epochs { ledger: io.ledger, host: io.host, retry: io.retry, deadline: io.deadline };
        io.report().ledger += 1;
        let epoch = epochs.newest(table, self.settings.first_buckets).await?;
        if bucket >= epoch.buckets {
            return Err(CompactError::NoSuchBucket { bucket, buckets: epoch.buckets });
        }
        let job = Job { contract, table, epoch, bucket, chain: epoch.chain(table, bucket) };
        let mut more = true;
        let mut known: Option<Version> = None;
        for _ in 0..self.settings.versions_max {
            let newest = match known.take() {
                Some(version) => Head::Open(version),
                None => head(io, &self.remembered, &job.chain, table).await?,
            };
            let version = match newest {
                Head::None => None,
                Head::Open(version) => Some(version),
                // The epoch ended under this run. The next one works for the new epoch.
                Head::Closed { .. } => return Ok(Finished { epoch, more: true }),
            };
            if let Some(version) = &version {
                self.publish(io, &job, version).await?;
            }
            match self.advance(io, &job, version.as_ref(), &epochs).await? {
                Advanced::Nothing => {
                    more = false;
                    break;
                }
                Advanced::Won { version, more: left } => {
                    if !left || self.half_is_over(begun, io.deadline) {
                        self.publish(io, &job, &version).await?;
                        more = left;
                        break;
                    }
                    known = Some(*version);
                }
                Advanced::Lost => io.report().conflicts += 1,
            }
        }
        Ok(Finished { epoch, more })
    }

    /// Half of the time is for what comes after the last version: a version that is begun is to be finished.
    fn half_is_over(&self, begun: Timestamp, deadline: Timestamp) -> bool {
        self.host.now() >= begun.plus(deadline.since(begun) / 2)
    }

    /// Publishes a version, and whatever an earlier run left unpublished.
    async fn publish(&self, io: &Io<'_, O, L, H>, job: &Job<'_>, version: &Version) -> Result<(), CompactError> {
        let through = Through::read(io, job.table, &job.chain).await?;
        if !through.needs(version.n) {
            return Ok(());
        }
        let view = version.view(&job.chain, job.table);
        let manifests = Manifests { io, root: &self.settings.root, contract: job.contract };
        manifests.publish(&view, job.epoch, job.bucket, through.newest()).await?;
        let seeding = !version.state.seeds.is_empty();
        let current = manifests.snapshot(version, job.epoch, job.bucket, seeding).await?;
        self.publish_further(io, job, version, &current).await?;
        through.advance(io, version.n, self.settings.grace).await?;
        io.report().published += 1;
        Ok(())
    }

    /// Tells the other publisher what the snapshot holds: this bucket's version, or all buckets where an epoch has just
    /// taken over from the one before.
    async fn publish_further(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        version: &Version,
        current: &crate::publish::Snapshot,
    ) -> Result<(), CompactError> {
        if !P::PUBLISHES || current.current != job.epoch.number {
            return Ok(());
        }
        let mut views = Vec::new();
        let mut replaces = Vec::new();
        for number in 0..job.epoch.number {
            let epochs = Epochs { ledger: io.ledger, host: io.host, retry: io.retry, deadline: io.deadline };
            if let Some(before) = epochs.get(job.table, number).await? {
                replaces.extend((0..before.buckets).map(|bucket| before.chain(job.table, bucket)));
            }
        }
        for (bucket, entry) in current.versions(job.epoch.number) {
            let chain = job.epoch.chain(job.table, bucket);
            if bucket == job.bucket {
                views.push(version.view(&chain, job.table));
            } else if job.epoch.number > 0 {
                let other = version_of(io, &self.remembered, &chain, job.table, entry.n).await?;
                views.push(other.view(&chain, job.table));
            }
        }
        self.publisher.publish(job.contract, &views, &replaces, io.deadline).await
    }
}

impl Job<'_> {
    /// Puts a row into the bucket's chain.
    pub(crate) async fn append<O: Objects, L: Ledger, H: Host>(
        &self,
        io: &Io<'_, O, L, H>,
        row: &VersionRow,
    ) -> Result<bool, CompactError> {
        append(io, &self.chain, row).await
    }
}

/// Puts a row into a bucket's chain; returns whether it was this attempt's.
pub(crate) async fn append<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    chain: &ChainId,
    row: &VersionRow,
) -> Result<bool, CompactError> {
    io.report().ledger += 1;
    let appended = chain::append(io.ledger, io.host, &io.retry, io.deadline, chain, &codec::stored(row))
        .await
        .map_err(CompactError::port("committing a version"))?;
    match appended {
        Appended::Won { read_back } => {
            io.report().read_backs += u64::from(read_back);
            Ok(true)
        }
        Appended::Lost(_) => Ok(false),
    }
}

/// Ends a bucket's chain with a closing row, whoever writes it; returns the version that it ended with.
pub(crate) async fn close<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    remembered: &Remembered,
    chain: &ChainId,
    table: &TableName,
) -> Result<Option<Version>, CompactError> {
    loop {
        let (n, of) = match head(io, remembered, chain, table).await? {
            Head::Closed { version, .. } => return Ok(version),
            Head::Open(version) => (version.n.next(), Some(version.n)),
            Head::None => (RowNumber::FIRST, None),
        };
        let row = VersionRow { n, attempt: AttemptId::fresh(io.host), body: VersionBody::Closed { of } };
        if append(io, chain, &row).await? {
            io.report().closed += 1;
        }
    }
}
