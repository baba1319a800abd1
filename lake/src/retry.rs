//! Trying a port's call again: bounded in number and in time, with jitter.
//!
//! Every call that goes through here is safe to repeat whatever became of the tries before it: reads, puts of an
//! attempt's own objects, and put-if-absent of a row that names its attempt. What a repeated call finds there
//! tells whether an earlier one had been applied.

use std::future::Future;
use std::time::Duration;

use crate::host::Host;
use crate::ids::Timestamp;
use crate::ports::PortError;

/// How often and how patiently a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub tries_max: u32,
    /// The upper end of the first pause; it doubles with every try.
    pub pause_first: Duration,
    /// What no pause exceeds.
    pub pause_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { tries_max: 6, pause_first: Duration::from_millis(50), pause_max: Duration::from_secs(2) }
    }
}

impl RetryPolicy {
    /// The pause after the given try (counted from 1): anything from nothing to a ceiling that doubles, so that
    /// callers which failed together do not come back together.
    #[must_use]
    pub fn pause(&self, tries: u32, random: u64) -> Duration {
        let doubled = self.pause_first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let ceiling = u64::try_from(doubled.min(self.pause_max).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random % ceiling.saturating_add(1))
    }

    /// Makes the call until it answers, a fault is lasting, the tries are used up, or the next try would begin
    /// after the deadline. The call is told how many tries before it may have been applied.
    ///
    /// # Errors
    /// The last fault; as *maybe applied* if any try was.
    pub async fn run<H, T, F, Fut>(&self, host: &H, deadline: Timestamp, mut call: F) -> Result<T, PortError>
    where
        H: Host,
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, PortError>>,
    {
        let mut tries = 0;
        let mut unclear = 0;
        loop {
            let error = match call(unclear).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            unclear += u32::from(matches!(error, PortError::MaybeApplied(_)));
            let pause = self.pause(tries, host.random());
            let last = tries >= self.tries_max || !error.fault().retryable || host.now().plus(pause) >= deadline;
            match error {
                PortError::NotApplied(fault) if last && unclear > 0 => return Err(PortError::MaybeApplied(fault)),
                error if last => return Err(error),
                _ => host.sleep(pause).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_never_exceed_it() {
        let policy = RetryPolicy::default();
        let ceiling = |tries| policy.pause(tries, u64::from(u32::MAX));
        for tries in 1..100 {
            assert!(ceiling(tries) <= policy.pause_max);
        }
        assert_eq!(policy.pause(1, 50_000), Duration::from_millis(50));
        assert_eq!(policy.pause(1, 50_001), Duration::ZERO);
        assert_eq!(policy.pause(3, 200_000), Duration::from_millis(200));
        assert_eq!(policy.pause(60, 2_000_000), Duration::from_secs(2));
    }
}
