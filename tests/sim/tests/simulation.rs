//! The simulation of itself: that it replays, that it shrinks, and that a schedule without faults is one.

use std::collections::BTreeSet;

use iguazu_sim::draw::{Actor, Draws};
use iguazu_sim::faults::{Allowed, Fault, FaultAt};
use iguazu_sim::schedule;

#[test]
fn the_same_seed_gives_the_same_timeline_to_the_byte() {
    for seed in 0..300 {
        let (first, second) = (schedule::run(seed, Allowed::All, true), schedule::run(seed, Allowed::All, true));
        assert!(!first.timeline.is_empty());
        assert_eq!(first.timeline, second.timeline, "seed {seed}");
        assert_eq!((first.counters, first.faults), (second.counters, second.faults), "seed {seed}");
    }
}

#[test]
fn watching_a_schedule_does_not_change_it() {
    for seed in 0..100 {
        let (watched, unwatched) = (schedule::run(seed, Allowed::All, true), schedule::run(seed, Allowed::All, false));
        assert_eq!((watched.counters, watched.faults), (unwatched.counters, unwatched.faults), "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_timelines() {
    let timelines: BTreeSet<_> = (0..100).map(|seed| schedule::run(seed, Allowed::All, true).timeline).collect();
    assert_eq!(timelines.len(), 100);
}

#[test]
fn replaying_a_seed_with_the_faults_that_it_had_gives_the_same_timeline() {
    for seed in 0..100 {
        let all = schedule::run(seed, Allowed::All, true);
        let only = Allowed::Only(all.faults.iter().copied().collect());
        assert_eq!(schedule::run(seed, only, true).timeline, all.timeline, "seed {seed}");
    }
}

#[test]
fn a_fault_that_is_taken_away_leaves_the_faults_of_others_where_they_were() {
    let seed = (0..).find(|&seed| schedule::run(seed, Allowed::All, false).faults.len() > 6).unwrap();
    let all = schedule::run(seed, Allowed::All, false).faults;
    let last = *all.last().unwrap();
    let without: BTreeSet<_> = all.iter().copied().filter(|fault| *fault != last).collect();
    let rest = schedule::run(seed, Allowed::Only(without), false).faults;
    // Everything before the last fault happened before it could have any effect.
    assert_eq!(rest, all[..all.len() - 1].to_vec());
}

#[test]
fn a_fault_reads_back_from_its_text() {
    for fault in Fault::ALL {
        let at = FaultAt { poller: 1_010, invocation: 3, call: 2, fault };
        assert_eq!(at.to_string().parse::<FaultAt>(), Ok(at));
    }
    for text in ["", "1.2.3", "1.2.3.rain", "a.2.3.rewind", "1.2.rewind"] {
        assert!(text.parse::<FaultAt>().is_err(), "{text:?}");
    }
}

#[test]
fn draws_are_even() {
    let mut draws = Draws::new(7, Actor::SCENE);
    let mut counts = [0_u32; 10];
    (0..100_000).for_each(|_| counts[draws.index(10)] += 1);
    assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
}
