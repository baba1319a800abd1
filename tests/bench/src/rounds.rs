//! The measurement: rounds in which each side transforms the same invocation, one after the other.
//!
//! Rules:
//! - What is compared was measured within one round, so that a slow minute of the machine slows all sides.
//! - Medians are reported, with the fastest and the slowest round, so that noise shows.
//! - Each side is run before it is measured, as a warm function is.

use std::time::Duration;

use crate::Failure;
use crate::generate::Invocation;
use crate::machine::timed;
use crate::ours::Ours;
use crate::python::Python;
use crate::straightforward;
use crate::table::Layout;

/// What one round took.
#[derive(Clone, Copy)]
pub struct Round {
    /// The events that each side transformed.
    pub rows: usize,
    /// The CPU time of each side, in the order of [`Side`].
    pub took: [Duration; 3],
}

/// A side, by its place in a round.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// Iguazu.
    Ours,
    /// Rust.
    Rust,
    /// Python.
    Python,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Rust, Self::Python];

    /// Its name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "iguazu",
            Self::Rust => "rust, serde and arrow",
            Self::Python => "python, json and pyarrow",
        }
    }
}

/// Runs a layout's rounds.
///
/// # Errors
/// Where a side fails.
pub fn run(
    invocations: &[Invocation],
    python: &mut Python,
    layout: Layout,
    rounds: usize,
) -> Result<Vec<Round>, Failure> {
    let ours = Ours::start(layout)?;
    let warm_up = invocations.len();
    let mut measured = Vec::new();
    for round in 0..warm_up + rounds {
        let number = round % invocations.len();
        let invocation = &invocations[number];
        let (files, a) = timed(|| ours.transform(&invocation.json));
        drop(files?);
        let (files, b) = timed(|| straightforward::transform(&invocation.json, layout));
        drop(files?);
        let c = python.run(number, layout)?;
        if round >= warm_up {
            measured.push(Round { rows: invocation.truth.rows, took: [a, b, c] });
        }
    }
    Ok(measured)
}

/// The middle of some figures, and the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of figures, of which there is at least one.
    pub fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, min: at(0), max: at(last) }
    }
}

/// Events per second of a side.
pub fn speed(rounds: &[Round], side: Side) -> Spread {
    Spread::of(rounds.iter().map(|round| round.rows as f64 / round.took[side as usize].as_secs_f64()))
}

/// How many times as fast as another side ours is.
pub fn advantage(rounds: &[Round], over: Side) -> Spread {
    let ratio = |round: &Round| round.took[over as usize].as_secs_f64() / round.took[Side::Ours as usize].as_secs_f64();
    Spread::of(rounds.iter().map(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()), Spread { median: 2.5, min: 1.0, max: 4.0 });
    }

    #[test]
    fn an_advantage_is_taken_within_rounds_and_not_between_them() {
        let round = |a, b| Round { rows: 10, took: [a, b, b].map(Duration::from_millis) };
        let slow_minute = [round(10, 20), round(1_000, 2_000), round(10, 20)];
        assert_eq!(advantage(&slow_minute, Side::Rust), Spread { median: 2.0, min: 2.0, max: 2.0 });
        assert_eq!(speed(&slow_minute, Side::Ours).median, 1_000.0);
    }
}
