//! The search for rows that may hold a record which is not above the chain's end.
//!
//! Two kinds of rows can hold it:
//! - The first row whose `to` reaches it. `to` never shrinks, so that row is found by probing, doubling the
//!   distance from a row that is known and then halving: no read for a batch that was just committed, about
//!   forty in a chain of a million rows.
//! - A *late* row, which holds records at or below the `to` before it: parallel lanes and mappings that begin
//!   again write such rows. They are linked, each link with the hull of all that lie behind it, so a search
//!   visits only late rows that can matter.
//!
//! Whether a row found in this way does hold the record is then for its digest or its files to say. The search
//! itself is pure: it says which row to read, or which one to check, or that every candidate has been checked.

use std::sync::Arc;

use super::memory::Memory;
use super::row::{Late, Row};
use crate::ids::{RowNumber, SequenceNumber};

/// What the search wants next for one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// The row must be read before the search can go on.
    Read(RowNumber),
    /// The row's range covers the record and it has not been checked yet.
    Check(Arc<Row>),
    /// Every row that could hold the record has been checked.
    Exhausted,
}

/// The remembered rows, prepared for many records of one batch.
pub(super) struct Search<'a> {
    memory: &'a Memory,
    tail: &'a Arc<Row>,
    rows: Vec<&'a Arc<Row>>,
    checked: &'a dyn Fn(RowNumber) -> bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(memory: &'a Memory, tail: &'a Arc<Row>, checked: &'a dyn Fn(RowNumber) -> bool) -> Self {
        let rows = memory.rows().filter(|row| row.n <= tail.n).collect();
        Self { memory, tail, rows, checked }
    }

    /// The next lead for a record at or below the tail's `to`.
    pub(super) fn lead(&self, record: &SequenceNumber) -> Lead {
        match self.late_lead(record) {
            Lead::Exhausted => self.first_reaching_lead(record),
            lead => lead,
        }
    }

    fn late_lead(&self, record: &SequenceNumber) -> Lead {
        let mut link: Option<Late> = self.tail.late_until();
        // Links lead to ever older rows. One that does not is damage, and following it might never end.
        let mut newer: Option<RowNumber> = None;
        while let Some(late) =
            link.filter(|late| late.hull.contains(record) && newer.is_none_or(|newer| late.n < newer))
        {
            newer = Some(late.n);
            let Some(row) = self.memory.row(late.n) else { return Lead::Read(late.n) };
            if !reaches(row, record) {
                // Rows before this one reach even less far.
                break;
            }
            if row.range().is_some_and(|range| range.contains(record)) && !(self.checked)(row.n) {
                return Lead::Check(Arc::clone(row));
            }
            link = row.earlier();
        }
        Lead::Exhausted
    }

    fn first_reaching_lead(&self, record: &SequenceNumber) -> Lead {
        let at = self.rows.partition_point(|row| !reaches(row, record));
        let Some(&row) = self.rows.get(at) else { return Lead::Exhausted };
        let covers = row.range().is_some_and(|range| range.contains(record));
        let below = at.checked_sub(1).and_then(|at| self.rows.get(at)).map(|row| row.n);
        // A row in order begins above everything before it: if it covers the record, no earlier row reaches it. That
        // saves the commonest proof, the newest batch again in a cold container, its second read.
        let is_first = (covers && !row.is_late()) || row.n == below.map_or(RowNumber::FIRST, RowNumber::next);
        if is_first {
            return if covers && !(self.checked)(row.n) { Lead::Check(Arc::clone(row)) } else { Lead::Exhausted };
        }
        Lead::Read(self.probe(below, row.n))
    }

    /// A row strictly between `below`, which does not reach the record, and `above`, which does.
    fn probe(&self, below: Option<RowNumber>, above: RowNumber) -> RowNumber {
        let lowest = below.map_or(0, |n| n.get() + 1);
        match below {
            Some(_) => RowNumber::new(lowest + (above.get() - lowest) / 2),
            None => {
                let distance = (self.tail.n.get() - above.get()).max(1);
                RowNumber::new(above.get().saturating_sub(distance))
            }
        }
    }
}

fn reaches(row: &Row, record: &SequenceNumber) -> bool {
    row.to().is_some_and(|to| record.cmp_in_shard(&to).is_le())
}
