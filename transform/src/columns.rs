//! Columns that grow a value at a time, and become Arrow arrays without a copy.
//!
//! Arrow's own builders cannot take a row back, and a row whose fifth column does not fit must leave no trace in the
//! four before it. Rules:
//! - All columns of a table have the same number of rows between events; [`Cells::truncate`] restores that.
//! - A null takes the place of a value, with whatever the type has for nothing behind it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    NullBufferBuilder, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};

use crate::contract::ColumnType;
use crate::contract::arrow::data_type;
use crate::format::FormatError;
use crate::value::Value;

/// What a text is taken to have in bytes before it is seen; it only sizes memory.
pub(crate) const TEXT_BYTES: usize = 16;
pub(crate) const JSON_BYTES: usize = 64;

/// Texts, one behind the other.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Where each ends.
    ends: Vec<i32>,
    bytes: Vec<u8>,
    /// Whether they outgrew the offsets of Arrow's texts. The batch is bounded far below that.
    overfull: bool,
}

impl Texts {
    /// Room for some texts, of so many bytes each.
    pub(crate) fn with_room(rows: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { ends, bytes: Vec::with_capacity(rows * bytes), overfull: false }
    }

    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end();
    }

    /// The text that is being written; [`Self::end`] closes it.
    #[inline]
    pub(crate) fn open(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    #[inline]
    pub(crate) fn end(&mut self) {
        match i32::try_from(self.bytes.len()) {
            Ok(end) => self.ends.push(end),
            Err(_) => {
                self.overfull = true;
                self.ends.push(i32::MAX);
            }
        }
    }

    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let at = |row: usize| self.ends.get(row).map_or(0, |&end| end as usize);
        self.bytes.get(at(row)..at(row + 1)).unwrap_or_default()
    }

    pub(crate) fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let end = self.ends.last().map_or(0, |&end| end as usize);
        self.bytes.truncate(end);
    }

    pub(crate) fn into_array(self, nulls: Option<NullBufferBuilder>) -> Result<ArrayRef, FormatError> {
        if self.overfull {
            return Err(FormatError::ColumnTooLarge);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let nulls = nulls.and_then(|mut nulls| nulls.finish());
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(self.bytes), nulls)?))
    }
}

#[derive(Debug)]
enum Values {
    Texts(Texts),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>),
    Boolean(Vec<bool>),
    Date(Vec<i32>),
    Time(Vec<i64>),
    List { ends: Vec<i32>, elements: Box<Cells> },
    Struct(Vec<Cells>),
}

/// A column.
#[derive(Debug)]
pub(crate) struct Cells {
    kind: DataType,
    rows: usize,
    nulls: NullBufferBuilder,
    values: Values,
}

impl Cells {
    /// Room for so many rows.
    pub(crate) fn with_room(kind: &ColumnType, rows: usize) -> Self {
        let values = match kind {
            ColumnType::String => Values::Texts(Texts::with_room(rows, TEXT_BYTES)),
            ColumnType::Json => Values::Texts(Texts::with_room(rows, JSON_BYTES)),
            ColumnType::Int32 => Values::Int32(Vec::with_capacity(rows)),
            ColumnType::Int64 => Values::Int64(Vec::with_capacity(rows)),
            ColumnType::Float64 => Values::Float64(Vec::with_capacity(rows)),
            ColumnType::Decimal { .. } => Values::Decimal(Vec::with_capacity(rows)),
            ColumnType::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            ColumnType::Date => Values::Date(Vec::with_capacity(rows)),
            ColumnType::Timestamp => Values::Time(Vec::with_capacity(rows)),
            // How long lists are nobody knows.
            ColumnType::List(kind) => Values::List { ends: vec![0], elements: Box::new(Self::with_room(kind, 0)) },
            ColumnType::Struct(fields) => {
                Values::Struct(fields.iter().map(|field| Self::with_room(&field.kind, rows)).collect())
            }
        };
        Self { kind: data_type(kind), rows: 0, nulls: NullBufferBuilder::new(rows), values }
    }

    /// Takes a value of the column's type. A value of another type would be a fault of the program; it leaves a null.
    #[inline]
    pub(crate) fn push(&mut self, value: Value<'_>) {
        match (&mut self.values, value) {
            (Values::Texts(texts), Value::Text(text)) => texts.push(text),
            (Values::Int32(values), Value::Integer(value)) if i32::try_from(value).is_ok() => values.push(value as i32),
            (Values::Int64(values), Value::Integer(value)) => values.push(value),
            (Values::Float64(values), Value::Float(value)) => values.push(value),
            (Values::Decimal(values), Value::Decimal(value)) => values.push(value),
            (Values::Boolean(values), Value::Boolean(value)) => values.push(value),
            (Values::Date(values), Value::Date(value)) => values.push(value),
            (Values::Time(values), Value::Time(value)) => values.push(value),
            _ => {
                debug_assert!(false, "a value of another type than its column's");
                return self.push_null();
            }
        }
        self.rows += 1;
        self.nulls.append_non_null();
    }

    /// Takes a value of a column of texts.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &str) {
        let Values::Texts(texts) = &mut self.values else { return self.push(Value::Text(text)) };
        texts.push(text);
        self.rows += 1;
        self.nulls.append_non_null();
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            Values::Texts(texts) => texts.end(),
            Values::Int32(values) | Values::Date(values) => values.push(0),
            Values::Int64(values) | Values::Time(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(values) => values.push(0),
            Values::Boolean(values) => values.push(false),
            Values::List { ends, elements } => ends.push(elements.rows as i32),
            Values::Struct(fields) => fields.iter_mut().for_each(Self::push_null),
        }
        self.rows += 1;
        self.nulls.append_null();
    }

    /// The column of a list's elements. Those that are pushed are the next list's, which [`Self::end`] closes.
    pub(crate) fn elements(&mut self) -> Option<&mut Self> {
        match &mut self.values {
            Values::List { elements, .. } => Some(elements),
            _ => None,
        }
    }

    /// The columns of a struct's fields. One value is pushed to each, then [`Self::end`] closes the struct.
    pub(crate) fn fields(&mut self) -> &mut [Self] {
        match &mut self.values {
            Values::Struct(fields) => fields,
            _ => &mut [],
        }
    }

    /// Closes a list or a struct.
    pub(crate) fn end(&mut self) {
        if let Values::List { ends, elements } = &mut self.values {
            // Elements take at least a byte of a document each, so there are fewer than a 32-bit offset counts.
            ends.push(i32::try_from(elements.rows).unwrap_or(i32::MAX));
        }
        self.rows += 1;
        self.nulls.append_non_null();
    }

    /// Takes back all but the first rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Texts(texts) => texts.truncate(rows),
            Values::Int32(values) | Values::Date(values) => values.truncate(rows),
            Values::Int64(values) | Values::Time(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Decimal(values) => values.truncate(rows),
            Values::Boolean(values) => values.truncate(rows),
            Values::List { ends, elements } => {
                ends.truncate(rows + 1);
                elements.truncate(ends.last().map_or(0, |&end| end as usize));
            }
            Values::Struct(fields) => fields.iter_mut().for_each(|field| field.truncate(rows)),
        }
        self.rows = self.rows.min(rows);
        self.nulls.truncate(rows);
    }

    /// Hashes a row's value, to tell rows apart without laying them out.
    pub(crate) fn hash_row<H: Hasher>(&self, row: usize, hasher: &mut H) {
        self.nulls.is_valid(row).hash(hasher);
        match &self.values {
            Values::Texts(texts) => texts.get(row).hash(hasher),
            Values::Int32(values) | Values::Date(values) => values.get(row).hash(hasher),
            Values::Int64(values) | Values::Time(values) => values.get(row).hash(hasher),
            Values::Float64(values) => values.get(row).map(|value| value.to_bits()).hash(hasher),
            Values::Decimal(values) => values.get(row).hash(hasher),
            Values::Boolean(values) => values.get(row).hash(hasher),
            Values::List { ends, elements } => {
                let at = |row: usize| ends.get(row).map_or(0, |&end| end as usize);
                (at(row)..at(row + 1)).for_each(|element| elements.hash_row(element, hasher));
            }
            Values::Struct(fields) => fields.iter().for_each(|field| field.hash_row(row, hasher)),
        }
    }

    /// The column as an array.
    pub(crate) fn into_array(mut self) -> Result<ArrayRef, FormatError> {
        let nulls = match self.values {
            Values::Texts(texts) => return texts.into_array(Some(self.nulls)),
            _ => self.nulls.finish(),
        };
        Ok(match self.values {
            Values::Texts(texts) => texts.into_array(None)?,
            Values::Int32(values) => Arc::new(Int32Array::try_new(values.into(), nulls)?),
            Values::Int64(values) => Arc::new(Int64Array::try_new(values.into(), nulls)?),
            Values::Float64(values) => Arc::new(Float64Array::try_new(values.into(), nulls)?),
            Values::Date(values) => Arc::new(Date32Array::try_new(values.into(), nulls)?),
            Values::Time(values) => {
                Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
            }
            Values::Decimal(values) => {
                let array = Decimal128Array::try_new(values.into(), nulls)?;
                let DataType::Decimal128(precision, scale) = self.kind else { return Ok(Arc::new(array)) };
                Arc::new(array.with_precision_and_scale(precision, scale)?)
            }
            Values::Boolean(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)),
            Values::List { ends, elements } => {
                let field = Arc::new(Field::new("element", elements.kind.clone(), true));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Arc::new(ListArray::try_new(field, offsets, elements.into_array()?, nulls)?)
            }
            Values::Struct(cells) => {
                let DataType::Struct(fields) = self.kind else { return Err(FormatError::ColumnTooLarge) };
                let arrays = cells.into_iter().map(Self::into_array).collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(fields, arrays, nulls)?)
            }
        })
    }
}
