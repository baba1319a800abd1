//! Sums of a whole roll-up: what each bucket says of each group, and the total over buckets.
//!
//! A [`MapSum`] is what is known of a roll-up. Merging two of them keeps, for each bucket, what its higher version says.
//! So it does not matter in which order versions are heard of, or how often, or by whom.
//!
//! Within a version a [`Partial`] is the sum of what the roll-ups of its data files say, which is why it changes by
//! exactly the files that were replaced.

use std::collections::BTreeMap;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::{MeasureKind, Rollup};

use super::measure::Wide;
use super::{OVERFLOWED, foreign};
use crate::error::CompactError;

/// A value of a group or of an extreme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number, a decimal without its point, a day, a time in microseconds.
    Whole(i128),
    /// A double, by bits that have its order.
    Float(i64),
    /// A text.
    Text(String),
}

/// A group: its window, and a value for each column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// When its window begins.
    pub window_start: Timestamp,
    /// Its values.
    pub by: Vec<Option<Value>>,
}

/// A measure of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// A sum, which is none of no values.
    Sum(Option<Wide>),
    /// A sum that was too large for its column somewhere, so that it is not known.
    Overflowed,
    /// The least value.
    Least(Option<Value>),
    /// The greatest value.
    Greatest(Option<Value>),
}

/// The sums of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sums {
    /// Its events.
    pub count: i64,
    /// The measures, in the order of the roll-up.
    pub measures: Vec<Measured>,
}

/// What files say together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partial(pub BTreeMap<Group, Sums>);

/// What is known of a roll-up, by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapSum {
    buckets: BTreeMap<u32, (u64, Partial)>,
}

impl MapSum {
    /// What a version of a bucket says.
    #[must_use]
    pub fn of(bucket: u32, version: u64, partial: Partial) -> Self {
        Self { buckets: BTreeMap::from([(bucket, (version, partial))]) }
    }

    /// Learns what another one knows.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, theirs) in &other.buckets {
            // A version says one thing only; were there two, the order decides, so that merging has its laws anyway.
            match self.buckets.get_mut(bucket) {
                Some(ours) if *ours >= *theirs => {}
                Some(ours) => ours.clone_from(theirs),
                None => drop(self.buckets.insert(*bucket, theirs.clone())),
            }
        }
    }

    /// The sums over all buckets.
    #[must_use]
    pub fn total(&self) -> Partial {
        let mut total = Partial::default();
        self.buckets.values().for_each(|(_, partial)| total.add(partial));
        total
    }
}

impl Partial {
    /// Adds what other files say. Groups that have the same measures add up.
    pub fn add(&mut self, other: &Self) {
        for (group, sums) in &other.0 {
            match self.0.get_mut(group) {
                Some(known) => known.add(sums),
                None => drop(self.0.insert(group.clone(), sums.clone())),
            }
        }
    }

    /// What a roll-up's file says.
    ///
    /// # Errors
    /// Where it is not one of this roll-up.
    pub fn read(rollup: &Rollup, file: &Bytes) -> Result<Self, CompactError> {
        let mut partial = Self::default();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file.clone())?.build()? {
            let batch = batch?;
            let by = rollup.by.iter().map(|name| column(&batch, name.as_str())).collect::<Result<Vec<_>, _>>()?;
            let measures = rollup.measures.iter().map(|measure| column(&batch, measure.name.as_str()));
            let measures = measures.collect::<Result<Vec<_>, _>>()?;
            let (starts, counts) = (column(&batch, "window_start")?, column(&batch, "count")?);
            let overflowed = column(&batch, OVERFLOWED)?;
            for row in 0..batch.num_rows() {
                let Some(Value::Whole(start)) = value(starts, row)? else { return Err(foreign("a window of no time")) };
                let Some(Value::Whole(count)) = value(counts, row)? else { return Err(foreign("a group of no count")) };
                let lost = match value(overflowed, row)? {
                    Some(Value::Text(names)) => names,
                    _ => String::new(),
                };
                let by = by.iter().map(|column| value(column, row)).collect::<Result<_, _>>()?;
                let measured = rollup.measures.iter().zip(&measures).map(|(measure, column)| {
                    let is_lost = lost.split(',').any(|name| name == measure.name.as_str());
                    Ok(match (measure.kind, value(column, row)?) {
                        (MeasureKind::Sum, _) if is_lost => Measured::Overflowed,
                        (MeasureKind::Sum, Some(Value::Whole(sum))) => Measured::Sum(Some(Wide::of(sum))),
                        (MeasureKind::Sum, None) => Measured::Sum(None),
                        (MeasureKind::Min, value) => Measured::Least(value),
                        (MeasureKind::Max, value) => Measured::Greatest(value),
                        (MeasureKind::Sum, Some(_)) => return Err(foreign("a sum that is no number")),
                    })
                });
                let measures = measured.collect::<Result<_, CompactError>>()?;
                let group = Group { window_start: Timestamp::from_micros(narrow(start)?), by };
                let sums = Sums { count: narrow(count)?, measures };
                if partial.0.insert(group, sums).is_some() {
                    return Err(foreign("a group that is there twice"));
                }
            }
        }
        Ok(partial)
    }
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (known, more) in self.measures.iter_mut().zip(&other.measures) {
            match (&mut *known, more) {
                (Measured::Overflowed, _) => {}
                (_, Measured::Overflowed) => *known = Measured::Overflowed,
                (Measured::Sum(sum), Measured::Sum(Some(more))) => sum.get_or_insert_default().add_wide(*more),
                (Measured::Least(least), Measured::Least(Some(more)))
                    if least.as_ref().is_none_or(|least| more < least) =>
                {
                    *least = Some(more.clone());
                }
                (Measured::Greatest(greatest), Measured::Greatest(Some(more)))
                    if greatest.as_ref().is_none_or(|greatest| more > greatest) =>
                {
                    *greatest = Some(more.clone());
                }
                // Nothing adds nothing, a worse value is not taken, and a roll-up's measures are of one kind each.
                _ => {}
            }
        }
    }
}

fn narrow(number: i128) -> Result<i64, CompactError> {
    i64::try_from(number).map_err(|_| foreign("a time or a count beyond 64 bits"))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, CompactError> {
    batch.column_by_name(name).ok_or_else(|| foreign(format!("a roll-up without a column `{name}`")))
}

fn value(array: &ArrayRef, row: usize) -> Result<Option<Value>, CompactError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let whole = match array.data_type() {
        DataType::Boolean => return Ok(Some(Value::Boolean(array.as_boolean().value(row)))),
        DataType::Utf8 => return Ok(Some(Value::Text(array.as_string::<i32>().value(row).to_owned()))),
        DataType::Float64 => {
            let bits = array.as_primitive::<Float64Type>().value(row).to_bits() as i64;
            // As `f64::total_cmp` orders them.
            return Ok(Some(Value::Float(bits ^ ((bits >> 63) as u64 >> 1) as i64)));
        }
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).into(),
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value(row),
        other => return Err(foreign(format!("a roll-up with a column of {other}"))),
    };
    Ok(Some(Value::Whole(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each version of a bucket says one thing, which is a function of both.
    fn known(parts: &[(u32, u64)]) -> MapSum {
        let mut all = MapSum::default();
        parts.iter().for_each(|&(bucket, version)| all.merge(&MapSum::of(bucket, version, said(bucket, version))));
        all
    }

    fn said(bucket: u32, version: u64) -> Partial {
        let group = |at: u64| Group { window_start: Timestamp::from_micros(at as i64), by: vec![] };
        let sums = |at: u64| {
            let number = i128::from(at) << 100;
            let measures = vec![
                Measured::Sum((at > 0).then(|| Wide::of(number))),
                Measured::Least(Some(Value::Whole(-number))),
                Measured::Greatest((at > 1).then_some(Value::Whole(number))),
            ];
            Sums { count: at as i64, measures }
        };
        Partial((0..version % 3 + 1).map(|at| (group(at), sums(at + u64::from(bucket)))).collect())
    }

    fn merged(a: &MapSum, b: &MapSum) -> MapSum {
        let mut both = a.clone();
        both.merge(b);
        both
    }

    fn parts() -> impl Strategy<Value = Vec<(u32, u64)>> {
        prop::collection::vec((0_u32..4, 0_u64..6), 0..6)
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in parts(), b in parts(), c in parts()) {
            let (a, b, c) = (known(&a), known(&b), known(&c));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&merged(&a, &b), &a), merged(&a, &b));
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn of_each_bucket_the_highest_version_counts(parts in parts()) {
            let mut expected = Partial::default();
            for bucket in 0..4 {
                if let Some(version) = parts.iter().filter(|part| part.0 == bucket).map(|part| part.1).max() {
                    expected.add(&said(bucket, version));
                }
            }
            prop_assert_eq!(known(&parts).total(), expected);
        }

        #[test]
        fn a_wide_sum_does_not_depend_on_its_order(mut numbers in prop::collection::vec(any::<i128>(), 0..40), cut: usize) {
            let sum = |numbers: &[i128]| {
                let mut sum = Wide::default();
                numbers.iter().for_each(|&number| sum.add(number));
                sum
            };
            let (a, b) = numbers.split_at(cut % (numbers.len() + 1));
            let mut parts = sum(b);
            parts.add_wide(sum(a));
            let all = sum(&numbers);
            prop_assert_eq!(parts, all);
            // What is taken away again leaves nothing.
            numbers.reverse();
            let mut back = all;
            numbers.iter().filter(|&&number| number != i128::MIN).for_each(|number| back.add(-number));
            let rest = sum(&numbers.iter().copied().filter(|&number| number == i128::MIN).collect::<Vec<_>>());
            prop_assert_eq!(back, rest);
        }
    }
}
