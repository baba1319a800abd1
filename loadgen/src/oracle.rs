//! What the lake must hold of some runs, from what they sent.
//!
//! Two ways lead to it, and both are compared with the lake. What was meant is counted here as it is made: how many
//! events each table has, their ids, the sums of their columns in total, and which bad document ends under which reason.
//! And the documents are given to the transform and the rows to the model of the audit, which come to every value and
//! every cell of every roll-up.
//!
//! Rules:
//! - Memory is bounded by the ids and by the rows of one pass: models are made in passes over parts of all placements, each
//!   of which makes the documents again.
//! - Roll-ups by stream or shard are left out: which shard's copy is kept is for the stream to decide.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use iguazu_audit::{AuditError, Expected, Model};
use iguazu_compact::state::Span;
use iguazu_lake::ids::{EventId, SequenceNumber, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_transform::{Batch, Catalog, Contract, FormatError, Parquet, Payload, Record};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use xxhash_rust::xxh3::xxh3_128;

use crate::documents::Meaning;
use crate::records::Records;
use crate::workload::Workload;
use crate::workload::table::Table;
use crate::workload::trial::source;

/// Events of one pass.
const PASS_EVENTS: u64 = 1 << 20;
/// Documents that become rows at a time.
const BATCH_DOCUMENTS: usize = 10_000;

/// A run, as far as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Part<'w> {
    /// What was to be sent.
    pub workload: &'w Workload,
    /// Its first so many records were.
    pub records: u64,
}

/// What a table must hold.
#[derive(Clone, Debug)]
pub struct TableOracle {
    /// Its contract, without the roll-ups that cannot be known.
    pub contract: Contract,
    /// The roll-ups that were left out.
    pub left_out: Vec<String>,
    /// Its events.
    pub events: u64,
    /// Their ids, in order.
    pub ids: Vec<u128>,
    /// The sum of the ids that events were given.
    ids_meant: u128,
    /// The sums over all events of the columns that some roll-up adds up, in units of the last digit.
    pub totals: BTreeMap<String, i128>,
    /// The rows and the cells.
    pub expected: Expected,
}

/// What the lake must hold.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// By table.
    pub tables: Vec<TableOracle>,
    /// Bad documents: a hash of what is kept of each, and its reason.
    pub refused: BTreeMap<u128, &'static str>,
    /// How many documents each record holds, by run and record.
    pub documents: Vec<Vec<u32>>,
}

/// Why there is no oracle.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// The transform failed.
    #[error("the documents of the run could not be made into rows; this is a fault of the program")]
    Format(#[from] FormatError),
    /// The model failed.
    #[error("the rows of the run could not be modelled; this is a fault of the program")]
    Model(#[from] AuditError),
    /// The two ways disagree.
    #[error(
        "the oracle contradicts itself for the table {table}: {what}: {meant} by what was meant, {made} by the transform; \
         this is a fault of the program"
    )]
    Contradiction {
        /// The table.
        table: String,
        /// What.
        what: &'static str,
        /// What was meant.
        meant: u64,
        /// What the transform made.
        made: u64,
    },
}

/// The hash by which a bad document is told from others.
#[must_use]
pub fn mark(payload: &[u8]) -> u128 {
    xxh3_128(payload)
}

/// What the lake must hold of these runs, which are of the same contracts and of different seeds. `show` is told of each
/// pass how many records of how many it has gone through.
///
/// # Errors
/// On a fault of the program.
pub fn oracle(parts: &[Part<'_>], catalog: &Catalog, mut show: impl FnMut(u64, u64)) -> Result<Oracle, OracleError> {
    let Some(first) = parts.first() else {
        return Ok(Oracle { tables: Vec::new(), refused: BTreeMap::new(), documents: Vec::new() });
    };
    let tables = first.workload.tables().iter().map(|table| TableOracle::of(table.contract()));
    let mut oracle = Oracle { tables: tables.collect(), refused: BTreeMap::new(), documents: Vec::new() };
    let events: u64 = parts.iter().map(|part| part.workload.plan().events).sum();
    let passes = u32::try_from(events.div_ceil(PASS_EVENTS).max(1).next_power_of_two()).unwrap_or(1 << 16);
    let records: u64 = parts.iter().map(|part| part.records).sum();
    let mut done = 0;
    for pass in 0..passes {
        let mut rows = Rows::new(&oracle.tables, catalog, Span::of_bucket(pass, passes))?;
        for part in parts {
            let mut meaning = (pass == 0).then(|| Meant::new(&mut oracle, part.workload));
            for record in Records::of(part.workload).take(usize::try_from(part.records).unwrap_or(usize::MAX)) {
                rows.push(record.data.clone(), part.workload.plan().start)?;
                if let Some(meaning) = &mut meaning {
                    meaning.take(&record);
                }
                done += 1;
                show(done, records * u64::from(passes));
            }
        }
        rows.finish(&mut oracle.tables)?;
    }
    oracle.tables.iter_mut().for_each(|table| table.ids.sort_unstable());
    oracle.agree(parts)?;
    Ok(oracle)
}

impl TableOracle {
    fn of(contract: &Contract) -> Self {
        let mut contract = contract.clone();
        let unknown = |name: &str| name == "stream" || name == "shard";
        let (left_out, kept) = std::mem::take(&mut contract.rollups)
            .into_iter()
            .partition::<Vec<_>, _>(|rollup| rollup.by.iter().any(|name| unknown(name.as_str())));
        contract.rollups = kept;
        let left_out = left_out.into_iter().map(|rollup| rollup.name.to_string()).collect();
        let expected = Expected::default();
        Self { contract, left_out, events: 0, ids: Vec::new(), ids_meant: 0, totals: BTreeMap::new(), expected }
    }
}

impl Oracle {
    /// What was meant and what the transform made must be the same events.
    fn agree(&self, parts: &[Part<'_>]) -> Result<(), OracleError> {
        for (at, table) in self.tables.iter().enumerate() {
            let contradiction = |what, meant, made| OracleError::Contradiction {
                table: table.contract.table.to_string(),
                what,
                meant,
                made,
            };
            if table.events != table.expected.events {
                return Err(contradiction("events", table.events, table.expected.events));
            }
            if table.ids.len() as u64 != table.events {
                return Err(contradiction("ids", table.events, table.ids.len() as u64));
            }
            // An id that an event was given is known without the transform.
            let plain = parts.first().and_then(|part| part.workload.tables().get(at)).is_some_and(Table::has_plain_ids);
            let made = table.ids.iter().fold(0_u128, |sum, id| sum.wrapping_add(*id));
            if plain && made != table.ids_meant {
                return Err(contradiction("ids, of which the sums differ", table.events, table.ids.len() as u64));
            }
        }
        Ok(())
    }
}

/// Counts what was meant.
struct Meant<'o, 'w> {
    oracle: &'o mut Oracle,
    workload: &'w Workload,
    /// What was counted for events whose revision may come.
    open: BTreeMap<u64, Vec<Option<i128>>>,
    documents: usize,
}

impl<'o, 'w> Meant<'o, 'w> {
    fn new(oracle: &'o mut Oracle, workload: &'w Workload) -> Self {
        let documents = oracle.documents.len();
        oracle.documents.push(Vec::new());
        Self { oracle, workload, open: BTreeMap::new(), documents }
    }

    fn take(&mut self, record: &crate::records::Outgoing) {
        let documents = u32::try_from(record.documents.len()).unwrap_or(u32::MAX);
        if let Some(of_run) = self.oracle.documents.get_mut(self.documents) {
            of_run.push(documents);
        }
        for document in &record.documents {
            match &document.meaning {
                Meaning::Bad { code, .. } => {
                    self.oracle.refused.insert(mark(&document.bytes), code);
                }
                &Meaning::Event { event, table, revised, again, ref sums } => {
                    if !again {
                        self.event(event, table, revised, sums);
                    }
                }
            }
        }
    }

    fn event(&mut self, event: u64, table: usize, revised: bool, sums: &[Option<i128>]) {
        let (Some(of), Some(made)) = (self.oracle.tables.get_mut(table), self.workload.tables().get(table)) else {
            return;
        };
        let count = |totals: &mut BTreeMap<String, i128>, sums: &[Option<i128>], sign: i128| {
            for (&column, sum) in made.summed().iter().zip(sums) {
                let name = made.contract().columns.get(column).map(|column| column.name.to_string());
                if let (Some(name), Some(sum)) = (name, sum) {
                    *totals.entry(name).or_default() += sign * sum;
                }
            }
        };
        if !revised {
            count(&mut of.totals, sums, 1);
            of.events += 1;
            of.ids_meant = of.ids_meant.wrapping_add(self.workload.id_of(event).as_u128());
            if self.workload.is_revised(event) && !made.keeps_first() {
                self.open.insert(event, sums.to_vec());
            }
        } else if let Some(before) = self.open.remove(&event) {
            // The later time wins; where the first copy is kept, nothing was put aside.
            count(&mut of.totals, &before, -1);
            count(&mut of.totals, sums, 1);
        }
    }
}

/// Documents to rows to models, for one part of all placements.
struct Rows<'c> {
    catalog: &'c Catalog,
    batch: Batch<'c>,
    documents: usize,
    /// Rows are delivered in the order in which they were sent.
    delivered: u64,
    span: Span,
    models: BTreeMap<String, Model>,
    ids: BTreeMap<String, Vec<u128>>,
}

impl<'c> Rows<'c> {
    fn new(tables: &[TableOracle], catalog: &'c Catalog, span: Span) -> Result<Self, OracleError> {
        let model = |table: &TableOracle| (table.contract.table.to_string(), Model::new(&table.contract).within(span));
        Ok(Self {
            catalog,
            batch: Batch::new(catalog),
            documents: 0,
            delivered: 0,
            span,
            models: tables.iter().map(model).collect(),
            ids: BTreeMap::new(),
        })
    }

    fn push(&mut self, data: bytes::Bytes, start: Timestamp) -> Result<(), OracleError> {
        self.delivered += 1;
        // Later records arrive later, which is what the first copy of an event is told by.
        let arrival = start.plus(std::time::Duration::from_micros(self.delivered));
        let sequence = SequenceNumber::from(self.delivered);
        let pushed = self.batch.push(&Record { sequence, arrival, payload: Payload::Data(data) });
        self.documents += usize::try_from(pushed.accepted + pushed.quarantined).unwrap_or(usize::MAX);
        if self.documents >= BATCH_DOCUMENTS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), OracleError> {
        self.documents = 0;
        let batch = std::mem::replace(&mut self.batch, Batch::new(self.catalog));
        for file in batch.finish(&source()?, &Parquet)?.files {
            let Area::Raw(table) = file.area else { continue };
            let table = table.to_string();
            let Some(model) = self.models.get_mut(&table) else { continue };
            let ids = self.ids.entry(table).or_default();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes).map_err(FormatError::from)?;
            for rows in reader.build().map_err(FormatError::from)? {
                let rows = rows.map_err(FormatError::from)?;
                ids.extend(
                    event_ids(&rows)?.filter(|id| self.span.holds(id.placement())).map(|id| id.uuid().as_u128()),
                );
                model.add(&rows)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, tables: &mut [TableOracle]) -> Result<(), OracleError> {
        self.flush()?;
        for table in tables {
            let name = table.contract.table.to_string();
            let mut ids = self.ids.remove(&name).unwrap_or_default();
            ids.sort_unstable();
            ids.dedup();
            table.ids.extend(ids);
            if let Some(model) = self.models.remove(&name) {
                table.expected.merge(model.finish()?);
            }
        }
        Ok(())
    }
}

/// The ids of rows.
///
/// # Errors
/// Where they have none.
pub fn event_ids(rows: &RecordBatch) -> Result<impl Iterator<Item = EventId> + '_, FormatError> {
    let column = rows.column_by_name("event_id").and_then(|column| column.as_string_opt::<i32>());
    let column = column.ok_or(FormatError::Foreign("no column `event_id` of text"))?;
    Ok(column.iter().flatten().filter_map(EventId::of_text))
}
