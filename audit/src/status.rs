//! How far shards and tables have come, and whether the counts add up: from the ledger and what is published alone, and
//! one raw file of each shard. It is quick whatever a lake holds, and proves nothing of the files; that is [`verify`](mod@crate::verify).

use std::collections::BTreeMap;
use std::sync::Arc;

use iguazu_lake::ids::Timestamp;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;
use serde::{Serialize, Serializer};

use crate::deliveries::{Deliveries, Shard};
use crate::error::AuditError;
use crate::file::{File, Named, fetch, guarded, unreadable};
use crate::finding::{Finding, Findings, Problem};
use crate::heads::{heads, no_contract};
use crate::rows::times;
use crate::view::{View, view};

/// How far a lake has come.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// By shard.
    pub shards: Vec<ShardStatus>,
    /// By table.
    pub tables: Vec<TableStatus>,
    /// What does not add up.
    pub findings: Vec<Finding>,
}

fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// How far a shard has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardStatus {
    /// The stream.
    pub stream: String,
    /// When it was created, in milliseconds since 1970.
    pub stream_created_ms: u64,
    /// The shard.
    pub shard: String,
    /// Rows of its chain that commit records.
    pub commits: u64,
    /// Rows that have shrunk to stubs, whose counts are known no more.
    pub stubs: u64,
    /// Whether no row follows.
    pub closed: bool,
    /// Records of the stream.
    pub records: u64,
    /// Rows that they gave.
    pub delivered: u64,
    /// Rows in raw files.
    pub accepted: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows that no bucket has taken yet, of all tables. Those of a file that is taken in part are told by its table.
    pub pending: u64,
    /// Raw and quarantine files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest committed record arrived.
    #[serde(serialize_with = "as_text")]
    pub newest_arrival: Option<Timestamp>,
}

/// How far a table has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// The table.
    pub table: String,
    /// Rows of raw files.
    pub accepted: u64,
    /// Rows that are live.
    pub live: u64,
    /// Copies that were dropped or replaced.
    pub duplicates: u64,
    /// Rows that are not compacted yet.
    pub pending: u64,
    /// Live files.
    pub files: u64,
    /// Their bytes, those of the roll-ups not included.
    pub bytes: u64,
    /// Bytes of a live file on average.
    pub file_bytes_mean: u64,
    /// Partitions with rows.
    pub partitions: u64,
    /// The epoch that is read.
    pub epoch: u32,
    /// Its buckets; none where nothing is published yet.
    pub buckets: u32,
    /// The published version of each bucket.
    pub versions: BTreeMap<u32, u64>,
    /// When the newest of them was committed.
    #[serde(serialize_with = "as_text")]
    pub newest: Option<Timestamp>,
}

/// Reads how far a lake has come.
///
/// # Errors
/// Where a port fails, or a text of the ledger or of a snapshot is not understood.
pub async fn status<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Arc<Contract>],
) -> Result<Status, AuditError> {
    status_after(objects, ledger, contracts, &mut Deliveries::default()).await
}

/// Reads how far a lake has come, and of the ledger only what `delivered` does not know yet: for who asks again and again.
///
/// # Errors
/// As [`status`].
pub async fn status_after<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Arc<Contract>],
    delivered: &mut Deliveries,
) -> Result<Status, AuditError> {
    // First the heads: the snapshots are as far by the time that they are read. And the views before the rows: every row
    // that one of them has taken is in the ledger by then.
    let heads = heads(objects, ledger, None).await?;
    let mut views = Vec::new();
    for contract in contracts {
        views.push(view(objects, contract).await?);
    }
    delivered.refresh(ledger).await?;
    let mut findings = Findings::default();
    findings.extend(delivered.findings.iter().cloned());
    let mut shards = Vec::new();
    for shard in &delivered.shards {
        let newest_arrival = newest_arrival(objects, shard, &mut findings).await?;
        let pending = views.iter().map(|view| shard.pending(view).rows).sum::<u64>();
        shards.push(ShardStatus {
            stream: shard.stream.name.to_string(),
            stream_created_ms: shard.stream.created_ms,
            shard: shard.shard.to_string(),
            commits: shard.commits,
            stubs: shard.stubs,
            closed: shard.closed,
            records: shard.records,
            delivered: shard.delivered,
            accepted: shard.accepted,
            quarantined: shard.quarantined,
            pending,
            files: shard.files.len() as u64,
            bytes: shard.files.iter().map(|file| file.bytes).sum(),
            newest_arrival,
        });
    }
    views.iter().for_each(|view| findings.extend(heads.findings(view)));
    let tables = views.iter().map(|view| table(view, delivered, &mut findings)).collect();
    findings.extend(no_contract(&heads, delivered, contracts));
    Ok(Status { shards, tables, findings: findings.finish() })
}

fn table(view: &View, delivered: &Deliveries, findings: &mut Findings) -> TableStatus {
    findings.extend(view.findings.iter().cloned());
    let (mut live, mut duplicates, mut taken) = (0, 0, 0);
    for version in &view.versions {
        let totals = &version.state.totals;
        (live, duplicates) = (live + totals.live, duplicates + totals.duplicates);
        taken += version.state.lanes.iter().flat_map(|lane| lane.marks.values()).map(|mark| mark.taken).sum::<u64>();
        if let Err(violation) = version.state.conserved() {
            let place = format!("version {} of {}", version.n, version.chain);
            findings.push(Finding::new(Problem::Conservation, place, "counts that add up", violation.detail));
        }
    }
    let accepted: u64 = delivered.shards.iter().flat_map(|shard| shard.raw(&view.table)).map(|file| file.rows).sum();
    let (mut rows, mut partial, mut stubs) = (0, 0, 0);
    for shard in &delivered.shards {
        let pending = shard.pending(view);
        (rows, partial, stubs) = (rows + pending.rows, partial + pending.partial, stubs + shard.stubs);
    }
    // What was accepted by rows that have shrunk is known no more, but all of that was taken.
    let pending = if stubs > 0 { rows } else { accepted.saturating_sub(taken) };
    let accepted = if stubs > 0 { taken + rows } else { accepted };
    if accepted != live + duplicates + pending || pending < rows || pending > rows + partial {
        let found =
            format!("{accepted} accepted, {live} live, {duplicates} duplicates, {rows} to {} pending", rows + partial);
        let expected = "accepted = live + duplicates + pending";
        findings.push(Finding::new(Problem::Conservation, &view.table, expected, found));
    }
    let files = view.files().count() as u64;
    let bytes = view.files().map(|live| live.file.bytes).sum::<u64>();
    let partitions: std::collections::BTreeSet<_> =
        view.files().filter(|live| live.file.rows > 0).map(|live| &live.partition).collect();
    TableStatus {
        table: view.table.to_string(),
        accepted,
        live,
        duplicates,
        pending,
        files,
        bytes,
        file_bytes_mean: bytes.checked_div(files).unwrap_or(0),
        partitions: partitions.len() as u64,
        epoch: view.epoch,
        buckets: view.buckets,
        versions: view.versions.iter().map(|version| (version.bucket, version.n.get())).collect(),
        newest: view.newest(),
    }
}

/// When the newest record of a shard arrived that is committed. Records of a shard arrive in their order, so it is in the
/// files of the newest row that has any.
async fn newest_arrival<O: Objects>(
    objects: &O,
    shard: &Shard,
    findings: &mut Findings,
) -> Result<Option<Timestamp>, AuditError> {
    let last = shard.files.last().map(|file| file.n);
    let mut newest = None;
    for file in shard.files.iter().rev().take_while(|file| Some(file.n) == last) {
        let found = match fetch(objects, Named { key: &file.key, bytes: file.bytes, sha256: &file.sha256 }).await? {
            Ok(bytes) => guarded(|| latest(&File::open(bytes)?)).map_err(|problem| unreadable(&file.key, problem)),
            Err(finding) => Err(finding),
        };
        match found {
            Ok(found) => newest = newest.max(found),
            Err(finding) => findings.push(finding),
        }
    }
    Ok(newest)
}

fn latest(file: &File) -> Result<Option<Timestamp>, String> {
    let mut latest = None;
    for batch in file.columns(&["arrival_time"])? {
        let batch = batch?;
        let arrived = times(&batch, "arrival_time")?;
        latest = latest.max(arrived.values().iter().max().copied());
    }
    Ok(latest.map(Timestamp::from_micros))
}
