//! Rows that everybody has consumed shrink to stubs, once the stream has forgotten their records.
//!
//! A row proves to ingest that its records are committed, so it is needed for as long as the stream can deliver them
//! again. When a record arrived is not in its row; but a row that was consumed at some time holds records that had arrived
//! by then. So it is noted once in a while up to which row all have consumed, and a note that is older than the stream's
//! retention tells which rows may shrink.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use iguazu_lake::commit::shrink_consumed;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::version::Published;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::Contract;
use serde::{Deserialize, Serialize};

use crate::driver::Compactor;
use crate::epoch::Epochs;
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::head::{Head, head};
use crate::intake::shards;
use crate::io::Io;
use crate::publish::{Publisher, Through};
use crate::state::codec;

/// What is known of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consumed {
    /// Rows below this number were consumed by all at this time, ascending.
    notes: Vec<(u64, Timestamp)>,
    /// Rows below this number are stubs.
    stubs: u64,
}

impl Consumed {
    /// Notes that rows below `n` are consumed, at most eight times in a retention; returns below which row all may
    /// shrink.
    fn note(&mut self, n: u64, now: Timestamp, retention: Duration) -> u64 {
        let fresh = self.notes.last().is_none_or(|(_, at)| at.plus(retention / 8) <= now);
        if fresh && self.notes.last().is_none_or(|(noted, _)| *noted < n) {
            self.notes.push((n, now));
        }
        let old = |(_, at): &&(u64, Timestamp)| at.plus(retention) <= now;
        let safe = self.notes.iter().filter(old).map(|(n, _)| *n).max().unwrap_or(0);
        self.notes.retain(|(n, _)| *n >= safe);
        safe
    }
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// Shrinks what may shrink of every shard's chain; returns how many rows did. `contracts` are all tables that there
    /// are: a table that is left out would lose rows that it has not taken.
    ///
    /// # Errors
    /// A port's error that outlasted the retries. What has shrunk stays so, rightly.
    pub async fn shrink(
        &self,
        contracts: &[Arc<Contract>],
        retention: Duration,
        deadline: Timestamp,
    ) -> Result<u64, CompactError> {
        let report = Mutex::default();
        let io = self.io(deadline, &report);
        let Some(consumed) = self.consumed(&io, contracts).await? else { return Ok(0) };
        let mut shrunk = 0;
        for chain in shards(&io).await? {
            let published = Through::at(&io, Published::deliveries_through(&chain)).await?.newest();
            let published = published.map_or(0, |n| n.next().get());
            let n = consumed.get(&chain).copied().unwrap_or(0).min(published);
            shrunk += self.shrink_chain(&io, &chain, n, retention).await?;
        }
        Ok(shrunk)
    }

    /// Below which row of each chain every bucket of every table has taken all; nothing where a bucket has yet to begin.
    async fn consumed(
        &self,
        io: &Io<'_, O, L, H>,
        contracts: &[Arc<Contract>],
    ) -> Result<Option<BTreeMap<ChainId, u64>>, CompactError> {
        let epochs = Epochs { ledger: io.ledger, host: io.host, retry: io.retry, deadline: io.deadline };
        let mut least: Option<BTreeMap<ChainId, u64>> = None;
        for contract in contracts {
            let epoch = epochs.newest(&contract.table, self.settings.first_buckets).await?;
            for bucket in 0..epoch.buckets {
                let chain = epoch.chain(&contract.table, bucket);
                let Head::Open(version) = head(io, &self.remembered, &chain, &contract.table).await? else {
                    return Ok(None);
                };
                for lane in &version.state.lanes {
                    let marks = lane.marks.iter().map(|(chain, mark)| (chain.clone(), mark.n)).collect();
                    least = Some(match least {
                        None => marks,
                        // A chain that one of them has never read is consumed by none.
                        Some(least) => least
                            .into_iter()
                            .filter_map(|(chain, n)| Some((chain.clone(), n.min(*marks.get(&chain)?))))
                            .collect(),
                    });
                }
            }
        }
        Ok(least)
    }

    async fn shrink_chain(
        &self,
        io: &Io<'_, O, L, H>,
        chain: &ChainId,
        n: u64,
        retention: Duration,
    ) -> Result<u64, CompactError> {
        let key = Published::consumed(chain);
        let object = io.get(&key).await?;
        let before: Consumed = match &object {
            Some(object) => codec::decode(|| key.to_string(), &object.bytes)?,
            None => Consumed::default(),
        };
        let mut known = before.clone();
        let safe = known.note(n, io.host.now(), retention);
        let mut shrunk = 0;
        if safe > known.stubs {
            let after = known.stubs.checked_sub(1).map(RowNumber::new);
            let may = |row: &iguazu_lake::commit::Row| row.n.get() < safe;
            shrunk = shrink_consumed(io.ledger, io.host, &io.retry, io.deadline, chain, after, may).await?;
            known.stubs = safe;
        }
        if known != before {
            // Where somebody else has noted something meanwhile, that is as good.
            let text = codec::encode(&known);
            io.replace(&key, text.into(), object.as_ref().map(|object| &object.etag)).await?;
        }
        Ok(shrunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_may_shrink_a_retention_after_it_was_noted_as_consumed() {
        let hour = Duration::from_secs(3600);
        let at = |hours: u32| Timestamp::EPOCH.plus(hour * hours);
        let mut consumed = Consumed::default();
        assert_eq!(consumed.note(5, at(0), hour * 8), 0);
        assert_eq!(consumed.note(9, at(1), hour * 8), 0);
        // Not noted: it is too soon after the note before.
        assert_eq!(consumed.note(10, at(1), hour * 8), 0);
        assert_eq!(consumed.note(20, at(8), hour * 8), 5);
        assert_eq!(consumed.note(20, at(9), hour * 8), 9);
        assert_eq!(consumed.notes, [(9, at(1)), (20, at(8))]);
    }
}
