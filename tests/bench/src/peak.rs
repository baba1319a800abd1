//! The memory of one invocation: a fresh process that reads it and transforms it once, and nothing else.
//!
//! The whole process counts, the invocation's bytes included, because all of it must fit the function.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::machine::peak_bytes;
use crate::ours::Ours;
use crate::table::Layout;

/// What a process may have at its peak.
pub const PEAK_BYTES_MAX: u64 = 64_000_000;

/// The memory of a process, at its most.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Peak {
    /// Before the transform, with the invocation in memory.
    pub before_bytes: u64,
    /// After it.
    pub bytes: u64,
}

/// Transforms an invocation once; this process must have done nothing else.
///
/// # Errors
/// Where there is no such file, or the transform fails.
pub fn measure(invocation: &Path) -> Result<Peak, Failure> {
    let payload = std::fs::read(invocation)?;
    let ours = Ours::start(Layout::Own)?;
    let before_bytes = peak_bytes()?;
    let files = ours.transform(&payload)?;
    let bytes = peak_bytes()?;
    drop(files);
    Ok(Peak { before_bytes, bytes })
}

/// The same in a process of its own.
///
/// # Errors
/// Where that fails.
pub fn measure_apart(invocation: &Path) -> Result<Peak, Failure> {
    let child = Command::new(std::env::current_exe()?)
        .args(["--peak".as_ref(), invocation.as_os_str()])
        .stderr(Stdio::inherit())
        .output()?;
    if !child.status.success() {
        return Err("the process whose memory is measured failed".into());
    }
    Ok(serde_json::from_slice(&child.stdout)?)
}
