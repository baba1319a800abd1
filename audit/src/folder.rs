//! The data folder of a pipeline on one machine: what lies where.
//!
//! ```text
//! <data>/lock             held by the process that runs the pipeline
//!        address          where its Kinesis endpoint listens, while it runs
//!        contracts/       the contracts in force, as the last start found them; none: the built-in one
//!        table            the table of the built-in contract, where there are no others
//!        lake/            the objects, as a bucket would hold them
//!        ledger.sqlite    the ledger
//!        stream.sqlite    the records of the endpoint, and how far the mapping has come
//!        failures/        what the mapping gave up, if it was told to give up anything
//!        iguazu.log       what the pipeline has to say
//! ```

use std::path::{Path, PathBuf};

/// A data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the process that runs the pipeline holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Where the address of the endpoint is written.
    #[must_use]
    pub fn address(&self) -> PathBuf {
        self.0.join("address")
    }

    /// The contracts in force.
    #[must_use]
    pub fn contracts(&self) -> PathBuf {
        self.0.join("contracts")
    }

    /// The name of the built-in contract's table.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.0.join("table")
    }

    /// The root of the object store.
    #[must_use]
    pub fn lake(&self) -> PathBuf {
        self.0.join("lake")
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }

    /// The records of the endpoint and the checkpoints of the mapping.
    #[must_use]
    pub fn stream(&self) -> PathBuf {
        self.0.join("stream.sqlite")
    }

    /// What the mapping gave up.
    #[must_use]
    pub fn failures(&self) -> PathBuf {
        self.0.join("failures")
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("iguazu.log")
    }
}
