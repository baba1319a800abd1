//! What a run says at its end.

use std::fmt::Write;

use crate::faults::{Kind, Target};
use crate::logs::Logs;
use crate::options::Options;
use crate::proof::Proven;
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
    row(&mut text, |target| target.to_string());
    for kind in Kind::ALL {
        let _ = write!(text, "  {:<42}", kind.name());
        row(&mut text, |target| tally.faults(target, kind).to_string());
    }
    let _ = write!(text, "  {:<42}", "requests in all");
    row(&mut text, |target| tally.requests(target).to_string());
    if !logs.errors.is_empty() {
        let _ = writeln!(text, "\nwhat containers logged as errors");
    }
    for ((function, message), count) in &logs.errors {
        let _ = writeln!(text, "  {count:>6}  {function}: {message}");
    }
    text
}

/// A cell for each target.
fn row(text: &mut String, cell: impl Fn(Target) -> String) {
    for target in Target::ALL {
        let _ = write!(text, "{:>10}", cell(target));
    }
    text.push('\n');
}

/// The last line.
#[must_use]
pub fn result(options: &Options, tally: &Tally, proven: &Proven, counters_zero: usize) -> String {
    let Proven { loss, duplicates, sums_equal, findings, events, deliveries, .. } = proven;
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
