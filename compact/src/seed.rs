//! The first version of a bucket: empty in the first epoch, and seeded from the closed buckets before it in any other.
//!
//! A new bucket takes over the files of those closed buckets that overlap its span, file by file, in the same way as it
//! takes raw files: the rows within its span are rows like any other. Until all are taken over, it reads no new rows,
//! and readers see the epoch before.

use std::collections::BTreeMap;

use iguazu_lake::host::Host;
use iguazu_lake::ids::ChainId;
use iguazu_lake::ports::{Ledger, Objects};

use crate::driver::{Job, close};
use crate::epoch::{Epoch, Epochs};
use crate::error::CompactError;
use crate::head::{Remembered, Version};
use crate::io::Io;
use crate::state::{Lane, Seed, Span, State};

/// The state that a bucket begins with.
pub(crate) async fn first_state<O: Objects, L: Ledger, H: Host>(
    io: &Io<'_, O, L, H>,
    remembered: &Remembered,
    job: &Job<'_>,
    epochs: &Epochs<'_, L, H>,
) -> Result<State, CompactError> {
    let span = job.epoch.span(job.bucket);
    let mut sources = Vec::new();
    // What a span still needs, by the epoch to look for it in: where a bucket was closed before it had a version, what
    // it would have begun with is found in the epoch before.
    let mut wanted = vec![(job.epoch.number, span)];
    while let Some((epoch, span)) = wanted.pop() {
        let Some(before) = epoch.checked_sub(1) else { continue };
        io.report().ledger += 1;
        let before = epochs
            .get(job.table, before)
            .await?
            .ok_or_else(|| CompactError::Foreign { problem: format!("epoch {before} of {} is missing", job.table) })?;
        for (bucket, common) in before.overlapping(span) {
            let chain = before.chain(job.table, bucket);
            match close(io, remembered, &chain, job.table).await? {
                Some(version) => sources.push(Source { chain, epoch: before, bucket, version, span: common }),
                None => wanted.push((before.number, common)),
            }
        }
    }
    sources.sort_by_key(|source| source.span);
    Ok(combine(span, &sources))
}

/// A closed bucket, and the part of it that is taken over.
struct Source {
    chain: ChainId,
    epoch: Epoch,
    bucket: u32,
    version: Version,
    span: Span,
}

/// What a bucket takes over. Counts cannot be parted, so a lane's are taken over by whoever has its first placement.
fn combine(span: Span, sources: &[Source]) -> State {
    let mut state = State { lanes: Vec::new(), ..State::empty(span) };
    for source in sources {
        let before = &source.version.state;
        for lane in &before.lanes {
            let Some(common) = lane.span.common(&source.span) else { continue };
            let mut marks = lane.marks.clone();
            if common.first != lane.span.first {
                marks.values_mut().for_each(|mark| mark.taken = 0);
            }
            state.lanes.push(Lane { span: common, marks });
        }
        let whole = source.epoch.span(source.bucket);
        if source.span.first == whole.first {
            state.totals.duplicates += before.totals.duplicates;
            state.totals.replaced += before.totals.replaced;
        }
        if !before.partitions.is_empty() {
            let (chain, n) = (source.chain.clone(), source.version.n);
            state.seeds.push(Seed { chain, n, span: source.span, files: 0 });
        }
        // What that bucket itself had yet to take over.
        for seed in &before.seeds {
            state.seeds.extend(seed.span.common(&source.span).map(|span| Seed { span, ..seed.clone() }));
        }
    }
    // A part of the span that no bucket ever had a version for begins like a first epoch.
    let mut at = Some(span.first);
    let mut lanes = Vec::new();
    for lane in std::mem::take(&mut state.lanes) {
        if let Some(first) = at.filter(|first| *first < lane.span.first) {
            let span = Span { first, last: lane.span.first - 1 };
            lanes.push(Lane { span, marks: BTreeMap::new() });
        }
        at = lane.span.last.checked_add(1);
        lanes.push(lane);
    }
    if let Some(first) = at.filter(|first| *first <= span.last) {
        lanes.push(Lane { span: Span { first, last: span.last }, marks: BTreeMap::new() });
    }
    state.lanes = lanes;
    state.totals.taken = state.lanes.iter().flat_map(|lane| lane.marks.values()).map(|mark| mark.taken).sum();
    // What is counted here and not live here is the difference to what moves in.
    state.totals.moved =
        i64::try_from(i128::from(state.totals.duplicates) - i128::from(state.totals.taken)).unwrap_or(i64::MIN);
    state.join_lanes();
    state
}
