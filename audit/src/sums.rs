//! Roll-ups of rows by brute force, row by row and group by group.
//!
//! It shares nothing with the roll-ups of compaction, on purpose: one is to prove the other.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::i256;
use chrono::Datelike as _;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::{Measure, MeasureKind, Rollup, Window};

use crate::value::{Cell, GroupKey, Measured, Value};

/// The roll-ups of a table by their names, group by group.
pub type Rollups = BTreeMap<String, BTreeMap<GroupKey, Cell>>;

/// Adds what other rows come to.
pub(crate) fn merge(into: &mut Rollups, other: Rollups) {
    for (name, groups) in other {
        let known = into.entry(name).or_default();
        for (key, cell) in groups {
            match known.get_mut(&key) {
                Some(sum) => sum.add(cell),
                None => drop(known.insert(key, cell)),
            }
        }
    }
}

/// What a row adds to each roll-up: which group, and the values that are measured.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    groups: Box<[u32]>,
    values: Box<[Option<Value>]>,
}

/// The roll-ups of a table in the making.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    rollups: Vec<Rollup>,
    groups: Vec<Groups>,
}

#[derive(Clone, Debug, Default)]
struct Groups {
    codes: BTreeMap<GroupKey, u32>,
    cells: Vec<Option<Cell>>,
}

/// The columns of a batch that the roll-ups look at. A file of before a column was there has none of it.
pub(crate) struct Columns<'b> {
    times: &'b ArrayRef,
    by: Vec<Vec<Option<&'b ArrayRef>>>,
    measured: Vec<Vec<Option<&'b ArrayRef>>>,
}

impl Sums {
    pub(crate) fn new(rollups: &[Rollup]) -> Self {
        Self { rollups: rollups.to_vec(), groups: vec![Groups::default(); rollups.len()] }
    }

    pub(crate) fn columns<'b>(&self, batch: &'b RecordBatch) -> Result<Columns<'b>, String> {
        let times = crate::rows::column(batch, "event_time")?;
        crate::rows::times(batch, "event_time")?;
        let find = |name: &str| batch.column_by_name(name);
        let by = |rollup: &Rollup| rollup.by.iter().map(|name| find(name.as_str())).collect();
        let measured = |rollup: &Rollup| rollup.measures.iter().map(|measure| find(measure.column.as_str())).collect();
        Ok(Columns {
            times,
            by: self.rollups.iter().map(by).collect(),
            measured: self.rollups.iter().map(measured).collect(),
        })
    }

    /// What a row adds.
    pub(crate) fn share(&mut self, columns: &Columns<'_>, row: usize) -> Result<Share, String> {
        let cell = |column: &Option<&ArrayRef>| column.map_or(Ok(None), |column| Value::of(column, row));
        let micros = columns.times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row);
        let mut groups = Vec::with_capacity(self.rollups.len());
        let mut values = Vec::new();
        let parts = self.rollups.iter().zip(&mut self.groups).zip(columns.by.iter().zip(&columns.measured));
        for ((rollup, known), (by, measured)) in parts {
            let grouped = |column| Ok(cell(column)?.map(Value::grouped));
            let by = by.iter().map(grouped).collect::<Result<_, String>>()?;
            groups.push(known.code(GroupKey { window_start: window_start(rollup.window, micros), by }));
            for column in measured {
                values.push(cell(column)?);
            }
        }
        Ok(Share { groups: groups.into(), values: values.into() })
    }

    /// Adds a row's share.
    pub(crate) fn add(&mut self, share: Share) -> Result<(), String> {
        let mut values = share.values.into_iter();
        for ((rollup, known), group) in self.rollups.iter().zip(&mut self.groups).zip(share.groups) {
            let measures = rollup.measures.iter().map(|measure| measured(measure, values.next().flatten()));
            let cell = Cell { count: 1, measures: measures.collect::<Result<_, _>>()? };
            match known.cells.get_mut(group as usize) {
                Some(Some(sum)) => sum.add(cell),
                Some(empty) => *empty = Some(cell),
                None => return Err("a row of no group".to_owned()),
            }
        }
        Ok(())
    }

    /// The group of each roll-up, of rows that are all in one group.
    pub(crate) fn keys(self) -> Vec<GroupKey> {
        self.groups.into_iter().filter_map(|groups| groups.codes.into_keys().next()).collect()
    }

    pub(crate) fn finish(self) -> Rollups {
        let groups = |groups: Groups| {
            let Groups { codes, mut cells } = groups;
            let cell = |(key, code): (GroupKey, u32)| Some((key, cells.get_mut(code as usize)?.take()?));
            codes.into_iter().filter_map(cell).collect()
        };
        let names = self.rollups.into_iter().map(|rollup| rollup.name.to_string());
        names.zip(self.groups.into_iter().map(groups)).collect()
    }
}

impl Groups {
    fn code(&mut self, key: GroupKey) -> u32 {
        if let Some(&code) = self.codes.get(&key) {
            return code;
        }
        // A pass has fewer rows than a code counts.
        let code = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
        self.codes.insert(key, code);
        self.cells.push(None);
        code
    }
}

/// What a value comes to as a measure of one row.
fn measured(measure: &Measure, value: Option<Value>) -> Result<Measured, String> {
    Ok(match (measure.kind, value) {
        (MeasureKind::Sum, None) => Measured::Sum(None),
        (MeasureKind::Sum, Some(value)) => {
            let (number, scale) = value
                .addend()
                .ok_or_else(|| format!("the column `{}` is summed up and holds no numbers", measure.column))?;
            Measured::Sum(Some((i256::from_i128(number), scale)))
        }
        (MeasureKind::Min, value) => Measured::Least(value),
        (MeasureKind::Max, value) => Measured::Greatest(value),
    })
}

/// The begin of the window that a time is in.
pub(crate) fn window_start(width: Window, micros: i64) -> Timestamp {
    const HOUR: i64 = 3_600_000_000;
    let day = Timestamp::from_micros(micros.div_euclid(24 * HOUR).saturating_mul(24 * HOUR));
    match width {
        Window::Hour => Timestamp::from_micros(micros.div_euclid(HOUR).saturating_mul(HOUR)),
        Window::Day => day,
        // No calendar has a month for a time that is none of its days: then its day stands for it.
        Window::Month => Timestamp::from_micros(micros).date().map_or(day, |date| {
            let days = i64::from(date.day0());
            Timestamp::from_micros(day.micros().saturating_sub(days.saturating_mul(24 * HOUR)))
        }),
    }
}

/// What a roll-up's file says of its groups.
pub(crate) fn read(rollup: &Rollup, batch: &RecordBatch, into: &mut BTreeMap<GroupKey, Cell>) -> Result<(), String> {
    let find = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"));
    let (starts, counts, overflowed) =
        (crate::rows::times(batch, "window_start")?, find("count")?, find("overflowed")?);
    let by = rollup.by.iter().map(|name| find(name.as_str())).collect::<Result<Vec<_>, _>>()?;
    let measures = rollup.measures.iter().map(|measure| Ok((measure, find(measure.name.as_str())?)));
    let measures = measures.collect::<Result<Vec<_>, String>>()?;
    for row in 0..batch.num_rows() {
        let by = by.iter().map(|column| Ok(Value::of(column, row)?.map(Value::grouped))).collect::<Result<_, String>>();
        let key = GroupKey { window_start: Timestamp::from_micros(starts.value(row)), by: by? };
        let count = match Value::of(counts, row)? {
            Some(Value::Integer(count)) => u64::try_from(count).map_err(|_| format!("{key}: a count of {count}"))?,
            _ => return Err(format!("{key}: the count is no whole number")),
        };
        let lost = crate::rows::text(overflowed, row).unwrap_or_default();
        let value = |(measure, column): &(&Measure, &ArrayRef)| {
            if lost.split(',').any(|name| name == measure.name.as_str()) {
                return if column.is_null(row) {
                    Ok(Measured::Overflowed)
                } else {
                    Err("a value that overflowed".into())
                };
            }
            measured(measure, Value::of(column, row)?)
        };
        let measures = measures.iter().map(value).collect::<Result<_, String>>()?;
        if let Some(other) = into.insert(key.clone(), Cell { count, measures }) {
            return Err(format!("{key}: the group is there twice, once with {other}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(width: Window, time: &str) -> String {
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        window_start(width, time.timestamp_micros()).to_string()
    }

    #[test]
    fn a_window_begins_at_its_hour_day_or_month_before_1970_too() {
        assert_eq!(start(Window::Hour, "2026-11-21T12:59:59.999999Z"), "2026-11-21T12:00:00.000000Z");
        assert_eq!(start(Window::Day, "2026-11-21T23:59:59Z"), "2026-11-21T00:00:00.000000Z");
        assert_eq!(start(Window::Month, "2024-02-29T05:00:00Z"), "2024-02-01T00:00:00.000000Z");
        assert_eq!(start(Window::Hour, "1969-12-31T23:30:00Z"), "1969-12-31T23:00:00.000000Z");
        assert_eq!(start(Window::Month, "1969-12-31T23:30:00Z"), "1969-12-01T00:00:00.000000Z");
    }
}
