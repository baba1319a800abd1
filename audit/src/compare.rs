//! What a table holds against what it must hold.

use std::collections::BTreeMap;

use iguazu_lake::ids::EventId;

use crate::finding::{Finding, Findings, Problem};
use crate::held::Held;
use crate::model::{EventPrints, Expected};
use crate::value::{Cell, GroupKey};

/// Where what a table holds is not what it must hold: the number of events, their content, and every cell of every
/// roll-up. Where the copies came from is not compared, since an oracle may not know.
#[must_use]
pub fn compare(expected: &Expected, held: &Held) -> Vec<Finding> {
    let mut findings = Findings::default();
    let table = &held.table;
    if held.events != expected.events {
        let problem = if held.events < expected.events { Problem::LostEvent } else { Problem::StrangeEvent };
        let found = format!("{} events", held.events);
        findings.push(Finding::new(problem, table, format!("{} events", expected.events), found));
    }
    if held.rows != held.events {
        let expected = format!("{} rows of {} events", held.events, held.events);
        findings.push(Finding::new(Problem::DuplicateEvent, table, expected, format!("{} rows", held.rows)));
    }
    if held.rows_fingerprint != expected.rows_fingerprint {
        let wanted = format!("the fingerprint {}", expected.rows_fingerprint);
        findings.push(Finding::new(Problem::Content, table, wanted, held.rows_fingerprint));
    }
    findings.extend(compare_rollups(expected, held));
    findings.finish()
}

pub(crate) fn compare_rollups(expected: &Expected, held: &Held) -> Vec<Finding> {
    let mut findings = Findings::default();
    let none = BTreeMap::new();
    for (name, wanted) in &expected.rollups {
        // A file that says nothing for a roll-up is a finding by itself; then no sum can be right.
        if held.rollups_absent.contains_key(name) {
            continue;
        }
        let found = held.rollups.get(name).unwrap_or(&none);
        let place = |key: &GroupKey| format!("{}_{name}, group {key}", held.table);
        for (key, wanted) in wanted {
            match found.get(key) {
                Some(cell) if cell.agrees(wanted) => {}
                Some(cell) => findings.push(Finding::new(Problem::Sums, place(key), wanted, cell)),
                None => findings.push(Finding::new(Problem::Sums, place(key), wanted, "no such group")),
            }
        }
        let strange = found.iter().filter(|(key, _)| !wanted.contains_key(key));
        findings.extend(strange.map(|(key, cell)| Finding::new(Problem::Sums, place(key), "no such group", cell)));
    }
    findings.finish()
}

/// The cells of one file's roll-up against those of its rows, in which sums that have too many digits are to be said to
/// be such.
pub(crate) fn compare_file(
    place: &str,
    wanted: &BTreeMap<GroupKey, Cell>,
    found: &BTreeMap<GroupKey, Cell>,
    findings: &mut Findings,
) {
    for (key, cell) in wanted {
        let shown = Cell { measures: cell.measures.iter().cloned().map(|measure| measure.shown()).collect(), ..*cell };
        let place = || format!("{place}, group {key}");
        match found.get(key) {
            Some(found) if *found == shown => {}
            Some(found) => findings.push(Finding::new(Problem::FileSums, place(), shown, found)),
            None => findings.push(Finding::new(Problem::FileSums, place(), shown, "no such group")),
        }
    }
    for (key, cell) in found.iter().filter(|(key, _)| !wanted.contains_key(key)) {
        findings.push(Finding::new(Problem::FileSums, format!("{place}, group {key}"), "no such group", cell));
    }
}

/// Event by event, what differs. Rows that are there more than once are not told here.
pub(crate) fn compare_rows(table: &str, expected: &EventPrints, held: &EventPrints, findings: &mut Findings) {
    let place = |id: &EventId| format!("{table}, event {id}");
    for (id, wanted) in expected {
        match held.get(id) {
            None => findings.push(Finding::new(Problem::LostEvent, place(id), "the event in a live file", "in none")),
            Some(found) if found.content != wanted.content => {
                let (wanted, found) =
                    (format!("the content {}", wanted.content), format!("the content {}", found.content));
                findings.push(Finding::new(Problem::ChangedEvent, place(id), wanted, found));
            }
            Some(found) if found.origin != wanted.origin => {
                let (wanted, found) =
                    (format!("the delivery {}", wanted.origin), format!("the delivery {}", found.origin));
                findings.push(Finding::new(Problem::OtherCopy, place(id), wanted, found));
            }
            Some(_) => {}
        }
    }
    for (id, _) in held.iter().filter(|(id, _)| !expected.contains_key(id)) {
        findings.push(Finding::new(Problem::StrangeEvent, place(id), "no such event", "a row in a live file"));
    }
}
