//! Whether a value of a contract fits its column.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Conversion, Scalar, Scratch};
use crate::contract::{ColumnType, Literal, StructField};

/// Whether a literal is JSON text of a value that fits. It goes through no step: a timestamp is written as RFC 3339
/// has it, a date as `"2026-11-21"`.
///
/// # Errors
/// Where it does not fit; the text says why.
pub fn check_literal(kind: &ColumnType, literal: &Literal) -> Result<(), String> {
    // Read as values once, which also refuses lone surrogates and numbers beyond a double.
    serde_json::from_str::<serde_json::Value>(&literal.0)
        .map_err(|error| format!("the value is not JSON as RFC 8259 has it: {error}"))?;
    let raw: &RawValue = serde_json::from_str(&literal.0).map_err(|_| "the value is not JSON".to_owned())?;
    fits(kind, raw.get()).map_err(|problem| format!("the value {problem}"))
}

/// Whether a JSON text fits a type. Recursion follows the type.
fn fits(kind: &ColumnType, json: &str) -> Result<(), String> {
    match kind {
        ColumnType::Json => Ok(()),
        ColumnType::List(element) => {
            let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| "is not an array".to_owned())?;
            let problem = |at: usize, problem| format!("has an element {at} that {problem}");
            elements.iter().enumerate().try_for_each(|(at, element_json)| {
                fits_or_is_null(element, element_json.get()).map_err(|text| problem(at, text))
            })
        }
        ColumnType::Struct(fields) => fits_struct(fields, json),
        scalar => fits_scalar(scalar, json),
    }
}

fn fits_or_is_null(kind: &ColumnType, json: &str) -> Result<(), String> {
    if json == "null" { Ok(()) } else { fits(kind, json) }
}

fn fits_struct(fields: &[StructField], json: &str) -> Result<(), String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(|_| "is not an object".to_owned())?;
    members.iter().try_for_each(|(name, value)| {
        let field = fields.iter().find(|field| field.member == *name);
        let field = field.ok_or_else(|| format!("has a member `{name}` that no field takes"))?;
        fits_or_is_null(&field.kind, value.get()).map_err(|problem| format!("has a member `{name}` that {problem}"))
    })
}

fn fits_scalar(kind: &ColumnType, json: &str) -> Result<(), String> {
    let text;
    let scalar = match json.as_bytes().first() {
        Some(b'"') => {
            text = serde_json::from_str::<String>(json).map_err(|error| format!("is not a string: {error}"))?;
            Scalar::Text(&text)
        }
        Some(b't') => Scalar::Boolean(true),
        Some(b'f') => Scalar::Boolean(false),
        Some(b'[') => Scalar::Array,
        Some(b'{') => Scalar::Object,
        Some(b'n') | None => return Err("is null, which is no value".to_owned()),
        Some(_) => Scalar::Number(json),
    };
    let conversion = Conversion::of(kind);
    conversion.apply(scalar, usize::MAX, &mut Scratch::new()).map(|_| ()).map_err(|misfit| misfit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &ColumnType, text: &str) -> Result<(), String> {
        check_literal(kind, &Literal(text.to_owned()))
    }

    fn list(kind: ColumnType) -> ColumnType {
        ColumnType::List(Box::new(kind))
    }

    fn point() -> ColumnType {
        let field = |name: &str| StructField {
            name: name.parse().unwrap(),
            member: name.to_uppercase(),
            kind: ColumnType::Int32,
        };
        ColumnType::Struct(vec![field("x"), field("y")])
    }

    #[test]
    fn literals_that_fit() {
        for (kind, text) in [
            (ColumnType::String, "\"eu\""),
            (ColumnType::String, " \"\\u00e4\" "),
            (ColumnType::Int32, "-12"),
            (ColumnType::Decimal { precision: 4, scale: 2 }, "12.30"),
            (ColumnType::Boolean, "true"),
            (ColumnType::Date, "\"2026-11-21\""),
            (ColumnType::Timestamp, "\"2026-11-21T12:30:00Z\""),
            (ColumnType::Json, "{\"a\":[null,1.50]}"),
            (ColumnType::Json, "null"),
            (list(ColumnType::Int64), "[1, null, 9007199254740993]"),
            (list(list(ColumnType::String)), "[[\"a\"],[]]"),
            (point(), "{\"X\":1,\"Y\":null}"),
            (point(), "{}"),
        ] {
            assert_eq!(check(&kind, text), Ok(()), "{kind:?} {text}");
        }
    }

    #[test]
    fn literals_that_do_not_fit_are_named() {
        for (kind, text, word) in [
            (ColumnType::String, "eu", "not JSON"),
            (ColumnType::String, "\"\\ud800\"", "not JSON"),
            (ColumnType::String, "1", "is a number, and the column takes a string"),
            (ColumnType::Int32, "2147483648", "range of an int32"),
            (ColumnType::Int32, "1 2", "not JSON"),
            (ColumnType::Int32, "null", "is null"),
            (ColumnType::Float64, "1e400", "not JSON"),
            (ColumnType::Decimal { precision: 4, scale: 2 }, "12.305", "more than 2 digits behind"),
            (ColumnType::Timestamp, "\"now\"", "RFC 3339"),
            (list(ColumnType::Int32), "1", "not an array"),
            (list(ColumnType::Int32), "[1,\"2\"]", "element 1 that is a string"),
            (point(), "[]", "not an object"),
            (point(), "{\"x\":1}", "member `x` that no field takes"),
            (point(), "{\"X\":true}", "member `X` that is a boolean"),
            (ColumnType::Json, "", "not JSON"),
        ] {
            let problem = check(&kind, text).unwrap_err();
            assert!(problem.contains(word), "{kind:?} {text}: {problem}");
        }
    }
}
