//! Producers and shards: split, merged, numbered alike, sent to twice.

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, SequenceNumber, StreamId, Timestamp};

use crate::counters::Event;
use crate::draw::{Actor, Draws};
use crate::payloads::{COPIES, POOL, POOL_SIZE};
use crate::scene::SECOND;
use crate::world::{Happening, World};

/// A record of a shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardRecord {
    pub(crate) sequence: SequenceNumber,
    pub(crate) arrival: Timestamp,
    pub(crate) payload: usize,
    /// What its partition key hashes to: which lane it takes.
    pub(crate) lane_hash: u64,
    /// Whether it was ever part of an invocation.
    pub(crate) delivered: bool,
}

/// A shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) chain: ChainId,
    pub(crate) records: Vec<ShardRecord>,
    pub(crate) parents: Vec<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) closed: bool,
    draws: Draws,
    next: u64,
}

impl ShardRecord {
    pub(crate) fn data(&self) -> Bytes {
        POOL[self.payload].data.clone()
    }
}

/// The name of the only stream.
pub(crate) const STREAM: &str = "orders";

impl World {
    pub(crate) fn set_the_scene(&mut self) {
        let scene = self.scene.clone();
        for _ in 0..scene.shards {
            self.add_shard(Vec::new());
        }
        for shard in 0..scene.shards {
            self.plan_producers(shard, scene.records_per_shard, 0);
        }
        if let Some(at) = scene.reshard_at {
            self.schedule(at, Happening::Reshard);
        }
        self.set_mappings(&scene);
        let mut draws = Draws::new(self.seed, Actor::poller(900));
        for run in 0..scene.sweeps {
            let at = draws.below(90 * SECOND);
            self.schedule(at, Happening::Sweep(run as u32));
        }
        self.plan_compaction(0);
        if scene.same_sequences && scene.shards > 1 {
            self.counters.event(Event::SameSequenceInTwoShards);
        }
        if scene.parquet {
            self.counters.event(Event::ParquetFiles);
        }
        if scene.through_json {
            self.counters.event(Event::PayloadThroughJson);
        }
        if !scene.partial_responses {
            self.counters.event(Event::MappingWithoutPartialResponses);
        }
    }

    pub(crate) fn plan_producers(&mut self, shard: usize, records: u64, from: u64) {
        let mut draws = Draws::new(self.seed ^ from, Actor::producer(shard));
        for _ in 0..records {
            let at = from + draws.below(25 * SECOND);
            let mut payload = draws.index(POOL_SIZE);
            if self.scene.compaction.is_some() && !draws.one_in(4) {
                payload = POOL_SIZE + draws.index(COPIES);
            }
            self.schedule(at, Happening::Append { shard, payload });
        }
    }

    fn add_shard(&mut self, parents: Vec<usize>) -> usize {
        let shard = self.shards.len();
        let stream = StreamId { name: STREAM.parse().unwrap_or_else(|_| unreachable!("a constant")), created_ms: 1 };
        let name = format!("shardId-{shard:012}").parse().unwrap_or_else(|_| unreachable!("twelve digits"));
        let mut draws = Draws::new(self.seed, Actor::producer(1_000 + shard));
        let next = if self.scene.same_sequences { 100 } else { draws.between(1, 1_000_000) };
        self.shards.push(Shard {
            chain: ChainId::Shard { stream, shard: name },
            records: Vec::new(),
            parents,
            children: Vec::new(),
            closed: false,
            draws,
            next,
        });
        shard
    }

    /// A producer's request: taken, refused in part and sent again, or taken and sent again all the same.
    pub(crate) fn append(&mut self, shard: usize, payload: usize) {
        let mut target = shard;
        while self.shards[target].closed {
            let children = self.shards[target].children.clone();
            target = children[self.shards[target].draws.index(children.len())];
        }
        let (refused, doubled, lane_hash, gap) = {
            let draws = &mut self.shards[target].draws;
            (draws.one_in(12), draws.one_in(12), draws.bits(), draws.between(1, 1_000))
        };
        if refused {
            self.counters.event(Event::PutRecordsPartial);
            self.schedule_after(SECOND, Happening::Append { shard: target, payload });
            return;
        }
        if doubled {
            // The reply is lost, and the producer sends the record again: another number, perhaps another shard.
            self.counters.event(Event::ProducerRetried);
            let other = self.shards[target].draws.index(self.scene.shards);
            self.schedule_after(SECOND / 2, Happening::Append { shard: other, payload });
        }
        let same = self.scene.same_sequences;
        let prefix = "7".repeat(self.scene.sequence_prefix);
        let arrival = self.timestamp(self.now() / 1_000 * 1_000);
        let stored = &mut self.shards[target];
        stored.next += if same { 7 } else { gap };
        let digits = format!("{prefix}{:020}", stored.next);
        let text = if prefix.is_empty() { digits.trim_start_matches('0') } else { &digits };
        let sequence = text.parse().unwrap_or_else(|_| unreachable!("decimal digits"));
        stored.records.push(ShardRecord { sequence, arrival, payload, lane_hash, delivered: false });
        let sample = &POOL[payload];
        self.counters.add(Event::BadRecord, sample.counts.quarantined);
        self.counters.add(Event::SeveralEventsInRecord, u64::from(sample.counts.delivered > 1));
        self.note(|world| format!("record {} arrives in shard {target}", world.shards[target].records.len() - 1));
        self.poke(target);
    }

    pub(crate) fn reshard(&mut self) {
        let open: Vec<_> = (0..self.shards.len()).filter(|&shard| !self.shards[shard].closed).collect();
        let merge = open.len() > 1 && self.scene.batch_max.is_multiple_of(2);
        let (parents, children) = if merge { (open[..2].to_vec(), 1) } else { (vec![open[0]], 2) };
        let children: Vec<_> = (0..children).map(|_| self.add_shard(parents.clone())).collect();
        for &parent in &parents {
            self.shards[parent].closed = true;
            self.shards[parent].children.clone_from(&children);
        }
        self.counters.event(if merge { Event::ShardsMerged } else { Event::ShardSplit });
        self.note(|_| format!("shards {parents:?} become {children:?}"));
        parents.into_iter().for_each(|parent| self.poke(parent));
    }
}
