//! The Parquet files: their columns, their bytes, and what is read back from them.

use bytes::Bytes;
use iguazu_lake::ids::{EventId, SequenceNumber, SequenceSet, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_transform::parquet::{PLACEMENT_KEY, PLACEMENT_PARTS, QUARANTINE_SCHEMA};
use iguazu_transform::rows::Place;
use iguazu_transform::{FileFormat, FormatError, Output, Parquet, Payload, QuarantineRow, Record};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use proptest::prelude::*;

use crate::support::{ARRIVAL, Row, catalog, catalog_within, id, output_by, read, rows_of, source, wide_sequence};

/// A record of one event, as wide as Kinesis has them.
fn event_record(number: u64, more: &str) -> Record {
    let text = format!(r#"{{"id":"{}","type":"order","time":"2026-11-21T11:59:00Z"{more}}}"#, id(number.into()));
    Record { sequence: wide_sequence(number), arrival: ARRIVAL, payload: Payload::Data(text.into()) }
}

/// The file of some events by the built-in contract.
fn events(records: &[Record]) -> Bytes {
    let Output { mut files, .. } = output_by(&catalog(|_| ()), records);
    assert_eq!(files.len(), 1, "events of one table and date");
    files.remove(0).bytes
}

fn quarantine_row(sequence: u64) -> QuarantineRow {
    QuarantineRow {
        place: Place { sequence: sequence.into(), sub: 0, arrival: ARRIVAL, bytes: 2 },
        reason_code: "base64",
        detail: "detail".into(),
        contract: None,
        path: None,
        found: None,
        original: Bytes::from_static(b"\0\xFF"),
    }
}

/// One that a contract judged.
fn judged_row(sequence: u64) -> QuarantineRow {
    QuarantineRow {
        contract: Some(("orders".parse().unwrap(), 3)),
        path: Some("/amount".into()),
        found: Some("a string"),
        ..quarantine_row(sequence)
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
    let events = events(&[event_record(1, "")]);
    let quarantine = Parquet.quarantine(&source(), &[quarantine_row(1)]).unwrap();
    assert_eq!(schema_text(&events), include_str!("../golden/events.v0.schema"));
    assert_eq!(schema_text(&quarantine), include_str!("../golden/quarantine.v1.schema"));
    // What Arrow readers see is the schema that was written, though no copy of it is embedded.
    let built_in = catalog(|_| ());
    assert_eq!(read(&events)[0].schema().fields(), built_in.tables()[0].contract().arrow_schema().fields());
    assert_eq!(read(&quarantine)[0].schema().fields(), QUARANTINE_SCHEMA.fields());
}

#[test]
fn the_files_of_earlier_versions_are_read_for_ever() {
    let event = |number: i64, data: &str| Row::Event {
        sequence: wide_sequence(number as u64).to_string(),
        sub: 3,
        id: id(number as u128),
        kind: "order".into(),
        time: Timestamp::from_micros(number),
        arrival: ARRIVAL,
        data: data.into(),
    };
    let raw = Area::Raw("events".parse().unwrap());
    let events = Bytes::from_static(include_bytes!("../golden/events.v0.parquet"));
    assert_eq!(rows_of(&raw, &events), [event(1, r#"{"n":1}"#), event(2, "{}")]);
    assert_eq!(Parquet.sequences(&events).unwrap(), [wide_sequence(1), wide_sequence(2)].into_iter().collect());

    let row = |sequence: &str| Row::Quarantine {
        sequence: sequence.into(),
        sub: 0,
        reason: "base64".into(),
        detail: "detail".into(),
        arrival: ARRIVAL,
        payload: b"\0\xFF".to_vec(),
    };
    let old = Bytes::from_static(include_bytes!("../golden/quarantine.v0.parquet"));
    assert_eq!(rows_of(&Area::Quarantine, &old), [row("7")]);
    assert_eq!(Parquet.sequences(&old).unwrap(), [SequenceNumber::from(7)].into_iter().collect());
    let new = Bytes::from_static(include_bytes!("../golden/quarantine.v1.parquet"));
    assert_eq!(rows_of(&Area::Quarantine, &new), [row("7"), row("8")]);
}

#[test]
fn the_bytes_of_a_version_do_not_change() {
    assert_eq!(golden_events(), Bytes::from_static(include_bytes!("../golden/events.v1.parquet")));
    assert_eq!(golden_quarantine(), Bytes::from_static(include_bytes!("../golden/quarantine.v1.parquet")));
}

fn golden_events() -> Bytes {
    events(&(0..600).map(|n| event_record(n, &format!(r#","n":{n},"m":[{}]"#, n % 7))).collect::<Vec<_>>())
}

fn golden_quarantine() -> Bytes {
    Parquet.quarantine(&source(), &[quarantine_row(7), judged_row(8)]).unwrap()
}

/// Writes the golden files of the present version; run by hand, once per version.
#[test]
#[ignore = "it writes into the source tree"]
fn write_the_golden_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    std::fs::write(format!("{folder}/events.v1.parquet"), golden_events()).unwrap();
    std::fs::write(format!("{folder}/quarantine.v1.parquet"), golden_quarantine()).unwrap();
    std::fs::write(format!("{folder}/quarantine.v1.schema"), schema_text(&golden_quarantine())).unwrap();
}

#[test]
fn a_file_says_nothing_about_who_wrote_it_but_the_name_and_where_its_rows_stand() {
    let metadata = metadata(&events(&[event_record(1, "")]));
    assert_eq!(metadata.file_metadata().created_by(), Some("iguazu"));
    let keys = metadata.file_metadata().key_value_metadata().unwrap();
    assert_eq!(keys.iter().map(|pair| pair.key.as_str()).collect::<Vec<_>>(), [PLACEMENT_KEY]);
}

#[test]
fn columns_are_stored_as_their_values_are() {
    let records: Vec<_> = (0..300).map(|number| event_record(number, "")).collect();
    let metadata = metadata(&events(&records));
    let names = |wanted: fn(&parquet::file::metadata::ColumnChunkMetaData) -> bool| -> Vec<String> {
        metadata.row_group(0).columns().iter().filter(|c| wanted(c)).map(|c| c.column_path().string()).collect()
    };
    assert_eq!(
        names(|column| column.dictionary_page_offset().is_some()),
        ["event_type", "stream", "shard", "sub", "contract_version", "data"]
    );
    assert_eq!(names(|column| column.statistics().is_some()), ["event_type", "event_time", "arrival_time"]);
    let compressed = names(|column| column.compression() != parquet::basic::Compression::UNCOMPRESSED);
    assert_eq!(compressed, ["event_id", "sequence"]);
}

#[test]
fn a_small_file_is_stored_plainly() {
    let metadata = metadata(&events(&[event_record(1, ""), event_record(2, "")]));
    let columns = metadata.row_group(0).columns();
    assert!(columns.iter().all(|column| column.compression() == parquet::basic::Compression::UNCOMPRESSED));
    assert!(columns.iter().all(|column| column.dictionary_page_offset().is_none() && column.statistics().is_none()));
}

/// The rows at which the parts of the placements begin, by the footer.
fn borders(metadata: &ParquetMetaData) -> Vec<usize> {
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let text = pairs.iter().find(|pair| pair.key == PLACEMENT_KEY).and_then(|pair| pair.value.clone()).unwrap();
    text.split(',').map(|row| row.parse().unwrap()).collect()
}

#[test]
fn the_footer_tells_where_each_bucket_is_and_large_files_have_row_groups_cut_there() {
    for (count, groups) in [(1, 1), (3_000, 1), (70_000, 2), (140_000, 4)] {
        let records: Vec<_> = (0..count).map(|number| event_record(number, "")).collect();
        let file = events(&records);
        let metadata = metadata(&file);
        let borders = borders(&metadata);
        assert_eq!((borders.len(), borders[0], borders[PLACEMENT_PARTS]), (PLACEMENT_PARTS + 1, 0, count as usize));
        let placements: Vec<_> = rows_of(&Area::Raw("events".parse().unwrap()), &file)
            .iter()
            .map(|row| match row {
                Row::Event { id, .. } => id.parse::<EventId>().unwrap().placement(),
                Row::Quarantine { .. } => panic!("nothing here is quarantined"),
            })
            .collect();
        for (part, rows) in borders.windows(2).enumerate() {
            assert!(placements[rows[0]..rows[1]].iter().all(|placement| (placement >> 56) as usize == part));
        }
        let sizes: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows() as usize).collect();
        assert_eq!(sizes.len(), groups, "{count} rows");
        let edges: Vec<_> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        assert!(edges.iter().all(|edge| borders.contains(edge)), "a row group ends within a part");
        assert_eq!(Parquet.sequences(&file).unwrap(), records.iter().map(|record| record.sequence).collect());
    }
}

#[test]
fn row_groups_are_bounded_in_bytes() {
    // Noise, since what is bounded is what is written: rows that compress well may be many.
    let mut state = 1_u64;
    let large: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8).to_ascii_lowercase()
    })
    .take(6 << 20)
    .map(|character| if character == '\\' { '~' } else { character })
    .collect();
    let limits = iguazu_transform::Limits { record_bytes_max: 8 << 20, ..Default::default() };
    let records: Vec<_> = (0..16).map(|number| event_record(number, &format!(r#","n":"{large}""#))).collect();
    let output = output_by(&catalog_within(limits, |_| ()), &records);
    assert_eq!(output.files.len(), 1);
    let file = &output.files[0].bytes;
    assert!(metadata(file).num_row_groups() > 1);
    assert_eq!(read(file).iter().map(|batch| batch.num_rows()).sum::<usize>(), 16);
}

#[test]
fn a_sub_number_that_does_not_fit_is_an_error_and_no_other_number() {
    let mut row = quarantine_row(1);
    row.place.sub = u32::MAX;
    assert!(matches!(Parquet.quarantine(&source(), &[row]), Err(FormatError::SubTooLarge { sub: u32::MAX })));
}

#[test]
fn the_sequence_numbers_of_a_file_are_read_once_each() {
    let rows: Vec<_> = [5, 2, 5, 9].into_iter().map(quarantine_row).collect();
    let file = Parquet.quarantine(&source(), &rows).unwrap();
    assert_eq!(Parquet.sequences(&file).unwrap(), [2, 5, 9].map(SequenceNumber::from).into_iter().collect());
    let nothing = Parquet.quarantine(&source(), &[]).unwrap();
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
    fn what_is_quarantined_is_read_back_in_its_order(
        bad in prop::collection::vec(("[1-9][0-9]{0,128}", 0_u32..9, any::<i64>(), "\\PC{0,40}", prop::collection::vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let bad: Vec<_> = bad.into_iter().map(|(sequence, sub, arrival, detail, original)| QuarantineRow {
            place: Place { sequence: sequence.parse().unwrap(), sub, arrival: Timestamp::from_micros(arrival), bytes: 0 },
            reason_code: "json_syntax",
            detail,
            original: original.into(),
            ..judged_row(1)
        }).collect();
        let expected: Vec<_> = bad.iter().map(|row| Row::Quarantine {
            sequence: row.place.sequence.to_string(),
            sub: row.place.sub as i32,
            reason: row.reason_code.to_owned(),
            detail: row.detail.clone(),
            arrival: row.place.arrival,
            payload: row.original.to_vec(),
        }).collect();
        let file = Parquet.quarantine(&source(), &bad).unwrap();
        prop_assert_eq!(&file, &Parquet.quarantine(&source(), &bad).unwrap());
        prop_assert_eq!(rows_of(&Area::Quarantine, &file), expected);
        prop_assert_eq!(Parquet.sequences(&file).unwrap(), bad.iter().map(|row| row.place.sequence).collect());
    }
}
