//! The end-to-end test. Everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use iguazu_e2e::options::Options;

/// The exit code of a run that proves nothing either way.
const COULD_NOT: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = tokio::select! {
        ended = Box::pin(iguazu_e2e::run::run(&options)) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("iguazu-e2e: {problem}; seed {}, logs in {}", options.seed, options.out.display());
            ExitCode::from(COULD_NOT)
        }
    }
}
