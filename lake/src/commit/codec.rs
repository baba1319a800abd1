//! The text of a row in the ledger, versioned: JSON, so that a person can read the ledger.
//!
//! Version 1. Short names where they repeat: a DynamoDB write is paid by the kilobyte, and a row of one file and
//! 56-digit sequence numbers stays below one. Unknown versions and unknown fields are refused: a program that
//! does not know what a row says must not commit after it. Every version that ever shipped has a golden file.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::row::{Body, Closed, Commit, Counts, FileEntry, Late, Row, Stub};
use crate::checksum::Sha256Sum;
use crate::ids::{RowNumber, SequenceNumber, SequenceRange, TableName, Timestamp};
use crate::keys::{Area, Partition};
use crate::ports::StoredRow;

/// The version that is written.
pub const VERSION: u32 = 1;

/// A row that this program cannot read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It has a version of a later program.
    #[error("row {n} has version {found}, this program knows up to {VERSION}: deploy the newer one everywhere")]
    UnknownVersion {
        /// The row.
        n: RowNumber,
        /// The version in it.
        found: u32,
    },
    /// It is not what any version writes.
    #[error("row {n} cannot be read")]
    Damaged {
        /// The row.
        n: RowNumber,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error("row {n} cannot be written")]
    Unwritable {
        /// The row.
        n: RowNumber,
        /// Why.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Head {
    v: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Commit,
    Closed,
    Stub,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitV1 {
    v: u32,
    kind: Kind,
    first: SequenceNumber,
    last: SequenceNumber,
    to: SequenceNumber,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<LateV1>,
    files: Vec<FileV1>,
    records: u64,
    delivered: u64,
    accepted: u64,
    quarantined: u64,
    digest: Sha256Sum,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndV1 {
    v: u32,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<SequenceNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<LateV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LateV1 {
    n: RowNumber,
    first: SequenceNumber,
    last: SequenceNumber,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileV1 {
    /// The table; without one the file is quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<TableName>,
    /// The date; without one the file is mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<NaiveDate>,
    rows: u64,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Timestamp>,
    sha256: Sha256Sum,
}

/// Writes a row as the newest version.
///
/// # Errors
/// Never for a row of this program; an error rather than a panic if that should ever be wrong.
pub fn encode(row: &Row) -> Result<StoredRow, CodecError> {
    let body = match &row.body {
        Body::Commit(commit) => serde_json::to_string(&commit_to_wire(commit)),
        Body::Closed(closed) => serde_json::to_string(&EndV1 {
            v: VERSION,
            kind: Kind::Closed,
            to: closed.to,
            earlier: closed.earlier.map(late_to_wire),
        }),
        Body::Stub(stub) => serde_json::to_string(&EndV1 { v: VERSION, kind: Kind::Stub, to: stub.to, earlier: None }),
    };
    let body = body.map_err(|source| CodecError::Unwritable { n: row.n, source })?;
    Ok(StoredRow { n: row.n, attempt: row.attempt, body })
}

/// Reads a row of any version that ever shipped.
///
/// # Errors
/// Where the row is of a later version, or damaged.
pub fn decode(stored: &StoredRow) -> Result<Row, CodecError> {
    let n = stored.n;
    let damaged = |source| CodecError::Damaged { n, source };
    let head: Head = serde_json::from_str(&stored.body).map_err(damaged)?;
    if head.v != VERSION {
        return Err(CodecError::UnknownVersion { n, found: head.v });
    }
    let body = match head.kind {
        Kind::Commit => {
            Body::Commit(commit_from_wire(serde_json::from_str(&stored.body).map_err(damaged)?).map_err(damaged)?)
        }
        Kind::Closed => {
            let end: EndV1 = serde_json::from_str(&stored.body).map_err(damaged)?;
            let earlier = end.earlier.map(late_from_wire).transpose().map_err(damaged)?;
            Body::Closed(Closed { to: end.to, earlier })
        }
        Kind::Stub => {
            let end: EndV1 = serde_json::from_str(&stored.body).map_err(damaged)?;
            Body::Stub(Stub { to: end.to })
        }
    };
    Ok(Row { n, attempt: stored.attempt, body })
}

fn commit_to_wire(commit: &Commit) -> CommitV1 {
    CommitV1 {
        v: VERSION,
        kind: Kind::Commit,
        first: commit.range.first(),
        last: commit.range.last(),
        to: commit.to,
        late: commit.late,
        earlier: commit.earlier.map(late_to_wire),
        files: commit.files.iter().map(file_to_wire).collect(),
        records: commit.counts.records,
        delivered: commit.counts.delivered,
        accepted: commit.counts.accepted,
        quarantined: commit.counts.quarantined,
        digest: commit.digest,
    }
}

fn commit_from_wire(wire: CommitV1) -> Result<Commit, serde_json::Error> {
    Ok(Commit {
        range: range(wire.first, wire.last)?,
        to: wire.to,
        late: wire.late,
        earlier: wire.earlier.map(late_from_wire).transpose()?,
        files: wire.files.into_iter().map(file_from_wire).collect(),
        counts: Counts {
            records: wire.records,
            delivered: wire.delivered,
            accepted: wire.accepted,
            quarantined: wire.quarantined,
        },
        digest: wire.digest,
    })
}

fn range(first: SequenceNumber, last: SequenceNumber) -> Result<SequenceRange, serde_json::Error> {
    SequenceRange::new(first, last).ok_or_else(|| serde::de::Error::custom("a range ends before it begins"))
}

fn late_to_wire(late: Late) -> LateV1 {
    LateV1 { n: late.n, first: late.hull.first(), last: late.hull.last() }
}

fn late_from_wire(wire: LateV1) -> Result<Late, serde_json::Error> {
    Ok(Late { n: wire.n, hull: range(wire.first, wire.last)? })
}

fn file_to_wire(file: &FileEntry) -> FileV1 {
    FileV1 {
        t: match &file.area {
            Area::Raw(table) => Some(table.clone()),
            Area::Quarantine => None,
        },
        d: match file.partition {
            Partition::Day(date) => Some(date),
            Partition::Mixed => None,
        },
        rows: file.rows,
        bytes: file.bytes,
        min: file.event_time.map(|(min, _)| min),
        max: file.event_time.map(|(_, max)| max),
        sha256: file.sha256,
    }
}

fn file_from_wire(wire: FileV1) -> FileEntry {
    FileEntry {
        area: wire.t.map_or(Area::Quarantine, Area::Raw),
        partition: wire.d.map_or(Partition::Mixed, Partition::Day),
        rows: wire.rows,
        bytes: wire.bytes,
        event_time: wire.min.zip(wire.max),
        sha256: wire.sha256,
    }
}
