//! Conservation over a whole table (I10): what the shards' rows offered was taken by its buckets, and what they took is
//! live or was counted as a duplicate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;

use crate::driver::Compactor;
use crate::epoch::Epochs;
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::head::{Head, head};
use crate::publish::Publisher;
use crate::state::{Mark, State};

/// The balance of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Rows of raw files that the buckets have passed, where they have all passed the same.
    pub offered: u64,
    /// Rows that they took.
    pub taken: u64,
    /// Rows that are live.
    pub live: u64,
    /// Copies that were dropped or replaced.
    pub duplicates: u64,
    /// Rows of files of the epoch before that are still to be taken over.
    pub moving: i64,
    /// Chains of which the buckets have read differently far, so that nothing can be said of them yet.
    pub uneven: u64,
    /// What does not add up. Nothing, or there is a defect.
    pub imbalances: Vec<String>,
}

/// The balance of a table, by the newest version of each of its buckets. `whole` says that every bucket has one.
#[must_use]
pub fn balance(states: &[&State], whole: bool) -> Balance {
    let mut balance = Balance::default();
    let mut moved = 0_i64;
    for state in states {
        let totals = &state.totals;
        balance.taken += totals.taken;
        balance.live += totals.live;
        balance.duplicates += totals.duplicates;
        moved += totals.moved;
        if let Err(violation) = state.conserved() {
            balance.imbalances.push(violation.to_string());
        }
    }
    balance.moving = -moved;
    if whole && moved != 0 && states.iter().all(|state| state.seeds.is_empty()) {
        balance.imbalances.push(format!("{moved} rows more moved in than out between buckets"));
    }
    for (chain, marks) in by_chain(states) {
        let lanes: usize = states.iter().map(|state| state.lanes.len()).sum();
        let same = |mark: &&Mark| (mark.n, mark.files) == (marks[0].n, marks[0].files);
        if !whole || marks.len() < lanes || !marks.iter().all(same) {
            balance.uneven += 1;
            continue;
        }
        let taken: u64 = marks.iter().map(|mark| mark.taken).sum();
        let offered = marks[0].offered;
        balance.offered += offered;
        if taken != offered || marks.iter().any(|mark| mark.offered != offered) {
            balance.imbalances.push(format!("{chain} offered {offered} rows and {taken} were taken"));
        }
    }
    balance
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// The balance of a table as it is now.
    ///
    /// # Errors
    /// Where a port fails for longer than the retries last, or says what this program does not know.
    pub async fn balance(&self, contract: &Arc<Contract>, deadline: Timestamp) -> Result<Balance, CompactError> {
        let report = Mutex::default();
        let io = self.io(deadline, &report);
        let epochs = Epochs { ledger: io.ledger, host: io.host, retry: io.retry, deadline };
        let epoch = epochs.newest(&contract.table, self.settings.first_buckets).await?;
        let mut versions = Vec::new();
        for bucket in 0..epoch.buckets {
            let chain = epoch.chain(&contract.table, bucket);
            if let Head::Open(version) = head(&io, &self.remembered, &chain, &contract.table).await? {
                versions.push(version);
            }
        }
        let states: Vec<_> = versions.iter().map(|version| &version.state).collect();
        Ok(balance(&states, states.len() as u64 == u64::from(epoch.buckets)))
    }
}

fn by_chain<'a>(states: &[&'a State]) -> BTreeMap<&'a ChainId, Vec<&'a Mark>> {
    let mut chains: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for state in states {
        for (chain, mark) in state.lanes.iter().flat_map(|lane| &lane.marks) {
            chains.entry(chain).or_default().push(mark);
        }
    }
    chains
}
