//! Raw and quarantine as readers see them: every file that a committed row names, and no other.
//!
//! A manifest for each partition and shard names the files in the order of their rows, so the last of them says up to
//! which row it is complete. It only grows: a publisher adds the files of later rows, if the manifest is still the one that
//! it looked at.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use iguazu_lake::commit::{Body, Row, codec as rows};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::version::Published;
use iguazu_lake::keys::{Area, DataFile, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};

use super::manifest::Manifest;
use super::{Publisher, TRIES_MAX, Through};
use crate::driver::Compactor;
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::intake::shards;
use crate::io::{CONCURRENT, Io};

/// Rows of a chain in one scan.
const PAGE: usize = 256;

/// What a publication of deliveries did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Chains that had new rows.
    pub chains: u64,
    /// Rows that were published.
    pub rows: u64,
    /// Manifests that were replaced.
    pub manifests: u64,
    /// Whether it came to the end of every chain.
    pub finished: bool,
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Publishes the raw and quarantine files of every row that is not published yet, until `deadline`.
    ///
    /// # Errors
    /// A port's error that outlasted the retries; the next call goes on from what is published.
    pub async fn publish_deliveries(&self, deadline: Timestamp) -> Result<Delivered, CompactError> {
        let report = Mutex::default();
        let io = self.io(deadline, &report);
        let chains = shards(&io).await?;
        let parts: Vec<Delivered> = stream::iter(chains.iter().map(|chain| self.publish_chain(&io, chain)))
            .buffered(CONCURRENT)
            .try_collect()
            .await?;
        let manifests = io.report().manifests;
        Ok(Delivered {
            chains: parts.iter().filter(|part| part.rows > 0).count() as u64,
            rows: parts.iter().map(|part| part.rows).sum(),
            manifests,
            finished: parts.iter().all(|part| part.finished),
        })
    }

    async fn publish_chain(&self, io: &Io<'_, O, L, H>, chain: &ChainId) -> Result<Delivered, CompactError> {
        let mut published = Delivered::default();
        loop {
            let through = Through::at(io, Published::deliveries_through(chain)).await?;
            io.report().ledger += 1;
            let page = io
                .retry
                .run(io.host, io.deadline, |_| io.ledger.scan_after(chain, through.newest(), PAGE))
                .await
                .map_err(CompactError::port("reading committed rows"))?;
            let Some(last) = page.last().map(|row| row.n) else {
                published.finished = true;
                return Ok(published);
            };
            let page = page.iter().map(rows::decode).collect::<Result<Vec<_>, _>>()?;
            for (key, files) in files_by_manifest(chain, &page) {
                self.extend(io, &key, &files).await?;
            }
            // A grace of nothing: deliveries are never replaced, so nothing waits for it.
            through.advance(io, last, std::time::Duration::ZERO).await?;
            published.rows += page.len() as u64;
            if page.len() < PAGE || io.host.now() >= io.deadline {
                published.finished = page.len() < PAGE;
                return Ok(published);
            }
        }
    }

    /// Adds the files of later rows to a manifest.
    async fn extend(
        &self,
        io: &Io<'_, O, L, H>,
        key: &ObjectKey,
        files: &[(RowNumber, ObjectKey)],
    ) -> Result<(), CompactError> {
        let root = &self.settings.root;
        for _ in 0..TRIES_MAX {
            let seen = io.get(key).await?;
            let mut manifest = match &seen {
                Some(object) => Manifest::parse(root, &object.bytes).ok_or_else(|| CompactError::Foreign {
                    problem: format!(
                        "the manifest {key} names what is not in this lake; delete it to have it made again"
                    ),
                })?,
                None => Manifest { files: Vec::new() },
            };
            let last = manifest.files.last().and_then(|file| DataFile::parse(file).ok()).map(|file| file.n);
            let new = files.iter().filter(|(n, _)| last.is_none_or(|last| *n > last)).map(|(_, file)| file.clone());
            let known = manifest.files.len();
            manifest.files.extend(new);
            if manifest.files.len() == known {
                return Ok(());
            }
            if io.replace(key, manifest.text(root).into(), seen.as_ref().map(|object| &object.etag)).await? {
                io.report().manifests += 1;
                return Ok(());
            }
        }
        Err(CompactError::Contended { key: key.clone() })
    }
}

/// The files of some rows, by the manifest that is to name them. Within one, in the order of the rows.
fn files_by_manifest(chain: &ChainId, rows: &[Row]) -> BTreeMap<ObjectKey, Vec<(RowNumber, ObjectKey)>> {
    let mut manifests: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let Body::Commit(commit) = &row.body else { continue };
        for entry in &commit.files {
            let (partition, chain_of) = (entry.partition, chain.clone());
            let key = match &entry.area {
                Area::Raw(table) => Published::Raw { partition, chain: chain_of }.key(table),
                Area::Quarantine => Published::quarantine(partition, chain),
            };
            let file = entry.data_file(chain, row.n, row.attempt).key();
            manifests.entry(key).or_default().push((row.n, file));
        }
    }
    manifests
}
