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
    Number(Decimal),
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
            (Some(values), Some(Scalar::Number(found))) => {
                let found = Decimal::of(found);
                values.iter().any(|value| matches!(value, Value::Number(number) if *number == found))
            }
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
        Kind::Number => Value::Number(Decimal::of(text)),
        Kind::Boolean => Value::Boolean(text == "true"),
        _ => return None,
    })
}

impl Value {
    fn is(&self, found: Scalar<'_>) -> bool {
        match (self, found) {
            (Self::Text(text), Scalar::Text(found)) => text == found,
            (Self::Boolean(value), Scalar::Boolean(found)) => *value == found,
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
        let exponent = bounded(exponent);
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

/// An exponent, or the bound where it is beyond all measure. What has so large a one is no number of a double, and
/// what has so small a one is told from others by its digits alone.
fn bounded(exponent: &str) -> i128 {
    const BOUND: i128 = 1 << 100;
    let beyond = if exponent.starts_with('-') { -BOUND } else { BOUND };
    exponent.parse::<i128>().map_or(beyond, |exponent| exponent.clamp(-BOUND, BOUND))
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
