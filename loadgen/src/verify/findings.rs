//! What is wrong with a lake, counted in full and told in part.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// A kind of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that was sent is not there.
    Lost,
    /// Something is there more than once.
    Doubled,
    /// Something is there that was never sent.
    Strange,
    /// A bad document is in quarantine for another reason.
    Reason,
    /// A sum, a cell of a roll-up or the content of rows is another.
    Sum,
    /// A file is missing or damaged, or the lake contradicts itself.
    Damaged,
}

/// So many of a kind are told one by one.
const TOLD_MAX: u64 = 20;

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings {
    counts: BTreeMap<Kind, u64>,
    told: Vec<(Kind, String)>,
}

impl Findings {
    /// One more.
    pub fn add(&mut self, kind: Kind, what: impl Display) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            self.told.push((kind, what.to_string()));
        }
    }

    /// How many of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// How many of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// A line for each, and one for those that are not told.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let told = self.told.iter().map(|(_, what)| what.clone());
        let more = self.counts.iter().filter(|(_, count)| **count > TOLD_MAX).map(|(kind, count)| {
            let left = count - TOLD_MAX;
            match kind {
                Kind::Lost => format!("{left} more are lost"),
                Kind::Doubled => format!("{left} more are there more than once"),
                Kind::Strange => format!("{left} more were never sent"),
                Kind::Reason => format!("{left} more are in quarantine for another reason"),
                Kind::Sum => format!("{left} more sums differ"),
                Kind::Damaged => format!("{left} more files are damaged"),
            }
        });
        told.chain(more).collect()
    }
}
