//! The input: raw files as ingest writes them, of a day.
//!
//! Events arrive nearly in the order of their times; one in a hundred is up to two hours late. One in a hundred is a copy
//! of another: half of them sent again as they were, half with a later time.

use std::path::Path;

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use iguazu_lake::ids::{ChainId, SequenceSet, StreamId, Timestamp};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::generate::{self, STREAM_CREATED_MS, STREAM_NAME};
use crate::lake::{Lake, wait};
use crate::random::Random;

/// The contract.
pub const CONTRACT: &str = include_str!("../../compact.toml");
/// Its table.
pub const TABLE: &str = "events";
/// Events of a file that is added afterwards, which the table has already.
pub const PRESENT: u64 = 100;
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
    /// Bytes of the rows that commit them.
    pub row_bytes: u64,
    end: End,
}

/// How a day goes on.
#[derive(Debug, Deserialize, Serialize)]
struct End {
    arrival_ms: i64,
    sequence: String,
    /// Events of the whole day, evenly spread.
    spread: Vec<Sent>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Sent {
    json: String,
    happened_ms: i64,
}

impl Sent {
    /// The event with another time.
    fn later(&self, by: Duration) -> String {
        let then = DateTime::from_timestamp_millis(self.happened_ms).unwrap_or(DateTime::UNIX_EPOCH);
        self.json.replacen(&text(then), &text(then + by), 1)
    }
}

/// The contract, and the catalog of it alone.
///
/// # Errors
/// Where it is none.
pub fn catalog() -> Result<Catalog, Failure> {
    let contract = Contract::parse("compact.toml", CONTRACT)?;
    Ok(Catalog::new(vec![contract], &Secrets::default(), Limits::default())?)
}

/// Makes a lake with the files, unless it is there already.
///
/// # Errors
/// Where that fails.
pub fn store(folder: &Path, files: u64) -> Result<Input, Failure> {
    let done = folder.join("input.json");
    if let Ok(text) = std::fs::read(&done) {
        return Ok(serde_json::from_slice(&text)?);
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let lake = Lake::open(folder)?;
    let catalog = catalog()?;
    let (mut bytes, mut row_bytes) = (0, 0);
    let mut day = Day::new(files * FILE_ROWS);
    for number in 0..files {
        let file = day.file(&lake, &catalog, number % SHARDS, |day, _| day.event())?;
        bytes += file.0;
        row_bytes += file.1;
    }
    let end = End {
        arrival_ms: day.arrival.timestamp_millis(),
        sequence: day.sequence.to_string(),
        spread: std::mem::take(&mut day.spread),
    };
    let input = Input { files, rows: files * FILE_ROWS, bytes, row_bytes, end };
    std::fs::write(done, serde_json::to_vec(&input)?)?;
    Ok(input)
}

/// Adds a file to a lake that holds a day. One in a hundred of its events the lake has: as they were, or, where `later`,
/// with a later time.
///
/// # Errors
/// Where that fails.
pub fn add(input: &Input, lake: &Lake, later: bool) -> Result<(), Failure> {
    let end = &input.end;
    let arrival = DateTime::from_timestamp_millis(end.arrival_ms).ok_or("no time")?;
    let mut day = Day { arrival, sequence: end.sequence.parse()?, random: Random::new(7), ..Day::new(input.rows) };
    let every = FILE_ROWS / PRESENT;
    day.file(lake, &catalog()?, 0, |day, number| {
        let again = end.spread.get((number / every) as usize).filter(|_| number % every == 0);
        match again {
            // Later than any copy that the lake has.
            Some(sent) if later => sent.later(Duration::seconds(90)),
            Some(sent) => sent.json.clone(),
            None => day.fresh().json,
        }
    })?;
    Ok(())
}

/// The events of a day, as they come.
struct Day {
    random: Random,
    begun: DateTime<Utc>,
    arrival: DateTime<Utc>,
    step_micros: i64,
    sequence: u128,
    recent: Vec<Sent>,
    spread: Vec<Sent>,
    /// Events between two that are kept as spread, and since the last.
    every: u64,
    since: u64,
}

impl Day {
    /// A day of so many events.
    fn new(rows: u64) -> Self {
        let begun = Utc.with_ymd_and_hms(2026, 11, 20, 0, 1, 0).single().unwrap_or(DateTime::UNIX_EPOCH);
        Self {
            random: Random::new(0x5EED_C0DE ^ rows),
            begun,
            arrival: begun + Duration::minutes(1),
            step_micros: DAY_MICROS / rows.max(1) as i64,
            sequence: 2_538_361_571_095_921_575_989_136_588_898,
            recent: Vec::new(),
            spread: Vec::new(),
            // Copies are not counted, and leave room.
            every: rows / PRESENT / 100 * 98,
            since: 0,
        }
    }

    /// Commits the next raw file; returns its bytes and those of its row.
    fn file(
        &mut self,
        lake: &Lake,
        catalog: &Catalog,
        shard: u64,
        event: impl Fn(&mut Self, u64) -> String,
    ) -> Result<(u64, u64), Failure> {
        let mut batch = Batch::expecting(FILE_ROWS as usize, catalog);
        let mut numbers = Vec::with_capacity(FILE_ROWS as usize);
        for number in 0..FILE_ROWS {
            self.arrival += Duration::microseconds(self.random.below(2 * self.step_micros.unsigned_abs()) as i64);
            self.sequence += (u128::from(1 + self.random.below(3)) << 80) + u128::from(self.random.below(1 << 42));
            let json = event(self, number);
            let sequence = format!("4959033827149025660855969{:031}", self.sequence).parse()?;
            numbers.push(sequence);
            batch.push(&Record {
                sequence,
                arrival: Timestamp::from_millis(self.arrival.timestamp_millis()),
                payload: Payload::Data(json.into_bytes().into()),
            });
        }
        let stream = StreamId { name: STREAM_NAME.parse()?, created_ms: STREAM_CREATED_MS.unsigned_abs() };
        let chain = ChainId::Shard { stream, shard: format!("shardId-{shard:012}").parse()? };
        let output = batch.finish(&Source { chain: chain.clone() }, &Parquet)?;
        let bytes = match output.files.as_slice() {
            [file] if file.rows == FILE_ROWS => file.bytes.len() as u64,
            files => return Err(format!("{} files of a batch, {:?}", files.len(), output.counts).into()),
        };
        let row_bytes = wait(lake.commit(&chain, output, &numbers.into_iter().collect::<SequenceSet>()))?;
        Ok((bytes, row_bytes as u64))
    }

    fn event(&mut self) -> String {
        if self.random.per_mille(COPIES) && !self.recent.is_empty() {
            let again = &self.recent[self.random.below(self.recent.len() as u64) as usize];
            if self.random.per_mille(500) {
                return again.json.clone();
            }
            return again.later(Duration::milliseconds(1 + self.random.below(60_000) as i64));
        }
        let sent = self.fresh();
        let json = sent.json.clone();
        self.since += 1;
        if self.since >= self.every {
            self.since = 0;
            self.spread.push(sent.clone());
        }
        if self.recent.len() < RECENT {
            self.recent.push(sent);
        } else {
            let at = self.random.below(RECENT as u64) as usize;
            self.recent[at] = sent;
        }
        json
    }

    /// An event that was not sent before.
    fn fresh(&mut self) -> Sent {
        let late = if self.random.per_mille(LATE) { self.random.below(7_200_000) } else { 0 };
        let age = Duration::milliseconds((40 + self.random.skewed(20_000) + late) as i64);
        let happened = (self.arrival - age).max(self.begun);
        let kind = generate::kind(&mut self.random);
        let json = generate::of_kind(&mut self.random, kind, &text(happened)).json;
        Sent { json, happened_ms: happened.timestamp_millis() }
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
