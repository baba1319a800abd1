//! What becomes of a record under some contracts, document by document: by the very code that ingest commits with, and
//! without a commit.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use bytes::Bytes;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_transform::{Batch, Catalog, Parquet, Record, Source};
use miette::{Context, IntoDiagnostic, miette};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::quarantine::rows::{self, Row};

/// What became of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is an event of a table.
    Accepted(Accepted),
    /// It is a row of quarantine.
    Refused(Box<Row>),
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The table that took it.
    pub table: String,
    /// Which document of its record it is, from 0.
    pub sub: u32,
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
    /// Its row in the table, alone.
    pub row: RecordBatch,
}

impl Outcome {
    /// Which document of its record it is, from 0.
    pub fn sub(&self) -> u32 {
        match self {
            Self::Accepted(event) => event.sub,
            Self::Refused(row) => row.sub,
        }
    }
}

/// What becomes of the documents of a record, in their order.
///
/// # Errors
/// On a fault of the program: no record causes one.
pub fn judge(catalog: &Catalog, chain: &ChainId, record: &Record) -> miette::Result<Vec<Outcome>> {
    let mut batch = Batch::new(catalog);
    batch.push(record);
    let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).into_diagnostic()?;
    let mut outcomes = Vec::new();
    for file in output.files {
        match file.area {
            Area::Raw(table) => outcomes.extend(events(&table.to_string(), file.bytes)?),
            Area::Quarantine => {
                outcomes.extend(rows::decode(file.bytes)?.into_iter().map(|row| Outcome::Refused(Box::new(row))));
            }
        }
    }
    outcomes.sort_by_key(Outcome::sub);
    Ok(outcomes)
}

fn events(table: &str, file: Bytes) -> miette::Result<Vec<Outcome>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let mut outcomes = Vec::new();
    for batch in reader.into_diagnostic().wrap_err("a file that was just written cannot be read")? {
        let batch = batch.into_diagnostic()?;
        for row in 0..batch.num_rows() {
            let row = batch.slice(row, 1);
            let event = event(table, row).ok_or_else(|| miette!("an event lacks a column that every table has"))?;
            outcomes.push(Outcome::Accepted(event));
        }
    }
    Ok(outcomes)
}

fn event(table: &str, row: RecordBatch) -> Option<Accepted> {
    let text = |name: &str| {
        let column = row.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(0).then(|| column.value(0).to_owned())
    };
    let micros = row.column_by_name("event_time")?.as_primitive_opt::<TimestampMicrosecondType>()?.value(0);
    let sub = row.column_by_name("sub")?.as_primitive_opt::<Int32Type>()?.value(0);
    Some(Accepted {
        table: table.to_owned(),
        sub: u32::try_from(sub).ok()?,
        id: text("event_id")?,
        kind: text("event_type")?,
        time: Timestamp::from_micros(micros),
        row,
    })
}
