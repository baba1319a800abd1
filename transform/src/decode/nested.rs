//! The values of columns: from where a walk found them into the column's cells.
//!
//! A walk knows where a list or a struct begins and ends. What is inside is read here, by the column's type, so that
//! what no column looks into is passed over once and never again.

use crate::columns::Cells;
use crate::contract::{ColumnType, Pointer};
use crate::json::{Cursor, Kind, Span, decoded};
use crate::value::{Conversion, ConversionError, Misfit, Scalar, Scratch, Secrets, Value};

use super::walk::{Found, raw};
use crate::contract::Step;

/// Nothing here is deeper than the document's own depth, which is bounded far below this.
const DEPTH_MAX: usize = usize::MAX;

/// How a column's values are read.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A string as it is: the commonest column, and the one with the least to do.
    Text,
    Scalar(Conversion),
    Json,
    List(Box<Shape>),
    Struct(Vec<(String, Shape)>),
}

/// A value that does not fit, somewhere within a column's.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// Where it stands within the column's value, as the end of a pointer.
    pub(crate) within: String,
    pub(crate) found: &'static str,
    pub(crate) misfit: Misfit,
}

/// What reading values needs, and what it learns.
#[derive(Debug)]
pub(crate) struct Reading<'w> {
    pub(crate) text: &'w str,
    pub(crate) string_bytes_max: usize,
    pub(crate) scratch: &'w mut Scratch,
    pub(crate) decoded: &'w mut String,
    /// Whether something was passed by that the column does not hold.
    pub(crate) partial: bool,
    /// Bytes of text that were put into columns.
    pub(crate) bytes: usize,
}

impl Shape {
    pub(crate) fn compile(kind: &ColumnType, steps: &[Step], secrets: &Secrets) -> Result<Self, ConversionError> {
        Ok(match kind {
            ColumnType::Json => Self::Json,
            ColumnType::String if steps.is_empty() => Self::Text,
            ColumnType::List(kind) => Self::List(Box::new(Self::compile(kind, &[], secrets)?)),
            ColumnType::Struct(fields) => {
                let field = |field: &crate::contract::StructField| {
                    Ok((field.member.clone(), Self::compile(&field.kind, &[], secrets)?))
                };
                Self::Struct(fields.iter().map(field).collect::<Result<_, ConversionError>>()?)
            }
            scalar => Self::Scalar(Conversion::compile(scalar, steps, secrets)?),
        })
    }

    /// Puts a value into its column. After an error the column holds part of it, and must be truncated.
    #[inline]
    pub(crate) fn put(&self, found: Found, cells: &mut Cells, reading: &mut Reading<'_>) -> Result<(), Unfit> {
        if found.kind == Kind::Null {
            cells.push_null();
            return Ok(());
        }
        match self {
            Self::Text => {
                if found.kind != Kind::Text {
                    return Err(unfit(found, unlike(found, "a string")));
                }
                let written = written(found, reading.text);
                let text = decoded(written, found.escaped, reading.decoded);
                if text.len() > reading.string_bytes_max {
                    let misfit = Misfit::TooLong { bytes: text.len(), limit: reading.string_bytes_max };
                    return Err(unfit(found, misfit));
                }
                reading.bytes += text.len();
                cells.push_text(text);
            }
            Self::Scalar(conversion) => {
                let scalar = scalar(found, reading.text, reading.decoded);
                match conversion.apply(scalar, reading.string_bytes_max, reading.scratch) {
                    Ok(value) => {
                        if let Value::Text(text) = value {
                            reading.bytes += text.len();
                        }
                        cells.push(value);
                    }
                    Err(misfit) => return Err(unfit(found, misfit)),
                }
            }
            Self::Json => {
                let text = whole(found, reading.text);
                reading.bytes += text.len();
                cells.push_text(text);
            }
            Self::List(shape) => shape.put_list(found, cells, reading)?,
            Self::Struct(fields) => put_struct(fields, found, cells, reading)?,
        }
        Ok(())
    }

    fn put_list(&self, found: Found, cells: &mut Cells, reading: &mut Reading<'_>) -> Result<(), Unfit> {
        if found.kind != Kind::Array {
            return Err(unfit(found, unlike(found, "an array")));
        }
        let mut cursor = Cursor::new(reading.text.as_bytes()).moved(found.start as usize);
        cursor.take();
        let mut index = 0_usize;
        while !matches!(cursor.peek(), Some(b']') | None) {
            reading.bytes += size_of::<Value<'_>>();
            let element = value(&mut cursor).ok_or_else(|| unfit(found, Misfit::OutOfRange { range: "JSON" }))?;
            if let Some(elements) = cells.elements() {
                self.put(element, elements, reading).map_err(|unfit| unfit.within_of(&index.to_string()))?;
            }
            index += 1;
            if cursor.peek() == Some(b',') {
                cursor.take();
            }
        }
        cells.end();
        Ok(())
    }
}

fn put_struct(
    fields: &[(String, Shape)],
    found: Found,
    cells: &mut Cells,
    reading: &mut Reading<'_>,
) -> Result<(), Unfit> {
    if found.kind != Kind::Object {
        return Err(unfit(found, unlike(found, "an object")));
    }
    let mut members = vec![None; fields.len()];
    let mut cursor = Cursor::new(reading.text.as_bytes()).moved(found.start as usize);
    cursor.take();
    while !matches!(cursor.peek(), Some(b'}') | None) {
        let broken = || unfit(found, Misfit::OutOfRange { range: "JSON" });
        let name = cursor.name().map_err(|_| broken())?;
        let name = decoded(raw(reading.text, name), name.escaped, reading.decoded);
        let field = fields.iter().position(|(member, _)| member == name);
        let member = value(&mut cursor).ok_or_else(broken)?;
        match field {
            // Of several of one name the last counts; where the contract refuses them, none comes this far.
            Some(field) => members[field] = Some(member),
            None => reading.partial = true,
        }
        if cursor.peek() == Some(b',') {
            cursor.take();
        }
    }
    for (((name, shape), member), cells) in fields.iter().zip(members).zip(cells.fields()) {
        match member {
            Some(member) => shape.put(member, cells, reading).map_err(|unfit| unfit.within_of(name))?,
            None => cells.push_null(),
        }
    }
    cells.end();
    Ok(())
}

impl Unfit {
    fn within_of(mut self, token: &str) -> Self {
        self.within = format!("{}{}", Pointer::of([token]), self.within);
        self
    }
}

fn unfit(found: Found, misfit: Misfit) -> Unfit {
    Unfit { within: String::new(), found: found.kind.name(), misfit }
}

fn unlike(found: Found, expected: &'static str) -> Misfit {
    Misfit::Kind { found: found.kind.name(), expected }
}

/// Passes over a value of a document that a walk has found to be sound.
pub(crate) fn value(cursor: &mut Cursor<'_>) -> Option<Found> {
    let first = cursor.peek()?;
    let start = cursor.at() as u32;
    if first == b'"' {
        cursor.take();
        let Span { start, end, escaped } = cursor.string().ok()?;
        return Some(Found { kind: Kind::Text, start: start as u32, end: end as u32, escaped });
    }
    let kind = cursor.skip(DEPTH_MAX).ok()?;
    Some(Found { kind, start, end: cursor.at() as u32, escaped: false })
}

/// A value as it is written; of a string, its content.
#[inline]
pub(crate) fn written(found: Found, text: &str) -> &str {
    text.get(found.start as usize..found.end as usize).unwrap_or_default()
}

/// A value as it is written, the quotes of a string included.
pub(crate) fn whole(found: Found, text: &str) -> &str {
    let quote = usize::from(found.kind == Kind::Text);
    text.get(found.start as usize - quote..found.end as usize + quote).unwrap_or_default()
}

/// A value as a conversion takes it. Null is none, and never comes here.
#[inline]
pub(crate) fn scalar<'a>(found: Found, text: &'a str, scratch: &'a mut String) -> Scalar<'a> {
    let written = written(found, text);
    match found.kind {
        Kind::Text => Scalar::Text(decoded(written, found.escaped, scratch)),
        Kind::Number => Scalar::Number(written),
        Kind::Boolean => Scalar::Boolean(written == "true"),
        Kind::Array | Kind::Null => Scalar::Array,
        Kind::Object => Scalar::Object,
    }
}
