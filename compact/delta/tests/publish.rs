//! What a log holds after versions were published to it: once, again, late, out of order, and at the same time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests: a panic is a finding"
)]

mod lake;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use iguazu_compact::publish::VersionView;
use iguazu_delta::{DeltaError, Publication, Published, publish};
use iguazu_lake::adapters::embedded::DiskObjects;
use iguazu_lake::adapters::memory::MemoryObjects;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{ETag, Fault, Object, Objects, PortError, PutIfAbsent, PutIfMatch};
use iguazu_transform::contract::Contract;

use lake::{
    CONTRACT, NEVER, Still, chain, contract, daily_keys, daily_root, data_keys, events_root, live, open, version,
};

async fn publish_all<O: Objects + 'static>(
    objects: &Arc<O>,
    views: &[VersionView],
    replaces: &[ChainId],
) -> Result<Published, DeltaError> {
    publish(objects, &Still::default(), NEVER, &contract(), Publication { views, replaces }).await
}

async fn publish_one<O: Objects + 'static>(objects: &Arc<O>, view: &VersionView) -> Published {
    publish_all(objects, std::slice::from_ref(view), &[]).await.unwrap()
}

async fn assert_holds<O: Objects + 'static>(objects: &Arc<O>, views: impl IntoIterator<Item = &VersionView>) {
    let (mut events, mut daily) = (BTreeSet::new(), BTreeSet::new());
    for view in views {
        events.extend(data_keys(view));
        daily.extend(daily_keys(view));
    }
    assert_eq!(live(objects, &events_root()).await, events);
    assert_eq!(live(objects, &daily_root()).await, daily);
}

/// Publishes eight versions of each of two buckets in an order that has every kind of disorder in it.
async fn any_order_leads_to_the_newest_versions<O: Objects + 'static>(objects: Arc<O>) {
    let mut newest: BTreeMap<u32, VersionView> = BTreeMap::new();
    let order = [
        (0, 0),
        (1, 0),
        (0, 1),
        (0, 1),
        (0, 0),
        (1, 3),
        (1, 2),
        (0, 5),
        (1, 1),
        (1, 3),
        (0, 4),
        (1, 7),
        (0, 7),
        (0, 6),
    ];
    for (bucket, n) in order {
        let view = version(&*objects, 0, bucket, n).await;
        let late = newest.get(&bucket).is_some_and(|newest| newest.n >= view.n);
        let told = publish_one(&objects, &view).await;
        assert_eq!(told.events.committed, !late, "bucket {bucket}, version {n}");
        assert!(told.rollups.values().all(|daily| daily.committed != late));
        if !late {
            newest.insert(bucket, view);
        }
        assert_holds(&objects, newest.values()).await;
    }
}

#[tokio::test]
async fn in_memory_any_order_leads_to_the_newest_versions() {
    any_order_leads_to_the_newest_versions(Arc::new(MemoryObjects::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_disk_any_order_leads_to_the_newest_versions() {
    let folder = tempfile::tempdir().unwrap();
    any_order_leads_to_the_newest_versions(Arc::new(DiskObjects::open(folder.path()).unwrap())).await;
}

async fn publishers_at_once_lose_nothing<O: Objects + 'static>(objects: Arc<O>) {
    let mut views = Vec::new();
    for n in 0..6 {
        for bucket in 0..2 {
            views.push(version(&*objects, 0, bucket, n).await);
        }
    }
    let one = |bucket: u32| {
        let (objects, views) = (Arc::clone(&objects), views.clone());
        async move {
            for view in views.iter().filter(|view| view.chain == chain(0, bucket)) {
                publish_one(&objects, view).await;
            }
        }
    };
    // Each bucket has two publishers, so that some of them are late as well.
    tokio::join!(one(0), one(1), one(0), one(1));
    assert_holds(&objects, &views[10..]).await;
    let events = open(&objects, &events_root()).await;
    assert_eq!(events.version(), Some(11), "each version of a bucket was committed once");
}

#[tokio::test]
async fn in_memory_publishers_at_once_lose_nothing() {
    publishers_at_once_lose_nothing(Arc::new(MemoryObjects::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_disk_publishers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    publishers_at_once_lose_nothing(Arc::new(DiskObjects::open(folder.path()).unwrap())).await;
}

/// What becomes of a commit that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Applied,
    Lost,
    Refused,
}

/// Objects whose every so many commits fail.
struct Unreliable {
    objects: MemoryObjects,
    fate: Fate,
    every: u32,
    commits: AtomicU32,
}

impl Objects for Unreliable {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.objects.get(key).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.objects.get_range(key, range).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        self.objects.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        let fails = self.commits.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every);
        let fault = || Fault::passing("test put_if_absent", "the connection was lost");
        match (fails, self.fate) {
            (false, _) => self.objects.put_if_absent(key, bytes).await,
            (true, Fate::Applied) => {
                self.objects.put_if_absent(key, bytes).await?;
                Err(PortError::MaybeApplied(fault()))
            }
            (true, Fate::Lost) => Err(PortError::MaybeApplied(fault())),
            (true, Fate::Refused) => Err(PortError::NotApplied(Fault::lasting("test put_if_absent", "no permission"))),
        }
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.objects.put_if_match(key, bytes, etag).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        self.objects.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        panic!("a publisher deletes nothing, not even {key}")
    }
}

fn unreliable(fate: Fate, every: u32) -> Arc<Unreliable> {
    Arc::new(Unreliable { objects: MemoryObjects::default(), fate, every, commits: AtomicU32::new(0) })
}

#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_found_and_not_made_again() {
    let objects = unreliable(Fate::Applied, 1);
    for n in 0..4 {
        let view = version(&*objects, 0, 0, n).await;
        let told = publish_one(&objects, &view).await;
        assert!(!told.events.committed, "the log knew when it was read again");
        assert_eq!(told.events.version, n);
        assert_holds(&objects, [&view]).await;
    }
}

#[tokio::test]
async fn a_commit_that_was_lost_is_made_again() {
    let objects = unreliable(Fate::Lost, 2);
    for n in 0..4 {
        let view = version(&*objects, 0, 0, n).await;
        assert_eq!(publish_one(&objects, &view).await.events.version, n);
        assert_holds(&objects, [&view]).await;
    }
}

#[tokio::test]
async fn a_fault_that_does_not_pass_is_told_at_once() {
    let objects = unreliable(Fate::Refused, 1);
    let view = version(&*objects, 0, 0, 0).await;
    let error = publish_all(&objects, &[view], &[]).await.unwrap_err();
    assert!(matches!(error, DeltaError::Port { .. }), "{error}");
    assert_eq!(objects.commits.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn no_try_begins_after_the_deadline() {
    let objects = unreliable(Fate::Lost, 1);
    let view = version(&*objects, 0, 0, 0).await;
    let wanted = Publication { views: &[view], replaces: &[] };
    let error = publish(&objects, &Still::default(), Timestamp::EPOCH, &contract(), wanted).await.unwrap_err();
    assert!(matches!(error, DeltaError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn a_publication_may_move_between_threads() {
    fn moves<T: Send>(it: T) -> T {
        it
    }
    let objects = Arc::new(MemoryObjects::default());
    let (host, contract, views) = (Still::default(), contract(), [version(&*objects, 0, 0, 0).await]);
    let wanted = Publication { views: &views, replaces: &[] };
    moves(publish(&objects, &host, NEVER, &contract, wanted)).await.unwrap();
}

#[tokio::test]
async fn a_new_epoch_takes_over_in_one_commit_and_for_good() {
    let objects = Arc::new(MemoryObjects::default());
    let old = [version(&*objects, 0, 0, 3).await, version(&*objects, 0, 1, 2).await];
    publish_all(&objects, &old, &[]).await.unwrap();
    let new = [version(&*objects, 1, 0, 1).await, version(&*objects, 1, 1, 0).await, version(&*objects, 1, 2, 4).await];
    let replaces = [chain(0, 0), chain(0, 1)];

    let told = publish_all(&objects, &new, &replaces).await.unwrap();
    assert_eq!((told.events.version, told.events.removed), (1, data_keys(&old[0]).len() + data_keys(&old[1]).len()));
    assert_holds(&objects, &new).await;

    assert!(!publish_all(&objects, &new, &replaces).await.unwrap().events.committed, "again");
    let late = version(&*objects, 0, 1, 9).await;
    assert!(!publish_one(&objects, &late).await.events.committed, "late, and closed");
    assert_holds(&objects, &new).await;

    for (views, replaces) in
        [(&new[..], &[chain(1, 7)][..]), (&old[..], &[chain(0, 1)][..]), (&[][..], &[chain(0, 0)][..])]
    {
        let error = publish_all(&objects, views, replaces).await.unwrap_err();
        assert!(matches!(error, DeltaError::Misplaced { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_bucket_whose_versions_were_published_without_the_takeover_is_taken_over_later() {
    let objects = Arc::new(MemoryObjects::default());
    let (old, new) = (version(&*objects, 0, 0, 3).await, version(&*objects, 1, 0, 0).await);
    publish_all(&objects, &[old], &[]).await.unwrap();
    publish_all(&objects, std::slice::from_ref(&new), &[]).await.unwrap();
    assert!(publish_all(&objects, std::slice::from_ref(&new), &[chain(0, 0)]).await.unwrap().events.committed);
    assert_holds(&objects, [&new]).await;
}

#[tokio::test]
async fn columns_are_gained_and_never_lost() {
    let objects = Arc::new(MemoryObjects::default());
    let names = async || {
        let table = open(&objects, &events_root()).await;
        let schema = table.snapshot().unwrap().schema();
        schema.fields().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    publish_one(&objects, &version(&*objects, 0, 0, 0).await).await;
    let before = names().await;
    assert_eq!(before[before.len() - 4..], ["amount", "year", "month", "day"]);

    let more = CONTRACT
        .replace("version = 1", "version = 2")
        .replace("[[rollup]]", "[[column]]\nname = \"country\"\npath = \"/country\"\ntype = \"string\"\n\n[[rollup]]");
    let more = Contract::parse("orders.toml", &more).unwrap();
    let view = version(&*objects, 0, 0, 1).await;
    let wanted = Publication { views: std::slice::from_ref(&view), replaces: &[] };
    publish(&objects, &Still::default(), NEVER, &more, wanted).await.unwrap();
    assert_eq!(names().await[before.len() - 4..], ["amount", "country", "year", "month", "day"]);

    publish_one(&objects, &version(&*objects, 0, 0, 2).await).await;
    assert_eq!(names().await.len(), before.len() + 1, "an older contract takes none away");

    let other = Contract::parse("orders.toml", &CONTRACT.replace("decimal(18,2)", "decimal(20,2)")).unwrap();
    let error = publish(&objects, &Still::default(), NEVER, &other, wanted).await.unwrap_err();
    assert!(matches!(error, DeltaError::Schema { .. }), "{error}");
}

#[tokio::test]
async fn a_reader_begins_at_a_checkpoint() {
    let objects = Arc::new(MemoryObjects::default());
    for n in 0..=22 {
        publish_one(&objects, &version(&*objects, 0, 0, n).await).await;
    }
    for commit in 0..=20 {
        for root in [events_root(), daily_root()] {
            objects.delete(&root.delta_commit(commit)).await.unwrap();
        }
    }
    assert_holds(&objects, [&version(&*objects, 0, 0, 22).await]).await;
    let late = publish_one(&objects, &version(&*objects, 0, 0, 21).await).await;
    assert!(!late.events.committed);
    let next = version(&*objects, 0, 0, 23).await;
    assert_eq!(publish_one(&objects, &next).await.events.version, 23);
    assert_holds(&objects, [&next]).await;
}

#[tokio::test]
async fn a_log_that_others_have_written_to_is_left_alone() {
    let objects = Arc::new(MemoryObjects::default());
    publish_one(&objects, &version(&*objects, 0, 0, 0).await).await;
    let foreign = r#"{"add":{"path":"part-00000.parquet","partitionValues":{"year":null,"month":null,"day":null},"size":1,"modificationTime":0,"dataChange":true}}"#;
    objects.put_if_absent(&events_root().delta_commit(1), foreign.into()).await.unwrap();
    let error = publish_all(&objects, &[version(&*objects, 0, 0, 1).await], &[]).await.unwrap_err();
    assert!(matches!(&error, DeltaError::Foreign { path, .. } if path == "part-00000.parquet"), "{error}");
}

#[tokio::test]
async fn files_of_a_roll_up_that_the_contract_does_not_have_are_not_passed_over() {
    let objects = Arc::new(MemoryObjects::default());
    let (without, _) = CONTRACT.split_once("[[rollup]]").unwrap();
    let without = Contract::parse("orders.toml", without).unwrap();
    let wanted = Publication { views: &[version(&*objects, 0, 0, 0).await], replaces: &[] };
    let error = publish(&objects, &Still::default(), NEVER, &without, wanted).await.unwrap_err();
    assert!(matches!(error, DeltaError::UnknownRollup { .. }), "{error}");
    assert!(objects.list(&events_root().delta_log(), None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_reads_like_this() {
    let objects = Arc::new(MemoryObjects::default());
    for n in [2, 3] {
        let mut view = version(&*objects, 0, 0, n).await;
        // How long a file is depends on who wrote it.
        for file in view.partitions.values_mut().flat_map(|(_, files)| files) {
            file.bytes = 1_000 + file.rows;
            file.rollups.iter_mut().for_each(|daily| daily.bytes = 100);
        }
        publish_one(&objects, &view).await;
    }
    let mut found = String::new();
    for (root, commit) in [(events_root(), 0), (events_root(), 1), (daily_root(), 0), (daily_root(), 1)] {
        let key = root.delta_commit(commit);
        let object = objects.get(&key).await.unwrap().unwrap();
        found += &format!("{key}\n{}\n", std::str::from_utf8(&object.bytes).unwrap());
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/commits.txt");
    let expected = std::fs::read_to_string(golden).unwrap_or_default();
    if found != expected {
        let new = concat!(env!("CARGO_TARGET_TMPDIR"), "/commits.txt");
        std::fs::write(new, &found).unwrap();
        panic!("commits differ from {golden}; what is written now is in {new}");
    }
}
