//! Records on their way: which are due, which wait for another, which are to be sent once more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::records::Outgoing;

/// What one request of the Kinesis API takes: records, and bytes of data and keys. A little below the limit of 5 MB.
pub const REQUEST_RECORDS_MAX: usize = 500;
const REQUEST_BYTES_MAX: usize = 4_500_000;

/// A record that is not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub number: u64,
    /// How many documents it holds.
    pub documents: u64,
    /// Its bytes.
    pub data: Bytes,
    /// What chooses its shard.
    pub partition_key: String,
    /// When it was due, in microseconds since the start.
    pub due_micros: u64,
    /// How often it was sent.
    pub tries: u32,
}

impl From<Outgoing> for Pending {
    fn from(record: Outgoing) -> Self {
        Self {
            number: record.number,
            documents: record.documents.len() as u64,
            data: record.data,
            partition_key: record.partition_key,
            due_micros: record.due_micros,
            tries: 0,
        }
    }
}

impl Pending {
    fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Records on their way.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Those that are to be sent.
    fresh: VecDeque<Pending>,
    /// Those that are to be sent again, by when.
    again: BTreeMap<(u64, u64), Pending>,
    /// Those that wait for others, by one of these.
    waiting: BTreeMap<u64, Vec<(Pending, Vec<u64>)>>,
    /// All that are not acknowledged.
    open: BTreeSet<u64>,
}

impl Outbox {
    /// Takes a record that is due. One that must not arrive before others waits for them.
    pub fn offer(&mut self, mut record: Outgoing) {
        let after = std::mem::take(&mut record.after);
        let pending = Pending::from(record);
        self.open.insert(pending.number);
        self.place(pending, after);
    }

    fn place(&mut self, pending: Pending, after: Vec<u64>) {
        match after.iter().find(|number| self.open.contains(number)) {
            Some(&number) => self.waiting.entry(number).or_default().push((pending, after)),
            None => self.fresh.push_back(pending),
        }
    }

    /// Takes back a record, to be sent again at a time.
    pub fn again(&mut self, record: Pending, at: u64) {
        self.again.insert((at, record.number), record);
    }

    /// A record was acknowledged. Those that waited for it and for no other are due.
    pub fn acknowledged(&mut self, number: u64) {
        self.open.remove(&number);
        for (pending, after) in self.waiting.remove(&number).unwrap_or_default() {
            self.place(pending, after);
        }
    }

    /// The records of the next request, at most so many; what is sent again goes first.
    pub fn take(&mut self, now: u64, records_max: usize) -> Vec<Pending> {
        let mut taken: Vec<Pending> = Vec::new();
        let mut bytes = 0;
        while taken.len() < records_max.min(REQUEST_RECORDS_MAX) {
            let again = self.again.first_key_value().filter(|((at, _), _)| *at <= now).map(|(_, record)| record);
            let Some(next) = again.or(self.fresh.front()).map(Pending::bytes) else { break };
            if !taken.is_empty() && bytes + next > REQUEST_BYTES_MAX {
                break;
            }
            bytes += next;
            let record = match again {
                Some(_) => self.again.pop_first().map(|(_, record)| record),
                None => self.fresh.pop_front(),
            };
            taken.extend(record.map(|record| Pending { tries: record.tries + 1, ..record }));
        }
        taken
    }

    /// How many could be sent now, those to be sent again included; of more than a request takes, about how many.
    #[must_use]
    pub fn ready(&self, now: u64) -> usize {
        self.fresh.len() + self.again.range(..=(now, u64::MAX)).take(REQUEST_RECORDS_MAX).count()
    }

    /// All that are not acknowledged.
    #[must_use]
    pub fn open(&self) -> &BTreeSet<u64> {
        &self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::pack::Packing;

    fn record(number: u64, bytes: usize, after: &[u64]) -> Outgoing {
        Outgoing {
            number,
            documents: Vec::new(),
            packing: Packing::Plain,
            data: vec![0; bytes].into(),
            partition_key: String::new(),
            due_micros: 0,
            after: after.to_vec(),
        }
    }

    fn numbers(taken: &[Pending]) -> Vec<u64> {
        taken.iter().map(|record| record.number).collect()
    }

    #[test]
    fn a_request_takes_no_more_than_the_stream_does() {
        let mut outbox = Outbox::default();
        (0..1_200).for_each(|number| outbox.offer(record(number, 1, &[])));
        assert_eq!([0, 0, 0, 0].map(|now| outbox.take(now, usize::MAX).len()), [500, 500, 200, 0]);
        (0..10).for_each(|number| outbox.offer(record(number, 1_000_000, &[])));
        assert_eq!([0, 0, 0].map(|now| outbox.take(now, usize::MAX).len()), [4, 4, 2]);
    }

    #[test]
    fn what_is_sent_again_goes_first_once_it_is_time() {
        let mut outbox = Outbox::default();
        (0..3).for_each(|number| outbox.offer(record(number, 1, &[])));
        let first = outbox.take(0, 1).remove(0);
        outbox.again(first, 10);
        assert_eq!(outbox.ready(9), 2);
        assert_eq!(numbers(&outbox.take(9, 1)), [1]);
        let taken = outbox.take(10, 2);
        assert_eq!((numbers(&taken), taken[0].tries), (vec![0, 2], 2));
    }

    #[test]
    fn a_record_waits_for_all_that_it_must_not_overtake() {
        let mut outbox = Outbox::default();
        outbox.offer(record(0, 1, &[]));
        outbox.offer(record(1, 1, &[]));
        outbox.offer(record(2, 1, &[0, 1]));
        assert_eq!(numbers(&outbox.take(0, 9)), [0, 1]);
        outbox.acknowledged(1);
        assert_eq!(numbers(&outbox.take(0, 9)), [] as [u64; 0]);
        outbox.acknowledged(0);
        assert_eq!(numbers(&outbox.take(0, 9)), [2]);
        outbox.offer(record(3, 1, &[0]));
        assert_eq!(numbers(&outbox.take(0, 9)), [3], "what is acknowledged is not waited for");
        assert_eq!(outbox.open().iter().copied().collect::<Vec<_>>(), [2, 3]);
    }
}
