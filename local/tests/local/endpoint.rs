//! The endpoint's operations, in both protocols.

use ciborium::Value as Cbor;
use iguazu_local::endpoint::operations::Endpoint;
use iguazu_local::endpoint::wire::{Codec, Refusal};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stream::store;

async fn endpoint(shards: u32, limited: bool) -> (TempDir, Endpoint) {
    let (folder, writer) = store(shards, limited).await;
    let endpoint = Endpoint::new(writer, &folder.path().join("stream.sqlite"), 24).unwrap();
    (folder, endpoint)
}

async fn ask(endpoint: &Endpoint, operation: &str, request: Value) -> Result<Value, Refusal> {
    let body = endpoint.perform(operation, Codec::Json, request.to_string().as_bytes()).await?;
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

async fn records(endpoint: &Endpoint, shard: &str, kind: &str, more: Value) -> Vec<Value> {
    let mut request = json!({ "StreamName": "events", "ShardId": shard, "ShardIteratorType": kind });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    let iterator = ask(endpoint, "GetShardIterator", request).await.unwrap();
    let answer = ask(endpoint, "GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await.unwrap();
    answer["Records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_put_is_got_from_every_kind_of_iterator() {
    let (_folder, endpoint) = endpoint(1, false).await;
    let put = json!({ "StreamName": "events", "Records": [
        { "PartitionKey": "a", "Data": "Zmlyc3Q=" }, { "PartitionKey": "b", "Data": "c2Vjb25k" },
    ] });
    let answer = ask(&endpoint, "PutRecords", put).await.unwrap();
    assert_eq!((&answer["FailedRecordCount"], answer["Records"].as_array().unwrap().len()), (&json!(0), 2));
    let one =
        json!({ "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events", "PartitionKey": "c", "Data": "" });
    let single = ask(&endpoint, "PutRecord", one).await.unwrap();
    assert_eq!(single["ShardId"], "shardId-000000000000");

    let shard = "shardId-000000000000";
    let all = records(&endpoint, shard, "TRIM_HORIZON", json!({})).await;
    let data: Vec<_> = all.iter().map(|record| record["Data"].as_str().unwrap()).collect();
    assert_eq!(data, ["Zmlyc3Q=", "c2Vjb25k", ""]);
    assert_eq!(all[1]["SequenceNumber"], answer["Records"][1]["SequenceNumber"]);
    let second = json!({ "StartingSequenceNumber": all[1]["SequenceNumber"] });
    assert_eq!(records(&endpoint, shard, "AT_SEQUENCE_NUMBER", second.clone()).await, all[1..]);
    assert_eq!(records(&endpoint, shard, "AFTER_SEQUENCE_NUMBER", second).await, all[2..]);
    assert_eq!(records(&endpoint, shard, "AT_TIMESTAMP", json!({ "Timestamp": 1_000_000_000.5 })).await, all);
    assert_eq!(records(&endpoint, shard, "LATEST", json!({})).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_closed_shard_ends_with_its_children() {
    let (_folder, endpoint) = endpoint(1, false).await;
    let put = json!({ "StreamName": "events", "PartitionKey": "a", "Data": "e30=" });
    ask(&endpoint, "PutRecord", put).await.unwrap();
    let at = json!({ "StreamName": "events", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "77" });
    ask(&endpoint, "SplitShard", at).await.unwrap();
    let start =
        json!({ "StreamName": "events", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = ask(&endpoint, "GetShardIterator", start).await.unwrap();
    let end = ask(&endpoint, "GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await.unwrap();
    assert_eq!((end["Records"].as_array().unwrap().len(), end.get("NextShardIterator")), (1, None));
    assert_eq!(end["ChildShards"][1]["HashKeyRange"]["StartingHashKey"], "77");
    let shards = ask(&endpoint, "ListShards", json!({ "StreamName": "events" })).await.unwrap();
    let parents: Vec<_> = shards["Shards"].as_array().unwrap().iter().map(|shard| shard.get("ParentShardId")).collect();
    assert_eq!(parents, [None, Some(&json!("shardId-000000000000")), Some(&json!("shardId-000000000000"))]);
    let page = ask(&endpoint, "ListShards", json!({ "StreamName": "events", "MaxResults": 2 })).await.unwrap();
    let rest = ask(&endpoint, "ListShards", json!({ "NextToken": page["NextToken"] })).await.unwrap();
    assert_eq!((rest["Shards"].as_array().unwrap().len(), rest.get("NextToken")), (1, None));
    let merge = json!({ "StreamName": "events", "ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": "shardId-000000000002" });
    ask(&endpoint, "MergeShards", merge).await.unwrap();
    let scale = json!({ "StreamName": "events", "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING" });
    ask(&endpoint, "UpdateShardCount", scale).await.unwrap();
    let summary = ask(&endpoint, "DescribeStreamSummary", json!({ "StreamName": "events" })).await.unwrap();
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!((&summary["OpenShardCount"], &summary["StreamCreationTimestamp"]), (&json!(2), &json!(1_795_219_200.0)));
}

#[tokio::test]
async fn cbor_carries_bytes_and_tagged_times() {
    let (_folder, endpoint) = endpoint(1, false).await;
    let text = |text: &str| Cbor::Text(text.to_owned());
    let ask = |operation: &'static str, request: Cbor| {
        let mut body = Vec::new();
        ciborium::into_writer(&request, &mut body).unwrap();
        let endpoint = &endpoint;
        async move {
            let answer = endpoint.perform(operation, Codec::Cbor, &body).await.unwrap();
            ciborium::from_reader::<Cbor, _>(&answer[..]).unwrap()
        }
    };
    let field = |value: &Cbor, name: &str| {
        let map = value.as_map().unwrap();
        map.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value.clone()).unwrap()
    };
    let record = Cbor::Map(vec![(text("PartitionKey"), text("a")), (text("Data"), Cbor::Bytes(vec![0, 255, 7]))]);
    ask(
        "PutRecords",
        Cbor::Map(vec![(text("StreamName"), text("events")), (text("Records"), Cbor::Array(vec![record]))]),
    )
    .await;
    let start = Cbor::Map(vec![
        (text("StreamName"), text("events")),
        (text("ShardId"), text("shardId-000000000000")),
        (text("ShardIteratorType"), text("AT_TIMESTAMP")),
        (text("Timestamp"), Cbor::Tag(1, Box::new(Cbor::Integer(1_000_000_000_000_u64.into())))),
    ]);
    let iterator = field(&ask("GetShardIterator", start).await, "ShardIterator");
    let answer = ask("GetRecords", Cbor::Map(vec![(text("ShardIterator"), iterator)])).await;
    let record = field(&answer, "Records").as_array().unwrap()[0].clone();
    assert_eq!(field(&record, "Data"), Cbor::Bytes(vec![0, 255, 7]));
    assert!(matches!(field(&record, "ApproximateArrivalTimestamp"), Cbor::Tag(1, ms) if ms.is_integer()));
}

#[tokio::test]
async fn throttled_records_are_told_apart_from_those_that_were_put() {
    let (_folder, endpoint) = endpoint(1, true).await;
    let mut failed = 0;
    for _ in 0..4 {
        let entries: Vec<_> = (0..500).map(|_| json!({ "PartitionKey": "a", "Data": "e30=" })).collect();
        let answer = ask(&endpoint, "PutRecords", json!({ "StreamName": "events", "Records": entries })).await.unwrap();
        let refused: Vec<_> =
            answer["Records"].as_array().unwrap().iter().filter(|one| one.get("ErrorCode").is_some()).collect();
        assert_eq!(answer["FailedRecordCount"], refused.len());
        assert!(refused.iter().all(|one| one["ErrorCode"] == "ProvisionedThroughputExceededException"));
        failed += refused.len();
    }
    let got = records(&endpoint, "shardId-000000000000", "TRIM_HORIZON", json!({})).await;
    assert_eq!(got.len() + failed, 2_000);
    assert!(failed > 0, "four times 500 records do not fit the two seconds that this takes at most");
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_under_the_name_that_sdks_know() {
    let (_folder, endpoint) = endpoint(1, false).await;
    let large = "A".repeat(((1 << 20) + 3) / 3 * 4);
    let many: Vec<_> = (0..501).map(|_| json!({ "PartitionKey": "a", "Data": "" })).collect();
    let cases = [
        (
            "PutRecord",
            json!({ "StreamName": "none", "PartitionKey": "a", "Data": "" }),
            "ResourceNotFoundException",
            "there is no stream none",
        ),
        ("PutRecord", json!({ "PartitionKey": "a", "Data": "" }), "InvalidArgumentException", "StreamName is missing"),
        (
            "PutRecord",
            json!({ "StreamName": "events", "PartitionKey": "", "Data": "" }),
            "InvalidArgumentException",
            "a partition key has 0 characters: expected 1 to 256",
        ),
        (
            "PutRecord",
            json!({ "StreamName": "events", "PartitionKey": "a", "Data": large }),
            "InvalidArgumentException",
            "a record has 1048579 bytes with its partition key: expected up to 1048576",
        ),
        (
            "PutRecord",
            json!({ "StreamName": "events", "PartitionKey": "a", "Data": "?" }),
            "SerializationException",
            "the request cannot be read: the data is not base64 at line 1 column 11",
        ),
        (
            "PutRecord",
            json!({ "StreamName": "events", "PartitionKey": "a", "Data": "", "ExplicitHashKey": "-1" }),
            "InvalidArgumentException",
            "ExplicitHashKey is no whole number from 0 to 2^128 - 1",
        ),
        (
            "PutRecords",
            json!({ "StreamName": "events", "Records": many }),
            "InvalidArgumentException",
            "501 records: a put takes 1 to 500",
        ),
        (
            "PutRecords",
            json!({ "StreamName": "events", "Records": [] }),
            "InvalidArgumentException",
            "0 records: a put takes 1 to 500",
        ),
        (
            "CreateStream",
            json!({ "StreamName": "events", "ShardCount": 1 }),
            "ResourceInUseException",
            "there is a stream events already",
        ),
        (
            "GetRecords",
            json!({ "ShardIterator": "forged" }),
            "InvalidArgumentException",
            "the iterator is none that this endpoint gave",
        ),
        (
            "SplitShard",
            json!({ "StreamName": "events", "ShardToSplit": "shardId-000000000009", "NewStartingHashKey": "5" }),
            "ResourceNotFoundException",
            "the stream has no shard shardId-000000000009",
        ),
        (
            "DeleteStream",
            json!({ "StreamName": "events" }),
            "UnknownOperationException",
            "DeleteStream is not carried out by this endpoint",
        ),
    ];
    for (operation, request, kind, message) in cases {
        let refusal = ask(&endpoint, operation, request).await.unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str(), refusal.status), (kind, message, 400), "{operation}");
    }
}
