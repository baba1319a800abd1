//! Symlink manifests: one object for each partition and bucket, which names the files that a reader is to read.
//!
//! Rules:
//! - A change of a partition always writes a file of its version, if only one without rows. So the greatest version in
//!   the names of a manifest's files says which version it is of, no content ever comes back, and an ETag is never that of
//!   an older content.
//! - A manifest is replaced only by one of a greater version, and only if it is still the one that was looked at: a
//!   publisher that comes late does nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{RowNumber, TableName};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{Published, TablePartition, VersionObject};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;

use super::snapshot::{Bucket, Snapshot};
use super::{TRIES_MAX, VersionView};
use crate::epoch::Epoch;
use crate::error::CompactError;
use crate::head::Version;
use crate::io::{CONCURRENT, Io};
use crate::state::LiveFile;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The files, by their keys.
    pub files: Vec<ObjectKey>,
}

impl Manifest {
    /// Its text, for a lake at `root`.
    #[must_use]
    pub fn text(&self, root: &str) -> String {
        let root = root.trim_end_matches('/');
        self.files.iter().map(|file| format!("{root}/{file}\n")).collect()
    }

    /// A manifest of its text; nothing if it names what is not in the lake.
    #[must_use]
    pub fn parse(root: &str, text: &[u8]) -> Option<Self> {
        let root = root.trim_end_matches('/');
        let file = |line: &str| line.strip_prefix(root)?.strip_prefix('/')?.parse().ok();
        let files = std::str::from_utf8(text).ok()?.lines().map(file).collect::<Option<_>>()?;
        Some(Self { files })
    }

    /// The version that it is of: the greatest of its files.
    #[must_use]
    pub fn version(&self) -> Option<RowNumber> {
        self.files.iter().filter_map(|file| VersionObject::parse(file).ok()).map(|object| object.n).max()
    }
}

/// The publisher of manifests.
pub struct Manifests<'a, 'io, O, L, H> {
    pub(crate) io: &'a Io<'io, O, L, H>,
    pub(crate) root: &'a str,
    pub(crate) contract: &'a Arc<Contract>,
}

impl<O: Objects, L: Ledger, H: Host> Manifests<'_, '_, O, L, H> {
    /// Publishes every partition that changed after the version `through`.
    pub(crate) async fn publish(
        &self,
        view: &VersionView,
        epoch: Epoch,
        bucket: u32,
        through: Option<RowNumber>,
    ) -> Result<(), CompactError> {
        let mut manifests = Vec::new();
        for (partition, (changed, files)) in &view.partitions {
            if through.is_none_or(|through| *changed > through) {
                manifests.extend(self.of_partition(view, epoch, bucket, partition, files).map(|of| (*changed, of)));
            }
        }
        stream::iter(manifests)
            .map(|(changed, (key, manifest))| async move { self.put(&key, &manifest, changed).await })
            .buffered(CONCURRENT)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// The manifest of a partition's data files, and those of its roll-ups.
    fn of_partition<'v>(
        &'v self,
        view: &'v VersionView,
        epoch: Epoch,
        bucket: u32,
        partition: &'v TablePartition,
        files: &'v [LiveFile],
    ) -> impl Iterator<Item = (ObjectKey, Manifest)> + 'v {
        let of = |file: &LiveFile| file.written.data(&view.chain, &view.table, partition);
        let number = epoch.number;
        let events = Published::Events { partition: partition.clone(), epoch: number, bucket };
        let events = (events.key(&view.table), Manifest { files: files.iter().map(of).collect() });
        let rollups = self.contract.rollups.iter().filter_map(move |rollup| {
            let rollup: TableName = rollup.name.as_str().parse().ok()?;
            let has = |file: &&LiveFile| file.rollups.iter().any(|of| of.rollup == rollup);
            let of = |file: &LiveFile| file.written.rollup(&view.chain, &view.table, partition, &rollup);
            let files: Vec<_> = files.iter().filter(has).map(of).collect();
            let key = Published::Rollup { rollup, partition: partition.clone(), epoch: number, bucket };
            (!files.is_empty()).then(|| (key.key(&view.table), Manifest { files }))
        });
        std::iter::once(events).chain(rollups)
    }

    /// Replaces a manifest by one of a greater version.
    async fn put(&self, key: &ObjectKey, manifest: &Manifest, version: RowNumber) -> Result<(), CompactError> {
        let text = Bytes::from(manifest.text(self.root));
        for _ in 0..TRIES_MAX {
            let seen = self.io.get(key).await?;
            if let Some(object) = &seen {
                let found = Manifest::parse(self.root, &object.bytes).and_then(|manifest| manifest.version());
                if found.is_some_and(|found| found >= version) {
                    self.io.report().manifests_newer += 1;
                    return Ok(());
                }
            }
            if self.io.replace(key, text.clone(), seen.as_ref().map(|object| &object.etag)).await? {
                self.io.report().manifests += 1;
                return Ok(());
            }
        }
        Err(CompactError::Contended { key: key.clone() })
    }

    /// Enters the bucket's version in the snapshot of the table; returns the snapshot as it is then.
    pub(crate) async fn snapshot(
        &self,
        version: &Version,
        epoch: Epoch,
        bucket: u32,
        seeding: bool,
    ) -> Result<Snapshot, CompactError> {
        let table = &self.contract.table;
        let key = Published::Snapshot.key(table);
        let entry = Bucket { n: version.n, attempt: version.attempt, at: version.at, seeding };
        for _ in 0..TRIES_MAX {
            let seen = self.io.get(&key).await?;
            let mut snapshot = match &seen {
                Some(object) => Snapshot::read(key.as_str(), &object.bytes)?,
                None => Snapshot::of(table.clone()),
            };
            if !snapshot.enter(epoch, bucket, entry, self.io.host.now()) {
                return Ok(snapshot);
            }
            if self.io.replace(&key, snapshot.text().into(), seen.as_ref().map(|object| &object.etag)).await? {
                return Ok(snapshot);
            }
        }
        Err(CompactError::Contended { key })
    }
}
