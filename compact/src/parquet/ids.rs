//! Where a file says which ids it holds, beside its Parquet.
//!
//! For each row group there are, all numbers little-endian:
//! - **locators**: an entry of 4 bytes for each row, in the order of placements: the lower 16 bits of its placement, and
//!   which [`STRIPE_ROWS`] rows of the row group it is among;
//! - a **directory**: the row group's rows, ids and times, where its locators and its Bloom filter stand, and the
//!   placement of every [`BLOCK_ROWS`]th entry;
//! - Parquet's own **Bloom filter** on `event_id`, which other readers use too.
//!
//! The directories stand together, behind a head, and the Bloom filters right behind them: one read tells which ids are
//! claimed, and a kilobyte for each of those where it would be. The footer says under [`IDS_KEY`] where that is.
//!
//! It is a persisted format: its version is in the head and in the footer.

use std::ops::Range;

use ::parquet::bloom_filter::Sbbf;
use bytes::{Buf as _, BufMut as _, Bytes};
use iguazu_lake::ids::{EventId, Timestamp};
use uuid::Uuid;

use super::foreign;
use crate::error::CompactError;

/// Under this key the footer has the version of the sections, and from where to where they are read first.
pub const IDS_KEY: &str = "iguazu.ids";
/// The version that this module writes.
pub const IDS_VERSION: u32 = 1;
/// Entries of a block of locators.
pub const BLOCK_ROWS: usize = 256;
/// Rows that an entry does not tell apart: with so many, 16 bits do for a row group.
pub const STRIPE_ROWS: usize = 16;

pub(super) const ENTRY_BYTES: usize = 4;
const MAGIC: &[u8; 4] = b"IGID";

/// What is known of a row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its rows.
    pub rows: u32,
    /// Where its locators begin in the file.
    pub locators: u64,
    /// Where its Bloom filter stands in the file.
    pub bloom: Range<u64>,
    /// The least and the greatest id.
    pub ids: (EventId, EventId),
    /// The first and the last event time.
    pub times: (Timestamp, Timestamp),
    /// The placement of the first entry of each block.
    pub firsts: Vec<u64>,
}

/// What is gathered of a row group while its columns are written.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: u32,
    pub(super) ids: (EventId, EventId),
    pub(super) times: (Timestamp, Timestamp),
    pub(super) firsts: Vec<u64>,
    pub(super) locators: Bytes,
    /// What its Bloom filter takes in a file.
    pub(super) bloom_bytes: u64,
}

/// What a Bloom filter takes in a file.
pub(super) fn bloom_bytes(bloom: &Sbbf) -> Result<u64, CompactError> {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    bloom.write(&mut count)?;
    Ok(count.0)
}

/// The placements of a row group's rows, as its ids pass by.
#[derive(Debug)]
pub(super) struct Gatherer {
    placements: Vec<(u64, u32)>,
    ids: Option<(EventId, EventId)>,
    bloom: Sbbf,
}

impl Gatherer {
    pub(super) fn of(rows: usize) -> Self {
        // Twelve to twenty-four bits a row: one id in 300 to 50,000 is claimed that is not there.
        let bytes = (rows * 3 / 2).next_power_of_two().max(32);
        Self { placements: Vec::with_capacity(rows), ids: None, bloom: Sbbf::new_with_num_of_bytes(bytes) }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), CompactError> {
        let id = EventId::of_text(text).ok_or_else(|| foreign("`event_id` holds no UUID"))?;
        // A row group has at most 2^20 rows.
        self.placements.push((id.placement(), self.placements.len() as u32));
        let (least, greatest) = self.ids.unwrap_or((id, id));
        self.ids = Some((least.min(id), greatest.max(id)));
        self.bloom.insert(text);
        Ok(())
    }

    /// What is said of the row group, but for its times, and its Bloom filter.
    pub(super) fn finish(mut self) -> Result<(Group, Sbbf), CompactError> {
        self.placements.sort_unstable();
        let mut locators = Vec::with_capacity(self.placements.len() * ENTRY_BYTES);
        for &(placement, row) in &self.placements {
            locators.put_u16_le(placement as u16);
            locators.put_u16_le((row as usize / STRIPE_ROWS) as u16);
        }
        let group = Group {
            rows: self.placements.len() as u32,
            ids: self.ids.ok_or_else(|| foreign("a row group without rows"))?,
            times: (Timestamp::from_micros(0), Timestamp::from_micros(0)),
            firsts: self.placements.iter().step_by(BLOCK_ROWS).map(|entry| entry.0).collect(),
            locators: locators.into(),
            bloom_bytes: bloom_bytes(&self.bloom)?,
        };
        Ok((group, self.bloom))
    }
}

/// The stripes of a row group that may hold an event of this placement, by its locators. `block` says where in them a
/// block stands, and its bytes.
pub(super) fn stripes(block: &[u8], placement: u64) -> impl Iterator<Item = usize> {
    let (entries, _) = block.as_chunks::<ENTRY_BYTES>();
    let entry = |entry: &[u8; ENTRY_BYTES]| {
        (u16::from_le_bytes([entry[0], entry[1]]), usize::from(u16::from_le_bytes([entry[2], entry[3]])))
    };
    entries.iter().map(entry).filter(move |entry| entry.0 == placement as u16).map(|entry| entry.1)
}

impl Directory {
    /// Where the entries of a placement stand among the locators, whole blocks of them.
    #[must_use]
    pub fn blocks(&self, placement: u64) -> Range<u64> {
        // A run of equal placements may begin in the block before the first that begins with it.
        let from = self.firsts.partition_point(|&first| first < placement).saturating_sub(1);
        let to = self.firsts.partition_point(|&first| first <= placement);
        let entry = |block: usize| (block * BLOCK_ROWS).min(self.rows as usize) * ENTRY_BYTES;
        self.locators + entry(from) as u64..self.locators + entry(to.max(from)) as u64
    }
}

/// The bytes of the head and the directories.
pub(super) fn encode(directories: &[Directory]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_slice(MAGIC);
    bytes.put_u32_le(IDS_VERSION);
    bytes.put_u32_le(directories.len() as u32);
    for directory in directories {
        bytes.put_u32_le(directory.rows);
        bytes.put_u64_le(directory.locators);
        bytes.put_u64_le(directory.bloom.start);
        bytes.put_u64_le(directory.bloom.end);
        for id in [directory.ids.0, directory.ids.1] {
            bytes.put_slice(id.uuid().as_bytes());
        }
        for time in [directory.times.0, directory.times.1] {
            bytes.put_i64_le(time.micros());
        }
        directory.firsts.iter().for_each(|&first| bytes.put_u64_le(first));
    }
    bytes
}

/// How many bytes [`encode`] makes of row groups with so many rows.
pub(super) fn encoded_bytes(rows: impl Iterator<Item = u32>) -> usize {
    12 + rows.map(|rows| 76 + rows.div_ceil(BLOCK_ROWS as u32) as usize * 8).sum::<usize>()
}

/// The directories of a file, of the bytes from their head on.
///
/// # Errors
/// Where they are none, or of another version.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<Directory>, CompactError> {
    let short = |_| foreign("its directory of ids ends too early");
    let magic = bytes.get(..MAGIC.len()).is_some_and(|magic| magic == MAGIC);
    if !magic {
        return Err(foreign("it has no directory of ids where it should"));
    }
    bytes.advance(MAGIC.len());
    let version = bytes.try_get_u32_le().map_err(short)?;
    if version != IDS_VERSION {
        return Err(foreign(format!("its directory of ids has version {version}; this program reads {IDS_VERSION}")));
    }
    let groups = bytes.try_get_u32_le().map_err(short)?;
    let mut directories = Vec::new();
    for _ in 0..groups {
        let rows = bytes.try_get_u32_le().map_err(short)?;
        let locators = bytes.try_get_u64_le().map_err(short)?;
        let bloom = bytes.try_get_u64_le().map_err(short)?..bytes.try_get_u64_le().map_err(short)?;
        let mut id = || bytes.try_get_u128().map(|id| EventId::new(Uuid::from_u128(id)));
        let ids = (id().map_err(short)?, id().map_err(short)?);
        let mut time = || bytes.try_get_i64_le().map(Timestamp::from_micros);
        let times = (time().map_err(short)?, time().map_err(short)?);
        let mut first = || bytes.try_get_u64_le().map_err(short);
        let firsts = (0..rows.div_ceil(BLOCK_ROWS as u32)).map(|_| first()).collect::<Result<_, _>>()?;
        directories.push(Directory { rows, locators, bloom, ids, times, firsts });
    }
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let id = |id| EventId::new(Uuid::from_u128(id));
        Directory {
            rows: 2,
            locators: 4,
            bloom: 100..132,
            ids: (id(1), id(2)),
            times: (Timestamp::from_micros(5), Timestamp::from_micros(6)),
            firsts: vec![7],
        }
    }

    #[test]
    fn the_first_version_is_these_bytes() {
        let expected = "49474944 01000000 01000000 \
            02000000 0400000000000000 6400000000000000 8400000000000000 \
            00000000000000000000000000000001 00000000000000000000000000000002 \
            0500000000000000 0600000000000000 0700000000000000";
        let bytes = encode(&[directory()]);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""));
        assert_eq!(bytes.len(), encoded_bytes([2].into_iter()));
        assert_eq!(decode(&bytes).unwrap(), [directory()]);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_placement_is_looked_for_in_every_block_that_may_have_it() {
        let firsts = vec![10, 20, 20, 30];
        let directory = Directory { rows: 1_000, locators: 0, firsts, ..directory() };
        let blocks = |placement| {
            let range = directory.blocks(placement);
            (range.start / 1_024, range.end.div_ceil(1_024))
        };
        assert_eq!(blocks(9), (0, 0));
        assert_eq!(blocks(10), (0, 1));
        assert_eq!(blocks(15), (0, 1));
        // It may end the block before, begin the next two, and not the one after.
        assert_eq!(blocks(20), (0, 3));
        assert_eq!(blocks(25), (2, 3));
        assert_eq!(blocks(u64::MAX), (3, 4));
        assert_eq!(directory.blocks(u64::MAX).end, 4_000);
    }
}
