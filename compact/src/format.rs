//! The port to a table's file format: Parquet in production, something lighter in a simulation that runs many
//! schedules.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use iguazu_lake::ids::{EventId, TableName, Timestamp};
use iguazu_lake::keys::version::TypeKey;
use iguazu_transform::contract::Contract;

use crate::error::CompactError;
use crate::keep::{Copy, Delivery, RowRef};
use crate::state::LiveFile;

/// What a row says of itself before it is read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowKey {
    /// Its event.
    pub id: EventId,
    /// What decides whether it is kept.
    pub copy: Copy,
    /// Its type: a position in [`Keys::kinds`].
    pub kind: u32,
}

/// The keys of a file's rows, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// A key for each row.
    pub rows: Vec<RowKey>,
    /// The types of event that they point to; empty where the table is not partitioned by type.
    pub kinds: Vec<TypeKey>,
}

/// A row that a live file holds of an event that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The event.
    pub id: EventId,
    /// The row in the file.
    pub row: u32,
    /// What decides whether it is kept.
    pub copy: Copy,
    /// The id of its delivery.
    pub delivery: Delivery,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// These rows, in this order, which is that of their event times.
    Rows(Vec<RowRef>),
    /// These inputs one after the other, which are live files whose event times do not overlap: their row groups are
    /// copied as they are.
    Copy(Vec<u32>),
}

/// A file that is ready to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its rows.
    pub rows: u64,
    /// The least and the greatest event time.
    pub event_time: Option<(Timestamp, Timestamp)>,
    /// The least and the greatest id.
    pub ids: Option<(EventId, EventId)>,
    /// Where it says which ids it holds.
    pub index: Option<(u64, u64)>,
    /// What each roll-up of the contract says of its rows: the roll-up, its groups, and the bytes of the file.
    pub rollups: Vec<NewRollup>,
}

/// What a roll-up says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRollup {
    /// The roll-up.
    pub rollup: TableName,
    /// Its groups.
    pub rows: u64,
    /// The file.
    pub bytes: Bytes,
    /// The groups with a sum that its column cannot hold, by their texts. They are null there, and said in the file.
    pub overflowed: Vec<String>,
}

/// A stored file that is read in parts.
pub trait Ranges: Send + Sync {
    /// The bytes of `[range.start, range.end)`.
    fn read(&self, range: Range<u64>) -> impl Future<Output = Result<Bytes, CompactError>> + Send;
}

/// Rows to the bytes of a table's files and back.
pub trait TableFormat: Send + Sync {
    /// An opened file.
    type Input: Send;

    /// Opens a raw file or a live one. The caller has verified its checksum.
    ///
    /// # Errors
    /// Where the bytes are not such a file.
    fn open(&self, contract: &Arc<Contract>, bytes: Bytes) -> Result<Self::Input, CompactError>;

    /// The keys of its rows.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn keys(&self, contract: &Arc<Contract>, input: &Self::Input) -> Result<Keys, CompactError>;

    /// The delivery ids of some rows, in the order asked.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn deliveries(&self, input: &Self::Input, rows: &[u32]) -> Result<Vec<Delivery>, CompactError>;

    /// Which of the events a live file holds; `ids` are in the order of their placements, each once. It reads as
    /// little of the file as it can.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn find<R: Ranges>(
        &self,
        reader: &R,
        file: &LiveFile,
        ids: &[EventId],
    ) -> impl Future<Output = Result<Vec<Held>, CompactError>> + Send;

    /// Writes files, in the order of the recipes. Together they may hold fewer rows than the inputs.
    ///
    /// # Errors
    /// Where the inputs cannot be read or do not fit each other.
    fn write(
        &self,
        contract: &Arc<Contract>,
        inputs: &[Self::Input],
        recipes: &[Recipe],
    ) -> Result<Vec<NewFile>, CompactError>;
}
