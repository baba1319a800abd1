//! What no column holds: the members of an event that are left when its columns have taken theirs, as JSON text.
//!
//! Names and values stay byte for byte and in their order. A value is the unit: one that its column holds only in
//! part, or that was passed over for another, is kept whole.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::nested::{value, whole};
use super::paths::{NOWHERE, NodeId, Paths, ROOT};
use super::walk::{Member, Walk, raw};
use crate::json::{Cursor, Kind, Mark, Span, decoded};

/// How much of what stands at a place the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: it is kept.
    None,
    /// Some of what is within.
    Within,
    /// All of it.
    Whole,
}

/// What a table holds, by place.
#[derive(Debug)]
pub(crate) struct Claims {
    claims: Vec<Claim>,
    /// Where something within is hidden by a column.
    hiding: Vec<bool>,
}

impl Claims {
    /// The claims of a table that holds the values at these nodes, and hides those at some of them.
    pub(crate) fn of(nodes: &[NodeId], hidden: &[NodeId], paths: &Paths) -> Self {
        let parents = paths.parents();
        let above = |node: NodeId| {
            std::iter::successors(Some(node), |&node| {
                Some(parents[usize::from(node)]).filter(|&above| above != NOWHERE)
            })
            .skip(1)
        };
        let mut claims = vec![Claim::None; parents.len()];
        let mut hiding = vec![false; parents.len()];
        for &node in nodes {
            claims[usize::from(node)] = Claim::Whole;
        }
        for place in nodes.iter().flat_map(|&node| above(node)) {
            let claim = &mut claims[usize::from(place)];
            if *claim == Claim::None {
                *claim = Claim::Within;
            }
        }
        for place in hidden.iter().flat_map(|&node| above(node)) {
            hiding[usize::from(place)] = true;
        }
        claims[usize::from(ROOT)] = Claim::Within;
        Self { claims, hiding }
    }

    fn hides_within(&self, node: NodeId) -> bool {
        self.hiding.get(usize::from(node)).copied().unwrap_or(false)
    }

    #[inline]
    fn at(&self, node: NodeId) -> Claim {
        self.claims.get(usize::from(node)).copied().unwrap_or(Claim::None)
    }
}

/// Notes where something begins, unless an earlier one was noted.
fn note(place: &Cell<Option<usize>>, at: usize) {
    place.set(place.get().or(Some(at)));
}

/// What is left of an event.
#[derive(Debug)]
pub(crate) struct Rest<'a> {
    pub(crate) text: &'a str,
    pub(crate) paths: &'a Paths,
    pub(crate) claims: &'a Claims,
    /// Values that are kept although a column claims them.
    pub(crate) kept: &'a [NodeId],
    /// Whether some object names a member twice; the last one counts.
    pub(crate) duplicates: bool,
    /// Where the first thing begins of which no column knows. A null, or an object of nothing, where columns look for
    /// more is kept too, and is none.
    pub(crate) unknown: Cell<Option<usize>>,
    /// Where something begins that would be kept whole although a column hides what stands, or should stand, within.
    pub(crate) exposed: Cell<Option<usize>>,
}

impl Rest<'_> {
    #[inline]
    fn claim(&self, node: NodeId) -> Claim {
        match self.claims.at(node) {
            Claim::Whole if !self.kept.is_empty() && self.kept.contains(&node) => Claim::None,
            claim => claim,
        }
    }

    /// Writes it as an object.
    #[inline]
    pub(crate) fn write(&self, walk: &Walk, out: &mut Vec<u8>) {
        out.push(b'{');
        self.members(&walk.members, out);
        out.push(b'}');
    }

    /// Writes what is left of an object's members, and says whether anything is.
    fn members(&self, members: &[Member], out: &mut Vec<u8>) -> bool {
        let counting = if self.duplicates { self.last_of_each_name(members) } else { Vec::new() };
        let mut left = false;
        for (at, member) in members.iter().enumerate() {
            let counts = counting.get(at).is_none_or(|counts| *counts);
            left |= counts && self.member(member, !left, out);
        }
        left
    }

    /// Which members count, where a name occurs more than once.
    #[cold]
    fn last_of_each_name(&self, members: &[Member]) -> Vec<bool> {
        let spelled = |span: Span| decoded(raw(self.text, span), span.escaped, &mut String::new()).to_owned();
        let mut later = BTreeSet::new();
        let mut counting: Vec<_> = members.iter().rev().map(|member| later.insert(spelled(member.name))).collect();
        counting.reverse();
        counting
    }

    /// Writes what is left of a member. Says whether anything is.
    #[inline]
    fn member(&self, member: &Member, is_first: bool, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let claim = self.claim(member.node);
        if claim == Claim::Whole {
            return false;
        }
        if !is_first {
            out.push(b',');
        }
        let (from, to) = (member.value.0 as usize, member.value.1 as usize);
        let bytes = self.text.as_bytes();
        out.extend_from_slice(bytes.get(member.name.start - 1..=member.name.end).unwrap_or_default());
        out.push(b':');
        match claim {
            Claim::Within => {
                if !self.value(member.node, from, out) {
                    out.truncate(before);
                    return false;
                }
            }
            _ => {
                note(&self.unknown, member.name.start - 1);
                out.extend_from_slice(bytes.get(from..to).unwrap_or_default());
            }
        }
        true
    }

    /// Writes what is left of a value that columns look into. Says whether anything is.
    fn value(&self, node: NodeId, at: usize, out: &mut Vec<u8>) -> bool {
        let mut cursor = Cursor::new(self.text.as_bytes()).moved(at);
        if cursor.peek() != Some(b'{') {
            return self.other(node, cursor, out);
        }
        cursor.take();
        let mut members = Vec::new();
        while !matches!(cursor.peek(), Some(b'}') | None) {
            let Ok(name) = cursor.name() else { return true };
            cursor.peek();
            let from = cursor.at() as u32;
            if value(&mut cursor).is_none() {
                return true;
            }
            let mut scratch = String::new();
            let spelled = decoded(raw(self.text, name), name.escaped, &mut scratch).as_bytes();
            let node = self.paths.child(node, spelled, Mark::of(spelled));
            members.push(Member { name, node, value: (from, cursor.at() as u32) });
            if cursor.peek() == Some(b',') {
                cursor.take();
            }
        }
        out.push(b'{');
        let left = self.members(&members, out);
        out.push(b'}');
        // An object of which all was taken is not left over; one that never held anything is.
        left || members.is_empty()
    }

    /// What columns look into and is no object: an array of which they hold elements, which is kept whole unless they
    /// hold all; or something else than they expect, of which they hold nothing.
    fn other(&self, node: NodeId, mut cursor: Cursor<'_>, out: &mut Vec<u8>) -> bool {
        let Some(found) = value(&mut cursor) else { return true };
        if found.kind == Kind::Array {
            let mut elements = Cursor::new(self.text.as_bytes()).moved(found.start as usize);
            elements.take();
            let mut index = 0;
            let mut all = true;
            while !matches!(elements.peek(), Some(b']') | None) {
                all &= self.claim(self.paths.element(node, index)) == Claim::Whole;
                index += 1;
                if value(&mut elements).is_none() {
                    break;
                }
                if elements.peek() == Some(b',') {
                    elements.take();
                }
            }
            if all && index > 0 {
                return false;
            }
        }
        if found.kind != Kind::Null {
            note(&self.unknown, found.start as usize);
            if self.claims.hides_within(node) {
                note(&self.exposed, found.start as usize);
            }
        }
        out.extend_from_slice(whole(found, self.text).as_bytes());
        true
    }
}
