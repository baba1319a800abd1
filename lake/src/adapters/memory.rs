//! Both ports in memory. Every call is applied at once and answered truly; faults are for others to add.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::checksum::Sha256Sum;
use crate::ids::{ChainId, RowNumber};
use crate::keys::{KeyPrefix, ObjectKey};
use crate::ports::{ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No call leaves the maps half changed, so a panic elsewhere does not make them wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Objects in a sorted map. An ETag is the content's SHA-256, so equal contents share one, as on S3.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<ObjectKey, Bytes>>,
}

fn etag(bytes: &[u8]) -> ETag {
    ETag(Sha256Sum::of(bytes).to_string())
}

impl Objects for MemoryObjects {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        let bytes = locked(&self.objects).get(key).cloned();
        Ok(bytes.map(|bytes| Object { etag: etag(&bytes), bytes }))
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        Ok(locked(&self.objects).get(key).map(|bytes| {
            let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(bytes.len());
            let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(end);
            bytes.slice(start..end)
        }))
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        let etag = etag(&bytes);
        locked(&self.objects).insert(key.clone(), bytes);
        Ok(etag)
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        use std::collections::btree_map::Entry;
        match locked(&self.objects).entry(key.clone()) {
            Entry::Occupied(_) => Ok(PutIfAbsent::Exists),
            Entry::Vacant(vacant) => {
                let etag = etag(&bytes);
                vacant.insert(bytes);
                Ok(PutIfAbsent::Created(etag))
            }
        }
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, expected: &ETag) -> Result<PutIfMatch, PortError> {
        match locked(&self.objects).get_mut(key) {
            Some(current) if etag(current) == *expected => {
                let replaced = etag(&bytes);
                *current = bytes;
                Ok(PutIfMatch::Replaced(replaced))
            }
            _ => Ok(PutIfMatch::Changed),
        }
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        let objects = locked(&self.objects);
        Ok(objects
            .keys()
            .filter(|key| key.as_str().starts_with(prefix.as_str()) && after.is_none_or(|after| *key > after))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        locked(&self.objects).remove(key);
        Ok(())
    }
}

/// Chains in sorted maps, and the registry by the chains' texts.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    state: Mutex<MemoryChains>,
}

#[derive(Debug, Default)]
struct MemoryChains {
    rows: BTreeMap<ChainId, BTreeMap<RowNumber, StoredRow>>,
    registry: BTreeMap<String, ChainId>,
}

impl Ledger for MemoryLedger {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        Ok(locked(&self.state).rows.get(chain).and_then(|rows| rows.get(&n)).cloned())
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        use std::collections::btree_map::Entry;
        match locked(&self.state).rows.entry(chain.clone()).or_default().entry(row.n) {
            Entry::Occupied(occupied) => Ok(PutRow::Occupied(occupied.get().clone())),
            Entry::Vacant(vacant) => {
                vacant.insert(row.clone());
                Ok(PutRow::Applied)
            }
        }
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        Ok(locked(&self.state).rows.get(chain).and_then(|rows| rows.values().next_back()).cloned())
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        let start = after.map_or(RowNumber::FIRST, RowNumber::next);
        let state = locked(&self.state);
        Ok(state
            .rows
            .get(chain)
            .map_or_else(Vec::new, |rows| rows.range(start..).take(limit).map(|(_, row)| row.clone()).collect()))
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        match locked(&self.state).rows.get_mut(chain).and_then(|rows| rows.get_mut(&stub.n)) {
            Some(row) if row.attempt == stub.attempt => {
                row.body.clone_from(&stub.body);
                Ok(Shrunk::Done)
            }
            _ => Ok(Shrunk::NoSuchRow),
        }
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        locked(&self.state).registry.insert(chain.to_string(), chain.clone());
        Ok(())
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        let after = after.map(ChainId::to_string);
        let state = locked(&self.state);
        Ok(state
            .registry
            .iter()
            .filter(|(text, _)| after.as_ref().is_none_or(|after| *text > after))
            .take(limit)
            .map(|(_, chain)| chain.clone())
            .collect())
    }
}
