//! Drafts of contracts from sample events.

use iguazu_transform::contract::{Contract, InferError, Source, TimeFormat, infer};
use proptest::prelude::*;

use crate::support::parse;

const ID: &str = "0190b6a4-3c1e-7c2a-9b1d-0242ac12000";

fn drafted(samples: &[String]) -> Result<Contract, InferError> {
    let samples: Vec<&[u8]> = samples.iter().map(String::as_bytes).collect();
    infer(&"orders".parse().unwrap(), &samples)
}

/// An event with these members beside a good envelope.
pub fn sample(at: usize, members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"id":"{ID}{at}","type":"t.{at}","time":"2026-11-21T12:30:00Z"{comma}{members}}}"#)
}

/// The draft of events with these members beside a good envelope.
fn of(members: &[&str]) -> Contract {
    let samples: Vec<String> = members.iter().enumerate().map(|(at, members)| sample(at, members)).collect();
    drafted(&samples).unwrap()
}

/// Each column as `name type`, with `!` where it is required.
fn columns(contract: &Contract) -> Vec<String> {
    let line = |it: &iguazu_transform::contract::Column| {
        format!("{} {}{}", it.name, it.kind, if it.required { "!" } else { "" })
    };
    contract.columns.iter().map(line).collect()
}

#[test]
fn a_column_has_the_narrowest_type_that_holds_every_sample() {
    for (values, expected) in [
        (&["1", "-2"][..], "x int64!"),
        (&["1", "null"], "x int64"),
        (&["9223372036854775807", "-9223372036854775808"], "x int64!"),
        (&["9223372036854775808"], "x decimal(38,0)!"),
        (&["1.50", "2"], "x decimal(18,2)!"),
        (&["1e3"], "x decimal(18,0)!"),
        (&["1.5e-3"], "x decimal(18,4)!"),
        (&["123456789012345678.5"], "x decimal(38,1)!"),
        (&["1e400"], "x json!"),
        (&["0.000000000000000000000000000000000000001"], "x json!"),
        (&["true", "false"], "x boolean!"),
        (&["\"2026-11-21\""], "x date!"),
        (&["\"2026-11-21T12:30:00.5+01:00\""], "x timestamp!"),
        (&["\"2026-11-21\"", "\"2026-11-21T12:30:00Z\""], "x string!"),
        (&["\"2026-02-30\""], "x string!"),
        (&["\"1\"", "1"], "x json!"),
        (&["true", "1"], "x json!"),
        (&["[1, 2]", "[]"], "x list<int64>!"),
        (&["[1, 2.5]", "[null]"], "x list<decimal(18,1)>!"),
        (&["[\"a\"]", "[\"2026-11-21\"]"], "x list<string>!"),
        (&["[]"], "x json!"),
        (&["[1, \"a\"]"], "x json!"),
        (&["[{}]"], "x json!"),
        (&["[[1]]"], "x json!"),
        (&["{}"], "x json!"),
        (&["{\"a\": 1}", "2"], "x json"),
    ] {
        let members: Vec<String> = values.iter().map(|value| format!("\"x\":{value}")).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        assert_eq!(columns(&of(&members)), [expected], "{values:?}");
    }
}

#[test]
fn columns_come_in_the_order_of_the_samples_and_are_named_by_their_path() {
    let draft = of(&[
        r#""zebra":1,"homeAddress":{"ZIPCode":"8000","a/b":null,"geo":{"lat":1.5}},"shard":2"#,
        r#""new":true,"zebra":3"#,
    ]);
    assert_eq!(
        columns(&draft),
        [
            "zebra int64!",
            "home_address_zip_code string",
            "home_address_geo_lat decimal(18,1)",
            "shard_2 int64",
            "new boolean"
        ]
    );
    let Source::Paths(paths) = &draft.columns[1].source else { panic!() };
    assert_eq!(paths[0].to_string(), "/homeAddress/ZIPCode");
}

#[test]
fn known_envelopes_are_recognized() {
    let cloud =
        format!(r#"{{"specversion":"1.0","id":"{ID}1","source":"/s","type":"a","time":"2026-11-21T12:30:00Z"}}"#);
    let draft = drafted(&[cloud]).unwrap();
    assert_eq!(draft.envelope, iguazu_transform::contract::Envelope::cloudevents());
    assert_eq!(columns(&draft), ["specversion string!", "source string!"]);
    let segment = r#"{"messageId":"ajs-1","type":"track","timestamp":"2026-11-21T12:30:00Z","event":"Clicked"}"#;
    let draft = drafted(&[segment.to_owned()]).unwrap();
    assert_eq!(draft.envelope, iguazu_transform::contract::Envelope::segment());
    assert_eq!(of(&[""]).envelope, iguazu_transform::contract::Envelope::iguazu());
}

#[test]
fn other_envelopes_are_found_by_their_names_and_values() {
    let sample = |at: u32| {
        format!(r#"{{"meta":{{"eventId":"{ID}{at}","ts":179526420000{at}}},"user_id":"{ID}0","event_name":"a"}}"#)
    };
    let draft = drafted(&[sample(1), sample(2)]).unwrap();
    assert_eq!(draft.envelope.id[0].to_string(), "/meta/eventId");
    assert_eq!((draft.envelope.id_namespace, draft.envelope.kind.to_string()), (None, "/event_name".to_owned()));
    assert_eq!(draft.envelope.time.to_string(), "/meta/ts");
    assert_eq!(draft.envelope.time_format, TimeFormat::EpochMillis);
    let sample = |at: u32| format!(r#"{{"id":"order-{at}","kind":"a","created_at":17952642{at}0}}"#);
    let draft = drafted(&[sample(1), sample(2)]).unwrap();
    assert_eq!(draft.envelope.id_namespace, Some(uuid::Uuid::NAMESPACE_URL));
    assert_eq!(draft.envelope.time_format, TimeFormat::EpochSeconds);
}

#[test]
fn types_of_event_are_listed_as_long_as_they_are_few() {
    let types = |count: usize| of(&vec![""; count]).types.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(types(2), ["t.0", "t.1"]);
    assert_eq!(types(10).len(), 10);
    let samples: Vec<String> = (0..51)
        .map(|at| {
            format!(
                r#"{{"id":"0190b6a4-3c1e-7c2a-9b1d-0242ac1200{at:02}","type":"t.{at}","time":"2026-11-21T12:30:00Z"}}"#
            )
        })
        .collect();
    assert_eq!(drafted(&samples[..50]).unwrap().types.len(), 50);
    assert_eq!(drafted(&samples).unwrap().types[0].as_str(), "*");
}

#[test]
fn what_is_not_found_is_said() {
    let error = |sample: &str| drafted(&[sample.to_owned()]).map(|_| ());
    assert_eq!(drafted(&[]).map(|_| ()), Err(InferError::NoSamples));
    assert_eq!(error("[]"), Err(InferError::NotAnObject { sample: 1, problem: "it is another JSON value" }));
    assert_eq!(error("{"), Err(InferError::NotAnObject { sample: 1, problem: "it is not JSON" }));
    assert_eq!(error("{}"), Err(InferError::NoId));
    assert_eq!(error(&format!(r#"{{"id":"{ID}1","time":"2026-11-21T12:30:00Z"}}"#)), Err(InferError::NoType));
    assert_eq!(error(&format!(r#"{{"id":"{ID}1","type":"a","time":7}}"#)), Err(InferError::NoTime));
    let many: String = (0..1001).map(|at| format!(r#","m{at}":1"#)).collect();
    assert_eq!(error(&format!(r#"{{"id":"{ID}1"{many}}}"#)), Err(InferError::TooManyMembers));
}

/// Any JSON.
pub fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        "\\PC{0,8}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    scalar.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(("[a-zA-Z_/~.0-9ä]{0,6}", inner), 0..5).prop_map(|all| {
                let members: Vec<String> = all.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_draft_is_sound_whatever_the_samples(values in prop::collection::vec(json(), 1..5)) {
        let members: Vec<String> = values.iter().map(|value| format!("\"x\":{value}")).collect();
        let draft = of(&members.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(parse(&draft.to_toml()), draft);
    }

    #[test]
    fn no_sample_makes_it_panic(samples in prop::collection::vec(prop_oneof![json(), "\\PC{0,40}"], 0..4)) {
        let _ = drafted(&samples);
    }
}

#[test]
fn samples_that_nest_without_end_overflow_nothing() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let _ = drafted(&[deep]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = drafted(&[deep]);
}
