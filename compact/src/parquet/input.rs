//! An opened file: its columns, its keys and the deliveries of some of its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelectionPolicy, RowSelector,
};
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use ::parquet::file::reader::ChunkReader;
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_empty_array,
};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use iguazu_lake::ids::{EventId, Timestamp};
use iguazu_lake::keys::version::TypeKey;

use super::foreign;
use crate::error::CompactError;
use crate::format::{Keys, RowKey};
use crate::keep::{Copy, Delivery};

/// Keys are read so many rows at a time.
const KEY_ROWS: usize = 65_536;
const DELIVERY: [&str; 4] = ["stream", "shard", "sequence", "sub"];

/// An opened file.
#[derive(Debug)]
pub struct Input {
    bytes: Bytes,
    reader: ArrowReaderMetadata,
    /// The columns as the file has them; texts as views, which are cheap to gather.
    schema: SchemaRef,
    rows: usize,
}

/// The type that a column is decoded to.
pub(super) fn decoded(kind: &DataType) -> DataType {
    if *kind == DataType::Utf8 { DataType::Utf8View } else { kind.clone() }
}

/// What reads a file whose metadata is known, texts as views.
pub(super) fn with_views(metadata: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata, CompactError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let plain = ArrowReaderMetadata::try_new(metadata.clone(), options.clone())?;
    let field = |field: &Arc<Field>| field.as_ref().clone().with_data_type(decoded(field.data_type()));
    let schema = Schema::new(plain.schema().fields().iter().map(field).collect::<Vec<_>>());
    Ok(ArrowReaderMetadata::try_new(metadata, options.with_schema(Arc::new(schema)))?)
}

impl Input {
    pub(super) fn open(bytes: Bytes) -> Result<Self, CompactError> {
        let metadata =
            ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&bytes)?;
        let rows = usize::try_from(metadata.file_metadata().num_rows())
            .ok()
            .filter(|&rows| u32::try_from(rows).is_ok())
            .ok_or_else(|| foreign("it has more rows than a file of ours can have"))?;
        let reader = with_views(Arc::new(metadata))?;
        let schema = reader.schema().clone();
        Ok(Self { bytes, reader, schema, rows })
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn keys(&self, by_type: bool) -> Result<Keys, CompactError> {
        let mut columns = vec!["event_id", "event_time", "arrival_time"];
        columns.extend(by_type.then_some("event_type"));
        let mut keys = Keys { rows: Vec::with_capacity(self.rows), kinds: Vec::new() };
        let mut kinds = Kinds::default();
        for batch in part(&self.bytes, &self.reader, &columns)?.with_batch_size(KEY_ROWS).build()? {
            let batch = batch?;
            let ids = texts(&batch, "event_id")?;
            let (happened, arrived) = (times(&batch, "event_time")?, times(&batch, "arrival_time")?);
            let types = by_type.then(|| texts(&batch, "event_type")).transpose()?;
            for row in 0..batch.num_rows() {
                let id = EventId::of_text(ids.value(row)).ok_or_else(|| foreign("`event_id` holds no UUID"))?;
                let copy = Copy {
                    event_time: Timestamp::from_micros(happened.value(row)),
                    arrival: Timestamp::from_micros(arrived.value(row)),
                };
                let kind = types.map_or(0, |types| kinds.of(types.value(row)));
                keys.rows.push(RowKey { id, copy, kind });
            }
        }
        keys.kinds = kinds.keys;
        Ok(keys)
    }

    pub(super) fn deliveries(&self, rows: &[u32]) -> Result<Vec<Delivery>, CompactError> {
        let mut asked = rows.to_vec();
        asked.sort_unstable();
        asked.dedup();
        if asked.last().is_some_and(|&row| row as usize >= self.rows) {
            return Err(foreign("a row was asked for that it has not"));
        }
        let mut found = Vec::with_capacity(asked.len());
        let chosen = chosen(asked.iter().map(|&row| row as usize..row as usize + 1));
        for batch in part(&self.bytes, &self.reader, &DELIVERY)?.with_row_selection(chosen).build()? {
            found.extend(deliveries(&batch?)?);
        }
        // Each row that was asked for is among those that were read.
        let place = |row: &u32| asked.binary_search(row).ok().and_then(|at| found.get(at)).cloned();
        rows.iter().map(|row| place(row).ok_or_else(|| foreign("it has fewer rows than it says"))).collect()
    }

    /// A column, decoded.
    pub(super) fn column(&self, column: usize) -> Result<ArrayRef, CompactError> {
        let mask = ProjectionMask::roots(self.reader.parquet_schema(), [column]);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.reader.clone())
            .with_projection(mask)
            .with_batch_size(self.rows.max(1))
            .build()?;
        let arrays = arrays(reader)?;
        match arrays.as_slice() {
            [] => Ok(new_empty_array(self.schema.field(column).data_type())),
            [only] => Ok(only.clone()),
            several => Ok(concat(&several.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
        }
    }
}

fn arrays(reader: ParquetRecordBatchReader) -> Result<Vec<ArrayRef>, CompactError> {
    reader.map(|batch| Ok(batch?.column(0).clone())).collect()
}

/// A reader of some columns of a file.
pub(super) fn part<C: ChunkReader + Clone + 'static>(
    file: &C,
    reader: &ArrowReaderMetadata,
    columns: &[&str],
) -> Result<ParquetRecordBatchReaderBuilder<C>, CompactError> {
    let positions = columns
        .iter()
        .map(|name| reader.schema().index_of(name).map_err(|_| foreign(format!("it has no column `{name}`"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mask = ProjectionMask::roots(reader.parquet_schema(), positions);
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), reader.clone())
        .with_projection(mask)
        .with_row_selection_policy(RowSelectionPolicy::Selectors))
}

/// Ascending ranges of rows that do not overlap, as a selection.
pub(super) fn chosen(ranges: impl Iterator<Item = std::ops::Range<usize>>) -> RowSelection {
    let mut selectors = Vec::new();
    let mut at = 0;
    for range in ranges {
        if range.start > at {
            selectors.push(RowSelector::skip(range.start - at));
        }
        at = range.end;
        selectors.push(RowSelector::select(range.len()));
    }
    selectors.into()
}

pub(super) fn deliveries(batch: &RecordBatch) -> Result<Vec<Delivery>, CompactError> {
    let (streams, shards, sequences) = (texts(batch, "stream")?, texts(batch, "shard")?, texts(batch, "sequence")?);
    let subs = numbers(batch, "sub")?;
    let delivery = |row: usize| {
        Ok(Delivery {
            stream: streams.value(row).to_owned(),
            shard: shards.value(row).to_owned(),
            sequence: sequences.value(row).parse().map_err(|_| foreign("`sequence` holds something else"))?,
            sub: u32::try_from(subs.value(row)).map_err(|_| foreign("`sub` holds a negative number"))?,
        })
    };
    (0..batch.num_rows()).map(delivery).collect()
}

fn whole<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, CompactError> {
    let column = batch.column_by_name(name).ok_or_else(|| foreign(format!("it has no column `{name}`")))?;
    if column.null_count() > 0 {
        return Err(foreign(format!("its column `{name}` holds nulls")));
    }
    Ok(column)
}

pub(super) fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringViewArray, CompactError> {
    whole(batch, name)?.as_string_view_opt().ok_or_else(|| foreign(format!("its column `{name}` is no text")))
}

pub(super) fn times<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b TimestampMicrosecondArray, CompactError> {
    let times = whole(batch, name)?.as_primitive_opt::<TimestampMicrosecondType>();
    times.ok_or_else(|| foreign(format!("its column `{name}` is no time in microseconds")))
}

fn numbers<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b Int32Array, CompactError> {
    whole(batch, name)?.as_primitive_opt::<Int32Type>().ok_or_else(|| foreign(format!("its column `{name}` is no int")))
}

/// The types of event of a file.
#[derive(Default)]
struct Kinds {
    keys: Vec<TypeKey>,
    known: BTreeMap<Box<str>, u32>,
}

impl Kinds {
    fn of(&mut self, kind: &str) -> u32 {
        if let Some(&known) = self.known.get(kind) {
            return known;
        }
        // Two types of one key are one: the partition is named by the key.
        let key = TypeKey::of(kind);
        let at = self.keys.iter().position(|other| *other == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.known.insert(kind.into(), at);
        at
    }
}
