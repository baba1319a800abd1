//! Shrinking: from a schedule that fails to the few faults that make it fail.

use std::collections::BTreeSet;

use crate::faults::{Allowed, FaultAt};
use crate::schedule;

/// How many runs shrinking may take.
const RUNS_MAX: usize = 400;

/// A subset of the faults of a failing seed with which it still fails, and without any one of which it does not
/// (as far as the runs suffice). Delta debugging: halves first, then ever smaller parts.
#[must_use]
pub fn shrink(seed: u64, faults: &[FaultAt]) -> Vec<FaultAt> {
    let fails = |faults: &[FaultAt]| {
        let only: BTreeSet<_> = faults.iter().copied().collect();
        schedule::run(seed, Allowed::Only(only), false).violation.is_some()
    };
    let mut current = faults.to_vec();
    let mut runs = 0;
    let mut parts = 2;
    while !current.is_empty() && runs < RUNS_MAX {
        let size = current.len().div_ceil(parts);
        let smaller = (0..current.len()).step_by(size).find_map(|start| {
            runs += 1;
            let mut without = current.clone();
            without.drain(start..(start + size).min(current.len()));
            fails(&without).then_some(without)
        });
        match smaller {
            Some(smaller) => {
                current = smaller;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(current.len()),
        }
    }
    current
}
