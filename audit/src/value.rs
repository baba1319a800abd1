//! Values of columns, and the sums of groups, in a form that can be compared and shown.

use std::cmp::Ordering;
use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, i256,
};
use iguazu_lake::ids::Timestamp;
use serde::{Serialize, Serializer};

/// A double in the total order of IEEE 754.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Double {}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Double {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A value of a group or of an extreme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal: the number without its point, and the digits behind that.
    Decimal(i128, u8),
    /// Days since 1970.
    Date(i32),
    /// A point in time.
    Time(Timestamp),
    /// A double.
    Double(Double),
    /// A text.
    Text(String),
}

impl Value {
    /// The value in a row of a column; `None` is null.
    ///
    /// # Errors
    /// Where columns of its type neither make groups nor are measured.
    pub fn of(array: &ArrayRef, row: usize) -> Result<Option<Self>, String> {
        if array.is_null(row) {
            return Ok(None);
        }
        Ok(Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().value(row)),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            DataType::LargeUtf8 => Self::Text(array.as_string::<i64>().value(row).to_owned()),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row).to_owned()),
            DataType::Int32 => Self::Integer(array.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().value(row)),
            DataType::Decimal128(_, scale) => {
                let scale = u8::try_from(*scale).map_err(|_| format!("a decimal of scale {scale}"))?;
                Self::Decimal(array.as_primitive::<Decimal128Type>().value(row), scale)
            }
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().value(row)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Time(Timestamp::from_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)))
            }
            DataType::Float64 => Self::Double(Double(array.as_primitive::<Float64Type>().value(row))),
            other => return Err(format!("a column of {other} makes no groups and is not measured")),
        }))
    }

    /// As a part of a group: zero has two spellings as a double, and is one group.
    pub(crate) fn grouped(self) -> Self {
        match self {
            Self::Double(Double(number)) => Self::Double(Double(number + 0.0)),
            other => other,
        }
    }

    /// The number of a value that can be summed up, without its point, and the digits behind that.
    pub(crate) fn addend(&self) -> Option<(i128, u8)> {
        match *self {
            Self::Integer(number) => Some((number.into(), 0)),
            Self::Decimal(number, scale) => Some((number, scale)),
            _ => None,
        }
    }
}

/// A decimal as people write it.
fn decimal(digits: &str, scale: u8) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, behind) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{behind}")
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value, scale) => f.write_str(&decimal(&value.to_string(), *scale)),
            Self::Date(days) => {
                let date = Timestamp::from_micros(i64::from(*days).saturating_mul(86_400_000_000)).date();
                match date {
                    Some(date) => date.fmt(f),
                    None => write!(f, "day {days}"),
                }
            }
            Self::Time(time) => time.fmt(f),
            Self::Double(value) => value.0.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Double(value) => serializer.serialize_f64(value.0),
            // Decimals as text, because readers of JSON take numbers for doubles.
            other => serializer.collect_str(other),
        }
    }
}

/// A group of a roll-up: its window, and a value for each column that rows are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupKey {
    /// When the window begins.
    #[serde(serialize_with = "as_text")]
    pub window_start: Timestamp,
    /// Its values, in the order of the roll-up.
    pub by: Vec<Option<Value>>,
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.window_start)?;
        self.by.iter().try_for_each(|value| match value {
            Some(value) => write!(f, ", {value}"),
            None => write!(f, ", null"),
        })
    }
}

/// A measure of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// A sum without its point, in as many bits as it needs, and the digits behind that. None of no values.
    Sum(Option<(i256, u8)>),
    /// A sum of which a file says only that it has too many digits to be shown.
    Overflowed,
    /// The least value.
    Least(Option<Value>),
    /// The greatest value.
    Greatest(Option<Value>),
}

impl Measured {
    /// Takes what other rows of the group come to.
    pub(crate) fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Sum(sum), Self::Sum(Some((more, scale)))) => {
                let before = sum.map_or(i256::ZERO, |(before, _)| before);
                // No number of 38-digit decimals that a lake could hold comes near the end of 256 bits.
                *sum = Some((before.wrapping_add(more), scale));
            }
            (Self::Sum(_), Self::Overflowed) => *self = Self::Overflowed,
            (Self::Least(least), Self::Least(Some(more))) if least.as_ref().is_none_or(|least| more < *least) => {
                *least = Some(more);
            }
            (Self::Greatest(greatest), Self::Greatest(Some(more)))
                if greatest.as_ref().is_none_or(|greatest| more > *greatest) =>
            {
                *greatest = Some(more);
            }
            // Nothing adds nothing, and a worse value is not taken.
            _ => {}
        }
    }

    /// As a column of 38 digits shows it.
    pub(crate) fn shown(self) -> Self {
        let most = i256::from_i128(10_i128.pow(38) - 1);
        match self {
            Self::Sum(Some((sum, _))) if sum > most || sum < most.wrapping_neg() => Self::Overflowed,
            other => other,
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum(Some((sum, scale))) => f.write_str(&decimal(&sum.to_string(), *scale)),
            Self::Overflowed => f.write_str("overflowed"),
            Self::Least(Some(value)) | Self::Greatest(Some(value)) => value.fmt(f),
            Self::Sum(None) | Self::Least(None) | Self::Greatest(None) => f.write_str("null"),
        }
    }
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sum(None) | Self::Least(None) | Self::Greatest(None) => serializer.serialize_none(),
            Self::Least(Some(value)) | Self::Greatest(Some(value)) => value.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

/// The sums of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Its events.
    pub count: u64,
    /// The measures, in the order of the roll-up.
    pub measures: Vec<Measured>,
}

impl Cell {
    /// Takes what other rows of the group come to.
    pub(crate) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.measures.iter_mut().zip(other.measures).for_each(|(known, more)| known.add(more));
    }

    /// Whether it may stand where `exact` is right: they are equal, but for sums that have too many digits somewhere.
    pub(crate) fn agrees(&self, exact: &Self) -> bool {
        let agree = |(mine, exact): (&Measured, &Measured)| *mine == Measured::Overflowed || mine == exact;
        self.count == exact.count
            && self.measures.len() == exact.measures.len()
            && self.measures.iter().zip(&exact.measures).all(agree)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "count {}", self.count)?;
        self.measures.iter().try_for_each(|measure| write!(f, ", {measure}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_shown_as_people_write_them() {
        let shown: Vec<_> = [(1234, 2), (-5, 2), (0, 3), (7, 0)]
            .map(|(number, scale)| Value::Decimal(number, scale).to_string())
            .into();
        assert_eq!(shown, ["12.34", "-0.05", "0.000", "7"]);
    }

    #[test]
    fn a_sum_of_more_than_38_digits_is_exact_and_shown_as_overflowed() {
        let most = || Measured::Sum(Some((i256::from_i128(10_i128.pow(38) - 1), 2)));
        let mut sum = most();
        assert_eq!(sum.clone().shown(), sum);
        sum.add(most());
        sum.add(most());
        assert_eq!(sum.clone().shown(), Measured::Overflowed);
        assert_eq!(sum.to_string(), "2999999999999999999999999999999999999.97");
    }

    #[test]
    fn a_measure_takes_the_better_extreme_and_no_nulls() {
        let mut least = Measured::Least(None);
        for value in [None, Some(5), Some(3), Some(4), None] {
            least.add(Measured::Least(value.map(Value::Integer)));
        }
        assert_eq!(least, Measured::Least(Some(Value::Integer(3))));
    }
}
