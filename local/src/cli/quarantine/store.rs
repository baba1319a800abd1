//! The files of quarantine: those that a row of the ledger names, each with its checksum verified before it is read.

use iguazu_audit::deliveries::DeliveredFile;
use iguazu_audit::{Deliveries, deliveries};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::keys::Area;
use iguazu_lake::ports::{Ledger, Objects};
use miette::{Context, IntoDiagnostic, miette};

use super::rows::{Row, decode};
use crate::cli::present::counted;

/// Every committed file of quarantine, by shard and in the order of their commits. Where rows of the ledger have shrunk,
/// their files are left out, and that is said.
///
/// # Errors
/// Where the ledger cannot be read.
pub async fn files<L: Ledger>(ledger: &L) -> miette::Result<Vec<DeliveredFile>> {
    let delivered = deliveries(ledger).await.into_diagnostic()?;
    if let Some(notice) = left_out(&delivered) {
        eprintln!("{notice}");
    }
    let files = delivered.shards.into_iter().flat_map(|shard| shard.files);
    Ok(files.filter(|file| file.area == Area::Quarantine).collect())
}

/// What is to be said of rows that name no files any more.
pub fn left_out(delivered: &Deliveries) -> Option<String> {
    let stubs: u64 = delivered.shards.iter().map(|shard| shard.stubs).sum();
    let commits = counted(stubs, "commit", "commits");
    (stubs > 0).then(|| format!("left out: the deliveries of {commits}, of which the ledger keeps only the numbers"))
}

/// The rows of a file.
///
/// # Errors
/// Where the file is gone or is not as it was committed.
pub async fn rows<O: Objects>(objects: &O, file: &DeliveredFile) -> miette::Result<Vec<Row>> {
    let key = &file.key;
    let object = objects.get(key).await.into_diagnostic().wrap_err_with(|| format!("{key} cannot be read"))?;
    let help = "`iguazu verify` tells what else is not as it was committed";
    let object = object.ok_or_else(|| miette!(help = help, "{key} is gone, and the ledger names it"))?;
    let found = Sha256Sum::of(&object.bytes);
    if found != file.sha256 {
        return Err(miette!(
            help = help,
            "{key} is not as it was committed: its SHA-256 is {found}, the ledger has {}",
            file.sha256
        ));
    }
    decode(object.bytes)
}

#[cfg(test)]
mod tests {
    use iguazu_lake::commit::codec;
    use iguazu_lake::ids::{ChainId, RowNumber};

    use super::*;
    use crate::cli::world::{World, broken};

    #[test]
    fn what_is_left_out_is_said() {
        let world = World::with(&[broken(1)]);
        let delivered = || world.run(deliveries(&world.ledger)).unwrap();
        assert_eq!(left_out(&delivered()), None);
        let chain: ChainId = "shard.orders.7.shardId-000000000000".parse().unwrap();
        let row = world.run(world.ledger.get(&chain, RowNumber::FIRST)).unwrap().unwrap();
        let stub = codec::encode(&codec::decode(&row).unwrap().stub()).unwrap();
        world.run(world.ledger.shrink(&chain, &stub)).unwrap();
        let expected = "left out: the deliveries of 1 commit, of which the ledger keeps only the numbers";
        assert_eq!(left_out(&delivered()).as_deref(), Some(expected));
        assert!(world.run(files(&world.ledger)).unwrap().is_empty());
    }
}
