//! The contracts in force: read once at a start, kept in the data folder, and compared with those of the last start.
//!
//! The folder keeps them because whoever reads the lake needs them, and because a start without any goes on with those
//! that were there. A table's contract may be replaced by one that may follow it; anything else would make columns of
//! the lake mean two things.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use iguazu_audit::Folder;
use iguazu_audit::open::{OpenError, built_in_table};
use iguazu_lake::ids::TableName;
use iguazu_setup::contracts::{self, Text};
use iguazu_transform::contract::compare::{Change, compare};
use iguazu_transform::{Catalog, Contract, Limits, Secrets};
use thiserror::Error;

/// The contracts in force.
#[derive(Clone)]
pub struct Contracts {
    /// The tables.
    pub contracts: Vec<Arc<Contract>>,
    /// The same, made ready to decode by.
    pub catalog: Arc<Catalog>,
    /// What the data folder is to keep: files by name, those only that it does not have like this.
    unkept: Vec<(PathBuf, String)>,
}

/// Why contracts cannot be put in force.
#[derive(Debug, Error)]
pub enum ContractsError {
    /// They are wrong, each in a line.
    #[error("the contracts cannot be used:\n{}", .0.join("\n"))]
    Wrong(Vec<String>),
    /// They may not follow those in force.
    #[error("the contract of {table} may not follow the one in force in {folder}:\n{}", .changes.join("\n"))]
    MayNotFollow {
        /// The table.
        table: TableName,
        /// Where the one in force is.
        folder: PathBuf,
        /// What is not allowed.
        changes: Vec<String>,
    },
    /// The lake's one table has another name.
    #[error("the table of this data folder is {kept}, not {given}")]
    OtherTable {
        /// The name that it has.
        kept: TableName,
        /// The name that was given.
        given: TableName,
    },
    /// A name was given for a table that is not there.
    #[error("--table names the one table {table} of a lake without contracts, and contracts are in force in {folder}")]
    TableBesideContracts {
        /// The name.
        table: TableName,
        /// Where they are.
        folder: PathBuf,
    },
    /// They cannot be kept.
    #[error("the contracts cannot be kept in {folder}")]
    Unkept {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Contracts {
    /// The contracts of `given`, or else those of the last start, or else the built-in one. Nothing is written yet.
    ///
    /// # Errors
    /// Where they are wrong, or may not follow those of the last start.
    pub fn in_force(
        folder: &Folder,
        given: Option<&Path>,
        table: Option<&TableName>,
        secrets: &Secrets,
    ) -> Result<Self, ContractsError> {
        let kept = folder.contracts();
        let before = if kept.exists() { read(&kept)? } else { Vec::new() };
        let texts = given.map_or_else(|| Ok(before.clone()), read)?;
        if texts.is_empty() {
            return Self::built_in(folder, table);
        }
        if let Some(table) = table {
            return Err(ContractsError::TableBesideContracts { table: table.clone(), folder: kept });
        }
        let catalog = Arc::new(contracts::compile(&texts, secrets).map_err(ContractsError::Wrong)?);
        let new = contracts::parse(&texts).map_err(ContractsError::Wrong)?;
        let mut unkept = Vec::new();
        if given.is_some() {
            let mut old = contracts::parse(&before).map_err(ContractsError::Wrong)?;
            if folder.table().exists() && before.is_empty() {
                old.push(Contract::built_in(built_in_table(folder).map_err(damaged)?));
            }
            old.iter().try_for_each(|old| follow(old, &new, &kept))?;
            // By the table's name, whatever the file was called: so each takes the place of the one before.
            let files = new
                .iter()
                .zip(&texts)
                .map(|(contract, (_, text))| (kept.join(format!("{}.toml", contract.table)), text.clone()));
            unkept.extend(files.filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text)));
        }
        Ok(Self { contracts: new.into_iter().map(Arc::new).collect(), catalog, unkept })
    }

    /// Puts them in force: the data folder keeps them from here on. Each file takes the place of the one before at once,
    /// so a reader finds a contract of every table at any moment, and so does a start after a crash.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn keep(&self) -> Result<(), ContractsError> {
        let write = |path: &Path, text: &str| {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let new = path.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            File::open(folder)?.sync_all()
        };
        self.unkept.iter().try_for_each(|(path, text)| {
            write(path, text).map_err(|source| ContractsError::Unkept { folder: path.clone(), source })
        })
    }

    /// The built-in contract, of the table that the first start named.
    fn built_in(folder: &Folder, given: Option<&TableName>) -> Result<Self, ContractsError> {
        let (path, kept) = (folder.table(), built_in_table(folder).map_err(damaged)?);
        let table = match given {
            Some(given) if path.exists() && *given != kept => {
                return Err(ContractsError::OtherTable { kept, given: given.clone() });
            }
            Some(given) => given.clone(),
            None => kept,
        };
        let unkept = if path.exists() { Vec::new() } else { vec![(path, format!("{table}\n"))] };
        let catalog = Arc::new(Catalog::built_in(table.clone(), Limits::default()));
        Ok(Self { contracts: vec![Arc::new(Contract::built_in(table))], catalog, unkept })
    }
}

fn damaged(error: OpenError) -> ContractsError {
    ContractsError::Wrong(vec![iguazu_setup::chain_of(&error)])
}

fn read(folder: &Path) -> Result<Vec<Text>, ContractsError> {
    contracts::read_folder(&folder.display().to_string()).map_err(|problem| ContractsError::Wrong(vec![problem]))
}

/// Whether one of the new contracts may follow an old one.
fn follow(old: &Contract, new: &[Contract], kept: &Path) -> Result<(), ContractsError> {
    let may_not =
        |changes| Err(ContractsError::MayNotFollow { table: old.table.clone(), folder: kept.to_owned(), changes });
    let Some(new) = new.iter().find(|new| new.table == old.table) else {
        return may_not(vec!["there is none any more, and the table's events would go to quarantine".to_owned()]);
    };
    if new == old {
        return Ok(());
    }
    let comparison = compare(old, new);
    if comparison.may_follow() { Ok(()) } else { may_not(comparison.breaking().map(told).collect()) }
}

fn told(change: &Change) -> String {
    format!("  {}: {}", change.field, change.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "table = \"orders\"\nversion = 1\ntypes = [\"order.*\"]\n";

    fn in_force(folder: &Folder, given: Option<&Path>) -> Result<Vec<String>, String> {
        Contracts::in_force(folder, given, None, &Secrets::default())
            .and_then(|found| found.keep().map(|()| found))
            .map(|found| found.contracts.iter().map(|one| format!("{} v{}", one.table, one.version)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn those_that_were_given_stay_in_force_until_others_may_follow() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("data"));
        fs::create_dir_all(folder.path()).unwrap();
        let given = root.path().join("given");
        fs::create_dir_all(&given).unwrap();
        let orders = given.join("orders.toml");

        fs::write(&orders, ORDERS).unwrap();
        assert_eq!(in_force(&folder, Some(&given)).unwrap(), ["orders v1"]);
        assert_eq!(in_force(&folder, None).unwrap(), ["orders v1"], "a start without any goes on with them");

        let column = "\n[[column]]\nname = \"total\"\npath = \"/total\"\ntype = \"int64\"\n";
        fs::write(&orders, format!("{ORDERS}{column}")).unwrap();
        let refused = in_force(&folder, Some(&given)).unwrap_err();
        assert!(refused.starts_with("the contract of orders may not follow the one in force in "), "{refused}");
        fs::write(&orders, format!("{}{column}", ORDERS.replace("version = 1", "version = 2"))).unwrap();
        assert_eq!(in_force(&folder, Some(&given)).unwrap(), ["orders v2"]);
        assert_eq!(in_force(&folder, None).unwrap(), ["orders v2"]);

        // What a start that died has left half written is nobody's contract.
        fs::write(folder.contracts().join("orders.new"), "table = ").unwrap();
        assert_eq!(in_force(&folder, None).unwrap(), ["orders v2"]);
        assert_eq!(fs::read_dir(folder.contracts()).unwrap().count(), 2, "one file for the table, and the leftover");

        fs::rename(&orders, given.join("others.toml")).unwrap();
        fs::write(given.join("others.toml"), ORDERS.replace("orders", "others")).unwrap();
        let gone = in_force(&folder, Some(&given)).unwrap_err();
        assert!(gone.contains("there is none any more"), "{gone}");
        let table = "shop".parse().unwrap();
        let own = Folder::at(root.path().join("own"));
        fs::create_dir_all(own.path()).unwrap();
        let named = |name: Option<&TableName>| Contracts::in_force(&own, None, name, &Secrets::default());
        named(Some(&table)).unwrap().keep().unwrap();
        assert_eq!(named(None).unwrap().contracts[0].table, table, "the name is kept");
        let refused = named(Some(&"events".parse().unwrap())).err().unwrap().to_string();
        assert_eq!(refused, "the table of this data folder is shop, not events");
        let beside = Contracts::in_force(&folder, None, Some(&table), &Secrets::default()).err().unwrap().to_string();
        assert!(beside.starts_with("--table names the one table shop"), "{beside}");
        let gone = in_force(&own, Some(&given)).unwrap_err();
        assert!(gone.starts_with("the contract of shop may not follow"), "{gone}");

        fs::write(given.join("others.toml"), "table = ").unwrap();
        assert!(in_force(&folder, Some(&given)).unwrap_err().starts_with("the contracts cannot be used:\n"));
        assert_eq!(in_force(&folder, None).unwrap(), ["orders v2"]);
    }
}
