//! What the tests take for AWS: DynamoDB in this process, S3 in a process of its own.
//!
//! Whoever starts one of them gets an address, and builds clients that read nothing from the machine's own
//! configuration.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use iguazu_lake::adapters::aws::CallLimits;

/// A stand-in for S3 in a process of its own. It ends when its standard input does, so it outlives neither its
/// owner nor this process, however that ends.
#[derive(Debug)]
pub struct S3StandIn {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl S3StandIn {
    /// Starts one, and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = package.join("../../.venv/bin/python");
        assert!(python.exists(), "the S3 stand-in is not installed: run `make venv`");
        let mut process = Command::new(python)
            .arg(package.join("s3_stand_in.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the S3 stand-in starts");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("the S3 stand-in says its port; if it does not, run `make venv` again");
        Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for S3StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client of the S3 at an address.
#[must_use]
pub fn s3_client(address: SocketAddr) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(CallLimits::default().s3(config).build())
}

/// Starts a stand-in for DynamoDB in this process, gone with the runtime.
pub async fn dynamodb() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    address
}

/// A client of the DynamoDB at an address.
#[must_use]
pub fn dynamodb_client(address: SocketAddr, limits: CallLimits) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"));
    aws_sdk_dynamodb::Client::from_conf(limits.dynamodb(config).build())
}

/// Makes a table for the ledger as a deployment does.
pub async fn make_table(client: &aws_sdk_dynamodb::Client, table: &str) {
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let part = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    client
        .create_table()
        .table_name(table)
        .attribute_definitions(text("chain"))
        .attribute_definitions(text("n"))
        .key_schema(part("chain", KeyType::Hash))
        .key_schema(part("n", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}
