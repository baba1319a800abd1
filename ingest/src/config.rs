//! The configuration: environment variables, read and validated once, at start.
//!
//! Every problem is reported, not only the first, and a variable of ours that nobody reads is a problem too: it is
//! a setting that somebody believes to be in force.

use std::sync::Arc;
use std::time::Duration;

use iguazu_lake::ids::TableName;
use iguazu_lake::retry::RetryPolicy;
use iguazu_setup::contracts::{self, Text};
use iguazu_setup::variables::{ConfigError, Reader, TABLE_EXPECTED, Variable};
use iguazu_transform::{Catalog, Limits};

use crate::driver::Settings;

/// The variables, with what each is for and its default. Beside them, `IGUAZU_SECRET_<NAME>` holds the secret `name`
/// that a contract's step asks for, of at least 16 bytes.
pub const VARIABLES: &[Variable] = &[
    ("IGUAZU_BUCKET", "the S3 bucket of the lake (required)"),
    ("IGUAZU_LEDGER_TABLE", "the DynamoDB table of the ledger (required)"),
    ("IGUAZU_CONTRACTS", "the folder of the tables' contracts (default: the built-in contract)"),
    ("IGUAZU_TABLE", "the table of the built-in contract (default: events)"),
    ("IGUAZU_OUTPUT_MIB_MAX", "decoded MiB after which a commit is closed, 1 to 1024 (default: 64)"),
    ("IGUAZU_DEADLINE_MARGIN_MS", "how long before its deadline an invocation stops, 100 to 60000 (default: 3000)"),
    ("IGUAZU_METRICS_NAMESPACE", "the CloudWatch namespace of the metrics (default: Iguazu)"),
    ("IGUAZU_LOG", "the least level that is logged: error, warn, info, debug or trace (default: info)"),
    ("IGUAZU_S3_PATH_STYLE", "true for an S3 endpoint without host names per bucket (default: false)"),
];

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The S3 bucket of the lake.
    pub bucket: String,
    /// The DynamoDB table of the ledger.
    pub ledger_table: String,
    /// The CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// The least level that is logged.
    pub log: String,
    /// Whether S3 is addressed by path.
    pub s3_path_style: bool,
    /// The driver's settings.
    pub settings: Settings,
}

impl Config {
    /// Reads the configuration from the variables of the environment. `folder` gives the contracts of a folder.
    ///
    /// # Errors
    /// With every problem that was found.
    pub fn from_variables(
        variables: &[(String, String)],
        fallback: &TableName,
        folder: impl FnOnce(&str) -> Result<Vec<Text>, String>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(variables, VARIABLES);
        let config = Self {
            bucket: reader.required("IGUAZU_BUCKET", "the name of the lake's S3 bucket"),
            ledger_table: reader.required("IGUAZU_LEDGER_TABLE", "the name of the ledger's DynamoDB table"),
            metrics_namespace: reader.metrics_namespace(),
            log: reader.log_level(),
            s3_path_style: reader.s3_path_style(),
            settings: Settings {
                catalog: catalog(&mut reader, fallback, folder),
                output_bytes_max: reader
                    .parsed("IGUAZU_OUTPUT_MIB_MAX", 64, "1 to 1024 (MiB)", |mib| (1..=1024).contains(mib))
                    << 20,
                deadline_margin: Duration::from_millis(reader.parsed(
                    "IGUAZU_DEADLINE_MARGIN_MS",
                    3_000,
                    "100 to 60000 (milliseconds)",
                    |ms| (100..=60_000).contains(ms),
                )),
                partial_responses: false,
                retry: RetryPolicy::default(),
            },
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError { problems: reader.problems }) }
    }
}

/// The tables of the contracts, or else that of the built-in one.
fn catalog(
    reader: &mut Reader<'_>,
    fallback: &TableName,
    folder: impl FnOnce(&str) -> Result<Vec<Text>, String>,
) -> Arc<Catalog> {
    let secrets = reader.secrets();
    let table = reader.parsed("IGUAZU_TABLE", fallback.clone(), TABLE_EXPECTED, |_| true);
    let Some(path) = reader.get("IGUAZU_CONTRACTS") else {
        return built_in(table);
    };
    if reader.get("IGUAZU_TABLE").is_some() {
        reader.problem("IGUAZU_TABLE", "is set beside IGUAZU_CONTRACTS", "one of them: contracts name their tables");
    }
    let compiled = folder(path).map_err(|problem| vec![problem]).and_then(|texts| contracts::compile(&texts, &secrets));
    match compiled {
        Ok(catalog) => Arc::new(catalog),
        Err(problems) => {
            reader.problems.extend(problems.into_iter().map(|problem| format!("IGUAZU_CONTRACTS: {problem}")));
            built_in(table)
        }
    }
}

fn built_in(table: TableName) -> Arc<Catalog> {
    Arc::new(Catalog::built_in(table, Limits::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders: one good, and one with a contract that is none.
    fn folder(path: &str) -> Result<Vec<Text>, String> {
        let orders = "table = \"orders\"\nversion = 1\ntypes = [\"order.*\"]\n\n[[column]]\nname = \"email\"\n\
                      path = \"/email\"\ntype = \"string\"\nsteps = [{ hmac_sha256 = \"pii\" }]\n";
        match path {
            "good" => Ok(vec![("good/orders.toml".into(), orders.into())]),
            "bad" => Ok(vec![("bad/orders.toml".into(), orders.replace("version = 1", "version = 0"))]),
            other => Err(format!("{other}: cannot be read")),
        }
    }

    fn config(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_variables(&variables, &"events".parse().unwrap(), folder).map_err(|error| error.problems)
    }

    #[test]
    fn two_variables_are_enough() {
        let config = config(&[("IGUAZU_BUCKET", "lake"), ("IGUAZU_LEDGER_TABLE", "ledger"), ("PATH", "/bin")]).unwrap();
        assert_eq!((config.bucket.as_str(), config.ledger_table.as_str()), ("lake", "ledger"));
        assert_eq!(config.settings.catalog.tables()[0].contract().table.to_string(), "events");
        assert_eq!(config.settings.output_bytes_max, 64 << 20);
        assert_eq!(config.settings.deadline_margin, Duration::from_secs(3));
    }

    #[test]
    fn every_problem_is_told_with_its_variable_and_what_was_expected() {
        let problems = config(&[
            ("IGUAZU_BUCKET", ""),
            ("IGUAZU_TABLE", "Events"),
            ("IGUAZU_OUTPUT_MIB_MAX", "0"),
            ("IGUAZU_LOG", "loud"),
            ("IGUAZU_METRICS_NAMESPACE", ""),
            ("IGUAZU_BUKKET", "lake"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 7, "{problems:?}");
        assert!(problems[0].starts_with("IGUAZU_BUKKET is not known: expected one of IGUAZU_BUCKET, "));
        assert_eq!(problems[1], "IGUAZU_BUCKET is empty: expected the name of the lake's S3 bucket");
        assert_eq!(problems[2], "IGUAZU_LEDGER_TABLE is not set: expected the name of the ledger's DynamoDB table");
        assert!(problems[3].starts_with("IGUAZU_METRICS_NAMESPACE is \"\": expected 1 to 255 of "));
        assert_eq!(problems[4], "IGUAZU_LOG is \"loud\": expected error, warn, info, debug or trace");
        assert_eq!(problems[5], "IGUAZU_TABLE is \"Events\": expected a lower-case letter, then up to 63 of [a-z0-9_]");
        assert_eq!(problems[6], "IGUAZU_OUTPUT_MIB_MAX is \"0\": expected 1 to 1024 (MiB)");
    }

    const SECRET: (&str, &str) = ("IGUAZU_SECRET_PII", "sixteen bytes or more");

    fn with(more: &[(&'static str, &'static str)]) -> Result<Config, Vec<String>> {
        config(&[&[("IGUAZU_BUCKET", "lake"), ("IGUAZU_LEDGER_TABLE", "ledger")], more].concat())
    }

    #[test]
    fn the_contracts_of_a_folder_take_the_place_of_the_built_in_one() {
        let config = with(&[("IGUAZU_CONTRACTS", "good"), SECRET]).unwrap();
        let tables: Vec<_> =
            config.settings.catalog.tables().iter().map(|table| table.contract().table.to_string()).collect();
        assert_eq!(tables, ["orders"]);
    }

    #[test]
    fn what_is_wrong_with_contracts_and_secrets_is_told_with_the_rest() {
        let first = |more: &[(&'static str, &'static str)]| with(more).unwrap_err().remove(0);
        assert_eq!(first(&[("IGUAZU_CONTRACTS", "nowhere")]), "IGUAZU_CONTRACTS: nowhere: cannot be read");
        let problem = first(&[("IGUAZU_CONTRACTS", "bad"), SECRET]);
        assert!(problem.starts_with("IGUAZU_CONTRACTS: bad/orders.toml:2:11: version: "), "{problem}");
        let problem = first(&[("IGUAZU_CONTRACTS", "good")]);
        assert!(problem.contains("column email of the table orders") && problem.contains("pii"), "{problem}");
        let problem = first(&[("IGUAZU_CONTRACTS", "good"), SECRET, ("IGUAZU_TABLE", "orders")]);
        assert!(problem.starts_with("IGUAZU_TABLE is set beside IGUAZU_CONTRACTS"), "{problem}");
        let problem = first(&[("IGUAZU_SECRET_PII", "short")]);
        assert!(problem.starts_with("IGUAZU_SECRET_PII: ") && !problem.contains("short\""), "{problem}");
        let problem = first(&[("IGUAZU_SECRET_1", "sixteen bytes or more")]);
        assert!(problem.starts_with("IGUAZU_SECRET_1 does not name a secret: "), "{problem}");
    }
}
