//! New files of raw files and of live ones.

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::Schema;
use bytes::Bytes;
use iguazu_compact::ParquetTables;
use iguazu_compact::error::CompactError;
use iguazu_compact::format::{NewFile, Recipe, TableFormat as _};
use iguazu_compact::keep::RowRef;
use iguazu_lake::keys::version::TypeKey;

use crate::support::{Draws, EVERY_TYPE, by_time, contract, open, raw, read};

/// The rows of files, by any reader.
fn expected(files: &[Bytes], rows: &[RowRef], column: &str) -> ArrayRef {
    let batches: Vec<_> = files.iter().map(read).collect();
    let mut begins = vec![0];
    for batch in &batches {
        begins.push(begins[begins.len() - 1] + batch.num_rows());
    }
    let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column_by_name(column).unwrap().as_ref()).collect();
    let places: UInt32Array = rows.iter().map(|row| Some(begins[row.input as usize] as u32 + row.row)).collect();
    take(&concat(&columns).unwrap(), &places, None).unwrap()
}

fn names(batch: &RecordBatch) -> Vec<String> {
    batch.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn plain(schema: &Schema) -> Vec<(String, String)> {
    schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect()
}

#[test]
fn every_value_of_every_type_is_written_where_the_recipe_says() {
    let contract = contract(EVERY_TYPE, "");
    let mut draws = Draws(1);
    let files: Vec<_> = [700, 1, 20_000, 90, 300].map(|rows| raw(&contract, rows, &mut draws)).into();
    let inputs = open(&contract, &files);
    let rows = by_time(&contract, &inputs);
    // Two files, some rows in neither.
    let recipes = [Recipe::Rows(rows[..17_000].to_vec()), Recipe::Rows(rows[17_500..].to_vec())];
    let new = ParquetTables.write(&contract, &inputs, &recipes).unwrap();
    for (file, rows) in new.iter().zip([&rows[..17_000], &rows[17_500..]]) {
        let written = read(&file.bytes);
        assert_eq!(file.rows, rows.len() as u64);
        assert_eq!(plain(&written.schema()), plain(&contract.arrow_schema()));
        for name in names(&written) {
            let column = written.column_by_name(&name).unwrap();
            assert_eq!(column, &expected(&files, rows, &name), "column {name}");
        }
        let live = open(&contract, std::slice::from_ref(&file.bytes));
        let keys = ParquetTables.keys(&contract, &live[0]).unwrap().rows;
        let times = keys.iter().map(|key| key.copy.event_time);
        assert_eq!(file.event_time, times.clone().min().zip(times.max()));
        let ids = keys.iter().map(|key| key.id);
        assert_eq!(file.ids, ids.clone().min().zip(ids.max()));
        assert_eq!(new, ParquetTables.write(&contract, &inputs, &recipes).unwrap(), "the bytes are a function of it");
    }
}

#[test]
fn keys_and_deliveries_are_those_of_the_rows() {
    let contract = contract(EVERY_TYPE, "");
    let by_type = {
        let mut other = contract.as_ref().clone();
        other.partition_by_type = true;
        std::sync::Arc::new(other)
    };
    let file = raw(&contract, 3_000, &mut Draws(2));
    let inputs = open(&contract, std::slice::from_ref(&file));
    let keys = ParquetTables.keys(&contract, &inputs[0]).unwrap();
    let typed = ParquetTables.keys(&by_type, &inputs[0]).unwrap();
    assert!(keys.kinds.is_empty());
    let batch = read(&file);
    let text = |name: &str, row: usize| {
        arrow::util::display::array_value_to_string(batch.column_by_name(name).unwrap(), row).unwrap()
    };
    let asked = [2_999, 0, 17, 17, 1_500];
    let deliveries = ParquetTables.deliveries(&inputs[0], &asked).unwrap();
    for (row, delivery) in asked.into_iter().zip(deliveries) {
        let row = row as usize;
        assert_eq!(keys.rows[row].id.to_string(), text("event_id", row));
        assert_eq!(typed.kinds[typed.rows[row].kind as usize], TypeKey::of(&text("event_type", row)));
        let place = (text("stream", row), text("shard", row), text("sequence", row), text("sub", row));
        let found = (delivery.stream, delivery.shard, delivery.sequence.to_string(), delivery.sub.to_string());
        assert_eq!(found, place);
    }
}

#[test]
fn a_copy_is_what_decoding_would_have_written_and_tells_as_much() {
    let rollup = "[[rollup]]\nname = 'r'\nwindow = 'hour'\nby = ['few', 'event_type']\nsum = ['an_int64']\n";
    let contract = contract(EVERY_TYPE, rollup);
    let mut draws = Draws(3);
    let files: Vec<_> = [3_000, 2_000].map(|rows| raw(&contract, rows, &mut draws)).into();
    let inputs = open(&contract, &files);
    let rows = by_time(&contract, &inputs);
    let parts: Vec<_> = rows.chunks(1_900).map(|rows| Recipe::Rows(rows.to_vec())).collect();
    let parts: Vec<_> = ParquetTables.write(&contract, &inputs, &parts).unwrap();
    let live = open(&contract, &parts.iter().map(|file| file.bytes.clone()).collect::<Vec<_>>());
    let copied = one(ParquetTables.write(&contract, &live, &[Recipe::Copy(vec![0, 1, 2])]));
    let decoded = one(ParquetTables.write(&contract, &inputs, &[Recipe::Rows(rows)]));
    let (a, b) = (read(&copied.bytes), read(&decoded.bytes));
    for name in names(&a) {
        assert!(a.column_by_name(&name) == b.column_by_name(&name), "column {name}");
    }
    let said = |file: &NewFile| (file.rows, file.event_time, file.ids, file.rollups.clone());
    assert_eq!(said(&copied), said(&decoded));
    // A copy of a copy is a copy.
    let again = open(&contract, std::slice::from_ref(&copied.bytes));
    let again = one(ParquetTables.write(&contract, &again, &[Recipe::Copy(vec![0])]));
    assert_eq!(again, copied);
}

#[test]
fn raw_files_are_not_copied_but_decoded() {
    let contract = contract(EVERY_TYPE, "");
    let file = raw(&contract, 100, &mut Draws(4));
    let inputs = open(&contract, std::slice::from_ref(&file));
    let new = one(ParquetTables.write(&contract, &inputs, &[Recipe::Copy(vec![0])]));
    assert_eq!(plain(&read(&new.bytes).schema()), plain(&read(&file).schema()));
    assert!(new.index.is_some());
}

#[test]
fn a_column_that_a_file_has_not_is_null_and_one_that_the_contract_has_not_is_kept() {
    let (old, new) = (contract("a_string string\nz int32\n", ""), contract("b int64\na_string string\n", ""));
    let mut draws = Draws(5);
    let files = [raw(&old, 50, &mut draws), raw(&new, 60, &mut draws)];
    let inputs = open(&new, &files);
    let rows = by_time(&new, &inputs);
    let file = one(ParquetTables.write(&new, &inputs, &[Recipe::Rows(rows.clone())]));
    let written = read(&file.bytes);
    assert_eq!(names(&written)[9..], ["data", "b", "a_string", "z"]);
    assert_eq!(written.column_by_name("a_string").unwrap(), &expected(&files, &rows, "a_string"));
    for (row, from) in rows.iter().enumerate() {
        let (b, z) = (written.column_by_name("b").unwrap(), written.column_by_name("z").unwrap());
        assert!(if from.input == 0 { b.is_null(row) } else { z.is_null(row) });
    }
    let nulls = |column: &str, of: &Bytes| read(of).column_by_name(column).unwrap().null_count();
    assert_eq!(written.column_by_name("z").unwrap().null_count(), nulls("z", &files[0]) + 60);
    assert_eq!(written.column_by_name("b").unwrap().null_count(), nulls("b", &files[1]) + 50);
}

#[test]
fn a_column_of_another_type_is_refused_by_its_name_and_both_types() {
    let (old, new) = (contract("a string\n", ""), contract("a int64\n", ""));
    let inputs = open(&new, &[raw(&old, 5, &mut Draws(6))]);
    let error = ParquetTables.write(&new, &inputs, &[Recipe::Rows(Vec::new())]).unwrap_err();
    assert!(matches!(error, CompactError::Foreign { .. }));
    assert_eq!(
        error.to_string(),
        "a file does not fit the table: its column `a` is Utf8, and that of the table is Int64"
    );
}

#[test]
fn a_file_without_rows_has_all_columns() {
    let rollup = "[[rollup]]\nname = 'r'\nwindow = 'day'\nby = ['few']\nmax = ['a_date']\n";
    let contract = contract(EVERY_TYPE, rollup);
    let inputs = open(&contract, &[raw(&contract, 5, &mut Draws(7))]);
    let file = one(ParquetTables.write(&contract, &inputs, &[Recipe::Rows(Vec::new())]));
    assert_eq!((file.rows, file.event_time, file.ids), (0, None, None));
    assert_eq!(plain(&read(&file.bytes).schema()), plain(&contract.arrow_schema()));
    assert_eq!((file.rollups.len(), file.rollups[0].rows), (1, 0));
    assert_eq!(names(&read(&file.rollups[0].bytes)), ["window_start", "few", "count", "max_a_date", "overflowed"]);
    let live = open(&contract, std::slice::from_ref(&file.bytes));
    assert!(ParquetTables.keys(&contract, &live[0]).unwrap().rows.is_empty());
    assert_eq!(one(ParquetTables.write(&contract, &live, &[Recipe::Copy(vec![0])])), file);
    let none = one(ParquetTables.write(&contract, &[], &[Recipe::Rows(Vec::new())]));
    assert_eq!(none, file);
}

#[test]
fn a_row_that_no_input_has_is_refused() {
    let contract = contract(EVERY_TYPE, "");
    let inputs = open(&contract, &[raw(&contract, 5, &mut Draws(8))]);
    for row in [RowRef { input: 0, row: 5 }, RowRef { input: 1, row: 0 }] {
        assert!(ParquetTables.write(&contract, &inputs, &[Recipe::Rows(vec![row])]).is_err());
    }
}

fn one(files: Result<Vec<NewFile>, CompactError>) -> NewFile {
    let mut files = files.unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}
