//! Objects as they are named: fetched, held against their checksums, and only then decoded.
//!
//! The reader of Parquet panics on some malformed files. What passes its checksum is what was written, but whether that was
//! a good file is what an audit is to find out: so a panic is caught here, and is a finding like any other.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use arrow::array::RecordBatch;
use bytes::Bytes;
use iguazu_compact::state::Span;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::Objects;
use iguazu_transform::parquet::{PLACEMENT_KEY, PLACEMENT_PARTS};

use crate::error::AuditError;
use crate::finding::{Finding, Problem};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// An object by what names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) bytes: u64,
    pub(crate) sha256: &'a Sha256Sum,
}

/// Fetches an object, if it is there and is what was recorded.
pub(crate) async fn fetch<O: Objects>(objects: &O, named: Named<'_>) -> Result<Result<Bytes, Finding>, AuditError> {
    let Named { key, bytes, sha256 } = named;
    let object = objects.get(key).await.map_err(AuditError::port("reading an object"))?;
    let Some(object) = object else {
        return Ok(Err(Finding::new(Problem::Missing, key, format!("an object of {bytes} bytes"), "none")));
    };
    let length = object.bytes.len() as u64;
    if length != bytes {
        return Ok(Err(Finding::new(Problem::Damaged, key, format!("{bytes} bytes"), format!("{length} bytes"))));
    }
    let sum = Sha256Sum::of(&object.bytes);
    if sum != *sha256 {
        let (expected, found) = (format!("the SHA-256 sum {sha256}"), sum);
        return Ok(Err(Finding::new(Problem::Damaged, key, expected, found)));
    }
    Ok(Ok(object.bytes))
}

/// Fetches an object whose checksum was found to be right in an earlier pass of the same audit; nothing where it is gone by
/// now.
pub(crate) async fn fetch_again<O: Objects>(objects: &O, key: &ObjectKey) -> Result<Option<Bytes>, AuditError> {
    let object = objects.get(key).await.map_err(AuditError::port("reading an object"))?;
    Ok(object.map(|object| object.bytes))
}

/// Does something with a file that may make its reader panic.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What was being made is given up with the error, so nobody sees it half made.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("its reader panicked".to_owned()))
}

pub(crate) fn unreadable(key: &ObjectKey, problem: String) -> Finding {
    Finding::new(Problem::Unreadable, key, "a Parquet file of the table", problem)
}

/// An opened Parquet file.
pub(crate) struct File {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
}

impl File {
    pub(crate) fn open(bytes: Bytes) -> Result<Self, String> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(|error| error.to_string())?;
        Ok(Self { bytes, metadata })
    }

    pub(crate) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Its rows, all columns of them.
    pub(crate) fn all(&self) -> Result<Batches, String> {
        self.read(None, None)
    }

    /// Some columns of its rows.
    pub(crate) fn columns(&self, columns: &[&str]) -> Result<Batches, String> {
        self.read(Some(columns), None)
    }

    /// The rows that may have placements in a span, all columns of them or some: all rows, where the file does not say
    /// where its placements begin.
    pub(crate) fn near(&self, columns: Option<&[&str]>, span: Span) -> Result<Batches, String> {
        self.read(columns, self.run(span))
    }

    /// The rows of a span, rounded to the parts that the footer tells of.
    pub(crate) fn run(&self, span: Span) -> Option<Range<usize>> {
        if span == Span::ALL {
            return None;
        }
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata()?;
        let text = pairs.iter().find(|pair| pair.key == PLACEMENT_KEY)?.value.as_ref()?;
        let borders: Vec<usize> = text.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let sound = borders.len() == PLACEMENT_PARTS + 1
            && borders.is_sorted()
            && borders.last().is_some_and(|&last| last as u64 == self.rows());
        let part = |placement: u64| (placement >> (u64::BITS - PLACEMENT_PARTS.ilog2())) as usize;
        sound.then(|| borders[part(span.first)]..borders[part(span.last) + 1])
    }

    /// The columns of some rows.
    pub(crate) fn read(&self, columns: Option<&[&str]>, rows: Option<Range<usize>>) -> Result<Batches, String> {
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
            .with_batch_size(BATCH_ROWS);
        if let Some(columns) = columns {
            let index =
                |name: &&str| self.metadata.schema().index_of(name).map_err(|_| format!("there is no column `{name}`"));
            let indices = columns.iter().map(index).collect::<Result<Vec<_>, _>>()?;
            builder = builder.with_projection(ProjectionMask::roots(self.metadata.parquet_schema(), indices));
        }
        if let Some(rows) = rows {
            let selectors = vec![RowSelector::skip(rows.start), RowSelector::select(rows.len())];
            builder = builder.with_row_selection(RowSelection::from(selectors));
        }
        builder.build().map(Batches).map_err(|error| error.to_string())
    }
}

/// The rows of a file, some at a time.
pub(crate) struct Batches(ParquetRecordBatchReader);

impl Iterator for Batches {
    type Item = Result<RecordBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(|error| error.to_string()))
    }
}
