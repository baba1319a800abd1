//! A batch: records in, the files of one commit out.
//!
//! Rules:
//! - Every record becomes at least one row; rows are counted when they are made and again when they are written.
//! - A table's rows of a date are one file, sorted by where their events stand among all events.
//! - The rows depend on each record alone, so however a stream is cut into batches, its rows are the same.
//! - Nothing is deduplicated: the caller hands over each sequence number once.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, ShardId, StreamId, Timestamp};
use iguazu_lake::keys::{Area, Partition};

pub use iguazu_lake::commit::Counts;

use crate::decode::{Catalog, Desk};
use crate::format::{FileFormat, FormatError};
use crate::reason::Reason;
use crate::record::{Payload, Record};
use crate::rows::{Place, QuarantineRow, Rows};
use crate::unpack::{Part, is_plain, unpack};

/// What a row costs in memory beside what its columns hold, near enough to budget with.
const ROW_BYTES: usize = 256;
/// Events that room is made for, at most: an invocation has fewer, unless its records hold many.
const ROOM_MAX: usize = 10_000;
const DAY_MICROS: i64 = 86_400_000_000;

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
            ChainId::Bucket { .. } | ChainId::Epochs { .. } => Err(FormatError::NotAShard),
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
    /// The files, raw before quarantine, by table and date, the mixed one last.
    pub files: Vec<OutputFile>,
    /// What is in them.
    pub counts: Counts,
}

/// The rows of the records so far.
#[derive(Debug)]
pub struct Batch<'a> {
    catalog: &'a Catalog,
    /// The events, by table.
    events: Vec<Option<Rows>>,
    quarantine: Vec<QuarantineRow>,
    desk: Desk,
    records: usize,
    accepted: u64,
    bytes: usize,
}

impl<'a> Batch<'a> {
    /// A batch without records.
    #[must_use]
    pub fn new(catalog: &'a Catalog) -> Self {
        Self::expecting(0, catalog)
    }

    /// A batch that will have about so many events. Where it has others, only its memory is sized less well.
    #[must_use]
    pub fn expecting(events: usize, catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            events: catalog.tables().iter().map(|_| None).collect(),
            quarantine: Vec::new(),
            desk: Desk::with_room(events.min(ROOM_MAX)),
            records: 0,
            accepted: 0,
            bytes: 0,
        }
    }

    /// Decodes a record and takes all of its rows.
    pub fn push(&mut self, record: &Record) -> Pushed {
        let before = (self.accepted, self.quarantine.len());
        self.records += 1;
        let place = |sub, bytes: &Bytes| Place {
            sequence: record.sequence,
            sub,
            arrival: record.arrival,
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        };
        match &record.payload {
            Payload::Undecodable { original, reason } => {
                self.refuse(place(0, original), original.clone(), None, reason);
            }
            Payload::Data(bytes) if is_plain(bytes, self.catalog.limits()) => {
                self.take_document(place(0, bytes), bytes);
            }
            Payload::Data(bytes) => match unpack(bytes, self.catalog.limits()) {
                Ok(parts) => parts.into_iter().zip(0..).for_each(|(part, sub)| {
                    let bytes = match &part {
                        Part::Document(bytes) | Part::Unreadable { original: bytes, .. } => bytes,
                    };
                    self.take(place(sub, bytes), part);
                }),
                Err(reason) => self.refuse(place(0, bytes), bytes.clone(), None, &reason),
            },
        }
        Pushed { accepted: self.accepted - before.0, quarantined: (self.quarantine.len() - before.1) as u64 }
    }

    fn take(&mut self, place: Place, part: Part) {
        match part {
            Part::Unreadable { original, reason } => self.refuse(place, original, None, &reason),
            Part::Document(text) => self.take_document(place, &text),
        }
    }

    fn take_document(&mut self, place: Place, text: &Bytes) {
        match self.catalog.take(text, place, &mut self.desk, &mut self.events) {
            Ok(bytes) => {
                self.accepted += 1;
                self.bytes += ROW_BYTES + bytes;
            }
            // A copy, since a slice of one bad line would keep alive all of what its record expanded to.
            Err(refused) => self.refuse(place, Bytes::copy_from_slice(text), refused.table, &refused.reason),
        }
    }

    fn refuse(&mut self, place: Place, original: Bytes, table: Option<usize>, reason: &Reason) {
        let contract = table.and_then(|at| self.catalog.tables().get(at)).map(crate::decode::Table::contract);
        let row = QuarantineRow {
            place,
            reason_code: reason.code(),
            detail: reason.detail(),
            contract: contract.map(|contract| (contract.table.clone(), contract.version)),
            path: reason.path().map(str::to_owned),
            found: reason.found(),
            original,
        };
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
        let quarantined = self.quarantine.len() as u64;
        let counts = Counts {
            records: self.records as u64,
            delivered: self.accepted + quarantined,
            accepted: self.accepted,
            quarantined,
        };
        let mut files = Vec::new();
        for (table, rows) in self.catalog.tables().iter().zip(self.events) {
            let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { continue };
            let dates_max = table.contract().limits.dates_per_batch_max;
            let all = (0..rows.len() as u32).collect();
            let (parts, mut orders): (Vec<_>, Vec<_>) =
                partitions(all, |&row| rows.times[row as usize], dates_max).into_iter().unzip();
            let spans: Vec<_> = orders.iter().map(|order| span(&rows, order)).collect();
            orders.iter_mut().for_each(|order| sort(&rows, order));
            let bytes = format.events(source, table, rows, &orders)?;
            for (((partition, order), event_time), bytes) in parts.into_iter().zip(&orders).zip(spans).zip(bytes) {
                let area = Area::Raw(table.contract().table.clone());
                files.push(OutputFile { area, partition, rows: order.len() as u64, bytes, event_time });
            }
        }
        let dates_max = self.catalog.limits().quarantine_dates_max;
        for (partition, mut rows) in partitions(self.quarantine, |row| row.place.arrival, dates_max) {
            rows.sort_unstable_by(|a, b| by_delivery(&a.place, &b.place));
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

fn by_delivery(a: &Place, b: &Place) -> Ordering {
    a.sequence.cmp_in_shard(&b.sequence).then(a.sub.cmp(&b.sub))
}

/// Rows are sorted by where their events stand among all events, so that a bucket is a run of rows; the rest of the
/// key only makes the order total.
fn sort(rows: &Rows, order: &mut Vec<u32>) {
    let id = |row: u32| rows.ids[row as usize];
    let place = |row: u32| &rows.places[row as usize];
    let mut keyed: Vec<_> = order.iter().map(|&row| (id(row).placement(), row)).collect();
    keyed.sort_unstable_by(|&(left, a), &(right, b)| {
        left.cmp(&right).then_with(|| id(a).cmp(&id(b)).then_with(|| by_delivery(place(a), place(b))))
    });
    order.clear();
    order.extend(keyed.into_iter().map(|(_, row)| row));
}

fn span(rows: &Rows, order: &[u32]) -> Option<(Timestamp, Timestamp)> {
    let times = || order.iter().map(|&row| rows.times[row as usize]);
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
    let day = |row: &R| time(row).micros().div_euclid(DAY_MICROS);
    // Most batches have one date, or two: a day's name is made once for each run of rows.
    let mut sizes = BTreeMap::<i64, usize>::new();
    for run in rows.chunk_by(|a, b| day(a) == day(b)) {
        *sizes.entry(run.first().map_or(0, day)).or_default() += run.len();
    }
    let named = |day: i64| Partition::of(Timestamp::from_micros(day.saturating_mul(DAY_MICROS)));
    let mut ranked: Vec<_> = sizes
        .into_iter()
        .map(|(day, size)| (size, day, named(day)))
        .filter(|(.., partition)| *partition != Partition::Mixed)
        .collect();
    ranked.sort_unstable();
    let own: BTreeMap<_, _> =
        ranked.iter().rev().take(dates_max).map(|&(_, day, partition)| (day, partition)).collect();
    let mut groups = BTreeMap::<_, Vec<R>>::new();
    let mut rows = rows.into_iter().peekable();
    while let Some(first) = rows.next() {
        let today = day(&first);
        let group = groups.entry(own.get(&today).copied().unwrap_or(Partition::Mixed)).or_default();
        group.push(first);
        while let Some(next) = rows.next_if(|row| day(row) == today) {
            group.push(next);
        }
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
