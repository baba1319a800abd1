//! What an event says is what its row says: values of every type, written as JSON in any of its spellings, come back
//! from the Parquet file as they were, whichever batch took them.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, TimeDelta};
use iguazu_lake::keys::Area;
use iguazu_transform::contract::{Column, ColumnType, Envelope, Source, StructField, UnknownFields};
use iguazu_transform::{Catalog, Contract, Limits, Output, Record, Secrets};
use proptest::prelude::*;

use crate::support::{id, output_by, read, record};

/// A value, or none.
#[derive(Clone, Debug, PartialEq)]
enum Datum {
    /// Missing or null, which a column does not tell apart.
    Null,
    Text(String),
    Json(String),
    Integer(i64),
    /// The bits, so that both zeros are told apart.
    Float(u64),
    Decimal(i128),
    Boolean(bool),
    Date(i32),
    Time(i64),
    List(Vec<Datum>),
    Struct(Vec<Datum>),
}

/// Microseconds of the years 0 to 9999, and their days.
const YEARS: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_799_999_999);
const DAYS: (i32, i32) = (-719_528, 2_932_896);

fn kind() -> impl Strategy<Value = ColumnType> {
    use ColumnType::{Boolean, Date, Float64, Int32, Int64, Json, String, Timestamp};
    let decimal = (1_u8..=38)
        .prop_flat_map(|precision| (Just(precision), 0..=precision))
        .prop_map(|(precision, scale)| ColumnType::Decimal { precision, scale });
    let plain = prop::sample::select(vec![String, Int32, Int64, Float64, Boolean, Date, Timestamp, Json]);
    prop_oneof![3 => plain, 1 => decimal].prop_recursive(3, 12, 4, |inner| {
        let structs = prop::collection::vec(inner.clone(), 1..4).prop_map(|kinds| {
            let field = |(at, kind)| StructField {
                name: format!("f{at}").parse().unwrap(),
                member: format!("{}{at}", ["f", "größe/~ ", "\"\\\u{1}😀"][at % 3]),
                kind,
            };
            ColumnType::Struct(kinds.into_iter().enumerate().map(field).collect())
        });
        prop_oneof![inner.prop_map(|kind| ColumnType::List(Box::new(kind))), structs]
    })
}

fn text() -> impl Strategy<Value = String> {
    let known =
        prop::sample::select(vec!['\0', '\u{1f}', '"', '\\', '/', '\n', '\u{7f}', '\u{2028}', '\u{feff}', '😀']);
    let letters = prop_oneof![3 => prop::char::range(' ', '~'), 1 => known, 1 => any::<char>()];
    prop_oneof![
        8 => prop::collection::vec(letters, 0..24).prop_map(String::from_iter),
        1 => prop::sample::select(vec!["null", "\u{10ffff}", "e\u{301}\u{202e}"]).prop_map(str::to_owned),
        1 => (1_000_usize..9_000).prop_map(|length| "ä".repeat(length)),
    ]
}

/// A JSON text that is no null, in whatever spelling: a column of type json keeps it byte for byte.
fn json() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "true",
        "-0",
        "1e5",
        "1.50",
        "0.1E-7",
        "\"\"",
        "\"\\u00e4\\ud83d\\ude00 ä\"",
        "[ ]",
        "{\t}",
        "\"]},{\\\"\"",
    ]);
    plain.prop_map(str::to_owned).prop_recursive(3, 10, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("[{} ]", all.join(" ,")));
        let object = prop::collection::vec(inner, 1..4).prop_map(|all| {
            let member = |(at, value)| format!("\"m\\u006{at}\" : {value}");
            format!("{{ {} }}", all.into_iter().enumerate().map(member).collect::<Vec<_>>().join(" , "))
        });
        prop_oneof![list, object]
    })
}

fn ends<T: Copy + std::fmt::Debug + 'static>(
    any: impl Strategy<Value = T> + 'static,
    ends: Vec<T>,
) -> BoxedStrategy<T> {
    prop_oneof![2 => any, 1 => prop::sample::select(ends)].boxed()
}

fn datum(kind: &ColumnType) -> BoxedStrategy<Datum> {
    let value = match kind {
        ColumnType::String => text().prop_map(Datum::Text).boxed(),
        ColumnType::Json => json().prop_map(Datum::Json).boxed(),
        ColumnType::Int32 => ends(any::<i32>(), vec![i32::MIN, i32::MAX, 0, -1, 10])
            .prop_map(|value| Datum::Integer(value.into()))
            .boxed(),
        ColumnType::Int64 => {
            ends(any::<i64>(), vec![i64::MIN, i64::MAX, 0, -1, (1 << 53) + 1]).prop_map(Datum::Integer).boxed()
        }
        ColumnType::Float64 => {
            let special =
                vec![0.0, -0.0, f64::MIN, f64::MAX, 5e-324, f64::MIN_POSITIVE, 0.1, 1e22, 2.225073858507201e-308];
            let any =
                any::<u64>().prop_map(f64::from_bits).prop_filter("JSON has no others", |value| value.is_finite());
            ends(any, special).prop_map(|value| Datum::Float(value.to_bits())).boxed()
        }
        ColumnType::Decimal { precision, .. } => {
            let most = 10_i128.pow((*precision).into()) - 1;
            ends(-most..=most, vec![-most, most, 0, 1, -1]).prop_map(Datum::Decimal).boxed()
        }
        ColumnType::Boolean => any::<bool>().prop_map(Datum::Boolean).boxed(),
        ColumnType::Date => {
            ends(DAYS.0..=DAYS.1, vec![DAYS.0, DAYS.1, 0, -1, 11_016, -141_428]).prop_map(Datum::Date).boxed()
        }
        ColumnType::Timestamp => {
            let seconds = (YEARS.0 / 1_000_000..=YEARS.1 / 1_000_000).prop_map(|seconds| seconds * 1_000_000);
            let any = prop_oneof![YEARS.0..=YEARS.1, seconds];
            ends(any, vec![YEARS.0, YEARS.1, 0, -1, 951_782_400_000_000]).prop_map(Datum::Time).boxed()
        }
        ColumnType::List(kind) => prop::collection::vec(datum(kind), 0..4).prop_map(Datum::List).boxed(),
        ColumnType::Struct(fields) => {
            fields.iter().map(|field| datum(&field.kind)).collect::<Vec<_>>().prop_map(Datum::Struct).boxed()
        }
    };
    prop_oneof![1 => Just(Datum::Null), 5 => value].boxed()
}

/// A table, rows to put into it, and what draws their spelling.
#[derive(Clone, Debug)]
struct Case {
    contract: Contract,
    rows: Vec<Vec<Datum>>,
    spelling: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let unknown = prop::sample::select(vec![UnknownFields::Keep, UnknownFields::Ignore, UnknownFields::Quarantine]);
    // Few rows are stored another way than many.
    let rows = prop_oneof![3 => 1_usize..6, 1 => 128_usize..200];
    (prop::collection::vec(kind(), 1..=6), unknown, rows, any::<u64>()).prop_flat_map(
        |(kinds, unknown_fields, rows, spelling)| {
            let row = kinds.iter().map(datum).collect::<Vec<_>>();
            let contract = contract(kinds, unknown_fields);
            let rows = prop::collection::vec(row, rows.min(8))
                .prop_map(move |few| few.into_iter().cycle().take(rows).collect());
            (Just(contract), rows, Just(spelling)).prop_map(|(contract, rows, spelling)| Case {
                contract,
                rows,
                spelling,
            })
        },
    )
}

/// Columns that stand side by side in the event, and, every third one, within an object of it.
fn contract(kinds: Vec<ColumnType>, unknown_fields: UnknownFields) -> Contract {
    let column = |(at, kind)| Column {
        name: format!("c{at}").parse().unwrap(),
        source: Source::Paths(vec![
            places(at).iter().map(|name| format!("/{name}")).collect::<String>().parse().unwrap(),
        ]),
        kind,
        required: false,
        default: None,
        steps: vec![],
        description: String::new(),
    };
    Contract {
        version: 7,
        envelope: Envelope::iguazu(),
        unknown_fields,
        columns: kinds.into_iter().enumerate().map(column).collect(),
        ..Contract::built_in("typed".parse().unwrap())
    }
}

/// The names on the way to a column's value, as they stand in the event.
fn places(at: usize) -> Vec<String> {
    if at % 3 == 2 { vec!["inner".to_owned(), format!("c{at}")] } else { vec![format!("größe {at}")] }
}

/// Writes JSON in spellings that say the same.
struct Pen {
    out: String,
    draws: u64,
}

impl Pen {
    /// A number below a limit, by SplitMix64.
    fn draw(&mut self, limit: u64) -> usize {
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.draws ^ (self.draws >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit) as usize
    }

    fn blank(&mut self) {
        let blank = ["", "", "", "", " ", "\t", "\n", "\r\n  "][self.draw(8)];
        self.out += blank;
    }

    fn mark(&mut self, mark: &str) {
        self.blank();
        self.out += mark;
        self.blank();
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        // Most texts are written plainly, and some have an escape here and there.
        let often = [u64::MAX, 4, 1][self.draw(3)];
        for letter in text.chars() {
            let must = letter < ' ' || letter == '"' || letter == '\\';
            if !must && self.draw(often) != 0 {
                self.out.push(letter);
                continue;
            }
            let short = ["\"\"", "\\\\", "//", "\u{8}b", "\u{c}f", "\nn", "\rr", "\tt"];
            match short.iter().find(|pair| pair.starts_with(letter)) {
                Some(pair) if self.draw(2) == 0 => self.out += &format!("\\{}", &pair[1..]),
                _ => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let upper = self.draw(2) == 0;
                        self.out += &if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                    }
                }
            }
        }
        self.out.push('"');
    }

    /// A whole number times ten to the power of minus the scale.
    fn decimal(&mut self, value: i128, scale: usize) {
        let sign = if value < 0 || (value == 0 && self.draw(4) == 0) { "-" } else { "" };
        let digits = value.unsigned_abs().to_string();
        let zeros = "0".repeat(self.draw(4));
        let (form, e) = (self.draw(4), ["e", "E"][self.draw(2)]);
        let text = match form {
            // 123e-2, or 12300e-4
            0 if value != 0 => format!("{digits}{zeros}{e}-{}", scale + zeros.len()),
            // 1.23e0
            1 => {
                let (first, rest) = digits.split_at(1);
                let exponent = rest.len() as i64 - scale as i64;
                let plus = if exponent < 0 { "" } else { ["", "+", "0", "+00"][self.draw(4)] };
                let point = if rest.is_empty() && zeros.is_empty() { "" } else { "." };
                format!("{first}{point}{rest}{zeros}{e}{plus}{exponent}")
            }
            // 1.23, or 1.2300
            _ => {
                let digits = format!("{digits:0>width$}", width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                let point = if fraction.is_empty() && zeros.is_empty() { "" } else { "." };
                format!("{whole}{point}{fraction}{zeros}")
            }
        };
        self.out += sign;
        self.out += &text;
    }

    fn float(&mut self, value: f64) {
        let text = match self.draw(4) {
            0 => format!("{value}"),
            1 => format!("{value:e}"),
            2 => format!("{value:E}").replace('E', "E+").replace("+-", "-0"),
            _ => format!("{value:?}"),
        };
        self.out += &text;
    }

    fn time(&mut self, micros: i64) {
        let utc = DateTime::from_timestamp_micros(micros).unwrap();
        let minutes = self.draw(2 * 1_439 + 1) as i32 - 1_439;
        let local = utc.with_timezone(&FixedOffset::east_opt(minutes * 60).unwrap());
        // The year that is written has four digits too.
        let years = YEARS.0..=YEARS.1;
        let places = [SecondsFormat::Micros, SecondsFormat::AutoSi, SecondsFormat::Nanos][self.draw(3)];
        let text = if self.draw(2) == 0 && years.contains(&(micros + i64::from(minutes) * 60_000_000)) {
            local.to_rfc3339_opts(places, false)
        } else {
            utc.to_rfc3339_opts(places, true)
        };
        let text = if self.draw(4) == 0 { text.to_lowercase() } else { text };
        self.text(&text);
    }

    fn value(&mut self, kind: &ColumnType, datum: &Datum) {
        match (kind, datum) {
            (_, Datum::Null) => self.out += "null",
            (_, Datum::Text(text)) => self.text(text),
            (_, Datum::Json(text)) => self.out += text,
            (_, Datum::Integer(value)) => self.decimal((*value).into(), 0),
            (_, Datum::Float(bits)) => self.float(f64::from_bits(*bits)),
            (ColumnType::Decimal { scale, .. }, Datum::Decimal(value)) => self.decimal(*value, (*scale).into()),
            (_, Datum::Boolean(value)) => self.out += if *value { "true" } else { "false" },
            (_, Datum::Date(days)) => {
                let date = NaiveDate::default() + TimeDelta::days((*days).into());
                self.text(&date.format("%Y-%m-%d").to_string());
            }
            (_, Datum::Time(micros)) => self.time(*micros),
            (ColumnType::List(kind), Datum::List(elements)) => {
                self.mark("[");
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        self.mark(",");
                    }
                    self.value(kind, element);
                }
                self.mark("]");
            }
            (ColumnType::Struct(fields), Datum::Struct(data)) => {
                let members = fields.iter().zip(data).map(|(field, datum)| (field.member.as_str(), &field.kind, datum));
                self.object(members.collect(), |pen, kind, datum| pen.value(kind, datum));
            }
            _ => panic!("{datum:?} is no value of {kind}"),
        }
    }

    /// An object of members in any order, of which nulls may be missing.
    fn object<'a>(
        &mut self,
        members: Vec<(&str, &'a ColumnType, &'a Datum)>,
        write: impl Fn(&mut Self, &'a ColumnType, &'a Datum),
    ) {
        let mut members: Vec<_> = members.into_iter().map(|member| (self.draw(1 << 20), member)).collect();
        members.retain(|(draw, (.., datum))| **datum != Datum::Null || draw % 2 == 0);
        members.sort_by_key(|&(draw, _)| draw);
        self.mark("{");
        for (at, (_, (name, kind, datum))) in members.into_iter().enumerate() {
            if at > 0 {
                self.mark(",");
            }
            self.text(name);
            self.mark(":");
            write(self, kind, datum);
        }
        self.mark("}");
    }
}

/// An event of a row.
fn document(case: &Case, at: usize) -> String {
    let mut pen = Pen { out: String::new(), draws: case.spelling.wrapping_add(at as u64) };
    let mut members = Vec::new();
    let mut inner = Vec::new();
    for (column, (spec, datum)) in case.contract.columns.iter().zip(&case.rows[at]).enumerate() {
        // What nobody has a value for is missing or null.
        if *datum == Datum::Null && pen.draw(2) == 0 {
            continue;
        }
        let place = places(column);
        let list = if place.len() == 1 { &mut members } else { &mut inner };
        let mut value = Pen { out: String::new(), draws: pen.draws ^ column as u64 };
        value.text(place.last().unwrap());
        value.mark(":");
        value.value(&spec.kind, datum);
        list.push(value.out);
    }
    members.push(format!("\"id\":\"{}\"", id(at as u128)));
    members.push("\"type\":\"typed\"".to_owned());
    members.push("\"time\" : \"2026-11-21T11:59:00Z\"".to_owned());
    if !inner.is_empty() {
        members.push(format!("\"inner\":{{{}}}", inner.join(",")));
    }
    let first = pen.draw(members.len() as u64);
    members.rotate_left(first);
    pen.mark("{");
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            pen.mark(",");
        }
        pen.out += member;
    }
    pen.mark("}");
    pen.out
}

/// A value of a file.
fn read_back(kind: &ColumnType, array: &ArrayRef, row: usize) -> Datum {
    if array.is_null(row) {
        return Datum::Null;
    }
    match kind {
        ColumnType::String => Datum::Text(array.as_string::<i32>().value(row).to_owned()),
        ColumnType::Json => Datum::Json(array.as_string::<i32>().value(row).to_owned()),
        ColumnType::Int32 => Datum::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        ColumnType::Int64 => Datum::Integer(array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Float64 => Datum::Float(array.as_primitive::<Float64Type>().value(row).to_bits()),
        ColumnType::Decimal { .. } => Datum::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        ColumnType::Boolean => Datum::Boolean(array.as_boolean().value(row)),
        ColumnType::Date => Datum::Date(array.as_primitive::<Date32Type>().value(row)),
        ColumnType::Timestamp => Datum::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        ColumnType::List(kind) => {
            let elements = array.as_list::<i32>().value(row);
            Datum::List((0..elements.len()).map(|at| read_back(kind, &elements, at)).collect())
        }
        ColumnType::Struct(fields) => {
            let columns = array.as_struct().columns();
            Datum::Struct(
                fields.iter().zip(columns).map(|(field, column)| read_back(&field.kind, column, row)).collect(),
            )
        }
    }
}

/// The rows of an output by their sequence numbers, and the schema that each of its files has.
fn rows_of(contract: &Contract, output: &Output) -> (BTreeMap<u64, Vec<Datum>>, Vec<Schema>) {
    let mut rows = BTreeMap::new();
    let mut schemas = Vec::new();
    for file in &output.files {
        assert_eq!(file.area, Area::Raw(contract.table.clone()), "all events are taken");
        for batch in read(&file.bytes) {
            let sequences = batch.column_by_name("sequence").unwrap().as_string::<i32>().clone();
            for row in 0..batch.num_rows() {
                if let Some(data) = batch.column_by_name("data") {
                    assert_eq!(data.as_string::<i32>().value(row), "{}", "columns hold everything");
                }
                let version = batch.column_by_name("contract_version").unwrap();
                assert_eq!(version.as_primitive::<Int32Type>().value(row), 7);
                let value =
                    |column: &Column| read_back(&column.kind, batch.column_by_name(column.name.as_str()).unwrap(), row);
                let sequence = sequences.value(row).parse().unwrap();
                let before = rows.insert(sequence, contract.columns.iter().map(value).collect());
                assert_eq!(before, None, "one row each");
            }
            schemas.push(Schema::clone(&batch.schema()));
        }
    }
    (rows, schemas)
}

fn records(case: &Case) -> Vec<Record> {
    (0..case.rows.len()).map(|at| record(at as u64, document(case, at))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_put_in_comes_out_whatever_its_type_and_spelling(case in case(), cut: prop::sample::Index) {
        let catalog = Catalog::new(vec![case.contract.clone()], &Secrets::default(), Limits::default()).unwrap();
        let records = records(&case);
        let output = output_by(&catalog, &records);
        prop_assert_eq!(output.counts.accepted, records.len() as u64, "{}\n{}", case.contract.to_toml(), first_refusal(&output));
        let (rows, schemas) = rows_of(&case.contract, &output);
        let expected: BTreeMap<_, _> = (0..).zip(case.rows.iter().cloned()).collect();
        prop_assert_eq!(&rows, &expected, "{}", case.contract.to_toml());
        let expected_schema = case.contract.arrow_schema();
        for schema in schemas {
            prop_assert_eq!(&schema, &*expected_schema);
        }
        prop_assert_eq!(&output_by(&catalog, &records), &output, "the same records, the same bytes");
        let (before, behind) = records.split_at(cut.index(records.len() + 1));
        let mut halves = BTreeMap::new();
        for half in [before, behind] {
            halves.extend(rows_of(&case.contract, &output_by(&catalog, half)).0);
        }
        prop_assert_eq!(halves, rows, "the same rows in another cut");
    }
}

/// What the quarantine says of the first event in it, with that event.
fn first_refusal(output: &Output) -> String {
    let Some(file) = output.files.iter().find(|file| file.area == Area::Quarantine) else { return String::new() };
    let batch = read(&file.bytes).remove(0);
    let detail = batch.column_by_name("detail").unwrap().as_string::<i32>().value(0).to_owned();
    let payload = batch.column_by_name("payload").unwrap().as_binary::<i32>().value(0).to_vec();
    format!("{detail}\n{}", String::from_utf8_lossy(&payload))
}
