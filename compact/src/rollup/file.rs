//! The file of a roll-up.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use arrow::array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, new_empty_array,
};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::DateTime;
use iguazu_transform::contract::Name;

use super::groups::{Coded, Windows};
use super::{Building, OVERFLOWED, foreign, measured};
use crate::error::CompactError;
use crate::format::NewRollup;
use crate::parquet::rollup_properties;

pub(super) fn write(
    building: Building,
    windows: &[Windows],
    columns: &[(Name, Coded)],
) -> Result<NewRollup, CompactError> {
    let windows = windows.iter().find(|windows| windows.width() == building.rollup.window);
    let starts = windows.map(Windows::starts).unwrap_or_default();
    let start = |key: &Vec<u32>| key.first().and_then(|&code| starts.get(code as usize)).copied();
    let begins: Vec<i64> = building.keys.iter().filter_map(start).collect();
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(begins.clone()).with_timezone("UTC"));
    let mut fields = vec![Field::new("window_start", times.data_type().clone(), false)];
    let mut arrays = vec![times];
    for (at, (name, field)) in building.rollup.by.iter().zip(&building.by).enumerate() {
        let coded = columns.iter().find(|(known, _)| known == name).map(|(_, coded)| coded);
        let values = coded.map(Coded::values).transpose()?.flatten();
        let codes: UInt32Array = building.keys.iter().map(|key| key.get(at + 1).copied()).collect();
        fields.push(field.clone());
        arrays.push(match values {
            Some(values) => take(&values, &codes, None)?,
            None => new_empty_array(field.data_type()),
        });
    }
    let order = sorted(&arrays)?;
    fields.push(Field::new("count", DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from(building.counts)));
    let mut overflowed: Vec<Vec<&str>> = vec![Vec::new(); begins.len()];
    let measures = building.rollup.measures.iter().zip(&building.kinds).zip(&building.accumulators);
    for ((measure, kind), accumulator) in measures {
        let (array, groups) = accumulator.column(kind)?;
        groups.into_iter().for_each(|group| overflowed[group].push(measure.name.as_str()));
        fields.push(Field::new(measure.name.as_str(), measured(measure.kind, kind), true));
        arrays.push(array);
    }
    let texts = overflowed.iter().map(|names| (!names.is_empty()).then(|| names.join(",")));
    fields.push(Field::new(OVERFLOWED, DataType::Utf8, true));
    arrays.push(Arc::new(texts.collect::<StringArray>()));
    let arrays = arrays.iter().map(|array| take(array, &order, None)).collect::<Result<Vec<_>, _>>()?;
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let mut said = Vec::new();
    for (row, &group) in order.values().iter().enumerate() {
        for name in &overflowed[group as usize] {
            // Its values are data, which no log may hold: the row in the file says which group it is.
            let window = DateTime::from_timestamp_micros(begins[group as usize]).unwrap_or_default();
            said.push(format!("rollup {}, window {window:?}, row {row}: {name}", building.table));
        }
    }
    Ok(NewRollup { rollup: building.table, rows: batch.num_rows() as u64, bytes: bytes(&batch)?, overflowed: said })
}

fn sorted(keys: &[ArrayRef]) -> Result<UInt32Array, CompactError> {
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let columns: Vec<_> = keys.iter().map(|values| SortColumn { values: values.clone(), options }).collect();
    if keys.iter().any(|values| values.len() != keys[0].len()) {
        return Err(foreign("the groups of a roll-up have different numbers of rows"));
    }
    Ok(lexsort_to_indices(&columns, None)?)
}

fn bytes(batch: &RecordBatch) -> Result<bytes::Bytes, CompactError> {
    let options = ArrowWriterOptions::new().with_properties(rollup_properties()?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
    writer.write(batch)?;
    Ok(writer.into_inner()?.into())
}
