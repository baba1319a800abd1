//! Where the sections of ids stand in a file that is whole in memory.

use std::ops::Range;

use ::parquet::bloom_filter::Sbbf;

use super::foreign;
use super::ids::{Directory, ENTRY_BYTES, Group, IDS_KEY, decode};
use super::input::Input;
use crate::error::CompactError;

/// From where to where the sections stand that are read first, by the footer; nothing in a raw file.
pub(super) fn index(input: &Input) -> Option<Range<usize>> {
    let pairs = input.metadata().file_metadata().key_value_metadata()?;
    let value = pairs.iter().find(|pair| pair.key == IDS_KEY)?.value.as_deref()?;
    let mut numbers = value.split(',').map(str::parse);
    let (_version, from, to) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    let _: usize = _version;
    Some(from..to)
}

/// What a live file says of the ids of its row groups; nothing if it is a raw file.
pub(super) fn groups(input: &Input) -> Result<Option<Vec<(Group, Sbbf)>>, CompactError> {
    let Some(index) = index(input) else { return Ok(None) };
    let bytes = input.bytes().get(index).ok_or_else(|| foreign("its footer points beyond its end"))?;
    decode(bytes)?.iter().map(|directory| group(input, directory)).collect::<Result<_, _>>().map(Some)
}

fn group(input: &Input, directory: &Directory) -> Result<(Group, Sbbf), CompactError> {
    let part = |range: Range<u64>| {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        (range.start <= range.end && range.end <= input.bytes().len()).then(|| input.bytes().slice(range))
    };
    let locators = directory.locators..directory.locators + u64::from(directory.rows) * ENTRY_BYTES as u64;
    let beyond = || foreign("its directory of ids points beyond its end");
    let group = Group {
        rows: directory.rows,
        ids: directory.ids,
        times: directory.times,
        firsts: directory.firsts.clone(),
        locators: part(locators).ok_or_else(beyond)?,
        bloom_bytes: directory.bloom.end - directory.bloom.start,
    };
    Ok((group, Sbbf::from_bytes(&part(directory.bloom.clone()).ok_or_else(beyond)?)?))
}
