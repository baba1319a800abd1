//! What the lake holds against what it must hold: the pure part.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use arrow::datatypes::i256;
use iguazu_audit::{Held, Measured, Problem, compare};
use iguazu_transform::contract::MeasureKind;
use uuid::Uuid;

use super::acked::Record;
use super::findings::{Findings, Kind};
use super::lake::{Delivery, Refused};
use crate::oracle::{Oracle, TableOracle};

/// Every acknowledged record must be there with all of its documents, and no delivery twice. Others may be there: those
/// whose replies were lost. Both are in order. Returns how many others there are.
pub fn deliveries(shard: &str, acked: &[Record], held: &[Delivery], findings: &mut Findings) -> u64 {
    for pair in held.windows(2).filter(|pair| pair[0] == pair[1]) {
        findings.add(Kind::Doubled, format!("the delivery {shard}:{}:{} is committed twice", pair[0].0, pair[0].1));
    }
    let mut held = held.iter().peekable();
    let mut others = 0;
    for (sequence, documents) in acked {
        while held.next_if(|(at, _)| at.cmp_in_shard(sequence) == Ordering::Less).is_some() {
            others += 1;
        }
        let mut subs = Vec::new();
        while let Some((_, sub)) = held.next_if(|(at, _)| at.cmp_in_shard(sequence) == Ordering::Equal) {
            subs.push(*sub);
        }
        subs.dedup();
        for sub in (0..*documents).filter(|sub| !subs.contains(sub)) {
            findings.add(Kind::Lost, format!("the delivery {shard}:{sequence}:{sub} was acknowledged and is not held"));
        }
        if subs.iter().any(|sub| sub >= documents) {
            findings.add(
                Kind::Strange,
                format!("the record {shard}:{sequence} has {documents} documents, and more are held"),
            );
        }
    }
    others + held.count() as u64
}

/// Every id must be there once, and no other. Both are in order.
pub fn ids(table: &str, expected: &[u128], held: &[u128], findings: &mut Findings) {
    let shown = |id: u128| Uuid::from_u128(id);
    let mut expected = expected.iter().copied().peekable();
    for run in held.chunk_by(|a, b| a == b) {
        let Some(&id) = run.first() else { continue };
        while let Some(lost) = expected.next_if(|expected| *expected < id) {
            findings.add(Kind::Lost, format!("{table}: the event {} is lost", shown(lost)));
        }
        if expected.next_if_eq(&id).is_none() {
            findings.add(Kind::Strange, format!("{table}: the event {} is not of these runs", shown(id)));
        }
        for _ in 1..run.len() {
            findings.add(Kind::Doubled, format!("{table}: the event {} is there {} times", shown(id), run.len()));
        }
    }
    expected.for_each(|lost| findings.add(Kind::Lost, format!("{table}: the event {} is lost", shown(lost))));
}

/// Every bad document must be in quarantine under its reason, and nothing else. A document that was delivered twice is
/// there twice. Returns how many of them are there.
pub fn refused(oracle: &Oracle, held: &[Refused], findings: &mut Findings) -> u64 {
    let mut found: BTreeMap<u128, &str> = BTreeMap::new();
    for (mark, reason) in held {
        let first = *found.entry(*mark).or_insert(reason);
        if first != reason {
            findings.add(Kind::Reason, format!("one bad document is in quarantine as {first} and as {reason}"));
        }
    }
    for (mark, code) in &oracle.refused {
        match found.get(mark) {
            None => findings.add(Kind::Lost, format!("a bad document of the kind {code} is not in quarantine")),
            Some(reason) if reason != code => {
                findings.add(Kind::Reason, format!("a bad document of the kind {code} is in quarantine as {reason}"));
            }
            Some(_) => {}
        }
    }
    let strange = found.iter().filter(|(mark, _)| !oracle.refused.contains_key(mark));
    strange.for_each(|(_, reason)| {
        findings
            .add(Kind::Strange, format!("quarantine holds a document, as {reason}, that is no bad one of these runs"));
    });
    found.keys().filter(|mark| oracle.refused.contains_key(mark)).count() as u64
}

/// The content of the rows and every cell of every roll-up must be as expected; and in total they must be what was meant,
/// which the transform has no part in.
pub fn sums(oracle: &TableOracle, held: &Held, findings: &mut Findings) {
    let table = &oracle.contract.table;
    for finding in held.findings.iter().cloned().chain(compare(&oracle.expected, held)) {
        match finding.problem {
            // The ids tell these one by one.
            Problem::LostEvent | Problem::StrangeEvent | Problem::DuplicateEvent => {}
            Problem::Content | Problem::Sums | Problem::FileSums | Problem::RollupAbsent => {
                findings.add(Kind::Sum, finding);
            }
            _ => findings.add(Kind::Damaged, finding),
        }
    }
    for rollup in &oracle.contract.rollups {
        let name = rollup.name.to_string();
        let Some(cells) = held.rollups.get(&name).filter(|_| !held.rollups_absent.contains_key(&name)) else {
            if oracle.events > 0 {
                findings.add(Kind::Sum, format!("{table}_{name}: there is no such roll-up, or not of all files"));
            }
            continue;
        };
        let count: u64 = cells.values().map(|cell| cell.count).sum();
        if count != oracle.events {
            let meant = oracle.events;
            findings
                .add(Kind::Sum, format!("{table}_{name}: its counts come to {count}, and {meant} events were meant"));
        }
        for (at, measure) in rollup.measures.iter().enumerate().filter(|(_, of)| of.kind == MeasureKind::Sum) {
            let meant = i256::from_i128(oracle.totals.get(measure.column.as_str()).copied().unwrap_or_default());
            let sums = cells.values().map(|cell| cell.measures.get(at));
            let total = sums.into_iter().try_fold(i256::ZERO, |total, sum| match sum {
                Some(Measured::Sum(Some((sum, _)))) => Some(total.wrapping_add(*sum)),
                Some(Measured::Sum(None)) => Some(total),
                _ => None,
            });
            if total != Some(meant) {
                let found = total.map_or_else(|| "nothing that can be shown".to_owned(), |total| total.to_string());
                let what = format!("{table}_{name}.{}", measure.name);
                findings.add(Kind::Sum, format!("{what}: it comes to {found} in all, and {meant} was meant"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: u64) -> iguazu_lake::ids::SequenceNumber {
        sequence.into()
    }

    fn judged(acked: &[(u64, u32)], held: &[(u64, u32)]) -> (u64, Findings) {
        let acked: Vec<_> = acked.iter().map(|&(at, documents)| (number(at), documents)).collect();
        let held: Vec<_> = held.iter().map(|&(at, sub)| (number(at), sub)).collect();
        let mut findings = Findings::default();
        (deliveries("s", &acked, &held, &mut findings), findings)
    }

    #[test]
    fn what_was_acknowledged_must_be_held_whole_and_what_was_not_may_be() {
        let (others, findings) = judged(&[(2, 2), (4, 1)], &[(1, 0), (2, 0), (2, 1), (3, 0), (4, 0), (5, 0), (5, 1)]);
        assert_eq!(others, 4);
        assert!(findings.is_empty());
        let (_, findings) = judged(&[(2, 2), (4, 1)], &[(2, 0)]);
        assert_eq!((findings.count(Kind::Lost), findings.count(Kind::Doubled)), (2, 0));
        let (_, findings) = judged(&[(2, 2)], &[(2, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 0)]);
        assert_eq!((findings.count(Kind::Doubled), findings.count(Kind::Strange)), (2, 1));
    }

    #[test]
    fn each_lost_doubled_or_strange_id_is_told() {
        let mut findings = Findings::default();
        ids("t", &[1, 2, 3, 9], &[2, 2, 2, 3, 5], &mut findings);
        let counts = [Kind::Lost, Kind::Doubled, Kind::Strange].map(|kind| findings.count(kind));
        assert_eq!(counts, [2, 2, 1]);
        let mut findings = Findings::default();
        ids("t", &[1, 2], &[1, 2], &mut findings);
        assert!(findings.is_empty());
    }
}
