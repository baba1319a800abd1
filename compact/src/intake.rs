//! What a version takes in: the raw files that come next, or those of a closed bucket, and what of them is new.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::commit::{Row, codec as rows};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::version::TypeKey;
use iguazu_lake::ports::{Ledger, Objects};

use crate::driver::{Compactor, Job};
use crate::error::CompactError;
use crate::format::{Keys, RowKey, TableFormat};
use crate::head::version_of;
use crate::io::{CONCURRENT, Io};
use crate::keep::{Candidate, RowRef};
use crate::plan::{Plan, plan};
use crate::publish::Publisher;
use crate::state::{Lane, Seed, Span, State};

/// Rows of a chain that one version looks at.
const ROWS_MAX: usize = 4_096;
/// Rows of a chain in one scan.
const PAGE: usize = 256;

/// What a version takes in: raw files, or files of the epoch before.
pub(crate) struct Intake<I> {
    pub(crate) news: News<I>,
    pub(crate) plan: Plan,
    /// The seeds as they are afterwards.
    pub(crate) seeds: Vec<Seed>,
    pub(crate) seeded: u64,
    pub(crate) files_taken: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) rows: u64,
    pub(crate) more: bool,
}

/// What of the opened files is new. The keys of all rows would take as much again, so each file's are given up as soon
/// as they are looked through.
pub(crate) struct News<I> {
    pub(crate) inputs: Vec<I>,
    /// The rows that are new to the bucket.
    pub(crate) candidates: Vec<Candidate>,
    /// How many of them each lane takes from each chain.
    pub(crate) taken: BTreeMap<(usize, ChainId), u64>,
    /// When the oldest row of the files arrived.
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) kinds: Kinds,
}

/// The types of rows, where the table is partitioned by them.
#[derive(Default)]
pub(crate) struct Kinds {
    pub(crate) names: Vec<TypeKey>,
    /// For each input and row of it, a position among the names.
    pub(crate) rows: Vec<Vec<u32>>,
}

impl Kinds {
    pub(crate) fn of(&self, at: RowRef) -> Option<u32> {
        self.rows.get(at.input as usize)?.get(at.row as usize).copied()
    }

    /// The types of the next input's rows.
    fn add(&mut self, keys: &Keys) {
        let known: Vec<u32> = keys
            .kinds
            .iter()
            .map(|kind| {
                let found = self.names.iter().position(|name| name == kind).unwrap_or_else(|| {
                    self.names.push(kind.clone());
                    self.names.len() - 1
                });
                // There are no more types than rows in a run.
                found as u32
            })
            .collect();
        let of = |key: &RowKey| known.get(key.kind as usize).copied().unwrap_or(u32::MAX);
        self.rows.push(keys.rows.iter().map(of).collect());
    }
}

impl<I> News<I> {
    fn with_room(rows: usize) -> Self {
        let candidates = Vec::with_capacity(rows);
        Self { inputs: Vec::new(), candidates, taken: BTreeMap::new(), oldest: None, kinds: Kinds::default() }
    }

    /// Takes a file. `spans` are the parts of the bucket that have not taken it, and for raw files the lane of each.
    fn add(&mut self, job: &Job<'_>, input: I, keys: &Keys, spans: &[(Span, Option<usize>)], chain: &ChainId) {
        let number = self.inputs.len() as u32;
        for &(span, lane) in spans {
            let before = self.candidates.len();
            let new = keys.rows.iter().zip(0..).filter(|(key, _)| span == Span::ALL || span.holds(key.id.placement()));
            self.candidates.extend(new.map(|(key, row)| Candidate {
                id: key.id,
                copy: key.copy,
                at: RowRef { input: number, row },
            }));
            if let Some(lane) = lane {
                *self.taken.entry((lane, chain.clone())).or_default() += (self.candidates.len() - before) as u64;
            }
        }
        self.oldest = self.oldest.into_iter().chain(keys.rows.iter().map(|key| key.copy.arrival)).min();
        if job.contract.partition_by_type {
            self.kinds.add(keys);
        }
        self.inputs.push(input);
    }
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Reads the raw files that come next.
    pub(crate) async fn take_rows(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: &State,
    ) -> Result<Intake<F::Input>, CompactError> {
        let (rows, cut) = committed_rows(io, state).await?;
        let plan = plan(state, job.table, &rows, &self.settings.budget)?;
        let reads = plan.inputs.iter().map(|input| async move {
            let bytes = io.committed(&input.file().key(), &input.entry.sha256).await?;
            let opened = self.format.open(job.contract, bytes)?;
            let keys = self.format.keys(job.contract, &opened)?;
            if keys.rows.len() as u64 != input.entry.rows {
                let problem =
                    format!("{} rows in a file that was committed with {}", keys.rows.len(), input.entry.rows);
                return Err(CompactError::Foreign { problem });
            }
            Ok((input, opened, keys))
        });
        let mut reads = stream::iter(reads).buffered(CONCURRENT);
        let rows: u64 = plan.inputs.iter().map(|input| input.entry.rows).sum();
        let mut news = News::with_room(self.room(rows));
        while let Some((input, opened, keys)) = reads.try_next().await? {
            let spans: Vec<_> = input.lanes.iter().map(|&lane| (state.lanes[lane].span, Some(lane))).collect();
            news.add(job, opened, &keys, &spans, &input.chain);
        }
        drop(reads);
        let more = plan.more || cut;
        Ok(Intake {
            seeds: state.seeds.clone(),
            seeded: 0,
            raw_bytes: plan.inputs.iter().map(|input| input.entry.bytes).sum(),
            rows,
            files_taken: news.inputs.len() as u64,
            news,
            plan,
            more,
        })
    }

    /// Reads the files of a closed bucket that come next.
    pub(crate) async fn take_seed(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: &State,
        seed: &Seed,
    ) -> Result<Intake<F::Input>, CompactError> {
        let version = version_of(io, &self.remembered, &seed.chain, job.table, seed.n).await?;
        let mut news = News::with_room(0);
        let (mut rows, mut bytes, mut passed) = (0, 0, seed.files);
        let all = version.files.iter().flat_map(|(partition, files)| files.iter().map(move |file| (partition, file)));
        let mut rest = all.skip(seed.files as usize).peekable();
        while let Some((partition, file)) = rest.next_if(|(_, file)| {
            let budget = &self.settings.budget;
            news.inputs.is_empty() || (rows + file.rows <= budget.rows_max && bytes + file.bytes <= budget.bytes_max)
        }) {
            passed += 1;
            let key = file.written.data(&seed.chain, job.table, partition);
            let content = io.committed(&key, &file.sha256).await?;
            let input = self.format.open(job.contract, content)?;
            let keys = self.format.keys(job.contract, &input)?;
            (rows, bytes) = (rows + file.rows, bytes + file.bytes);
            news.add(job, input, &keys, &[(seed.span, None)], &seed.chain);
        }
        let mut seeds = state.seeds.clone();
        match rest.peek() {
            Some(_) => seeds[0].files = passed,
            None => drop(seeds.remove(0)),
        }
        // How long a row has waited is said of raw files.
        news.oldest = None;
        Ok(Intake {
            seeded: news.inputs.len() as u64,
            files_taken: news.inputs.len() as u64,
            news,
            plan: Plan { marks: state.lanes.iter().map(|lane| lane.marks.clone()).collect(), ..Plan::default() },
            seeds,
            raw_bytes: bytes,
            rows,
            more: true,
        })
    }

    /// For how many rows there is room to be made. What is not used of it is never touched.
    fn room(&self, rows: u64) -> usize {
        usize::try_from(rows.min(self.settings.budget.rows_max)).unwrap_or_default()
    }
}

/// The rows of every shard's chain from the least mark on, and whether a chain has more than were read.
async fn committed_rows<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    state: &State,
) -> Result<(BTreeMap<ChainId, Vec<Row>>, bool), CompactError> {
    let chains = shards(io).await?;
    let scans = chains.into_iter().map(|chain| async move {
        let least = |lane: &Lane| lane.marks.get(&chain).map_or(0, |mark| mark.n);
        let first = state.lanes.iter().map(least).min().unwrap_or(0);
        let mut after = first.checked_sub(1).map(RowNumber::new);
        let mut found = Vec::new();
        loop {
            io.report().ledger += 1;
            let page = io
                .retry
                .run(io.host, io.deadline, |_| io.ledger.scan_after(&chain, after, PAGE))
                .await
                .map_err(CompactError::port("reading committed rows"))?;
            let full = page.len() == PAGE;
            after = page.last().map(|row| row.n).or(after);
            for row in &page {
                found.push(rows::decode(row)?);
            }
            if !full || found.len() >= ROWS_MAX {
                return Ok::<_, CompactError>((chain, found, full));
            }
        }
    });
    let scanned: Vec<_> = stream::iter(scans).buffered(CONCURRENT).try_collect().await?;
    let cut = scanned.iter().any(|(.., cut)| *cut);
    Ok((scanned.into_iter().map(|(chain, rows, _)| (chain, rows)).filter(|(_, rows)| !rows.is_empty()).collect(), cut))
}

/// Every shard's chain that was ever entered in the registry.
pub(crate) async fn shards<O: Objects, L: Ledger, H: Host>(io: &Io<'_, O, L, H>) -> Result<Vec<ChainId>, CompactError> {
    let mut chains = Vec::new();
    let mut after: Option<ChainId> = None;
    loop {
        io.report().ledger += 1;
        let page = io
            .retry
            .run(io.host, io.deadline, |_| io.ledger.registry(after.as_ref(), PAGE))
            .await
            .map_err(CompactError::port("reading the registry"))?;
        let full = page.len() == PAGE;
        after = page.last().cloned();
        chains.extend(page.into_iter().filter(|chain| matches!(chain, ChainId::Shard { .. })));
        if !full {
            return Ok(chains);
        }
    }
}
