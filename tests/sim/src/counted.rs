//! Ports over memory that count what AWS would bill.
//!
//! Rules:
//! - A call to a port is counted once, as the requests that the adapters for S3 and DynamoDB make of it when nothing
//!   fails. A refused condition is a request like any other, and is billed like one.
//! - Ledger rows are as large as DynamoDB counts them: names and values of all attributes.
//!
//! Deliberately absent: time. Nothing here waits, so what a request takes is for others to say.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::ids::{ChainId, RowNumber};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};

/// What DynamoDB bills as one unit of writing.
const WRITE_UNIT_BYTES: u64 = 1_024;
/// What it bills as one unit of a consistent read.
const READ_UNIT_BYTES: u64 = 4_096;
/// Keys in one listing of S3.
const LISTED_KEYS_MAX: u64 = 1_000;

/// Requests, and what they carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects and parts of objects that were read.
    pub gets: u64,
    /// Bytes of them.
    pub bytes_got: u64,
    /// Objects that were stored, or refused by a condition.
    pub puts: u64,
    /// Bytes of them.
    pub bytes_put: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Objects that were deleted.
    pub deletes: u64,
    /// Rows that were written or shrunk, or refused by a condition.
    pub row_writes: u64,
    /// Bytes of the rows that were written.
    pub row_bytes: u64,
    /// Chains that were entered in the registry.
    pub registrations: u64,
    /// Units of writing, registrations included.
    pub write_units: u64,
    /// Reads of the ledger.
    pub reads: u64,
    /// Units of reading.
    pub read_units: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.gets += more.gets;
        self.bytes_got += more.bytes_got;
        self.puts += more.puts;
        self.bytes_put += more.bytes_put;
        self.lists += more.lists;
        self.deletes += more.deletes;
        self.row_writes += more.row_writes;
        self.row_bytes += more.row_bytes;
        self.registrations += more.registrations;
        self.write_units += more.write_units;
        self.reads += more.reads;
        self.read_units += more.read_units;
    }
}

/// Both stores, counted together. A clone is the same stores.
#[derive(Clone, Default)]
pub struct Counted(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counts: Mutex<Counts>,
    objects: MemoryObjects,
    /// As they were when the objects were put: to reckon one anew for each read would take CPU time that nobody pays for.
    etags: Mutex<BTreeMap<ObjectKey, ETag>>,
    ledger: MemoryLedger,
}

impl Counted {
    /// What was counted since the last time.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.0.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The objects, to be looked at without being counted.
    #[must_use]
    pub fn objects(&self) -> &MemoryObjects {
        &self.0.objects
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn tag(&self, key: &ObjectKey, etag: &ETag) {
        self.0.etags.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), etag.clone());
    }

    fn got(&self, bytes: usize) {
        self.count(|counts| {
            counts.gets += 1;
            counts.bytes_got += bytes as u64;
        });
    }

    fn put(&self, bytes: &Bytes) {
        self.count(|counts| {
            counts.puts += 1;
            counts.bytes_put += bytes.len() as u64;
        });
    }

    /// A read of items that are so large together.
    fn read(&self, bytes: u64) {
        self.count(|counts| {
            counts.reads += 1;
            counts.read_units += bytes.div_ceil(READ_UNIT_BYTES).max(1);
        });
    }
}

/// The size of a row as DynamoDB counts it: names and values of chain, number, attempt and body.
fn row_bytes(chain: &ChainId, row: &StoredRow) -> u64 {
    (5 + chain.to_string().len() + 1 + 20 + 7 + 32 + 4 + row.body.len()) as u64
}

/// The size of an entry in the registry: the names and values of its two keys.
fn entry_bytes(chain: &ChainId) -> u64 {
    (5 + "registry".len() + 1 + chain.to_string().len()) as u64
}

impl Objects for Counted {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        let bytes = self.0.objects.get_range(key, 0..u64::MAX).await?;
        self.got(bytes.as_ref().map_or(0, Bytes::len));
        let etag = self.0.etags.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        Ok(bytes.zip(etag).map(|(bytes, etag)| Object { bytes, etag }))
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let part = self.0.objects.get_range(key, range).await?;
        self.got(part.as_ref().map_or(0, Bytes::len));
        Ok(part)
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        self.put(&bytes);
        let etag = self.0.objects.put(key, bytes).await?;
        self.tag(key, &etag);
        Ok(etag)
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        self.put(&bytes);
        let answer = self.0.objects.put_if_absent(key, bytes).await?;
        if let PutIfAbsent::Created(etag) = &answer {
            self.tag(key, etag);
        }
        Ok(answer)
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.put(&bytes);
        let answer = self.0.objects.put_if_match(key, bytes, etag).await?;
        if let PutIfMatch::Replaced(etag) = &answer {
            self.tag(key, etag);
        }
        Ok(answer)
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        let keys = self.0.objects.list(prefix, after, limit).await?;
        self.count(|counts| counts.lists += (keys.len() as u64).div_ceil(LISTED_KEYS_MAX).max(1));
        Ok(keys)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.count(|counts| counts.deletes += 1);
        self.0.objects.delete(key).await
    }
}

impl Ledger for Counted {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        let row = self.0.ledger.get(chain, n).await?;
        self.read(row.as_ref().map_or(0, |row| row_bytes(chain, row)));
        Ok(row)
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        let bytes = row_bytes(chain, row);
        self.count(|counts| {
            counts.row_writes += 1;
            counts.row_bytes += bytes;
            counts.write_units += bytes.div_ceil(WRITE_UNIT_BYTES);
        });
        self.0.ledger.put_if_absent(chain, row).await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        let row = self.0.ledger.newest(chain).await?;
        self.read(row.as_ref().map_or(0, |row| row_bytes(chain, row)));
        Ok(row)
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        let rows = self.0.ledger.scan_after(chain, after, limit).await?;
        self.read(rows.iter().map(|row| row_bytes(chain, row)).sum());
        Ok(rows)
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        // An update is billed by the larger of what was there and what is there afterwards.
        let before = self.0.ledger.get(chain, stub.n).await?;
        let bytes = before.map_or(0, |row| row_bytes(chain, &row)).max(row_bytes(chain, stub));
        self.count(|counts| {
            counts.row_writes += 1;
            counts.write_units += bytes.div_ceil(WRITE_UNIT_BYTES);
        });
        self.0.ledger.shrink(chain, stub).await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.count(|counts| {
            counts.registrations += 1;
            counts.write_units += entry_bytes(chain).div_ceil(WRITE_UNIT_BYTES);
        });
        self.0.ledger.register(chain).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        let chains = self.0.ledger.registry(after, limit).await?;
        self.read(chains.iter().map(entry_bytes).sum());
        Ok(chains)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use iguazu_lake::ids::AttemptId;

    use super::*;

    /// Memory makes nobody wait.
    fn now<T>(work: impl Future<Output = Result<T, PortError>>) -> T {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => answer,
            _ => panic!("memory answers at once"),
        }
    }

    fn row(n: u64, body: usize) -> StoredRow {
        StoredRow { n: RowNumber::new(n), attempt: AttemptId::from_u128(7), body: "x".repeat(body) }
    }

    #[test]
    fn units_of_the_ledger_are_rounded_up_for_each_request() {
        let ports = Counted::default();
        let chain: ChainId = "shard.orders.1.shardId-000000000000".parse().unwrap();
        let overhead = row_bytes(&chain, &row(0, 0)) as usize;
        now(Ledger::put_if_absent(&ports, &chain, &row(0, 1_024 - overhead)));
        now(Ledger::put_if_absent(&ports, &chain, &row(1, 1_025 - overhead)));
        let counts = ports.take();
        assert_eq!((counts.row_writes, counts.row_bytes, counts.write_units), (2, 2_049, 3));

        now(ports.scan_after(&chain, None, 10));
        now(Ledger::get(&ports, &chain, RowNumber::new(9)));
        let counts = ports.take();
        assert_eq!((counts.reads, counts.read_units), (2, 2), "a row that is not there is read all the same");
        assert_eq!(ports.take(), Counts::default());
    }

    #[test]
    fn a_refused_condition_is_counted_like_any_other_request() {
        let ports = Counted::default();
        let chain: ChainId = "shard.orders.1.shardId-000000000000".parse().unwrap();
        for _ in 0..2 {
            now(Ledger::put_if_absent(&ports, &chain, &row(0, 10)));
        }
        assert_eq!(ports.take().write_units, 2);
        now(ports.shrink(&chain, &row(0, 2_000)));
        assert_eq!(ports.take().write_units, 3, "billed by the larger of the two sizes");
    }

    #[test]
    fn bytes_are_those_that_travelled() {
        let ports = Counted::default();
        let key: ObjectKey = "data/a".parse().unwrap();
        now(Objects::put(&ports, &key, Bytes::from_static(b"0123456789")));
        now(ports.get_range(&key, 8..20));
        assert_eq!(
            Some(now(Objects::get(&ports, &key)).unwrap().etag),
            now(ports.objects().get(&key)).map(|of| of.etag)
        );
        now(ports.list(&KeyPrefix::everything(), None, 1_000));
        let counts = ports.take();
        assert_eq!((counts.puts, counts.bytes_put, counts.gets, counts.bytes_got, counts.lists), (1, 10, 2, 12, 1));
    }
}
