//! The model by itself: a part of a table at a time, and as an oracle of somebody else's.

use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use iguazu_audit::{Expected, Held, Model, Problem, compare, deliveries, held};
use iguazu_compact::state::Span;
use proptest::prelude::*;

use crate::world::{FIRST_DAY, Lake, block, contract, id, order};

/// Rows as an oracle has them that does not know by which record an event went.
fn rows(events: &[(u32, i64, &str)]) -> RecordBatch {
    let texts = |text: &dyn Fn(&(u32, i64, &str)) -> String| -> Arc<StringArray> {
        Arc::new(events.iter().map(|event| Some(text(event))).collect())
    };
    let times: TimestampMicrosecondArray =
        events.iter().map(|(_, seconds, _)| (FIRST_DAY + seconds) * 1_000_000).collect::<Vec<_>>().into();
    let times = Arc::new(times.with_timezone("UTC"));
    let shard = |(_, seconds, _): &(u32, i64, &str)| seconds.to_string();
    RecordBatch::try_from_iter([
        ("event_id", texts(&|event| id(event.0)) as _),
        ("event_type", texts(&|_| "order.placed".to_owned()) as _),
        ("event_time", times.clone() as _),
        ("arrival_time", times as _),
        ("stream", texts(&|_| "oracle.1".to_owned()) as _),
        ("shard", texts(&shard) as _),
        ("sequence", texts(&|_| "1".to_owned()) as _),
        ("sub", Arc::new(Int32Array::from(vec![0; events.len()])) as _),
        ("shop", texts(&|event| event.2.to_owned()) as _),
    ])
    .unwrap()
}

fn expected(events: &[(u32, i64, &str)], span: Span, text: &[(&str, &str)]) -> Expected {
    let mut model = Model::new(&contract(text)).within(span);
    model.add(&rows(events)).unwrap();
    model.finish().unwrap()
}

fn counts(expected: &Expected, rollup: &str) -> Vec<(String, u64)> {
    expected.rollups[rollup].iter().map(|(group, cell)| (group.to_string(), cell.count)).collect()
}

#[test]
fn the_latest_copy_is_kept_and_summed_up() {
    let all = [(1, 5, "a"), (1, 7_200, "b"), (1, 6, "c"), (2, 3, "a")];
    let kept = expected(&all, Span::ALL, &[]);
    assert_eq!((kept.deliveries, kept.events), (4, 2));
    assert_eq!(
        counts(&kept, "hourly"),
        [
            ("2026-11-21T00:00:00.000000Z, a, order.placed".to_owned(), 1),
            ("2026-11-21T02:00:00.000000Z, b, order.placed".to_owned(), 1)
        ]
    );
    assert_eq!(kept.rows_fingerprint, expected(&[all[1], all[3]], Span::ALL, &[]).rows_fingerprint);
}

#[test]
fn the_first_copy_is_kept_where_the_contract_says_so() {
    let first = [("keep = \"latest\"", "keep = \"first\"")];
    let kept = expected(&[(1, 6, "b"), (1, 5, "a")], Span::ALL, &first);
    assert_eq!(kept.rows_fingerprint, expected(&[(1, 5, "a")], Span::ALL, &first).rows_fingerprint);
}

#[test]
fn rows_that_are_no_rows_of_the_table_are_an_error_that_says_why() {
    let mut model = Model::new(&contract(&[]));
    let batch = rows(&[(1, 5, "a")]).project(&[0, 1, 2]).unwrap();
    let error = model.add(&batch).unwrap_err().to_string();
    assert_eq!(error, "rows do not fit the table orders: there is no column `arrival_time`");
}

proptest! {
    #[test]
    fn parts_of_a_table_merge_to_the_whole_of_it(
        events in prop::collection::vec((0_u32..20, 0_i64..10_000, "[ab]"), 1..60), bits in 0_u32..4, turned: bool
    ) {
        let mut events: Vec<_> = events.iter().map(|(id, at, shop)| (*id, *at, shop.as_str())).collect();
        let whole = expected(&events, Span::ALL, &[]);
        // Nor does the order matter, since deliveries at one time of one shard are of one event at most here.
        events.dedup_by_key(|event| (event.0, event.1));
        if turned {
            events.sort_by_key(|event| std::cmp::Reverse(event.1));
        }
        let buckets = 1 << bits;
        let mut merged = Expected::default();
        (0..buckets).for_each(|bucket| merged.merge(expected(&events, Span::of_bucket(bucket, buckets), &[])));
        let distinct: std::collections::BTreeSet<_> = events.iter().map(|event| event.0).collect();
        prop_assert_eq!(merged.events, distinct.len() as u64);
        prop_assert_eq!(merged.events, whole.events);
        prop_assert_eq!(merged.deliveries, events.len() as u64);
        if !turned && merged.deliveries == whole.deliveries {
            prop_assert_eq!(merged, whole);
        }
    }
}

fn lake_and_held() -> (Lake, Held, Expected) {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let all: Vec<_> = (0..20).map(|event| order(event, event * 400, event)).collect();
    lake.ingest(&contract, 0, &all);
    lake.compact(&contract, 1);
    let held = block(held(&lake.objects, &contract, &lake.view(&contract))).unwrap();
    // The oracle's rows are those that were delivered; it does not say where they came from.
    let mut model = Model::new(&contract);
    let all = block(deliveries(&lake.ledger)).unwrap();
    for file in all.shards[0].raw(&contract.table) {
        let rows = lake.rows_of(&file.key);
        let at = rows.schema().index_of("sequence").unwrap();
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(StringArray::from(vec!["1"; rows.num_rows()]));
        model.add(&RecordBatch::try_new(rows.schema(), columns).unwrap()).unwrap();
    }
    (lake, held, model.finish().unwrap())
}

#[test]
fn an_oracle_that_does_not_know_the_deliveries_agrees_with_a_right_table() {
    let (_lake, held, expected) = lake_and_held();
    assert_eq!(held.findings, []);
    assert_eq!((held.rows, held.events), (20, 20));
    assert_eq!(compare(&expected, &held), []);
}

#[test]
fn an_oracle_that_expects_something_else_does_not() {
    let (_lake, held, expected) = lake_and_held();
    let problems = |expected: &Expected| -> Vec<_> {
        compare(expected, &held).into_iter().map(|finding| finding.problem).collect()
    };
    let mut more = expected.clone();
    more.events += 1;
    assert_eq!(problems(&more), [Problem::LostEvent]);
    let mut other = expected.clone();
    other.rows_fingerprint.add(expected.rows_fingerprint);
    assert_eq!(problems(&other), [Problem::Content]);
    let mut sums = expected;
    sums.rollups.get_mut("hourly").unwrap().values_mut().next().unwrap().count += 1;
    sums.rollups.get_mut("weights").unwrap().pop_first();
    assert_eq!(problems(&sums), [Problem::Sums, Problem::Sums]);
}
