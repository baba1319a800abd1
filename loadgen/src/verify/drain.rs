//! Waits until the pipeline has nothing left to do of what was acknowledged.

use std::time::Duration;

use iguazu_audit::{AuditError, deliveries, view};
use iguazu_lake::commit::codec;
use iguazu_lake::host::Host;
use iguazu_lake::ids::ChainId;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::Contract;

use super::acked::Acked;

/// How often the lake is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Shards whose chains do not reach the last acknowledged record.
    pub shards: Vec<String>,
    /// Tables with rows that their published version has not passed.
    pub tables: Vec<(String, u64)>,
}

impl Left {
    /// Whether all is done.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.shards.is_empty() && self.tables.is_empty()
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.iter().map(|(table, rows)| format!("table {table} waits for {rows} rows"));
        let shards = self.shards.iter().map(|shard| format!("shard {shard} is behind"));
        let all: Vec<_> = shards.chain(tables).collect();
        f.write_str(if all.is_empty() { "nothing is left" } else { "" })?;
        f.write_str(&all.join(", "))
    }
}

/// Why there was no end of waiting.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The lake cannot be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It took too long.
    #[error(
        "the pipeline has not drained within {} s: {left}; see that it runs (`iguazu status`, or the functions' logs), and wait longer with --wait",
        limit.as_secs()
    )]
    TooSlow {
        /// The limit.
        limit: Duration,
        /// What is left.
        left: Left,
    },
}

/// What is left to do now.
///
/// # Errors
/// Where the lake cannot be read.
pub async fn left<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Contract],
    acked: &Acked,
) -> Result<Left, AuditError> {
    let delivered = deliveries(ledger).await?;
    let mut left = Left::default();
    for ((stream, shard), records) in &acked.shards {
        let Some((last, _)) = records.last() else { continue };
        let mut reached = false;
        for chain in delivered.shards.iter().filter(|of| of.stream.name.to_string() == *stream && of.shard == *shard) {
            reached |= to(ledger, &chain.chain).await?.is_some_and(|to| to.cmp_in_shard(last).is_ge());
        }
        if !reached {
            left.shards.push(format!("{stream}/{shard}"));
        }
    }
    for contract in contracts {
        let view = view(objects, contract).await?;
        let pending: u64 =
            delivered.shards.iter().map(|shard| shard.pending(&view)).map(|of| of.rows + of.partial).sum();
        if pending > 0 {
            left.tables.push((contract.table.to_string(), pending));
        }
    }
    Ok(left)
}

/// The highest record that a chain holds.
async fn to<L: Ledger>(ledger: &L, chain: &ChainId) -> Result<Option<iguazu_lake::ids::SequenceNumber>, AuditError> {
    let newest = ledger.newest(chain).await;
    let newest = newest.map_err(|source| AuditError::Port { doing: "reading the newest row of a shard", source })?;
    let Some(stored) = newest else { return Ok(None) };
    let row = codec::decode(&stored).map_err(|source| AuditError::Row { chain: chain.to_string(), source })?;
    Ok(row.to())
}

/// Waits until nothing is left. `show` is told of what is.
///
/// # Errors
/// Where the lake cannot be read, or it takes longer than the limit.
pub async fn drain<O: Objects, L: Ledger, H: Host>(
    (objects, ledger, host): (&O, &L, &H),
    contracts: &[Contract],
    acked: &Acked,
    limit: Duration,
    mut show: impl FnMut(&Left),
) -> Result<(), DrainError> {
    let start = host.now();
    loop {
        let left = left(objects, ledger, contracts, acked).await?;
        show(&left);
        if left.is_nothing() {
            return Ok(());
        }
        if host.now().since(start) >= limit {
            return Err(DrainError::TooSlow { limit, left });
        }
        host.sleep(LOOK_EVERY).await;
    }
}
