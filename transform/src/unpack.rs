//! The bytes of a record to the documents in it, one level of each wrapping and in this order: a KPL aggregate,
//! then gzip or zstd around each payload, then lines.
//!
//! A limit that belongs to the record (its size, what it expands to, how many documents it holds) condemns the
//! record; so does a damaged aggregate. Within a sound aggregate a damaged payload condemns only itself.

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::compression;
use crate::kpl;
use crate::limits::Limits;
use crate::reason::Reason;

/// A part of a record. A part's place in its record is its `sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The bytes of what may be a document.
    Document(Bytes),
    /// A payload that cannot be taken apart.
    Unreadable {
        /// Its bytes as they were in the record.
        original: Bytes,
        /// What is wrong with it.
        reason: Reason,
    },
}

/// Whether a record is surely one document as it stands: it has no wrapping and no second line.
#[must_use]
pub fn is_plain(record: &Bytes, limits: &Limits) -> bool {
    // No wrapping begins with a brace.
    record.first() == Some(&b'{') && record.len() <= limits.record_bytes_max && memchr::memchr(b'\n', record).is_none()
}

/// Takes a record apart. There is at least one part.
///
/// # Errors
/// Where the record as a whole is to be quarantined.
pub fn unpack(record: &Bytes, limits: &Limits) -> Result<Vec<Part>, Reason> {
    if record.len() > limits.record_bytes_max {
        return Err(Reason::RecordTooLarge { bytes: record.len(), limit: limits.record_bytes_max });
    }
    let payloads = if kpl::is_aggregate(record) {
        kpl::disaggregate(record, limits.events_per_record_max)?
    } else {
        vec![record.clone()]
    };
    let mut parts = Vec::new();
    let mut used = 0;
    for payload in payloads {
        match compression::expand(&payload, limits, used) {
            Ok((text, taken)) => {
                used += taken;
                cut(&payload, &text, &mut parts, limits.events_per_record_max)?;
            }
            Err(reason @ Reason::OutputTooLarge { .. }) => return Err(reason),
            Err(reason) => {
                push(&mut parts, Part::Unreadable { original: payload, reason }, limits.events_per_record_max)?;
            }
        }
    }
    Ok(parts)
}

/// Cuts a payload's text into documents.
///
/// One document may span lines, and lines may hold one document each; which of the two it is, only the text can
/// tell. What settles it is the grammar alone: a document that is too deep is still one document. Each question is
/// asked of the whole text at most once, and a typical text answers with its first line.
fn cut(payload: &Bytes, text: &Bytes, parts: &mut Vec<Part>, parts_max: usize) -> Result<(), Reason> {
    if memchr::memchr(b'\n', text).is_none() && !text.iter().all(|&byte| is_blank(byte)) {
        return push(parts, Part::Document(text.clone()), parts_max);
    }
    let mut lines = lines(text);
    let (Some(first), second) = (lines.next(), lines.next()) else {
        let blank = Part::Unreadable { original: payload.clone(), reason: Reason::EmptyRecord };
        return push(parts, blank, parts_max);
    };
    let by_lines = second.is_some_and(|second| {
        // What begins with a whole document and goes on is not one document.
        is_json(first) || (!is_json(text) && (is_json(second) || lines.any(is_json)))
    });
    if !by_lines {
        return push(parts, Part::Document(text.clone()), parts_max);
    }
    for line in self::lines(text) {
        push(parts, Part::Document(text.slice_ref(line)), parts_max)?;
    }
    Ok(())
}

fn push(parts: &mut Vec<Part>, part: Part, parts_max: usize) -> Result<(), Reason> {
    if parts.len() >= parts_max {
        return Err(Reason::TooManyEvents { limit: parts_max });
    }
    parts.push(part);
    Ok(())
}

/// The lines that are not blank, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.iter().all(|&byte| is_blank(byte)))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Whether the bytes are one JSON document by the grammar. The parser skips values without recursion.
fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}
