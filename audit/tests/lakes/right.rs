//! Lakes that are right.

use iguazu_audit::verify::Delivered;
use iguazu_audit::{Deliveries, Options, Problem, status, status_after, verify};
use iguazu_compact::Settings;
use iguazu_compact::arrange::Sizes;

use crate::world::{Delivery, Lake, bad, block, contract, order, told};

/// Events over two days by two shards, some of them twice: sent again as they were, with a later time, and late.
fn filled(buckets: u32) -> (Lake, std::sync::Arc<iguazu_transform::Contract>) {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let first: Vec<_> = (0..60).map(|event| order(event, event * 1_700, 100 + event)).collect();
    lake.ingest(&contract, 0, &first);
    lake.compact(&contract, buckets);
    let again = Delivery { arrival: 200_000, ..order(7, 7 * 1_700, 107) };
    lake.ingest(&contract, 1, &[again, order(8, 150_000, 1), order(100, 3, 5), bad(200_001)]);
    lake.compact(&contract, buckets);
    (lake, contract)
}

#[test]
fn a_right_lake_has_no_findings_and_is_counted_in_full() {
    for buckets in [1, 4] {
        let (lake, contract) = filled(buckets);
        let verified = lake.verified(&contract);
        let (delivered, table, findings) = told(&verified);
        assert_eq!(findings, [], "{buckets} buckets");
        let expected = Delivered {
            shards: 2,
            commits: 2,
            stubs: 0,
            records: 64,
            delivered: 64,
            accepted: 63,
            quarantined: 1,
            files: delivered.files,
        };
        assert_eq!(delivered, expected);
        let counts = (table.accepted, table.taken, table.pending, table.events, table.duplicates, table.live);
        assert_eq!(counts, (63, 63, 0, 61, 2, 61));
        assert!(table.recomputed);
        assert_eq!(table.fingerprint_found, table.fingerprint_expected);
        assert!(table.groups > 20, "{}", table.groups);
    }
}

#[test]
fn a_lake_without_anything_is_right() {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let verified = lake.verified(&contract);
    assert_eq!((verified.delivered, verified.findings.len()), (Delivered::default(), 0));
    assert_eq!((verified.tables[0].live, verified.tables[0].accepted), (0, 0));
}

#[test]
fn what_is_not_compacted_yet_is_pending_and_no_finding() {
    let (lake, contract) = filled(1);
    lake.ingest(&contract, 0, &[order(200, 5, 5), order(201, 6, 6)]);
    let verified = lake.verified(&contract);
    assert_eq!(verified.findings, []);
    assert_eq!((verified.tables[0].accepted, verified.tables[0].pending, verified.tables[0].live), (65, 2, 61));
}

#[test]
fn a_file_that_some_buckets_have_taken_is_pending_in_part() {
    let (lake, contract) = filled(4);
    let new: Vec<_> = (300..340).map(|event| order(event, event, event)).collect();
    lake.ingest(&contract, 0, &new);
    lake.compact_some(&contract, 4, |bucket| bucket == 2);
    let verified = lake.verified(&contract);
    assert_eq!(verified.findings, []);
    let table = &verified.tables[0];
    let in_bucket = table.live - 61;
    assert!(in_bucket > 0 && in_bucket < 40);
    assert_eq!((table.pending, table.taken), (40 - in_bucket, 63 + in_bucket));
    let status = block(status(&lake.objects, &lake.ledger, &[contract])).unwrap();
    assert_eq!((status.findings.len(), status.tables[0].pending), (0, 40 - in_bucket));
}

#[test]
fn a_table_that_is_given_another_number_of_buckets_stays_right() {
    let (lake, contract) = filled(2);
    for buckets in [8, 1] {
        block(lake.compactor(Settings::default()).rebucket(&contract, buckets, lake.deadline())).unwrap();
        lake.ingest(&contract, 0, &[order(400 + buckets, 5, 5), order(8, 150_000, 1)]);
        assert_eq!(lake.verified(&contract).findings, []);
        lake.compact(&contract, 2);
        let verified = lake.verified(&contract);
        assert_eq!(verified.findings, []);
        let table = &verified.tables[0];
        assert_eq!((table.buckets, table.buckets_begun, table.pending), (buckets, u64::from(buckets), 0));
    }
}

#[test]
fn rows_of_before_a_column_was_there_say_the_same_with_it() {
    let (lake, old) = filled(1);
    let new = contract(&[
        ("version = 1", "version = 2"),
        (
            "[[rollup]]\nname = \"hourly\"",
            "[[column]]\nname = \"note\"\npath = \"/note\"\ntype = \"int64\"\n\n[[rollup]]\nname = \"hourly\"",
        ),
    ]);
    lake.ingest(&new, 0, &[order(500, 9, 9)]);
    lake.compact(&new, 1);
    assert_eq!(lake.verified(&new).findings, []);
    assert_eq!(lake.verified(&old).findings, []);
}

#[test]
fn files_of_before_a_roll_up_was_there_are_told() {
    let (lake, _) = filled(1);
    let new = contract(&[("version = 1", "version = 2"), ("name = \"weights\"", "name = \"weighty\"")]);
    let problems = lake.problems(&new);
    assert_eq!(problems, [Problem::RollupAbsent]);
}

#[test]
fn a_sum_of_too_many_digits_is_right_when_it_is_said_to_be_one() {
    let contract = contract(&[("decimal(18,2)", "decimal(38,0)")]);
    let most = "9".repeat(38);
    let lake = Lake::new();
    let huge = |event: u32| {
        let delivery = order(event, 60, 0);
        Delivery { text: delivery.text.replace("\"amount\":0.00", &format!("\"amount\":{most}")), ..delivery }
    };
    // The same shop and type, so one group.
    lake.ingest(&contract, 0, &[huge(3), huge(6), huge(9)]);
    lake.compact(&contract, 1);
    let verified = lake.verified(&contract);
    assert_eq!((verified.findings, verified.tables[0].live), (vec![], 3));
}

#[test]
fn rows_that_have_shrunk_are_recomputed_by_the_files_of_their_attempts() {
    let (lake, contract) = filled(1);
    let before = lake.verified(&contract);
    let files = lake.shrink(0, 0);
    let verified = lake.verified(&contract);
    assert_eq!(verified.findings, []);
    assert_eq!((verified.delivered.stubs, verified.delivered.accepted), (1, 63));
    assert!(verified.tables[0].recomputed);
    assert_eq!(verified.tables[0].fingerprint_expected, before.tables[0].fingerprint_expected);
    // What an attempt that lost has left behind is none of it.
    let lost = files[0].as_str().replace(".parquet", "");
    let lost = format!("{}{}.parquet", &lost[..lost.len() - 32], "0".repeat(32));
    block(iguazu_lake::ports::Objects::put(&lake.objects, &lost.parse().unwrap(), lake.read(&files[0]))).unwrap();
    assert_eq!(lake.verified(&contract).delivered.accepted, 63);
    // Once raw is kept no longer, nobody can say what it held.
    lake.delete(&files[0]);
    let verified = lake.verified(&contract);
    assert_eq!((verified.findings.len(), verified.tables[0].recomputed), (0, false));
    let status = block(status(&lake.objects, &lake.ledger, &[contract])).unwrap();
    assert_eq!((status.findings.len(), status.tables[0].pending, status.tables[0].accepted), (0, 0, 63));
}

#[test]
fn a_table_that_is_gone_through_in_parts_is_found_to_be_the_same() {
    for buckets in [1, 4] {
        let (lake, contract) = filled(buckets);
        lake.ingest(&contract, 0, &[order(200, 5, 5)]);
        let whole = lake.verified(&contract);
        for pass_rows in [1, 7, 40] {
            let parts = lake.verified_by(&contract, &Options { pass_rows, ..Options::default() });
            assert_eq!(parts.findings, []);
            assert_eq!(format!("{:?}", parts.tables), format!("{:?}", whole.tables));
        }
    }
}

#[test]
fn a_partition_that_has_lost_its_last_row_is_right() {
    let (lake, contract) = (Lake::new(), contract(&[]));
    lake.ingest(&contract, 0, &[order(1, 5, 5)]);
    lake.compact(&contract, 1);
    lake.ingest(&contract, 0, &[order(1, 90_000, 6)]);
    lake.compact(&contract, 1);
    assert_eq!(lake.view(&contract).files().map(|live| live.file.rows).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(lake.verified(&contract).findings, []);
}

#[test]
fn one_table_is_verified_without_what_belongs_to_others() {
    let (lake, contract) = filled(1);
    let raw = lake.files_of(0, 0);
    lake.damage(&raw[0]);
    let other = Options { only: Some("payments".parse().unwrap()), ..Options::default() };
    assert_eq!(lake.verified_by(&contract, &other).findings, []);
    let only = Options { only: Some(contract.table.clone()), ..Options::default() };
    assert_eq!(lake.verified_by(&contract, &only).findings.len(), 1);
}

#[test]
fn who_asks_again_reads_only_what_was_committed_since() {
    let (lake, contract) = filled(1);
    let mut known = Deliveries::default();
    let contracts = [contract.clone()];
    block(status_after(&lake.objects, &lake.ledger, &contracts, &mut known)).unwrap();
    lake.ingest(&contract, 0, &[order(200, 5, 5)]);
    lake.ingest(&contract, 3, &[order(201, 5, 5)]);
    lake.compact(&contract, 1);
    let again = block(status_after(&lake.objects, &lake.ledger, &contracts, &mut known)).unwrap();
    let anew = block(status(&lake.objects, &lake.ledger, &contracts)).unwrap();
    assert_eq!((again.shards, again.tables), (anew.shards, anew.tables));
    assert_eq!(again.findings, []);
}

/// Late events, copies, changes of the day, files that are merged, copied and written anew.
#[test]
fn a_lake_that_is_compacted_again_and_again_stays_right() {
    for keep in ["latest", "first"] {
        let contract = contract(&[("\"latest\"", &format!("\"{keep}\""))]);
        let lake = Lake::new();
        let sizes = Sizes { target_bytes: 24 << 10, fan: 3 };
        let settings = Settings { first_buckets: 2, sizes, ..Settings::default() };
        for round in 0..24_u32 {
            let deliveries: Vec<_> = (0..25)
                .map(|position| {
                    let drawn = (round * 25 + position).wrapping_mul(2_654_435_761) >> 8;
                    let (event, seconds) = (drawn % 300, drawn / 300 % 200_000);
                    Delivery { arrival: 300_000 + drawn % 50, ..order(event, seconds, drawn % 1_000) }
                })
                .collect();
            lake.ingest(&contract, (round % 3) as u8, &deliveries);
            lake.compact_by(&contract, settings.clone(), |bucket| round % 2 == 0 || bucket == 1);
            if round % 6 == 5 {
                let options = Options { pass_rows: 100, ..Options::default() };
                let verified = lake.verified_by(&contract, &options);
                assert_eq!(verified.findings, [], "{keep}, round {round}");
                assert!(verified.tables[0].duplicates > 0 || round < 6);
            }
        }
    }
}

#[test]
fn progress_counts_every_file_once_and_comes_to_its_end() {
    let (lake, contract) = filled(2);
    let mut seen = Vec::new();
    let mut note = |progress: iguazu_audit::Progress| seen.push((progress.done, progress.all));
    block(verify(&lake.objects, &lake.ledger, &[contract], &Options::default(), &mut note)).unwrap();
    let (last, all) = *seen.last().unwrap();
    assert_eq!(last, all);
    assert!(seen.iter().zip(1..).all(|(&(done, of), at)| done == at && of == all), "{seen:?}");
}

#[test]
fn the_status_counts_what_the_ledger_and_the_snapshot_say() {
    let (lake, contract) = filled(1);
    lake.ingest(&contract, 0, &[order(200, 5, 5)]);
    let status = block(status(&lake.objects, &lake.ledger, &[contract])).unwrap();
    assert_eq!(status.findings, []);
    let shards: Vec<_> =
        status.shards.iter().map(|shard| (shard.delivered, shard.accepted, shard.quarantined, shard.pending)).collect();
    assert_eq!(shards, [(61, 61, 0, 1), (4, 3, 1, 0)]);
    assert_eq!(status.shards[1].newest_arrival.unwrap().to_string(), "2026-11-23T17:40:00.000000Z");
    let table = &status.tables[0];
    assert_eq!((table.accepted, table.live, table.duplicates, table.pending), (64, 61, 2, 1));
    assert_eq!((table.buckets, table.versions.len()), (1, 1));
    assert_eq!(table.file_bytes_mean, table.bytes / table.files);
}
