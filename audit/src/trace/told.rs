//! What is told of an event.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::finding::Finding;

/// What is known of an event.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The event.
    pub id: String,
    /// The tables that it was delivered to; none, and nobody has delivered it.
    pub tables: Vec<TableTrace>,
    /// What is wrong with the files that were asked.
    pub findings: Vec<Finding>,
}

/// What is known of an event in a table.
#[derive(Clone, Debug, Serialize)]
pub struct TableTrace {
    /// The table.
    pub table: String,
    /// Its copies, the best one first.
    pub deliveries: Vec<TracedDelivery>,
    /// The row of the table that it is; none where it is not compacted yet.
    pub live: Option<TracedRow>,
    /// The groups that count it.
    pub groups: Vec<TracedGroup>,
}

/// A copy of the event.
#[derive(Clone, Debug, Serialize)]
pub struct TracedDelivery {
    /// The stream, and when that was created in milliseconds since 1970.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// The place of its record in it.
    pub sequence: String,
    /// The event within the record.
    pub sub: i32,
    /// The type of event.
    pub event_type: String,
    /// When it happened, as this copy says.
    pub event_time: String,
    /// When its record arrived.
    pub arrival_time: String,
    /// The row of the shard's chain that commits it.
    pub row: u64,
    /// The raw file.
    pub file: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It is the one that the table holds.
    Kept,
    /// It was dropped, or replaced.
    Dropped {
        /// By what the copy that is kept is better.
        why: String,
    },
    /// Its bucket has not taken it yet.
    Pending,
}

/// The row of a table that an event is.
#[derive(Clone, Debug, Serialize)]
pub struct TracedRow {
    /// The live file.
    pub file: String,
    /// The bucket.
    pub bucket: u32,
    /// The version of the bucket that wrote the file.
    pub version: u64,
    /// The version of the bucket that is read.
    pub read_version: u64,
    /// The partition.
    pub partition: String,
}

/// A group of a roll-up that counts the event.
#[derive(Clone, Debug, Serialize)]
pub struct TracedGroup {
    /// The roll-up's table.
    pub rollup: String,
    /// When the window begins.
    pub window_start: String,
    /// The columns that it is grouped by, and its values.
    pub by: BTreeMap<String, serde_json::Value>,
    /// What the table holds of the group in all.
    pub count: u64,
    /// The measures.
    pub measures: BTreeMap<String, serde_json::Value>,
}
