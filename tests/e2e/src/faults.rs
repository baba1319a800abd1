//! What the proxy does to a request. Pure: a decision is a function of the seed, the target and the request's number.

use std::fmt;
use std::time::Duration;

use iguazu_loadgen::random::Draw;

/// A service behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The stream.
    Kinesis,
    /// The ledger.
    DynamoDb,
    /// The lake.
    S3,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kinesis, Self::DynamoDb, Self::S3];

    /// How the service names itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kinesis => "kinesis",
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The connection is closed before the service hears of it.
    Dropped,
    /// The service does it, and the connection is closed in place of a reply.
    ReplyLost,
    /// It is refused, because there is too much.
    Throttled,
    /// The service does it, and the reply says that it failed inside (500).
    Internal,
    /// It is refused, because the service is away (503).
    Unavailable,
    /// It reaches the service late, whether its caller still waits or not.
    LateRequest,
    /// The reply reaches the caller late.
    LateReply,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Dropped,
        Self::ReplyLost,
        Self::Throttled,
        Self::Internal,
        Self::Unavailable,
        Self::LateRequest,
        Self::LateReply,
    ];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::ReplyLost => "reply_lost",
            Self::Throttled => "throttled",
            Self::Internal => "internal_500",
            Self::Unavailable => "unavailable_503",
            Self::LateRequest => "late_request",
            Self::LateReply => "late_reply",
        }
    }

    /// Whether the service gets the request.
    #[must_use]
    pub fn is_forwarded(self) -> bool {
        matches!(self, Self::ReplyLost | Self::Internal | Self::LateRequest | Self::LateReply)
    }
}

/// What was decided for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// How late, where something is late.
    pub delay: Duration,
    /// Which of the service's words for it is used.
    pub variant: u64,
}

/// How often each kind happens, in parts of a million. The ledger is asked so seldom that its share is larger.
#[must_use]
pub fn each_per_million(target: Target) -> u32 {
    match target {
        Target::Kinesis | Target::S3 => 8_000,
        Target::DynamoDb => 16_000,
    }
}

/// How late something may be: longer than a commit takes, shorter than the clients wait.
const DELAY_MS: (u64, u64) = (150, 2_500);

/// What happens to the request of a number, if anything does.
#[must_use]
pub fn decide(seed: u64, target: Target, number: u64, each_per_million: u32) -> Option<Fault> {
    let mut draw = Draw::of(seed, target.name(), number);
    let at = draw.below(1_000_000) / u64::from(each_per_million.max(1));
    let kind = *Kind::ALL.get(usize::try_from(at).ok()?)?;
    let (least, most) = DELAY_MS;
    let delay = Duration::from_millis(least + draw.below(most - least));
    Some(Fault { kind, delay, variant: draw.bits() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_same_request_has_the_same_fate_and_another_seed_or_target_another() {
        let fates = |seed, target| (0..2_000).map(|number| decide(seed, target, number, 8_000)).collect::<Vec<_>>();
        assert_eq!(fates(1, Target::S3), fates(1, Target::S3));
        assert_ne!(fates(1, Target::S3), fates(2, Target::S3));
        assert_ne!(fates(1, Target::S3), fates(1, Target::DynamoDb));
    }

    #[test]
    fn every_kind_happens_about_as_often_as_it_should() {
        let mut counts = BTreeMap::new();
        for number in 0..100_000 {
            if let Some(fault) = decide(7, Target::Kinesis, number, 8_000) {
                *counts.entry(fault.kind).or_insert(0) += 1;
                assert!(fault.delay >= Duration::from_millis(150) && fault.delay < Duration::from_millis(2_500));
            }
        }
        assert_eq!(counts.len(), Kind::ALL.len());
        assert!(counts.values().all(|&count: &i32| (600..1_000).contains(&count)), "{counts:?}");
    }

    #[test]
    fn nothing_happens_at_a_rate_of_nothing_that_is_worth_the_name() {
        let many = (0..10_000).filter(|&number| decide(3, Target::S3, number, 1).is_some()).count();
        assert!(many <= 3, "{many}");
    }
}
