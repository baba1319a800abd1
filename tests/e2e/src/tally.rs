//! What happened, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::faults::{Kind, Target};

/// A thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Invocations of ingest.
    IngestInvocations,
    /// Invocations of the dispatcher and of the workers of compaction.
    CompactInvocations,
    /// Processes that were started.
    Containers,
    /// Invocations that the function itself reported as failed.
    Errors,
    /// Partial answers of ingest.
    Partial,
    /// Invocations that were given up at a time limit.
    Timeouts,
    /// Processes of ingest that were killed in the middle of an invocation.
    IngestKills,
    /// The same of compaction.
    CompactKills,
    /// Processes of ingest that were stopped in the middle of an invocation.
    IngestFreezes,
    /// The same of compaction.
    CompactFreezes,
    /// Stopped processes that were let go on.
    Wakes,
    /// Answers to invocations that had been given up.
    LateAnswers,
    /// Woken processes that were used again.
    UsedAgain,
    /// Event invocations that failed and were tried again.
    AsyncRetries,
    /// Event invocations that failed every time.
    AsyncLost,
    /// Batches that failed and were cut in two or tried again.
    BatchesRetried,
    /// Batches that were given up, and kept as Lambda keeps them.
    GivenUp,
    /// Those of them that ingest has driven again.
    Redriven,
    /// Batches of a second poller over a shard.
    SecondPollerBatches,
    /// Calls of the mapping that failed, the SDK's own retries included.
    PollsFailed,
    /// Shards that were split.
    Splits,
    /// Pairs of shards that were merged.
    Merges,
}

impl What {
    /// All of them, as they are listed.
    pub const ALL: [Self; 22] = [
        Self::IngestInvocations,
        Self::CompactInvocations,
        Self::Containers,
        Self::Errors,
        Self::Partial,
        Self::Timeouts,
        Self::IngestKills,
        Self::CompactKills,
        Self::IngestFreezes,
        Self::CompactFreezes,
        Self::Wakes,
        Self::LateAnswers,
        Self::UsedAgain,
        Self::AsyncRetries,
        Self::AsyncLost,
        Self::BatchesRetried,
        Self::GivenUp,
        Self::Redriven,
        Self::SecondPollerBatches,
        Self::PollsFailed,
        Self::Splits,
        Self::Merges,
    ];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IngestInvocations => "invocations of ingest",
            Self::CompactInvocations => "invocations of compaction",
            Self::Containers => "containers started",
            Self::Errors => "invocations that failed by themselves",
            Self::Partial => "partial answers",
            Self::Timeouts => "timeouts",
            Self::IngestKills => "kills of ingest",
            Self::CompactKills => "kills of compaction",
            Self::IngestFreezes => "freezes of ingest",
            Self::CompactFreezes => "freezes of compaction",
            Self::Wakes => "wakes",
            Self::LateAnswers => "late answers refused",
            Self::UsedAgain => "woken containers used again",
            Self::AsyncRetries => "event invocations tried again",
            Self::AsyncLost => "event invocations given up",
            Self::BatchesRetried => "batches that came again",
            Self::GivenUp => "batches given up",
            Self::Redriven => "batches driven again from S3",
            Self::SecondPollerBatches => "batches of second pollers",
            Self::PollsFailed => "calls of the mapping that failed",
            Self::Splits => "splits",
            Self::Merges => "merges",
        }
    }

    /// Whether a run must have seen it: without it, the run proves less than it says.
    #[must_use]
    pub fn is_due(self) -> bool {
        !matches!(self, Self::Errors | Self::Partial | Self::AsyncLost | Self::PollsFailed)
    }
}

/// The counters of a run.
#[derive(Debug, Default)]
pub struct Tally {
    events: [AtomicU64; What::ALL.len()],
    faults: [[AtomicU64; Kind::ALL.len()]; Target::ALL.len()],
    requests: [AtomicU64; Target::ALL.len()],
}

impl Tally {
    /// One more; returns how many there were before.
    pub fn add(&self, what: What) -> u64 {
        self.events[what as usize].fetch_add(1, Ordering::Relaxed)
    }

    /// So many in all.
    pub fn set(&self, what: What, count: u64) {
        self.events[what as usize].store(count, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn count(&self, what: What) -> u64 {
        self.events[what as usize].load(Ordering::Relaxed)
    }

    /// One more request; returns its number.
    pub fn request(&self, target: Target) -> u64 {
        self.requests[target as usize].fetch_add(1, Ordering::Relaxed)
    }

    /// How many requests.
    #[must_use]
    pub fn requests(&self, target: Target) -> u64 {
        self.requests[target as usize].load(Ordering::Relaxed)
    }

    /// One more fault.
    pub fn fault(&self, target: Target, kind: Kind) {
        self.faults[target as usize][kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    #[must_use]
    pub fn faults(&self, target: Target, kind: Kind) -> u64 {
        self.faults[target as usize][kind as usize].load(Ordering::Relaxed)
    }

    /// All faults of the wire.
    #[must_use]
    pub fn all_faults(&self) -> u64 {
        Target::ALL.iter().flat_map(|&target| Kind::ALL.map(|kind| self.faults(target, kind))).sum()
    }

    /// What should have happened and never did.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let events = What::ALL.iter().filter(|what| what.is_due() && self.count(**what) == 0);
        let mut missing: Vec<_> = events.map(|what| what.name().to_owned()).collect();
        for target in Target::ALL {
            let faults = Kind::ALL.iter().filter(|&&kind| self.faults(target, kind) == 0);
            missing.extend(faults.map(|kind| format!("{target} {}", kind.name())));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_listed_at_its_own_place() {
        assert!(What::ALL.iter().enumerate().all(|(at, what)| *what as usize == at));
        assert!(Kind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(Target::ALL.iter().enumerate().all(|(at, target)| *target as usize == at));
    }

    #[test]
    fn what_never_happened_is_named_until_it_does() {
        let tally = Tally::default();
        let all = tally.missing().len();
        assert_eq!(all, What::ALL.len() - 4 + Target::ALL.len() * Kind::ALL.len());
        tally.add(What::Wakes);
        tally.fault(Target::S3, Kind::Dropped);
        assert_eq!(tally.missing().len(), all - 2);
        assert!(tally.missing().contains(&"dynamodb dropped".to_owned()));
    }
}
