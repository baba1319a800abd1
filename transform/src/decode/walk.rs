//! One pass over a document: its grammar, its depth, its members' names, and the values at the places that
//! contracts look at.
//!
//! What is found are positions. A walk keeps its memory, so that an event costs no allocation.

use super::habits::{HabitId, Habits, OUTERMOST, UNKNOWN};
use super::nested::value;
use super::paths::{NOWHERE, NodeId, Paths, ROOT, SlotId};
use super::twice::{any_alike, first_repeated, places_within};
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

/// An array or an object that is not closed yet.
#[derive(Clone, Copy, Debug)]
struct Level {
    kind: Kind,
    node: NodeId,
    slot: Option<SlotId>,
    start: u32,
    /// Of an object, its member at hand, or the one that holds it where there is none yet; of an array, the member that
    /// holds it.
    habit: HabitId,
    /// Where its names begin in the list of names, once one of them was not expected.
    names: Option<usize>,
    /// The bits of the names in that list.
    bits: u64,
    /// Whether two of its names may be the same.
    suspect: bool,
    /// Elements before the present one; members up to it.
    count: u32,
}

/// A value that comes next: where it stands, and the member that holds it.
#[derive(Clone, Copy)]
struct Ahead {
    node: NodeId,
    habit: HabitId,
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
    /// The names of open objects that hold a name that was not expected.
    names: Vec<Mark>,
    sorted: Vec<Mark>,
    habits: Habits,
}

/// Bounds of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Levels of arrays and objects.
    pub(crate) depth_max: usize,
    /// Members of one object.
    pub(crate) members_max: usize,
}

/// An element of an array. Where contracts look into the array, its elements are different places, and what is habitual
/// in one says nothing of the places in another; elsewhere all are the same place, which is none.
#[inline]
fn element(node: NodeId, index: u32, habit: HabitId, paths: &Paths) -> Ahead {
    if paths.is_looked_into(node) {
        Ahead { node: paths.element(node, index), habit: UNKNOWN }
    } else {
        Ahead { node: NOWHERE, habit }
    }
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
        match cursor.take() {
            None if self.duplicate.is_some() => self.look_again(text, paths),
            None => {}
            found => return Err(reason(cursor.unexpected(found, "something follows the document"))),
        }
        Ok(kind)
    }

    /// Finds the values at the places anew, in a document that was passed over and names some member twice. Only the
    /// last member of a name counts, with all that is in it; the pass has seen the insides of those before it too.
    #[cold]
    fn look_again(&mut self, text: &str, paths: &Paths) {
        self.found.fill(None);
        let mut ahead = vec![(ROOT, 0)];
        while let Some((node, at)) = ahead.pop() {
            let Some(found) = value(&mut Cursor::new(text.as_bytes()).moved(at)) else { continue };
            self.put(paths.slot_of(node), found.kind, found.start, found.end, found.escaped);
            if paths.is_looked_into(node) {
                ahead.extend(places_within(text, found, node, paths));
            }
        }
    }

    /// Passes over the outermost value. Its levels are on a stack of our own.
    fn value(&mut self, text: &str, cursor: &mut Cursor<'_>, paths: &Paths, bounds: Bounds) -> Result<Kind, Reason> {
        let mut ahead = Ahead { node: ROOT, habit: OUTERMOST };
        let mut outermost = None;
        loop {
            let node = ahead.node;
            let first = cursor.take();
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
                    self.open(kind, ahead, start, paths, bounds)?;
                    if cursor.peek() == Some(open + 2) {
                        cursor.take();
                        self.close(text, cursor.at());
                        kind
                    } else {
                        ahead = match kind {
                            Kind::Object => self.name(text, cursor, true, paths, bounds)?,
                            _ => element(node, 0, ahead.habit, paths),
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
                Some(next) => ahead = next,
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
    ) -> Result<Option<Ahead>, Reason> {
        loop {
            let outermost = self.levels.len() == 1;
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            if outermost
                && level.kind == Kind::Object
                && let Some(member) = self.members.last_mut()
            {
                member.value.1 = position(cursor.at());
            }
            let (kind, node, habit) = (level.kind, level.node, level.habit);
            match (cursor.take(), kind) {
                (Some(b','), Kind::Object) => return self.name(text, cursor, false, paths, bounds).map(Some),
                (Some(b','), _) => {
                    level.count = level.count.saturating_add(1);
                    return Ok(Some(element(node, level.count, habit, paths)));
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

    fn open(&mut self, kind: Kind, ahead: Ahead, at: usize, paths: &Paths, bounds: Bounds) -> Result<(), Reason> {
        let Ahead { node, habit } = ahead;
        if self.levels.len() == bounds.depth_max {
            return Err(Reason::TooDeep { byte: at, limit: bounds.depth_max });
        }
        let (slot, start) = (paths.slot_of(node), position(at));
        self.levels.push(Level { kind, node, slot, start, habit, names: None, bits: 0, suspect: false, count: 0 });
        self.depth = self.depth.max(self.levels.len());
        Ok(())
    }

    fn close(&mut self, text: &str, end: usize) {
        let Some(level) = self.levels.pop() else { return };
        self.put(level.slot, level.kind, level.start, position(end), false);
        if level.suspect || level.names.is_some() {
            self.find_duplicate(text, &level);
        }
    }

    /// Passes over a member's name, and says where its value stands.
    #[inline]
    fn name(
        &mut self,
        text: &str,
        cursor: &mut Cursor<'_>,
        first: bool,
        paths: &Paths,
        bounds: Bounds,
    ) -> Result<Ahead, Reason> {
        let outermost = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else { return Ok(Ahead { node: NOWHERE, habit: UNKNOWN }) };
        cursor.peek();
        let at = cursor.at();
        let bytes = text.as_bytes().get(at..).unwrap_or_default();
        let expected = match level.names {
            None => self.habits.expected(level.habit, first, bytes),
            Some(_) => None,
        };
        let Some(expected) = expected else { return self.new_name(text, cursor, first, paths, bounds) };
        if level.count as usize == bounds.members_max {
            return Err(Reason::TooManyMembers { limit: bounds.members_max });
        }
        level.count += 1;
        level.habit = expected.habit;
        level.suspect |= expected.repeated;
        let end = at + expected.length as usize;
        *cursor = cursor.moved(end);
        if outermost {
            self.put_member(Span { start: at + 1, end: end - 2, escaped: false }, expected.node, cursor);
        }
        Ok(Ahead { node: expected.node, habit: expected.habit })
    }

    /// Passes over a name that was not expected, and learns it.
    fn new_name(
        &mut self,
        text: &str,
        cursor: &mut Cursor<'_>,
        first: bool,
        paths: &Paths,
        bounds: Bounds,
    ) -> Result<Ahead, Reason> {
        let outermost = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else { return Ok(Ahead { node: NOWHERE, habit: UNKNOWN }) };
        let span = cursor.name().map_err(reason)?;
        let mut scratch = String::new();
        let name = decoded(raw(text, span), span.escaped, &mut scratch).as_bytes();
        let mark = Mark::of(name);
        let node = if level.node == NOWHERE { NOWHERE } else { paths.child(level.node, name, mark) };
        if level.count as usize == bounds.members_max {
            return Err(Reason::TooManyMembers { limit: bounds.members_max });
        }
        level.count += 1;
        // Only what is written in the shortest way is learnt: other ways are many. Once a name was not learnt, those
        // behind it are held against each other.
        let written = text.as_bytes().get(span.start - 1..cursor.at()).unwrap_or_default();
        let shortest = !span.escaped && written.len() == span.end - span.start + 3 && level.names.is_none();
        // So close to the end nothing would be compared with it.
        let shortest = shortest && text.len() - (span.start - 1) >= Habits::LOOK_AHEAD;
        let before = level.habit;
        level.habit = match shortest {
            true => self.habits.learn(before, first, written, mark, node),
            false => UNKNOWN,
        };
        if level.habit == UNKNOWN {
            let base = *level.names.get_or_insert_with(|| {
                let base = self.names.len();
                if !first {
                    self.names.extend(self.habits.names_up_to(before));
                }
                level.bits = self.names[base..].iter().fold(0, |bits, name| bits | name.bit());
                base
            });
            let (bit, known) = (mark.bit(), &self.names[base..]);
            level.suspect |= level.bits & bit != 0 && known.len() <= PAIRWISE_MAX && known.contains(&mark);
            level.bits |= bit;
            self.names.push(mark);
        } else {
            level.suspect |= self.habits.is_repeated(level.habit);
        }
        let habit = level.habit;
        if outermost {
            self.put_member(span, node, cursor);
        }
        Ok(Ahead { node, habit })
    }

    #[inline]
    fn put_member(&mut self, name: Span, node: NodeId, cursor: &mut Cursor<'_>) {
        cursor.peek();
        let at = position(cursor.at());
        self.members.push(Member { name, node, value: (at, at) });
    }

    /// Finds the first name of an object that an earlier one of its names spells too.
    #[cold]
    fn find_duplicate(&mut self, text: &str, level: &Level) {
        let names = level.names.and_then(|base| self.names.get(base..)).unwrap_or_default();
        if level.suspect || (names.len() > PAIRWISE_MAX && any_alike(names, &mut self.sorted)) {
            let later = first_repeated(text, level.start as usize);
            self.duplicate = self.duplicate.into_iter().chain(later).min();
        }
        if let Some(base) = level.names {
            self.names.truncate(base);
        }
    }
}

/// A span's text.
pub(crate) fn raw(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
