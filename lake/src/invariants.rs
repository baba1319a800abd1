//! The invariants, by id, as predicates. Production code asserts them before it commits or reports success; the
//! simulation and the tests check the same predicates against what really happened.

use std::fmt;

use crate::commit::{Commit, Counts, Row};
use crate::ids::{RowNumber, SequenceNumber, SequenceSet};

/// The invariants of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvariantId {
    /// One row per number, no gaps, `to` never shrinks, no delivery id in two rows.
    I1Chain,
    /// The rows of a commit are exactly records that were delivered and that no earlier row holds.
    I2Fidelity,
    /// The mapping's checkpoint never passes a record that no row holds.
    I3Checkpoint,
    /// At rest, raw and quarantine together hold every delivered record once.
    I4Complete,
    /// Every referenced object exists with its recorded checksum; nothing is deleted that could still be
    /// committed or read.
    I5Objects,
    /// A table is the distinct events of raw under the keep rule, however they were compacted.
    I6Table,
    /// The roll-ups of a version are the sums over its events.
    I7Rollups,
    /// A read of a partition equals some committed version, and observed versions do not go back.
    I8Readers,
    /// Repeating a batch at any later time changes nothing.
    I9Repeatable,
    /// Delivered = accepted + quarantined.
    I10Conservation,
}

impl fmt::Display for InvariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I1Chain => "I1 (chain)",
            Self::I2Fidelity => "I2 (fidelity)",
            Self::I3Checkpoint => "I3 (checkpoint)",
            Self::I4Complete => "I4 (complete)",
            Self::I5Objects => "I5 (objects)",
            Self::I6Table => "I6 (table)",
            Self::I7Rollups => "I7 (roll-ups)",
            Self::I8Readers => "I8 (readers)",
            Self::I9Repeatable => "I9 (repeatable)",
            Self::I10Conservation => "I10 (conservation)",
        })
    }
}

/// An invariant that does not hold. It is a defect of the program or of a store, never of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {id} does not hold: {detail}")]
pub struct Violation {
    /// Which one.
    pub id: InvariantId,
    /// How it was seen.
    pub detail: String,
}

impl Violation {
    /// A violation, described.
    #[must_use]
    pub fn new(id: InvariantId, detail: impl Into<String>) -> Self {
        Self { id, detail: detail.into() }
    }
}

fn hold(condition: bool, id: InvariantId, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if condition { Ok(()) } else { Err(Violation::new(id, detail())) }
}

/// I1: `next` may follow `previous` in a chain.
///
/// # Errors
/// Where there is a gap, or `to` shrinks, or the row's own range is not within its `to`.
pub fn follows(previous: Option<&Row>, next: &Row) -> Result<(), Violation> {
    let id = InvariantId::I1Chain;
    let expected = previous.map_or(RowNumber::FIRST, |row| row.n.next());
    hold(next.n == expected, id, || format!("row {} where {expected} should be", next.n))?;
    if let (Some(before), Some(after)) = (previous.and_then(Row::to), next.to()) {
        hold(before.cmp_in_shard(&after).is_le(), id, || {
            format!("row {}: `to` shrinks from {before} to {after}", next.n)
        })?;
    }
    Ok(())
}

/// I1, I2 and I10 of one commit by itself.
///
/// # Errors
/// Where its range, its `to`, its files and its counts do not fit each other.
pub fn coherent(commit: &Commit, records: &[SequenceNumber]) -> Result<(), Violation> {
    let range = commit.range;
    hold(range.last().cmp_in_shard(&commit.to).is_le(), InvariantId::I1Chain, || {
        format!("`to` {} is below the range {range}", commit.to)
    })?;
    let ends = (records.first().copied(), records.last().copied());
    hold(ends == (Some(range.first()), Some(range.last())), InvariantId::I2Fidelity, || {
        format!("the range {range} is not that of its {} records", records.len())
    })?;
    hold(commit.counts.records == records.len() as u64, InvariantId::I2Fidelity, || {
        format!("{} records counted, {} taken", commit.counts.records, records.len())
    })?;
    conserved(&commit.counts)?;
    let rows: u64 = commit.files.iter().map(|file| file.rows).sum();
    hold(rows == commit.counts.delivered, InvariantId::I10Conservation, || {
        format!("{rows} rows in files, {} delivered", commit.counts.delivered)
    })
}

/// I2: the digest, which later commits take as evidence, is that of the records.
///
/// # Errors
/// Where it is not.
pub fn digested(commit: &Commit, records: &[SequenceNumber]) -> Result<(), Violation> {
    hold(commit.digest == SequenceSet::digest_of(records), InvariantId::I2Fidelity, || {
        "the digest is not that of its records".to_owned()
    })
}

/// I10: nothing is lost between delivery and the two places where it can end.
///
/// # Errors
/// Where the counts do not add up, or a record left no trace.
pub fn conserved(counts: &Counts) -> Result<(), Violation> {
    let Counts { records, delivered, accepted, quarantined } = *counts;
    let id = InvariantId::I10Conservation;
    hold(accepted.checked_add(quarantined) == Some(delivered), id, || {
        format!("{delivered} delivered, {accepted} accepted, {quarantined} quarantined")
    })?;
    hold(delivered >= records, id, || format!("{records} records gave {delivered} rows"))
}

/// I3: every record before the first that is reported for a retry is held by a row.
///
/// # Errors
/// Where success would let the checkpoint pass a record that no row holds.
pub fn covered(offered: &SequenceSet, held: &[bool], retry_from: Option<&SequenceNumber>) -> Result<(), Violation> {
    let end = match retry_from {
        None => offered.len(),
        Some(first) => offered.position(first).unwrap_or(0),
    };
    match held.iter().take(end).position(|held| !held) {
        None if held.len() >= end => Ok(()),
        at => Err(Violation::new(
            InvariantId::I3Checkpoint,
            format!("record {} would be passed and no row holds it", at.map_or(end, |at| at + 1)),
        )),
    }
}
