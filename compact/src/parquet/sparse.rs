//! A file of which only parts are at hand.

use std::ops::Range;

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use futures_util::stream;

use crate::error::CompactError;
use crate::format::Ranges;

/// Ranges that stand no further apart are read as one: a request costs more than so many bytes, its price and the time that
/// a function waits for it against the time that it reads them. By the figures of `make cost` the two are even at a
/// megabyte. A few hundred claims of a large file stand some ten kilobytes apart, and are a few requests with this; a few
/// dozen stand far apart, and stay the small part of the file that they are.
const GAP_BYTES_MAX: u64 = 64 << 10;
/// Requests at a time.
const CONCURRENT: usize = 16;

/// Parts of a file, by where they begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    bytes: u64,
    parts: Vec<(u64, Bytes)>,
}

impl Sparse {
    /// A file of so many bytes, of which nothing is at hand.
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, parts: Vec::new() }
    }

    /// Reads ranges, neighbours together.
    pub(super) async fn load<R: Ranges>(
        &mut self,
        reader: &R,
        ranges: impl IntoIterator<Item = Range<u64>>,
    ) -> Result<(), CompactError> {
        let reads = coalesced(ranges.into_iter().collect()).into_iter().map(|range| async move {
            let bytes = reader.read(range.clone()).await?;
            Ok::<_, CompactError>((range.start, bytes))
        });
        let mut parts: Vec<_> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
        self.parts.append(&mut parts);
        self.parts.sort_unstable_by_key(|part| part.0);
        Ok(())
    }

    fn at(&self, start: u64) -> Result<Bytes, ParquetError> {
        let missing = || ParquetError::General(format!("the byte {start} of the file was not read"));
        // Ranges of separate loads may overlap: any part that holds the byte will do.
        let held = |part: &&(u64, Bytes)| part.0 <= start && start < part.0 + part.1.len() as u64;
        let (from, bytes) = self.parts.iter().rev().find(held).ok_or_else(missing)?;
        Ok(bytes.slice((start - from) as usize..))
    }

    pub(super) fn range(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        self.get_bytes(range.start, (range.end - range.start) as usize)
    }
}

/// The ranges in their order, those that are close to each other as one.
fn coalesced(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut together: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match together.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES_MAX) => last.end = last.end.max(range.end),
            _ => together.push(range),
        }
    }
    together
}

impl Length for Sparse {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Sparse {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.at(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.at(start)?;
        if bytes.len() < length {
            return Err(ParquetError::General(format!("{length} bytes from {start} on were not read")));
        }
        Ok(bytes.slice(..length))
    }
}
