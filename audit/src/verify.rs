//! The whole of a lake against what it must be: what was delivered is recomputed to tables, and compared.
//!
//! What is beyond the marks of a table's snapshot is not compacted yet, and is reported as pending; a file can be taken in
//! part. A table that cannot be recomputed, because a raw file of it cannot be read or is kept no longer, is said not to have
//! been, and is not compared event by event, which would make one lost file look like a thousand strange events.

mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use iguazu_compact::state::codec::{self, VersionBody};
use iguazu_compact::state::{Span, Totals};
use iguazu_lake::ids::{ChainId, TableName};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;
use serde::Serialize;

use crate::compare::{compare_rollups, compare_rows};
use crate::content::Fingerprint;
use crate::deliveries::{DeliveredFile, Deliveries, Shard, deliveries};
use crate::error::AuditError;
use crate::file::{File, fetch_again, guarded};
use crate::finding::{Finding, Findings, Problem};
use crate::heads::{heads, no_contract};
use crate::held::{Held, PASS_ROWS, pass, passes};
use crate::model::{Expected, Model};
use crate::view::{View, view};

/// Raw files that are fetched ahead.
const AHEAD: usize = 8;

/// What a verification has found.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// What was delivered, of all tables that were looked at, or of the whole lake.
    pub delivered: Delivered,
    /// The tables.
    pub tables: Vec<TableVerified>,
    /// Everything that is wrong. Nothing, and the lake is right.
    pub findings: Vec<Finding>,
}

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Shards.
    pub shards: u64,
    /// Rows of their chains that commit records.
    pub commits: u64,
    /// Rows that have shrunk, whose files were found by their names.
    pub stubs: u64,
    /// Records of the streams.
    pub records: u64,
    /// Rows that they gave.
    pub delivered: u64,
    /// Rows in raw files.
    pub accepted: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Raw and quarantine files that were read and held against their checksums.
    pub files: u64,
}

/// What was found of a table.
#[derive(Clone, Debug, Serialize)]
pub struct TableVerified {
    /// The table.
    pub table: String,
    /// The epoch of its snapshot.
    pub epoch: u32,
    /// Its buckets; none where nothing is published yet.
    pub buckets: u32,
    /// Those of them that have a version.
    pub buckets_begun: u64,
    /// Rows of raw files.
    pub accepted: u64,
    /// Those of them that the snapshot has taken.
    pub taken: u64,
    /// Those that are not compacted yet.
    pub pending: u64,
    /// Distinct events among those that were taken.
    pub events: u64,
    /// Copies that were dropped.
    pub duplicates: u64,
    /// Rows that are live.
    pub live: u64,
    /// Live files.
    pub files: u64,
    /// Groups of its roll-ups that were compared.
    pub groups: u64,
    /// What the events must say together.
    pub fingerprint_expected: Fingerprint,
    /// What they say.
    pub fingerprint_found: Fingerprint,
    /// Whether the table could be recomputed from its raw files, and was compared event by event.
    pub recomputed: bool,
}

/// How a verification goes about its work.
#[derive(Clone, Debug)]
pub struct Options {
    /// The one table to verify, with what was delivered to it; all of the lake without.
    pub only: Option<TableName>,
    /// Rows of a table that are kept in mind at a time. A table of more is gone through in several passes.
    pub pass_rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { only: None, pass_rows: PASS_ROWS }
    }
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files that were read.
    pub done: u64,
    /// Files to be read, those that are read again in another pass included.
    pub all: u64,
}

/// Verifies tables, and everything that was delivered.
///
/// # Errors
/// Where a port fails, or a text of the ledger is not understood.
pub async fn verify<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Arc<Contract>],
    options: &Options,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Verified, AuditError> {
    let only = options.only.as_ref();
    // First the heads: the snapshots are as far by the time that they are read. And the views before the rows: every row
    // that one of them has taken is in the ledger by then.
    let heads = heads(objects, ledger, only).await?;
    let mut views = Vec::new();
    for contract in contracts.iter().filter(|contract| only.is_none_or(|table| contract.table == *table)) {
        views.push((contract, view(objects, contract).await?));
    }
    let mut delivered = deliveries(ledger).await?;
    delivered.find_shrunk(objects).await?;
    let mut work = Work { progress, done: 0, all: 0 };
    let looked_at = |file: &DeliveredFile| only.is_none_or(|table| file.is_of(table));
    work.all = delivered.shards.iter().flat_map(|shard| &shard.files).filter(|file| looked_at(file)).count() as u64;
    work.all += views.iter().map(|(_, view)| files_to_read(view, &delivered, options.pass_rows)).sum::<u64>();
    let mut findings = Findings::default();
    findings.extend(delivered.findings.iter().cloned());
    if only.is_none() {
        findings.extend(no_contract(&heads, &delivered, contracts));
    }
    let mut counts = Delivered { shards: delivered.shards.len() as u64, ..Delivered::default() };
    let mut unread = BTreeSet::new();
    for shard in &delivered.shards {
        counts.commits += shard.commits;
        counts.stubs += shard.stubs;
        counts.records += shard.records;
        counts.delivered += shard.delivered;
        counts.accepted += shard.accepted;
        counts.quarantined += shard.quarantined;
        let files: Vec<_> = shard.files.iter().filter(|file| looked_at(file)).collect();
        counts.files += files.len() as u64;
        raw::check(objects, shard, &files, &mut work, &mut findings, &mut unread).await?;
    }
    let mut tables = Vec::new();
    for (contract, view) in &views {
        findings.extend(view.findings.iter().cloned());
        findings.extend(heads.findings(view));
        let (whole, found) = all_there(view, &delivered, &unread);
        findings.extend(found);
        let (delivered, unread, pass_rows) = (&delivered, &unread, options.pass_rows);
        let table = Table { objects, contract, view, delivered, unread, pass_rows, whole };
        findings.extend(ledger_findings(ledger, view).await?);
        tables.push(table.verify(&mut work, &mut findings).await?);
    }
    Ok(Verified { delivered: counts, tables, findings: findings.finish() })
}

/// Whether all raw files are there that a table was made of, and can be read. What its marks passed is held against what the
/// rows name: there may be less only where rows have shrunk, whose files may be kept no longer.
fn all_there(view: &View, delivered: &Deliveries, unread: &BTreeSet<ObjectKey>) -> (bool, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut whole = true;
    for shard in &delivered.shards {
        whole &= shard.raw(&view.table).all(|file| !unread.contains(&file.key));
        for mark in view.lanes().filter_map(|lane| lane.marks.get(&shard.chain)) {
            let passed = shard.raw(&view.table).filter(|file| mark.covers(file.n, file.ordinal));
            let rows: u64 = passed.map(|file| file.rows).sum();
            if rows < mark.offered && shard.stubs > 0 {
                whole = false;
            } else if rows != mark.offered {
                let place = format!("{}: rows of {} that its marks have passed", view.table, shard.chain);
                findings.push(Finding::new(Problem::Conservation, place, rows, mark.offered));
            }
        }
    }
    (whole, findings)
}

/// How far it has come, and who is told.
pub(crate) struct Work<'a> {
    progress: &'a mut (dyn FnMut(Progress) + Send),
    done: u64,
    all: u64,
}

impl Work<'_> {
    pub(crate) fn done(&mut self) {
        self.done += 1;
        (self.progress)(Progress { done: self.done, all: self.all.max(self.done) });
    }
}

/// Rows that the passes over a table are cut by.
fn rows_of(view: &View, delivered: &Deliveries) -> u64 {
    let raw: u64 = delivered.shards.iter().flat_map(|shard| shard.raw(&view.table)).map(|file| file.rows).sum();
    raw.max(view.files().map(|live| live.file.rows).sum())
}

fn files_to_read(view: &View, delivered: &Deliveries, pass_rows: u64) -> u64 {
    let raw = |shard: &Shard| {
        let taken = |file: &&DeliveredFile| !view.taken(&shard.chain, file.n, file.ordinal).is_empty();
        shard.raw(&view.table).filter(taken).count() as u64
    };
    let raw: u64 = delivered.shards.iter().map(raw).sum();
    let near = |span: &Span| view.files().filter(|live| live.span.common(span).is_some()).count() as u64;
    passes(rows_of(view, delivered), pass_rows).map(|span| raw + near(&span)).sum()
}

/// Holds the versions of a snapshot against the ledger, which alone decides what a version is.
async fn ledger_findings<L: Ledger>(ledger: &L, view: &View) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::new();
    for version in &view.versions {
        let place = || format!("version {} of {}", version.n, version.chain);
        let row = ledger.get(&version.chain, version.n).await.map_err(AuditError::port("reading a version"))?;
        let row = row.as_ref().map(codec::row).transpose()?;
        let expected = "the version that the snapshot names";
        match row {
            Some(row) if row.attempt == version.attempt => match row.body {
                VersionBody::Version { state, .. } if state == version.sha256 => {}
                VersionBody::Version { state, .. } => {
                    let expected = format!("a state with the SHA-256 sum {state}");
                    findings.push(Finding::new(Problem::Damaged, place(), expected, version.sha256));
                }
                VersionBody::Closed { .. } => findings.push(Finding::new(Problem::Chain, place(), expected, "an end")),
            },
            Some(row) => {
                let found = format!("that of the attempt {}", row.attempt);
                findings.push(Finding::new(Problem::Chain, place(), expected, found));
            }
            None => findings.push(Finding::new(Problem::Chain, place(), expected, "no such row")),
        }
        if let Err(violation) = version.state.conserved() {
            findings.push(Finding::new(Problem::Conservation, place(), "counts that add up", violation.detail));
        }
    }
    Ok(findings)
}

/// A table that is being verified.
struct Table<'a, O> {
    objects: &'a O,
    contract: &'a Contract,
    view: &'a View,
    delivered: &'a Deliveries,
    /// Files that were found to be no good.
    unread: &'a BTreeSet<ObjectKey>,
    /// Rows of a pass.
    pass_rows: u64,
    /// Whether all of its raw files are there and can be read.
    whole: bool,
}

impl<O: Objects> Table<'_, O> {
    async fn verify(&self, work: &mut Work<'_>, findings: &mut Findings) -> Result<TableVerified, AuditError> {
        let Self { objects, contract, view, delivered, whole, .. } = *self;
        let (mut expected, mut held) = (Expected::default(), Held::nothing(view));
        let (mut taken, mut bad) = (BTreeMap::new(), BTreeSet::new());
        for span in passes(rows_of(view, delivered), self.pass_rows) {
            let mut model = Model::new(contract).within(span);
            self.deliver(&mut model, span, &mut taken, work).await?;
            let (wanted, prints) = model.finish_with_rows()?;
            let (found, live) = pass(objects, contract, view, span, &mut bad, &mut || work.done()).await?;
            if whole {
                compare_rows(view.table.to_string().as_str(), &prints, &live, findings);
            }
            expected.merge(wanted);
            findings.extend(held.merge(found));
        }
        if whole {
            findings.extend(compare_rollups(&expected, &held));
        }
        // What cannot be read cannot be counted, and was told.
        if whole && bad.is_empty() && view.findings.is_empty() {
            findings.extend(conservation(view, &expected, &held, &taken));
        }
        let accepted =
            delivered.shards.iter().flat_map(|shard| shard.raw(&view.table)).map(|file| file.rows).sum::<u64>();
        Ok(TableVerified {
            table: view.table.to_string(),
            epoch: view.epoch,
            buckets: view.buckets,
            buckets_begun: view.versions.len() as u64,
            accepted,
            taken: expected.deliveries,
            pending: accepted.saturating_sub(expected.deliveries),
            events: expected.events,
            duplicates: expected.deliveries.saturating_sub(expected.events),
            live: held.rows,
            files: view.files().count() as u64,
            groups: expected.rollups.values().map(|groups| groups.len() as u64).sum(),
            fingerprint_expected: expected.rows_fingerprint,
            fingerprint_found: held.rows_fingerprint,
            recomputed: whole,
        })
    }

    /// Gives a model the rows that the snapshot has taken, and counts them by chain.
    async fn deliver(
        &self,
        model: &mut Model,
        span: Span,
        taken: &mut BTreeMap<ChainId, u64>,
        work: &mut Work<'_>,
    ) -> Result<(), AuditError> {
        let Self { objects, view, delivered, unread, .. } = *self;
        let files = delivered.shards.iter().flat_map(|shard| shard.raw(&view.table).map(move |file| (shard, file)));
        let files = files.filter_map(|(shard, file)| {
            let spans = view.taken(&shard.chain, file.n, file.ordinal);
            (!spans.is_empty()).then_some((shard, file, spans))
        });
        // Each was held against its checksum when all raw files were looked at. What was no good then was told.
        let reads = files.map(|(shard, file, spans)| async move {
            let bytes = if unread.contains(&file.key) { None } else { fetch_again(objects, &file.key).await? };
            Ok::<_, AuditError>((shard, spans, bytes))
        });
        let mut reads = stream::iter(reads).buffered(AHEAD);
        while let Some(read) = reads.next().await {
            let (shard, spans, bytes) = read?;
            if let Some(bytes) = bytes {
                let before = model.deliveries();
                // A file that has become unreadable since leaves rows out, which the counts tell of.
                let _ = guarded(|| {
                    for batch in File::open(bytes)?.near(None, span)? {
                        model.add_within(&batch?, &spans)?;
                    }
                    Ok(())
                });
                *taken.entry(shard.chain.clone()).or_default() += model.deliveries() - before;
            }
            work.done();
        }
        Ok(())
    }
}

/// I10 of a table: what its versions have counted against what was counted here.
fn conservation(view: &View, expected: &Expected, held: &Held, taken: &BTreeMap<ChainId, u64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut totals = Totals::default();
    let mut marked: BTreeMap<&ChainId, u64> = BTreeMap::new();
    for version in &view.versions {
        totals.live += version.state.totals.live;
        totals.duplicates += version.state.totals.duplicates;
        totals.taken += version.state.totals.taken;
        for (chain, mark) in version.state.lanes.iter().flat_map(|lane| &lane.marks) {
            *marked.entry(chain).or_default() += mark.taken;
        }
    }
    let table = &view.table;
    let mut same = |what: String, expected: u64, found: u64| {
        if expected != found {
            findings.push(Finding::new(Problem::Conservation, format!("{table}: {what}"), expected, found));
        }
    };
    same("rows that its versions count as live".to_owned(), held.rows, totals.live);
    let duplicates = expected.deliveries.saturating_sub(expected.events);
    same("copies that its versions count as dropped".to_owned(), duplicates, totals.duplicates);
    same("accepted rows that are live or dropped".to_owned(), expected.deliveries, held.rows + totals.duplicates);
    for (chain, &rows) in taken {
        same(format!("rows that its versions took from {chain}"), rows, marked.get(chain).copied().unwrap_or(0));
    }
    for (chain, &rows) in marked.iter().filter(|(chain, _)| !taken.contains_key(**chain)) {
        same(format!("rows that its versions took from {chain}"), 0, rows);
    }
    findings
}
