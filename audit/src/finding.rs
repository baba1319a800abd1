//! What is wrong with a lake: typed, and each with what, where, what must be there and what is.

use std::fmt;

use serde::Serialize;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// A committed row of a chain breaks the rules of chains.
    Chain,
    /// An object that is named is not there.
    Missing,
    /// An object does not have the checksum that is recorded for it.
    Damaged,
    /// An object has its checksum and cannot be read, or is not what it should be.
    Unreadable,
    /// A file has another number of rows than is recorded.
    Rows,
    /// A file holds a row that belongs elsewhere.
    Misplaced,
    /// A delivery is committed twice.
    DoubledDelivery,
    /// What was taken is not what is live, was dropped, or waits.
    Conservation,
    /// An event of the deliveries is not in the table.
    LostEvent,
    /// The table holds an event that was never delivered, or that it has not taken.
    StrangeEvent,
    /// An event is in the table more than once.
    DuplicateEvent,
    /// The table holds an event with another content than the copy has that is to be kept.
    ChangedEvent,
    /// The table holds another copy of an event than the one that is to be kept.
    OtherCopy,
    /// The events of a table together are not those that it must hold.
    Content,
    /// A file's roll-up does not say what the file's rows add up to.
    FileSums,
    /// A group of a roll-up does not have the sums of the table's events.
    Sums,
    /// A file says nothing for a roll-up of the contract.
    RollupAbsent,
    /// Versions of a table were published, and it has no snapshot.
    SnapshotMissing,
    /// A snapshot names an older version of a bucket than was published, or none.
    SnapshotStale,
    /// A table was delivered to or compacted, and no contract is of it.
    NoContract,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "a chain breaks its rules",
            Self::Missing => "a named object is missing",
            Self::Damaged => "an object is damaged",
            Self::Unreadable => "an object cannot be read",
            Self::Rows => "a file has another number of rows",
            Self::Misplaced => "a row is in a place where it does not belong",
            Self::DoubledDelivery => "a delivery is committed twice",
            Self::Conservation => "the counts do not add up",
            Self::LostEvent => "an event is lost",
            Self::StrangeEvent => "an event is not one that was taken",
            Self::DuplicateEvent => "an event is there more than once",
            Self::ChangedEvent => "an event has another content",
            Self::OtherCopy => "another copy of an event is kept",
            Self::Content => "the events are not those that were taken",
            Self::FileSums => "a file's roll-up is not that of its rows",
            Self::Sums => "a roll-up is not the sum over the table",
            Self::RollupAbsent => "a file says nothing for a roll-up",
            Self::SnapshotMissing => "the snapshot of a table is missing",
            Self::SnapshotStale => "the snapshot of a table is behind what was published",
            Self::NoContract => "a table has no contract",
        })
    }
}

/// A thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// Where: an object, a row, an event, a group.
    pub place: String,
    /// What must be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// A finding.
    pub fn new(
        problem: Problem,
        place: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { problem, place: place.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, place, expected, found } = self;
        write!(f, "{problem}: {place}: expected {expected}, found {found}")
    }
}

/// So many findings of a kind are told one by one; of the others only how many there are is.
pub const TOLD_MAX: usize = 20;

/// Findings, of each kind only the first ones in full, so that a lake of which all is wrong has a report of some lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    told: Vec<Finding>,
    counts: std::collections::BTreeMap<Problem, u64>,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.problem).or_default();
        *count += 1;
        if *count <= TOLD_MAX as u64 {
            self.told.push(finding);
        }
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// The findings; one more for each kind that has more than are told.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let mut told = self.told;
        for (problem, count) in self.counts {
            let more = count.saturating_sub(TOLD_MAX as u64);
            if more > 0 {
                told.push(Finding::new(
                    problem,
                    format!("{more} more of this kind"),
                    "none",
                    format!("{count} in all"),
                ));
            }
        }
        told.sort();
        told
    }
}
