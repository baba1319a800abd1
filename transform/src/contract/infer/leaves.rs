//! What the samples hold, member by member.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::super::read::COLUMNS_MAX;
use super::super::types::DECIMAL_DIGITS_MAX;
use super::super::{ColumnType, Pointer};
use super::{InferError, TYPES_LISTED_MAX};
use crate::value::rfc3339;

/// Levels of objects whose members become columns; what is deeper stays JSON.
const LEVELS_MAX: usize = 16;
/// Digits of a decimal with room, where the samples need no more.
const DECIMAL_DIGITS: u32 = 18;

/// The members of the samples that are no objects themselves.
pub(super) struct Leaves {
    by_path: BTreeMap<Pointer, Leaf>,
    pub(super) samples: usize,
    pub(super) event_bytes: usize,
    pub(super) string_bytes: usize,
}

/// A member of the samples.
pub(super) struct Leaf {
    pub(super) path: Pointer,
    /// Where it came, among all.
    order: usize,
    /// In how many samples it is, and not null.
    pub(super) present: usize,
    pub(super) guess: Guess,
    /// Its different texts, up to one more than are listed; whole numbers are among them as they are written.
    pub(super) texts: BTreeSet<String>,
    /// Whether no two samples have the same value.
    pub(super) distinct: bool,
    seen: BTreeSet<String>,
    pub(super) all_uuids: bool,
    /// The least and the greatest whole number.
    pub(super) numbers: Option<(i64, i64)>,
}

/// What type would hold every value so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Nothing,
    Boolean,
    Int {
        /// Digits, since a decimal may have to hold them.
        digits: u32,
    },
    Decimal {
        before: u32,
        behind: u32,
    },
    Date,
    Timestamp,
    Text,
    List(Box<Guess>),
    Json,
}

impl Guess {
    fn of(text: &str, levels: usize) -> Self {
        match text.as_bytes().first() {
            Some(b'n') => Self::Nothing,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => serde_json::from_str::<String>(text).map_or(Self::Json, |text| Self::of_text(&text)),
            Some(b'[') if levels > 0 => match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(elements) => Self::of_list(&elements),
                Err(_) => Self::Json,
            },
            Some(b'-' | b'0'..=b'9') => Self::of_number(text),
            _ => Self::Json,
        }
    }

    fn of_text(text: &str) -> Self {
        let date = || text.len() == 10 && rfc3339::micros_of(&format!("{text}T00:00:00Z")).is_ok();
        if rfc3339::micros_of(text).is_ok() {
            Self::Timestamp
        } else if date() {
            Self::Date
        } else {
            Self::Text
        }
    }

    fn of_list(elements: &[&RawValue]) -> Self {
        let all = elements.iter().map(|element| Self::of(element.get(), 0)).fold(Self::Nothing, Self::and);
        if all == Self::Json { Self::Json } else { Self::List(Box::new(all)) }
    }

    /// A number by its digits, never through a float.
    fn of_number(text: &str) -> Self {
        if text != "-0" && text.parse::<i64>().is_ok() {
            return Self::Int { digits: text.trim_start_matches('-').len() as u32 };
        }
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) =
            mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
        let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else { return Self::Json };
        let limit = i64::from(DECIMAL_DIGITS_MAX);
        if exponent.abs() > limit || mantissa.len() > 100 {
            return Self::Json;
        }
        let before = whole.trim_start_matches('0').len() as i64 + exponent;
        let behind = fraction.len() as i64 - exponent;
        if before > limit || behind > limit {
            Self::Json
        } else {
            Self::decimal(before.max(0) as u32, behind.max(0) as u32)
        }
    }

    fn decimal(before: u32, behind: u32) -> Self {
        if before + behind > u32::from(DECIMAL_DIGITS_MAX) { Self::Json } else { Self::Decimal { before, behind } }
    }

    /// What holds both.
    fn and(self, other: Self) -> Self {
        use Guess::{Date, Decimal, Int, Json, List, Nothing, Text, Timestamp};
        match (self, other) {
            (Nothing, other) | (other, Nothing) => other,
            (one, other) if one == other => one,
            (Int { digits }, Int { digits: more }) => Int { digits: digits.max(more) },
            (Int { digits }, Decimal { before, behind }) | (Decimal { before, behind }, Int { digits }) => {
                Self::decimal(before.max(digits), behind)
            }
            (Decimal { before, behind }, Decimal { before: b, behind: c }) => {
                Self::decimal(before.max(b), behind.max(c))
            }
            (Text | Date | Timestamp, Text | Date | Timestamp) => Text,
            (List(one), List(other)) => match one.and(*other) {
                Json => Json,
                both => List(Box::new(both)),
            },
            _ => Json,
        }
    }

    /// The column's type; none where no sample has a value.
    pub(super) fn kind(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Nothing => return None,
            Self::Boolean => ColumnType::Boolean,
            Self::Int { .. } => ColumnType::Int64,
            Self::Decimal { before, behind } => {
                let roomy = before + behind <= DECIMAL_DIGITS;
                let precision = if roomy { DECIMAL_DIGITS as u8 } else { DECIMAL_DIGITS_MAX };
                ColumnType::Decimal { precision, scale: *behind as u8 }
            }
            Self::Date => ColumnType::Date,
            Self::Timestamp => ColumnType::Timestamp,
            Self::Text => ColumnType::String,
            Self::Json => ColumnType::Json,
            Self::List(element) => match element.kind() {
                Some(element) => ColumnType::List(Box::new(element)),
                None => ColumnType::Json,
            },
        })
    }
}

impl Leaves {
    /// Reads the samples.
    pub(super) fn of(samples: &[&[u8]]) -> Result<Self, InferError> {
        let mut all = Self { by_path: BTreeMap::new(), samples: samples.len(), event_bytes: 0, string_bytes: 0 };
        if samples.is_empty() {
            return Err(InferError::NoSamples);
        }
        for (at, sample) in samples.iter().enumerate() {
            let wrong = |problem| InferError::NotAnObject { sample: at + 1, problem };
            let text = std::str::from_utf8(sample).map_err(|_| wrong("it is not UTF-8"))?;
            let value: &RawValue = serde_json::from_str(text).map_err(|_| wrong("it is not JSON"))?;
            if !value.get().starts_with('{') {
                return Err(wrong("it is another JSON value"));
            }
            all.event_bytes = all.event_bytes.max(text.len());
            all.object(value.get(), &mut Vec::new()).map_err(|()| InferError::TooManyMembers)?;
        }
        all.settle();
        Ok(all)
    }

    pub(super) fn find(&self, path: &Pointer) -> Option<&Leaf> {
        self.by_path.get(path)
    }

    /// The members in the order in which they came.
    pub(super) fn in_order(&self) -> Vec<&Leaf> {
        let mut leaves: Vec<_> = self.by_path.values().collect();
        leaves.sort_by_key(|leaf| leaf.order);
        leaves
    }

    /// Reads an object, as deep as members become columns.
    fn object(&mut self, text: &str, path: &mut Vec<String>) -> Result<(), ()> {
        let members = match serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
            Ok(members) if path.len() < LEVELS_MAX && !members.is_empty() => in_order(text, members),
            _ => return self.leaf(path, text),
        };
        for (name, value) in members {
            path.push(name);
            if value.get().starts_with('{') {
                self.object(value.get(), path)?;
            } else {
                self.leaf(path, value.get())?;
            }
            path.pop();
        }
        Ok(())
    }

    fn leaf(&mut self, path: &[String], text: &str) -> Result<(), ()> {
        let Some(path) = pointer(path) else { return Ok(()) };
        let order = self.by_path.len();
        if order == COLUMNS_MAX && !self.by_path.contains_key(&path) {
            return Err(());
        }
        let leaf = self.by_path.entry(path.clone()).or_insert_with(|| Leaf::new(path, order));
        let string_bytes = leaf.take(text);
        self.string_bytes = self.string_bytes.max(string_bytes);
        Ok(())
    }

    /// What is an object in one sample and another value in the next is JSON, members and all.
    fn settle(&mut self) {
        let paths: Vec<_> = self.by_path.keys().cloned().collect();
        let mut outer: Option<Pointer> = None;
        for path in paths {
            match &outer {
                // Sorted as they are, the members of an object stand behind it.
                Some(whole) if whole.contains(&path) => {
                    let within = self.by_path.remove(&path).map_or(0, |leaf| leaf.present);
                    if let Some(leaf) = self.by_path.get_mut(whole) {
                        leaf.guess = Guess::Json;
                        // In how many samples it was at all is not known; it is not said to be required.
                        leaf.present = leaf.present.max(within).min(self.samples.saturating_sub(1));
                    }
                }
                _ => outer = Some(path),
            }
        }
    }
}

/// The members in the order of the text, told by where their values stand in it.
fn in_order<'t>(text: &str, members: BTreeMap<String, &'t RawValue>) -> Vec<(String, &'t RawValue)> {
    let start = text.as_ptr() as usize;
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by_key(|(_, value)| (value.get().as_ptr() as usize).wrapping_sub(start));
    members
}

fn pointer(names: &[String]) -> Option<Pointer> {
    let text: String = names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect();
    text.parse().ok()
}

impl Leaf {
    fn new(path: Pointer, order: usize) -> Self {
        Self {
            path,
            order,
            present: 0,
            guess: Guess::Nothing,
            texts: BTreeSet::new(),
            distinct: true,
            seen: BTreeSet::new(),
            all_uuids: true,
            numbers: None,
        }
    }

    /// Takes a value, and tells how long a text in it is.
    fn take(&mut self, text: &str) -> usize {
        let guess = Guess::of(text, 1);
        if guess == Guess::Nothing {
            return 0;
        }
        self.present += 1;
        self.distinct &= self.seen.insert(text.to_owned());
        let string = serde_json::from_str::<String>(text).ok();
        self.all_uuids &= string.as_ref().is_some_and(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok());
        if let Ok(number) = text.parse::<i64>() {
            let (least, greatest) = self.numbers.unwrap_or((number, number));
            self.numbers = Some((least.min(number), greatest.max(number)));
        }
        self.guess = std::mem::replace(&mut self.guess, Guess::Nothing).and(guess);
        // Those of a list are together no longer than the list.
        let list = if text.starts_with('[') { text.len() } else { 0 };
        let length = string.as_ref().map_or(list, String::len);
        if let Some(string) = string.filter(|_| self.texts.len() <= TYPES_LISTED_MAX) {
            self.texts.insert(string);
        }
        length
    }
}
