//! A seeded mutator: what libFuzzer does without its knowledge of coverage. The same seed gives the same inputs.

/// A source of numbers that depends on nothing but its seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The draws of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        self.next().checked_rem(end as u64).unwrap_or(0) as usize
    }

    /// A part of something that long.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        // Most parts are short: long ones leave little of an input that is worth trying.
        let longest = (length - start).min(1 << self.below(10));
        start..start + self.below(longest + 1)
    }
}

/// Pieces that parsers look for.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[[[",
    b"\\ud800",
    b"\\u0000",
    b"\xFF",
    b"\n",
    b":",
    b",",
    b"\"",
    b"99999999999999999999",
    b"-62135596800",
    b"253402300799.999",
    b"8e15",
    b"\x1F\x8B\x08",
    b"\x28\xB5\x2F\xFD",
    b"\xF3\x89\x9A\xC2",
    b"====",
    b"H4sI",
    b"KLUv/Q",
    b"84mawg",
];

/// One of the seeds, changed in a few places.
///
/// # Panics
/// Never; with no seeds it gives nothing but tokens.
#[must_use]
pub fn mutated(seeds: &[Vec<u8>], draws: &mut Draws, length_max: usize) -> Vec<u8> {
    let mut input = seeds.get(draws.below(seeds.len())).cloned().unwrap_or_default();
    for _ in 0..=draws.below(4) {
        change(&mut input, seeds, draws);
    }
    input.truncate(length_max);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], draws: &mut Draws) {
    let length = input.len();
    let at = draws.below(length + 1);
    match draws.below(8) {
        0 | 1 if length > 0 => input[draws.below(length)] ^= 1 << draws.below(8),
        2 if length > 0 => input[draws.below(length)] = draws.next() as u8,
        3 => drop(input.drain(draws.part(length))),
        4 => {
            let copy = input[draws.part(length)].to_vec();
            drop(input.splice(at..at, copy));
        }
        5 => {
            let other = seeds.get(draws.below(seeds.len())).map_or(&[][..], Vec::as_slice);
            let copy = other[draws.part(other.len())].to_vec();
            drop(input.splice(draws.part(length), copy));
        }
        6 => input.truncate(at),
        _ => {
            let token = TOKENS[draws.below(TOKENS.len())];
            let part = if draws.below(2) == 0 { at..at } else { draws.part(length) };
            drop(input.splice(part, token.iter().copied()));
        }
    }
}
