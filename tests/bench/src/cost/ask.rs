//! What it takes to ask a file of the table which of many new events it holds already.
//!
//! That is the one part of the cost that grows with the age of a table whose ids are random: each version asks every live
//! file of its bucket. Ids that begin with a clock leave the old files out.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use iguazu_compact::ParquetTables;
use iguazu_compact::error::CompactError;
use iguazu_compact::format::{Ranges, TableFormat as _};
use iguazu_compact::state::{LiveFile, Written};
use iguazu_lake::adapters::memory::MemoryObjects;
use iguazu_lake::ids::{EventId, TableName};
use iguazu_lake::keys::version::{VersionObject, VersionPart};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::Objects as _;
use iguazu_sim::counted::Counted;
use serde::{Deserialize, Serialize};

use super::world::World;
use crate::Failure;
use crate::machine;
use crate::random::Random;

/// Rows of a row group of a large file.
const GROUP_ROWS: f64 = 1_048_576.0;

/// What asking takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Asked {
    /// Rows of the file that was asked.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Ids that it was asked for; it has none of them.
    pub ids: u64,
    /// Requests.
    pub gets: u64,
    /// Bytes that were read of it.
    pub bytes_got: u64,
    /// CPU time.
    pub cpu_s: f64,
    /// Live files of the table.
    pub live_files: u64,
    /// Days that they are of.
    pub live_days: u64,
}

impl Asked {
    /// What it takes to ask a table of so many rows, in files of `file_bytes`, for so many ids: GET requests, bytes and
    /// CPU seconds. A Bloom filter is asked for each id, and so the CPU time goes with ids and row groups alike.
    pub fn table(&self, rows: f64, ids: f64, file_bytes: f64) -> (f64, f64, f64) {
        let share = rows / self.rows as f64;
        let files = share * self.bytes as f64 / file_bytes;
        let groups = |rows: f64| (rows / GROUP_ROWS).ceil();
        let per_group = self.cpu_s / self.ids as f64 / groups(self.rows as f64);
        (files * self.gets as f64, share * self.bytes_got as f64, files * groups(rows / files) * ids * per_group)
    }
}

struct Reader<'a>(&'a Counted, ObjectKey);

impl Ranges for Reader<'_> {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, CompactError> {
        let part = self.0.get_range(&self.1, range).await.map_err(CompactError::port("reading a part of a file"))?;
        part.ok_or_else(|| CompactError::Gone { key: self.1.clone() })
    }
}

/// Asks the largest file of a table for ids that it does not have.
///
/// # Errors
/// Where the table has no file, or the file claims an id.
pub fn ask(world: &World, ids: u64) -> Result<Asked, Failure> {
    let (ports, runtime, contract) = world.lake();
    let Largest { key, file, live_files, live_days } = runtime.block_on(largest(ports.objects(), &contract.table))?;
    let mut random = Random::new(0x00A5_4ED1);
    let mut fresh: Vec<EventId> = (0..ids)
        .filter_map(|_| {
            let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
            let id = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
            EventId::of_text(&id.hyphenated().to_string())
        })
        .collect();
    fresh.sort_unstable_by_key(|id| (id.placement(), *id));
    let reader = Reader(ports, key);
    ports.take();
    let (held, took) = machine::timed(|| runtime.block_on(ParquetTables.find(&reader, &file, &fresh)));
    if !held?.is_empty() {
        return Err("a file holds an id that was never sent".into());
    }
    let counts = ports.take();
    Ok(Asked {
        rows: file.rows,
        bytes: file.bytes,
        ids: fresh.len() as u64,
        gets: counts.gets,
        bytes_got: counts.bytes_got,
        cpu_s: took.as_secs_f64(),
        live_files,
        live_days,
    })
}

/// The live files of a partition, as its object lists them.
#[derive(Deserialize)]
struct Listed {
    files: Vec<LiveFile>,
}

/// The largest file of a table, and how many files there are.
struct Largest {
    key: ObjectKey,
    file: LiveFile,
    live_files: u64,
    live_days: u64,
}

async fn largest(objects: &MemoryObjects, table: &TableName) -> Result<Largest, Failure> {
    let mut listed = Vec::new();
    let mut live_days = 0;
    let mut data = BTreeMap::new();
    for prefix in KeyPrefix::versions(table) {
        for key in objects.list(&prefix, None, usize::MAX).await? {
            let object = VersionObject::parse(&key)?;
            match object.part {
                VersionPart::Partition { .. } => {
                    let bytes = objects.get(&key).await?.ok_or("an object that was listed is gone")?.bytes;
                    live_days += 1;
                    listed.extend(serde_json::from_slice::<Listed>(&bytes)?.files);
                }
                VersionPart::Data { ordinal, .. } => {
                    data.insert(Written { n: object.n, attempt: object.attempt, ordinal }, key);
                }
                _ => {}
            }
        }
    }
    let live_files = listed.len() as u64;
    let file = listed.into_iter().max_by_key(|file| file.rows).ok_or("the table has no file")?;
    let key = data.remove(&file.written).ok_or("a file that a partition lists is gone")?;
    Ok(Largest { key, file, live_files, live_days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_table_takes_twice_as_much_and_twice_the_ids_twice_the_cpu_time() {
        let asked = Asked {
            rows: 1_000_000,
            bytes: 100_000_000,
            ids: 1_000,
            gets: 2,
            bytes_got: 2_000_000,
            cpu_s: 0.5,
            live_files: 1,
            live_days: 1,
        };
        assert_eq!(asked.table(1e6, 1_000.0, 1e8), (2.0, 2e6, 0.5));
        assert_eq!(asked.table(2e6, 2_000.0, 1e8), (4.0, 4e6, 2.0));
        // Smaller files are more requests, and more filters to ask.
        assert_eq!(asked.table(1e6, 1_000.0, 5e7), (4.0, 2e6, 1.0));
    }
}
