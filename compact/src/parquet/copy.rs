//! Live files one after the other, their row groups copied as they are.

use ::parquet::column::writer::ColumnCloseResult;
use iguazu_transform::contract::Contract;

use super::assemble::{Assembly, root};
use super::ids::Group;
use super::input::Input;
use super::{layout, locate};
use crate::error::CompactError;
use crate::format::NewFile;
use crate::rollup::Rollups;
use ::parquet::bloom_filter::Sbbf;
use arrow::datatypes::SchemaRef;

/// The file; nothing where the inputs are not such that their row groups can be copied: raw files, files of other
/// columns, or of roll-ups that name a column which they do not have.
pub(super) fn copied(
    contract: &Contract,
    schema: &SchemaRef,
    inputs: &[Input],
    of: &[u32],
) -> Result<Option<NewFile>, CompactError> {
    let inputs: Vec<&Input> = of.iter().filter_map(|&input| inputs.get(input as usize)).collect();
    let root = root(schema)?;
    let same = |input: &&Input| input.metadata().file_metadata().schema_descr().root_schema() == root.as_ref();
    if inputs.len() < of.len() || !inputs.iter().all(same) {
        return Ok(None);
    }
    let mut described = Vec::with_capacity(inputs.len());
    for input in &inputs {
        match locate::groups(input)? {
            Some(groups) if groups.len() == input.metadata().num_row_groups() => described.push(groups),
            _ => return Ok(None),
        }
    }
    let bytes = inputs.iter().map(|input| input.bytes().len()).sum();
    let mut assembly = Assembly::new(root, layout::file(schema)?, bytes)?;
    for (input, groups) in inputs.iter().zip(described) {
        for (at, (group, bloom)) in groups.into_iter().enumerate() {
            append(&mut assembly, input, at, group, bloom)?;
        }
    }
    let mut rollups = Rollups::new(contract, schema);
    for pass in rollups.passes() {
        for name in pass {
            for input in &inputs {
                rollups.see(&name, &input.column(input.schema().index_of(&name)?)?)?;
            }
        }
        rollups.end_pass()?;
    }
    Ok(Some(assembly.finish(rollups.finish()?)?))
}

fn append(assembly: &mut Assembly, input: &Input, at: usize, group: Group, bloom: Sbbf) -> Result<(), CompactError> {
    let metadata = input.metadata();
    let row_group = metadata.row_group(at);
    let mut bloom = Some(bloom);
    let mut writer = assembly.writer.next_row_group()?;
    for (column, chunk) in row_group.columns().iter().enumerate() {
        let column_index = metadata.column_index().and_then(|index| index.get(at)?.get(column)).cloned();
        let offset_index = metadata.offset_index().and_then(|index| index.get(at)?.get(column)).cloned();
        let close = ColumnCloseResult {
            bytes_written: chunk.compressed_size().unsigned_abs(),
            rows_written: row_group.num_rows().unsigned_abs(),
            metadata: chunk.clone(),
            bloom_filter: bloom.take(),
            column_index,
            offset_index,
        };
        writer.append_column(input.bytes(), close)?;
    }
    writer.close()?;
    assembly.describe(group);
    Ok(())
}
