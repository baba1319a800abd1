//! Which events a table does not take after all.

use std::cmp::Ordering;

use crate::contract::{Filter, Literal, Test};
use crate::json::{Cursor, Kind, decoded};
use crate::value::Scalar;

use super::nested::{value, written};

/// A filter, compiled.
#[derive(Debug)]
pub(crate) struct Condition {
    keep: bool,
    /// The values that are looked for; nothing where any will do.
    values: Option<Vec<Value>>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(String),
    Boolean(bool),
}

impl Condition {
    pub(crate) fn compile(filter: &Filter) -> Self {
        let values = match &filter.test {
            Test::Present => None,
            Test::In(literals) => Some(literals.iter().filter_map(value_of).collect()),
        };
        Self { keep: filter.keep, values }
    }

    /// Whether an event with this value is taken.
    pub(crate) fn takes(&self, found: Option<Scalar<'_>>) -> bool {
        let passes = match (&self.values, found) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(values), Some(found)) => values.iter().any(|value| value.is(found)),
        };
        passes == self.keep
    }
}

fn value_of(Literal(literal): &Literal) -> Option<Value> {
    let found = value(&mut Cursor::new(literal.as_bytes()))?;
    let text = written(found, literal);
    Some(match found.kind {
        Kind::Text => Value::Text(decoded(text, found.escaped, &mut String::new()).to_owned()),
        Kind::Number => Value::Number(text.to_owned()),
        Kind::Boolean => Value::Boolean(text == "true"),
        _ => return None,
    })
}

impl Value {
    fn is(&self, found: Scalar<'_>) -> bool {
        match (self, found) {
            (Self::Text(text), Scalar::Text(found)) => text == found,
            (Self::Boolean(value), Scalar::Boolean(found)) => *value == found,
            (Self::Number(number), Scalar::Number(found)) => Decimal::of(number) == Decimal::of(found),
            _ => false,
        }
    }
}

/// A number by its value, however it is written: its sign, its digits without zeros at either end, and the power of
/// ten of the last of them.
#[derive(Debug)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i128,
}

impl Decimal {
    fn of(token: &str) -> Self {
        let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
        // An exponent beyond all measure belongs to a zero: others are out of a double's range and come not so far.
        let exponent: i128 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).collect();
        let first = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
        let last = digits.iter().rposition(|&digit| digit != b'0').map_or(first, |last| last + 1);
        let cut = digits.len() - last;
        if first == last {
            return Self { negative: false, digits: Vec::new(), exponent: 0 };
        }
        Self {
            negative: mantissa.starts_with('-'),
            digits: digits[first..last].to_vec(),
            exponent: exponent - fraction.len() as i128 + cut as i128,
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        (self.negative, self.exponent) == (other.negative, other.exponent)
            && self.digits.cmp(&other.digits) == Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_value() {
        for (left, right) in [("1", "1.0"), ("100", "1e2"), ("0.50", "5E-1"), ("-0", "0"), ("0e999999999999", "0.0")] {
            assert!(Decimal::of(left) == Decimal::of(right), "{left} {right}");
        }
        for (left, right) in [("1", "-1"), ("1", "10"), ("9007199254740993", "9007199254740992"), ("0.1", "0.10000001")]
        {
            assert!(Decimal::of(left) != Decimal::of(right), "{left} {right}");
        }
    }
}
