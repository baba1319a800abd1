//! The sweep of orphans: files of attempts that lost, crashed, or were never heard of again.
//!
//! A file carries `(chain, n, attempt)` in its name. It may be deleted when row `n` names another attempt,
//! because rows are for ever and so the file can never be committed. While row `n` does not exist it could still
//! be committed by a writer that sleeps, however old it is: so age plays no part, and nobody deletes what it
//! believes to have lost. What the winner wrote is never an orphan.
//!
//! An upload that lands after the sweep passed is found by the next one.

use std::collections::BTreeMap;

use crate::host::Host;
use crate::ids::{AttemptId, ChainId, RowNumber, Timestamp};
use crate::keys::{DataFile, KeyPrefix, ObjectKey};
use crate::ports::{Ledger, Objects, PortError};
use crate::retry::RetryPolicy;

/// What may be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The row names its attempt: readers need it.
    Committed,
    /// The row names another attempt: it can never be committed.
    Superseded,
    /// There is no such row yet: it could still be committed.
    Undecided,
}

/// Judges a file by the attempt that its row names, if the row exists.
#[must_use]
pub fn judge(file: &DataFile, row: Option<AttemptId>) -> Judgement {
    match row {
        Some(attempt) if attempt == file.attempt => Judgement::Committed,
        Some(_) => Judgement::Superseded,
        None => Judgement::Undecided,
    }
}

/// What a sweep saw and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that their rows name.
    pub committed: u64,
    /// Orphans, all deleted.
    pub superseded: u64,
    /// Files whose rows do not exist yet.
    pub undecided: u64,
    /// Objects in the swept folders that no commit writes. They are left alone.
    pub foreign: u64,
}

/// Bounds of one sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepBounds {
    /// Keys in one listing.
    pub page: usize,
    /// When to stop between two pages; the next sweep goes on from the key that is returned.
    pub deadline: Timestamp,
    /// How patiently the ports are tried.
    pub retry: RetryPolicy,
}

/// Sweeps the files under `prefix` with keys above `after`. Returns what was done, and the key to go on from if
/// the deadline came first.
///
/// Any number of sweeps may run at once, beside any number of writers.
///
/// # Errors
/// A port's error that outlasted the retries. What was deleted until then stays deleted, rightly.
pub async fn sweep_orphans<O: Objects, L: Ledger, H: Host>(
    objects: &O,
    ledger: &L,
    host: &H,
    prefix: &KeyPrefix,
    mut after: Option<ObjectKey>,
    bounds: &SweepBounds,
) -> Result<(Swept, Option<ObjectKey>), PortError> {
    let SweepBounds { page, deadline, retry } = *bounds;
    let mut swept = Swept::default();
    loop {
        let keys = retry.run(host, deadline, |_| objects.list(prefix, after.as_ref(), page.max(1))).await?;
        let Some(last) = keys.last().cloned() else { return Ok((swept, None)) };
        // Only rows that exist are remembered, and only for a page: a row that is missing now may come.
        let mut attempts: BTreeMap<(ChainId, RowNumber), AttemptId> = BTreeMap::new();
        for key in keys {
            let Ok(file) = DataFile::parse(&key) else {
                swept.foreign += 1;
                continue;
            };
            let place = (file.chain.clone(), file.n);
            let mut attempt = attempts.get(&place).copied();
            if attempt.is_none() {
                let row = retry.run(host, deadline, |_| ledger.get(&place.0, place.1)).await?;
                attempt = row.map(|row| row.attempt);
                attempts.extend(attempt.map(|attempt| (place, attempt)));
            }
            match judge(&file, attempt) {
                Judgement::Committed => swept.committed += 1,
                Judgement::Undecided => swept.undecided += 1,
                Judgement::Superseded => {
                    retry.run(host, deadline, |_| objects.delete(&key)).await?;
                    swept.superseded += 1;
                }
            }
        }
        if host.now() >= deadline {
            return Ok((swept, Some(last)));
        }
        after = Some(last);
    }
}
