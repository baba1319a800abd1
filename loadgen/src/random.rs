//! Randomness that can be replayed: every decision is drawn from the seed, what it is about, and which one it is.
//!
//! So no decision depends on how many others were taken before it, and any event can be made again on its own.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A run of random numbers.
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The numbers for one decision.
    #[must_use]
    pub fn of(seed: u64, about: &str, number: u64) -> Self {
        let about = xxh3_64_with_seed(about.as_bytes(), seed);
        Self { state: xxh3_64_with_seed(&number.to_le_bytes(), about) }
    }

    /// 64 random bits, by SplitMix64.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below a bound; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether something happens that has so many parts in a million of happening.
    pub fn happens(&mut self, parts_per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(parts_per_million)
    }

    /// One of some; nothing of none.
    pub fn one_of<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len() as u64) as usize)
    }
}

/// Keys of which some are used far more often than others: key `k` with the weight `1 / (k + 1)^skew`.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The weight of each key and of all before it.
    weights: Vec<f64>,
}

impl Zipf {
    /// So many keys. A skew of 0 uses all of them alike.
    #[must_use]
    pub fn new(keys: u32, skew: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=keys.max(1)).map(|key| {
            sum += f64::from(key).powf(-skew);
            sum
        });
        Self { weights: weights.collect() }
    }

    /// A key.
    pub fn key(&self, draw: &mut Draw) -> u64 {
        let all = self.weights.last().copied().unwrap_or_default();
        // 53 bits, as many as a double holds.
        let at = (draw.bits() >> 11) as f64 / (1_u64 << 53) as f64 * all;
        let key = self.weights.partition_point(|&weight| weight <= at);
        key.min(self.weights.len().saturating_sub(1)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_the_seed_the_matter_and_the_number_alone() {
        let first = |seed, about, number| Draw::of(seed, about, number).bits();
        assert_eq!(first(1, "id", 7), first(1, "id", 7));
        let all = [first(1, "id", 7), first(2, "id", 7), first(1, "time", 7), first(1, "id", 8)];
        assert!(all.iter().enumerate().all(|(at, bits)| !all[..at].contains(bits)));
    }

    #[test]
    fn shares_are_met_within_bounds() {
        let happened = (0..100_000).filter(|&n| Draw::of(3, "share", n).happens(20_000)).count();
        assert!((1_800..2_200).contains(&happened), "{happened}");
        assert!(!Draw::of(3, "share", 0).happens(0) && Draw::of(3, "share", 0).happens(1_000_000));
    }

    #[test]
    fn a_skew_prefers_the_first_keys_and_none_prefers_no_key() {
        let counted = |skew| {
            let zipf = Zipf::new(10, skew);
            let mut counts = [0; 10];
            (0..100_000).for_each(|n| counts[zipf.key(&mut Draw::of(5, "key", n)) as usize] += 1);
            counts
        };
        assert!(counted(0.0).iter().all(|count| (9_000..11_000).contains(count)));
        let skewed = counted(1.0);
        // The first key has the weight 1 of about 2.93.
        assert!((33_000..36_000).contains(&skewed[0]), "{skewed:?}");
        assert!(skewed.windows(2).all(|pair| pair[0] > pair[1]), "{skewed:?}");
    }
}
