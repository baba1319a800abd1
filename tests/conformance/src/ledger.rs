//! What every ledger does.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use iguazu_lake::chain::{Appended, verdict};
use iguazu_lake::ids::{AttemptId, RowNumber};
use iguazu_lake::ports::{Ledger, PutRow, Shrunk, StoredRow};

use crate::race::{RACERS, ROUNDS, at_once, until_answered};
use crate::samples::{chain, row, shard};
use crate::sentences;

/// Runs every sentence on a fresh ledger.
pub async fn ledger_suite<L, F, Fut>(fresh: F)
where
    L: Ledger + 'static,
    F: Fn() -> Fut,
    Fut: Future<Output = L>,
{
    use crate::ledger;
    sentences! { fresh;
        ledger::an_empty_ledger_holds_nothing,
        ledger::a_row_reads_back_as_it_was_written,
        ledger::a_number_is_written_once_and_the_row_that_is_there_is_returned,
        ledger::the_same_attempt_again_is_told_of_its_own_row,
        ledger::chains_do_not_touch_each_other,
        ledger::the_newest_row_is_the_one_with_the_highest_number,
        ledger::a_scan_is_ascending_begins_above_its_mark_and_ends_at_its_limit,
        ledger::a_ledger_does_not_look_for_gaps,
        ledger::a_long_chain_is_scanned_whole,
        ledger::a_row_shrinks_only_for_its_own_attempt,
        ledger::a_stub_still_holds_its_number,
        ledger::the_registry_is_a_sorted_set,
        ledger::the_registry_and_the_rows_do_not_mix,
        ledger::of_many_writers_of_a_number_one_wins_and_the_others_see_its_row,
        ledger::a_chain_of_racing_writers_has_no_gap_and_each_row_once,
        ledger::a_reader_of_a_growing_chain_sees_no_gap,
        ledger::of_many_registrations_of_a_chain_one_is_left,
    }
}

async fn put<L: Ledger>(ledger: &L, row: &StoredRow) {
    let answer = until_answered(|| async { ledger.put_if_absent(&shard(), row).await }).await;
    assert_eq!(answer, PutRow::Applied, "the number was free");
}

/// Whatever is asked.
pub async fn an_empty_ledger_holds_nothing<L: Ledger>(ledger: L) {
    assert_eq!(ledger.get(&shard(), RowNumber::FIRST).await.unwrap(), None);
    assert_eq!(ledger.newest(&shard()).await.unwrap(), None);
    assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), []);
    assert_eq!(ledger.scan_after(&shard(), Some(RowNumber::new(7)), 10).await.unwrap(), []);
    assert_eq!(ledger.shrink(&shard(), &row(0, 1)).await.unwrap(), Shrunk::NoSuchRow);
    assert_eq!(ledger.get(&shard(), RowNumber::FIRST).await.unwrap(), None, "a stub of no row made one");
    assert_eq!(ledger.registry(None, 10).await.unwrap(), []);
}

/// By every way of reading.
pub async fn a_row_reads_back_as_it_was_written<L: Ledger>(ledger: L) {
    let bodies = [
        "".to_owned(),
        "{\"quote\":\"'\\\"\",\"line\":\"\\n\"}".to_owned(),
        "å🌊\u{0}\n".to_owned(),
        "x".repeat(100_000),
    ];
    for (n, body) in (0..).zip(bodies) {
        let row = StoredRow { body, ..row(n, u128::MAX - u128::from(n)) };
        put(&ledger, &row).await;
        assert_eq!(ledger.get(&shard(), row.n).await.unwrap().as_ref(), Some(&row));
        assert_eq!(ledger.newest(&shard()).await.unwrap().as_ref(), Some(&row));
        assert_eq!(ledger.scan_after(&shard(), row.n.previous(), 1).await.unwrap(), [row]);
    }
}

/// The first comes, the others see.
pub async fn a_number_is_written_once_and_the_row_that_is_there_is_returned<L: Ledger>(ledger: L) {
    put(&ledger, &row(0, 1)).await;
    for other in [2, 3] {
        let answer = ledger.put_if_absent(&shard(), &row(0, other)).await.unwrap();
        assert_eq!(answer, PutRow::Occupied(row(0, 1)));
    }
    assert_eq!(ledger.get(&shard(), RowNumber::FIRST).await.unwrap(), Some(row(0, 1)));
    assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), [row(0, 1)]);
}

/// So a lost reply is told from a lost race.
pub async fn the_same_attempt_again_is_told_of_its_own_row<L: Ledger>(ledger: L) {
    put(&ledger, &row(0, 1)).await;
    let answer = ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap();
    assert_eq!(answer, PutRow::Occupied(row(0, 1)));
    assert_eq!(verdict(AttemptId::from_u128(1), answer), Appended::Won { read_back: true });
}

/// Even where the text of one is the beginning of another's.
pub async fn chains_do_not_touch_each_other<L: Ledger>(ledger: L) {
    let chains = [
        "shard.a.1.b",
        "shard.a.1.b-c",
        "shard.a.1.B",
        "shard.a.11.b",
        "bucket.a.1.0",
        "bucket.a.1.00x".trim_end_matches("0x"),
    ];
    let chains: BTreeSet<_> = chains.into_iter().collect();
    for (attempt, text) in (0..).zip(&chains) {
        assert_eq!(ledger.put_if_absent(&chain(text), &row(0, attempt)).await.unwrap(), PutRow::Applied, "{text}");
    }
    for (attempt, text) in (0..).zip(&chains) {
        assert_eq!(ledger.newest(&chain(text)).await.unwrap(), Some(row(0, attempt)), "{text}");
        assert_eq!(ledger.scan_after(&chain(text), None, 10).await.unwrap(), [row(0, attempt)], "{text}");
    }
}

/// As a number, not as a text: 10 is above 9.
pub async fn the_newest_row_is_the_one_with_the_highest_number<L: Ledger>(ledger: L) {
    for n in 0..=11 {
        put(&ledger, &row(n, n.into())).await;
        assert_eq!(ledger.newest(&shard()).await.unwrap(), Some(row(n, n.into())));
    }
}

/// All of that, at every mark and limit.
pub async fn a_scan_is_ascending_begins_above_its_mark_and_ends_at_its_limit<L: Ledger>(ledger: L) {
    let rows: Vec<_> = (0..12).map(|n| row(n, n.into())).collect();
    for row in &rows {
        put(&ledger, row).await;
    }
    for limit in [0, 1, 2, 11, 12, 13, usize::MAX] {
        for above in 0..=rows.len() {
            let after = RowNumber::new(above as u64).previous();
            let expected = &rows[above..(above.saturating_add(limit)).min(rows.len())];
            assert_eq!(ledger.scan_after(&shard(), after, limit).await.unwrap(), expected, "{limit} after {after:?}");
        }
    }
    assert_eq!(ledger.scan_after(&shard(), Some(RowNumber::new(1 << 40)), 10).await.unwrap(), []);
}

/// That is the chain's rule.
pub async fn a_ledger_does_not_look_for_gaps<L: Ledger>(ledger: L) {
    let rows = [row(7, 1), row(1_000_000_000_000, 2), row(i64::MAX.unsigned_abs(), 3)];
    for row in rows.iter().rev() {
        put(&ledger, row).await;
    }
    assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), rows);
    assert_eq!(ledger.newest(&shard()).await.unwrap().as_ref(), rows.last());
    assert_eq!(ledger.get(&shard(), RowNumber::FIRST).await.unwrap(), None);
}

/// More than a store answers with at once: a page of DynamoDB is 1 MB.
pub async fn a_long_chain_is_scanned_whole<L: Ledger>(ledger: L) {
    let rows: Vec<_> = (0..12).map(|n| StoredRow { body: "x".repeat(200_000), ..row(n, n.into()) }).collect();
    for row in &rows {
        put(&ledger, row).await;
    }
    assert!(ledger.scan_after(&shard(), None, 100).await.unwrap() == rows, "some of 2.4 MB of rows are missing");
    assert!(ledger.scan_after(&shard(), Some(RowNumber::new(1)), 9).await.unwrap() == rows[2..11]);
}

/// Of the same number.
pub async fn a_row_shrinks_only_for_its_own_attempt<L: Ledger>(ledger: L) {
    for n in 0..3 {
        put(&ledger, &row(n, n.into())).await;
    }
    let stub = StoredRow { body: "stub".into(), ..row(1, 1) };
    for (n, attempt) in [(1, 0), (0, 1), (9, 1)] {
        let other = StoredRow { body: "stub".into(), ..row(n, attempt) };
        assert_eq!(ledger.shrink(&shard(), &other).await.unwrap(), Shrunk::NoSuchRow, "{n} by {attempt}");
    }
    assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), [row(0, 0), row(1, 1), row(2, 2)]);
    for _ in 0..2 {
        assert_eq!(ledger.shrink(&shard(), &stub).await.unwrap(), Shrunk::Done);
        assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), [row(0, 0), stub.clone(), row(2, 2)]);
    }
}

/// A writer that wakes up with an old number collides with it.
pub async fn a_stub_still_holds_its_number<L: Ledger>(ledger: L) {
    put(&ledger, &row(0, 1)).await;
    let stub = StoredRow { body: String::new(), ..row(0, 1) };
    assert_eq!(ledger.shrink(&shard(), &stub).await.unwrap(), Shrunk::Done);
    assert_eq!(ledger.put_if_absent(&shard(), &row(0, 2)).await.unwrap(), PutRow::Occupied(stub.clone()));
    assert_eq!(ledger.newest(&shard()).await.unwrap(), Some(stub));
}

/// By the chains' texts.
pub async fn the_registry_is_a_sorted_set<L: Ledger>(ledger: L) {
    let sorted = [
        "bucket.a.0.10",
        "bucket.a.0.9",
        "bucket.b.0.1",
        "shard.a-b.1.x",
        "shard.a.1.x",
        "shard.a.1.y",
        "shard.a_b.1.x",
    ];
    let sorted = sorted.map(chain);
    assert!(sorted.iter().map(ToString::to_string).is_sorted());
    for at in [3, 0, 6, 5, 2, 4, 1, 3, 0] {
        until_answered(|| ledger.register(&sorted[at])).await;
    }
    for limit in [0, 1, 3, 7, 8, usize::MAX] {
        for above in 0..=sorted.len() {
            let after = above.checked_sub(1).map(|at| &sorted[at]);
            let expected = &sorted[above..(above.saturating_add(limit)).min(sorted.len())];
            assert_eq!(ledger.registry(after, limit).await.unwrap(), expected, "{limit} after {after:?}");
        }
    }
    // A mark need not be an entry itself.
    assert_eq!(ledger.registry(Some(&chain("bucket.b.0.0")), 1).await.unwrap(), [chain("bucket.b.0.1")]);
}

/// Each has its own contents.
pub async fn the_registry_and_the_rows_do_not_mix<L: Ledger>(ledger: L) {
    put(&ledger, &row(0, 1)).await;
    assert_eq!(ledger.registry(None, 10).await.unwrap(), []);
    let other = chain("bucket.events.0.0");
    ledger.register(&other).await.unwrap();
    assert_eq!(ledger.newest(&other).await.unwrap(), None);
    assert_eq!(ledger.scan_after(&other, None, 10).await.unwrap(), []);
    assert_eq!(ledger.registry(None, 10).await.unwrap(), [other]);
    assert_eq!(ledger.scan_after(&shard(), None, 10).await.unwrap(), [row(0, 1)]);
}

/// In every round.
pub async fn of_many_writers_of_a_number_one_wins_and_the_others_see_its_row<L: Ledger + 'static>(ledger: L) {
    let ledger = Arc::new(ledger);
    for round in 0..ROUNDS as u64 {
        let contender = move |caller: usize| row(round, u128::from(round) << 64 | caller as u128);
        let answers = at_once(RACERS, |caller| {
            let ledger = Arc::clone(&ledger);
            async move { until_answered(|| async { ledger.put_if_absent(&shard(), &contender(caller)).await }).await }
        })
        .await;
        let winners: Vec<_> = (0..RACERS).filter(|&caller| answers[caller] == PutRow::Applied).collect();
        assert_eq!(winners.len(), 1, "one of {RACERS} writers of row {round} is told that it wrote it: {winners:?}");
        let winner = contender(winners[0]);
        for (caller, answer) in answers.into_iter().enumerate().filter(|&(caller, _)| caller != winners[0]) {
            assert_eq!(answer, PutRow::Occupied(winner.clone()), "writer {caller} of row {round} is told who won");
        }
        assert_eq!(ledger.get(&shard(), RowNumber::new(round)).await.unwrap(), Some(winner));
    }
}

/// How many rows each of the racing writers commits.
pub const ROWS_EACH: u64 = 8;

/// Reads the newest row, tries the next number, and begins again, until it has committed its rows to the chain of
/// the samples.
pub async fn write_rows<L: Ledger>(ledger: &L, writer: u128) -> Vec<StoredRow> {
    let mut committed = Vec::new();
    let mut attempts = 0..;
    while (committed.len() as u64) < ROWS_EACH {
        let newest = until_answered(|| async { ledger.newest(&shard()).await }).await;
        let n = newest.map_or(RowNumber::FIRST, |row| row.n.next()).get();
        let mine = row(n, writer << 64 | attempts.next().unwrap());
        let answer = until_answered(|| async { ledger.put_if_absent(&shard(), &mine).await }).await;
        match verdict(mine.attempt, answer) {
            Appended::Won { .. } => committed.push(mine),
            Appended::Lost(_) => tokio::task::yield_now().await,
        }
    }
    committed
}

/// And holds exactly what the writers were told that they had written.
pub async fn a_chain_of_racing_writers_has_no_gap_and_each_row_once<L: Ledger + 'static>(ledger: L) {
    let ledger = Arc::new(ledger);
    let committed = at_once(8, |writer| {
        let ledger = Arc::clone(&ledger);
        async move { write_rows(&*ledger, writer as u128).await }
    })
    .await;
    let mut committed: Vec<_> = committed.into_iter().flatten().collect();
    committed.sort_by_key(|row| row.n);
    let numbers: Vec<_> = committed.iter().map(|row| row.n.get()).collect();
    assert_eq!(numbers, (0..8 * ROWS_EACH).collect::<Vec<_>>(), "every number is won by one writer");
    assert_eq!(ledger.scan_after(&shard(), None, usize::MAX).await.unwrap(), committed);
}

/// And never less than what it has seen.
pub async fn a_reader_of_a_growing_chain_sees_no_gap<L: Ledger + 'static>(ledger: L) {
    let ledger = Arc::new(ledger);
    let tasks = at_once(4, |task| {
        let ledger = Arc::clone(&ledger);
        async move {
            if task == 0 {
                write_rows(&*ledger, 1).await;
                write_rows(&*ledger, 2).await;
                return;
            }
            let mut seen = 0;
            while (seen as u64) < 2 * ROWS_EACH {
                let newest = ledger.newest(&shard()).await.unwrap().map_or(0, |row| row.n.get() + 1);
                let rows = ledger.scan_after(&shard(), None, 1_000).await.unwrap();
                assert!((0..).zip(&rows).all(|(n, row)| row.n.get() == n), "a gap in {rows:?}");
                assert!(rows.len() as u64 >= newest && newest >= seen as u64, "a read forgot what one before it saw");
                seen = rows.len();
                // An adapter that never waits would keep the writer from its turn for ever.
                tokio::task::yield_now().await;
            }
        }
    });
    tasks.await;
}

/// Entering it again changes nothing.
pub async fn of_many_registrations_of_a_chain_one_is_left<L: Ledger + 'static>(ledger: L) {
    let ledger = Arc::new(ledger);
    at_once(RACERS, |_| {
        let ledger = Arc::clone(&ledger);
        async move { until_answered(|| async { ledger.register(&shard()).await }).await }
    })
    .await;
    assert_eq!(ledger.registry(None, 10).await.unwrap(), [shard()]);
}
