//! Adapters with one fault each, which a suite must find. Every one of them has been somebody's honest mistake.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::ids::{ChainId, RowNumber};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};

/// What is wrong with a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFault {
    /// A row is looked for first and written then, in two steps.
    CheckThenPut,
    /// Who comes too late is shown his own row instead of the one that is there.
    AnswersTheCallersRow,
    /// A stub is taken from any attempt.
    ShrinksForAnyone,
    /// Rows are sorted as texts: 10 comes before 9.
    SortsNumbersAsTexts,
    /// A scan includes its mark.
    ScansFromTheMark,
    /// A write is answered before the next but one, so the newest row lags behind.
    ReadsTheDayBefore,
}

/// A ledger with a fault.
#[derive(Debug)]
pub struct BrokenLedger {
    inner: MemoryLedger,
    fault: LedgerFault,
}

impl BrokenLedger {
    /// An empty ledger with a fault.
    #[must_use]
    pub fn new(fault: LedgerFault) -> Self {
        Self { inner: MemoryLedger::default(), fault }
    }
}

impl Ledger for BrokenLedger {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        self.inner.get(chain, n).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        match self.fault {
            LedgerFault::CheckThenPut => {
                if let Some(there) = self.inner.get(chain, row.n).await? {
                    return Ok(PutRow::Occupied(there));
                }
                tokio::task::yield_now().await;
                self.inner.put_if_absent(chain, row).await?;
                Ok(PutRow::Applied)
            }
            LedgerFault::AnswersTheCallersRow => Ok(match self.inner.put_if_absent(chain, row).await? {
                PutRow::Applied => PutRow::Applied,
                PutRow::Occupied(_) => PutRow::Occupied(row.clone()),
            }),
            _ => self.inner.put_if_absent(chain, row).await,
        }
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        let rows = self.inner.scan_after(chain, None, usize::MAX).await?;
        Ok(match self.fault {
            LedgerFault::SortsNumbersAsTexts => rows.into_iter().max_by_key(|row| row.n.to_string()),
            LedgerFault::ReadsTheDayBefore => rows.into_iter().nth_back(1),
            _ => rows.into_iter().next_back(),
        })
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        let after = match self.fault {
            LedgerFault::ScansFromTheMark => after.and_then(RowNumber::previous),
            _ => after,
        };
        self.inner.scan_after(chain, after, limit).await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        let there = self.inner.get(chain, stub.n).await?;
        match (self.fault, there) {
            (LedgerFault::ShrinksForAnyone, Some(there)) => {
                self.inner.shrink(chain, &StoredRow { attempt: there.attempt, ..stub.clone() }).await
            }
            _ => self.inner.shrink(chain, stub).await,
        }
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.inner.register(chain).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        self.inner.registry(after, limit).await
    }
}

/// What is wrong with an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectsFault {
    /// A key is looked for first and written then, in two steps.
    CheckThenPut,
    /// An ETag is compared first and the content replaced then, in two steps.
    CompareThenPut,
    /// A list is in descending order.
    ListsInReverse,
    /// A list is in the order of a walk through folders.
    ListsFolderByFolder,
    /// A list ends at the end of the first page.
    ListsOnePage,
    /// A range beyond the end is an error of somebody else's.
    HasNoRangeBeyondTheEnd,
    /// What is gone may be replaced.
    ReplacesWhatIsGone,
    /// Content is written where it is read, so a reader can see a part of it.
    WritesInPlace,
}

/// An object store with a fault.
#[derive(Debug)]
pub struct BrokenObjects {
    inner: MemoryObjects,
    fault: ObjectsFault,
    writes: AtomicU64,
}

impl BrokenObjects {
    /// An empty object store with a fault.
    #[must_use]
    pub fn new(fault: ObjectsFault) -> Self {
        Self { inner: MemoryObjects::default(), fault, writes: AtomicU64::new(0) }
    }
}

impl Objects for BrokenObjects {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let found = self.inner.get_range(key, range).await?;
        Ok(found.filter(|bytes| self.fault != ObjectsFault::HasNoRangeBeyondTheEnd || !bytes.is_empty()))
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        if self.fault == ObjectsFault::WritesInPlace && self.writes.fetch_add(1, Ordering::Relaxed) > 0 {
            self.inner.put(key, bytes.slice(..bytes.len() / 2)).await?;
            tokio::task::yield_now().await;
        }
        self.inner.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        if self.fault != ObjectsFault::CheckThenPut {
            return self.inner.put_if_absent(key, bytes).await;
        }
        if self.inner.get(key).await?.is_some() {
            return Ok(PutIfAbsent::Exists);
        }
        tokio::task::yield_now().await;
        self.inner.put(key, bytes).await.map(PutIfAbsent::Created)
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        let there = self.inner.get(key).await?;
        match self.fault {
            ObjectsFault::CompareThenPut if there.as_ref().is_some_and(|object| object.etag == *etag) => {
                tokio::task::yield_now().await;
                self.inner.put(key, bytes).await.map(PutIfMatch::Replaced)
            }
            ObjectsFault::ReplacesWhatIsGone if there.is_none() => {
                self.inner.put(key, bytes).await.map(PutIfMatch::Replaced)
            }
            _ => self.inner.put_if_match(key, bytes, etag).await,
        }
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        let limit = if self.fault == ObjectsFault::ListsOnePage { limit.min(1_000) } else { limit };
        let mut keys = self.inner.list(prefix, after, limit).await?;
        match self.fault {
            ObjectsFault::ListsInReverse => keys.reverse(),
            ObjectsFault::ListsFolderByFolder => {
                keys.sort_by(|left, right| left.as_str().split('/').cmp(right.as_str().split('/')));
            }
            _ => {}
        }
        Ok(keys)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.inner.delete(key).await
    }
}
