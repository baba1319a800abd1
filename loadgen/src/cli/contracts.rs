//! `loadgen contracts`: the contracts of the built-in workload.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Context, IntoDiagnostic};

use super::{Answer, say};
use crate::workload::shop;

/// What can be said.
#[derive(clap::Args)]
pub struct Args {
    /// Where to; it is made where it is not there.
    #[arg(value_name = "FOLDER", default_value = "contracts")]
    folder: PathBuf,
}

pub fn run(args: &Args) -> Answer {
    let unwritable = || format!("{} cannot be written; name another folder", args.folder.display());
    std::fs::create_dir_all(&args.folder).into_diagnostic().wrap_err_with(unwritable)?;
    for (file, text) in shop::contracts() {
        let path = args.folder.join(file);
        std::fs::write(&path, text).into_diagnostic().wrap_err_with(unwritable)?;
        say(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
