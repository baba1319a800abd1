//! New files, one column of all of them at a time.

use std::borrow::Cow;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::bloom_filter::Sbbf;
use ::parquet::file::writer::SerializedFileWriter;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampMicrosecondType};
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::Contract;

use super::assemble::{Assembly, root};
use super::gather::{Column, Segment, segments};
use super::ids::{ENTRY_BYTES, Gatherer, Group};
use super::input::Input;
use super::pages::Pages;
use super::{copy, foreign, layout, schema};
use crate::error::CompactError;
use crate::format::{NewFile, Recipe};
use crate::keep::RowRef;
use crate::rollup::Rollups;

pub(super) fn write(contract: &Contract, inputs: &[Input], recipes: &[Recipe]) -> Result<Vec<NewFile>, CompactError> {
    let schema = schema::united(contract, inputs)?;
    let mut files: Vec<Option<NewFile>> = Vec::with_capacity(recipes.len());
    let mut rows: Vec<Cow<'_, [RowRef]>> = Vec::new();
    for recipe in recipes {
        let copied = match recipe {
            Recipe::Rows(_) => None,
            Recipe::Copy(of) => copy::copied(contract, &schema, inputs, of)?,
        };
        if copied.is_none() {
            rows.push(rows_of(recipe, inputs)?);
        }
        files.push(copied);
    }
    let mut written = decoded(contract, &schema, inputs, &rows)?.into_iter();
    let file = |file: Option<NewFile>| file.or_else(|| written.next());
    files.into_iter().map(file).collect::<Option<_>>().ok_or_else(|| foreign("a file was not written"))
}

fn rows_of<'r>(recipe: &'r Recipe, inputs: &[Input]) -> Result<Cow<'r, [RowRef]>, CompactError> {
    let of = match recipe {
        Recipe::Rows(rows) => return Ok(Cow::Borrowed(rows)),
        Recipe::Copy(of) => of,
    };
    let mut rows = Vec::new();
    for &input in of {
        let found = inputs.get(input as usize).ok_or_else(|| foreign("an input was asked for that there is not"))?;
        // A file has fewer than 2^32 rows.
        rows.extend((0..found.rows() as u32).map(|row| RowRef { input, row }));
    }
    Ok(Cow::Owned(rows))
}

/// A file of which some columns are written.
struct Draft<'r> {
    groups: Vec<DraftGroup<'r>>,
    pages: Pages,
    rollups: Rollups,
}

struct DraftGroup<'r> {
    rows: usize,
    segments: Vec<Segment<'r>>,
    /// By the columns of the table; a nested column has several.
    chunks: Vec<Vec<ArrowColumnChunk>>,
    ids: Option<Gatherer>,
    described: Option<(Group, Sbbf)>,
    times: Option<(Timestamp, Timestamp)>,
}

fn decoded(
    contract: &Contract,
    schema: &SchemaRef,
    inputs: &[Input],
    files: &[Cow<'_, [RowRef]>],
) -> Result<Vec<NewFile>, CompactError> {
    let rows: Vec<&[RowRef]> = files.iter().map(AsRef::as_ref).collect();
    let groups = segments(&rows, inputs, layout::GROUP_ROWS)?;
    let mut drafts: Vec<Draft<'_>> = groups.into_iter().map(|groups| Draft::new(groups, contract, schema)).collect();
    // What roll-ups group by is written first, since they sum up by it what comes afterwards.
    let passes = Rollups::new(contract, schema).passes();
    let mut left: Vec<usize> = (0..schema.fields().len()).collect();
    for pass in &passes {
        for name in pass {
            let at = schema.index_of(name)?;
            let to_write = left.contains(&at);
            left.retain(|other| *other != at);
            column(&mut drafts, inputs, schema.field(at), at, if to_write { Use::Both } else { Use::Sum })?;
        }
        drafts.iter_mut().try_for_each(|draft| draft.rollups.end_pass())?;
    }
    for at in left {
        column(&mut drafts, inputs, schema.field(at), at, Use::Write)?;
    }
    drafts.into_iter().map(|draft| draft.finish(schema)).collect()
}

/// What a column is decoded for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Write,
    Sum,
    Both,
}

fn column(
    drafts: &mut [Draft<'_>],
    inputs: &[Input],
    field: &Field,
    at: usize,
    purpose: Use,
) -> Result<(), CompactError> {
    let mut column = Column::new(inputs, field);
    for Draft { groups, pages, rollups } in drafts {
        let mut writers: Option<ArrowRowGroupWriterFactory> = None;
        for (number, group) in groups.iter_mut().enumerate() {
            let mut open = None;
            if field.name() == "event_id" && purpose != Use::Sum {
                group.ids = Some(Gatherer::of(group.rows));
            }
            for segment in &group.segments {
                let array = column.gather(segment)?;
                if purpose != Use::Write {
                    rollups.see(field.name(), &array)?;
                }
                if purpose == Use::Sum {
                    continue;
                }
                observe(field.name(), &array, &mut group.ids, &mut group.times)?;
                let factory = match &mut writers {
                    Some(writers) => writers,
                    none => none.insert(factory(field, &array, pages)?),
                };
                let writers = match &mut open {
                    Some(writers) => writers,
                    none => none.insert(factory.create_column_writers(number)?),
                };
                for (leaf, writer) in compute_leaves(field, &array)?.iter().zip(writers) {
                    writer.write(leaf)?;
                }
            }
            for writer in open.into_iter().flatten() {
                group.chunks[at].push(writer.close()?);
            }
            if field.name() == "event_id" && purpose != Use::Sum {
                group.described = group.ids.take().map(Gatherer::finish).transpose()?;
            }
        }
    }
    Ok(())
}

/// What makes the writers of a column, by what its first rows are like.
fn factory(field: &Field, first: &ArrayRef, pages: &Pages) -> Result<ArrowRowGroupWriterFactory, CompactError> {
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let properties = Arc::new(layout::column(field.name(), first)?);
    // A file of this column alone, of which nothing is written: Parquet's writer takes properties from a file only.
    let file = SerializedFileWriter::new(std::io::sink(), root(&schema)?, properties)?;
    Ok(ArrowRowGroupWriterFactory::new(&file, schema).with_page_store_factory(Arc::new(pages.clone())))
}

fn observe(
    name: &str,
    array: &ArrayRef,
    ids: &mut Option<Gatherer>,
    times: &mut Option<(Timestamp, Timestamp)>,
) -> Result<(), CompactError> {
    match name {
        "event_id" => {
            let texts = array.as_string_view_opt().ok_or_else(|| foreign("its column `event_id` is no text"))?;
            let ids = ids.as_mut().ok_or_else(|| foreign("ids come twice"))?;
            (0..texts.len()).try_for_each(|row| ids.push(texts.value(row)))
        }
        "event_time" => {
            let stamps = array.as_primitive_opt::<TimestampMicrosecondType>();
            let stamps = stamps.ok_or_else(|| foreign("its column `event_time` is no time in microseconds"))?;
            for &micros in stamps.values() {
                let time = Timestamp::from_micros(micros);
                let (least, greatest) = times.unwrap_or((time, time));
                *times = Some((least.min(time), greatest.max(time)));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl<'r> Draft<'r> {
    fn new(groups: Vec<Vec<Segment<'r>>>, contract: &Contract, schema: &SchemaRef) -> Self {
        let group = |segments: Vec<Segment<'r>>| {
            let rows = segments.iter().map(Segment::rows).sum();
            let chunks = schema.fields().iter().map(|_| Vec::new()).collect();
            DraftGroup { rows, segments, chunks, ids: None, described: None, times: None }
        };
        let groups: Vec<_> = groups.into_iter().map(group).collect();
        let pages = Pages::of(groups.iter().map(|group| group.rows).sum());
        Self { groups, pages, rollups: Rollups::new(contract, schema) }
    }

    fn finish(self, schema: &SchemaRef) -> Result<NewFile, CompactError> {
        let chunks = self.groups.iter().flat_map(|group| group.chunks.iter().flatten());
        let data: u64 = chunks.map(|chunk| chunk.close().bytes_written).sum();
        let rows: usize = self.groups.iter().map(|group| group.rows).sum();
        // Locators, and a Bloom filter of up to three bytes a row.
        let bytes = usize::try_from(data).unwrap_or_default() + rows * (ENTRY_BYTES + 3);
        let mut assembly = Assembly::new(root(schema)?, layout::file(schema)?, bytes)?;
        for group in self.groups {
            let described = group.described.zip(group.times);
            let ((mut described, bloom), times) = described.ok_or_else(|| foreign("a row group without rows"))?;
            described.times = times;
            assembly.append(group.chunks.into_iter().flatten().collect(), described, bloom)?;
        }
        assembly.finish(self.rollups.finish()?)
    }
}
