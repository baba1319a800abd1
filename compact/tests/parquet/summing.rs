//! Roll-ups, against sums that are made the slow way.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use iguazu_compact::ParquetTables;
use iguazu_compact::format::{NewFile, Recipe, TableFormat as _};
use iguazu_compact::rollup::map_sum::{MapSum, Partial};
use proptest::prelude::*;

use crate::support::{Draws, EVERY_TYPE, by_time, contract, open, raw, read};

const ROLLUPS: &str = "
[[rollup]]
name = 'hourly'
window = 'hour'
by = ['few', 'event_type', 'a_boolean']
sum = ['an_int64', 'an_int32', 'a_decimal_of_9']
min = ['a_string', 'a_date', 'an_int64']
max = { last = 'a_timestamp', most = 'a_float64', d = 'a_decimal_of_38', f = 'few' }
[[rollup]]
name = 'monthly'
window = 'month'
by = []
sum = ['an_int64']
[[rollup]]
name = 'daily'
window = 'day'
by = ['a_date', 'an_int32', 'a_decimal_of_9', 'a_float64', 'stream']
";

fn cell(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(column).unwrap();
    (!column.is_null(row)).then(|| array_value_to_string(column, row).unwrap())
}

fn number(array: &ArrayRef, row: usize) -> Option<i128> {
    use arrow::datatypes::DataType as T;
    (!array.is_null(row)).then(|| match array.data_type() {
        T::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        T::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        T::Date32 => array.as_primitive::<Date32Type>().value(row).into(),
        T::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        _ => array.as_primitive::<Decimal128Type>().value(row),
    })
}

/// The rows of each group of a roll-up, by a text of the group.
fn groups(batch: &RecordBatch, window_micros: i64, by: &[&str]) -> BTreeMap<(i64, Vec<Option<String>>), Vec<usize>> {
    let mut groups = BTreeMap::<_, Vec<usize>>::new();
    let times = batch.column_by_name("event_time").unwrap().as_primitive::<TimestampMicrosecondType>();
    for row in 0..batch.num_rows() {
        let start = times.value(row).div_euclid(window_micros) * window_micros;
        let key = by.iter().map(|name| cell(batch, name, row)).collect();
        groups.entry((start, key)).or_default().push(row);
    }
    groups
}

fn check(events: &RecordBatch, file: &NewFile, window_micros: i64, at: usize, by: &[&str], sums: &[(&str, &str)]) {
    let rollup = read(&file.rollups[at].bytes);
    let expected = groups(events, window_micros, by);
    assert_eq!(rollup.num_rows(), expected.len());
    assert_eq!(file.rollups[at].rows, expected.len() as u64);
    let mut found = groups_of(&rollup, by);
    for (key, rows) in expected {
        let row = found.remove(&key).unwrap_or_else(|| panic!("no group {key:?}"));
        assert_eq!(cell(&rollup, "count", row), Some(rows.len().to_string()));
        for (measure, column) in sums {
            let values: Vec<i128> =
                rows.iter().filter_map(|&row| number(events.column_by_name(column).unwrap(), row)).collect();
            let found = number(rollup.column_by_name(measure).unwrap(), row);
            let expected = match measure.split('_').next().unwrap() {
                "sum" => values.iter().copied().reduce(|a, b| a.checked_add(b).unwrap()),
                "min" => values.iter().copied().min(),
                _ => values.iter().copied().max(),
            };
            assert_eq!(found, expected, "{measure} of {key:?}");
        }
    }
}

fn groups_of(rollup: &RecordBatch, by: &[&str]) -> BTreeMap<(i64, Vec<Option<String>>), usize> {
    let starts = rollup.column_by_name("window_start").unwrap().as_primitive::<TimestampMicrosecondType>();
    let key = |row| (starts.value(row), by.iter().map(|name| cell(rollup, name, row)).collect());
    (0..rollup.num_rows()).map(|row| (key(row), row)).collect()
}

fn written(seed: u64, rows: &[usize], files: usize) -> Vec<NewFile> {
    let contract = contract(EVERY_TYPE, ROLLUPS);
    let mut draws = Draws(seed);
    let raws: Vec<_> = rows.iter().map(|&rows| raw(&contract, rows, &mut draws)).collect();
    let inputs = open(&contract, &raws);
    let rows = by_time(&contract, &inputs);
    let recipes: Vec<_> = rows.chunks(rows.len().div_ceil(files)).map(|rows| Recipe::Rows(rows.to_vec())).collect();
    ParquetTables.write(&contract, &inputs, &recipes).unwrap()
}

#[test]
fn a_roll_up_is_what_adding_row_by_row_gives() {
    const HOUR: i64 = 3_600_000_000;
    for file in written(21, &[4_000, 300], 2) {
        let events = read(&file.bytes);
        let sums = [
            ("sum_an_int64", "an_int64"),
            ("sum_an_int32", "an_int32"),
            ("sum_a_decimal_of_9", "a_decimal_of_9"),
            ("min_a_date", "a_date"),
            ("min_an_int64", "an_int64"),
            ("last", "a_timestamp"),
            ("d", "a_decimal_of_38"),
        ];
        check(&events, &file, HOUR, 0, &["few", "event_type", "a_boolean"], &sums);
        check(&events, &file, 24 * HOUR, 2, &["a_date", "an_int32", "a_decimal_of_9", "a_float64", "stream"], &[]);
        let rollup = read(&file.rollups[0].bytes);
        let (few, least) = (rollup.column_by_name("f").unwrap(), rollup.column_by_name("few").unwrap());
        assert_eq!(few, least, "the greatest of a column that makes the group is the group's");
        let starts = rollup.column_by_name("window_start").unwrap().as_primitive::<TimestampMicrosecondType>();
        assert!(starts.values().is_sorted());
    }
}

#[test]
fn the_least_text_of_a_group_is_its_least() {
    let file = written(22, &[2_000], 1).remove(0);
    let events = read(&file.bytes);
    let by = ["few", "event_type", "a_boolean"];
    let rollup = read(&file.rollups[0].bytes);
    let found = groups_of(&rollup, &by);
    for (key, rows) in groups(&events, 3_600_000_000, &by) {
        let least = rows.into_iter().filter_map(|row| cell(&events, "a_string", row)).min();
        assert_eq!(cell(&rollup, "min_a_string", found[&key]), least);
    }
}

#[test]
fn a_sum_that_its_column_cannot_hold_is_null_and_named() {
    let columns = "big decimal(38,0)\nsmall int32\n";
    let rollup = "[[rollup]]\nname = 'r'\nwindow = 'month'\nby = []\nsum = ['big', 'small']\nmax = ['big']\n";
    let contract = contract(columns, rollup);
    let mut draws = Draws(23);
    // Of some thousand numbers of 38 digits the sum has more, in nearly every draw.
    let inputs = open(&contract, &[raw(&contract, 4_000, &mut draws)]);
    let rows = by_time(&contract, &inputs);
    let file = ParquetTables.write(&contract, &inputs, &[Recipe::Rows(rows)]).unwrap().remove(0);
    let rollup = read(&file.rollups[0].bytes);
    let (events, row) = (read(&file.bytes), 0);
    let values = events.column_by_name("big").unwrap();
    let fits =
        (0..events.num_rows()).filter_map(|row| number(values, row)).map(|value| value >> 64).sum::<i128>().abs()
            < (10_i128.pow(38) >> 64);
    assert!(!fits, "another seed is needed");
    assert_eq!(rollup.num_rows(), 1);
    assert_eq!(cell(&rollup, "sum_big", row), None);
    assert_eq!(cell(&rollup, "overflowed", row).as_deref(), Some("sum_big"));
    assert!(cell(&rollup, "sum_small", row).is_some());
    assert!(cell(&rollup, "max_big", row).is_some());
    let expected = "rollup r, window 2026-11-01T00:00:00Z, row 0: sum_big";
    assert_eq!(file.rollups[0].overflowed, [expected]);
    let read = Partial::read(&contract.rollups[0], &file.rollups[0].bytes).unwrap();
    assert!(format!("{read:?}").contains("Overflowed"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_files_say_adds_up_to_what_one_file_would_say(seed: u64, rows in 1_usize..600, files in 1_usize..5) {
        let contract = contract(EVERY_TYPE, ROLLUPS);
        for (at, rollup) in contract.rollups.iter().enumerate() {
            let said = |files: &[NewFile]| {
                let mut all = MapSum::default();
                for (bucket, file) in (0..).zip(files) {
                    all.merge(&MapSum::of(bucket, 1, Partial::read(rollup, &file.rollups[at].bytes).unwrap()));
                }
                all.total()
            };
            let (many, one) = (written(seed, &[rows, 5], files), written(seed, &[rows, 5], 1));
            prop_assert_eq!(said(&many), said(&one));
        }
    }
}
