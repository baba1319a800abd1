//! Events as a Kinesis mapping sends them. Whatever a producer could have written holds the marker, so that it can
//! be looked for where no payload may be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use iguazu_lake::ids::SequenceNumber;
use serde_json::{Value, json};

pub const STREAM: &str = "orders";
pub const STREAM_ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/orders";
pub const SHARD: &str = "shardId-000000000003";
/// A secret that the control plane has; its value is the marker, which no log may show.
pub const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:customer-key-a1b2c3";
pub const MARKER: &str = "payload-that-no-log-may-show";

/// The sequence number of the n-th record.
pub fn sequence(n: u32) -> SequenceNumber {
    format!("49590338271490256608559692538361571095921575989136{n:06}").parse().unwrap()
}

/// The n-th record, with this data.
pub fn record(n: u32, data: impl AsRef<[u8]>) -> Value {
    raw_record(n, &STANDARD.encode(data))
}

/// The n-th record, with data that may not be base64.
pub fn raw_record(n: u32, data: &str) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": MARKER,
            "sequenceNumber": sequence(n).to_string(),
            "data": data,
            "approximateArrivalTimestamp": 1_767_225_700.5,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{SHARD}:{}", sequence(n)),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/ingest",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM_ARN,
    })
}

/// A good document with so many bytes in one of its members.
pub fn document(n: u32, bytes: usize) -> String {
    let id = format!("00000000-0000-4000-8000-{n:012x}");
    let padding = "x".repeat(bytes);
    json!({ "id": id, "type": "order.placed", "time": "2026-01-01T00:01:40Z", "note": MARKER, "padding": padding })
        .to_string()
}

/// The payload of an invocation.
pub fn payload(records: &[Value]) -> Bytes {
    Bytes::from(json!({ "Records": records }).to_string())
}

/// What the marker looks like in a text, also within base64: there it depends on where in three bytes it begins.
pub fn traces_of_marker() -> Vec<String> {
    let mut traces = vec![MARKER.to_owned()];
    for offset in 0..3 {
        let encoded = STANDARD.encode(format!("{}{MARKER}", " ".repeat(offset)));
        // Without the groups of four that neighbours have a part in.
        traces.push(encoded[4..encoded.len() - 4].to_owned());
    }
    traces
}
