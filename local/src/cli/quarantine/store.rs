//! The files of quarantine: those that a row of the ledger names, each with its checksum verified before it is read.

use iguazu_audit::deliveries;
use iguazu_audit::deliveries::DeliveredFile;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::keys::Area;
use iguazu_lake::ports::{Ledger, Objects};
use miette::{Context, IntoDiagnostic, miette};

use super::rows::{Row, decode};

/// Every committed file of quarantine, by shard and in the order of their commits.
///
/// # Errors
/// Where the ledger cannot be read.
pub async fn files<L: Ledger>(ledger: &L) -> miette::Result<Vec<DeliveredFile>> {
    let delivered = deliveries(ledger).await.into_diagnostic()?;
    let files = delivered.shards.into_iter().flat_map(|shard| shard.files);
    Ok(files.filter(|file| file.area == Area::Quarantine).collect())
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
