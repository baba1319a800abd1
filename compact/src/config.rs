//! The configuration: environment variables, read and validated once, at start.

use std::sync::Arc;
use std::time::Duration;

use iguazu_lake::ids::TableName;
use iguazu_setup::contracts::{self, Text};
use iguazu_setup::variables::{ConfigError, Reader, TABLE_EXPECTED, Variable};
use iguazu_transform::Contract;

use crate::arrange::Sizes;
use crate::driver::Settings;
use crate::epoch::BUCKETS_MAX;
use crate::plan::Budget;

/// The variables, with what each is for and its default.
pub const VARIABLES: &[Variable] = &[
    ("IGUAZU_BUCKET", "the S3 bucket of the lake (required)"),
    ("IGUAZU_LEDGER_TABLE", "the DynamoDB table of the ledger (required)"),
    ("IGUAZU_CONTRACTS", "the folder of the tables' contracts (default: the built-in contract)"),
    ("IGUAZU_TABLE", "the table of the built-in contract (default: events)"),
    ("IGUAZU_LAKE_ROOT", "how manifests begin the names of files (default: s3:// and the bucket)"),
    ("IGUAZU_FIRST_BUCKETS", "buckets of a table that has none yet, a power of two up to 256 (default: 1)"),
    ("IGUAZU_TARGET_MIB", "the size of a file that is not merged again, 1 to 4096 MiB (default: 128)"),
    ("IGUAZU_MERGE_FILES", "how many files of like size are merged into one, 2 to 64 (default: 8)"),
    ("IGUAZU_INPUT_MIB_MAX", "MiB of raw files that one version takes, 1 to 8192 (default: 256)"),
    ("IGUAZU_GRACE_MINUTES", "how long a replaced file stays for its readers, 15 to 44640 (default: 1440)"),
    ("IGUAZU_STREAM_RETENTION_HOURS", "the longest retention of the streams, 24 to 8760 (default: 8760)"),
    ("IGUAZU_READERS_EPOCH", "the epoch that the tables of readers point to (default: 0)"),
    ("IGUAZU_WORKER_FUNCTION", "the function that a dispatch invokes (default: this one)"),
    ("IGUAZU_DEADLINE_MARGIN_MS", "how long before its deadline a run stops, 100 to 60000 (default: 10000)"),
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
    /// The tables.
    pub contracts: Vec<Arc<Contract>>,
    /// The longest retention of the streams.
    pub stream_retention: Duration,
    /// The function that a dispatch invokes, if it is another.
    pub worker: Option<String>,
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
        let bucket = reader.required("IGUAZU_BUCKET", "the name of the lake's S3 bucket");
        let root = reader.parsed(
            "IGUAZU_LAKE_ROOT",
            format!("s3://{bucket}"),
            "a URL such as s3://bucket, without white space",
            |root: &String| root.contains("://") && !root.contains(char::is_whitespace),
        );
        let config = Self {
            bucket,
            ledger_table: reader.required("IGUAZU_LEDGER_TABLE", "the name of the ledger's DynamoDB table"),
            metrics_namespace: reader.metrics_namespace(),
            log: reader.log_level(),
            s3_path_style: reader.s3_path_style(),
            contracts: tables(&mut reader, fallback, folder),
            stream_retention: hours(reader.parsed(
                "IGUAZU_STREAM_RETENTION_HOURS",
                8_760,
                "24 to 8760 (hours)",
                |hours| (24..=8_760).contains(hours),
            )),
            worker: reader.get("IGUAZU_WORKER_FUNCTION").filter(|name| !name.is_empty()).map(str::to_owned),
            settings: settings(&mut reader, root),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError { problems: reader.problems }) }
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 60 * 60)
}

fn settings(reader: &mut Reader<'_>, root: String) -> Settings {
    Settings {
        first_buckets: reader.parsed("IGUAZU_FIRST_BUCKETS", 1, "a power of two from 1 to 256", |buckets: &u32| {
            buckets.is_power_of_two() && *buckets <= BUCKETS_MAX
        }),
        budget: Budget {
            bytes_max: reader
                .parsed("IGUAZU_INPUT_MIB_MAX", 256, "1 to 8192 (MiB)", |mib: &u64| (1..=8_192).contains(mib))
                << 20,
            ..Budget::default()
        },
        sizes: Sizes {
            target_bytes: reader
                .parsed("IGUAZU_TARGET_MIB", 128, "1 to 4096 (MiB)", |mib: &u64| (1..=4_096).contains(mib))
                << 20,
            fan: reader.parsed("IGUAZU_MERGE_FILES", 8, "2 to 64 (files)", |files| (2..=64).contains(files)),
        },
        grace: Duration::from_secs(
            60 * reader.parsed("IGUAZU_GRACE_MINUTES", 1_440, "15 to 44640 (minutes)", |minutes: &u64| {
                (15..=44_640).contains(minutes)
            }),
        ),
        readers_epoch: reader.parsed("IGUAZU_READERS_EPOCH", 0, "the number of an epoch", |_| true),
        deadline_margin: Duration::from_millis(reader.parsed(
            "IGUAZU_DEADLINE_MARGIN_MS",
            10_000,
            "100 to 60000 (milliseconds)",
            |ms| (100..=60_000).contains(ms),
        )),
        root,
        ..Settings::default()
    }
}

fn tables(
    reader: &mut Reader<'_>,
    fallback: &TableName,
    folder: impl FnOnce(&str) -> Result<Vec<Text>, String>,
) -> Vec<Arc<Contract>> {
    let table = reader.parsed("IGUAZU_TABLE", fallback.clone(), TABLE_EXPECTED, |_| true);
    let Some(path) = reader.get("IGUAZU_CONTRACTS") else {
        return vec![Arc::new(Contract::built_in(table))];
    };
    if reader.get("IGUAZU_TABLE").is_some() {
        reader.problem("IGUAZU_TABLE", "is set beside IGUAZU_CONTRACTS", "one of them: contracts name their tables");
    }
    match folder(path).map_err(|problem| vec![problem]).and_then(|texts| contracts::parse(&texts)) {
        Ok(contracts) => contracts.into_iter().map(Arc::new).collect(),
        Err(problems) => {
            reader.problems.extend(problems.into_iter().map(|problem| format!("IGUAZU_CONTRACTS: {problem}")));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let folder = |path: &str| Err(format!("{path}: cannot be read"));
        Config::from_variables(&variables, &"events".parse().unwrap(), folder).map_err(|error| error.problems)
    }

    #[test]
    fn two_variables_are_enough() {
        let config = config(&[("IGUAZU_BUCKET", "lake"), ("IGUAZU_LEDGER_TABLE", "ledger")]).unwrap();
        assert_eq!(config.settings.root, "s3://lake");
        assert_eq!(config.contracts[0].table.to_string(), "events");
        assert_eq!((config.settings.first_buckets, config.settings.sizes), (1, Sizes::default()));
        assert_eq!(config.settings.grace, hours(24));
    }

    #[test]
    fn every_problem_is_told_with_its_variable_and_what_was_expected() {
        let problems = config(&[
            ("IGUAZU_LEDGER_TABLE", "ledger"),
            ("IGUAZU_LAKE_ROOT", "lake"),
            ("IGUAZU_CONTRACTS", "nowhere"),
            ("IGUAZU_FIRST_BUCKETS", "3"),
            ("IGUAZU_GRACE_MINUTES", "1"),
            ("IGUAZU_BUCKETS", "4"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 6, "{problems:?}");
        assert!(problems[0].starts_with("IGUAZU_BUCKETS is not known: expected one of IGUAZU_BUCKET, "));
        assert_eq!(problems[1], "IGUAZU_BUCKET is not set: expected the name of the lake's S3 bucket");
        assert_eq!(
            problems[2],
            "IGUAZU_LAKE_ROOT is \"lake\": expected a URL such as s3://bucket, without white space"
        );
        assert_eq!(problems[3], "IGUAZU_CONTRACTS: nowhere: cannot be read");
        assert_eq!(problems[4], "IGUAZU_FIRST_BUCKETS is \"3\": expected a power of two from 1 to 256");
        assert_eq!(problems[5], "IGUAZU_GRACE_MINUTES is \"1\": expected 15 to 44640 (minutes)");
    }
}
