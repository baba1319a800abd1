//! The driver: it reads, writes and asks [`decide`] again. It decides nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::streams::KinesisEventResponse;
use futures_util::future::{Either, select, try_join_all};
use iguazu_lake::chain::{self, Appended};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{
    Base, Body, Command, Commit, Decision, FileEntry, Memory, Refusal, Row, State, Step, codec, decide,
};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceSet, StreamId, StreamName, Timestamp};
use iguazu_lake::ports::{Ledger, Objects, PutIfAbsent};
use iguazu_lake::retry::RetryPolicy;
use iguazu_transform::{Batch, Catalog, FileFormat, Output, Record, Source};

use crate::error::IngestError;
use crate::invocation::Invocation;
use crate::report::Report;
use crate::streams::Streams;

/// Attempt ids that may turn out to be taken before the source of randomness is called broken.
const ATTEMPT_TRIES_MAX: u32 = 3;

/// Chains that a container remembers. A container may see every shard of a large stream in its life.
const CHAINS_MAX: usize = 256;

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tables that events go to, and what they may be like.
    pub catalog: Arc<Catalog>,
    /// Decoded bytes after which a commit is closed; the rest of the batch is reported for a retry.
    pub output_bytes_max: usize,
    /// How long before the invocation's deadline it stops by itself.
    pub deadline_margin: Duration,
    /// Whether the mapping understands a list of failed batch items. One that does not would take it for success.
    pub partial_responses: bool,
    /// How patiently the ports are tried.
    pub retry: RetryPolicy,
}

/// The handler of invocations, and what it remembers between them.
pub struct Ingest<O, L, H, S, F> {
    objects: O,
    ledger: L,
    host: H,
    streams: S,
    format: F,
    settings: Settings,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    streams: BTreeMap<StreamName, StreamId>,
    chains: BTreeMap<ChainId, Memory>,
}

/// The answer to an invocation, and what was done for it either way.
#[derive(Debug)]
pub struct Handled {
    /// What to answer to Lambda.
    pub answer: Result<KinesisEventResponse, IngestError>,
    /// What was done.
    pub report: Report,
}

/// One shard's part of an invocation.
struct ShardBatch<'a> {
    chain: &'a ChainId,
    /// Ascending, each sequence number once.
    records: Vec<Record>,
    begun: Timestamp,
    deadline: Timestamp,
}

impl<O: Objects, L: Ledger, H: Host, S: Streams, F: FileFormat> Ingest<O, L, H, S, F> {
    /// A handler that remembers nothing yet.
    pub fn new(objects: O, ledger: L, host: H, streams: S, format: F, settings: Settings) -> Self {
        Self { objects, ledger, host, streams, format, settings, remembered: Mutex::default() }
    }

    /// The machine it runs on.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Commits an invocation's records, or fails cleanly before `deadline`.
    pub async fn handle(&self, invocation: Invocation, deadline: Timestamp) -> Handled {
        let report = Mutex::new(Report::default());
        let stop = deadline.minus(self.settings.deadline_margin);
        let answer = {
            let work = pin!(self.commit_all(invocation, stop, &report));
            self.until(stop, deadline, work).await
        };
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.stopped = matches!(answer, Err(IngestError::Deadline { .. }));
        Handled { answer, report }
    }

    /// Runs `work` until it ends or the time has come; then it is dropped where it stands, and nothing of it goes on.
    async fn until<T>(
        &self,
        stop: Timestamp,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, IngestError>> + Unpin,
    ) -> Result<T, IngestError> {
        let now = self.host.now();
        if now >= stop {
            // The work would be asked first, and an upload that it begins can land after all.
            return Err(IngestError::Deadline { now, deadline });
        }
        let alarm = pin!(self.host.sleep(stop.since(now)));
        match select(work, alarm).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(IngestError::Deadline { now: self.host.now(), deadline }),
        }
    }

    async fn commit_all(
        &self,
        invocation: Invocation,
        deadline: Timestamp,
        report: &Mutex<Report>,
    ) -> Result<KinesisEventResponse, IngestError> {
        let begun = self.host.now();
        let shards = invocation.shards.len();
        let mut retry_from = Vec::new();
        for ((stream, shard), records) in invocation.shards {
            let stream = self.stream_id(stream, deadline).await?;
            let chain = ChainId::Shard { stream, shard };
            let records = in_order(records);
            locked(report).offered += records.len() as u64;
            let batch = ShardBatch { chain: &chain, records, begun, deadline };
            retry_from.extend(self.commit(&batch, report).await?);
        }
        if let Some(problem) = invocation.unidentified {
            return Err(IngestError::Malformed { problem });
        }
        let mut response = KinesisEventResponse::default();
        match retry_from.as_slice() {
            [] => {}
            // A sequence number alone does not say which of several shards it belongs to.
            [first] if shards == 1 && self.settings.partial_responses => response.add_failure(first.to_string()),
            _ => return Err(IngestError::Unfinished { shards }),
        }
        Ok(response)
    }

    async fn stream_id(&self, name: StreamName, deadline: Timestamp) -> Result<StreamId, IngestError> {
        if let Some(stream) = locked(&self.remembered).streams.get(&name) {
            return Ok(stream.clone());
        }
        let retry = self.settings.retry;
        let created_ms = retry
            .run(&self.host, deadline, |_| self.streams.created_ms(&name))
            .await
            .map_err(IngestError::port("asking when the stream was created"))?;
        let stream = StreamId { name: name.clone(), created_ms };
        locked(&self.remembered).streams.insert(name, stream.clone());
        Ok(stream)
    }

    /// Commits one shard's records; returns the first that is left for a retry.
    async fn commit(
        &self,
        batch: &ShardBatch<'_>,
        report: &Mutex<Report>,
    ) -> Result<Option<SequenceNumber>, IngestError> {
        let offered: SequenceSet = batch.records.iter().map(|record| record.sequence).collect();
        let memory = locked(&self.remembered).chains.get(batch.chain).cloned().unwrap_or_default();
        let mut decision = decide(State::new(offered, memory), Command::Begin);
        loop {
            let Decision { state, step } = decision;
            if let Step::Done(done) = step {
                locked(report).add_tally(&state.tally());
                self.remember(batch.chain, state.into_memory());
                return Ok(done.retry_from);
            }
            match self.take(batch, step, report).await {
                Ok(command) => decision = decide(state, command),
                Err(error) => {
                    locked(report).add_tally(&state.tally());
                    return Err(error);
                }
            }
        }
    }

    /// Takes a step and returns what happened.
    async fn take(&self, batch: &ShardBatch<'_>, step: Step, report: &Mutex<Report>) -> Result<Command, IngestError> {
        match step {
            Step::ReadNewest => Ok(Command::Newest(self.newest_row(batch).await?)),
            Step::ReadRow(n) => Ok(Command::Row(self.row(batch, n).await?)),
            Step::ReadIds(row) => self.read_ids(batch, &row).await,
            Step::Write { n, fresh, base } => self.write(batch, n, &fresh, base, report).await,
            Step::Refuse(refusal) => Err(refusal.into()),
            Step::Done(_) => Err(Refusal::OutOfTurn.into()),
        }
    }

    fn remember(&self, chain: &ChainId, memory: Memory) {
        let mut remembered = locked(&self.remembered);
        if remembered.chains.len() >= CHAINS_MAX && !remembered.chains.contains_key(chain) {
            // Which one is forgotten costs a read at most.
            remembered.chains.pop_first();
        }
        remembered.chains.insert(chain.clone(), memory);
    }

    async fn newest_row(&self, batch: &ShardBatch<'_>) -> Result<Option<Row>, IngestError> {
        let retry = self.settings.retry;
        let stored = retry
            .run(&self.host, batch.deadline, |_| self.ledger.newest(batch.chain))
            .await
            .map_err(IngestError::port("reading the chain's newest row"))?;
        Ok(stored.as_ref().map(codec::decode).transpose()?)
    }

    async fn row(&self, batch: &ShardBatch<'_>, n: RowNumber) -> Result<Option<Row>, IngestError> {
        let retry = self.settings.retry;
        let stored = retry
            .run(&self.host, batch.deadline, |_| self.ledger.get(batch.chain, n))
            .await
            .map_err(IngestError::port("reading a row of the chain"))?;
        Ok(stored.as_ref().map(codec::decode).transpose()?)
    }

    /// Which records the files of a row hold. A file that is gone or damaged proves nothing.
    async fn read_ids(&self, batch: &ShardBatch<'_>, row: &Row) -> Result<Command, IngestError> {
        let Body::Commit(commit) = &row.body else {
            return Ok(Command::Ids { found: SequenceSet::default(), gone: true });
        };
        let mut found = Vec::new();
        let mut gone = false;
        for file in &commit.files {
            let key = file.data_file(batch.chain, row.n, row.attempt).key();
            let retry = self.settings.retry;
            let object = retry
                .run(&self.host, batch.deadline, |_| self.objects.get(&key))
                .await
                .map_err(IngestError::port("reading a committed file"))?;
            match object {
                Some(object) if Sha256Sum::of(&object.bytes) == file.sha256 => {
                    found.extend_from_slice(self.format.sequences(&object.bytes)?.as_slice());
                }
                Some(_) => {
                    tracing::error!(%key, "a committed file does not have its recorded checksum (I5)");
                    gone = true;
                }
                None => {
                    tracing::warn!(%key, "a committed file is gone; its records are committed again if delivered");
                    gone = true;
                }
            }
        }
        Ok(Command::Ids { found: found.into_iter().collect(), gone })
    }

    /// One try at row `n`, under a fresh attempt with freshly named objects.
    async fn write(
        &self,
        batch: &ShardBatch<'_>,
        n: RowNumber,
        fresh: &[SequenceNumber],
        base: Base,
        report: &Mutex<Report>,
    ) -> Result<Command, IngestError> {
        let (output, taken) = self.transform(batch, fresh)?;
        let (attempt, renamed) = self.store(batch, n, &output).await?;
        let counts = output.counts;
        let bytes = output.files.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
        let commit = base.commit(&fresh[..taken], entries(&output), counts)?;
        let oldest = oldest_arrival(batch, &commit);
        let row = Row { n, attempt, body: Body::Commit(commit) };
        let stored = codec::encode(&row)?;
        let appended =
            chain::append(&self.ledger, &self.host, &self.settings.retry, batch.deadline, batch.chain, &stored)
                .await
                .map_err(IngestError::port("writing the chain's next row"))?;
        let mut report = locked(report);
        report.attempts_renamed += u64::from(renamed);
        match appended {
            Appended::Lost(other) => Ok(Command::Lost(codec::decode(&other)?)),
            Appended::Won { read_back } => {
                let now = self.host.now();
                report.add_counts(&counts);
                report.commits += 1;
                report.files += output.files.len() as u64;
                report.bytes += bytes;
                report.cut_short += u64::from(taken < fresh.len());
                report.commit_latency_ms = millis(now.since(batch.begun));
                report.lag_ms = report.lag_ms.max(oldest.map_or(0, |arrival| millis(now.since(arrival))));
                Ok(Command::Won { row, taken, read_back })
            }
        }
    }

    /// Transforms as many of the first records as the budgets of bytes and time allow, and at least one.
    fn transform(&self, batch: &ShardBatch<'_>, fresh: &[SequenceNumber]) -> Result<(Output, usize), IngestError> {
        let begun = self.host.now();
        // Half of what is left is for the uploads and the commit.
        let enough = begun.plus(batch.deadline.since(begun) / 2);
        let mut rows = Batch::expecting(fresh.len(), &self.settings.catalog);
        for sequence in fresh {
            let full = rows.bytes() >= self.settings.output_bytes_max || self.host.now() >= enough;
            if full && rows.records() > 0 {
                break;
            }
            if let Ok(at) = batch.records.binary_search_by(|record| record.sequence.cmp_in_shard(sequence)) {
                rows.push(&batch.records[at]);
            }
        }
        let taken = rows.records();
        let output = rows.finish(&Source { chain: batch.chain.clone() }, &self.format)?;
        Ok((output, taken))
    }

    /// Stores the files under a fresh attempt. A name that is taken at first sight is somebody else's: then the
    /// attempt was not fresh, and another is drawn.
    async fn store(
        &self,
        batch: &ShardBatch<'_>,
        n: RowNumber,
        output: &Output,
    ) -> Result<(AttemptId, bool), IngestError> {
        for tries in 0..ATTEMPT_TRIES_MAX {
            let attempt = AttemptId::fresh(&self.host);
            let uploads = output.files.iter().map(|file| async move {
                let key = iguazu_lake::keys::DataFile {
                    area: file.area.clone(),
                    partition: file.partition,
                    chain: batch.chain.clone(),
                    n,
                    attempt,
                }
                .key();
                let retry = self.settings.retry;
                retry
                    .run(&self.host, batch.deadline, |unclear| {
                        let put = self.objects.put_if_absent(&key, file.bytes.clone());
                        async move {
                            let answer = put.await?;
                            Ok(matches!(answer, PutIfAbsent::Created(_)) || unclear > 0)
                        }
                    })
                    .await
                    .map_err(IngestError::port("storing a file"))
            });
            if try_join_all(uploads).await?.into_iter().all(|ours| ours) {
                return Ok((attempt, tries > 0));
            }
        }
        Err(IngestError::AttemptsNotFresh { tries: ATTEMPT_TRIES_MAX })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is kept here is ever half changed, so a panic elsewhere does not make it wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The records in the order of their shard, each once. Kinesis gives a number to one record only.
fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|left, right| left.sequence.cmp_in_shard(&right.sequence));
    records.dedup_by_key(|record| record.sequence);
    records
}

fn entries(output: &Output) -> Vec<FileEntry> {
    let entry = |file: &iguazu_transform::OutputFile| FileEntry {
        area: file.area.clone(),
        partition: file.partition,
        rows: file.rows,
        bytes: file.bytes.len() as u64,
        event_time: file.event_time,
        sha256: Sha256Sum::of(&file.bytes),
    };
    output.files.iter().map(entry).collect()
}

fn oldest_arrival(batch: &ShardBatch<'_>, commit: &Commit) -> Option<Timestamp> {
    batch.records.iter().filter(|record| commit.range.contains(&record.sequence)).map(|record| record.arrival).min()
}
