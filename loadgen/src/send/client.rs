//! The Kinesis API, one try a call: whether to try again is decided here, where it is counted.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use iguazu_lake::ids::{SequenceNumber, ShardId};

use super::outbox::Pending;

/// Where a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The stream's name.
    pub stream: String,
    /// A Kinesis endpoint; nothing for AWS itself.
    pub endpoint: Option<String>,
    /// The region, where it is not the one of the environment.
    pub region: Option<String>,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is in the stream.
    Taken {
        /// In which shard.
        shard: ShardId,
        /// At which place.
        sequence: SequenceNumber,
    },
    /// There were too many.
    Throttled,
    /// The stream failed.
    Failed,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Each record has an answer.
    Entries(Vec<Entry>),
    /// All of it was refused, because there was too much.
    Throttled,
    /// There was no answer, or none of the stream's. It may have been done nevertheless.
    Unanswered(String),
    /// It will never be taken.
    Refused(String),
}

/// A client of one stream.
#[derive(Clone, Debug)]
pub struct Kinesis {
    client: Client,
    stream: String,
}

impl Kinesis {
    /// A client. An endpoint of one's own gets credentials and a region that mean nothing, unless there are some.
    pub async fn connect(target: &Target) -> Self {
        let mut config = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &target.region {
            config = config.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &target.endpoint {
            config = config.endpoint_url(endpoint);
            let environment = iguazu_setup::environment::Environment::read().variables;
            let is_set = |name: &str| environment.iter().any(|(known, value)| known == name && !value.is_empty());
            if !is_set("AWS_ACCESS_KEY_ID") && !is_set("AWS_PROFILE") {
                config = config.credentials_provider(Credentials::new("local", "local", None, None, "loadgen"));
            }
            if target.region.is_none() && !is_set("AWS_REGION") && !is_set("AWS_DEFAULT_REGION") {
                config = config.region(Region::new("us-east-1"));
            }
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(10))
            .build();
        let config = aws_sdk_kinesis::config::Builder::from(&config.load().await)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self { client: Client::from_conf(config), stream: target.stream.clone() }
    }

    /// The client of the SDK, for calls about shards.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The stream's name.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Sends records.
    pub async fn put(&self, records: &[Pending]) -> Reply {
        let mut request = self.client.put_records().stream_name(&self.stream);
        for record in records {
            let entry = PutRecordsRequestEntry::builder()
                .data(Blob::new(record.data.to_vec()))
                .partition_key(&record.partition_key)
                .build();
            match entry {
                Ok(entry) => request = request.records(entry),
                Err(error) => return Reply::Refused(error.to_string()),
            }
        }
        match request.send().await {
            Ok(answer) if answer.records().len() == records.len() => {
                Reply::Entries(answer.records().iter().map(entry).collect())
            }
            Ok(answer) => {
                let (sent, answered) = (records.len(), answer.records().len());
                Reply::Unanswered(format!("{sent} records were sent, and {answered} answered"))
            }
            Err(error) => judge(&error),
        }
    }
}

fn entry(answer: &PutRecordsResultEntry) -> Entry {
    let place = answer.shard_id().zip(answer.sequence_number());
    let place = place.and_then(|(shard, sequence)| Some((shard.parse().ok()?, sequence.parse().ok()?)));
    match (answer.error_code(), place) {
        (None, Some((shard, sequence))) => Entry::Taken { shard, sequence },
        (Some("ProvisionedThroughputExceededException"), _) => Entry::Throttled,
        // An answer that names no place proves nothing.
        _ => Entry::Failed,
    }
}

/// What an error means for what to do next.
fn judge<E: ProvideErrorMetadata + std::error::Error + 'static, R: std::fmt::Debug + 'static>(
    error: &SdkError<E, R>,
) -> Reply {
    let SdkError::ServiceError(service) = error else { return Reply::Unanswered(what(error)) };
    let code = service.err().code().unwrap_or_default();
    match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "KMSThrottlingException" => Reply::Throttled,
        "ResourceNotFoundException"
        | "InvalidArgumentException"
        | "ValidationException"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "UnknownOperationException" => {
            Reply::Refused(format!("{code}: {}", service.err().message().unwrap_or("without a message")))
        }
        _ => Reply::Unanswered(format!("the stream failed: {code}")),
    }
}

/// An error with its causes, of which the last says what happened.
pub(super) fn what<E: std::error::Error + 'static>(error: &E) -> String {
    iguazu_setup::chain_of(error)
}
