//! One pass over a document: its grammar, its depth, its members' names, and the values at the places that
//! contracts look at.
//!
//! What is found are positions. A walk keeps its memory, so that an event costs no allocation.

use super::paths::{NOWHERE, NodeId, Paths, ROOT, SlotId};
use crate::json::{Cursor, END_OF_LEVEL, Fault, Kind, Mark, Span, decoded};
use crate::reason::Reason;

/// Members up to which each that may occur again is held against those before it; more are sorted, once.
const PAIRWISE_MAX: usize = 64;

/// A value's place in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Where it begins; of a string, behind its quote.
    pub(crate) start: u32,
    /// Where it ends; of a string, before its quote.
    pub(crate) end: u32,
    /// Whether it is a string with escapes.
    pub(crate) escaped: bool,
}

/// A member of the outermost object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name, as it is written.
    pub(crate) name: Span,
    /// Where it stands among the places.
    pub(crate) node: NodeId,
    /// Where its value begins, its quotes included, and ends.
    pub(crate) value: (u32, u32),
}

/// A name of an object that is not closed yet.
#[derive(Clone, Copy, Debug)]
struct Name {
    mark: Mark,
    escaped: bool,
    start: u32,
    end: u32,
}

/// An array or an object that is not closed yet.
#[derive(Clone, Copy, Debug)]
struct Level {
    kind: Kind,
    node: NodeId,
    slot: Option<SlotId>,
    start: u32,
    /// How many names there were before it.
    names: usize,
    /// The bits of its names so far.
    bits: u64,
    /// Whether two of its first names may be the same.
    suspect: bool,
    /// Elements or members before the present one.
    count: u32,
}

/// What a document says, by position.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    found: Vec<Option<Found>>,
    /// The members of the outermost object, in order.
    pub(crate) members: Vec<Member>,
    /// How many levels it has.
    pub(crate) depth: usize,
    /// Where a member begins that has the name of an earlier one of its object, if there is one.
    pub(crate) duplicate: Option<usize>,
    levels: Vec<Level>,
    names: Vec<Name>,
    sorted: Vec<Mark>,
}

/// Bounds of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Levels of arrays and objects.
    pub(crate) depth_max: usize,
    /// Members of one object.
    pub(crate) members_max: usize,
}

#[cold]
fn reason(fault: Fault) -> Reason {
    match fault {
        Fault::Syntax { byte, problem } => Reason::JsonSyntax { byte, problem },
        Fault::Range { byte } => Reason::NumberOutOfRange { byte },
        Fault::Depth { byte, limit } => Reason::TooDeep { byte, limit },
    }
}

/// A position of a document. Documents are shorter than 4 GiB: [`Walk::pass`] refuses others.
fn position(at: usize) -> u32 {
    at as u32
}

impl Walk {
    /// What stands at a place, null too.
    #[inline]
    pub(crate) fn at(&self, slot: SlotId) -> Option<Found> {
        self.found.get(usize::from(slot.0)).copied().flatten()
    }

    /// Passes over a document and says what it is.
    ///
    /// # Errors
    /// Where it is no valid document, or beyond a bound.
    pub(crate) fn pass(&mut self, text: &str, paths: &Paths, bounds: Bounds) -> Result<Kind, Reason> {
        if u32::try_from(text.len()).is_err() {
            return Err(Reason::EventTooLarge { bytes: text.len(), limit: u32::MAX as usize });
        }
        self.found.clear();
        self.found.resize(paths.slots(), None);
        self.members.clear();
        self.levels.clear();
        self.names.clear();
        self.depth = 0;
        self.duplicate = None;
        let mut cursor = Cursor::new(text.as_bytes());
        let kind = self.value(text, &mut cursor, paths, bounds)?;
        match cursor.next() {
            None => Ok(kind),
            found => Err(reason(cursor.unexpected(found, "something follows the document"))),
        }
    }

    /// Passes over the outermost value. Its levels are on a stack of our own.
    fn value(&mut self, text: &str, cursor: &mut Cursor<'_>, paths: &Paths, bounds: Bounds) -> Result<Kind, Reason> {
        let mut node = ROOT;
        let mut outermost = None;
        loop {
            let first = cursor.next();
            let start = cursor.at().saturating_sub(1);
            let kind = match first {
                Some(b'"') => {
                    let span = cursor.string().map_err(reason)?;
                    let (from, to) = (position(span.start), position(span.end));
                    self.put(paths.slot_of(node), Kind::Text, from, to, span.escaped);
                    Kind::Text
                }
                Some(b'-' | b'0'..=b'9') => {
                    cursor.number().map_err(reason)?;
                    self.put(paths.slot_of(node), Kind::Number, position(start), position(cursor.at()), false);
                    Kind::Number
                }
                Some(open @ (b'{' | b'[')) => {
                    let kind = if open == b'{' { Kind::Object } else { Kind::Array };
                    outermost = outermost.or(Some(kind));
                    self.open(kind, node, start, paths, bounds)?;
                    if cursor.peek() == Some(open + 2) {
                        cursor.next();
                        self.close(text, cursor.at());
                        kind
                    } else {
                        node = match kind {
                            Kind::Object => self.name(text, cursor, node, paths, bounds)?,
                            _ => paths.element(node, 0),
                        };
                        continue;
                    }
                }
                Some(word) => {
                    let kind = cursor.word(word).map_err(reason)?;
                    self.put(paths.slot_of(node), kind, position(start), position(cursor.at()), false);
                    kind
                }
                None => return Err(reason(cursor.unexpected(None, "a value is expected here"))),
            };
            match self.behind(text, cursor, paths, bounds)? {
                Some(next) => node = next,
                None => return Ok(outermost.unwrap_or(kind)),
            }
        }
    }

    /// Behind a value: leaves every level that ends here. Gives the place of the next value, or nothing at the end.
    #[inline]
    fn behind(
        &mut self,
        text: &str,
        cursor: &mut Cursor<'_>,
        paths: &Paths,
        bounds: Bounds,
    ) -> Result<Option<NodeId>, Reason> {
        loop {
            let outermost = self.levels.len() == 1;
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            if outermost
                && level.kind == Kind::Object
                && let Some(member) = self.members.last_mut()
            {
                member.value.1 = position(cursor.at());
            }
            let (kind, node) = (level.kind, level.node);
            match (cursor.next(), kind) {
                (Some(b','), Kind::Object) => return self.name(text, cursor, node, paths, bounds).map(Some),
                (Some(b','), _) => {
                    level.count = level.count.saturating_add(1);
                    return Ok(Some(paths.element(node, level.count)));
                }
                (Some(b'}'), Kind::Object) | (Some(b']'), Kind::Array) => self.close(text, cursor.at()),
                (found, _) => return Err(reason(cursor.unexpected(found, END_OF_LEVEL))),
            }
        }
    }

    #[inline]
    fn put(&mut self, slot: Option<SlotId>, kind: Kind, start: u32, end: u32, escaped: bool) {
        if let Some(found) = slot.and_then(|slot| self.found.get_mut(usize::from(slot.0))) {
            *found = Some(Found { kind, start, end, escaped });
        }
    }

    fn open(&mut self, kind: Kind, node: NodeId, at: usize, paths: &Paths, bounds: Bounds) -> Result<(), Reason> {
        if self.levels.len() == bounds.depth_max {
            return Err(Reason::TooDeep { byte: at, limit: bounds.depth_max });
        }
        let (slot, start) = (paths.slot_of(node), position(at));
        let names = self.names.len();
        self.levels.push(Level { kind, node, slot, start, names, bits: 0, suspect: false, count: 0 });
        self.depth = self.depth.max(self.levels.len());
        Ok(())
    }

    fn close(&mut self, text: &str, end: usize) {
        let Some(level) = self.levels.pop() else { return };
        self.put(level.slot, level.kind, level.start, position(end), false);
        if level.kind == Kind::Object {
            self.find_duplicate(text, &level);
            self.names.truncate(level.names);
        }
    }

    /// Passes over a member's name, and says where its value stands.
    #[inline]
    fn name(
        &mut self,
        text: &str,
        cursor: &mut Cursor<'_>,
        parent: NodeId,
        paths: &Paths,
        bounds: Bounds,
    ) -> Result<NodeId, Reason> {
        let span = cursor.name().map_err(reason)?;
        let (mark, node) = if span.escaped {
            let mut scratch = String::new();
            let name = decoded(raw(text, span), true, &mut scratch).as_bytes();
            let mark = Mark::of(name);
            (mark, paths.child(parent, name, mark))
        } else {
            let name = span.raw(text.as_bytes());
            let mark = Mark::of(name);
            (mark, if parent == NOWHERE { NOWHERE } else { paths.child(parent, name, mark) })
        };
        let outermost = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else { return Ok(NOWHERE) };
        let count = self.names.len() - level.names;
        if count == bounds.members_max {
            return Err(Reason::TooManyMembers { limit: bounds.members_max });
        }
        let bit = mark.bit();
        if level.bits & bit != 0 && count <= PAIRWISE_MAX {
            level.suspect |= self.names[level.names..].iter().any(|name| name.mark == mark);
        }
        level.bits |= bit;
        self.names.push(Name { mark, escaped: span.escaped, start: position(span.start), end: position(span.end) });
        if outermost {
            cursor.peek();
            let at = position(cursor.at());
            self.members.push(Member { name: span, node, value: (at, at) });
        }
        Ok(node)
    }

    /// Finds the first name of an object that an earlier one of its names spells too.
    #[inline]
    fn find_duplicate(&mut self, text: &str, level: &Level) {
        let names = self.names.get(level.names..).unwrap_or_default();
        if level.suspect || (names.len() > PAIRWISE_MAX && any_alike(names, &mut self.sorted)) {
            self.confirm_duplicate(text, level.names);
        }
    }

    #[cold]
    fn confirm_duplicate(&mut self, text: &str, base: usize) {
        let spelled = |name: &Name| {
            let raw = text.get(name.start as usize..name.end as usize).unwrap_or_default();
            decoded(raw, name.escaped, &mut String::new()).to_owned()
        };
        let mut seen = std::collections::BTreeSet::new();
        let names = self.names.get(base..).unwrap_or_default();
        let later = names.iter().find(|name| !seen.insert(spelled(name)));
        // The quote belongs to the member.
        let later = later.map(|name| name.start as usize - 1);
        self.duplicate = self.duplicate.into_iter().chain(later).min();
    }
}

/// Whether two of many names have the same mark.
#[cold]
fn any_alike(names: &[Name], sorted: &mut Vec<Mark>) -> bool {
    sorted.clear();
    sorted.extend(names.iter().map(|name| name.mark));
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// A span's text.
pub(crate) fn raw(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth_max: 5, members_max: 40 };

    /// The values at places, as they are written.
    fn found(text: &str, pointers: &[&str]) -> Result<Vec<String>, Reason> {
        let mut paths = Paths::new();
        let slots: Vec<_> = pointers.iter().map(|pointer| paths.place(&pointer.parse().unwrap()).unwrap().0).collect();
        let mut walk = Walk::default();
        walk.pass(r#"{"a":{"b":"left over"}}"#, &paths, BOUNDS).unwrap();
        walk.pass(text, &paths, BOUNDS)?;
        let value =
            |slot| walk.at(slot).map_or("-", |found| &text[found.start as usize..found.end as usize]).to_owned();
        Ok(slots.into_iter().map(value).collect())
    }

    #[test]
    fn values_are_found_where_contracts_look() {
        let text = r#" { "a" : {"b":[10,{"c":"x\ny"},[3]], "d":null} , "e":-1.50 , "\u0066":true, "g":{} } "#;
        assert_eq!(
            found(text, &["/a/b/1/c", "/a/b/0", "/a/b/2", "/a/d", "/e", "/f", "/g", "/a/b", "/h", "/a/b/3"]).unwrap(),
            [r"x\ny", "10", "[3]", "null", "-1.50", "true", "{}", r#"[10,{"c":"x\ny"},[3]]"#, "-", "-"]
        );
    }

    #[test]
    fn the_outermost_members_are_listed_with_their_whole_values() {
        let text = r#"{"a":"x", "b" : [1, {"c":2}] ,"d":{}}"#;
        let mut walk = Walk::default();
        assert_eq!(walk.pass(text, &Paths::new(), BOUNDS), Ok(Kind::Object));
        let part = |(start, end): (u32, u32)| &text[start as usize..end as usize];
        let members: Vec<_> = walk.members.iter().map(|member| (raw(text, member.name), part(member.value))).collect();
        assert_eq!(members, [("a", r#""x""#), ("b", r#"[1, {"c":2}]"#), ("d", "{}")]);
        assert_eq!(walk.depth, 3);
    }

    #[test]
    fn a_name_that_occurs_twice_is_noticed_wherever_it_stands() {
        let many = |names: &mut dyn Iterator<Item = usize>| {
            format!("{{{}}}", names.map(|name| format!("\"name{name}\":0")).collect::<Vec<_>>().join(","))
        };
        for (text, duplicate) in [
            (r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#.to_owned(), None),
            (r#"{"a":1,"a":2}"#.to_owned(), Some(7)),
            (r#"{"x":[{"a":1,"\u0061":2}]}"#.to_owned(), Some(13)),
            (r#"{"x":{"a":1,"a":2},"x":1}"#.to_owned(), Some(12)),
            (many(&mut (0..39)), None),
            (many(&mut (0..30).chain([7])), Some(many(&mut (0..30)).len())),
        ] {
            let mut walk = Walk::default();
            assert!(walk.pass(&text, &Paths::new(), BOUNDS).is_ok());
            assert_eq!(walk.duplicate, duplicate, "{text}");
        }
    }

    #[test]
    fn the_last_of_several_values_is_the_one_that_is_found() {
        assert_eq!(found(r#"{"a":1,"a":"two"}"#, &["/a"]).unwrap(), ["two"]);
    }

    #[test]
    fn bounds_hold_and_what_follows_a_document_is_refused() {
        assert_eq!(found("[[[[[]]]]]", &[]), Ok(vec![]));
        assert_eq!(found("[[[[[[]]]]]]", &[]), Err(Reason::TooDeep { byte: 5, limit: 5 }));
        let members = |count: usize| {
            format!("{{\"o\":{{{}}}}}", (0..count).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(","))
        };
        assert_eq!(found(&members(40), &[]), Ok(vec![]));
        assert_eq!(found(&members(41), &[]), Err(Reason::TooManyMembers { limit: 40 }));
        let problem = "something follows the document";
        assert_eq!(found("{} {}", &[]), Err(Reason::JsonSyntax { byte: 3, problem }));
    }
}
