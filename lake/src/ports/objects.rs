//! The object store.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::PortError;
use crate::keys::{KeyPrefix, ObjectKey};

/// What identifies the content of an object in a conditional replace. Opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object with what is needed to replace it conditionally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// What identifies this content.
    pub etag: ETag,
}

/// What became of a put-if-absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutIfAbsent {
    /// The object was created by this very call.
    Created(ETag),
    /// There is an object of that key already. It may be the caller's own, by an earlier call whose reply was lost.
    Exists,
}

/// What became of a put-if-match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutIfMatch {
    /// The object was replaced by this very call.
    Replaced(ETag),
    /// The object has another content by now, or is gone.
    Changed,
}

/// A strongly consistent object store, listing included. A reader sees an object whole or not at all.
///
/// Deliberately absent: the time of an object's last change. Nothing may be decided by age.
pub trait Objects: Send + Sync {
    /// The whole object, if there is one.
    fn get(&self, key: &ObjectKey) -> impl Future<Output = Result<Option<Object>, PortError>> + Send;

    /// The bytes of `[range.start, range.end)`, cut at the end of the object, if there is one.
    fn get_range(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Option<Bytes>, PortError>> + Send;

    /// Creates or replaces an object.
    fn put(&self, key: &ObjectKey, bytes: Bytes) -> impl Future<Output = Result<ETag, PortError>> + Send;

    /// Creates an object if the key is free. Of many callers at once, one creates it.
    fn put_if_absent(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
    ) -> impl Future<Output = Result<PutIfAbsent, PortError>> + Send;

    /// Replaces an object that still has the content `etag`. Of many callers at once, one replaces it.
    fn put_if_match(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        etag: &ETag,
    ) -> impl Future<Output = Result<PutIfMatch, PortError>> + Send;

    /// Up to `limit` keys that begin with `prefix` and are above `after`, ascending by their bytes.
    fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ObjectKey>, PortError>> + Send;

    /// Deletes an object. Deleting what is not there succeeds.
    fn delete(&self, key: &ObjectKey) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A store that is shared is the same store.
macro_rules! shared_objects {
    ($shared:ty) => {
        impl<O: Objects> Objects for $shared {
            fn get(&self, key: &ObjectKey) -> impl Future<Output = Result<Option<Object>, PortError>> + Send {
                (**self).get(key)
            }

            fn get_range(
                &self,
                key: &ObjectKey,
                range: Range<u64>,
            ) -> impl Future<Output = Result<Option<Bytes>, PortError>> + Send {
                (**self).get_range(key, range)
            }

            fn put(&self, key: &ObjectKey, bytes: Bytes) -> impl Future<Output = Result<ETag, PortError>> + Send {
                (**self).put(key, bytes)
            }

            fn put_if_absent(
                &self,
                key: &ObjectKey,
                bytes: Bytes,
            ) -> impl Future<Output = Result<PutIfAbsent, PortError>> + Send {
                (**self).put_if_absent(key, bytes)
            }

            fn put_if_match(
                &self,
                key: &ObjectKey,
                bytes: Bytes,
                etag: &ETag,
            ) -> impl Future<Output = Result<PutIfMatch, PortError>> + Send {
                (**self).put_if_match(key, bytes, etag)
            }

            fn list(
                &self,
                prefix: &KeyPrefix,
                after: Option<&ObjectKey>,
                limit: usize,
            ) -> impl Future<Output = Result<Vec<ObjectKey>, PortError>> + Send {
                (**self).list(prefix, after, limit)
            }

            fn delete(&self, key: &ObjectKey) -> impl Future<Output = Result<(), PortError>> + Send {
                (**self).delete(key)
            }
        }
    };
}

shared_objects!(&O);
shared_objects!(Arc<O>);
