//! The environment of the process: the one place of the command line that reads it.

use std::path::PathBuf;

use iguazu_setup::variables::{Reader, SECRET_PREFIX};
use iguazu_transform::Secrets;
use miette::miette;

/// The variables that are Unicode; secrets of contracts are among them.
pub fn all() -> Vec<(String, String)> {
    #[expect(clippy::disallowed_methods, reason = "read once, at the start of a command")]
    // Not `vars`, which panics where any variable of the process is not Unicode.
    let variables = std::env::vars_os();
    variables.filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok())).collect()
}

/// The secrets that contracts may name.
///
/// # Errors
/// Where one of them is too short.
pub fn secrets() -> miette::Result<Secrets> {
    let mut variables = all();
    // The other variables of ours are not this command's business.
    variables.retain(|(name, _)| name.starts_with(SECRET_PREFIX));
    let mut reader = Reader::new(&variables, &[]);
    let secrets = reader.secrets();
    if reader.problems.is_empty() { Ok(secrets) } else { Err(miette!("{}", reader.problems.join("\n"))) }
}

/// The folders in which programs are looked for.
pub fn program_folders() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "read once, at the start of a command")]
    let path = std::env::var_os("PATH");
    path.map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
