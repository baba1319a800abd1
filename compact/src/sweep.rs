//! The sweep of a table: what no row names and none ever will, and what no reader can be reading any more.
//!
//! Rules:
//! - An object of a version that does not exist yet may still be committed by whoever sleeps: it stays.
//! - An object whose version's row names another attempt can never be committed: it goes.
//! - An object of a committed version is read from that version on until a later one replaces it: an interval. Let `safe`
//!   be the newest version that was published at least the grace period ago. What was written after it stays; what was
//!   written up to it stays if it belongs to `safe`, and else it was replaced by then, and no reader has it.
//! - The objects of an earlier epoch go when the snapshot has been of a later one for the grace period, and whoever
//!   runs the lake has said that no reader is pointed to the earlier one any more.
//! - Age alone decides nothing, and nobody deletes what it believes to have lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::version::{Published, VersionObject, VersionPart};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;

use crate::driver::Compactor;
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::head::{Version, version_of};
use crate::io::Io;
use crate::publish::{Publisher, Snapshot, Through};
use crate::state::codec::{self, VersionBody};

/// Keys in one listing.
const PAGE: usize = 1_000;

/// What is known of a chain while its objects are judged.
struct Judge {
    newest: Option<RowNumber>,
    safe: Option<RowNumber>,
    /// The objects of the version `safe`.
    kept: BTreeSet<ObjectKey>,
    /// The whole chain is of an epoch that nobody reads.
    past: bool,
    /// Who wrote the rows that were looked at.
    attempts: BTreeMap<RowNumber, AttemptId>,
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Sweeps all that the versions of a table have left behind. Any number of sweeps may run at once, beside any number
    /// of runs. Returns whether it came to the end before `deadline`; the next one begins anew.
    ///
    /// # Errors
    /// A port's error that outlasted the retries. What was deleted until then stays deleted, rightly.
    pub async fn sweep(&self, contract: &Arc<Contract>, deadline: Timestamp) -> Result<Swept, CompactError> {
        let report = std::sync::Mutex::default();
        let io = self.io(deadline, &report);
        let mut swept = Swept::default();
        let snapshot = self.snapshot(&io, &contract.table).await?;
        let mut judges = BTreeMap::new();
        for prefix in KeyPrefix::versions(&contract.table) {
            let mut after: Option<ObjectKey> = None;
            loop {
                let keys = io
                    .retry
                    .run(io.host, deadline, |_| io.objects.list(&prefix, after.as_ref(), PAGE))
                    .await
                    .map_err(CompactError::port("listing a table's objects"))?;
                let Some(last) = keys.last().cloned() else { break };
                for key in keys {
                    self.judge(&io, &contract.table, &snapshot, &mut judges, key, &mut swept).await?;
                }
                if io.host.now() >= deadline {
                    return Ok(swept);
                }
                after = Some(last);
            }
        }
        swept.finished = true;
        Ok(swept)
    }

    async fn snapshot(&self, io: &Io<'_, O, L, H>, table: &TableName) -> Result<Option<Snapshot>, CompactError> {
        let key = Published::Snapshot.key(table);
        let object = io.get(&key).await?;
        Ok(object.map(|object| Snapshot::read(key.as_str(), &object.bytes)).transpose()?)
    }

    async fn judge(
        &self,
        io: &Io<'_, O, L, H>,
        table: &TableName,
        snapshot: &Option<Snapshot>,
        judges: &mut BTreeMap<ChainId, Judge>,
        key: ObjectKey,
        swept: &mut Swept,
    ) -> Result<(), CompactError> {
        let Ok(object) = VersionObject::parse(&key) else {
            // A Delta log stands among the data, and people leave things behind.
            swept.foreign += 1;
            return Ok(());
        };
        if !judges.contains_key(&object.chain) {
            judges.insert(object.chain.clone(), self.judge_of(io, table, snapshot, &object.chain).await?);
        }
        let Some(judge) = judges.get_mut(&object.chain) else { return Ok(()) };
        if judge.newest.is_none_or(|newest| object.n > newest) {
            swept.undecided += 1;
            return Ok(());
        }
        if !judge.attempts.contains_key(&object.n) {
            let attempt = self.attempt(io, &object.chain, object.n).await?;
            judge.attempts.extend(attempt.map(|attempt| (object.n, attempt)));
        }
        let committed = judge.attempts.get(&object.n) == Some(&object.attempt);
        let count = match judge.verdict(&object, &key, committed) {
            Verdict::Kept => {
                swept.kept += 1;
                return Ok(());
            }
            Verdict::Superseded => &mut swept.superseded,
            Verdict::Replaced => &mut swept.replaced,
        };
        *count += 1;
        io.retry
            .run(io.host, io.deadline, |_| io.objects.delete(&key))
            .await
            .map_err(CompactError::port("deleting an object that nobody reads"))
    }

    async fn attempt(
        &self,
        io: &Io<'_, O, L, H>,
        chain: &ChainId,
        n: RowNumber,
    ) -> Result<Option<AttemptId>, CompactError> {
        let row = io
            .retry
            .run(io.host, io.deadline, |_| io.ledger.get(chain, n))
            .await
            .map_err(CompactError::port("reading a version"))?;
        Ok(row.map(|row| row.attempt))
    }

    async fn judge_of(
        &self,
        io: &Io<'_, O, L, H>,
        table: &TableName,
        snapshot: &Option<Snapshot>,
        chain: &ChainId,
    ) -> Result<Judge, CompactError> {
        let grace = self.settings.grace;
        let now = io.host.now();
        let newest = io
            .retry
            .run(io.host, io.deadline, |_| io.ledger.newest(chain))
            .await
            .map_err(CompactError::port("reading the newest version"))?;
        let closed = match &newest {
            Some(row) => matches!(codec::row(row)?.body, VersionBody::Closed { .. }),
            None => false,
        };
        let past = closed
            && snapshot.as_ref().is_some_and(|snapshot| {
                let ChainId::Bucket { epoch, .. } = chain else { return false };
                *epoch < snapshot.current && *epoch < self.settings.readers_epoch && snapshot.since.plus(grace) <= now
            });
        let safe = Through::read(io, table, chain).await?.safe(now, grace);
        let (safe, kept) = match safe {
            Some(safe) if !past => match version_of(io, &self.remembered, chain, table, safe).await {
                Ok(version) => (Some(safe), objects_of(&version, chain, table)),
                // Another sweep knows of a later version that is safe, and has begun to delete this one. What it leaves
                // is for the next sweep.
                Err(CompactError::Gone { .. }) => (None, BTreeSet::new()),
                Err(error) => return Err(error),
            },
            _ => (safe, BTreeSet::new()),
        };
        Ok(Judge { newest: newest.map(|row| row.n), safe, kept, past, attempts: BTreeMap::new() })
    }
}

enum Verdict {
    Kept,
    Superseded,
    Replaced,
}

impl Judge {
    fn verdict(&self, object: &VersionObject, key: &ObjectKey, committed: bool) -> Verdict {
        if !committed {
            return Verdict::Superseded;
        }
        let replaced = match self.safe {
            _ if self.past => true,
            None => false,
            Some(safe) => object.n <= safe && !self.kept.contains(key),
        };
        if replaced { Verdict::Replaced } else { Verdict::Kept }
    }
}

/// Every object that a version names, its own state included.
fn objects_of(version: &Version, chain: &ChainId, table: &TableName) -> BTreeSet<ObjectKey> {
    let own = crate::state::Written { n: version.n, attempt: version.attempt, ordinal: 0 };
    let mut objects = BTreeSet::from([own.object(chain, table, VersionPart::State).key()]);
    for (partition, entry) in &version.state.partitions {
        objects.insert(entry.object.partition(chain, table));
        for file in version.files.get(partition).map(|files| files.as_slice()).unwrap_or_default() {
            objects.insert(file.written.data(chain, table, partition));
            objects
                .extend(file.rollups.iter().map(|rollup| file.written.rollup(chain, table, partition, &rollup.rollup)));
        }
    }
    objects
}

/// What a sweep saw and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that a reader may need.
    pub kept: u64,
    /// Objects of attempts that lost, all deleted.
    pub superseded: u64,
    /// Objects that later versions replaced, all deleted.
    pub replaced: u64,
    /// Objects whose versions do not exist yet.
    pub undecided: u64,
    /// Objects in these folders that no version writes. They are left alone.
    pub foreign: u64,
    /// Whether it came to the end.
    pub finished: bool,
}
