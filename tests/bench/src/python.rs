//! The other process: `baseline.py` under Python, asked for one round at a time so that its rounds alternate with
//! those of this process on the same core.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::Failure;
use crate::table::Layout;

/// Python, waiting for requests.
pub struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Ran {
    cpu_seconds: f64,
}

impl Python {
    /// Starts it and has it read the invocations.
    ///
    /// # Errors
    /// Where Python is not there, or is without pyarrow.
    pub fn start(interpreter: &Path, invocations: &[std::path::PathBuf]) -> Result<Self, Failure> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.py");
        let mut child =
            Command::new(interpreter).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(
                |error| format!("{} does not start: {error}; run `make bench-transform`", interpreter.display()),
            )?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from Python")?);
        let mut python = Self { child, requests, answers };
        for path in invocations {
            python.ask(&format!("load {}", path.display()))?;
        }
        Ok(python)
    }

    /// Transforms an invocation; the CPU time that it took.
    ///
    /// # Errors
    /// Where Python failed.
    pub fn run(&mut self, invocation: usize, layout: Layout) -> Result<Duration, Failure> {
        let answer = self.ask(&format!("run {invocation} {}", layout.name()))?;
        Ok(Duration::try_from_secs_f64(serde_json::from_str::<Ran>(&answer)?.cpu_seconds)?)
    }

    /// Transforms an invocation; the files.
    ///
    /// # Errors
    /// Where Python failed, or its files cannot be read.
    pub fn files(&mut self, invocation: usize, layout: Layout) -> Result<Vec<Bytes>, Failure> {
        let folder = tempfile::tempdir()?;
        self.ask(&format!("write {invocation} {} {}", layout.name(), folder.path().display()))?;
        let mut paths =
            std::fs::read_dir(folder.path())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Failure>>()?;
        paths.sort_unstable();
        paths.iter().map(|path| Ok(std::fs::read(path)?.into())).collect()
    }

    fn ask(&mut self, request: &str) -> Result<String, Failure> {
        let requests = self.requests.as_mut().ok_or("Python was told to end")?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err("Python failed; what it says is above".into()),
            _ => Ok(answer),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its requests ends it. What it says while it goes no one asks any more.
        self.requests = None;
        drop(self.child.wait());
    }
}
