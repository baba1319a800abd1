//! Records to make, and rows to read back.

use std::io::Write;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_transform::{Batch, Catalog, Contract, Limits, Output, Parquet, Payload, Record, Secrets, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub const STREAM: &str = "orders.1767225600000";
pub const SHARD: &str = "shardId-000000000003";

/// 2026-11-21T12:00:00Z, when every record arrives that does not say otherwise.
pub const ARRIVAL: Timestamp = Timestamp::from_millis(1_795_262_400_000);

pub fn source() -> Source {
    Source { chain: format!("shard.{STREAM}.{SHARD}").parse().unwrap() }
}

pub fn record(sequence: u64, data: impl AsRef<[u8]>) -> Record {
    Record {
        sequence: sequence.into(),
        arrival: ARRIVAL,
        payload: Payload::Data(Bytes::copy_from_slice(data.as_ref())),
    }
}

pub fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

/// A document whose id is a number, with one member more.
pub fn event(number: u128) -> String {
    format!(r#"{{"id":"{}","type":"order","time":"2026-11-21T11:59:00Z","n":{number}}}"#, id(number))
}

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A row as a reader of the lake sees it. Both kinds in one type, so that they sort into one list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    Event { sequence: String, sub: i32, id: String, kind: String, time: Timestamp, arrival: Timestamp, data: String },
    Quarantine { sequence: String, sub: i32, reason: String, detail: String, arrival: Timestamp, payload: Vec<u8> },
}

pub fn read(file: &Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

/// The rows of a file, in its order. The columns that all rows share are checked on the way.
pub fn rows_of(area: &Area, file: &Bytes) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in read(file) {
        let text = |name: &str, row| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
        let int = |name: &str, row| batch.column_by_name(name).unwrap().as_primitive::<Int32Type>().value(row);
        let time = |name: &str, row| {
            let column = batch.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>();
            Timestamp::from_micros(column.value(row))
        };
        for row in 0..batch.num_rows() {
            assert_eq!((text("stream", row), text("shard", row)), (STREAM.to_owned(), SHARD.to_owned()));
            if matches!(area, Area::Raw(_)) {
                assert_eq!(int("contract_version", row), 0);
            }
            let (sequence, sub, arrival) = (text("sequence", row), int("sub", row), time("arrival_time", row));
            rows.push(match area {
                Area::Raw(_) => Row::Event {
                    sequence,
                    sub,
                    id: text("event_id", row),
                    kind: text("event_type", row),
                    time: time("event_time", row),
                    arrival,
                    data: text("data", row),
                },
                Area::Quarantine => Row::Quarantine {
                    sequence,
                    sub,
                    reason: text("reason", row),
                    detail: text("detail", row),
                    arrival,
                    payload: batch.column_by_name("payload").unwrap().as_binary::<i32>().value(row).to_vec(),
                },
            });
        }
        let required = batch.columns().iter().zip(batch.schema().fields().clone().iter().cloned().collect::<Vec<_>>());
        assert!(required.filter(|(_, field)| !field.is_nullable()).all(|(column, _)| column.null_count() == 0));
    }
    rows
}

/// The built-in contract, changed a little.
pub fn catalog(change: impl FnOnce(&mut Contract)) -> Catalog {
    catalog_within(Limits::default(), change)
}

pub fn catalog_within(limits: Limits, change: impl FnOnce(&mut Contract)) -> Catalog {
    let mut contract = Contract::built_in("events".parse().unwrap());
    change(&mut contract);
    Catalog::new(vec![contract], &Secrets::default(), limits).unwrap()
}

pub fn output_by(catalog: &Catalog, records: &[Record]) -> Output {
    let mut batch = Batch::new(catalog);
    for record in records {
        let pushed = batch.push(record);
        assert!(pushed.accepted + pushed.quarantined > 0, "every record becomes at least one row");
    }
    assert_eq!(batch.records(), records.len());
    batch.finish(&source(), &Parquet).unwrap()
}

pub fn output(records: &[Record]) -> Output {
    output_by(&catalog(|_| ()), records)
}

/// What the built-in contract makes of one document: an event, or a reason's code and text.
pub fn judged(document: impl AsRef<[u8]>) -> Result<Row, (String, String)> {
    judged_by(&catalog(|_| ()), document)
}

pub fn judged_by(catalog: &Catalog, document: impl AsRef<[u8]>) -> Result<Row, (String, String)> {
    let mut rows = rows_in(&output_by(catalog, &[record(1, document)]));
    assert_eq!(rows.len(), 1, "one document, one row");
    match rows.remove(0) {
        Row::Quarantine { reason, detail, .. } => Err((reason, detail)),
        event => Ok(event),
    }
}

/// The rows of an output in the order of their deliveries.
pub fn rows_in(output: &Output) -> Vec<Row> {
    let mut rows: Vec<_> = output.files.iter().flat_map(|file| rows_of(&file.area, &file.bytes)).collect();
    let delivery = |row: &Row| match row {
        Row::Event { sequence, sub, .. } | Row::Quarantine { sequence, sub, .. } => {
            (sequence.len(), sequence.clone(), *sub)
        }
    };
    rows.sort_by_key(delivery);
    rows
}

pub fn rows(records: &[Record]) -> Vec<Row> {
    rows_in(&output(records))
}

/// What became of one record, document by document: the event's id, or the reason and the bytes.
pub fn outcome_by(catalog: &Catalog, data: impl AsRef<[u8]>) -> Vec<Result<String, (String, Vec<u8>)>> {
    let rows = rows_in(&output_by(catalog, &[record(1, data)]));
    let subs = rows.iter().map(|row| match row {
        Row::Event { sub, .. } | Row::Quarantine { sub, .. } => *sub,
    });
    assert_eq!(subs.collect::<Vec<_>>(), (0..rows.len() as i32).collect::<Vec<_>>(), "sub counts from 0");
    rows.into_iter()
        .map(|row| match row {
            Row::Event { id, .. } => Ok(id),
            Row::Quarantine { reason, payload, .. } => Err((reason, payload)),
        })
        .collect()
}

pub fn outcome(data: impl AsRef<[u8]>) -> Vec<Result<String, (String, Vec<u8>)>> {
    outcome_by(&catalog(|_| ()), data)
}

/// The outcome of a record, or a document of one, that is quarantined with its own bytes.
pub fn refused(reason: &str, original: impl AsRef<[u8]>) -> Result<String, (String, Vec<u8>)> {
    Err((reason.to_owned(), original.as_ref().to_vec()))
}

pub fn accepted(number: u128) -> Result<String, (String, Vec<u8>)> {
    Ok(id(number))
}

/// Sequence numbers of today's width.
pub fn wide_sequence(tail: u64) -> SequenceNumber {
    format!("49590338271490256608559692538361571095921575989136{tail:06}").parse().unwrap()
}
