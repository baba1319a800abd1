//! One version: what is new is read, kept or dropped, written, and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::commit::{Row, codec as rows};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber, Timestamp};
use iguazu_lake::invariants::{InvariantId, Violation};
use iguazu_lake::keys::version::{TablePartition, TypeKey, VersionPart};
use iguazu_lake::ports::{Ledger, Objects};

use crate::arrange::{self, Arrangement, arrange};
use crate::driver::{Advanced, Compactor, Job};
use crate::epoch::Epochs;
use crate::error::CompactError;
use crate::format::{Held, Keys, NewFile, Recipe, RowKey, TableFormat};
use crate::head::{Version, version_of};
use crate::io::{CONCURRENT, Io, LiveReader};
use crate::keep::{Candidate, Delivery, RowRef, best, by_times};
use crate::plan::{Plan, plan};
use crate::publish::Publisher;
use crate::seed::first_state;
use crate::state::codec::{self, PartitionFiles, VersionBody, VersionRow};
use crate::state::{LiveFile, PartitionEntry, RollupFile, Span, State, Written};

/// Rows of a chain that one version looks at.
const ROWS_MAX: usize = 4_096;
/// Rows of a chain in one scan.
const PAGE: usize = 256;
/// A version that takes no file is worth its cost when it passes so many rows.
const IDLE_ROWS_MAX: u64 = 256;

/// What a version takes in: raw files, or files of the epoch before.
struct Intake<I> {
    news: News<I>,
    plan: Plan,
    /// The seeds as they are afterwards.
    seeds: Vec<crate::state::Seed>,
    seeded: u64,
    files_taken: u64,
    raw_bytes: u64,
    rows: u64,
    more: bool,
}

/// What of the opened files is new. The keys of all rows would take as much again, so each file's are given up as soon
/// as they are looked through.
struct News<I> {
    inputs: Vec<I>,
    /// The rows that are new to the bucket.
    candidates: Vec<Candidate>,
    /// How many of them each lane takes from each chain.
    taken: BTreeMap<(usize, ChainId), u64>,
    /// When the oldest row of the files arrived.
    oldest: Option<Timestamp>,
    kinds: Kinds,
}

/// The types of rows, where the table is partitioned by them.
#[derive(Default)]
struct Kinds {
    names: Vec<TypeKey>,
    /// For each input and row of it, a position among the names.
    rows: Vec<Vec<u32>>,
}

impl Kinds {
    fn of(&self, at: RowRef) -> Option<u32> {
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

/// A live row that a better copy replaces.
type Lost = BTreeMap<(TablePartition, usize), BTreeSet<u32>>;

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Commits the version after `base`, if there is anything to commit.
    pub(crate) async fn advance(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        base: Option<&Version>,
        epochs: &Epochs<'_, L, H>,
    ) -> Result<Advanced, CompactError> {
        let mut state = match base {
            Some(version) => version.state.clone(),
            None => first_state(io, &self.remembered, job, epochs).await?,
        };
        let mut intake = match state.seeds.first().cloned() {
            Some(seed) => self.take_seed(io, job, &state, &seed).await?,
            None => self.take_rows(io, job, &state).await?,
        };
        // A bucket of a later epoch has a version even if it is empty, so that all can be seen to have begun.
        let begins = base.is_none() && job.epoch.number > 0;
        if intake.news.inputs.is_empty()
            && intake.seeds == state.seeds
            && !begins
            && !worth_a_version(&state, &intake.plan)
        {
            io.report().rows_left = intake.plan.rows_left;
            return Ok(Advanced::Nothing);
        }
        let n = base.map_or(RowNumber::FIRST, |version| version.n.next());
        let live = base.map(|version| version.files.clone()).unwrap_or_default();
        let mut change = Change { n, attempt: AttemptId::fresh(io.host), live, outputs: Vec::new() };
        let candidates = std::mem::take(&mut intake.news.candidates);
        let taken = std::mem::take(&mut intake.news.taken);
        let came = candidates.len() as u64;
        let (fresh, lost, dropped) = self.choose(io, job, &change.live, candidates, &intake.news.inputs).await?;
        let counts = Counts { came, taken, dropped, replaced: lost.values().map(|rows| rows.len() as u64).sum() };
        count(&mut state, &intake, &counts);
        self.rewrite(io, job, &mut state, &mut change, &mut intake, fresh, lost).await?;
        state.join_lanes();
        state.conserved()?;
        self.commit(io, job, state, change, &intake, &counts).await
    }

    /// Reads the raw files that come next.
    async fn take_rows(
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
    async fn take_seed(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: &State,
        seed: &crate::state::Seed,
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

    /// Which of the new rows become live, which live rows they replace, and how many new rows are dropped.
    async fn choose(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        live: &BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
        candidates: Vec<Candidate>,
        inputs: &[F::Input],
    ) -> Result<(Vec<Candidate>, Lost, u64), CompactError> {
        let rule = job.contract.keep;
        let came = candidates.len();
        let delivery = |at: RowRef| self.delivery(inputs, at);
        let mut kept = best(rule, candidates, delivery)?;
        let mut lost = Lost::new();
        let mut worse = BTreeSet::new();
        let ids: Vec<EventId> = match live.is_empty() {
            true => Vec::new(),
            false => kept.iter().map(|candidate| candidate.id).collect(),
        };
        for (partition, at, held) in self.held(io, job, live, &ids).await? {
            let found =
                kept.binary_search_by_key(&(held.id.placement(), held.id), |kept| (kept.id.placement(), kept.id));
            let Ok(mine) = found else {
                return Err(CompactError::Foreign {
                    problem: "a file answered for an id that was not asked".to_owned(),
                });
            };
            let better = match by_times(rule, &kept[mine].copy, &held.copy) {
                std::cmp::Ordering::Equal => self.delivery(inputs, kept[mine].at)? < held.delivery,
                order => order.is_lt(),
            };
            if better {
                lost.entry((partition, at)).or_default().insert(held.row);
            } else {
                worse.insert(mine);
            }
        }
        if !worse.is_empty() {
            let mut at = 0..;
            kept.retain(|_| at.next().is_none_or(|at| !worse.contains(&at)));
        }
        let dropped = (came - kept.len()) as u64;
        Ok((kept, lost, dropped))
    }

    fn delivery(&self, inputs: &[F::Input], at: RowRef) -> Result<Delivery, CompactError> {
        let found = self.format.deliveries(&inputs[at.input as usize], &[at.row])?;
        found.into_iter().next().ok_or_else(|| CompactError::Foreign { problem: "a row has no delivery id".to_owned() })
    }

    /// Which of the events are live, and where. Each at most once.
    async fn held(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        live: &BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
        ids: &[EventId],
    ) -> Result<Vec<(TablePartition, usize, Held)>, CompactError> {
        let range = ids.iter().min().zip(ids.iter().max());
        let asked = live.iter().flat_map(|(partition, files)| {
            files
                .iter()
                .enumerate()
                .filter(|(_, file)| {
                    range.zip(file.ids).is_some_and(|((first, last), (min, max))| *first <= max && min <= *last)
                })
                .map(move |(at, file)| (partition, at, file))
        });
        let answers = asked.map(|(partition, at, file)| async move {
            io.report().files_asked += 1;
            let key = file.written.data(&job.chain, job.table, partition);
            let found = self.format.find(&LiveReader { io, key }, file, ids).await?;
            Ok::<_, CompactError>(found.into_iter().map(move |held| (partition.clone(), at, held)))
        });
        let found: Vec<_> = stream::iter(answers).buffered(CONCURRENT).try_collect().await?;
        let found: Vec<_> = found.into_iter().flatten().collect();
        let mut seen: Vec<_> = found.iter().map(|(_, _, held)| held.id).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            let detail = format!("event {} is live twice in {}", twice[0], job.chain);
            return Err(Violation::new(InvariantId::I6Table, detail).into());
        }
        Ok(found)
    }

    /// Writes the files of every partition that changes.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one version, each with one owner")]
    async fn rewrite(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: &mut State,
        change: &mut Change,
        intake: &mut Intake<F::Input>,
        mut fresh: Vec<Candidate>,
        lost: Lost,
    ) -> Result<(), CompactError> {
        let partitions = by_partition(job, &std::mem::take(&mut intake.news.kinds), &mut fresh);
        let touched: BTreeSet<_> =
            partitions.keys().cloned().chain(lost.keys().map(|(partition, _)| partition.clone())).collect();
        let bytes_a_row = intake.raw_bytes as f64 / intake.rows.max(1) as f64;
        let mut work = Vec::new();
        for partition in touched {
            let rows = partitions.get(&partition).map_or(0, Range::len);
            let files = change.live.get(&partition).cloned().unwrap_or_default();
            let sizes: Vec<_> = (0..files.len())
                .map(|at| {
                    let lost = lost.get(&(partition.clone(), at)).map_or(0, |rows| rows.len() as u64);
                    arrange::File { rows: files[at].rows, bytes: files[at].bytes, lost }
                })
                .collect();
            let fresh_bytes = (rows as f64 * bytes_a_row) as u64;
            let arrangement = arrange(&sizes, rows as u64, fresh_bytes, &self.settings.sizes);
            work.push((partition, files, arrangement));
        }
        let mut inputs = std::mem::take(&mut intake.news.inputs);
        let offset = inputs.len();
        let mut reread = Vec::new();
        for (of, input, keys) in self.reread(io, job, &work).await? {
            inputs.push(input);
            reread.push((of, keys));
        }
        let mut recipes = Vec::new();
        for (at, (partition, files, arrangement)) in work.iter().enumerate() {
            let fresh = partitions.get(partition).map_or(&[][..], |range| &fresh[range.clone()]);
            let mut part = Portion { fresh, live: Vec::new(), whole: Vec::new() };
            for (which, (_, (position, keys))) in reread.iter().enumerate().filter(|(_, (of, _))| *of == at) {
                let gone = lost.get(&(partition.clone(), *position));
                part.whole.push((offset + which) as u32);
                part.live.extend(
                    keys.rows.iter().zip(0..).filter(|(_, row)| gone.is_none_or(|gone| !gone.contains(row))).map(
                        |(key, row)| (key.copy.event_time, key.id, RowRef { input: (offset + which) as u32, row }),
                    ),
                );
            }
            let copies = fresh_apart(files, arrangement, &part.whole);
            let made = recipes.len();
            recipes.extend(part.recipes(arrangement, copies));
            let copied = recipes[made..].iter().filter(|recipe| matches!(recipe, Recipe::Copy(_))).count();
            io.report().files_copied += if copied > 0 { part.whole.len() as u64 } else { 0 };
            change.outputs.push(made..recipes.len());
        }
        drop((fresh, reread));
        let written = self.write(job, &inputs, &recipes)?;
        drop((inputs, recipes));
        self.store(io, job, state, change, work, &lost, written).await
    }

    /// Reads the live files that are written anew: of which partition, opened, and where in it with which keys.
    async fn reread(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        work: &[(TablePartition, Arc<Vec<LiveFile>>, Arrangement)],
    ) -> Result<Vec<(usize, F::Input, (usize, Keys))>, CompactError> {
        let wanted = work.iter().enumerate().flat_map(|(of, (partition, files, arrangement))| {
            arrangement.rewritten.iter().map(move |&at| (of, partition, at, &files[at]))
        });
        let reads = wanted.map(|(of, partition, at, file)| async move {
            let bytes = io.committed(&file.written.data(&job.chain, job.table, partition), &file.sha256).await?;
            io.report().bytes_reread += bytes.len() as u64;
            let input = self.format.open(job.contract, bytes)?;
            let keys = self.format.keys(job.contract, &input)?;
            Ok::<_, CompactError>((of, input, (at, keys)))
        });
        stream::iter(reads).buffered(CONCURRENT).try_collect().await
    }

    fn write(&self, job: &Job<'_>, inputs: &[F::Input], recipes: &[Recipe]) -> Result<Vec<NewFile>, CompactError> {
        let written = self.format.write(job.contract, inputs, recipes)?;
        for (file, recipe) in written.iter().zip(recipes) {
            if let Recipe::Rows(rows) = recipe
                && rows.len() as u64 != file.rows
            {
                let detail = format!("{} rows were to be written and {} were", rows.len(), file.rows);
                return Err(Violation::new(InvariantId::I10Conservation, detail).into());
            }
        }
        if written.len() == recipes.len() {
            Ok(written)
        } else {
            Err(CompactError::Foreign { problem: "not every file was written".to_owned() })
        }
    }

    /// Stores the new files, and writes them into the state in place of those that they replace.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one version, each with one owner")]
    async fn store(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: &mut State,
        change: &mut Change,
        work: Vec<(TablePartition, Arc<Vec<LiveFile>>, Arrangement)>,
        lost: &Lost,
        written: Vec<NewFile>,
    ) -> Result<(), CompactError> {
        let mut written: Vec<_> = written.into_iter().map(Some).collect();
        let mut uploads = Vec::new();
        let touched = std::mem::take(&mut change.outputs);
        for ((recipes, (partition, before, arrangement)), object) in touched.into_iter().zip(work).zip(0..) {
            let mut files: Vec<LiveFile> = Vec::new();
            for (at, file) in before.iter().enumerate() {
                if arrangement.rewritten.binary_search(&at).is_err() {
                    files.push(file.clone());
                    continue;
                }
                let restated = lost.contains_key(&(partition.clone(), at));
                io.report().restated += if restated { file.rollups.len() as u64 } else { 0 };
            }
            io.report().files_rewritten += arrangement.rewritten.len() as u64;
            io.report().files_merged += arrangement.merged;
            for at in recipes {
                let Some(new) = written.get_mut(at).and_then(Option::take) else { continue };
                let mark = Written { n: change.n, attempt: change.attempt, ordinal: at as u32 };
                files.push(live_file(mark, &new));
                let rollups = new.rollups.iter().map(|rollup| rollup.bytes.len());
                let bytes = rollups.sum::<usize>() + new.bytes.len();
                io.report().files_written += 1;
                io.report().bytes_written += bytes as u64;
                uploads.push((mark.data(&job.chain, job.table, &partition), new.bytes));
                for rollup in new.rollups {
                    io.report().overflows += rollup.overflowed.len() as u64;
                    io.report().rollups_written += 1;
                    for group in &rollup.overflowed {
                        tracing::error!(%group, table = %job.table, "a sum does not fit its column and is null");
                    }
                    uploads.push((mark.rollup(&job.chain, job.table, &partition, &rollup.rollup), rollup.bytes));
                }
            }
            files.sort_by_key(|file| (file.event_time, file.written));
            let mark = Written { n: change.n, attempt: change.attempt, ordinal: object };
            let content = PartitionFiles { files };
            let (bytes, sha256) = codec::object(&content);
            uploads.push((mark.partition(&job.chain, job.table), bytes));
            state.partitions.insert(
                partition.clone(),
                PartitionEntry {
                    changed: change.n,
                    object: mark,
                    sha256,
                    files: content.files.len() as u32,
                    rows: content.files.iter().map(|file| file.rows).sum(),
                    bytes: content.files.iter().map(|file| file.bytes).sum(),
                },
            );
            change.live.insert(partition, Arc::new(content.files));
        }
        stream::iter(uploads)
            .map(|(key, bytes)| async move { io.put_own(&key, bytes).await })
            .buffered(CONCURRENT)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// Puts the state and then the row: the commit.
    async fn commit(
        &self,
        io: &Io<'_, O, L, H>,
        job: &Job<'_>,
        state: State,
        change: Change,
        intake: &Intake<F::Input>,
        counts: &Counts,
    ) -> Result<Advanced, CompactError> {
        let Change { n, attempt, live, .. } = change;
        let mark = Written { n, attempt, ordinal: 0 };
        let (bytes, sum) = codec::object(&state);
        io.put_own(&mark.object(&job.chain, job.table, VersionPart::State).key(), bytes).await?;
        let at = self.host.now();
        let row = VersionRow { n, attempt, body: VersionBody::Version { state: sum, at } };
        if !job.append(io, &row).await? {
            return Ok(Advanced::Lost);
        }
        let now = self.host.now();
        let mut report = io.report();
        report.versions += 1;
        report.files_read += intake.files_taken - intake.seeded;
        report.seeded += intake.seeded;
        report.raw_bytes += if intake.seeded == 0 { intake.raw_bytes } else { 0 };
        report.rows_taken += counts.taken.values().sum::<u64>();
        report.duplicates += counts.dropped + counts.replaced;
        report.replaced += counts.replaced;
        report.rows_left = intake.plan.rows_left;
        let lag = intake.news.oldest.map_or(0, |oldest| now.since(oldest).as_millis());
        report.lag_ms = report.lag_ms.max(u64::try_from(lag).unwrap_or(u64::MAX));
        let version = Box::new(Version { n, attempt, at, state, files: live });
        Ok(Advanced::Won { version, more: intake.more })
    }
}

/// What a version changes.
struct Change {
    n: RowNumber,
    attempt: AttemptId,
    live: BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
    /// The recipes of each partition that is written.
    outputs: Vec<Range<usize>>,
}

struct Counts {
    came: u64,
    taken: BTreeMap<(usize, ChainId), u64>,
    dropped: u64,
    replaced: u64,
}

/// Brings new rows into the order in which they are written, and says which of them belong to which partition.
fn by_partition(job: &Job<'_>, kinds: &Kinds, fresh: &mut [Candidate]) -> BTreeMap<TablePartition, Range<usize>> {
    let by_type = job.contract.partition_by_type;
    let kind = |row: &Candidate| by_type.then(|| kinds.of(row.at)).flatten();
    let day = |row: &Candidate| row.copy.event_time.micros().div_euclid(86_400_000_000);
    if by_type {
        fresh.sort_unstable_by_key(|row| (kind(row), place(row)));
    } else {
        fresh.sort_unstable_by_key(place);
    }
    let mut at = 0;
    let mut partitions = BTreeMap::new();
    for rows in fresh.chunk_by(|a, b| day(a) == day(b) && kind(a) == kind(b)) {
        let Some(first) = rows.first() else { continue };
        let kind = kind(first).and_then(|kind| kinds.names.get(kind as usize)).cloned();
        let partition = TablePartition { kind, ..TablePartition::of(first.copy.event_time) };
        partitions.insert(partition, at..at + rows.len());
        at += rows.len();
    }
    partitions
}

/// Where a row is written among others.
fn place(row: &Candidate) -> (Timestamp, EventId, RowRef) {
    (row.copy.event_time, row.id, row.at)
}

/// The rows of a partition that are written.
struct Portion<'a> {
    /// The new ones, in order.
    fresh: &'a [Candidate],
    /// Those of live files that are written anew.
    live: Vec<(Timestamp, EventId, RowRef)>,
    /// The live files among the inputs, in the order of their event times.
    whole: Vec<u32>,
}

impl Portion<'_> {
    /// Cuts the rows into files of about equal size, by event time. `copies` are files to copy as they are; then only
    /// the new rows are written.
    fn recipes(&mut self, arrangement: &Arrangement, copies: Option<Vec<u32>>) -> Vec<Recipe> {
        let mut recipes = Vec::new();
        let mut outputs = arrangement.outputs.max(1) as usize;
        if let Some(copies) = copies {
            self.live = Vec::new();
            recipes.push(Recipe::Copy(copies));
            if self.fresh.is_empty() {
                return recipes;
            }
            outputs = 1;
        }
        let rows: Vec<RowRef> = if self.live.is_empty() {
            self.fresh.iter().map(|row| row.at).collect()
        } else {
            let mut rows = std::mem::take(&mut self.live);
            rows.extend(self.fresh.iter().map(place));
            rows.sort_unstable();
            rows.into_iter().map(|(.., at)| at).collect()
        };
        let size = rows.len().div_ceil(outputs).max(1);
        if rows.len() <= size {
            recipes.push(Recipe::Rows(rows));
        } else {
            recipes.extend(rows.chunks(size).map(|rows| Recipe::Rows(rows.to_vec())));
        }
        recipes
    }
}

/// Whether files that are only merged can be copied as they are: they lose no row, and their event times do not
/// overlap. `whole` are their inputs; they come back in the order of time.
fn fresh_apart(files: &[LiveFile], arrangement: &Arrangement, whole: &[u32]) -> Option<Vec<u32>> {
    if whole.len() < 2 || arrangement.merged != whole.len() as u64 || arrangement.outputs != 1 {
        return None;
    }
    let mut spans: Vec<_> = arrangement
        .rewritten
        .iter()
        .zip(whole)
        .map(|(&at, &input)| files[at].event_time.map(|span| (span, input)))
        .collect::<Option<_>>()?;
    spans.sort_unstable();
    let apart = spans.windows(2).all(|pair| pair[0].0.1 <= pair[1].0.0);
    apart.then(|| spans.into_iter().map(|(_, input)| input).collect())
}

fn worth_a_version(state: &State, plan: &Plan) -> bool {
    let passed: u64 = state
        .lanes
        .iter()
        .zip(&plan.marks)
        .flat_map(|(lane, marks)| {
            marks.iter().map(|(chain, mark)| mark.n - lane.marks.get(chain).map_or(0, |before| before.n))
        })
        .sum();
    passed >= IDLE_ROWS_MAX
}

fn count<I>(state: &mut State, intake: &Intake<I>, counts: &Counts) {
    for (lane, marks) in state.lanes.iter_mut().zip(&intake.plan.marks) {
        lane.marks.clone_from(marks);
    }
    let mut rows = 0;
    for ((lane, chain), taken) in &counts.taken {
        if let Some(mark) = state.lanes.get_mut(*lane).and_then(|lane| lane.marks.get_mut(chain)) {
            mark.taken += taken;
        }
        rows += taken;
    }
    state.seeds.clone_from(&intake.seeds);
    state.totals.taken += rows;
    if intake.seeded > 0 {
        state.totals.moved = state.totals.moved.saturating_add_unsigned(counts.came);
    }
    state.totals.live = (state.totals.live + counts.came).saturating_sub(counts.dropped + counts.replaced);
    state.totals.duplicates += counts.dropped + counts.replaced;
    state.totals.replaced += counts.replaced;
}

fn live_file(written: Written, new: &NewFile) -> LiveFile {
    let rollup = |new: &crate::format::NewRollup| RollupFile {
        rollup: new.rollup.clone(),
        rows: new.rows,
        bytes: new.bytes.len() as u64,
        sha256: iguazu_lake::checksum::Sha256Sum::of(&new.bytes),
    };
    LiveFile {
        written,
        rows: new.rows,
        bytes: new.bytes.len() as u64,
        sha256: iguazu_lake::checksum::Sha256Sum::of(&new.bytes),
        event_time: new.event_time,
        ids: new.ids,
        index: new.index,
        rollups: new.rollups.iter().map(rollup).collect(),
    }
}

/// The rows of every shard's chain from the least mark on, and whether a chain has more than were read.
async fn committed_rows<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    state: &State,
) -> Result<(BTreeMap<ChainId, Vec<Row>>, bool), CompactError> {
    let chains = shards(io).await?;
    let scans = chains.into_iter().map(|chain| async move {
        let least = |lane: &crate::state::Lane| lane.marks.get(&chain).map_or(0, |mark| mark.n);
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
