//! What the run would cost on AWS, in us-east-1, from requests that were counted.

use serde::Serialize;

use crate::run_file::Run;
use crate::verify::proof::Proof;

/// Dollars for a million of what is counted, but for shards, whose price is by the hour. Those of DynamoDB, S3 and Lambda
/// are list prices; those of Kinesis are assumptions.
const DYNAMODB_WRITES: f64 = 0.625;
const S3_PUTS: f64 = 5.0;
const LAMBDA_REQUESTS: f64 = 0.20;
const LAMBDA_GB_SECONDS: f64 = 13.333_4;
const KINESIS_UNITS: f64 = 0.014;
const KINESIS_SHARD_HOUR: f64 = 0.015;
/// What Kinesis counts as a unit.
const KINESIS_UNIT_BYTES: f64 = 25_600.0;
/// An invocation of ingest: half a gigabyte for a tenth of a second. An assumption.
const GB_SECONDS_PER_COMMIT: f64 = 0.05;
/// Of a row of the ledger. One of a shard's chain stays below a kilobyte.
const WRITE_UNITS_PER_ROW: f64 = 1.0;

/// A part of the cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// What is paid for.
    pub what: &'static str,
    /// How many.
    pub count: f64,
    /// In dollars.
    pub dollars: f64,
    /// Where the count and the price come from.
    pub basis: &'static str,
}

fn millions(what: &'static str, count: f64, price: f64, basis: &'static str) -> Item {
    Item { what, count, dollars: count / 1e6 * price, basis }
}

/// The parts that are known: those of the lake only where it was looked at.
#[must_use]
pub fn estimate(run: &Run, proof: Option<&Proof>) -> Vec<Item> {
    let counts = &run.counts;
    let records = counts.acknowledged.max(1) as f64;
    let units = records * (counts.bytes as f64 / records / KINESIS_UNIT_BYTES).ceil();
    let hours = run.ended.since(run.started).as_secs_f64() / 3_600.0;
    let shard_hours = hours * run.shards.len() as f64;
    let mut items = vec![
        millions("Kinesis: units of 25 KB", units, KINESIS_UNITS, "records by their mean size; the price is assumed"),
        Item {
            what: "Kinesis: hours of shards",
            count: shard_hours,
            dollars: shard_hours * KINESIS_SHARD_HOUR,
            basis: "all shards for the whole run; the price is assumed",
        },
    ];
    let Some(lake) = proof.map(|proof| &proof.lake) else { return items };
    let commits = lake.commits as f64;
    let versions: u64 = lake.tables.iter().map(|table| table.versions).sum();
    let ingested = (lake.raw.0 + lake.quarantine.0) as f64;
    let all: u64 = lake.objects.values().sum();
    let compacted = (all as f64 - ingested).max(0.0);
    items.extend([
        millions("Lambda: invocations of ingest", commits, LAMBDA_REQUESTS, "commits, each in one invocation"),
        millions(
            "Lambda: GB-seconds of ingest",
            commits * GB_SECONDS_PER_COMMIT,
            LAMBDA_GB_SECONDS,
            "512 MB for 100 ms a commit is assumed",
        ),
        millions("S3: PUTs of ingest", ingested, S3_PUTS, "files that commits name"),
        millions(
            "S3: PUTs of compaction",
            compacted,
            S3_PUTS,
            "other objects that are there; what was replaced or swept is not counted",
        ),
        millions(
            "DynamoDB: write units",
            (commits + versions as f64) * WRITE_UNITS_PER_ROW,
            DYNAMODB_WRITES,
            "rows of shards' chains and versions; a unit each is assumed",
        ),
    ]);
    items
}
