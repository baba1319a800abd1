//! Positions as sequence numbers: 56 digits, as Kinesis writes them.
//!
//! `49`, the second at which the stream was created in 10 digits, the shard in 6, the position in 38. So a number says
//! which shard it belongs to, and numbers of one shard are in the order of their positions.

use iguazu_lake::ids::SequenceNumber;

const CREATED_DIGITS: usize = 10;
const SHARD_DIGITS: usize = 6;
const POSITION_DIGITS: usize = 38;
const LEAD: &str = "49";
const DIGITS: usize = LEAD.len() + CREATED_DIGITS + SHARD_DIGITS + POSITION_DIGITS;

/// The sequence number of a position.
#[must_use]
pub fn text(created_ms: u64, shard: u32, position: u64) -> String {
    let created = created_ms / 1_000;
    format!("{LEAD}{created:0CREATED_DIGITS$}{shard:0SHARD_DIGITS$}{position:0POSITION_DIGITS$}")
}

/// The position of a sequence number, if it is one of this shard.
#[must_use]
pub fn position(created_ms: u64, shard: u32, text: &str) -> Option<u64> {
    let own = self::text(created_ms, shard, 0);
    let (front, back) = (text.len() == DIGITS).then(|| text.split_at_checked(DIGITS - POSITION_DIGITS))??;
    (own.get(..DIGITS - POSITION_DIGITS)? == front && back.bytes().all(|digit| digit.is_ascii_digit()))
        .then(|| back.parse().ok())?
}

/// The same, of a number that was parsed.
#[must_use]
pub fn position_of(created_ms: u64, shard: u32, number: &SequenceNumber) -> Option<u64> {
    position(created_ms, shard, &number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: u64 = 1_795_219_200_123;

    #[test]
    fn a_number_has_56_digits_and_gives_its_position_back() {
        let number = text(CREATED, 12, 345);
        assert_eq!(number.len(), 56);
        assert_eq!(position(CREATED, 12, &number), Some(345));
        assert_eq!(position_of(CREATED, 12, &number.parse().unwrap()), Some(345));
    }

    #[test]
    fn numbers_of_a_shard_are_in_the_order_of_their_positions() {
        let number = |position| text(CREATED, 3, position).parse::<SequenceNumber>().unwrap();
        assert!(number(9).cmp_in_shard(&number(10)).is_lt());
        assert!(number(u64::MAX - 1).cmp_in_shard(&number(u64::MAX)).is_lt());
    }

    #[test]
    fn what_is_no_number_of_the_shard_has_no_position() {
        let number = text(CREATED, 12, 345);
        for wrong in ["", "345", &number[1..], &text(CREATED, 13, 345), &number.replace("345", "3x5"), &"é".repeat(28)]
        {
            assert_eq!(position(CREATED, 12, wrong), None, "{wrong:?}");
        }
    }
}
