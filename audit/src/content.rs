//! Fingerprints of rows: of what an event says, and of where its row came from.
//!
//! Rules:
//! - A row's fingerprint is a hash of its values by the names of their columns. A null is as good as no column, so a row
//!   that was decoded before a column was there has the same fingerprint in a file that has the column.
//! - The fingerprint of many rows is the sum of theirs, so it depends on no order and can be taken in parts.

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_128;

/// What a delivery says of itself. The content of an event has none of it.
const ORIGIN: [&str; 6] = ["arrival_time", "stream", "shard", "sequence", "sub", "contract_version"];

/// The fingerprint of any number of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Takes other rows.
    pub fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What takes the fingerprints of a batch's rows.
pub(crate) struct Prints<'b> {
    content: Vec<(&'b str, &'b ArrayRef)>,
    origin: Vec<(&'b str, &'b ArrayRef)>,
    bytes: Vec<u8>,
}

impl<'b> Prints<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Self {
        let schema = batch.schema_ref();
        let mut columns: Vec<_> =
            schema.fields().iter().map(|field| field.name().as_str()).zip(batch.columns()).collect();
        columns.sort_unstable_by_key(|(name, _)| *name);
        let (origin, content) = columns.into_iter().partition(|(name, _)| ORIGIN.contains(name));
        Self { content, origin, bytes: Vec::new() }
    }

    /// The fingerprint of what the row's event says.
    pub(crate) fn content(&mut self, row: usize) -> Result<Fingerprint, String> {
        print(&self.content, row, &mut self.bytes)
    }

    /// The fingerprint of where the row came from.
    pub(crate) fn origin(&mut self, row: usize) -> Result<Fingerprint, String> {
        print(&self.origin, row, &mut self.bytes)
    }
}

fn print(columns: &[(&str, &ArrayRef)], row: usize, bytes: &mut Vec<u8>) -> Result<Fingerprint, String> {
    bytes.clear();
    for (name, array) in columns {
        named(name, array, row, bytes)?;
    }
    Ok(Fingerprint(xxh3_128(bytes)))
}

fn long(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(length as u64).to_le_bytes());
}

fn run(run: &[u8], bytes: &mut Vec<u8>) {
    long(run.len(), bytes);
    bytes.extend_from_slice(run);
}

fn named(name: &str, array: &ArrayRef, row: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    if array.is_null(row) {
        return Ok(());
    }
    run(name.as_bytes(), bytes);
    value(array, row, bytes)
}

/// The bytes of a value that is not null. Values of one type that differ have bytes that differ.
fn value(array: &ArrayRef, row: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    match array.data_type() {
        DataType::Utf8 => run(array.as_string::<i32>().value(row).as_bytes(), bytes),
        DataType::LargeUtf8 => run(array.as_string::<i64>().value(row).as_bytes(), bytes),
        DataType::Utf8View => run(array.as_string_view().value(row).as_bytes(), bytes),
        DataType::Boolean => bytes.push(array.as_boolean().value(row).into()),
        DataType::Int32 => bytes.extend(array.as_primitive::<Int32Type>().value(row).to_le_bytes()),
        DataType::Date32 => bytes.extend(array.as_primitive::<Date32Type>().value(row).to_le_bytes()),
        DataType::Int64 => bytes.extend(array.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        DataType::Timestamp(..) => {
            let times = array.as_primitive_opt::<TimestampMicrosecondType>();
            bytes.extend(times.ok_or("a time that is not in microseconds")?.value(row).to_le_bytes());
        }
        DataType::Float64 => bytes.extend(array.as_primitive::<Float64Type>().value(row).to_bits().to_le_bytes()),
        DataType::Decimal128(_, scale) => {
            bytes.extend(scale.to_le_bytes());
            bytes.extend(array.as_primitive::<Decimal128Type>().value(row).to_le_bytes());
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            long(elements.len(), bytes);
            for element in 0..elements.len() {
                bytes.push(elements.is_valid(element).into());
                if elements.is_valid(element) {
                    value(&elements, element, bytes)?;
                }
            }
        }
        DataType::Struct(fields) => {
            let mut columns: Vec<_> =
                fields.iter().map(|field| field.name().as_str()).zip(array.as_struct().columns()).collect();
            columns.sort_unstable_by_key(|(name, _)| *name);
            let present = columns.iter().filter(|(_, column)| column.is_valid(row)).count();
            long(present, bytes);
            columns.iter().try_for_each(|(name, column)| named(name, column, row, bytes))?;
        }
        other => return Err(format!("a column of {other}, which no contract has")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, StringViewArray, new_null_array};

    use super::*;

    fn content(columns: Vec<(&str, ArrayRef)>) -> Fingerprint {
        Prints::of(&RecordBatch::try_from_iter(columns).unwrap()).content(0).unwrap()
    }

    fn texts(text: &str) -> ArrayRef {
        Arc::new(StringArray::from(vec![text]))
    }

    #[test]
    fn neither_the_order_of_columns_nor_a_null_nor_the_kind_of_text_tells_rows_apart() {
        let number: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let plain = content(vec![("a", texts("x")), ("b", number.clone())]);
        let view: ArrayRef = Arc::new(StringViewArray::from(vec!["x"]));
        let none = new_null_array(&DataType::Int64, 1);
        assert_eq!(plain, content(vec![("b", number.clone()), ("c", none), ("a", view)]));
        assert_ne!(plain, content(vec![("a", texts("y")), ("b", number.clone())]));
        assert_ne!(plain, content(vec![("b", texts("x")), ("a", number)]));
    }

    #[test]
    fn where_a_row_came_from_is_no_part_of_what_it_says() {
        let row = |shard: &str| vec![("event_type", texts("order")), ("shard", texts(shard))];
        assert_eq!(content(row("0")), content(row("1")));
        let origin = |shard: &str| Prints::of(&RecordBatch::try_from_iter(row(shard)).unwrap()).origin(0).unwrap();
        assert_ne!(origin("0"), origin("1"));
    }

    #[test]
    fn texts_that_run_into_each_other_differ() {
        let pair = |a: &str, b: &str| content(vec![("a", texts(a)), ("b", texts(b))]);
        assert_ne!(pair("xy", "z"), pair("x", "yz"));
    }
}
