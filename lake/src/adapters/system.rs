//! The machine itself as the host: its wall clock, tokio's timer, and the operating system's randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::host::Host;
use crate::ids::Timestamp;

/// The machine that the process runs on. Its sleep needs a tokio runtime with the timer on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place where the clock is read")]
        let now = SystemTime::now();
        // A clock before the epoch is set wrong; nothing is decided by it either way.
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        #[expect(clippy::disallowed_methods, reason = "this is the one place where time passes")]
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one place where randomness comes from")]
        let bits = uuid::Uuid::new_v4().as_u128();
        // A version 4 UUID has six fixed bits; folded, none is left.
        (bits >> 64) as u64 ^ (bits as u64).rotate_left(32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_random_number_varies() {
        let (mut ever, mut always) = (0_u64, u64::MAX);
        for _ in 0..256 {
            let bits = SystemHost.random();
            ever |= bits;
            always &= bits;
        }
        assert_eq!((ever, always), (u64::MAX, 0));
    }
}
