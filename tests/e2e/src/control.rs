//! A wrong thing done to the lake itself, to show that the proof finds it.

use iguazu_lake::adapters::aws::{DynamoLedger, S3Objects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::commit::codec::{decode, encode};
use iguazu_lake::commit::{Body, Commit, Row};
use iguazu_lake::ids::{AttemptId, ChainId};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_setup::chain_of;

use crate::servers::Servers;

/// Chains that are looked at.
const CHAINS_MAX: usize = 1_000;

/// Commits the newest row of every shard once more, with files of its own, as an ingest without a memory would.
/// Returns how many rows.
///
/// # Errors
/// Where the lake cannot be read or written.
pub async fn double(servers: &Servers) -> Result<u64, String> {
    let (objects, ledger) = (servers.objects(), servers.ledger());
    let chains = ledger.registry(None, CHAINS_MAX).await.map_err(|error| chain_of(&error))?;
    let mut doubled = 0;
    for chain in chains.iter().filter(|chain| matches!(chain, ChainId::Shard { .. })) {
        let newest = ledger.newest(chain).await.map_err(|error| chain_of(&error))?;
        let newest = newest.map(|stored| decode(&stored).map_err(|error| chain_of(&error))).transpose()?;
        if let Some(row) = newest
            && let Body::Commit(commit) = &row.body
        {
            again(&objects, &ledger, chain, (&row, commit)).await?;
            doubled += 1;
        }
    }
    Ok(doubled)
}

async fn again(
    objects: &S3Objects,
    ledger: &DynamoLedger,
    chain: &ChainId,
    (row, commit): (&Row, &Commit),
) -> Result<(), String> {
    let (n, attempt) = (row.n.next(), AttemptId::fresh(&SystemHost));
    for file in &commit.files {
        let key = file.data_file(chain, row.n, row.attempt).key();
        let object = objects.get(&key).await.map_err(|error| chain_of(&error))?;
        let object = object.ok_or_else(|| format!("{key} is not there"))?;
        let put = objects.put(&file.data_file(chain, n, attempt).key(), object.bytes).await;
        put.map_err(|error| chain_of(&error))?;
    }
    let body = Body::Commit(Commit { late: true, earlier: row.late_until(), ..commit.clone() });
    let stored = encode(&Row { n, attempt, body }).map_err(|error| chain_of(&error))?;
    ledger.put_if_absent(chain, &stored).await.map(drop).map_err(|error| chain_of(&error))
}
