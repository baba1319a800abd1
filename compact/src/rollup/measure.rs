//! What is made of a group's values: exact sums, the least and the greatest.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use iguazu_transform::contract::MeasureKind;

use super::{foreign, measured};
use crate::error::CompactError;

/// A sum of any number of 128-bit numbers: what of it 128 bits hold, and how often they were passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide {
    high: i64,
    low: i128,
}

impl Wide {
    /// The greatest number of 38 digits.
    const MAX: i128 = 10_i128.pow(38) - 1;

    /// A number.
    #[must_use]
    pub const fn of(number: i128) -> Self {
        Self { high: 0, low: number }
    }

    /// Adds a number.
    pub fn add(&mut self, number: i128) {
        let (low, passed) = self.low.overflowing_add(number);
        self.low = low;
        if passed {
            // Two numbers of one sign passed its end.
            self.high += if number < 0 { -1 } else { 1 };
        }
    }

    /// Adds a sum.
    pub fn add_wide(&mut self, other: Self) {
        self.add(other.low);
        self.high += other.high;
    }

    /// The sum, if a column of 38 digits holds it.
    #[must_use]
    pub fn fitting(&self) -> Option<i128> {
        (self.high == 0 && (-Self::MAX..=Self::MAX).contains(&self.low)).then_some(self.low)
    }
}

/// A measure of all groups.
#[derive(Debug)]
pub(super) enum Accumulator {
    Sum(Vec<Option<Wide>>),
    Whole { greatest: bool, best: Vec<Option<i128>> },
    Float { greatest: bool, best: Vec<Option<f64>> },
    Text { greatest: bool, best: Vec<Option<Box<str>>> },
}

impl Accumulator {
    pub(super) fn new(kind: MeasureKind, of: &DataType) -> Self {
        let greatest = kind == MeasureKind::Max;
        match (kind, of) {
            (MeasureKind::Sum, _) => Self::Sum(Vec::new()),
            (_, DataType::Utf8View) => Self::Text { greatest, best: Vec::new() },
            (_, DataType::Float64) => Self::Float { greatest, best: Vec::new() },
            _ => Self::Whole { greatest, best: Vec::new() },
        }
    }

    pub(super) fn grow(&mut self, groups: usize) {
        match self {
            Self::Sum(sums) => sums.resize(groups, None),
            Self::Whole { best, .. } => best.resize(groups, None),
            Self::Float { best, .. } => best.resize(groups, None),
            Self::Text { best, .. } => best.resize(groups, None),
        }
    }

    /// Adds the values of rows, each to its group.
    pub(super) fn add(&mut self, groups: &[u32], array: &ArrayRef) -> Result<(), CompactError> {
        let changed = || foreign("a column changes its type");
        match self {
            Self::Sum(sums) => each_whole(array, |row, number| {
                sums[groups[row] as usize].get_or_insert_default().add(number);
            })?,
            Self::Whole { greatest, best } => each_whole(array, |row, number| {
                let best = &mut best[groups[row] as usize];
                if best.is_none_or(|best| if *greatest { number > best } else { number < best }) {
                    *best = Some(number);
                }
            })?,
            Self::Float { greatest, best } => {
                let values = array.as_primitive_opt::<Float64Type>().ok_or_else(changed)?;
                for (value, &group) in values.iter().zip(groups).filter_map(|(value, group)| Some((value?, group))) {
                    let best = &mut best[group as usize];
                    let better = |best: f64| if *greatest { value.total_cmp(&best) } else { best.total_cmp(&value) };
                    if best.is_none_or(|best| better(best).is_gt()) {
                        *best = Some(value);
                    }
                }
            }
            Self::Text { greatest, best } => {
                let values = array.as_string_view_opt().ok_or_else(changed)?;
                for (value, &group) in values.iter().zip(groups).filter_map(|(value, group)| Some((value?, group))) {
                    let best = &mut best[group as usize];
                    if best.as_deref().is_none_or(|best| if *greatest { value > best } else { value < best }) {
                        *best = Some(value.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// The column, and the groups whose sum it cannot hold.
    pub(super) fn column(&self, of: &DataType) -> Result<(ArrayRef, Vec<usize>), CompactError> {
        let mut overflowed = Vec::new();
        let array: ArrayRef = match self {
            Self::Sum(sums) => {
                let mut numbers = Vec::with_capacity(sums.len());
                for (group, sum) in sums.iter().enumerate() {
                    let fitting = sum.as_ref().and_then(Wide::fitting);
                    if sum.is_some() && fitting.is_none() {
                        overflowed.push(group);
                    }
                    numbers.push(fitting);
                }
                let kind = measured(MeasureKind::Sum, of);
                Arc::new(Decimal128Array::from(numbers).with_data_type(kind))
            }
            Self::Whole { best, .. } => whole(best, of)?,
            Self::Float { best, .. } => Arc::new(Float64Array::from(best.clone())),
            Self::Text { best, .. } => Arc::new(best.iter().map(Option::as_deref).collect::<StringViewArray>()),
        };
        Ok((array, overflowed))
    }
}

fn each_whole(array: &ArrayRef, mut take: impl FnMut(usize, i128)) -> Result<(), CompactError> {
    let nulls = array.nulls();
    macro_rules! each {
        ($kind:ty) => {{
            let values = array.as_primitive_opt::<$kind>().ok_or_else(|| foreign("a column changes its type"))?;
            for (row, &value) in values.values().iter().enumerate() {
                if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                    take(row, i128::from(value));
                }
            }
        }};
    }
    match array.data_type() {
        DataType::Int32 => each!(Int32Type),
        DataType::Int64 => each!(Int64Type),
        DataType::Date32 => each!(Date32Type),
        DataType::Timestamp(..) => each!(TimestampMicrosecondType),
        DataType::Decimal128(..) => each!(Decimal128Type),
        other => return Err(foreign(format!("a column of {other} is not measured"))),
    }
    Ok(())
}

fn whole(numbers: &[Option<i128>], of: &DataType) -> Result<ArrayRef, CompactError> {
    // Each number came out of a column of this type.
    let narrow = || numbers.iter().map(|number| number.and_then(|number| i64::try_from(number).ok()));
    let narrower = || narrow().map(|number| number.and_then(|number| i32::try_from(number).ok()));
    Ok(match of {
        DataType::Int32 => Arc::new(narrower().collect::<Int32Array>()),
        DataType::Date32 => Arc::new(narrower().collect::<Date32Array>()),
        DataType::Int64 => Arc::new(narrow().collect::<Int64Array>()),
        DataType::Timestamp(..) => Arc::new(narrow().collect::<TimestampMicrosecondArray>().with_data_type(of.clone())),
        DataType::Decimal128(..) => Arc::new(Decimal128Array::from(numbers.to_vec()).with_data_type(of.clone())),
        other => return Err(foreign(format!("a column of {other} has no least value"))),
    })
}
