//! What the function is handed: the event that Lambda makes of a batch.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use iguazu_lake::ids::{StreamName, Timestamp};

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

/// A record as the event tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'r> {
    /// Its sequence number.
    pub sequence: Cow<'r, str>,
    /// When it arrived.
    pub arrival: Timestamp,
    /// Its partition key.
    pub partition_key: &'r str,
    /// What it holds.
    pub data: &'r [u8],
}

/// Bytes of a record in a payload beside its data and its partition key, at most.
const ENVELOPE_BYTES: usize = 560;

/// How many of the records fit a payload, told the bytes of each one's partition key and data; one at least.
#[must_use]
pub fn fitting(records: impl ExactSizeIterator<Item = (usize, usize)>, bytes_max: usize) -> usize {
    let mut bytes = 16;
    let all = records.len();
    let fits = |&(key, data): &(usize, usize)| {
        bytes += ENVELOPE_BYTES + 6 * key + data.div_ceil(3) * 4;
        bytes <= bytes_max
    };
    records.take_while(fits).count().max(1).min(all)
}

/// The payload of a batch of the embedded stream.
#[must_use]
pub fn of(source: &Source, records: &[Stored]) -> Bytes {
    let told = records.iter().map(|record| Told {
        sequence: sequence::text(source.created_ms, source.shard, record.position).into(),
        arrival: record.arrival,
        partition_key: &record.partition_key,
        data: &record.data,
    });
    event(&arn(&source.stream), &topology::name(source.shard), told)
}

/// The event of a batch: records of one shard of the stream that has this ARN.
#[must_use]
pub fn event<'r>(arn: &str, shard: &str, records: impl Iterator<Item = Told<'r>> + Clone) -> Bytes {
    let bytes = |record: Told<'_>| record.data.len().div_ceil(3) * 4 + record.partition_key.len() + ENVELOPE_BYTES;
    let mut text = String::with_capacity(records.clone().map(bytes).sum::<usize>() + 16);
    text.push_str(r#"{"Records":["#);
    for (index, Told { sequence, arrival, partition_key, data }) in records.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let key = serde_json::Value::from(partition_key);
        let ms = arrival.millis();
        let (seconds, fraction) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":{key},"sequenceNumber":"{sequence}","data":""#
        );
        BASE64_STANDARD.encode_string(data, &mut text);
        let _ = write!(
            text,
            r#"","approximateArrivalTimestamp":{seconds}.{fraction:03}}},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"{shard}:{sequence}","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::000000000000:role/iguazu","awsRegion":"us-east-1","eventSourceARN":"{arn}"}}"#
        );
    }
    text.push_str("]}");
    Bytes::from(text)
}

/// What an answer says of a batch of the embedded stream.
#[must_use]
pub fn outcome(source: &Source, records: &[Stored], answer: &[u8], partial_answers: bool) -> Outcome {
    if !partial_answers {
        return Outcome::Done;
    }
    judge(answer, |number| {
        let position = sequence::position(source.created_ms, source.shard, number)?;
        records.iter().any(|record| record.position == position).then_some(position)
    })
}

/// What an answer says of a batch, by Lambda's rules: no items that failed is success, an item without a number or with
/// one that is not of the batch is a failure of the whole. `position` finds the record of a number in the batch.
pub fn judge(answer: &[u8], position: impl Fn(&str) -> Option<u64>) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(answer) else { return Outcome::Failed };
    let items = match answer.get("batchItemFailures") {
        None | Some(serde_json::Value::Null) => return Outcome::Done,
        Some(serde_json::Value::Array(items)) => items,
        Some(_) => return Outcome::Failed,
    };
    let positions: Option<Vec<_>> = items.iter().map(|item| position(item.get("itemIdentifier")?.as_str()?)).collect();
    match positions.map(|positions| positions.into_iter().min()) {
        None => Outcome::Failed,
        Some(None) => Outcome::Done,
        Some(Some(first)) => Outcome::From(first),
    }
}

#[cfg(test)]
mod tests {
    use iguazu_ingest::invocation::Invocation;
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

    fn sizes(records: &[Stored]) -> impl ExactSizeIterator<Item = (usize, usize)> {
        records.iter().map(|record| (record.partition_key.len(), record.data.len()))
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
        let fitting = |bytes_max| fitting(sizes(&records), bytes_max);
        assert_eq!(fitting(bytes + 3 * ENVELOPE_BYTES), 3);
        assert!(of(&source(), &records[..fitting(1_300)]).len() <= 1_300);
        assert_eq!(fitting(10), 1);
        assert_eq!(super::fitting(sizes(&[]), 10), 0);
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
