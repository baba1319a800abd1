//! How far buckets have come by the ledger, which alone decides that, against what the snapshots of their tables say.
//!
//! A snapshot that is gone or old is read like one of a table that has less in it, and everything in it may be right. What
//! is missing is known by these rules of publication:
//! - A version is in the snapshot before the next one is committed. So of each bucket the version before the newest is
//!   there, or a later one; what ends an epoch is no version.
//! - How far a bucket is published is noted when the snapshot has it. So that version is there, or a later one.
//! - A snapshot names the versions of the epoch that is read and of those after it, which may still be taking over. What
//!   came before is in it no more. An epoch takes over when each of its buckets has a version.
//!
//! These hold at every moment, so heads are read before the snapshots, which only go on meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_compact::publish::{Record, Snapshot};
use iguazu_compact::state::codec::{self, VersionBody};
use iguazu_lake::ids::{ChainId, RowNumber, TableName};
use iguazu_lake::keys::version::Published;
use iguazu_lake::keys::{Area, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;

use crate::deliveries::{Deliveries, registered};
use crate::error::AuditError;
use crate::finding::{Finding, Problem};
use crate::view::View;

/// Chains that are asked at a time.
const AHEAD: usize = 8;

/// How far the buckets of all tables had come when they were asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    /// The buckets that have a version, by table, in the order of epochs and buckets.
    tables: BTreeMap<TableName, Vec<Head>>,
}

/// How far a bucket has come.
#[derive(Clone, Debug)]
struct Head {
    epoch: u32,
    bucket: u32,
    chain: ChainId,
    /// Its newest version.
    version: RowNumber,
    /// The version up to which it is noted to be published.
    through: Option<RowNumber>,
}

/// Asks how far buckets have come: those of one table, or all that were ever begun.
///
/// # Errors
/// Where a port fails, or a text of the ledger or of publication is not understood.
pub(crate) async fn heads<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    only: Option<&TableName>,
) -> Result<Heads, AuditError> {
    let chains = registered(ledger).await?;
    let asked = chains.into_iter().filter_map(|chain| match &chain {
        ChainId::Bucket { table, epoch, bucket } if only.is_none_or(|only| only == table) => {
            let (table, epoch, bucket) = (table.clone(), *epoch, *bucket);
            Some(async move {
                let head = head(objects, ledger, &table, chain, (epoch, bucket)).await?;
                Ok::<_, AuditError>(head.map(|head| (table, head)))
            })
        }
        _ => None,
    });
    let read: Vec<_> = stream::iter(asked).buffered(AHEAD).try_collect().await?;
    let mut heads = Heads::default();
    for (table, head) in read.into_iter().flatten() {
        heads.tables.entry(table).or_default().push(head);
    }
    heads.tables.values_mut().for_each(|of| of.sort_by_key(|head| (head.epoch, head.bucket)));
    Ok(heads)
}

async fn head<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    table: &TableName,
    chain: ChainId,
    (epoch, bucket): (u32, u32),
) -> Result<Option<Head>, AuditError> {
    let newest = ledger.newest(&chain).await.map_err(AuditError::port("reading the newest version of a bucket"))?;
    let Some(newest) = newest else { return Ok(None) };
    let version = match codec::row(&newest)?.body {
        VersionBody::Version { .. } => Some(newest.n),
        VersionBody::Closed { of } => of,
    };
    let Some(version) = version else { return Ok(None) };
    let key = Published::Through { chain: chain.clone() }.key(table);
    let object = objects.get(&key).await.map_err(AuditError::port("reading how far a bucket is published"))?;
    let record: Option<Record> = object.map(|object| codec::decode(|| key.to_string(), &object.bytes)).transpose()?;
    let through = record.and_then(|record| record.published.last().map(|(n, _)| *n));
    Ok(Some(Head { epoch, bucket, chain, version, through }))
}

impl Head {
    /// The least version that the snapshot must have; none where it need not have any yet.
    fn due(&self) -> Option<RowNumber> {
        self.version.previous().max(self.through)
    }
}

impl Heads {
    /// What a table's snapshot does not say and should. The view was read after the heads were.
    pub(crate) fn findings(&self, view: &View) -> Vec<Finding> {
        let key = Published::Snapshot.key(&view.table);
        let of = self.tables.get(&view.table).map_or(&[][..], Vec::as_slice);
        let due: Vec<_> = of.iter().filter_map(|head| Some((head, head.due()?))).collect();
        let Some(snapshot) = &view.snapshot else {
            // One thing is wrong, however many buckets there are.
            return due.last().map(|(head, n)| missing(&key, head, *n)).into_iter().collect();
        };
        let mut findings = Vec::new();
        for (head, due) in due {
            let named = snapshot.epochs.get(&head.epoch).and_then(|of| of.versions.get(&head.bucket));
            let named = named.map(|entry| entry.n);
            if head.epoch >= snapshot.current && named.is_none_or(|named| named < due) {
                let found = named.map_or_else(|| "no version of it".to_owned(), |named| format!("version {named}"));
                let (place, expected) = (format!("{key}, {}", head.chain), format!("version {due} or a later one"));
                findings.push(Finding::new(Problem::SnapshotStale, place, expected, found));
            }
        }
        if findings.is_empty() {
            findings.extend(incomplete(&key, snapshot));
        }
        findings
    }
}

fn missing(key: &ObjectKey, head: &Head, due: RowNumber) -> Finding {
    let expected = format!("a snapshot that names version {due} of {} or a later one", head.chain);
    Finding::new(Problem::SnapshotMissing, key, expected, "no object, so that readers see an empty table")
}

/// An epoch that has taken over from another one, and has not a version of each bucket.
fn incomplete(key: &ObjectKey, snapshot: &Snapshot) -> Option<Finding> {
    let current = snapshot.current;
    let (buckets, found) =
        snapshot.epochs.get(&current).map_or((None, 0), |of| (Some(u64::from(of.buckets)), of.versions.len() as u64));
    if current == 0 || buckets == Some(found) {
        return None;
    }
    let buckets = buckets.map_or_else(|| "every bucket".to_owned(), |buckets| format!("each of {buckets} buckets"));
    let expected = format!("a version of {buckets} of epoch {current}, which is the one that is read");
    Some(Finding::new(Problem::SnapshotStale, key, expected, format!("versions of {found}")))
}

/// Raw files of a table that no contract is of wait for ever, and nobody looks at what was compacted of it: somebody should
/// know.
pub(crate) fn no_contract(heads: &Heads, delivered: &Deliveries, contracts: &[Arc<Contract>]) -> Vec<Finding> {
    let mut unknown: BTreeMap<&TableName, (u64, usize)> = BTreeMap::new();
    for file in delivered.shards.iter().flat_map(|shard| &shard.files) {
        if let Area::Raw(table) = &file.area {
            unknown.entry(table).or_default().0 += file.rows;
        }
    }
    for (table, heads) in &heads.tables {
        unknown.entry(table).or_default().1 += heads.len();
    }
    unknown.retain(|table, _| !contracts.iter().any(|contract| contract.table == **table));
    let told = |(table, (rows, buckets)): (&TableName, (u64, usize))| {
        let found = format!(
            "none, so that nobody compacts or verifies it: its raw files have {rows} accepted rows, \
             and its buckets that have a version are {buckets}"
        );
        Finding::new(Problem::NoContract, table, "a contract of the table", found)
    };
    unknown.into_iter().map(told).collect()
}
