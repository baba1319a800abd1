//! How producers write their objects: which member follows which.
//!
//! A producer writes the events of one type alike: the same names in the same order, with nothing between them. So
//! what was seen once is expected again, and a name that is as expected is passed over by comparing bytes: it needs no
//! scan, is known to be unique in its object, and its place is known with it.
//!
//! Rules:
//! - A habit says nothing that the text does not: a name is passed over only if it stands there, letter by letter.
//!   Without habits the same documents would be taken, and read the same, a little slower.
//! - What is learnt is bounded, by number and by length. What comes when the memory is full is read without habits.

use super::paths::NodeId;
use crate::json::Mark;

/// A member behind certain others, or the beginning of an object.
pub(crate) type HabitId = u32;

/// No habit.
pub(crate) const UNKNOWN: HabitId = HabitId::MAX;
/// The beginning of the document's object.
pub(crate) const OUTERMOST: HabitId = 0;

const HABITS_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 64;
/// Members that may follow one; more are not looked for.
const FOLLOWERS_MAX: usize = 32;

/// A member, as it was met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habit {
    /// Its place.
    node: NodeId,
    /// Its name.
    mark: Mark,
    /// Whether a member before it in the same object has its name.
    repeated: bool,
    /// The member before it in its object; the object's own member where it is the first.
    before: HabitId,
    /// The first bytes of `"name":`, and which of sixteen they are.
    head: [u64; 2],
    mask: [u64; 2],
    /// Where all of them stand.
    start: u32,
    /// How many they are.
    length: u32,
    /// What came behind it most recently, and the next of what else did.
    latest: HabitId,
    other: HabitId,
    /// The first members of the objects that it held.
    inner: HabitId,
    /// Whether it is the first member of its object.
    first: bool,
}

/// A member that stands where it is expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) habit: HabitId,
    /// Its place.
    pub(crate) node: NodeId,
    /// The bytes of its name, its quotes and its colon.
    pub(crate) length: u32,
    /// Whether a member before it in the same object has its name.
    pub(crate) repeated: bool,
}

impl Expected {
    #[inline]
    fn of(habit: HabitId, Habit { node, length, repeated, .. }: &Habit) -> Self {
        Self { habit, node: *node, length: *length, repeated: *repeated }
    }
}

/// What was learnt.
#[derive(Debug)]
pub(crate) struct Habits {
    known: Vec<Habit>,
    names: Vec<u8>,
}

impl Default for Habits {
    fn default() -> Self {
        let outermost = Habit {
            node: super::paths::ROOT,
            mark: Mark::default(),
            repeated: false,
            before: UNKNOWN,
            head: [0; 2],
            mask: [0; 2],
            start: 0,
            length: 0,
            latest: UNKNOWN,
            other: UNKNOWN,
            inner: UNKNOWN,
            first: false,
        };
        Self { known: vec![outermost], names: Vec::new() }
    }
}

impl Habits {
    /// Bytes from a name's quote on without which it is not expected.
    pub(crate) const LOOK_AHEAD: usize = 16;

    /// The member that stands at the beginning of `bytes`, if it is one that came here before: behind the member
    /// `after`, or as the first in the object that `after` holds.
    #[inline]
    pub(crate) fn expected(&mut self, after: HabitId, first: bool, bytes: &[u8]) -> Option<Expected> {
        let leader = self.known.get(after as usize)?;
        let latest = if first { leader.inner } else { leader.latest };
        let head = bytes.first_chunk::<{ Self::LOOK_AHEAD }>()?;
        let head = [u64::from_le_bytes(*head.first_chunk()?), u64::from_le_bytes(*head.last_chunk()?)];
        let habit = self.known.get(latest as usize)?;
        if self.stands(habit, head, bytes) {
            return Some(Expected::of(latest, habit));
        }
        self.another(after, first, head, bytes)
    }

    /// The same, where what came most recently does not stand there.
    fn another(&mut self, after: HabitId, first: bool, head: [u64; 2], bytes: &[u8]) -> Option<Expected> {
        let leader = self.known.get(after as usize)?;
        let mut previous = if first { leader.inner } else { leader.latest };
        for _ in 0..FOLLOWERS_MAX {
            let id = self.known.get(previous as usize)?.other;
            let habit = self.known.get(id as usize)?;
            if self.stands(habit, head, bytes) {
                let expected = Expected::of(id, habit);
                self.prefer(after, first, id, previous);
                return Some(expected);
            }
            previous = id;
        }
        None
    }

    #[inline]
    fn stands(&self, habit: &Habit, head: [u64; 2], bytes: &[u8]) -> bool {
        head[0] & habit.mask[0] == habit.head[0]
            && head[1] & habit.mask[1] == habit.head[1]
            && (habit.length <= 16 || self.stands_whole(habit, bytes))
    }

    fn stands_whole(&self, habit: &Habit, bytes: &[u8]) -> bool {
        let (start, length) = (habit.start as usize, habit.length as usize);
        let name = self.names.get(start..start + length);
        name.is_some() && bytes.get(..length) == name
    }

    /// The names of a member and of those before it in its object, the last first.
    pub(crate) fn names_up_to(&self, last: HabitId) -> impl Iterator<Item = Mark> {
        let mut next = self.known.get(last as usize).filter(|habit| habit.length > 0);
        std::iter::from_fn(move || {
            let habit = next?;
            next = if habit.first { None } else { self.known.get(habit.before as usize) };
            Some(habit.mark)
        })
    }

    /// Moves what came to the front of what may come.
    fn prefer(&mut self, after: HabitId, first: bool, id: HabitId, previous: HabitId) {
        let other = self.known[id as usize].other;
        self.known[previous as usize].other = other;
        let leader = &mut self.known[after as usize];
        let list = if first { &mut leader.inner } else { &mut leader.latest };
        let front = std::mem::replace(list, id);
        self.known[id as usize].other = front;
    }

    /// Whether a member before this one in the same object has its name.
    pub(crate) fn is_repeated(&self, id: HabitId) -> bool {
        self.known.get(id as usize).is_some_and(|habit| habit.repeated)
    }

    /// Learns a member that was read: `name` is what it is written as, from its quote to its colon.
    #[cold]
    pub(crate) fn learn(&mut self, after: HabitId, first: bool, name: &[u8], mark: Mark, node: NodeId) -> HabitId {
        let full = self.known.len() >= HABITS_MAX || name.len() > NAME_BYTES_MAX || name.len() < 3;
        if full || self.known.get(after as usize).is_none() {
            return UNKNOWN;
        }
        let id = self.known.len() as HabitId;
        let mut head = [0; 16];
        let known = name.len().min(16);
        head[..known].copy_from_slice(&name[..known]);
        let head = u128::from_le_bytes(head);
        let mask = if known == 16 { u128::MAX } else { (1 << (8 * known)) - 1 };
        let leader = &mut self.known[after as usize];
        let list = if first { &mut leader.inner } else { &mut leader.latest };
        let other = std::mem::replace(list, id);
        let habit = Habit {
            node,
            mark,
            repeated: false,
            before: after,
            head: [head as u64, (head >> 64) as u64],
            mask: [mask as u64, (mask >> 64) as u64],
            start: self.names.len() as u32,
            length: name.len() as u32,
            latest: UNKNOWN,
            other,
            inner: UNKNOWN,
            first,
        };
        let repeated = self.comes_before(&habit, name);
        self.names.extend_from_slice(name);
        self.known.push(Habit { repeated, ..habit });
        id
    }

    /// Whether a member of the same object before this one has its name.
    fn comes_before(&self, habit: &Habit, name: &[u8]) -> bool {
        let mut current = *habit;
        while !current.first {
            let Some(before) = self.known.get(current.before as usize) else { return false };
            let start = before.start as usize;
            if self.names.get(start..start + before.length as usize) == Some(name) {
                return true;
            }
            current = *before;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(habits: &mut Habits, after: HabitId, first: bool, name: &str) -> HabitId {
        habits.learn(after, first, format!("\"{name}\":").as_bytes(), Mark::of(name.as_bytes()), 1)
    }

    fn expected(habits: &mut Habits, after: HabitId, first: bool, text: &str) -> Option<HabitId> {
        habits.expected(after, first, text.as_bytes()).map(|expected| expected.habit)
    }

    #[test]
    fn what_came_before_is_known_again_where_it_came_and_nowhere_else() {
        let mut habits = Habits::default();
        let a = learn(&mut habits, OUTERMOST, true, "a");
        let b = learn(&mut habits, a, false, "a_long_name");
        let inner = learn(&mut habits, b, true, "a");
        assert_eq!(expected(&mut habits, OUTERMOST, true, r#""a":1234567890123"#), Some(a));
        assert_eq!(expected(&mut habits, a, false, r#""a_long_name":12345"#), Some(b));
        assert_eq!(expected(&mut habits, b, true, r#""a":1234567890123"#), Some(inner));
        for (after, first, text) in [
            (OUTERMOST, false, r#""a":1234567890123"#),
            (OUTERMOST, true, r#""b":1234567890123"#),
            (OUTERMOST, true, r#""a" :123456789012"#),
            (a, false, r#""a_long_nine":12345"#),
            (a, false, r#""a_long_name" :1"#),
            (b, false, r#""a":1234567890123"#),
            (UNKNOWN, false, r#""a":1234567890123"#),
            (OUTERMOST, true, r#""a":"#),
        ] {
            assert_eq!(expected(&mut habits, after, first, text), None, "{text}");
        }
    }

    #[test]
    fn several_may_follow_and_the_latest_is_looked_for_first() {
        let mut habits = Habits::default();
        let ids: Vec<_> = ["x", "y", "z"].iter().map(|name| learn(&mut habits, OUTERMOST, true, name)).collect();
        for _ in 0..2 {
            for (id, name) in ids.iter().zip(["x", "y", "z"]) {
                assert_eq!(expected(&mut habits, OUTERMOST, true, &format!("\"{name}\":123456789012")), Some(*id));
                assert_eq!(habits.known[OUTERMOST as usize].inner, *id);
            }
        }
    }

    #[test]
    fn a_name_that_came_before_in_its_object_is_marked() {
        let mut habits = Habits::default();
        let a = learn(&mut habits, OUTERMOST, true, "a");
        let b = learn(&mut habits, a, false, "b");
        let inner = learn(&mut habits, b, true, "a");
        let again = learn(&mut habits, b, false, "a");
        let repeated: Vec<_> = [a, b, inner, again].iter().map(|&id| habits.known[id as usize].repeated).collect();
        assert_eq!(repeated, [false, false, false, true]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut habits = Habits::default();
        for number in 0..10_000 {
            learn(&mut habits, OUTERMOST, true, &format!("name{number}"));
        }
        assert_eq!(habits.known.len(), HABITS_MAX);
        assert_eq!(learn(&mut Habits::default(), OUTERMOST, true, &"x".repeat(100)), UNKNOWN);
    }
}
