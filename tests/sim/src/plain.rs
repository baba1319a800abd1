//! The file formats of the simulation: the real Parquet in a share of the seeds, and a plain text in the rest.
//!
//! The plain text holds a line a row: sequence number, sub number, and a fingerprint of everything else. It makes a
//! schedule about ten times cheaper, and lets the world read every row of every commit.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, SequenceSet};
use iguazu_transform::decode::Table;
use iguazu_transform::{FileFormat, FormatError, Parquet, QuarantineRow, Rows, Source};

/// A row as the world sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenRow {
    /// Its document within the record.
    pub sub: u32,
    /// What it says, apart from where it stands. Accepted and quarantined rows never share one.
    pub fingerprint: u64,
}

/// The format that a schedule writes.
#[derive(Debug)]
pub enum SimFormat {
    /// A line a row.
    Plain,
    /// What production writes.
    Parquet,
}

fn fingerprint(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn lines(rows: impl Iterator<Item = (SequenceNumber, SeenRow)>) -> Bytes {
    let mut text = String::with_capacity(128);
    for (sequence, row) in rows {
        let written = writeln!(text, "{sequence} {} {:x}", row.sub, row.fingerprint);
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    text.into()
}

impl SimFormat {
    /// The rows of a plain file.
    pub fn rows(file: &[u8]) -> Option<Vec<(SequenceNumber, SeenRow)>> {
        std::str::from_utf8(file).ok()?.lines().map(parse_line).collect()
    }
}

fn parse_line(line: &str) -> Option<(SequenceNumber, SeenRow)> {
    let mut parts = line.split(' ');
    let sequence = parts.next()?.parse().ok()?;
    let sub = parts.next()?.parse().ok()?;
    let fingerprint = u64::from_str_radix(parts.next()?, 16).ok()?;
    Some((sequence, SeenRow { sub, fingerprint }))
}

impl FileFormat for SimFormat {
    fn events(
        &self,
        source: &Source,
        table: &Table,
        rows: Rows,
        files: &[Vec<u32>],
    ) -> Result<Vec<Bytes>, FormatError> {
        let Self::Plain = self else { return Parquet.events(source, table, rows, files) };
        let line = |&row: &u32| {
            let mut hasher = DefaultHasher::new();
            rows.hash_row(row as usize, &mut hasher);
            let place = rows.place(row as usize)?;
            Some((place.sequence, SeenRow { sub: place.sub, fingerprint: fingerprint(("event", hasher.finish())) }))
        };
        Ok(files.iter().map(|file| lines(file.iter().filter_map(line))).collect())
    }

    fn quarantine(&self, source: &Source, rows: &[QuarantineRow]) -> Result<Bytes, FormatError> {
        let Self::Plain = self else { return Parquet.quarantine(source, rows) };
        Ok(lines(rows.iter().map(|row| {
            let said = (row.reason_code, &row.original);
            (row.place.sequence, SeenRow { sub: row.place.sub, fingerprint: fingerprint(("quarantine", said)) })
        })))
    }

    fn sequences(&self, file: &Bytes) -> Result<SequenceSet, FormatError> {
        let Self::Plain = self else { return Parquet.sequences(file) };
        let rows = Self::rows(file).ok_or(FormatError::Foreign("not a plain file"))?;
        Ok(rows.into_iter().map(|(sequence, _)| sequence).collect())
    }
}
