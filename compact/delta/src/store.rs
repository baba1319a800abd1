//! The object store that Delta's library reads and writes logs through: the port that everything else goes through.
//!
//! Rules:
//! - Nothing is deleted, copied or renamed: a publisher adds.
//! - `Create` and `Update` are the port's put-if-absent and put-if-match, so a commit is as exclusive as a row.
//! - The port tells no sizes and no times. The library passes over a checkpoint of no size, so the objects of a log that
//!   never change, its commits and checkpoints, are read when they are listed, and kept for as long as the store: the
//!   library reads them next, and again with every try. Of other objects a listing gives the size 0, and a range says
//!   what it saw of it. Every time is 1970.
//! - A put of several parts is gathered and put as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{ETag, Object, Objects, PutIfAbsent, PutIfMatch};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// Keys that a listing asks for at once.
const PAGE_KEYS: usize = 1000;
/// Objects that a listing reads at once.
const READS: usize = 8;
const NAME: &str = "the lake's objects";

/// The port's objects as an object store.
pub struct PortStore<O> {
    objects: Arc<O>,
    kept: Arc<Mutex<BTreeMap<ObjectKey, Object>>>,
}

impl<O> PortStore<O> {
    /// The store of these objects.
    #[must_use]
    pub fn new(objects: Arc<O>) -> Self {
        Self { objects, kept: Arc::default() }
    }
}

impl<O> Clone for PortStore<O> {
    fn clone(&self) -> Self {
        Self { objects: Arc::clone(&self.objects), kept: Arc::clone(&self.kept) }
    }
}

impl<O> fmt::Debug for PortStore<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortStore")
    }
}

impl<O> fmt::Display for PortStore<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: NAME, source: source.into() }
}

fn refused(what: &str) -> Error {
    Error::NotSupported { source: format!("a publisher does not {what}").into() }
}

fn key(location: &Path) -> Result<ObjectKey> {
    location.as_ref().parse().map_err(failed)
}

fn prefix_of(prefix: Option<&Path>) -> Result<KeyPrefix> {
    match prefix.map(AsRef::as_ref) {
        None | Some("") => Ok(KeyPrefix::everything()),
        Some(folder) => format!("{folder}/").parse().map_err(failed),
    }
}

fn meta(location: Path, size: u64, etag: Option<ETag>) -> ObjectMeta {
    let e_tag = etag.map(|etag| etag.0);
    ObjectMeta { location, last_modified: DateTime::UNIX_EPOCH, size, e_tag, version: None }
}

fn put_result(etag: ETag) -> PutResult {
    PutResult { e_tag: Some(etag.0), version: None }
}

fn got(bytes: Bytes, range: Range<u64>, meta: ObjectMeta) -> GetResult {
    let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
    GetResult { payload, meta, range, attributes: Attributes::default() }
}

/// Whether an object is a commit or a checkpoint of a log, by its key.
fn never_changes(key: &ObjectKey) -> bool {
    let name = key.as_str().rsplit_once("/_delta_log/").map(|(_, name)| name.as_bytes());
    name.and_then(|name| name.get(..20)).is_some_and(|version| version.iter().all(u8::is_ascii_digit))
}

impl<O: Objects + 'static> PortStore<O> {
    async fn object(&self, key: &ObjectKey) -> Result<Option<Object>> {
        let lasting = never_changes(key);
        // No call leaves the map half changed, so a panic elsewhere does not make it wrong.
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if lasting && let Some(object) = kept().get(key) {
            return Ok(Some(object.clone()));
        }
        let found = self.objects.get(key).await.map_err(failed)?;
        if lasting && let Some(object) = &found {
            kept().insert(key.clone(), object.clone());
        }
        Ok(found)
    }

    fn missing(location: &Path) -> Error {
        Error::NotFound { path: location.to_string(), source: "there is no such object".into() }
    }

    async fn whole(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let found = self.object(&key(location)?).await?;
        let object = found.ok_or_else(|| Self::missing(location))?;
        let size = object.bytes.len() as u64;
        let meta = meta(location.clone(), size, Some(object.etag));
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(size).map_err(failed)?,
            None => 0..size,
        };
        // Both ends are within the bytes, whose length is a usize.
        let bytes = object.bytes.slice(range.start as usize..range.end as usize);
        Ok(got(bytes, range, meta))
    }

    async fn part(&self, location: &Path, range: Range<u64>) -> Result<GetResult> {
        let found = self.objects.get_range(&key(location)?, range.clone()).await.map_err(failed)?;
        let bytes = found.ok_or_else(|| Self::missing(location))?;
        if bytes.is_empty() {
            return Err(failed(format!("{location}: nothing is in its bytes {range:?}")));
        }
        let end = range.start + bytes.len() as u64;
        Ok(got(bytes, range.start..end, meta(location.clone(), end, None)))
    }

    fn listed(&self, prefix: Option<&Path>, after: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let begun = prefix_of(prefix).and_then(|prefix| Ok((prefix, after.map(key).transpose()?)));
        let (prefix, after) = match begun {
            Ok(begun) => begun,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let objects = Arc::clone(&self.objects);
        let pages = stream::try_unfold(Some(after), move |after| {
            let (objects, prefix) = (Arc::clone(&objects), prefix.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let keys = objects.list(&prefix, after.as_ref(), PAGE_KEYS).await.map_err(failed)?;
                let next = (keys.len() == PAGE_KEYS).then(|| keys.last().cloned());
                Ok::<_, Error>(Some((stream::iter(keys.into_iter().map(Ok)), next)))
            }
        });
        let store = self.clone();
        let found = pages.try_flatten().map_ok(move |key| {
            let store = store.clone();
            async move {
                let location = Path::parse(key.as_str()).map_err(|source| Error::InvalidPath { source })?;
                if !never_changes(&key) {
                    return Ok(meta(location, 0, None));
                }
                let object = store.object(&key).await?.ok_or_else(|| Self::missing(&location))?;
                Ok(meta(location, object.bytes.len() as u64, Some(object.etag)))
            }
        });
        found.try_buffered(READS).boxed()
    }
}

#[async_trait]
impl<O: Objects + 'static> ObjectStore for PortStore<O> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (key, bytes, path) = (key(location)?, Bytes::from(payload), || location.to_string());
        match options.mode {
            PutMode::Overwrite => self.objects.put(&key, bytes).await.map(put_result).map_err(failed),
            PutMode::Create => match self.objects.put_if_absent(&key, bytes).await.map_err(failed)? {
                PutIfAbsent::Created(etag) => Ok(put_result(etag)),
                PutIfAbsent::Exists => Err(Error::AlreadyExists { path: path(), source: "the key is taken".into() }),
            },
            PutMode::Update(version) => {
                let etag = version.e_tag.map(ETag).ok_or_else(|| refused("replace an object without its ETag"))?;
                match self.objects.put_if_match(&key, bytes, &etag).await.map_err(failed)? {
                    PutIfMatch::Replaced(etag) => Ok(put_result(etag)),
                    PutIfMatch::Changed => {
                        Err(Error::Precondition { path: path(), source: "the object has another content".into() })
                    }
                }
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let gathered = BytesMut::new();
        Ok(Box::new(Gathered { objects: Arc::clone(&self.objects), key: key(location)?, gathered }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let plain = !options.head && options.if_match.is_none() && options.if_none_match.is_none();
        match &options.range {
            Some(GetRange::Bounded(range)) if plain && !never_changes(&key(location)?) => {
                self.part(location, range.clone()).await
            }
            _ => self.whole(location, &options).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.and_then(|_| async { Err(refused("delete objects")) }).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix_of(prefix)?;
        let mut found = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut listed = self.listed(prefix, None);
        while let Some(meta) = listed.try_next().await? {
            let rest = meta.location.as_ref().strip_prefix(folder.as_str()).unwrap_or_default();
            match rest.split_once('/') {
                None => found.objects.push(meta),
                Some((name, _)) => {
                    let below = Path::parse(format!("{folder}{name}")).map_err(failed)?;
                    // Keys come in order, and a folder's are next to each other.
                    if found.common_prefixes.last() != Some(&below) {
                        found.common_prefixes.push(below);
                    }
                }
            }
        }
        Ok(found)
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused("copy objects"))
    }
}

/// The parts of an object, until it is whole.
struct Gathered<O> {
    objects: Arc<O>,
    key: ObjectKey,
    gathered: BytesMut,
}

impl<O> fmt::Debug for Gathered<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.gathered.len(), self.key)
    }
}

#[async_trait]
impl<O: Objects + 'static> MultipartUpload for Gathered<O> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        for bytes in data {
            self.gathered.extend_from_slice(&bytes);
        }
        async { Ok(()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let bytes = self.gathered.split().freeze();
        self.objects.put(&self.key, bytes).await.map(put_result).map_err(failed)
    }

    async fn abort(&mut self) -> Result<()> {
        self.gathered.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iguazu_lake::adapters::memory::MemoryObjects;
    use object_store::{ObjectStoreExt, UpdateVersion};

    use super::*;

    fn store() -> PortStore<MemoryObjects> {
        PortStore::new(Arc::new(MemoryObjects::default()))
    }

    fn at(path: &str) -> Path {
        Path::parse(path).unwrap()
    }

    async fn bytes(store: &PortStore<MemoryObjects>, path: &str) -> Bytes {
        store.get(&at(path)).await.unwrap().bytes().await.unwrap()
    }

    #[tokio::test]
    async fn what_must_be_new_is_created_once() {
        let (store, path) = (store(), at("a/_delta_log/00000000000000000000.json"));
        store.put_opts(&path, "one".into(), PutMode::Create.into()).await.unwrap();
        let again = store.put_opts(&path, "two".into(), PutMode::Create.into()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })));
        assert_eq!(bytes(&store, path.as_ref()).await, "one");
    }

    #[tokio::test]
    async fn what_is_replaced_is_what_was_read() {
        let (store, path) = (store(), at("a/b"));
        let first = store.put(&path, "one".into()).await.unwrap();
        let version = UpdateVersion { e_tag: first.e_tag, version: None };
        store.put_opts(&path, "two".into(), PutMode::Update(version.clone()).into()).await.unwrap();
        let late = store.put_opts(&path, "three".into(), PutMode::Update(version).into()).await;
        assert!(matches!(late, Err(Error::Precondition { .. })));
        let blind = PutMode::Update(UpdateVersion { e_tag: None, version: None });
        assert!(store.put_opts(&path, "four".into(), blind.into()).await.is_err());
        assert_eq!(bytes(&store, "a/b").await, "two");
    }

    #[tokio::test]
    async fn ranges_are_of_what_there_is() {
        for path in ["a/b", "a/_delta_log/00000000000000000010.checkpoint.parquet"] {
            let (store, path) = (store(), at(path));
            store.put(&path, "0123456789".into()).await.unwrap();
            assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
            assert_eq!(store.get_range(&path, 8..50).await.unwrap(), "89");
            assert_eq!(store.get_ranges(&path, &[0..2, 9..10]).await.unwrap(), ["01", "9"]);
            assert!(store.get_range(&path, 10..12).await.is_err());
            let suffix = GetOptions { range: Some(GetRange::Suffix(3)), ..GetOptions::default() };
            assert_eq!(store.get_opts(&path, suffix).await.unwrap().bytes().await.unwrap(), "789");
            assert_eq!(store.head(&path).await.unwrap().size, 10);
        }
        assert!(matches!(store().get(&at("a/b")).await, Err(Error::NotFound { .. })));
        assert!(matches!(store().head(&at("a/b")).await, Err(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn a_listing_is_in_order_and_longer_than_a_page() {
        let store = store();
        let keys: Vec<_> = (0..PAGE_KEYS * 2 + 7).map(|at| format!("a/b/{at:05}")).collect();
        for path in keys.iter().map(String::as_str).chain(["a/b/c/d", "a/bb/x", "a/b0"]) {
            store.put(&at(path), "x".into()).await.unwrap();
        }
        let listed =
            |metas: Vec<ObjectMeta>| metas.into_iter().map(|meta| meta.location.to_string()).collect::<Vec<_>>();
        let (folder, offset) = (at("a/b"), at("a/b/00990"));
        let mut expected = keys.clone();
        expected.push("a/b/c/d".to_owned());
        assert_eq!(listed(store.list(Some(&folder)).try_collect().await.unwrap()), expected);
        let after = listed(store.list_with_offset(Some(&folder), &offset).try_collect().await.unwrap());
        assert_eq!(after, expected[991..]);

        let top = store.list_with_delimiter(Some(&at("a"))).await.unwrap();
        assert_eq!(top.common_prefixes, [at("a/b"), at("a/bb")]);
        assert_eq!(listed(top.objects), ["a/b0"]);
        assert_eq!(store.list_with_delimiter(None).await.unwrap().common_prefixes, [at("a")]);
    }

    #[tokio::test]
    async fn a_put_in_parts_is_seen_whole_or_not_at_all() {
        let store = store();
        let mut upload = store.put_multipart(&at("a/b")).await.unwrap();
        upload.put_part("one, ".into()).await.unwrap();
        upload.put_part("two".into()).await.unwrap();
        assert!(store.get(&at("a/b")).await.is_err());
        upload.complete().await.unwrap();
        assert_eq!(bytes(&store, "a/b").await, "one, two");
        let mut upload = store.put_multipart(&at("a/c")).await.unwrap();
        upload.put_part("one".into()).await.unwrap();
        upload.abort().await.unwrap();
        assert!(store.get(&at("a/c")).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_deleted_copied_or_taken_outside_of_the_keys_of_a_lake() {
        let store = store();
        store.put(&at("a/b"), "x".into()).await.unwrap();
        assert!(matches!(store.delete(&at("a/b")).await, Err(Error::NotSupported { .. })));
        assert!(matches!(store.copy(&at("a/b"), &at("a/c")).await, Err(Error::NotSupported { .. })));
        assert!(store.rename(&at("a/b"), &at("a/c")).await.is_err());
        assert!(store.put(&at("a/b c"), "x".into()).await.is_err());
        assert_eq!(bytes(&store, "a/b").await, "x");
    }
}
