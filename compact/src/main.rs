//! The compaction Lambda. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match iguazu_compact::lambda::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iguazu-compact: {}", iguazu_setup::chain_of(&*error));
            ExitCode::FAILURE
        }
    }
}
