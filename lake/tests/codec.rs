//! The text of rows: what was ever written is read for ever, and what is not understood is refused.

#![expect(clippy::unwrap_used, reason = "a test may stop where its own assumptions fail")]

use chrono::NaiveDate;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::codec::{CodecError, VERSION, decode, encode};
use iguazu_lake::commit::{Body, Closed, Commit, Counts, FileEntry, Late, Row, Stub};
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, Timestamp};
use iguazu_lake::keys::{Area, Partition};
use iguazu_lake::ports::StoredRow;
use proptest::prelude::*;
use proptest::sample::Index;

const COMMIT: &str = include_str!("golden/row_v1_commit.json");
const LATE: &str = include_str!("golden/row_v1_late.json");
const CLOSED: &str = include_str!("golden/row_v1_closed.json");
const STUB: &str = include_str!("golden/row_v1_stub.json");

fn stored(body: &str) -> StoredRow {
    StoredRow { n: RowNumber::new(41), attempt: AttemptId::from_u128(0xabc), body: body.to_owned() }
}

fn row(body: Body) -> Row {
    Row { n: RowNumber::new(41), attempt: AttemptId::from_u128(0xabc), body }
}

fn sequence(text: &str) -> SequenceNumber {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> SequenceRange {
    SequenceRange::new(sequence(first), sequence(last)).unwrap()
}

fn sum(digit: &str) -> Sha256Sum {
    digit.repeat(64).parse().unwrap()
}

fn day(day: u32) -> Partition {
    Partition::Day(NaiveDate::from_ymd_opt(2026, 11, day).unwrap())
}

fn raw(table: &str) -> Area {
    Area::Raw(table.parse().unwrap())
}

/// 2026-11-21T12:00:00Z and some microseconds more.
fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_262_400_000_000 + micros)
}

#[track_caller]
fn assert_golden(text: &str, value: &Row) {
    assert_eq!(&decode(&stored(text)).unwrap(), value, "the golden text does not say what it said");
    assert_eq!(encode(value).unwrap(), stored(text), "the same row is written otherwise: that is another version");
}

#[test]
fn a_commit_of_two_tables_several_dates_and_quarantine_reads_as_it_did_when_it_was_written() {
    let file = |area, partition, rows, bytes, event_time, digit| FileEntry {
        area,
        partition,
        rows,
        bytes,
        event_time,
        sha256: sum(digit),
    };
    let commit = Commit {
        range: range(
            "49590338271490256608559692538361571095921575989136588898",
            "49590338271490256608559692538361571095921575989136589002",
        ),
        to: sequence("49590338271490256608559692538361571095921575989136589002"),
        late: false,
        earlier: None,
        files: vec![
            file(raw("orders"), day(20), 3, 2_048, Some((time(-86_400_000_000), time(-86_399_000_000))), "a"),
            file(raw("orders"), day(21), 80, 40_960, Some((time(-1), time(7))), "b"),
            file(raw("payments"), day(21), 1, 1_024, Some((time(0), time(0))), "c"),
            file(raw("payments"), Partition::Mixed, 2, 1_025, Some((Timestamp::from_micros(-62), time(9))), "d"),
            file(Area::Quarantine, day(21), 4, 999, None, "e"),
            file(Area::Quarantine, Partition::Mixed, 1, 998, None, "f"),
        ],
        counts: Counts { records: 60, delivered: 91, accepted: 86, quarantined: 5 },
        digest: sum("0"),
    };
    assert_golden(COMMIT, &row(Body::Commit(commit)));
}

#[test]
fn a_late_commit_with_a_link_to_an_earlier_one_reads_as_it_did_when_it_was_written() {
    let commit = Commit {
        range: range("7", "12"),
        to: sequence("130"),
        late: true,
        earlier: Some(Late { n: RowNumber::new(33), hull: range("0", "9") }),
        files: vec![FileEntry {
            area: Area::Quarantine,
            partition: day(1),
            rows: 2,
            bytes: 640,
            event_time: None,
            sha256: sum("1"),
        }],
        counts: Counts { records: 2, delivered: 2, accepted: 0, quarantined: 2 },
        digest: sum("2"),
    };
    assert_golden(LATE, &row(Body::Commit(commit)));
}

#[test]
fn a_closing_row_reads_as_it_did_when_it_was_written() {
    let earlier = Some(Late { n: RowNumber::new(40), hull: range("5", "29") });
    assert_golden(CLOSED, &row(Body::Closed(Closed { to: Some(sequence(&"9".repeat(129))), earlier })));
}

#[test]
fn a_stub_reads_as_it_did_when_it_was_written() {
    let to = Some(sequence("49590338271490256608559692538361571095921575989136589002"));
    assert_golden(STUB, &row(Body::Stub(Stub { to })));
}

#[test]
fn a_row_of_a_later_version_is_called_that_whatever_it_says() {
    assert_eq!(VERSION, 1, "a new version needs golden files of its own");
    for body in [
        COMMIT.replacen("\"v\":1", "\"v\":2", 1),
        LATE.replacen("\"v\":1", "\"v\":2", 1),
        CLOSED.replacen("\"v\":1", "\"v\":2", 1),
        STUB.replacen("\"v\":1", "\"v\":2", 1),
        r#"{"v":2}"#.to_owned(),
        r#"{"v":2,"kind":"merge","of":[1,2]}"#.to_owned(),
        r#"{"kind":7,"to":{},"v":2}"#.to_owned(),
        r#"{"v":2,"kind":"commit","first":"9","last":"1"}"#.to_owned(),
    ] {
        let error = decode(&stored(&body)).unwrap_err();
        assert!(matches!(error, CodecError::UnknownVersion { found: 2, .. }), "{body}: {error}");
        assert_eq!(
            error.to_string(),
            "row 41 has version 2, this program knows up to 1: deploy the newer one everywhere"
        );
    }
}

#[track_caller]
fn assert_damaged(body: &str) {
    let answer = decode(&stored(body));
    assert!(matches!(answer, Err(CodecError::Damaged { .. })), "{body}: {answer:?}");
}

#[test]
fn a_row_with_a_field_less_or_a_field_more_is_damaged() {
    for body in ["", "{}", "null", "[]", "1", "{\"v\":1}", "{\"kind\":\"stub\"}", "{\"v\":1,\"kind\":\"other\"}"] {
        assert_damaged(body);
    }
    // The members of the golden rows, each left out, and one that nobody knows.
    let optional = ["late", "earlier", "to"];
    for golden in [COMMIT, LATE] {
        let whole: serde_json::Map<_, _> = serde_json::from_str(golden).unwrap();
        for name in whole.keys().filter(|name| !optional.contains(&name.as_str()) || *name == "to") {
            let mut less = whole.clone();
            less.remove(name);
            assert_damaged(&serde_json::to_string(&less).unwrap());
        }
    }
    for golden in [COMMIT, LATE, CLOSED, STUB] {
        assert_damaged(&golden.replacen('{', "{\"more\":0,", 1));
        assert_damaged(&golden.replacen("\"v\":1", "\"v\":1,\"v\":1", 1));
        assert_damaged(&golden[..golden.len() - 1]);
        assert_damaged(&format!("{golden}{golden}"));
    }
    for (part, other) in [
        ("\"rows\":2", "\"rows\":2,\"more\":0"),
        ("\"rows\":2,", ""),
        ("\"bytes\":640,", ""),
        ("\"n\":33", "\"n\":33,\"more\":0"),
        ("\"n\":33,", ""),
        ("\"records\":2", "\"records\":-2"),
        ("\"records\":2", "\"records\":\"2\""),
        ("\"first\":\"7\"", "\"first\":7"),
        ("\"first\":\"7\"", "\"first\":\"07\""),
        ("\"d\":\"2026-11-01\"", "\"d\":\"2026-02-30\""),
        ("\"d\":\"2026-11-01\"", "\"d\":\"2026-11-01\",\"t\":\"../x\""),
        ("2222", "222g"),
        ("2222", "222"),
    ] {
        assert!(LATE.contains(part), "{part}");
        assert_damaged(&LATE.replacen(part, other, 1));
    }
}

#[test]
fn an_interval_that_ends_before_it_begins_is_damaged() {
    assert_damaged(&LATE.replacen("\"first\":\"7\"", "\"first\":\"13\"", 1));
    assert_damaged(&LATE.replacen("\"first\":\"0\"", "\"first\":\"10\"", 1));
    assert_damaged(&CLOSED.replacen("\"first\":\"5\"", "\"first\":\"30\"", 1));
    // Half an interval of event times would be read as none.
    let half = |text: &str| {
        let (before, rest) = text.split_once("\"max\":").unwrap();
        let (_, after) = rest.split_once(',').unwrap();
        format!("{before}{after}")
    };
    assert_damaged(&half(COMMIT));
}

#[test]
fn what_only_a_commit_says_makes_another_row_damaged() {
    let digest = format!("\"digest\":\"{}\"", "0".repeat(64));
    let earlier = r#""earlier":{"n":1,"first":"1","last":"2"}"#;
    for field in [
        "\"first\":\"1\"",
        "\"last\":\"1\"",
        "\"late\":true",
        "\"files\":[]",
        "\"records\":0",
        "\"delivered\":0",
        "\"accepted\":0",
        "\"quarantined\":0",
        &digest,
    ] {
        for golden in [STUB, CLOSED] {
            assert_damaged(&golden.replacen('{', &format!("{{{field},"), 1));
        }
    }
    // A stub has forgotten its link: with one, it would be a stub that a search must not stop at.
    assert_damaged(&STUB.replacen('{', &format!("{{{earlier},"), 1));
}

fn any_sequence() -> impl Strategy<Value = SequenceNumber> {
    "0|[1-9][0-9]{0,128}".prop_map(|text| sequence(&text))
}

fn any_range() -> impl Strategy<Value = SequenceRange> {
    (any_sequence(), any_sequence())
        .prop_map(|(a, b)| SequenceRange::new(a, b).or_else(|| SequenceRange::new(b, a)).unwrap())
}

fn any_late() -> impl Strategy<Value = Late> {
    (any::<u64>(), any_range()).prop_map(|(n, hull)| Late { n: RowNumber::new(n), hull })
}

fn any_file() -> impl Strategy<Value = FileEntry> {
    let area = prop::option::of("[a-z][a-z0-9_]{0,63}").prop_map(|name| name.map_or(Area::Quarantine, |n| raw(&n)));
    // Years that a key has room for: 0000 to 9999.
    let partition = prop::option::of(0_i32..3_652_058)
        .prop_map(|day| day.and_then(|day| NaiveDate::from_num_days_from_ce_opt(day + 1)))
        .prop_map(|date| date.map_or(Partition::Mixed, Partition::Day));
    let times = prop::option::of((any::<i64>(), any::<i64>()))
        .prop_map(|times| times.map(|(a, b)| (Timestamp::from_micros(a), Timestamp::from_micros(b))));
    (area, partition, any::<u64>(), any::<u64>(), times, any::<[u8; 32]>()).prop_map(
        |(area, partition, rows, bytes, event_time, sum)| FileEntry {
            area,
            partition,
            rows,
            bytes,
            event_time,
            sha256: Sha256Sum::new(sum),
        },
    )
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let counts = any::<[u64; 4]>().prop_map(|[records, delivered, accepted, quarantined]| Counts {
        records,
        delivered,
        accepted,
        quarantined,
    });
    let files = prop::collection::vec(any_file(), 0..6);
    (any_range(), any_sequence(), any::<bool>(), prop::option::of(any_late()), files, counts, any::<[u8; 32]>())
        .prop_map(|(range, to, late, earlier, files, counts, digest)| Commit {
            range,
            to,
            late,
            earlier,
            files,
            counts,
            digest: Sha256Sum::new(digest),
        })
}

fn any_row() -> impl Strategy<Value = Row> {
    let to = || prop::option::of(any_sequence());
    let body = prop_oneof![
        any_commit().prop_map(Body::Commit),
        (to(), prop::option::of(any_late())).prop_map(|(to, earlier)| Body::Closed(Closed { to, earlier })),
        to().prop_map(|to| Body::Stub(Stub { to })),
    ];
    (any::<u64>(), any::<u128>(), body).prop_map(|(n, attempt, body)| Row {
        n: RowNumber::new(n),
        attempt: AttemptId::from_u128(attempt),
        body,
    })
}

proptest! {
    #[test]
    fn every_row_reads_back_as_itself(row in any_row()) {
        let stored = encode(&row).unwrap();
        prop_assert_eq!(decode(&stored).unwrap(), row);
    }

    #[test]
    fn a_text_with_a_byte_changed_never_makes_the_decoder_panic(
        golden in prop::sample::select(vec![COMMIT, LATE, CLOSED, STUB]), at: Index, byte in 0x20_u8..0x7f,
    ) {
        let mut text = golden.as_bytes().to_vec();
        let at = at.index(text.len());
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        if let Ok(row) = decode(&stored(&text)) {
            // What is taken is written again and says the same.
            prop_assert_eq!(decode(&encode(&row).unwrap()).unwrap(), row);
        }
    }
}

/// DynamoDB bills a write by the started kilobyte, and one unit a batch is what the whole design pays.
#[test]
fn a_commit_of_one_file_fits_one_write_unit() {
    let wide = |tail: &str| sequence(&format!("{}{tail}", "9".repeat(50)));
    let range = SequenceRange::new(wide("000001"), wide("999999")).unwrap();
    let commit = Commit {
        range,
        to: range.last(),
        late: false,
        earlier: None,
        files: vec![FileEntry {
            area: raw("events"),
            partition: day(21),
            rows: 10_000_000,
            bytes: 6_000_000,
            event_time: Some((time(0), time(1))),
            sha256: sum("a"),
        }],
        counts: Counts { records: 10_000, delivered: 10_000_000, accepted: 10_000_000, quarantined: 0 },
        digest: sum("b"),
    };
    let stored = encode(&row(Body::Commit(commit))).unwrap();
    let chain: ChainId = "shard.orders.1767225600000.shardId-000000000003".parse().unwrap();
    // The key is the chain's text and the number, of up to 20 bytes; the attempt has 32.
    let bytes = stored.body.len() + chain.to_string().len() + 20 + 32;
    assert!(bytes < 1_000, "{bytes} bytes: {}", stored.body);
}
