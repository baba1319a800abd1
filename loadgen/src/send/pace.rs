//! How many records may be sent now.
//!
//! The load is an open loop: records are due when the plan says so, and what could not be sent is sent as soon as it
//! can be. Only a stream that throttles is listened to: each throttle takes the limit down by a third, at most a few
//! times a second, and every second without one raises it by a tenth of the planned rate, until it is far above
//! that and forgotten.

/// Throttles within so many microseconds are one.
const COOL_DOWN: u64 = 250_000;
/// A limit this many times the planned rate is none.
const FORGOTTEN_ABOVE: f64 = 4.0;

/// The limit.
#[derive(Debug)]
pub struct Pace {
    /// Records a second, as planned.
    planned: f64,
    /// Records a second, while there is a limit.
    limit: Option<f64>,
    /// Records that may be sent right now.
    budget: f64,
    now: u64,
    throttled: Option<u64>,
}

impl Pace {
    /// No limit yet.
    #[must_use]
    pub fn new(planned_per_second: f64) -> Self {
        Self { planned: planned_per_second.max(1.0), limit: None, budget: 0.0, now: 0, throttled: None }
    }

    /// How many records may be sent at this time, in microseconds since the start.
    pub fn allowance(&mut self, now: u64) -> usize {
        let seconds = now.saturating_sub(self.now) as f64 / 1e6;
        self.now = self.now.max(now);
        let Some(limit) = &mut self.limit else { return usize::MAX };
        *limit += self.planned / 10.0 * seconds;
        self.budget = (self.budget + *limit * seconds).min(*limit);
        if *limit > self.planned * FORGOTTEN_ABOVE {
            self.limit = None;
            return usize::MAX;
        }
        self.budget as usize
    }

    /// So many records were sent.
    pub fn sent(&mut self, records: usize) {
        self.budget -= records as f64;
    }

    /// The stream throttled, while it took about so many records a second.
    pub fn throttled(&mut self, now: u64, taken_per_second: f64) {
        if self.throttled.is_some_and(|before| now.saturating_sub(before) < COOL_DOWN) {
            return;
        }
        self.throttled = Some(now);
        let before = self.limit.unwrap_or_else(|| taken_per_second.max(self.planned));
        self.limit = Some((before * 2.0 / 3.0).max(1.0));
        self.budget = 0.0;
    }

    /// The limit in records a second, if there is one.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn nothing_is_held_back_while_nothing_is_throttled() {
        let mut pace = Pace::new(100.0);
        assert_eq!((pace.allowance(0), pace.allowance(SECOND)), (usize::MAX, usize::MAX));
    }

    #[test]
    fn throttles_take_the_limit_down_by_thirds_and_a_burst_of_them_counts_once() {
        let mut pace = Pace::new(900.0);
        pace.throttled(SECOND, 900.0);
        pace.throttled(SECOND + 1, 900.0);
        assert_eq!(pace.limit(), Some(600.0));
        pace.throttled(SECOND + COOL_DOWN, 900.0);
        assert_eq!(pace.limit(), Some(400.0));
    }

    #[test]
    fn a_limit_grows_with_time_until_it_is_forgotten() {
        let mut pace = Pace::new(900.0);
        pace.allowance(SECOND);
        pace.throttled(SECOND, 0.0);
        assert_eq!(pace.allowance(SECOND), 0);
        assert_eq!(pace.allowance(2 * SECOND), 690);
        pace.sent(690);
        assert_eq!(pace.allowance(2 * SECOND), 0);
        assert_eq!(pace.allowance(60 * SECOND), usize::MAX);
        assert_eq!(pace.limit(), None);
    }
}
