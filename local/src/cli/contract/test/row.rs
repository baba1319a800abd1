//! A row of a table as JSON, with all the digits that it has.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DecimalType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use iguazu_lake::ids::Timestamp;
use iguazu_transform::Contract;
use iguazu_transform::contract::{ColumnType, REST_COLUMN};

use crate::cli::judge::{Accepted, Outcome};

/// Where an event came from and which version judged it: not what a contract's tests are about.
const LEFT_OUT: [&str; 6] = ["arrival_time", "stream", "shard", "sequence", "sub", "contract_version"];

/// What a test's line says: members and their values as JSON, those that are null left out.
pub type Cells = Vec<(String, String)>;

/// What became of a document, as a test's line says it.
pub fn cells(outcome: &Outcome, contract: Option<&Contract>) -> Cells {
    match outcome {
        Outcome::Accepted(event) => accepted(event, contract),
        Outcome::Refused(row) => {
            let path = row.path.iter().map(|path| ("path".to_owned(), quoted(path)));
            std::iter::once(("quarantined".to_owned(), quoted(&row.reason))).chain(path).collect()
        }
    }
}

fn accepted(event: &Accepted, contract: Option<&Contract>) -> Cells {
    let is_json = |name: &str| {
        let columns = contract.iter().flat_map(|contract| &contract.columns);
        name == REST_COLUMN || columns.into_iter().any(|of| of.name.as_str() == name && of.kind == ColumnType::Json)
    };
    let schema = event.row.schema();
    let mut cells = vec![("table".to_owned(), quoted(&event.table))];
    for (field, column) in schema.fields().iter().zip(event.row.columns()) {
        let name = field.name();
        if LEFT_OUT.contains(&name.as_str()) || column.is_null(0) {
            continue;
        }
        let value = match column.as_string_opt::<i32>().filter(|_| is_json(name)) {
            Some(text) => text.value(0).to_owned(),
            None => value(column, 0),
        };
        cells.push((name.clone(), value));
    }
    cells
}

/// A test's line.
pub fn line(cells: &Cells) -> String {
    let members: Vec<_> = cells.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as JSON. Types that no contract has are shown by their names.
fn value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Utf8 => quoted(array.as_string::<i32>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => serde_json::Value::from(array.as_primitive::<Float64Type>().value(row)).to_string(),
        DataType::Decimal128(precision, scale) => {
            Decimal128Type::format_decimal(array.as_primitive::<Decimal128Type>().value(row), *precision, *scale)
        }
        DataType::Date32 => quoted(&day(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(..) => quoted(&instant(array.as_primitive::<TimestampMicrosecondType>().value(row))),
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            let elements: Vec<_> = (0..elements.len()).map(|at| value(&elements, at)).collect();
            format!("[{}]", elements.join(","))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns);
            let members: Vec<_> =
                members.map(|(field, column)| format!("{}:{}", quoted(field.name()), value(column, row))).collect();
            format!("{{{}}}", members.join(","))
        }
        other => quoted(&other.to_string()),
    }
}

fn day(days: i32) -> String {
    let text = Timestamp::from_micros(i64::from(days) * 86_400_000_000).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// As RFC 3339 has it, without zeros at the end of its fraction.
fn instant(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    match text.strip_suffix('Z') {
        Some(text) => format!("{}Z", text.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days_are_written_shortly() {
        assert_eq!(instant(1_795_262_400_000_000), "2026-11-21T12:00:00Z");
        assert_eq!(instant(1_795_262_400_120_000), "2026-11-21T12:00:00.12Z");
        assert_eq!((day(0), day(-1)), ("1970-01-01".to_owned(), "1969-12-31".to_owned()));
    }
}
