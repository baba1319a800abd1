//! What was acknowledged, by shard, in the order of the shard.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use iguazu_lake::ids::{SequenceNumber, ShardId};

use crate::acks::{self, AcksError};
use crate::run_file::{Run, RunFolder};

/// A shard of a stream, by their names.
pub type Place = (String, ShardId);

/// An acknowledged record: its place in its shard, and how many documents it holds.
pub type Record = (SequenceNumber, u32);

/// All acknowledged records.
#[derive(Clone, Debug, Default)]
pub struct Acked {
    /// By shard, in order.
    pub shards: BTreeMap<Place, Vec<Record>>,
    /// How many.
    pub records: u64,
}

/// Acknowledgements that are none of the run.
#[derive(Debug, thiserror::Error)]
pub enum AckedError {
    /// They cannot be read.
    #[error(transparent)]
    Acks(#[from] AcksError),
    /// There are more or fewer than the run counted.
    #[error(
        "{found} records are acknowledged in acks.bin and {expected} in run.json, so the two files are not of one run; \
         run the load again"
    )]
    OtherRun {
        /// In acks.bin.
        found: u64,
        /// In run.json.
        expected: u64,
    },
}

impl Acked {
    /// Takes the acknowledgements of a run, of whose records it is known how many documents each holds.
    ///
    /// # Errors
    /// Where they cannot be read, or are not of the run.
    pub fn add(&mut self, folder: &RunFolder, run: &Run, documents: &[u32]) -> Result<(), AckedError> {
        let file = File::open(folder.acks()).map_err(AcksError::from)?;
        let mut known = 0;
        let found = acks::read(BufReader::new(file), |ack| {
            let Some(&documents) = usize::try_from(ack.record).ok().and_then(|record| documents.get(record)) else {
                return;
            };
            known += 1;
            self.shards.entry((run.stream.clone(), ack.shard)).or_default().push((ack.sequence, documents));
        })?;
        if found != run.counts.acknowledged || known != found {
            return Err(AckedError::OtherRun { found: known.min(found), expected: run.counts.acknowledged });
        }
        self.records += found;
        self.shards.values_mut().for_each(|records| records.sort_unstable_by(|a, b| a.0.cmp_in_shard(&b.0)));
        Ok(())
    }
}
