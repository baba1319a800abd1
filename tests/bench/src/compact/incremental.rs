//! A run that adds a few events to a large table: what it reads to know which of them are there already.

use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use iguazu_compact::ParquetTables;
use iguazu_compact::error::CompactError;
use iguazu_compact::format::{Held, Ranges, TableFormat as _};
use iguazu_compact::state::{LiveFile, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, EventId, RowNumber};
use iguazu_transform::Contract;
use serde::Deserialize;
use uuid::Uuid;

use crate::Failure;
use crate::ours::paths;
use crate::random::Random;
use crate::raw::CONTRACT;

/// Events of the run.
pub const NEW_ROWS: u64 = 10_000;
/// Those of them that the table has.
const PRESENT: u64 = 100;

/// What was read.
#[derive(Debug, Default)]
pub struct Found {
    /// Bytes of the table.
    pub table_bytes: u64,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Requests.
    pub requests: u64,
    /// Live files.
    pub files: u64,
    /// Events that were found.
    pub held: u64,
    /// What it took, in seconds.
    pub seconds: f64,
}

#[derive(Deserialize)]
struct Said {
    rows: u64,
    ids: (EventId, EventId),
    index: (u64, u64),
}

/// A file in memory that counts what is read of it.
struct Counted {
    bytes: Bytes,
    read: AtomicU64,
    requests: AtomicU64,
}

impl Ranges for Counted {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, CompactError> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
    }
}

/// Looks for new events in the files of a folder.
///
/// # Errors
/// Where one that is there is not found, or one that is not.
pub fn run(raw: &Path, table: &Path) -> Result<Found, Failure> {
    let contract = Arc::new(Contract::parse("compact.toml", CONTRACT)?);
    let mut random = Random::new(7);
    let mut ids = present(&contract, raw, &mut random)?;
    let expected = ids.len() as u64;
    while (ids.len() as u64) < NEW_ROWS {
        let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
        ids.push(EventId::new(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()));
    }
    ids.sort_unstable_by_key(|id| id.placement());
    let mut found = Found::default();
    for path in paths(table)?.iter().filter(|path| path.to_string_lossy().contains("/events-")) {
        let said: Said = serde_json::from_slice(&std::fs::read(path.with_extension("json"))?)?;
        let file = Counted { bytes: std::fs::read(path)?.into(), read: AtomicU64::new(0), requests: AtomicU64::new(0) };
        let live = LiveFile {
            written: Written { n: RowNumber::new(0), attempt: AttemptId::from_u128(0), ordinal: 0 },
            rows: said.rows,
            bytes: file.bytes.len() as u64,
            sha256: Sha256Sum::new([0; 32]),
            event_time: None,
            ids: Some(said.ids),
            index: Some(said.index),
            rollups: Vec::new(),
        };
        let begun = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let held: Vec<Held> = block_on(ParquetTables.find(&file, &live, &ids))?;
        let ended = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        found.seconds += (ended.tv_sec - begun.tv_sec) as f64 + (ended.tv_nsec - begun.tv_nsec) as f64 / 1e9;
        found.held += held.len() as u64;
        found.files += 1;
        found.table_bytes += live.bytes;
        found.read_bytes += file.read.into_inner();
        found.requests += file.requests.into_inner();
    }
    if found.held != expected {
        return Err(format!("{} of {expected} events were found", found.held).into());
    }
    Ok(found)
}

/// Events of the table, spread over all of its raw files.
fn present(contract: &Arc<Contract>, raw: &Path, random: &mut Random) -> Result<Vec<EventId>, Failure> {
    let files = paths(raw)?;
    let mut ids: Vec<EventId> = Vec::new();
    for number in 0..PRESENT {
        let path = &files[(number * files.len() as u64 / PRESENT) as usize];
        let input = ParquetTables.open(contract, std::fs::read(path)?.into())?;
        let keys = ParquetTables.keys(contract, &input)?;
        let id = keys.rows[random.below(keys.rows.len() as u64) as usize].id;
        if !ids.contains(&id) && id.uuid() != Uuid::nil() {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// All that is waited for is in memory.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
