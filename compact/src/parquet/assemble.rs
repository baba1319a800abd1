//! Columns and sections of ids to a file.

use std::sync::Arc;

use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::arrow::arrow_writer::ArrowColumnChunk;
use ::parquet::bloom_filter::Sbbf;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::TypePtr;
use arrow::datatypes::Schema;
use bytes::Bytes;

use super::foreign;
use super::ids::{self, Directory, Group, IDS_KEY, IDS_VERSION};
use crate::error::CompactError;
use crate::format::{NewFile, NewRollup};

/// What a footer takes, at most, near enough to size memory with.
const FOOTER_BYTES: usize = 256 << 10;

/// A file that is being put together.
pub(super) struct Assembly {
    pub(super) writer: SerializedFileWriter<Vec<u8>>,
    groups: Vec<Group>,
}

/// Parquet's schema of Arrow's.
pub(super) fn root(schema: &Schema) -> Result<TypePtr, CompactError> {
    Ok(ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr())
}

impl Assembly {
    /// A file of these columns, whose row groups take about so many bytes.
    pub(super) fn new(root: TypePtr, properties: WriterProperties, bytes: usize) -> Result<Self, CompactError> {
        let bytes = Vec::with_capacity(bytes + FOOTER_BYTES);
        let writer = SerializedFileWriter::new(bytes, root, Arc::new(properties))?;
        Ok(Self { writer, groups: Vec::new() })
    }

    /// Appends a row group.
    pub(super) fn append(
        &mut self,
        chunks: Vec<ArrowColumnChunk>,
        group: Group,
        bloom: Sbbf,
    ) -> Result<(), CompactError> {
        let mut bloom = Some(bloom);
        let mut row_group = self.writer.next_row_group()?;
        for mut chunk in chunks {
            // The id is the first column.
            chunk.close_mut().bloom_filter = bloom.take();
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        self.groups.push(group);
        Ok(())
    }

    /// Says of a row group that was appended what is known of its ids.
    pub(super) fn describe(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// The file.
    pub(super) fn finish(mut self, rollups: Vec<NewRollup>) -> Result<NewFile, CompactError> {
        let directories = self.directories()?;
        let from = self.writer.bytes_written() as u64;
        self.writer.write_all(&ids::encode(&directories)).map_err(::parquet::errors::ParquetError::from)?;
        let to = directories.last().map_or(self.writer.bytes_written() as u64, |directory| directory.bloom.end);
        self.writer.append_key_value_metadata(KeyValue::new(IDS_KEY.to_owned(), format!("{IDS_VERSION},{from},{to}")));
        let metadata = self.writer.finish()?;
        for (group, directory) in metadata.row_groups().iter().zip(&directories) {
            let column = group.column(0);
            let written = column.bloom_filter_offset().zip(column.bloom_filter_length());
            let expected = (directory.bloom.start as i64, (directory.bloom.end - directory.bloom.start) as i32);
            if written != Some(expected) {
                return Err(foreign("a Bloom filter was written to another place than its directory says"));
            }
        }
        let rows = metadata.file_metadata().num_rows().unsigned_abs();
        Ok(NewFile {
            bytes: Bytes::from(std::mem::take(self.writer.inner_mut())),
            rows,
            event_time: span(directories.iter().map(|directory| directory.times)),
            ids: span(directories.iter().map(|directory| directory.ids)),
            index: Some((from, to)),
            rollups,
        })
    }

    /// Writes the locators; where everything stands, the Bloom filters too, which Parquet's writer appends.
    fn directories(&mut self) -> Result<Vec<Directory>, CompactError> {
        let mut directories = Vec::with_capacity(self.groups.len());
        for group in std::mem::take(&mut self.groups) {
            let locators = self.writer.bytes_written() as u64;
            self.writer.write_all(&group.locators).map_err(::parquet::errors::ParquetError::from)?;
            let Group { rows, ids, times, firsts, bloom_bytes, .. } = group;
            directories.push((Directory { rows, locators, bloom: 0..0, ids, times, firsts }, bloom_bytes));
        }
        let own = ids::encoded_bytes(directories.iter().map(|(directory, _)| directory.rows));
        let mut at = (self.writer.bytes_written() + own) as u64;
        let mut placed = |(mut directory, bytes): (Directory, u64)| {
            directory.bloom = at..at + bytes;
            at += bytes;
            directory
        };
        Ok(directories.into_iter().map(&mut placed).collect())
    }
}

fn span<T: Copy + Ord>(spans: impl Iterator<Item = (T, T)> + Clone) -> Option<(T, T)> {
    let least = spans.clone().map(|span| span.0).min();
    least.zip(spans.map(|span| span.1).max())
}
