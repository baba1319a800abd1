//! What the run takes for AWS: Kinesis and DynamoDB in this process, S3 in a process of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use ferrokinesis::store::StoreOptions;
use iguazu_conformance::stand_ins::{S3StandIn, dynamodb, dynamodb_client, make_table, s3_client};
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger, S3Objects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::keys::KeyPrefix;
use iguazu_setup::chain_of;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::background::spawn;

/// The stream.
pub const STREAM: &str = "events";
/// Its ARN.
pub const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/events";
/// The bucket of the lake.
pub const BUCKET: &str = "lake";
/// The bucket of what the mapping gives up.
pub const FAILURES: &str = "failures";
/// The table of the ledger.
pub const LEDGER_TABLE: &str = "ledger";
/// The region of everything.
pub const REGION: &str = "us-east-1";

/// The servers.
pub struct Servers {
    /// Where Kinesis listens.
    pub kinesis: SocketAddr,
    /// Where DynamoDB listens.
    pub dynamodb: SocketAddr,
    /// Where S3 listens. It ends when this is dropped.
    pub s3: S3StandIn,
}

impl Servers {
    /// Starts all of them, and makes the stream, the table and the bucket.
    ///
    /// # Errors
    /// Where one of them does not start.
    pub async fn start(shards: i32) -> Result<Self, String> {
        let servers = Self {
            kinesis: kinesis().await.map_err(|error| error.to_string())?,
            dynamodb: dynamodb().await,
            s3: S3StandIn::start(),
        };
        make_table(&dynamodb_client(servers.dynamodb, CallLimits::default()), LEDGER_TABLE).await;
        for bucket in [BUCKET, FAILURES] {
            let made = s3_client(servers.s3.address).create_bucket().bucket(bucket).send().await;
            made.map_err(|error| chain_of(&error))?;
        }
        servers.make_stream(shards).await?;
        Ok(servers)
    }

    async fn make_stream(&self, shards: i32) -> Result<(), String> {
        let client = kinesis_client(self.kinesis);
        let made = client.create_stream().stream_name(STREAM).shard_count(shards).send().await;
        made.map_err(|error| chain_of(&error))?;
        loop {
            let summary = client.describe_stream_summary().stream_name(STREAM).send().await;
            let summary = summary.map_err(|error| chain_of(&error))?;
            let status =
                summary.stream_description_summary().map(|summary| summary.stream_status().as_str().to_owned());
            if status.as_deref() == Some("ACTIVE") {
                return Ok(());
            }
            SystemHost.sleep(Duration::from_millis(50)).await;
        }
    }

    /// The lake, without a proxy on the way.
    #[must_use]
    pub fn objects(&self) -> S3Objects {
        S3Objects::new(s3_client(self.s3.address), BUCKET, KeyPrefix::everything())
    }

    /// The ledger, without a proxy on the way.
    #[must_use]
    pub fn ledger(&self) -> DynamoLedger {
        DynamoLedger::new(dynamodb_client(self.dynamodb, CallLimits::default()), LEDGER_TABLE)
    }
}

/// Starts Kinesis, with the limits of shards enforced.
///
/// One request at a time: the stand-in numbers records and stores them in two steps, so a reader between the two could
/// see a later record before an earlier one, which Kinesis does not let happen.
async fn kinesis() -> std::io::Result<SocketAddr> {
    let options = StoreOptions {
        enforce_limits: true,
        shard_limit: 1_000,
        create_stream_ms: 10,
        update_stream_ms: 200,
        ..StoreOptions::default()
    };
    let (router, _) = ferrokinesis::create_app(options);
    let router = router.layer(from_fn_with_state(Arc::new(Mutex::new(())), one_at_a_time));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(async move {
        let served = axum::serve(listener, router).await;
        eprintln!("Kinesis ended: {served:?}");
    });
    Ok(address)
}

async fn one_at_a_time(State(turn): State<Arc<Mutex<()>>>, request: Request, next: Next) -> Response {
    let _turn = turn.lock().await;
    next.run(request).await
}

/// A client of the Kinesis at an address, with the SDK's own retries.
#[must_use]
pub fn kinesis_client(address: SocketAddr) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"));
    aws_sdk_kinesis::Client::from_conf(config.build())
}
