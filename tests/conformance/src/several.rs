//! Several instances of an adapter on one store, taken in turn: whoever reads may not be who has written.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, RowNumber};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};

/// The instances.
#[derive(Debug)]
pub struct Several<A> {
    instances: Vec<A>,
    calls: AtomicUsize,
}

impl<A> Several<A> {
    /// Instances that share a store.
    #[must_use]
    pub fn new(instances: Vec<A>) -> Self {
        Self { instances, calls: AtomicUsize::new(0) }
    }

    fn next(&self) -> &A {
        &self.instances[self.calls.fetch_add(1, Ordering::Relaxed) % self.instances.len()]
    }
}

impl<L: Ledger> Ledger for Several<L> {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        self.next().get(chain, n).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        self.next().put_if_absent(chain, row).await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        self.next().newest(chain).await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        self.next().scan_after(chain, after, limit).await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        self.next().shrink(chain, stub).await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.next().register(chain).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        self.next().registry(after, limit).await
    }
}

impl<O: Objects> Objects for Several<O> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.next().get(key).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.next().get_range(key, range).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        self.next().put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        self.next().put_if_absent(key, bytes).await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.next().put_if_match(key, bytes, etag).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        self.next().list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.next().delete(key).await
    }
}
