//! What others ask for the same events: the stream that all of them read, Firehose, and a write to DynamoDB for each event.
//! Pure.
//!
//! The comparison is of unlike things, in favour of Firehose: it drops no copies, adds up nothing, keeps nothing apart that
//! it cannot read but failed records, and leaves small files as they are.

use super::bill::{Basis, GB, Line, MONTH_S, line};
use super::prices::{List, Price};

const KB: f64 = 1_024.0;
/// What Firehose rounds a record up to.
const FIREHOSE_UNIT: f64 = 5.0 * KB;
/// What a provisioned stream counts as a unit, and one on demand rounds a record up to.
const PUT_UNIT: f64 = 25.0 * KB;
const ON_DEMAND_UNIT: f64 = KB;
/// Days of retention beyond the first.
const LATER_DAYS: f64 = 6.0;
const DAYS: f64 = 365.0 / 12.0;

/// A stream of events.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// Events of a second.
    pub rate: f64,
    /// Bytes of one.
    pub event_bytes: f64,
    /// Bytes of one as Parquet.
    pub delivered_bytes: f64,
    /// Dates that come at once.
    pub partitions: f64,
    /// Shards of a stream that is provisioned.
    pub shards: f64,
}

/// Bytes as they are billed, where each record is rounded up.
fn rounded(bytes: f64, unit: f64) -> f64 {
    (bytes / unit).ceil().max(1.0) * unit
}

/// Firehose with conversion to Parquet and dynamic partitioning by date, for a million events, of which so many share a
/// record.
pub fn firehose(volume: &Volume, events_per_record: f64, list: &List) -> Vec<Line> {
    let prices = &list.prices;
    let record = rounded(volume.event_bytes * events_per_record, FIREHOSE_UNIT);
    let billed_gb = record / events_per_record * 1e6 / GB;
    let millions_a_month = volume.rate * MONTH_S / 1e6;
    let taken = list.firehose_ingest_gb.of(billed_gb * millions_a_month) / millions_a_month;
    let ingest = Price {
        usd: taken / billed_gb,
        per: 1.0,
        unit: list.firehose_ingest_gb.unit.clone(),
        known: list.firehose_ingest_gb.known.clone(),
    };
    let assumed = &list.assumed;
    let by_time = volume.partitions * MONTH_S / assumed.firehose_flush_s.value;
    let by_size = volume.event_bytes * volume.rate * MONTH_S / (assumed.firehose_object_mb.value * KB * KB);
    let objects = by_time.max(by_size) / millions_a_month;
    vec![
        line("Firehose: records taken in", Basis::Counted, billed_gb, &ingest),
        line("Firehose: conversion to Parquet", Basis::Counted, billed_gb, &prices.firehose_convert_gb),
        line(
            "Firehose: dynamic partitioning",
            Basis::Assumed,
            volume.delivered_bytes * 1e6 / GB,
            &prices.firehose_partition_gb,
        ),
        line("Firehose: objects", Basis::Assumed, objects, &prices.firehose_partition_object),
        line("S3: PUTs by Firehose", Basis::Assumed, objects, &prices.s3_put),
    ]
}

/// A conditional write to DynamoDB for each event, for a million of them, and nothing else.
pub fn dynamodb(list: &List) -> Vec<Line> {
    vec![line("DynamoDB: a write for each event", Basis::Counted, 1e6, &list.prices.dynamodb_write)]
}

/// A provisioned stream for a million events.
pub fn provisioned(volume: &Volume, list: &List) -> Vec<Line> {
    let prices = &list.prices;
    let hours = volume.shards * 1e6 / (volume.rate * 3_600.0);
    let units = (volume.event_bytes / PUT_UNIT).ceil().max(1.0) * 1e6;
    vec![
        line("Kinesis: shards", Basis::Counted, hours, &prices.kinesis_shard_hour),
        line("Kinesis: PUT units", Basis::Counted, units, &prices.kinesis_put_unit),
        line("Kinesis: retention of 7 days", Basis::Counted, hours, &prices.kinesis_retention_shard_hour),
    ]
}

/// A stream on demand for a million events.
pub fn on_demand(volume: &Volume, list: &List) -> Vec<Line> {
    let prices = &list.prices;
    let hours = 1e6 / (volume.rate * 3_600.0);
    let gb = rounded(volume.event_bytes, ON_DEMAND_UNIT) * 1e6 / GB;
    let plain = volume.event_bytes * 1e6 / GB;
    vec![
        line("Kinesis: the stream", Basis::Counted, hours, &prices.kinesis_stream_hour),
        line("Kinesis: put", Basis::Counted, gb, &prices.kinesis_in_gb),
        line("Kinesis: read", Basis::Counted, gb, &prices.kinesis_out_gb),
        line(
            "Kinesis: retention of 7 days",
            Basis::Counted,
            plain * LATER_DAYS / DAYS,
            &prices.kinesis_retention_gb_month,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::bill::total;
    use super::super::prices;
    use super::*;

    const VOLUME: Volume =
        Volume { rate: 1_000.0, event_bytes: 586.0, delivered_bytes: 130.0, partitions: 3.0, shards: 1.0 };

    #[test]
    fn firehose_bills_five_kilobytes_for_any_small_record() {
        let list = prices::read().unwrap();
        let of = |event_bytes| firehose(&Volume { event_bytes, ..VOLUME }, 1.0, &list)[0].quantity;
        assert_eq!(of(1.0), of(5_120.0));
        assert_eq!(of(5_121.0), 2.0 * of(5_120.0));
        assert!((of(586.0) - 5_120e6 / GB).abs() < 1e-9);
    }

    #[test]
    fn firehose_costs_less_where_producers_fill_the_records() {
        let list = prices::read().unwrap();
        let of = |events| total(&firehose(&VOLUME, events, &list));
        assert!(of(8.0) < of(1.0) / 6.0);
    }

    #[test]
    fn a_month_of_a_full_shard_stays_in_the_first_tier_and_a_thousand_do_not() {
        let list = prices::read().unwrap();
        let price = |rate| firehose(&Volume { rate, ..VOLUME }, 1.0, &list)[0].price;
        assert!((price(1.0) - 0.029).abs() < 1e-9);
        // 12.5 million GB a month: the first 2 million at more than the last tier.
        assert!(price(1e6) < 0.0215 && price(1e6) > 0.020, "{}", price(1e6));
    }

    #[test]
    fn a_stream_that_is_hardly_used_still_costs_its_shard() {
        let list = prices::read().unwrap();
        let busy = total(&provisioned(&VOLUME, &list));
        let idle = total(&provisioned(&Volume { rate: 1.0, ..VOLUME }, &list));
        assert!(idle > 300.0 * busy);
        // A unit a record: $0.014; a shard-hour and its retention for 3.6 million events: $0.035.
        assert!((busy - (0.014 + 0.035 / 3.6)).abs() < 1e-9);
    }

    #[test]
    fn a_write_for_each_event_costs_five_eighths_of_a_dollar() {
        assert_eq!(total(&dynamodb(&prices::read().unwrap())), 0.625);
    }

    #[test]
    fn on_demand_rounds_records_up_to_a_kilobyte() {
        let list = prices::read().unwrap();
        let put = |event_bytes| on_demand(&Volume { event_bytes, ..VOLUME }, &list)[1].quantity;
        assert_eq!(put(1.0), put(1_024.0));
        assert_eq!(put(1_025.0), 2.0 * put(1.0));
    }
}
