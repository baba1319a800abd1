//! The file formats of the simulation: the real Parquet in a share of the seeds, and a plain text in the rest.
//!
//! The plain text holds a line a row. A line begins with the sequence number, the sub number and a fingerprint of what
//! the row says; that of an event goes on with what compaction asks of it. It makes a schedule about ten times cheaper,
//! and lets the world read every row of every commit. What compaction does with such files is in [`crate::live`].

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use iguazu_compact::keep::Delivery;
use iguazu_lake::ids::{EventId, SequenceNumber, SequenceSet, Timestamp};
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

/// A row of an event, in a raw file or a live one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its delivery.
    pub sequence: SequenceNumber,
    /// What it says.
    pub seen: SeenRow,
    /// Its event.
    pub id: EventId,
    /// When that happened.
    pub event_time: Timestamp,
    /// When its record arrived.
    pub arrival: Timestamp,
    /// Its type.
    pub kind: Arc<str>,
    /// The stream that delivered it.
    pub stream: Arc<str>,
    /// The shard.
    pub shard: Arc<str>,
}

/// The format that a schedule writes.
#[derive(Debug)]
pub enum SimFormat {
    /// A line a row.
    Plain,
    /// What production writes.
    Parquet,
}

pub(crate) fn fingerprint(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Line {
    /// What the roll-ups of the simulation sum up. It follows from what the event says.
    #[must_use]
    pub fn measure(&self) -> i64 {
        i64::try_from(self.seen.fingerprint % 2_001).unwrap_or(0) - 1_000
    }

    /// Its delivery.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        let (stream, shard) = (self.stream.to_string(), self.shard.to_string());
        Delivery { stream, shard, sequence: self.sequence, sub: self.seen.sub }
    }

    pub(crate) fn write(&self, text: &mut String) {
        let Self { sequence, seen, id, event_time, arrival, kind, stream, shard } = self;
        let SeenRow { sub, fingerprint } = seen;
        let (time, arrival) = (event_time.micros(), arrival.micros());
        let id = id.uuid().as_u128();
        let written =
            writeln!(text, "{sequence} {sub} {fingerprint:x} {id:x} {time} {arrival} {kind} {stream} {shard}");
        debug_assert!(written.is_ok(), "a String takes every write");
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (sequence, seen) = parse_seen(&mut parts)?;
        let id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let mut micros = || parts.next()?.parse().ok().map(Timestamp::from_micros);
        let (event_time, arrival) = (micros()?, micros()?);
        let mut text = || parts.next().map(Arc::from);
        let (kind, stream, shard) = (text()?, text()?, text()?);
        Some(Self {
            sequence,
            seen,
            id: EventId::new(uuid::Uuid::from_u128(id)),
            event_time,
            arrival,
            kind,
            stream,
            shard,
        })
    }
}

impl SimFormat {
    /// The rows of a plain file, whatever they are.
    pub fn rows(file: &[u8]) -> Option<Vec<(SequenceNumber, SeenRow)>> {
        std::str::from_utf8(file).ok()?.lines().map(|line| parse_seen(&mut line.split(' '))).collect()
    }

    /// The events of a plain file.
    pub fn lines(file: &[u8]) -> Option<Vec<Line>> {
        std::str::from_utf8(file).ok()?.lines().filter(|line| !line.starts_with('#')).map(Line::parse).collect()
    }
}

fn parse_seen<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<(SequenceNumber, SeenRow)> {
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
        let (stream, shard) = source.shard()?;
        let stream: Arc<str> = format!("{}.{}", stream.name, stream.created_ms).into();
        let shard: Arc<str> = shard.to_string().into();
        let line = |&row: &u32| {
            let row = row as usize;
            let mut hasher = DefaultHasher::new();
            rows.hash_row(row, &mut hasher);
            let place = rows.place(row)?;
            Some(Line {
                sequence: place.sequence,
                seen: SeenRow { sub: place.sub, fingerprint: fingerprint(("event", hasher.finish())) },
                id: rows.id(row)?,
                event_time: rows.time(row)?,
                arrival: place.arrival,
                kind: rows.kind(row)?.into(),
                stream: Arc::clone(&stream),
                shard: Arc::clone(&shard),
            })
        };
        Ok(files
            .iter()
            .map(|file| {
                let mut text = String::with_capacity(file.len() * 128);
                file.iter().filter_map(line).for_each(|line| line.write(&mut text));
                text.into()
            })
            .collect())
    }

    fn quarantine(&self, source: &Source, rows: &[QuarantineRow]) -> Result<Bytes, FormatError> {
        let Self::Plain = self else { return Parquet.quarantine(source, rows) };
        let mut text = String::with_capacity(128);
        for row in rows {
            let said = fingerprint(("quarantine", (row.reason_code, &row.original)));
            let written = writeln!(text, "{} {} {said:x}", row.place.sequence, row.place.sub);
            debug_assert!(written.is_ok(), "a String takes every write");
        }
        Ok(text.into())
    }

    fn sequences(&self, file: &Bytes) -> Result<SequenceSet, FormatError> {
        let Self::Plain = self else { return Parquet.sequences(file) };
        let rows = Self::rows(file).ok_or(FormatError::Foreign("not a plain file"))?;
        Ok(rows.into_iter().map(|(sequence, _)| sequence).collect())
    }
}
