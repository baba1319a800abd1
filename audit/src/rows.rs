//! The columns that every row has, by their names, whatever text type a file's reader gives them.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int32Type, TimestampMicrosecondType};
use iguazu_lake::ids::{EventId, SequenceNumber, Timestamp};

/// The text in a row; nothing where the column holds none there.
pub(crate) fn text(array: &ArrayRef, row: usize) -> Option<&str> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string_opt::<i32>().map(|texts| texts.value(row)),
        DataType::LargeUtf8 => array.as_string_opt::<i64>().map(|texts| texts.value(row)),
        DataType::Utf8View => array.as_string_view_opt().map(|texts| texts.value(row)),
        _ => None,
    }
}

pub(crate) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"))?;
    if column.null_count() > 0 {
        return Err(format!("the column `{name}` holds nulls"));
    }
    Ok(column)
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    let texts = column(batch, name)?;
    match texts.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(texts),
        other => Err(format!("the column `{name}` is {other}, expected text")),
    }
}

pub(crate) fn times<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b TimestampMicrosecondArray, String> {
    let times = column(batch, name)?;
    times
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| format!("the column `{name}` is {}, expected microseconds", times.data_type()))
}

/// The ids of rows.
pub(crate) struct Ids<'b>(&'b ArrayRef);

impl<'b> Ids<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        texts(batch, "event_id").map(Self)
    }

    pub(crate) fn id(&self, row: usize) -> Result<EventId, String> {
        text(self.0, row)
            .and_then(EventId::of_text)
            .ok_or_else(|| format!("row {row}: `event_id` is no UUID of the form 8-4-4-4-12 hexadecimal digits"))
    }
}

/// Where rows were delivered.
pub(crate) struct Origins<'b> {
    streams: &'b ArrayRef,
    shards: &'b ArrayRef,
    sequences: &'b ArrayRef,
    subs: &'b Int32Array,
}

impl<'b> Origins<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        let subs = column(batch, "sub")?;
        Ok(Self {
            streams: texts(batch, "stream")?,
            shards: texts(batch, "shard")?,
            sequences: texts(batch, "sequence")?,
            subs: subs
                .as_primitive_opt::<Int32Type>()
                .ok_or_else(|| format!("the column `sub` is {}, expected 32-bit integers", subs.data_type()))?,
        })
    }

    pub(crate) fn stream(&self, row: usize) -> &'b str {
        text(self.streams, row).unwrap_or_default()
    }

    pub(crate) fn shard(&self, row: usize) -> &'b str {
        text(self.shards, row).unwrap_or_default()
    }

    pub(crate) fn sequence(&self, row: usize) -> Result<SequenceNumber, String> {
        let number = text(self.sequences, row).and_then(|text| text.parse().ok());
        number.ok_or_else(|| format!("row {row}: `sequence` is no sequence number"))
    }

    pub(crate) fn sub(&self, row: usize) -> i32 {
        self.subs.value(row)
    }
}

/// When rows happened, and when they arrived.
pub(crate) struct Times<'b> {
    happened: &'b TimestampMicrosecondArray,
    arrived: &'b TimestampMicrosecondArray,
}

impl<'b> Times<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        Ok(Self { happened: times(batch, "event_time")?, arrived: times(batch, "arrival_time")? })
    }

    pub(crate) fn happened(&self, row: usize) -> Timestamp {
        Timestamp::from_micros(self.happened.value(row))
    }

    pub(crate) fn arrived(&self, row: usize) -> Timestamp {
        Timestamp::from_micros(self.arrived.value(row))
    }
}
