//! The faults, and which of them a run may have.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What can go wrong at a call to a port, or around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fault {
    /// Refused for its rate: not applied, and said so.
    Throttled,
    /// Refused because of another conditional write at the same time: not applied, and said so.
    Conflict409,
    /// The service was not there: not applied, and said so.
    Unavailable503,
    /// Applied, and reported as failed.
    LostReply,
    /// Not applied, and reported as *maybe applied*.
    LostRequest,
    /// Reported as *maybe applied*, and applied later, when nobody waits for it any more.
    LateApply,
    /// As above, days later.
    VeryLateApply,
    /// The container dies before the request leaves it.
    CrashBefore,
    /// The container dies after the request has left it.
    CrashAfter,
    /// The container is frozen for a while, and goes on.
    FreezeShort,
    /// The container is frozen past the invocation's time-out, and goes on later.
    FreezeLong,
    /// The container is frozen for days.
    FreezeDays,
    /// A second poller works on the same shard for a while.
    DoubledPoller,
    /// A poller goes back to an older checkpoint.
    Rewind,
    /// A batch is cut in two after an error.
    Bisect,
    /// The answer to an invocation is lost and the batch is delivered again.
    LostAnswer,
    /// The mapping gives a batch up and keeps it on the failure destination.
    GivenUp,
}

impl Fault {
    /// Every fault, for counting.
    pub const ALL: [Self; 17] = [
        Self::Throttled,
        Self::Conflict409,
        Self::Unavailable503,
        Self::LostReply,
        Self::LostRequest,
        Self::LateApply,
        Self::VeryLateApply,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::FreezeShort,
        Self::FreezeLong,
        Self::FreezeDays,
        Self::DoubledPoller,
        Self::Rewind,
        Self::Bisect,
        Self::LostAnswer,
        Self::GivenUp,
    ];

    /// Its name in counters, timelines and replay commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Conflict409 => "conflict_409",
            Self::Unavailable503 => "unavailable_503",
            Self::LostReply => "lost_reply",
            Self::LostRequest => "lost_request",
            Self::LateApply => "late_apply",
            Self::VeryLateApply => "very_late_apply",
            Self::CrashBefore => "crash_before",
            Self::CrashAfter => "crash_after",
            Self::FreezeShort => "freeze_short",
            Self::FreezeLong => "freeze_long",
            Self::FreezeDays => "freeze_days",
            Self::DoubledPoller => "doubled_poller",
            Self::Rewind => "rewind",
            Self::Bisect => "bisect",
            Self::LostAnswer => "lost_answer",
            Self::GivenUp => "given_up",
        }
    }
}

/// One fault at its place: the poller (or sweeper), its invocation, and the call within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultAt {
    /// The poller or sweeper.
    pub poller: u32,
    /// Which of its invocations.
    pub invocation: u32,
    /// Which call of that invocation; for faults of the poller itself, 0.
    pub call: u32,
    /// What goes wrong.
    pub fault: Fault,
}

impl fmt::Display for FaultAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.poller, self.invocation, self.call, self.fault.name())
    }
}

impl FromStr for FaultAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no fault: expected <poller>.<invocation>.<call>.<name>, such as 0.3.2.lost_reply");
        let mut parts = text.splitn(4, '.');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong);
        let (poller, invocation, call) = (number()?, number()?, number()?);
        let name = parts.next().ok_or_else(wrong)?;
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(wrong)?;
        Ok(Self { poller, invocation, call, fault })
    }
}

/// Which of the faults that a seed draws are let happen.
#[derive(Clone, Debug, Default)]
pub enum Allowed {
    /// All of them.
    #[default]
    All,
    /// These only: for replaying and shrinking.
    Only(BTreeSet<FaultAt>),
}

impl Allowed {
    /// Whether this one is.
    #[must_use]
    pub fn permits(&self, fault: &FaultAt) -> bool {
        match self {
            Self::All => true,
            Self::Only(faults) => faults.contains(fault),
        }
    }
}
