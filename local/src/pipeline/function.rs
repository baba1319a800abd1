//! Ingest as a function of this process: the handler that runs on Lambda, over the embedded backends.

use std::sync::Arc;

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{Handled, Ingest, Settings, Streams};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::ids::{StreamName, Timestamp};
use iguazu_lake::ports::{Fault, PortError};
use iguazu_lake::retry::RetryPolicy;
use iguazu_setup::chain_of;
use iguazu_transform::{Catalog, Parquet};

use crate::mapping::Function;
use crate::stream::Writer;

/// Decoded bytes after which a commit is closed.
const OUTPUT_BYTES_MAX: usize = 64 << 20;
/// How long before its deadline an invocation stops.
const DEADLINE_MARGIN: std::time::Duration = std::time::Duration::from_secs(3);

/// The handler over the embedded backends.
pub type Handler<S> = Ingest<DiskObjects, SqliteLedger, SystemHost, S, Parquet>;

/// How ingest is set on one machine, whoever hands it records.
pub fn settings(catalog: Arc<Catalog>) -> Settings {
    Settings {
        catalog,
        output_bytes_max: OUTPUT_BYTES_MAX,
        deadline_margin: DEADLINE_MARGIN,
        partial_responses: true,
        retry: RetryPolicy::default(),
    }
}

/// Makes the handler.
pub fn ingest<S: Streams>(objects: DiskObjects, ledger: SqliteLedger, catalog: Arc<Catalog>, streams: S) -> Handler<S> {
    Ingest::new(objects, ledger, SystemHost, streams, Parquet, settings(catalog))
}

/// When a stream of the store was created.
impl Streams for Writer {
    async fn created_ms(&self, stream: &StreamName) -> Result<u64, PortError> {
        let known = self.known();
        let found = known.streams.get(stream).map(|stream| stream.created_ms);
        let none = || Fault::lasting("stream lookup", format!("there is no stream {stream}"));
        found.ok_or_else(|| PortError::NotApplied(none()))
    }
}

/// The function.
pub struct InProcess<S> {
    handler: Handler<S>,
}

impl<S: Streams> InProcess<S> {
    /// A function around a handler.
    pub fn new(handler: Handler<S>) -> Self {
        Self { handler }
    }
}

impl<S: Streams + 'static> Function for InProcess<S> {
    async fn invoke(&self, payload: Bytes, deadline: Timestamp) -> Result<Bytes, String> {
        let invocation = Invocation::parse(&payload).map_err(|error| chain_of(&error))?;
        drop(payload);
        let Handled { answer, report } = self.handler.handle(invocation, deadline).await;
        match answer {
            Ok(answer) => {
                tracing::info!(
                    offered = report.offered,
                    accepted = report.counts.accepted,
                    quarantined = report.counts.quarantined,
                    trimmed = report.trimmed,
                    conflicts = report.tally.conflicts,
                    files = report.files,
                    bytes = report.bytes,
                    commit_ms = report.commit_latency_ms,
                    lag_ms = report.lag_ms,
                    "committed"
                );
                serde_json::to_vec(&answer).map(Bytes::from).map_err(|error| error.to_string())
            }
            Err(error) => Err(chain_of(&error)),
        }
    }
}
