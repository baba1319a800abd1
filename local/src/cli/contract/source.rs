//! Contracts of files and folders, with their texts, so that what is wrong with one is shown where it is.

use std::path::{Path, PathBuf};

use iguazu_setup::contracts;
use iguazu_transform::contract::Problem;
use iguazu_transform::{Catalog, CatalogError, Contract, Limits, Secrets};
use miette::{Diagnostic, miette};

use crate::cli::present::{Excerpt, counted};

/// A contract's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, as problems call it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A sound contract and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its path.
    pub file: String,
    /// The contract.
    pub contract: Contract,
}

/// What reading contracts came to.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Those that are sound, in the order of their files.
    pub sound: Vec<Sound>,
    /// What is wrong with the others.
    pub problems: Vec<Problem>,
    /// Problems that are not told one by one.
    pub more: usize,
}

/// Contracts that have problems, where sound ones are needed.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{summary}")]
#[diagnostic(help("`iguazu contract check` tells the same; docs/CONTRACTS.md is the reference"))]
struct Unsound {
    summary: String,
    #[related]
    excerpts: Vec<Excerpt>,
}

/// The files of paths, each of which is a contract's file or a folder of such; each file once.
///
/// # Errors
/// Where one cannot be read, or a folder has none.
pub fn files(paths: &[PathBuf]) -> miette::Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    for path in paths {
        let found = if path.is_dir() { of_folder(path)? } else { vec![of_file(path)?] };
        for file in found {
            if !files.iter().any(|known| known.name == file.name) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

const HELP: &str = "name the file of a contract, <table>.toml, or a folder of them";

fn of_folder(path: &Path) -> miette::Result<Vec<File>> {
    let texts = contracts::read_folder(&path.to_string_lossy()).map_err(|problem| miette!(help = HELP, "{problem}"))?;
    Ok(texts.into_iter().map(|(name, text)| File { name, text }).collect())
}

fn of_file(path: &Path) -> miette::Result<File> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| miette!(help = HELP, "{name}: cannot be read: {error}"))?;
    Ok(File { name, text })
}

/// Reads the contracts of files.
pub fn read(files: &[File]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        match Contract::parse(&file.name, &file.text) {
            Ok(contract) => reading.sound.push(Sound { file: file.name.clone(), contract }),
            Err(errors) => {
                reading.problems.extend(errors.problems);
                reading.more += errors.more;
            }
        }
    }
    reading
}

/// The contracts of files, all of which must be sound.
///
/// # Errors
/// With every problem and where it is.
pub fn sound(files: &[File]) -> miette::Result<Vec<Sound>> {
    let reading = read(files);
    if reading.problems.is_empty() {
        return Ok(reading.sound);
    }
    let problems = (reading.problems.len() + reading.more) as u64;
    let mut named: Vec<_> = reading.problems.iter().map(|problem| problem.file.as_str()).collect();
    named.dedup();
    let summary = format!("{} in {}", counted(problems, "problem", "problems"), named.join(", "));
    let excerpts = reading.problems.iter().map(|problem| excerpt(problem, files)).collect();
    Err(Unsound { summary, excerpts }.into())
}

/// The contract of one file.
///
/// # Errors
/// As [`files`] and [`sound`].
pub fn one(path: &Path) -> miette::Result<Contract> {
    let sound = sound(&[of_file(path)?])?;
    sound.into_iter().next().map(|sound| sound.contract).ok_or_else(|| miette!("{} holds no contract", path.display()))
}

/// The place of a problem.
pub fn excerpt(problem: &Problem, files: &[File]) -> Excerpt {
    let text = files.iter().find(|file| file.name == problem.file).map_or("", |file| file.text.as_str());
    let said = if problem.field.is_empty() {
        problem.problem.clone()
    } else {
        format!("{}: {}", problem.field, problem.problem)
    };
    let expected = problem.expected.as_ref().map(|expected| format!("expected {expected}"));
    let help: Vec<_> = expected.into_iter().chain(problem.suggestion.clone()).collect();
    let help = if help.is_empty() { None } else { Some(help.join("; ")) };
    Excerpt::new(&problem.file, &text.replace('\r', " "), problem.line, problem.column, said, help)
}

/// The contracts as those of one deployment, with stand-ins for the secrets that they name.
///
/// # Errors
/// Where they contradict each other.
pub fn together(contracts: &[Sound]) -> Result<Catalog, CatalogError> {
    let contracts: Vec<_> = contracts.iter().map(|sound| sound.contract.clone()).collect();
    let mut secrets = Secrets::default();
    for name in contracts.iter().flat_map(Contract::secrets) {
        // A stand-in is long enough to be taken.
        let _ = secrets.insert(name.clone(), format!("the stand-in for the secret {name}").as_bytes());
    }
    Catalog::new(contracts, &secrets, Limits::default())
}

/// What contradicts what, with its cause.
pub fn contradiction(error: &CatalogError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the contracts do not fit together: {error}{cause}")
}

/// The contracts as those of one deployment, which they must be.
///
/// # Errors
/// Where they contradict each other.
pub fn deployment(contracts: &[Sound]) -> miette::Result<Catalog> {
    let help = "`iguazu contract check` takes them all at once";
    together(contracts).map_err(|error| miette!(help = help, "{}", contradiction(&error)))
}
