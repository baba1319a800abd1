//! What is sent: events of the tables of some contracts, each a function of the seed and its number alone.
//!
//! - [`table`]: the events of a table; [`value`] and [`node`] are what they are made of.
//! - [`malformed`]: what must end in quarantine, and under which reason.
//! - [`pack`]: documents to records.
//! - [`shop`]: the built-in contracts.
//! - [`trial`]: whether the events that were made fit, before anything is sent.

pub mod malformed;
pub mod node;
pub mod pack;
pub mod shop;
pub mod table;
pub mod trial;
pub mod value;

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::{Catalog, Contract};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::plan::Plan;
use crate::random::{Draw, Zipf};
use malformed::Malformation;
use table::{Draft, Event, Table};

/// A millisecond.
const MILLI: i64 = 1_000;
/// How much later than its event a revision happens, at most, but for a second.
const REVISED_LATER_MS: u64 = 600_000;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Workload {
    plan: Plan,
    tables: Vec<Table>,
    /// The kinds of bad document of each table, in its order.
    malformed: Vec<Vec<Malformation>>,
    /// The kinds of bad record.
    records: Vec<Malformation>,
    keys: Zipf,
}

/// A bad document or record.
#[derive(Clone, Debug)]
pub struct Bad {
    /// The reason that it must end under.
    pub code: &'static str,
    /// Whether it is a record of its own.
    pub is_record: bool,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Workload {
    /// The load of a plan on the tables of these contracts.
    ///
    /// # Errors
    /// Where no events can be made that fit.
    pub fn new(plan: Plan, contracts: Vec<Contract>, catalog: &Catalog) -> Result<Self, trial::Misfit> {
        let tables: Vec<_> = contracts.into_iter().map(Table::new).collect();
        let keys = Zipf::new(plan.keys, f64::from(plan.skew_percent) / 100.0);
        let mut workload = Self { plan, malformed: vec![Vec::new(); tables.len()], tables, records: Vec::new(), keys };
        trial::judge_events(&workload, catalog)?;
        workload.malformed = (0..workload.tables.len())
            .map(|at| trial::proven(&workload, at, malformed::candidates(&workload.tables[at]), catalog))
            .collect::<Result<_, _>>()?;
        workload.records = trial::proven(&workload, 0, malformed::records(), catalog)?;
        Ok(workload)
    }

    /// What is sent, as it was planned.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The kinds of bad input, by table, and those of records.
    #[must_use]
    pub fn kinds(&self) -> (&[Vec<Malformation>], &[Malformation]) {
        (&self.malformed, &self.records)
    }

    /// The table of an event.
    #[must_use]
    pub fn table_of(&self, event: u64) -> usize {
        Draw::of(self.plan.seed, "table", event).below(self.tables.len() as u64) as usize
    }

    /// The id of an event.
    #[must_use]
    pub fn id_of(&self, event: u64) -> Uuid {
        id(self.plan.seed, "event", event)
    }

    /// Whether an event is ever sent with other values.
    #[must_use]
    pub fn is_revised(&self, event: u64) -> bool {
        let mut draw = Draw::of(self.plan.seed, "revised", event);
        self.tables.get(self.table_of(event)).is_some_and(Table::can_revise)
            && draw.happens(self.plan.revised.parts_per_million())
    }

    /// The document of an event, as it is sent first or with other values.
    #[must_use]
    pub fn draft(&self, event: u64, revised: bool) -> Option<Draft> {
        let table = self.tables.get(self.table_of(event))?;
        Some(table.draft(&self.event(event, self.id_of(event), revised)))
    }

    /// How late an event may be, in milliseconds: within what its contract takes, with room for the time on its way.
    fn late_millis(&self, number: u64) -> u64 {
        let wanted = u64::from(self.plan.late_hours) * 3_600_000;
        let taken = self.tables.get(self.table_of(number)).map(|table| table.contract().limits.time_past_max / 2);
        taken.map_or(wanted, |taken| wanted.min(u64::try_from(taken.as_millis()).unwrap_or(u64::MAX)))
    }

    fn event(&self, number: u64, id: Uuid, revised: bool) -> Event {
        let plan = &self.plan;
        let mut draw = Draw::of(plan.seed, "time", number);
        let due = i64::try_from(plan.due_micros(number)).unwrap_or(i64::MAX);
        let mut micros = plan.start.micros().saturating_add(due);
        if draw.happens(plan.late.parts_per_million()) {
            micros -= draw.below(self.late_millis(number)) as i64 * MILLI;
        } else if draw.happens(plan.disordered.parts_per_million()) {
            micros -= draw.below(60_000) as i64 * MILLI;
        }
        if revised {
            micros += (1_000 + draw.below(REVISED_LATER_MS)) as i64 * MILLI;
        }
        Event {
            seed: plan.seed,
            number,
            revision: u64::from(revised),
            id,
            time: Timestamp::from_micros(micros - micros.rem_euclid(MILLI)),
            key: self.keys.key(&mut Draw::of(plan.seed, "key", number)),
            bytes: plan.bytes as usize,
        }
    }

    /// A bad document.
    #[must_use]
    pub fn bad(&self, number: u64) -> Option<Bad> {
        let mut draw = Draw::of(self.plan.seed, "malformed", number);
        let kinds = self.malformed.iter().enumerate().flat_map(|(at, kinds)| kinds.iter().map(move |kind| (at, kind)));
        let kinds = kinds.chain(self.records.iter().map(|kind| (0, kind)));
        let all: u64 = kinds.clone().map(|(_, kind)| u64::from(kind.weight)).sum();
        let mut at = draw.below(all);
        let (table, kind) = kinds.into_iter().find(|(_, kind)| {
            let weight = u64::from(kind.weight);
            let found = at < weight;
            at = at.saturating_sub(weight);
            found
        })?;
        Some(self.bad_of(number, table, kind))
    }

    /// A bad document of a kind.
    pub(crate) fn bad_of(&self, number: u64, table: usize, kind: &Malformation) -> Bad {
        // Its number is of a row of its own: an id, a time and a mark that no event has.
        let id = id(self.plan.seed, "bad", number);
        let event = Event { seed: !self.plan.seed, time: self.plan.start, ..self.event(number, id, false) };
        let bytes = self.tables.get(table).map_or_else(Bytes::new, |table| kind.bytes(table, &event));
        Bad { code: kind.code, is_record: kind.is_record(), bytes }
    }

    /// The partition key of a record. Copies of an event are sent under any.
    #[must_use]
    pub fn partition_key(&self, record: u64) -> String {
        format!("key-{}", self.keys.key(&mut Draw::of(self.plan.seed, "partition", record)))
    }
}

fn id(seed: u64, about: &str, number: u64) -> Uuid {
    let bits = xxh3_128_with_seed(format!("{about}-{number}").as_bytes(), seed);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}
