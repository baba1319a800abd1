//! The plan of a run: which files to read next, and how far the marks move by that. Pure.
//!
//! Rules:
//! - A chain is read in the order of its rows, and a row in the order of its files. A row can be taken in part.
//! - A lane takes a file exactly once: the file is new to those lanes whose mark does not cover it, and the marks move in
//!   the same commit that takes its rows.
//! - What does not fit the budget waits for the next run, which goes on where this one stopped. One file is always
//!   taken, so that a run makes progress whatever its budget.
//! - A stub beyond a mark is a violation: it was shrunk although it was not consumed.

use std::collections::BTreeMap;

use iguazu_lake::commit::{Body, FileEntry, Row};
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, TableName};
use iguazu_lake::invariants::{InvariantId, Violation};
use iguazu_lake::keys::{Area, DataFile};

use crate::state::{Lane, Mark, Span, State};

/// What one run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Rows of the files that it reads, those of other buckets included.
    pub rows_max: u64,
    /// Bytes of these files.
    pub bytes_max: u64,
    /// How many files.
    pub files_max: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { rows_max: 6_000_000, bytes_max: 768 << 20, files_max: 4_096 }
    }
}

/// A raw file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its chain.
    pub chain: ChainId,
    /// The row that names it.
    pub n: RowNumber,
    /// The attempt of the row.
    pub attempt: AttemptId,
    /// Its place among the files of the row.
    pub ordinal: u32,
    /// What the row says of it.
    pub entry: FileEntry,
    /// The lanes to which it is new, by their position.
    pub lanes: Vec<usize>,
}

impl Input {
    /// The file's place in the lake.
    #[must_use]
    pub fn file(&self) -> DataFile {
        self.entry.data_file(&self.chain, self.n, self.attempt)
    }

    /// Its rows that are new.
    #[must_use]
    pub fn spans(&self, lanes: &[Lane]) -> Vec<Span> {
        self.lanes.iter().filter_map(|&lane| lanes.get(lane)).map(|lane| lane.span).collect()
    }
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The files, by chain and row.
    pub inputs: Vec<Input>,
    /// How far each lane has read each chain afterwards. The rows that it takes are still to be counted.
    pub marks: Vec<BTreeMap<ChainId, Mark>>,
    /// Whether something was left for the next run.
    pub more: bool,
    /// Rows of the table in what was left, as far as it was looked at.
    pub rows_left: u64,
}

impl Plan {
    /// Whether the marks of any lane move.
    #[must_use]
    pub fn moves(&self, state: &State) -> bool {
        state.lanes.iter().zip(&self.marks).any(|(lane, marks)| lane.marks != *marks)
    }
}

/// Plans a run. `rows` are the rows of each chain, ascending and without gaps, from that of the least mark on.
///
/// # Errors
/// Where a row that was never taken is a stub.
pub fn plan(
    state: &State,
    table: &TableName,
    rows: &BTreeMap<ChainId, Vec<Row>>,
    budget: &Budget,
) -> Result<Plan, Violation> {
    let mut plan = Plan { marks: state.lanes.iter().map(|lane| lane.marks.clone()).collect(), ..Plan::default() };
    let mut spent = Spent::default();
    let mut queues: Vec<_> = rows.iter().map(|(chain, rows)| (chain, rows.iter())).collect();
    // A row of each chain in turn, so that a long chain does not keep the others waiting.
    while !queues.is_empty() {
        let mut going_on = Vec::with_capacity(queues.len());
        for (chain, mut rest) in queues {
            let Some(row) = rest.next() else { continue };
            if take(&mut plan, state, table, chain, row, budget, &mut spent)? {
                going_on.push((chain, rest));
            } else {
                plan.more = true;
                plan.rows_left += rest.map(|row| rows_of(table, row)).sum::<u64>();
            }
        }
        queues = going_on;
    }
    plan.inputs.sort_by(|a, b| (&a.chain, a.n, a.ordinal).cmp(&(&b.chain, b.n, b.ordinal)));
    Ok(plan)
}

#[derive(Default)]
struct Spent {
    rows: u64,
    bytes: u64,
    files: usize,
}

impl Spent {
    fn fits(&self, entry: &FileEntry, budget: &Budget) -> bool {
        self.files == 0
            || (self.files < budget.files_max
                && self.rows + entry.rows <= budget.rows_max
                && self.bytes + entry.bytes <= budget.bytes_max)
    }
}

fn ours(entry: &FileEntry, table: &TableName) -> bool {
    matches!(&entry.area, Area::Raw(of) if of == table)
}

fn rows_of(table: &TableName, row: &Row) -> u64 {
    match &row.body {
        Body::Commit(commit) => commit.files.iter().filter(|entry| ours(entry, table)).map(|entry| entry.rows).sum(),
        Body::Closed(_) | Body::Stub(_) => 0,
    }
}

/// Takes a row as far as the budget goes; returns whether that was all of it.
fn take(
    plan: &mut Plan,
    state: &State,
    table: &TableName,
    chain: &ChainId,
    row: &Row,
    budget: &Budget,
    spent: &mut Spent,
) -> Result<bool, Violation> {
    let files: &[FileEntry] = match &row.body {
        Body::Commit(commit) => &commit.files,
        Body::Closed(_) => &[],
        Body::Stub(_) => {
            // What a lane has never looked at may have been consumed before there was such a table.
            let passed = plan.marks.iter().all(|marks| marks.get(chain).is_none_or(|mark| row.n.get() < mark.n));
            if !passed {
                return Err(Violation::new(
                    InvariantId::I5Objects,
                    format!("row {} of {chain} is a stub and was never taken", row.n),
                ));
            }
            return Ok(true);
        }
    };
    for (ordinal, entry) in (0..).zip(files) {
        let new: Vec<_> = (0..plan.marks.len())
            .filter(|&lane| plan.marks[lane].get(chain).is_none_or(|mark| !mark.covers(row.n, ordinal)))
            .collect();
        if new.is_empty() {
            continue;
        }
        let wanted = ours(entry, table);
        if wanted && !spent.fits(entry, budget) {
            plan.rows_left += files[ordinal as usize..].iter().filter(|e| ours(e, table)).map(|e| e.rows).sum::<u64>();
            return Ok(false);
        }
        for &lane in &new {
            let mark = plan.marks[lane].entry(chain.clone()).or_default();
            (mark.n, mark.files) = (row.n.get(), ordinal + 1);
            mark.offered += if wanted { entry.rows } else { 0 };
        }
        if wanted {
            spent.rows += entry.rows;
            spent.bytes += entry.bytes;
            spent.files += 1;
            let overlaps = |&lane: &usize| state.lanes[lane].span.common(&state.span).is_some();
            plan.inputs.push(Input {
                chain: chain.clone(),
                n: row.n,
                attempt: row.attempt,
                ordinal,
                entry: entry.clone(),
                lanes: new.into_iter().filter(overlaps).collect(),
            });
        }
    }
    for marks in &mut plan.marks {
        let mark = marks.entry(chain.clone()).or_default();
        if mark.n <= row.n.get() {
            (mark.n, mark.files) = (row.n.next().get(), 0);
        }
    }
    Ok(true)
}
