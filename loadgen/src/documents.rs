//! The documents of a run in the order in which they are sent: events, their copies, and bad ones among them.
//!
//! The order is a function of the plan alone. A copy follows its event by some events; a bad document stands anywhere.
//! So any first part of a run, such as one that was interrupted, is made again by counting.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;

use crate::random::Draw;
use crate::workload::Workload;

/// How many events later a copy may be sent, at most.
const COPY_DISTANCE_MAX: u64 = 5_000;

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An event.
    Event {
        /// Its number.
        event: u64,
        /// The position of its table.
        table: usize,
        /// Whether it is the copy with other values.
        revised: bool,
        /// Whether an equal one was sent before.
        again: bool,
        /// What the columns hold that are summed up.
        sums: Vec<Option<i128>>,
    },
    /// No event.
    Bad {
        /// The reason that it must end under.
        code: &'static str,
        /// Whether it is a record of its own.
        is_record: bool,
    },
}

/// A document to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub meaning: Meaning,
    /// The event by whose time it is due.
    pub due: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A copy that is due when so many events were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Copy {
    due: u64,
    event: u64,
    revised: bool,
}

/// The documents of a run, in order.
#[derive(Debug)]
pub struct Documents<'w> {
    workload: &'w Workload,
    /// Events that were sent.
    events: u64,
    /// Bad documents that were sent.
    bad: u64,
    /// Documents that were sent.
    position: u64,
    copies: BinaryHeap<Reverse<Copy>>,
}

impl<'w> Documents<'w> {
    /// From the first on.
    #[must_use]
    pub fn of(workload: &'w Workload) -> Self {
        Self { workload, events: 0, bad: 0, position: 0, copies: BinaryHeap::new() }
    }

    fn event(&self, event: u64, revised: bool, again: bool) -> Option<Document> {
        let draft = self.workload.draft(event, revised)?;
        let meaning = Meaning::Event { event, table: self.workload.table_of(event), revised, again, sums: draft.sums };
        Some(Document { meaning, due: self.due(), bytes: draft.node.text().into() })
    }

    /// The event by whose time the next document is due.
    fn due(&self) -> u64 {
        self.events.min(self.workload.plan().events.saturating_sub(1))
    }

    /// Decides which copies an event has.
    fn schedule(&mut self, event: u64) {
        let plan = self.workload.plan();
        let mut draw = Draw::of(plan.seed, "copies", event);
        let later = |draw: &mut Draw| event + 1 + draw.below(COPY_DISTANCE_MAX);
        let again = draw.happens(plan.again.parts_per_million());
        let at = later(&mut draw);
        if again {
            self.copies.push(Reverse(Copy { due: at, event, revised: false }));
        }
        if self.workload.is_revised(event) {
            let at = later(&mut draw);
            self.copies.push(Reverse(Copy { due: at, event, revised: true }));
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Document;

    fn next(&mut self) -> Option<Document> {
        let plan = self.workload.plan();
        let more = self.events < plan.events;
        let ready = self.copies.peek().is_some_and(|Reverse(copy)| !more || copy.due <= self.events);
        if !more && !ready {
            return None;
        }
        let position = self.position;
        self.position += 1;
        if Draw::of(plan.seed, "bad", position).happens(plan.malformed.parts_per_million())
            && let Some(bad) = self.workload.bad(self.bad)
        {
            self.bad += 1;
            let meaning = Meaning::Bad { code: bad.code, is_record: bad.is_record };
            return Some(Document { meaning, due: self.due(), bytes: bad.bytes });
        }
        if ready && let Some(Reverse(copy)) = self.copies.pop() {
            return self.event(copy.event, copy.revised, !copy.revised);
        }
        let event = self.events;
        let document = self.event(event, false, false);
        self.events += 1;
        self.schedule(event);
        document
    }
}
