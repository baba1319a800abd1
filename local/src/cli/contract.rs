use std::process::ExitCode;

use super::{Answer, Common};

#[derive(clap::Subcommand)]
pub enum Command {
    List,
}

pub fn run(_common: &Common, _command: Command) -> Answer {
    Ok(ExitCode::SUCCESS)
}
