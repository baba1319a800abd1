//! The command line of the simulation.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use clap::{Parser, Subcommand};
use iguazu_sim::counters::Counters;
use iguazu_sim::faults::{Allowed, FaultAt};
use iguazu_sim::schedule::{self, Outcome};
use iguazu_sim::shrink::shrink;

/// Simulates Iguazu under faults and checks its invariants.
#[derive(Parser)]
#[command(name = "iguazu-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs many seeds; stops at the first that violates an invariant, shrinks it and prints its timeline.
    Run {
        /// How many seeds.
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// Threads; each runs its own schedules.
        #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, |n| n.get() as u64))]
        threads: u64,
        /// Prints only the first failing seed and its violation: for running mutants.
        #[arg(long)]
        brief: bool,
    },
    /// Runs one seed and prints its timeline.
    Replay {
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// Lets only these faults happen, such as 0.3.2.lost_reply; `none` for no faults at all.
        #[arg(long, value_delimiter = ',')]
        only: Option<Vec<String>>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { seeds, first, threads, brief } => run(seeds, first, threads.max(1), brief),
        Command::Replay { seed, only } => replay(seed, only),
    }
}

struct Summary {
    schedules: u64,
    counters: Counters,
    failure: Option<(u64, Outcome)>,
}

fn simulate(seeds: u64, first: u64, threads: u64) -> Summary {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| work(&next, first + seeds, &stop, sender));
        }
        drop(sender);
        let mut summary = Summary { schedules: 0, counters: Counters::default(), failure: None };
        for (schedules, counters, failure) in receiver {
            summary.schedules += schedules;
            summary.counters.merge(&counters);
            if summary.schedules % 100_000 < schedules && seeds > 100_000 {
                eprintln!("{} of {seeds} schedules", summary.schedules);
            }
            // The lowest failing seed, whichever thread found it.
            if let Some((seed, outcome)) = failure
                && summary.failure.as_ref().is_none_or(|(lowest, _)| seed < *lowest)
            {
                summary.failure = Some((seed, outcome));
            }
        }
        summary
    })
}

type Part = (u64, Counters, Option<(u64, Outcome)>);

fn work(next: &AtomicU64, end: u64, stop: &AtomicBool, sender: mpsc::Sender<Part>) {
    const CHUNK: u64 = 500;
    while !stop.load(Ordering::Relaxed) {
        let start = next.fetch_add(CHUNK, Ordering::Relaxed);
        if start >= end {
            return;
        }
        let mut counters = Counters::default();
        let mut schedules = 0;
        let mut failure = None;
        for seed in start..(start + CHUNK).min(end) {
            let outcome = schedule::run(seed, Allowed::All, false);
            schedules += 1;
            counters.merge(&outcome.counters);
            if outcome.violation.is_some() {
                stop.store(true, Ordering::Relaxed);
                failure = Some((seed, outcome));
                break;
            }
        }
        if sender.send((schedules, counters, failure)).is_err() {
            return;
        }
    }
}

fn run(seeds: u64, first: u64, threads: u64, brief: bool) -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "how long the simulation took is no part of it")]
    let begun = Instant::now();
    if brief {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let summary = simulate(seeds, first, threads);
    let seconds = begun.elapsed().as_secs_f64();
    if let Some((seed, outcome)) = &summary.failure {
        explain(*seed, outcome, brief);
    } else if !brief {
        for (name, count) in summary.counters.named() {
            println!("{name:<34} {count:>14}");
        }
    }
    let violations = u64::from(summary.failure.is_some());
    let zeros = summary.counters.zeros();
    println!(
        "RESULT sim schedules={} violations={violations} seconds={seconds:.1} counters_zero={zeros}",
        summary.schedules
    );
    // A short run need not reach everything; one that claims coverage must.
    let unreached = zeros > 0 && seeds >= 100_000;
    if violations > 0 || unreached { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn explain(seed: u64, outcome: &Outcome, brief: bool) {
    let Some(violation) = &outcome.violation else { return };
    println!("seed {seed}: {violation}");
    if brief {
        return;
    }
    let faults = shrink(seed, &outcome.faults);
    match faults.len() {
        0 => println!("{} faults, none of which is needed: the scene is enough", outcome.faults.len()),
        needed => println!("{} faults, of which {needed} are needed:", outcome.faults.len()),
    }
    faults.iter().for_each(|fault| println!("  {fault}"));
    print_timeline(&schedule::run(seed, Allowed::Only(faults.iter().copied().collect()), true));
    let only = if faults.is_empty() { "none".to_owned() } else { list(&faults) };
    println!("again with: make sim-replay SEED={seed} ONLY={only}");
}

fn list(faults: &[FaultAt]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn print_timeline(outcome: &Outcome) {
    println!("     seconds  what happened");
    outcome.timeline.iter().for_each(|line| println!("{line}"));
}

fn replay(seed: u64, only: Option<Vec<String>>) -> ExitCode {
    let only = only.map(|texts| texts.iter().filter(|text| *text != "none").map(|text| text.parse()).collect());
    let allowed = match only.transpose() {
        Ok(only) => only.map_or(Allowed::All, Allowed::Only),
        Err(problem) => {
            let problem: String = problem;
            eprintln!("iguazu-sim: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = schedule::run(seed, allowed, true);
    print_timeline(&outcome);
    match &outcome.violation {
        Some(violation) => {
            println!("seed {seed}: {violation}");
            ExitCode::FAILURE
        }
        None => {
            println!("seed {seed}: every invariant holds; faults: {}", list(&outcome.faults));
            ExitCode::SUCCESS
        }
    }
}
