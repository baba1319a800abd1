//! The Lambda function as it is deployed: the real binary, with a server that plays Lambda around it.
//!
//! DynamoDB and S3 are the stand-ins of the conformance tests. Whatever a test is about, what its containers wrote
//! is searched for payloads and secrets when they end.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests: a panic is a finding, and servers and pipes need tasks of their own"
)]

mod cloud;
mod container;
mod event;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, Counts};
use iguazu_lake::host::Host;
use iguazu_lake::ids::SequenceSet;
use iguazu_lake::keys::Area;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{FileFormat, Parquet};
use serde_json::{Value, json};

use self::cloud::{Answer, Control, sound_mapping};
use self::container::{BINARY, Container, LAMBDA, Lake};
use self::event::{MARKER, document, payload, raw_record, record, sequence};

/// Four records: two good ones, one of two documents a line of which is bad, and one that is not even base64.
fn good_and_bad() -> Bytes {
    payload(&[
        record(1, document(1, 0)),
        record(2, format!("{}\n{{\"id\":\"{MARKER}\"}}", document(2, 0))),
        raw_record(3, &format!("!{MARKER}")),
        record(4, document(4, 0)),
    ])
}

fn assert_success(answer: &Answer) {
    assert_eq!((answer.kind.as_str(), &answer.body), ("response", &json!({ "batchItemFailures": [] })));
}

/// The message of an invocation that failed by our own word.
fn failure(answer: &Answer) -> &str {
    assert_eq!((answer.kind.as_str(), &answer.body["errorType"]), ("error", &json!("IngestError")), "{answer:?}");
    answer.body["errorMessage"].as_str().unwrap()
}

fn commit(row: &iguazu_lake::commit::Row) -> &Commit {
    let Body::Commit(commit) = &row.body else { panic!("{row:?}") };
    commit
}

#[tokio::test]
async fn good_and_bad_records_are_committed_and_reported() {
    let lake = Lake::new("committed").await;
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &[]).await;
    assert_success(&container.invoke(good_and_bad()).await);

    assert_eq!(lake.ledger.registry(None, 10).await.unwrap(), [Lake::chain()]);
    let rows = lake.rows().await;
    assert_eq!(rows.len(), 1);
    let commit = commit(&rows[0]);
    assert_eq!(commit.counts, Counts { records: 4, delivered: 5, accepted: 3, quarantined: 2 });
    let areas: Vec<_> = commit.files.iter().map(|file| (file.area.clone(), file.rows)).collect();
    assert_eq!(areas, [(Area::Raw("events".parse().unwrap()), 3), (Area::Quarantine, 2)]);
    let mut keys = Vec::new();
    let mut found = Vec::new();
    let mut bytes = 0;
    for file in &commit.files {
        let key = file.data_file(&Lake::chain(), rows[0].n, rows[0].attempt).key();
        let object = lake.objects.get(&key).await.unwrap().expect("the file is there");
        assert_eq!(Sha256Sum::of(&object.bytes), file.sha256, "{key}");
        found.extend_from_slice(Parquet.sequences(&object.bytes).unwrap().as_slice());
        bytes += object.bytes.len();
        keys.push(key);
    }
    keys.sort();
    assert_eq!(lake.keys().await, keys, "nothing else is in the bucket");
    let records: SequenceSet = (1..=4).map(sequence).collect();
    assert_eq!(found.into_iter().collect::<SequenceSet>(), records);

    let written = container.end().await;
    let metrics = written.metrics();
    assert_eq!(metrics.len(), 1);
    let expected = json!({
        "function": "ingest", "offered_records": 4, "delivered": 5, "accepted": 3, "quarantined": 2, "trimmed": 0,
        "commits": 1, "conflicts": 0, "failures": 0, "files": 2, "bytes": bytes,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(metrics[0][name], *value, "{name}");
    }
    assert_metric_format(metrics[0]);
    assert_eq!(written.stderr, "");
}

/// What CloudWatch asks of a line: each metric that it declares is a number at its root, each dimension a text.
fn assert_metric_format(line: &Value) {
    assert!(line["_aws"]["Timestamp"].is_u64());
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Iguazu");
    assert_eq!(directive["Dimensions"], json!([["function"]]));
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
        assert!(["Count", "Bytes", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
    }
}

#[tokio::test]
async fn the_same_invocation_again_changes_nothing_in_a_warm_container_and_in_a_cold_one() {
    let lake = Lake::new("repeated").await;
    let mut first = Container::start(&lake, Control::with(sound_mapping()), &[]).await;
    assert_success(&first.invoke(good_and_bad()).await);
    let (rows, keys) = (lake.rows().await, lake.keys().await);
    assert_eq!((rows.len(), keys.len()), (1, 2));
    assert_success(&first.invoke(good_and_bad()).await);
    let mut second = Container::start(&lake, Control::with(sound_mapping()), &[]).await;
    assert_success(&second.invoke(good_and_bad()).await);
    assert_eq!((lake.rows().await, lake.keys().await), (rows, keys));
    let trimmed = |metrics: &[&Value]| metrics.iter().map(|line| line["trimmed"].clone()).collect::<Vec<_>>();
    assert_eq!(trimmed(&first.end().await.metrics()), [0, 4]);
    assert_eq!(trimmed(&second.end().await.metrics()), [4]);
}

#[tokio::test]
async fn a_malformed_payload_is_answered_as_an_error_and_the_next_invocation_is_served() {
    let lake = Lake::new("malformed").await;
    // The most that can be logged, to see that payloads are not in that either.
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &[("IGUAZU_LOG", "trace")]).await;
    let expected = "expected the event of a Kinesis event source mapping";
    let not_utf_8 = [b"{\"Records\":[\"", MARKER.as_bytes(), b"\xff\"]}"].concat();
    let malformed: [(&str, Vec<u8>); 7] = [
        ("it is not JSON: EOF while parsing a value at line 1 column 0", Vec::new()),
        ("it is not JSON: expected value at line 1 column 1", MARKER.into()),
        ("it is not JSON: EOF while parsing a string", format!("{{\"Records\":\"{MARKER}").into()),
        ("it is not JSON: invalid unicode code point", not_utf_8),
        ("no list of records at line 1, column ", "{}".into()),
        ("no list of records at line 1, column ", format!("{{\"Records\":\"{MARKER}\"}}").into()),
        ("record 0 has no stream in its eventSourceARN", format!("{{\"Records\":[\"{MARKER}\"]}}").into()),
    ];
    let count = malformed.len();
    for (problem, payload) in malformed {
        let answer = container.invoke(payload).await;
        let message = failure(&answer);
        assert!(message.starts_with(&format!("the invocation is malformed: {problem}")), "{message}");
        assert!(message.ends_with(expected) && !message.contains(MARKER), "{message}");
    }
    assert_eq!(lake.rows().await, []);
    assert_success(&container.invoke(good_and_bad()).await);
    assert_eq!(lake.rows().await.len(), 1);
    let written = container.end().await;
    assert_eq!(written.messages("ERROR"), vec!["failed"; count], "each failure is logged once");
    let failures: Vec<_> = written.metrics().iter().map(|line| line["failures"].as_u64().unwrap()).collect();
    assert_eq!(failures, [vec![1; count], vec![0]].concat());
}

#[tokio::test]
async fn a_container_says_at_its_start_what_is_in_force_and_warns_of_an_unsound_mapping() {
    let lake = Lake::new("warned").await;
    let sound = Container::start(&lake, Control::with(sound_mapping()), &[("IGUAZU_TABLE", "orders")]).await;
    let written = sound.end().await;
    assert_eq!(written.messages("WARN"), Vec::<&str>::new());
    let expected = json!({
        "message": "started", "version": env!("CARGO_PKG_VERSION"), "function": "ingest", "region": "eu-west-1",
        "bucket": "warned", "s3_path_style": true, "ledger_table": "ledger", "tables": "orders v0", "output_mib_max": 64,
        "deadline_margin_ms": 3000, "metrics_namespace": "Iguazu", "log": "info", "partial_responses": true,
    });
    assert_eq!(*written.fields("started"), expected);

    let mut mapping = sound_mapping();
    mapping["ParallelizationFactor"] = json!(4);
    let written = Container::start(&lake, Control::with(mapping), &[]).await.end().await;
    let warnings = written.messages("WARN");
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let named = format!("the mapping of {} has a parallelization factor of 4: ", event::STREAM_ARN);
    assert!(warning.starts_with(&named), "{warning}");
}

#[tokio::test]
async fn a_lambda_api_that_never_answers_delays_the_start_but_does_not_prevent_it() {
    let lake = Lake::new("unanswered").await;
    let control = Control { mappings: None, ..Control::with(sound_mapping()) };
    let mut container = Container::start(&lake, control, &[]).await;
    assert_success(&container.invoke(good_and_bad()).await);
    let written = container.end().await;
    let warnings = written.messages("WARN");
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.starts_with("the event source mappings of this function were not told within 3s"), "{warning}");
    assert_eq!(written.fields("started")["partial_responses"], false);
}

/// Three records, of which the first two are more than a budget of 1 MiB.
fn beyond_the_budget() -> Bytes {
    let large = |n| record(n, document(n, 600 << 10));
    payload(&[large(1), large(2), large(3)])
}

#[tokio::test]
async fn a_batch_beyond_the_budget_is_answered_with_the_first_record_that_is_left() {
    let lake = Lake::new("partial").await;
    let budget = [("IGUAZU_OUTPUT_MIB_MAX", "1")];
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &budget).await;
    let answer = container.invoke(beyond_the_budget()).await;
    let left = json!({ "batchItemFailures": [{ "itemIdentifier": sequence(3).to_string() }] });
    assert_eq!((answer.kind.as_str(), &answer.body), ("response", &left));
    assert_eq!(commit(&lake.rows().await[0]).counts.records, 2);
    container.end().await;
}

#[tokio::test]
async fn without_report_batch_item_failures_a_batch_beyond_the_budget_fails_until_all_of_it_is_committed() {
    let lake = Lake::new("unfinished").await;
    let mut mapping = sound_mapping();
    mapping["FunctionResponseTypes"] = json!([]);
    let budget = [("IGUAZU_OUTPUT_MIB_MAX", "1")];
    let mut container = Container::start(&lake, Control::with(mapping), &budget).await;
    let answer = container.invoke(beyond_the_budget()).await;
    let message = failure(&answer);
    assert!(message.starts_with("the first part of the batch is committed"), "{message}");
    assert_success(&container.invoke(beyond_the_budget()).await);
    let records: Vec<_> = lake.rows().await.iter().map(|row| commit(row).counts.records).collect();
    assert_eq!(records, [2, 1]);
    let written = container.end().await;
    assert!(written.messages("WARN")[0].contains("does not report batch item failures"));
}

#[tokio::test]
async fn an_invocation_stops_by_itself_before_its_deadline_and_commits_nothing() {
    let lake = Lake::new("deadline").await;
    let control = Control::with(sound_mapping());
    let silent = control.kinesis_silent.clone();
    let mut container = Container::start(&lake, control, &[]).await;

    // Less time than the margin, which is three seconds.
    silent.send_replace(true);
    let answer = container.invoke_within(good_and_bad(), Duration::from_secs(2)).await;
    assert!(failure(&answer).starts_with("stopped at "), "{answer:?}");

    // Time enough, had Kinesis answered.
    let deadline = SystemHost.now().plus(Duration::from_secs(4));
    let answer = container.invoke_within(good_and_bad(), Duration::from_secs(4)).await;
    assert!(failure(&answer).contains("before the invocation's deadline"), "{answer:?}");
    assert!(answer.at < deadline, "answered at {}, too late for {deadline}", answer.at);

    assert_eq!((lake.rows().await, lake.keys().await), (vec![], vec![]));
    silent.send_replace(false);
    assert_success(&container.invoke(good_and_bad()).await);
    assert_eq!(lake.rows().await.len(), 1);
    let written = container.end().await;
    let failures: Vec<_> = written.metrics().iter().map(|line| line["failures"].as_u64().unwrap()).collect();
    assert_eq!(failures, [1, 1, 0]);
}

#[tokio::test]
async fn what_a_mapping_gave_up_is_committed_in_parts_and_under_its_own_ids_when_s3_tells_of_it() {
    let lake = Lake::new("redriven").await;
    let budget = [("IGUAZU_OUTPUT_MIB_MAX", "1")];
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &budget).await;
    let given_up = json!({
        "version": "1.0",
        "requestContext": { "condition": "RetryAttemptsExhausted" },
        "payload": String::from_utf8(beyond_the_budget().to_vec()).unwrap(),
    });
    let (bucket, key) = ("given-up", "aws/lambda/3f0c/2026-01-01T00.00.00 a+b.json");
    lake.leave(bucket, key, given_up.to_string()).await;
    let notice = json!({ "Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": bucket }, "object": { "key": key.replace('+', "%2B").replace(' ', "+") } },
    }] });
    let answer = container.invoke(notice.to_string()).await;
    // The second turn finds two of the three in a row.
    let all = json!({ "redriven": 1, "redrive_failures": 0, "committed": 3, "held_already": 2 });
    assert_eq!((answer.kind.as_str(), &answer.body), ("response", &all));
    let records: Vec<_> = lake.rows().await.iter().map(|row| commit(row).counts.records).collect();
    assert_eq!(records, [2, 1]);

    // The mapping delivers it after all, and somebody asks once more.
    assert_success(&container.invoke(beyond_the_budget()).await);
    let by_hand = json!({ "redrive": { "bucket": bucket, "key": key } });
    let answer = container.invoke(by_hand.to_string()).await;
    let again = json!({ "redriven": 1, "redrive_failures": 0, "committed": 0, "held_already": 3 });
    assert_eq!((answer.kind.as_str(), &answer.body), ("response", &again));
    assert_eq!(lake.rows().await.len(), 2);
    let written = container.end().await;
    let redriven: Vec<_> = written.metrics().iter().filter_map(|line| line["redriven"].as_u64()).collect();
    assert_eq!(redriven, [1, 1]);
}

#[tokio::test]
async fn an_object_that_cannot_be_driven_again_fails_the_invocation_and_says_which() {
    let lake = Lake::new("not-redriven").await;
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &[]).await;
    lake.leave("given-up-too", "summary.json", json!({ "note": MARKER }).to_string()).await;
    for (key, why) in [("summary.json", "it has no member `payload`"), ("nothing.json", "NoSuchKey")] {
        let by_hand = json!({ "redrive": { "bucket": "given-up-too", "key": key } });
        let answer = container.invoke(by_hand.to_string()).await;
        let message = failure(&answer);
        let named = format!("s3://given-up-too/{key} could not be driven again");
        assert!(message.starts_with(&named) && message.contains(why), "{message}");
    }
    assert_eq!(lake.rows().await, []);
    let written = container.end().await;
    let failures: Vec<_> = written.metrics().iter().map(|line| line["redrive_failures"].clone()).collect();
    assert_eq!(failures, [1, 1]);
    assert_eq!(written.messages("ERROR"), ["not driven again"; 2]);
}

/// A contract that hashes with the secret `pii`.
fn contract_with_a_secret() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = "table = \"orders\"\nversion = 1\ntypes = [\"order.*\"]\n\n[[column]]\nname = \"note\"\n\
                path = \"/note\"\ntype = \"string\"\nsteps = [{ hmac_sha256 = \"pii\" }]\n";
    std::fs::write(folder.path().join("orders.toml"), text).unwrap();
    folder
}

#[tokio::test]
async fn a_secret_is_fetched_by_its_arn_at_the_start_and_is_in_no_log() {
    let lake = Lake::new("secret").await;
    let folder = contract_with_a_secret();
    let contracts = folder.path().to_str().unwrap();
    let variables =
        [("IGUAZU_CONTRACTS", contracts), ("IGUAZU_SECRET_PII", event::SECRET_ARN), ("IGUAZU_LOG", "trace")];
    let mut container = Container::start(&lake, Control::with(sound_mapping()), &variables).await;
    assert_success(&container.invoke(payload(&[record(1, document(1, 0))])).await);
    let counts = commit(&lake.rows().await[0]).counts;
    assert_eq!(counts, Counts { records: 1, delivered: 1, accepted: 1, quarantined: 0 });
    // The end looks for the marker, which is what the secret holds.
    container.end().await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_ends_the_process_and_says_which() {
    let folder = contract_with_a_secret();
    let cloud = cloud::Cloud::start(Control::with(sound_mapping())).await;
    let endpoint = format!("http://{}", cloud.address);
    let mut variables: Vec<_> = LAMBDA.iter().map(|(name, value)| (*name, OsStr::new(value))).collect();
    let arn = event::SECRET_ARN.replace("customer", "other");
    variables.extend([
        ("IGUAZU_BUCKET", OsStr::new("lake")),
        ("IGUAZU_LEDGER_TABLE", OsStr::new("ledger")),
        ("IGUAZU_CONTRACTS", folder.path().as_os_str()),
        ("IGUAZU_SECRET_PII", OsStr::new(&arn)),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", OsStr::new(&endpoint)),
    ]);
    let variables: Vec<(&'static str, std::ffi::OsString)> =
        variables.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    let said = tokio::task::spawn_blocking(move || {
        refused(&variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect::<Vec<_>>())
    });
    let said = said.await.unwrap();
    assert!(
        said.contains(&format!("IGUAZU_SECRET_PII is {arn}: expected a secret that the function may read")),
        "{said}"
    );
    assert!(said.contains("ResourceNotFoundException"), "{said}");
}

/// Runs the binary in an environment in which it must not begin; returns what it says.
fn refused(variables: &[(&str, &OsStr)]) -> String {
    let output =
        std::process::Command::new(BINARY).env_clear().envs(variables.iter().copied()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_wrong_configuration_ends_the_process_with_every_problem_on_standard_error() {
    let mut variables: Vec<_> = LAMBDA.iter().map(|(name, value)| (*name, OsStr::new(value))).collect();
    variables.extend([
        ("IGUAZU_BUKKET", OsStr::new("lake")),
        ("IGUAZU_OUTPUT_MIB_MAX", OsStr::new("many")),
        ("IGUAZU_TABLE", OsStr::from_bytes(b"event\xff")),
        ("NOBODY_READS_THIS", OsStr::from_bytes(b"\xff")),
    ]);
    let said = refused(&variables);
    let lines: Vec<_> = said.lines().map(str::trim_start).collect();
    assert_eq!(lines[0], "iguazu-ingest: the configuration has 5 problem(s)");
    assert!(lines[1].starts_with("IGUAZU_BUKKET is not known: expected one of IGUAZU_BUCKET, "), "{said}");
    assert_eq!(
        lines[2..],
        [
            "IGUAZU_BUCKET is not set: expected the name of the lake's S3 bucket",
            "IGUAZU_LEDGER_TABLE is not set: expected the name of the ledger's DynamoDB table",
            "IGUAZU_OUTPUT_MIB_MAX is \"many\": expected 1 to 1024 (MiB)",
            "IGUAZU_TABLE is not valid UTF-8",
        ]
    );
}

#[test]
fn outside_of_lambda_the_process_says_what_lambda_would_have_set() {
    let said = refused(&[("IGUAZU_BUCKET", OsStr::new("lake")), ("IGUAZU_LEDGER_TABLE", OsStr::new("ledger"))]);
    let named = ["RUNTIME_API", "FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE"];
    assert_eq!(said.lines().count(), 1 + named.len(), "{said}");
    assert!(named.iter().all(|name| said.contains(&format!("AWS_LAMBDA_{name} is not "))), "{said}");
}
