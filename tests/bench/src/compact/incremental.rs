//! A run that adds a few events to a large table: what it reads of the table, and what it writes.

use std::path::Path;

use crate::lake::{Lake, wait};
use crate::raw::{self, Input, PRESENT};
use crate::{Failure, Options, Took, emptied, measured};

/// What a run took, and of what table.
#[derive(Debug)]
pub struct Added {
    /// Bytes of the table's data files before.
    pub table_bytes: u64,
    /// Its data files.
    pub table_files: usize,
    /// The run.
    pub took: Took,
}

impl Added {
    /// The part of the table that was read.
    pub fn share(&self) -> f64 {
        (self.took.said.bytes_asked + self.took.said.bytes_reread) as f64 / self.table_bytes as f64
    }
}

/// Adds the events of one more raw file to the table of a lake. Some of them are in the table already: with a later
/// time where `later`, and else as they were.
///
/// # Errors
/// Where that fails, or not each of them is found.
pub fn run(options: &Options, input: &Input, table: &Path, later: bool) -> Result<Added, Failure> {
    let folder = emptied(&options.folder.join(if later { "later" } else { "again" }))?;
    Lake::copy(table, &folder)?;
    let (table_bytes, table_files) = {
        let lake = Lake::open(&folder)?;
        raw::add(input, &lake, later)?;
        let live = wait(lake.live(&raw::TABLE.parse()?))?;
        (live.bytes()?, live.events.len())
    };
    let took = measured(options, &[&std::env::current_exe()?, "--ours".as_ref(), &folder])?;
    let replaced = if later { PRESENT } else { 0 };
    let (found, better) = (took.said.duplicates, took.said.replaced);
    if (found, better) != (PRESENT, replaced) {
        return Err(format!("{found} copies of {PRESENT} were found, and {better} of {replaced} better ones").into());
    }
    Ok(Added { table_bytes, table_files, took })
}
