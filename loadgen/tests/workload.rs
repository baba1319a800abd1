//! What is sent, and what becomes of it by the transform.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is a finding")]

use std::collections::{BTreeMap, BTreeSet};

use iguazu_lake::ids::Timestamp;
use iguazu_loadgen::documents::Meaning;
use iguazu_loadgen::plan::Plan;
use iguazu_loadgen::records::{Outgoing, Records};
use iguazu_loadgen::share::Share;
use iguazu_loadgen::workload::malformed::Malformation;
use iguazu_loadgen::workload::pack::Packing;
use iguazu_loadgen::workload::trial::outcome;
use iguazu_loadgen::workload::{Workload, shop};
use iguazu_setup::contracts::{Text, compile, parse};
use iguazu_transform::{Catalog, Secrets};

/// 2026-11-21T12:00:00Z
fn start() -> Timestamp {
    Timestamp::from_millis(1_795_262_400_000)
}

fn made(plan: Plan, texts: &[Text]) -> (Workload, Catalog) {
    let mut secrets = Secrets::default();
    secrets.insert("customer_key".parse().unwrap(), b"a secret of sixteen bytes or more").unwrap();
    let catalog = compile(texts, &secrets).unwrap();
    (Workload::new(plan, parse(texts).unwrap(), &catalog).unwrap(), catalog)
}

fn shop(plan: Plan) -> (Workload, Catalog) {
    made(plan, &shop::contracts())
}

fn records(workload: &Workload) -> Vec<Outgoing> {
    Records::of(workload).collect()
}

fn codes(kinds: &[Malformation]) -> Vec<&'static str> {
    let mut codes: Vec<_> = kinds.iter().map(|kind| kind.code).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let of = |seed| records(&shop(Plan { seed, ..Plan::usual(2_000, start()) }).0);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn every_event_is_sent_and_copies_follow_what_they_copy() {
    let plan = Plan { again: "0.1".parse().unwrap(), revised: "0.1".parse().unwrap(), ..Plan::usual(5_000, start()) };
    let (workload, _) = shop(plan);
    let mut first = BTreeSet::new();
    let (mut again, mut revised, mut bad) = (0, 0, 0);
    for document in records(&workload).into_iter().flat_map(|record| record.documents) {
        match document.meaning {
            Meaning::Event { event, revised: false, again: false, .. } => assert!(first.insert(event)),
            Meaning::Event { event, revised: of_other_values, .. } => {
                assert!(first.contains(&event), "a copy of {event} comes before it");
                *(if of_other_values { &mut revised } else { &mut again }) += 1;
            }
            Meaning::Bad { .. } => bad += 1,
        }
    }
    assert_eq!(first, (0..5_000).collect());
    assert!((400..600).contains(&again) && (400..600).contains(&revised), "{again} {revised}");
    assert!((30..100).contains(&bad), "{bad}");
}

#[test]
fn records_are_packed_as_the_shares_say() {
    let (workload, _) = shop(Plan::usual(20_000, start()));
    let mut counts = BTreeMap::<Packing, usize>::new();
    let all = records(&workload);
    for record in &all {
        *counts.entry(record.packing).or_default() += 1;
        assert_eq!(record.documents.len() == 1, record.packing == Packing::Plain || record.documents.len() == 1);
        assert!(record.data.len() < 1 << 20 && record.documents.len() <= 20);
    }
    for packing in [Packing::Kpl, Packing::Gzip, Packing::Zstd, Packing::Lines] {
        let share = counts[&packing] as f64 / all.len() as f64;
        assert!((0.035..0.065).contains(&share), "{packing:?} {share}");
    }
}

#[test]
fn events_have_about_the_size_that_was_asked_for() {
    let (workload, _) = shop(Plan { bytes: 700, malformed: Share::default(), ..Plan::usual(1_000, start()) });
    for document in records(&workload).into_iter().flat_map(|record| record.documents) {
        assert!((700..=720).contains(&document.bytes.len()), "{}", document.bytes.len());
    }
}

#[test]
fn the_shop_sends_bad_input_of_every_kind_that_its_contracts_leave_room_for() {
    let (workload, _) = shop(Plan::usual(1, start()));
    let (tables, records) = workload.kinds();
    assert_eq!(
        codes(records),
        [
            "empty_record",
            "gzip_damaged",
            "kpl_checksum",
            "kpl_empty",
            "kpl_protobuf",
            "output_too_large",
            "too_many_events",
            "zstd_damaged",
            "zstd_dictionary",
            "zstd_window",
        ]
    );
    assert_eq!(
        codes(&tables[0]),
        [
            "column_kind",
            "column_leap_second",
            "column_missing",
            "column_not_a_date",
            "column_not_a_number",
            "column_not_a_time",
            "column_not_whole",
            "column_out_of_range",
            "column_too_long",
            "column_too_many_digits",
            "column_too_precise",
            "duplicate_key",
            "hidden_within",
            "id_missing",
            "id_not_a_string",
            "id_not_a_uuid",
            "json_syntax",
            "not_an_object",
            "not_utf8",
            "number_out_of_range",
            "time_kind",
            "time_leap_second",
            "time_malformed",
            "time_missing",
            "time_too_new",
            "time_too_old",
            "time_too_precise",
            "too_deep",
            "too_many_members",
            "type_missing",
            "type_not_a_string",
            "type_unknown",
        ]
    );
    assert_eq!(
        codes(&tables[1]),
        [
            "column_kind",
            "column_missing",
            "column_not_a_boolean",
            "column_not_a_number",
            "column_not_a_url",
            "column_not_whole",
            "column_out_of_range",
            "column_too_long",
            "duplicate_key",
            "event_too_large",
            "filtered",
            "id_missing",
            "id_not_a_string",
            "id_not_a_uuid",
            "json_syntax",
            "not_an_object",
            "not_utf8",
            "number_out_of_range",
            "time_kind",
            "time_leap_second",
            "time_malformed",
            "time_missing",
            "time_too_new",
            "time_too_old",
            "time_too_precise",
            "too_deep",
            "too_many_members",
            "type_missing",
            "type_not_a_string",
            "type_too_long",
            "type_unknown",
            "unknown_field",
        ]
    );
}

#[test]
fn each_bad_document_ends_under_its_reason_and_nothing_else_does() {
    for texts in [shop::contracts(), example()] {
        let (workload, catalog) =
            made(Plan { malformed: "0.3".parse().unwrap(), ..Plan::usual(1_000, start()) }, &texts);
        let mut seen = BTreeSet::new();
        for record in records(&workload) {
            let expected: Vec<_> = record
                .documents
                .iter()
                .filter_map(|document| match document.meaning {
                    Meaning::Bad { code, .. } => Some((code.to_owned(), document.bytes.to_vec())),
                    Meaning::Event { .. } => None,
                })
                .collect();
            let events = record.documents.len() - expected.len();
            let outcome = outcome(record.data.clone(), start(), &catalog).unwrap();
            let refused: Vec<_> = outcome.refused.into_iter().map(|(reason, _, payload)| (reason, payload)).collect();
            assert_eq!(refused, expected, "record {}", record.number);
            assert_eq!(outcome.rows.iter().map(|(_, rows)| rows).sum::<u64>(), events as u64);
            for (reason, payload) in refused {
                assert!(seen.insert(payload), "two bad documents are equal: {reason}");
            }
        }
        assert!(seen.len() > 300);
    }
}

/// The example of the project's documentation, which uses nearly everything that a contract can say.
fn example() -> Vec<Text> {
    vec![("orders.toml".to_owned(), include_str!("../../contracts/orders.toml").to_owned())]
}

#[test]
fn events_are_made_to_fit_a_contract_that_uses_nearly_everything() {
    let (workload, _) = made(Plan::usual(1, start()), &example());
    let (tables, _) = workload.kinds();
    assert_eq!(
        codes(&tables[0]),
        [
            "column_kind",
            "column_missing",
            "column_not_a_date",
            "column_not_a_number",
            "column_not_a_time",
            "column_not_whole",
            "column_out_of_range",
            "column_too_long",
            "column_too_many_digits",
            "duplicate_key",
            "filtered",
            "hidden_within",
            "id_missing",
            "id_not_a_string",
            "json_syntax",
            "not_an_object",
            "not_utf8",
            "number_out_of_range",
            "time_kind",
            "time_missing",
            "time_out_of_range",
            "time_too_new",
            "time_too_old",
            "time_too_precise",
            "too_deep",
            "too_many_members",
            "type_missing",
            "type_not_a_string",
            "type_too_long",
            "type_unknown",
        ]
    );
}

#[test]
fn a_revision_that_must_not_arrive_first_waits_for_the_record_of_its_event() {
    let (workload, _) = shop(Plan { revised: "0.2".parse().unwrap(), ..Plan::usual(3_000, start()) });
    let mut at = BTreeMap::new();
    let mut waiting = 0;
    for record in records(&workload) {
        let mut needed = Vec::new();
        for document in &record.documents {
            let Meaning::Event { event, table, revised, again, .. } = document.meaning else { continue };
            if !revised && !again {
                at.insert(event, record.number);
            }
            if revised && workload.tables()[table].keeps_first() {
                needed.extend(Some(at[&event]).filter(|&first| first != record.number));
            }
        }
        waiting += needed.len();
        assert_eq!(record.after, needed);
    }
    assert!(waiting > 100);
}
