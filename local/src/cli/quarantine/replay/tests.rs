//! What becomes of refused events under a mended contract.

use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::ids::Timestamp;

use super::*;
use crate::cli::world::{MENDED, World, broken, catalog, damaged, event, misplaced};

impl World {
    fn replaying(&self, catalog: &Arc<Catalog>) -> Replay<'_, DiskObjects, SqliteLedger, SystemHost> {
        Replay { objects: &self.objects, ledger: &self.ledger, host: SystemHost, catalog: catalog.clone() }
    }

    fn replay(&self, catalog: &Arc<Catalog>, conditions: &[&str], dry_run: bool) -> Replayed {
        self.run(self.replaying(catalog).run(&all_of(conditions), dry_run)).unwrap()
    }
}

fn all_of(conditions: &[&str]) -> Conditions {
    let texts: Vec<_> = conditions.iter().map(ToString::to_string).collect();
    Conditions::read(&texts, &FIELDS).unwrap()
}

fn id(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}

fn counts(replayed: &Replayed) -> (u64, u64, u64, u64) {
    (replayed.sent, replayed.already, replayed.accepted, replayed.refused)
}

#[test]
fn under_the_mended_contract_a_replay_gets_in_what_was_refused_and_a_second_one_changes_nothing() {
    let good = (4, event(4, "2.5").into_bytes());
    let world = World::with(&[broken(1), broken(2), damaged(3), good]);
    let mended = catalog(&MENDED);

    let first = world.replay(&mended, &["arrival>=2026-11-21"], false);
    assert_eq!(counts(&first), (3, 0, 2, 1));
    assert_eq!(first.reasons, BTreeMap::from([("not_utf8".to_owned(), 1)]));
    let held = world.held();
    assert_eq!(held.0, [id(1), id(2), id(4)]);

    let second = world.replay(&mended, &["arrival>=2026-11-21"], false);
    assert_eq!(counts(&second), (3, 3, 0, 0));
    assert_eq!(world.held(), held, "neither a row nor an event more");
}

#[test]
fn under_the_same_contract_everything_is_refused_again_and_is_not_multiplied() {
    let world = World::with(&[broken(1), damaged(2)]);
    let same = catalog(&[]);
    assert_eq!(counts(&world.replay(&same, &["arrival>=2026-11-21"], false)), (2, 0, 0, 2));
    // Now each of them is in quarantine twice, and is one document still.
    assert_eq!(counts(&world.replay(&same, &["arrival>=2026-11-21"], false)), (2, 2, 0, 0));
    assert_eq!(counts(&world.replay(&catalog(&MENDED), &["arrival>=2026-11-21"], false)), (2, 0, 1, 1));
    assert_eq!(world.held().0, [id(1)]);
}

#[test]
fn what_a_replay_refused_for_another_reason_is_found_by_that_reason() {
    let world = World::with(&[broken(1)]);
    let stricter = catalog(&[("version = 1", "version = 2"), ("types = [\"order.*\"]", "types = [\"order.paid\"]")]);
    assert_eq!(counts(&world.replay(&stricter, &["reason=column_missing"], false)), (1, 0, 0, 1));
    assert_eq!(counts(&world.replay(&catalog(&MENDED), &["reason=type_unknown"], false)), (1, 0, 1, 0));
    assert_eq!(world.held().0, [id(1)]);
}

#[test]
fn only_rows_that_meet_the_conditions_are_replayed() {
    let world = World::with(&[broken(1), broken(2), damaged(3)]);
    world.ingest("others", &[broken(5)]);
    let conditions = ["reason=column_missing", "table=orders", "stream=orders", "arrival<=2026-11-21T12:00:01Z"];
    assert_eq!(counts(&world.replay(&catalog(&MENDED), &conditions, false)), (1, 0, 1, 0));
    assert_eq!(world.held().0, [id(1)]);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let world = World::with(&[broken(1), damaged(2)]);
    let held = world.held();
    let dry = world.replay(&catalog(&MENDED), &["stream=orders"], true);
    assert_eq!(counts(&dry), (2, 0, 1, 1));
    assert_eq!(world.held(), held);
    let wet = world.replay(&catalog(&MENDED), &["stream=orders"], false);
    assert_eq!((counts(&wet), wet.reasons), (counts(&dry), dry.reasons));
}

#[test]
fn two_replays_at_once_double_nothing() {
    let records: Vec<_> = (1..40).map(broken).collect();
    let world = World::with(&records);
    let mended = catalog(&MENDED);
    let (one, other) = (world.replaying(&mended), world.replaying(&mended));
    let conditions = all_of(&["stream=orders"]);
    // The ports of the disk hand over to the other one at every call.
    let (one, other) =
        world.run(futures_util::future::join(one.run(&conditions, false), other.run(&conditions, false)));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.accepted + other.accepted, 39);
    assert_eq!(one.already + other.already, 39);
    assert_eq!(world.held().0, (1..40).map(id).collect::<Vec<_>>());
}

#[test]
fn documents_of_one_record_are_replayed_one_by_one() {
    let lines = format!("{}\n{}\n{}", misplaced(1), event(2, "2.5"), misplaced(3));
    let world = World::with(&[(9, lines.into_bytes())]);
    assert_eq!(counts(&world.replay(&catalog(&MENDED), &["stream=orders"], false)), (2, 0, 2, 0));
    assert_eq!(world.held().0, [id(1), id(2), id(3)]);
}

#[test]
fn a_number_and_a_sub_join_to_a_number_of_their_own() {
    let pairs = [("0", 0), ("0", 1), ("1", 0), ("10", 0), ("1", 1), ("1", u32::MAX), ("49", 5), ("4", 95)];
    let joined: BTreeSet<_> = pairs.iter().map(|(sequence, sub)| joined(&sequence.parse().unwrap(), *sub)).collect();
    assert_eq!(joined.len(), pairs.len());
    assert!(joined.iter().all(|text| text.parse::<SequenceNumber>().is_ok()), "{joined:?}");
    assert!(joined.contains("10000000001"), "{joined:?}");
}

#[test]
fn the_stream_of_a_replay_has_a_name_that_leads_back() {
    let row = |stream: &str, sequence: &str, sub| Row {
        reason: String::new(),
        detail: String::new(),
        arrival: Timestamp::EPOCH,
        stream: stream.to_owned(),
        shard: "shardId-000000000000".to_owned(),
        sequence: sequence.to_owned(),
        sub,
        contract: None,
        contract_version: 0,
        path: None,
        found: None,
        payload: bytes::Bytes::new(),
    };
    let long = "s".repeat(128);
    for name in ["orders", "orders.eu", &long] {
        let original = origin(&row(&format!("{name}.7"), "12", 3)).unwrap();
        let replayed = format!("{}{MARK}0123456789abcdef", original.0.name);
        assert!(replayed.parse::<StreamName>().is_ok(), "{replayed}");
        assert_eq!(origin(&row(&format!("{replayed}.7"), &original.2, 0)).unwrap(), original);
    }
    let wide = "9".repeat(120);
    let error = origin(&row("orders.7", &wide, 0)).unwrap_err().to_string();
    assert!(error.contains("have 130 digits together, and a sequence number has 129 at most"), "{error}");
}
