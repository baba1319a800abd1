//! What a run says at its end.

use std::fmt::Write;

use crate::faults::{Kind, Target};
use crate::logs::Logs;
use crate::options::Options;
use crate::tally::{Tally, What};

/// The table of what happened.
#[must_use]
pub fn table(tally: &Tally, logs: &Logs) -> String {
    let mut text = String::from("what happened\n");
    // Writing to a string does not fail.
    for what in What::ALL {
        let _ = writeln!(text, "  {:<42}{:>8}", what.name(), tally.count(what));
    }
    let _ = writeln!(text, "  {:<42}{:>8}", "commits of ingest that met another's", logs.conflicts);
    let _ = write!(text, "\nfaults of the wire{:<26}", "");
    Target::ALL.iter().for_each(|target| drop(write!(text, "{target:>10}")));
    let _ = writeln!(text);
    for kind in Kind::ALL {
        let _ = write!(text, "  {:<42}", kind.name());
        Target::ALL.iter().for_each(|&target| drop(write!(text, "{:>10}", tally.faults(target, kind))));
        let _ = writeln!(text);
    }
    let _ = write!(text, "  {:<42}", "requests in all");
    Target::ALL.iter().for_each(|&target| drop(write!(text, "{:>10}", tally.requests(target))));
    let _ = writeln!(text);
    if !logs.errors.is_empty() {
        let _ = writeln!(text, "\nwhat containers logged as errors");
    }
    for ((function, message), count) in &logs.errors {
        let _ = writeln!(text, "  {count:>6}  {function}: {message}");
    }
    text
}

/// What the last line says of the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was sent and is not there.
    pub loss: u64,
    /// What is there more than once.
    pub duplicates: u64,
    /// Whether all sums are right.
    pub sums_equal: bool,
    /// All that is wrong, that which is neither of these included.
    pub findings: u64,
    /// Events that were sent.
    pub events: u64,
    /// Rows of raw and of quarantine.
    pub deliveries: u64,
}

/// The last line.
#[must_use]
pub fn result(options: &Options, tally: &Tally, outcome: &Outcome, counters_zero: usize) -> String {
    let Outcome { loss, duplicates, sums_equal, findings, events, deliveries } = outcome;
    let (name, minutes) = match options.minutes {
        Some(minutes) => ("soak", format!(" minutes={minutes}")),
        None => ("e2e", String::new()),
    };
    let kills = tally.count(What::IngestKills) + tally.count(What::CompactKills);
    let freezes = tally.count(What::IngestFreezes) + tally.count(What::CompactFreezes);
    format!(
        "RESULT {name} loss={loss} duplicates={duplicates} sums_equal={sums_equal} findings={findings} faults={} \
         kills={kills} freezes={freezes} wakes={} late_answers={} splits={} merges={} events={events} \
         deliveries={deliveries} counters_zero={counters_zero} seed={}{minutes}",
        tally.all_faults(),
        tally.count(What::Wakes),
        tally.count(What::LateAnswers),
        tally.count(What::Splits),
        tally.count(What::Merges),
        options.seed,
    )
}
