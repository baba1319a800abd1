//! `iguazu contract docs`: what a contract says, for people and for producers.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use super::source::{self, Sound};
use crate::cli::present::{say, say_json};
use crate::cli::{Answer, Common};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  iguazu contract docs contracts/ > docs/TABLES.md
  iguazu contract docs contracts/orders.toml --json-schema > orders.schema.json")]
pub struct Args {
    /// Contracts, or folders of contracts.
    #[arg(required = true, value_name = "CONTRACT")]
    paths: Vec<PathBuf>,
    /// A JSON Schema (2020-12) of the events, for producers, in place of the data dictionary. Of several contracts, an
    /// object with one for each table.
    #[arg(long)]
    json_schema: bool,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let contracts = source::sound(&source::files(&args.paths)?)?;
    if args.json_schema {
        say_json(&schemas(&contracts))?;
    } else if common.json {
        let texts = contracts.iter().map(|of| (of.contract.table.to_string(), Value::from(of.contract.dictionary())));
        say_json(&texts.collect::<Map<_, _>>())?;
    } else {
        let texts: Vec<_> = contracts.iter().map(|of| of.contract.dictionary()).collect();
        say(&texts.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The schema of one contract, or those of several by their tables.
fn schemas(contracts: &[Sound]) -> Value {
    match contracts {
        [one] => one.contract.json_schema(),
        several => several.iter().map(|of| (of.contract.table.to_string(), of.contract.json_schema())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_contract_has_one_schema_and_several_have_one_for_each_table() {
        let of = |table: &str| {
            let text = format!("table = \"{table}\"\nversion = 1\ntypes = [\"{table}.*\"]\n");
            let file = source::File { name: table.to_owned(), text };
            source::sound(&[file]).unwrap().remove(0)
        };
        assert!(schemas(&[of("a")])["$schema"].is_string());
        let several = schemas(&[of("a"), of("b")]);
        assert!(several["a"]["$schema"].is_string() && several["b"]["$schema"].is_string(), "{several}");
    }
}
