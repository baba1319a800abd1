//! Sequence numbers: integers of up to 129 decimal digits, parsed once, compared within one shard only.
//!
//! There is no `Ord` on [`SequenceNumber`], on purpose: two shards may use the same number, and their order
//! across shards means nothing. What compares is named for it, or is a [`SequenceSet`] or [`SequenceRange`],
//! which hold numbers of one shard by definition.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{IdError, serde_as_text};
use crate::checksum::Sha256Sum;

const DIGITS_MAX: usize = 129;
/// The digits of a limb, and what it counts up to. Limbs are decimal because a number is read and written far more
/// often than anything else is done to it, and never calculated with.
const LIMB_DIGITS: usize = 19;
const LIMB: u64 = 10_000_000_000_000_000_000;
const LIMBS: usize = DIGITS_MAX.div_ceil(LIMB_DIGITS);

/// The place of a record in its shard. For a chunk of a file it is the byte offset.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceNumber {
    /// The most significant limb first, so that the derived order of arrays is the order of the numbers.
    limbs: [u64; LIMBS],
}

impl SequenceNumber {
    /// Digits that every number's text fits.
    pub const DIGITS_MAX: usize = LIMBS * LIMB_DIGITS;

    /// The order of two numbers of the same shard.
    #[must_use]
    pub fn cmp_in_shard(&self, other: &Self) -> Ordering {
        self.limbs.cmp(&other.limbs)
    }

    /// The later of two numbers of the same shard.
    #[must_use]
    pub fn later_in_shard(self, other: Self) -> Self {
        if self.cmp_in_shard(&other) == Ordering::Less { other } else { self }
    }

    /// The number in decimal digits, at the end of a buffer that every number fits.
    #[must_use]
    pub fn encode<'b>(&self, buffer: &'b mut [u8; Self::DIGITS_MAX]) -> &'b str {
        let leading = self.limbs.iter().take_while(|limb| **limb == 0).count().min(LIMBS - 1);
        for (digits, &limb) in buffer.chunks_exact_mut(LIMB_DIGITS).zip(&self.limbs).skip(leading) {
            let (head, tail) = digits.split_at_mut(LIMB_DIGITS - 16);
            for (digit, power) in head.iter_mut().zip([100, 10, 1]) {
                *digit = b'0' + (limb / 10_u64.pow(16) / power % 10) as u8;
            }
            let (high, low) = tail.split_at_mut(8);
            high.copy_from_slice(&eight_digits(limb / 100_000_000 % 100_000_000));
            low.copy_from_slice(&eight_digits(limb % 100_000_000));
        }
        let buffer = buffer.get_mut(leading * LIMB_DIGITS..).unwrap_or_default();
        let last = buffer.len() - 1;
        let first = buffer.iter().position(|&digit| digit != b'0').unwrap_or(last);
        std::str::from_utf8(&buffer[first..]).unwrap_or_default()
    }
}

/// The digits of a number below 100,000,000, found side by side in one word: first two groups of four, then four of two,
/// then eight of one. The factors stand for divisions by 100 and 10, exact in the ranges that they meet.
fn eight_digits(number: u64) -> [u8; 8] {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    let ones = tens | ((twos - 10 * tens) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

impl From<u64> for SequenceNumber {
    fn from(value: u64) -> Self {
        let mut limbs = [0; LIMBS];
        limbs[LIMBS - 1] = value % LIMB;
        limbs[LIMBS - 2] = value / LIMB;
        Self { limbs }
    }
}

impl FromStr for SequenceNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = |problem: &str| {
            Err(IdError::new("sequence number", problem, "1 to 129 decimal digits without a leading zero"))
        };
        let digits = text.as_bytes();
        if digits.is_empty() || digits.len() > DIGITS_MAX {
            return fail(&format!("it has {} bytes", digits.len()));
        }
        if digits.len() > 1 && digits[0] == b'0' {
            // A second spelling of the same number could not be reported back to Kinesis by its text.
            return fail("it has a leading zero");
        }
        let mut limbs = [0; LIMBS];
        for (limb, chunk) in limbs.iter_mut().rev().zip(digits.rchunks(LIMB_DIGITS)) {
            for digit in chunk {
                if !digit.is_ascii_digit() {
                    return fail("it holds something else than decimal digits");
                }
                *limb = *limb * 10 + u64::from(digit - b'0');
            }
        }
        Ok(Self { limbs })
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; Self::DIGITS_MAX]))
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
serde_as_text!(SequenceNumber);

/// An interval of one shard's numbers with both ends in it: `[first, last]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SequenceRange {
    first: SequenceNumber,
    last: SequenceNumber,
}

impl SequenceRange {
    /// `[first, last]`, or nothing where `last` is before `first`.
    #[must_use]
    pub fn new(first: SequenceNumber, last: SequenceNumber) -> Option<Self> {
        (first.cmp_in_shard(&last) != Ordering::Greater).then_some(Self { first, last })
    }

    /// The lowest number in it.
    #[must_use]
    pub fn first(&self) -> SequenceNumber {
        self.first
    }

    /// The highest number in it.
    #[must_use]
    pub fn last(&self) -> SequenceNumber {
        self.last
    }

    /// Whether the number lies in it.
    #[must_use]
    pub fn contains(&self, number: &SequenceNumber) -> bool {
        self.first.cmp_in_shard(number) != Ordering::Greater && number.cmp_in_shard(&self.last) != Ordering::Greater
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        let first = if other.first.cmp_in_shard(&self.first) == Ordering::Less { other.first } else { self.first };
        Self { first, last: self.last.later_in_shard(other.last) }
    }
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.first, self.last)
    }
}

impl fmt::Debug for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of one shard's numbers, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet {
    numbers: Vec<SequenceNumber>,
}

impl SequenceSet {
    /// The numbers in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[SequenceNumber] {
        &self.numbers
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Where the number stands in the set.
    #[must_use]
    pub fn position(&self, number: &SequenceNumber) -> Option<usize> {
        self.numbers.binary_search_by(|other| other.cmp_in_shard(number)).ok()
    }

    /// Whether the number is in the set.
    #[must_use]
    pub fn contains(&self, number: &SequenceNumber) -> bool {
        self.position(number).is_some()
    }

    /// The smallest interval that holds the set; an empty one has none.
    #[must_use]
    pub fn range(&self) -> Option<SequenceRange> {
        match (self.numbers.first(), self.numbers.last()) {
            (Some(&first), Some(&last)) => Some(SequenceRange { first, last }),
            _ => None,
        }
    }

    /// The positions of the numbers that lie in an interval.
    #[must_use]
    pub fn positions_in(&self, range: &SequenceRange) -> std::ops::Range<usize> {
        let start = self.numbers.partition_point(|number| number.cmp_in_shard(&range.first) == Ordering::Less);
        let end = self.numbers.partition_point(|number| number.cmp_in_shard(&range.last) != Ordering::Greater);
        start..end.max(start)
    }

    /// The position of the first number above `mark`; all of them are above nothing.
    #[must_use]
    pub fn first_above(&self, mark: Option<&SequenceNumber>) -> usize {
        mark.map_or(0, |mark| self.numbers.partition_point(|number| number.cmp_in_shard(mark) != Ordering::Greater))
    }

    /// A fingerprint that two runs of numbers share only if they are the same: SHA-256 over their decimal texts,
    /// each closed by a line feed. A row keeps it as evidence, so it is cryptographic.
    #[must_use]
    pub fn digest_of(numbers: &[SequenceNumber]) -> Sha256Sum {
        let mut hash = Sha256::new();
        let mut buffer = [0; SequenceNumber::DIGITS_MAX];
        for number in numbers {
            hash.update(number.encode(&mut buffer));
            hash.update(b"\n");
        }
        Sha256Sum::new(hash.finalize().into())
    }
}

impl FromIterator<SequenceNumber> for SequenceSet {
    fn from_iter<I: IntoIterator<Item = SequenceNumber>>(numbers: I) -> Self {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable_by(SequenceNumber::cmp_in_shard);
        numbers.dedup();
        Self { numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_number_is_its_digits() {
        for value in [0, 7, 10, 9_999_999_999_999_999_999, 10_000_000_000_000_000_000, u64::MAX] {
            assert_eq!(SequenceNumber::from(value).to_string(), value.to_string());
            assert_eq!(value.to_string().parse(), Ok(SequenceNumber::from(value)));
        }
    }

    #[test]
    fn eight_digits_are_those_of_the_number() {
        let powers = (0..8).map(|exponent| 10_u64.pow(exponent));
        let numbers = powers.flat_map(|power| [power - 1, power, power * 9]).chain((0..100_000_000).step_by(9_973));
        for number in numbers.filter(|number| *number < 100_000_000).chain([99_999_999]) {
            assert_eq!(eight_digits(number).as_slice(), format!("{number:08}").as_bytes());
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_back_from_its_text(text in "[1-9][0-9]{0,128}") {
            prop_assert_eq!(text.parse::<SequenceNumber>().map(|number| number.to_string()), Ok(text));
        }

        #[test]
        fn numbers_compare_as_numbers(left in "[1-9][0-9]{0,128}", right in "[1-9][0-9]{0,128}") {
            let expected = left.len().cmp(&right.len()).then_with(|| left.cmp(&right));
            let parsed = (left.parse::<SequenceNumber>().unwrap(), right.parse::<SequenceNumber>().unwrap());
            prop_assert_eq!(parsed.0.cmp_in_shard(&parsed.1), expected);
        }

        #[test]
        fn a_set_finds_what_lies_in_a_range(numbers in prop::collection::vec(0_u64..50, 0..20), a in 0_u64..50, b in 0_u64..50) {
            let set: SequenceSet = numbers.iter().copied().map(SequenceNumber::from).collect();
            if let Some(range) = SequenceRange::new(a.into(), b.into()) {
                let expected: SequenceSet = numbers.iter().filter(|n| (a..=b).contains(n)).map(|&n| n.into()).collect();
                prop_assert_eq!(&set.as_slice()[set.positions_in(&range)], expected.as_slice());
            } else {
                prop_assert!(b < a);
            }
        }
    }

    #[test]
    fn the_widest_number_fits_and_other_texts_are_refused() {
        let widest = "9".repeat(129);
        assert_eq!(widest.parse::<SequenceNumber>().map(|number| number.to_string()), Ok(widest));
        assert_eq!("0".parse::<SequenceNumber>().map(|number| number.to_string()), Ok("0".to_owned()));
        for text in ["", "01", "00", "+1", "-1", "1 ", "1e9", "LATEST", "٣", &"9".repeat(130)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_digest_tells_apart_what_joins_to_the_same_digits() {
        let digest = |numbers: &[u64]| SequenceSet::digest_of(&numbers.iter().map(|&n| n.into()).collect::<Vec<_>>());
        assert_ne!(digest(&[1, 23]), digest(&[12, 3]));
        assert_ne!(digest(&[]), digest(&[0]));
        assert_eq!(digest(&[7]).to_string(), "10159baf262b43a92d95db59dae1f72c645127301661e0a3ce4e38b295a97c58");
    }
}
