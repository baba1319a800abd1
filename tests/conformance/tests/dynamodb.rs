//! The DynamoDB ledger passes the suite against a stand-in, and tells the truth about replies that are lost.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "these are tests: a panic is a finding, and silence is told by a time-out"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use iguazu_conformance::ledger_suite;
use iguazu_conformance::race::{RACERS, ROUNDS, at_once};
use iguazu_conformance::samples::{row, shard};
use iguazu_conformance::stand_ins::{dynamodb, dynamodb_client, make_table};
use iguazu_conformance::wire::{Loss, Wire};
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger};
use iguazu_lake::chain::{Appended, verdict};
use iguazu_lake::ids::RowNumber;
use iguazu_lake::ports::{Ledger, PortError, PutRow, Shrunk, StoredRow};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stand_in_is_atomic() {
    let client = dynamodb_client(dynamodb().await, CallLimits::default());
    make_table(&client, "ledger").await;
    for round in 0..ROUNDS {
        let answers = at_once(RACERS, |_| {
            let put = client
                .put_item()
                .table_name("ledger")
                .item("chain", AttributeValue::S("race".into()))
                .item("n", AttributeValue::S(round.to_string()))
                .condition_expression("attribute_not_exists(chain)");
            async move { put.send().await.is_ok() }
        })
        .await;
        assert_eq!(answers.iter().filter(|&&put| put).count(), 1, "the stand-in is not atomic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_dynamodb_ledger_passes_the_suite() {
    let client = dynamodb_client(dynamodb().await, CallLimits::default());
    let tables = AtomicUsize::new(0);
    ledger_suite(|| async {
        let table = format!("ledger-{}", tables.fetch_add(1, Ordering::Relaxed));
        make_table(&client, &table).await;
        DynamoLedger::new(client.clone(), table)
    })
    .await;
}

/// A ledger behind a wire that can be cut.
async fn wired() -> (DynamoLedger, Wire) {
    let store = dynamodb().await;
    make_table(&dynamodb_client(store, CallLimits::default()), "ledger").await;
    let wire = Wire::to(store).await;
    (DynamoLedger::new(dynamodb_client(wire.address, CallLimits::default()), "ledger"), wire)
}

fn assert_maybe_applied<T: std::fmt::Debug>(answer: Result<T, PortError>) {
    let error = answer.unwrap_err();
    assert!(matches!(&error, PortError::MaybeApplied(fault) if fault.retryable), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_maybe_applied_and_the_next_call_meets_its_own_row() {
    let (ledger, wire) = wired().await;
    assert_eq!(ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap(), PutRow::Applied);
    for (n, mine) in (1..).zip([row(1, 7), row(2, 8)]) {
        wire.lose(Loss::Reply);
        assert_maybe_applied(ledger.put_if_absent(&shard(), &mine).await);
        wire.lose(Loss::Nothing);
        let answer = ledger.put_if_absent(&shard(), &mine).await.unwrap();
        assert_eq!(answer, PutRow::Occupied(mine.clone()), "row {n} had been written");
        assert_eq!(verdict(mine.attempt, answer), Appended::Won { read_back: true });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_request_is_maybe_applied_too_and_the_next_call_writes_the_row() {
    let (ledger, wire) = wired().await;
    wire.lose(Loss::Request);
    assert_maybe_applied(ledger.put_if_absent(&shard(), &row(0, 1)).await);
    wire.lose(Loss::Nothing);
    assert_eq!(ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap(), PutRow::Applied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_whose_reply_is_lost_is_maybe_applied_and_no_read_is() {
    let (ledger, wire) = wired().await;
    assert_eq!(ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap(), PutRow::Applied);
    let stub = StoredRow { body: "stub".into(), ..row(0, 1) };
    wire.lose(Loss::Reply);
    assert_maybe_applied(ledger.shrink(&shard(), &stub).await);
    assert_maybe_applied(ledger.register(&shard()).await);
    let reads = [
        ledger.get(&shard(), RowNumber::FIRST).await.map(drop),
        ledger.newest(&shard()).await.map(drop),
        ledger.scan_after(&shard(), None, 1).await.map(drop),
        ledger.registry(None, 1).await.map(drop),
    ];
    for read in reads {
        let error = read.unwrap_err();
        assert!(matches!(&error, PortError::NotApplied(fault) if fault.retryable), "{error}");
    }
    wire.lose(Loss::Nothing);
    assert_eq!(ledger.newest(&shard()).await.unwrap(), Some(stub.clone()));
    assert_eq!(ledger.registry(None, 10).await.unwrap(), [shard()]);
    assert_eq!(ledger.shrink(&shard(), &stub).await.unwrap(), Shrunk::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_never_made_has_applied_nothing() {
    // A port that was free a moment ago, so nobody listens there.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ledger = DynamoLedger::new(dynamodb_client(nobody, CallLimits::default()), "ledger");
    let error = ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap_err();
    assert!(matches!(&error, PortError::NotApplied(fault) if fault.retryable), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_is_given_up_after_one_try() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let short = Duration::from_millis(200);
    let limits = CallLimits { connect: short, read: short, attempt: short };
    let ledger = DynamoLedger::new(dynamodb_client(silent.local_addr().unwrap(), limits), "ledger");
    assert_maybe_applied(ledger.put_if_absent(&shard(), &row(0, 1)).await);
    drop(silent.accept().await.unwrap());
    let again = tokio::time::timeout(short, silent.accept()).await;
    assert!(again.is_err(), "the SDK tried again by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_service_refuses_has_applied_nothing_and_is_lasting() {
    let store = dynamodb().await;
    let client = dynamodb_client(store, CallLimits::default());
    make_table(&client, "ledger").await;
    let too_large = StoredRow { body: "x".repeat(410_000), ..row(0, 1) };
    let refused = [
        (
            DynamoLedger::new(client.clone(), "missing").put_if_absent(&shard(), &row(0, 1)).await,
            "ResourceNotFoundException",
        ),
        (DynamoLedger::new(client, "ledger").put_if_absent(&shard(), &too_large).await, "ValidationException"),
    ];
    for (answer, code) in refused {
        let error = answer.unwrap_err();
        let PortError::NotApplied(fault) = &error else { panic!("{error}") };
        assert!(!fault.retryable && fault.detail.contains(code), "{error}");
    }
}
