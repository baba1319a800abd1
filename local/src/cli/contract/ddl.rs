//! `iguazu contract ddl`: the statements for Athena, or what they say as data.

use std::path::PathBuf;
use std::process::ExitCode;

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::TableName;
use iguazu_transform::Contract;
use iguazu_transform::contract::ddl::LakeLocation;
use iguazu_transform::contract::relations;
use miette::miette;

use super::source;
use crate::cli::present::{say, say_json};
use crate::cli::{Answer, Common};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each statement is to be run by itself, in this order: the table, its deliveries, its view, its roll-ups, and the
quarantine of all tables. Partitions are projected, so nothing has to be registered later. When the number of buckets
was changed, run the statements of the new epoch.

With --json, the same tables and views as data, from which the Terraform module makes them. Nothing in it depends on
where the lake is, on the epoch, or on the years.

Examples:
  iguazu contract ddl contracts/orders.toml --database lake --root s3://my-lake
  iguazu contract ddl contracts/ --database lake --root s3://my-lake/prod --epoch 1 --years 2024-2030
  iguazu contract ddl contracts/ --json > dist/tables.json
  iguazu contract ddl --built-in events --json")]
pub struct Args {
    /// Contracts, or folders of contracts.
    #[arg(required_unless_present = "built_in", value_name = "CONTRACT")]
    paths: Vec<PathBuf>,
    /// The built-in contract, with this name for its table, in place of others.
    #[arg(long, value_name = "TABLE", conflicts_with = "paths")]
    built_in: Option<TableName>,
    #[command(flatten)]
    location: Location,
}

/// Where the lake is, for Athena.
#[derive(Debug, clap::Args)]
pub struct Location {
    /// The database of Glue.
    #[arg(long, value_name = "NAME", default_value = "iguazu")]
    pub database: String,
    /// Where the lake is: s3://bucket or s3://bucket/prefix.
    #[arg(long, value_name = "URL", default_value = "s3://your-bucket")]
    pub root: String,
    /// The epoch of the buckets that are to be read.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub epoch: u32,
    /// The years of the events, such as 2024-2030. Athena looks for each day of them. Default: from two years ago to
    /// three years ahead.
    #[arg(long, value_name = "FROM-TO")]
    pub years: Option<String>,
}

impl Location {
    /// The location for statements.
    ///
    /// # Errors
    /// Where a part of it has another form.
    pub fn lake(&self) -> miette::Result<LakeLocation> {
        let wrong = |what: &str| miette!(help = "write for example --years 2024-2030", "--years {what:?} are no years");
        let years = match &self.years {
            None => around(&SystemHost.now().to_string()),
            Some(text) => text.split_once('-').and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?)),
        };
        let years = years.ok_or_else(|| wrong(self.years.as_deref().unwrap_or_default()))?;
        let lake = LakeLocation::new(&self.database, &self.root, years);
        let help = "for example --database lake --root s3://my-lake/prod --years 2024-2030";
        Ok(lake.map_err(|error| miette!(help = help, "{error}"))?.at_epoch(self.epoch))
    }
}

/// The years around that of a time.
fn around(now: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let year: u16 = now.get(..4)?.parse().ok()?;
    Some(year.checked_sub(2)?..=year + 3)
}

/// Every statement of some tables, in the order in which they are to be run.
pub fn statements<'c>(contracts: impl Iterator<Item = &'c Contract>, lake: &LakeLocation) -> Vec<String> {
    let mut statements = Vec::new();
    for contract in contracts {
        let ddl = contract.ddl(lake);
        statements.extend([ddl.table, ddl.raw, ddl.view]);
        statements.extend(ddl.rollups.into_iter().flat_map(|(parts, view)| [parts, view]));
    }
    statements.push(lake.quarantine());
    statements
}

pub fn run(common: &Common, args: Args) -> Answer {
    let lake = args.location.lake()?;
    let contracts = contracts(args.built_in, &args.paths)?;
    if common.json {
        say_json(&relations::catalog(contracts.iter()))?;
    } else {
        say(&format!("{};\n", statements(contracts.iter(), &lake).join(";\n\n")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn contracts(built_in: Option<TableName>, paths: &[PathBuf]) -> miette::Result<Vec<Contract>> {
    match built_in {
        Some(table) => Ok(vec![Contract::built_in(table)]),
        None => Ok(source::sound(&source::files(paths)?)?.into_iter().map(|sound| sound.contract).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(database: &str, root: &str, years: Option<&str>) -> Location {
        Location { database: database.into(), root: root.into(), epoch: 2, years: years.map(str::to_owned) }
    }

    #[test]
    fn the_statements_are_in_the_order_in_which_they_are_run() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/orders.toml");
        let contract = source::one(&path).unwrap();
        let lake = location("lake", "s3://my-lake", Some("2024-2030")).lake().unwrap();
        let statements = statements([&contract].into_iter(), &lake);
        let first: Vec<_> = statements.iter().map(|text| text.lines().next().unwrap_or_default()).collect();
        assert_eq!(
            first,
            [
                "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`orders` (",
                "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`orders_raw` (",
                "CREATE OR REPLACE VIEW \"lake\".\"orders_view\" AS",
                "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`orders_revenue_parts` (",
                "CREATE OR REPLACE VIEW \"lake\".\"orders_revenue\" AS",
                "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`orders_gifts_parts` (",
                "CREATE OR REPLACE VIEW \"lake\".\"orders_gifts\" AS",
                "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`quarantine` (",
            ]
        );
        assert!(statements[0].contains("LOCATION 's3://my-lake/tables/orders/events/epoch=2/'"), "{}", statements[0]);
    }

    /// The examples of the Terraform module carry what the program says, so that they can be planned without it.
    #[test]
    fn the_tables_of_the_terraform_examples_are_those_of_the_program() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let orders = contracts(None, &[root.join("contracts/orders.toml")]).unwrap();
        let built_in = contracts(Some("events".parse().unwrap()), &[]).unwrap();
        for (contracts, example) in [(orders, "complete"), (built_in, "simple")] {
            let file = root.join(format!("terraform/examples/{example}/tables.json"));
            let carried: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(
                carried,
                relations::catalog(contracts.iter()),
                "write {} anew: make terraform-tables",
                file.display()
            );
        }
    }

    #[test]
    fn a_location_of_another_form_is_said_to_be_wrong() {
        for (given, expected) in [
            (location("La-ke", "s3://a", None), "a database is named by 1 to 128 characters of [a-z0-9_]"),
            (
                location("lake", "/a", None),
                "the lake's root is written s3://bucket or s3://bucket/prefix, with characters of [a-zA-Z0-9_.=/-]",
            ),
            (location("lake", "s3://a", Some("2030")), "--years \"2030\" are no years"),
            (
                location("lake", "s3://a", Some("2030-2024")),
                "the years go from an earlier one to a later one, within 1 to 9999",
            ),
        ] {
            assert_eq!(given.lake().unwrap_err().to_string(), expected);
        }
        assert_eq!(around("2026-11-21T00:00:00Z"), Some(2024..=2029));
    }
}
