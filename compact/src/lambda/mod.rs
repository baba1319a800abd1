//! The Lambda function: clients, cold start, and the loop that hands events to what they ask for.
//!
//! One function is both dispatcher and worker. A dispatch invokes it again, once for each bucket of each table and
//! without waiting, so buckets are compacted side by side. That runs of a bucket overlap, or that one is invoked twice, is
//! harmless.

mod workers;

use std::error::Error;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger, S3Objects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{TableName, Timestamp};
use iguazu_lake::keys::KeyPrefix;
use iguazu_setup::environment::Environment;
use iguazu_setup::{chain_of, contracts, logs};
use iguazu_transform::contract::Contract;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use self::workers::Workers;
use crate::config::Config;
use crate::driver::{Compactor, Ran};
use crate::error::CompactError;
use crate::parquet::ParquetTables;
use crate::report;
use crate::task::Task;

struct Function {
    compactor: Compactor<S3Objects, DynamoLedger, SystemHost, ParquetTables>,
    workers: Workers,
    config: Config,
    name: String,
}

/// Runs the function until Lambda ends the process.
///
/// # Errors
/// Where the configuration is wrong or the runtime API fails.
pub fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let environment = Environment::read();
    let config = Config::from_variables(&environment.variables, &"events".parse()?, contracts::read_folder);
    let (config, name) = environment.with(config)?;
    logs::init(&config.log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shared = aws_config::defaults(BehaviorVersion::latest()).load().await;
        log_start(&config, &name, &shared);
        let function = Arc::new(Function::new(config, name, &shared));
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let function = Arc::clone(&function);
            async move { function.invoke(event).await }
        }))
        .await
    })
}

/// Logs what is in force, so that nobody has to guess it from defaults.
fn log_start(config: &Config, function: &str, shared: &aws_config::SdkConfig) {
    let tables: Vec<_> =
        config.contracts.iter().map(|contract| format!("{} v{}", contract.table, contract.version)).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        function,
        region = shared.region().map_or("none", |region| region.as_ref()),
        bucket = config.bucket,
        ledger_table = config.ledger_table,
        tables = tables.join(", "),
        settings = ?config.settings,
        "started"
    );
}

/// What Lambda is told of a failed invocation.
#[derive(Debug)]
struct Failure(Box<dyn Error + Send + Sync>);

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Failure> for lambda_runtime::Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: "CompactError".to_owned(), error_message: chain_of(&*error) }
    }
}

impl Function {
    fn new(config: Config, name: String, shared: &aws_config::SdkConfig) -> Self {
        let limits = CallLimits::default();
        let s3 = aws_sdk_s3::config::Builder::from(shared).force_path_style(config.s3_path_style);
        let s3 = aws_sdk_s3::Client::from_conf(limits.s3(s3).build());
        let dynamodb = limits.dynamodb(aws_sdk_dynamodb::config::Builder::from(shared));
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
        let objects = S3Objects::new(s3, config.bucket.clone(), KeyPrefix::everything());
        let ledger = DynamoLedger::new(dynamodb, config.ledger_table.clone());
        let settings = config.settings.clone();
        let compactor = Compactor::new(objects, ledger, SystemHost, ParquetTables, settings);
        let workers = Workers::new(shared, config.worker.clone().unwrap_or_else(|| name.clone()));
        Self { compactor, workers, config, name }
    }

    async fn invoke(&self, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        let request = event.context.request_id.clone();
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let answer = match Task::of(event.payload) {
            Ok(task) => Box::pin(self.perform(task, deadline)).await,
            Err(error) => Err(error.into()),
        };
        if let Err(Failure(error)) = &answer {
            tracing::error!(request, error = %chain_of(&**error), "failed");
        }
        answer
    }

    async fn perform(&self, task: Task, deadline: Timestamp) -> Result<Value, Failure> {
        match task {
            Task::Dispatch => self.dispatch(deadline).await,
            Task::Housekeeping => self.housekeeping().await,
            Task::Compact { table, bucket } => self.compact(&table, bucket, deadline).await,
            Task::Deliveries => {
                let published = self.compactor.publish_deliveries(self.stop(deadline)).await?;
                tracing::info!(published = ?published, "deliveries");
                Ok(json!({ "rows": published.rows, "finished": published.finished }))
            }
            Task::Balance { table } => self.balance(&table, deadline).await,
            Task::Sweep { table } => {
                let swept = self.compactor.sweep(self.contract(&table)?, self.stop(deadline)).await?;
                tracing::info!(%table, swept = ?swept, "swept");
                Ok(json!({ "superseded": swept.superseded, "replaced": swept.replaced, "finished": swept.finished }))
            }
            Task::Shrink => {
                let retention = self.config.stream_retention;
                let rows = self.compactor.shrink(&self.config.contracts, retention, self.stop(deadline)).await?;
                tracing::info!(rows, "shrunk");
                Ok(json!({ "rows": rows }))
            }
            Task::Rebucket { table, buckets } => {
                let epoch = self.compactor.rebucket(self.contract(&table)?, buckets, self.stop(deadline)).await?;
                tracing::warn!(%table, epoch = epoch.number, buckets = epoch.buckets, "a new epoch has begun");
                Ok(json!({ "epoch": epoch.number, "buckets": epoch.buckets }))
            }
        }
    }

    fn stop(&self, deadline: Timestamp) -> Timestamp {
        deadline.minus(self.config.settings.deadline_margin)
    }

    fn contract(&self, table: &TableName) -> Result<&Arc<Contract>, Failure> {
        let found = self.config.contracts.iter().find(|contract| contract.table == *table);
        found.ok_or_else(|| CompactError::NoSuchTable { table: table.clone() }.into())
    }

    /// Invokes a worker for each bucket of each table, for the deliveries, and for each table's balance.
    async fn dispatch(&self, deadline: Timestamp) -> Result<Value, Failure> {
        let mut tasks = vec![Task::Deliveries];
        for contract in &self.config.contracts {
            let table = &contract.table;
            let epoch = self.compactor.epoch(contract, self.stop(deadline)).await?;
            tasks.extend((0..epoch.buckets).map(|bucket| Task::Compact { table: table.clone(), bucket }));
            tasks.push(Task::Balance { table: table.clone() });
        }
        self.workers.invoke(&tasks).await?;
        Ok(json!({ "invoked": tasks.len() }))
    }

    async fn housekeeping(&self) -> Result<Value, Failure> {
        let sweep = |contract: &Arc<Contract>| Task::Sweep { table: contract.table.clone() };
        let mut tasks: Vec<_> = self.config.contracts.iter().map(sweep).collect();
        tasks.push(Task::Shrink);
        self.workers.invoke(&tasks).await?;
        Ok(json!({ "invoked": tasks.len() }))
    }

    async fn compact(&self, table: &TableName, bucket: u32, deadline: Timestamp) -> Result<Value, Failure> {
        let contract = self.contract(table)?;
        let Ran { answer, report } = self.compactor.run(contract, bucket, deadline).await;
        let now = self.compactor.host().now();
        let namespace = &self.config.metrics_namespace;
        println!("{}", report.embedded_metrics(now, namespace, &self.name, table, answer.is_err()));
        tracing::info!(%table, bucket, report = ?report, "compacted");
        let finished = answer?;
        if finished.more {
            // What is left is not made to wait for the next schedule.
            self.workers.invoke(&[Task::Compact { table: table.clone(), bucket }]).await?;
        }
        Ok(json!({ "epoch": finished.epoch.number, "more": finished.more, "versions": report.versions }))
    }

    async fn balance(&self, table: &TableName, deadline: Timestamp) -> Result<Value, Failure> {
        let balance = self.compactor.balance(self.contract(table)?, self.stop(deadline)).await?;
        let now = self.compactor.host().now();
        println!("{}", report::balance_metrics(&balance, now, &self.config.metrics_namespace, &self.name, table));
        for imbalance in &balance.imbalances {
            tracing::error!(%table, %imbalance, "the table is out of balance (I10)");
        }
        Ok(json!({ "offered": balance.offered, "live": balance.live, "imbalances": balance.imbalances.len() }))
    }
}
