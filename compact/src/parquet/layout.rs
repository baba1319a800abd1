//! How the columns of a compacted file are stored.
//!
//! The encodings are those of raw files (`transform`'s `layout`), for rows in the order of time. What differs:
//! - The columns that [`find`](super::find) reads single rows of have small pages, and the others large ones.
//! - Times have statistics of each page, since a page is an interval of time; in a raw file it is like any other.
//! - Dictionaries and what points to them are compressed too: these files are read often.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::SortingColumn;
use ::parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::{DataType, Schema};

use crate::error::CompactError;

const CREATED_BY: &str = "iguazu";
/// Rows of a row group. Locators point into a row group with 16 bits, to [`ids::STRIPE_ROWS`](super::ids::STRIPE_ROWS)
/// rows each.
pub(super) const GROUP_ROWS: usize = 1 << 20;
/// Rows of a page of the columns that single rows are read of.
const SMALL_PAGE_ROWS: usize = 1_024;
const PAGE_ROWS: usize = 16_384;
/// Rows that are looked at to see what a column's texts are like.
const SAMPLE_ROWS: usize = 256;
/// Texts that are on average no longer than this gain by having their lengths stored apart.
const SHORT_BYTES: usize = 64;
/// Of so many rows a column that repeats has one distinct value at most.
const ROWS_PER_VALUE: usize = 4;
/// Texts that begin like the one before for so many bytes on average are stored without that.
const COMMON_BYTES: usize = 8;

fn base() -> Result<WriterPropertiesBuilder, CompactError> {
    Ok(WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_row_count_limit(PAGE_ROWS))
}

/// What holds for a file as a whole.
pub(super) fn file(schema: &Schema) -> Result<WriterProperties, CompactError> {
    let sorted = schema.index_of("event_time").ok().and_then(|column| i32::try_from(column).ok());
    let sorting = sorted.map(|column_idx| vec![SortingColumn { column_idx, descending: false, nulls_first: false }]);
    // Behind the directories, so that one read has both.
    Ok(base()?.set_sorting_columns(sorting).set_bloom_filter_position(BloomFilterPosition::End).build())
}

/// What holds for a roll-up's file.
pub(crate) fn rollup() -> Result<WriterProperties, CompactError> {
    Ok(base()?.set_dictionary_enabled(true).set_statistics_enabled(EnabledStatistics::Chunk).build())
}

/// What holds for a column whose first rows are these.
pub(super) fn column(name: &str, array: &ArrayRef) -> Result<WriterProperties, CompactError> {
    let small = |properties: WriterPropertiesBuilder| properties.set_data_page_row_count_limit(SMALL_PAGE_ROWS);
    let properties = base()?;
    let properties = match name {
        "event_id" | "sequence" => small(properties.set_encoding(text_encoding(array))),
        "event_time" | "arrival_time" => small(integers(properties)).set_statistics_enabled(EnabledStatistics::Page),
        "event_type" => summed_up(properties.set_dictionary_enabled(true)),
        "stream" | "shard" | "sub" | "contract_version" => properties.set_dictionary_enabled(true),
        _ => own(properties, array),
    };
    Ok(properties.build())
}

fn own(properties: WriterPropertiesBuilder, array: &ArrayRef) -> WriterPropertiesBuilder {
    match array.data_type() {
        DataType::Utf8View => texts(properties, array),
        DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..) => integers(properties),
        // Up to 18 digits are stored as whole numbers.
        DataType::Decimal128(precision, _) if *precision <= 18 => integers(properties),
        DataType::Boolean | DataType::Float64 | DataType::Decimal128(..) => summed_up(properties),
        _ => properties,
    }
}

fn summed_up(properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    properties.set_statistics_enabled(EnabledStatistics::Chunk)
}

fn integers(properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    summed_up(properties.set_encoding(Encoding::DELTA_BINARY_PACKED).set_compression(Compression::UNCOMPRESSED))
}

fn texts(properties: WriterPropertiesBuilder, array: &ArrayRef) -> WriterPropertiesBuilder {
    let Some(texts) = array.as_string_view_opt() else { return properties };
    let mut values: Vec<&str> = sample(texts).collect();
    let bytes: usize = values.iter().map(|text| text.len()).sum();
    let present = values.len();
    values.sort_unstable();
    values.dedup();
    if values.len() * ROWS_PER_VALUE <= texts.len().min(SAMPLE_ROWS) {
        properties.set_dictionary_enabled(true)
    } else if bytes <= present * SHORT_BYTES {
        properties.set_encoding(text_encoding(array))
    } else {
        properties
    }
}

/// Neighbours may begin alike, as sequence numbers do and ids that begin with a clock.
fn text_encoding(array: &ArrayRef) -> Encoding {
    let Some(texts) = array.as_string_view_opt() else { return Encoding::PLAIN };
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let pairs = sample(texts).zip(sample(texts).skip(1));
    let (count, bytes) = pairs.fold((0, 0), |(count, bytes), (a, b)| (count + 1, bytes + common(a, b)));
    if bytes >= count * COMMON_BYTES && count > 0 {
        Encoding::DELTA_BYTE_ARRAY
    } else {
        // With the lengths out of its way, zstd makes short work of hexadecimal digits.
        Encoding::DELTA_LENGTH_BYTE_ARRAY
    }
}

fn sample(texts: &StringViewArray) -> impl Iterator<Item = &str> {
    texts.iter().take(SAMPLE_ROWS).flatten()
}
