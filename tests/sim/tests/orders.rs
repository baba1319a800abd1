//! A table is a function of what was delivered: not of the order, the batches, the number of buckets or compactors.

mod small;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use iguazu_compact::plan::Budget;
use iguazu_sim::payloads::{COPIES, TABLES};
use proptest::prelude::*;
use proptest::sample::Index;
use small::{Lake, ended, finish};

/// What happens to a lake between two batches.
#[derive(Clone, Debug)]
enum Step {
    /// So many compactors run beside each other, for buckets drawn here, taking turns as drawn here.
    Compact { beside: usize, buckets: Vec<Index>, turns: Vec<Index> },
    /// A table gets another number of buckets.
    Change { table: usize, buckets: u32 },
    /// Nothing.
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    let compact = (1_usize..=3, prop::collection::vec(any::<Index>(), 6), prop::collection::vec(any::<Index>(), 64));
    prop_oneof![
        4 => compact.prop_map(|(beside, buckets, turns)| Step::Compact { beside, buckets, turns }),
        1 => (0_usize..2, prop::sample::select(vec![1, 2, 8])).prop_map(|(table, buckets)| Step::Change { table, buckets }),
        1 => Just(Step::Nothing),
    ]
}

fn take_turns(lake: &Lake, beside: usize, buckets: &[Index], turns: &[Index]) {
    let compactors: Vec<_> = (0..beside).map(|_| lake.compactor(None, true)).collect();
    let mut runs: Vec<Pin<Box<dyn Future<Output = bool> + '_>>> = Vec::new();
    for (at, compactor) in compactors.iter().enumerate() {
        for (table, drawn) in TABLES.iter().zip(&buckets[at * 2..]) {
            let count = lake.epoch(table).map_or(1, |(_, buckets)| buckets);
            // Two of three work on one bucket.
            let bucket = if at < 2 { 0 } else { drawn.index(count as usize) as u32 };
            runs.push(Box::pin(async move { ended(&compactor.run(table, bucket, lake.deadline()).await) }));
        }
    }
    let mut turn = 0;
    while !runs.is_empty() {
        let which = turns[turn % turns.len()].index(runs.len());
        turn += 1;
        if runs[which].as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            drop(runs.swap_remove(which));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_rows_and_the_sums_follow_from_the_deliveries_alone(
        deliveries in prop::collection::vec((0_usize..2, 0..COPIES), 1..24),
        order in prop::collection::vec(any::<Index>(), 24),
        cuts in prop::collection::vec(1_usize..5, 24),
        steps in prop::collection::vec(step(), 24),
        rows_max in prop::sample::select(vec![1_u64, 3, 1_000]),
        first_buckets in prop::sample::select(vec![1_u32, 2, 8]),
    ) {
        let mut shards = [Vec::new(), Vec::new()];
        for (place, &(shard, payload)) in deliveries.iter().enumerate() {
            shards[shard].push((place as u64, payload));
        }
        // Batches of each shard, delivered in any order.
        let mut cut = cuts.iter();
        let mut batches = Vec::new();
        for (shard, mut rest) in shards.iter().map(Vec::as_slice).enumerate() {
            while let Some(size) = cut.next().filter(|_| !rest.is_empty()) {
                let (batch, left) = rest.split_at((*size).min(rest.len()));
                batches.push((shard, batch));
                rest = left;
            }
        }
        let mut lake = Lake::new();
        lake.settings.budget = Budget { rows_max, ..lake.settings.budget };
        lake.settings.first_buckets = first_buckets;
        let mut order = order.iter();
        let mut steps = steps.iter();
        while !batches.is_empty() {
            let next = order.next().map_or(0, |index| index.index(batches.len()));
            let (shard, batch) = batches.swap_remove(next);
            lake.ingest(shard, batch);
            match steps.next().unwrap_or(&Step::Nothing) {
                Step::Compact { beside, buckets, turns } => take_turns(&lake, *beside, buckets, turns),
                Step::Change { table, buckets } => finish(lake.change(&lake.ports(None), &TABLES[*table], *buckets)),
                Step::Nothing => {}
            }
        }
        lake.compact();
        lake.assert_true("at the end");
        let whole = Lake::new();
        for (shard, records) in shards.iter().enumerate().filter(|(_, records)| !records.is_empty()) {
            whole.ingest(shard, records);
        }
        whole.compact();
        for contract in TABLES.iter() {
            prop_assert_eq!(lake.content(contract), whole.content(contract));
        }
    }
}
