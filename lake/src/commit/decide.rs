//! `decide(state, command) -> decision`: the protocol of the ingest commit, synchronous and total.
//!
//! ```text
//! Begin ─▶ is the chain's end known? ── no ─▶ ReadNewest
//!            │ yes
//!            ▼
//!          is every record at or below it settled? ── no ─▶ ReadRow, ReadIds, or proven by a digest
//!            │ yes
//!            ▼
//!          is a record left that no row holds? ── no ─▶ Done
//!            │ yes
//!            ▼
//!          Write row n+1 ── Won ─▶ Done;  Lost ─▶ from the start, with the records in hand
//! ```
//!
//! Why it is right: a record is dropped only if a row was shown to hold it, and rows are for ever. A record is
//! committed only in row `n+1`, after every row up to `n` that could hold it was searched, and row `n+1` is
//! written only if nobody else wrote it: so no row holds it twice. What is remembered may be old; then row `n+1`
//! is taken and the search goes on from there.

use std::collections::BTreeSet;

use super::memory::Memory;
use super::proof::{Lead, Search};
use super::row::{Body, Commit, Counts, FileEntry, Late, Row};
use crate::ids::{RowNumber, SequenceNumber, SequenceRange, SequenceSet};
use crate::invariants::{self, InvariantId, Violation};

/// What is known while one batch of one shard is being committed.
#[derive(Clone, Debug)]
pub struct State {
    offered: SequenceSet,
    /// By position in `offered`: a row was shown to hold the record.
    held: Vec<bool>,
    /// Rows of which it is known which offered records they hold.
    checked: BTreeSet<RowNumber>,
    memory: Memory,
    awaiting: Awaiting,
    tally: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaiting {
    Begin,
    Newest,
    Row(RowNumber),
    Ids(RowNumber),
    Put(RowNumber),
    Nothing,
}

/// What happened: the answer to the step before.
#[derive(Clone, Debug)]
pub enum Command {
    /// The records are in hand.
    Begin,
    /// The chain's newest row, if it has any.
    Newest(Option<Row>),
    /// The row that was asked for, if it is there.
    Row(Option<Row>),
    /// The records that the row's files hold.
    Ids {
        /// Those of every file that could be read.
        found: SequenceSet,
        /// Whether a file is gone or damaged, so that it proves nothing.
        gone: bool,
    },
    /// The row was written. It holds the first `taken` of the records that were to be written.
    Won {
        /// The row.
        row: Row,
        /// How many records it holds.
        taken: usize,
        /// Whether an earlier reply had been lost.
        read_back: bool,
    },
    /// Another attempt wrote the row.
    Lost(Row),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the chain's newest row, and answer with [`Command::Newest`].
    ReadNewest,
    /// Read this row, and answer with [`Command::Row`].
    ReadRow(RowNumber),
    /// Read which records the files of this row hold, and answer with [`Command::Ids`].
    ReadIds(Row),
    /// Store these records, or as many of the first as the budget allows, and put row `n`; answer with
    /// [`Command::Won`] or [`Command::Lost`].
    Write {
        /// The row's number.
        n: RowNumber,
        /// The records, ascending.
        fresh: Vec<SequenceNumber>,
        /// What the row needs to know of the rows before it.
        base: Base,
    },
    /// Every record before `retry_from` is held by a row.
    Done(Done),
    /// It cannot go on.
    Refuse(Refusal),
}

/// The end of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The first record that is not committed: report it as the batch item to retry from.
    pub retry_from: Option<SequenceNumber>,
}

/// Why a commit cannot go on. None of these is a matter of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The chain has ended and these records are not in it.
    #[error(
        "the chain was closed by row {n} and {records} delivered records are not in it; open the shard under a new stream"
    )]
    Closed {
        /// The closing row.
        n: RowNumber,
        /// How many records have no place.
        records: usize,
    },
    /// An invariant does not hold.
    #[error(transparent)]
    Violated(#[from] Violation),
    /// A command that answers nothing that was asked: a defect of the driver.
    #[error("the driver answered out of turn")]
    OutOfTurn,
}

/// A state and the step that it asks for.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is known now.
    pub state: State,
    /// What to do next.
    pub step: Step,
}

/// How a commit went, for metrics and for proof that every branch was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The chain's end was remembered and nobody had passed it.
    pub warm_starts: u64,
    /// Reads of the chain's newest row.
    pub newest_reads: u64,
    /// Reads of other rows.
    pub row_reads: u64,
    /// Reads of a row's files.
    pub id_reads: u64,
    /// Reads of a row's files that found one gone.
    pub id_reads_gone: u64,
    /// Records proven committed by a row's digest.
    pub proven_by_digest: u64,
    /// Records proven committed by a row's files.
    pub proven_by_files: u64,
    /// Records committed although they were not above the chain's end.
    pub committed_late: u64,
    /// Records committed.
    pub committed: u64,
    /// Rows that another attempt had written first.
    pub conflicts: u64,
    /// Rows that were learnt to be our own by reading them back.
    pub read_backs: u64,
}

/// What a new row needs to know of the rows before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    to: Option<SequenceNumber>,
    earlier: Option<Late>,
}

impl Base {
    /// The commit of `taken` records on this base.
    ///
    /// # Errors
    /// Where the records, the files and the counts do not fit each other (I1, I2, I10).
    pub fn commit(&self, taken: &[SequenceNumber], files: Vec<FileEntry>, counts: Counts) -> Result<Commit, Violation> {
        let range = taken.first().zip(taken.last()).and_then(|(&first, &last)| SequenceRange::new(first, last));
        let range =
            range.ok_or_else(|| Violation::new(InvariantId::I2Fidelity, "a commit without records in order"))?;
        let commit = Commit {
            range,
            to: self.to.map_or(range.last(), |to| to.later_in_shard(range.last())),
            late: self.to.is_some_and(|to| range.first().cmp_in_shard(&to).is_le()),
            earlier: self.earlier,
            files,
            counts,
            digest: SequenceSet::digest_of(taken),
        };
        invariants::coherent(&commit, taken)?;
        Ok(commit)
    }
}

impl State {
    /// A batch of one shard's records, and what is remembered of its chain.
    #[must_use]
    pub fn new(offered: SequenceSet, memory: Memory) -> Self {
        let held = vec![false; offered.len()];
        Self { offered, held, checked: BTreeSet::new(), memory, awaiting: Awaiting::Begin, tally: Tally::default() }
    }

    /// How it went so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What the next invocation may remember.
    #[must_use]
    pub fn into_memory(mut self) -> Memory {
        self.memory.trim();
        self.memory
    }

    fn await_answer(mut self, awaiting: Awaiting, step: Step) -> Decision {
        self.awaiting = awaiting;
        Decision { state: self, step }
    }

    fn refuse(self, refusal: impl Into<Refusal>) -> Decision {
        self.await_answer(Awaiting::Nothing, Step::Refuse(refusal.into()))
    }

    /// The offered records that no row is known to hold.
    fn fresh(&self) -> impl Iterator<Item = SequenceNumber> + '_ {
        self.offered.as_slice().iter().zip(&self.held).filter(|(_, held)| !**held).map(|(record, _)| *record)
    }
}

/// What to do next, given what is known and what just happened.
#[must_use]
pub fn decide(mut state: State, command: Command) -> Decision {
    match (state.awaiting, command) {
        (Awaiting::Begin, Command::Begin) => {
            state.tally.warm_starts += u64::from(state.memory.tail().is_some());
            go_on(state)
        }
        (Awaiting::Newest, Command::Newest(row)) => {
            state.tally.newest_reads += 1;
            state.memory.learn_tail(row);
            go_on(state)
        }
        (Awaiting::Row(n), Command::Row(Some(row))) if row.n == n => {
            state.tally.row_reads += 1;
            state.memory.learn(row);
            go_on(state)
        }
        (Awaiting::Row(n), Command::Row(None)) => {
            state.refuse(Violation::new(InvariantId::I1Chain, format!("row {n} is missing below the newest one")))
        }
        (Awaiting::Ids(n), Command::Ids { found, gone }) => {
            // Raw is kept longer than the stream: what a missing file held can only be delivered again by a hand
            // that means it, and is then better committed twice in raw than lost. Tables drop it by its UUID.
            state.tally.id_reads += 1;
            state.tally.id_reads_gone += u64::from(gone);
            hold_by_files(&mut state, n, &found);
            go_on(state)
        }
        (Awaiting::Put(n), Command::Won { row, taken, read_back }) if row.n == n => {
            state.tally.read_backs += u64::from(read_back);
            won(state, row, taken)
        }
        (Awaiting::Put(n), Command::Lost(row)) if row.n == n => {
            state.tally.conflicts += 1;
            state.memory.learn(row);
            state.memory.forget_tail();
            go_on(state)
        }
        (
            Awaiting::Nothing
            | Awaiting::Begin
            | Awaiting::Newest
            | Awaiting::Row(_)
            | Awaiting::Ids(_)
            | Awaiting::Put(_),
            _,
        ) => state.refuse(Refusal::OutOfTurn),
    }
}

fn go_on(mut state: State) -> Decision {
    let Some(tail) = state.memory.tail() else {
        return state.await_answer(Awaiting::Newest, Step::ReadNewest);
    };
    let tail = tail.cloned();
    if let Some(tail) = &tail {
        loop {
            match next_lead(&state, tail) {
                Lead::Exhausted => break,
                Lead::Read(n) => return state.await_answer(Awaiting::Row(n), Step::ReadRow(n)),
                Lead::Check(row) if hold_by_digest(&mut state, &row) => {}
                Lead::Check(row) => {
                    return state.await_answer(Awaiting::Ids(row.n), Step::ReadIds(Row::clone(&row)));
                }
            }
        }
    }
    let fresh: Vec<_> = state.fresh().collect();
    if fresh.is_empty() {
        return done(state);
    }
    match tail.as_deref() {
        Some(Row { n, body: Body::Closed(_), .. }) => {
            let refusal = Refusal::Closed { n: *n, records: fresh.len() };
            state.refuse(refusal)
        }
        tail => {
            let n = tail.map_or(RowNumber::FIRST, |row| row.n.next());
            let base = Base { to: tail.and_then(Row::to), earlier: tail.and_then(Row::late_until) };
            state.await_answer(Awaiting::Put(n), Step::Write { n, fresh, base })
        }
    }
}

/// The next lead for any record that is at or below the chain's end and that no row is known to hold.
fn next_lead(state: &State, tail: &std::sync::Arc<Row>) -> Lead {
    let Some(to) = tail.to() else { return Lead::Exhausted };
    let checked = |n| state.checked.contains(&n);
    let search = Search::new(&state.memory, tail, &checked);
    let disputed = &state.offered.as_slice()[..state.offered.first_above(Some(&to))];
    disputed
        .iter()
        .zip(&state.held)
        .filter(|(_, held)| !**held)
        .map(|(record, _)| search.lead(record))
        .find(|lead| *lead != Lead::Exhausted)
        .unwrap_or(Lead::Exhausted)
}

/// Whether the row holds exactly the offered records within its range: the same batch again, or a longer one.
fn hold_by_digest(state: &mut State, row: &Row) -> bool {
    let Body::Commit(commit) = &row.body else { return false };
    let positions = state.offered.positions_in(&commit.range);
    let inside = &state.offered.as_slice()[positions.clone()];
    if commit.counts.records != inside.len() as u64 || commit.digest != SequenceSet::digest_of(inside) {
        return false;
    }
    state.checked.insert(row.n);
    state.tally.proven_by_digest += hold_positions(state, positions);
    true
}

fn hold_by_files(state: &mut State, n: RowNumber, ids: &SequenceSet) {
    state.checked.insert(n);
    let found: Vec<_> = ids.as_slice().iter().filter_map(|record| state.offered.position(record)).collect();
    state.tally.proven_by_files += hold_positions(state, found);
}

fn hold_positions(state: &mut State, positions: impl IntoIterator<Item = usize>) -> u64 {
    positions.into_iter().map(|at| u64::from(!std::mem::replace(&mut state.held[at], true))).sum()
}

fn won(mut state: State, row: Row, taken: usize) -> Decision {
    let end = state.memory.tail().flatten().and_then(|tail| tail.to());
    let late = state.offered.first_above(end.as_ref());
    let positions: Vec<_> = (0..state.held.len()).filter(|&at| !state.held[at]).take(taken).collect();
    state.tally.committed_late += positions.iter().filter(|&&at| at < late).count() as u64;
    state.tally.committed += hold_positions(&mut state, positions);
    state.memory.learn_tail(Some(row));
    done(state)
}

fn done(state: State) -> Decision {
    let retry_from = state.fresh().next();
    if let Err(violation) = invariants::covered(&state.offered, &state.held, retry_from.as_ref()) {
        return state.refuse(violation);
    }
    state.await_answer(Awaiting::Nothing, Step::Done(Done { retry_from }))
}
