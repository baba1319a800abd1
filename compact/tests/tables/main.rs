//! Tables as readers see them, by the real files over the stores in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: a panic is a finding")]

mod world;

use std::time::Duration;

use iguazu_compact::arrange::Sizes;
use iguazu_compact::plan::Budget;
use iguazu_compact::{Report, Settings};
use iguazu_transform::Contract;
use proptest::prelude::*;
use std::sync::Arc;

use self::world::{Delivery, Lake, Seen, block, contract, expected};

fn settings() -> Settings {
    Settings { grace: Duration::from_secs(3_600), versions_max: 64, ..Settings::default() }
}

/// Runs every bucket until nothing is left.
fn compact(lake: &Lake, contract: &Arc<Contract>, settings: &Settings) -> Report {
    let compactor = lake.compactor(settings.clone());
    let mut total = Report::default();
    for _ in 0..100 {
        let epoch = block(compactor.epoch(contract, lake.deadline())).unwrap();
        let mut more = false;
        for bucket in 0..epoch.buckets {
            let ran = block(compactor.run(contract, bucket, lake.deadline()));
            more |= ran.answer.unwrap().more;
            total.duplicates += ran.report.duplicates;
            total.replaced += ran.report.replaced;
            total.files_merged += ran.report.files_merged;
            total.files_copied += ran.report.files_copied;
            total.versions += ran.report.versions;
        }
        if !more {
            return total;
        }
    }
    panic!("compaction does not come to an end");
}

fn all(deliveries: &[Delivery]) -> Vec<(usize, Delivery)> {
    deliveries.iter().copied().enumerate().collect()
}

fn delivery(event: u16, time: u32, cents: i32) -> Delivery {
    Delivery { event, time, cents, shop: (event % 3) as u8, arrival: time, shard: (event % 2) as u8 }
}

fn check(lake: &Lake, contract: &Arc<Contract>, expected: &Seen) {
    let seen = lake.seen(contract);
    assert_eq!(&seen, expected);
    let current = lake.snapshot(contract).current;
    assert_eq!(&lake.seen_by_manifests(contract, current), expected);
    let balance = block(lake.compactor(settings()).balance(contract, lake.deadline())).unwrap();
    assert_eq!((balance.imbalances, balance.uneven, balance.moving), (vec![], 0, 0));
    assert_eq!(balance.live, expected.events.len() as u64);
}

#[test]
fn each_event_is_live_once_and_the_sums_are_those_of_what_is_live() {
    let (lake, contract) = (Lake::new(1), contract(&[]));
    let mut deliveries: Vec<_> =
        (0..200).map(|event| delivery(event, u32::from(event) * 900, 100 + i32::from(event))).collect();
    // Sent again as it was, with a later time on another day, and late.
    deliveries.push(Delivery { arrival: 500_000, ..deliveries[7] });
    deliveries.push(Delivery { time: 400_000, cents: -5, ..deliveries[8] });
    deliveries.push(delivery(900, 3, 7));
    lake.ingest(&contract, &all(&deliveries));
    let report = compact(&lake, &contract, &settings());
    assert_eq!((report.duplicates, report.replaced), (2, 0));
    check(&lake, &contract, &expected(&deliveries, true));
}

#[test]
fn a_better_copy_that_comes_later_replaces_the_live_row_and_restates_the_sums() {
    let (lake, contract) = (Lake::new(2), contract(&[]));
    let mut deliveries: Vec<_> = (0..50).map(|event| delivery(event, u32::from(event) * 60, 100)).collect();
    lake.ingest(&contract, &all(&deliveries));
    compact(&lake, &contract, &settings());
    let before = deliveries.len();
    deliveries.push(Delivery { time: 200_000, cents: 7, arrival: 300_000, ..deliveries[3] });
    deliveries.push(Delivery { arrival: 300_000, ..deliveries[4] });
    lake.ingest(&contract, &all(&deliveries)[before..]);
    let report = compact(&lake, &contract, &settings());
    assert_eq!((report.duplicates, report.replaced), (2, 1));
    check(&lake, &contract, &expected(&deliveries, true));
}

#[test]
fn a_partition_that_loses_its_only_row_is_published_empty_and_filled_again() {
    let (lake, contract) = (Lake::new(3), contract(&[]));
    let mut deliveries = vec![delivery(1, 10, 5)];
    lake.ingest(&contract, &all(&deliveries));
    compact(&lake, &contract, &settings());
    deliveries.push(Delivery { time: 90_000, ..deliveries[0] });
    lake.ingest(&contract, &all(&deliveries)[1..]);
    compact(&lake, &contract, &settings());
    check(&lake, &contract, &expected(&deliveries, true));
    deliveries.push(delivery(2, 11, 6));
    lake.ingest(&contract, &all(&deliveries)[2..]);
    compact(&lake, &contract, &settings());
    check(&lake, &contract, &expected(&deliveries, true));
}

#[test]
fn a_run_that_finds_nothing_new_changes_nothing() {
    let (lake, contract) = (Lake::new(4), contract(&[]));
    let deliveries: Vec<_> = (0..20).map(|event| delivery(event, u32::from(event), 1)).collect();
    lake.ingest(&contract, &all(&deliveries));
    compact(&lake, &contract, &settings());
    let before = lake.keys();
    let report = compact(&lake, &contract, &settings());
    assert_eq!(report.versions, 0);
    assert_eq!(lake.keys(), before);
}

#[test]
fn small_files_are_merged_and_the_sweep_leaves_what_readers_may_need() {
    let (lake, contract) = (Lake::new(5), contract(&[]));
    let settings = Settings { sizes: Sizes { target_bytes: 1 << 20, fan: 3 }, ..settings() };
    let deliveries: Vec<_> = (0..240).map(|event| delivery(event, u32::from(event) * 10, 1)).collect();
    let mut merged = 0;
    for part in all(&deliveries).chunks(20) {
        lake.ingest(&contract, part);
        merged += compact(&lake, &contract, &settings).files_merged;
    }
    assert!(merged >= 9, "{merged}");
    let before = lake.keys().len();
    let compactor = lake.compactor(settings);
    let sweep = || block(compactor.sweep(&contract, lake.deadline())).unwrap();
    assert_eq!((sweep().superseded, sweep().replaced), (0, 0), "within the grace period nothing goes");
    lake.host.pass(Duration::from_secs(4_000));
    let swept = sweep();
    assert!(swept.replaced > 20 && swept.finished, "{swept:?}");
    assert_eq!(lake.keys().len() as u64, before as u64 - swept.replaced);
    assert_eq!(sweep().replaced, 0);
    check(&lake, &contract, &expected(&deliveries, true));
}

#[test]
fn raw_is_published_file_by_file_and_consumed_rows_shrink_when_the_stream_has_forgotten_them() {
    let (lake, contract) = (Lake::new(6), contract(&[]));
    let deliveries: Vec<_> = (0..30).map(|event| delivery(event, u32::from(event), 1)).collect();
    all(&deliveries).chunks(10).for_each(|part| lake.ingest(&contract, part));
    let compactor = lake.compactor(settings());
    let published = block(compactor.publish_deliveries(lake.deadline())).unwrap();
    assert_eq!((published.rows, published.finished), (6, true));
    assert_eq!(block(compactor.publish_deliveries(lake.deadline())).unwrap().rows, 0);
    let named: usize = lake
        .keys()
        .iter()
        .filter(|key| key.as_str().starts_with("tables/orders/raw/"))
        .map(|key| lake.read(key).iter().filter(|byte| **byte == b'\n').count())
        .sum();
    assert_eq!(named, lake.keys().iter().filter(|key| key.as_str().starts_with("raw/")).count());
    let week = Duration::from_secs(7 * 86_400);
    let contracts = [contract.clone()];
    let shrink = || block(compactor.shrink(&contracts, week, lake.deadline())).unwrap();
    assert_eq!(shrink(), 0, "nothing is compacted yet");
    compact(&lake, &contract, &settings());
    assert_eq!(shrink(), 0, "the stream may deliver the records again");
    lake.host.pass(week);
    assert_eq!(shrink(), 6);
    lake.host.pass(week);
    assert_eq!(shrink(), 0);
    check(&lake, &contract, &expected(&deliveries, true));
}

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let one = (0_u16..24, 0_u32..5, 0_u32..3, -300_i32..300, 0_u8..3, 0_u32..4, 0_u8..3);
    let one = one.prop_map(|(event, day, hour, cents, shop, arrival, shard)| Delivery {
        event,
        time: day * 86_400 + hour * 3_600,
        cents,
        shop,
        arrival,
        shard,
    });
    prop::collection::vec(one, 1..60)
}

/// A step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many of the deliveries that are left are committed.
    Ingest(usize),
    /// A bucket is compacted, by one of three compactors with their own settings.
    Compact(u32, u8),
    /// The number of buckets changes.
    Rebucket(u32),
    /// The sweep runs long after.
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..20).prop_map(Step::Ingest),
        6 => (0_u32..8, 0_u8..3).prop_map(|(bucket, by)| Step::Compact(bucket, by)),
        1 => (0_u32..3).prop_map(|which| Step::Rebucket([1, 2, 8][which as usize])),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 0..16)
}

fn run(deliveries: &[Delivery], order: &[usize], steps: &[Step], buckets: u32, latest: bool) -> Lake {
    let lake = Lake::new(9);
    let contract = contract(if latest { &[] } else { &[("\"latest\"", "\"first\"")] });
    let settings = |by: u8| Settings {
        first_buckets: buckets,
        budget: Budget { rows_max: [1, 10, 1_000][usize::from(by)], ..Budget::default() },
        sizes: Sizes { target_bytes: [2_000, 6_000, 1 << 20][usize::from(by)], fan: 2 + u32::from(by) },
        versions_max: [1, 2, 64][usize::from(by)],
        ..settings()
    };
    let compactors: Vec<_> = (0..3).map(|by| lake.compactor(settings(by))).collect();
    let mut left = order.iter().map(|&at| (at, deliveries[at]));
    for step in steps {
        match *step {
            Step::Ingest(count) => lake.ingest(&contract, &left.by_ref().take(count).collect::<Vec<_>>()),
            Step::Compact(bucket, by) => {
                let compactor = &compactors[usize::from(by)];
                let epoch = block(compactor.epoch(&contract, lake.deadline())).unwrap();
                block(compactor.run(&contract, bucket % epoch.buckets, lake.deadline())).answer.unwrap();
            }
            Step::Rebucket(buckets) => {
                block(compactors[0].rebucket(&contract, buckets, lake.deadline())).unwrap();
            }
            Step::Sweep => {
                lake.host.pass(Duration::from_secs(4_000));
                block(compactors[0].sweep(&contract, lake.deadline())).unwrap();
            }
        }
    }
    lake.ingest(&contract, &left.collect::<Vec<_>>());
    compact(&lake, &contract, &settings(2));
    check(&lake, &contract, &expected(deliveries, latest));
    lake
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever the order, the batches, the buckets, also when their number changes in between, and whoever compacts:
    /// the table and its sums are those that brute force finds.
    #[test]
    fn a_table_depends_on_nothing_but_what_was_delivered(
        (deliveries, order) in deliveries().prop_flat_map(|deliveries| {
            let order = Just((0..deliveries.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(deliveries), order)
        }),
        steps in steps(), which in 0_usize..3, latest: bool,
    ) {
        run(&deliveries, &order, &steps, [1, 2, 8][which], latest);
    }
}
