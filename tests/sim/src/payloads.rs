//! What producers send: a fixed pool of record payloads, good and bad, with the rows that each must give.
//!
//! The pool is made once a process. What a payload must give is what the transform gives for it alone: whether
//! that is right is the transform's own tests' business, the simulation asks whether it arrives once and whole.

use std::sync::LazyLock;

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, SequenceNumber, Timestamp};
use iguazu_transform::{Batch, Counts, Limits, Payload, Record, Source, kpl};

use crate::plain::{SeenRow, SimFormat};

/// When records arrive in the simulation: noon of some day.
pub const ARRIVAL: Timestamp = Timestamp::from_millis(1_767_268_800_000);

/// A payload and what must come of it.
#[derive(Debug)]
pub struct Sample {
    /// The record's bytes.
    pub data: Bytes,
    /// The rows, by sub number.
    pub rows: Vec<SeenRow>,
    /// The same, counted.
    pub counts: Counts,
}

/// All payloads. Every eighth is bad, and every eighth holds several events.
pub static POOL: LazyLock<Vec<Sample>> = LazyLock::new(|| (0..POOL_SIZE).map(sample).collect());

/// How many there are.
pub const POOL_SIZE: usize = 256;

fn event(number: usize) -> String {
    let day = 27 + number % 3;
    format!(
        r#"{{"id":"00000000-0000-4000-8000-{number:012x}","type":"t{}","time":"2025-12-{day}T10:00:00Z","n":{number}}}"#,
        number % 5
    )
}

fn payload(number: usize) -> Vec<u8> {
    let two = format!("{}\n{}", event(number), event(number + 10_000));
    match number % 32 {
        7 => Vec::new(),
        15 => b"{\"id\":1".to_vec(),
        23 => vec![0x1f, 0x8b, 8, 0, 0],
        31 => event(number).replace("2025-12-", "9999-12-").into_bytes(),
        3 | 19 => two.into_bytes(),
        11 => format!("{}\nnot json", event(number)).into_bytes(),
        27 => kpl::aggregate(&[("a", event(number).as_bytes()), ("b", event(number + 10_000).as_bytes())]).to_vec(),
        _ => event(number).into_bytes(),
    }
}

fn sample(number: usize) -> Sample {
    let data = Bytes::from(payload(number));
    let limits = Limits::default();
    let mut batch = Batch::new(&limits, table());
    batch.push(&Record { sequence: SequenceNumber::from(0), arrival: ARRIVAL, payload: Payload::Data(data.clone()) });
    let chain: ChainId = "shard.pool.0.shardId-0".parse().unwrap_or_else(|_| unreachable!("a constant"));
    let output =
        batch.finish(&Source { chain }, &SimFormat::Plain).unwrap_or_else(|error| panic!("payload {number}: {error}"));
    let mut rows: Vec<_> = output.files.iter().filter_map(|file| SimFormat::rows(&file.bytes)).flatten().collect();
    rows.sort_by_key(|(_, row)| *row);
    Sample { data, rows: rows.into_iter().map(|(_, row)| row).collect(), counts: output.counts }
}

/// The table of every simulated event.
#[must_use]
pub fn table() -> iguazu_lake::ids::TableName {
    "events".parse().unwrap_or_else(|_| unreachable!("a constant"))
}
