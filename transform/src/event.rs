//! One document to one event, by the built-in contract: an object with an `id`, a `type` and a `time`.
//!
//! The rest of the object is kept as it stands. It is not parsed into values and written again, because that would
//! turn `12345678901234567890` into `12345678901234567000`, `1.10` into `1.1`, and reorder members.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use iguazu_lake::ids::{EventId, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::Limits;
use crate::reason::{Member, Reason};
use crate::scan::scan;
use crate::time;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `$.id`, which its copies share.
    pub id: EventId,
    /// `$.type`.
    pub kind: String,
    /// `$.time`, when it happened.
    pub time: Timestamp,
    /// The other members as a JSON object: in their order, names and values byte for byte.
    pub data: String,
}

impl Event {
    /// The event of a document that arrived at a certain time.
    ///
    /// # Errors
    /// Where the document is no valid event.
    pub fn parse(document: &[u8], arrival: Timestamp, limits: &Limits) -> Result<Self, Reason> {
        let text = std::str::from_utf8(document).map_err(|error| Reason::NotUtf8 { byte: error.valid_up_to() })?;
        scan(text, limits.json_depth_max)?;
        let members = object(text, limits.members_per_event_max)?;
        let [id, kind, time] = named(text, &members)?;
        Ok(Self {
            id: string(Member::Id, id)?.parse().map_err(|_| Reason::IdNotAUuid)?,
            kind: judge_kind(string(Member::Type, kind)?, limits)?,
            time: judge_time(time::parse(&string(Member::Time, time)?)?, arrival, limits)?,
            data: rest(&members),
        })
    }
}

/// The name and the value of a member, as they are written.
type Pair<'a> = (&'a str, &'a str);

const NAMES: [&str; 3] = ["id", "type", "time"];

/// The members of the outermost object.
fn object(text: &str, members_max: usize) -> Result<Vec<Pair<'_>>, Reason> {
    let mut too_many = false;
    let mut parser = serde_json::Deserializer::from_str(text);
    let members = if text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        Members { members_max, too_many: &mut too_many }.deserialize(&mut parser).map(Some)
    } else {
        serde::Deserialize::deserialize(&mut parser).map(|IgnoredAny| None)
    };
    let members = members.and_then(|members| parser.end().map(|()| members));
    match members {
        Ok(Some(members)) => Ok(members),
        Ok(None) => Err(Reason::NotAnObject { found: kind_of(text) }),
        Err(_) if too_many => Err(Reason::TooManyMembers { limit: members_max }),
        Err(error) => Err(Reason::JsonSyntax { byte: position(text, &error), problem: problem(&error) }),
    }
}

/// What a valid document that is no object is.
fn kind_of(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The parser's words are not passed on: they may quote the input, and they change with its version.
fn problem(error: &serde_json::Error) -> &'static str {
    if error.is_eof() { "the document ends too early" } else { "a character is not allowed here" }
}

/// The parser's line and column, both from 1 and in bytes, as a position.
fn position(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    (line_start + error.column().saturating_sub(1)).min(text.len())
}

/// Reads an object's members without looking into their values.
struct Members<'t> {
    members_max: usize,
    too_many: &'t mut bool,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Vec<Pair<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Pair<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            if members.len() == self.members_max {
                *self.too_many = true;
                return Err(A::Error::custom("too many members"));
            }
            members.push((name.get(), value.get()));
        }
        Ok(members)
    }
}

/// The values of the three members that every event has, where they are; no name may occur twice.
fn named<'a>(text: &str, members: &[Pair<'a>]) -> Result<[Option<&'a str>; 3], Reason> {
    let mut seen = BTreeSet::new();
    let mut found = [None; 3];
    for &(raw_name, value) in members {
        // Compared as they are read, since a name has many spellings: "id" is also "\u0069d".
        let name = decoded(raw_name).ok_or_else(|| unspellable(text, raw_name))?;
        if let Some(which) = NAMES.iter().position(|known| *known == name) {
            found[which] = Some(value);
        }
        if !seen.insert(name) {
            return Err(Reason::DuplicateKey { byte: offset(text, raw_name) });
        }
    }
    Ok(found)
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// The text of a JSON string; nothing if it is something else.
fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The scan and the parser agree on escapes, so this is never seen; it is here in place of a panic.
fn unspellable(text: &str, raw: &str) -> Reason {
    Reason::JsonSyntax { byte: offset(text, raw), problem: "an escape spells no text" }
}

fn string(member: Member, value: Option<&str>) -> Result<Cow<'_, str>, Reason> {
    decoded(value.ok_or(Reason::Missing(member))?).ok_or(Reason::NotAString(member))
}

fn judge_kind(kind: Cow<'_, str>, limits: &Limits) -> Result<String, Reason> {
    let limit = limits.event_type_bytes_max;
    match kind.len() {
        0 => Err(Reason::TypeEmpty),
        bytes if bytes > limit => Err(Reason::TypeTooLong { bytes, limit }),
        _ => Ok(kind.into_owned()),
    }
}

fn judge_time(time: Timestamp, arrival: Timestamp, limits: &Limits) -> Result<Timestamp, Reason> {
    if time < arrival.minus(limits.event_time_past_max) {
        Err(Reason::TimeTooOld { limit: limits.event_time_past_max })
    } else if time > arrival.plus(limits.event_time_future_max) {
        Err(Reason::TimeTooNew { limit: limits.event_time_future_max })
    } else {
        Ok(time)
    }
}

/// The members without a column of their own, as an object.
fn rest(members: &[Pair<'_>]) -> String {
    let others = || members.iter().filter(|(name, _)| decoded(name).is_none_or(|name| !NAMES.contains(&&*name)));
    let bytes: usize = others().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut data = String::with_capacity(bytes + 2);
    data.push('{');
    for (name, value) in others() {
        if data.len() > 1 {
            data.push(',');
        }
        data.push_str(name);
        data.push(':');
        data.push_str(value);
    }
    data.push('}');
    data
}
