//! A lake on AWS: its bucket and the ledger's table. Credentials, region and endpoints are those of the environment, as for
//! any client of AWS.

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger, S3Objects};
use iguazu_lake::keys::KeyPrefix;
use miette::miette;

/// How often a read is tried. The adapters make one try a call, for the sake of writes, of which there are none here.
const TRIES: u32 = 5;

/// Where a lake on AWS is.
#[derive(clap::Args)]
#[command(next_help_heading = "A lake on AWS")]
// The name of the struct is taken by the arguments that these are a part of.
#[group(id = "cloud")]
pub struct Args {
    /// The S3 bucket of the lake, in place of --data.
    #[arg(long, value_name = "NAME", requires = "ledger_table", conflicts_with = "data")]
    pub bucket: Option<String>,
    /// The DynamoDB table of its ledger.
    #[arg(long, value_name = "NAME", requires = "bucket")]
    pub ledger_table: Option<String>,
    /// The folder of the contracts that its functions were deployed with; without it, those of the run are believed to be
    /// in force.
    #[arg(long, value_name = "FOLDER", requires = "bucket")]
    pub contracts: Option<String>,
    /// For an S3 endpoint without host names per bucket.
    #[arg(long, requires = "bucket", env = "IGUAZU_S3_PATH_STYLE")]
    pub s3_path_style: bool,
}

/// Opens the lake, for reading.
pub async fn open(bucket: &str, args: &Args) -> miette::Result<(S3Objects, DynamoLedger)> {
    let Some(table) = &args.ledger_table else { return Err(miette!("a bucket needs its ledger; add --ledger-table")) };
    let shared = aws_config::defaults(BehaviorVersion::latest()).load().await;
    if shared.region().is_none() {
        return Err(miette!(help = "set AWS_REGION", "no region is set"));
    }
    let retry = RetryConfig::standard().with_max_attempts(TRIES);
    let mut timeouts = CallLimits::default().timeouts().to_builder();
    timeouts.set_operation_timeout(None);
    let timeouts = timeouts.build();
    let s3 = aws_sdk_s3::config::Builder::from(&shared).force_path_style(args.s3_path_style);
    let s3 = aws_sdk_s3::Client::from_conf(s3.retry_config(retry.clone()).timeout_config(timeouts.clone()).build());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).retry_config(retry).timeout_config(timeouts);
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
    Ok((S3Objects::new(s3, bucket, KeyPrefix::everything()), DynamoLedger::new(dynamodb, table)))
}
