//! What a warm container remembers of a chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::row::Row;
use crate::ids::RowNumber;

/// How many rows are kept between invocations: those around the end, where retries and overlaps happen.
const ROWS_MAX: usize = 32;

/// Rows of one chain that were read or written, and which of them was the newest when it was looked at.
///
/// It may be behind the ledger and is right all the same: rows never change but to become stubs, and whoever
/// commits on an old end collides with the row that is there.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    tail: Tail,
    rows: BTreeMap<RowNumber, Arc<Row>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tail {
    #[default]
    Unknown,
    Empty,
    At(RowNumber),
}

impl Memory {
    /// The newest row, if it is known which one that is: `None` is ignorance, `Some(None)` a chain without rows.
    pub(super) fn tail(&self) -> Option<Option<&Arc<Row>>> {
        match self.tail {
            Tail::Unknown => None,
            Tail::Empty => Some(None),
            Tail::At(n) => self.rows.get(&n).map(Some),
        }
    }

    /// The row of a number, if it is remembered.
    pub(super) fn row(&self, n: RowNumber) -> Option<&Arc<Row>> {
        self.rows.get(&n)
    }

    /// Every remembered row, ascending.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.values()
    }

    /// Remembers a row.
    pub(super) fn learn(&mut self, row: Row) {
        self.rows.insert(row.n, Arc::new(row));
    }

    /// Remembers the newest row.
    pub(super) fn learn_tail(&mut self, row: Option<Row>) {
        self.tail = row.as_ref().map_or(Tail::Empty, |row| Tail::At(row.n));
        if let Some(row) = row {
            self.learn(row);
        }
    }

    /// Forgets which row is the newest: it is known to have been overtaken.
    pub(super) fn forget_tail(&mut self) {
        self.tail = Tail::Unknown;
    }

    /// Forgets the oldest rows beyond what is worth keeping.
    pub(super) fn trim(&mut self) {
        while self.rows.len() > ROWS_MAX {
            self.rows.pop_first();
        }
    }
}
