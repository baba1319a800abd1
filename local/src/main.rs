//! The program `iguazu`.

use std::process::ExitCode;

fn main() -> ExitCode {
    iguazu_local::cli::main()
}
