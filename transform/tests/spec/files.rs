//! The Parquet files: their columns, their bytes, and what is read back from them.

use bytes::Bytes;
use iguazu_lake::ids::{EventId, SequenceNumber, SequenceSet, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_transform::parquet::{EVENT_SCHEMA, QUARANTINE_SCHEMA};
use iguazu_transform::{Event, EventRow, FileFormat, FormatError, Parquet, QuarantineRow};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use proptest::prelude::*;

use crate::support::{ARRIVAL, Row, read, rows_of, source, wide_sequence};

fn event_row(number: u64, data: &str) -> EventRow {
    EventRow {
        event: Event {
            id: EventId::new(uuid::Uuid::from_u128(number.into())),
            kind: "order".into(),
            time: Timestamp::from_micros(number as i64),
            data: data.into(),
        },
        arrival: ARRIVAL,
        sequence: wide_sequence(number),
        sub: 3,
    }
}

fn quarantine_row(sequence: u64) -> QuarantineRow {
    QuarantineRow {
        sequence: sequence.into(),
        sub: 0,
        arrival: ARRIVAL,
        reason_code: "base64",
        detail: "detail".into(),
        original: Bytes::from_static(b"\0\xFF"),
    }
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    builder.metadata().as_ref().clone()
}

fn schema_text(file: &Bytes) -> String {
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, metadata(file).file_metadata().schema());
    String::from_utf8(text).unwrap()
}

#[test]
fn the_columns_are_those_that_every_reader_depends_on() {
    let events = Parquet.events(&source(), &[event_row(1, "{}")]).unwrap();
    let quarantine = Parquet.quarantine(&source(), &[quarantine_row(1)]).unwrap();
    assert_eq!(schema_text(&events), include_str!("../golden/events.v0.schema"));
    assert_eq!(schema_text(&quarantine), include_str!("../golden/quarantine.v0.schema"));
    // What Arrow readers see is the schema that was written, though no copy of it is embedded.
    assert_eq!(read(&events)[0].schema().fields(), EVENT_SCHEMA.fields());
    assert_eq!(read(&quarantine)[0].schema().fields(), QUARANTINE_SCHEMA.fields());
}

#[test]
fn the_files_of_version_0_are_read_for_ever() {
    let rows = [event_row(1, r#"{"n":1}"#), event_row(2, "{}")];
    let events = Bytes::from_static(include_bytes!("../golden/events.v0.parquet"));
    let quarantine = Bytes::from_static(include_bytes!("../golden/quarantine.v0.parquet"));
    assert_eq!(
        rows_of(&Area::Raw("events".parse().unwrap()), &events),
        rows_of(&Area::Raw("events".parse().unwrap()), &Parquet.events(&source(), &rows).unwrap())
    );
    assert_eq!(
        rows_of(&Area::Quarantine, &quarantine),
        [Row::Quarantine {
            sequence: "7".into(),
            sub: 0,
            reason: "base64".into(),
            detail: "detail".into(),
            arrival: ARRIVAL,
            payload: b"\0\xFF".to_vec(),
        }]
    );
    assert_eq!(Parquet.sequences(&events).unwrap(), [wide_sequence(1), wide_sequence(2)].into_iter().collect());
    assert_eq!(Parquet.sequences(&quarantine).unwrap(), [SequenceNumber::from(7)].into_iter().collect());
}

/// Writes the golden files of the present version; run by hand, once per version.
#[test]
#[ignore = "it writes into the source tree"]
fn write_the_golden_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let events = Parquet.events(&source(), &[event_row(1, r#"{"n":1}"#), event_row(2, "{}")]).unwrap();
    let quarantine = Parquet.quarantine(&source(), &[quarantine_row(7)]).unwrap();
    for (name, file) in [("events.v0", events), ("quarantine.v0", quarantine)] {
        std::fs::write(format!("{folder}/{name}.schema"), schema_text(&file)).unwrap();
        std::fs::write(format!("{folder}/{name}.parquet"), &file).unwrap();
    }
}

#[test]
fn a_file_says_nothing_about_who_wrote_it_but_the_name() {
    let file = Parquet.events(&source(), &[event_row(1, "{}")]).unwrap();
    let metadata = metadata(&file);
    assert_eq!(metadata.file_metadata().created_by(), Some("iguazu"));
    assert!(metadata.file_metadata().key_value_metadata().is_none());
}

#[test]
fn dictionaries_are_where_values_repeat_and_statistics_where_readers_skip() {
    let rows: Vec<_> = (0..100).map(|number| event_row(number, "{}")).collect();
    let metadata = metadata(&Parquet.events(&source(), &rows).unwrap());
    let names = |wanted: fn(&parquet::file::metadata::ColumnChunkMetaData) -> bool| -> Vec<String> {
        metadata.row_group(0).columns().iter().filter(|c| wanted(c)).map(|c| c.column_path().string()).collect()
    };
    assert_eq!(
        names(|column| column.dictionary_page_offset().is_some()),
        ["event_type", "stream", "shard", "sub", "contract_version"]
    );
    assert_eq!(names(|column| column.statistics().is_some()), ["event_type", "event_time", "arrival_time"]);
    assert_eq!(names(|column| column.compression() == parquet::basic::Compression::UNCOMPRESSED), ["event_id"]);
}

#[test]
fn row_groups_are_bounded_in_rows_and_in_bytes() {
    let small: Vec<_> = (0..70_000).map(|number| event_row(number, "{}")).collect();
    let file = Parquet.events(&source(), &small).unwrap();
    let rows: Vec<_> = metadata(&file).row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [65_536, 4_464]);
    assert_eq!(Parquet.sequences(&file).unwrap(), small.iter().map(|row| row.sequence).collect());

    // Noise, since what is bounded is what is written: rows that compress well may be many.
    let mut state = 1_u64;
    let large: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8)
    })
    .take(6 << 20)
    .collect();
    let large: Vec<_> = (0..16).map(|number| event_row(number, &large)).collect();
    let file = Parquet.events(&source(), &large).unwrap();
    assert!(metadata(&file).num_row_groups() > 1);
    assert_eq!(read(&file).iter().map(|batch| batch.num_rows()).sum::<usize>(), 16);
}

#[test]
fn a_sub_number_that_does_not_fit_is_an_error_and_no_other_number() {
    let mut row = quarantine_row(1);
    row.sub = u32::MAX;
    assert!(matches!(Parquet.quarantine(&source(), &[row]), Err(FormatError::SubTooLarge { sub: u32::MAX })));
}

#[test]
fn the_sequence_numbers_of_a_file_are_read_once_each() {
    let rows: Vec<_> = [5, 2, 5, 9].into_iter().map(quarantine_row).collect();
    let file = Parquet.quarantine(&source(), &rows).unwrap();
    assert_eq!(Parquet.sequences(&file).unwrap(), [2, 5, 9].map(SequenceNumber::from).into_iter().collect());
    let nothing = Parquet.events(&source(), &[]).unwrap();
    assert_eq!(Parquet.sequences(&nothing).unwrap(), SequenceSet::default());
}

#[test]
fn bytes_that_are_no_file_of_ours_are_an_error() {
    let file = Parquet.quarantine(&source(), &[quarantine_row(1)]).unwrap();
    assert!(matches!(Parquet.sequences(&Bytes::new()), Err(FormatError::Parquet(_))));
    assert!(matches!(Parquet.sequences(&Bytes::from_static(b"PAR1 and no more")), Err(FormatError::Parquet(_))));
    assert!(matches!(Parquet.sequences(&file.slice(..file.len() - 1)), Err(FormatError::Parquet(_))));

    let foreign = |name: &str, array: arrow::array::ArrayRef| {
        let batch = arrow::array::RecordBatch::try_from_iter([(name, array)]).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        Parquet.sequences(&writer.into_inner().unwrap().into()).map_err(|error| error.to_string())
    };
    let text = |text: Option<&str>| std::sync::Arc::new(arrow::array::StringArray::from(vec![text]));
    let number = std::sync::Arc::new(arrow::array::Int32Array::from(vec![1]));
    let not_ours = |why: &str| Err(format!("the file is not one that a commit wrote: {why}"));
    assert_eq!(foreign("other", number.clone()), not_ours("no column `sequence`"));
    assert_eq!(foreign("sequence", number), not_ours("`sequence` is not text"));
    assert_eq!(foreign("sequence", text(None)), not_ours("`sequence` holds something else than numbers"));
    assert_eq!(foreign("sequence", text(Some("01"))), not_ours("`sequence` holds something else than numbers"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read_back_in_its_order(
        events in prop::collection::vec((any::<u128>(), "\\PC{0,20}", any::<i64>(), any::<i64>(), "[1-9][0-9]{0,128}", 0_u32..=i32::MAX as u32, "\\PC{0,40}"), 0..20),
        bad in prop::collection::vec(("[1-9][0-9]{0,128}", 0_u32..9, any::<i64>(), "\\PC{0,40}", prop::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let events: Vec<_> = events.into_iter().map(|(id, kind, time, arrival, sequence, sub, data)| EventRow {
            event: Event { id: EventId::new(uuid::Uuid::from_u128(id)), kind, time: Timestamp::from_micros(time), data },
            arrival: Timestamp::from_micros(arrival),
            sequence: sequence.parse().unwrap(),
            sub,
        }).collect();
        let expected: Vec<_> = events.iter().map(|row| Row::Event {
            sequence: row.sequence.to_string(),
            sub: row.sub as i32,
            id: row.event.id.to_string(),
            kind: row.event.kind.clone(),
            time: row.event.time,
            arrival: row.arrival,
            data: row.event.data.clone(),
        }).collect();
        let file = Parquet.events(&source(), &events).unwrap();
        prop_assert_eq!(&file, &Parquet.events(&source(), &events).unwrap());
        prop_assert_eq!(rows_of(&Area::Raw("events".parse().unwrap()), &file), expected);
        prop_assert_eq!(Parquet.sequences(&file).unwrap(), events.iter().map(|row| row.sequence).collect());

        let bad: Vec<_> = bad.into_iter().map(|(sequence, sub, arrival, detail, original)| QuarantineRow {
            sequence: sequence.parse().unwrap(),
            sub,
            arrival: Timestamp::from_micros(arrival),
            reason_code: "json_syntax",
            detail,
            original: original.into(),
        }).collect();
        let expected: Vec<_> = bad.iter().map(|row| Row::Quarantine {
            sequence: row.sequence.to_string(),
            sub: row.sub as i32,
            reason: row.reason_code.to_owned(),
            detail: row.detail.clone(),
            arrival: row.arrival,
            payload: row.original.to_vec(),
        }).collect();
        let file = Parquet.quarantine(&source(), &bad).unwrap();
        prop_assert_eq!(rows_of(&Area::Quarantine, &file), expected);
        prop_assert_eq!(Parquet.sequences(&file).unwrap(), bad.iter().map(|row| row.sequence).collect());
    }
}
