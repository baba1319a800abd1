//! What the function is handed: the event that Lambda makes of a batch.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use iguazu_lake::ids::StreamName;

use super::cursor::Outcome;
use crate::endpoint::shapes::arn;
use crate::stream::{Stored, sequence, topology};

/// Where a batch comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The stream.
    pub stream: StreamName,
    /// When it was created.
    pub created_ms: u64,
    /// The shard.
    pub shard: u32,
}

/// Bytes of a record in a payload beside its data and its partition key, at most.
const ENVELOPE_BYTES: usize = 560;

/// How many of these records fit a payload; one at least.
#[must_use]
pub fn fitting(records: &[Stored], bytes_max: usize) -> usize {
    let mut bytes = 16;
    let fits = |record: &&Stored| {
        bytes += ENVELOPE_BYTES + 6 * record.partition_key.len() + record.data.len().div_ceil(3) * 4;
        bytes <= bytes_max
    };
    records.iter().take_while(fits).count().max(1).min(records.len())
}

/// The payload of a batch.
#[must_use]
pub fn of(source: &Source, records: &[Stored]) -> Bytes {
    let data: usize = records.iter().map(|record| record.data.len().div_ceil(3) * 4 + record.partition_key.len()).sum();
    let mut text = String::with_capacity(data + records.len() * ENVELOPE_BYTES + 16);
    let shard = topology::name(source.shard);
    let arn = arn(&source.stream);
    text.push_str(r#"{"Records":["#);
    for (index, record) in records.iter().enumerate() {
        let number = sequence::text(source.created_ms, source.shard, record.position);
        let comma = if index == 0 { "" } else { "," };
        let key = serde_json::Value::from(record.partition_key.as_str());
        let ms = record.arrival.millis();
        let (seconds, fraction) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":{key},"sequenceNumber":"{number}","data":""#
        );
        BASE64_STANDARD.encode_string(&record.data, &mut text);
        let _ = write!(
            text,
            r#"","approximateArrivalTimestamp":{seconds}.{fraction:03}}},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"{shard}:{number}","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::000000000000:role/iguazu","awsRegion":"us-east-1","eventSourceARN":"{arn}"}}"#
        );
    }
    text.push_str("]}");
    Bytes::from(text)
}

/// What an answer says of a batch, by Lambda's rules: no items that failed is success, an item without a number or with
/// one that is not of the batch is a failure of the whole.
#[must_use]
pub fn outcome(source: &Source, records: &[Stored], answer: &[u8], partial_answers: bool) -> Outcome {
    if !partial_answers {
        return Outcome::Done;
    }
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(answer) else { return Outcome::Failed };
    let items = match answer.get("batchItemFailures") {
        None | Some(serde_json::Value::Null) => return Outcome::Done,
        Some(serde_json::Value::Array(items)) => items,
        Some(_) => return Outcome::Failed,
    };
    let position = |item: &serde_json::Value| {
        let number = item.get("itemIdentifier")?.as_str()?;
        let position = sequence::position(source.created_ms, source.shard, number)?;
        records.iter().any(|record| record.position == position).then_some(position)
    };
    let positions: Option<Vec<_>> = items.iter().map(position).collect();
    match positions.map(|positions| positions.into_iter().min()) {
        None => Outcome::Failed,
        Some(None) => Outcome::Done,
        Some(Some(first)) => Outcome::From(first),
    }
}

#[cfg(test)]
mod tests {
    use iguazu_ingest::invocation::Invocation;
    use iguazu_lake::ids::Timestamp;
    use iguazu_transform::Payload;

    use super::*;

    fn source() -> Source {
        Source { stream: "orders".parse().unwrap(), created_ms: 1_795_219_200_000, shard: 3 }
    }

    fn records() -> Vec<Stored> {
        let record = |position, key: &str, data: &'static [u8]| Stored {
            position,
            arrival: Timestamp::from_millis(1_795_219_260_007),
            partition_key: key.to_owned(),
            data: Bytes::from_static(data),
        };
        vec![record(7, "a \"key\"\n", b"{}"), record(9, "k", &[0, 255, 7]), record(12, "k", b"")]
    }

    #[test]
    fn the_handler_reads_what_was_put() {
        let invocation = Invocation::parse(&of(&source(), &records())).unwrap();
        let (stream, shard) = invocation.shards.keys().next().unwrap();
        assert_eq!((stream.to_string(), shard.to_string()), ("orders".into(), "shardId-000000000003".into()));
        let read = &invocation.shards[&(stream.clone(), shard.clone())];
        assert_eq!(read.len(), 3);
        for (record, stored) in read.iter().zip(records()) {
            assert_eq!(sequence::position_of(1_795_219_200_000, 3, &record.sequence), Some(stored.position));
            assert_eq!(record.arrival, stored.arrival);
            assert!(matches!(&record.payload, Payload::Data(data) if *data == stored.data));
        }
    }

    #[test]
    fn a_payload_stays_below_its_limit_but_for_a_record_that_is_larger_alone() {
        let records = records();
        let bytes = of(&source(), &records).len();
        assert_eq!(fitting(&records, bytes + 3 * ENVELOPE_BYTES), 3);
        assert!(of(&source(), &records[..fitting(&records, 1_300)]).len() <= 1_300);
        assert_eq!(fitting(&records, 10), 1);
        assert_eq!(fitting(&[], 10), 0);
    }

    #[test]
    fn answers_are_read_by_lambdas_rules() {
        let read = |answer: &str| outcome(&source(), &records(), answer.as_bytes(), true);
        let item = |position| format!(r#"{{"itemIdentifier":"{}"}}"#, sequence::text(1_795_219_200_000, 3, position));
        for success in ["null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(read(success), Outcome::Done, "{success}");
        }
        let lowest = format!(r#"{{"batchItemFailures":[{},{}]}}"#, item(12), item(9));
        assert_eq!(read(&lowest), Outcome::From(9));
        let unknown = format!(r#"{{"batchItemFailures":[{}]}}"#, item(8));
        let empty = r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#;
        for failure in [unknown.as_str(), empty, "", r#"{"batchItemFailures":7}"#] {
            assert_eq!(read(failure), Outcome::Failed, "{failure}");
        }
        assert_eq!(outcome(&source(), &records(), empty.as_bytes(), false), Outcome::Done);
    }
}
