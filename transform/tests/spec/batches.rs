//! Batches: what their files are, and that where a stream is cut into batches makes no difference.

use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::{Area, Partition};
use iguazu_transform::{Batch, Counts, FormatError, Limits, Parquet, Pushed, Record, Source};
use proptest::prelude::*;

use crate::support::{
    ARRIVAL, Row, catalog, catalog_within, event, gzip, id, output, output_by, record, rows_in, rows_of, source,
};

const DAY_MS: i64 = 86_400_000;

fn event_on(number: u128, days_before: i64) -> String {
    let time = Timestamp::from_millis(ARRIVAL.millis() - days_before * DAY_MS);
    format!(r#"{{"id":"{}","type":"order","time":"{time}"}}"#, id(number))
}

fn date(days_before: i64) -> Partition {
    Partition::Day(Timestamp::from_millis(ARRIVAL.millis() - days_before * DAY_MS).date().unwrap())
}

#[test]
fn an_empty_batch_has_no_files() {
    let output = output(&[]);
    assert_eq!((output.files, output.counts), (vec![], Counts::default()));
}

#[test]
fn a_batch_has_one_file_per_date_and_counts_what_is_in_them() {
    let lines = format!("{}\n{}\noops", event_on(1, 0), event_on(2, 3));
    let mut late = record(3, "");
    late.arrival = Timestamp::from_millis(ARRIVAL.millis() + DAY_MS);
    let output = output(&[record(1, &lines), record(2, event_on(3, 0)), late]);
    let raw = || Area::Raw("events".parse().unwrap());
    let files: Vec<_> = output.files.iter().map(|file| (file.area.clone(), file.partition, file.rows)).collect();
    assert_eq!(
        files,
        [(raw(), date(3), 1), (raw(), date(0), 2), (Area::Quarantine, date(0), 1), (Area::Quarantine, date(-1), 1)]
    );
    assert_eq!(output.counts, Counts { records: 3, delivered: 5, accepted: 3, quarantined: 2 });
    let three_days_before = Timestamp::from_millis(ARRIVAL.millis() - 3 * DAY_MS);
    assert_eq!(output.files[0].event_time, Some((three_days_before, three_days_before)));
    assert_eq!(output.files[1].event_time, Some((ARRIVAL, ARRIVAL)));
    assert_eq!(output.files[2].event_time, None);
}

#[test]
fn surplus_dates_share_one_file() {
    let catalog = catalog(|contract| contract.limits.dates_per_batch_max = 2);
    let days = [9, 5, 5, 1, 7];
    let records: Vec<_> = (0..).zip(days).map(|(n, days)| record(n, event_on(n.into(), days))).collect();
    let output = output_by(&catalog, &records);
    let files: Vec<_> = output.files.iter().map(|file| (file.partition, file.rows)).collect();
    assert_eq!(files, [(date(5), 2), (date(1), 1), (Partition::Mixed, 2)]);
    let at = |days: i64| Timestamp::from_millis(ARRIVAL.millis() - days * DAY_MS);
    assert_eq!(output.files[2].event_time, Some((at(9), at(7))));
}

#[test]
fn events_are_sorted_by_their_place_among_all_events_and_copies_by_delivery() {
    let numbers = [5, 3, 9, 3, 1, 3];
    let records: Vec<_> = (0..).zip(numbers).map(|(n, number)| record(10 - n, event(number))).collect();
    let output = output(&records);
    let place = |row: &Row| match row {
        Row::Event { id, sequence, .. } => {
            let id: iguazu_lake::ids::EventId = id.parse().unwrap();
            (id.placement(), id, sequence.parse::<u64>().unwrap())
        }
        Row::Quarantine { .. } => panic!("nothing here is quarantined"),
    };
    let places: Vec<_> = rows_of(&output.files[0].area, &output.files[0].bytes).iter().map(place).collect();
    assert_eq!(places.len(), 6);
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_batch_tells_its_caller_how_it_goes() {
    let catalog = catalog(|_| ());
    let mut batch = Batch::new(&catalog);
    assert_eq!((batch.records(), batch.bytes()), (0, 0));
    let lines = format!("{}\noops\n{}", event(1), event(2));
    assert_eq!(batch.push(&record(1, &lines)), Pushed { accepted: 2, quarantined: 1 });
    let first = batch.bytes();
    assert!(first > r#"{"n":1}{"n":2}oops"#.len());
    assert_eq!(batch.push(&record(2, vec![b'x'; 5000])), Pushed { accepted: 0, quarantined: 1 });
    assert!(batch.bytes() >= first + 5000);
    assert_eq!(batch.records(), 2);
}

#[test]
fn only_a_shard_has_files() {
    let bucket = Source { chain: "bucket.events.0.7".parse().unwrap() };
    let catalog = catalog(|_| ());
    for data in [event(1).as_bytes(), b""] {
        let mut batch = Batch::new(&catalog);
        batch.push(&record(1, data));
        assert!(matches!(batch.finish(&bucket, &Parquet), Err(FormatError::NotAShard)));
    }
}

/// Records of every kind, of a few dates of event time and of arrival.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let data = prop_oneof![
        (0_u128..20, 0_i64..12).prop_map(|(number, days)| event_on(number, days).into_bytes()),
        (0_u128..20).prop_map(|number| gzip(format!("{}\noops\n{}", event(number), event(number + 1)).as_bytes())),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec((data, 0_i64..3), 0..30).prop_map(|items| {
        (0..)
            .zip(items)
            .map(|(sequence, (data, days))| {
                let arrival = Timestamp::from_millis(ARRIVAL.millis() + days * DAY_MS / 2);
                Record { arrival, ..record(sequence, data) }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wherever_a_stream_is_cut_its_rows_are_the_same(
        records in records(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5), dates_max in 0_usize..9,
    ) {
        let limits = Limits { quarantine_dates_max: dates_max, ..Limits::default() };
        let catalog = catalog_within(limits, |contract| contract.limits.dates_per_batch_max = dates_max);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(records.len() + 1)).chain([0, records.len()]).collect();
        cuts.sort_unstable();
        let parts: Vec<_> = cuts.windows(2).map(|cut| output_by(&catalog, &records[cut[0]..cut[1]])).collect();
        let mut expected = rows_in(&output(&records));
        let mut rows: Vec<_> = parts.iter().flat_map(rows_in).collect();
        expected.sort();
        rows.sort();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn the_same_records_give_the_same_bytes_in_whatever_order_they_come(records in records()) {
        let output = output(&records);
        prop_assert_eq!(&output, &crate::support::output(&records));
        let reversed: Vec<_> = records.iter().rev().cloned().collect();
        prop_assert_eq!(&output, &crate::support::output(&reversed));
    }

    #[test]
    fn what_was_delivered_is_accepted_or_quarantined_and_in_the_files(records in records()) {
        let output = output(&records);
        let Counts { records: counted, delivered, accepted, quarantined } = output.counts;
        prop_assert_eq!(counted, records.len() as u64);
        prop_assert!(delivered >= counted);
        prop_assert_eq!(delivered, accepted + quarantined);
        let rows = rows_in(&output);
        prop_assert_eq!(rows.iter().filter(|row| matches!(row, Row::Event { .. })).count() as u64, accepted);
        prop_assert_eq!(rows.len() as u64, delivered);
        let mut sorted: Vec<_> = output.files.iter().map(|file| (file.area.clone(), file.partition)).collect();
        prop_assert!(sorted.is_sorted());
        sorted.dedup();
        prop_assert_eq!(sorted.len(), output.files.len());
        prop_assert!(output.files.iter().all(|file| file.rows > 0));
        prop_assert_eq!(source(), source());
    }
}
