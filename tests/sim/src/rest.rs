//! What must hold of tables when nothing moves any more, and that doing anything again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use iguazu_compact::publish::{Manifest, Record};
use iguazu_compact::state::codec;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{ChainId, RowNumber, TableName};
use iguazu_lake::invariants::InvariantId;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{Published, VersionObject, VersionPart};
use iguazu_transform::Contract;

use crate::compacting::ROOT;
use crate::live::{Sums, add_sums, read_sums, sums};
use crate::payloads::TABLES;
use crate::plain::Line;
use crate::tables::Version;
use crate::truth::best;
use crate::world::World;

/// All that repeating something may not change.
#[derive(PartialEq, Eq)]
pub(crate) struct Everything {
    objects: BTreeMap<ObjectKey, Sha256Sum>,
    rows: BTreeMap<ChainId, usize>,
}

impl World {
    /// The buckets of a table's newest epoch; of a table that never had one, the one that asks for it.
    pub(crate) fn buckets(&self, table: &TableName) -> u32 {
        self.tables.epoch(table).map_or(1, |(_, buckets)| buckets)
    }

    /// Every object but how far chains are published, and every row.
    pub(crate) fn everything(&self) -> Everything {
        let kept = self.objects.iter().filter(|(key, _)| !key.as_str().contains("/published/"));
        Everything {
            objects: kept.map(|(key, bytes)| (key.clone(), Sha256Sum::of(bytes))).collect(),
            rows: self.chains.iter().map(|(chain, rows)| (chain.clone(), rows.len())).collect(),
        }
    }

    /// Forgets how far chains are published, as a publisher does that has slept since.
    pub(crate) fn forget_published(&mut self) {
        self.objects.retain(|key, _| !key.as_str().contains("/published/bucket."));
    }

    /// I6, I7, I8 and I10 of every table at rest.
    pub(crate) fn check_tables(&mut self) {
        for contract in TABLES.iter() {
            if let Err((id, detail)) = self.check_table(contract) {
                self.seen(id, format!("at rest, {}: {detail}", contract.table));
            }
        }
    }

    /// The newest version of each bucket of the newest epoch.
    fn newest_versions(&self, table: &TableName) -> Vec<(ChainId, RowNumber, &Version)> {
        let Some((epoch, buckets)) = self.tables.epoch(table) else { return Vec::new() };
        let chain = |bucket| ChainId::Bucket { table: table.clone(), epoch, bucket };
        (0..buckets)
            .map(chain)
            .filter_map(|chain| self.tables.newest(&chain).map(|(n, version)| (chain.clone(), n, version)))
            .collect()
    }

    /// The row of a shard's chain before which every table has taken all: such rows can be shrunk.
    pub(crate) fn consumed(&self, chain: &ChainId) -> u64 {
        if self.scene.compaction.is_none() {
            return u64::MAX;
        }
        let marks =
            TABLES.iter().flat_map(|contract| self.newest_versions(&contract.table)).flat_map(|(.., version)| {
                version
                    .state
                    .lanes
                    .iter()
                    .map(|lane| lane.marks.get(chain).map_or(0, |mark| mark.n))
                    .collect::<Vec<_>>()
            });
        marks.min().unwrap_or(u64::MAX)
    }

    fn check_table(&self, contract: &Contract) -> Result<(), (InvariantId, String)> {
        let table = &contract.table;
        let raw: Vec<&Line> = self.tables.raw.iter().filter(|row| row.table == *table).map(|row| &row.line).collect();
        let versions = self.newest_versions(table);
        let best = best(contract.keep, raw.iter().copied());
        let live: Vec<_> = versions.iter().map(|(chain, _, version)| self.live(chain, version)).collect();
        let rows: usize = live.iter().map(BTreeMap::len).sum();
        let live: BTreeMap<_, _> = live.into_iter().flatten().collect();
        if rows != live.len() {
            return Err((InvariantId::I6Table, "an event is live in two buckets".to_owned()));
        }
        self.compare(&best, &live).map_err(|detail| (InvariantId::I6Table, detail))?;
        self.check_totals(&versions, raw.len() as u64, live.len() as u64)?;
        self.check_sums(contract, &versions, &live.into_values().collect::<Vec<_>>())?;
        self.check_published(contract, &versions)
    }

    /// I10 over all buckets.
    fn check_totals(
        &self,
        versions: &[(ChainId, RowNumber, &Version)],
        raw: u64,
        rows: u64,
    ) -> Result<(), (InvariantId, String)> {
        let totals = versions.iter().map(|(.., version)| version.state.totals);
        let (taken, moved, live, duplicates) = totals.fold((0, 0, 0, 0), |sum, totals| {
            (sum.0 + totals.taken, sum.1 + totals.moved, sum.2 + totals.live, sum.3 + totals.duplicates)
        });
        if (taken, moved, live) != (raw, 0, rows) || taken != live + duplicates {
            let detail = format!(
                "{raw} rows in raw and {rows} live; {taken} taken, {moved} moved, {live} live and {duplicates} duplicates"
            );
            return Err((InvariantId::I10Conservation, detail));
        }
        if versions.iter().any(|(.., version)| !version.state.seeds.is_empty()) {
            return Err((InvariantId::I10Conservation, "a bucket has yet to take over files".to_owned()));
        }
        Ok(())
    }

    /// I7: the roll-ups of all buckets together are the sums over all events.
    fn check_sums(
        &self,
        contract: &Contract,
        versions: &[(ChainId, RowNumber, &Version)],
        live: &[&Line],
    ) -> Result<(), (InvariantId, String)> {
        for (at, rollup) in contract.rollups.iter().enumerate() {
            let mut said = Sums::new();
            for (chain, _, version) in versions {
                for (partition, files) in &version.partitions {
                    for file in files.iter() {
                        let Some(of) = file.rollups.get(at) else { continue };
                        let key = file.written.rollup(chain, &contract.table, partition, &of.rollup);
                        let sums = self.objects.get(&key).and_then(|bytes| read_sums(bytes));
                        add_sums(&mut said, &sums.unwrap_or_default());
                    }
                }
            }
            if said != sums(rollup, live.iter().copied()) {
                return Err((InvariantId::I7Rollups, format!("{} is of other rows", rollup.name)));
            }
        }
        Ok(())
    }

    /// What is published is the newest, and nothing else is published of the newest epoch.
    fn check_published(
        &self,
        contract: &Contract,
        versions: &[(ChainId, RowNumber, &Version)],
    ) -> Result<(), (InvariantId, String)> {
        let table = &contract.table;
        let wrong = |detail: String| Err((InvariantId::I8Readers, detail));
        let mut expected = BTreeSet::new();
        for (chain, n, version) in versions {
            let through = Published::Through { chain: chain.clone() }.key(table);
            let record = self.objects.get(&through);
            let record = record.and_then(|bytes| codec::decode::<Record>(|| through.to_string(), bytes).ok());
            if record.and_then(|record| record.published.last().map(|(n, _)| *n)) != Some(*n) {
                return wrong(format!("version {n} of {chain} is not published"));
            }
            for partition in version.state.partitions.keys() {
                let data = |ordinal| VersionPart::Data { partition: partition.clone(), ordinal };
                let rollups = contract.rollups.iter().filter_map(|rollup| rollup.name.as_str().parse().ok());
                let rollups =
                    rollups.map(|rollup| VersionPart::Rollup { rollup, partition: partition.clone(), ordinal: 0 });
                for part in std::iter::once(data(0)).chain(rollups) {
                    let attempt = version.attempt;
                    let object = VersionObject { part, table: table.clone(), chain: chain.clone(), n: *n, attempt };
                    let Some(key) = crate::tables::manifest_key(&object) else { continue };
                    let changed = version.state.partitions[partition].changed;
                    let found = self.objects.get(&key).and_then(|bytes| Manifest::parse(ROOT, bytes));
                    if found.map(|manifest| manifest.files) != self.files_of(&object, changed) {
                        return wrong(format!("{key} is not of version {changed}"));
                    }
                    expected.insert(key);
                }
            }
        }
        let Some((epoch, buckets)) = self.tables.epoch(table) else { return Ok(()) };
        let folder = format!("/epoch={epoch}/");
        let of_table = format!("tables/{table}/");
        let manifests =
            self.objects.keys().filter(|key| key.as_str().starts_with(&of_table) && key.as_str().contains(&folder));
        if let Some(other) = manifests.into_iter().find(|key| !expected.contains(*key)) {
            return wrong(format!("{other} is of nothing that is live"));
        }
        let Some(snapshot) = self.snapshot_of(table) else {
            return if versions.is_empty() { Ok(()) } else { wrong("there is no snapshot".to_owned()) };
        };
        let named: Vec<_> = snapshot.versions(epoch).map(|(_, entry)| (entry.n, entry.attempt)).collect();
        let newest: Vec<_> = versions.iter().map(|(_, n, version)| (*n, version.attempt)).collect();
        if snapshot.current != epoch || named != newest || (epoch > 0 && newest.len() != buckets as usize) {
            return wrong(format!(
                "the snapshot is of epoch {} and {named:?}, not of {epoch} and {newest:?}",
                snapshot.current
            ));
        }
        Ok(())
    }

    /// After a sweep long after: what is left belongs to a newest version, or could still be committed.
    pub(crate) fn check_tables_swept(&mut self) {
        let objects: Vec<_> =
            self.objects.keys().filter_map(|key| Some((key.clone(), VersionObject::parse(key).ok()?))).collect();
        for (key, object) in objects {
            let decided = self.chains.get(&object.chain).is_some_and(|rows| rows.contains_key(&object.n));
            let (current, ChainId::Bucket { epoch, .. }) = (self.current_epoch(&object.table), &object.chain) else {
                continue;
            };
            let newest = self.tables.newest(&object.chain);
            let wanted = *epoch == current && newest.is_some_and(|(_, version)| version.objects.contains(&key));
            if decided && !wanted {
                self.seen(InvariantId::I5Objects, format!("the sweep left {key}, which nobody can need"));
            }
        }
    }
}
