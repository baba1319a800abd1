//! The verdict: it holds for a lake that the pipeline made, and fails on one that lacks a row, has one twice, or sums up
//! something else.

use std::collections::BTreeMap;
use std::time::Duration;

use iguazu_audit::view;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_loadgen::acks::Ack;
use iguazu_loadgen::documents::{Document, Meaning};
use iguazu_loadgen::oracle::{Oracle, Part, oracle};
use iguazu_loadgen::plan::Plan;
use iguazu_loadgen::records::{Outgoing, Records};
use iguazu_loadgen::verify::acked::Acked;
use iguazu_loadgen::verify::drain::{DrainError, drain};
use iguazu_loadgen::verify::findings::Kind;
use iguazu_loadgen::verify::proof::lake_numbers;
use iguazu_loadgen::verify::{Verdict, verify};
use iguazu_loadgen::workload::Workload;
use iguazu_transform::{Catalog, Contract};
use serde_json::Value;

use crate::kinesis::{Fake, Fault};
use crate::lake::Lake;
use crate::sending::{plan, sent, workload};

struct World {
    fake: Fake,
    workload: Workload,
    catalog: Catalog,
    oracle: Oracle,
    acked: Acked,
}

fn acked(acks: &[Ack], oracle: &Oracle) -> Acked {
    let mut acked = Acked { records: acks.len() as u64, ..Acked::default() };
    for ack in acks {
        let place = ("events".to_owned(), ack.shard.clone());
        let documents = oracle.documents[0][ack.record as usize];
        acked.shards.entry(place).or_default().push((ack.sequence, documents));
    }
    acked.shards.values_mut().for_each(|records| records.sort_unstable_by(|a, b| a.0.cmp_in_shard(&b.0)));
    acked
}

/// A load with everything in it, sent to a stream that loses replies.
async fn world() -> World {
    let share = |text: &str| text.parse().unwrap();
    let plan = Plan { again: share("0.1"), revised: share("0.1"), malformed: share("0.05"), bytes: 700, ..plan(1_500) };
    let (workload, catalog) = workload(plan);
    let fake = Fake::new(3, &[(0, Fault::LostReply), (1, Fault::FailedInPart), (3, Fault::LostReply)]);
    let (sent, acks) = sent(&fake, &workload).await;
    let oracle = oracle(&[Part { workload: &workload, records: sent.records }], &catalog, |_, _| {}).unwrap();
    let acked = acked(&acks, &oracle);
    World { fake, workload, catalog, oracle, acked }
}

impl World {
    async fn lake(&self) -> Lake {
        let records = self.fake.stream().records.clone();
        Lake::of(&records, &self.catalog).await
    }

    async fn verdict(&self, lake: &Lake) -> Verdict {
        verify(&lake.objects, &lake.ledger, &self.oracle, &self.acked, |_| {}).await.unwrap()
    }

    /// The bytes of an order that is sent once only, in a record of its own.
    fn single_order(&self) -> Vec<u8> {
        let events = |record: &Outgoing| {
            let of = |document: &Document| match document.meaning {
                Meaning::Event { event, table, .. } => Some((event, table)),
                Meaning::Bad { .. } => None,
            };
            record.documents.iter().filter_map(of).collect::<Vec<_>>()
        };
        let mut sent = BTreeMap::<u64, u32>::new();
        for (event, _) in Records::of(&self.workload).flat_map(|record| events(&record)) {
            *sent.entry(event).or_default() += 1;
        }
        let single = Records::of(&self.workload).find(|record| {
            let [(event, 0)] = events(record)[..] else { return false };
            record.documents.len() == 1 && record.data.starts_with(b"{") && sent[&event] == 1
        });
        single.unwrap().data.to_vec()
    }

    fn contracts(&self) -> Vec<Contract> {
        self.workload.tables().iter().map(|table| table.contract().clone()).collect()
    }
}

#[tokio::test]
async fn a_lake_that_the_pipeline_made_holds_all_of_it() {
    let world = world().await;
    let lake = world.lake().await;
    let verdict = world.verdict(&lake).await;
    assert_eq!(verdict.findings.lines(), Vec::<String>::new());
    assert!(verdict.holds() && verdict.unacknowledged > 0 && verdict.cells > 50 && verdict.quarantined > 50);
    assert_eq!(verdict.events, 1_500);
    let line = verdict.line();
    assert!(
        line.starts_with("RESULT loadgen loss=0 duplicates=0 sums_equal=true findings=0 events=1500 deliveries="),
        "{line}"
    );
    let numbers = lake_numbers(&lake.objects, &lake.ledger, &world.contracts()).await.unwrap();
    assert_eq!(numbers.tables.iter().map(|table| table.rows).sum::<u64>(), 1_500);
    assert!(numbers.tables.iter().all(|table| table.freshness.iter().all(|fresh| fresh.newest_ms <= fresh.oldest_ms)));
    assert!(numbers.commits > 0 && numbers.raw.0 > 0 && numbers.quarantine.0 > 0);
}

#[tokio::test]
async fn nothing_is_left_to_wait_for_at_the_end_and_a_late_table_is_named_before() {
    let world = world().await;
    let records = world.fake.stream().records.clone();
    let lake = Lake::default();
    lake.ingest(&records, &world.catalog).await;
    let contracts = world.contracts();
    lake.compact(&contracts[0]).await;
    let ports = (&lake.objects, &lake.ledger, &SystemHost);
    let slow = drain(ports, &contracts, &world.acked, Duration::ZERO, |_| {}).await.unwrap_err();
    let DrainError::TooSlow { left, .. } = &slow else { panic!("{slow}") };
    assert!(left.shards.is_empty() && left.tables.len() == 1 && left.tables[0].0 == "visits", "{slow}");
    lake.compact(&contracts[1]).await;
    drain(ports, &contracts, &world.acked, Duration::ZERO, |_| {}).await.unwrap();
    let empty = Lake::default();
    let ports = (&empty.objects, &empty.ledger, &SystemHost);
    let slow = drain(ports, &contracts, &world.acked, Duration::ZERO, |_| {}).await.unwrap_err();
    assert!(slow.to_string().contains("shard events/shardId-000000000000 is behind"), "{slow}");
}

#[tokio::test]
async fn a_record_that_was_acknowledged_and_is_not_in_the_lake_is_a_loss() {
    let world = world().await;
    let mut records = world.fake.stream().records.clone();
    let lost = world.single_order();
    records.retain(|record| record.data != lost);
    let lake = Lake::of(&records, &world.catalog).await;
    let verdict = world.verdict(&lake).await;
    assert!(verdict.loss >= 2 && !verdict.sums_equal && !verdict.holds(), "{verdict:?}");
    assert_eq!(verdict.duplicates, 0);
}

#[tokio::test]
async fn a_record_that_is_committed_twice_is_a_duplicate() {
    let world = world().await;
    let lake = world.lake().await;
    let twice = world.fake.stream().records[5].clone();
    lake.ingest(&[twice], &world.catalog).await;
    for contract in world.contracts() {
        lake.compact(&contract).await;
    }
    let verdict = world.verdict(&lake).await;
    assert!(verdict.duplicates > 0 && verdict.loss == 0 && verdict.sums_equal, "{verdict:?}");
}

#[tokio::test]
async fn an_event_that_was_never_sent_is_told() {
    let world = world().await;
    let mut records = world.fake.stream().records.clone();
    let (other, _) = workload(Plan { seed: 99, ..plan(1) });
    let strange = Records::of(&other).next().unwrap();
    let last = records.last().unwrap().clone();
    records.push(crate::kinesis::Stored { sequence: last.sequence + 7, data: strange.data.to_vec(), ..last });
    let lake = Lake::of(&records, &world.catalog).await;
    let verdict = world.verdict(&lake).await;
    assert_eq!((verdict.loss, verdict.duplicates), (0, 0));
    assert!(!verdict.holds() && verdict.findings.count(Kind::Strange) == 1 && !verdict.sums_equal, "{verdict:?}");
    assert!(verdict.line().contains(&format!(" findings={} ", verdict.findings.total())), "{verdict:?}");
}

#[tokio::test]
async fn a_wrong_value_in_an_acknowledged_record_is_a_wrong_sum() {
    let world = world().await;
    let mut records = world.fake.stream().records.clone();
    let before = world.single_order();
    let text = String::from_utf8(before.clone()).unwrap();
    let (head, tail) = text.split_once("\"amount\":").unwrap();
    let other = format!("{head}\"amount\":{}", tail.replacen('.', "1.", 1)).into_bytes();
    let changed = records.iter_mut().filter(|record| record.data == before);
    changed.for_each(|record| record.data = other.clone());
    let lake = Lake::of(&records, &world.catalog).await;
    let verdict = world.verdict(&lake).await;
    assert_eq!((verdict.loss, verdict.duplicates, verdict.sums_equal), (0, 0, false), "{verdict:?}");
}

#[tokio::test]
async fn a_live_file_that_is_gone_or_damaged_is_a_finding() {
    let world = world().await;
    for spoil_whole in [true, false] {
        let lake = world.lake().await;
        let view = view(&lake.objects, &world.contracts()[0]).await.unwrap();
        let key = view.files().next().unwrap().key.clone();
        lake.spoil(&key, (!spoil_whole).then(|| b"PAR1 and nothing else".to_vec().into())).await;
        let verdict = world.verdict(&lake).await;
        assert!(verdict.loss > 0 && verdict.findings.count(Kind::Damaged) > 0 && !verdict.holds());
    }
}

#[tokio::test]
async fn bad_documents_that_end_for_another_reason_or_not_at_all_are_told() {
    let mut world = world().await;
    let lake = world.lake().await;
    let mut marks = world.oracle.refused.keys().copied();
    let (one, other) = (marks.next().unwrap(), marks.next().unwrap());
    world.oracle.refused.insert(one, "another_reason");
    world.oracle.refused.remove(&other);
    world.oracle.refused.insert(0, "json_syntax");
    let verdict = world.verdict(&lake).await;
    assert_eq!((verdict.loss, verdict.findings.count(Kind::Reason), verdict.findings.count(Kind::Strange)), (1, 1, 1));
}

/// What the oracle says, counted once more from the documents as JSON, with nothing of ours.
#[tokio::test]
async fn the_oracle_is_what_a_plain_count_comes_to() {
    let world = world().await;
    let mut orders: BTreeMap<String, (String, i128, i64)> = BTreeMap::new();
    let mut visits: BTreeMap<String, Option<i64>> = BTreeMap::new();
    let mut bad = 0;
    for document in Records::of(&world.workload).flat_map(|record| record.documents) {
        if matches!(document.meaning, Meaning::Bad { .. }) {
            bad += 1;
            continue;
        }
        let event: Value = serde_json::from_slice(&document.bytes).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, time) = (text(&event["id"]), text(&event["time"]));
        let plain = |value: &Value| value.to_string().trim_matches('"').to_owned();
        if text(&event["type"]).starts_with("order.") {
            let cents = cents_of(&document.bytes);
            let quantity = event["order"]["quantity"].as_i64().unwrap();
            let kept = orders.entry(id).or_insert((time.clone(), cents, quantity));
            if time > kept.0 {
                *kept = (time, cents, quantity);
            }
        } else {
            let duration = &event["durationMs"];
            visits.entry(id).or_insert((!duration.is_null()).then(|| plain(duration).parse().unwrap()));
        }
    }
    let [of_orders, of_visits] = &world.oracle.tables[..] else { panic!("two tables") };
    assert_eq!((of_orders.events, of_visits.events), (orders.len() as u64, visits.len() as u64));
    assert_eq!(of_orders.totals["amount"], orders.values().map(|order| order.1).sum::<i128>());
    assert_eq!(of_orders.totals["quantity"], orders.values().map(|order| i128::from(order.2)).sum::<i128>());
    assert_eq!(of_visits.totals["duration_ms"], visits.values().flatten().map(|of| i128::from(*of)).sum::<i128>());
    assert_eq!(world.oracle.refused.len(), bad);
    let ids: Vec<_> = orders.keys().map(|id| uuid::Uuid::parse_str(id).unwrap().as_u128()).collect();
    assert_eq!(of_orders.ids, {
        let mut ids = ids;
        ids.sort_unstable();
        ids
    });
}

/// The amount of an order in cents, cut out of its text so that it passes through no float.
fn cents_of(document: &[u8]) -> i128 {
    let text = std::str::from_utf8(document).unwrap();
    let behind = text.split_once("\"amount\":").unwrap().1.trim_start_matches('"');
    let digits: String = behind.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.replace('.', "").parse().unwrap()
}
