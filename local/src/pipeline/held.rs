//! The data folder in the hands of one process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use iguazu_audit::Folder;
use thiserror::Error;

/// A data folder that this process holds. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// Why a folder cannot be had.
#[derive(Debug, Error)]
pub enum HeldError {
    /// Another process has it.
    #[error("the data folder {folder} is in use{by}")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// By whom, if that can be told.
        by: String,
    },
    /// It cannot be made or written.
    #[error("the data folder {folder} cannot be used")]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Held {
    /// Takes the folder, which is made if need be.
    ///
    /// # Errors
    /// Where another process has it, or it cannot be made or written.
    pub fn take(folder: &Folder) -> Result<Self, HeldError> {
        let unusable = |source| HeldError::Unusable { folder: folder.path().to_owned(), source };
        fs::create_dir_all(folder.path()).map_err(unusable)?;
        let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(folder.lock());
        let mut lock = open.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let read = lock.read_to_string(&mut process).is_ok();
                let known = read && process.trim().parse::<u32>().is_ok();
                let by = if known { format!(" by the process {}", process.trim()) } else { String::new() };
                return Err(HeldError::InUse { folder: folder.path().to_owned(), by });
            }
        }
        // For people who wonder who has it.
        lock.set_len(0).map_err(unusable)?;
        lock.rewind().map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_free_again_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("data"));
        let held = Held::take(&folder).unwrap();
        let refused = Held::take(&folder).unwrap_err();
        assert!(refused.to_string().ends_with(&format!("is in use by the process {}", std::process::id())));
        drop(held);
        Held::take(&folder).unwrap();
    }
}
