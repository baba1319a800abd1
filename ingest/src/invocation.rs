//! The invocation: from the bytes that Lambda hands over to records with a shard and a sequence number.
//!
//! The usual case is one pass over the payload by [`usual`]. What is not exactly as Lambda writes it
//! is read by the `aws_lambda_events` types. They refuse a whole event for one field of one record, such as wrong
//! base64; so where they refuse, the event is read again record by record, and a record that still has an identity
//! goes to quarantine instead of taking its neighbours with it. An identity is the shard, by the record's `eventID` or else by
//! that of its neighbours (an invocation holds one shard), and the sequence number. What has none cannot be committed:
//! the invocation then fails after the others are committed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};
use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, ShardId, StreamName, Timestamp};
use iguazu_transform::contract::TimeFormat;
use iguazu_transform::value::{Scalar, time_of};
use iguazu_transform::{Payload, Reason, Record};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::IngestError;
use crate::usual;

/// Which shard of which stream a record came from.
pub type Source = (StreamName, ShardId);

/// An invocation taken apart.
#[derive(Debug, Default)]
pub struct Invocation {
    /// The records by shard, in the order of the event. Lambda sends one shard; more are taken as they come.
    pub shards: BTreeMap<Source, Vec<Record>>,
    /// Why some records have no identity, if some have none.
    pub unidentified: Option<String>,
}

/// A record on its way to an identity.
struct Entry {
    stream: Option<StreamName>,
    shard: Option<ShardId>,
    sequence: Option<SequenceNumber>,
    arrival: Timestamp,
    payload: Payload,
}

impl Invocation {
    /// Reads a payload.
    ///
    /// # Errors
    /// Where it is not the event of a Kinesis event source mapping at all.
    pub fn parse(payload: &[u8]) -> Result<Self, IngestError> {
        if let Some(shards) = usual::read(payload) {
            return Ok(Self { shards: shards.into_iter().collect(), unidentified: None });
        }
        Self::parse_leniently(payload)
    }

    /// Reads a payload as the event's types do, and field by field where they refuse it. It gives what [`Self::parse`]
    /// gives, and takes its time.
    ///
    /// # Errors
    /// Where it is not the event of a Kinesis event source mapping at all.
    pub fn parse_leniently(payload: &[u8]) -> Result<Self, IngestError> {
        if payload.trim_ascii_start().first() == Some(&b'[') {
            // The types would take an array of their fields' values in place of an object, and so find an event
            // without records, which succeeds, in what is no event.
            return Err(IngestError::Malformed { problem: "an array in place of an object".to_owned() });
        }
        match serde_json::from_slice::<KinesisEvent>(payload) {
            Ok(event) => {
                let arrivals = serde_json::from_slice::<Arrivals<'_>>(payload).map(|arrivals| arrivals.records);
                let mut arrivals = arrivals.unwrap_or_default().into_iter();
                let entry = |record| entry_of(record, arrivals.next());
                Ok(Self::identify(event.records.into_iter().map(entry).collect()))
            }
            Err(_) => Self::salvage(payload),
        }
    }

    fn salvage(payload: &[u8]) -> Result<Self, IngestError> {
        #[derive(Deserialize)]
        struct Outer<'a> {
            #[serde(rename = "Records", borrow)]
            records: Vec<&'a RawValue>,
        }
        let outer: Outer<'_> = serde_json::from_slice(payload).map_err(|error| IngestError::Malformed {
            problem: format!("no list of records at line {}, column {}", error.line(), error.column()),
        })?;
        let entries = outer.records.iter().map(|raw| match serde_json::from_str::<KinesisEventRecord>(raw.get()) {
            Ok(record) => entry_of(record, serde_json::from_str(raw.get()).ok()),
            Err(_) => salvaged_entry(raw),
        });
        Ok(Self::identify(entries.collect()))
    }

    fn identify(entries: Vec<Entry>) -> Self {
        let mut invocation = Self::default();
        let stream = entries.iter().find_map(|entry| entry.stream.clone());
        let shard = entries.iter().find_map(|entry| entry.shard.clone());
        let mut unidentified = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let missing = match (&entry.stream.as_ref().or(stream.as_ref()), &entry.sequence) {
                (None, _) => "no stream in its eventSourceARN",
                (_, None) => "no sequence number",
                _ if entry.shard.is_none() && shard.is_none() => "no shard in its eventID nor in any other's",
                _ => "",
            };
            let shard_of = entry.shard.or_else(|| shard.clone());
            let stream_of = entry.stream.or_else(|| stream.clone());
            match (stream_of, shard_of, entry.sequence) {
                (Some(stream), Some(shard), Some(sequence)) => {
                    let record = Record { sequence, arrival: entry.arrival, payload: entry.payload };
                    invocation.shards.entry((stream, shard)).or_default().push(record);
                }
                _ => unidentified.push((index, missing)),
            }
        }
        if let Some((index, missing)) = unidentified.first() {
            let others = unidentified.len() - 1;
            invocation.unidentified = Some(format!("record {index} has {missing}, and {others} more have no identity"));
        }
        invocation
    }
}

/// The times of arrival as they are written. The event's types read the fraction of a second as a whole number of
/// milliseconds, and so make 4 ms of `.4`.
#[derive(Deserialize)]
struct Arrivals<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<ArrivalOfRecord<'a>>,
}

#[derive(Deserialize)]
struct ArrivalOfRecord<'a> {
    #[serde(borrow)]
    kinesis: ArrivalOfKinesis<'a>,
}

#[derive(Deserialize)]
struct ArrivalOfKinesis<'a> {
    #[serde(rename = "approximateArrivalTimestamp", borrow)]
    written: &'a RawValue,
}

/// The exact time of a number of seconds.
fn exact(written: &RawValue) -> Option<Timestamp> {
    let token = written.get();
    usual::millis(token.as_bytes()).or_else(|| time_of(&TimeFormat::EpochSeconds, Scalar::Number(token)).ok())
}

fn entry_of(record: KinesisEventRecord, arrival: Option<ArrivalOfRecord<'_>>) -> Entry {
    let kinesis = record.kinesis;
    let approximate = kinesis.approximate_arrival_timestamp.timestamp_micros();
    let arrival = arrival
        .and_then(|record| exact(record.kinesis.written))
        .unwrap_or_else(|| Timestamp::from_millis((approximate.saturating_add(500)).div_euclid(1_000)));
    let data = Bytes::from(kinesis.data.0);
    let place = place(record.event_id.as_deref(), &kinesis.sequence_number);
    let payload = match place.reason {
        None => Payload::Data(data),
        Some(reason) => Payload::Undecodable { original: data, reason },
    };
    let stream = record.event_source_arn.as_deref().and_then(stream_of_arn);
    Entry { stream, shard: place.shard, sequence: place.sequence, arrival, payload }
}

/// A record that the event's types refuse, read field by field.
fn salvaged_entry(raw: &RawValue) -> Entry {
    #[derive(Default, Deserialize)]
    struct Loose<'a> {
        #[serde(rename = "eventID", borrow, default)]
        event_id: Option<&'a RawValue>,
        #[serde(rename = "eventSourceARN", borrow, default)]
        arn: Option<&'a RawValue>,
        #[serde(borrow, default)]
        kinesis: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LooseKinesis<'a> {
        #[serde(borrow, default)]
        approximate_arrival_timestamp: Option<&'a RawValue>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(borrow, default)]
        sequence_number: Option<&'a RawValue>,
    }
    fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
        serde_json::from_str::<Cow<'_, str>>(value?.get()).ok()
    }

    let loose: Loose<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let kinesis: LooseKinesis<'_> =
        loose.kinesis.and_then(|kinesis| serde_json::from_str(kinesis.get()).ok()).unwrap_or_default();
    let place = place(text(loose.event_id).as_deref(), text(kinesis.sequence_number).as_deref().unwrap_or_default());
    let arrival = kinesis.approximate_arrival_timestamp.and_then(exact);
    let decoded = kinesis.data.and_then(|data| {
        serde_json::from_str::<aws_lambda_events::encodings::Base64Data>(data.get())
            .ok()
            .map(|data| Bytes::from(data.0))
    });
    let undecoded = kinesis.data.filter(|data| data.get().starts_with('"'));
    // The text that was to be base64, as it stood in the JSON string: without quotes and escapes. One that spells no
    // text, and data of another kind, are kept as they were written.
    let (original, reason) = match (decoded, undecoded) {
        (Some(data), _) => (data, Reason::RecordMalformed),
        (None, Some(data)) => {
            let text = text(Some(data)).unwrap_or_else(|| data.get().into());
            (Bytes::copy_from_slice(text.as_bytes()), Reason::Base64)
        }
        (None, None) => (Bytes::copy_from_slice(raw.get().as_bytes()), Reason::RecordMalformed),
    };
    let reason = place.reason.unwrap_or(reason);
    Entry {
        stream: text(loose.arn).as_deref().and_then(stream_of_arn),
        shard: place.shard,
        sequence: place.sequence,
        // A record without a legible time of arrival is filed under the epoch, where it stands out.
        arrival: arrival.unwrap_or(Timestamp::EPOCH),
        payload: Payload::Undecodable { original, reason },
    }
}

struct Place {
    shard: Option<ShardId>,
    sequence: Option<SequenceNumber>,
    reason: Option<Reason>,
}

/// Shard and sequence number out of `eventID` (`shardId-000000000000:4954…`), which must agree with the record's
/// own sequence number.
fn place(event_id: Option<&str>, sequence_number: &str) -> Place {
    let own: Option<SequenceNumber> = sequence_number.parse().ok();
    let named = event_id
        .and_then(|id| id.rsplit_once(':'))
        .and_then(|(shard, sequence)| Some((shard.parse::<ShardId>().ok()?, sequence.parse::<SequenceNumber>().ok()?)));
    match (named, own) {
        (Some((shard, sequence)), Some(own)) if sequence == own => {
            Place { shard: Some(shard), sequence: Some(own), reason: None }
        }
        (Some((shard, sequence)), None) if sequence_number.is_empty() => {
            Place { shard: Some(shard), sequence: Some(sequence), reason: None }
        }
        (_, own) => Place { shard: None, sequence: own, reason: Some(Reason::EventIdMalformed) },
    }
}

/// The stream's name out of `arn:aws:kinesis:<region>:<account>:stream/<name>`, a consumer's suffix aside.
pub(crate) fn stream_of_arn(arn: &str) -> Option<StreamName> {
    let (_, resource) = arn.split_once(":stream/")?;
    resource.split('/').next()?.parse().ok()
}
