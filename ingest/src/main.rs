//! The ingest Lambda. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match iguazu_ingest::lambda::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iguazu-ingest: {}", iguazu_setup::chain_of(&*error));
            ExitCode::FAILURE
        }
    }
}
