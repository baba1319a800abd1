//! Opens the lake, the ledger and the contracts of a data folder, for programs that read what a pipeline has made.
//!
//! Rules:
//! - Nothing is made here: a folder without a pipeline is an error that says how to get one.
//! - Reading what was decoded already needs no secrets. Only who decodes asks for the [`catalog`].
//! - An error says what is wrong, where, and what to do next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::ids::TableName;
use iguazu_lake::ports::PortError;
use iguazu_setup::contracts;
use iguazu_setup::variables::{Reader, SECRET_PREFIX};
use iguazu_transform::{Catalog, CatalogError, Contract, Limits};

use crate::folder::Folder;

/// The table of the built-in contract.
pub const BUILT_IN_TABLE: &str = "events";

/// What a pipeline on one machine has made: its objects, its ledger, and its contracts in the order of their files.
pub type Opened = (DiskObjects, SqliteLedger, Vec<Arc<Contract>>);

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such folder.
    #[error(
        "there is no data folder {}; `iguazu up --data {}` makes one, or name another one by --data",
        .path.display(), .path.display()
    )]
    NoFolder {
        /// Its path.
        path: PathBuf,
    },
    /// The folder is there, and no pipeline ever ran in it.
    #[error(
        "{} holds no pipeline: it has no `{missing}`; `iguazu up --data {}` makes one, or name another folder by --data",
        .path.display(), .path.display()
    )]
    NoPipeline {
        /// The folder.
        path: PathBuf,
        /// What it should hold.
        missing: &'static str,
    },
    /// A part of it cannot be opened.
    #[error("{} cannot be opened; check that it is whole and that this user may read and write it", .path.display())]
    Unusable {
        /// Which part.
        path: PathBuf,
        /// Why.
        source: PortError,
    },
    /// Contracts cannot be read.
    #[error(
        "the contracts in {} have {} problem(s); correct them, and start `iguazu up` again:\n  {}",
        .path.display(), .problems.len(), .problems.join("\n  ")
    )]
    Contracts {
        /// Their folder.
        path: PathBuf,
        /// A line for each problem.
        problems: Vec<String>,
    },
    /// Contracts name secrets that nobody has given.
    #[error("the contracts name secrets that are not set: {}; give each at least 16 bytes", .variables.join(", "))]
    Secrets {
        /// The environment variables that are missing.
        variables: Vec<String>,
    },
    /// Contracts do not fit together.
    #[error("the contracts in {} do not fit together", .path.display())]
    Catalog {
        /// Their folder.
        path: PathBuf,
        /// Why.
        source: CatalogError,
    },
}

/// Opens what a pipeline has made. Blocks.
///
/// # Errors
/// Where no pipeline has run there, or what it has made cannot be read.
pub fn open(folder: &Folder) -> Result<Opened, OpenError> {
    let path = || folder.path().to_owned();
    if !folder.path().is_dir() {
        return Err(OpenError::NoFolder { path: path() });
    }
    if !folder.ledger().is_file() {
        return Err(OpenError::NoPipeline { path: path(), missing: "ledger.sqlite" });
    }
    if !folder.lake().is_dir() {
        return Err(OpenError::NoPipeline { path: path(), missing: "lake" });
    }
    let unusable = |path: PathBuf| move |source| OpenError::Unusable { path, source };
    let contracts = contracts_in(folder)?;
    let objects = DiskObjects::open(folder.lake()).map_err(unusable(folder.lake()))?;
    let ledger = SqliteLedger::open(folder.ledger()).map_err(unusable(folder.ledger()))?;
    Ok((objects, ledger, contracts))
}

/// The contracts in force; the built-in one where there are none.
///
/// # Errors
/// Where one of them cannot be read.
pub fn contracts_in(folder: &Folder) -> Result<Vec<Arc<Contract>>, OpenError> {
    let path = folder.contracts();
    let wrong = |problems: Vec<String>| OpenError::Contracts { path: path.clone(), problems };
    if !holds_contracts(&path) {
        return Ok(vec![Arc::new(Contract::built_in(built_in_table(folder)?))]);
    }
    let texts = contracts::read_folder(&path.to_string_lossy()).map_err(|problem| wrong(vec![problem]))?;
    Ok(contracts::parse(&texts).map_err(wrong)?.into_iter().map(Arc::new).collect())
}

/// The table of the built-in contract: as the first start without contracts named it.
///
/// # Errors
/// Where the file that says so is damaged.
pub fn built_in_table(folder: &Folder) -> Result<TableName, OpenError> {
    let path = folder.table();
    let text = if path.exists() { std::fs::read_to_string(&path) } else { Ok(BUILT_IN_TABLE.to_owned()) };
    let table = text.map_err(|error| error.to_string()).and_then(|text| {
        let parsed = text.trim().parse();
        parsed.map_err(|error: iguazu_lake::ids::IdError| error.to_string())
    });
    table.map_err(|problem| OpenError::Contracts { path, problems: vec![problem] })
}

fn holds_contracts(path: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "toml"))
}

/// The contracts in force, compiled: for who decodes events. `variables` are those of the process; secrets are among
/// them.
///
/// # Errors
/// Where a contract cannot be read, or a secret is missing.
pub fn catalog(folder: &Folder, variables: &[(String, String)]) -> Result<Catalog, OpenError> {
    let path = folder.contracts();
    let contracts = contracts_in(folder)?;
    // Other variables of ours are somebody else's business: this asks for secrets alone.
    let secrets: Vec<_> = variables.iter().filter(|(name, _)| name.starts_with(SECRET_PREFIX)).cloned().collect();
    let mut reader = Reader::new(&secrets, &[]);
    let secrets = reader.secrets();
    if !reader.problems.is_empty() {
        return Err(OpenError::Contracts { path, problems: reader.problems });
    }
    let named = contracts.iter().flat_map(|contract| contract.secrets());
    let mut missing: Vec<_> = named
        .filter(|name| !secrets.contains(name))
        .map(|name| format!("{SECRET_PREFIX}{}", name.as_str().to_ascii_uppercase()))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        return Err(OpenError::Secrets { variables: missing });
    }
    let contracts = contracts.iter().map(|contract| contract.as_ref().clone()).collect();
    Catalog::new(contracts, &secrets, Limits::default()).map_err(|source| OpenError::Catalog { path, source })
}
