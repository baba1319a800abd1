//! Whatever an invocation holds: each record with an identity ends in one place, once, with its original bytes, and
//! takes no neighbour with it; what has no identity is an error that says so without quoting the payload.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where its assumptions fail")]

mod support;

use iguazu_ingest::IngestError;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::host::Host;
use iguazu_transform::kpl;
use support::{
    EventRecord, Lake, SHARD, Seen, accepted, event, good, gzip, id, payload, refused, seen, sequence, zstd,
};

/// Delivers the payload three times, twice to one container and once to a cold one. The first delivery commits
/// exactly these rows, the others nothing, for no more than the one read that finds the chain's end.
#[track_caller]
fn assert_rows(payload: &[u8], mut expected: Vec<Seen>) -> Lake {
    expected.sort();
    let lake = Lake::new();
    let container = lake.handler();
    let first = lake.deliver(&container, payload).unwrap();
    assert_eq!(first.answer.unwrap().batch_item_failures.len(), 0);
    assert_eq!(shown(&lake.rows()), shown(&expected));
    let counts = first.report.counts;
    let quarantined = expected.iter().filter(|row| row.outcome.is_err()).count() as u64;
    assert_eq!((counts.delivered, counts.quarantined), (expected.len() as u64, quarantined));
    assert_eq!(counts.delivered, counts.accepted + counts.quarantined);
    assert_eq!(counts.records, first.report.offered);
    let objects = lake.object_count();
    for (container, reads_max) in [(container, 0), (lake.handler(), lake.chains().len() as u64)] {
        let again = lake.deliver(&container, payload).unwrap();
        assert!(again.answer.is_ok());
        let tally = again.report.tally;
        assert_eq!((again.report.commits, again.report.trimmed), (0, first.report.offered), "{tally:?}");
        assert_eq!((tally.newest_reads, tally.row_reads, tally.id_reads), (reads_max, 0, 0));
        assert_eq!(lake.object_count(), objects, "a second delivery stored something");
    }
    lake
}

/// Rows as a failed assertion can show them: long originals by their length.
fn shown(rows: &[Seen]) -> Vec<String> {
    let original = |bytes: &[u8]| match bytes.len() {
        0..300 => String::from_utf8_lossy(bytes).into_owned(),
        _ => format!("{} bytes, sum {}", bytes.len(), iguazu_lake::checksum::Sha256Sum::of(bytes)),
    };
    rows.iter()
        .map(|row| match &row.outcome {
            Ok(id) => format!("{}:{}.{} {id}", row.shard, row.sequence, row.sub),
            Err((reason, bytes)) => {
                format!("{}:{}.{} {reason}: {}", row.shard, row.sequence, row.sub, original(bytes))
            }
        })
        .collect()
}

/// The data of record 2, between two good neighbours, is quarantined whole.
#[track_caller]
fn assert_refused(reason: &str, data: impl AsRef<[u8]>) {
    let bad = EventRecord::new(SHARD, 2, &data).text();
    assert_rows(&payload(&[good(1), bad, good(3)]), vec![accepted(1), refused(2, reason, data), accepted(3)]);
}

/// Record 2, changed, between two good neighbours, is quarantined with these bytes.
#[track_caller]
fn assert_record_refused(change: impl FnOnce(&mut EventRecord), reason: &str, original: impl AsRef<[u8]>) -> Lake {
    let mut bad = EventRecord::new(SHARD, 2, event(2));
    change(&mut bad);
    let payload = payload(&[good(1), bad.text(), good(3)]);
    assert_rows(&payload, vec![accepted(1), refused(2, reason, original), accepted(3)])
}

#[track_caller]
fn assert_malformed(payload: &[u8], problem: &str) {
    let lake = Lake::new();
    let error = match lake.deliver(&lake.handler(), payload) {
        Err(error) => error,
        Ok(handled) => handled.answer.unwrap_err(),
    };
    let expected =
        format!("the invocation is malformed: {problem}; expected the event of a Kinesis event source mapping");
    assert_eq!(error.to_string(), expected);
    assert_eq!((lake.object_count(), lake.chains().len()), (0, 0), "nothing is written");
}

// --- The data of a record -----------------------------------------------------------------------------------------

#[test]
fn data_that_is_no_document_is_quarantined_with_its_bytes() {
    assert_refused("empty_record", "");
    assert_refused("empty_record", " \r\n\t");
    assert_refused("json_syntax", "hello");
    assert_refused("not_utf8", [b'"', 0xFF, 0xFE, b'"']);
    assert_refused("not_utf8", [0x00, 0xC0, 0xAF]);
    assert_refused("too_deep", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert_refused("too_deep", "{\"a\":".repeat(100_000));
    assert_refused("number_out_of_range", event(2).replace("\"n\":2", "\"n\":1e999"));
    assert_refused("not_an_object", "null");
}

#[test]
fn an_event_without_a_uuid_or_within_no_time_is_quarantined_with_its_bytes() {
    for other in ["", "2", "00000000000040008000000000000002", "{00000000-0000-4000-8000-000000000002}"] {
        assert_refused("id_not_a_uuid", event(2).replace(&id(2), other));
    }
    assert_refused("id_not_a_string", event(2).replace(&format!("\"{}\"", id(2)), "2"));
    assert_refused("id_missing", r#"{"type":"order","time":"2026-11-21T11:59:00Z"}"#);
    assert_refused("time_too_old", event(2).replace("2026-11-21", "0001-01-01"));
    assert_refused("time_too_new", event(2).replace("2026-11-21", "9999-12-31"));
    assert_refused("time_malformed", event(2).replace("2026-11-21", "10000-01-01"));
}

#[test]
fn damaged_wrappings_are_quarantined_with_their_bytes() {
    let cut = |bytes: &[u8], by: usize| bytes[..bytes.len() - by].to_vec();
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let aggregate = kpl::aggregate(&[("a", event(2).as_bytes()), ("b", event(4).as_bytes())]);
    let packed = gzip(event(2).as_bytes());
    assert_refused("kpl_checksum", cut(&aggregate, 1));
    assert_refused("kpl_checksum", cut(&aggregate, aggregate.len() - 5));
    assert_refused("kpl_checksum", flipped(&aggregate, 40));
    assert_refused("kpl_checksum", flipped(&aggregate, aggregate.len() - 1));
    assert_refused("kpl_empty", kpl::aggregate(&[]));
    assert_refused("gzip_damaged", cut(&packed, 1));
    assert_refused("gzip_damaged", flipped(&packed, packed.len() - 5));
    assert_refused("zstd_damaged", cut(&zstd(event(2).as_bytes()), 1));
}

#[test]
fn a_damaged_part_of_a_sound_aggregate_condemns_only_itself() {
    let cut = &gzip(event(9).as_bytes())[..20];
    let (first, packed) = (event(7), gzip(event(8).as_bytes()));
    let aggregate = kpl::aggregate(&[("a", first.as_bytes()), ("b", cut), ("a", &packed)]);
    let record = EventRecord::new(SHARD, 2, aggregate).text();
    let rows = vec![
        accepted(1),
        seen(SHARD, 2, 0, Ok(id(7))),
        seen(SHARD, 2, 1, Err(("gzip_damaged", cut))),
        seen(SHARD, 2, 2, Ok(id(8))),
    ];
    assert_rows(&payload(&[good(1), record]), rows);
}

#[test]
fn a_bomb_is_quarantined_as_it_came() {
    let zeros = vec![0; 40 << 20];
    assert_refused("output_too_large", gzip(&zeros));
    assert_refused("output_too_large", zstd(&zeros));
    assert_refused("output_too_large", kpl::aggregate(&[("k", &zstd(&zeros)[..])]));
}

#[test]
fn a_record_of_ten_mebibytes_is_quarantined_whole() {
    assert_refused("record_too_large", vec![b'x'; 10 << 20]);
}

// --- The members of a record --------------------------------------------------------------------------------------

#[test]
fn wrong_base64_is_quarantined_as_the_text_that_the_invocation_had() {
    for text in ["not base64!", "e30", "e30==", "e3 0=", "====", "e30=\u{e4}"] {
        assert_record_refused(|record| record.data = format!("\"{text}\""), "base64", text);
    }
    // The text itself, not the JSON that spelt it.
    let spelt = r#""a\u002fb\n\"\\c""#.to_owned();
    assert_record_refused(|record| record.data = spelt, "base64", "a/b\n\"\\c");
    // What spells no text is kept as it was spelt, since there is nothing else to keep.
    assert_record_refused(|record| record.data = r#""\ud800""#.to_owned(), "base64", r#""\ud800""#);
}

#[test]
fn data_that_is_missing_or_no_string_leaves_the_whole_record_in_quarantine() {
    for data in ["", "null", "7", "{\"a\":[]}", "[\"e30=\"]"] {
        let mut bad = EventRecord::new(SHARD, 2, "");
        bad.data = data.to_owned();
        let original = bad.text();
        assert_record_refused(|record| record.data = data.to_owned(), "record_malformed", original);
    }
}

#[test]
fn a_member_of_another_kind_leaves_the_data_in_quarantine() {
    for arrival in ["", "null", "\"noon\"", "{}", "1e300", "[1]"] {
        let lake = assert_record_refused(|record| record.arrival = arrival.to_owned(), "record_malformed", event(2));
        // Without a legible time of arrival it stands out under the epoch.
        assert!(lake.keys().iter().any(|key| key.starts_with("quarantine/year=1970/month=01/day=01/")), "{arrival}");
    }
    // The shard and the number are in the `eventID` as well.
    let number = |record: &mut EventRecord| record.sequence = record.sequence.replace('"', "");
    assert_record_refused(number, "record_malformed", event(2));
    // Whose record it is, its neighbours tell.
    assert_record_refused(|record| record.arn = "{}".to_owned(), "record_malformed", event(2));
}

#[test]
fn members_that_are_not_needed_may_be_missing() {
    let leave_out = |change: fn(&mut EventRecord)| {
        let mut record = EventRecord::new(SHARD, 2, event(2));
        change(&mut record);
        assert_rows(&payload(&[good(1), record.text()]), vec![accepted(1), accepted(2)]);
    };
    leave_out(|record| record.sequence.clear());
    leave_out(|record| record.arn.clear());
    leave_out(|record| record.arn = "null".to_owned());
}

#[test]
fn a_record_that_arrived_at_the_ends_of_time_is_filed_where_a_key_can_say_it() {
    for (arrival, reason, folder) in [
        // The event's types know no time before the epoch, so the record is malformed; its time is legible yet.
        ("-62135596800", "record_malformed", "quarantine/year=0001/month=01/day=01/"),
        ("0", "time_too_new", "quarantine/year=1970/month=01/day=01/"),
        ("253402300799.999", "time_too_old", "quarantine/year=9999/month=12/day=31/"),
        // Years that have no place in a key.
        ("253402300800", "time_too_old", "quarantine/mixed/"),
        ("8000000000000", "time_too_old", "quarantine/mixed/"),
    ] {
        let lake = assert_record_refused(|record| record.arrival = arrival.to_owned(), reason, event(2));
        assert!(lake.keys().iter().any(|key| key.starts_with(folder)), "{arrival}: {:?}", lake.keys());
    }
}

#[test]
fn an_event_id_of_another_form_is_quarantined_under_its_neighbours_shard() {
    let own = sequence(2);
    for event_id in [
        String::new(),
        "null".into(),
        "\"\"".into(),
        "\"shardId-000000000003\"".into(),
        format!("\":{own}\""),
        format!("\"{SHARD}:\""),
        format!("\"{SHARD}:0{own}\""),
        format!("\"{SHARD}:{own}x\""),
        format!("\"../../{SHARD}:{own}\""),
        format!("\"{SHARD} :{own}\""),
        // Not the record's own number: one of the two is wrong, and the record's is what Kinesis gave.
        format!("\"{SHARD}:{}\"", sequence(9)),
    ] {
        assert_record_refused(|record| record.event_id = event_id, "event_id_malformed", event(2));
    }
    // Of another kind, it also makes the record malformed; the first reason counts.
    assert_record_refused(|record| record.event_id = "7".into(), "event_id_malformed", event(2));
    let both = |record: &mut EventRecord| {
        record.event_id = "7".into();
        record.data = "\"!\"".into();
    };
    assert_record_refused(both, "event_id_malformed", "!");
}

// --- Identities ---------------------------------------------------------------------------------------------------

#[test]
fn records_without_an_identity_fail_the_invocation_and_nothing_is_guessed() {
    let alone = |change: fn(&mut EventRecord)| {
        let mut record = EventRecord::new(SHARD, 2, event(2));
        change(&mut record);
        payload(&[record.text()])
    };
    let no_shard = "record 0 has no shard in its eventID nor in any other's, and 0 more have no identity";
    assert_malformed(&alone(|record| record.event_id.clear()), no_shard);
    assert_malformed(&alone(|record| record.event_id = "\"secret\"".into()), no_shard);
    assert_malformed(
        &alone(|record| record.arn = "\"arn:aws:sqs:secret\"".into()),
        "record 0 has no stream in its eventSourceARN, and 0 more have no identity",
    );
    let no_number = |record: &mut EventRecord| {
        record.sequence = "\"-1\"".into();
    };
    assert_malformed(&alone(no_number), "record 0 has no sequence number, and 0 more have no identity");
    let records = ["null", "7", "\"secret\"", "{}", "[]"].map(str::to_owned);
    assert_malformed(&payload(&records), "record 0 has no stream in its eventSourceARN, and 4 more have no identity");
}

#[test]
fn neighbours_of_a_record_without_an_identity_are_committed_before_the_invocation_fails() {
    let lake = Lake::new();
    let container = lake.handler();
    let payload = payload(&[good(1), "{\"kinesis\":\"secret\"}".to_owned(), good(3)]);
    let error = lake.deliver(&container, &payload).unwrap().answer.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the invocation is malformed: record 1 has no sequence number, and 0 more have no identity; \
         expected the event of a Kinesis event source mapping"
    );
    assert_eq!(lake.rows(), [accepted(1), accepted(3)]);
    let again = lake.deliver(&container, &payload).unwrap();
    assert!(again.answer.is_err());
    assert_eq!((again.report.commits, lake.rows().len()), (0, 2));
}

#[test]
fn what_is_no_event_at_all_is_an_error_that_says_where() {
    for (payload, problem) in [
        ("", "no list of records at line 1, column 0"),
        ("secret", "no list of records at line 1, column 1"),
        ("null", "no list of records at line 1, column 4"),
        ("[[]]", "an array in place of an object"),
        ("{}", "no list of records at line 1, column 2"),
        ("{\"Records\":{}}", "no list of records at line 1, column 11"),
        ("{\"Records\":null}", "no list of records at line 1, column 15"),
        ("{\"records\":[]}", "no list of records at line 1, column 14"),
        ("{\"Records\":[{\"secret\":1]}", "no list of records at line 1, column 24"),
        ("{\"Records\":[]} secret", "no list of records at line 1, column 16"),
    ] {
        assert_malformed(payload.as_bytes(), problem);
    }
    assert_malformed(b"{\"Records\":[\"\xFF\"]}", "no list of records at line 1, column 14");
    assert!(matches!(Invocation::parse(&[b'['; 100_000]), Err(IngestError::Malformed { .. })));
}

#[test]
fn an_event_without_records_succeeds_and_writes_nothing() {
    let lake = assert_rows(b"{\"Records\":[]}", vec![]);
    assert_eq!((lake.object_count(), lake.chains().len()), (0, 0));
}

#[test]
fn records_of_two_shards_go_to_their_own_chains() {
    let other = "shardId-000000000004";
    // The same number in both: across shards it means nothing.
    let records = [good(1), EventRecord::new(other, 1, event(5)).text(), EventRecord::new(other, 2, "?").text()];
    let rows = vec![accepted(1), seen(other, 1, 0, Ok(id(5))), seen(other, 2, 0, Err(("json_syntax", b"?")))];
    let lake = assert_rows(&payload(&records), rows);
    let chains: Vec<_> = lake.chains().iter().map(ToString::to_string).collect();
    assert_eq!(chains, [SHARD, other].map(|shard| format!("shard.orders.1767225600000.{shard}")));
}

#[test]
fn a_record_that_an_invocation_holds_twice_is_committed_once() {
    let lake = Lake::new();
    let handled = lake.deliver(&lake.handler(), &payload(&[good(2), good(1), good(2)])).unwrap();
    assert!(handled.answer.is_ok());
    assert_eq!(lake.rows(), [accepted(1), accepted(2)]);
}

// --- Budgets ------------------------------------------------------------------------------------------------------

#[test]
fn a_budget_that_runs_out_is_answered_with_the_exact_number_to_go_on_from() {
    let mut lake = Lake::new();
    lake.settings.output_bytes_max = 1;
    lake.settings.partial_responses = true;
    let container = lake.handler();
    let mut rest: Vec<u64> = (1..=4).collect();
    let mut invocations = 0;
    while !rest.is_empty() {
        let records: Vec<_> = rest.iter().map(|&n| good(n)).collect();
        let handled = lake.deliver(&container, &payload(&records)).unwrap();
        invocations += 1;
        rest.remove(0);
        let failures = match rest.first() {
            Some(&next) => format!("[{{\"itemIdentifier\":\"{}\"}}]", sequence(next)),
            None => "[]".to_owned(),
        };
        let answer = serde_json::to_string(&handled.answer.unwrap()).unwrap();
        assert_eq!(answer, format!("{{\"batchItemFailures\":{failures}}}"));
        assert_eq!((handled.report.commits, handled.report.counts.records), (1, 1));
    }
    assert_eq!(invocations, 4);
    assert_eq!(lake.rows(), (1..=4).map(accepted).collect::<Vec<_>>());
}

#[test]
fn a_mapping_that_knows_no_partial_answers_gets_an_error_until_everything_is_committed_once() {
    let mut lake = Lake::new();
    lake.settings.output_bytes_max = 1;
    let container = lake.handler();
    let payload = payload(&[good(1), good(2), good(3)]);
    for _ in 0..2 {
        let error = lake.deliver(&container, &payload).unwrap().answer.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the first part of the batch is committed; the rest of its 1 shard(s) must be delivered again"
        );
    }
    let last = lake.deliver(&container, &payload).unwrap();
    assert_eq!(last.answer.unwrap().batch_item_failures.len(), 0);
    assert_eq!((last.report.trimmed, last.report.counts.records), (2, 1));
    assert_eq!(lake.rows(), [accepted(1), accepted(2), accepted(3)]);
    assert_eq!(lake.deliver(&container, &payload).unwrap().report.commits, 0);
}

#[test]
fn several_shards_in_one_invocation_never_get_a_partial_answer() {
    let mut lake = Lake::new();
    lake.settings.output_bytes_max = 1;
    lake.settings.partial_responses = true;
    let other = |n| EventRecord::new("shardId-000000000004", n, event(n)).text();
    let payload = payload(&[good(1), good(2), other(7), other(8)]);
    let container = lake.handler();
    let first = lake.deliver(&container, &payload).unwrap();
    assert_eq!(
        first.answer.unwrap_err().to_string(),
        "the first part of the batch is committed; the rest of its 2 shard(s) must be delivered again"
    );
    assert!(lake.deliver(&container, &payload).unwrap().answer.is_ok());
    assert_eq!(lake.rows().len(), 4);
}

#[test]
fn an_invocation_whose_time_is_over_writes_nothing() {
    let lake = Lake::new();
    let now = lake.machine.now();
    // With the margin of three seconds, a deadline in three seconds is now.
    for seconds in [0, 1, 3] {
        let deadline = now.plus(std::time::Duration::from_secs(seconds));
        let handled = lake.deliver_at(&lake.handler(), &payload(&[good(1)]), deadline);
        assert_eq!(
            handled.answer.unwrap_err().to_string(),
            format!(
                "stopped at 2026-11-21T12:00:01.000000Z, before the invocation's deadline {deadline}: \
                 raise the timeout or lower the batch size"
            )
        );
        assert!(handled.report.stopped);
        assert_eq!((lake.object_count(), lake.chains().len()), (0, 0));
    }
}

// --- Metrics ------------------------------------------------------------------------------------------------------

#[test]
fn the_metrics_are_valid_embedded_metrics() {
    let lake = Lake::new();
    let bad = EventRecord::new(SHARD, 2, "?").text();
    let report = lake.deliver(&lake.handler(), &payload(&[good(1), bad, good(3)])).unwrap().report;
    let line = report.embedded_metrics(lake.machine.now(), "Iguazu", "ingest", true);
    assert!(!line.contains('\n'), "one line an event");
    let root: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(root["_aws"]["Timestamp"], serde_json::json!(1_795_262_401_000_u64));
    let directives = root["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(directives.len(), 1);
    assert_eq!(directives[0]["Namespace"], "Iguazu");
    for dimension in directives[0]["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
        assert!(root[dimension.as_str().unwrap()].is_string(), "the dimension {dimension} has no value");
    }
    let metrics = directives[0]["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()), "CloudWatch takes a hundred");
    for metric in metrics {
        let name = metric["Name"].as_str().unwrap();
        assert!(root[name].is_number(), "the metric {name} has no value");
        assert!(["Count", "Bytes", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
    }
    // Every value is named by the directive: one that is not would be a log field that nobody can alarm on.
    let named = metrics.len() + 1 + 1;
    assert_eq!(root.as_object().unwrap().len(), named);
    for (name, value) in [
        ("offered_records", 3),
        ("delivered", 3),
        ("accepted", 2),
        ("quarantined", 1),
        ("trimmed", 0),
        ("commits", 1),
        ("conflicts", 0),
        ("failures", 1),
        ("files", 2),
        ("lag", 877),
    ] {
        assert_eq!(root[name], serde_json::json!(value), "{name}");
    }
}
