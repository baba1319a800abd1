//! Whether what was made is what it should be, told by the transform on samples before anything is sent.

use arrow::array::AsArray;
use bytes::Bytes;
use iguazu_lake::ids::SequenceNumber;
use iguazu_lake::keys::Area;
use iguazu_transform::{Batch, Catalog, FormatError, Parquet, Payload, Record, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Workload;
use super::malformed::Malformation;

/// Events of each table that are tried.
const SAMPLES: u64 = 200;
/// Documents of each bad kind that are tried.
const BAD_SAMPLES: u64 = 3;

/// Why a workload cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// An event that should fit its contract does not.
    #[error(
        "the events that are made for the table {table} do not fit its contract: {reason}: {detail}; the contract says \
         something that the load generator cannot make events for: leave that table out, or use the built-in workload"
    )]
    Refused {
        /// The table.
        table: String,
        /// The reason.
        reason: String,
        /// In words.
        detail: String,
    },
    /// Another table takes it.
    #[error(
        "events of the types of the table {table} are taken by another table; the load generator cannot tell them \
         apart: leave one of the two out"
    )]
    OtherTable {
        /// The table that they were made for.
        table: String,
    },
    /// The transform itself failed.
    #[error("the samples could not be written as Parquet; this is a fault of the program")]
    Format(#[from] FormatError),
}

/// What a record became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many rows each table has of it.
    pub rows: Vec<(String, u64)>,
    /// The rows in quarantine: reason, detail and payload.
    pub refused: Vec<(String, String, Vec<u8>)>,
}

/// What becomes of a record.
///
/// # Errors
/// On a fault of the program.
pub fn outcome(data: Bytes, arrival: iguazu_lake::ids::Timestamp, catalog: &Catalog) -> Result<Outcome, FormatError> {
    let mut batch = Batch::new(catalog);
    batch.push(&Record { sequence: SequenceNumber::from(1), arrival, payload: Payload::Data(data) });
    let mut outcome = Outcome::default();
    for file in batch.finish(&source()?, &Parquet)?.files {
        match file.area {
            Area::Raw(table) => outcome.rows.push((table.to_string(), file.rows)),
            Area::Quarantine => outcome.refused.extend(refused(file.bytes)?),
        }
    }
    Ok(outcome)
}

/// The chain that trials pretend to be of.
///
/// # Errors
/// Never: its text is one.
pub fn source() -> Result<Source, FormatError> {
    let chain = "shard.loadgen.0.shardId-000000000000".parse();
    chain.map(|chain| Source { chain }).map_err(|_| FormatError::NotAShard)
}

fn refused(file: Bytes) -> Result<Vec<(String, String, Vec<u8>)>, FormatError> {
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        let batch = batch?;
        let text = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            column.ok_or(FormatError::Foreign("a column of text is missing"))
        };
        let payloads = batch.column_by_name("payload").and_then(|column| column.as_binary_opt::<i32>());
        let payloads = payloads.ok_or(FormatError::Foreign("no column `payload`"))?;
        let (reasons, details) = (text("reason")?, text("detail")?);
        for row in 0..batch.num_rows() {
            rows.push((reasons.value(row).to_owned(), details.value(row).to_owned(), payloads.value(row).to_vec()));
        }
    }
    Ok(rows)
}

/// Tries samples of every table's events.
pub(super) fn judge_events(workload: &Workload, catalog: &Catalog) -> Result<(), Misfit> {
    let arrival = workload.plan().start;
    for (at, table) in workload.tables().iter().enumerate() {
        let name = table.contract().table.to_string();
        let events = (0..).filter(|&event| workload.table_of(event) == at).take(SAMPLES as usize);
        for event in events {
            let event = workload.event(event, workload.id_of(event), event % 2 == 1);
            let text = table.draft(&event).node.text();
            let outcome = outcome(text.into(), arrival.max(event.time), catalog)?;
            if let Some((reason, detail, _)) = outcome.refused.into_iter().next() {
                return Err(Misfit::Refused { table: name, reason, detail });
            }
            if outcome.rows != [(name.clone(), 1)] {
                return Err(Misfit::OtherTable { table: name });
            }
        }
    }
    Ok(())
}

/// The kinds that end as they say, one for each reason.
pub(super) fn proven(
    workload: &Workload,
    table: usize,
    candidates: Vec<Malformation>,
    catalog: &Catalog,
) -> Result<Vec<Malformation>, Misfit> {
    let mut proven: Vec<Malformation> = Vec::new();
    for kind in candidates {
        if proven.iter().any(|known| known.code == kind.code) {
            continue;
        }
        let mut holds = true;
        for number in 0..BAD_SAMPLES {
            let bad = workload.bad_of(number, table, &kind);
            let outcome = outcome(bad.bytes.clone(), workload.plan().start, catalog)?;
            let rows: Vec<_> =
                outcome.refused.iter().map(|(reason, _, payload)| (reason.as_str(), &payload[..])).collect();
            holds &= outcome.rows.is_empty() && rows == [(bad.code, &bad.bytes[..])];
        }
        if holds {
            proven.push(kind);
        }
    }
    Ok(proven)
}
