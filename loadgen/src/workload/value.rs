//! Values that fit a column, and values that do not.

use chrono::{DateTime, Utc};
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::{Column, ColumnType, Step, TimeFormat};

use super::node::quoted;
use crate::random::Draw;

/// Words for columns that are called like this, so that what analysts see resembles what they know.
const WORDS: [(&str, &[&str]); 7] = [
    ("currency", &["EUR", "USD", "GBP", "CHF", "BRL"]),
    ("country", &["DE", "BR", "AR", "FR", "US", "IT", "JP"]),
    ("region", &["eu", "us", "sa"]),
    ("page", &["/", "/cart", "/checkout", "/search", "/account", "/help"]),
    ("channel", &["web", "app", "store"]),
    ("status", &["new", "open", "done"]),
    ("env", &["prod", "staging"]),
];

/// What values are made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// When the event happened.
    pub time: Timestamp,
    /// Its key, of which some are used more often.
    pub key: u64,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its JSON.
    pub json: String,
    /// The number that the column holds of it, in units of its last digit; nothing for another type.
    pub exact: Option<i128>,
}

impl From<String> for Made {
    fn from(json: String) -> Self {
        Self { json, exact: None }
    }
}

/// A value for a column. Where roll-ups group by it, it is one of few.
pub fn fitting(column: &Column, grouped: bool, facts: Facts, draw: &mut Draw) -> Made {
    let written = column.steps.iter().find_map(|step| match step {
        Step::ParseTime(format) => Some(format),
        _ => None,
    });
    let part = column.steps.iter().any(|step| matches!(step, Step::DatePart(_)));
    let casts = column.steps.contains(&Step::Cast);
    let name = column.name.as_str();
    if part || written.is_some() || column.kind == ColumnType::Timestamp {
        return instant(facts.time, written.unwrap_or(&TimeFormat::Rfc3339)).into();
    }
    if column.kind == ColumnType::String && column.steps.contains(&Step::UrlHost) {
        return quoted(&format!("https://shop-{}.example/{}", draw.below(20), draw.below(1000))).into();
    }
    let mut made = plain(&column.kind, name, grouped, facts, draw);
    // A cast takes numbers and booleans as texts too.
    if casts && column.kind != ColumnType::String && draw.below(4) == 0 {
        made.json = quoted(&made.json);
    }
    made
}

/// A value of a type.
fn plain(kind: &ColumnType, name: &str, grouped: bool, facts: Facts, draw: &mut Draw) -> Made {
    let mut number = |all: u64| i128::from(draw.below(if grouped { all.min(8) } else { all }));
    match kind {
        ColumnType::String => quoted(&word(name, grouped, facts, draw)).into(),
        ColumnType::Int32 | ColumnType::Int64 => {
            let value = number(if *kind == ColumnType::Int32 { 1_000 } else { 1_000_000 });
            Made { json: value.to_string(), exact: Some(value) }
        }
        ColumnType::Float64 => format!("{}.{}", number(1_000), number(4) * 25).into(),
        &ColumnType::Decimal { precision, scale } => {
            let unit = 10_i128.pow(u32::from(scale));
            let whole = number(10_u64.pow(u32::from(precision.saturating_sub(scale)).min(4)));
            let below = number(u64::try_from(unit).unwrap_or(u64::MAX));
            let json = match scale {
                0 => whole.to_string(),
                _ => format!("{whole}.{below:0width$}", width = usize::from(scale)),
            };
            Made { json, exact: Some(whole * unit + below) }
        }
        ColumnType::Boolean => (if draw.below(2) == 0 { "true" } else { "false" }).to_owned().into(),
        ColumnType::Date => {
            let day = facts.time.date().map(|day| day.to_string());
            quoted(&day.unwrap_or_else(|| "1970-01-01".to_owned())).into()
        }
        ColumnType::Timestamp => instant(facts.time, &TimeFormat::Rfc3339).into(),
        ColumnType::Json => format!("{{\"n\":{},\"of\":[null,1.50]}}", number(1_000)).into(),
        ColumnType::List(element) => {
            let elements = (0..1 + draw.below(2)).map(|_| plain(element, name, grouped, facts, draw).json);
            format!("[{}]", elements.collect::<Vec<_>>().join(",")).into()
        }
        ColumnType::Struct(fields) => {
            let members = fields.iter().map(|field| {
                let value = plain(&field.kind, field.name.as_str(), grouped, facts, draw).json;
                format!("{}:{value}", quoted(&field.member))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into()
        }
    }
}

fn word(name: &str, grouped: bool, facts: Facts, draw: &mut Draw) -> String {
    if let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == name) {
        return draw.one_of(words).copied().unwrap_or_default().to_owned();
    }
    if grouped { format!("{name}-{}", facts.key) } else { format!("{name}-{}", draw.below(100_000)) }
}

/// A point in time as JSON. All of ours are whole milliseconds, which every format but a coarse pattern says exactly.
#[must_use]
pub fn instant(time: Timestamp, format: &TimeFormat) -> String {
    let millis = time.millis();
    match format {
        TimeFormat::Rfc3339 => quoted(&time.to_string()),
        TimeFormat::EpochSeconds => format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000)),
        TimeFormat::EpochMillis => millis.to_string(),
        TimeFormat::EpochMicros => time.micros().to_string(),
        TimeFormat::Pattern(pattern) => {
            let at = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
            let mut text = String::new();
            // Contracts are refused whose pattern cannot be read by, so it can be written by as well.
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{}", at.format(pattern)));
            quoted(&text)
        }
    }
}

/// Values that a column refuses, each with the reason that it is refused for.
#[must_use]
pub fn unfitting(column: &Column, string_bytes_max: usize) -> Vec<(&'static str, String)> {
    const NINES: &str = "99999999999999999999999999999999999999999";
    let casts = column.steps.contains(&Step::Cast);
    let timed = column.steps.iter().any(|step| matches!(step, Step::ParseTime(_) | Step::DatePart(_)));
    let mut bad: Vec<(&'static str, String)> = Vec::new();
    let mut add = |code, json: &str| bad.push((code, json.to_owned()));
    match &column.kind {
        _ if timed => {
            add("column_not_a_time", "\"yesterday\"");
            add("column_kind", "[]");
        }
        ColumnType::String => {
            add("column_kind", "{}");
            add("column_not_a_url", "\"no host\"");
            if string_bytes_max <= 1 << 17 {
                add("column_too_long", &quoted(&"long ".repeat(string_bytes_max / 5 + 1)));
            }
        }
        ColumnType::Int32 | ColumnType::Int64 => {
            add("column_kind", "[]");
            add("column_not_whole", "1.5");
            add("column_out_of_range", NINES);
        }
        ColumnType::Decimal { precision, scale } => {
            add("column_kind", "[]");
            add("column_too_many_digits", NINES);
            add("column_too_many_digits", &format!("0.{}1", "0".repeat(usize::from(precision + scale))));
        }
        ColumnType::Float64 => add("column_kind", "[]"),
        ColumnType::Boolean => {
            add("column_kind", "[]");
            add("column_not_a_boolean", "\"perhaps\"");
        }
        ColumnType::Date => {
            add("column_kind", "1");
            add("column_not_a_date", "\"2026-02-30\"");
        }
        ColumnType::Timestamp => {
            add("column_kind", "[]");
            add("column_not_a_time", "\"yesterday\"");
            add("column_leap_second", "\"2016-12-31T23:59:60Z\"");
            add("column_too_precise", "\"2026-01-01T00:00:00.1234567Z\"");
        }
        ColumnType::Json => {}
        ColumnType::List(_) | ColumnType::Struct(_) => add("column_kind", "1"),
    }
    if casts && !matches!(column.kind, ColumnType::String | ColumnType::Boolean) {
        add("column_not_a_number", "\"a dozen\"");
    }
    bad
}
