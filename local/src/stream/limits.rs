//! What a shard takes per second, as Kinesis has it: 1 MiB and 1,000 records. Pure.
//!
//! Only where it was asked for: on one machine the disk is the limit, and a test of a producer wants throttles.

use std::collections::BTreeMap;

use iguazu_lake::ids::Timestamp;

/// Bytes that a shard takes in a second.
pub const BYTES_PER_SECOND: u64 = 1 << 20;
/// Records that a shard takes in a second.
pub const RECORDS_PER_SECOND: u64 = 1_000;

/// What the shards took in the current second.
#[derive(Debug, Default)]
pub struct Limits {
    taken: BTreeMap<i64, Window>,
}

#[derive(Debug, Default)]
struct Window {
    second: i64,
    bytes: u64,
    records: u64,
}

impl Limits {
    /// Whether the shard takes these bytes now. If so, they count.
    pub fn take(&mut self, shard: i64, bytes: u64, now: Timestamp) -> bool {
        let second = now.millis().div_euclid(1_000);
        let window = self.taken.entry(shard).or_default();
        if window.second != second {
            *window = Window { second, ..Window::default() };
        }
        // A record that is alone in its second passes, however large.
        let fits =
            window.records == 0 || (window.records < RECORDS_PER_SECOND && window.bytes + bytes <= BYTES_PER_SECOND);
        if fits {
            window.records += 1;
            window.bytes += bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_takes_a_thousand_records_or_a_mebibyte_in_a_second() {
        let mut limits = Limits::default();
        let taken = |limits: &mut Limits, bytes, ms| {
            (0..2_000).filter(|_| limits.take(1, bytes, Timestamp::from_millis(ms))).count()
        };
        assert_eq!(taken(&mut limits, 10, 0), 1_000);
        assert_eq!(taken(&mut limits, 10, 999), 0);
        assert_eq!(taken(&mut limits, 1 << 16, 1_000), 16);
        assert!(limits.take(2, 10, Timestamp::from_millis(1_000)), "another shard has limits of its own");
    }
}
