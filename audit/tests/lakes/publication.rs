//! Snapshots that are gone, old or not whole, and tables that nobody looks at: whatever is read of them is right, and yet
//! something is missing. And the moments at which a right lake looks much the same.

use std::sync::Arc;

use iguazu_audit::{Finding, Options, Problem, status, verify};
use iguazu_compact::Settings;
use iguazu_compact::publish::Snapshot;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::Published;
use iguazu_transform::Contract;

use crate::world::{Lake, block, contract, order};

/// A lake of so many buckets whose versions are `versions` in each.
fn compacted(buckets: u32, versions: u32) -> (Lake, Arc<Contract>) {
    let (lake, contract) = (Lake::new(), contract(&[]));
    (0..versions).for_each(|version| more(&lake, &contract, buckets, version));
    assert_eq!(lake.verified(&contract).findings, []);
    (lake, contract)
}

/// One version more in each bucket.
fn more(lake: &Lake, contract: &Arc<Contract>, buckets: u32, round: u32) {
    let events: Vec<_> = (0..40).map(|event| order(round * 100 + event, event * 700, event)).collect();
    lake.ingest(contract, 0, &events);
    lake.compact(contract, buckets);
}

fn snapshot_of(contract: &Contract) -> ObjectKey {
    Published::Snapshot.key(&contract.table)
}

/// The lake with another snapshot.
fn change(lake: &Lake, contract: &Contract, change: impl FnOnce(&mut Snapshot)) {
    let key = snapshot_of(contract);
    let mut snapshot = Snapshot::read("snapshot", &lake.read(&key)).unwrap();
    change(&mut snapshot);
    lake.restore(&[(key, snapshot.text().into())]);
}

/// What is wrong with the lake, which verification and the status must agree on.
fn findings(lake: &Lake, contract: &Arc<Contract>) -> Vec<Finding> {
    let found = lake.verified(contract).findings;
    assert_eq!(block(status(&lake.objects, &lake.ledger, std::slice::from_ref(contract))).unwrap().findings, found);
    found
}

#[test]
fn a_snapshot_that_is_gone_is_missing_however_many_versions_there_are() {
    for (buckets, versions) in [(1, 1), (1, 3), (2, 2)] {
        let (lake, contract) = compacted(buckets, versions);
        lake.delete(&snapshot_of(&contract));
        let found = findings(&lake, &contract);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].problem, found[0].place.as_str()),
            (Problem::SnapshotMissing, "tables/orders/snapshot.json")
        );
        let last = format!("version {} of bucket.orders.0.{} or a later one", versions - 1, buckets - 1);
        assert!(found[0].expected.ends_with(&last), "{}", found[0].expected);
    }
}

#[test]
fn a_snapshot_that_is_older_than_what_was_published_is_stale() {
    let (lake, contract) = compacted(1, 1);
    let old = lake.published(&contract, 0, 1);
    more(&lake, &contract, 1, 1);
    // Only the snapshot is put back, and it is noted that the version after it was published.
    lake.restore(&old[..1]);
    let found = findings(&lake, &contract);
    let expected = Finding::new(
        Problem::SnapshotStale,
        "tables/orders/snapshot.json, bucket.orders.0.0",
        "version 1 or a later one",
        "version 0",
    );
    assert_eq!(found, [expected]);
}

#[test]
fn a_snapshot_that_is_two_versions_behind_the_ledger_is_stale_whatever_is_noted() {
    let (lake, contract) = compacted(1, 1);
    let old = lake.published(&contract, 0, 1);
    more(&lake, &contract, 1, 1);
    more(&lake, &contract, 1, 2);
    lake.restore(&old);
    let found = findings(&lake, &contract);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].problem, found[0].found.as_str()), (Problem::SnapshotStale, "version 0"));
}

#[test]
fn a_bucket_that_the_snapshot_lacks_is_told() {
    let (lake, contract) = compacted(2, 2);
    change(&lake, &contract, |snapshot| {
        snapshot.epochs.get_mut(&0).unwrap().versions.remove(&1).unwrap();
    });
    let found = findings(&lake, &contract);
    let (place, expected) = ("tables/orders/snapshot.json, bucket.orders.0.1", "version 1 or a later one");
    assert_eq!(found, [Finding::new(Problem::SnapshotStale, place, expected, "no version of it")]);
}

#[test]
fn between_commit_and_publication_nothing_is_wrong() {
    // Of the first version there is no snapshot yet.
    let (lake, contract) = compacted(2, 1);
    lake.published(&contract, 0, 2).iter().for_each(|(key, _)| lake.delete(key));
    assert_eq!(findings(&lake, &contract), []);
    // Of a later one there is the snapshot before.
    let (lake, contract) = compacted(2, 2);
    let before = lake.published(&contract, 0, 2);
    more(&lake, &contract, 2, 2);
    lake.restore(&before);
    assert_eq!(findings(&lake, &contract), []);
}

#[test]
fn a_table_that_is_being_given_other_buckets_is_right_at_every_step() {
    for (from, to) in [(2, 8), (4, 1)] {
        let (lake, contract) = compacted(from, 2);
        // The last version of the old epoch is committed, and nobody ever publishes it.
        let before = lake.published(&contract, 0, from);
        more(&lake, &contract, from, 2);
        lake.restore(&before);
        block(lake.compactor(Settings::default()).rebucket(&contract, to, lake.deadline())).unwrap();
        assert_eq!(findings(&lake, &contract), []);
        lake.ingest(&contract, 1, &[order(900, 5, 5), order(901, 6, 6)]);
        for bucket in 0..to {
            assert_eq!(lake.view(&contract).epoch, 0);
            lake.compact_some(&contract, from, |other| other == bucket);
            assert_eq!(findings(&lake, &contract), [], "{from} to {to}, bucket {bucket}");
        }
        assert_eq!(lake.view(&contract).epoch, 1);
        more(&lake, &contract, to, 3);
        assert_eq!(findings(&lake, &contract), []);
    }
}

#[test]
fn a_snapshot_of_before_other_buckets_took_over_is_stale() {
    let (lake, contract) = compacted(2, 2);
    let old = lake.published(&contract, 0, 2);
    block(lake.compactor(Settings::default()).rebucket(&contract, 4, lake.deadline())).unwrap();
    lake.compact(&contract, 2);
    assert_eq!(findings(&lake, &contract), []);
    lake.restore(&old[..1]);
    let found = findings(&lake, &contract);
    let places: Vec<_> = found.iter().map(|finding| finding.place.as_str()).collect();
    let expected = [0, 1, 2, 3].map(|bucket| format!("tables/orders/snapshot.json, bucket.orders.1.{bucket}"));
    assert_eq!(places, expected);
    assert!(found.iter().all(|finding| finding.problem == Problem::SnapshotStale));
}

#[test]
fn a_snapshot_that_points_to_an_epoch_of_which_it_has_nothing_is_told() {
    let (lake, contract) = compacted(1, 2);
    change(&lake, &contract, |snapshot| snapshot.current = 3);
    let found = findings(&lake, &contract);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].problem, found[0].found.as_str()), (Problem::SnapshotStale, "versions of 0"));
}

#[test]
fn a_table_that_no_contract_is_of_is_told_unless_one_table_is_asked_for() {
    let (lake, orders) = compacted(2, 1);
    let payments = contract(&[("table = \"orders\"", "table = \"payments\"")]);
    let found = findings(&lake, &payments);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].problem, found[0].place.as_str()), (Problem::NoContract, "orders"));
    assert!(found[0].found.contains("40 accepted rows") && found[0].found.ends_with("are 2"), "{}", found[0].found);
    let only = Options { only: Some(payments.table.clone()), ..Options::default() };
    assert_eq!(lake.verified_by(&payments, &only).findings, []);
    let both = [orders, payments];
    let verified = block(verify(&lake.objects, &lake.ledger, &both, &Options::default(), &mut |_| ())).unwrap();
    assert_eq!(verified.findings, []);
}

#[test]
fn a_table_of_which_only_versions_are_left_is_told_if_no_contract_is_of_it() {
    let (lake, contract) = compacted(1, 1);
    lake.shrink(0, 0).iter().for_each(|key| lake.delete(key));
    let payments = crate::world::contract(&[("table = \"orders\"", "table = \"payments\"")]);
    let found = findings(&lake, &payments);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].found.contains(" 0 accepted rows") && found[0].found.ends_with("are 1"), "{}", found[0].found);
    assert_eq!(findings(&lake, &contract), []);
}
