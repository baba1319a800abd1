//! The events of one table, made to fit its contract.
//!
//! A document is put together of leaves: the places that the envelope, the filters and the columns look at, each with
//! what stands there. Its size is met by padding: a member that no column holds, or, where the contract takes none such,
//! a column of text. The padding begins with a mark that no other document has, so that copies of bad documents are told
//! from each other.

use std::time::Duration;

use iguazu_lake::ids::Timestamp;
use iguazu_transform::Contract;
use iguazu_transform::contract::{Column, ColumnType, Filter, Keep, Literal, Pointer, Source, Test, UnknownFields};
use uuid::Uuid;

use super::node::{Node, quoted};
use super::value::{Facts, fitting, instant};
use crate::random::Draw;

/// Which copy of an event, and all that it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The seed of the run.
    pub seed: u64,
    /// The event's number, or that of a bad document.
    pub number: u64,
    /// 0 as it was sent first, 1 with other values.
    pub revision: u64,
    /// What its id is.
    pub id: Uuid,
    /// When it happened.
    pub time: Timestamp,
    /// Its key.
    pub key: u64,
    /// About how many bytes it has.
    pub bytes: usize,
}

/// What stands at a place.
#[derive(Clone, Debug)]
enum Leaf {
    /// The same in every event.
    Fixed(String),
    /// One of these.
    OneOf(Vec<String>),
    /// A value of the contract's column of this position.
    Column { at: usize, grouped: bool },
}

/// The events of a table.
#[derive(Clone, Debug)]
pub struct Table {
    contract: Contract,
    kinds: Vec<String>,
    leaves: Vec<(Pointer, Leaf)>,
    padding: Option<Vec<String>>,
    /// The columns that some roll-up adds up.
    summed: Vec<usize>,
}

/// A document as it is made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The document.
    pub node: Node,
    /// For each column that is summed up, what it holds; nothing where it is null.
    pub sums: Vec<Option<i128>>,
}

impl Table {
    /// The events that fit a contract.
    #[must_use]
    pub fn new(contract: Contract) -> Self {
        let grouped = |column: &Column| contract.rollups.iter().any(|rollup| rollup.by.contains(&column.name));
        let mut leaves: Vec<(Pointer, Leaf)> = Vec::new();
        for (at, column) in contract.columns.iter().enumerate() {
            if let Source::Paths(paths) = &column.source
                && let Some(path) = paths.first()
            {
                leaves.push((path.clone(), Leaf::Column { at, grouped: grouped(column) }));
            }
        }
        for filter in &contract.filters {
            if let Some(leaf) = passing(filter) {
                leaves.retain(|(path, _)| *path != filter.path);
                leaves.push((filter.path.clone(), leaf));
            } else {
                leaves.retain(|(path, _)| !filter.path.contains(path));
            }
        }
        for part in contract.envelope.id.iter().rev().skip(1) {
            leaves.push((part.clone(), Leaf::Fixed(quoted("loadgen"))));
        }
        // The outer places first: what stands within an object is put into it.
        leaves.sort_by_key(|(path, _)| path.tokens().len());
        let summed = |column: &Column| {
            let mut measures = contract.rollups.iter().flat_map(|rollup| &rollup.measures);
            measures.any(|measure| {
                measure.column == column.name && measure.kind == iguazu_transform::contract::MeasureKind::Sum
            })
        };
        let summed = contract.columns.iter().enumerate().filter(|(_, column)| summed(column)).map(|(at, _)| at);
        let (summed, padding) = (summed.collect(), padding(&contract));
        Self { kinds: kinds(&contract), leaves, padding, summed, contract }
    }

    /// The contract.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The positions of the columns that are summed up.
    #[must_use]
    pub fn summed(&self) -> &[usize] {
        &self.summed
    }

    /// Whether the event's id is the UUID that it was given, so that it is known without the transform.
    #[must_use]
    pub fn has_plain_ids(&self) -> bool {
        self.contract.envelope.id.len() == 1
    }

    /// Whether events can be sent again with a later time: a pattern may be too coarse to say it, and a contract may take
    /// nothing that is ahead of its arrival.
    #[must_use]
    pub fn can_revise(&self) -> bool {
        const QUARTER: Duration = Duration::from_secs(15 * 60);
        let at = |micros| instant(Timestamp::from_micros(micros), &self.contract.envelope.time_format);
        at(0) != at(1_000_000) && self.contract.limits.time_future_max >= QUARTER
    }

    /// Whether the first copy is kept, so that a revision must not arrive before it.
    #[must_use]
    pub fn keeps_first(&self) -> bool {
        self.contract.keep == Keep::First
    }

    /// The places of the id, the type and the time.
    #[must_use]
    pub fn envelope(&self) -> [&[String]; 3] {
        let envelope = &self.contract.envelope;
        [envelope.id.last().map_or(&[][..], Pointer::tokens), envelope.kind.tokens(), envelope.time.tokens()]
    }

    /// An event that the table takes.
    #[must_use]
    pub fn draft(&self, event: &Event) -> Draft {
        let mut node = Node::default();
        let [id, kind, time] = self.envelope();
        // Copies of an event share its type, whatever else they change.
        let mut of_event = Draw::of(event.seed, "type", event.number);
        node.put(id, &quoted(&event.id.to_string()));
        node.put(kind, &quoted(of_event.one_of(&self.kinds).map_or("event", String::as_str)));
        node.put(time, &instant(event.time, &self.contract.envelope.time_format));
        let mut draw = Draw::of(event.seed, "values", event.number * 2 + event.revision);
        let mut held = vec![None; self.summed.len()];
        for (path, leaf) in &self.leaves {
            if let Some((json, exact)) = self.value(leaf, event, &mut draw)
                && node.put(path.tokens(), &json)
                && let Leaf::Column { at, .. } = leaf
                && let Some(slot) = self.summed.iter().position(|summed| summed == at)
            {
                held[slot] = exact;
            }
        }
        self.pad(&mut node, event);
        Draft { node, sums: held }
    }

    fn value(&self, leaf: &Leaf, event: &Event, draw: &mut Draw) -> Option<(String, Option<i128>)> {
        match leaf {
            Leaf::Fixed(json) => Some((json.clone(), None)),
            Leaf::OneOf(values) => draw.one_of(values).map(|json| (json.clone(), None)),
            Leaf::Column { at, grouped } => {
                let column = self.contract.columns.get(*at)?;
                let made = fitting(column, *grouped, Facts { time: event.time, key: event.key }, draw);
                // One in ten optional values is missing.
                let present = draw.below(10) > 0 || column.required || self.summed_default(column);
                present.then_some((made.json, made.exact))
            }
        }
    }

    /// Whether a missing value would be summed up all the same.
    fn summed_default(&self, column: &Column) -> bool {
        column.default.is_some() && !matches!(column.kind, ColumnType::String | ColumnType::Boolean)
    }

    fn pad(&self, node: &mut Node, event: &Event) {
        let Some(place) = &self.padding else { return };
        let mut text = format!("{:016x}-{:x}-{}", event.seed, event.number, event.revision);
        node.put(place, &quoted(&text));
        let missing = event.bytes.saturating_sub(node.text().len());
        let mut draw = Draw::of(event.seed, "padding", event.number * 2 + event.revision);
        let whole = text.len() + missing;
        while text.len() < whole {
            text.push_str(&format!(" {:x}", draw.bits()));
        }
        text.truncate(whole);
        node.put(place, &quoted(&text));
    }

    /// Where the padding stands.
    #[must_use]
    pub fn padding(&self) -> Option<&[String]> {
        self.padding.as_deref()
    }
}

/// The types of event that a table takes; a star stands for a word of ours.
fn kinds(contract: &Contract) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for pattern in &contract.types {
        match pattern.name() {
            Some(name) => kinds.push(name.to_owned()),
            None => kinds.extend(["seen", "done"].map(|word| pattern.as_str().replace('*', word))),
        }
    }
    if kinds.is_empty() {
        kinds.push("event".to_owned());
    }
    kinds
}

/// What stands where a filter looks, so that the event passes; nothing where nothing may.
fn passing(filter: &Filter) -> Option<Leaf> {
    match (&filter.test, filter.keep) {
        (Test::In(values), true) => Some(Leaf::OneOf(values.iter().map(|Literal(json)| json.clone()).collect())),
        (Test::Present, true) => Some(Leaf::Fixed("true".to_owned())),
        (Test::Present | Test::In(_), false) => None,
    }
}

/// Where a text of any length may stand: a member that no column holds, or a column of text that nothing is made of.
fn padding(contract: &Contract) -> Option<Vec<String>> {
    if contract.unknown_fields != UnknownFields::Quarantine {
        return Some(vec!["padding".to_owned()]);
    }
    let free = contract.columns.iter().rev().find(|column| {
        column.kind == ColumnType::String
            && column.steps.is_empty()
            && !contract.rollups.iter().any(|rollup| {
                rollup.by.contains(&column.name) || rollup.measures.iter().any(|measure| measure.column == column.name)
            })
            && !contract
                .filters
                .iter()
                .any(|filter| matches!(&column.source, Source::Paths(paths) if paths.contains(&filter.path)))
    })?;
    match &free.source {
        Source::Paths(paths) => paths.first().map(|path| path.tokens().to_vec()),
        Source::Constant(_) => None,
    }
}
