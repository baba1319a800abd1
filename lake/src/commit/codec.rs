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

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Commit,
    Closed,
    Stub,
}

/// A row of any kind, read in one pass; what its kind needs is checked afterwards.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowV1 {
    v: u32,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<SequenceNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<SequenceNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<SequenceNumber>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<LateV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileV1>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantined: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256Sum>,
}

impl RowV1 {
    /// Whether it has a field that only a commit has.
    fn says_what_commits_say(&self) -> bool {
        let counts = [self.records, self.delivered, self.accepted, self.quarantined];
        self.late
            || self.first.is_some()
            || self.last.is_some()
            || self.files.is_some()
            || self.digest.is_some()
            || counts.iter().any(Option::is_some)
    }
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
    let wire = match &row.body {
        Body::Commit(commit) => commit_to_wire(commit),
        Body::Closed(closed) => {
            RowV1 { to: closed.to, earlier: closed.earlier.map(late_to_wire), ..empty(Kind::Closed) }
        }
        Body::Stub(stub) => RowV1 { to: stub.to, ..empty(Kind::Stub) },
    };
    let body = serde_json::to_string(&wire).map_err(|source| CodecError::Unwritable { n: row.n, source })?;
    Ok(StoredRow { n: row.n, attempt: row.attempt, body })
}

/// Reads a row of any version that ever shipped.
///
/// # Errors
/// Where the row is of a later version, or damaged.
pub fn decode(stored: &StoredRow) -> Result<Row, CodecError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let n = stored.n;
    match serde_json::from_str::<RowV1>(&stored.body).and_then(body_from_wire) {
        Ok(body) => Ok(Row { n, attempt: stored.attempt, body }),
        Err(source) => match serde_json::from_str::<Version>(&stored.body) {
            Ok(Version { v }) if v != VERSION => Err(CodecError::UnknownVersion { n, found: v }),
            _ => Err(CodecError::Damaged { n, source }),
        },
    }
}

fn empty(kind: Kind) -> RowV1 {
    RowV1 {
        v: VERSION,
        kind,
        first: None,
        last: None,
        to: None,
        late: false,
        earlier: None,
        files: None,
        records: None,
        delivered: None,
        accepted: None,
        quarantined: None,
        digest: None,
    }
}

fn commit_to_wire(commit: &Commit) -> RowV1 {
    RowV1 {
        first: Some(commit.range.first()),
        last: Some(commit.range.last()),
        to: Some(commit.to),
        late: commit.late,
        earlier: commit.earlier.map(late_to_wire),
        files: Some(commit.files.iter().map(file_to_wire).collect()),
        records: Some(commit.counts.records),
        delivered: Some(commit.counts.delivered),
        accepted: Some(commit.counts.accepted),
        quarantined: Some(commit.counts.quarantined),
        digest: Some(commit.digest),
        ..empty(Kind::Commit)
    }
}

fn body_from_wire(wire: RowV1) -> Result<Body, serde_json::Error> {
    if wire.v != VERSION {
        return Err(serde::de::Error::custom("another version"));
    }
    let foreign = match wire.kind {
        Kind::Commit => false,
        Kind::Closed => wire.says_what_commits_say(),
        Kind::Stub => wire.says_what_commits_say() || wire.earlier.is_some(),
    };
    if foreign {
        return Err(serde::de::Error::custom("a row of this kind has fields of another kind"));
    }
    let earlier = wire.earlier.map(late_from_wire).transpose()?;
    match wire.kind {
        Kind::Closed => Ok(Body::Closed(Closed { to: wire.to, earlier })),
        Kind::Stub => Ok(Body::Stub(Stub { to: wire.to })),
        Kind::Commit => Ok(Body::Commit(Commit {
            range: range(present("first", wire.first)?, present("last", wire.last)?)?,
            to: present("to", wire.to)?,
            late: wire.late,
            earlier,
            files: present("files", wire.files)?.into_iter().map(file_from_wire).collect::<Result<_, _>>()?,
            counts: Counts {
                records: present("records", wire.records)?,
                delivered: present("delivered", wire.delivered)?,
                accepted: present("accepted", wire.accepted)?,
                quarantined: present("quarantined", wire.quarantined)?,
            },
            digest: present("digest", wire.digest)?,
        })),
    }
}

fn present<T>(name: &'static str, value: Option<T>) -> Result<T, serde_json::Error> {
    value.ok_or_else(|| serde::de::Error::missing_field(name))
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

fn file_from_wire(wire: FileV1) -> Result<FileEntry, serde_json::Error> {
    if wire.min.is_some() != wire.max.is_some() {
        return Err(serde::de::Error::custom("an interval of event times has one end"));
    }
    Ok(FileEntry {
        area: wire.t.map_or(Area::Quarantine, Area::Raw),
        partition: wire.d.map_or(Partition::Mixed, Partition::Day),
        rows: wire.rows,
        bytes: wire.bytes,
        event_time: wire.min.zip(wire.max),
        sha256: wire.sha256,
    })
}
