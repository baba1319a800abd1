//! Parquet files of events and of quarantined input.
//!
//! The columns of a table come from its contract; every reader of the lake depends on them, so they only ever grow. A
//! delivery is named by `(stream, shard, sequence, sub)`, and `stream` holds the stream's creation time as well as its
//! name, because a stream that is made again under its old name numbers its records anew.
//!
//! The bytes are a function of the rows. No schema of Arrow's own is embedded and the writer's name carries no
//! version, so that an update of a library does not change files whose encoding it leaves alone.
//!
//! A file's rows are sorted by placement, so any number of buckets is a run of rows each. Where each of 256 equal
//! parts of the placements begins is in the footer, under [`PLACEMENT_KEY`], so that a bucket's reader skips to its
//! rows; and a file of many rows has its row groups cut where such parts begin.
//!
//! The reader panics on some malformed files. So nothing is read here whose checksum the caller has not verified
//! against the ledger: what passes that is what this module wrote.

use std::sync::{Arc, LazyLock};

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow::array::{
    Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, SequenceSet, Timestamp};

use crate::batch::Source;
use crate::columns::Texts;
use crate::decode::Table;
use crate::format::{FileFormat, FormatError};
use crate::layout;
use crate::rows::{Place, QuarantineRow, Rows};

const SEQUENCE: &str = "sequence";
/// The digits of today's sequence numbers; it only sizes memory.
const SEQUENCE_BYTES: usize = 56;
/// Under this key the footer says where each of [`PLACEMENT_PARTS`] equal parts of all placements begins: row numbers
/// in decimal, separated by commas.
pub const PLACEMENT_KEY: &str = "iguazu.placement";
/// How many parts those are. A bucket of any lower power of two is a run of them.
pub const PLACEMENT_PARTS: usize = 256;
/// A row group is about as large as this, or all of a smaller file.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows are laid out in columns so many bytes at a time: a column's offsets are 32 bits wide, and the batch is in
/// memory already.
const LAYOUT_BYTES_MAX: usize = 8 << 20;

/// The columns of a file of quarantined input.
pub static QUARANTINE_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let times = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("reason", DataType::Utf8, false),
        Field::new("detail", DataType::Utf8, false),
        Field::new("arrival_time", times, false),
        Field::new("stream", DataType::Utf8, false),
        Field::new("shard", DataType::Utf8, false),
        Field::new(SEQUENCE, DataType::Utf8, false),
        Field::new("sub", DataType::Int32, false),
        Field::new("contract_version", DataType::Int32, false),
        Field::new("payload", DataType::Binary, false),
        Field::new("contract", DataType::Utf8, true),
        Field::new("path", DataType::Utf8, true),
        Field::new("found", DataType::Utf8, true),
    ]))
});

/// The file format of the lake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parquet;

impl FileFormat for Parquet {
    fn events(
        &self,
        source: &Source,
        table: &Table,
        rows: Rows,
        files: &[Vec<u32>],
    ) -> Result<Vec<Bytes>, FormatError> {
        let Rows { ids, kinds, times, places, rest, rest_is_kept, columns, .. } = rows;
        let mut gathered = vec![kinds.into_array(None)?];
        if rest_is_kept {
            gathered.push(rest.into_array(None)?);
        }
        for column in columns {
            gathered.push(column.into_array()?);
        }
        let sizes: Vec<_> = places.iter().map(|place| place.bytes as usize).collect();
        let version = i32::try_from(table.contract().version).unwrap_or(i32::MAX);
        let schema = &table.schema;
        let large = layout::events(schema, &gathered)?;
        let file = |order: &Vec<u32>| {
            let borders = borders(order.iter().map(|&row| ids[row as usize].placement()));
            let bytes = order.iter().map(|&row| sizes[row as usize]).sum();
            let layout = if layout::is_small(order.len(), bytes) { layout::small() } else { large.clone() };
            let mut writer = writer(schema, layout, Some(&borders))?;
            for group in row_groups(order.len(), &borders) {
                let mut rest = order.get(group).unwrap_or_default();
                while !rest.is_empty() {
                    let (part, behind) = rest.split_at(fitting(rest, |&row| sizes[row as usize]));
                    let chosen = UInt32Array::from(part.to_vec());
                    let mut taken = gathered.iter().map(|column| take(column, &chosen, None));
                    let mut columns = vec![event_ids(part.iter().map(|&row| ids[row as usize]))?];
                    columns.extend(taken.next().transpose()?);
                    columns.push(stamps(part.iter().map(|&row| times[row as usize])));
                    columns.extend(origin(source, part.iter().map(|&row| &places[row as usize]))?);
                    columns.push(Arc::new(Int32Array::from(vec![version; part.len()])));
                    for column in taken {
                        columns.push(column?);
                    }
                    writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
                    rest = behind;
                }
                writer.flush()?;
            }
            Ok(writer.into_inner()?.into())
        };
        files.iter().map(file).collect()
    }

    fn quarantine(&self, source: &Source, rows: &[QuarantineRow]) -> Result<Bytes, FormatError> {
        let schema = &*QUARANTINE_SCHEMA;
        let mut writer = writer(schema, layout::quarantine()?, None)?;
        let mut rest = rows;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(fitting(rest, QuarantineRow::bytes));
            let version = |row: &QuarantineRow| row.contract.as_ref().map_or(0, |&(_, version)| version);
            let versions = part.iter().map(|row| i32::try_from(version(row)).unwrap_or(i32::MAX));
            let contracts: StringArray =
                part.iter().map(|row| row.contract.as_ref().map(|(table, _)| table.to_string())).collect();
            let mut columns =
                vec![strings(part.iter().map(|row| row.reason_code)), strings(part.iter().map(|row| &row.detail))];
            columns.extend(origin(source, part.iter().map(|row| &row.place))?);
            columns.push(Arc::new(Int32Array::from_iter_values(versions)));
            columns.push(Arc::new(BinaryArray::from_iter_values(part.iter().map(|row| &row.original))));
            columns.push(Arc::new(contracts));
            columns.push(Arc::new(part.iter().map(|row| row.path.as_deref()).collect::<StringArray>()));
            columns.push(Arc::new(part.iter().map(|row| row.found).collect::<StringArray>()));
            writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
            rest = behind;
        }
        Ok(writer.into_inner()?.into())
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

/// The columns that both kinds of file have in common: when a row arrived, and where from.
fn origin<'p>(
    source: &Source,
    places: impl ExactSizeIterator<Item = &'p Place> + Clone,
) -> Result<[ArrayRef; 5], FormatError> {
    let (stream, shard) = source.shard()?;
    let stream = format!("{}.{}", stream.name, stream.created_ms);
    let shard = shard.to_string();
    let sub = |sub: u32| i32::try_from(sub).map_err(|_| FormatError::SubTooLarge { sub });
    let subs = places.clone().map(|place| sub(place.sub)).collect::<Result<Vec<_>, _>>()?;
    let mut digits = [0; SequenceNumber::DIGITS_MAX];
    let mut sequences = Texts::with_room(places.len(), SEQUENCE_BYTES);
    places.clone().for_each(|place| sequences.push(place.sequence.encode(&mut digits)));
    Ok([
        stamps(places.clone().map(|place| place.arrival)),
        repeated(&stream, places.len())?,
        repeated(&shard, places.len())?,
        sequences.into_array(None)?,
        Arc::new(Int32Array::from(subs)),
    ])
}

fn event_ids(ids: impl ExactSizeIterator<Item = iguazu_lake::ids::EventId>) -> Result<ArrayRef, FormatError> {
    let offsets = OffsetBuffer::from_repeated_length(36, ids.len());
    let mut text = vec![0; 36 * ids.len()];
    for (id, text) in ids.zip(text.as_chunks_mut::<36>().0) {
        id.uuid().as_hyphenated().encode_lower(text);
    }
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(text), None)?))
}

fn strings<S: AsRef<str>>(texts: impl Iterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn repeated(text: &str, rows: usize) -> Result<ArrayRef, FormatError> {
    let offsets = OffsetBuffer::from_repeated_length(text.len(), rows);
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(text.repeat(rows).into_bytes()), None)?))
}

fn stamps(times: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let micros: Vec<i64> = times.map(Timestamp::micros).collect();
    Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(micros), None).with_timezone("UTC"))
}

/// The row at which each part of the placements begins, and the number of rows.
fn borders(placements: impl ExactSizeIterator<Item = u64>) -> Vec<usize> {
    let rows = placements.len();
    let mut borders = Vec::with_capacity(PLACEMENT_PARTS + 1);
    for (row, placement) in placements.enumerate() {
        let part = (placement >> (u64::BITS - PLACEMENT_PARTS.ilog2())) as usize;
        borders.resize((part + 1).max(borders.len()), row);
    }
    borders.resize(PLACEMENT_PARTS + 1, rows);
    borders
}

/// The rows of each row group: one group for a small file, and runs of whole parts for a large one.
fn row_groups(rows: usize, borders: &[usize]) -> Vec<std::ops::Range<usize>> {
    let groups = rows.div_ceil(ROW_GROUP_ROWS).next_power_of_two().min(PLACEMENT_PARTS);
    let edges: Vec<_> = borders.iter().copied().step_by(PLACEMENT_PARTS / groups).collect();
    edges.windows(2).map(|edge| edge[0]..edge[1]).filter(|group| !group.is_empty()).collect()
}

fn writer(
    schema: &SchemaRef,
    properties: WriterProperties,
    borders: Option<&[usize]>,
) -> Result<ArrowWriter<Vec<u8>>, FormatError> {
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
    if let Some(borders) = borders {
        let rows: Vec<_> = borders.iter().map(usize::to_string).collect();
        writer.append_key_value_metadata(KeyValue::new(PLACEMENT_KEY.to_owned(), rows.join(",")));
    }
    Ok(writer)
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
