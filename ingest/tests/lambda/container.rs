//! A container of the function: the real binary, in an environment like Lambda's, and the lake that it writes to.

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use iguazu_conformance::stand_ins::{S3StandIn, dynamodb, dynamodb_client, make_table, s3_client};
use iguazu_lake::adapters::aws::{CallLimits, DynamoLedger, S3Objects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::commit::Row;
use iguazu_lake::commit::codec;
use iguazu_lake::host::Host;
use iguazu_lake::ids::ChainId;
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::cloud::{Answer, CREATED_MS, Cloud, Control, Event};
use super::event::{SHARD, STREAM, traces_of_marker};

pub const BINARY: &str = env!("CARGO_BIN_EXE_iguazu-ingest");
const SECRET: &str = "a-secret-key-that-no-log-may-show";
/// How long a test waits for what must come before it calls it missing.
const PATIENCE: Duration = Duration::from_secs(120);

static S3: LazyLock<S3StandIn> = LazyLock::new(S3StandIn::start);

/// The lake of one test: a bucket, and a table in a database of its own.
pub struct Lake {
    bucket: String,
    endpoints: Vec<(&'static str, String)>,
    pub objects: S3Objects,
    pub ledger: DynamoLedger,
}

impl Lake {
    pub async fn new(bucket: &str) -> Self {
        let s3 = s3_client(S3.address);
        s3.create_bucket().bucket(bucket).send().await.unwrap();
        let database = dynamodb().await;
        let client = dynamodb_client(database, CallLimits::default());
        make_table(&client, "ledger").await;
        Self {
            bucket: bucket.to_owned(),
            endpoints: vec![
                ("AWS_ENDPOINT_URL_S3", format!("http://{}", S3.address)),
                ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{database}")),
            ],
            objects: S3Objects::new(s3, bucket, KeyPrefix::everything()),
            ledger: DynamoLedger::new(client, "ledger"),
        }
    }

    /// The chain of the shard that all events are of.
    pub fn chain() -> ChainId {
        format!("shard.{STREAM}.{CREATED_MS}.{SHARD}").parse().unwrap()
    }

    /// Leaves an object in a bucket of its own, as Lambda does with what a mapping gave up.
    pub async fn leave(&self, bucket: &str, key: &str, text: String) {
        let s3 = s3_client(S3.address);
        // Another test may have made it.
        let _ = s3.create_bucket().bucket(bucket).send().await;
        s3.put_object().bucket(bucket).key(key).body(text.into_bytes().into()).send().await.unwrap();
    }

    pub async fn rows(&self) -> Vec<Row> {
        let rows = self.ledger.scan_after(&Self::chain(), None, 100).await.unwrap();
        rows.iter().map(|row| codec::decode(row).unwrap()).collect()
    }

    pub async fn keys(&self) -> Vec<ObjectKey> {
        self.objects.list(&KeyPrefix::everything(), None, 100).await.unwrap()
    }
}

/// The variables that Lambda sets.
pub const LAMBDA: [(&str, &str); 9] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
    ("AWS_LAMBDA_FUNCTION_NAME", "ingest"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
    ("AWS_SESSION_TOKEN", SECRET),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A running container. It is killed when it is dropped.
pub struct Container {
    process: Child,
    cloud: Cloud,
    invocations: u32,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

/// What a container wrote while it ran.
pub struct Written {
    /// Every line of standard output, each of which is JSON.
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Container {
    /// Starts one, and waits until it asks for its first event.
    pub async fn start(lake: &Lake, control: Control, variables: &[(&str, &str)]) -> Self {
        let begun = SystemHost.now();
        let cloud = Cloud::start(control).await;
        let mut process = Command::new(BINARY)
            .env_clear()
            .envs(LAMBDA)
            .env("AWS_LAMBDA_RUNTIME_API", cloud.address.to_string())
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("http://{}", cloud.address))
            .env("AWS_ENDPOINT_URL_KINESIS", format!("http://{}", cloud.address))
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", format!("http://{}", cloud.address))
            .envs(lake.endpoints.iter().map(|(name, value)| (name, value)))
            .envs([("IGUAZU_BUCKET", lake.bucket.as_str()), ("IGUAZU_LEDGER_TABLE", "ledger")])
            .env("IGUAZU_S3_PATH_STYLE", "true")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = collect(process.stdout.take().unwrap());
        let stderr = collect(process.stderr.take().unwrap());
        let mut container = Self { process, cloud, invocations: 0, stdout, stderr };
        container.polled(1).await;
        let cold = SystemHost.now().since(begun);
        println!("from the start of the process to its first poll: {} ms", cold.as_millis());
        container
    }

    /// Waits until the container has asked for so many events.
    async fn polled(&mut self, times: u64) {
        let Self { process, cloud, .. } = self;
        tokio::select! {
            polled = cloud.polls.wait_for(|polls| *polls >= times) => drop(polled.unwrap()),
            status = process.wait() => panic!("the container ended: {status:?}"),
            () = SystemHost.sleep(PATIENCE) => panic!("the container does not ask for an event"),
        }
    }

    /// Hands an event over that has a minute, and returns the answer to it.
    pub async fn invoke(&mut self, payload: impl Into<Bytes>) -> Answer {
        self.invoke_within(payload, Duration::from_secs(60)).await
    }

    /// Hands an event over, and returns the answer to it.
    pub async fn invoke_within(&mut self, payload: impl Into<Bytes>, time: Duration) -> Answer {
        self.invocations += 1;
        let request = format!("request-{}", self.invocations);
        let deadline = SystemHost.now().plus(time);
        self.cloud.events.send(Event { request: request.clone(), payload: payload.into(), deadline }).unwrap();
        let Self { process, cloud, .. } = self;
        let answer = tokio::select! {
            answer = cloud.answers.recv() => answer.unwrap(),
            status = process.wait() => panic!("the container ended: {status:?}"),
            () = SystemHost.sleep(PATIENCE) => panic!("the container does not answer"),
        };
        assert_eq!(answer.request, request);
        answer
    }

    /// Ends the container as Lambda does, without a warning, once it waits for the next event; returns what it wrote.
    /// Whatever the test was about: nothing of a payload and no secret may be in that.
    pub async fn end(mut self) -> Written {
        self.polled(u64::from(self.invocations) + 1).await;
        self.process.kill().await.unwrap();
        let (stdout, stderr) = (self.stdout.await.unwrap(), self.stderr.await.unwrap());
        for trace in traces_of_marker().iter().map(String::as_str).chain([SECRET]) {
            assert!(!stdout.contains(trace) && !stderr.contains(trace), "{trace} was written:\n{stdout}\n{stderr}");
        }
        assert_eq!(*self.cloud.unexpected.lock().unwrap(), Vec::<String>::new());
        let lines = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        Written { lines, stderr }
    }
}

fn collect(mut pipe: impl AsyncReadExt + Unpin + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut text = String::new();
        pipe.read_to_string(&mut text).await.unwrap();
        text
    })
}

impl Written {
    /// The lines in CloudWatch's embedded metric format.
    pub fn metrics(&self) -> Vec<&Value> {
        self.lines.iter().filter(|line| line.get("_aws").is_some()).collect()
    }

    /// The messages of the log lines of a level.
    pub fn messages(&self, level: &str) -> Vec<&str> {
        let of_level = self.lines.iter().filter(|line| line["level"] == level);
        of_level.map(|line| line["fields"]["message"].as_str().unwrap()).collect()
    }

    /// The fields of the one log line with a message.
    pub fn fields(&self, message: &str) -> &Value {
        let mut fields = self.lines.iter().map(|line| &line["fields"]).filter(|fields| fields["message"] == message);
        let found = fields.next().unwrap_or_else(|| panic!("no line {message:?}: {:#?}", self.lines));
        assert!(fields.next().is_none(), "more than one line {message:?}");
        found
    }
}
