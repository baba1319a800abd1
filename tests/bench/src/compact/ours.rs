//! Our side: keys, one copy of each event, sorted by time, written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use iguazu_compact::ParquetTables;
use iguazu_compact::arrange::Sizes;
use iguazu_compact::format::{NewFile, Recipe, TableFormat as _};
use iguazu_compact::keep::{self, Candidate, RowRef};
use iguazu_transform::Contract;

use crate::Failure;
use crate::raw::CONTRACT;

/// Compacts a folder into another.
///
/// # Errors
/// Where that fails.
pub fn run(raw: &Path, out: &Path) -> Result<(), Failure> {
    let contract = Arc::new(Contract::parse("compact.toml", CONTRACT)?);
    let files = paths(raw)?.iter().map(|path| Ok(std::fs::read(path)?.into())).collect::<Result<Vec<_>, Failure>>()?;
    let new = compact_all(&contract, files)?;
    let mut bytes = 0;
    for (number, file) in new.iter().enumerate() {
        bytes += file.bytes.len();
        std::fs::write(out.join(format!("events-{number}.parquet")), &file.bytes)?;
        for rollup in &file.rollups {
            std::fs::write(out.join(format!("hourly-{number}.parquet")), &rollup.bytes)?;
        }
        let ids = file.ids.ok_or("a file without rows")?;
        let index = file.index.ok_or("a file without an index")?;
        let said = serde_json::json!({ "rows": file.rows, "ids": ids, "index": index });
        std::fs::write(out.join(format!("events-{number}.json")), said.to_string())?;
    }
    println!("{}", serde_json::json!({ "bytes": bytes }));
    Ok(())
}

/// The Parquet files of a folder, in order.
///
/// # Errors
/// Where it cannot be read.
pub fn paths(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Failure>>()?;
    let mut paths: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect();
    paths.sort_unstable();
    Ok(paths)
}

/// One run over raw files of one partition.
fn compact_all(contract: &Arc<Contract>, files: Vec<Bytes>) -> Result<Vec<NewFile>, Failure> {
    let format = ParquetTables;
    let bytes: usize = files.iter().map(Bytes::len).sum();
    let inputs = files.into_iter().map(|bytes| format.open(contract, bytes)).collect::<Result<Vec<_>, _>>()?;
    let mut candidates = Vec::with_capacity(inputs.iter().map(|input| input.rows()).sum());
    for (input, number) in inputs.iter().zip(0..) {
        let keys = format.keys(contract, input)?;
        candidates.extend(keys.rows.iter().zip(0..).map(|(key, row)| Candidate {
            id: key.id,
            copy: key.copy,
            at: RowRef { input: number, row },
        }));
    }
    let delivery = |at: RowRef| {
        let mut found = format.deliveries(&inputs[at.input as usize], &[at.row])?;
        found.pop().ok_or_else(|| Failure::from("no delivery"))
    };
    let kept = keep::best(contract.keep, candidates, delivery)?;
    let mut order: Vec<_> = kept.iter().map(|kept| (kept.copy.event_time, kept.at)).collect();
    drop(kept);
    order.sort_unstable();
    let rows: Vec<RowRef> = order.into_iter().map(|(_, at)| at).collect();
    let outputs = Sizes::default().files(bytes as u64) as usize;
    let recipes: Vec<_> = rows.chunks(rows.len().div_ceil(outputs)).map(|rows| Recipe::Rows(rows.to_vec())).collect();
    drop(rows);
    Ok(format.write(contract, &inputs, &recipes)?)
}
