//! The rows of the two kinds of file. What a file's rows share (the stream, the shard) is in
//! [`Source`](crate::batch::Source).

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use iguazu_lake::ids::{EventId, SequenceNumber, TableName, Timestamp};

use crate::columns::{Cells, JSON_BYTES, TEXT_BYTES, Texts};

/// Where an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its record.
    pub sequence: SequenceNumber,
    /// Which document of the record it is, from 0.
    pub sub: u32,
    /// When the stream took its record.
    pub arrival: Timestamp,
    /// The bytes of its document.
    pub bytes: u32,
}

/// The events of one table, column by column.
#[derive(Debug)]
pub struct Rows {
    /// The table's position in the catalog.
    pub(crate) table: usize,
    pub(crate) ids: Vec<EventId>,
    pub(crate) kinds: Texts,
    pub(crate) times: Vec<Timestamp>,
    pub(crate) places: Vec<Place>,
    /// What no column holds, where that is kept.
    pub(crate) rest: Texts,
    pub(crate) rest_is_kept: bool,
    pub(crate) columns: Vec<Cells>,
}

impl Rows {
    /// Room for so many rows.
    pub(crate) fn with_room(table: usize, rows: usize, rest_is_kept: bool, columns: Vec<Cells>) -> Self {
        Self {
            table,
            ids: Vec::with_capacity(rows),
            kinds: Texts::with_room(rows, TEXT_BYTES),
            times: Vec::with_capacity(rows),
            places: Vec::with_capacity(rows),
            rest: Texts::with_room(if rest_is_kept { rows } else { 0 }, JSON_BYTES),
            rest_is_kept,
            columns,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Where an event came from.
    #[must_use]
    pub fn place(&self, row: usize) -> Option<&Place> {
        self.places.get(row)
    }

    /// The id of an event.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<EventId> {
        self.ids.get(row).copied()
    }

    /// The type of an event.
    #[must_use]
    pub fn kind(&self, row: usize) -> Option<&str> {
        std::str::from_utf8(self.kinds.get(row)).ok()
    }

    /// When an event happened.
    #[must_use]
    pub fn time(&self, row: usize) -> Option<Timestamp> {
        self.times.get(row).copied()
    }

    /// Hashes everything that an event says, and nothing of where it came from.
    pub fn hash_row<H: Hasher>(&self, row: usize, hasher: &mut H) {
        (self.table, self.ids.get(row), self.kinds.get(row), self.times.get(row)).hash(hasher);
        if self.rest_is_kept {
            self.rest.get(row).hash(hasher);
        }
        self.columns.iter().for_each(|column| column.hash_row(row, hasher));
    }

    /// The columns of the contract, for the row that is being made.
    pub(crate) fn cells(&mut self) -> &mut [Cells] {
        &mut self.columns
    }

    /// What is left of the event whose row is being made.
    pub(crate) fn rest(&mut self) -> &mut Vec<u8> {
        self.rest.open()
    }

    /// Closes the row that is being made.
    pub(crate) fn end(&mut self, id: EventId, kind: &str, time: Timestamp, place: Place) {
        self.ids.push(id);
        self.kinds.push(kind);
        self.times.push(time);
        self.places.push(place);
        if self.rest_is_kept {
            self.rest.end();
        } else {
            // What was left over was only looked at.
            self.rest.truncate(0);
        }
    }

    /// Takes back what there is of the row that is being made.
    pub(crate) fn take_back(&mut self) {
        let rows = self.ids.len();
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
        self.rest.truncate(if self.rest_is_kept { rows } else { 0 });
    }
}

/// What is no event, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Where it came from; `sub` is 0 also where it is the whole record.
    pub place: Place,
    /// Why it is here, as a stable code.
    pub reason_code: &'static str,
    /// Why it is here, in words.
    pub detail: String,
    /// The table and the version of the contract that judged it; none where no contract was asked.
    pub contract: Option<(TableName, u32)>,
    /// Which place of the contract it is about, as a JSON pointer.
    pub path: Option<String>,
    /// What kind of value was found there.
    pub found: Option<&'static str>,
    /// The bytes of the document, or of the whole record where it could not be taken apart.
    pub original: Bytes,
}

impl QuarantineRow {
    /// What the row holds in memory, near enough to budget with.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.detail.len() + self.original.len()
    }
}
