//! The plain text as the format of a table's live files.
//!
//! A live file begins with a filter of 32 bits over the ids that it holds, so coarse that it often claims an id that is
//! not there: what is then done about it is of the protocol. A file of a roll-up holds a line a group.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use iguazu_compact::CompactError;
use iguazu_compact::format::{Held, Keys, NewFile, NewRollup, Ranges, Recipe, RowKey, TableFormat};
use iguazu_compact::keep::{Copy, Delivery};
use iguazu_compact::state::LiveFile;
use iguazu_lake::ids::{EventId, Timestamp};
use iguazu_lake::keys::version::TypeKey;
use iguazu_transform::Contract;
use iguazu_transform::contract::{Rollup, Window};

use crate::plain::{Line, SimFormat};

/// The first line of a live file: a sign, eight digits and the line's end.
const HEADER: u64 = 11;

/// What a roll-up says of some rows: by window and group, the count and the sum.
pub type Sums = BTreeMap<(i64, String), (u64, i128)>;

fn foreign(problem: &str) -> CompactError {
    CompactError::Foreign { problem: problem.to_owned() }
}

fn bit(id: EventId) -> u32 {
    1 << (id.placement() % 32)
}

/// What a roll-up has to say of these rows.
pub fn sums<'a>(rollup: &Rollup, lines: impl IntoIterator<Item = &'a Line>) -> Sums {
    let mut sums = Sums::new();
    let hours = match rollup.window {
        Window::Hour => 1,
        Window::Day => 24,
        Window::Month => 24 * 31,
    };
    let by_type = rollup.by.iter().any(|by| by.as_str() == "event_type");
    for line in lines {
        let window = line.event_time.micros().div_euclid(hours * 3_600_000_000);
        let group = if by_type { line.kind.to_string() } else { "-".to_owned() };
        let (count, sum) = sums.entry((window, group)).or_default();
        (*count, *sum) = (*count + 1, *sum + i128::from(line.measure()));
    }
    sums
}

/// The sums of a roll-up's file.
pub fn read_sums(file: &[u8]) -> Option<Sums> {
    let parse = |line: &str| {
        let mut parts = line.split(' ');
        let group = (parts.next()?.parse().ok()?, parts.next()?.to_owned());
        Some((group, (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?)))
    };
    std::str::from_utf8(file).ok()?.lines().map(parse).collect()
}

/// Adds what one file says to what others said.
pub fn add_sums(to: &mut Sums, other: &Sums) {
    for (group, (count, sum)) in other {
        let entry = to.entry(group.clone()).or_default();
        *entry = (entry.0 + count, entry.1 + sum);
    }
}

fn write_sums(sums: &Sums) -> Bytes {
    let mut text = String::new();
    for ((window, group), (count, sum)) in sums {
        let written = writeln!(text, "{window} {group} {count} {sum}");
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    text.into()
}

fn new_file(contract: &Contract, lines: &[&Line]) -> Result<NewFile, CompactError> {
    if !lines.is_sorted_by_key(|line| line.event_time) {
        return Err(foreign("the rows of a recipe are not in the order of their event times"));
    }
    let filter = lines.iter().fold(0, |bits, line| bits | bit(line.id));
    let mut text = String::with_capacity(16 + lines.len() * 128);
    let written = writeln!(text, "# {filter:08x}");
    debug_assert!(written.is_ok(), "a String takes every write");
    lines.iter().for_each(|line| line.write(&mut text));
    let span = |of: fn(&Line) -> Timestamp| {
        lines.iter().map(|line| of(line)).min().zip(lines.iter().map(|line| of(line)).max())
    };
    let ids = lines.iter().map(|line| line.id);
    let rollups = contract.rollups.iter().map(|rollup| {
        let sums = sums(rollup, lines.iter().copied());
        let name = rollup.name.as_str().parse().map_err(|_| foreign("a roll-up's name is none of a table"))?;
        Ok(NewRollup { rollup: name, rows: sums.len() as u64, bytes: write_sums(&sums), overflowed: Vec::new() })
    });
    Ok(NewFile {
        rows: lines.len() as u64,
        bytes: text.into(),
        event_time: span(|line| line.event_time),
        ids: ids.clone().min().zip(ids.max()),
        index: Some((0, HEADER)),
        rollups: rollups.collect::<Result<_, CompactError>>()?,
    })
}

impl TableFormat for SimFormat {
    type Input = Vec<Line>;

    fn open(&self, _: &Arc<Contract>, bytes: Bytes) -> Result<Vec<Line>, CompactError> {
        Self::lines(&bytes).ok_or_else(|| foreign("not a plain file"))
    }

    fn keys(&self, contract: &Arc<Contract>, input: &Vec<Line>) -> Result<Keys, CompactError> {
        let mut kinds: Vec<TypeKey> = Vec::new();
        let rows = input.iter().map(|line| {
            let mut kind = 0;
            if contract.partition_by_type {
                let of = TypeKey::of(&line.kind);
                kind = kinds.iter().position(|known| *known == of).unwrap_or_else(|| {
                    kinds.push(of);
                    kinds.len() - 1
                });
            }
            let copy = Copy { event_time: line.event_time, arrival: line.arrival };
            RowKey { id: line.id, copy, kind: kind as u32 }
        });
        Ok(Keys { rows: rows.collect(), kinds })
    }

    fn deliveries(&self, input: &Vec<Line>, rows: &[u32]) -> Result<Vec<Delivery>, CompactError> {
        let delivery = |&row: &u32| input.get(row as usize).map(Line::delivery);
        rows.iter().map(delivery).collect::<Option<_>>().ok_or_else(|| foreign("no such row"))
    }

    async fn find<R: Ranges>(&self, reader: &R, file: &LiveFile, ids: &[EventId]) -> Result<Vec<Held>, CompactError> {
        let (from, to) = file.index.ok_or_else(|| foreign("a live file without an index"))?;
        let header = reader.read(from..to).await?;
        let digits = header.strip_prefix(b"# ").and_then(|digits| std::str::from_utf8(digits).ok());
        let filter = digits.and_then(|digits| u32::from_str_radix(digits.trim_end(), 16).ok());
        let filter = filter.ok_or_else(|| foreign("a live file without a filter"))?;
        let claimed: Vec<_> = ids.iter().filter(|id| filter & bit(**id) != 0).collect();
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Self::lines(&reader.read(to..file.bytes).await?).ok_or_else(|| foreign("not a plain file"))?;
        let found = rows.iter().zip(0..).filter(|(line, _)| claimed.contains(&&line.id)).map(|(line, row)| Held {
            id: line.id,
            row,
            copy: Copy { event_time: line.event_time, arrival: line.arrival },
            delivery: line.delivery(),
        });
        Ok(found.collect())
    }

    fn write(
        &self,
        contract: &Arc<Contract>,
        inputs: &[Vec<Line>],
        recipes: &[Recipe],
    ) -> Result<Vec<NewFile>, CompactError> {
        let input = |at: u32| inputs.get(at as usize).ok_or_else(|| foreign("no such input"));
        let write = |recipe: &Recipe| {
            let mut lines = Vec::new();
            match recipe {
                Recipe::Rows(rows) => {
                    for at in rows {
                        lines.push(input(at.input)?.get(at.row as usize).ok_or_else(|| foreign("no such row"))?);
                    }
                }
                Recipe::Copy(whole) => {
                    for &at in whole {
                        lines.extend(input(at)?.iter());
                    }
                }
            }
            new_file(contract, &lines)
        };
        recipes.iter().map(write).collect()
    }
}
