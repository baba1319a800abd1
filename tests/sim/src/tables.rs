//! What the world knows of tables, and what must hold of them at every moment: of each version when its row is written,
//! of each publication when it is replaced, and of each object when it is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use iguazu_compact::publish::{Manifest, Snapshot};
use iguazu_compact::state::codec::{self, EpochBody, PartitionFiles, VersionBody};
use iguazu_compact::state::{LiveFile, Span, State, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber, TableName};
use iguazu_lake::invariants::InvariantId;
use iguazu_lake::keys::version::{Published, TablePartition, TypeKey, VersionObject, VersionPart};
use iguazu_lake::keys::{ObjectKey, Partition};
use iguazu_lake::ports::StoredRow;
use iguazu_transform::Contract;

use crate::compacting::{LEISURE, ROOT};
use crate::counters::Event;
use crate::live::{read_sums, sums};
use crate::payloads::TABLES;
use crate::plain::{Line, SimFormat};
use crate::truth::{RawRow, best};
use crate::world::World;

/// A version as it was committed.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) attempt: AttemptId,
    pub(crate) state: State,
    pub(crate) partitions: BTreeMap<TablePartition, Arc<Vec<LiveFile>>>,
    /// Every object that it names, its own state included.
    pub(crate) objects: BTreeSet<ObjectKey>,
    /// Where each event is.
    places: BTreeMap<EventId, TablePartition>,
}

/// A row of a bucket's chain.
#[derive(Debug)]
pub(crate) enum Known {
    Version(Box<Version>),
    Closed(Option<RowNumber>),
}

/// What the world knows of tables.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Every accepted row of raw.
    pub(crate) raw: Vec<RawRow>,
    /// The rows of every bucket's chain.
    pub(crate) chains: BTreeMap<ChainId, Vec<Known>>,
    /// The numbers of buckets, by table and epoch.
    pub(crate) epochs: BTreeMap<TableName, Vec<u32>>,
    /// The rows of live files, while there are such.
    pub(crate) lines: BTreeMap<ObjectKey, Arc<Vec<Line>>>,
    /// Until when objects were named by what is published; those that still are count anew when they no longer are.
    named_until: BTreeMap<ObjectKey, u64>,
    /// The epoch that readers of manifests are pointed to, by table.
    pub(crate) readers_epoch: BTreeMap<TableName, u32>,
}

impl Tables {
    /// The newest epoch of a table and its buckets.
    pub(crate) fn epoch(&self, table: &TableName) -> Option<(u32, u32)> {
        let epochs = self.epochs.get(table)?;
        Some((epochs.len() as u32 - 1, *epochs.last()?))
    }

    pub(crate) fn version(&self, chain: &ChainId, n: RowNumber) -> Option<&Version> {
        match self.chains.get(chain)?.get(n.get() as usize)? {
            Known::Version(version) => Some(version),
            Known::Closed(_) => None,
        }
    }

    /// The newest version of a chain, closed or not.
    pub(crate) fn newest(&self, chain: &ChainId) -> Option<(RowNumber, &Version)> {
        let rows = self.chains.get(chain)?;
        let n = match rows.last()? {
            Known::Version(_) => RowNumber::new(rows.len() as u64 - 1),
            Known::Closed(of) => (*of)?,
        };
        Some((n, self.version(chain, n)?))
    }

    fn closed(&self, chain: &ChainId) -> bool {
        matches!(self.chains.get(chain).and_then(|rows| rows.last()), Some(Known::Closed(_)))
    }
}

/// The contract of a table.
pub(crate) fn contract(table: &TableName) -> Option<&'static Arc<Contract>> {
    TABLES.iter().find(|contract| contract.table == *table)
}

/// Where a row belongs.
pub(crate) fn partition_of(contract: &Contract, line: &Line) -> TablePartition {
    let kind = contract.partition_by_type.then(|| TypeKey::of(&line.kind));
    TablePartition { day: Partition::of(line.event_time), kind }
}

type Checked<T> = Result<T, (InvariantId, String)>;

fn wrong<T>(id: InvariantId, detail: impl Into<String>) -> Checked<T> {
    Err((id, detail.into()))
}

impl World {
    fn check(&mut self, checked: Checked<()>) {
        if let Err((id, detail)) = checked {
            self.seen(id, detail);
        }
    }

    /// A row of a table's chain of epochs is about to be in the ledger.
    pub(crate) fn epoch_committed(&mut self, table: &TableName, stored: &StoredRow) {
        let of = self.tables.epochs.entry(table.clone()).or_default();
        match codec::decode::<EpochBody>(|| "an epoch".to_owned(), stored.body.as_bytes()) {
            Ok(EpochBody { buckets }) if stored.n.get() as usize == of.len() => of.push(buckets),
            _ => self.seen(InvariantId::I1Chain, format!("epoch {} of {table} is none that can follow", stored.n)),
        }
        if stored.n > RowNumber::FIRST {
            self.counters.event(Event::EpochChanged);
        }
    }

    /// A row of a bucket's chain is about to be in the ledger.
    pub(crate) fn version_committed(&mut self, chain: &ChainId, stored: &StoredRow) {
        let checked = self.check_version(chain, stored);
        self.check(checked);
    }

    fn check_version(&mut self, chain: &ChainId, stored: &StoredRow) -> Checked<()> {
        let row = codec::row(stored).map_err(|error| (InvariantId::I1Chain, error.to_string()))?;
        let rows = self.tables.chains.get(chain).map_or(0, Vec::len);
        if stored.n.get() as usize != rows {
            return wrong(InvariantId::I1Chain, format!("{chain} has {rows} rows and gets row {}", stored.n));
        }
        if self.tables.closed(chain) {
            return wrong(InvariantId::I1Chain, format!("{chain} is closed and gets row {}", stored.n));
        }
        let newest = self.tables.newest(chain).map(|(n, _)| n);
        let known = match row.body {
            VersionBody::Closed { of } if of == newest => {
                self.counters.event(if of.is_some() { Event::BucketClosed } else { Event::EmptyBucketClosed });
                Known::Closed(of)
            }
            VersionBody::Closed { of } => {
                return wrong(InvariantId::I1Chain, format!("{chain} is closed with {of:?}, and {newest:?} is newest"));
            }
            VersionBody::Version { state, .. } => {
                Known::Version(Box::new(self.read_version(chain, stored.n, stored.attempt, &state)?))
            }
        };
        if let Known::Version(version) = &known {
            self.counters.event(Event::VersionCommitted);
            self.check_progress(chain, version)?;
            self.check_rows(chain, version)?;
            self.count_changes(chain, stored.n, version);
        }
        self.tables.chains.entry(chain.clone()).or_default().push(known);
        Ok(())
    }

    /// I5, I7 and I10 of a version.
    fn read_version(&mut self, chain: &ChainId, n: RowNumber, attempt: AttemptId, sum: &Sha256Sum) -> Checked<Version> {
        let ChainId::Bucket { table, epoch, bucket } = chain else {
            return wrong(InvariantId::I1Chain, format!("{chain} has versions and is no bucket"));
        };
        let Some(contract) = contract(table) else {
            return wrong(InvariantId::I1Chain, format!("{table} is no table"));
        };
        let buckets = self.tables.epochs.get(table).and_then(|epochs| epochs.get(*epoch as usize)).copied();
        let key = Written { n, attempt, ordinal: 0 }.object(chain, table, VersionPart::State).key();
        let state = self.object(&key)?;
        let state =
            codec::state(key.as_str(), &state, sum).map_err(|error| (InvariantId::I5Objects, error.to_string()))?;
        state.conserved().map_err(|violation| (violation.id, violation.detail))?;
        if buckets.is_none_or(|buckets| state.span != Span::of_bucket(*bucket, buckets)) {
            return wrong(InvariantId::I6Table, format!("{chain} is not of {buckets:?} buckets in version {n}"));
        }
        let mut version = Version {
            attempt,
            objects: BTreeSet::from([key]),
            partitions: BTreeMap::new(),
            places: BTreeMap::new(),
            state,
        };
        for (partition, entry) in &version.state.partitions {
            let key = entry.object.partition(chain, table);
            let read = codec::read::<PartitionFiles>(key.as_str(), &self.object(&key)?, &entry.sha256);
            let files = read.map_err(|error| (InvariantId::I5Objects, error.to_string()))?.files;
            version.objects.insert(key);
            let rows: u64 = files.iter().map(|file| file.rows).sum();
            let changed = files.iter().map(|file| file.written.n).max();
            if files.len() as u64 != u64::from(entry.files) || rows != entry.rows || changed > Some(entry.changed) {
                return wrong(
                    InvariantId::I10Conservation,
                    format!("{partition} of {chain} is miscounted in version {n}"),
                );
            }
            for file in &files {
                let key = file.written.data(chain, table, partition);
                let lines = self.check_live(contract, chain, partition, file, &key)?;
                version.objects.insert(key);
                let rollups = file.rollups.iter();
                version
                    .objects
                    .extend(rollups.map(|rollup| file.written.rollup(chain, table, partition, &rollup.rollup)));
                for line in lines.iter() {
                    if partition_of(contract, line) != *partition {
                        return wrong(InvariantId::I6Table, format!("{} is in {partition} of {chain}", line.id));
                    }
                    if version.places.insert(line.id, partition.clone()).is_some() {
                        return wrong(InvariantId::I6Table, format!("{} is twice in version {n} of {chain}", line.id));
                    }
                }
            }
            version.partitions.insert(partition.clone(), Arc::new(files));
        }
        Ok(version)
    }

    fn object(&self, key: &ObjectKey) -> Checked<Bytes> {
        let object = self.objects.get(key).cloned();
        object.ok_or_else(|| (InvariantId::I5Objects, format!("{key} is referenced and is not there")))
    }

    /// I5 and I7 of a live file: it and what its roll-ups say are there as recorded, and fit each other.
    fn check_live(
        &mut self,
        contract: &Contract,
        chain: &ChainId,
        partition: &TablePartition,
        file: &LiveFile,
        key: &ObjectKey,
    ) -> Checked<Arc<Vec<Line>>> {
        let bytes = self.object(key)?;
        let of =
            file.rollups.iter().map(|rollup| file.written.rollup(chain, &contract.table, partition, &rollup.rollup));
        let of: Vec<_> = of.map(|key| self.object(&key)).collect::<Checked<_>>()?;
        if let Some(lines) = self.tables.lines.get(key) {
            return Ok(Arc::clone(lines));
        }
        let lines = SimFormat::lines(&bytes).unwrap_or_default();
        let times = lines.iter().map(|line| line.event_time);
        let ids = lines.iter().map(|line| line.id);
        if Sha256Sum::of(&bytes) != file.sha256
            || bytes.len() as u64 != file.bytes
            || lines.len() as u64 != file.rows
            || times.clone().min().zip(times.max()) != file.event_time
            || ids.clone().min().zip(ids.max()) != file.ids
        {
            return wrong(InvariantId::I5Objects, format!("{key} is not what its version recorded"));
        }
        if file.rollups.len() != contract.rollups.len() {
            return wrong(InvariantId::I7Rollups, format!("{key} has {} roll-ups", file.rollups.len()));
        }
        for ((rollup, recorded), bytes) in contract.rollups.iter().zip(&file.rollups).zip(of) {
            let said = read_sums(&bytes);
            if Sha256Sum::of(&bytes) != recorded.sha256 || said.as_ref() != Some(&sums(rollup, &lines)) {
                return wrong(InvariantId::I7Rollups, format!("the roll-up {} of {key} is of other rows", rollup.name));
            }
        }
        let lines = Arc::new(lines);
        self.tables.lines.insert(key.clone(), Arc::clone(&lines));
        Ok(lines)
    }

    /// Watermarks never go back, and an epoch begins when those before it have ended.
    fn check_progress(&self, chain: &ChainId, version: &Version) -> Checked<()> {
        let ChainId::Bucket { table, epoch, .. } = chain else { return Ok(()) };
        for (other, rows) in &self.tables.chains {
            let ChainId::Bucket { table: of, epoch: at, .. } = other else { continue };
            if of != table || at > epoch || (at == epoch && other != chain) {
                continue;
            }
            let Some((n, before)) = self.tables.newest(other) else { continue };
            if before.state.span.common(&version.state.span).is_none() {
                continue;
            }
            if at < epoch && !matches!(rows.last(), Some(Known::Closed(_))) {
                return wrong(InvariantId::I6Table, format!("{chain} has begun, and {other} has not ended"));
            }
            for lane in &before.state.lanes {
                for now in version.state.lanes.iter().filter(|now| now.span.common(&lane.span).is_some()) {
                    for (shard, mark) in &lane.marks {
                        let after = now.marks.get(shard);
                        if after.is_none_or(|after| (after.n, after.files) < (mark.n, mark.files)) {
                            let detail = format!("{chain} goes back in {shard} behind version {n} of {other}");
                            return wrong(InvariantId::I6Table, detail);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// I6 for a version: its rows are the best copies of the rows that its marks cover.
    fn check_rows(&self, chain: &ChainId, version: &Version) -> Checked<()> {
        let ChainId::Bucket { table, .. } = chain else { return Ok(()) };
        let state = &version.state;
        let Some(contract) = contract(table).filter(|_| state.seeds.is_empty()) else { return Ok(()) };
        let covered = self.tables.raw.iter().filter(|raw| {
            let placement = raw.line.id.placement();
            let lane = state.lanes.iter().find(|lane| lane.span.holds(placement));
            raw.table == *table
                && lane.and_then(|lane| lane.marks.get(&raw.chain)).is_some_and(|mark| mark.covers(raw.n, raw.ordinal))
        });
        let best = best(contract.keep, covered.map(|raw| &raw.line));
        self.compare(&best, &self.live(chain, version))
            .or_else(|detail| wrong(InvariantId::I6Table, format!("the next version of {chain}: {detail}")))
    }

    /// The rows of a version.
    pub(crate) fn live<'a>(&'a self, chain: &ChainId, version: &'a Version) -> BTreeMap<EventId, &'a Line> {
        let ChainId::Bucket { table, .. } = chain else { return BTreeMap::new() };
        let files =
            version.partitions.iter().flat_map(|(partition, files)| files.iter().map(move |file| (partition, file)));
        files
            .filter_map(|(partition, file)| self.tables.lines.get(&file.written.data(chain, table, partition)))
            .flat_map(|lines| lines.iter().map(|line| (line.id, line)))
            .collect()
    }

    /// What is wrong with the rows of a table.
    pub(crate) fn compare(
        &self,
        expected: &BTreeMap<EventId, &Line>,
        found: &BTreeMap<EventId, &Line>,
    ) -> Result<(), String> {
        for (id, line) in expected {
            match found.get(id) {
                None => return Err(format!("{id} is missing")),
                Some(other) if other != line => {
                    return Err(format!("of {id} the copy {other:?} is kept and {line:?} is better"));
                }
                Some(_) => {}
            }
        }
        match found.keys().find(|id| !expected.contains_key(id)) {
            Some(id) => Err(format!("{id} is live and was not taken")),
            None => Ok(()),
        }
    }

    fn count_changes(&mut self, chain: &ChainId, n: RowNumber, version: &Version) {
        let state = &version.state;
        let mut events = Vec::new();
        if state.lanes.len() > 1 {
            events.push(Event::LanesApart);
        }
        if state.seeds.iter().any(|seed| seed.files > 0) {
            events.push(Event::SeedTakenInPart);
        }
        let commits = &self.ledgered;
        let in_part = |(shard, mark): (&ChainId, &iguazu_compact::state::Mark)| {
            mark.files > 0 && commits.files_of(shard, RowNumber::new(mark.n)) > mark.files as usize
        };
        if state.lanes.iter().flat_map(|lane| &lane.marks).any(in_part) {
            events.push(Event::RowTakenInPart);
        }
        if let Some((_, before)) = self.tables.newest(chain) {
            let sizes = self.scene.compaction.as_ref().map(|scene| scene.sizes);
            let seals = |bytes| sizes.is_some_and(|sizes| sizes.seals(bytes));
            for (partition, files) in &before.partitions {
                let now = version.partitions.get(partition);
                let gone = |file: &&LiveFile| now.is_none_or(|now| !now.contains(file));
                let sealed = files.iter().filter(|file| seals(file.bytes)).filter(gone).count();
                events.extend(std::iter::repeat_n(Event::SealedFileRewritten, sealed));
                let rows = |files: &[LiveFile]| files.iter().map(|file| file.rows).sum::<u64>();
                if rows(files) > 0 && now.is_some_and(|now| rows(now) == 0) {
                    events.push(Event::PartitionEmptied);
                }
            }
            let moved =
                before.places.iter().filter(|(id, place)| version.places.get(*id).is_some_and(|now| now != *place));
            events.extend(moved.map(|_| Event::MovedToAnotherPartition));
        }
        self.note(|_| {
            let totals = state.totals;
            format!(
                "version {n} of {chain}: {totals:?}, {} partitions, {} seeds",
                state.partitions.len(),
                state.seeds.len()
            )
        });
        events.into_iter().for_each(|event| self.counters.event(event));
    }

    // ---- Publication ------------------------------------------------------------------------------------------------

    /// What is published is about to be created or replaced.
    pub(crate) fn object_published(&mut self, key: &ObjectKey, old: Option<&Bytes>, new: &Bytes) {
        let Some(rest) = key.as_str().strip_prefix("tables/") else { return };
        self.note(|_| format!("{key} is published"));
        let checked = if rest.ends_with("/snapshot.json") {
            self.snapshot_published(key, old, new)
        } else if rest.contains("/published/") {
            Ok(())
        } else {
            self.manifest_published(key, old, new)
        };
        self.check(checked);
    }

    fn snapshot_published(&mut self, key: &ObjectKey, old: Option<&Bytes>, new: &Bytes) -> Checked<()> {
        let read = |bytes: &Bytes| {
            Snapshot::read(key.as_str(), bytes).map_err(|error| (InvariantId::I8Readers, error.to_string()))
        };
        let new = read(new)?;
        let table = &new.table;
        for (&epoch, versions) in &new.epochs {
            for (&bucket, entry) in &versions.versions {
                let chain = ChainId::Bucket { table: table.clone(), epoch, bucket };
                if self.tables.version(&chain, entry.n).is_none_or(|version| version.attempt != entry.attempt) {
                    return wrong(InvariantId::I8Readers, format!("the snapshot names {} of {chain}", entry.n));
                }
            }
        }
        let Some(old) = old.map(read).transpose()? else { return Ok(()) };
        if new.current < old.current {
            return wrong(InvariantId::I8Readers, format!("the snapshot of {table} goes back to an earlier epoch"));
        }
        if new.current > old.current {
            self.counters.event(Event::EpochTookOver);
            let versions = new.versions(new.current).filter(|&(bucket, entry)| {
                let chain = ChainId::Bucket { table: table.clone(), epoch: new.current, bucket };
                self.tables.version(&chain, entry.n).is_some_and(|version| version.state.seeds.is_empty())
            });
            let buckets = self.tables.epochs.get(table).and_then(|epochs| epochs.get(new.current as usize));
            if Some(versions.count()) != buckets.map(|buckets| *buckets as usize) {
                let detail = format!("the snapshot of {table} is of epoch {}, which has not taken over", new.current);
                return wrong(InvariantId::I8Readers, detail);
            }
        }
        for (&epoch, versions) in old.epochs.range(new.current..) {
            for (bucket, entry) in &versions.versions {
                let now = new.epochs.get(&epoch).and_then(|versions| versions.versions.get(bucket));
                if now.is_none_or(|now| now.n < entry.n) {
                    return wrong(
                        InvariantId::I8Readers,
                        format!("the snapshot of {table} goes back in {epoch}.{bucket}"),
                    );
                }
            }
        }
        let now = self.now();
        for (bucket, entry) in old.versions(old.current) {
            let chain = ChainId::Bucket { table: table.clone(), epoch: old.current, bucket };
            let objects = self.tables.version(&chain, entry.n).map(|version| version.objects.clone());
            self.tables.named_until.extend(objects.into_iter().flatten().map(|key| (key, now)));
        }
        Ok(())
    }

    fn manifest_published(&mut self, key: &ObjectKey, old: Option<&Bytes>, new: &Bytes) -> Checked<()> {
        let read = |bytes: &Bytes| {
            let manifest = Manifest::parse(ROOT, bytes);
            manifest.ok_or_else(|| (InvariantId::I8Readers, format!("{key} is no manifest")))
        };
        let (new, old) = (read(new)?, old.map(read).transpose()?);
        let first = new.files.first().and_then(|file| VersionObject::parse(file).ok());
        let (Some(n), Some(object)) = (new.version(), first) else {
            return wrong(InvariantId::I8Readers, format!("{key} names nothing"));
        };
        if old.as_ref().is_some_and(|old| old.version() >= Some(n)) {
            return wrong(InvariantId::I8Readers, format!("{key} goes back to version {n}"));
        }
        if self.files_of(&object, n).is_none_or(|files| files != new.files)
            || manifest_key(&object).as_ref() != Some(key)
        {
            return wrong(InvariantId::I8Readers, format!("{key} is of no committed version: {:?}", new.files));
        }
        if self.tables.chains.get(&object.chain).is_some_and(|rows| rows.len() as u64 > n.get() + 1) {
            self.counters.event(Event::PublishedLate);
        }
        let now = self.now();
        let gone = old.into_iter().flat_map(|old| old.files).filter(|file| !new.files.contains(file));
        self.tables.named_until.extend(gone.map(|file| (file, now)));
        Ok(())
    }

    /// What the manifest that names an object has to name as of version `n`, which changed its partition.
    pub(crate) fn files_of(&self, object: &VersionObject, n: RowNumber) -> Option<Vec<ObjectKey>> {
        let VersionObject { part, chain, table, .. } = object;
        let version = self.tables.version(chain, n)?;
        let (VersionPart::Data { partition, .. } | VersionPart::Rollup { partition, .. }) = part else { return None };
        version.state.partitions.get(partition).filter(|entry| entry.changed == n)?;
        let files = version.partitions.get(partition)?.iter();
        Some(match part {
            VersionPart::Rollup { rollup, .. } => {
                files.map(|file| file.written.rollup(chain, table, partition, rollup)).collect()
            }
            _ => files.map(|file| file.written.data(chain, table, partition)).collect(),
        })
    }

    // ---- Deletion -----------------------------------------------------------------------------------------------------

    /// I5: an object of a version is about to be deleted.
    pub(crate) fn version_object_deleted(&mut self, key: &ObjectKey, object: &VersionObject) {
        let there = self.objects.contains_key(key);
        let row = self.chains.get(&object.chain).and_then(|rows| rows.get(&object.n));
        let event = match row.map(|row| row.attempt == object.attempt) {
            None => {
                let detail = format!("{key} is deleted and version {} could still name it", object.n);
                return self.seen(InvariantId::I5Objects, detail);
            }
            Some(false) => Event::SweptVersionOrphan,
            Some(true) => match self.needs(key, object) {
                Some(why) => return self.seen(InvariantId::I5Objects, format!("{key} is deleted and {why}")),
                None => {
                    let newest = self.tables.newest(&object.chain);
                    let newest = newest.is_some_and(|(_, version)| version.objects.contains(key));
                    if newest { Event::SweptPastEpoch } else { Event::SweptReplaced }
                }
            },
        };
        if there {
            self.counters.event(event);
        }
    }

    /// The epoch that the snapshot of a table is of.
    pub(crate) fn current_epoch(&self, table: &TableName) -> u32 {
        self.snapshot_of(table).map_or(0, |snapshot| snapshot.current)
    }

    /// The snapshot of a table.
    pub(crate) fn snapshot_of(&self, table: &TableName) -> Option<Snapshot> {
        let key = Published::Snapshot.key(table);
        Snapshot::read(key.as_str(), self.objects.get(&key)?).ok()
    }

    /// Who needs an object of a committed version, if anyone does.
    fn needs(&self, key: &ObjectKey, object: &VersionObject) -> Option<String> {
        let VersionObject { table, chain, .. } = object;
        let ChainId::Bucket { epoch, bucket, .. } = chain else { return None };
        let snapshot = self.snapshot_of(table);
        let current = snapshot.as_ref().map_or(0, |snapshot| snapshot.current);
        let readers = self.tables.readers_epoch.get(table).copied().unwrap_or(0);
        let past = *epoch < current && *epoch < readers;
        if let Some((n, _)) = self.tables.newest(chain).filter(|(_, newest)| !past && newest.objects.contains(key)) {
            return Some(format!("version {n}, the newest, names it"));
        }
        if let Some(entry) = snapshot.as_ref().and_then(|snapshot| snapshot.epochs.get(&current)?.versions.get(bucket))
            && current == *epoch
            && self.tables.version(chain, entry.n).is_some_and(|version| version.objects.contains(key))
        {
            return Some(format!("the snapshot names version {}, which names it", entry.n));
        }
        let manifest = manifest_key(object).filter(|_| *epoch >= readers).and_then(|key| self.objects.get(&key));
        if let Some(manifest) = manifest.and_then(|manifest| Manifest::parse(ROOT, manifest))
            && manifest.files.contains(key)
        {
            return Some("a manifest names it".to_owned());
        }
        if let Some(until) = self.tables.named_until.get(key).filter(|until| **until + LEISURE > self.now()) {
            return Some(format!("a reader may have it since {until}"));
        }
        let seeds = self.tables.chains.keys().filter_map(|chain| self.tables.newest(chain));
        let mut seeds = seeds.flat_map(|(_, version)| &version.state.seeds);
        seeds
            .find(|seed| {
                seed.chain == *chain
                    && self.tables.version(chain, seed.n).is_some_and(|version| version.objects.contains(key))
                    && !past
            })
            .map(|_| "a bucket has yet to take it over".to_owned())
    }
}

/// The manifest that may name an object.
pub(crate) fn manifest_key(object: &VersionObject) -> Option<ObjectKey> {
    let VersionObject { part, chain: ChainId::Bucket { epoch, bucket, .. }, table, .. } = object else { return None };
    let (epoch, bucket) = (*epoch, *bucket);
    let published = match part {
        VersionPart::Data { partition, .. } => Published::Events { partition: partition.clone(), epoch, bucket },
        VersionPart::Rollup { rollup, partition, .. } => {
            Published::Rollup { rollup: rollup.clone(), partition: partition.clone(), epoch, bucket }
        }
        VersionPart::State | VersionPart::Partition { .. } => return None,
    };
    Some(published.key(table))
}
