//! One event from its deliveries to the roll-ups that count it.

use iguazu_audit::trace::Fate;
use iguazu_audit::{Problem, Trace, trace};
use serde_json::json;

use crate::world::{Delivery, Lake, block, contract, id, order};

fn traced(lake: &Lake, event: u32) -> Trace {
    let contract = contract(&[]);
    block(trace(&lake.objects, &lake.ledger, &[contract], id(event).parse().unwrap())).unwrap()
}

fn filled() -> Lake {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let all: Vec<_> = (0..30).map(|event| order(event, event * 700, 100 + event)).collect();
    lake.ingest(&contract, 0, &all);
    lake.compact(&contract, 2);
    lake.ingest(
        &contract,
        1,
        &[Delivery { arrival: 400_000, ..order(7, 7 * 700, 107) }, order(8, 200_000, 1), order(90, 7 * 700, 5)],
    );
    lake.compact(&contract, 2);
    lake
}

#[test]
fn an_event_is_followed_from_its_delivery_to_the_groups_that_count_it() {
    let lake = filled();
    let trace = traced(&lake, 4);
    assert_eq!(trace.findings, []);
    let [table] = &trace.tables[..] else { panic!("{trace:?}") };
    let [delivery] = &table.deliveries[..] else { panic!("{table:?}") };
    assert_eq!((delivery.sequence.as_str(), delivery.sub, delivery.row), ("5", 0, 0));
    assert_eq!((delivery.shard.as_str(), delivery.event_type.as_str()), ("shardId-000000000000", "order.placed"));
    assert_eq!(delivery.fate, Fate::Kept);
    let live = table.live.as_ref().unwrap();
    assert_eq!(live.partition, "year=2026/month=11/day=21/type_key=order.placed");
    assert!(lake.rows_of(&live.file.parse().unwrap()).num_rows() > 0);
    let groups: Vec<_> = table
        .groups
        .iter()
        .map(|group| (group.rollup.as_str(), group.window_start.as_str(), group.count, json!(group.measures)))
        .collect();
    // Of the hour and the shop there are two events, of the even weights half of all in the month.
    assert_eq!(
        groups[0],
        ("orders_hourly", "2026-11-21T00:00:00.000000Z", 2, json!({"sum_amount": "2.05", "max_amount": "1.04"}))
    );
    assert_eq!(groups[1], ("orders_weights", "2026-11-01T00:00:00.000000Z", 16, json!({"min_shop": "s0"})));
    assert_eq!(json!(table.groups[0].by), json!({"event_type": "order.placed", "shop": "s1"}));
}

#[test]
fn every_copy_is_shown_with_why_it_was_dropped() {
    let lake = filled();
    let fates = |event| -> Vec<_> {
        let trace = traced(&lake, event);
        assert_eq!(trace.findings, []);
        trace.tables[0].deliveries.iter().map(|copy| (copy.arrival_time.clone(), copy.fate.clone())).collect()
    };
    let why = |why: &str| Fate::Dropped { why: why.to_owned() };
    assert_eq!(
        fates(7),
        [
            ("2026-11-22T01:21:40.000000Z".to_owned(), Fate::Kept),
            (
                "2026-11-25T15:06:40.000000Z".to_owned(),
                why("of the same event time, the copy that is kept arrived earlier, at 2026-11-22T01:21:40.000000Z")
            ),
        ]
    );
    assert_eq!(
        fates(8),
        [
            ("2026-11-24T07:33:20.000000Z".to_owned(), Fate::Kept),
            (
                "2026-11-22T01:33:20.000000Z".to_owned(),
                why("the copy that is kept has the later event time 2026-11-23T07:33:20.000000Z")
            ),
        ]
    );
}

#[test]
fn an_event_that_is_not_compacted_yet_is_pending() {
    let lake = filled();
    lake.ingest(&contract(&[]), 0, &[order(200, 5, 5)]);
    let trace = traced(&lake, 200);
    assert_eq!(trace.tables[0].deliveries[0].fate, Fate::Pending);
    assert!(trace.tables[0].live.is_none() && trace.tables[0].groups.is_empty());
    assert_eq!(trace.findings, []);
}

#[test]
fn an_event_that_nobody_delivered_is_in_no_table() {
    let trace = traced(&filled(), 12_345);
    assert!(trace.tables.is_empty() && trace.findings.is_empty());
}

#[test]
fn an_event_that_should_be_live_and_is_not_is_lost() {
    let lake = filled();
    let contract = contract(&[]);
    let mut lost = String::new();
    lake.forge(&contract, |forged| {
        use arrow::array::AsArray;
        lost = forged.rows.column_by_name("event_id").unwrap().as_string::<i32>().value(0).to_owned();
        let rows = forged.rows.slice(1, forged.rows.num_rows() - 1);
        forged.with_rows(&contract, rows);
    });
    let trace = block(trace(&lake.objects, &lake.ledger, &[contract], lost.parse().unwrap())).unwrap();
    let problems: Vec<_> = trace.findings.iter().map(|finding| finding.problem).collect();
    assert_eq!(problems, [Problem::LostEvent]);
}
