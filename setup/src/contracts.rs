//! The contracts of a deployment: the `*.toml` files of a folder, read and compiled once, at start.
//!
//! Every problem of every file is told, not only the first.

use std::path::Path;

use iguazu_transform::{Catalog, Contract, Limits, Secrets};

/// A contract as it was found: its file's name, and its text.
pub type Text = (String, String);

/// The contracts of a folder, in the order of their names.
///
/// # Errors
/// Where the folder or a file of it cannot be read, or holds no contract.
pub fn read_folder(folder: &str) -> Result<Vec<Text>, String> {
    let unreadable = |path: &Path, error: std::io::Error| format!("{}: cannot be read: {error}", path.display());
    let folder = Path::new(folder);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(format!("{}: holds no contract: expected files <table>.toml", folder.display()));
    }
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        Ok((path.display().to_string(), text))
    };
    paths.iter().map(read).collect()
}

/// The catalog of these contracts.
///
/// # Errors
/// With a line for each problem.
pub fn compile(texts: &[Text], secrets: &Secrets) -> Result<Catalog, Vec<String>> {
    let contracts = parse(texts)?;
    Catalog::new(contracts, secrets, Limits::default()).map_err(|error| {
        let mut text = format!("the contracts do not fit together: {error}");
        if let Some(cause) = std::error::Error::source(&error) {
            text = format!("{text}: {cause}");
        }
        vec![text]
    })
}

/// The contracts of a deployment without what compiling them needs: for programs that read what was decoded already.
///
/// # Errors
/// With a line for each problem.
pub fn parse(texts: &[Text]) -> Result<Vec<Contract>, Vec<String>> {
    let mut problems = Vec::new();
    let mut contracts = Vec::new();
    for (file, text) in texts {
        match Contract::parse(file, text) {
            Ok(contract) => contracts.push(contract),
            Err(errors) => {
                problems.extend(errors.problems.iter().map(ToString::to_string));
                problems.extend((errors.more > 0).then(|| format!("{file}: has {} problems more", errors.more)));
            }
        }
    }
    if problems.is_empty() { Ok(contracts) } else { Err(problems) }
}
