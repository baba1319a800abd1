//! The Arrow schema of a table's files, and of those of its roll-ups.
//!
//! Rules:
//! - First the system columns, then [`REST_COLUMN`] where it is kept, then the contract's columns in their order.
//! - A column holds nulls unless each event has a value for it: it is required, has a default or is a constant.
//! - What is in a list or a struct may always be null.
//! - A roll-up has the start of the window, its groups, the count, its measures, and the sums that it cannot show. Groups
//!   and measures may always be null: a measure is where no event has a value, and where its sum is not in range.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::types::DECIMAL_DIGITS_MAX;
use super::{
    Column, ColumnType, Contract, Measure, MeasureKind, Name, REST_COLUMN, ROLLUP_COLUMNS, Rollup, SYSTEM_COLUMNS,
    Source, UnknownFields,
};

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

    /// The columns of the files of one of its roll-ups. A group or measure of a column that the contract does not have
    /// is left out; the reader of contracts lets none pass.
    #[must_use]
    pub fn rollup_schema(&self, rollup: &Rollup) -> SchemaRef {
        let [window_start, count, overflowed] = ROLLUP_COLUMNS;
        let column = |name: &Name, kind: ColumnType| Field::new(name.as_str(), data_type(&kind), true);
        let groups = rollup.by.iter().filter_map(|name| Some(column(name, self.kind_of(name)?)));
        let measures = rollup
            .measures
            .iter()
            .filter_map(|measure| Some(column(&measure.name, measure.column_type(&self.kind_of(&measure.column)?))));
        let mut fields = vec![Field::new(window_start, utc_micros(), false)];
        fields.extend(groups);
        fields.push(Field::new(count, DataType::Int64, false));
        fields.extend(measures);
        fields.push(Field::new(overflowed, DataType::Utf8, true));
        Arc::new(Schema::new(fields))
    }

    /// The type of a column of the contract, or of a system column.
    pub(super) fn kind_of(&self, name: &Name) -> Option<ColumnType> {
        let own = self.columns.iter().find(|column| column.name == *name).map(|column| column.kind.clone());
        own.or_else(|| SYSTEM_COLUMNS.contains(&name.as_str()).then(|| system_kind(name.as_str())))
    }
}

impl Measure {
    /// Its type in the roll-up, by the type of the column that it is made of: a sum has all the digits that there are.
    #[must_use]
    pub fn column_type(&self, of: &ColumnType) -> ColumnType {
        match (self.kind, of) {
            (MeasureKind::Sum, ColumnType::Decimal { scale, .. }) => {
                ColumnType::Decimal { precision: DECIMAL_DIGITS_MAX, scale: *scale }
            }
            (MeasureKind::Sum, _) => ColumnType::Decimal { precision: DECIMAL_DIGITS_MAX, scale: 0 },
            (MeasureKind::Min | MeasureKind::Max, kind) => kind.clone(),
        }
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

    #[test]
    fn a_roll_up_has_its_window_its_groups_the_count_its_measures_and_what_it_cannot_show() {
        let contract = Contract::parse(
            "orders.toml",
            r#"
            table = "orders"
            version = 1
            types = ["*"]

            [envelope]
            id = "/id"
            type = "/type"
            time = "/time"

            [[column]]
            name = "country"
            path = "/country"
            type = "string"

            [[column]]
            name = "amount"
            path = "/amount"
            type = "decimal(18,2)"

            [[column]]
            name = "items"
            path = "/items"
            type = "int32"

            [[rollup]]
            name = "hourly"
            window = "hour"
            by = ["event_type", "country"]
            sum = ["amount", "items"]
            max = ["items"]
            "#,
        )
        .unwrap();
        let schema = contract.rollup_schema(&contract.rollups[0]);
        let found: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.data_type(), field.is_nullable()))
            .collect();
        let (text, sum) = (&DataType::Utf8, DataType::Decimal128(38, 2));
        let expected = [
            ("window_start", &utc_micros(), false),
            ("event_type", text, true),
            ("country", text, true),
            ("count", &DataType::Int64, false),
            ("sum_amount", &sum, true),
            ("sum_items", &DataType::Decimal128(38, 0), true),
            ("max_items", &DataType::Int32, true),
            ("overflowed", text, true),
        ];
        assert_eq!(found, expected);
    }
}
