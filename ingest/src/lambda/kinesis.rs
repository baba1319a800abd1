//! The stream's creation time, from Kinesis.

use aws_sdk_kinesis::Client;
use iguazu_lake::adapters::aws::read_error;
use iguazu_lake::ids::StreamName;
use iguazu_lake::ports::{Fault, PortError};

use crate::streams::Streams;

/// Asks Kinesis. The driver asks once a container and stream.
pub(super) struct KinesisStreams {
    client: Client,
}

impl KinesisStreams {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Streams for KinesisStreams {
    async fn created_ms(&self, stream: &StreamName) -> Result<u64, PortError> {
        const CALL: &str = "kinesis DescribeStreamSummary";
        let answer = self.client.describe_stream_summary().stream_name(stream.to_string()).send().await;
        let summary =
            answer.map_err(|error| read_error(CALL, &format!("stream {stream}"), error))?.stream_description_summary;
        let created = summary.map(|summary| nearest_millisecond(summary.stream_creation_timestamp().as_nanos()));
        created.and_then(|millis| u64::try_from(millis).ok()).ok_or_else(|| {
            PortError::NotApplied(Fault::lasting(
                CALL,
                format!("no creation time of the stream {stream} in the answer"),
            ))
        })
    }
}

/// Kinesis tells the time in seconds, as a number that a double holds only nearly: 1767225600.123 comes as
/// .122999907. Cut off, the stream's identity would hang on how that number is read, which is the SDK's affair.
fn nearest_millisecond(nanos: i128) -> i128 {
    (nanos + 500_000).div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_a_double_holds_only_nearly_is_read_as_it_was_meant() {
        assert_eq!(nearest_millisecond(1_767_225_600_122_999_907), 1_767_225_600_123);
        assert_eq!(nearest_millisecond(1_767_225_600_123_000_145), 1_767_225_600_123);
        assert_eq!(nearest_millisecond(1_767_225_600_000_000_000), 1_767_225_600_000);
    }
}
