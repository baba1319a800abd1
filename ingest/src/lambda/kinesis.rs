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
        let created = summary.and_then(|summary| summary.stream_creation_timestamp().to_millis().ok());
        created.and_then(|millis| u64::try_from(millis).ok()).ok_or_else(|| {
            PortError::NotApplied(Fault::lasting(
                CALL,
                format!("no creation time of the stream {stream} in the answer"),
            ))
        })
    }
}
