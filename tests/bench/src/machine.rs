//! What is asked of the machine: one core, the CPU time of this thread, and the memory of this process.
//!
//! CPU time and not a clock's: the core is shared with whatever else runs, and what that takes is no cost of ours.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

/// Keeps this thread, and the processes that it starts, on one core.
///
/// # Errors
/// Where the system does not say which cores there are, or will not have it.
#[cfg(target_os = "linux")]
pub fn pin() -> Result<usize, Failure> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    // The last one: what else the machine does tends to begin with the first.
    let core = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core)).ok_or("no core may be used")?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one)?;
    Ok(core)
}

/// Elsewhere a figure would be another one, so there is none.
#[cfg(not(target_os = "linux"))]
pub fn pin() -> Result<usize, Failure> {
    Err("this is done on Linux only".into())
}

/// The CPU time that something takes on this thread.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_time();
    let done = work();
    (done, thread_time().saturating_sub(before))
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The most memory that this process ever had, in bytes.
///
/// # Errors
/// Where the system has no `/proc`, or another than Linux'.
pub fn peak_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM in /proc")?.parse()?;
    Ok(kib * 1024)
}
