//! The S3 objects pass the suite against a stand-in, and tell the truth about replies that are lost.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is a finding")]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::Client;
use bytes::Bytes;
use iguazu_conformance::objects_suite;
use iguazu_conformance::race::{RACERS, ROUNDS, at_once};
use iguazu_conformance::samples::{key, prefix};
use iguazu_conformance::stand_ins::{S3StandIn, s3_client};
use iguazu_conformance::wire::{Loss, Wire};
use iguazu_lake::adapters::aws::S3Objects;
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::{Objects, PortError, PutIfAbsent, PutIfMatch};

/// One for all tests, each of which has a bucket of its own. A static is never dropped: its input ends with us.
static STAND_IN: LazyLock<S3StandIn> = LazyLock::new(S3StandIn::start);

/// A client of the stand-in and a bucket that is there.
async fn with_bucket(bucket: &str) -> Client {
    let client = s3_client(STAND_IN.address);
    client.create_bucket().bucket(bucket).send().await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stand_in_is_atomic() {
    let client = with_bucket("atomic").await;
    for round in 0..ROUNDS {
        let answers = at_once(RACERS, |caller| {
            let put = client.put_object().bucket("atomic").key(format!("race/{round}")).if_none_match("*");
            let put = put.body(caller.to_string().into_bytes().into());
            async move { put.send().await.is_ok() }
        })
        .await;
        assert_eq!(answers.iter().filter(|&&put| put).count(), 1, "the stand-in is not atomic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_s3_objects_pass_the_suite() {
    let client = with_bucket("suite").await;
    let prefixes = AtomicUsize::new(0);
    objects_suite(|| async {
        // Prefixes one of which is the beginning of another's first segment: 1 and 10.
        let below = prefix(&format!("{}/", prefixes.fetch_add(1, Ordering::Relaxed)));
        S3Objects::new(client.clone(), "suite", below)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_of_ours_is_left_out_of_lists() {
    let client = with_bucket("marks").await;
    for foreign in ["raw/", "raw/a b", "raw/.hidden", "raw/t/x", "raw//y", "other"] {
        client.put_object().bucket("marks").key(foreign).send().await.unwrap();
    }
    let objects = S3Objects::new(client, "marks", KeyPrefix::everything());
    assert_eq!(objects.list(&KeyPrefix::raw(), None, 10).await.unwrap(), [key("raw/t/x")]);
    assert_eq!(objects.list(&KeyPrefix::everything(), None, 1).await.unwrap(), [key("other")]);
    assert_eq!(objects.list(&KeyPrefix::everything(), None, 2).await.unwrap(), [key("other"), key("raw/t/x")]);
}

/// Objects behind a wire that can be cut.
async fn wired(bucket: &str) -> (S3Objects, Wire) {
    with_bucket(bucket).await;
    let wire = Wire::to(STAND_IN.address).await;
    (S3Objects::new(s3_client(wire.address), bucket, KeyPrefix::everything()), wire)
}

fn assert_maybe_applied<T: std::fmt::Debug>(answer: Result<T, PortError>) {
    let error = answer.unwrap_err();
    assert!(matches!(&error, PortError::MaybeApplied(fault) if fault.retryable), "{error}");
}

const CONTENT: Bytes = Bytes::from_static(b"content");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_maybe_applied_and_the_next_call_meets_what_was_done() {
    let (objects, wire) = wired("replies").await;
    let etag = objects.put(&key("replaced"), Bytes::from_static(b"before")).await.unwrap();
    wire.lose(Loss::Reply);
    assert_maybe_applied(objects.put_if_absent(&key("created"), CONTENT).await);
    assert_maybe_applied(objects.put_if_match(&key("replaced"), CONTENT, &etag).await);
    assert_maybe_applied(objects.put(&key("put"), CONTENT).await);
    assert_maybe_applied(objects.delete(&key("never")).await);
    let error = objects.get(&key("created")).await.unwrap_err();
    assert!(matches!(&error, PortError::NotApplied(fault) if fault.retryable), "{error}");
    wire.lose(Loss::Nothing);
    assert_eq!(objects.put_if_absent(&key("created"), CONTENT).await.unwrap(), PutIfAbsent::Exists);
    assert_eq!(objects.put_if_match(&key("replaced"), CONTENT, &etag).await.unwrap(), PutIfMatch::Changed);
    for name in ["created", "replaced", "put"] {
        assert_eq!(objects.get(&key(name)).await.unwrap().unwrap().bytes, CONTENT, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_request_is_maybe_applied_too_and_the_next_call_does_it() {
    let (objects, wire) = wired("requests").await;
    wire.lose(Loss::Request);
    assert_maybe_applied(objects.put_if_absent(&key("k"), CONTENT).await);
    wire.lose(Loss::Nothing);
    assert!(matches!(objects.put_if_absent(&key("k"), CONTENT).await.unwrap(), PutIfAbsent::Created(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_never_made_has_applied_nothing() {
    // A port that was free a moment ago, so nobody listens there.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let objects = S3Objects::new(s3_client(nobody), "bucket", KeyPrefix::everything());
    let error = objects.put(&key("k"), CONTENT).await.unwrap_err();
    assert!(matches!(&error, PortError::NotApplied(fault) if fault.retryable), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_missing_is_an_error_and_not_an_absent_object() {
    let objects = S3Objects::new(s3_client(STAND_IN.address), "missing", KeyPrefix::everything());
    let etag = iguazu_lake::ports::ETag("\"0\"".into());
    let answers = [
        objects.get(&key("k")).await.map(drop),
        objects.get_range(&key("k"), 0..1).await.map(drop),
        objects.put_if_absent(&key("k"), CONTENT).await.map(drop),
        objects.put_if_match(&key("k"), CONTENT, &etag).await.map(drop),
        objects.list(&KeyPrefix::everything(), None, 1).await.map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        let PortError::NotApplied(fault) = &error else { panic!("{error}") };
        assert!(!fault.retryable && fault.detail.contains("NoSuchBucket"), "{error}");
    }
}
