//! The ports as a run uses them: tried again until its deadline, checked against what was recorded, and counted.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::{ETag, Ledger, Object, Objects, PutIfAbsent, PutIfMatch};
use iguazu_lake::retry::RetryPolicy;

use crate::error::CompactError;
use crate::format::Ranges;
use crate::report::Report;

/// Requests that are under way at once.
pub(crate) const CONCURRENT: usize = 16;

/// The ports of one run.
pub(crate) struct Io<'a, O, L, H> {
    pub(crate) objects: &'a O,
    pub(crate) ledger: &'a L,
    pub(crate) host: &'a H,
    pub(crate) retry: RetryPolicy,
    pub(crate) deadline: Timestamp,
    pub(crate) report: &'a Mutex<Report>,
}

impl<O: Objects, L: Ledger, H: Host> Io<'_, O, L, H> {
    pub(crate) fn report(&self) -> MutexGuard<'_, Report> {
        // Counters: a panic elsewhere does not make them wrong.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object that may be there.
    pub(crate) async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, CompactError> {
        self.report().gets += 1;
        self.retry
            .run(self.host, self.deadline, |_| self.objects.get(key))
            .await
            .map_err(CompactError::port("reading an object"))
    }

    /// An object that a committed row names.
    pub(crate) async fn committed(&self, key: &ObjectKey, sum: &Sha256Sum) -> Result<Bytes, CompactError> {
        let object = self.get(key).await?.ok_or_else(|| CompactError::Gone { key: key.clone() })?;
        if Sha256Sum::of(&object.bytes) != *sum {
            return Err(CompactError::Damaged { key: key.clone() });
        }
        Ok(object.bytes)
    }

    /// Stores an object of this run's attempt.
    pub(crate) async fn put_own(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), CompactError> {
        self.report().puts += 1;
        let created = self
            .retry
            .run(self.host, self.deadline, |unclear| {
                let put = self.objects.put_if_absent(key, bytes.clone());
                async move { Ok(matches!(put.await?, PutIfAbsent::Created(_)) || unclear > 0) }
            })
            .await
            .map_err(CompactError::port("storing an object"))?;
        if created { Ok(()) } else { Err(CompactError::NotFresh) }
    }

    /// Replaces an object that has the content `seen`, or creates it where there was none. Returns whether it was this
    /// call that did, as far as can be told: a caller that hears `false` reads again and goes on from what it finds.
    pub(crate) async fn replace(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        seen: Option<&ETag>,
    ) -> Result<bool, CompactError> {
        self.report().puts += 1;
        self.retry
            .run(self.host, self.deadline, |_| {
                let bytes = bytes.clone();
                async move {
                    match seen {
                        Some(etag) => {
                            let answer = self.objects.put_if_match(key, bytes, etag).await?;
                            Ok(matches!(answer, PutIfMatch::Replaced(_)))
                        }
                        None => {
                            let answer = self.objects.put_if_absent(key, bytes).await?;
                            Ok(matches!(answer, PutIfAbsent::Created(_)))
                        }
                    }
                }
            })
            .await
            .map_err(CompactError::port("publishing an object"))
    }
}

/// A live file that is asked for ids.
pub(crate) struct LiveReader<'a, O, L, H> {
    pub(crate) io: &'a Io<'a, O, L, H>,
    pub(crate) key: ObjectKey,
}

impl<O: Objects, L: Ledger, H: Host> Ranges for LiveReader<'_, O, L, H> {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, CompactError> {
        let bytes = self
            .io
            .retry
            .run(self.io.host, self.io.deadline, |_| self.io.objects.get_range(&self.key, range.clone()))
            .await
            .map_err(CompactError::port("reading a part of a live file"))?
            .ok_or_else(|| CompactError::Gone { key: self.key.clone() })?;
        let mut report = self.io.report();
        report.requests_asked += 1;
        report.bytes_asked += bytes.len() as u64;
        Ok(bytes)
    }
}
