//! Contracts, secrets and the workload that they give, for the commands that need one.

use iguazu_setup::contracts::{self, Text};
use iguazu_setup::environment::Environment;
use iguazu_setup::variables::{Reader, SECRET_PREFIX};
use iguazu_transform::{Catalog, Contract, Secrets};
use miette::{IntoDiagnostic, miette};

use crate::plan::Plan;
use crate::workload::Workload;

/// The catalog of contracts, with the secrets of the environment.
fn catalog(texts: &[Text]) -> miette::Result<(Catalog, Vec<Contract>)> {
    let told = |problems: Vec<String>| miette!(help = "correct the contracts", "{}", problems.join("\n"));
    let catalog = contracts::compile(texts, &secrets()?).map_err(told)?;
    Ok((catalog, contracts::parse(texts).map_err(told)?))
}

fn secrets() -> miette::Result<Secrets> {
    let variables: Vec<_> = Environment::read().variables;
    let variables: Vec<_> = variables.into_iter().filter(|(name, _)| name.starts_with(SECRET_PREFIX)).collect();
    let mut reader = Reader::new(&variables, &[]);
    let secrets = reader.secrets();
    if reader.problems.is_empty() { Ok(secrets) } else { Err(miette!("{}", reader.problems.join("\n"))) }
}

/// The workload of a plan on some contracts.
pub fn of(plan: Plan, texts: &[Text]) -> miette::Result<(Workload, Catalog)> {
    let (catalog, contracts) = catalog(texts)?;
    let workload = Workload::new(plan, contracts, &catalog).into_diagnostic()?;
    Ok((workload, catalog))
}
