//! What is asked of the machine: one core, the CPU time of this thread, and the memory of this process.
//!
//! CPU time and not a clock's: the core is shared with whatever else runs, and what that takes is no cost of ours.

use std::time::Duration;

use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

/// Keeps this thread, and the processes that it starts, on one core.
///
/// # Errors
/// Where the system does not say or will not have it.
pub fn pin() -> Result<usize, Failure> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    // The last one: interrupts and other people's programs like the first.
    let core = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core)).ok_or("no core may be used")?;
    let mut one = CpuSet::new();
    one.set(core);
    rustix::thread::sched_setaffinity(None, &one)?;
    Ok(core)
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
