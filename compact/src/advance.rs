//! One version: what is new is read, kept or dropped, written, and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber};
use iguazu_lake::invariants::{InvariantId, Violation};
use iguazu_lake::keys::version::{TablePartition, VersionPart};
use iguazu_lake::ports::{Ledger, Objects};

use crate::driver::{Advanced, Compactor, Job};
use crate::epoch::Epochs;
use crate::error::CompactError;
use crate::format::{Held, TableFormat};
use crate::head::Version;
use crate::intake::Intake;
use crate::io::{CONCURRENT, Io, LiveReader};
use crate::keep::{Candidate, Delivery, RowRef, best, by_times};
use crate::plan::Plan;
use crate::publish::Publisher;
use crate::rewrite::Lost;
use crate::seed::first_state;
use crate::state::codec::{self, VersionBody, VersionRow};
use crate::state::{LiveFile, State, Written};

/// A version that takes no file is worth its cost when it passes so many rows.
const IDLE_ROWS_MAX: u64 = 256;

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
        report.rows_admitted += if intake.seeded == 0 { counts.came.saturating_sub(counts.dropped) } else { 0 };
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
pub(crate) struct Change {
    pub(crate) n: RowNumber,
    pub(crate) attempt: AttemptId,
    pub(crate) live: BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
    /// The recipes of each partition that is written.
    pub(crate) outputs: Vec<Range<usize>>,
}

struct Counts {
    came: u64,
    taken: BTreeMap<(usize, ChainId), u64>,
    dropped: u64,
    replaced: u64,
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
