//! What was delivered: the committed rows of every shard's chain, and the files that they name.
//!
//! A row that everybody has consumed may have shrunk to a stub, which says no more what it held. Its files are still there
//! and carry its attempt in their names, so they are found by [`Deliveries::find_shrunk`]. What they were recorded with is
//! known no more.

use std::collections::BTreeMap;

use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, Row, codec};
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, ShardId, StreamId, TableName, Timestamp};
use iguazu_lake::invariants;
use iguazu_lake::keys::{Area, DataFile, KeyPrefix, ObjectKey, Partition};
use iguazu_lake::ports::{Ledger, Objects};

use crate::error::AuditError;
use crate::file::{File, guarded, unreadable};
use crate::finding::{Finding, Problem};
use crate::view::View;

/// Rows of a chain in one scan.
const PAGE: usize = 256;
/// Keys in one listing.
const KEYS: usize = 1_000;

/// Everything that was delivered.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// By shard, in the order of their streams and names.
    pub shards: Vec<Shard>,
    /// Which rows break the rules of chains.
    pub findings: Vec<Finding>,
}

/// What was delivered by a shard.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its chain.
    pub chain: ChainId,
    /// The stream.
    pub stream: StreamId,
    /// The shard.
    pub shard: ShardId,
    /// Its newest row.
    pub newest: Option<RowNumber>,
    /// Rows that commit records.
    pub commits: u64,
    /// Rows that have shrunk. What they held is in none of the counts, unless their files were looked for.
    pub stubs: u64,
    /// Whether no row follows.
    pub closed: bool,
    /// Records of the stream.
    pub records: u64,
    /// Events and other documents that they were taken apart into.
    pub delivered: u64,
    /// Those that are in raw files.
    pub accepted: u64,
    /// Those that are in quarantine.
    pub quarantined: u64,
    /// The files of its rows, in the order of rows.
    pub files: Vec<DeliveredFile>,
    /// Its newest row, which the next one has to follow.
    last: Option<Row>,
    /// Who wrote the rows that have shrunk.
    shrunk: BTreeMap<RowNumber, AttemptId>,
}

/// A raw file, or one of quarantine.
#[derive(Clone, Debug)]
pub struct DeliveredFile {
    /// The row that names it.
    pub n: RowNumber,
    /// Its position among the files of that row.
    pub ordinal: u32,
    /// Whether it is raw, of which table, or quarantine.
    pub area: Area,
    /// Of which dates.
    pub partition: Partition,
    /// Its key.
    pub key: ObjectKey,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The checksum of its bytes.
    pub sha256: Sha256Sum,
    /// The least and the greatest event time; quarantine has none.
    pub event_time: Option<(Timestamp, Timestamp)>,
}

impl DeliveredFile {
    /// Whether it is a raw file of a table.
    #[must_use]
    pub fn is_of(&self, table: &TableName) -> bool {
        matches!(&self.area, Area::Raw(of) if of == table)
    }
}

impl Shard {
    /// Its raw files of a table.
    pub fn raw<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a DeliveredFile> {
        self.files.iter().filter(move |file| file.is_of(table))
    }

    /// The rows of a table that it delivered and that no bucket has taken yet. Where a file is taken by some buckets
    /// only, `partial` counts its rows instead: how many of them wait is in the file.
    #[must_use]
    pub fn pending(&self, view: &View) -> Pending {
        let mut pending = Pending::default();
        for file in self.raw(&view.table) {
            let taken = view.taken(&self.chain, file.n, file.ordinal);
            if taken.is_empty() {
                pending.rows += file.rows;
            } else if !View::are_all(&taken) {
                pending.partial += file.rows;
            }
        }
        pending
    }
}

/// What a table has yet to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Rows of files that no bucket has taken.
    pub rows: u64,
    /// Rows of files that some buckets have taken and others have not.
    pub partial: u64,
}

/// Reads all committed rows.
///
/// # Errors
/// Where the ledger fails, or a row is not understood.
pub async fn deliveries<L: Ledger>(ledger: &L) -> Result<Deliveries, AuditError> {
    let mut all = Deliveries::default();
    all.refresh(ledger).await?;
    Ok(all)
}

/// Every chain that was ever begun.
pub(crate) async fn registered<L: Ledger>(ledger: &L) -> Result<Vec<ChainId>, AuditError> {
    let mut chains: Vec<ChainId> = Vec::new();
    loop {
        let page = ledger.registry(chains.last(), PAGE).await.map_err(AuditError::port("reading the registry"))?;
        let full = page.len() == PAGE;
        chains.extend(page);
        if !full {
            return Ok(chains);
        }
    }
}

impl Deliveries {
    /// Reads the rows that were committed since.
    ///
    /// # Errors
    /// Where the ledger fails, or a row is not understood. What was read by then stays read.
    pub async fn refresh<L: Ledger>(&mut self, ledger: &L) -> Result<(), AuditError> {
        for chain in registered(ledger).await? {
            if let ChainId::Shard { stream, shard } = &chain
                && !self.shards.iter().any(|known| known.chain == chain)
            {
                self.shards.push(Shard::new(chain.clone(), stream.clone(), shard.clone()));
            }
        }
        self.shards.sort_by(|a, b| a.chain.cmp(&b.chain));
        for shard in &mut self.shards {
            shard.read(ledger, &mut self.findings).await?;
        }
        Ok(())
    }

    /// Finds the files of rows that have shrunk, and counts their rows among the accepted and the quarantined ones. Their
    /// checksums are those that they have now. Nothing is listed where no row has shrunk.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find_shrunk<O: Objects>(&mut self, objects: &O) -> Result<(), AuditError> {
        if self.shards.iter().all(|shard| shard.shrunk.is_empty()) {
            return Ok(());
        }
        for prefix in [KeyPrefix::raw(), KeyPrefix::quarantine()] {
            let mut after: Option<ObjectKey> = None;
            loop {
                let page = objects.list(&prefix, after.as_ref(), KEYS).await;
                let page = page.map_err(AuditError::port("listing raw and quarantine files"))?;
                for key in &page {
                    self.found(objects, key).await?;
                }
                if page.len() < KEYS {
                    break;
                }
                after = page.last().cloned();
            }
        }
        self.shards.iter_mut().for_each(|shard| shard.files.sort_by_key(|file| (file.n, file.ordinal)));
        Ok(())
    }

    /// Takes a file, if it is one of a row that has shrunk.
    async fn found<O: Objects>(&mut self, objects: &O, key: &ObjectKey) -> Result<(), AuditError> {
        let Ok(file) = DataFile::parse(key) else { return Ok(()) };
        let shard = self.shards.iter_mut().find(|shard| shard.chain == file.chain);
        // What other attempts left behind was never committed.
        let ours = |shard: &&mut Shard| shard.shrunk.get(&file.n) == Some(&file.attempt);
        let Some(shard) = shard.filter(ours) else { return Ok(()) };
        let object = objects.get(key).await.map_err(AuditError::port("reading a file of a row that has shrunk"))?;
        let Some(object) = object else { return Ok(()) };
        let rows = match guarded(|| Ok(File::open(object.bytes.clone())?.rows())) {
            Ok(rows) => rows,
            Err(problem) => {
                self.findings.push(unreadable(key, problem));
                return Ok(());
            }
        };
        shard.delivered += rows;
        match &file.area {
            Area::Raw(_) => shard.accepted += rows,
            Area::Quarantine => shard.quarantined += rows,
        }
        shard.files.push(DeliveredFile {
            n: file.n,
            // Whoever has passed the row has taken all of it.
            ordinal: 0,
            area: file.area,
            partition: file.partition,
            key: key.clone(),
            rows,
            bytes: object.bytes.len() as u64,
            sha256: Sha256Sum::of(&object.bytes),
            event_time: None,
        });
        Ok(())
    }
}

impl Shard {
    fn new(chain: ChainId, stream: StreamId, shard: ShardId) -> Self {
        Self {
            chain,
            stream,
            shard,
            newest: None,
            commits: 0,
            stubs: 0,
            closed: false,
            records: 0,
            delivered: 0,
            accepted: 0,
            quarantined: 0,
            files: Vec::new(),
            last: None,
            shrunk: BTreeMap::new(),
        }
    }

    async fn read<L: Ledger>(&mut self, ledger: &L, findings: &mut Vec<Finding>) -> Result<(), AuditError> {
        loop {
            let page = ledger.scan_after(&self.chain, self.newest, PAGE).await;
            let page = page.map_err(AuditError::port("reading committed rows"))?;
            for stored in &page {
                let row = codec::decode(stored)
                    .map_err(|source| AuditError::Row { chain: self.chain.to_string(), source })?;
                if let Err(violation) = invariants::follows(self.last.as_ref(), &row) {
                    findings.push(self.broken(&row, "a row that may follow the one before", &violation.detail));
                }
                self.take(&row, findings);
                self.last = Some(row);
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn take(&mut self, row: &Row, findings: &mut Vec<Finding>) {
        self.newest = Some(row.n);
        match &row.body {
            Body::Commit(commit) => self.commit(row, commit, findings),
            Body::Closed(_) => self.closed = true,
            Body::Stub(_) => {
                self.stubs += 1;
                self.shrunk.insert(row.n, row.attempt);
            }
        }
    }

    fn commit(&mut self, row: &Row, commit: &Commit, findings: &mut Vec<Finding>) {
        self.commits += 1;
        let counts = &commit.counts;
        self.records += counts.records;
        self.delivered += counts.delivered;
        self.accepted += counts.accepted;
        self.quarantined += counts.quarantined;
        if let Err(violation) = invariants::conserved(counts) {
            findings.push(self.broken(row, "delivered = accepted + quarantined", &violation.detail));
        }
        let rows = |raw: bool| -> u64 {
            let of = |area: &Area| matches!(area, Area::Raw(_)) == raw;
            commit.files.iter().filter(|file| of(&file.area)).map(|file| file.rows).sum()
        };
        let (accepted, quarantined) = (rows(true), rows(false));
        if (accepted, quarantined) != (counts.accepted, counts.quarantined) {
            let found = format!("{accepted} rows in raw files and {quarantined} in quarantine");
            let expected = format!("{} and {}", counts.accepted, counts.quarantined);
            findings.push(self.broken(row, &expected, &found));
        }
        for (ordinal, entry) in (0..).zip(&commit.files) {
            self.files.push(DeliveredFile {
                n: row.n,
                ordinal,
                area: entry.area.clone(),
                partition: entry.partition,
                key: entry.data_file(&self.chain, row.n, row.attempt).key(),
                rows: entry.rows,
                bytes: entry.bytes,
                sha256: entry.sha256,
                event_time: entry.event_time,
            });
        }
    }

    fn broken(&self, row: &Row, expected: &str, found: &str) -> Finding {
        Finding::new(Problem::Chain, format!("row {} of {}", row.n, self.chain), expected, found)
    }
}
