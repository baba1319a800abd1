//! `acks.bin`: where each acknowledged record stands in the stream.
//!
//! ```text
//! "IGUACKS1"                                   the format and its version
//! block: u32 bytes, u64 XXH3, zstd of entries  again and again, little-endian
//! end:   u32 0, u64 entries in all
//! ```
//!
//! A block names its shards once. A sequence number is written as its decimal digits, two in a byte: numbers of a shard
//! share most of them, which zstd then makes little of. A file without its end, or with a damaged block, is refused: a
//! proof from half of the acknowledgements would be none.

use std::io::{Read, Write};

use iguazu_lake::ids::{SequenceNumber, ShardId};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"IGUACKS1";
/// Entries of a block.
const BLOCK_ENTRIES: usize = 16_384;
/// A block's bytes in memory, at most: no sound file has more, so a damaged length asks for no more memory.
const BLOCK_BYTES_MAX: u32 = 16 << 20;

/// That a record was acknowledged, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The number of the record in its run.
    pub record: u64,
    /// Its shard.
    pub shard: ShardId,
    /// Its place there.
    pub sequence: SequenceNumber,
}

/// Why acknowledgements cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AcksError {
    /// The file system failed.
    #[error("the acknowledgements cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It is another file.
    #[error("it is no file of acknowledgements of version 1; name the folder that `loadgen run` wrote")]
    Foreign,
    /// It is damaged.
    #[error("block {block} is damaged: {problem}; the run cannot be verified, run the load again")]
    Damaged {
        /// Which block, from 0.
        block: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Writes acknowledgements.
#[derive(Debug)]
pub struct AckWriter<W> {
    out: W,
    block: Vec<Ack>,
    entries: u64,
}

impl<W: Write> AckWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Of the file system.
    pub fn new(mut out: W) -> Result<Self, AcksError> {
        out.write_all(MAGIC)?;
        Ok(Self { out, block: Vec::new(), entries: 0 })
    }

    /// Writes one down.
    ///
    /// # Errors
    /// Of the file system.
    pub fn add(&mut self, ack: Ack) -> Result<(), AcksError> {
        self.block.push(ack);
        self.entries += 1;
        if self.block.len() >= BLOCK_ENTRIES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), AcksError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let mut raw = Vec::new();
        let mut shards: Vec<&ShardId> = self.block.iter().map(|ack| &ack.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        put_number(&mut raw, shards.len() as u64);
        for shard in &shards {
            let text = shard.to_string();
            put_number(&mut raw, text.len() as u64);
            raw.extend_from_slice(text.as_bytes());
        }
        put_number(&mut raw, self.block.len() as u64);
        for ack in &self.block {
            put_number(&mut raw, ack.record);
            put_number(&mut raw, shards.binary_search(&&ack.shard).unwrap_or_default() as u64);
            put_digits(&mut raw, &ack.sequence.to_string());
        }
        let block = zstd::bulk::compress(&raw, 3)?;
        self.out.write_all(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes())?;
        self.out.write_all(&xxh3_64(&block).to_le_bytes())?;
        self.out.write_all(&block)?;
        self.block.clear();
        Ok(())
    }

    /// Ends the file, and gives back what it was written to.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(mut self) -> Result<W, AcksError> {
        self.flush()?;
        self.out.write_all(&0_u32.to_le_bytes())?;
        self.out.write_all(&self.entries.to_le_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Reads all acknowledgements, and hands each to `take`.
///
/// # Errors
/// Where the file cannot be read, or is damaged.
pub fn read(mut file: impl Read, mut take: impl FnMut(Ack)) -> Result<u64, AcksError> {
    let mut magic = [0; 8];
    file.read_exact(&mut magic).map_err(|_| AcksError::Foreign)?;
    if &magic != MAGIC {
        return Err(AcksError::Foreign);
    }
    let (mut block, mut entries) = (0, 0);
    loop {
        let damaged = |problem| AcksError::Damaged { block, problem };
        let (mut bytes, mut sum) = ([0; 4], [0; 8]);
        file.read_exact(&mut bytes).map_err(|_| damaged("the file ends before its end was written"))?;
        file.read_exact(&mut sum).map_err(|_| damaged("the file ends before its end was written"))?;
        let (bytes, sum) = (u32::from_le_bytes(bytes), u64::from_le_bytes(sum));
        if bytes == 0 {
            return if sum == entries { Ok(entries) } else { Err(damaged("another number of entries was written")) };
        }
        if bytes > BLOCK_BYTES_MAX {
            return Err(damaged("its length is beyond all blocks"));
        }
        let mut packed = vec![0; bytes as usize];
        file.read_exact(&mut packed).map_err(|_| damaged("the file ends within it"))?;
        if xxh3_64(&packed) != sum {
            return Err(damaged("its checksum is another"));
        }
        let raw = zstd::bulk::decompress(&packed, BLOCK_BYTES_MAX as usize);
        let raw = raw.map_err(|_| damaged("it does not decompress"))?;
        entries += unpack(&raw, &mut take).ok_or_else(|| damaged("its entries are cut"))?;
        block += 1;
    }
}

fn unpack(mut raw: &[u8], take: &mut impl FnMut(Ack)) -> Option<u64> {
    let mut shards = Vec::new();
    for _ in 0..number(&mut raw)? {
        let bytes = number(&mut raw)?;
        let (text, rest) = raw.split_at_checked(usize::try_from(bytes).ok()?)?;
        raw = rest;
        shards.push(std::str::from_utf8(text).ok()?.parse::<ShardId>().ok()?);
    }
    let entries = number(&mut raw)?;
    for _ in 0..entries {
        let record = number(&mut raw)?;
        let shard = shards.get(usize::try_from(number(&mut raw)?).ok()?)?.clone();
        let sequence = digits(&mut raw)?.parse().ok()?;
        take(Ack { record, shard, sequence });
    }
    raw.is_empty().then_some(entries)
}

/// Seven bits a byte, the lowest first.
fn put_number(raw: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        raw.push(number as u8 | 0x80);
        number >>= 7;
    }
    raw.push(number as u8);
}

fn number(raw: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = raw.split_first()?;
        *raw = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// How many digits there are, then two in a byte; the last one is alone where their number is odd.
fn put_digits(raw: &mut Vec<u8>, digits: &str) {
    put_number(raw, digits.len() as u64);
    for pair in digits.as_bytes().chunks(2) {
        let value = |at: usize| pair.get(at).map_or(0, |digit| digit.wrapping_sub(b'0'));
        raw.push(value(0) << 4 | value(1));
    }
}

fn digits(raw: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(number(raw)?).ok()?;
    let (pairs, rest) = raw.split_at_checked(length.div_ceil(2))?;
    *raw = rest;
    let digits = pairs.iter().flat_map(|pair| [pair >> 4, pair & 0xF]).take(length);
    Some(digits.map(|digit| char::from(b'0' + digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(acks: &[Ack]) -> Vec<u8> {
        let mut writer = AckWriter::new(Vec::new()).unwrap();
        acks.iter().for_each(|ack| writer.add(ack.clone()).unwrap());
        writer.finish().unwrap()
    }

    fn read_back(file: &[u8]) -> Result<Vec<Ack>, AcksError> {
        let mut acks = Vec::new();
        read(file, |ack| acks.push(ack)).map(|_| acks)
    }

    fn ack(record: u64, shard: u8, sequence: &str) -> Ack {
        Ack { record, shard: format!("shardId-{shard:012}").parse().unwrap(), sequence: sequence.parse().unwrap() }
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(entries in prop::collection::vec((any::<u64>(), any::<u8>(), "0|[1-9][0-9]{0,128}"), 0..50)) {
            let acks: Vec<_> = entries.iter().map(|(record, shard, sequence)| ack(*record, *shard, sequence)).collect();
            prop_assert_eq!(read_back(&written(&acks)).unwrap(), acks);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_back(&[&MAGIC[..], &bytes].concat());
        }
    }

    #[test]
    fn many_blocks_read_back_and_take_little_room() {
        let acks: Vec<_> =
            (0..40_000).map(|n| ack(n, (n % 4) as u8, &format!("4954{:0>52}", 1_000_000_007 * n))).collect();
        let file = written(&acks);
        assert_eq!(read_back(&file).unwrap(), acks);
        assert!(file.len() < acks.len() * 12, "{}", file.len());
    }

    #[test]
    fn a_cut_or_damaged_file_is_refused() {
        let file = written(&[ack(1, 2, "33"), ack(2, 2, "34")]);
        for end in 0..file.len() {
            assert!(read_back(&file[..end]).is_err(), "{end}");
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(read_back(&damaged).is_err(), "{at}");
        }
    }
}
