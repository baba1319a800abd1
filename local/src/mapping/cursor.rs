//! How far the mapping has come in a shard, and what it tries next. Pure.

use std::fmt;
use std::time::Duration;

use iguazu_lake::ids::Timestamp;

use super::Settings;
use crate::stream::Checkpoint;

/// The wait after the first failure; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(30);

/// A stretch of the shard that has to be tried again by itself: everything up to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its last position.
    pub until: u64,
    /// How often it has failed.
    pub failures: u32,
}

/// How far the mapping has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to here is done, or was given up.
    pub position: u64,
    /// Stretches to be tried again, the next one last. Each ends beyond the one behind it.
    stretches: Vec<Stretch>,
}

/// A record of a batch, as the cursor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its position.
    pub position: u64,
    /// When it arrived.
    pub arrival: Timestamp,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is done.
    Done,
    /// All before this position is done.
    From(u64),
    /// Nothing is known to be done.
    Failed,
}

/// Why records were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// They were tried as often as allowed.
    Retries,
    /// They had become too old.
    Age,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    GoOn,
    /// Try again after this time.
    Wait(Duration),
    /// The batch is to be given up: keep it, and then call [`Cursor::pass`].
    GiveUp,
}

impl Cursor {
    /// The cursor of a checkpoint. A text that this program does not know means: nothing is remembered of what failed.
    #[must_use]
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let stretch = |text: &str| {
            let (until, failures) = text.split_once('x')?;
            Some(Stretch { until: until.parse().ok()?, failures: failures.parse().ok()? })
        };
        let stretches: Option<Vec<_>> = checkpoint.pending.split_whitespace().map(stretch).collect();
        Self { position: checkpoint.position, stretches: stretches.unwrap_or_default() }
    }

    /// The checkpoint that remembers this cursor.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { position: self.position, pending: self.to_string() }
    }

    /// Where the next batch has to end, if it may not go on as far as there is.
    #[must_use]
    pub fn until(&self) -> Option<u64> {
        self.stretches.last().map(|stretch| stretch.until)
    }

    /// How often what comes next has failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.stretches.last().map_or(0, |stretch| stretch.failures)
    }

    /// How many records at the beginning of a batch are too old to be tried.
    #[must_use]
    pub fn expired(items: &[Item], now: Timestamp, settings: &Settings) -> usize {
        let Some(age) = settings.record_age_max else { return 0 };
        items.iter().take_while(|item| now.since(item.arrival) > age).count()
    }

    /// Nothing is left up to the end of the next stretch.
    pub fn nothing_left(&mut self) {
        if let Some(until) = self.until() {
            self.pass(until);
        }
    }

    /// Everything up to `position` is done or was kept elsewhere.
    pub fn pass(&mut self, position: u64) {
        self.position = self.position.max(position);
        self.stretches.retain(|stretch| stretch.until > self.position);
    }

    /// Takes note of what became of a batch, which holds one record at least.
    pub fn note(&mut self, items: &[Item], outcome: Outcome, settings: &Settings) -> Next {
        let Some(last) = items.last() else { return Next::GoOn };
        match outcome {
            Outcome::Done => {
                self.pass(last.position);
                return Next::GoOn;
            }
            Outcome::From(first) => {
                let done = items.iter().take_while(|item| item.position < first).last();
                if let Some(done) = done {
                    // It came further, so what is left is as good as a new batch.
                    self.pass(done.position);
                    return Next::GoOn;
                }
            }
            Outcome::Failed => {}
        }
        let failures = self.failures();
        self.stretches.retain(|stretch| stretch.until > last.position);
        if settings.bisect && items.len() > 1 {
            // Cutting in two is no retry, as with Lambda: the halves have failed as often as the whole.
            let half = items[items.len() / 2 - 1].position;
            self.stretches.push(Stretch { until: last.position, failures });
            self.stretches.push(Stretch { until: half, failures });
            return Next::Wait(FIRST_WAIT);
        }
        let failures = failures.saturating_add(1);
        self.stretches.push(Stretch { until: last.position, failures });
        if settings.retries_max.is_some_and(|most| failures > most) {
            return Next::GiveUp;
        }
        Next::Wait(FIRST_WAIT.saturating_mul(1 << (failures - 1).min(12)).min(LAST_WAIT))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Stretch { until, failures }) in self.stretches.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(formatter, "{space}{until}x{failures}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(positions: impl IntoIterator<Item = u64>) -> Vec<Item> {
        let at = |position| Item { position, arrival: Timestamp::from_millis(1_000 * position as i64) };
        positions.into_iter().map(at).collect()
    }

    fn settings(retries_max: Option<u32>, bisect: bool) -> Settings {
        Settings { retries_max, bisect, ..Settings::default() }
    }

    #[test]
    fn success_moves_behind_the_batch() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.note(&items(1..=5), Outcome::Done, &settings(None, true)), Next::GoOn);
        assert_eq!((cursor.position, cursor.until()), (5, None));
    }

    #[test]
    fn a_partial_answer_moves_to_before_the_record_that_failed() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.note(&items([1, 4, 9, 12]), Outcome::From(9), &settings(None, true)), Next::GoOn);
        assert_eq!((cursor.position, cursor.until()), (4, None));
    }

    #[test]
    fn a_partial_answer_about_the_first_record_is_a_failure() {
        let mut cursor = Cursor::default();
        let next = cursor.note(&items([1, 4]), Outcome::From(1), &settings(None, false));
        assert_eq!((next, cursor.position, cursor.failures()), (Next::Wait(FIRST_WAIT), 0, 1));
    }

    #[test]
    fn a_failure_is_cut_in_two_until_one_record_is_left_and_that_is_no_retry() {
        let mut cursor = Cursor::default();
        let settings = settings(Some(0), true);
        let mut tried = Vec::new();
        // Record 6 is a poison; everything else is done in the end.
        for _ in 0..20 {
            let until = cursor.until().unwrap_or(8);
            let batch = items(cursor.position + 1..=until);
            if batch.is_empty() {
                break;
            }
            tried.push((cursor.position + 1, until));
            let poison = batch.iter().any(|item| item.position == 6);
            let outcome = if poison { Outcome::Failed } else { Outcome::Done };
            if cursor.note(&batch, outcome, &settings) == Next::GiveUp {
                assert_eq!(batch, items([6]));
                cursor.pass(6);
            }
        }
        assert_eq!(tried, [(1, 8), (1, 4), (5, 8), (5, 6), (5, 5), (6, 6), (7, 8)]);
        assert_eq!((cursor.position, cursor.until()), (8, None));
    }

    #[test]
    fn retries_wait_longer_each_time_and_end_where_they_are_told_to() {
        let mut cursor = Cursor::default();
        let mut nexts = Vec::new();
        for _ in 0..4 {
            nexts.push(cursor.note(&items([3]), Outcome::Failed, &settings(Some(3), true)));
        }
        let wait = |ms| Next::Wait(Duration::from_millis(ms));
        assert_eq!(nexts, [wait(100), wait(200), wait(400), Next::GiveUp]);
        let mut endless = Cursor::default();
        for _ in 0..200 {
            assert!(matches!(endless.note(&items([3]), Outcome::Failed, &settings(None, true)), Next::Wait(_)));
        }
    }

    #[test]
    fn only_the_old_records_at_the_beginning_expire() {
        let settings = Settings { record_age_max: Some(Duration::from_secs(5)), ..Settings::default() };
        let now = Timestamp::from_millis(9_000);
        assert_eq!(Cursor::expired(&items([1, 3, 4, 8]), now, &settings), 2);
        assert_eq!(Cursor::expired(&items([1]), now, &Settings::default()), 0);
    }

    proptest! {
        #[test]
        fn whatever_happens_nothing_is_passed_over_and_a_checkpoint_gives_the_cursor_back(
            outcomes in proptest::collection::vec((0_u8..3, any::<u64>(), 1_usize..12), 1..60),
            bisect in any::<bool>(),
        ) {
            let settings = settings(None, bisect);
            let mut cursor = Cursor::default();
            let mut done = 0;
            for (kind, drawn, most) in outcomes {
                let until = cursor.until().unwrap_or(u64::MAX).min(done + most as u64);
                let batch = items(cursor.position + 1..=until.max(cursor.position + 1));
                let outcome = match kind {
                    0 => Outcome::Done,
                    1 => Outcome::From(batch[drawn as usize % batch.len()].position),
                    _ => Outcome::Failed,
                };
                done = match outcome {
                    Outcome::Done => batch[batch.len() - 1].position,
                    Outcome::From(first) => first - 1,
                    Outcome::Failed => done,
                };
                let next = cursor.note(&batch, outcome, &settings);
                prop_assert!(next != Next::GiveUp);
                prop_assert_eq!(cursor.position, done);
                prop_assert!(cursor.until().is_none_or(|until| until > cursor.position));
                prop_assert_eq!(&Cursor::of(&cursor.checkpoint()), &cursor);
            }
        }
    }
}
