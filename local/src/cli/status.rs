//! `iguazu status`: how far shards and tables have come, and whether all adds up.
//!
//! What was delivered and compacted is read from the lake and the ledger. How far the mapping is behind its stream is known
//! to the stream's store alone, and is handed in as [`ShardProgress`].

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table};
use iguazu_audit::{ShardStatus, Status, TableStatus, open, status};
use iguazu_lake::ids::Timestamp;
use miette::{IntoDiagnostic, WrapErr};
use serde::Serialize;

use super::lake::block_on;
use super::present::{say, table};
use super::{Answer, Common, NO};

#[derive(clap::Args)]
pub struct Args {}

/// How far the mapping has come in a shard of the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ShardProgress {
    /// The stream's name.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// The sequence number of the newest record of the stream.
    pub newest: Option<String>,
    /// The sequence number up to which the mapping has come.
    pub checkpoint: Option<String>,
    /// Records that the mapping has yet to hand on.
    pub behind_records: u64,
    /// How old the oldest of them is; nought where there is none.
    pub behind_seconds: f64,
}

/// What is known beside the lake: of the mapping.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Mapping {
    /// How far it is in each shard; nothing, if there is no stream.
    #[serde(rename = "mapping")]
    pub progress: Option<Vec<ShardProgress>>,
    /// Batches that it gave up and that nobody has driven again.
    pub given_up: usize,
}

pub fn run(common: &Common, _args: Args) -> Answer {
    let (status, mapping) = (read(common)?, super::progress::read(&common.folder)?);
    let well = status.findings.is_empty() && mapping.given_up == 0;
    say(&shown_with(&status, &mapping, common.json)?)?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// Reads how far the lake has come.
pub(super) fn read(common: &Common) -> miette::Result<Status> {
    let (objects, ledger, contracts) = open(&common.folder).into_diagnostic()?;
    block_on(status(&objects, &ledger, &contracts))?.into_diagnostic().wrap_err("the status could not be read")
}

/// The status with the progress of the mapping, where that is known; as JSON, or for people.
pub(super) fn shown_with(status: &Status, mapping: &Mapping, json: bool) -> miette::Result<String> {
    if json {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(flatten)]
            status: &'a Status,
            #[serde(flatten)]
            mapping: &'a Mapping,
        }
        let text = serde_json::to_string_pretty(&Document { status, mapping }).into_diagnostic()?;
        return Ok(text + "\n");
    }
    let mut text = format!("{}\n\n{}\n", shards(&status.shards, mapping.progress.as_deref()), tables(&status.tables));
    if status.findings.is_empty() {
        text.push_str(
            "\nEverything adds up: delivered = accepted + quarantined, accepted = live + duplicates + pending.\n",
        );
    } else {
        text = format!(
            "{text}\n{}\nRun `iguazu verify` to see what else is wrong.\n",
            super::verify::findings(&status.findings)
        );
    }
    if mapping.given_up > 0 {
        text = format!(
            "{text}\nBatches that were given up: {}. Mend the cause, and then run `iguazu redrive`.\n",
            mapping.given_up
        );
    }
    Ok(text)
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in table.column_iter_mut().skip(columns.start).take(columns.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn shards(shards: &[ShardStatus], progress: Option<&[ShardProgress]>) -> Table {
    let mut shown = table([
        "shard",
        "records",
        "delivered",
        "accepted",
        "quarantined",
        "pending",
        "files",
        "size",
        "in flight",
        "lag",
        "newest arrival",
    ]);
    let same = |shard: &ShardStatus, of: &ShardProgress| of.stream == shard.stream && of.shard == shard.shard;
    for shard in shards {
        let of = progress.into_iter().flatten().find(|of| same(shard, of));
        let [behind, lag] = of.map_or_else(|| ["-", "-"].map(str::to_owned), waiting);
        let closed = if shard.closed { ", closed" } else { "" };
        shown.add_row([
            format!("{}/{}{closed}", shard.stream, shard.shard),
            shard.records.to_string(),
            shard.delivered.to_string(),
            shard.accepted.to_string(),
            shard.quarantined.to_string(),
            shard.pending.to_string(),
            shard.files.to_string(),
            size(shard.bytes),
            behind,
            lag,
            seconds(shard.newest_arrival),
        ]);
    }
    // The ledger knows a shard from its first commit on. The stream may hold records of one before that.
    let uncommitted = |of: &&ShardProgress| !shards.iter().any(|shard| same(shard, of));
    for of in progress.into_iter().flatten().filter(uncommitted) {
        let mut row = ["0"; 11].map(str::to_owned);
        row[0] = format!("{}/{}", of.stream, of.shard);
        row[7] = size(0);
        [row[8], row[9]] = waiting(of);
        row[10] = seconds(None);
        shown.add_row(row);
    }
    align_right(&mut shown, 1..10);
    shown
}

/// What waits for the mapping in a shard: how many records, and for how long.
fn waiting(of: &ShardProgress) -> [String; 2] {
    [of.behind_records.to_string(), format!("{:.1} s", of.behind_seconds)]
}

fn tables(tables: &[TableStatus]) -> Table {
    let mut shown = table([
        "table",
        "accepted",
        "live",
        "duplicates",
        "pending",
        "files",
        "size",
        "mean file",
        "buckets",
        "version",
        "newest version",
    ]);
    for of in tables {
        let versions = of.versions.values();
        let version = match (versions.clone().min(), versions.max()) {
            (Some(least), Some(greatest)) if least == greatest => least.to_string(),
            (Some(least), Some(greatest)) => format!("{least} to {greatest}"),
            _ => "-".to_owned(),
        };
        shown.add_row([
            of.table.clone(),
            of.accepted.to_string(),
            of.live.to_string(),
            of.duplicates.to_string(),
            of.pending.to_string(),
            of.files.to_string(),
            size(of.bytes),
            size(of.file_bytes_mean),
            of.buckets.to_string(),
            version,
            seconds(of.newest),
        ]);
    }
    align_right(&mut shown, 1..10);
    shown
}

/// A time to the second.
fn seconds(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return "-".to_owned() };
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// A number of bytes as people read it, to three digits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn example() -> Status {
        let shard = ShardStatus {
            stream: "orders".to_owned(),
            stream_created_ms: 1,
            shard: "shardId-000000000000".to_owned(),
            commits: 2,
            stubs: 0,
            closed: false,
            records: 60,
            delivered: 64,
            accepted: 63,
            quarantined: 1,
            pending: 2,
            files: 5,
            bytes: 3 << 20,
            newest_arrival: Some(Timestamp::from_micros(1_795_219_200_500_000)),
        };
        let table = TableStatus {
            table: "orders".to_owned(),
            accepted: 63,
            live: 59,
            duplicates: 2,
            pending: 2,
            files: 4,
            bytes: 4096,
            file_bytes_mean: 1024,
            partitions: 2,
            epoch: 0,
            buckets: 2,
            versions: BTreeMap::from([(0, 3), (1, 5)]),
            newest: None,
        };
        Status { shards: vec![shard], tables: vec![table], findings: Vec::new() }
    }

    #[test]
    fn without_the_stream_the_lag_is_left_open() {
        let text = shown_with(&example(), &Mapping::default(), false).unwrap();
        assert!(text.contains("orders/shardId-000000000000") && text.contains("3 to 5"), "{text}");
        assert!(text.contains("2026-11-21T00:00:00Z"), "{text}");
        assert!(text.contains("3.0 MiB") && text.contains("Everything adds up"), "{text}");
        assert!(!text.contains(" s "), "{text}");
    }

    #[test]
    fn the_progress_of_the_mapping_stands_beside_its_shard() {
        let progress = ShardProgress {
            stream: "orders".to_owned(),
            shard: "shardId-000000000000".to_owned(),
            behind_records: 1_234,
            behind_seconds: 2.5,
            ..ShardProgress::default()
        };
        let text = shown_with(&example(), &Mapping { progress: Some(vec![progress]), given_up: 2 }, false).unwrap();
        assert!(text.contains("1234") && text.contains("2.5 s"), "{text}");
    }

    #[test]
    fn a_shard_that_has_committed_nothing_yet_is_shown_with_what_waits_in_it() {
        let of = |shard: &str, behind_records| ShardProgress {
            stream: "orders".to_owned(),
            shard: shard.to_owned(),
            behind_records,
            behind_seconds: 7.5,
            ..ShardProgress::default()
        };
        let progress = [of("shardId-000000000000", 11), of("shardId-000000000001", 4_321)];
        let text = shown_with(&example(), &Mapping { progress: Some(progress.to_vec()), given_up: 0 }, false).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| line.contains("orders/shardId-")).collect();
        assert_eq!(rows.len(), 2, "{text}");
        assert!(rows[0].contains("shardId-000000000000") && rows[0].contains(" 11 "), "{text}");
        let cells: Vec<_> = rows[1].split_whitespace().collect();
        assert_eq!(cells.join(" "), "orders/shardId-000000000001 0 0 0 0 0 0 0 B 4321 7.5 s -", "{text}");
    }

    #[test]
    fn as_json_it_is_one_document() {
        let text = shown_with(&example(), &Mapping::default(), true).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["shards"][0]["delivered"], 64);
        assert_eq!(value["tables"][0]["versions"]["1"], 5);
        assert_eq!(value["mapping"], serde_json::Value::Null);
    }

    #[test]
    fn sizes_are_in_the_unit_that_suits_them() {
        assert_eq!([0, 1023, 1024, 1 << 30].map(size), ["0 B", "1023 B", "1.0 KiB", "1.0 GiB"]);
    }
}
