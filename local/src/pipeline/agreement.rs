//! What must agree before anything runs: the ledger, the stream and the contracts of one data folder.
//!
//! They are written one after the other, so after a crash each may be a little ahead of the next in one direction, which
//! is harmless. In the other direction they are apart only where a file was lost, or was restored from a backup alone.
//! The ledger decides:
//!
//! - A position that a row has committed is never given out again: a record under it would be taken for a repeat. So a
//!   stream that is older than the ledger goes on behind the newest position of both.
//! - A checkpoint beyond what rows have committed would pass over records that are nowhere. It is moved back; what was
//!   committed after all is known by its rows, and what was given up is tried once more.
//! - A table that has versions needs its contract, and a lake that has files needs its ledger.

use std::collections::BTreeMap;
use std::fs;

use iguazu_audit::Folder;
use iguazu_lake::adapters::embedded::SqliteLedger;
use iguazu_lake::commit::{Body, codec};
use iguazu_lake::ids::{ChainId, StreamName, TableName};
use iguazu_lake::ports::{Ledger, PortError};

use crate::stream::writer::Known;
use crate::stream::{sequence, topology};

/// Chains in one listing of the registry.
const PAGE: usize = 1_000;

/// How far the ledger has come.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// The newest position that is committed, by shard; a shard without rows is not here.
    pub(super) positions: BTreeMap<(StreamName, u32), u64>,
    /// Tables that have versions.
    pub(super) tables: Vec<TableName>,
}

/// Whether there is a lake whose ledger is gone.
pub(super) fn ledger_is_gone(folder: &Folder) -> bool {
    let holds = |name| fs::read_dir(folder.lake().join(name)).is_ok_and(|mut entries| entries.next().is_some());
    !folder.ledger().exists() && ["raw", "quarantine", "data", "state"].into_iter().any(holds)
}

/// Reads how far the ledger has come in the streams that are known.
pub(super) async fn committed(ledger: &SqliteLedger, known: &Known) -> Result<Committed, PortError> {
    let mut found = Committed::default();
    let mut after = None;
    loop {
        let page = ledger.registry(after.as_ref(), PAGE).await?;
        for chain in &page {
            match chain {
                ChainId::Shard { stream, shard } => {
                    let number = topology::number(&shard.to_string());
                    let created_ms = known.streams.get(&stream.name).map(|known| known.created_ms);
                    let (Some(number), true) = (number, created_ms == Some(stream.created_ms)) else { continue };
                    let to = ledger.newest(chain).await?.and_then(|row| match codec::decode(&row).ok()?.body {
                        Body::Commit(commit) => Some(commit.to),
                        Body::Stub(stub) => stub.to,
                        Body::Closed(closed) => closed.to,
                    });
                    let position = to.and_then(|to| sequence::position_of(stream.created_ms, number, &to));
                    found.positions.extend(position.map(|position| ((stream.name.clone(), number), position)));
                }
                ChainId::Bucket { table, .. } if !found.tables.contains(table) => found.tables.push(table.clone()),
                ChainId::Bucket { .. } | ChainId::Epochs { .. } => {}
            }
        }
        if page.len() < PAGE {
            return Ok(found);
        }
        after = page.into_iter().last();
    }
}
