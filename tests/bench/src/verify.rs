//! What a side wrote, read back: only sides that wrote the same rows may be compared for speed.
//!
//! Rules:
//! - Files are read by arrow's reader, whoever wrote them, and types must be those of the table.
//! - Where the rows are, in which file and in which order, is the layout's business; here they are in the order of
//!   their sequence numbers.

use std::collections::BTreeSet;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::Failure;
use crate::generate::Truth;
use crate::table::SCHEMA;

/// The rows of one invocation as a side wrote them.
pub struct Rows {
    /// The columns that are compared, as text; rows are in the order of the sequence numbers.
    rows: Vec<Vec<Option<String>>>,
    columns: Vec<&'static str>,
}

impl Rows {
    /// Reads the files of an invocation.
    ///
    /// # Errors
    /// Where they are no Parquet, or a column is missing or of another type than the table has it.
    pub fn read(files: &[Bytes], columns: &[&'static str]) -> Result<Self, Failure> {
        let mut rows = Vec::new();
        for file in files {
            for batch in ParquetRecordBatchReaderBuilder::try_new(file.clone())?.build()? {
                read(&batch?, columns, &mut rows)?;
            }
        }
        let [sequence, sub] = ["sequence", "sub"].map(|name| columns.iter().position(|&column| column == name));
        rows.sort_unstable_by(|a, b| {
            let key = |row: &[Option<String>]| [sequence, sub].map(|at| at.and_then(|at| row[at].clone()));
            key(a).cmp(&key(b))
        });
        Ok(Self { rows, columns: columns.to_vec() })
    }

    /// Compares the values of columns, row by row.
    ///
    /// # Errors
    /// Where one differs from the other side's.
    pub fn compare(&self, other: &Self, columns: &[&str]) -> Result<(), Failure> {
        expect("rows", self.rows.len(), other.rows.len())?;
        for column in columns {
            let (here, there) = (self.place(column)?, other.place(column)?);
            for (row, (a, b)) in self.rows.iter().zip(&other.rows).enumerate() {
                if a[here] != b[there] {
                    let (found, expected) = (&a[here], &b[there]);
                    return Err(format!("{column} of row {row} is {found:?}, the other's is {expected:?}").into());
                }
            }
        }
        Ok(())
    }

    /// Compares the rows with what was generated, as far as their columns go.
    ///
    /// # Errors
    /// Where they differ.
    pub fn check(&self, truth: &Truth) -> Result<(), Failure> {
        let (id, sequence) = (self.place("event_id")?, self.place("sequence")?);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let deliveries: BTreeSet<_> = self.rows.iter().map(|row| (text(&row[id]), text(&row[sequence]))).collect();
        expect("rows", self.rows.len(), truth.rows)?;
        if deliveries != truth.deliveries {
            return Err("other events or other sequence numbers than were sent".into());
        }
        if self.columns.contains(&"amount") {
            // The text has two decimal places, so without its point it counts cents.
            expect("cents", self.sum("amount")?, truth.amount_cents)?;
            expect("quantity", self.sum("quantity")?, truth.quantity.into())?;
        }
        Ok(())
    }

    fn sum(&self, column: &str) -> Result<i128, Failure> {
        let place = self.place(column)?;
        let values = self.rows.iter().filter_map(|row| row[place].as_deref());
        values.map(|text| Ok(text.replace('.', "").parse::<i128>()?)).sum()
    }

    fn place(&self, column: &str) -> Result<usize, Failure> {
        let place = self.columns.iter().position(|&known| known == column);
        place.ok_or_else(|| format!("column {column} was not read").into())
    }
}

fn expect<T: PartialEq + std::fmt::Display>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} where {expected} were expected").into()) }
}

fn read(batch: &RecordBatch, columns: &[&str], rows: &mut Vec<Vec<Option<String>>>) -> Result<(), Failure> {
    let options = FormatOptions::default();
    let mut arrays = Vec::new();
    for &name in columns {
        let array = batch.column_by_name(name).ok_or_else(|| format!("no column {name}"))?;
        let expected = SCHEMA.field_with_name(name)?.data_type();
        if !same(array.data_type(), expected) {
            return Err(format!("column {name} is {}, not {expected}", array.data_type()).into());
        }
        // A time as its number: arrow writes times out only with a table of all time zones.
        let time = matches!(expected, DataType::Timestamp(..));
        arrays.push(if time { cast(array, &DataType::Int64)? } else { array.clone() });
    }
    let texts = arrays.iter().map(|array| ArrayFormatter::try_new(array, &options)).collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let value = |(array, text): (&ArrayRef, &ArrayFormatter<'_>)| {
            if array.is_null(row) { Ok(None) } else { text.value(row).try_to_string().map(Some) }
        };
        rows.push(arrays.iter().zip(&texts).map(value).collect::<Result<_, _>>()?);
    }
    Ok(())
}

/// Whether two types hold the same values. A file that does not say how Arrow called them leaves the zone's name open.
fn same(found: &DataType, expected: &DataType) -> bool {
    match (found, expected) {
        (DataType::Timestamp(a, Some(_)), DataType::Timestamp(b, Some(_))) => a == b,
        _ => found == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ours::Ours;
    use crate::table::Layout;
    use crate::{generate, straightforward};

    fn all() -> Vec<&'static str> {
        SCHEMA.fields().iter().map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn both_ways_in_rust_write_what_was_sent_in_both_layouts() {
        let invocation = generate::invocation(1);
        let shared: Vec<_> = all().into_iter().filter(|column| !straightforward::WRONG.contains(column)).collect();
        for layout in Layout::ALL {
            let ours = Ours::start(layout).unwrap().transform(&invocation.json).unwrap();
            let other = straightforward::transform(&invocation.json, layout).unwrap();
            assert_eq!(layout == Layout::Same, ours.len() == 1 && other.len() == 1);
            let ours = Rows::read(&ours, &all()).unwrap();
            let other = Rows::read(&other, &all()).unwrap();
            ours.check(&invocation.truth).unwrap();
            other.check(&invocation.truth).unwrap();
            ours.compare(&other, &shared).unwrap();
        }
    }

    #[test]
    fn one_wrong_value_or_one_lost_row_is_found() {
        let invocation = generate::invocation(2);
        let files = straightforward::transform(&invocation.json, Layout::Same).unwrap();
        let read = || Rows::read(&files, &all()).unwrap();
        let (right, mut wrong) = (read(), read());
        let place = wrong.place("ip").unwrap();
        wrong.rows[5][place] = Some(String::new());
        assert!(wrong.compare(&right, &all()).unwrap_err().to_string().starts_with("ip of row 5 is Some(\"\")"));
        let place = wrong.place("amount").unwrap();
        let with_amount = wrong.rows.iter().position(|row| row[place].is_some()).unwrap();
        wrong.rows[with_amount][place] = None;
        assert!(wrong.check(&invocation.truth).unwrap_err().to_string().starts_with("cents: "));
        wrong.rows.pop();
        assert!(wrong.check(&invocation.truth).unwrap_err().to_string().starts_with("rows: "));
        assert!(wrong.compare(&right, &all()).unwrap_err().to_string().starts_with("rows: "));
    }
}
