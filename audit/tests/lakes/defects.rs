//! Lakes that are wrong, each in one way. What a forger changes is consistent otherwise, so that the one thing is found and
//! not the traces of the forgery.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Decimal128Type;
use bytes::Bytes;
use iguazu_audit::{Finding, Problem, Verified, deliveries, status};
use iguazu_lake::keys::version::Published;
use iguazu_lake::keys::{Area, ObjectKey};
use iguazu_lake::ports::Objects;
use iguazu_transform::Contract;

use crate::world::{Delivery, Lake, bad, block, contract, id, order};

fn filled() -> (Lake, Arc<Contract>) {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let mut all: Vec<_> = (0..30).map(|event| order(event, event * 700, 100 + event)).collect();
    all.push(Delivery { arrival: 400_000, ..order(7, 7 * 700, 107) });
    all.push(bad(400_001));
    lake.ingest(&contract, 0, &all);
    lake.compact(&contract, 1);
    assert_eq!(lake.verified(&contract).findings, []);
    (lake, contract)
}

fn of(verified: &Verified, problem: Problem) -> Vec<&Finding> {
    verified.findings.iter().filter(|finding| finding.problem == problem).collect()
}

/// The rows with another array for a column.
fn with(rows: &RecordBatch, name: &str, array: ArrayRef) -> RecordBatch {
    let at = rows.schema().index_of(name).unwrap();
    let mut columns = rows.columns().to_vec();
    columns[at] = array;
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

fn texts(rows: &RecordBatch, name: &str, change: impl Fn(usize, &str) -> String) -> ArrayRef {
    let column = rows.column_by_name(name).unwrap().as_string::<i32>();
    let changed = column.iter().enumerate().map(|(row, text)| text.map(|text| change(row, text)));
    Arc::new(changed.collect::<StringArray>())
}

fn amounts(rows: &RecordBatch, name: &str) -> ArrayRef {
    let column = rows.column_by_name(name).unwrap().as_primitive::<Decimal128Type>();
    let changed: Decimal128Array =
        column.iter().enumerate().map(|(row, value)| value.map(|value| value + i128::from(row == 0))).collect();
    Arc::new(changed.with_data_type(column.data_type().clone()))
}

fn first_id(rows: &RecordBatch) -> String {
    rows.column_by_name("event_id").unwrap().as_string::<i32>().value(0).to_owned()
}

fn file_of(lake: &Lake, area: impl Fn(&Area) -> bool) -> ObjectKey {
    let all = block(deliveries(&lake.ledger)).unwrap();
    all.shards[0].files.iter().find(|file| area(&file.area)).unwrap().key.clone()
}

fn raw(area: &Area) -> bool {
    matches!(area, Area::Raw(_))
}

#[test]
fn an_event_that_is_removed_from_a_live_file_is_lost_and_named() {
    let (lake, contract) = filled();
    let mut lost = String::new();
    lake.forge(&contract, |forged| {
        lost = first_id(&forged.rows);
        let rows = forged.rows.slice(1, forged.rows.num_rows() - 1);
        forged.with_rows(&contract, rows);
    });
    let verified = lake.verified(&contract);
    assert_eq!(lake.problems(&contract), [Problem::Conservation, Problem::LostEvent, Problem::Sums]);
    let events = of(&verified, Problem::LostEvent);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].place, format!("orders, event {lost}"));
    // One group of each roll-up counts one event less.
    assert_eq!(of(&verified, Problem::Sums).len(), 2);
    assert_eq!((verified.tables[0].events, verified.tables[0].live), (30, 29));
}

#[test]
fn an_event_that_is_there_twice_is_told() {
    let (lake, contract) = filled();
    let mut twice = String::new();
    lake.forge(&contract, |forged| {
        twice = first_id(&forged.rows);
        let rows = concat_batches(&forged.rows.schema(), [&forged.rows.slice(0, 1), &forged.rows]).unwrap();
        forged.with_rows(&contract, rows);
    });
    let verified = lake.verified(&contract);
    assert_eq!(lake.problems(&contract), [Problem::Conservation, Problem::DuplicateEvent, Problem::Sums]);
    assert_eq!(of(&verified, Problem::DuplicateEvent)[0].place, format!("orders, event {twice}"));
}

#[test]
fn an_event_with_another_content_is_told_and_so_are_its_sums() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        let rows = with(&forged.rows, "amount", amounts(&forged.rows, "amount"));
        forged.with_rows(&contract, rows);
    });
    assert_eq!(lake.problems(&contract), [Problem::ChangedEvent, Problem::Sums]);
}

#[test]
fn an_event_that_came_by_another_delivery_than_the_one_to_be_kept_is_told() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        let change = |row, text: &str| if row == 0 { "9".to_owned() } else { text.to_owned() };
        let rows = with(&forged.rows, "sequence", texts(&forged.rows, "sequence", change));
        forged.with_rows(&contract, rows);
    });
    assert_eq!(lake.problems(&contract), [Problem::OtherCopy]);
}

#[test]
fn an_event_that_was_never_delivered_is_strange() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        let change = |row, text: &str| if row == 0 { id(9_999) } else { text.to_owned() };
        let rows = with(&forged.rows, "event_id", texts(&forged.rows, "event_id", change));
        forged.with_rows(&contract, rows);
    });
    let verified = lake.verified(&contract);
    assert_eq!(lake.problems(&contract), [Problem::LostEvent, Problem::StrangeEvent]);
    assert_eq!(of(&verified, Problem::StrangeEvent)[0].place, format!("orders, event {}", id(9_999)));
}

#[test]
fn a_wrong_sum_is_told_for_its_file_and_for_the_table() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        forged.rollups[0] = with(&forged.rollups[0], "sum_amount", amounts(&forged.rollups[0], "sum_amount"));
    });
    let verified = lake.verified(&contract);
    assert_eq!(lake.problems(&contract), [Problem::FileSums, Problem::Sums]);
    assert!(of(&verified, Problem::Sums)[0].place.starts_with("orders_hourly, group 2026-11-21T"));
}

#[test]
fn a_sum_that_is_wrongly_said_to_have_too_many_digits_is_told() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        let rows = &forged.rollups[0];
        let groups = rows.num_rows();
        let nulls = arrow::array::new_null_array(rows.column_by_name("sum_amount").unwrap().data_type(), groups);
        let names: ArrayRef = Arc::new(StringArray::from(vec!["sum_amount"; groups]));
        forged.rollups[0] = with(&with(rows, "sum_amount", nulls), "overflowed", names);
    });
    assert_eq!(lake.problems(&contract), [Problem::FileSums]);
}

#[test]
fn a_damaged_byte_is_found_in_every_kind_of_object() {
    type Pick = fn(&Lake, &Contract) -> ObjectKey;
    let kinds: [(&str, Pick, &[Problem]); 5] = [
        (
            "live",
            |lake, contract| lake.view(contract).files().next().unwrap().key.clone(),
            &[Problem::Damaged, Problem::LostEvent, Problem::Sums],
        ),
        (
            "roll-up",
            |lake, contract| lake.view(contract).files().next().unwrap().rollups[0].clone(),
            &[Problem::Damaged, Problem::Sums],
        ),
        ("raw", |lake, _| file_of(lake, raw), &[Problem::Damaged]),
        ("quarantine", |lake, _| file_of(lake, |area| !raw(area)), &[Problem::Damaged]),
        ("list", |lake, contract| list(lake, contract), &[Problem::Damaged, Problem::LostEvent, Problem::Sums]),
    ];
    for (name, pick, expected) in kinds {
        let (lake, contract) = filled();
        let key = pick(&lake, &contract);
        lake.damage(&key);
        let verified = lake.verified(&contract);
        let told: Vec<_> = verified.findings.iter().filter(|finding| finding.place.contains(key.as_str())).collect();
        assert!(!told.is_empty(), "{name}: {:?}", verified.findings);
        for finding in &verified.findings {
            assert!(expected.contains(&finding.problem), "{name}: {finding}");
        }
    }
}

fn list(lake: &Lake, contract: &Contract) -> ObjectKey {
    let version = &lake.view(contract).versions[0];
    let entry = version.state.partitions.values().next().unwrap();
    entry.object.partition(&version.chain, &contract.table)
}

fn state(lake: &Lake, contract: &Contract) -> ObjectKey {
    use iguazu_compact::state::Written;
    use iguazu_lake::keys::version::VersionPart;
    let version = &lake.view(contract).versions[0];
    let written = Written { n: version.n, attempt: version.attempt, ordinal: 0 };
    written.object(&version.chain, &contract.table, VersionPart::State).key()
}

#[test]
fn an_object_that_is_gone_is_missing_whichever_it_is() {
    type Pick = fn(&Lake, &Contract) -> ObjectKey;
    let kinds: [Pick; 6] = [
        |lake, contract| lake.view(contract).files().next().unwrap().key.clone(),
        |lake, contract| lake.view(contract).files().next().unwrap().rollups[0].clone(),
        |lake, _| file_of(lake, raw),
        |lake, _| file_of(lake, |area| !raw(area)),
        list,
        state,
    ];
    for pick in kinds {
        let (lake, contract) = filled();
        let key = pick(&lake, &contract);
        lake.delete(&key);
        let verified = lake.verified(&contract);
        let missing = of(&verified, Problem::Missing);
        assert_eq!(missing.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), [key.as_str()]);
    }
}

#[test]
fn a_table_of_which_a_raw_file_is_gone_is_not_compared_event_by_event() {
    let (lake, contract) = filled();
    lake.delete(&file_of(&lake, raw));
    let verified = lake.verified(&contract);
    assert!(!verified.tables[0].recomputed);
    assert_eq!(lake.problems(&contract), [Problem::Missing]);
}

#[test]
fn a_delivery_that_is_committed_twice_is_told_with_both_places() {
    let (lake, contract) = filled();
    let first = lake.ingest(&contract, 1, &[order(50, 50, 50), order(51, 51, 51)]);
    lake.ingest_as(&contract, 1, first + 1, &[order(51, 51, 51), order(52, 52, 52)]);
    lake.compact(&contract, 1);
    let verified = lake.verified(&contract);
    assert_eq!(lake.problems(&contract), [Problem::DoubledDelivery]);
    let [doubled] = of(&verified, Problem::DoubledDelivery)[..] else { panic!("{:?}", verified.findings) };
    assert!(doubled.place.ends_with(&format!("sequence {}, sub 0", first + 1)), "{}", doubled.place);
    assert!(doubled.found.contains(" and "), "{}", doubled.found);
}

#[test]
fn a_delivery_that_is_in_raw_and_in_quarantine_is_doubled_too() {
    let (lake, contract) = filled();
    let first = lake.ingest(&contract, 1, &[order(50, 50, 50)]);
    lake.ingest_as(&contract, 1, first, &[bad(50)]);
    lake.compact(&contract, 1);
    assert_eq!(lake.problems(&contract), [Problem::DoubledDelivery]);
}

#[test]
fn the_same_sequence_number_in_two_shards_is_two_deliveries() {
    let (lake, contract) = filled();
    let first = lake.ingest(&contract, 1, &[order(50, 50, 50)]);
    lake.ingest_as(&contract, 2, first, &[order(51, 51, 51)]);
    lake.compact(&contract, 1);
    assert_eq!(lake.verified(&contract).findings, []);
}

#[test]
fn a_file_with_a_right_checksum_that_is_no_parquet_is_unreadable_and_breaks_nothing() {
    for bytes in [Bytes::from_static(b"PAR1 this is no Parquet file PAR1"), Bytes::new()] {
        let (lake, contract) = filled();
        lake.forge(&contract, |forged| forged.bytes = Some(bytes));
        let verified = lake.verified(&contract);
        assert_eq!(of(&verified, Problem::Unreadable).len(), 1);
        assert!(!of(&verified, Problem::LostEvent).is_empty());
    }
}

#[test]
fn what_a_list_says_of_a_file_is_held_against_its_rows() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| forged.file.event_time = None);
    assert_eq!(lake.problems(&contract), [Problem::Misplaced]);
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| {
        forged.file.rows += 1;
        forged.state.totals.live += 1;
        forged.state.totals.duplicates -= 1;
    });
    assert_eq!(lake.problems(&contract), [Problem::Rows, Problem::Conservation]);
}

#[test]
fn counts_that_do_not_add_up_are_told_by_the_status_too() {
    let (lake, contract) = filled();
    lake.forge(&contract, |forged| forged.state.totals.duplicates += 1);
    assert_eq!(lake.problems(&contract), [Problem::Conservation]);
    let status = block(status(&lake.objects, &lake.ledger, &[contract])).unwrap();
    assert!(!status.findings.is_empty());
    assert!(status.findings.iter().all(|finding| finding.problem == Problem::Conservation));
}

#[test]
fn marks_that_pass_what_was_not_taken_are_told() {
    let (lake, contract) = filled();
    lake.ingest(&contract, 0, &[order(60, 60, 60)]);
    // A version that says to have read a row of which it has taken nothing.
    lake.forge(&contract, |forged| {
        let mark = forged.state.lanes[0].marks.values_mut().next().unwrap();
        (mark.n, mark.offered) = (mark.n + 1, mark.offered + 1);
    });
    assert_eq!(lake.problems(&contract), [Problem::Conservation, Problem::LostEvent, Problem::Sums]);
}

#[test]
fn a_state_that_is_not_the_one_that_the_ledger_committed_is_told() {
    let (lake, contract) = filled();
    let key = state(&lake, &contract);
    let text = String::from_utf8(lake.read(&key).to_vec()).unwrap();
    let other = text.replace("\"replaced\":0", "\"replaced\":1");
    assert_ne!(text, other);
    block(lake.objects.put(&key, other.into())).unwrap();
    assert_eq!(lake.problems(&contract), [Problem::Damaged]);
}

#[test]
fn of_very_many_findings_of_a_kind_the_first_are_told_and_the_others_counted() {
    let (lake, contract) = filled();
    let view = lake.view(&contract);
    for live in view.files() {
        lake.delete(&live.key);
    }
    let verified = lake.verified(&contract);
    let lost = of(&verified, Problem::LostEvent);
    assert_eq!(lost.len(), 21);
    assert!(lost.iter().any(|finding| finding.place == "10 more of this kind" && finding.found == "30 in all"));
}

#[test]
fn a_snapshot_that_is_not_understood_is_an_error() {
    let (lake, contract) = filled();
    let key = Published::Snapshot.key(&contract.table);
    block(lake.objects.put(&key, Bytes::from_static(b"{\"v\":2}"))).unwrap();
    let error = block(iguazu_audit::view(&lake.objects, &contract)).unwrap_err();
    assert!(error.to_string().contains("not understood"), "{error}");
}
