//! What a table must hold, by brute force from the rows that were delivered.
//!
//! Rules:
//! - Of each event one copy is kept, by the contract's rule and the order of ADR 14: the times first, then the delivery.
//! - What is kept is summed up row by row, exactly.
//! - A model can be confined to a part of all placements. Models of all parts merge to that of the whole, so a table of any
//!   size is modelled in bounded memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use iguazu_compact::state::Span;
use iguazu_lake::ids::{EventId, SequenceNumber, TableName, Timestamp};
use iguazu_transform::contract::{Contract, Keep};
use serde::Serialize;

use crate::content::{Fingerprint, Prints};
use crate::error::AuditError;
use crate::rows::{Ids, Origins, Times};
use crate::sums::{self, Rollups, Share, Sums};

/// A table that is being modelled.
#[derive(Clone, Debug)]
pub struct Model {
    table: TableName,
    rule: Keep,
    span: Span,
    places: Places,
    sums: Sums,
    kept: BTreeMap<EventId, Kept>,
    deliveries: u64,
}

/// What a table must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Rows that were delivered.
    pub deliveries: u64,
    /// Events that they are copies of.
    pub events: u64,
    /// What the kept copies say together: id, type, time, all columns of the contract and what no column holds.
    pub rows_fingerprint: Fingerprint,
    /// Where the kept copies came from together.
    pub origins_fingerprint: Fingerprint,
    /// The sums of the kept copies, of each roll-up and group.
    #[serde(skip)]
    pub rollups: Rollups,
}

impl Expected {
    /// Takes what another part of the table must hold.
    pub fn merge(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.events += other.events;
        self.rows_fingerprint.add(other.rows_fingerprint);
        self.origins_fingerprint.add(other.origins_fingerprint);
        sums::merge(&mut self.rollups, other.rollups);
    }
}

/// What is known of a row to compare it with another of the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) content: Fingerprint,
    pub(crate) origin: Fingerprint,
}

/// Rows of distinct events, by their events.
pub(crate) type EventPrints = BTreeMap<EventId, Print>;

/// The best copy of an event so far.
#[derive(Clone, Debug)]
struct Kept {
    copy: Copy,
    print: Print,
    share: Share,
}

/// A copy of an event, as far as the keep rule goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy {
    pub(crate) event_time: Timestamp,
    pub(crate) arrival: Timestamp,
    /// The stream and shard, by their position among the places.
    pub(crate) place: u32,
    pub(crate) sequence: SequenceNumber,
    pub(crate) sub: i32,
}

/// Streams and shards, each text once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    known: Vec<(Arc<str>, Arc<str>)>,
    /// The one that was asked for last: the rows of a raw file share one.
    last: usize,
}

impl Places {
    pub(crate) fn of(&mut self, stream: &str, shard: &str) -> u32 {
        let is = |(a, b): &(Arc<str>, Arc<str>)| &**a == stream && &**b == shard;
        if !self.known.get(self.last).is_some_and(is) {
            self.last = self.known.iter().position(is).unwrap_or_else(|| {
                self.known.push((stream.into(), shard.into()));
                self.known.len() - 1
            });
        }
        u32::try_from(self.last).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, place: u32) -> (&str, &str) {
        self.known.get(place as usize).map_or(("", ""), |(stream, shard)| (stream, shard))
    }

    /// The order of two deliveries by their ids.
    fn order(&self, a: &Copy, b: &Copy) -> Ordering {
        self.get(a.place)
            .cmp(&self.get(b.place))
            // Numbers of two shards are not compared: the shards decide before.
            .then_with(|| a.sequence.cmp_in_shard(&b.sequence))
            .then(a.sub.cmp(&b.sub))
    }

    /// The order of two copies of an event: the lesser one is kept.
    pub(crate) fn rank(&self, rule: Keep, a: &Copy, b: &Copy) -> Ordering {
        let times = match rule {
            Keep::Latest => b.event_time.cmp(&a.event_time).then(a.arrival.cmp(&b.arrival)),
            Keep::First => a.arrival.cmp(&b.arrival).then(a.event_time.cmp(&b.event_time)),
        };
        times.then_with(|| self.order(a, b))
    }
}

/// The copies in a batch's rows.
pub(crate) struct Copies<'b> {
    times: Times<'b>,
    origins: Origins<'b>,
}

impl<'b> Copies<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Self, String> {
        Ok(Self { times: Times::of(batch)?, origins: Origins::of(batch)? })
    }

    pub(crate) fn copy(&self, places: &mut Places, row: usize) -> Result<Copy, String> {
        Ok(Copy {
            event_time: self.times.happened(row),
            arrival: self.times.arrived(row),
            place: places.of(self.origins.stream(row), self.origins.shard(row)),
            sequence: self.origins.sequence(row)?,
            sub: self.origins.sub(row),
        })
    }
}

impl Model {
    /// A model of a table that nothing was delivered to yet.
    #[must_use]
    pub fn new(contract: &Contract) -> Self {
        Self {
            table: contract.table.clone(),
            rule: contract.keep,
            span: Span::ALL,
            places: Places::default(),
            sums: Sums::new(&contract.rollups),
            kept: BTreeMap::new(),
            deliveries: 0,
        }
    }

    /// The model of a part of the table: of the events with these placements. Rows of others are passed over.
    #[must_use]
    pub fn within(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Takes rows that were delivered, with the columns of raw files. Those of the contract may be missing, and are null
    /// then.
    ///
    /// # Errors
    /// Where they have not the columns that every row has, or columns of other types than the contract's.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), AuditError> {
        self.add_within(rows, &[self.span]).map_err(|problem| self.foreign(problem))
    }

    /// Takes the rows whose placements are in one of some spans, and in that of the model.
    pub(crate) fn add_within(&mut self, rows: &RecordBatch, spans: &[Span]) -> Result<(), String> {
        let (ids, copies) = (Ids::of(rows)?, Copies::of(rows)?);
        let mut prints = Prints::of(rows);
        let columns = self.sums.columns(rows)?;
        for row in 0..rows.num_rows() {
            let id = ids.id(row)?;
            let placement = id.placement();
            if !self.span.holds(placement) || !spans.iter().any(|span| span.holds(placement)) {
                continue;
            }
            self.deliveries += 1;
            let copy = copies.copy(&mut self.places, row)?;
            let known = self.kept.get(&id);
            if known.is_some_and(|known| self.places.rank(self.rule, &copy, &known.copy).is_ge()) {
                continue;
            }
            let print = Print { content: prints.content(row)?, origin: prints.origin(row)? };
            let share = self.sums.share(&columns, row)?;
            self.kept.insert(id, Kept { copy, print, share });
        }
        Ok(())
    }

    /// How many rows it has taken.
    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// What the table must hold.
    ///
    /// # Errors
    /// Where a column is summed up that holds no numbers.
    pub fn finish(self) -> Result<Expected, AuditError> {
        self.finish_with_rows().map(|(expected, _)| expected)
    }

    pub(crate) fn finish_with_rows(mut self) -> Result<(Expected, EventPrints), AuditError> {
        let mut expected =
            Expected { deliveries: self.deliveries, events: self.kept.len() as u64, ..Expected::default() };
        let mut rows = EventPrints::new();
        for (id, Kept { print, share, .. }) in std::mem::take(&mut self.kept) {
            expected.rows_fingerprint.add(print.content);
            expected.origins_fingerprint.add(print.origin);
            self.sums.add(share).map_err(|problem| self.foreign(problem))?;
            rows.insert(id, print);
        }
        expected.rollups = self.sums.finish();
        Ok((expected, rows))
    }

    fn foreign(&self, problem: String) -> AuditError {
        AuditError::Foreign { table: self.table.to_string(), problem }
    }
}
