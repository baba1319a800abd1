//! Values to small numbers, column by column: rows of equal values have equal codes.
//!
//! No row allocates, and no order depends on a hash: codes are given in the order in which values come.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use iguazu_transform::contract::Window;
use xxhash_rust::xxh3::xxh3_64;

use super::{foreign, window_start};
use crate::error::CompactError;

/// Codes by hash, open addressing.
#[derive(Debug, Default)]
struct Table {
    /// A code and one, or zero.
    slots: Vec<u32>,
    /// The hash of each code.
    hashes: Vec<u64>,
}

impl Table {
    /// The code of a hash for which `is` holds, or a new one.
    fn code(&mut self, hash: u64, is: impl Fn(u32) -> bool) -> (u32, bool) {
        if self.hashes.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                0 => break,
                slot if self.hashes[slot as usize - 1] == hash && is(slot - 1) => return (slot - 1, false),
                _ => at = (at + 1) & mask,
            }
        }
        let code = self.hashes.len() as u32;
        self.hashes.push(hash);
        self.slots[at] = code + 1;
        (code, true)
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(64)];
        let mask = self.slots.len() - 1;
        for (code, hash) in (1..).zip(&self.hashes) {
            let mut at = *hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = code;
        }
    }
}

/// Pairs of codes to codes.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    table: Table,
    pairs: Vec<(u32, u32)>,
    last: Option<(u32, u32, u32)>,
}

impl Pairs {
    pub(super) fn code(&mut self, a: u32, b: u32) -> u32 {
        if let Some((last_a, last_b, code)) = self.last
            && (last_a, last_b) == (a, b)
        {
            return code;
        }
        let both = u64::from(a) << 32 | u64::from(b);
        let hash = (both ^ both >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (code, is_new) = self.table.code(hash ^ hash >> 32, |code| self.pairs[code as usize] == (a, b));
        if is_new {
            self.pairs.push((a, b));
        }
        self.last = Some((a, b, code));
        code
    }

    pub(super) fn all(&self) -> &[(u32, u32)] {
        &self.pairs
    }
}

/// The windows of a file's rows.
#[derive(Debug)]
pub(super) struct Windows {
    width: Window,
    starts: Vec<i64>,
    codes: Vec<u32>,
}

impl Windows {
    pub(super) fn new(width: Window) -> Self {
        Self { width, starts: Vec::new(), codes: Vec::new() }
    }

    pub(super) fn width(&self) -> Window {
        self.width
    }

    pub(super) fn starts(&self) -> &[i64] {
        &self.starts
    }

    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }

    pub(super) fn forget_rows(&mut self) {
        self.codes = Vec::new();
    }

    /// Rows come in the order of their times, so a window is looked for once; where they do not, it is only slower.
    pub(super) fn push(&mut self, times: &[i64]) {
        let mut last: Option<(i64, u32)> = None;
        let mut last_day: Option<(i64, i64)> = None;
        for &micros in times {
            // All windows are whole hours.
            let hour = micros.div_euclid(3_600_000_000);
            let start = match last_day {
                Some((known, start)) if known == hour => start,
                _ => window_start(self.width, micros),
            };
            last_day = Some((hour, start));
            let code = match last {
                Some((known, code)) if known == start => code,
                _ => self.starts.iter().rposition(|&known| known == start).unwrap_or_else(|| {
                    self.starts.push(start);
                    self.starts.len() - 1
                }) as u32,
            };
            last = Some((start, code));
            self.codes.push(code);
        }
    }
}

/// A column that rows are grouped by.
#[derive(Debug, Default)]
pub(super) struct Coded {
    table: Table,
    /// The bytes of the values, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    null: Option<u32>,
    codes: Vec<u32>,
    /// The values themselves, in the order of their codes.
    values: Vec<ArrayRef>,
}

impl Coded {
    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }

    pub(super) fn forget_rows(&mut self) {
        self.codes = Vec::new();
    }

    /// The values by their codes; nothing where there are no rows.
    pub(super) fn values(&self) -> Result<Option<ArrayRef>, CompactError> {
        let parts: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        Ok(if parts.is_empty() { None } else { Some(concat(&parts)?) })
    }

    pub(super) fn push(&mut self, array: &ArrayRef) -> Result<(), CompactError> {
        let mut fresh = Vec::new();
        macro_rules! whole {
            ($kind:ty) => {{
                let values = array.as_primitive_opt::<$kind>().ok_or_else(|| foreign("a column changes its type"))?;
                self.all(array, &mut fresh, |row| values.values()[row].to_le_bytes());
            }};
        }
        match array.data_type() {
            DataType::Utf8View => {
                let texts = array.as_string_view_opt().ok_or_else(|| foreign("a column changes its type"))?;
                self.all(array, &mut fresh, |row| texts.value(row).as_bytes());
            }
            DataType::Int32 => whole!(Int32Type),
            DataType::Int64 => whole!(Int64Type),
            DataType::Date32 => whole!(Date32Type),
            DataType::Timestamp(TimeUnit::Microsecond, _) => whole!(TimestampMicrosecondType),
            DataType::Decimal128(..) => whole!(Decimal128Type),
            DataType::Float64 => {
                let values =
                    array.as_primitive_opt::<Float64Type>().ok_or_else(|| foreign("a column changes its type"))?;
                // Zero has two spellings, and is one group.
                self.all(array, &mut fresh, |row| (values.values()[row] + 0.0).to_le_bytes());
            }
            DataType::Boolean => {
                let values = array.as_boolean_opt().ok_or_else(|| foreign("a column changes its type"))?;
                self.all(array, &mut fresh, |row| [u8::from(values.value(row))]);
            }
            other => return Err(foreign(format!("a column of {other} makes no groups"))),
        }
        if !fresh.is_empty() {
            self.values.push(take(array, &UInt32Array::from(fresh), None)?);
        }
        Ok(())
    }

    fn all<B: AsRef<[u8]>>(&mut self, array: &ArrayRef, fresh: &mut Vec<u32>, value: impl Fn(usize) -> B) {
        let nulls = array.logical_nulls();
        self.codes.reserve(array.len());
        for row in 0..array.len() {
            let (code, is_new) = if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                self.of_null()
            } else {
                self.of_value(value(row).as_ref())
            };
            if is_new {
                fresh.push(row as u32);
            }
            self.codes.push(code);
        }
    }

    fn of_null(&mut self) -> (u32, bool) {
        match self.null {
            Some(code) => (code, false),
            None => {
                // It takes a code like any value, and a hash that is looked up by no one.
                let (code, _) = self.table.code(xxh3_64(b"null"), |_| false);
                self.ends.push(self.bytes.len());
                self.null = Some(code);
                (code, true)
            }
        }
    }

    fn of_value(&mut self, value: &[u8]) -> (u32, bool) {
        let null = self.null;
        let known = |code: u32| {
            let from = (code as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
            Some(code) != null && &self.bytes[from..self.ends[code as usize]] == value
        };
        let (code, is_new) = self.table.code(xxh3_64(value), known);
        if is_new {
            self.bytes.extend_from_slice(value);
            self.ends.push(self.bytes.len());
        }
        (code, is_new)
    }
}
