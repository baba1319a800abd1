//! What is told of records that arrive.

use std::cell::RefCell;

use super::*;
use crate::cli::world::{broken, catalog, damaged, event};

/// Records in memory; those of `later` arrive when it is looked for them a second time at the end.
struct Memory {
    records: RefCell<Vec<Arrived>>,
    later: RefCell<Vec<Arrived>>,
}

impl Arrivals for Memory {
    fn end(&self) -> miette::Result<u64> {
        Ok(self.records.borrow().iter().map(|record| record.position).max().unwrap_or_default())
    }

    fn after(&self, position: u64, limit: usize) -> miette::Result<Vec<Arrived>> {
        let found: Vec<_> =
            self.records.borrow().iter().filter(|of| of.position > position).take(limit).cloned().collect();
        if found.is_empty() {
            self.records.borrow_mut().append(&mut self.later.borrow_mut());
        }
        Ok(found)
    }
}

fn arrived(n: u64, data: Vec<u8>) -> Arrived {
    Arrived {
        position: n,
        stream: iguazu_lake::ids::StreamId { name: "orders".parse().unwrap(), created_ms: 7 },
        shard: "shardId-000000000000".parse().unwrap(),
        sequence: n.into(),
        arrival: iguazu_lake::ids::Timestamp::from_millis(1_795_262_400_000 + i64::try_from(n).unwrap()),
        data: data.into(),
    }
}

fn records() -> Vec<Arrived> {
    let lines = format!("{}\n{}", event(2, "2.5"), event(3, "\"3\""));
    vec![
        arrived(1, event(1, "1.5").into_bytes()),
        arrived(2, lines.into_bytes()),
        arrived(3, broken(4).1),
        arrived(4, damaged(5).1),
    ]
}

fn wanted(conditions: &[&str], only: Option<bool>, limit: u64) -> Wanted {
    let texts: Vec<_> = conditions.iter().map(ToString::to_string).collect();
    Wanted { conditions: Conditions::read(&texts, &FIELDS).unwrap(), only, left: limit }
}

/// Sequence number, sub number and what became of each document that is told.
fn told(source: &Memory, wanted: Wanted, from: u64, follow: bool) -> Vec<(String, u32, String)> {
    let mut told = Vec::new();
    let tell = |line: &Line| {
        let became = line.reason.clone().or(line.table.clone()).unwrap_or_default();
        told.push((line.sequence.clone(), line.sub, became));
        Ok(Reader::Listens)
    };
    let catalog = catalog(&[]);
    lake::block_on(tap(source, &catalog, from, wanted, follow, SystemHost, tell)).unwrap().unwrap();
    told
}

fn memory(records: Vec<Arrived>, later: Vec<Arrived>) -> Memory {
    Memory { records: RefCell::new(records), later: RefCell::new(later) }
}

fn line_of(sequence: &str, sub: u32, became: &str) -> (String, u32, String) {
    (sequence.to_owned(), sub, became.to_owned())
}

#[test]
fn every_document_is_told_in_its_order_with_what_became_of_it() {
    let all = told(&memory(records(), vec![]), wanted(&[], None, u64::MAX), 0, false);
    let expected = [
        line_of("1", 0, "orders"),
        line_of("2", 0, "orders"),
        line_of("2", 1, "column_kind"),
        line_of("3", 0, "column_missing"),
        line_of("4", 0, "not_utf8"),
    ];
    assert_eq!(all, expected);
}

#[test]
fn only_what_is_asked_for_is_told() {
    let of = |conditions: &[&str], only, limit| {
        let told = told(&memory(records(), vec![]), wanted(conditions, only, limit), 0, false);
        told.into_iter().map(|(sequence, sub, _)| format!("{sequence}/{sub}")).collect::<Vec<_>>()
    };
    assert_eq!(of(&[], Some(true), u64::MAX), ["1/0", "2/0"]);
    assert_eq!(of(&[], Some(false), 2), ["2/1", "3/0"]);
    assert_eq!(of(&["reason=not_utf8"], None, 9), ["4/0"]);
    assert_eq!(of(&["type=order.placed", "time<=2026-11-21T12:00:00Z"], None, 9), ["1/0", "2/0"]);
    assert_eq!(of(&["table=orders", "arrival>=2026-11-21T12:00:00.002Z"], None, 9), ["2/0", "2/1", "3/0"]);
    assert_eq!(of(&[], None, 0), [""; 0]);
}

#[test]
fn who_follows_hears_of_what_arrives_later() {
    let later = vec![arrived(9, event(9, "1").into_bytes())];
    let source = memory(records(), later);
    let newest = source.end().unwrap();
    assert_eq!(told(&source, wanted(&[], None, 1), newest, true), [line_of("9", 0, "orders")]);
}

#[test]
fn nothing_more_is_read_when_nobody_listens() {
    let mut heard = 0;
    let tell = |_: &Line| {
        heard += 1;
        Ok(Reader::Left)
    };
    let source = memory(records(), vec![]);
    lake::block_on(tap(&source, &catalog(&[]), 0, wanted(&[], None, 9), true, SystemHost, tell)).unwrap().unwrap();
    assert_eq!(heard, 1);
}

#[test]
fn a_line_says_where_and_what_and_hides_what_a_terminal_would_act_on() {
    let catalog = catalog(&[]);
    let of = |data: Vec<u8>| {
        let lines = lines(&catalog, &arrived(7, data), &wanted(&[], None, 9)).unwrap();
        as_text(&lines[0])
    };
    let place = "2026-11-21T12:00:00.007000Z shardId-000000000000 7/0";
    let id = "00000000-0000-4000-8000-000000000001";
    assert_eq!(
        of(event(1, "1.5").into_bytes()),
        format!("{place} accepted orders order.placed {id} 2026-11-21T12:00:00.000000Z\n")
    );
    let escaped = event(1, "1.5").replace("order.placed", "order.\\u001b[2J");
    assert!(of(escaped.into_bytes()).contains("order.\\u{1b}[2J"));
    let refused = of(broken(1).1);
    assert!(
        refused.starts_with(&format!(
            "{place} REFUSED column_missing orders /amount: the column amount has no value at /amount"
        )),
        "{refused}"
    );
}
