//! The rows of new files, gathered from the inputs one column at a time.
//!
//! Rows are gathered in segments. An input's column is decoded when the first segment asks for it, and given up with the
//! last: events come nearly in the order of their times, so few inputs are decoded at any moment, however many there are.

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::Field;

use super::foreign;
use super::input::Input;
use crate::error::CompactError;
use crate::keep::RowRef;

/// Rows that are gathered at a time: a multiple of the rows of a page.
pub(super) const SEGMENT_ROWS: usize = 16_384;

/// A run of the rows of a file to write.
#[derive(Debug)]
pub(super) struct Segment<'r> {
    rows: &'r [RowRef],
    /// Whose rows they are.
    inputs: Vec<u32>,
    /// Of whom no row comes afterwards.
    last: Vec<u32>,
}

impl Segment<'_> {
    /// How many there are.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// The segments of each file. Each file's are those of its row groups, which are as long as `group_rows` but the last.
pub(super) fn segments<'r>(
    files: &[&'r [RowRef]],
    inputs: &[Input],
    group_rows: usize,
) -> Result<Vec<Vec<Vec<Segment<'r>>>>, CompactError> {
    let mut seen = vec![usize::MAX; inputs.len()];
    let mut last = vec![usize::MAX; inputs.len()];
    let mut at = 0;
    let mut segment = |rows: &'r [RowRef]| {
        let mut of = Vec::new();
        for row in rows {
            let input = row.input as usize;
            if inputs.get(input).is_none_or(|input| row.row as usize >= input.rows()) {
                return Err(foreign("a row was asked for that no input has"));
            }
            if seen[input] != at {
                seen[input] = at;
                last[input] = at;
                of.push(row.input);
            }
        }
        at += 1;
        Ok(Segment { rows, inputs: of, last: Vec::new() })
    };
    let mut segments = Vec::with_capacity(files.len());
    for rows in files {
        let group = |rows: &'r [RowRef]| rows.chunks(SEGMENT_ROWS).map(&mut segment).collect::<Result<Vec<_>, _>>();
        segments.push(rows.chunks(group_rows).map(group).collect::<Result<Vec<_>, _>>()?);
    }
    for (at, segment) in segments.iter_mut().flatten().flatten().enumerate() {
        segment.last = segment.inputs.iter().copied().filter(|&input| last[input as usize] == at).collect();
    }
    Ok(segments)
}

/// The decoded parts of a column.
pub(super) struct Column<'i> {
    inputs: &'i [Input],
    name: &'i str,
    /// In place of the columns of files that have none.
    nothing: ArrayRef,
    decoded: Vec<Option<Decoded>>,
    /// Where an input stands among those of a segment.
    slots: Vec<(usize, u32)>,
}

#[derive(Clone)]
struct Decoded {
    array: ArrayRef,
    /// All bits where rows are rows of the array, none where its one row stands for all.
    mask: u32,
}

impl<'i> Column<'i> {
    pub(super) fn new(inputs: &'i [Input], field: &'i Field) -> Self {
        Self {
            inputs,
            name: field.name(),
            nothing: new_null_array(field.data_type(), 1),
            decoded: vec![None; inputs.len()],
            slots: vec![(0, 0); inputs.len()],
        }
    }

    /// The rows of a segment.
    pub(super) fn gather(&mut self, segment: &Segment<'_>) -> Result<ArrayRef, CompactError> {
        for (slot, &input) in segment.inputs.iter().enumerate() {
            let input = input as usize;
            let decoded = match &self.decoded[input] {
                Some(decoded) => decoded.clone(),
                None => self.decode(&self.inputs[input])?,
            };
            self.slots[input] = (slot, decoded.mask);
            self.decoded[input] = Some(decoded);
        }
        let arrays: Vec<&dyn Array> = segment
            .inputs
            .iter()
            .filter_map(|&input| self.decoded[input as usize].as_ref())
            .map(|decoded| decoded.array.as_ref())
            .collect();
        let places: Vec<(usize, usize)> = segment
            .rows
            .iter()
            .map(|row| {
                let (slot, mask) = self.slots[row.input as usize];
                (slot, (row.row & mask) as usize)
            })
            .collect();
        let gathered = interleave(&arrays, &places)?;
        for &input in &segment.last {
            self.decoded[input as usize] = None;
        }
        Ok(gathered)
    }

    fn decode(&self, input: &Input) -> Result<Decoded, CompactError> {
        match input.schema().index_of(self.name) {
            Ok(column) => Ok(Decoded { array: input.column(column)?, mask: u32::MAX }),
            Err(_) => Ok(Decoded { array: self.nothing.clone(), mask: 0 }),
        }
    }
}
