//! `decide` against a model of the chain: in every case each offered record ends in exactly one row.
//!
//! The model knows which row holds which record and works a row's `to`, `late` and `earlier` out by looking at all
//! rows before it. `decide` knows only what it read; what it commits must be what the model would have written.

#![expect(clippy::unwrap_used, reason = "a test stops where its own assumptions fail")]

use std::collections::BTreeSet;

use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{
    Body, Closed, Command, Commit, Counts, Decision, FileEntry, Late, Memory, Refusal, Row, State, Step, Stub, Tally,
    decide,
};
use iguazu_lake::ids::{AttemptId, RowNumber, SequenceNumber, SequenceRange, SequenceSet};
use iguazu_lake::invariants;
use iguazu_lake::keys::{Area, Partition};
use proptest::prelude::*;

fn sequences(records: &[u64]) -> Vec<SequenceNumber> {
    records.iter().map(|&record| record.into()).collect()
}

fn number(sequence: SequenceNumber) -> u64 {
    sequence.to_string().parse().unwrap()
}

fn counts(records: usize) -> Counts {
    Counts { records: records as u64, delivered: records as u64, accepted: records as u64, quarantined: 0 }
}

fn files(records: usize) -> Vec<FileEntry> {
    vec![FileEntry {
        area: Area::Raw("events".parse().unwrap()),
        partition: Partition::Mixed,
        rows: records as u64,
        bytes: 1,
        event_time: None,
        sha256: Sha256Sum::of(b"file"),
    }]
}

/// A chain and what its rows hold.
#[derive(Clone, Debug, Default)]
struct Model {
    rows: Vec<Row>,
    holds: Vec<Vec<u64>>,
    shrunk: bool,
}

impl Model {
    /// Rows of these records, in this order.
    fn of(rows: &[&[u64]]) -> Self {
        let mut model = Self::default();
        rows.iter().for_each(|records| model.append(records));
        model
    }

    /// What the next row must say if it holds these records.
    fn next(&self, records: &[u64]) -> Commit {
        let (&first, &last) = records.first().zip(records.last()).unwrap();
        let before = self.holds.iter().flatten().max().copied();
        let late = |records: &[u64], before: Option<u64>| before.is_some_and(|before| records[0] <= before);
        let mut highest = None;
        let mut earlier: Option<(usize, u64, u64)> = None;
        for (n, held) in self.holds.iter().enumerate() {
            let (&from, &to) = held.first().zip(held.last()).unwrap();
            if late(held, highest) {
                earlier = Some((n, earlier.map_or(from, |e| e.1.min(from)), earlier.map_or(to, |e| e.2.max(to))));
            }
            highest = highest.max(Some(to));
        }
        Commit {
            range: SequenceRange::new(first.into(), last.into()).unwrap(),
            to: before.map_or(last, |before| before.max(last)).into(),
            late: late(records, before),
            earlier: earlier.map(|(n, first, last)| Late {
                n: RowNumber::new(n as u64),
                hull: SequenceRange::new(first.into(), last.into()).unwrap(),
            }),
            files: files(records.len()),
            counts: counts(records.len()),
            digest: SequenceSet::digest_of(&sequences(records)),
        }
    }

    fn push(&mut self, body: Body, records: &[u64]) {
        let n = RowNumber::new(self.rows.len() as u64);
        self.rows.push(Row { n, attempt: AttemptId::from_u128(n.get().into()), body });
        self.holds.push(records.to_vec());
    }

    fn append(&mut self, records: &[u64]) {
        self.push(Body::Commit(self.next(records)), records);
    }

    /// What a writer that keeps to the protocol makes of these records: a row of those that no row holds.
    fn append_new(&mut self, records: &[u64]) {
        let new: Vec<_> = records.iter().copied().filter(|&record| self.holders(record).is_empty()).collect();
        if !new.is_empty() {
            self.append(&new);
        }
    }

    fn close(&mut self) {
        let newest = self.rows.last();
        let closed = Closed { to: newest.and_then(Row::to), earlier: newest.and_then(Row::late_until) };
        self.push(Body::Closed(closed), &[]);
    }

    fn shrink(&mut self, rows: usize) {
        self.shrunk = true;
        self.rows.iter_mut().take(rows).for_each(|row| *row = row.stub());
    }

    fn holders(&self, record: u64) -> Vec<usize> {
        (0..self.holds.len()).filter(|&n| self.holds[n].contains(&record)).collect()
    }

    fn late_rows(&self) -> usize {
        self.rows.iter().filter(|row| matches!(&row.body, Body::Commit(commit) if commit.late)).count()
    }

    /// I1, on what really happened.
    fn check(&self) {
        let mut previous = None;
        for row in &self.rows {
            invariants::follows(previous, row).unwrap();
            previous = Some(row);
        }
        let all: Vec<_> = self.holds.iter().flatten().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a record is in two rows: {:?}", self.holds);
    }
}

/// A whole commit: what was asked for, and how it ended.
struct Run {
    trace: Vec<String>,
    memory: Memory,
    tally: Tally,
    rows_read: Vec<u64>,
    end: Result<Option<u64>, Refusal>,
}

/// Drives `decide` on a chain until it ends. Before every answer `other` may change the chain; a commit takes at most
/// `room` records; `lost_replies` makes the ledger answer a put by showing the row that is there.
struct Driver<'a> {
    other: &'a mut dyn FnMut(&mut Model, &Step),
    room: usize,
    lost_replies: bool,
}

impl Driver<'_> {
    fn run(&mut self, model: &mut Model, offered: &[u64], memory: Memory) -> Run {
        let mut decision = decide(State::new(sequences(offered).into_iter().collect(), memory), Command::Begin);
        let mut trace = Vec::new();
        let mut rows_read = Vec::new();
        loop {
            assert!(trace.len() < 1_000, "it goes on for ever: {trace:?}");
            let Decision { state, step } = decision;
            let tally = state.tally();
            (self.other)(model, &step);
            let command = match step {
                Step::ReadNewest => {
                    trace.push(format!("newest: {}", model.rows.last().map_or("none".into(), |row| row.n.to_string())));
                    Command::Newest(model.rows.last().cloned())
                }
                Step::ReadRow(n) => {
                    trace.push(format!("row {n}"));
                    assert!(!rows_read.contains(&n.get()), "row {n} is read twice: {trace:?}");
                    rows_read.push(n.get());
                    Command::Row(model.rows.get(n.get() as usize).filter(|row| row.n == n).cloned())
                }
                Step::ReadIds(row) => {
                    trace.push(format!("ids of row {}", row.n));
                    let held = &model.holds[row.n.get() as usize];
                    Command::Ids { found: sequences(held).into_iter().collect(), gone: false }
                }
                Step::Write { n, fresh, base } => {
                    let fresh: Vec<_> = fresh.into_iter().map(number).collect();
                    let records = &fresh[..fresh.len().min(self.room)];
                    trace.push(format!("put row {n}: {records:?}"));
                    match model.rows.get(n.get() as usize) {
                        Some(row) => Command::Lost(row.clone()),
                        None => {
                            let mut expected = model.next(records);
                            let commit =
                                base.commit(&sequences(records), files(records.len()), counts(records.len())).unwrap();
                            if model.shrunk {
                                // A stub has forgotten its link; whoever remembers the row has not. Both are right.
                                expected.earlier = commit.earlier;
                            }
                            assert_eq!(commit, expected, "the row is not what the model would have written");
                            assert_eq!(n.get(), model.rows.len() as u64, "a gap");
                            model.push(Body::Commit(commit), records);
                            let row = model.rows.last().cloned().unwrap();
                            Command::Won { row, taken: records.len(), read_back: self.lost_replies }
                        }
                    }
                }
                Step::Done(done) => {
                    let end = Ok(done.retry_from.map(number));
                    return Run { trace, memory: state.into_memory(), tally, rows_read, end };
                }
                Step::Refuse(refusal) => {
                    return Run { trace, memory: state.into_memory(), tally, rows_read, end: Err(refusal) };
                }
            };
            decision = decide(state, command);
        }
    }
}

fn run(model: &mut Model, offered: &[u64], memory: Memory) -> Run {
    Driver { other: &mut |_, _| {}, room: usize::MAX, lost_replies: false }.run(model, offered, memory)
}

/// How many row reads a batch may cost: for each stretch of records that one row reaches first, a search that doubles
/// and halves; every late row once; and never a row twice.
fn row_reads_max(model: &Model, offered: &[u64]) -> usize {
    let first_reaching =
        |record: u64| model.rows.iter().position(|row| row.to().is_some_and(|to| number(to) >= record));
    let stretches: BTreeSet<_> = offered.iter().filter_map(|&record| first_reaching(record)).collect();
    let search = 2 * (model.rows.len().max(1).ilog2() as usize + 1) + 1;
    (stretches.len() * search + model.late_rows()).min(model.rows.len())
}

// --- The readable cases -------------------------------------------------------------------------------------------

#[track_caller]
fn assert_trace(run: &Run, expected: &[&str]) {
    assert_eq!(run.trace, expected);
    assert_eq!(run.end, Ok(None));
}

#[test]
fn the_first_batch_of_a_chain_is_row_zero() {
    let mut model = Model::default();
    let first = run(&mut model, &[1, 2, 3], Memory::default());
    assert_trace(&first, &["newest: none", "put row 0: [1, 2, 3]"]);
    // Warm, a batch of new records costs nothing but its own put.
    let second = run(&mut model, &[4, 5], first.memory);
    assert_trace(&second, &["put row 1: [4, 5]"]);
    assert_eq!(second.tally, Tally { warm_starts: 1, committed: 2, ..Tally::default() });
}

#[test]
fn the_same_batch_again_is_proven_by_its_digest() {
    let mut model = Model::of(&[&[1, 2], &[3, 4, 5]]);
    let cold = run(&mut model, &[3, 4, 5], Memory::default());
    assert_trace(&cold, &["newest: 1"]);
    assert_eq!(cold.tally, Tally { newest_reads: 1, proven_by_digest: 3, ..Tally::default() });
    let warm = run(&mut model, &[3, 4, 5], cold.memory);
    assert_trace(&warm, &[]);
    assert_eq!(warm.tally, Tally { warm_starts: 1, proven_by_digest: 3, ..Tally::default() });
    assert_eq!(model.rows.len(), 2);
}

#[test]
fn an_older_batch_again_is_found_by_probing() {
    let mut model = Model::of(&[&[1], &[2], &[3], &[4], &[5], &[6], &[7], &[8]]);
    let again = run(&mut model, &[2], Memory::default());
    assert_trace(&again, &["newest: 7", "row 6", "row 5", "row 3", "row 0", "row 2", "row 1"]);
    assert_eq!(again.tally.proven_by_digest, 1);
}

#[test]
fn a_longer_batch_is_committed_beyond_what_is_proven() {
    let mut model = Model::of(&[&[1, 2], &[3, 4]]);
    let longer = run(&mut model, &[3, 4, 5, 6], Memory::default());
    assert_trace(&longer, &["newest: 1", "put row 2: [5, 6]"]);
    assert_eq!(longer.tally, Tally { newest_reads: 1, proven_by_digest: 2, committed: 2, ..Tally::default() });
    assert_eq!(model.holds, [vec![1, 2], vec![3, 4], vec![5, 6]]);
}

#[test]
fn a_shorter_batch_such_as_half_of_a_bisected_one_is_proven_by_the_files() {
    let mut model = Model::of(&[&[1, 2], &[3, 4, 5, 6]]);
    let half = run(&mut model, &[3, 4], Memory::default());
    assert_trace(&half, &["newest: 1", "ids of row 1"]);
    assert_eq!(half.tally, Tally { newest_reads: 1, id_reads: 1, proven_by_files: 2, ..Tally::default() });
    let other_half = run(&mut model, &[5, 6], half.memory);
    assert_trace(&other_half, &["ids of row 1"]);
    assert_eq!(model.rows.len(), 2);
}

#[test]
fn a_batch_that_is_cut_elsewhere_is_proven_row_by_row() {
    let mut model = Model::of(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]]);
    let cut = run(&mut model, &[2, 3, 4, 5, 6, 7, 8, 9, 10], Memory::default());
    // Rows 2 and 1 lie in the batch whole, so their digests speak; of row 0 only a part was delivered again.
    assert_trace(&cut, &["newest: 2", "row 1", "row 0", "ids of row 0", "put row 3: [10]"]);
    assert_eq!((cut.tally.proven_by_digest, cut.tally.proven_by_files), (6, 2));
}

#[test]
fn lanes_that_interleave_commit_late_and_are_found_by_their_links() {
    let mut model = Model::of(&[&[1, 2]]);
    let odd = run(&mut model, &[3, 5, 7, 9], Memory::default());
    assert_trace(&odd, &["newest: 0", "put row 1: [3, 5, 7, 9]"]);
    let even = run(&mut model, &[4, 6, 8, 10], odd.memory);
    // Row 1 covers 4, 6 and 8 and has to be asked.
    assert_trace(&even, &["ids of row 1", "put row 2: [4, 6, 8, 10]"]);
    assert_eq!(even.tally.committed_late, 3);
    let Body::Commit(commit) = &model.rows[2].body else { panic!() };
    assert!(commit.late);
    // Each lane again, cold: the late row by itself, the other by the search for the first row that reaches 3.
    let even = run(&mut model, &[4, 6, 8, 10], Memory::default());
    assert_trace(&even, &["newest: 2"]);
    let odd = run(&mut model, &[3, 5, 7, 9], Memory::default());
    assert_trace(&odd, &["newest: 2", "row 1"]);
    assert_eq!(odd.tally.proven_by_digest, 4);
    model.check();
}

#[test]
fn a_mapping_that_began_at_latest_and_then_at_trim_horizon_commits_what_it_had_skipped() {
    let mut model = Model::default();
    let latest = run(&mut model, &[50, 51], Memory::default());
    assert_trace(&latest, &["newest: none", "put row 0: [50, 51]"]);
    // Below the chain's end and in no row: that is no proof, so it is committed now.
    let trimmed = run(&mut model, &[10, 11], latest.memory);
    assert_trace(&trimmed, &["put row 1: [10, 11]"]);
    let on = run(&mut model, &[12, 50], trimmed.memory);
    assert_trace(&on, &["ids of row 0", "put row 2: [12]"]);
    let again = run(&mut model, &[10, 11], Memory::default());
    assert_trace(&again, &["newest: 2", "row 1"]);
    model.check();
    assert_eq!(model.holds, [vec![50, 51], vec![10, 11], vec![12]]);
}

#[test]
fn a_lost_reply_is_a_success() {
    let mut model = Model::of(&[&[1]]);
    let lost = Driver { other: &mut |_, _| {}, room: usize::MAX, lost_replies: true }.run(
        &mut model,
        &[2, 3],
        Memory::default(),
    );
    assert_trace(&lost, &["newest: 0", "put row 1: [2, 3]"]);
    assert_eq!(lost.tally, Tally { newest_reads: 1, committed: 2, read_backs: 1, ..Tally::default() });
    // What the invocation did not live to report is recognised by the next one.
    assert_trace(&run(&mut model, &[2, 3], Memory::default()), &["newest: 1"]);
}

#[test]
fn a_lost_race_starts_again_from_the_winner() {
    let mut model = Model::of(&[&[1]]);
    let mut other = |model: &mut Model, step: &Step| {
        if matches!(step, Step::Write { n, .. } if n.get() == 1) {
            model.append_new(&[2, 3]);
        }
    };
    let mut driver = Driver { other: &mut other, room: usize::MAX, lost_replies: false };
    let lost = driver.run(&mut model, &[2, 3, 4], Memory::default());
    assert_trace(&lost, &["newest: 0", "put row 1: [2, 3, 4]", "newest: 1", "put row 2: [4]"]);
    assert_eq!((lost.tally.conflicts, lost.tally.proven_by_digest, lost.tally.committed), (1, 2, 1));
    assert_eq!(model.holds, [vec![1], vec![2, 3], vec![4]]);
}

#[test]
fn a_memory_that_was_overtaken_collides_and_learns() {
    let mut model = Model::of(&[&[1]]);
    let stale = run(&mut model, &[1], Memory::default()).memory;
    model.append(&[2]);
    model.append(&[3]);
    let run = run(&mut model, &[2, 3, 4], stale);
    assert_trace(&run, &["put row 1: [2, 3, 4]", "newest: 2", "put row 3: [4]"]);
    assert_eq!((run.tally.conflicts, run.tally.proven_by_digest), (1, 2));
}

#[test]
fn a_budget_that_runs_out_leaves_the_rest_for_a_retry() {
    let mut model = Model::of(&[&[1]]);
    let mut driver = Driver { other: &mut |_, _| {}, room: 2, lost_replies: false };
    let cut = driver.run(&mut model, &[2, 3, 4], Memory::default());
    assert_eq!(cut.end, Ok(Some(4)));
    let rest = driver.run(&mut model, &[4], cut.memory);
    assert_trace(&rest, &["put row 2: [4]"]);
}

#[test]
fn a_closed_chain_takes_nothing_more_but_still_knows_what_it_holds() {
    let mut model = Model::of(&[&[1, 2], &[3]]);
    model.close();
    let again = run(&mut model, &[3], Memory::default());
    assert_trace(&again, &["newest: 2", "row 1"]);
    let new = run(&mut model, &[3, 4, 5], Memory::default());
    assert_eq!(new.end, Err(Refusal::Closed { n: RowNumber::new(2), records: 2 }));
    assert_eq!(
        new.end.unwrap_err().to_string(),
        "the chain was closed by row 2 and 2 delivered records are not in it; open the shard under a new stream"
    );
    assert_eq!(model.rows.len(), 3);
}

#[test]
fn a_row_that_is_missing_below_the_newest_is_a_violation_of_i1() {
    let mut model = Model::of(&[&[1], &[2], &[3]]);
    model.rows[1].n = RowNumber::new(77);
    let run = run(&mut model, &[2], Memory::default());
    assert_eq!(run.trace, ["newest: 2", "row 1"]);
    assert_eq!(
        run.end.unwrap_err().to_string(),
        "invariant I1 (chain) does not hold: row 1 is missing below the newest one"
    );
}

#[test]
fn a_file_that_is_gone_proves_nothing_and_its_records_are_committed_again() {
    let model = Model::of(&[&[1, 2, 3]]);
    let decision = decide(State::new(sequences(&[1, 2]).into_iter().collect(), Memory::default()), Command::Begin);
    let decision = decide(decision.state, Command::Newest(model.rows.last().cloned()));
    assert_eq!(decision.step, Step::ReadIds(model.rows[0].clone()));
    let found = SequenceSet::default();
    let decision = decide(decision.state, Command::Ids { found, gone: true });
    assert!(matches!(&decision.step, Step::Write { n, fresh, .. } if n.get() == 1 && *fresh == sequences(&[1, 2])));
    assert_eq!(decision.state.tally().id_reads_gone, 1);
}

/// Row `n` holds the ten records from `10 n`.
#[test]
fn a_batch_in_a_chain_of_a_million_rows_is_found_with_forty_reads() {
    const ROWS: u64 = 1_000_000;
    let row = |n: u64| {
        let records: Vec<_> = (10 * n..10 * n + 10).collect();
        let range = SequenceRange::new(records[0].into(), records[9].into()).unwrap();
        let digest = SequenceSet::digest_of(&sequences(&records));
        let (files, counts) = (files(10), counts(10));
        let commit = Commit { range, to: range.last(), late: false, earlier: None, files, counts, digest };
        Row { n: RowNumber::new(n), attempt: AttemptId::from_u128(n.into()), body: Body::Commit(commit) }
    };
    for at in [0, 1, 2, 499_999, 500_000, ROWS - 300, ROWS - 2, ROWS - 1] {
        let offered: Vec<_> = (10 * at..10 * at + 10).collect();
        let state = State::new(sequences(&offered).into_iter().collect(), Memory::default());
        let mut decision = decide(state, Command::Begin);
        while !matches!(decision.step, Step::Done(_)) {
            let command = match decision.step {
                Step::ReadNewest => Command::Newest(Some(row(ROWS - 1))),
                Step::ReadRow(n) => Command::Row(Some(row(n.get()))),
                step => panic!("{step:?}"),
            };
            decision = decide(decision.state, command);
        }
        let tally = decision.state.tally();
        // As far as the row is from the end, doubled and then halved: at most twice the binary logarithm, and the two ends.
        let reads_max = 2 * u64::from((ROWS - at).ilog2()) + 2;
        assert!(tally.row_reads <= reads_max.min(40), "{} reads for row {at}, {reads_max} allowed", tally.row_reads);
        assert_eq!((tally.proven_by_digest, tally.id_reads, tally.committed), (10, 0, 0));
    }
}

// --- The model ----------------------------------------------------------------------------------------------------

const RECORDS: u64 = 40;

/// Rows of arbitrary subsets in arbitrary order: half of the time in order but for a few records, as most shards are.
fn any_rows() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let scattered = prop::collection::vec(prop::option::weighted(0.8, 0_usize..12), RECORDS as usize);
    let ordered = (
        prop::collection::vec(prop::bool::weighted(0.3), RECORDS as usize),
        prop::collection::vec((0..RECORDS as usize, 0_usize..12), 0..6),
    )
        .prop_map(|(cuts, moves)| {
            let mut row = 0;
            let mut rows: Vec<_> = cuts
                .into_iter()
                .map(|cut| {
                    row += usize::from(cut);
                    Some(row)
                })
                .collect();
            moves.into_iter().for_each(|(record, to)| rows[record] = Some(to));
            rows
        });
    prop_oneof![scattered, ordered].prop_map(|of_record| {
        let last = of_record.iter().flatten().max().map_or(0, |&row| row + 1);
        let mut rows = vec![Vec::new(); last];
        for (record, row) in (0..).zip(of_record) {
            rows.get_mut(row.unwrap_or(usize::MAX)).into_iter().for_each(|held| held.push(record));
        }
        rows.retain(|held| !held.is_empty());
        rows
    })
}

/// Some records; mostly a run of neighbours, as a poller delivers them.
fn any_batch() -> impl Strategy<Value = Vec<u64>> {
    let run = (0..RECORDS, 1_u64..20).prop_map(|(first, length)| (first..(first + length).min(RECORDS)).collect());
    let subset = prop::collection::btree_set(0..RECORDS, 1..12).prop_map(|set| set.into_iter().collect());
    prop_oneof![2 => run, 1 => subset]
}

fn model_of(rows: &[Vec<u64>]) -> Model {
    Model::of(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// What is remembered after a batch was committed while the chain was still as long as `prefix`; the rest of the
/// rows come after that, by a writer that keeps to the protocol.
fn remembered(rows: &[Vec<u64>], prefix: usize, batch: Option<&[u64]>) -> (Model, Memory) {
    let (before, after) = rows.split_at(prefix.min(rows.len()));
    let mut model = model_of(before);
    let memory = batch.map_or_else(Memory::default, |batch| run(&mut model, batch, Memory::default()).memory);
    after.iter().for_each(|records| model.append_new(records));
    (model, memory)
}

fn assert_each_in_one_row(model: &Model, offered: &[u64]) -> Result<(), TestCaseError> {
    for &record in offered {
        let holders = model.holders(record);
        prop_assert_eq!(holders.len(), 1, "record {} is in rows {:?}", record, holders);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_offered_record_ends_in_exactly_one_row(
        rows in any_rows(),
        prefix in 0_usize..12,
        earlier in prop::option::of(any_batch()),
        offered in any_batch(),
    ) {
        let (mut model, memory) = remembered(&rows, prefix, earlier.as_deref());
        let before = model.clone();
        let first = run(&mut model, &offered, memory);
        prop_assert_eq!(first.end, Ok(None));
        model.check();
        assert_each_in_one_row(&model, &offered)?;
        let reads_max = row_reads_max(&before, &offered);
        prop_assert!(first.rows_read.len() <= reads_max, "{} reads, {} allowed", first.rows_read.len(), reads_max);
        // Nothing that was offered before is committed, and what is committed was offered.
        let new: Vec<_> = model.holds[before.holds.len()..].concat();
        prop_assert!(new.iter().all(|record| offered.contains(record) && before.holders(*record).is_empty()));

        // The same batch again changes nothing, warm or cold.
        let after = model.rows.clone();
        let again = run(&mut model, &offered, first.memory);
        prop_assert_eq!((again.end, &model.rows), (Ok(None), &after));
        let cold = run(&mut model, &offered, Memory::default());
        prop_assert_eq!((cold.end, &model.rows), (Ok(None), &after));
    }

    #[test]
    fn the_batch_of_the_newest_row_again_costs_one_read_cold_and_none_warm(
        rows in any_rows(), batch in any_batch(),
    ) {
        let mut model = model_of(&rows);
        model.append_new(&batch);
        let newest = model.holds.last().cloned().unwrap_or_default();
        let cold = run(&mut model, &newest, Memory::default());
        let number = model.rows.len().checked_sub(1).map_or("none".to_owned(), |n| n.to_string());
        prop_assert_eq!((cold.trace, cold.end), (vec![format!("newest: {number}")], Ok(None)));
        let warm = run(&mut model, &newest, cold.memory);
        prop_assert_eq!((warm.trace, warm.end), (vec![], Ok(None)));
    }

    #[test]
    fn other_writers_between_any_two_steps_cost_reads_and_no_records(
        rows in any_rows(),
        prefix in 0_usize..12,
        earlier in prop::option::of(any_batch()),
        offered in any_batch(),
        room in 1_usize..20,
        lost_replies: bool,
        others in prop::collection::vec(prop::option::weighted(0.4, any_batch()), 0..8),
    ) {
        let (mut model, memory) = remembered(&rows, prefix, earlier.as_deref());
        let mut others = others.into_iter();
        let mut other = |model: &mut Model, _: &Step| {
            others.next().flatten().into_iter().for_each(|batch| model.append_new(&batch));
        };
        let mut driver = Driver { other: &mut other, room, lost_replies };
        let mut rest = offered.clone();
        let mut memory = memory;
        while !rest.is_empty() {
            let run = driver.run(&mut model, &rest, memory);
            model.check();
            // Everything before the item to retry from is in a row: the checkpoint may pass it.
            let passed = match run.end {
                Ok(None) => rest.len(),
                Ok(Some(from)) => rest.iter().position(|&record| record == from).unwrap(),
                Err(refusal) => return Err(TestCaseError::fail(refusal.to_string())),
            };
            assert_each_in_one_row(&model, &rest[..passed])?;
            prop_assert!(passed > 0, "no progress");
            rest.drain(..passed);
            memory = run.memory;
        }
        assert_each_in_one_row(&model, &offered)?;
    }

    #[test]
    fn consumed_rows_may_shrink_under_a_writer_and_the_others_prove_what_they_hold(
        rows in any_rows(),
        prefix in 0_usize..12,
        earlier in prop::option::of(any_batch()),
        shrunk in 0_usize..14,
        offered in any_batch(),
    ) {
        let (mut model, memory) = remembered(&rows, prefix, earlier.as_deref());
        let shrunk = shrunk.min(model.rows.len());
        model.shrink(shrunk);
        // What a stub held is past the stream's retention, and nobody delivers it again.
        let gone: BTreeSet<_> = model.holds[..shrunk].concat().into_iter().collect();
        let offered: Vec<_> = offered.into_iter().filter(|record| !gone.contains(record)).collect();
        for memory in [memory, Memory::default()] {
            let run = run(&mut model, &offered, memory);
            prop_assert_eq!(run.end, Ok(None));
            model.check();
            assert_each_in_one_row(&model, &offered)?;
        }
    }

    #[test]
    fn a_closed_chain_proves_what_it_holds_and_refuses_the_rest(rows in any_rows(), offered in any_batch()) {
        let mut model = model_of(&rows);
        model.close();
        let missing = offered.iter().filter(|&&record| model.holders(record).is_empty()).count();
        let before = model.rows.clone();
        let run = run(&mut model, &offered, Memory::default());
        let closed = Refusal::Closed { n: RowNumber::new(rows.len() as u64), records: missing };
        prop_assert_eq!(run.end, if missing == 0 { Ok(None) } else { Err(closed) });
        prop_assert_eq!(model.rows, before);
    }
}

// --- Totality -----------------------------------------------------------------------------------------------------

fn any_row() -> impl Strategy<Value = Row> {
    let hull = || (0_u64..50, 0_u64..9).prop_map(|(a, more)| SequenceRange::new(a.into(), (a + more).into()).unwrap());
    let link = || prop::option::of((0_u64..9, hull()).prop_map(|(n, hull)| Late { n: RowNumber::new(n), hull }));
    let n = prop_oneof![8 => 0_u64..9, 1 => Just(u64::MAX), 1 => any::<u64>()];
    let commit =
        (hull(), 0_u64..50, any::<bool>(), link(), 0_u64..4).prop_map(|(range, to, late, earlier, records)| {
            // A digest of two numbers, true now and then; nothing else fits together either.
            let digest = SequenceSet::digest_of(&[range.first(), range.last()]);
            let (files, counts) = (files(1), Counts { records, ..counts(1) });
            Body::Commit(Commit { range, to: to.into(), late, earlier, files, counts, digest })
        });
    let to = || prop::option::of((0_u64..50).prop_map(SequenceNumber::from));
    let body = prop_oneof![
        6 => commit,
        1 => (to(), link()).prop_map(|(to, earlier)| Body::Closed(Closed { to, earlier })),
        1 => to().prop_map(|to| Body::Stub(Stub { to })),
    ];
    (n, body).prop_map(|(n, body)| Row { n: RowNumber::new(n), attempt: AttemptId::from_u128(n.into()), body })
}

fn any_command() -> impl Strategy<Value = Command> {
    let found = prop::collection::vec(0_u64..60, 0..6).prop_map(|found| sequences(&found).into_iter().collect());
    prop_oneof![
        1 => Just(Command::Begin),
        2 => prop::option::of(any_row()).prop_map(Command::Newest),
        2 => prop::option::of(any_row()).prop_map(Command::Row),
        2 => (found, any::<bool>()).prop_map(|(found, gone)| Command::Ids { found, gone }),
        2 => (any_row(), any::<usize>(), any::<bool>())
            .prop_map(|(row, taken, read_back)| Command::Won { row, taken, read_back }),
        2 => any_row().prop_map(Command::Lost),
    ]
}

/// Whether the command answers the step; before the first step only `Begin` does.
fn in_turn(step: Option<&Step>, command: &Command) -> bool {
    match (step, command) {
        (None, Command::Begin) | (Some(Step::ReadNewest), Command::Newest(_)) => true,
        (Some(Step::ReadRow(n)), Command::Row(row)) => row.as_ref().is_none_or(|row| row.n == *n),
        (Some(Step::ReadIds(_)), Command::Ids { .. }) => true,
        (Some(Step::Write { n, .. }), Command::Won { row, .. } | Command::Lost(row)) => row.n == *n,
        _ => false,
    }
}

/// The command, changed so that it answers the step if that can be done.
fn turned(step: Option<&Step>, command: Command) -> Command {
    match (step, command) {
        (None, _) => Command::Begin,
        (Some(Step::ReadRow(n)), Command::Row(Some(row)) | Command::Lost(row) | Command::Newest(Some(row))) => {
            Command::Row(Some(Row { n: *n, ..row }))
        }
        (Some(Step::ReadNewest), Command::Row(row)) => Command::Newest(row),
        (Some(Step::Write { n, .. }), Command::Won { row, taken, read_back }) => {
            Command::Won { row: Row { n: *n, ..row }, taken, read_back }
        }
        (Some(Step::Write { n, .. }), Command::Lost(row)) => Command::Lost(Row { n: *n, ..row }),
        (_, command) => command,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_answers_make_it_panic_and_an_answer_out_of_turn_is_refused(
        offered in prop::collection::btree_set(0_u64..50, 0..8),
        commands in prop::collection::vec((any_command(), prop::bool::weighted(0.9)), 1..24),
    ) {
        let offered: Vec<_> = offered.into_iter().collect();
        let mut state = State::new(sequences(&offered).into_iter().collect(), Memory::default());
        let mut step = None;
        for (command, turn) in commands {
            let command = if turn { turned(step.as_ref(), command) } else { command };
            let expected = in_turn(step.as_ref(), &command);
            let decision = decide(state, command);
            let refused = decision.step == Step::Refuse(Refusal::OutOfTurn);
            prop_assert_eq!(refused, !expected, "after {:?}", step);
            state = decision.state;
            step = Some(decision.step);
        }
    }
}
