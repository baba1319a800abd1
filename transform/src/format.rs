//! The port to a file format: Parquet in production, something lighter in a simulation that runs millions of
//! schedules and looks at ids only.

use bytes::Bytes;
use iguazu_lake::ids::SequenceSet;

use crate::batch::Source;
use crate::decode::Table;
use crate::rows::{QuarantineRow, Rows};

/// Rows to the bytes of a file, and back to what the commit protocol asks of a file.
pub trait FileFormat {
    /// Files of a table's events: one for each list of rows, which are positions in `rows`, in the order given.
    ///
    /// # Errors
    /// Where the rows do not fit the format.
    fn events(&self, source: &Source, table: &Table, rows: Rows, files: &[Vec<u32>])
    -> Result<Vec<Bytes>, FormatError>;

    /// A file of quarantined input, in the order given.
    ///
    /// # Errors
    /// Where the rows do not fit the format.
    fn quarantine(&self, source: &Source, rows: &[QuarantineRow]) -> Result<Bytes, FormatError>;

    /// Which records a file holds rows of. The caller has verified the file's checksum.
    ///
    /// # Errors
    /// Where the bytes are not a file that this format wrote.
    fn sequences(&self, file: &Bytes) -> Result<SequenceSet, FormatError>;
}

/// A fault of the program or of a stored file. Data never causes one, so none is worth a retry with the same input.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The files of a shard were asked for under another chain.
    #[error("only a shard's chain has a stream and a shard to write into the rows; got the chain of a bucket")]
    NotAShard,
    /// Rows were lost or made on the way.
    #[error(
        "rows are not conserved: {delivered} documents delivered, {accepted} accepted, {quarantined} quarantined, \
         {written} rows written"
    )]
    NotConserved {
        /// Documents that came out of the records.
        delivered: u64,
        /// Rows of events.
        accepted: u64,
        /// Rows in quarantine.
        quarantined: u64,
        /// Rows in files.
        written: u64,
    },
    /// The number of a document within its record does not fit its column.
    #[error("the sub number {sub} does not fit a 32-bit column; lower events_per_record_max")]
    SubTooLarge {
        /// The number.
        sub: u32,
    },
    /// The texts of a column outgrew it.
    #[error("the texts of a column have more than 2 GiB; lower the budget of a batch")]
    ColumnTooLarge,
    /// Rows could not be laid out in columns.
    #[error("rows could not be laid out in columns")]
    Columns(#[from] arrow::error::ArrowError),
    /// A file could not be written or read.
    #[error("the Parquet file could not be written or read")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A file is Parquet, but none of ours.
    #[error("the file is not one that a commit wrote: {0}")]
    Foreign(&'static str),
}
