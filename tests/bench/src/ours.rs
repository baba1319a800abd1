//! Iguazu's own transform: the one module that touches it, as ingest does.
//!
//! The call is the same for both layouts; only how many dates may have files of their own differs.

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::ids::{ChainId, StreamId, TableName};
use iguazu_transform::{Batch, Limits, Parquet, Source};

use crate::Failure;
use crate::generate::STREAM_CREATED_MS;
use crate::table::Layout;

/// The columns that its files share with those of the other sides, by which they are compared.
///
/// The built-in contract keeps the rest of an event in one column, and has a version of its own. The time of arrival
/// is wrong in the same way as in [`straightforward`](crate::straightforward::WRONG), and for the same reason.
pub const SHARED: &[&str] = &["event_id", "event_type", "event_time", "stream", "shard", "sequence", "sub"];

/// What lives as long as a function does.
pub struct Ours {
    table: TableName,
    limits: Limits,
}

impl Ours {
    /// A function that has just started.
    ///
    /// # Errors
    /// Where the contract is none.
    pub fn start(layout: Layout) -> Result<Self, Failure> {
        let mut limits = Limits::default();
        if layout == Layout::Same {
            limits.dates_per_batch_max = 0;
        }
        Ok(Self { table: "events".parse()?, limits })
    }

    /// The Parquet files of an invocation.
    ///
    /// # Errors
    /// Where a record was refused: the input holds good events only.
    pub fn transform(&self, payload: &[u8]) -> Result<Vec<Bytes>, Failure> {
        let invocation = Invocation::parse(payload)?;
        let mut files = Vec::new();
        for ((name, shard), records) in invocation.shards {
            let stream = StreamId { name, created_ms: STREAM_CREATED_MS.unsigned_abs() };
            let source = Source { chain: ChainId::Shard { stream, shard } };
            let mut batch = Batch::new(&self.limits, self.table.clone());
            for record in &records {
                batch.push(record);
            }
            let output = batch.finish(&source, &Parquet)?;
            if output.counts.quarantined > 0 {
                return Err(format!("{} good events went to quarantine", output.counts.quarantined).into());
            }
            files.extend(output.files.into_iter().map(|file| file.bytes));
        }
        Ok(files)
    }
}
