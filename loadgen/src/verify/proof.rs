//! `verify.json`: what was proven, and what the lake came to.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use iguazu_audit::deliveries::Deliveries;
use iguazu_audit::{AuditError, View, deliveries, view};
use iguazu_compact::state::codec::{self, VersionBody};
use iguazu_compact::state::{State, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::keys::version::VersionPart;
use iguazu_lake::keys::{Area, KeyPrefix, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects, PortError};
use iguazu_transform::Contract;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// Rows or keys in one request.
const PAGE: usize = 1_000;

/// A verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// How long the pipeline took to drain once that was waited for.
    pub waited_ms: u64,
    /// What came out.
    pub verdict: Verdict,
    /// What the lake came to.
    pub lake: LakeNumbers,
}

/// What a lake came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeNumbers {
    /// Committed rows of shards' chains.
    pub commits: u64,
    /// Raw files, and their bytes.
    pub raw: (u64, u64),
    /// Files of quarantine, and their bytes.
    pub quarantine: (u64, u64),
    /// By table.
    pub tables: Vec<TableNumbers>,
    /// Objects that are there, by the first part of their keys.
    pub objects: BTreeMap<String, u64>,
}

/// What a table came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableNumbers {
    /// The table.
    pub table: String,
    /// Versions of its buckets, in all.
    pub versions: u64,
    /// Its live rows.
    pub rows: u64,
    /// Its live files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of its roll-ups.
    pub rollup_files: u64,
    /// How fresh it was, version by version.
    pub freshness: Vec<Fresh>,
}

/// How old the rows were that a version took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// When the version was committed.
    pub at: Timestamp,
    /// The newest of its rows had arrived so long before.
    pub newest_ms: u64,
    /// The oldest had.
    pub oldest_ms: u64,
}

fn port(doing: &'static str) -> impl Fn(PortError) -> AuditError {
    move |source| AuditError::Port { doing, source }
}

/// What a lake came to.
///
/// # Errors
/// Where it cannot be read.
pub async fn lake_numbers<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Contract],
) -> Result<LakeNumbers, AuditError> {
    let delivered = deliveries(ledger).await?;
    let mut numbers = LakeNumbers::default();
    for shard in &delivered.shards {
        numbers.commits += shard.commits;
        for file in &shard.files {
            let of = if file.area == Area::Quarantine { &mut numbers.quarantine } else { &mut numbers.raw };
            *of = (of.0 + 1, of.1 + file.bytes);
        }
    }
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = objects.list(&KeyPrefix::everything(), after.as_ref(), PAGE).await;
        let page = page.map_err(port("listing the objects"))?;
        for key in &page {
            let first = key.as_str().split('/').next().unwrap_or_default();
            *numbers.objects.entry(first.to_owned()).or_default() += 1;
        }
        after = page.last().cloned();
        if page.len() < PAGE {
            break;
        }
    }
    for contract in contracts {
        let view = view(objects, contract).await?;
        numbers.tables.push(table(objects, ledger, &view, &delivered).await?);
    }
    Ok(numbers)
}

async fn table<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    view: &View,
    delivered: &Deliveries,
) -> Result<TableNumbers, AuditError> {
    let mut numbers = TableNumbers { table: view.table.to_string(), ..TableNumbers::default() };
    for live in view.files() {
        numbers.rows += live.file.rows;
        numbers.files += 1;
        numbers.bytes += live.file.bytes;
        numbers.rollup_files += live.rollups.len() as u64;
    }
    let mut arrivals = Arrivals::default();
    for version in &view.versions {
        let mut taken = BTreeSet::new();
        let mut after = None;
        loop {
            let rows = ledger.scan_after(&version.chain, after, PAGE).await.map_err(port("reading versions"))?;
            after = rows.last().map(|row| row.n);
            for stored in &rows {
                numbers.versions += 1;
                let row = codec::row(stored)?;
                let VersionBody::Version { state, at } = row.body else { continue };
                let written = Written { n: row.n, attempt: row.attempt, ordinal: 0 };
                let key = written.object(&version.chain, &view.table, VersionPart::State).key();
                let object = objects.get(&key).await.map_err(port("reading a version"))?;
                // Old states are swept some time; what they took is then counted with the next one that is there.
                let Some(object) = object.filter(|object| Sha256Sum::of(&object.bytes) == state) else { continue };
                let state = codec::decode(|| key.to_string(), &object.bytes)?;
                let span = arrivals.of_new(objects, &state, view, delivered, &mut taken).await?;
                numbers.freshness.extend(span.map(|(oldest, newest)| {
                    let ms = |arrival| u64::try_from(at.since(arrival).as_millis()).unwrap_or(u64::MAX);
                    Fresh { at, newest_ms: ms(newest), oldest_ms: ms(oldest) }
                }));
            }
            if rows.len() < PAGE {
                break;
            }
        }
    }
    numbers.freshness.sort_by_key(|fresh| fresh.at);
    Ok(numbers)
}

type FileAt<'d> = (&'d ChainId, u64, u32);

/// When the rows of raw files arrived, each file read once.
#[derive(Default)]
struct Arrivals(BTreeMap<ObjectKey, Option<(Timestamp, Timestamp)>>);

impl Arrivals {
    /// The earliest and the latest arrival in the files that a version took and none before it.
    async fn of_new<'d, O: Objects>(
        &mut self,
        objects: &O,
        state: &State,
        view: &View,
        delivered: &'d Deliveries,
        taken: &mut BTreeSet<FileAt<'d>>,
    ) -> Result<Option<(Timestamp, Timestamp)>, AuditError> {
        let mut span: Option<(Timestamp, Timestamp)> = None;
        for shard in &delivered.shards {
            for file in shard.files.iter().filter(|file| file.is_of(&view.table)) {
                let covers = |lane: &iguazu_compact::state::Lane| {
                    lane.marks.get(&shard.chain).is_some_and(|mark| mark.covers(file.n, file.ordinal))
                };
                if !state.lanes.iter().any(covers) || !taken.insert((&shard.chain, file.n.get(), file.ordinal)) {
                    continue;
                }
                if !self.0.contains_key(&file.key) {
                    let object = objects.get(&file.key).await.map_err(port("reading a raw file"))?;
                    let object = object.filter(|object| Sha256Sum::of(&object.bytes) == file.sha256);
                    self.0.insert(file.key.clone(), object.and_then(|object| arrived(object.bytes)));
                }
                if let Some(Some((first, last))) = self.0.get(&file.key) {
                    span = Some(span.map_or((*first, *last), |(a, b)| (a.min(*first), b.max(*last))));
                }
            }
        }
        Ok(span)
    }
}

/// The earliest and the latest arrival in a raw file, if it says so.
fn arrived(file: Bytes) -> Option<(Timestamp, Timestamp)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).ok()?;
    let at = builder.schema().index_of("arrival_time").ok()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), [at]);
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for rows in builder.with_projection(mask).build().ok()? {
        let rows = rows.ok()?;
        for &micros in rows.column(0).as_primitive_opt::<TimestampMicrosecondType>()?.values() {
            let at = Timestamp::from_micros(micros);
            span = Some(span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
    }
    span
}
