//! The memory adapters pass the suites, and adapters with a fault do not.

#![expect(clippy::disallowed_methods, reason = "a suite that is to fail runs in a task, which holds its panic")]

use iguazu_conformance::broken::{BrokenLedger, BrokenObjects, LedgerFault, ObjectsFault};
use iguazu_conformance::{ledger_suite, objects_suite};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_ledger_passes_the_suite() {
    ledger_suite(|| async { MemoryLedger::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_objects_pass_the_suite() {
    objects_suite(|| async { MemoryObjects::default() }).await;
}

/// Why the suite stopped; nothing if it did not.
async fn finding(suite: impl Future<Output = ()> + Send + 'static) -> Option<String> {
    let panic = tokio::spawn(suite).await.err()?.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_with_a_fault_does_not_pass() {
    // The fault, and what the suite says of it.
    let expected = [
        (LedgerFault::CheckThenPut, "is told that it wrote it"),
        (LedgerFault::AnswersTheCallersRow, "left == right"),
        (LedgerFault::ShrinksForAnyone, "left == right"),
        (LedgerFault::SortsNumbersAsTexts, "left == right"),
        (LedgerFault::ScansFromTheMark, "left == right"),
        (LedgerFault::ReadsTheDayBefore, "left == right"),
    ];
    for (fault, words) in expected {
        let found = finding(ledger_suite(move || async move { BrokenLedger::new(fault) })).await;
        let found = found.unwrap_or_else(|| panic!("{fault:?} passed the suite"));
        assert!(found.contains(words), "{fault:?} was found for another reason: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_object_store_with_a_fault_does_not_pass() {
    // The fault, and what the suite says of it.
    let expected = [
        (ObjectsFault::CheckThenPut, "is told that it did"),
        (ObjectsFault::CompareThenPut, "is told that it did"),
        (ObjectsFault::ListsInReverse, "left == right"),
        (ObjectsFault::ListsFolderByFolder, "left == right"),
        (ObjectsFault::ListsOnePage, "left == right"),
        (ObjectsFault::HasNoRangeBeyondTheEnd, "left == right"),
        (ObjectsFault::ReplacesWhatIsGone, "what is gone has changed"),
        (ObjectsFault::WritesInPlace, "a caller does not panic"),
    ];
    for (fault, words) in expected {
        let found = finding(objects_suite(move || async move { BrokenObjects::new(fault) })).await;
        let found = found.unwrap_or_else(|| panic!("{fault:?} passed the suite"));
        assert!(found.contains(words), "{fault:?} was found for another reason: {found}");
    }
}
