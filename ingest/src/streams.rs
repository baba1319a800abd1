//! When a stream was created: the part of its identity that the event does not carry.

use std::future::Future;

use iguazu_lake::ids::StreamName;
use iguazu_lake::ports::PortError;

/// Knows when a stream was created. Guessing would be wrong: under two creation times the records of one stream
/// would go to two chains, and nobody would see that they are the same.
pub trait Streams: Send + Sync {
    /// The stream's creation time in milliseconds since the epoch.
    fn created_ms(&self, stream: &StreamName) -> impl Future<Output = Result<u64, PortError>> + Send;
}

/// One creation time for every stream: for streams that are never made anew.
#[derive(Clone, Copy, Debug)]
pub struct FixedStreams {
    /// The time.
    pub created_ms: u64,
}

impl Streams for FixedStreams {
    async fn created_ms(&self, _stream: &StreamName) -> Result<u64, PortError> {
        Ok(self.created_ms)
    }
}
