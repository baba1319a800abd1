//! How columns are stored: which encoding and which compression, and what the footer says of them.
//!
//! Rules:
//! - Every encoding is one that Athena, Spark, DuckDB, Polars and pyarrow read.
//! - A dictionary pays where values repeat. Whether a column of text does is seen in its first rows, so that the same
//!   rows are always stored the same way.
//! - Statistics are kept where a reader skips by them, of a row group as a whole: rows are sorted by a hash, so a page
//!   is like any other. Those of text would copy its beginnings into the footer.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use ::parquet::schema::types::ColumnPath;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, SchemaRef};

use crate::contract::SYSTEM_COLUMNS;
use crate::json::Mark;

const CREATED_BY: &str = "iguazu";
/// A file of fewer rows and bytes is small.
const SMALL_ROWS: usize = 128;
const SMALL_BYTES: usize = 256 << 10;
/// A row group ends here even if its part of the placements does not, as where one event has come very often.
const ROW_GROUP_ROWS_MAX: usize = 262_144;
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;
/// Rows that are looked at to see what the texts of a column are like.
const SAMPLE_ROWS: usize = 256;
/// Texts that are on average no longer than this gain by having their lengths stored apart.
const SHORT_BYTES: usize = 64;
/// Of so many rows a column that repeats has one distinct value at most.
const ROWS_PER_VALUE: usize = 4;

/// Whether a file of so many rows and so many bytes of events is small.
pub(crate) fn is_small(rows: usize, bytes: usize) -> bool {
    rows < SMALL_ROWS && bytes < SMALL_BYTES
}

/// How a small file is stored: a compression context for each column costs more than such a file has to gain.
pub(crate) fn small() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .build()
}

fn base() -> Result<WriterPropertiesBuilder, ParquetError> {
    Ok(WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX)))
}

fn dictionary(properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(column);
    properties
        .set_column_dictionary_enabled(column.clone(), true)
        .set_column_compression(column, Compression::UNCOMPRESSED)
}

fn encoded(properties: WriterPropertiesBuilder, column: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    properties.set_column_encoding(ColumnPath::from(column), encoding)
}

fn plain(properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    properties.set_column_compression(ColumnPath::from(column), Compression::UNCOMPRESSED)
}

fn summed_up(properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk)
}

/// How a file of a table's events is stored. `gathered` are the arrays of all its rows behind the id: the type, then
/// what is behind the system columns.
pub(crate) fn events(schema: &SchemaRef, gathered: &[ArrayRef]) -> Result<WriterProperties, ParquetError> {
    let mut properties = base()?;
    // With the lengths out of its way, zstd makes short work of hexadecimal digits.
    properties = encoded(properties, "event_id", Encoding::DELTA_LENGTH_BYTE_ARRAY);
    for column in ["event_type", "stream", "shard", "sub", "contract_version"] {
        properties = dictionary(properties, column);
    }
    for column in ["event_time", "arrival_time"] {
        properties = plain(encoded(properties, column, Encoding::DELTA_BINARY_PACKED), column);
    }
    // Neighbours of a shard begin alike.
    properties = encoded(properties, "sequence", Encoding::DELTA_BYTE_ARRAY);
    for column in ["event_type", "event_time", "arrival_time"] {
        properties = summed_up(properties, column);
    }
    let behind = schema.fields().iter().skip(SYSTEM_COLUMNS.len());
    for (field, array) in behind.zip(gathered.iter().skip(1)) {
        properties = column(properties, field.name(), array);
    }
    Ok(properties.build())
}

fn column(properties: WriterPropertiesBuilder, name: &str, array: &ArrayRef) -> WriterPropertiesBuilder {
    match array.data_type() {
        DataType::Utf8 => match Texture::of(array) {
            Texture::Repeats => dictionary(properties, name),
            Texture::Short => encoded(properties, name, Encoding::DELTA_LENGTH_BYTE_ARRAY),
            Texture::Long => properties,
        },
        DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..) => integers(properties, name),
        // Up to 18 digits are stored as whole numbers.
        DataType::Decimal128(precision, _) if *precision <= 18 => integers(properties, name),
        DataType::Boolean | DataType::Float64 | DataType::Decimal128(..) => summed_up(properties, name),
        _ => properties,
    }
}

fn integers(properties: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    summed_up(plain(encoded(properties, name, Encoding::DELTA_BINARY_PACKED), name), name)
}

/// What the texts of a column are like.
enum Texture {
    Repeats,
    Short,
    Long,
}

impl Texture {
    fn of<'a>(array: &'a ArrayRef) -> Self {
        let Some(texts) = array.as_string_opt::<i32>() else { return Self::Long };
        let sample = texts.len().min(SAMPLE_ROWS);
        let marked = |text: &'a str| (Mark::of(text.as_bytes()), text);
        let mut values: Vec<_> = texts.iter().take(sample).flatten().map(marked).collect();
        let bytes: usize = texts.iter().take(sample).flatten().map(str::len).sum();
        let present = values.len();
        values.sort_unstable();
        values.dedup();
        if values.len() * ROWS_PER_VALUE <= sample {
            Self::Repeats
        } else if bytes <= present * SHORT_BYTES {
            Self::Short
        } else {
            Self::Long
        }
    }
}

/// How a file of quarantined input is stored.
pub(crate) fn quarantine() -> Result<WriterProperties, ParquetError> {
    let mut properties = base()?;
    for column in ["reason", "stream", "shard", "sub", "contract_version", "contract", "path", "found"] {
        properties = dictionary(properties, column);
    }
    for column in ["reason", "arrival_time", "contract"] {
        properties = summed_up(properties, column);
    }
    Ok(properties.build())
}
