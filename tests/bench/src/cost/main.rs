//! What the pipeline costs on AWS, beside Firehose and beside a write to DynamoDB for each event.
//!
//! ```text
//! events ─▶ production ingest ─▶ stores that count ◀─ production compaction     under a clock that is set
//!                                      │
//!             requests, bytes, CPU time ─▶ bill ◀─ prices.json (list prices, assumptions)
//! ```
//!
//! - [`world`] runs the code that is deployed; [`feed`] makes what it is given, and [`ask`] asks a file for ids.
//! - [`bill`] and [`beside`] are arithmetic; [`report`] prints it.
//!
//! Rules:
//! - Every quantity says whether it was counted, measured, projected or assumed. Prices are data, in one file.
//! - All but CPU time is the same in every run.
//!
//! Deliberately absent: queries (Athena, Spark), the transfer of data, taxes and free tiers.

mod ask;
mod beside;
mod bill;
mod feed;
#[path = "../generate.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "whole invocations are what the other benchmark is about"))]
mod generate;
#[path = "../kinds.rs"]
mod kinds;
#[path = "../machine.rs"]
#[expect(dead_code, reason = "only the CPU time is asked for here")]
mod machine;
mod prices;
#[path = "../random.rs"]
mod random;
mod report;
mod scale;
mod world;

use std::process::ExitCode;

use crate::scale::{Options, Scale};

/// Why there is no result. Nobody decides by it.
type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: cost [--json] [--window SECONDS] [--schedule MINUTES] [--age DAYS]
  --window    how long the mapping gathers a batch, 0 to 300 (default: 30)
  --schedule  between two dispatches of compaction, 1 to 60 (default: 5)
  --age       how old the table is whose ids are random, 1 to 3650 (default: 30)";

fn main() -> ExitCode {
    match options().and_then(|(json, options)| cost(json, options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cost: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<(bool, Options), Failure> {
    let mut options = Options::default();
    let mut json = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |least: u64, most: u64| -> Result<u64, Failure> {
            let given: u64 = arguments.next().ok_or(USAGE)?.parse()?;
            if (least..=most).contains(&given) { Ok(given) } else { Err(USAGE.into()) }
        };
        match argument.as_str() {
            "--json" => json = true,
            "--window" => options.window_s = number(0, 300)?.max(1),
            "--schedule" => options.schedule_s = 60 * number(1, 60)?,
            "--age" => options.age_days = number(1, 3_650)? as f64,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((json, options))
}

fn cost(json: bool, options: Options) -> Result<(), Failure> {
    let list = prices::read()?;
    if cfg!(debug_assertions) {
        eprintln!("cost: this is a development build, and its CPU time is too high; `make cost` builds another one");
    }
    let scales = Scale::all(&options);
    let mut results = Vec::new();
    for scale in scales {
        eprintln!("cost: simulating {}", scale.says());
        results.push(scale.run(&list, &options)?);
    }
    report::print(&results, &list, &options, json)
}
