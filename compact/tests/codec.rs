//! The texts that are persisted: golden copies of each version that ever shipped, and what is refused.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is a finding")]

use std::collections::BTreeMap;

use iguazu_compact::publish::{Bucket, EpochVersions, Record, Snapshot};
use iguazu_compact::state::codec::{self, CodecError, EpochBody, PartitionFiles, VersionBody, VersionRow};
use iguazu_compact::state::{Lane, LiveFile, Mark, PartitionEntry, RollupFile, Seed, Span, State, Totals, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, EventId, RowNumber, Timestamp};
use iguazu_lake::ports::StoredRow;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_772_877_600 + seconds) * 1_000_000)
}

fn written(n: u64, ordinal: u32) -> Written {
    Written { n: RowNumber::new(n), attempt: AttemptId::from_u128(0xabc), ordinal }
}

fn state() -> State {
    let shard = "shard.orders.1767225600000.shardId-000000000003".parse().unwrap();
    let mark = Mark { n: 7, files: 1, offered: 1_200, taken: 610 };
    let entry = PartitionEntry {
        changed: RowNumber::new(3),
        object: written(3, 0),
        sha256: Sha256Sum::of(b"partition"),
        files: 1,
        rows: 600,
        bytes: 65_000,
    };
    State {
        span: Span::of_bucket(1, 2),
        lanes: vec![Lane { span: Span::of_bucket(1, 2), marks: BTreeMap::from([(shard, mark)]) }],
        seeds: vec![Seed {
            chain: "bucket.orders.0.0".parse().unwrap(),
            n: RowNumber::new(12),
            span: Span::of_bucket(1, 2),
            files: 4,
        }],
        partitions: BTreeMap::from([("year=2026/month=03/day=07".parse().unwrap(), entry)]),
        totals: Totals { taken: 610, moved: -3, live: 600, duplicates: 7, replaced: 2 },
    }
}

fn files() -> PartitionFiles {
    PartitionFiles {
        files: vec![
            LiveFile {
                written: written(3, 1),
                rows: 600,
                bytes: 65_000,
                sha256: Sha256Sum::of(b"data"),
                event_time: Some((at(0), at(3_600))),
                ids: Some((id(1), id(u128::MAX >> 4))),
                index: Some((60_000, 61_500)),
                rollups: vec![RollupFile {
                    rollup: "hourly".parse().unwrap(),
                    rows: 12,
                    bytes: 900,
                    sha256: Sha256Sum::of(b"rollup"),
                }],
            },
            LiveFile {
                written: written(2, 0),
                rows: 0,
                bytes: 300,
                sha256: Sha256Sum::of(b"empty"),
                event_time: None,
                ids: None,
                index: None,
                rollups: vec![],
            },
        ],
    }
}

fn id(bits: u128) -> EventId {
    uuid::Uuid::from_u128(bits).to_string().parse().unwrap()
}

fn snapshot() -> Snapshot {
    let bucket = |n, seeding| Bucket { n: RowNumber::new(n), attempt: AttemptId::from_u128(0xdef), at: at(9), seeding };
    let epoch = |buckets, versions| EpochVersions { buckets, versions };
    Snapshot {
        table: "orders".parse().unwrap(),
        current: 0,
        since: Timestamp::EPOCH,
        epochs: BTreeMap::from([
            (0, epoch(1, BTreeMap::from([(0, bucket(12, false))]))),
            (1, epoch(2, BTreeMap::from([(1, bucket(0, true))]))),
        ]),
    }
}

fn texts() -> [(&'static str, String); 7] {
    let version = VersionBody::Version { state: Sha256Sum::of(b"state"), at: at(5) };
    let published = Record { published: vec![(RowNumber::new(2), at(1)), (RowNumber::new(3), at(61))] };
    [
        ("epoch.v1.json", codec::encode(&EpochBody { buckets: 8 })),
        ("version.v1.json", codec::encode(&version)),
        ("closed.v1.json", codec::encode(&VersionBody::Closed { of: Some(RowNumber::new(12)) })),
        ("state.v1.json", codec::encode(&state())),
        ("partition.v1.json", codec::encode(&files())),
        ("snapshot.v1.json", snapshot().text()),
        ("published.v1.json", codec::encode(&published)),
    ]
}

/// Writes the golden texts; run by hand, and read what changed.
#[test]
#[ignore = "it writes into the source tree"]
fn write_the_golden_texts() {
    for (name, text) in texts() {
        std::fs::write(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR")), text).unwrap();
    }
}

#[test]
fn what_is_written_is_what_was_always_written() {
    let golden = [
        include_str!("golden/epoch.v1.json"),
        include_str!("golden/version.v1.json"),
        include_str!("golden/closed.v1.json"),
        include_str!("golden/state.v1.json"),
        include_str!("golden/partition.v1.json"),
        include_str!("golden/snapshot.v1.json"),
        include_str!("golden/published.v1.json"),
    ];
    for ((name, text), golden) in texts().into_iter().zip(golden) {
        assert_eq!(text, golden, "{name}");
    }
}

fn again<T: Serialize + DeserializeOwned>(body: &T) -> T {
    codec::decode(|| "it".to_owned(), codec::encode(body).as_bytes()).unwrap()
}

#[test]
fn what_was_written_reads_back() {
    assert_eq!(again(&state()), state());
    assert_eq!(again(&files()), files());
    assert_eq!(again(&snapshot()), snapshot());
    let row =
        VersionRow { n: RowNumber::new(4), attempt: AttemptId::from_u128(1), body: VersionBody::Closed { of: None } };
    assert_eq!(codec::row(&codec::stored(&row)).unwrap(), row);
    assert_eq!(state().conserved().map_err(|violation| violation.detail), Ok(()));
}

#[test]
fn a_later_version_and_an_unknown_field_are_refused() {
    let read = |body: &str| {
        codec::row(&StoredRow { n: RowNumber::new(4), attempt: AttemptId::from_u128(1), body: body.to_owned() })
    };
    let error = read(r#"{"v":2,"kind":"other"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "version 4 has version 2, this program knows up to 1: deploy the newer one everywhere"
    );
    for damaged in ["", "{}", r#"{"v":1,"kind":"closed","more":1}"#, r#"{"v":1,"kind":"version"}"#] {
        assert!(matches!(read(damaged), Err(CodecError::Damaged { .. })), "{damaged}");
    }
    let (bytes, sum) = codec::object(&state());
    assert!(codec::state("it", &bytes, &sum).is_ok());
    assert!(matches!(codec::state("it", &bytes[1..], &sum), Err(CodecError::Checksum { .. })));
    let text = codec::encode(&state()).replacen("\"taken\"", "\"took\"", 1);
    assert!(codec::decode::<State>(|| "it".to_owned(), text.as_bytes()).is_err());
}
