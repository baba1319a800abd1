//! The Arrow schema of a table's files.
//!
//! Rules:
//! - First the system columns, then [`REST_COLUMN`] where it is kept, then the contract's columns in their order.
//! - A column holds nulls unless each event has a value for it: it is required, has a default or is a constant.
//! - What is in a list or a struct may always be null.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::{Column, ColumnType, Contract, REST_COLUMN, SYSTEM_COLUMNS, Source, UnknownFields};

/// What Parquet calls the elements of a list.
const ELEMENT: &str = "element";

fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The Arrow type of a column.
#[must_use]
pub fn data_type(kind: &ColumnType) -> DataType {
    match kind {
        ColumnType::String | ColumnType::Json => DataType::Utf8,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        // A scale is at most 38.
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale as i8),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => utc_micros(),
        ColumnType::List(element) => DataType::List(Arc::new(Field::new(ELEMENT, data_type(element), true))),
        ColumnType::Struct(fields) => {
            let field = |field: &super::StructField| Field::new(field.name.as_str(), data_type(&field.kind), true);
            DataType::Struct(fields.iter().map(field).collect::<Fields>())
        }
    }
}

/// The type of a system column, or of [`REST_COLUMN`].
pub(super) fn system_kind(name: &str) -> ColumnType {
    match name {
        "event_time" | "arrival_time" => ColumnType::Timestamp,
        "sub" | "contract_version" => ColumnType::Int32,
        REST_COLUMN => ColumnType::Json,
        _ => ColumnType::String,
    }
}

impl Column {
    /// Whether it holds a null where an event has no value.
    #[must_use]
    pub fn nullable(&self) -> bool {
        !self.required && self.default.is_none() && matches!(self.source, Source::Paths(_))
    }
}

impl Contract {
    /// The columns of the table's files.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        let rest = (self.unknown_fields == UnknownFields::Keep).then_some(REST_COLUMN);
        let system = |name| Field::new(name, data_type(&system_kind(name)), false);
        let system = SYSTEM_COLUMNS.into_iter().chain(rest).map(system);
        let own = |column: &Column| Field::new(column.name.as_str(), data_type(&column.kind), column.nullable());
        Arc::new(Schema::new(system.chain(self.columns.iter().map(own)).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_begins_with_the_columns_that_every_reader_depends_on() {
        let schema = Contract::built_in("events".parse().unwrap()).arrow_schema();
        let found: Vec<_> = schema.fields().iter().map(|field| (field.name().as_str(), field.data_type())).collect();
        let (text, time, int) = (DataType::Utf8, utc_micros(), DataType::Int32);
        let expected = [
            ("event_id", &text),
            ("event_type", &text),
            ("event_time", &time),
            ("arrival_time", &time),
            ("stream", &text),
            ("shard", &text),
            ("sequence", &text),
            ("sub", &int),
            ("contract_version", &int),
            ("data", &text),
        ];
        assert_eq!(found, expected);
        assert!(schema.fields().iter().all(|field| !field.is_nullable()));
    }
}
