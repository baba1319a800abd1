//! Parquet files of events and of quarantined input.
//!
//! The columns are fixed here; every reader of the lake depends on them, so they only ever grow. A delivery is
//! named by `(stream, shard, sequence, sub)`, and `stream` holds the stream's creation time as well as its name,
//! because a stream that is made again under its old name numbers its records anew.
//!
//! The bytes are a function of the rows. No schema of Arrow's own is embedded and the writer's name carries no
//! version, so that an update of a library does not change files whose encoding it leaves alone.
//!
//! The reader panics on some malformed files. So nothing is read here whose checksum the caller has not verified
//! against the ledger: what passes that is what this module wrote.

use std::sync::{Arc, LazyLock};

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow::array::{Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, SequenceSet, Timestamp};

use crate::batch::Source;
use crate::format::{FileFormat, FormatError};
use crate::rows::{CONTRACT_VERSION, EventRow, QuarantineRow};

const SEQUENCE: &str = "sequence";
/// A bucket is a range of row groups, so they are small enough to be worth skipping.
const ROW_GROUP_ROWS_MAX: usize = 65_536;
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;
/// Rows are laid out in columns so many bytes at a time: a column's offsets are 32 bits wide, and the batch is in
/// memory already.
const LAYOUT_BYTES_MAX: usize = 8 << 20;

/// The columns of a file of events.
pub static EVENT_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("event_id", DataType::Utf8),
        ("event_type", DataType::Utf8),
        ("event_time", utc_micros()),
        ("arrival_time", utc_micros()),
        ("stream", DataType::Utf8),
        ("shard", DataType::Utf8),
        (SEQUENCE, DataType::Utf8),
        ("sub", DataType::Int32),
        ("contract_version", DataType::Int32),
        ("data", DataType::Utf8),
    ])
});

/// The columns of a file of quarantined input.
pub static QUARANTINE_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("reason", DataType::Utf8),
        ("detail", DataType::Utf8),
        ("arrival_time", utc_micros()),
        ("stream", DataType::Utf8),
        ("shard", DataType::Utf8),
        (SEQUENCE, DataType::Utf8),
        ("sub", DataType::Int32),
        ("contract_version", DataType::Int32),
        ("payload", DataType::Binary),
    ])
});

fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), false);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The file format of the lake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parquet;

impl FileFormat for Parquet {
    fn events(&self, source: &Source, rows: &[EventRow]) -> Result<Bytes, FormatError> {
        write(&EVENT_SCHEMA, rows, EventRow::bytes, |rows| {
            let mut columns = vec![
                strings(rows.iter().map(|row| row.event.id.to_string())),
                strings(rows.iter().map(|row| &row.event.kind)),
                times(rows.iter().map(|row| row.event.time)),
            ];
            columns.extend(origin(source, rows.iter().map(|row| (row.arrival, row.sequence, row.sub)))?);
            columns.push(strings(rows.iter().map(|row| &row.event.data)));
            Ok(columns)
        })
    }

    fn quarantine(&self, source: &Source, rows: &[QuarantineRow]) -> Result<Bytes, FormatError> {
        write(&QUARANTINE_SCHEMA, rows, QuarantineRow::bytes, |rows| {
            let mut columns =
                vec![strings(rows.iter().map(|row| row.reason_code)), strings(rows.iter().map(|row| &row.detail))];
            columns.extend(origin(source, rows.iter().map(|row| (row.arrival, row.sequence, row.sub)))?);
            columns.push(Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.original))));
            Ok(columns)
        })
    }

    fn sequences(&self, file: &Bytes) -> Result<SequenceSet, FormatError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone())?;
        let column = builder.schema().index_of(SEQUENCE).map_err(|_| FormatError::Foreign("no column `sequence`"))?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
        let mut numbers = Vec::new();
        for batch in builder.with_projection(mask).build()? {
            let batch = batch?;
            let texts = batch.column(0).as_any().downcast_ref::<StringArray>();
            for text in texts.ok_or(FormatError::Foreign("`sequence` is not text"))? {
                let number = text.and_then(|text| text.parse::<SequenceNumber>().ok());
                numbers.push(number.ok_or(FormatError::Foreign("`sequence` holds something else than numbers"))?);
            }
        }
        Ok(numbers.into_iter().collect())
    }
}

/// The columns that both kinds of file have in common: where a row comes from.
fn origin(
    source: &Source,
    rows: impl ExactSizeIterator<Item = (Timestamp, SequenceNumber, u32)> + Clone,
) -> Result<[ArrayRef; 6], FormatError> {
    let (stream, shard) = source.shard()?;
    let stream = format!("{}.{}", stream.name, stream.created_ms);
    let shard = shard.to_string();
    let sub = |sub: u32| i32::try_from(sub).map_err(|_| FormatError::SubTooLarge { sub });
    Ok([
        times(rows.clone().map(|(arrival, _, _)| arrival)),
        strings(std::iter::repeat_n(&stream, rows.len())),
        strings(std::iter::repeat_n(&shard, rows.len())),
        strings(rows.clone().map(|(_, sequence, _)| sequence.to_string())),
        Arc::new(Int32Array::from(rows.clone().map(|row| sub(row.2)).collect::<Result<Vec<_>, _>>()?)),
        Arc::new(Int32Array::from(vec![CONTRACT_VERSION; rows.len()])),
    ])
}

fn strings<S: AsRef<str>>(texts: impl Iterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn times(times: impl Iterator<Item = Timestamp>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(times.map(Timestamp::micros)).with_timezone("UTC"))
}

/// Writes rows, a bounded part of them at a time.
fn write<R>(
    schema: &SchemaRef,
    rows: &[R],
    size: impl Fn(&R) -> usize,
    columns: impl Fn(&[R]) -> Result<Vec<ArrayRef>, FormatError>,
) -> Result<Bytes, FormatError> {
    let options = ArrowWriterOptions::new().with_properties(properties()?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
    let mut rest = rows;
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(fitting(rest, &size));
        writer.write(&RecordBatch::try_new(schema.clone(), columns(part)?)?)?;
        rest = behind;
    }
    Ok(writer.into_inner()?.into())
}

/// How many of the rows fit one layout; one always does, since a record's limits bound it.
fn fitting<R>(rows: &[R], size: impl Fn(&R) -> usize) -> usize {
    let mut bytes = 0;
    let full = rows.iter().position(|row| {
        bytes += size(row);
        bytes > LAYOUT_BYTES_MAX
    });
    full.unwrap_or(rows.len()).max(1)
}

/// How columns are stored. A dictionary pays where values repeat, and statistics where a reader skips by them: ids
/// and payloads are neither, and statistics of text would copy its beginning into the footer.
fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by("iguazu".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX));
    for column in ["event_type", "reason", "stream", "shard", "sub", "contract_version"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), true);
    }
    for column in ["event_type", "reason", "event_time", "arrival_time"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
    }
    // Random digits: compression costs more time than it saves bytes.
    Ok(properties.set_column_compression(ColumnPath::from("event_id"), Compression::UNCOMPRESSED).build())
}
