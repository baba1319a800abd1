//! Anything that is not a valid event is data: a quarantine row with its own bytes and a stable code.

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::EventLimits;
use iguazu_transform::{Limits, Payload, Reason, Record, kpl};
use proptest::prelude::*;

use crate::support::{
    ARRIVAL, Row, accepted, catalog, catalog_within, event, gzip, id, judged, outcome, outcome_by, output, record,
    refused, rows, rows_in, zstd,
};

/// A document of the three members that every event has, as they are given, and one more.
fn document(id: &str, kind: &str, time: &str) -> String {
    format!(r#"{{"id":{id},"type":{kind},"time":{time},"more":[1]}}"#)
}

const ID: &str = r#""67e55044-10b1-426f-9247-bb680e5fe0c8""#;
const TYPE: &str = r#""order""#;
const TIME: &str = r#""2026-11-21T11:59:00Z""#;

#[track_caller]
fn assert_refused(cases: &[(&str, impl AsRef<[u8]>)]) {
    for (code, data) in cases {
        let data = data.as_ref();
        let shown = String::from_utf8_lossy(&data[..data.len().min(80)]).into_owned();
        assert_eq!(outcome(data), [refused(code, data)], "{shown}");
    }
}

#[test]
fn a_document_that_is_not_json_is_refused_with_its_bytes() {
    let valid = event(1);
    assert_refused(&[
        ("json_syntax", "hello".to_owned()),
        ("json_syntax", "{".to_owned()),
        ("json_syntax", valid[..valid.len() - 1].to_owned()),
        ("json_syntax", format!("{valid}x")),
        ("json_syntax", format!("{valid} {valid}")),
        ("json_syntax", format!("\u{feff}{valid}")),
        ("json_syntax", valid.replace('"', "'")),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":1,"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":01"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":+1"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":1."#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":.5"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":NaN"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":Infinity"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":0x1"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":[1,]"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":[1}"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#"n:1"#)),
        ("json_syntax", valid.replace(r#""n":1"#, "\"n\":\"\t\"")),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":"\x41""#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":"\u12G4""#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":"\ud800""#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":["\udc00\ud800"]"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""\ud800":1"#)),
        ("json_syntax", valid.replace(r#""n":1"#, r#""n":1 /* one */"#)),
        ("json_syntax", valid.replace(r#""n":1"#, "\"n\":\u{a0}1")),
    ]);
}

#[test]
fn a_document_that_is_not_text_is_refused_where_it_stops_being_text() {
    let mut latin = event(1).replace(r#""n":1"#, r#""n":"~""#).into_bytes();
    let at = latin.iter().position(|&byte| byte == b'~').unwrap();
    latin[at] = 0xE4;
    let detail = Reason::NotUtf8 { byte: at }.detail();
    assert_eq!(judged(&latin), Err(("not_utf8".into(), detail)));
    let utf16: Vec<u8> = event(1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_refused(&[
        ("not_utf8", latin.clone()),
        ("not_utf8", vec![0xFF, 0xFE, b'{', 0]),
        ("not_utf8", vec![b'"', 0xED, 0xA0, 0x80, b'"']),
        ("not_utf8", vec![b'"', 0xC0, 0xAF, b'"']),
        // Without a byte order mark it is UTF-8, of a kind that no JSON is made of.
        ("json_syntax", utf16),
    ]);
}

#[test]
fn a_document_that_is_not_an_object_is_refused() {
    for (text, kind) in [
        ("[]", "an array"),
        (" [{\"id\":1}]", "an array"),
        ("\"text\"", "a string"),
        ("-1.5e3", "a number"),
        ("true", "a boolean"),
        ("false", "a boolean"),
        ("null", "null"),
    ] {
        assert_eq!(judged(text), Err(("not_an_object".into(), Reason::NotAnObject { found: kind }.detail())));
        assert_refused(&[("not_an_object", text)]);
    }
}

#[test]
fn an_event_without_one_of_its_members_or_with_another_kind_of_value_is_refused() {
    let urn = r#""urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8""#;
    assert_refused(&[
        ("type_missing", "{}".to_owned()),
        ("id_missing", format!(r#"{{"type":{TYPE},"time":{TIME},"Id":{ID}}}"#)),
        ("id_not_a_string", document("7", TYPE, TIME)),
        ("id_missing", document("null", TYPE, TIME)),
        ("id_not_a_string", document(&format!("[{ID}]"), TYPE, TIME)),
        ("id_not_a_uuid", document(r#""""#, TYPE, TIME)),
        ("id_not_a_uuid", document(r#""67e5504410b1426f9247bb680e5fe0c8""#, TYPE, TIME)),
        ("id_not_a_uuid", document(r#""{67e55044-10b1-426f-9247-bb680e5fe0c8}""#, TYPE, TIME)),
        ("id_not_a_uuid", document(r#""67e55044-10b1-426f-9247-bb680e5fe0cg""#, TYPE, TIME)),
        ("id_not_a_uuid", document(urn, TYPE, TIME)),
        ("type_missing", format!(r#"{{"id":{ID},"time":{TIME}}}"#)),
        ("type_not_a_string", document(ID, "{}", TIME)),
        ("type_empty", document(ID, r#""""#, TIME)),
        ("type_too_long", document(ID, &format!(r#""{}""#, "t".repeat(257)), TIME)),
        ("time_missing", format!(r#"{{"id":{ID},"type":{TYPE}}}"#)),
        ("time_kind", document(ID, TYPE, "1795262340")),
        ("time_malformed", document(ID, TYPE, r#""2026-11-21 11:59:00Z""#)),
        ("time_malformed", document(ID, TYPE, r#""2026-11-21T11:59:00""#)),
        ("time_malformed", document(ID, TYPE, r#""2026-02-30T11:59:00Z""#)),
        ("time_leap_second", document(ID, TYPE, r#""2016-12-31T23:59:60Z""#)),
        ("time_too_precise", document(ID, TYPE, r#""2026-11-21T11:59:00.0000001Z""#)),
        ("time_too_old", document(ID, TYPE, r#""0001-01-01T00:00:00Z""#)),
        ("time_out_of_range", document(ID, TYPE, r#""0000-01-01T00:00:00+23:59""#)),
        ("time_too_old", document(ID, TYPE, r#""1970-01-21T18:41:02Z""#)),
        ("time_too_new", document(ID, TYPE, r#""9999-12-31T23:59:59.999999Z""#)),
        ("time_out_of_range", document(ID, TYPE, r#""9999-12-31T23:59:59-23:59""#)),
    ]);
}

#[test]
fn the_horizon_of_event_time_is_met_to_the_microsecond() {
    let limits = EventLimits::default();
    let at = |time: Timestamp| match judged(document(ID, TYPE, &format!("\"{time}\""))) {
        Ok(Row::Event { time, .. }) => Ok(time),
        Ok(other) => panic!("{other:?} is no event"),
        Err((code, _)) => Err(code),
    };
    let oldest = ARRIVAL.minus(limits.time_past_max);
    let newest = ARRIVAL.plus(limits.time_future_max);
    assert_eq!(at(oldest), Ok(oldest));
    assert_eq!(at(newest), Ok(newest));
    assert_eq!(at(Timestamp::from_micros(oldest.micros() - 1)), Err("time_too_old".into()));
    assert_eq!(at(Timestamp::from_micros(newest.micros() + 1)), Err("time_too_new".into()));
}

#[test]
fn a_member_named_twice_is_refused_however_it_is_spelt() {
    let twice = |name: &str| format!(r#"{{"id":{ID},"type":{TYPE},"time":{TIME},"a":1,{name}:2}}"#);
    assert_refused(&[
        ("duplicate_key", twice(r#""id""#)),
        ("duplicate_key", twice(r#""a""#)),
        ("duplicate_key", twice(r#""\u0061""#)),
        ("duplicate_key", twice(r#""ti\u006De""#)),
        ("duplicate_key", event(1).replace(r#""n":1"#, r#""n":[{"a":1,"a":2}]"#)),
    ]);
}

#[test]
fn a_number_that_no_double_holds_is_refused_wherever_it_stands() {
    let holding = |value: &str| event(1).replace(r#""n":1"#, &format!(r#""n":{value}"#));
    assert_refused(&[
        ("number_out_of_range", holding("1e999")),
        ("number_out_of_range", holding(r#"{"a":[0,-1E+999]}"#)),
        ("number_out_of_range", holding(&"9".repeat(400))),
        ("number_out_of_range", "1e999".to_owned()),
    ]);
}

#[test]
fn a_deep_document_is_refused_quickly_and_without_a_stack() {
    let deep = 100_000;
    let nested =
        |levels: usize| event(1).replace(r#""n":1"#, &format!(r#""n":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    assert_refused(&[
        ("too_deep", format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        ("too_deep", format!("{}{}", "{\"a\":".repeat(deep), "}".repeat(deep))),
        ("too_deep", "[".repeat(deep)),
        ("too_deep", "[\n".repeat(deep)),
        ("too_deep", format!("{}1{}", "[\n".repeat(deep), "\n]".repeat(deep))),
        ("too_deep", nested(64)),
    ]);
    // The document's own braces are the first of 64 levels.
    assert_eq!(outcome(nested(63)), [accepted(1)]);
    // Whatever limit is set, the parser's own recursion is not what keeps it.
    let catalog = catalog(|contract| contract.limits.depth_max = 200_000);
    assert_eq!(outcome_by(&catalog, nested(deep)), [accepted(1)]);
}

#[test]
fn an_object_of_too_many_members_is_refused() {
    let members: Vec<_> = (0..9_998).map(|n| format!(r#""m{n}":1"#)).collect();
    let object = event(1).replace(r#""n":1"#, &members[..].join(","));
    assert_refused(&[("too_many_members", object)]);
    assert_eq!(outcome(event(1).replace(r#""n":1"#, &members[1..].join(","))), [accepted(1)]);
}

#[test]
fn an_empty_or_blank_record_is_refused() {
    assert_refused(&[("empty_record", ""), ("empty_record", " \t\r\n\r\n "), ("empty_record", "\n")]);
    let packed = gzip(b"\n\n");
    assert_eq!(outcome(&packed), [refused("empty_record", &packed)]);
}

#[test]
fn a_record_that_exceeds_its_limits_is_refused_as_a_whole() {
    let limits = Limits { record_bytes_max: 1000, events_per_record_max: 3, ..Limits::default() };
    let catalog = catalog_within(limits, |_| ());
    let refused_whole = |code: &str, data: &[u8]| assert_eq!(outcome_by(&catalog, data), [refused(code, data)]);
    refused_whole("record_too_large", &[b' '; 1001]);
    refused_whole("too_many_events", b"1\n2\n3\n4");
    refused_whole("too_many_events", &gzip(b"1\n2\n3\n4"));
    refused_whole("too_many_events", &kpl::aggregate(&[("k", b"1"), ("k", b"2"), ("k", b"3"), ("k", b"4")]));
    refused_whole("too_many_events", &kpl::aggregate(&[("k", b"1\n2"), ("k", b"3\n4")]));
    refused_whole("too_many_events", &kpl::aggregate(&[("k", b"1\n2"), ("k", b""), ("k", b"4")]));
    assert_eq!(outcome_by(&catalog, "1\n2\n3\n").len(), 3);
    assert_eq!(outcome_by(&catalog, [b' '; 1000]), [refused("empty_record", [b' '; 1000])]);
}

#[test]
fn a_bomb_is_refused_as_a_whole_wherever_it_hides() {
    let zeros = vec![0; 17 << 20];
    let bombs = [gzip(&zeros), zstd(&zeros), zstd::bulk::compress(&zeros, 1).unwrap()];
    for bomb in &bombs {
        assert_refused(&[("output_too_large", bomb.clone())]);
        let aggregate = kpl::aggregate(&[("k", event(1).as_bytes()), ("k", bomb)]);
        assert_refused(&[("output_too_large", aggregate)]);
    }
    // Nine megabytes are fine once, and too much twice.
    let half = gzip(&vec![b' '; 9 << 20]);
    assert_eq!(outcome(&half), [refused("empty_record", &half)]);
    assert_refused(&[("output_too_large", kpl::aggregate(&[("k", &half), ("k", &half)]))]);
}

#[test]
fn what_does_not_decompress_is_refused_with_its_own_bytes() {
    let (packed, zipped) = (gzip(event(1).as_bytes()), zstd(event(1).as_bytes()));
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    let followed = |bytes: &[u8]| [bytes, b"{}"].concat();
    assert_refused(&[
        ("gzip_damaged", cut(&packed)),
        ("gzip_damaged", followed(&packed)),
        ("gzip_damaged", vec![0x1F, 0x8B]),
        ("zstd_damaged", cut(&zipped)),
        ("zstd_damaged", followed(&zipped)),
        ("zstd_damaged", vec![0x28, 0xB5, 0x2F, 0xFD]),
        ("zstd_dictionary", vec![0x28, 0xB5, 0x2F, 0xFD, 0x01, 0x50, 7, 1, 0, 0]),
        ("zstd_window", vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xFF, 1, 0, 0]),
        // One level of compression is taken off; what is below it is no text.
        ("not_utf8", vec![0xF3, 0x89, 0x9A]),
    ]);
    assert_eq!(outcome(gzip(&packed)), [refused("not_utf8", packed)]);
}

#[test]
fn a_damaged_payload_in_a_sound_aggregate_condemns_only_itself() {
    let packed = gzip(event(2).as_bytes());
    let cut = &packed[..packed.len() - 1];
    let (one, three) = (event(1), event(3));
    let aggregate =
        kpl::aggregate(&[("a", one.as_bytes()), ("b", cut), ("a", b""), ("a", three.as_bytes()), ("c", b"nonsense")]);
    assert_eq!(
        outcome(aggregate),
        [
            accepted(1),
            refused("gzip_damaged", cut),
            refused("empty_record", ""),
            accepted(3),
            refused("json_syntax", "nonsense")
        ]
    );
}

#[test]
fn a_damaged_aggregate_is_refused_as_a_whole() {
    let mut damaged = kpl::aggregate(&[("k", event(1).as_bytes())]).to_vec();
    damaged[20] ^= 1;
    assert_refused(&[
        ("kpl_checksum", damaged.clone()),
        ("kpl_checksum", damaged[..10].to_vec()),
        ("kpl_checksum", kpl::MAGIC.to_vec()),
        ("kpl_empty", kpl::aggregate(&[]).to_vec()),
    ]);
}

#[test]
fn what_the_invocation_could_not_hand_over_is_kept_as_it_was() {
    let undecodable = |reason| Record {
        sequence: 1_u64.into(),
        arrival: ARRIVAL,
        payload: Payload::Undecodable { original: Bytes::from_static(b"e30=!"), reason },
    };
    for (reason, code) in [(Reason::Base64, "base64"), (Reason::EventIdMalformed, "event_id_malformed")] {
        assert_eq!(
            rows(&[undecodable(reason.clone())]),
            [Row::Quarantine {
                sequence: "1".into(),
                sub: 0,
                reason: code.into(),
                detail: reason.detail(),
                arrival: ARRIVAL,
                payload: b"e30=!".to_vec(),
            }]
        );
    }
}

#[test]
fn a_refusal_says_what_and_where_and_the_limit_and_the_mend_and_nothing_of_the_input() {
    let detail = |data: &str| match judged(data) {
        Err((_, detail)) => detail,
        Ok(_) => panic!("{data} is an event"),
    };
    assert_eq!(
        detail(&document(ID, r#""secret""#, r#""1999-01-01T00:00:00Z""#)),
        "/time is more than 3660 days before the record's arrival; correct the producer's clock or unit"
    );
    assert_eq!(
        detail(&format!(r#"{{"id":{ID},"type":{TYPE},"secret":"secret","secret":0}}"#)),
        "the member at byte 78 has the name of an earlier one; name each member once"
    );
    assert_eq!(
        detail("{\n  \"secret\": secret\n}"),
        "not JSON near byte 14: a value is expected here; send one RFC 8259 object per event"
    );
    assert_eq!(
        detail(&format!("{}secret", "[".repeat(70))),
        "nested deeper than 64 levels at byte 64; flatten the event"
    );
    assert_eq!(
        detail(&document(ID, &format!(r#""{}""#, "secret".repeat(50)), TIME)),
        "/type has 300 bytes, the limit is 256; use a shorter name"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_record_is_lost_or_makes_the_transform_panic(
        head in prop::sample::select(vec![&b""[..], &[0x1F, 0x8B, 8, 0], &[0x28, 0xB5, 0x2F, 0xFD, 4], &kpl::MAGIC]),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let output = output(&[record(1, [head, &body].concat())]);
        prop_assert!(output.counts.delivered >= 1);
        prop_assert_eq!(rows_in(&output).len() as u64, output.counts.delivered);
    }

    #[test]
    fn a_bit_that_flips_anywhere_never_gives_an_event_that_was_not_sent(
        count in 1_u128..6, wrapping in 0..4, bit: prop::sample::Index,
    ) {
        let lines: Vec<_> = (0..count).map(event).collect();
        let text = lines.join("\n");
        let mut data = match wrapping {
            0 => gzip(text.as_bytes()),
            1 => zstd(text.as_bytes()),
            2 => kpl::aggregate(&lines.iter().map(|line| ("key", line.as_bytes())).collect::<Vec<_>>()).to_vec(),
            _ => kpl::aggregate(&[("key", &gzip(text.as_bytes())[..]), ("key", &zstd(text.as_bytes())[..])]).to_vec(),
        };
        let sent = rows(&[record(1, &data)]);
        let bit = bit.index(data.len() * 8);
        data[bit / 8] ^= 1 << (bit % 8);
        // What arrives is what was sent, or the damaged record in quarantine; a magic number that is hit lets the
        // rest pass for text, some lines of which can be whole documents of the sender's.
        for row in rows(&[record(1, &data)]) {
            if let Row::Event { id, kind, time, data, .. } = row {
                let same = |row: &Row| matches!(row, Row::Event { id: i, kind: k, time: t, data: d, .. }
                    if (i, k, t, d) == (&id, &kind, &time, &data));
                prop_assert!(sent.iter().any(same));
            }
        }
    }

    #[test]
    fn the_grammar_is_that_of_the_parser(text in "[\\[\\]{}\":,0-9eE.+\\-a\\\\u dDtrue\n]{0,24}") {
        // Wrapped, so that it is judged as part of an event; compared with the parser that looks into every value.
        let document = event(1).replace(r#""n":1"#, &format!(r#""n":{text}"#));
        let expected = serde_json::from_str::<serde_json::Value>(&document);
        if document.contains('\n') {
            // Lines may be documents of their own.
            return Ok(());
        }
        match judged(&document) {
            Ok(Row::Event { id: found, .. }) => {
                prop_assert!(expected.is_ok());
                prop_assert_eq!(found, id(1));
            }
            Err((code, _)) if code == "duplicate_key" => prop_assert!(expected.is_ok()),
            other => prop_assert!(expected.is_err(), "{:?}", other),
        }
    }
}
