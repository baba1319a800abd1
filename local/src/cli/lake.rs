//! The lake, the ledger and the contracts of the data folder, as the commands that read them want them.

use std::future::Future;
use std::sync::Arc;

use iguazu_audit::Folder;
use iguazu_audit::open::{self, OpenError};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_transform::{Catalog, Contract};
use miette::{Context, IntoDiagnostic};

use super::variables;

/// What a pipeline has made.
pub struct Opened {
    /// Its objects.
    pub objects: DiskObjects,
    /// Its ledger.
    pub ledger: SqliteLedger,
    /// Its contracts.
    pub contracts: Vec<Arc<Contract>>,
}

/// Opens what a pipeline has made.
///
/// # Errors
/// Where there is none, or it cannot be read.
pub fn open(folder: &Folder) -> Result<Opened, miette::Report> {
    let (objects, ledger, contracts) = open::open(folder).into_diagnostic()?;
    Ok(Opened { objects, ledger, contracts })
}

/// The contracts in force, compiled with the secrets of this process's environment.
///
/// # Errors
/// Where one of them is damaged, or a secret is missing.
pub fn catalog(folder: &Folder) -> miette::Result<Catalog> {
    if !folder.path().is_dir() {
        return Err(OpenError::NoFolder { path: folder.path().to_owned() }).into_diagnostic();
    }
    open::catalog(folder, &variables::all()).into_diagnostic()
}

/// Runs what waits to its end.
///
/// # Errors
/// Where the machine gives no runtime.
pub fn block_on<T>(work: impl Future<Output = T>) -> miette::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.into_diagnostic().wrap_err("no runtime can be started")?.block_on(work))
}
