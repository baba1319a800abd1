//! Readers: they list, read what is published, and take their time over the files that it names. They use nothing of
//! production but the texts that it publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iguazu_compact::publish::{Manifest, Snapshot};
use iguazu_compact::state::Written;
use iguazu_compact::state::codec::{self, PartitionFiles};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, EventId, RowNumber, TableName};
use iguazu_lake::invariants::InvariantId;
use iguazu_lake::keys::version::{Published, VersionObject, VersionPart};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::Objects;
use iguazu_transform::Contract;

use crate::compacting::{LEISURE, ROOT};
use crate::counters::Event;
use crate::draw::Draws;
use crate::live::{Sums, add_sums, read_sums, sums};
use crate::plain::{Line, SimFormat};
use crate::ports::{SimHost, SimPorts};
use crate::scene::SECOND;

/// A reader of a table.
pub(crate) struct Reader {
    pub(crate) ports: SimPorts,
    pub(crate) host: SimHost,
    pub(crate) contract: Arc<Contract>,
    pub(crate) draws: Draws,
}

impl Reader {
    fn seen(&self, id: InvariantId, detail: String) {
        self.ports.0.lock().seen(id, detail);
    }

    fn count(&self, event: Event) {
        self.ports.0.lock().counters.event(event);
    }

    /// Reads an object that something named which was read a short while ago.
    async fn named(&self, key: &ObjectKey) -> Option<Bytes> {
        match Objects::get(&self.ports, key).await {
            Ok(Some(object)) => Some(object.bytes),
            Ok(None) => {
                self.seen(InvariantId::I5Objects, format!("a reader does not find {key}, which it was told to read"));
                None
            }
            Err(_) => None,
        }
    }

    async fn pause(&mut self, share: u64) {
        let micros = self.draws.below(LEISURE / share);
        self.host.sleep(Duration::from_micros(micros)).await;
    }

    /// Reads partitions by their manifests.
    pub(crate) async fn manifests(mut self) {
        let table = self.contract.table.clone();
        let mut observed: BTreeMap<ObjectKey, RowNumber> = BTreeMap::new();
        for _ in 0..3 {
            let epoch = self.ports.0.lock().tables.readers_epoch.get(&table).copied().unwrap_or(0);
            let Ok(folder) = format!("tables/{table}/events/epoch={epoch}/").parse::<KeyPrefix>() else { return };
            let Ok(manifests) = self.ports.list(&folder, None, 1_000).await else { return };
            for key in manifests.iter().take(3) {
                let Some(read) = self.named(key).await else { continue };
                let Some(manifest) = Manifest::parse(ROOT, &read) else { continue };
                let Some(n) = manifest.version() else { continue };
                self.pause(2).await;
                self.read_partition(&table, &manifest, n).await;
                if observed.insert(key.clone(), n).is_some_and(|before| before > n) {
                    self.seen(InvariantId::I8Readers, format!("a reader sees {key} go back to version {n}"));
                }
                self.count(Event::ManifestRead);
            }
            self.pause(1).await;
        }
    }

    /// I8: what a manifest names is a version of its partition.
    async fn read_partition(&mut self, table: &TableName, manifest: &Manifest, n: RowNumber) {
        let mut lines = Vec::new();
        for file in &manifest.files {
            let Some(bytes) = self.named(file).await else { return };
            lines.extend(SimFormat::lines(&bytes).unwrap_or_default());
        }
        let ids: BTreeSet<_> = lines.iter().map(|line| line.id).collect();
        let object = manifest.files.first().and_then(|file| VersionObject::parse(file).ok());
        let of = object.as_ref().and_then(|object| self.ports.0.lock().files_of(object, n));
        if of.as_ref() != Some(&manifest.files) || ids.len() != lines.len() {
            let detail = format!("a reader of {table} sees what is no version: {:?}", manifest.files);
            self.seen(InvariantId::I8Readers, detail);
        }
    }

    /// Reads whole tables by their snapshots.
    pub(crate) async fn snapshots(mut self) {
        let key = Published::Snapshot.key(&self.contract.table);
        let mut observed = BTreeMap::new();
        let mut known: BTreeSet<EventId> = BTreeSet::new();
        for _ in 0..3 {
            let snapshot = match Objects::get(&self.ports, &key).await {
                Ok(Some(object)) => Snapshot::read(key.as_str(), &object.bytes),
                _ => return,
            };
            let Ok(snapshot) = snapshot else { return };
            self.observe(&snapshot, &mut observed);
            let Some(lines) = self.read_table(&snapshot).await else { return };
            let ids: BTreeSet<_> = lines.iter().map(|line| line.id).collect();
            if ids.len() != lines.len() {
                self.seen(InvariantId::I8Readers, "a reader sees an event twice in a table".to_owned());
            }
            if let Some(gone) = known.difference(&ids).next() {
                self.seen(InvariantId::I8Readers, format!("a reader sees {gone} no more"));
            }
            known = ids;
            self.count(Event::SnapshotRead);
            self.pause(1).await;
        }
    }

    /// I8: the versions of a snapshot never go back.
    fn observe(&self, snapshot: &Snapshot, observed: &mut BTreeMap<(u32, u32), RowNumber>) {
        let current = snapshot.current;
        if observed.keys().any(|(epoch, _)| *epoch > current) {
            self.seen(InvariantId::I8Readers, format!("a reader sees epoch {current} after a later one"));
        }
        if observed.keys().any(|(epoch, _)| *epoch < current) {
            self.count(Event::ReaderSawEpochChange);
        }
        for (bucket, entry) in snapshot.versions(current) {
            match observed.insert((current, bucket), entry.n) {
                Some(before) if before > entry.n => {
                    self.seen(InvariantId::I8Readers, format!("a reader sees bucket {bucket} go back to {}", entry.n));
                }
                Some(before) if before < entry.n => self.count(Event::ReaderDuringChange),
                _ => {}
            }
        }
    }

    /// The rows of a table; I7: they are what its roll-ups sum up.
    async fn read_table(&mut self, snapshot: &Snapshot) -> Option<Vec<Line>> {
        let contract = Arc::clone(&self.contract);
        let table = &contract.table;
        let mut lines = Vec::new();
        let mut said = vec![Sums::new(); contract.rollups.len()];
        let buckets: Vec<_> = snapshot.versions(snapshot.current).collect();
        let share = buckets.len() as u64 * 2 + 2;
        for (bucket, entry) in buckets {
            let chain = ChainId::Bucket { table: table.clone(), epoch: snapshot.current, bucket };
            let own = Written { n: entry.n, attempt: entry.attempt, ordinal: 0 };
            let key = own.object(&chain, table, VersionPart::State).key();
            self.pause(share).await;
            let state = self.named(&key).await?;
            let state = codec::decode::<iguazu_compact::state::State>(|| key.to_string(), &state).ok()?;
            self.pause(share).await;
            for (partition, entry) in &state.partitions {
                let key = entry.object.partition(&chain, table);
                let files = self.named(&key).await?;
                let files = codec::read::<PartitionFiles>(key.as_str(), &files, &entry.sha256).ok()?.files;
                for file in files {
                    lines.extend(SimFormat::lines(&self.named(&file.written.data(&chain, table, partition)).await?)?);
                    for (rollup, said) in file.rollups.iter().zip(&mut said) {
                        let key = file.written.rollup(&chain, table, partition, &rollup.rollup);
                        add_sums(said, &read_sums(&self.named(&key).await?)?);
                    }
                }
            }
        }
        for (rollup, said) in contract.rollups.iter().zip(&said) {
            if *said != sums(rollup, &lines) {
                self.seen(InvariantId::I7Rollups, format!("a reader sees {} of other rows", rollup.name));
            }
        }
        Some(lines)
    }
}

/// A reader's latencies are far below its pauses.
const _: () = assert!(LEISURE > 10 * SECOND);
