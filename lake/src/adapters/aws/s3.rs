//! Objects in an S3 bucket, or below a prefix of one.
//!
//! - Creating is `If-None-Match: *`, replacing is `If-Match`. 412 says that somebody else was first. 409 says that two
//!   were at it at once and that S3 took neither: the call is *not applied* and worth another try.
//! - Every upload carries the SHA-256 of its content, which S3 checks before it takes it and keeps with the object.
//! - ETags are S3's own, quotes included, and mean nothing here.
//! - A role without `s3:ListBucket` is answered 403 for a key that is free, and so is told *access denied* where the
//!   truth would be *none*: grant it.
//! - The bucket is a general purpose one. Directory buckets list in no order.
//!
//! Deliberately absent: multipart uploads. A file of ours is far below the 5 GB of a single PUT, and a single PUT is
//! one step.

use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::fault::{Effect, answer, port_error};
use crate::checksum::Sha256Sum;
use crate::keys::{KeyPrefix, ObjectKey};
use crate::ports::{ETag, Fault, Object, Objects, PortError, PutIfAbsent, PutIfMatch};

const PUT: &str = "s3 PutObject";
const GET: &str = "s3 GetObject";

/// What S3 lists at most at once.
const PAGE_KEYS_MAX: usize = 1_000;

/// The objects of a bucket, or those below a prefix of it.
#[derive(Clone, Debug)]
pub struct S3Objects {
    client: Client,
    bucket: String,
    prefix: KeyPrefix,
}

impl S3Objects {
    /// The objects whose keys in the bucket begin with `prefix`, which the port's keys then leave out.
    ///
    /// The client makes one try per call: see [`CallLimits`](super::CallLimits).
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, prefix: KeyPrefix) -> Self {
        Self { client, bucket: bucket.into(), prefix }
    }

    /// The key in the bucket.
    fn full(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.prefix.as_str())
    }

    /// What a fault is about.
    fn about(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    fn upload(&self, key: &ObjectKey, bytes: Bytes) -> PutObjectFluentBuilder {
        let sum = BASE64_STANDARD.encode(Sha256Sum::of(&bytes).bytes());
        self.client.put_object().bucket(&self.bucket).key(self.full(key)).checksum_sha256(sum).body(bytes.into())
    }

    /// The ETag of a reply. Without one the object is there all the same, so a write is *maybe applied*.
    fn etag(&self, call: &'static str, key: &ObjectKey, etag: Option<String>) -> Result<ETag, Fault> {
        etag.map(ETag)
            .ok_or_else(|| Fault::lasting(call, format!("{}: no ETag in the reply", self.about(&self.full(key)))))
    }

    fn put_error<E>(&self, key: &ObjectKey, error: SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        port_error(PUT, &self.about(&self.full(key)), Effect::Write, error)
    }

    /// The reply to a GET; nothing if there is no such key. A bucket that is missing is an error.
    async fn fetch(&self, key: &ObjectKey, range: Option<String>) -> Result<Option<Fetched>, PortError> {
        match self.client.get_object().bucket(&self.bucket).key(self.full(key)).set_range(range).send().await {
            Ok(reply) => Ok(Some(Fetched::Reply(Box::new(reply)))),
            Err(error) => match answer(&error) {
                Some((404, "NoSuchKey")) => Ok(None),
                Some((416, _)) => Ok(Some(Fetched::NothingThere)),
                _ => Err(port_error(GET, &self.about(&self.full(key)), Effect::Read, error)),
            },
        }
    }

    async fn body(&self, key: &ObjectKey, reply: GetObjectOutput) -> Result<Bytes, PortError> {
        let body = reply.body.collect().await.map_err(|error| {
            let detail = format!("{}: the content broke off", self.about(&self.full(key)));
            PortError::NotApplied(Fault::passing(GET, detail).caused_by(error))
        })?;
        Ok(body.into_bytes())
    }
}

enum Fetched {
    Reply(Box<GetObjectOutput>),
    /// The object ends before the range begins.
    NothingThere,
}

/// The `Range` header for `[range.start, range.end)`. A header cannot ask for no bytes, so it asks for one at least;
/// and S3 reads its numbers as signed ones.
fn header(range: &Range<u64>) -> String {
    let signed_max = i64::MAX.unsigned_abs();
    let first = range.start.min(signed_max);
    format!("bytes={first}-{}", range.end.saturating_sub(1).clamp(first, signed_max))
}

impl Objects for S3Objects {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        let Some(Fetched::Reply(mut reply)) = self.fetch(key, None).await? else { return Ok(None) };
        let etag = self.etag(GET, key, reply.e_tag.take()).map_err(PortError::NotApplied)?;
        Ok(Some(Object { bytes: self.body(key, *reply).await?, etag }))
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let reply = match self.fetch(key, Some(header(&range))).await? {
            None => return Ok(None),
            Some(Fetched::NothingThere) => return Ok(Some(Bytes::new())),
            Some(Fetched::Reply(reply)) => reply,
        };
        // A store may leave the header aside, and then it sends the whole object and no `Content-Range`.
        let skipped = if reply.content_range.is_some() { 0 } else { range.start };
        let bytes = self.body(key, *reply).await?;
        let start = usize::try_from(skipped).unwrap_or(usize::MAX).min(bytes.len());
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        Ok(Some(bytes.slice(start..start.saturating_add(wanted).min(bytes.len()))))
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        match self.upload(key, bytes).send().await {
            Ok(reply) => self.etag(PUT, key, reply.e_tag).map_err(PortError::MaybeApplied),
            Err(error) => Err(self.put_error(key, error)),
        }
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        match self.upload(key, bytes).if_none_match("*").send().await {
            Ok(reply) => self.etag(PUT, key, reply.e_tag).map(PutIfAbsent::Created).map_err(PortError::MaybeApplied),
            Err(error) => match answer(&error) {
                Some((412, _)) => Ok(PutIfAbsent::Exists),
                _ => Err(self.put_error(key, error)),
            },
        }
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, expected: &ETag) -> Result<PutIfMatch, PortError> {
        match self.upload(key, bytes).if_match(&expected.0).send().await {
            Ok(reply) => self.etag(PUT, key, reply.e_tag).map(PutIfMatch::Replaced).map_err(PortError::MaybeApplied),
            Err(error) => match answer(&error) {
                Some((412, _) | (404, "NoSuchKey")) => Ok(PutIfMatch::Changed),
                _ => Err(self.put_error(key, error)),
            },
        }
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        let full_prefix = format!("{}{}", self.prefix.as_str(), prefix.as_str());
        let mut start_after = after.map(|after| self.full(after));
        let mut keys = Vec::new();
        while keys.len() < limit {
            let page_keys = PAGE_KEYS_MAX.min(limit - keys.len());
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(&full_prefix)
                .set_start_after(start_after.take())
                .max_keys(i32::try_from(page_keys).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| port_error("s3 ListObjectsV2", &self.about(&full_prefix), Effect::Read, error))?;
            start_after = page.contents().last().and_then(|object| object.key()).map(str::to_owned);
            // What is no key of ours, such as the folder marks that consoles make, is none of our objects.
            keys.extend(
                page.contents()
                    .iter()
                    .filter_map(|object| object.key()?.strip_prefix(self.prefix.as_str())?.parse::<ObjectKey>().ok()),
            );
            if page.is_truncated() != Some(true) || start_after.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let key = self.full(key);
        match self.client.delete_object().bucket(&self.bucket).key(&key).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(port_error("s3 DeleteObject", &self.about(&key), Effect::Write, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_header_has_both_ends_in_it_and_fits_a_signed_number() {
        assert_eq!(header(&(0..1)), "bytes=0-0");
        assert_eq!(header(&(5..9)), "bytes=5-8");
        assert_eq!(header(&(5..5)), "bytes=5-5");
        assert_eq!(header(&Range { start: 5, end: 2 }), "bytes=5-5");
        assert_eq!(header(&(0..u64::MAX)), "bytes=0-9223372036854775807");
        assert_eq!(header(&(u64::MAX..u64::MAX)), "bytes=9223372036854775807-9223372036854775807");
    }
}
