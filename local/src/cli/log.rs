//! The log file of a pipeline: bounded, by putting the full one aside.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// Bytes of the file at which a new one is begun. The one before stays, with `.1` at its end.
const BYTES_MAX: u64 = 64 << 20;

/// A log file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Log {
    /// Goes on with the file at a path, which is made if need be.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes })
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.bytes >= BYTES_MAX {
            self.begin_anew()?;
        }
        let written = self.file.write(text)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_is_put_aside_and_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("iguazu.log");
        let mut log = Log::open(path.clone()).unwrap();
        log.write_all(b"before\n").unwrap();
        log.bytes = BYTES_MAX;
        log.write_all(b"after\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(fs::read_to_string(path.with_extension("log.1")).unwrap(), "before\n");
        drop(log);
        assert_eq!(Log::open(path).unwrap().bytes, 6);
    }
}
