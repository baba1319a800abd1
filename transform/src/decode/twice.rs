//! Documents that name a member twice: they are few, so they are read a second time, and no other pays for it.
//!
//! Whoever calls has passed over the document, and knows that it is sound.

use std::collections::{BTreeMap, BTreeSet};

use super::nested::value;
use super::paths::{NOWHERE, NodeId, Paths};
use super::walk::{Found, raw};
use crate::json::{Cursor, Kind, Mark, decoded};

/// The places within a value that contracts look at, and where the values that count there begin.
pub(super) fn places_within(text: &str, found: Found, node: NodeId, paths: &Paths) -> BTreeMap<NodeId, usize> {
    let mut places = BTreeMap::new();
    if !matches!(found.kind, Kind::Object | Kind::Array) {
        return places;
    }
    let mut cursor = Cursor::new(text.as_bytes()).moved(found.start as usize);
    cursor.take();
    let mut index = 0;
    while !matches!(cursor.peek(), Some(b'}' | b']') | None) {
        let place = if found.kind == Kind::Object {
            let Ok(name) = cursor.name() else { break };
            let mut scratch = String::new();
            let name = decoded(raw(text, name), name.escaped, &mut scratch).as_bytes();
            paths.child(node, name, Mark::of(name))
        } else {
            paths.element(node, index)
        };
        index += 1;
        places.insert(place, cursor.at());
        if value(&mut cursor).is_none() {
            break;
        }
        if cursor.peek() == Some(b',') {
            cursor.take();
        }
    }
    places.remove(&NOWHERE);
    places
}

/// Where the first member of an object begins that has the name of an earlier one. The object was passed over, and is
/// sound.
pub(super) fn first_repeated(text: &str, start: usize) -> Option<usize> {
    let mut cursor = Cursor::new(text.as_bytes()).moved(start + 1);
    let mut seen = BTreeSet::new();
    while cursor.peek() != Some(b'}') {
        let name = cursor.name().ok()?;
        if !seen.insert(decoded(raw(text, name), name.escaped, &mut String::new()).to_owned()) {
            // The quote belongs to the member.
            return Some(name.start - 1);
        }
        cursor.skip(usize::MAX).ok()?;
        if cursor.peek() == Some(b',') {
            cursor.take();
        }
    }
    None
}

/// Whether two of many names have the same mark.
#[cold]
pub(super) fn any_alike(names: &[Mark], sorted: &mut Vec<Mark>) -> bool {
    sorted.clear();
    sorted.extend(names);
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}
