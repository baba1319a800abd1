//! The text of a column's type, both ways: `decimal(18,2)`, `list<string>`, `struct<"unitPrice" as price: int64>`.
//!
//! Rules:
//! - White space may stand between any two words.
//! - A struct's field is `name: type`, or `"member" as name: type` where the event calls it otherwise; the member is
//!   written as a JSON string.
//! - Types nest at most [`TYPE_DEPTH_MAX`] deep, so that neither this parser nor any reader of the table recurses
//!   further, whatever the text.

use std::fmt;
use std::str::FromStr;

use super::problem::{Complaint, quoted};
use super::{ColumnType, Name, StructField};

/// Levels of lists and structs around the innermost type.
pub const TYPE_DEPTH_MAX: usize = 8;
/// Fields of a type, those of all its structs together.
pub const TYPE_FIELDS_MAX: usize = 200;
/// Digits of a decimal.
pub const DECIMAL_DIGITS_MAX: u8 = 38;

pub(super) const EXPECTED: &str = "string, int32, int64, float64, boolean, date, timestamp, json, \
     decimal(digits,digits behind the point), list<type> or struct<name: type, …>, e.g. decimal(18,2)";

const NAMES: [&str; 11] =
    ["string", "int32", "int64", "float64", "decimal", "boolean", "date", "timestamp", "json", "list", "struct"];

/// What other systems call a type of ours.
const OTHER_NAMES: [(&str, &str); 15] = [
    ("int", "int32` or `int64"),
    ("integer", "int32` or `int64"),
    ("bigint", "int64"),
    ("long", "int64"),
    ("float", "float64"),
    ("double", "float64"),
    ("number", "decimal(18,2)` or `float64"),
    ("numeric", "decimal(18,2)"),
    ("bool", "boolean"),
    ("text", "string"),
    ("varchar", "string"),
    ("datetime", "timestamp"),
    ("array", "list<string>"),
    ("object", "struct<name: type>` or `json"),
    ("map", "json"),
];

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Float64 => f.write_str("float64"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Json => f.write_str("json"),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (at, field) in fields.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    if field.member != field.name.as_str() {
                        write!(f, "{} as ", serde_json::Value::from(field.member.as_str()))?;
                    }
                    write!(f, "{}: {}", field.name, field.kind)?;
                }
                f.write_str(">")
            }
        }
    }
}

/// A text that is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct TypeError {
    /// What is wrong with it.
    pub problem: String,
    /// What was meant.
    pub suggestion: Option<String>,
}

impl From<Complaint> for TypeError {
    fn from(complaint: Complaint) -> Self {
        Self { problem: complaint.problem, suggestion: complaint.suggestion }
    }
}

fn wrong(problem: impl Into<String>) -> TypeError {
    Complaint::new(problem).into()
}

impl FromStr for ColumnType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        let mut parser = Parser { rest: text, fields: 0 };
        let kind = parser.kind(0)?;
        match parser.rest.trim_start() {
            "" => Ok(kind),
            rest => Err(wrong(format!("{} is left over behind it", quoted(rest)))),
        }
    }
}

/// What is left of a text.
struct Parser<'t> {
    rest: &'t str,
    fields: usize,
}

impl<'t> Parser<'t> {
    fn kind(&mut self, depth: usize) -> Result<ColumnType, TypeError> {
        if depth > TYPE_DEPTH_MAX {
            return Err(wrong(format!("types nest at most {TYPE_DEPTH_MAX} deep")));
        }
        Ok(match self.word() {
            "string" => ColumnType::String,
            "int32" => ColumnType::Int32,
            "int64" => ColumnType::Int64,
            "float64" => ColumnType::Float64,
            "boolean" => ColumnType::Boolean,
            "date" => ColumnType::Date,
            "timestamp" => ColumnType::Timestamp,
            "json" => ColumnType::Json,
            "decimal" => self.decimal()?,
            "list" => {
                self.mark('<', "list")?;
                let element = self.kind(depth + 1)?;
                self.mark('>', "list<type>")?;
                ColumnType::List(Box::new(element))
            }
            "struct" => self.fields(depth)?,
            "" => return Err(self.no_type()),
            word => return Err(unknown(word)),
        })
    }

    fn no_type(&self) -> TypeError {
        match self.rest.trim_start() {
            "" => wrong("a type is missing at its end"),
            rest => wrong(format!("a type is missing before {}", quoted(rest))),
        }
    }

    fn decimal(&mut self) -> Result<ColumnType, TypeError> {
        if !self.rest.trim_start().starts_with('(') {
            return Err(wrong("a decimal says how many digits it has, and how many of them stand behind the point"));
        }
        self.mark('(', "decimal")?;
        let precision = self.word();
        let scale = if self.take(',') { self.word() } else { "0" };
        self.mark(')', "decimal(digits,digits behind the point")?;
        let precision = precision.parse::<u8>().ok().filter(|digits| (1..=DECIMAL_DIGITS_MAX).contains(digits));
        let precision = precision.ok_or_else(|| wrong(format!("a decimal has 1 to {DECIMAL_DIGITS_MAX} digits")))?;
        let scale = scale.parse::<u8>().ok().filter(|digits| *digits <= precision);
        let scale =
            scale.ok_or_else(|| wrong(format!("of {precision} digits, 0 to {precision} stand behind the point")))?;
        Ok(ColumnType::Decimal { precision, scale })
    }

    fn fields(&mut self, depth: usize) -> Result<ColumnType, TypeError> {
        self.mark('<', "struct")?;
        if self.take('>') {
            return Err(wrong("a struct has at least one field"));
        }
        let mut fields: Vec<StructField> = Vec::new();
        loop {
            let field = self.field(depth)?;
            if fields.iter().any(|other| other.name == field.name) {
                return Err(wrong(format!("the struct has two fields named {}", field.name)));
            }
            if fields.iter().any(|other| other.member == field.member) {
                return Err(wrong(format!("the struct takes the member {} twice", quoted(&field.member))));
            }
            fields.push(field);
            if !self.take(',') {
                break;
            }
        }
        self.mark('>', "struct<name: type, …")?;
        Ok(ColumnType::Struct(fields))
    }

    fn field(&mut self, depth: usize) -> Result<StructField, TypeError> {
        self.fields += 1;
        if self.fields > TYPE_FIELDS_MAX {
            return Err(wrong(format!("a type has at most {TYPE_FIELDS_MAX} fields")));
        }
        let (name, member) = if self.rest.trim_start().starts_with('"') {
            let member = self.member()?;
            if self.word() != "as" {
                return Err(wrong(format!(
                    "a member in quotes is given a name: {} as name: type",
                    serde_json::Value::from(member)
                )));
            }
            (self.word(), member)
        } else {
            let name = self.word();
            (name, name.to_owned())
        };
        let name = name.parse::<Name>().map_err(|error| {
            let hint = "another member is taken so: \"itemId\" as item_id: type".to_owned();
            let problem = format!("{} is no field's name; {error}", quoted(name));
            TypeError { problem, suggestion: Some(hint) }
        })?;
        self.mark(':', name.as_str())?;
        Ok(StructField { kind: self.kind(depth + 1)?, name, member })
    }

    /// A member's name, as a JSON string.
    fn member(&mut self) -> Result<String, TypeError> {
        let text = self.rest.trim_start();
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let member = match strings.next() {
            Some(Ok(member)) => member,
            _ => return Err(wrong(format!("a member's name does not end: {}", quoted(text)))),
        };
        self.rest = text.get(strings.byte_offset()..).unwrap_or_default();
        Ok(member)
    }

    /// The letters, digits and underscores that come next, perhaps none.
    fn word(&mut self) -> &'t str {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        word
    }

    fn take(&mut self, mark: char) -> bool {
        let taken = self.rest.trim_start().strip_prefix(mark);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn mark(&mut self, mark: char, behind: &str) -> Result<(), TypeError> {
        if self.take(mark) { Ok(()) } else { Err(wrong(format!("`{mark}` is missing behind {}", quoted(behind)))) }
    }
}

fn unknown(word: &str) -> TypeError {
    let complaint = Complaint::new(format!("there is no type {}", quoted(word)));
    let lower = word.to_lowercase();
    match OTHER_NAMES.iter().find(|(other, _)| *other == lower) {
        Some((_, ours)) => complaint.suggest(format!("did you mean `{ours}`?")).into(),
        None => complaint.did_you_mean(word, NAMES).into(),
    }
}
