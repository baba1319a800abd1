//! Documents packed into the records of a run, in the order in which they are due.
//!
//! Rules:
//! - A bad record is a record of its own, and so is a bad document that would come first in one: the first line of several
//!   tells how the others are read.
//! - A record that holds another copy of an event of which the first is kept names the record of that first copy, and is
//!   not sent before that one is acknowledged. Without that, which copy arrives first would be a matter of luck, and
//!   nobody could say what the table must hold.

use std::collections::BTreeMap;
use std::iter::Peekable;

use bytes::Bytes;

use crate::documents::{Document, Documents, Meaning};
use crate::random::Draw;
use crate::workload::Workload;
use crate::workload::pack::Packing;

/// Bytes of a record's documents, at most: what is packed stays well below a record's limit of 1 MiB.
const DOCUMENTS_BYTES_MAX: usize = 512 << 10;

/// A record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number: 0, 1, 2, …
    pub number: u64,
    /// What is in it.
    pub documents: Vec<Document>,
    /// How that is packed.
    pub packing: Packing,
    /// Its bytes.
    pub data: Bytes,
    /// What chooses its shard.
    pub partition_key: String,
    /// When it is due, in microseconds since the start of the run.
    pub due_micros: u64,
    /// The records that must have arrived before.
    pub after: Vec<u64>,
}

/// The records of a run, in order.
pub struct Records<'w> {
    workload: &'w Workload,
    documents: Peekable<Documents<'w>>,
    number: u64,
    /// The records of events whose revision waits for them.
    first: BTreeMap<u64, u64>,
}

impl<'w> Records<'w> {
    /// From the first on.
    #[must_use]
    pub fn of(workload: &'w Workload) -> Self {
        Self { workload, documents: Documents::of(workload).peekable(), number: 0, first: BTreeMap::new() }
    }

    /// How the next record is packed, and how many documents it may have.
    fn packing(&self) -> (Packing, usize) {
        let plan = self.workload.plan();
        let mut draw = Draw::of(plan.seed, "packing", self.number);
        let at = u32::try_from(draw.below(1_000_000)).unwrap_or_default();
        let mut below = 0;
        for (packing, share) in [
            (Packing::Kpl, plan.kpl),
            (Packing::Gzip, plan.gzip),
            (Packing::Zstd, plan.zstd),
            (Packing::Lines, plan.lines),
        ] {
            below += share.parts_per_million();
            if at < below {
                let most = u64::from(plan.documents_per_record.max(2)) - 1;
                return (packing, 2 + draw.below(most) as usize);
            }
        }
        (Packing::Plain, 1)
    }

    /// The documents of the next record.
    fn gather(&mut self, most: usize) -> Vec<Document> {
        let mut gathered: Vec<Document> = Vec::new();
        let mut bytes = 0;
        while gathered.len() < most {
            let alone = gathered.first().is_some_and(|first| matches!(first.meaning, Meaning::Bad { .. }));
            let Some(next) = self.documents.next_if(|next| {
                let is_record = matches!(next.meaning, Meaning::Bad { is_record: true, .. });
                gathered.is_empty() || !(alone || is_record || bytes + next.bytes.len() > DOCUMENTS_BYTES_MAX)
            }) else {
                break;
            };
            bytes += next.bytes.len();
            gathered.push(next);
        }
        gathered
    }

    /// Which records must have arrived before these documents are sent.
    fn after(&mut self, documents: &[Document]) -> Vec<u64> {
        let mut after = Vec::new();
        for document in documents {
            let Meaning::Event { event, table, revised, again, .. } = document.meaning else { continue };
            if revised {
                // The same record may hold both, of which the one that stands first arrives first.
                after.extend(self.first.remove(&event).filter(|&first| first != self.number));
            } else if !again && self.workload.is_revised(event) && self.workload.tables()[table].keeps_first() {
                self.first.insert(event, self.number);
            }
        }
        after
    }
}

impl Iterator for Records<'_> {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        let (packing, most) = self.packing();
        let documents = self.gather(most);
        let last = documents.last()?;
        let packing = if documents.len() == 1 && is_bad(&documents[0]) { Packing::Plain } else { packing };
        let partition_key = self.workload.partition_key(self.number);
        let bytes: Vec<_> = documents.iter().map(|document| document.bytes.clone()).collect();
        let due_micros = self.workload.plan().due_micros(last.due);
        let after = self.after(&documents);
        let number = self.number;
        self.number += 1;
        let data = packing.pack(&bytes, &partition_key);
        Some(Outgoing { number, documents, packing, data, partition_key, due_micros, after })
    }
}

fn is_bad(document: &Document) -> bool {
    matches!(document.meaning, Meaning::Bad { .. })
}
