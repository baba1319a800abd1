//! Our side: a run of the compactor for one bucket, as the Lambda does it, over a lake on the local disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iguazu_compact::plan::Budget;
use iguazu_compact::{Compactor, ParquetTables, Settings};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host as _;
use iguazu_transform::Contract;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::lake::{Lake, ROOT, wait};
use crate::raw::CONTRACT;

const DEADLINE: Duration = Duration::from_secs(900);

/// What a run did, as the compactor reports it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Did {
    /// Bytes written: data files, and the roll-up files beside them.
    pub bytes: u64,
    /// Versions that were committed.
    pub versions: u64,
    /// Raw files.
    pub files: u64,
    /// Bytes of them.
    pub raw_bytes: u64,
    /// Rows that were taken.
    pub rows: u64,
    /// Copies that were dropped.
    pub duplicates: u64,
    /// Live rows that a better copy replaced.
    pub replaced: u64,
    /// Bytes of live files that were read to learn what they hold.
    pub bytes_asked: u64,
    /// Bytes of live files that were read whole.
    pub bytes_reread: u64,
    /// Live files that were written anew.
    pub files_rewritten: u64,
    /// GET requests.
    pub gets: u64,
    /// PUT requests.
    pub puts: u64,
    /// Requests to the ledger.
    pub ledger: u64,
}

/// Compacts what is new in the lake of a folder, and says what that took.
///
/// # Errors
/// Where that fails, or leaves something for a second version.
pub fn run(folder: &Path) -> Result<(), Failure> {
    let contract = Arc::new(Contract::parse("compact.toml", CONTRACT)?);
    let report = wait(async {
        let Lake { objects, ledger, .. } = Lake::open(folder)?;
        // All in one version, as DuckDB does it.
        let budget = Budget { rows_max: u64::MAX / 2, bytes_max: u64::MAX / 2, ..Budget::default() };
        let settings = Settings { budget, root: ROOT.to_owned(), ..Settings::default() };
        let compactor = Compactor::new(objects, ledger, SystemHost, ParquetTables, settings);
        let ran = compactor.run(&contract, 0, SystemHost.now().plus(DEADLINE)).await;
        ran.answer?;
        Ok(ran.report)
    })?;
    let did = Did {
        bytes: report.bytes_written,
        versions: report.versions,
        files: report.files_read,
        raw_bytes: report.raw_bytes,
        rows: report.rows_taken,
        duplicates: report.duplicates,
        replaced: report.replaced,
        bytes_asked: report.bytes_asked,
        bytes_reread: report.bytes_reread,
        files_rewritten: report.files_rewritten,
        gets: report.gets + report.requests_asked,
        puts: report.puts,
        ledger: report.ledger,
    };
    if did.versions != 1 {
        return Err(format!("{} versions, and not one", did.versions).into());
    }
    println!("{}", serde_json::to_string(&did)?);
    Ok(())
}
