//! Roll-ups: sums by time window and group, of one data file at a time.
//!
//! A table's roll-up at a version is the sum of those of its live files, so that it changes by exactly the files that
//! the version replaced.
//!
//! Rules:
//! - Sums are exact. They are kept wider than any column, so they do not depend on the order of rows; one that its
//!   column cannot hold is null, and named in the group's column `overflowed`.
//! - The sum of no values is null, as in SQL. A group's null is a group.
//! - The rows of a file are sorted by window and group, so that its bytes are a function of the rows that it sums up.

mod file;
mod groups;
pub mod map_sum;
mod measure;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use iguazu_lake::ids::TableName;
use iguazu_transform::contract::{Contract, MeasureKind, Name, Rollup, Window};

use crate::error::CompactError;
use crate::format::NewRollup;

use self::groups::{Coded, Pairs, Windows};
use self::measure::Accumulator;
pub use self::measure::Wide;

/// The column that names the sums which are too large.
pub const OVERFLOWED: &str = "overflowed";

const EVENT_TIME: &str = "event_time";

fn foreign(problem: impl Into<String>) -> CompactError {
    CompactError::Foreign { problem: problem.into() }
}

/// The roll-ups of a file that is being written, as its columns pass by.
#[derive(Debug)]
pub struct Rollups {
    windows: Vec<Windows>,
    columns: Vec<(Name, Coded)>,
    rollups: Vec<Building>,
    sealed: bool,
}

/// A roll-up in the making.
#[derive(Debug)]
struct Building {
    table: TableName,
    rollup: Rollup,
    /// The types of the groups' columns, and of those that are measured.
    by: Vec<Field>,
    kinds: Vec<DataType>,
    /// The group of each row.
    rows: Vec<u32>,
    counts: Vec<i64>,
    /// The window of each group, and the value of each of its columns, by their codes.
    keys: Vec<Vec<u32>>,
    accumulators: Vec<Accumulator>,
    /// How many rows of each measure have passed.
    seen: Vec<usize>,
}

impl Rollups {
    /// The roll-ups of a file of these columns.
    #[must_use]
    pub fn new(contract: &Contract, schema: &Schema) -> Self {
        let mut rollups = Self { windows: Vec::new(), columns: Vec::new(), rollups: Vec::new(), sealed: false };
        for rollup in &contract.rollups {
            let kind = |name: &Name| schema.field_with_name(name.as_str()).map(Field::data_type).cloned();
            let by = rollup.by.iter().map(|name| (name, kind(name)));
            let by: Vec<Field> =
                by.filter_map(|(name, kind)| Some(Field::new(name.as_str(), kind.ok()?, true))).collect();
            let kinds: Vec<DataType> =
                rollup.measures.iter().filter_map(|measure| kind(&measure.column).ok()).collect();
            // The names of roll-ups and of tables have one form.
            let Ok(table) = rollup.name.as_str().parse() else { continue };
            // A contract's roll-up names columns of the contract, which its schema has.
            if by.len() < rollup.by.len() || kinds.len() < rollup.measures.len() {
                continue;
            }
            if !rollups.windows.iter().any(|windows| windows.width() == rollup.window) {
                rollups.windows.push(Windows::new(rollup.window));
            }
            for name in &rollup.by {
                if !rollups.columns.iter().any(|(known, _)| known == name) {
                    rollups.columns.push((name.clone(), Coded::default()));
                }
            }
            rollups.rollups.push(Building::new(table, rollup.clone(), by, kinds));
        }
        rollups
    }

    /// The columns that are to be seen, in two passes: first what rows are grouped by, then what is summed up.
    #[must_use]
    pub fn passes(&self) -> [Vec<String>; 2] {
        let mut measured: Vec<String> = Vec::new();
        for measure in self.rollups.iter().flat_map(|building| &building.rollup.measures) {
            if !measured.iter().any(|known| known == measure.column.as_str()) {
                measured.push(measure.column.to_string());
            }
        }
        let time = (!self.rollups.is_empty()).then(|| EVENT_TIME.to_owned());
        [time.into_iter().chain(self.columns.iter().map(|(name, _)| name.to_string())).collect(), measured]
    }

    /// Takes the next rows of a column.
    ///
    /// # Errors
    /// Where they are of another type than the column.
    pub fn see(&mut self, name: &str, array: &ArrayRef) -> Result<(), CompactError> {
        if self.sealed {
            for building in &mut self.rollups {
                building.sum_up(name, array)?;
            }
            return Ok(());
        }
        if name == EVENT_TIME {
            let times = array.as_primitive_opt::<TimestampMicrosecondType>();
            let times = times.ok_or_else(|| foreign("its column `event_time` is no time in microseconds"))?;
            self.windows.iter_mut().for_each(|windows| windows.push(times.values()));
        }
        match self.columns.iter_mut().find(|(known, _)| known.as_str() == name) {
            Some((_, coded)) => coded.push(array),
            None => Ok(()),
        }
    }

    /// Ends a pass. After the first one, each row has its group.
    ///
    /// # Errors
    /// Where the columns have different numbers of rows.
    pub fn end_pass(&mut self) -> Result<(), CompactError> {
        if std::mem::replace(&mut self.sealed, true) {
            return Ok(());
        }
        for building in &mut self.rollups {
            building.group(&self.windows, &self.columns)?;
        }
        self.columns.iter_mut().for_each(|(_, coded)| coded.forget_rows());
        self.windows.iter_mut().for_each(Windows::forget_rows);
        Ok(())
    }

    /// The files.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn finish(self) -> Result<Vec<NewRollup>, CompactError> {
        let Self { windows, columns, rollups, .. } = self;
        rollups.into_iter().map(|building| file::write(building, &windows, &columns)).collect()
    }
}

impl Building {
    fn new(table: TableName, rollup: Rollup, by: Vec<Field>, kinds: Vec<DataType>) -> Self {
        let accumulators =
            rollup.measures.iter().zip(&kinds).map(|(measure, kind)| Accumulator::new(measure.kind, kind)).collect();
        let seen = vec![0; rollup.measures.len()];
        Self { table, rollup, by, kinds, rows: Vec::new(), counts: Vec::new(), keys: Vec::new(), accumulators, seen }
    }

    /// Tells the group of each row: first its window, and then a column after the other.
    fn group(&mut self, windows: &[Windows], columns: &[(Name, Coded)]) -> Result<(), CompactError> {
        let window = windows.iter().find(|windows| windows.width() == self.rollup.window);
        let window = window.ok_or_else(|| foreign("it has no column `event_time`"))?;
        self.rows = window.codes().to_vec();
        let mut keys: Vec<Vec<u32>> = (0..window.starts().len() as u32).map(|code| vec![code]).collect();
        for name in &self.rollup.by {
            let coded = columns.iter().find(|(known, _)| known == name).map(|(_, coded)| coded.codes());
            let codes = coded.filter(|codes| codes.len() == self.rows.len());
            let codes = codes.ok_or_else(|| foreign(format!("its column `{name}` has another number of rows")))?;
            let mut pairs = Pairs::default();
            for (group, &code) in self.rows.iter_mut().zip(codes) {
                *group = pairs.code(*group, code);
            }
            let key = |&(before, code): &(u32, u32)| {
                let mut key = keys.get(before as usize).cloned().unwrap_or_default();
                key.push(code);
                key
            };
            keys = pairs.all().iter().map(key).collect();
        }
        self.counts = vec![0; keys.len()];
        for &group in &self.rows {
            self.counts[group as usize] += 1;
        }
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.grow(keys.len()));
        self.keys = keys;
        Ok(())
    }

    fn sum_up(&mut self, name: &str, array: &ArrayRef) -> Result<(), CompactError> {
        let measures = self.rollup.measures.iter().zip(&mut self.accumulators).zip(&mut self.seen);
        for ((_, accumulator), seen) in measures.filter(|((measure, _), _)| measure.column.as_str() == name) {
            let rows = self.rows.get(*seen..*seen + array.len());
            accumulator.add(rows.ok_or_else(|| foreign(format!("its column `{name}` has too many rows")))?, array)?;
            *seen += array.len();
        }
        Ok(())
    }
}

/// The type of a measure's column.
fn measured(kind: MeasureKind, of: &DataType) -> DataType {
    match (kind, of) {
        (MeasureKind::Sum, DataType::Decimal128(_, scale)) => DataType::Decimal128(38, *scale),
        (MeasureKind::Sum, _) => DataType::Decimal128(38, 0),
        _ => of.clone(),
    }
}

/// The begin of the window that a time is in.
fn window_start(width: Window, micros: i64) -> i64 {
    use chrono::{DateTime, Datelike as _};
    const HOUR: i64 = 3_600_000_000;
    let floor = |width: i64| micros.div_euclid(width).saturating_mul(width);
    match width {
        Window::Hour => floor(HOUR),
        Window::Day => floor(24 * HOUR),
        Window::Month => {
            let first = DateTime::from_timestamp_micros(micros).and_then(|time| time.date_naive().with_day(1));
            // No calendar has a month for it: then its day stands for it.
            first
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .map_or_else(|| floor(24 * HOUR), |time| time.and_utc().timestamp_micros())
        }
    }
}
