//! Iguazu's own transform: the one module that touches it, as ingest does.
//!
//! The call is the same for both layouts; only how many dates may have files of their own differs.

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::ids::{ChainId, StreamId};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Secrets, Source};

use crate::Failure;
use crate::generate::STREAM_CREATED_MS;
use crate::table::Layout;

/// The contract.
const CONTRACT: &str = include_str!("../events.toml");

/// What lives as long as a function does.
pub struct Ours {
    catalog: Catalog,
}

impl Ours {
    /// A function that has just started.
    ///
    /// # Errors
    /// Where the contract is none.
    pub fn start(layout: Layout) -> Result<Self, Failure> {
        let mut contract = Contract::parse("events.toml", CONTRACT)?;
        if layout == Layout::Same {
            contract.limits.dates_per_batch_max = 0;
        }
        Ok(Self { catalog: Catalog::new(vec![contract], &Secrets::default(), Limits::default())? })
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
            let mut batch = Batch::expecting(records.len(), &self.catalog);
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
