//! `run.json`: what a run was to send, what became of it, and how fast.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use iguazu_lake::ids::Timestamp;
use iguazu_setup::contracts::Text;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The version that is written.
pub const VERSION: u32 = 1;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version of this file.
    pub version: u32,
    /// The stream.
    pub stream: String,
    /// Where it was reached; nothing for AWS itself.
    pub endpoint: Option<String>,
    /// What was to be sent.
    pub plan: Plan,
    /// The contracts that events were made for: the names of their files, and their texts.
    pub contracts: Vec<Text>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Why it ended.
    pub ending: Ending,
    /// Records that were begun to be sent: the first so many of the plan.
    pub records: u64,
    /// Of those, the ones that were never acknowledged, so that nobody knows whether they arrived.
    pub undecided: Vec<u64>,
    /// What was counted.
    pub counts: Counts,
    /// From when an event was to be sent to its acknowledgement.
    pub latency: Latency,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Acknowledged records and bytes, by shard.
    pub shards: BTreeMap<String, ShardLoad>,
    /// When the endpoint could not be reached.
    pub outages: Vec<Outage>,
    /// Splits and merges.
    pub reshards: Vec<Reshard>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All of it was sent.
    Complete,
    /// Somebody stopped it.
    Interrupted,
    /// Nothing was taken for too long.
    GaveUp,
    /// The stream will never take what is sent.
    Refused,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that were acknowledged.
    pub acknowledged: u64,
    /// Documents in them.
    pub documents: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
    /// Requests without an answer, which may have been done nevertheless.
    pub unanswered: u64,
    /// Records that were sent once more.
    pub resent: u64,
    /// Records that were refused because there were too many.
    pub throttled: u64,
    /// Records that were refused because the stream failed.
    pub failed: u64,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half took at most so long.
    pub p50: u64,
    /// 90 of 100.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// All of them.
    pub max: u64,
}

/// A second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Which one, since the start.
    pub at: u64,
    /// Its counts.
    pub counts: Counts,
    /// The latencies of what was acknowledged in it.
    pub latency: Latency,
}

/// What a shard took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardLoad {
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A time in which no request was answered, in microseconds since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When the first request failed.
    pub from: u64,
    /// When one was answered again; nothing where none ever was.
    pub to: Option<u64>,
    /// What the first one failed of.
    pub problem: String,
}

/// A split or a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshard {
    /// When the stream was ready again, in microseconds since the start.
    pub at: u64,
    /// What was done, or why not.
    pub what: String,
}

/// Why a run's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The file system failed.
    #[error("{}: cannot be read or written; name the folder that `loadgen run` wrote with --run", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is damaged, or something else.
    #[error("{}: is no run of version {VERSION}; run the load again with this program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is of another program.
    #[error("{}: has version {found}, this program reads {VERSION}; use the program that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// Where the files of a run lie.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder at a path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the acknowledgements are.
    #[must_use]
    pub fn acks(&self) -> PathBuf {
        self.file("acks.bin")
    }

    /// Makes the folder, where it is not there yet.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(&self) -> Result<(), RunFileError> {
        std::fs::create_dir_all(&self.0).map_err(|source| RunFileError::Io { path: self.0.clone(), source })
    }

    /// Writes something as JSON.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RunFileError> {
        self.replace(name, |out| Ok(serde_json::to_writer_pretty(out, value)?))
    }

    /// Writes a file aside and puts it in its place once all of it is on the disk, so that a disk that fills up is told,
    /// and leaves what was there before.
    fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), RunFileError> {
        let (path, aside) = (self.file(name), self.file(&format!("{name}.new")));
        let written = File::create(&aside).and_then(|file| {
            let mut out = BufWriter::new(file);
            write(&mut out)?;
            out.flush()?;
            out.get_ref().sync_all()?;
            std::fs::rename(&aside, &path)
        });
        written.map_err(|source| {
            // The first error is the one to tell, and what was written in part is of no use.
            drop(std::fs::remove_file(&aside));
            RunFileError::Io { path, source }
        })
    }

    /// Reads something that was written as JSON; nothing where it was not.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, RunFileError> {
        let path = self.file(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RunFileError::Io { path, source }),
        };
        let read = serde_json::from_reader(BufReader::new(file));
        read.map(Some).map_err(|source| RunFileError::Foreign { path, source })
    }

    /// Takes a file away, if it is there.
    ///
    /// # Errors
    /// Where it is there and stays.
    pub fn forget(&self, name: &str) -> Result<(), RunFileError> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RunFileError::Io { path, source: error }),
            _ => Ok(()),
        }
    }

    /// Writes a text.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), RunFileError> {
        self.replace(name, |out| out.write_all(text.as_bytes()))
    }

    /// Writes a run.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, run: &Run) -> Result<(), RunFileError> {
        self.write_json("run.json", run)
    }

    /// Reads the run.
    ///
    /// # Errors
    /// Where it cannot be read, or is of another version.
    pub fn read(&self) -> Result<Run, RunFileError> {
        let path = self.file("run.json");
        let file = File::open(&path).map_err(|source| RunFileError::Io { path: path.clone(), source })?;
        let run: Run = serde_json::from_reader(BufReader::new(file))
            .map_err(|source| RunFileError::Foreign { path: path.clone(), source })?;
        if run.version == VERSION { Ok(run) } else { Err(RunFileError::Version { path, found: run.version }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        run.write_json("verify.json", &vec![1, 2, 3]).unwrap();
        run.write_json("verify.json", &7).unwrap();
        assert_eq!(run.read_json::<u32>("verify.json").unwrap(), Some(7));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_and_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        run.write_json("run.json", &1).unwrap();
        run.write_text("report.html", "before").unwrap();
        for name in ["run.json", "report.html"] {
            // Takes every byte into the buffer, and none beyond it.
            std::os::unix::fs::symlink("/dev/full", run.file(&format!("{name}.new"))).unwrap();
        }
        let told = [run.write_json("run.json", &2), run.write_text("report.html", "after")];
        for told in told {
            let RunFileError::Io { source, .. } = told.unwrap_err() else { panic!("another error") };
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        }
        assert_eq!(run.read_json::<u32>("run.json").unwrap(), Some(1));
        assert_eq!(std::fs::read_to_string(run.file("report.html")).unwrap(), "before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
