//! The straightforward Rust way: what a competent engineer writes from the documentation of the usual crates, and
//! does not profile.
//!
//! Rules:
//! - Neither hobbled nor tuned: owned structs by serde, builders of their default capacity, the writer's default
//!   properties but for zstd.
//! - It gives the same rows as the others for the input of the benchmark. That it fails a whole invocation for one
//!   bad event is the way's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::Failure;
use crate::generate::STREAM_CREATED_MS;
use crate::table::{CONTRACT_VERSION, Layout, SCHEMA};

/// The columns that this way gets wrong, which are not compared.
///
/// `aws_lambda_events` 1.2 reads the fraction of a second as a whole number of milliseconds, so that .04 and .4 both
/// become 4 ms. Nothing that comes after it can tell them apart.
pub const WRONG: &[&str] = &["arrival_time"];

#[derive(Deserialize)]
struct Event {
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    time: String,
    source: Option<String>,
    user: Option<User>,
    context: Option<Context>,
    amount: Option<Box<RawValue>>,
    currency: Option<String>,
    quantity: Option<i64>,
    properties: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct User {
    id: Option<String>,
    country: Option<String>,
    tier: Option<String>,
}

#[derive(Default, Deserialize)]
struct Context {
    ip: Option<String>,
    session: Option<String>,
    device: Option<Device>,
    locale: Option<String>,
    url: Option<String>,
}

#[derive(Default, Deserialize)]
struct Device {
    os: Option<String>,
    model: Option<String>,
}

/// The Parquet files of an invocation.
///
/// # Errors
/// Where anything in it is not as expected.
pub fn transform(payload: &[u8], layout: Layout) -> Result<Vec<Bytes>, Failure> {
    let invocation: KinesisEvent = serde_json::from_slice(payload)?;
    match layout {
        Layout::Same => {
            let mut columns = Columns::new();
            for record in &invocation.records {
                let event: Event = serde_json::from_slice(&record.kinesis.data)?;
                let time = DateTime::parse_from_rfc3339(&event.time)?.to_utc();
                columns.append(record, event, time)?;
            }
            Ok(vec![write(&columns.finish()?)?])
        }
        Layout::Own => {
            let mut partitions = BTreeMap::<(String, NaiveDate), Columns>::new();
            for record in &invocation.records {
                let event: Event = serde_json::from_slice(&record.kinesis.data)?;
                let time = DateTime::parse_from_rfc3339(&event.time)?.to_utc();
                let partition = partitions.entry((event.kind.clone(), time.date_naive()));
                partition.or_insert_with(Columns::new).append(record, event, time)?;
            }
            partitions.into_values().map(|mut columns| write(&columns.finish()?)).collect()
        }
    }
}

struct Columns {
    event_id: StringBuilder,
    event_type: StringBuilder,
    event_time: TimestampMicrosecondBuilder,
    arrival_time: TimestampMicrosecondBuilder,
    stream: StringBuilder,
    shard: StringBuilder,
    sequence: StringBuilder,
    sub: Int32Builder,
    contract_version: Int32Builder,
    source: StringBuilder,
    user_id: StringBuilder,
    user_country: StringBuilder,
    user_tier: StringBuilder,
    ip: StringBuilder,
    session_id: StringBuilder,
    device_os: StringBuilder,
    device_model: StringBuilder,
    locale: StringBuilder,
    url: StringBuilder,
    amount: Decimal128Builder,
    currency: StringBuilder,
    quantity: Int64Builder,
    properties: StringBuilder,
}

impl Columns {
    fn new() -> Self {
        Self {
            event_id: StringBuilder::new(),
            event_type: StringBuilder::new(),
            event_time: TimestampMicrosecondBuilder::new(),
            arrival_time: TimestampMicrosecondBuilder::new(),
            stream: StringBuilder::new(),
            shard: StringBuilder::new(),
            sequence: StringBuilder::new(),
            sub: Int32Builder::new(),
            contract_version: Int32Builder::new(),
            source: StringBuilder::new(),
            user_id: StringBuilder::new(),
            user_country: StringBuilder::new(),
            user_tier: StringBuilder::new(),
            ip: StringBuilder::new(),
            session_id: StringBuilder::new(),
            device_os: StringBuilder::new(),
            device_model: StringBuilder::new(),
            locale: StringBuilder::new(),
            url: StringBuilder::new(),
            amount: Decimal128Builder::new(),
            currency: StringBuilder::new(),
            quantity: Int64Builder::new(),
            properties: StringBuilder::new(),
        }
    }

    fn append(&mut self, record: &KinesisEventRecord, event: Event, time: DateTime<Utc>) -> Result<(), Failure> {
        let user = event.user.unwrap_or_default();
        let context = event.context.unwrap_or_default();
        let device = context.device.unwrap_or_default();
        let (shard, sequence) =
            record.event_id.as_deref().and_then(|id| id.split_once(':')).ok_or("a record without an eventID")?;
        let stream = record.event_source_arn.as_deref().and_then(|arn| arn.split_once(":stream/"));
        let (_, stream) = stream.ok_or("a record without an ARN")?;
        self.event_id.append_value(event.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        self.event_type.append_value(event.kind);
        self.event_time.append_value(time.timestamp_micros());
        self.arrival_time.append_value(arrival(record));
        self.stream.append_value(format!("{stream}.{STREAM_CREATED_MS}"));
        self.shard.append_value(shard);
        self.sequence.append_value(sequence);
        self.sub.append_value(0);
        self.contract_version.append_value(CONTRACT_VERSION);
        self.source.append_option(event.source);
        self.user_id.append_option(user.id);
        self.user_country.append_option(user.country);
        self.user_tier.append_option(user.tier);
        self.ip.append_option(context.ip);
        self.session_id.append_option(context.session);
        self.device_os.append_option(device.os);
        self.device_model.append_option(device.model);
        self.locale.append_option(context.locale);
        self.url.append_option(context.url);
        self.amount.append_option(event.amount.map(|amount| cents(amount.get())).transpose()?);
        self.currency.append_option(event.currency);
        self.quantity.append_option(event.quantity);
        self.properties.append_option(event.properties.as_ref().map(|properties| properties.get()));
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch, Failure> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_id.finish()),
            Arc::new(self.event_type.finish()),
            Arc::new(self.event_time.finish().with_timezone("UTC")),
            Arc::new(self.arrival_time.finish().with_timezone("UTC")),
            Arc::new(self.stream.finish()),
            Arc::new(self.shard.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.sub.finish()),
            Arc::new(self.contract_version.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.user_id.finish()),
            Arc::new(self.user_country.finish()),
            Arc::new(self.user_tier.finish()),
            Arc::new(self.ip.finish()),
            Arc::new(self.session_id.finish()),
            Arc::new(self.device_os.finish()),
            Arc::new(self.device_model.finish()),
            Arc::new(self.locale.finish()),
            Arc::new(self.url.finish()),
            Arc::new(self.amount.finish().with_precision_and_scale(18, 2)?),
            Arc::new(self.currency.finish()),
            Arc::new(self.quantity.finish()),
            Arc::new(self.properties.finish()),
        ];
        Ok(RecordBatch::try_new(SCHEMA.clone(), columns)?)
    }
}

/// When Kinesis took the record: milliseconds that came as a fraction, which no binary fraction is exactly.
fn arrival(record: &KinesisEventRecord) -> i64 {
    (record.kinesis.approximate_arrival_timestamp.timestamp_micros() + 500).div_euclid(1_000) * 1_000
}

/// A decimal with up to two places, which never becomes a float.
fn cents(text: &str) -> Result<i128, Failure> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 2 {
        return Err(format!("{text} has more than two decimal places").into());
    }
    Ok(format!("{whole}{fraction:0<2}").parse()?)
}

fn write(batch: &RecordBatch) -> Result<Bytes, Failure> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(batch)?;
    Ok(writer.into_inner()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_becomes_cents_and_is_never_rounded() {
        for (text, expected) in [("12.34", 1_234), ("12", 1_200), ("12.3", 1_230), ("-0.05", -5), ("0.29", 29)] {
            assert_eq!(cents(text).unwrap(), expected);
        }
        assert!(cents("0.125").is_err());
        assert!(cents("1e2").is_err());
    }
}
