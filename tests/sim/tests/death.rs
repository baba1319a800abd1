//! A compactor dies at each of its calls, before the request leaves and after it was applied: the next run makes of the
//! lake what it would have become anyway.

mod small;

use std::time::Duration;

use iguazu_sim::payloads::TABLES;
use small::{Death, GRACE, Lake, finish, run};

/// Copies of few events in two batches, of which the second replaces, moves and empties what the first left.
fn lake() -> Lake {
    let lake = Lake::new();
    lake.ingest(0, &[(0, 5), (1, 17), (2, 0), (3, 6), (4, 30), (5, 66)]);
    lake.compact();
    lake.ingest(1, &[(0, 41), (1, 53), (2, 74), (3, 7), (4, 84), (5, 24)]);
    lake.ingest(0, &[(6, 1), (7, 13), (8, 3), (9, 9)]);
    lake
}

/// Lets `work` die at each of its calls, and checks what comes after; returns how many deaths that were.
fn at_every_call(lake: impl Fn() -> Lake, work: impl Fn(&Lake, Death) -> bool, after: impl Fn(&Lake, Death)) -> usize {
    let mut deaths = 0;
    for kind in [Death::Before, Death::After] {
        for call in 0.. {
            let lake = lake();
            let death = kind(call);
            if work(&lake, death) {
                break;
            }
            deaths += 1;
            after(&lake, death);
            assert!(call < 2_000, "it never ends");
        }
    }
    deaths
}

#[test]
fn a_run_that_dies_at_any_call_leaves_what_the_next_one_needs() {
    let run_all = |lake: &Lake, death| {
        let compactor = lake.compactor(Some(death), false);
        TABLES.iter().all(|table| run(compactor.run(table, 0, lake.deadline())).is_some())
    };
    let deaths = at_every_call(lake, run_all, |lake, death| {
        lake.compact();
        lake.assert_true(&format!("{death:?}"));
    });
    assert!(deaths > 150, "{deaths} deaths");
}

#[test]
fn a_change_of_buckets_that_dies_at_any_call_is_carried_through_by_the_next() {
    let before = || {
        let lake = lake();
        lake.compact();
        lake.ingest(1, &[(6, 2), (7, 12), (8, 8)]);
        lake
    };
    let change = |lake: &Lake, death| {
        let ports = lake.ports(Some(death));
        let compactor = lake.compactor(Some(death), false);
        TABLES.iter().all(|table| {
            run(lake.change(&ports, table, 4)).is_some()
                && (0..4).all(|bucket| run(compactor.run(table, bucket, lake.deadline())).is_some())
        })
    };
    let deaths = at_every_call(before, change, |lake, death| {
        TABLES.iter().for_each(|table| finish(lake.change(&lake.ports(None), table, 4)));
        lake.compact();
        lake.assert_true(&format!("{death:?}"));
    });
    assert!(deaths > 300, "{deaths} deaths");
}

#[test]
fn a_sweep_that_dies_at_any_call_deletes_nothing_that_is_read_and_the_next_one_the_rest() {
    let swept = |lake: &Lake| {
        let compactor = lake.compactor(None, false);
        for table in TABLES.iter() {
            assert!(finish(compactor.sweep(table, lake.deadline())).unwrap().finished);
        }
        ["data/", "rollups/", "state/"].map(|folder| lake.keys(folder).len())
    };
    let before = || {
        let lake = lake();
        // An attempt that dies before its row leaves objects that nobody will name.
        let compactor = lake.compactor(Some(Death::Before(40)), false);
        let _dead = run(compactor.run(&TABLES[0], 0, lake.deadline()));
        lake.compact();
        lake.pass(GRACE + Duration::from_secs(1));
        lake
    };
    let expected = swept(&before());
    let sweep = |lake: &Lake, death| {
        let compactor = lake.compactor(Some(death), false);
        TABLES.iter().all(|table| run(compactor.sweep(table, lake.deadline())).is_some())
    };
    let deaths = at_every_call(before, sweep, |lake, death| {
        lake.assert_true(&format!("{death:?}"));
        assert_eq!(swept(lake), expected, "{death:?}");
        lake.assert_true(&format!("after the next sweep, {death:?}"));
    });
    assert!(deaths > 60, "{deaths} deaths");
}
