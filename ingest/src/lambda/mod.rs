//! The Lambda function: clients, cold start, and the loop that hands invocations to the driver.

mod kinesis;
pub mod mapping;
mod redrive;
mod secrets;

use std::error::Error;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_lambda_events::streams::KinesisEventResponse;
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger, S3Objects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::KeyPrefix;
use iguazu_setup::environment::Environment;
use iguazu_setup::{chain_of, contracts, logs};
use iguazu_transform::Parquet;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use self::kinesis::KinesisStreams;
use self::redrive::{Failures, redrive};
use crate::config::Config;
use crate::driver::{Handled, Ingest};
use crate::error::IngestError;
use crate::invocation::Invocation;
use crate::redrive::{Place, Redriven, places};
use crate::report::Report;

type Handler = Ingest<S3Objects, DynamoLedger, SystemHost, KinesisStreams, Parquet>;

/// What an invocation needs beside the handler.
struct Function {
    handler: Handler,
    failures: Failures,
    name: String,
    metrics_namespace: String,
}

/// Runs the function until Lambda ends the process.
///
/// # Errors
/// Where the configuration is wrong or the runtime API fails.
pub fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut environment = Environment::read();
    let table = "events".parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        secrets::fetch(&mut environment).await;
        let config = Config::from_variables(&environment.variables, &table, contracts::read_folder);
        let (mut config, function) = environment.with(config)?;
        logs::init(&config.log);
        let shared = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let lambda = aws_sdk_lambda::Client::new(&shared);
        config.settings.partial_responses = mapping::check(&lambda, &function, &SystemHost).await;
        log_start(&config, &function, &shared);
        let function = Arc::new(Function::new(config, function, &shared));
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Body>| {
            let function = Arc::clone(&function);
            async move { function.invoke(event).await }
        }))
        .await
    })
}

/// Logs what is in force, so that nobody has to guess it from defaults.
fn log_start(config: &Config, function: &str, shared: &aws_config::SdkConfig) {
    let table =
        |table: &iguazu_transform::decode::Table| format!("{} v{}", table.contract().table, table.contract().version);
    let tables = config.settings.catalog.tables().iter().map(table).collect::<Vec<_>>().join(", ");
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        function,
        region = shared.region().map_or("none", |region| region.as_ref()),
        bucket = config.bucket,
        s3_path_style = config.s3_path_style,
        ledger_table = config.ledger_table,
        tables = %tables,
        output_mib_max = config.settings.output_bytes_max >> 20,
        deadline_margin_ms = u64::try_from(config.settings.deadline_margin.as_millis()).unwrap_or(u64::MAX),
        metrics_namespace = config.metrics_namespace,
        log = config.log,
        partial_responses = config.settings.partial_responses,
        "started"
    );
}

/// A payload. One that is no JSON gets here too: the runtime would answer it by itself, without a log line and a
/// metric of ours.
struct Body(Result<Box<RawValue>, String>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

impl Function {
    fn new(config: Config, name: String, shared: &aws_config::SdkConfig) -> Self {
        let limits = CallLimits::default();
        let failures = Failures::new(shared, config.s3_path_style);
        let s3 = aws_sdk_s3::config::Builder::from(shared).force_path_style(config.s3_path_style);
        let s3 = aws_sdk_s3::Client::from_conf(limits.s3(s3).build());
        let dynamodb = limits.dynamodb(aws_sdk_dynamodb::config::Builder::from(shared));
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
        let objects = S3Objects::new(s3, config.bucket, KeyPrefix::everything());
        let ledger = DynamoLedger::new(dynamodb, config.ledger_table);
        let kinesis = aws_sdk_kinesis::config::Builder::from(shared)
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits.timeouts());
        let streams = KinesisStreams::new(aws_sdk_kinesis::Client::from_conf(kinesis.build()));
        let handler = Ingest::new(objects, ledger, SystemHost, streams, Parquet, config.settings);
        Self { handler, failures, name, metrics_namespace: config.metrics_namespace }
    }

    async fn invoke(&self, event: LambdaEvent<Body>) -> Result<Answer, Failure> {
        let request = event.context.request_id.as_str();
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let payload = match &event.payload.0 {
            Ok(payload) => payload.get().as_bytes(),
            Err(problem) => {
                let error = IngestError::Malformed { problem: format!("it is not JSON: {problem}") };
                return self
                    .report(request, Handled { answer: Err(error), report: Report::default() })
                    .map(Answer::Records);
            }
        };
        if let Some(places) = places(payload) {
            return self.redrive(request, &places, deadline).await.map(Answer::Redriven);
        }
        let handled = match Invocation::parse(payload) {
            Ok(invocation) => self.handler.handle(invocation, deadline).await,
            Err(error) => Handled { answer: Err(error), report: Report::default() },
        };
        self.report(request, handled).map(Answer::Records)
    }

    /// Reports what came of an invocation, and gives Lambda's answer.
    fn report(&self, request: &str, handled: Handled) -> Result<KinesisEventResponse, Failure> {
        let Handled { answer, report } = handled;
        let now = self.handler.host().now();
        println!("{}", report.embedded_metrics(now, &self.metrics_namespace, &self.name, answer.is_err()));
        match &answer {
            Ok(_) => tracing::info!(request, report = ?report, "committed"),
            Err(error) => tracing::error!(request, error = %chain_of(error), report = ?report, "failed"),
        }
        answer.map_err(Failure)
    }

    async fn redrive(&self, request: &str, places: &[Place], deadline: Timestamp) -> Result<Redriven, Failure> {
        let (redriven, answer) = redrive(&self.failures, &self.handler, places, deadline, |place, handled| {
            let (now, report) = (self.handler.host().now(), &handled.report);
            println!("{}", report.embedded_metrics(now, &self.metrics_namespace, &self.name, false));
            tracing::info!(request, %place, report = ?report, "driven again");
        })
        .await;
        let now = self.handler.host().now();
        println!("{}", redriven.embedded_metrics(now, &self.metrics_namespace, &self.name));
        if let Err(error) = &answer {
            tracing::error!(request, error = %chain_of(error), redriven = ?redriven, "not driven again");
        }
        answer.map(|()| redriven).map_err(Failure)
    }
}

/// What Lambda is answered.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    /// To a batch of records.
    Records(KinesisEventResponse),
    /// To a request to drive objects again, which only an operator reads.
    Redriven(Redriven),
}

/// What Lambda is told of a failed invocation.
#[derive(Debug)]
struct Failure(IngestError);

impl From<Failure> for lambda_runtime::Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: "IngestError".to_owned(), error_message: chain_of(&error) }
    }
}
