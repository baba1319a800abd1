//! Compressed payloads: gzip of one or more members, zstd of one or more frames. One level, and nothing behind it.
//!
//! The output is what is bounded: half a megabyte of gzip or sixteen kilobytes of zstd expand to half a gigabyte.
//! The window of a zstd frame is bounded too, since the decoder keeps that much besides.
//!
//! gzip always carries a checksum; zstd only if its producer asked for one. Without it, damage in the stream can
//! pass for another text, which nobody here can know.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use crate::limits::Limits;
use crate::reason::Reason;

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// 8 MiB.
const RFC_8878_WINDOW_LOG: u32 = 23;
const CHUNK_BYTES: usize = 32 * 1024;

/// The payload as text, and how much of the record's room it took: nothing if it is not compressed.
///
/// # Errors
/// Where it is damaged, or expands beyond what is left of [`Limits::decompressed_bytes_max`] after `used`.
pub fn expand(payload: &Bytes, limits: &Limits, used: usize) -> Result<(Bytes, usize), Reason> {
    let limit = limits.decompressed_bytes_max;
    let output = if payload.starts_with(&GZIP) {
        drain(MultiGzDecoder::new(&payload[..]), limit, used, Reason::GzipDamaged)?
    } else if payload.starts_with(&ZSTD) {
        // The window that a frame of the largest output can need, and no more; yet not below what RFC 8878 asks of
        // every decoder, since an encoder that does not know its input's size declares its usual window.
        let window_log = limit.clamp(1 << RFC_8878_WINDOW_LOG, 1 << 30).next_power_of_two().ilog2();
        judge_header(&payload[ZSTD.len()..], 1 << window_log, limit, used)?;
        let mut decoder = zstd::stream::read::Decoder::with_buffer(&payload[..]).map_err(|_| Reason::ZstdDamaged)?;
        decoder.window_log_max(window_log).map_err(|_| Reason::ZstdDamaged)?;
        drain(decoder, limit, used, Reason::ZstdDamaged)?
    } else {
        return Ok((payload.clone(), 0));
    };
    let length = output.len();
    Ok((output.into(), length))
}

/// Reads to the end, or to the first byte beyond the limit. Never holds more than the limit and a chunk.
fn drain(mut decoder: impl Read, limit: usize, used: usize, damaged: Reason) -> Result<Vec<u8>, Reason> {
    let room = limit.saturating_sub(used);
    let mut output = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match decoder.read(&mut chunk) {
            Ok(0) => return Ok(output),
            Ok(read) => read,
            Err(_) => return Err(damaged),
        };
        let needed = output.len() + read;
        if needed > room {
            return Err(Reason::OutputTooLarge { limit });
        }
        if needed > output.capacity() {
            // By hand, since a vector left to itself could take twice the limit.
            let capacity = (output.capacity() * 2).clamp(needed, room);
            output.reserve_exact(capacity - output.len());
        }
        output.extend_from_slice(&chunk[..read]);
    }
}

/// Looks at the header of the first frame, for the refusals that a producer can do something about. What later
/// frames ask for is left to the decoder, which takes no window or dictionary either and calls it damage.
fn judge_header(header: &[u8], window_max: u64, limit: usize, used: usize) -> Result<(), Reason> {
    let mut rest = header;
    let mut number = |bytes: usize| {
        let (field, behind) = rest.split_at_checked(bytes).ok_or(Reason::ZstdDamaged)?;
        rest = behind;
        Ok(field.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte)))
    };
    let descriptor = number(1)?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = number(1)?;
        let base = 1_u64 << (10 + (window >> 3));
        if base + base / 8 * (window & 7) > window_max {
            return Err(Reason::ZstdWindow { limit: window_max });
        }
    }
    if number([0, 1, 2, 4][(descriptor & 3) as usize])? != 0 {
        return Err(Reason::ZstdDictionary);
    }
    let size = match descriptor >> 6 {
        0 if single_segment => number(1)?,
        0 => 0,
        1 => number(2)? + 256,
        2 => number(4)?,
        _ => number(8)?,
    };
    let room = limit.saturating_sub(used) as u64;
    if size > room { Err(Reason::OutputTooLarge { limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use flate2::{Compress, FlushCompress};
    use proptest::prelude::*;

    const MIB: usize = 1 << 20;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// With a content checksum, as the producers' libraries are told to write it.
    fn zstd(text: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn expanded(payload: &[u8]) -> Result<Bytes, Reason> {
        expand(&Bytes::copy_from_slice(payload), &Limits::default(), 0).map(|(text, _)| text)
    }

    /// One gzip member of 512 MiB of zeros but for its trailer, which nobody may get to.
    fn gzip_bomb() -> Vec<u8> {
        let mut compress = Compress::new(flate2::Compression::best(), false);
        let mut block = Vec::with_capacity(64 * 1024);
        compress.compress_vec(&vec![0; MIB], &mut block, FlushCompress::Sync).unwrap();
        // A flush ends at a byte, and a run of zeros that refers back to zeros may be repeated as it stands.
        [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF][..], &block.repeat(512)].concat()
    }

    /// One zstd frame of 512 MiB of zeros: 4,096 blocks of 128 KiB, four bytes each.
    fn zstd_bomb() -> Vec<u8> {
        let block = |last: u32| {
            let header = (128 * 1024) << 3 | 1 << 1 | last;
            [header as u8, (header >> 8) as u8, (header >> 16) as u8, 0]
        };
        // No content size is declared: a frame that confesses is refused by its header, which tests nothing.
        let mut frame = [&ZSTD[..], &[0x00, 0x50]].concat();
        (0..4095).for_each(|_| frame.extend_from_slice(&block(0)));
        frame.extend_from_slice(&block(1));
        frame
    }

    proptest! {
        #[test]
        fn what_was_compressed_expands_again(text in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(expanded(&gzip(&text)), Ok(Bytes::copy_from_slice(&text)));
            prop_assert_eq!(expanded(&zstd(&text)), Ok(Bytes::copy_from_slice(&text)));
        }

        #[test]
        fn a_flipped_bit_or_a_cut_never_gives_another_text(
            text in "[a-z ]{1,400}", flip: prop::sample::Index, cut: prop::sample::Index,
        ) {
            for (whole, magic) in [(gzip(text.as_bytes()), GZIP.len()), (zstd(text.as_bytes()), ZSTD.len())] {
                let bit = magic * 8 + flip.index((whole.len() - magic) * 8);
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                // A gzip header holds bits that mean nothing to the text, such as the time of compression.
                if let Ok(output) = expanded(&flipped) {
                    prop_assert_eq!(&output[..], text.as_bytes());
                }
                let at = magic + cut.index(whole.len() - magic);
                prop_assert!(expanded(&whole[..at]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(rest in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = expanded(&[&GZIP[..], &rest].concat());
            let _ = expanded(&[&ZSTD[..], &rest].concat());
        }
    }

    #[test]
    fn members_and_frames_may_follow_each_other_and_nothing_else_may() {
        for (one, two, damaged) in
            [(gzip(b"one"), gzip(b"two"), Reason::GzipDamaged), (zstd(b"one"), zstd(b"two"), Reason::ZstdDamaged)]
        {
            assert_eq!(expanded(&[&one[..], &two].concat()), Ok(Bytes::from_static(b"onetwo")));
            for garbage in [&b"x"[..], b"{}", b"\0\0\0\0\0\0\0\0", &one[..4]] {
                assert_eq!(expanded(&[&one[..], garbage].concat()), Err(damaged.clone()));
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let limit = Limits::default().decompressed_bytes_max;
        assert_eq!(expanded(&gzip_bomb()), Err(Reason::OutputTooLarge { limit }));
        assert_eq!(expanded(&zstd_bomb()), Err(Reason::OutputTooLarge { limit }));
        // This one confesses: four bytes of content size say 512 MiB.
        let confessing = [&ZSTD[..], &[0xA0], &(512_u32 << 20).to_le_bytes()[..]].concat();
        assert_eq!(expanded(&confessing), Err(Reason::OutputTooLarge { limit }));
    }

    #[test]
    fn the_limit_is_met_exactly_and_counts_what_was_used_before() {
        let limits = Limits { decompressed_bytes_max: 100_000, ..Limits::default() };
        for payload in [gzip(&[b'a'; 60_000]), zstd(&[b'a'; 60_000])] {
            let payload = Bytes::from(payload);
            let length = |used| expand(&payload, &limits, used).map(|(text, taken)| (text.len(), taken));
            assert_eq!(length(0), Ok((60_000, 60_000)));
            assert_eq!(length(40_000), Ok((60_000, 60_000)));
            assert_eq!(length(40_001), Err(Reason::OutputTooLarge { limit: 100_000 }));
            assert_eq!(length(usize::MAX), Err(Reason::OutputTooLarge { limit: 100_000 }));
        }
    }

    #[test]
    fn the_buffer_never_outgrows_the_limit() {
        let output = drain(&[0; 90_000][..], 100_000, 0, Reason::GzipDamaged).unwrap();
        assert!(output.capacity() <= 100_000, "{}", output.capacity());
    }

    #[test]
    fn a_frame_that_asks_for_a_dictionary_or_a_wide_window_is_refused_by_its_header() {
        let frame = |header: &[u8]| expanded(&[&ZSTD[..], header].concat());
        assert_eq!(frame(&[0x01, 0x50, 7]), Err(Reason::ZstdDictionary));
        assert_eq!(frame(&[0x23, 7, 0, 0, 1, 5]), Err(Reason::ZstdDictionary));
        assert_eq!(frame(&[0x00, 17 << 3]), Err(Reason::ZstdWindow { limit: 16 << 20 }));
        assert_eq!(frame(&[0x00, 0xFF]), Err(Reason::ZstdWindow { limit: 16 << 20 }));
        for header in [&[][..], &[0x00], &[0x03, 0x50, 0], &[0xE0, 1, 2], &[0x00, 0x50]] {
            assert_eq!(frame(header), Err(Reason::ZstdDamaged), "{header:?}");
        }
    }

    #[test]
    fn a_frame_behind_the_first_cannot_ask_for_a_wide_window_either() {
        let wide = [&ZSTD[..], &[0x00, 17 << 3, 0x01, 0, 0]].concat();
        assert_eq!(expanded(&[&zstd(b"one")[..], &wide].concat()), Err(Reason::ZstdDamaged));
    }
}
