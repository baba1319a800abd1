//! A bounded run of the targets over their corpora, without instrumentation; and the corpora's generator.

#![expect(clippy::unwrap_used, reason = "a test may stop where its own assumptions fail")]

use std::io::Write;
use std::path::PathBuf;

use base64::Engine;
use iguazu_fuzz::mutate::{Draws, mutated};
use iguazu_transform::kpl;

const SEED: u64 = 1;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The files of a corpus in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Runs the seeds as they are, then inputs made of them. A failure names the input's number; the same seed makes it
/// again.
fn bounded(target: &str, runs: usize, length_max: usize, check: fn(&[u8])) {
    let seeds = corpus(target);
    assert!(seeds.len() > 5, "the corpus of {target} is missing");
    seeds.iter().for_each(|seed| check(seed));
    let mut draws = Draws::new(SEED);
    for number in 0..runs {
        let input = mutated(&seeds, &mut draws, length_max);
        if let Err(panic) = std::panic::catch_unwind(|| check(&input)) {
            let path = std::env::temp_dir().join(format!("iguazu-{target}-{number}"));
            std::fs::write(&path, &input).unwrap();
            println!("input {number} of seed {SEED} breaks {target}; it is kept in {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn mutated_invocations_hold_what_must_hold_for_any_input() {
    bounded("invocation", 3_000, 16 << 10, iguazu_fuzz::invocation);
}

#[test]
fn mutated_records_hold_what_must_hold_for_any_input() {
    bounded("kpl", 3_000, 8 << 10, iguazu_fuzz::kpl);
}

#[test]
fn mutated_events_hold_what_must_hold_for_any_input() {
    bounded("event", 4_000, 4 << 10, iguazu_fuzz::event);
}

#[test]
fn mutated_documents_are_taken_and_read_as_another_reader_does() {
    bounded("differential", 4_000, 1 << 10, iguazu_fuzz::differential);
}

#[test]
fn mutated_contracts_hold_what_must_hold_for_any_input() {
    bounded("contract", 3_000, 8 << 10, iguazu_fuzz::contract);
}

#[test]
fn a_seed_gives_the_same_inputs_again() {
    let seeds = corpus("kpl");
    let inputs = || {
        let mut draws = Draws::new(SEED);
        (0..50).map(|_| mutated(&seeds, &mut draws, 1 << 10)).collect::<Vec<_>>()
    };
    assert_eq!(inputs(), inputs());
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn event(n: u64) -> String {
    format!(r#"{{"id":"00000000-0000-4000-8000-{n:012x}","type":"order","time":"2026-11-21T11:59:0{n}.5Z","n":{n}}}"#)
}

/// A record of the event, as Lambda writes it; `data` is the text that stands for the record's bytes.
fn record(shard: u8, n: u8, data: &str) -> String {
    let sequence = format!("4959033827149025660855969253836157109592157598913658900{n}");
    format!(
        r#"{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"k","sequenceNumber":"{sequence}","data":"{data}","approximateArrivalTimestamp":1795262400.123}},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-00000000000{shard}:{sequence}","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::000000000000:role/ingest","awsRegion":"eu-central-1","eventSourceARN":"arn:aws:kinesis:eu-central-1:000000000000:stream/orders"}}"#
    )
}

fn records() -> Vec<(&'static str, Vec<u8>)> {
    let (one, two) = (event(1), event(2));
    let lines = format!("{one}\n{two}\r\n\n{}", event(3));
    let aggregate = kpl::aggregate(&[("a", one.as_bytes()), ("b", &gzip(lines.as_bytes())), ("a", &zstd(b"?"))]);
    vec![
        ("one_event", one.clone().into_bytes()),
        ("three_lines", lines.clone().into_bytes()),
        ("gzip_of_lines", gzip(lines.as_bytes())),
        ("zstd_of_lines", zstd(lines.as_bytes())),
        ("aggregate_of_two", kpl::aggregate(&[("a", one.as_bytes()), ("b", two.as_bytes())]).to_vec()),
        ("aggregate_of_everything", aggregate.to_vec()),
        ("aggregate_that_was_cut", aggregate[..aggregate.len() - 3].to_vec()),
        ("aggregate_of_nothing", kpl::aggregate(&[]).to_vec()),
        ("gzip_that_was_cut", gzip(one.as_bytes())[..40].to_vec()),
        ("gzip_bomb", gzip(&vec![b' '; 300 << 10])),
        ("zstd_bomb", zstd(&vec![b'['; 300 << 10])),
        ("deep", "[".repeat(100).into_bytes()),
        ("dates", [event(1), event(2).replace("-11-21", "-11-20"), event(3).replace("-11-", "-10-")].join("\n").into()),
        ("not_utf8", b"{\"id\":\"\xFF\"}".to_vec()),
        ("duplicate_name", one.replace("\"n\"", "\"\\u0069d\"").into_bytes()),
    ]
}

fn invocations() -> Vec<(&'static str, String)> {
    let base64 = |data: &[u8]| base64::engine::general_purpose::STANDARD.encode(data);
    let of = |name: &str| base64(&records().into_iter().find(|(known, _)| *known == name).unwrap().1);
    let good = record(0, 1, &of("one_event"));
    let event = |records: &[String]| format!("{{\"Records\":[{}]}}", records.join(","));
    let with = |old: &str, new: &str| event(&[record(0, 2, &of("one_event")).replace(old, new), good.clone()]);
    vec![
        ("good", event(std::slice::from_ref(&good))),
        ("kpl_with_gzip_inside", event(&[record(0, 2, &of("aggregate_of_everything")), good.clone()])),
        ("two_shards", event(&[good.clone(), record(1, 1, &of("gzip_of_lines"))])),
        ("the_same_record_twice", event(&[good.clone(), good.clone()])),
        ("wrong_base64", event(&[good.clone(), record(0, 2, "e30=\\n!")])),
        ("empty_data", event(&[good.clone(), record(0, 2, "")])),
        ("no_records", event(&[])),
        ("event_id_of_another_form", with("\"eventID\":\"shardId-", "\"eventID\":\"shardId:")),
        ("event_id_of_another_number", with("589002\",\"eventName", "589003\",\"eventName")),
        ("no_sequence_number", with("sequenceNumber", "number")),
        ("no_data", with("\"data\"", "\"date\"")),
        ("arrival_is_text", with("1795262400.123", "\"noon\"")),
        ("arrival_in_the_year_255000", with("1795262400.123", "8000000000000")),
        ("record_is_null", event(&["null".to_owned(), good.clone()])),
        ("cut", event(std::slice::from_ref(&good))[..300].to_owned()),
    ]
}

/// Events that reach every column of the contracts of the targets, and some that do not fit.
fn events() -> Vec<(&'static str, String)> {
    let order = |more: &str| {
        format!(
            r#"{{"id":"00000000-0000-4000-8000-000000000007","type":"order","time":"2026-11-21T11:59:00Z",{more}}}"#
        )
    };
    let full = r#""text":"caf\u00e9","label":" AbCdEfG ","small":-3,"n":"12","ratio":1.5e-3,"flag":true,"day":"2026-02-28","at":1795262340123,"url":"https://u@Shop.example:8443/a?b#c","email":" A@b.example ","card":"4111","raw":{"a":[1,null]},"tags":["x",null,"y"],"order":{"price":12.30,"wide":12345678901234567890.0123456789,"lines":[{"sku":"s","unitPrice":0.10,"seen":["2026-11-21T00:00:00Z"],"more":1},null]},"rest":{"b":[{}]}"#;
    let cloud = |more: &str| {
        format!(
            r#"{{"specversion":"1.0","source":"/shop","id":"a-1","type":"com.x","time":"2026-11-21T11:59:00+01:00"{more}}}"#
        )
    };
    vec![
        ("full", order(full)),
        ("nothing_but_nulls", order(r#""text":null,"label":null,"n":null,"order":null,"tags":null,"day":null"#)),
        ("coalesced", order(r#""label":null,"old":{"label":7,"other":1}"#)),
        ("filtered", order(r#""test":1.0"#)),
        ("wrong_types", order(r#""small":2147483648,"order":{"price":1.234}"#)),
        ("wrong_deep", order(r#""order":{"lines":[{"unitPrice":"x"}]}"#)),
        ("long_text", order(&format!(r#""text":"{}""#, "x".repeat(201)))),
        ("cloud", cloud(r#","data":{"amount":-1.5,"ok":"true"}"#)),
        ("cloud_twice", cloud(r#","data":{"amount":1},"data":{"amount":2}"#)),
        ("cloud_unknown", cloud(r#","data":{"other":1}"#)),
        ("cloud_number_id", cloud("").replace(r#""a-1""#, "17")),
    ]
}

/// Documents of every part of the grammar.
fn documents() -> Vec<(&'static str, &'static str)> {
    vec![
        ("object", r#"{"a":1,"b":{"c":[true,false,null]},"":{"":[]}}"#),
        ("array", r#"[1,[2,[3,{"a":[{}]}]],"x"]"#),
        ("numbers", r#"[0,-0,1.5,-1.5e10,1E+2,2e-308,123456789012345678901234567890,1.7976931348623157e308,0e999]"#),
        ("too_large", "[1e309]"),
        ("strings", r#"["","a\"b\\c\/\b\f\n\r\t","\u00e4\ud83d\ude00","äöü€𝄞"]"#),
        ("lone_surrogate", r#"{"a":"\ud83d"}"#),
        ("names", r#"{"a":1,"a":2,"\u0061":3,"a/b~c":4}"#),
        ("blanks", " \t{ \"a\" :\t[ 1 , 2 ] } "),
        ("text", r#""just a text""#),
        ("word", "true"),
        ("cut", r#"{"a":[1,2"#),
        ("long", r#"{"abcdefghijklmnop":"abcdefgh","abcdefghijklmnoq":"abcdefghi","abcdefghijklmno":12345678}"#),
    ]
}

/// Contracts: those of the targets, the one that shows everything, and some that are none.
fn contracts() -> Vec<(&'static str, String)> {
    let head = "table = \"t\"\nversion = 1\ntypes = [\"*\"]\n";
    let column = |text: &str| format!("{head}[[column]]\nname = \"a\"\npath = \"/a\"\n{text}\n");
    let rollup =
        "type = \"int64\"\n[[rollup]]\nname = \"r\"\nwindow = \"day\"\nby = [\"event_type\"]\nsum = { total = \"a\" }";
    vec![
        ("orders", include_str!("../../../contracts/orders.toml").to_owned()),
        ("everything", include_str!("../src/everything.toml").to_owned()),
        ("cloudevents", include_str!("../src/cloudevents.toml").to_owned()),
        ("least", head.to_owned()),
        ("deep_type", column(&format!("type = \"{}\"", "list<".repeat(40)))),
        ("unknown_type", column("type = \"strin\"\nrequired = 1")),
        ("rollup", column(rollup)),
        ("wrong_names", format!("{head}tables = 1\n[[column]]\nname = \"event_id\"\npth = \"/a\"\n")),
        ("no_toml", "table = [\n".to_owned()),
    ]
}

/// `cargo test -p iguazu-fuzz -- --ignored` writes the seeds again, after a change of the shapes above.
#[test]
#[ignore = "it writes the corpora"]
fn write_the_corpora() {
    for (name, data) in records() {
        std::fs::write(folder("kpl").join(name), data).unwrap();
    }
    for (name, text) in invocations() {
        std::fs::write(folder("invocation").join(name), text).unwrap();
    }
    for (name, text) in events() {
        std::fs::write(folder("event").join(name), text).unwrap();
    }
    for (name, text) in documents() {
        std::fs::write(folder("differential").join(name), text).unwrap();
    }
    for (name, text) in contracts() {
        std::fs::write(folder("contract").join(name), text).unwrap();
    }
}
