//! What arguments say, and how streams, shards and records are told.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use iguazu_lake::ids::{StreamName, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::wire::{Arguments, Moment, PutEntry, PutResult, Refusal};
use crate::stream::{Entry, Placed, Refused, Shard, Stream, sequence, topology};

/// Bytes of one record, with its partition key.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Characters of a partition key.
const PARTITION_KEY_CHARS_MAX: usize = 256;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

/// The ARN of a stream.
#[must_use]
pub fn arn(stream: &StreamName) -> String {
    format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}")
}

/// A description with a time in it, which JSON and CBOR write differently.
#[derive(Serialize)]
pub(super) struct Described {
    #[serde(flatten)]
    pub(super) fields: serde_json::Map<String, Value>,
    #[serde(rename = "StreamCreationTimestamp")]
    pub(super) created: Moment,
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::argument(format!("{name} is missing"))
}

pub(super) fn stream_of(arguments: &Arguments) -> Result<StreamName, Refusal> {
    stream_name(arguments.stream_name.as_deref(), arguments.stream_arn.as_deref())
}

pub(super) fn stream_name(name: Option<&str>, arn: Option<&str>) -> Result<StreamName, Refusal> {
    let name = name.or_else(|| arn?.rsplit_once(":stream/").map(|(_, name)| name));
    let name = name.ok_or_else(|| missing("StreamName"))?;
    name.parse().map_err(|error| Refusal::argument(format!("the name of the stream: {error}")))
}

pub(super) fn shard_number(argument: &str, name: Option<&str>) -> Result<u32, Refusal> {
    let name = name.ok_or_else(|| missing(argument))?;
    topology::number(name).ok_or_else(|| Refusal::argument(format!("{argument} is no name of a shard")))
}

pub(super) fn hash_key(argument: &str, text: &str) -> Result<u128, Refusal> {
    let expected = || Refusal::argument(format!("{argument} is no whole number from 0 to 2^128 - 1"));
    text.parse().map_err(|_| expected())
}

pub(super) fn entry(put: PutEntry) -> Result<Entry, Refusal> {
    let chars = put.partition_key.chars().count();
    if chars == 0 || chars > PARTITION_KEY_CHARS_MAX {
        return Err(Refusal::argument(format!(
            "a partition key has {chars} characters: expected 1 to {PARTITION_KEY_CHARS_MAX}"
        )));
    }
    let bytes = put.data.0.len() + put.partition_key.len();
    if bytes > RECORD_BYTES_MAX {
        return Err(Refusal::argument(format!(
            "a record has {bytes} bytes with its partition key: expected up to {RECORD_BYTES_MAX}"
        )));
    }
    let hash = match &put.explicit_hash_key {
        Some(key) => hash_key("ExplicitHashKey", key)?,
        None => topology::hash(&put.partition_key),
    };
    Ok(Entry { hash, partition_key: put.partition_key, data: put.data.0 })
}

pub(super) fn result(stream: &StreamName, created_ms: u64, placed: Result<Placed, Refused>) -> PutResult {
    match placed {
        Ok(placed) => PutResult {
            sequence_number: Some(sequence::text(created_ms, placed.shard, placed.position)),
            shard_id: Some(topology::name(placed.shard)),
            ..PutResult::default()
        },
        Err(Refused { shard }) => PutResult {
            error_code: Some("ProvisionedThroughputExceededException"),
            error_message: Some(format!(
                "Rate exceeded for shard {} in stream {stream} under account {ACCOUNT}.",
                topology::name(shard)
            )),
            ..PutResult::default()
        },
    }
}

pub(super) fn described(stream: &Stream, shard: &Shard) -> Value {
    let number = |position| sequence::text(stream.created_ms, shard.number, position);
    let mut range = json!({ "StartingSequenceNumber": number(shard.opened) });
    if let Some(closed) = shard.closed {
        range["EndingSequenceNumber"] = number(closed).into();
    }
    let mut description = json!({
        "ShardId": shard.name(),
        "HashKeyRange": {
            "StartingHashKey": shard.first_hash.to_string(),
            "EndingHashKey": shard.last_hash.to_string(),
        },
        "SequenceNumberRange": range,
    });
    for (field, parent) in ["ParentShardId", "AdjacentParentShardId"].into_iter().zip(&shard.parents) {
        description[field] = topology::name(*parent).into();
    }
    description
}

pub(super) fn page_of_shards(
    stream: &Stream,
    start: Option<&str>,
    limit: Option<usize>,
) -> Result<(Vec<Value>, bool), Refusal> {
    let after = start.map(|start| shard_number("the shard to start behind", Some(start))).transpose()?;
    let shards = stream.shards.values().filter(|shard| after.is_none_or(|after| shard.number > after));
    let limit = limit.unwrap_or(1_000).clamp(1, 10_000);
    let mut page: Vec<_> = shards.take(limit + 1).map(|shard| described(stream, shard)).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    Ok((page, more))
}

pub(super) fn summary_of(stream: &Stream) -> Described {
    let fields = json!({
        "StreamName": stream.name.to_string(),
        "StreamARN": arn(&stream.name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": { "StreamMode": "PROVISIONED" },
        "RetentionPeriodHours": stream.retention_hours,
        "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
        "EncryptionType": "NONE",
        "OpenShardCount": stream.open().len(),
        "ConsumerCount": 0,
    });
    let created = Moment(Timestamp::from_millis(i64::try_from(stream.created_ms).unwrap_or(i64::MAX)));
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    Described { fields, created }
}

pub(super) fn iterator_at(stream: &StreamName, shard: u32, after: u64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{shard}:{after}:{stream}"))
}

pub(super) fn read_iterator(text: &str) -> Result<(StreamName, u32, u64), Refusal> {
    let read = || {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.splitn(3, ':');
        let (shard, after) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((parts.next()?.parse().ok()?, shard, after))
    };
    read().ok_or_else(|| Refusal::argument("the iterator is none that this endpoint gave"))
}
