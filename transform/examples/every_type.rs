//! Writes Parquet files with a column of every type, and beside them what is in them, for other engines to read back:
//!
//! ```text
//! cargo run -p iguazu-transform --example every_type -- <folder>
//! .venv-readers/bin/python tests/readers/read_back.py <folder> <folder>/expected.ndjson
//! ```
//!
//! The files are `1_nothing.parquet` (rows of nulls), `2_extremes.parquet` (the ends of every type's range) and
//! `3_many.parquet` (several row groups and pages). `expected.ndjson` has a line for every row, in the files' order. A
//! value in it is a text that has one spelling: a whole number and a decimal in digits, a decimal with all of its
//! scale, a point in time in microseconds since 1970, a date as ISO 8601 has it, a double as C writes it in hexadecimal
//! (`%a`, as Python's `float.hex`). Null is null, a list an array, a struct an object.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use chrono::{Datelike as _, NaiveDate, TimeDelta};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A value.
#[derive(Clone, Debug)]
enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Decimal(i128),
    Boolean(bool),
    Date(i32),
    Time(i64),
    List(Vec<Cell>),
    Struct(Vec<Cell>),
}

const YEARS: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_799_999_999);
const DAYS: (i32, i32) = (-719_528, 2_932_896);

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).ok_or("usage: every_type <folder>")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let schema = Arc::new(Schema::new(columns()));
    let nothing = vec![vec![Cell::Null; schema.fields().len()]; 3];
    let many: Vec<_> = (0..6_000).map(|row| any_row(&schema, row)).collect();
    let mut expected = String::new();
    for (name, rows) in [("1_nothing", nothing), ("2_extremes", extremes(&schema)), ("3_many", many)] {
        std::fs::write(folder.join(name).with_extension("parquet"), file(&schema, &rows)?)?;
        for row in &rows {
            push_struct(schema.fields(), row, &mut expected)?;
            expected.push('\n');
        }
    }
    std::fs::write(folder.join("expected.ndjson"), expected)?;
    Ok(())
}

fn columns() -> Vec<Field> {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let field = |name: &str, kind| Field::new(name, kind, true);
    let list = |kind| DataType::List(Arc::new(Field::new("element", kind, true)));
    let point = || {
        DataType::Struct(Fields::from(vec![
            field("x", DataType::Int32),
            field("name", DataType::Utf8),
            field("price", DataType::Decimal128(20, 6)),
            field("at", time()),
        ]))
    };
    vec![
        field("a_string", DataType::Utf8),
        field("an_int32", DataType::Int32),
        field("an_int64", DataType::Int64),
        field("a_float64", DataType::Float64),
        field("a_decimal_of_9", DataType::Decimal128(9, 2)),
        field("a_decimal_of_18", DataType::Decimal128(18, 18)),
        field("a_decimal_of_38", DataType::Decimal128(38, 0)),
        field("a_decimal_of_38_all_behind", DataType::Decimal128(38, 38)),
        field("a_boolean", DataType::Boolean),
        field("a_date", DataType::Date32),
        field("a_timestamp", time()),
        field("strings", list(DataType::Utf8)),
        field("int64s", list(DataType::Int64)),
        field("float64s", list(DataType::Float64)),
        field("decimals", list(DataType::Decimal128(38, 10))),
        field("booleans", list(DataType::Boolean)),
        field("dates", list(DataType::Date32)),
        field("timestamps", list(time())),
        field("lists", list(list(DataType::Int32))),
        field("a_struct", point()),
        field("structs", list(point())),
        field(
            "a_struct_of_more",
            DataType::Struct(Fields::from(vec![
                field("inner", point()),
                field("tags", list(DataType::Utf8)),
                field("lists", list(list(DataType::Utf8))),
            ])),
        ),
    ]
}

/// Rows of the values at the ends of each type, lists and structs of them, empty lists, and structs of nulls.
fn extremes(schema: &Schema) -> Vec<Vec<Cell>> {
    (0..12).map(|row| schema.fields().iter().map(|field| extreme(field.data_type(), row)).collect()).collect()
}

fn extreme(kind: &DataType, row: usize) -> Cell {
    let pick = |cells: &[Cell]| cells[row % cells.len()].clone();
    let texts = ["", " ", "\0", "null", "\"\\/\n\r\t,", "größe €😀", "\u{2028}\u{FEFF}\u{10FFFF}", "e\u{301}\u{202E}"];
    match kind {
        DataType::Utf8 if row == 11 => Cell::Text("ä".repeat(32 << 10)),
        DataType::Utf8 => Cell::Text(texts[row % texts.len()].to_owned()),
        DataType::Int32 => pick(&[i32::MIN, -1, 0, 1, i32::MAX].map(|value| Cell::Integer(i64::from(value)))),
        DataType::Int64 => pick(&[i64::MIN, -1, 0, (1 << 53) + 1, i64::MAX].map(Cell::Integer)),
        DataType::Float64 => {
            pick(&[f64::MIN, -0.0, 0.0, 0.1, 5e-324, f64::MIN_POSITIVE, f64::EPSILON, 1e22, f64::MAX].map(Cell::Float))
        }
        DataType::Decimal128(precision, _) => {
            let max = 10_i128.pow(u32::from(*precision)) - 1;
            pick(&[-max, -1, 0, 1, max / 3, max].map(Cell::Decimal))
        }
        DataType::Boolean => pick(&[true, false].map(Cell::Boolean)),
        DataType::Date32 => pick(&[DAYS.0, -141_428, -141_427, -1, 0, 11_016, DAYS.1].map(Cell::Date)),
        DataType::Timestamp(..) => pick(&[YEARS.0, -12_219_292_800_000_001, -1, 0, 1, YEARS.1].map(Cell::Time)),
        DataType::List(element) => match row % 4 {
            0 => Cell::List(vec![]),
            1 => Cell::List(vec![Cell::Null]),
            2 => Cell::List(vec![extreme(element.data_type(), row), Cell::Null]),
            _ => Cell::List((row..row + 5).map(|row| extreme(element.data_type(), row)).collect()),
        },
        DataType::Struct(fields) => Cell::Struct(match row % 3 {
            0 => vec![Cell::Null; fields.len()],
            _ => fields.iter().map(|field| extreme(field.data_type(), row)).collect(),
        }),
        _ => Cell::Null,
    }
}

/// A row that looks random and is the same every time.
fn any_row(schema: &Schema, row: u64) -> Vec<Cell> {
    let mut draws = Draws(row);
    schema.fields().iter().map(|field| any(field.data_type(), &mut draws)).collect()
}

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn any(kind: &DataType, draws: &mut Draws) -> Cell {
    if draws.below(5) == 0 {
        return Cell::Null;
    }
    match kind {
        DataType::Utf8 => Cell::Text(format!("text {}", draws.below(1_000))),
        DataType::Int32 => Cell::Integer(draws.next() as i64 >> 32),
        DataType::Int64 => Cell::Integer(draws.next() as i64),
        // The bits of a double that is neither infinite nor NaN.
        DataType::Float64 => Cell::Float(f64::from_bits(draws.next() & !(1 << 62))),
        DataType::Decimal128(precision, _) => {
            let value = i128::from(draws.next()) * i128::from(draws.next() as i64);
            Cell::Decimal(value % 10_i128.pow(u32::from(*precision)))
        }
        DataType::Boolean => Cell::Boolean(draws.below(2) == 0),
        DataType::Date32 => Cell::Date(DAYS.0 + draws.below((DAYS.1 - DAYS.0) as u64) as i32),
        DataType::Timestamp(..) => Cell::Time(YEARS.0 + draws.below((YEARS.1 - YEARS.0) as u64) as i64),
        DataType::List(element) => {
            let length = draws.below(4);
            Cell::List((0..length).map(|_| any(element.data_type(), draws)).collect())
        }
        DataType::Struct(fields) => Cell::Struct(fields.iter().map(|field| any(field.data_type(), draws)).collect()),
        _ => Cell::Null,
    }
}

/// A file as the lake's are written: nothing of Arrow's own in it, zstd, a dictionary and statistics for some columns.
fn file(schema: &SchemaRef, rows: &[Vec<Cell>]) -> Outcome<Vec<u8>> {
    let properties = WriterProperties::builder()
        .set_created_by("iguazu".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_dictionary_enabled(ColumnPath::from("a_string"), true)
        .set_column_statistics_enabled(ColumnPath::from("a_timestamp"), EnabledStatistics::Chunk)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
    for part in rows.chunks(2_500) {
        let column = |at: usize| part.iter().map(|row| &row[at]).collect::<Vec<_>>();
        let fields = schema.fields().iter().enumerate();
        let arrays = fields.map(|(at, field)| array(field.data_type(), &column(at)));
        writer.write(&RecordBatch::try_new(schema.clone(), arrays.collect::<Result<_, _>>()?)?)?;
        writer.flush()?;
    }
    Ok(writer.into_inner()?)
}

/// The values of the cells of one form; null for any other.
macro_rules! values {
    ($cells:expr, $form:ident) => {
        $cells.iter().map(|cell| match cell {
            Cell::$form(value) => Some(value.to_owned()),
            _ => None,
        })
    };
}

fn array(kind: &DataType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    let nulls = || NullBuffer::from_iter(cells.iter().map(|cell| !matches!(cell, Cell::Null)));
    Ok(match kind {
        DataType::Utf8 => Arc::new(values!(cells, Text).collect::<StringArray>()),
        DataType::Int32 => {
            let values = values!(cells, Integer).map(|value| value.and_then(|value| i32::try_from(value).ok()));
            Arc::new(values.collect::<Int32Array>())
        }
        DataType::Int64 => Arc::new(values!(cells, Integer).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(values!(cells, Float).collect::<Float64Array>()),
        DataType::Decimal128(precision, scale) => {
            let values = values!(cells, Decimal).collect::<Decimal128Array>();
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Boolean => Arc::new(values!(cells, Boolean).collect::<BooleanArray>()),
        DataType::Date32 => Arc::new(values!(cells, Date).collect::<Date32Array>()),
        DataType::Timestamp(..) => {
            Arc::new(values!(cells, Time).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        DataType::List(element) => {
            let parts = || {
                cells.iter().map(|cell| match cell {
                    Cell::List(elements) => elements.as_slice(),
                    _ => &[],
                })
            };
            let elements = array(element.data_type(), &parts().flatten().collect::<Vec<_>>())?;
            let offsets = OffsetBuffer::from_lengths(parts().map(<[Cell]>::len));
            Arc::new(ListArray::try_new(element.clone(), offsets, elements, Some(nulls()))?)
        }
        DataType::Struct(fields) => {
            let member = |at: usize| {
                cells.iter().map(move |cell| match cell {
                    Cell::Struct(members) => &members[at],
                    _ => &Cell::Null,
                })
            };
            let members =
                fields.iter().enumerate().map(|(at, field)| array(field.data_type(), &member(at).collect::<Vec<_>>()));
            Arc::new(StructArray::try_new(fields.clone(), members.collect::<Result<_, _>>()?, Some(nulls()))?)
        }
        other => return Err(ArrowError::NotYetImplemented(other.to_string())),
    })
}

/// Appends a value as `expected.ndjson` has it.
fn push(kind: &DataType, cell: &Cell, into: &mut String) -> Outcome<()> {
    match (kind, cell) {
        (DataType::List(element), Cell::List(elements)) => {
            into.push('[');
            for (at, cell) in elements.iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                push(element.data_type(), cell, into)?;
            }
            into.push(']');
        }
        (DataType::Struct(fields), Cell::Struct(members)) => push_struct(fields, members, into)?,
        (_, Cell::Text(text)) => into.push_str(&serde_json::to_string(text)?),
        (_, Cell::Integer(value) | Cell::Time(value)) => write!(into, "\"{value}\"")?,
        (_, Cell::Boolean(value)) => write!(into, "\"{value}\"")?,
        (_, Cell::Float(value)) => write!(into, "\"{}\"", hexadecimal(*value))?,
        (_, Cell::Date(days)) => {
            let date = NaiveDate::default() + TimeDelta::days(i64::from(*days));
            write!(into, "\"{:04}-{:02}-{:02}\"", date.year(), date.month(), date.day())?;
        }
        (DataType::Decimal128(_, scale), Cell::Decimal(value)) => {
            let scale = usize::try_from(*scale)?;
            let sign = if *value < 0 { "-" } else { "" };
            let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            write!(into, "\"{sign}{whole}{point}{fraction}\"")?;
        }
        _ => into.push_str("null"),
    }
    Ok(())
}

fn push_struct(fields: &Fields, members: &[Cell], into: &mut String) -> Outcome<()> {
    into.push('{');
    for (at, (field, cell)) in fields.iter().zip(members).enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(into, "{comma}\"{}\":", field.name())?;
        push(field.data_type(), cell, into)?;
    }
    into.push('}');
    Ok(())
}

/// A finite double as Python's `float.hex` writes it.
fn hexadecimal(value: f64) -> String {
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 52 & 0x7FF) as i32, bits & ((1 << 52) - 1));
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0x0.0p+0"),
        (0, _) => format!("{sign}0x0.{fraction:013x}p-1022"),
        _ => format!("{sign}0x1.{fraction:013x}p{:+}", exponent - 1023),
    }
}
