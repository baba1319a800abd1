//! What happens to an invocation's container. Pure: a function of the seed, the function and the invocation's number.

use std::time::Duration;

use iguazu_loadgen::random::Draw;

/// What happens to a container in the middle of an invocation, unless it has answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Its process is killed after so long.
    Kill(Duration),
    /// It is frozen after so long, before the deadline that it was told, as by a clock that goes ahead of its own.
    Freeze(Duration),
    /// It is told a deadline that is near, and frozen at it.
    Hurry(Duration),
}

/// What was decided for an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What happens, if anything does.
    pub mishap: Option<Mishap>,
    /// For how long a container stays frozen.
    pub frozen: Duration,
    /// Whether a container that was woken is used again; else it is killed once it has given its late answer.
    pub used_again: bool,
}

/// One in so many invocations is killed, is frozen, is hurried: each of the three.
const ONE_IN: u64 = 14;

/// The plan of the invocation of a number.
#[must_use]
pub fn plan(seed: u64, function: &str, number: u64) -> Plan {
    let mut draw = Draw::of(seed, function, number);
    let at = draw.below(ONE_IN);
    // Most commits take some tens of milliseconds: so the moments lie close, and some a good deal later.
    let reach = if draw.below(4) == 0 { 400 } else { 60 };
    let moment = Duration::from_millis(2 + draw.below(reach));
    let mishap = match at {
        0 => Some(Mishap::Kill(moment)),
        1 => Some(Mishap::Freeze(moment)),
        2 => Some(Mishap::Hurry(moment + Duration::from_millis(100))),
        _ => None,
    };
    Plan { mishap, frozen: Duration::from_millis(500 + draw.below(5_500)), used_again: draw.below(2) == 0 }
}

/// Whether a shard is read by two pollers at once, and how long after the first the second one begins.
#[must_use]
pub fn second_poller(seed: u64, shard: u64) -> Option<Duration> {
    let mut draw = Draw::of(seed, "second poller", shard);
    (draw.below(2) == 0).then(|| Duration::from_millis(1_000 + draw.below(6_000)))
}

/// Whether the mapping gives a batch up that has failed, in place of trying it again: told how many have failed before.
#[must_use]
pub fn gives_up(seed: u64, failed: u64) -> bool {
    Draw::of(seed, "give up", failed).below(4) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_made_again_from_its_seed_function_and_number() {
        let plans = |seed, function| (0..500).map(|number| plan(seed, function, number)).collect::<Vec<_>>();
        assert_eq!(plans(5, "ingest"), plans(5, "ingest"));
        assert_ne!(plans(5, "ingest"), plans(6, "ingest"));
        assert_ne!(plans(5, "ingest"), plans(5, "compact"));
    }

    #[test]
    fn every_mishap_comes_early_in_every_seed() {
        for seed in 0..200 {
            let mishaps: Vec<_> = (0..150).filter_map(|number| plan(seed, "ingest", number).mishap).collect();
            let some = |which: fn(&Mishap) -> bool| mishaps.iter().any(which);
            assert!(some(|of| matches!(of, Mishap::Kill(_))), "seed {seed}");
            assert!(some(|of| matches!(of, Mishap::Freeze(_))), "seed {seed}");
            assert!(some(|of| matches!(of, Mishap::Hurry(_))), "seed {seed}");
        }
    }

    #[test]
    fn some_failed_batches_are_given_up_and_most_come_again() {
        let given_up = (0..200).filter(|&failed| gives_up(3, failed)).count();
        assert!((20..80).contains(&given_up), "{given_up}");
    }

    #[test]
    fn some_shards_have_two_pollers_and_some_have_one() {
        let doubled = (0..100).filter(|&shard| second_poller(9, shard).is_some()).count();
        assert!((20..80).contains(&doubled), "{doubled}");
    }
}
