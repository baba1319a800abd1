//! What an event is, and how the documents of a record are found.

use iguazu_lake::ids::Timestamp;
use iguazu_transform::{Limits, kpl};
use proptest::prelude::*;

use crate::support::{
    ARRIVAL, Row, accepted, catalog_within, event, gzip, judged, outcome, outcome_by, record, refused, rows,
    wide_sequence, zstd,
};

fn data_of(document: &str) -> String {
    match judged(document) {
        Ok(Row::Event { data, .. }) => data,
        other => panic!("{document} is no event: {other:?}"),
    }
}

#[test]
fn an_event_keeps_everything_that_has_no_column_byte_for_byte() {
    let document = "\n{ \"b\" : 12345678901234567890.10 , \"type\":\"caf\\u00e9 \u{1F600}\", \"\\u0061\": [ 1,\n2 ] ,\
                    \"time\":\"2026-11-21T13:59:00.25+02:00\",\"z\":{\"id\":1e-999},\
                    \"\\u0069d\":\"67E55044-10B1-426F-9247-BB680E5FE0C8\",\"c\":\"\\/\\ud83d\\ude00\"}\n";
    let mut arrived = record(0, document);
    arrived.sequence = wide_sequence(7);
    assert_eq!(
        rows(&[arrived]),
        [Row::Event {
            sequence: wide_sequence(7).to_string(),
            sub: 0,
            id: "67e55044-10b1-426f-9247-bb680e5fe0c8".into(),
            kind: "café \u{1F600}".into(),
            time: Timestamp::from_millis(ARRIVAL.millis() - 60_000 + 250),
            arrival: ARRIVAL,
            data: "{\"b\":12345678901234567890.10,\"\\u0061\":[ 1,\n2 ],\"z\":{\"id\":1e-999},\
                   \"c\":\"\\/\\ud83d\\ude00\"}"
                .into(),
        }]
    );
}

#[test]
fn an_event_of_nothing_else_has_an_empty_object() {
    assert_eq!(data_of(&event(1).replace(r#","n":1"#, "")), "{}");
    assert_eq!(data_of(&event(1)), r#"{"n":1}"#);
    assert_eq!(data_of(&event(1).replace(r#""n""#, r#""""#)), r#"{"":1}"#);
}

#[test]
fn digits_are_kept_however_many() {
    let digits = "9".repeat(300);
    assert_eq!(data_of(&event(1).replace(r#""n":1"#, &format!(r#""n":{digits}"#))), format!(r#"{{"n":{digits}}}"#));
}

#[test]
fn lines_are_documents_and_a_bad_one_is_refused_alone() {
    let (one, two) = (event(1), event(2));
    assert_eq!(outcome(&one), [accepted(1)]);
    assert_eq!(outcome(format!("{one}\n")), [accepted(1)]);
    assert_eq!(outcome(format!("{one}\r\n\r\n \t\n{two}\r\n")), [accepted(1), accepted(2)]);
    assert_eq!(
        outcome(format!("{one}\noops\r\n{two}\n17")),
        [accepted(1), refused("json_syntax", "oops"), accepted(2), refused("not_an_object", "17")]
    );
    assert_eq!(outcome(format!("oops\n{two}")), [refused("json_syntax", "oops"), accepted(2)]);
    assert_eq!(outcome(format!("oops\n\nonce more\n{two}")).len(), 3);
    let not_text = [one.as_bytes(), b"\n\xFF\n", two.as_bytes()].concat();
    assert_eq!(outcome(not_text), [accepted(1), refused("not_utf8", b"\xFF"), accepted(2)]);
}

#[test]
fn a_document_may_span_lines() {
    let pretty = event(1).replace(',', ",\n  ").replace('{', "{\r\n");
    assert_eq!(outcome(&pretty), [accepted(1)]);
    // Its lines are documents by themselves, and it still is one.
    assert_eq!(outcome("[\n1,\n2\n]"), [refused("not_an_object", "[\n1,\n2\n]")]);
    // A document that is refused is still one document, and its lines are not judged.
    let huge = "[\n1\n,\n1e999\n]";
    assert_eq!(outcome(huge), [refused("number_out_of_range", huge)]);
}

#[test]
fn text_without_a_single_document_is_refused_as_a_whole() {
    let log = "started\nfailed: {oops}\nstopped\n";
    assert_eq!(outcome(log), [refused("json_syntax", log)]);
    let cut = event(1).replace(',', ",\n");
    assert_eq!(outcome(&cut[..cut.len() - 1]), [refused("json_syntax", &cut[..cut.len() - 1])]);
}

#[test]
fn wrappings_are_taken_off_one_level_each_in_order() {
    let (lines, three) = (format!("{}\n{}", event(1), event(2)), event(3));
    assert_eq!(outcome(gzip(lines.as_bytes())), [accepted(1), accepted(2)]);
    assert_eq!(outcome(zstd(lines.as_bytes())), [accepted(1), accepted(2)]);
    let aggregate = kpl::aggregate(&[
        ("a", &gzip(lines.as_bytes())),
        ("b", three.as_bytes()),
        ("a", &zstd(event(4).as_bytes())),
        ("c", event(5).as_bytes()),
    ]);
    assert_eq!(outcome(&aggregate), [1, 2, 3, 4, 5].map(accepted));
    // The other way round is no order that a producer writes.
    assert_eq!(outcome(gzip(&aggregate)), [refused("not_utf8", &aggregate)]);
}

#[test]
fn a_long_text_of_lines_takes_time_in_proportion_to_its_length() {
    // Were each line to be read together with all that follow it, this would take hours.
    let limits = Limits { events_per_record_max: 200_000, ..Limits::default() };
    let text = "[\n".repeat(100_000) + &"1\n".repeat(90_000);
    assert_eq!(outcome_by(&catalog_within(limits, |_| ()), gzip(text.as_bytes())).len(), 190_000);
}

proptest! {
    #[test]
    fn documents_come_apart_as_they_were_put_together(
        groups in prop::collection::vec((0..4_u8, prop::collection::vec(any::<u32>(), 1..5)), 1..5),
    ) {
        let payloads: Vec<_> = groups.iter().map(|(wrapping, numbers)| {
            let lines: Vec<_> = numbers.iter().map(|&number| event(number.into())).collect();
            match wrapping {
                0 => gzip(lines.join("\n").as_bytes()),
                1 => zstd(lines.join("\r\n").as_bytes()),
                _ => lines.join("\n\n").into_bytes(),
            }
        }).collect();
        let expected: Vec<_> = groups.iter().flat_map(|(_, numbers)| numbers).map(|&n| accepted(n.into())).collect();
        let aggregate = kpl::aggregate(&payloads.iter().map(|payload| ("key", &payload[..])).collect::<Vec<_>>());
        prop_assert_eq!(outcome(aggregate), expected);
    }
}
