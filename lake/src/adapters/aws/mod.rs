//! Both ports on AWS: objects in S3, the ledger in DynamoDB.
//!
//! An adapter makes one try per call, so a client must be built without the SDK's retries: they would hide that an
//! earlier try may have been applied, and they know nothing of the caller's deadline. [`CallLimits`] builds the
//! configuration of such a client, with a limit on every wait.
//!
//! Deliberately absent: reading regions, credentials or endpoints from anywhere. Whoever builds the client does it.

mod dynamodb;
mod fault;
mod s3;

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;

pub use dynamodb::DynamoLedger;
pub use fault::read_error;
pub use s3::S3Objects;

/// How long one try of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// For a connection to stand.
    pub connect: Duration,
    /// From the end of the request to the first byte of the reply.
    pub read: Duration,
    /// For the whole try. Reading the body of a large object comes on top of it.
    pub attempt: Duration,
}

impl Default for CallLimits {
    /// Long enough for an upload of some 100 MB within a region, short enough to leave time for a second try.
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), read: Duration::from_secs(10), attempt: Duration::from_secs(20) }
    }
}

impl CallLimits {
    /// The limits as the SDK takes them, for a client of another service.
    #[must_use]
    pub fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .read_timeout(self.read)
            .operation_attempt_timeout(self.attempt)
            // One try is the whole operation, so the same limit holds if somebody turns retries on.
            .operation_timeout(self.attempt)
            .build()
    }

    /// The configuration of an S3 client for [`S3Objects`]: one try per call, within these limits.
    #[must_use]
    pub fn s3(&self, config: aws_sdk_s3::config::Builder) -> aws_sdk_s3::config::Builder {
        config.retry_config(RetryConfig::disabled()).timeout_config(self.timeouts())
    }

    /// The configuration of a DynamoDB client for [`DynamoLedger`]: one try per call, within these limits.
    #[must_use]
    pub fn dynamodb(&self, config: aws_sdk_dynamodb::config::Builder) -> aws_sdk_dynamodb::config::Builder {
        config.retry_config(RetryConfig::disabled()).timeout_config(self.timeouts())
    }
}
