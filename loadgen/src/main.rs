//! The program `loadgen`.

use std::process::ExitCode;

fn main() -> ExitCode {
    iguazu_loadgen::cli::main()
}
