//! The files that a version writes: of each partition that changes, what is written anew, how, and where it is put.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{EventId, Timestamp};
use iguazu_lake::invariants::{InvariantId, Violation};
use iguazu_lake::keys::version::TablePartition;
use iguazu_lake::ports::{Ledger, Objects};

use crate::advance::Change;
use crate::arrange::{self, Arrangement, arrange};
use crate::driver::{Compactor, Job};
use crate::error::CompactError;
use crate::format::{Keys, NewFile, NewRollup, Recipe, TableFormat};
use crate::intake::{Intake, Kinds};
use crate::io::{CONCURRENT, Io};
use crate::keep::{Candidate, RowRef};
use crate::publish::Publisher;
use crate::state::codec::{self, PartitionFiles};
use crate::state::{LiveFile, PartitionEntry, RollupFile, State, Written};

/// A live row that a better copy replaces.
pub(crate) type Lost = BTreeMap<(TablePartition, usize), BTreeSet<u32>>;

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Writes the files of every partition that changes.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one version, each with one owner")]
    pub(crate) async fn rewrite(
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

fn live_file(written: Written, new: &NewFile) -> LiveFile {
    let rollup = |new: &NewRollup| RollupFile {
        rollup: new.rollup.clone(),
        rows: new.rows,
        bytes: new.bytes.len() as u64,
        sha256: Sha256Sum::of(&new.bytes),
    };
    LiveFile {
        written,
        rows: new.rows,
        bytes: new.bytes.len() as u64,
        sha256: Sha256Sum::of(&new.bytes),
        event_time: new.event_time,
        ids: new.ids,
        index: new.index,
        rollups: new.rollups.iter().map(rollup).collect(),
    }
}
