//! Has the transform write Parquet files with a column of every type, and beside them what is in them, for other
//! engines to read back:
//!
//! ```text
//! cargo run -p iguazu-transform --example every_type -- <folder>
//! .venv-readers/bin/python tests/readers/read_back.py <folder> <folder>/expected.ndjson
//! ```
//!
//! The events are JSON and go the way of any record: by a contract into a batch, and from there into a file. The files
//! are `1_nothing.parquet` (rows of nulls) and `2_extremes.parquet` (the ends of every type's range), both stored as
//! small files are; `3_many.parquet`, stored as large ones are; and `4_groups.parquet`, which has few columns and two
//! groups of rows. `expected.ndjson` has a line for every row, in the files' order. A value in it is a text that has
//! one spelling: a whole number and a decimal in digits, a decimal with all of its scale, a point in time in
//! microseconds since 1970, a date as ISO 8601 has it, a double as C writes it in hexadecimal (`%a`, as Python's
//! `float.hex`). Null is null, a list an array, a struct an object.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, TimeDelta};
use iguazu_lake::ids::{EventId, Timestamp};
use iguazu_transform::contract::{Column, ColumnType};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use uuid::Uuid;

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

/// When the events happened, and a minute later, when their records arrived.
const TIME: Timestamp = Timestamp::from_millis(1_795_262_340_000);
const ARRIVAL: Timestamp = Timestamp::from_millis(1_795_262_400_000);
const STREAM: &str = "orders.1767225600000";
const SHARD: &str = "shardId-000000000003";

/// The columns, each a name and a type.
const COLUMNS: &str = "
a_string string
an_int32 int32
an_int64 int64
a_float64 float64
a_decimal_of_9 decimal(9,2)
a_decimal_of_18 decimal(18,18)
a_decimal_of_38 decimal(38,0)
a_decimal_of_38_all_behind decimal(38,38)
a_boolean boolean
a_date date
a_timestamp timestamp
a_json json
strings list<string>
int64s list<int64>
float64s list<float64>
decimals list<decimal(38,10)>
booleans list<boolean>
dates list<date>
timestamps list<timestamp>
jsons list<json>
lists list<list<int32>>
a_struct struct<x: int32, name: string, price: decimal(20,6), at: timestamp>
structs list<struct<x: int32, name: string, price: decimal(20,6), at: timestamp>>
a_struct_of_more struct<inner: struct<x: int32, rest: json>, tags: list<string>, lists: list<list<string>>>
";

/// Few columns, of which many rows are quickly compared.
const FEW: &str = "
an_int64 int64
a_string string
int64s list<int64>
";

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).ok_or("usage: every_type <folder>")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let (every, few) = (catalog(COLUMNS)?, catalog(FEW)?);
    let nothing = vec![vec![Cell::Null; columns(&every).count()]; 3];
    let mut expected = String::new();
    for (name, catalog, rows) in [
        ("1_nothing", &every, nothing),
        ("2_extremes", &every, extremes(&kinds(&every))),
        ("3_many", &every, any_rows(&kinds(&every), 6_000)),
        ("4_groups", &few, any_rows(&kinds(&few), 66_000)),
    ] {
        std::fs::write(folder.join(name).with_extension("parquet"), file(catalog, &rows)?)?;
        let mut order: Vec<_> = (0..rows.len()).collect();
        order.sort_by_key(|&row| (id(row).placement(), id(row)));
        for row in order {
            push_row(catalog, row, &rows[row], &mut expected)?;
        }
    }
    std::fs::write(folder.join("expected.ndjson"), expected)?;
    Ok(())
}

fn catalog(columns: &str) -> Outcome<Catalog> {
    let mut text = "table = 'every_type'\nversion = 7\ntypes = ['any']\n".to_owned();
    for (name, kind) in columns.lines().filter_map(|line| line.split_once(' ')) {
        write!(text, "[[column]]\nname = '{name}'\npath = '/{name}'\ntype = '{kind}'\n")?;
    }
    let contract = Contract::parse("every_type.toml", &text)?;
    Ok(Catalog::new(vec![contract], &Secrets::default(), Limits::default())?)
}

fn columns(catalog: &Catalog) -> impl Iterator<Item = &Column> {
    catalog.tables().iter().flat_map(|table| &table.contract().columns)
}

fn kinds(catalog: &Catalog) -> Vec<ColumnType> {
    columns(catalog).map(|column| column.kind.clone()).collect()
}

/// The id of a row's event.
fn id(row: usize) -> EventId {
    EventId::new(Uuid::from_u128(row as u128))
}

/// Rows of the values at the ends of each type, lists and structs of them, empty lists, and structs of nulls.
fn extremes(kinds: &[ColumnType]) -> Vec<Vec<Cell>> {
    (0..12).map(|row| kinds.iter().map(|kind| extreme(kind, row)).collect()).collect()
}

fn extreme(kind: &ColumnType, row: usize) -> Cell {
    let pick = |cells: &[Cell]| cells[row % cells.len()].clone();
    let texts = ["", " ", "\0", "null", "\"\\/\n\r\t,", "größe €😀", "\u{2028}\u{FEFF}\u{10FFFF}", "e\u{301}\u{202E}"];
    let jsons = ["\"\"", "-0", "1.50E2", "\"\\u0000 \\/ größe 😀\"", "[ ]", "{ \"b\" : [1,2.0] , \"a\":null}", "false"];
    match kind {
        ColumnType::String if row == 11 => Cell::Text("ä".repeat(32 << 10)),
        ColumnType::String => Cell::Text(texts[row % texts.len()].to_owned()),
        ColumnType::Json => Cell::Text(jsons[row % jsons.len()].to_owned()),
        ColumnType::Int32 => pick(&[i32::MIN, -1, 0, 1, i32::MAX].map(|value| Cell::Integer(i64::from(value)))),
        ColumnType::Int64 => pick(&[i64::MIN, -1, 0, (1 << 53) + 1, i64::MAX].map(Cell::Integer)),
        ColumnType::Float64 => {
            pick(&[f64::MIN, -0.0, 0.0, 0.1, 5e-324, f64::MIN_POSITIVE, f64::EPSILON, 1e22, f64::MAX].map(Cell::Float))
        }
        ColumnType::Decimal { precision, .. } => {
            let max = 10_i128.pow(u32::from(*precision)) - 1;
            pick(&[-max, -1, 0, 1, max / 3, max].map(Cell::Decimal))
        }
        ColumnType::Boolean => pick(&[true, false].map(Cell::Boolean)),
        ColumnType::Date => pick(&[DAYS.0, -141_428, -141_427, -1, 0, 11_016, DAYS.1].map(Cell::Date)),
        ColumnType::Timestamp => pick(&[YEARS.0, -12_219_292_800_000_001, -1, 0, 1, YEARS.1].map(Cell::Time)),
        ColumnType::List(element) => match row % 4 {
            0 => Cell::List(vec![]),
            1 => Cell::List(vec![Cell::Null]),
            2 => Cell::List(vec![extreme(element, row), Cell::Null]),
            _ => Cell::List((row..row + 5).map(|row| extreme(element, row)).collect()),
        },
        ColumnType::Struct(fields) => Cell::Struct(match row % 3 {
            0 => vec![Cell::Null; fields.len()],
            _ => fields.iter().map(|field| extreme(&field.kind, row)).collect(),
        }),
    }
}

/// Rows that look random and are the same every time.
fn any_rows(kinds: &[ColumnType], count: u64) -> Vec<Vec<Cell>> {
    let row = |mut draws| kinds.iter().map(|kind| any(kind, &mut draws)).collect();
    (0..count).map(Draws).map(row).collect()
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

fn any(kind: &ColumnType, draws: &mut Draws) -> Cell {
    if draws.below(5) == 0 {
        return Cell::Null;
    }
    match kind {
        ColumnType::String => Cell::Text(format!("text {}", draws.below(1_000))),
        ColumnType::Json => Cell::Text(format!("{{\"n\": {}}}", draws.below(1_000))),
        ColumnType::Int32 => Cell::Integer(draws.next() as i64 >> 32),
        ColumnType::Int64 => Cell::Integer(draws.next() as i64),
        // The bits of a double that is neither infinite nor NaN.
        ColumnType::Float64 => Cell::Float(f64::from_bits(draws.next() & !(1 << 62))),
        ColumnType::Decimal { precision, .. } => {
            let value = i128::from(draws.next()) * i128::from(draws.next() as i64);
            Cell::Decimal(value % 10_i128.pow(u32::from(*precision)))
        }
        ColumnType::Boolean => Cell::Boolean(draws.below(2) == 0),
        ColumnType::Date => Cell::Date(DAYS.0 + draws.below((DAYS.1 - DAYS.0) as u64) as i32),
        ColumnType::Timestamp => Cell::Time(YEARS.0 + draws.below((YEARS.1 - YEARS.0) as u64) as i64),
        ColumnType::List(element) => {
            let length = draws.below(4);
            Cell::List((0..length).map(|_| any(element, draws)).collect())
        }
        ColumnType::Struct(fields) => Cell::Struct(fields.iter().map(|field| any(&field.kind, draws)).collect()),
    }
}

/// The file of some rows.
fn file(catalog: &Catalog, rows: &[Vec<Cell>]) -> Outcome<Bytes> {
    let mut batch = Batch::new(catalog);
    for (at, row) in rows.iter().enumerate() {
        let payload = Payload::Data(event(catalog, at, row)?.into());
        batch.push(&Record { sequence: (at as u64).into(), arrival: ARRIVAL, payload });
    }
    let source = Source { chain: format!("shard.{STREAM}.{SHARD}").parse()? };
    let output = batch.finish(&source, &Parquet)?;
    match output.files.as_slice() {
        [file] if output.counts.accepted == rows.len() as u64 => Ok(file.bytes.clone()),
        _ => Err(format!("not every event was taken: {:?}", output.counts).into()),
    }
}

/// A row as an event. Of members that are null, some are missing.
fn event(catalog: &Catalog, at: usize, row: &[Cell]) -> Outcome<String> {
    let mut text = format!("{{\"id\":\"{}\",\"type\":\"any\",\"time\":\"{TIME}\"", id(at));
    for (position, (column, cell)) in columns(catalog).zip(row).enumerate() {
        if !matches!(cell, Cell::Null) || (at + position).is_multiple_of(2) {
            write!(text, ",\"{}\":", column.name)?;
            push_json(&column.kind, cell, &mut text)?;
        }
    }
    text.push('}');
    Ok(text)
}

/// Appends a value as an event has it.
fn push_json(kind: &ColumnType, cell: &Cell, into: &mut String) -> Outcome<()> {
    match (kind, cell) {
        (ColumnType::List(element), Cell::List(elements)) => {
            into.push('[');
            for (at, cell) in elements.iter().enumerate() {
                into.push_str(if at > 0 { ", " } else { "" });
                push_json(element, cell, into)?;
            }
            into.push(']');
        }
        (ColumnType::Struct(fields), Cell::Struct(members)) => {
            into.push('{');
            for (at, (field, cell)) in fields.iter().zip(members).enumerate() {
                write!(into, "{}\"{}\": ", if at > 0 { ", " } else { "" }, field.member)?;
                push_json(&field.kind, cell, into)?;
            }
            into.push('}');
        }
        (ColumnType::Json, Cell::Text(text)) => into.push_str(text),
        (_, Cell::Text(text)) => into.push_str(&serde_json::to_string(text)?),
        (_, Cell::Integer(value)) => write!(into, "{value}")?,
        (_, Cell::Boolean(value)) => write!(into, "{value}")?,
        (_, Cell::Float(value)) => write!(into, "{value:e}")?,
        (_, Cell::Date(days)) => write!(into, "\"{}\"", date(*days))?,
        (_, Cell::Time(micros)) => {
            let time = DateTime::from_timestamp_micros(*micros).ok_or("a time beyond the calendar")?;
            write!(into, "\"{}\"", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))?;
        }
        (ColumnType::Decimal { scale, .. }, Cell::Decimal(value)) => into.push_str(&digits(*value, *scale)),
        _ => into.push_str("null"),
    }
    Ok(())
}

fn date(days: i32) -> String {
    let date = NaiveDate::default() + TimeDelta::days(days.into());
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// A decimal with all of its scale.
fn digits(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// Appends a row as `expected.ndjson` has it: the columns that every table has, the empty rest, and the contract's.
fn push_row(catalog: &Catalog, at: usize, row: &[Cell], into: &mut String) -> Outcome<()> {
    let (time, arrival) = (TIME.micros(), ARRIVAL.micros());
    write!(into, "{{\"event_id\":\"{}\",\"event_type\":\"any\",\"event_time\":\"{time}\"", id(at))?;
    write!(into, ",\"arrival_time\":\"{arrival}\",\"stream\":\"{STREAM}\",\"shard\":\"{SHARD}\"")?;
    write!(into, ",\"sequence\":\"{at}\",\"sub\":\"0\",\"contract_version\":\"7\",\"data\":\"{{}}\"")?;
    for (column, cell) in columns(catalog).zip(row) {
        write!(into, ",\"{}\":", column.name)?;
        push(&column.kind, cell, into)?;
    }
    into.push_str("}\n");
    Ok(())
}

/// Appends a value as `expected.ndjson` has it.
fn push(kind: &ColumnType, cell: &Cell, into: &mut String) -> Outcome<()> {
    match (kind, cell) {
        (ColumnType::List(element), Cell::List(elements)) => {
            into.push('[');
            for (at, cell) in elements.iter().enumerate() {
                into.push_str(if at > 0 { "," } else { "" });
                push(element, cell, into)?;
            }
            into.push(']');
        }
        (ColumnType::Struct(fields), Cell::Struct(members)) => {
            into.push('{');
            for (at, (field, cell)) in fields.iter().zip(members).enumerate() {
                write!(into, "{}\"{}\":", if at > 0 { "," } else { "" }, field.name)?;
                push(&field.kind, cell, into)?;
            }
            into.push('}');
        }
        (_, Cell::Text(text)) => into.push_str(&serde_json::to_string(text)?),
        (_, Cell::Integer(value) | Cell::Time(value)) => write!(into, "\"{value}\"")?,
        (_, Cell::Boolean(value)) => write!(into, "\"{value}\"")?,
        (_, Cell::Float(value)) => write!(into, "\"{}\"", hexadecimal(*value))?,
        (_, Cell::Date(days)) => write!(into, "\"{}\"", date(*days))?,
        (ColumnType::Decimal { scale, .. }, Cell::Decimal(value)) => write!(into, "\"{}\"", digits(*value, *scale))?,
        _ => into.push_str("null"),
    }
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
