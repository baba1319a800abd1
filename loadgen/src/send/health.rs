//! Whether the endpoint answers, and what to do while it does not.
//!
//! While requests go unanswered one is tried at a time, with pauses that double up to two seconds. It is given up only
//! where nothing was taken for as long as the caller allows.

use crate::run_file::Outage;

const PAUSE_MIN: u64 = 50_000;
const PAUSE_MAX: u64 = 2_000_000;

/// The state of the endpoint. All times are in microseconds since the start.
#[derive(Debug, Default)]
pub struct Health {
    /// Since when nothing was taken although something was tried.
    failing: Option<u64>,
    /// Whether the last request went unanswered.
    down: bool,
    pause: u64,
    until: u64,
    outages: Vec<Outage>,
}

impl Health {
    /// How many requests may be on their way now.
    #[must_use]
    pub fn width(&self, now: u64, usually: usize) -> usize {
        match self.down {
            false => usually,
            true if now >= self.until => 1,
            true => 0,
        }
    }

    /// When the next request may be tried, if that is to be waited for.
    #[must_use]
    pub fn until(&self) -> Option<u64> {
        self.down.then_some(self.until)
    }

    /// A request was answered; `taken` where some of it was taken.
    pub fn answered(&mut self, now: u64, taken: bool) {
        if self.down
            && let Some(outage) = self.outages.last_mut()
        {
            outage.to = Some(now);
        }
        self.down = false;
        self.pause = 0;
        self.failing = if taken { None } else { self.failing.or(Some(now)) };
    }

    /// A request went unanswered.
    pub fn unanswered(&mut self, now: u64, problem: String) {
        self.failing = self.failing.or(Some(now));
        if !self.down {
            self.outages.push(Outage { from: now, to: None, problem });
        } else if now < self.until {
            // It was on its way before the pause began.
            return;
        }
        self.down = true;
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.until = now + self.pause;
    }

    /// Since when nothing was taken.
    #[must_use]
    pub fn failing(&self) -> Option<u64> {
        self.failing
    }

    /// When the endpoint could not be reached.
    #[must_use]
    pub fn into_outages(self) -> Vec<Outage> {
        self.outages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_nothing_is_answered_one_request_is_tried_after_ever_longer_pauses() {
        let mut health = Health::default();
        assert_eq!(health.width(0, 8), 8);
        health.unanswered(0, "refused".into());
        health.unanswered(10, "refused".into());
        assert_eq!([health.width(PAUSE_MIN - 1, 8), health.width(PAUSE_MIN, 8)], [0, 1]);
        let mut now = PAUSE_MIN;
        for pause in [2 * PAUSE_MIN, 4 * PAUSE_MIN] {
            health.unanswered(now, "refused".into());
            assert_eq!(health.until(), Some(now + pause));
            now += pause;
        }
        for _ in 0..20 {
            health.unanswered(now, "refused".into());
            now = health.until().unwrap();
        }
        health.unanswered(now, "refused".into());
        assert_eq!(health.until(), Some(now + PAUSE_MAX));
        health.answered(now + 5, true);
        assert_eq!((health.width(now + 5, 8), health.failing()), (8, None));
        assert_eq!(health.into_outages(), [Outage { from: 0, to: Some(now + 5), problem: "refused".into() }]);
    }

    #[test]
    fn an_answer_that_takes_nothing_is_no_outage_and_yet_a_failure() {
        let mut health = Health::default();
        health.answered(7, false);
        health.answered(9, false);
        assert_eq!((health.failing(), health.width(9, 8)), (Some(7), 8));
        health.answered(10, true);
        assert_eq!(health.failing(), None);
    }
}
