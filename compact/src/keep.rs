//! Which copy of an event is kept. Pure.
//!
//! Copies of an event are ordered totally, by what each delivery says of itself and never by when or by whom it is
//! compacted:
//! - `latest`: the greatest event time; of those the earliest arrival; of those the least delivery id.
//! - `first`: the earliest arrival; of those the earliest event time; of those the least delivery id.
//!
//! A delivery id (stream, shard, sequence number, sub number) is unique, so the order has no ties: the copy that is kept
//! is the best of all copies whatever was compacted first, and keeping the best is associative, commutative and
//! idempotent. A copy that is sent again as it was arrives later and is never better, so it rewrites nothing.
//!
//! The delivery id is asked for only where the times leave a tie, because reading it costs a column.

use std::cmp::Ordering;

use iguazu_lake::ids::{EventId, SequenceNumber, Timestamp};
use iguazu_transform::contract::Keep;

/// A copy of an event, as far as keeping it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// When it says that it happened.
    pub event_time: Timestamp,
    /// When its record arrived.
    pub arrival: Timestamp,
}

/// The id of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The stream and when that was created, as the rows have it.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// The place of the record in it.
    pub sequence: SequenceNumber,
    /// The event within the record.
    pub sub: u32,
}

impl PartialOrd for Delivery {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delivery {
    fn cmp(&self, other: &Self) -> Ordering {
        // Numbers of two shards are not compared: the shards decide before.
        (&self.stream, &self.shard)
            .cmp(&(&other.stream, &other.shard))
            .then_with(|| self.sequence.cmp_in_shard(&other.sequence))
            .then(self.sub.cmp(&other.sub))
    }
}

/// Which of two copies is better by their times: `Less` is better. `Equal` leaves it to their delivery ids, of which the
/// lesser is better.
#[must_use]
pub fn by_times(rule: Keep, a: &Copy, b: &Copy) -> Ordering {
    match rule {
        Keep::Latest => b.event_time.cmp(&a.event_time).then(a.arrival.cmp(&b.arrival)),
        Keep::First => a.arrival.cmp(&b.arrival).then(a.event_time.cmp(&b.event_time)),
    }
}

/// A new row, by its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its event.
    pub id: EventId,
    /// What decides about it.
    pub copy: Copy,
    /// The input that holds it, and its row there.
    pub at: RowRef,
}

/// A row of an input of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowRef {
    /// Which input.
    pub input: u32,
    /// Which of its rows.
    pub row: u32,
}

/// The best copy of each event among the candidates, in the order of their placements.
///
/// `delivery` tells a candidate's delivery id, and is asked only where times are equal.
///
/// # Errors
/// What `delivery` fails with.
pub fn best<E>(
    rule: Keep,
    mut candidates: Vec<Candidate>,
    mut delivery: impl FnMut(RowRef) -> Result<Delivery, E>,
) -> Result<Vec<Candidate>, E> {
    // In place: there may be many millions of them.
    candidates.sort_by_cached_key(|candidate| candidate.id.placement());
    let mut kept = 0;
    let mut from = 0;
    while let Some(first) = candidates.get(from) {
        let placement = first.id.placement();
        let same = candidates[from + 1..].iter().take_while(|other| other.id.placement() == placement).count();
        let to = from + 1 + same;
        // Two ids of one placement are as good as impossible, and right all the same.
        candidates[from..to].sort_by_key(|candidate| candidate.id);
        while from < to {
            let mut winner = candidates[from];
            let id = winner.id;
            from += 1;
            while from < to && candidates[from].id == id {
                if is_better(rule, &candidates[from], &winner, &mut delivery)? {
                    winner = candidates[from];
                }
                from += 1;
            }
            candidates[kept] = winner;
            kept += 1;
        }
    }
    candidates.truncate(kept);
    Ok(candidates)
}

fn is_better<E>(
    rule: Keep,
    a: &Candidate,
    b: &Candidate,
    delivery: &mut impl FnMut(RowRef) -> Result<Delivery, E>,
) -> Result<bool, E> {
    Ok(match by_times(rule, &a.copy, &b.copy) {
        Ordering::Equal => delivery(a.at)? < delivery(b.at)?,
        order => order.is_lt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn kept(rule: Keep, copies: &[(u8, i64, i64)]) -> Vec<(u128, u32)> {
        let candidates = copies.iter().zip(0..).map(|(&(id, event, arrival), at)| Candidate {
            id: EventId::new(Uuid::from_u128(id.into())),
            copy: Copy { event_time: Timestamp::from_micros(event), arrival: Timestamp::from_micros(arrival) },
            at: RowRef { input: 0, row: at },
        });
        let delivery = |at: RowRef| {
            let sequence = "7".parse().unwrap();
            Ok::<_, ()>(Delivery { stream: String::new(), shard: String::new(), sequence, sub: at.row })
        };
        let mut kept: Vec<_> = best(rule, candidates.collect(), delivery)
            .unwrap()
            .into_iter()
            .map(|kept| (kept.id.uuid().as_u128(), kept.at.row))
            .collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn the_latest_is_the_one_that_happened_last_and_of_equal_ones_the_first_to_arrive() {
        assert_eq!(kept(Keep::Latest, &[(1, 5, 9), (1, 6, 10), (2, 1, 1)]), [(1, 1), (2, 2)]);
        assert_eq!(kept(Keep::Latest, &[(1, 5, 9), (1, 5, 8)]), [(1, 1)]);
        assert_eq!(kept(Keep::Latest, &[(1, 5, 8), (1, 5, 8)]), [(1, 0)]);
    }

    #[test]
    fn the_first_is_the_one_that_arrived_first() {
        assert_eq!(kept(Keep::First, &[(1, 5, 9), (1, 6, 8), (1, 4, 8)]), [(1, 2)]);
    }

    proptest! {
        /// Keeping the best of all equals keeping the best of parts, in any order and with repetitions.
        #[test]
        fn keeping_is_associative_commutative_and_idempotent(
            copies in prop::collection::vec((0_u8..4, 0_i64..3, 0_i64..3), 1..20), cut in 0_usize..20, latest: bool
        ) {
            let rule = if latest { Keep::Latest } else { Keep::First };
            let whole = kept(rule, &copies);
            let cut = cut.min(copies.len());
            // The best of the first part meets all of the second, and the first part's best once more.
            let part = |from: usize, to: usize| kept(rule, &copies[from..to]).into_iter()
                .map(move |(_, row)| from + row as usize).collect::<Vec<_>>();
            let mut rows: Vec<_> = part(0, cut).into_iter().chain(part(cut, copies.len())).chain(part(0, cut)).collect();
            rows.sort_unstable();
            rows.dedup();
            let again: Vec<_> = rows.iter().map(|&row| copies[row]).collect();
            let merged: Vec<_> = kept(rule, &again).into_iter().map(|(id, at)| (id, rows[at as usize] as u32)).collect();
            prop_assert_eq!(merged, whole);
        }
    }
}
