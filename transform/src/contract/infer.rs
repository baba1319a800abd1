//! A draft of a contract from sample events, to be read and mended by a person.
//!
//! Rules:
//! - A column has the narrowest type that holds every sample exactly. No number becomes a float: what neither int64
//!   nor a decimal holds stays JSON.
//! - A column is required only if every sample has a value for it.
//! - What it cannot find it says, rather than to guess: without an id, a type and a time there is no contract.
//! - The draft is sound: its text reads back as the same contract.
//!
//! Deliberately absent: steps, filters, roll-ups and descriptions, which say what values mean.

use iguazu_lake::ids::TableName;

use super::read::{COLUMNS_MAX, EVENT_BYTES_MAX, TYPE_BYTES_MAX};
use super::{Column, Contract, Envelope, EventLimits, Pointer, Source, TypePattern};
use leaves::Leaves;

mod envelope;
mod leaves;
mod names;

/// Types of event that a draft lists; beyond, it takes any.
const TYPES_LISTED_MAX: usize = 50;

/// Why there is no draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// There is nothing to infer from.
    #[error("there are no samples")]
    NoSamples,
    /// A sample is no JSON object.
    #[error("sample {sample} is no JSON object: {problem}")]
    NotAnObject {
        /// Which one, from 1.
        sample: usize,
        /// What it is.
        problem: &'static str,
    },
    /// There are too many different members.
    #[error("the samples have more than {COLUMNS_MAX} different members, which is more than a contract has columns")]
    TooManyMembers,
    /// No member could be the id.
    #[error(
        "no member of every sample could be the id: looked for a UUID, or for a member named like an id whose values differ"
    )]
    NoId,
    /// No member could be the type.
    #[error("no member of every sample could be the type: looked for a text named type, event, name or alike")]
    NoType,
    /// No member could be the time.
    #[error(
        "no member of every sample could be the time: looked for RFC 3339, and for seconds, millis or micros since 1970"
    )]
    NoTime,
}

/// A draft of the table's contract from sample events, each a JSON object.
///
/// # Errors
/// Where a sample is no object, or what every event needs is not found.
pub fn infer(table: &TableName, samples: &[&[u8]]) -> Result<Contract, InferError> {
    let leaves = Leaves::of(samples)?;
    let envelope = envelope::find(&leaves)?;
    let (types, type_bytes_max) = types(&leaves, &envelope);
    let mut names = names::Names::default();
    let mut columns = Vec::new();
    for leaf in leaves.in_order() {
        if taken(&envelope, &leaf.path) {
            continue;
        }
        let Some(kind) = leaf.guess.kind() else { continue };
        columns.push(Column {
            name: names.of(leaf.path.tokens()),
            source: Source::Paths(vec![leaf.path.clone()]),
            kind,
            required: leaf.present == leaves.samples,
            default: None,
            steps: Vec::new(),
            description: String::new(),
        });
    }
    let defaults = EventLimits::default();
    let limits = EventLimits {
        event_bytes_max: room(leaves.event_bytes, defaults.event_bytes_max),
        string_bytes_max: room(leaves.string_bytes, defaults.string_bytes_max),
        type_bytes_max,
        ..defaults
    };
    let description = format!("A draft from {} sample events.", leaves.samples);
    Ok(Contract {
        version: 1,
        description,
        types,
        default: false,
        envelope,
        limits,
        columns,
        ..Contract::built_in(table.clone())
    })
}

/// A limit with room above what was seen.
fn room(seen: usize, default: usize) -> usize {
    if seen <= default { default } else { seen.next_power_of_two().min(EVENT_BYTES_MAX) }
}

/// Whether the envelope says it already. The source of a CloudEvent is worth a column all the same.
fn taken(envelope: &Envelope, path: &Pointer) -> bool {
    let id = match envelope.id.as_slice() {
        [one] => one == path,
        several => several.iter().skip(1).any(|part| part == path),
    };
    id || envelope.kind == *path || envelope.time == *path
}

/// The types of event, or any where there are too many, and the limit of their length.
fn types(leaves: &Leaves, envelope: &Envelope) -> (Vec<TypePattern>, usize) {
    let bytes_max = EventLimits::default().type_bytes_max;
    let texts = leaves.find(&envelope.kind).map(|leaf| &leaf.texts);
    let longest = texts.iter().flat_map(|texts| texts.iter()).map(String::len).max().unwrap_or(0);
    let bytes_max = if longest <= bytes_max { bytes_max } else { longest.min(TYPE_BYTES_MAX) };
    // A name with a star in it would be read as a pattern.
    let listed = texts.filter(|texts| {
        texts.len() <= TYPES_LISTED_MAX && texts.iter().all(|text| !text.contains('*') && text.len() <= TYPE_BYTES_MAX)
    });
    let listed: Option<Vec<_>> = listed.and_then(|texts| texts.iter().map(|text| TypePattern::new(text)).collect());
    (listed.filter(|types| !types.is_empty()).unwrap_or_else(|| vec![TypePattern::any()]), bytes_max)
}
