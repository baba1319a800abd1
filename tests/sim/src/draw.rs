//! Randomness that is keyed, not streamed: every decision is a function of the seed, the actor that takes it, and
//! that actor's own counter. Removing one fault from a run therefore does not shift the others, and a failing
//! run can be shrunk.

/// The finaliser of MurmurHash3's 64-bit variant: every input bit reaches every output bit.
fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

/// Who takes a decision. Each kind of actor has a range of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(u64);

impl Actor {
    /// The seed itself, which sets the scene.
    pub const SCENE: Self = Self(1);

    /// The seed again, for what it decides about compaction.
    pub const COMPACTION: Self = Self(2);

    /// The producers of a shard.
    #[must_use]
    pub fn producer(shard: usize) -> Self {
        Self(0x10_0000 + shard as u64)
    }

    /// A poller of the event source mapping.
    #[must_use]
    pub fn poller(poller: u32) -> Self {
        Self(0x1000_0000 + u64::from(poller))
    }

    /// One invocation that a poller makes, or one run of the sweep.
    #[must_use]
    pub fn invocation(poller: u32, invocation: u32) -> Self {
        Self((1 << 62) | u64::from(poller) << 24 | u64::from(invocation))
    }
}

/// A sequence of decisions by one actor.
#[derive(Clone, Debug)]
pub struct Draws {
    key: u64,
    counter: u64,
}

impl Draws {
    /// The decisions of an actor under a seed.
    #[must_use]
    pub fn new(seed: u64, actor: Actor) -> Self {
        Self { key: mix(mix(seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(actor.0)), counter: 0 }
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.counter += 1;
        mix(self.key.wrapping_add(self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number of `[0, end)`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end.max(1))) >> 64) as u64
    }

    /// A number of `[low, high]`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An index below `end`.
    pub fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }

    /// Yes, once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
