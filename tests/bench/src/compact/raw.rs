//! The input: raw files as ingest writes them, of a day.
//!
//! Events arrive nearly in the order of their times; one in a hundred is up to two hours late. One in a hundred is a copy
//! of another: half of them sent again as they were, half with a later time.

use std::path::Path;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use iguazu_lake::ids::{ChainId, StreamId, Timestamp};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::generate::{self, STREAM_CREATED_MS, STREAM_NAME};
use crate::random::Random;

/// The contract.
pub const CONTRACT: &str = include_str!("../../compact.toml");
/// Rows of a raw file.
pub const FILE_ROWS: u64 = 10_000;
const SHARDS: u64 = 4;
/// Part of a thousand.
const LATE: u64 = 10;
const COPIES: u64 = 10;
/// Events that are kept to be sent again.
const RECENT: usize = 20_000;
const DAY_MICROS: i64 = 20 * 3_600_000_000;

/// What was written.
#[derive(Debug, Deserialize, Serialize)]
pub struct Input {
    /// Raw files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

struct Sent {
    json: String,
    happened: DateTime<Utc>,
}

/// The contract, and the catalog of it alone.
///
/// # Errors
/// Where it is none.
pub fn catalog() -> Result<Catalog, Failure> {
    let contract = Contract::parse("compact.toml", CONTRACT)?;
    Ok(Catalog::new(vec![contract], &Secrets::default(), Limits::default())?)
}

/// Writes the files, unless they are there already.
///
/// # Errors
/// Where that fails.
pub fn store(folder: &Path, files: u64) -> Result<Input, Failure> {
    let done = folder.join("input.json");
    if let Ok(text) = std::fs::read(&done) {
        return Ok(serde_json::from_slice(&text)?);
    }
    std::fs::create_dir_all(folder)?;
    let catalog = catalog()?;
    let mut input = Input { files, rows: 0, bytes: 0 };
    let mut days = Days::new(files * FILE_ROWS);
    for number in 0..files {
        let bytes = days.file(&catalog, number % SHARDS)?;
        input.rows += FILE_ROWS;
        input.bytes += bytes.len() as u64;
        std::fs::write(folder.join(format!("{number:05}.parquet")), bytes)?;
    }
    std::fs::write(done, serde_json::to_vec(&input)?)?;
    Ok(input)
}

/// The events of a day, as they come.
pub struct Days {
    random: Random,
    begun: DateTime<Utc>,
    arrival: DateTime<Utc>,
    step_micros: i64,
    sequence: u128,
    recent: Vec<Sent>,
}

impl Days {
    /// A day of so many events.
    pub fn new(rows: u64) -> Self {
        let begun = Utc.with_ymd_and_hms(2026, 11, 20, 0, 1, 0).single().unwrap_or(DateTime::UNIX_EPOCH);
        Self {
            random: Random::new(0x5EED_C0DE ^ rows),
            begun,
            arrival: begun + Duration::minutes(1),
            step_micros: DAY_MICROS / rows.max(1) as i64,
            sequence: 2_538_361_571_095_921_575_989_136_588_898,
            recent: Vec::new(),
        }
    }

    /// The next raw file.
    ///
    /// # Errors
    /// Where an event is refused.
    pub fn file(&mut self, catalog: &Catalog, shard: u64) -> Result<bytes::Bytes, Failure> {
        let mut batch = Batch::expecting(FILE_ROWS as usize, catalog);
        for _ in 0..FILE_ROWS {
            self.arrival += Duration::microseconds(self.random.below(2 * self.step_micros.unsigned_abs()) as i64);
            self.sequence += (u128::from(1 + self.random.below(3)) << 80) + u128::from(self.random.below(1 << 42));
            let json = self.event();
            batch.push(&Record {
                sequence: format!("4959033827149025660855969{:031}", self.sequence).parse()?,
                arrival: Timestamp::from_millis(self.arrival.timestamp_millis()),
                payload: Payload::Data(json.into_bytes().into()),
            });
        }
        let stream = StreamId { name: STREAM_NAME.parse()?, created_ms: STREAM_CREATED_MS.unsigned_abs() };
        let shard = format!("shardId-{shard:012}").parse()?;
        let output = batch.finish(&Source { chain: ChainId::Shard { stream, shard } }, &Parquet)?;
        match output.files.as_slice() {
            [file] if file.rows == FILE_ROWS => Ok(file.bytes.clone()),
            files => Err(format!("{} files of a batch, {:?}", files.len(), output.counts).into()),
        }
    }

    fn event(&mut self) -> String {
        if self.random.per_mille(COPIES) && !self.recent.is_empty() {
            let again = &self.recent[self.random.below(self.recent.len() as u64) as usize];
            if self.random.per_mille(500) {
                return again.json.clone();
            }
            let later = again.happened + Duration::milliseconds(1 + self.random.below(60_000) as i64);
            return again.json.replacen(&text(again.happened), &text(later), 1);
        }
        let late = if self.random.per_mille(LATE) { self.random.below(7_200_000) } else { 0 };
        let age = Duration::milliseconds((40 + self.random.skewed(20_000) + late) as i64);
        let happened = (self.arrival - age).max(self.begun);
        let kind = generate::kind(&mut self.random);
        let json = generate::of_kind(&mut self.random, kind, &text(happened)).json;
        let sent = Sent { json: json.clone(), happened };
        if self.recent.len() < RECENT {
            self.recent.push(sent);
        } else {
            let at = self.random.below(RECENT as u64) as usize;
            self.recent[at] = sent;
        }
        json
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
