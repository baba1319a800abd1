//! A batch: records in, the files of one commit out.
//!
//! Rules:
//! - Every record becomes at least one row; rows are counted when they are made and again when they are written.
//! - The rows depend on each record alone, so however a stream is cut into batches, its rows are the same.
//! - Nothing is deduplicated: the caller hands over each sequence number once.

use std::collections::BTreeMap;

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, ShardId, StreamId, TableName, Timestamp};
use iguazu_lake::keys::{Area, Partition};

pub use iguazu_lake::commit::Counts;

use crate::event::Event;
use crate::format::{FileFormat, FormatError};
use crate::limits::Limits;
use crate::reason::Reason;
use crate::record::{Payload, Record};
use crate::rows::{EventRow, QuarantineRow};
use crate::unpack::{Part, unpack};

/// Where the records of a batch come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The chain of a shard.
    pub chain: ChainId,
}

impl Source {
    /// The stream and the shard.
    ///
    /// # Errors
    /// Where the chain is that of a bucket, which has neither.
    pub fn shard(&self) -> Result<(&StreamId, &ShardId), FormatError> {
        match &self.chain {
            ChainId::Shard { stream, shard } => Ok((stream, shard)),
            ChainId::Bucket { .. } => Err(FormatError::NotAShard),
        }
    }
}

/// What became of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Its events.
    pub accepted: u64,
    /// Its rows in quarantine.
    pub quarantined: u64,
}

/// A file that is ready to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// What it holds.
    pub area: Area,
    /// Of which dates: of event time in raw, of arrival in quarantine.
    pub partition: Partition,
    /// Its rows, at least one.
    pub rows: u64,
    /// The file itself.
    pub bytes: Bytes,
    /// The earliest and the latest event time in it; nothing in quarantine.
    pub event_time: Option<(Timestamp, Timestamp)>,
}

/// What a batch became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The files, raw before quarantine, by date, the mixed one last.
    pub files: Vec<OutputFile>,
    /// What is in them.
    pub counts: Counts,
}

/// The rows of the records so far.
#[derive(Debug)]
pub struct Batch<'a> {
    limits: &'a Limits,
    table: TableName,
    events: Vec<EventRow>,
    quarantine: Vec<QuarantineRow>,
    records: usize,
    delivered: u64,
    bytes: usize,
}

impl<'a> Batch<'a> {
    /// A batch without records.
    #[must_use]
    pub fn new(limits: &'a Limits, table: TableName) -> Self {
        Self { limits, table, events: Vec::new(), quarantine: Vec::new(), records: 0, delivered: 0, bytes: 0 }
    }

    /// Decodes a record and takes all of its rows.
    pub fn push(&mut self, record: &Record) -> Pushed {
        let before = (self.events.len(), self.quarantine.len());
        self.records += 1;
        match &record.payload {
            Payload::Undecodable { original, reason } => self.refuse(record, 0, original.clone(), reason),
            Payload::Data(bytes) => match unpack(bytes, self.limits) {
                Ok(parts) => parts.into_iter().zip(0..).for_each(|(part, sub)| self.take(record, sub, part)),
                Err(reason) => self.refuse(record, 0, bytes.clone(), &reason),
            },
        }
        Pushed {
            accepted: (self.events.len() - before.0) as u64,
            quarantined: (self.quarantine.len() - before.1) as u64,
        }
    }

    fn take(&mut self, record: &Record, sub: u32, part: Part) {
        match part {
            Part::Unreadable { original, reason } => self.refuse(record, sub, original, &reason),
            Part::Document(text) => match Event::parse(&text, record.arrival, self.limits) {
                Ok(event) => {
                    let row = EventRow { event, arrival: record.arrival, sequence: record.sequence, sub };
                    self.delivered += 1;
                    self.bytes += row.bytes();
                    self.events.push(row);
                }
                // A copy, since a slice of one bad line would keep alive all of what its record expanded to.
                Err(reason) => self.refuse(record, sub, Bytes::copy_from_slice(&text), &reason),
            },
        }
    }

    fn refuse(&mut self, record: &Record, sub: u32, original: Bytes, reason: &Reason) {
        let row = QuarantineRow {
            sequence: record.sequence,
            sub,
            arrival: record.arrival,
            reason_code: reason.code(),
            detail: reason.detail(),
            original,
        };
        self.delivered += 1;
        self.bytes += row.bytes();
        self.quarantine.push(row);
    }

    /// The size of the decoded rows so far, for the caller's budget.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The records so far.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// The files of the batch.
    ///
    /// # Errors
    /// On a fault of the program: rows that do not fit the format, or that were lost on the way.
    pub fn finish<F: FileFormat>(self, source: &Source, format: &F) -> Result<Output, FormatError> {
        let counts = Counts {
            records: self.records as u64,
            delivered: self.delivered,
            accepted: self.events.len() as u64,
            quarantined: self.quarantine.len() as u64,
        };
        let dates_max = self.limits.dates_per_batch_max;
        let mut files = Vec::new();
        for (partition, mut rows) in partitions(self.events, |row| row.event.time, dates_max) {
            rows.sort_unstable_by(order_of_events);
            files.push(OutputFile {
                area: Area::Raw(self.table.clone()),
                partition,
                rows: rows.len() as u64,
                bytes: format.events(source, &rows)?,
                event_time: span(&rows),
            });
        }
        for (partition, mut rows) in partitions(self.quarantine, |row| row.arrival, dates_max) {
            rows.sort_unstable_by(|a, b| a.sequence.cmp_in_shard(&b.sequence).then(a.sub.cmp(&b.sub)));
            files.push(OutputFile {
                area: Area::Quarantine,
                partition,
                rows: rows.len() as u64,
                bytes: format.quarantine(source, &rows)?,
                event_time: None,
            });
        }
        conserve(&counts, files.iter().map(|file| file.rows).sum())?;
        Ok(Output { files, counts })
    }
}

/// Rows are sorted by where their events stand among all events, so that a bucket is a run of row groups; the
/// rest of the key only makes the order total.
fn order_of_events(a: &EventRow, b: &EventRow) -> std::cmp::Ordering {
    let place = |row: &EventRow| (row.event.id.placement(), row.event.id);
    place(a).cmp(&place(b)).then_with(|| a.sequence.cmp_in_shard(&b.sequence)).then(a.sub.cmp(&b.sub))
}

fn span(rows: &[EventRow]) -> Option<(Timestamp, Timestamp)> {
    let times = || rows.iter().map(|row| row.event.time);
    times().min().zip(times().max())
}

fn conserve(counts: &Counts, written: u64) -> Result<(), FormatError> {
    let &Counts { delivered, accepted, quarantined, .. } = counts;
    if delivered == accepted + quarantined && delivered == written {
        Ok(())
    } else {
        Err(FormatError::NotConserved { delivered, accepted, quarantined, written })
    }
}

/// Groups rows by date. The dates with the most rows keep a partition of their own, of equal ones the later, and
/// the others share the mixed one. A time beyond the years of a key is always mixed.
fn partitions<R>(rows: Vec<R>, time: impl Fn(&R) -> Timestamp, dates_max: usize) -> BTreeMap<Partition, Vec<R>> {
    let mut sizes = BTreeMap::<Partition, usize>::new();
    for row in &rows {
        *sizes.entry(Partition::of(time(row))).or_default() += 1;
    }
    sizes.remove(&Partition::Mixed);
    if sizes.len() > dates_max {
        let mut ranked: Vec<_> = sizes.iter().map(|(&day, &size)| (size, day)).collect();
        ranked.sort_unstable();
        for (_, day) in &ranked[..ranked.len() - dates_max] {
            sizes.remove(day);
        }
    }
    let mut groups = BTreeMap::<_, Vec<R>>::new();
    for row in rows {
        let own = Some(Partition::of(time(&row))).filter(|own| sizes.contains_key(own));
        groups.entry(own.unwrap_or(Partition::Mixed)).or_default().push(row);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(day * 86_400_000_000)
    }

    fn grouped(days: &[i64], dates_max: usize) -> Vec<(Partition, Vec<i64>)> {
        let rows = days.to_vec();
        partitions(rows, |&row| day(row), dates_max).into_iter().collect()
    }

    fn own(days: i64) -> Partition {
        Partition::Day(day(days).date().unwrap())
    }

    #[test]
    fn the_dates_with_the_most_rows_keep_their_own_files_and_of_equal_ones_the_later() {
        assert_eq!(grouped(&[1, 2, 1], 2), [(own(1), vec![1, 1]), (own(2), vec![2])]);
        assert_eq!(
            grouped(&[4, 1, 2, 3, 2, 5], 2),
            [(own(2), vec![2, 2]), (own(5), vec![5]), (Partition::Mixed, vec![4, 1, 3])]
        );
        assert_eq!(grouped(&[1, 2], 0), [(Partition::Mixed, vec![1, 2])]);
        assert_eq!(grouped(&[], 2), []);
    }

    #[test]
    fn a_time_beyond_the_years_of_a_key_is_mixed() {
        // The first day after the year 9999, the last before the year 0, and what no calendar has.
        let beyond =
            [day(2_932_897), day(-719_529), Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN)];
        for time in beyond {
            let groups = partitions(vec![1, 2], |&row| if row == 1 { time } else { day(2) }, 8);
            assert_eq!(groups.into_iter().collect::<Vec<_>>(), [(own(2), vec![2]), (Partition::Mixed, vec![1])]);
        }
        for last in [day(2_932_896), day(-719_528)] {
            assert_ne!(Partition::of(last), Partition::Mixed);
        }
    }

    proptest! {
        #[test]
        fn no_row_is_lost_between_partitions(days in prop::collection::vec(0_i64..20, 0..60), dates_max in 0_usize..9) {
            let groups = grouped(&days, dates_max);
            prop_assert!(groups.len() <= dates_max + 1);
            let mut all: Vec<_> = groups.into_iter().flat_map(|(_, rows)| rows).collect();
            let mut expected = days;
            all.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_lost_row_is_an_error_and_no_panic() {
        let counts = Counts { records: 1, delivered: 3, accepted: 2, quarantined: 1 };
        assert!(conserve(&counts, 3).is_ok());
        assert!(matches!(conserve(&counts, 2), Err(FormatError::NotConserved { written: 2, .. })));
        let lost = Counts { accepted: 1, ..counts };
        assert!(matches!(conserve(&lost, 3), Err(FormatError::NotConserved { accepted: 1, .. })));
    }
}
