//! Which of many events a live file holds, read in parts.
//!
//! 1. The directories and the Bloom filters, in one read: which ids are claimed.
//! 2. The blocks of locators where these would be: in which rows they may be.
//! 3. The page index and the footer, in one read, if any is left.
//! 4. The pages of these rows, of the few columns that a [`Held`] is made of. The ids in them decide.

use std::collections::BTreeMap;
use std::iter::once;
use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ArrowReaderMetadata;
use ::parquet::bloom_filter::Sbbf;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use ::parquet::file::page_index::offset_index::PageLocation;
use arrow::array::Array;
use iguazu_lake::ids::{EventId, Timestamp};

use super::foreign;
use super::ids::{self, Directory, STRIPE_ROWS};
use super::input::{chosen, deliveries, part, texts, times, with_views};
use super::sparse::Sparse;
use crate::error::CompactError;
use crate::format::{Held, Ranges};
use crate::keep::Copy;
use crate::state::LiveFile;

const COLUMNS: [&str; 7] = ["event_id", "event_time", "arrival_time", "stream", "shard", "sequence", "sub"];

/// Ids that a row group may hold, by the stripes that would hold them.
type Claims = BTreeMap<usize, Vec<EventId>>;

pub(super) async fn find<R: Ranges>(reader: &R, file: &LiveFile, ids: &[EventId]) -> Result<Vec<Held>, CompactError> {
    let Some((least, greatest)) = file.ids else { return Ok(Vec::new()) };
    let within: Vec<EventId> = ids.iter().copied().filter(|id| (least..=greatest).contains(id)).collect();
    let Some((from, to)) = file.index.filter(|_| !within.is_empty()) else {
        return if within.is_empty() { Ok(Vec::new()) } else { Err(foreign("a live file that has no index of ids")) };
    };
    let mut parts = Sparse::new(file.bytes);
    parts.load(reader, once(from..to)).await?;
    let directories = ids::decode(&parts.range(from..to)?)?;
    let mut claims = Vec::with_capacity(directories.len());
    for directory in &directories {
        claims.push(claimed(directory, &parts, &within)?);
    }
    let blocks = directories
        .iter()
        .zip(&claims)
        .flat_map(|(directory, ids)| ids.iter().map(|id| directory.blocks(id.placement())).collect::<Vec<_>>());
    parts.load(reader, blocks.collect::<Vec<_>>()).await?;
    let mut stripes = Vec::with_capacity(directories.len());
    for (directory, ids) in directories.iter().zip(&claims) {
        stripes.push(located(directory, &parts, ids)?);
    }
    if stripes.iter().all(Claims::is_empty) {
        return Ok(Vec::new());
    }
    parts.load(reader, once(to..file.bytes)).await?;
    let metadata = ParquetMetaDataReader::new()
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&parts)?;
    let wanted = pages(&metadata, &stripes)?;
    parts.load(reader, wanted).await?;
    confirmed(&parts, metadata, &stripes)
}

/// The ids that a row group claims by its Bloom filter.
fn claimed(directory: &Directory, parts: &Sparse, ids: &[EventId]) -> Result<Vec<EventId>, CompactError> {
    let bloom = Sbbf::from_bytes(&parts.range(directory.bloom.clone())?)?;
    let (least, greatest) = directory.ids;
    let mut text = [0; 36];
    let claims = |id: &EventId| (least..=greatest).contains(id) && bloom.check(id.encode(&mut text));
    Ok(ids.iter().copied().filter(claims).collect())
}

/// In which stripes the claimed ids may be.
fn located(directory: &Directory, parts: &Sparse, ids: &[EventId]) -> Result<Claims, CompactError> {
    let mut claims = Claims::new();
    for &id in ids {
        let block = parts.range(directory.blocks(id.placement()))?;
        for stripe in ids::stripes(&block, id.placement()) {
            claims.entry(stripe).or_default().push(id);
        }
    }
    Ok(claims)
}

/// Where the pages of the stripes stand, dictionaries included.
fn pages(metadata: &ParquetMetaData, stripes: &[Claims]) -> Result<Vec<Range<u64>>, CompactError> {
    let columns = COLUMNS.iter().map(|name| {
        let columns = metadata.file_metadata().schema_descr().columns();
        let found = columns.iter().position(|column| column.path().parts() == [*name]);
        found.ok_or_else(|| foreign(format!("it has no column `{name}`")))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut ranges = Vec::new();
    for (group, claims) in stripes.iter().enumerate().filter(|(_, claims)| !claims.is_empty()) {
        for &column in &columns {
            let index = metadata.offset_index().and_then(|index| index.get(group)?.get(column));
            let pages = index.ok_or_else(|| foreign("it has no page index"))?.page_locations();
            let chunk = metadata.row_group(group).column(column);
            if let (Some(start), Some(first)) = (chunk.dictionary_page_offset(), pages.first()) {
                ranges.push(start.unsigned_abs()..first.offset.unsigned_abs());
            }
            for &stripe in claims.keys() {
                pages_of(pages, stripe * STRIPE_ROWS..(stripe + 1) * STRIPE_ROWS, &mut ranges);
            }
        }
    }
    Ok(ranges)
}

fn pages_of(pages: &[PageLocation], rows: Range<usize>, ranges: &mut Vec<Range<u64>>) {
    let begins = |page: &PageLocation| usize::try_from(page.first_row_index).unwrap_or_default();
    let from = pages.partition_point(|page| begins(page) <= rows.start).saturating_sub(1);
    for page in pages.iter().skip(from).take_while(|page| begins(page) < rows.end) {
        let start = page.offset.unsigned_abs();
        ranges.push(start..start + u64::from(page.compressed_page_size.unsigned_abs()));
    }
}

/// Which of the rows hold what they may hold.
fn confirmed(parts: &Sparse, metadata: ParquetMetaData, stripes: &[Claims]) -> Result<Vec<Held>, CompactError> {
    let counts: Vec<usize> =
        metadata.row_groups().iter().map(|group| group.num_rows().unsigned_abs() as usize).collect();
    if counts.len() != stripes.len() {
        return Err(foreign("its directory of ids is of other row groups"));
    }
    let reader = with_views(Arc::new(metadata))?;
    let mut held = Vec::new();
    let mut before = 0;
    for (group, (claims, rows)) in stripes.iter().zip(counts).enumerate() {
        if !claims.is_empty() {
            in_group(parts, &reader, group, claims, rows, before, &mut held)?;
        }
        before += rows;
    }
    Ok(held)
}

fn in_group(
    parts: &Sparse,
    reader: &ArrowReaderMetadata,
    group: usize,
    claims: &Claims,
    rows: usize,
    before: usize,
    held: &mut Vec<Held>,
) -> Result<(), CompactError> {
    let ranges = || claims.keys().map(|&stripe| stripe * STRIPE_ROWS..((stripe + 1) * STRIPE_ROWS).min(rows));
    let read = part(parts, reader, &COLUMNS)?.with_row_groups(vec![group]).with_row_selection(chosen(ranges()));
    let mut places = ranges().flatten();
    for batch in read.build()? {
        let batch = batch?;
        let found = texts(&batch, "event_id")?;
        let (happened, arrived) = (times(&batch, "event_time")?, times(&batch, "arrival_time")?);
        for row in 0..found.len() {
            let place = places.next().ok_or_else(|| foreign("more rows were read than asked for"))?;
            let id = EventId::of_text(found.value(row)).ok_or_else(|| foreign("`event_id` holds no UUID"))?;
            if !claims.get(&(place / STRIPE_ROWS)).is_some_and(|ids| ids.contains(&id)) {
                continue;
            }
            let delivery = deliveries(&batch.slice(row, 1))?.pop().ok_or_else(|| foreign("a row was lost"))?;
            let copy = Copy {
                event_time: Timestamp::from_micros(happened.value(row)),
                arrival: Timestamp::from_micros(arrived.value(row)),
            };
            held.push(Held { id, row: (before + place) as u32, copy, delivery });
        }
    }
    Ok(())
}
