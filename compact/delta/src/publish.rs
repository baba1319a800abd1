//! Publication of versions to the logs of a table and of its roll-ups.

use std::collections::BTreeMap;
use std::sync::Arc;

use iguazu_compact::publish::VersionView;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, TableName, Timestamp};
use iguazu_lake::ports::Objects;
use iguazu_transform::contract::Contract;

use crate::decide::Wanted;
use crate::error::DeltaError;
use crate::log::Log;
use crate::schema::Table;

/// What is to be seen from one commit on.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The versions, of one bucket or of several.
    pub views: &'a [VersionView],
    /// Buckets of earlier epochs whose files the versions have taken over, all of them: they are removed and closed in
    /// the same commit. So a change of epochs is published with all buckets of the new one together.
    pub replaces: &'a [ChainId],
}

/// What a log was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The version of the log that holds what was to be published.
    pub version: u64,
    /// Whether this call committed it. If not, the log knew already.
    pub committed: bool,
    /// Files that were added.
    pub added: usize,
    /// Files that were removed.
    pub removed: usize,
}

/// What the logs of a table were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// That of the events.
    pub events: Outcome,
    /// Those of the roll-ups.
    pub rollups: BTreeMap<TableName, Outcome>,
}

/// Publishes versions of buckets to the Delta log of the table, and to those of its roll-ups. Logs that do not exist are
/// begun; columns that the contract has gained are added.
///
/// It may be repeated, late, or at the same time as others: each log takes every version once, and never an earlier one
/// after a later one. Each log is told in one commit; between two logs, another publisher may come.
///
/// It needs a tokio runtime, best one of several threads, since the library blocks some of them.
///
/// # Errors
/// Where a log could not be read or written, is not ours, or where what is asked for is no publication of the table. Some
/// of the logs may have been told.
pub async fn publish<O, H>(
    objects: &Arc<O>,
    host: &H,
    deadline: Timestamp,
    contract: &Contract,
    publication: Publication<'_>,
) -> Result<Published, DeltaError>
where
    O: Objects + 'static,
    H: Host,
{
    let wanted = Wanted::new(&contract.table, publication.views, publication.replaces)?;
    let tables = rollups(contract, &wanted)?;
    let events = Table::events(contract)?;
    let events = Log::new(objects, &events.root)?.publish(host, deadline, &events, &wanted).await?;
    let mut rollups = BTreeMap::new();
    for (name, table) in tables {
        let outcome = Log::new(objects, &table.root)?.publish(host, deadline, &table, &wanted).await?;
        rollups.insert(name, outcome);
    }
    Ok(Published { events, rollups })
}

/// The roll-ups of the contract, which has all that the files have.
fn rollups(contract: &Contract, wanted: &Wanted<'_>) -> Result<BTreeMap<TableName, Table>, DeltaError> {
    let mut tables = BTreeMap::new();
    for rollup in &contract.rollups {
        // What a contract calls a roll-up is always a table's name too.
        if let Ok(name) = rollup.name.as_str().parse::<TableName>() {
            let table = Table::rollup(contract, &name, rollup)?;
            tables.insert(name, table);
        }
    }
    match wanted.rollups().into_iter().find(|name| !tables.contains_key(*name)) {
        None => Ok(tables),
        Some(rollup) => Err(DeltaError::UnknownRollup { table: contract.table.clone(), rollup: rollup.clone() }),
    }
}
