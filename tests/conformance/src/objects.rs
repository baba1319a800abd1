//! What every object store does.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{ETag, Objects, PutIfAbsent, PutIfMatch};

use crate::race::{RACERS, ROUNDS, at_once, until_answered};
use crate::samples::{key, prefix};
use crate::sentences;

/// Runs every sentence on a fresh object store.
pub async fn objects_suite<O, F, Fut>(fresh: F)
where
    O: Objects + 'static,
    F: Fn() -> Fut,
    Fut: Future<Output = O>,
{
    use crate::objects;
    sentences! { fresh;
        objects::an_empty_store_holds_nothing,
        objects::an_object_reads_back_as_it_was_put,
        objects::a_range_is_cut_at_the_end_of_the_object,
        objects::a_put_replaces_what_is_there,
        objects::a_key_is_created_once,
        objects::a_key_is_free_again_after_a_deletion,
        objects::an_object_is_replaced_only_from_the_content_that_is_there,
        objects::deleting_what_is_not_there_succeeds,
        objects::a_list_is_sorted_by_the_bytes_of_whole_keys,
        objects::a_list_can_be_read_in_pages,
        objects::a_list_of_more_than_a_page_of_the_store_is_whole,
        objects::a_list_sees_every_change_that_was_answered,
        objects::of_many_creators_of_a_key_one_succeeds,
        objects::of_many_replacers_of_a_content_one_succeeds,
        objects::a_counter_of_racing_replacers_loses_no_step,
        objects::a_reader_sees_an_object_whole,
    }
}

async fn put<O: Objects>(objects: &O, key: &ObjectKey, bytes: &Bytes) -> ETag {
    until_answered(|| objects.put(key, bytes.clone())).await
}

async fn content<O: Objects>(objects: &O, key: &ObjectKey) -> Option<Bytes> {
    objects.get(key).await.unwrap().map(|object| object.bytes)
}

async fn listed<O: Objects>(objects: &O, prefix: &KeyPrefix) -> Vec<String> {
    let keys = objects.list(prefix, None, usize::MAX).await.unwrap();
    keys.iter().map(ToString::to_string).collect()
}

/// Whatever is asked.
pub async fn an_empty_store_holds_nothing<O: Objects>(objects: O) {
    assert_eq!(objects.get(&key("a/b")).await.unwrap(), None);
    assert_eq!(objects.get_range(&key("a/b"), 0..1).await.unwrap(), None);
    assert_eq!(objects.get_range(&key("a/b"), 0..0).await.unwrap(), None);
    assert_eq!(listed(&objects, &KeyPrefix::everything()).await, Vec::<String>::new());
    assert_eq!(listed(&objects, &prefix("a/")).await, Vec::<String>::new());
    let etag = ETag("\"d41d8cd98f00b204e9800998ecf8427e\"".into());
    let answer = objects.put_if_match(&key("a/b"), Bytes::from_static(b"x"), &etag).await.unwrap();
    assert_eq!(answer, PutIfMatch::Changed, "what is gone has changed");
    assert_eq!(objects.get(&key("a/b")).await.unwrap(), None);
}

/// Its ETag too, however it was put.
pub async fn an_object_reads_back_as_it_was_put<O: Objects>(objects: O) {
    let longest = format!("raw/t/{}/{}", "d".repeat(200), "f".repeat(250));
    let every_character = "AZaz09_.=-/year=2026/month=11/shard.a-b_c.1.x.000000000000.0.parquet";
    for name in ["plain", "raw/t/year=2026/x.parquet", longest.as_str(), every_character] {
        for bytes in [Bytes::new(), Bytes::from_static(b"\0\r\n\xff"), vec![7; 3_000_000].into()] {
            let etag = put(&objects, &key(name), &bytes).await;
            let object = objects.get(&key(name)).await.unwrap().unwrap();
            assert!(object.bytes == bytes, "{name}: other content came back");
            assert_eq!(object.etag, etag, "{name}");
        }
    }
    let PutIfAbsent::Created(etag) = objects.put_if_absent(&key("created"), Bytes::from_static(b"c")).await.unwrap()
    else {
        panic!("the key was free")
    };
    assert_eq!(objects.get(&key("created")).await.unwrap().unwrap().etag, etag);
}

/// And holds nothing beyond it.
pub async fn a_range_is_cut_at_the_end_of_the_object<O: Objects>(objects: O) {
    put(&objects, &key("digits"), &Bytes::from_static(b"0123456789")).await;
    put(&objects, &key("empty"), &Bytes::new()).await;
    let expected: [(Range<u64>, &[u8]); 13] = [
        (0..10, b"0123456789"),
        (0..1, b"0"),
        (9..10, b"9"),
        (3..7, b"3456"),
        (8..100, b"89"),
        (0..u64::MAX, b"0123456789"),
        (0..0, b""),
        (5..5, b""),
        (10..10, b""),
        (10..11, b""),
        (11..20, b""),
        (1 << 40..1 << 41, b""),
        (u64::MAX - 1..u64::MAX, b""),
    ];
    for (range, bytes) in expected {
        let found = objects.get_range(&key("digits"), range.clone()).await.unwrap();
        assert_eq!(found.as_deref(), Some(bytes), "{range:?}");
    }
    for range in [0..0, 0..1, 5..6] {
        let found = objects.get_range(&key("empty"), range.clone()).await.unwrap();
        assert_eq!(found.as_deref(), Some(b"".as_slice()), "{range:?} of an empty object");
    }
}

/// By another content, or by the same.
pub async fn a_put_replaces_what_is_there<O: Objects>(objects: O) {
    let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two, which is longer"));
    let first = put(&objects, &key("k"), &one).await;
    let second = put(&objects, &key("k"), &two).await;
    assert_ne!(first, second, "other contents have other ETags");
    assert_eq!(content(&objects, &key("k")).await, Some(two.clone()));
    put(&objects, &key("k"), &two).await;
    put(&objects, &key("k"), &one).await;
    assert_eq!(content(&objects, &key("k")).await, Some(one));
}

/// The first content stays.
pub async fn a_key_is_created_once<O: Objects>(objects: O) {
    let name = key("commits/one");
    let answer = objects.put_if_absent(&name, Bytes::from_static(b"first")).await.unwrap();
    assert!(matches!(answer, PutIfAbsent::Created(_)), "{answer:?}");
    for again in ["second", "first"] {
        let answer = objects.put_if_absent(&name, Bytes::from_static(again.as_bytes())).await.unwrap();
        assert_eq!(answer, PutIfAbsent::Exists);
    }
    assert_eq!(content(&objects, &name).await, Some(Bytes::from_static(b"first")));
    put(&objects, &key("commits/two"), &Bytes::new()).await;
    let answer = objects.put_if_absent(&key("commits/two"), Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(answer, PutIfAbsent::Exists, "an empty object is one");
}

/// In the listing too.
pub async fn a_key_is_free_again_after_a_deletion<O: Objects>(objects: O) {
    let name = key("a/b");
    put(&objects, &name, &Bytes::from_static(b"old")).await;
    objects.delete(&name).await.unwrap();
    assert_eq!(objects.get(&name).await.unwrap(), None);
    assert_eq!(objects.get_range(&name, 0..1).await.unwrap(), None);
    assert_eq!(listed(&objects, &KeyPrefix::everything()).await, Vec::<String>::new());
    let answer = objects.put_if_absent(&name, Bytes::from_static(b"new")).await.unwrap();
    assert!(matches!(answer, PutIfAbsent::Created(_)), "{answer:?}");
    assert_eq!(content(&objects, &name).await, Some(Bytes::from_static(b"new")));
}

/// An ETag that was true once is not enough.
pub async fn an_object_is_replaced_only_from_the_content_that_is_there<O: Objects>(objects: O) {
    let name = key("manifest");
    let first = put(&objects, &name, &Bytes::from_static(b"1")).await;
    let answer = objects.put_if_match(&name, Bytes::from_static(b"2"), &first).await.unwrap();
    let PutIfMatch::Replaced(second) = answer else { panic!("the content had not changed: {answer:?}") };
    assert_eq!(objects.get(&name).await.unwrap().unwrap().etag, second);
    let answer = objects.put_if_match(&name, Bytes::from_static(b"3"), &first).await.unwrap();
    assert_eq!(answer, PutIfMatch::Changed);
    assert_eq!(content(&objects, &name).await, Some(Bytes::from_static(b"2")));
    objects.delete(&name).await.unwrap();
    let answer = objects.put_if_match(&name, Bytes::from_static(b"4"), &second).await.unwrap();
    assert_eq!(answer, PutIfMatch::Changed, "what is gone has changed");
    assert_eq!(objects.get(&name).await.unwrap(), None);
}

/// As often as one likes.
pub async fn deleting_what_is_not_there_succeeds<O: Objects>(objects: O) {
    objects.delete(&key("never/was")).await.unwrap();
    put(&objects, &key("a"), &Bytes::from_static(b"a")).await;
    objects.delete(&key("a")).await.unwrap();
    objects.delete(&key("a")).await.unwrap();
    put(&objects, &key("b/c"), &Bytes::from_static(b"c")).await;
    objects.delete(&key("b/d")).await.unwrap();
    assert_eq!(listed(&objects, &KeyPrefix::everything()).await, ["b/c"]);
}

/// In byte order. Names that begin alike, and every character that sorts before the slash or after it.
const SORTED: [&str; 14] = [
    "A", "a-b/x", "a-b/y/z", "a.b/x", "a/B", "a/b-c", "a/b.c/d", "a/b/c", "a/b/c-", "a/b0", "a/b=1/c", "a0/x", "a_b",
    "b",
];

async fn with_sorted<O: Objects>(objects: &O) {
    assert!(SORTED.is_sorted());
    for at in [9, 3, 0, 7, 13, 5, 1, 11, 4, 10, 2, 8, 12, 6] {
        put(objects, &key(SORTED[at]), &Bytes::from_static(b"x")).await;
    }
}

/// Where a walk through folders would be in another order.
pub async fn a_list_is_sorted_by_the_bytes_of_whole_keys<O: Objects>(objects: O) {
    with_sorted(&objects).await;
    assert_eq!(listed(&objects, &KeyPrefix::everything()).await, SORTED);
    assert_eq!(listed(&objects, &prefix("a/")).await, SORTED[4..11]);
    assert_eq!(listed(&objects, &prefix("a-b/")).await, SORTED[1..3]);
    assert_eq!(listed(&objects, &prefix("a/b/")).await, SORTED[7..9]);
    for empty in ["b/", "c/", "a/b-c/", "a/b/c/"] {
        assert_eq!(listed(&objects, &prefix(empty)).await, Vec::<String>::new(), "{empty}");
    }
}

/// Of any size, from any mark.
pub async fn a_list_can_be_read_in_pages<O: Objects>(objects: O) {
    with_sorted(&objects).await;
    for within in ["", "a/"] {
        let all: Vec<_> = SORTED.into_iter().filter(|key| key.starts_with(within)).map(key).collect();
        for limit in [0, 1, 2, 5, 100, usize::MAX] {
            for mark in ["0", "a", "a-b/x", "a-b/zz", "a/", "a/b", "a/b/c", "a/zz", "a0/x", "b", "z"] {
                let mark = mark.trim_end_matches('/');
                let after = all.iter().filter(|key| key.as_str() > mark).take(limit);
                let found = objects.list(&prefix(within), Some(&key(mark)), limit).await.unwrap();
                assert_eq!(found, after.cloned().collect::<Vec<_>>(), "{limit} of {within:?} after {mark}");
            }
            let found = objects.list(&prefix(within), None, limit).await.unwrap();
            assert_eq!(found, all[..limit.min(all.len())], "{limit} of {within:?}");
        }
    }
}

/// A page of S3 is 1,000 keys.
pub async fn a_list_of_more_than_a_page_of_the_store_is_whole<O: Objects + 'static>(objects: O) {
    let objects = Arc::new(objects);
    let name = |n: usize| key(&format!("raw/t/{n:04}"));
    at_once(RACERS, |caller| {
        let objects = Arc::clone(&objects);
        async move {
            for n in (caller..1_040).step_by(RACERS) {
                put(&*objects, &name(n), &Bytes::from_static(b"x")).await;
            }
        }
    })
    .await;
    let all: Vec<_> = (0..1_040).map(name).collect();
    assert_eq!(objects.list(&KeyPrefix::raw(), None, usize::MAX).await.unwrap(), all);
    assert_eq!(objects.list(&KeyPrefix::raw(), None, 1_020).await.unwrap(), all[..1_020]);
    assert_eq!(objects.list(&KeyPrefix::raw(), Some(&name(9)), 1_020).await.unwrap(), all[10..1_030]);
}

/// At once, not some time later.
pub async fn a_list_sees_every_change_that_was_answered<O: Objects>(objects: O) {
    let mut expected = Vec::new();
    for n in 0..20 {
        let name = key(&format!("d{}/{n:02}", n % 3));
        put(&objects, &name, &Bytes::from_static(b"x")).await;
        expected.push(name);
        if n % 4 == 3 {
            objects.delete(&expected.remove(n / 4)).await.unwrap();
        }
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(objects.list(&KeyPrefix::everything(), None, usize::MAX).await.unwrap(), sorted);
    }
}

/// In every round, and it is the one whose content is there.
pub async fn of_many_creators_of_a_key_one_succeeds<O: Objects + 'static>(objects: O) {
    let objects = Arc::new(objects);
    for round in 0..ROUNDS {
        let name = key(&format!("race/{}/{round}", round % 4));
        let answers = at_once(RACERS, |caller| {
            let (objects, name) = (Arc::clone(&objects), name.clone());
            let bytes = Bytes::from(format!("by {caller}"));
            async move { until_answered(|| objects.put_if_absent(&name, bytes.clone())).await }
        })
        .await;
        let created = |caller: &usize| matches!(answers[*caller], PutIfAbsent::Created(_));
        let winners: Vec<_> = (0..RACERS).filter(created).collect();
        assert_eq!(winners.len(), 1, "one of {RACERS} creators of {name} is told that it did: {winners:?}");
        let object = objects.get(&name).await.unwrap().unwrap();
        assert_eq!(object.bytes, format!("by {}", winners[0]), "{name} has the content of its creator");
        assert_eq!(answers[winners[0]], PutIfAbsent::Created(object.etag));
    }
}

/// In every round, and it is the one whose content is there.
pub async fn of_many_replacers_of_a_content_one_succeeds<O: Objects + 'static>(objects: O) {
    let objects = Arc::new(objects);
    let name = key("race/manifest");
    let mut etag = put(&*objects, &name, &Bytes::from_static(b"start")).await;
    for round in 0..ROUNDS {
        let answers = at_once(RACERS, |caller| {
            let (objects, name, etag) = (Arc::clone(&objects), name.clone(), etag.clone());
            let bytes = Bytes::from(format!("{round} by {caller}"));
            async move { until_answered(|| objects.put_if_match(&name, bytes.clone(), &etag)).await }
        })
        .await;
        let replaced = |caller: &usize| matches!(answers[*caller], PutIfMatch::Replaced(_));
        let winners: Vec<_> = (0..RACERS).filter(replaced).collect();
        assert_eq!(winners.len(), 1, "one of {RACERS} replacers is told that it did: {winners:?}");
        let object = objects.get(&name).await.unwrap().unwrap();
        assert_eq!(object.bytes, format!("{round} by {}", winners[0]));
        assert_eq!(answers[winners[0]], PutIfMatch::Replaced(object.etag.clone()));
        etag = object.etag;
    }
}

/// How many steps each of the racing counters makes.
pub const STEPS_EACH: usize = 8;

/// Reads a number, adds one, replaces what it has read, and begins again, until it has made its steps.
pub async fn count_steps<O: Objects>(objects: &O, name: &ObjectKey) {
    let mut steps = 0;
    while steps < STEPS_EACH {
        let seen = objects.get(name).await.unwrap().unwrap();
        let count: usize = String::from_utf8(seen.bytes.to_vec()).unwrap().parse().unwrap();
        let next = Bytes::from((count + 1).to_string());
        let answer = until_answered(|| objects.put_if_match(name, next.clone(), &seen.etag)).await;
        steps += usize::from(matches!(answer, PutIfMatch::Replaced(_)));
    }
}

/// Whoever was too late has read again.
pub async fn a_counter_of_racing_replacers_loses_no_step<O: Objects + 'static>(objects: O) {
    let objects = Arc::new(objects);
    let name = key("race/counter");
    put(&*objects, &name, &Bytes::from_static(b"0")).await;
    at_once(8, |_| {
        let (objects, name) = (Arc::clone(&objects), name.clone());
        async move { count_steps(&*objects, &name).await }
    })
    .await;
    assert_eq!(content(&*objects, &name).await, Some((8 * STEPS_EACH).to_string().into()));
}

/// Or not at all, while it is being replaced by contents of other sizes.
pub async fn a_reader_sees_an_object_whole<O: Objects + 'static>(objects: O) {
    let objects = Arc::new(objects);
    let name = key("whole");
    let contents = [Bytes::from(vec![b'a'; 400_000]), Bytes::from(vec![b'b'; 900_000])];
    let etags = [put(&*objects, &name, &contents[0]).await, put(&*objects, &name, &contents[1]).await];
    at_once(4, |task| {
        let (objects, name, contents, etags) = (Arc::clone(&objects), name.clone(), contents.clone(), etags.clone());
        async move {
            for round in 0..ROUNDS {
                if task < 2 {
                    put(&*objects, &name, &contents[(round + task) % 2]).await;
                } else {
                    let seen = objects.get(&name).await.unwrap().expect("it is never gone");
                    let which = contents.iter().position(|content| *content == seen.bytes).expect("it is whole");
                    assert_eq!(seen.etag, etags[which], "the ETag is that of the content");
                }
            }
        }
    })
    .await;
}
