//! What a table has to hold, by brute force, and in words of its own: production's rule is not asked.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use iguazu_lake::ids::{ChainId, EventId, RowNumber, TableName};
use iguazu_transform::contract::Keep;

use crate::plain::Line;

/// An accepted row of raw, and where it stands.
#[derive(Clone, Debug)]
pub struct RawRow {
    /// Its table.
    pub table: TableName,
    /// The shard's chain.
    pub chain: ChainId,
    /// The row that committed it.
    pub n: RowNumber,
    /// The file among those of the row.
    pub ordinal: u32,
    /// What it says.
    pub line: Line,
}

/// Whether one copy is to be kept rather than another.
fn is_better(rule: Keep, one: &Line, other: &Line) -> bool {
    let by_event = match rule {
        Keep::Latest => other.event_time.cmp(&one.event_time),
        Keep::First => Ordering::Equal,
    };
    let by_arrival = one.arrival.cmp(&other.arrival);
    let by_event_again = one.event_time.cmp(&other.event_time);
    let by_shard = (&one.stream, &one.shard).cmp(&(&other.stream, &other.shard));
    let by_sequence = one.sequence.cmp_in_shard(&other.sequence);
    let order = [by_event, by_arrival, by_event_again, by_shard, by_sequence, one.seen.sub.cmp(&other.seen.sub)];
    order.into_iter().find(|order| order.is_ne()) == Some(Ordering::Less)
}

/// The copy of each event that is to be kept.
pub fn best<'a>(rule: Keep, rows: impl IntoIterator<Item = &'a Line>) -> BTreeMap<EventId, &'a Line> {
    let mut best: BTreeMap<EventId, &Line> = BTreeMap::new();
    for line in rows {
        best.entry(line.id)
            .and_modify(|kept| {
                if is_better(rule, line, kept) {
                    *kept = line;
                }
            })
            .or_insert(line);
    }
    best
}
