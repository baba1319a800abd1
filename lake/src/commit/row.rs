//! What the rows of a shard's chain say.

use crate::checksum::Sha256Sum;
use crate::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, Timestamp};
use crate::keys::{Area, DataFile, Partition};

/// A row of a shard's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// What it says.
    pub body: Body,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// These records are committed, in these files.
    Commit(Commit),
    /// No row follows: the shard has expired and consumers may forget the chain.
    Closed(Closed),
    /// Everyone has consumed the row and its records are past the stream's retention; its number stays taken.
    Stub(Stub),
}

/// A commit of some records of the shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// From the lowest to the highest of its records. Records of other rows may lie between them.
    pub range: SequenceRange,
    /// The highest record of this row and all rows before it. A hint for searching, never evidence.
    pub to: SequenceNumber,
    /// Whether some of its records are at or below the `to` of the row before it.
    pub late: bool,
    /// The newest late row before this one. Late rows are linked, so that a search visits them alone.
    pub earlier: Option<Late>,
    /// Its files. Their keys follow from the chain, the row and the attempt.
    pub files: Vec<FileEntry>,
    /// What was delivered and what became of it.
    pub counts: Counts,
    /// The fingerprint of its records' sequence numbers ([`crate::ids::SequenceSet::digest_of`]).
    pub digest: Sha256Sum,
}

/// A link to the newest late row before some row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// That row.
    pub n: RowNumber,
    /// An interval that holds the ranges of that row and of all late rows before it.
    pub hull: SequenceRange,
}

/// The last row of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The highest record of the chain, if it ever had one.
    pub to: Option<SequenceNumber>,
    /// The newest late row of the chain.
    pub earlier: Option<Late>,
}

/// What is left of a consumed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stub {
    /// As in the row that it replaces.
    pub to: Option<SequenceNumber>,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// What it holds.
    pub area: Area,
    /// Of which dates.
    pub partition: Partition,
    /// How many rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The least and the greatest event time in it; quarantine has none.
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// The checksum of its bytes.
    pub sha256: Sha256Sum,
}

impl FileEntry {
    /// The file by its place in the lake, given the row that names it.
    #[must_use]
    pub fn data_file(&self, chain: &ChainId, n: RowNumber, attempt: AttemptId) -> DataFile {
        DataFile { area: self.area.clone(), partition: self.partition, chain: chain.clone(), n, attempt }
    }
}

/// What a commit was given and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of the stream.
    pub records: u64,
    /// Events that they were taken apart into, bad ones included: one row each.
    pub delivered: u64,
    /// Rows in raw.
    pub accepted: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
}

impl Row {
    /// The highest record of this row and all rows before it.
    #[must_use]
    pub fn to(&self) -> Option<SequenceNumber> {
        match &self.body {
            Body::Commit(commit) => Some(commit.to),
            Body::Closed(closed) => closed.to,
            Body::Stub(stub) => stub.to,
        }
    }

    /// The records' range, where the row still says it.
    #[must_use]
    pub fn range(&self) -> Option<SequenceRange> {
        match &self.body {
            Body::Commit(commit) => Some(commit.range),
            Body::Closed(_) | Body::Stub(_) => None,
        }
    }

    /// Whether the row holds records at or below the `to` of the row before it.
    #[must_use]
    pub fn is_late(&self) -> bool {
        matches!(&self.body, Body::Commit(commit) if commit.late)
    }

    /// The newest late row before this one. A stub has forgotten it: stubs are the oldest rows of a chain, so
    /// everything before one is a stub too.
    #[must_use]
    pub fn earlier(&self) -> Option<Late> {
        match &self.body {
            Body::Commit(commit) => commit.earlier,
            Body::Closed(closed) => closed.earlier,
            Body::Stub(_) => None,
        }
    }

    /// The newest late row up to this one, itself included: what the next row calls `earlier`.
    #[must_use]
    pub fn late_until(&self) -> Option<Late> {
        match &self.body {
            Body::Commit(commit) if commit.late => Some(Late {
                n: self.n,
                hull: commit.earlier.map_or(commit.range, |earlier| earlier.hull.hull(commit.range)),
            }),
            _ => self.earlier(),
        }
    }

    /// The stub that may replace the row once nobody needs what it says.
    #[must_use]
    pub fn stub(&self) -> Self {
        Self { n: self.n, attempt: self.attempt, body: Body::Stub(Stub { to: self.to() }) }
    }
}
