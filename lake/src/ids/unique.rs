//! Ids that are unique by themselves: of an event, and of an attempt to commit.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{IdError, serde_as_text};
use crate::host::Host;

/// The UUID that its producer gave an event. Copies of an event share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// The event id of a UUID.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID itself.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The id of a text; nothing if it has another form. Unlike the other way of reading one, it makes no error text,
    /// which matters where many ids are of another form and are then hashed.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        // Only the hyphenated form: an id with two spellings is a duplicate in waiting for every other reader.
        if text.len() == 36 { Uuid::try_parse(text).ok().map(Self) } else { None }
    }

    /// The id's text, written to a place of the caller's.
    #[must_use]
    pub fn encode(self, into: &mut [u8; 36]) -> &str {
        self.0.as_hyphenated().encode_lower(into)
    }

    /// Where the event stands among all events: files are sorted by it, and a bucket is a range of it.
    ///
    /// XXH3 of the UUID's 16 bytes with seed 0. It is part of the persisted format: files written years apart
    /// must agree on it. Not the UUID itself, because the leading bits of a version 7 UUID are a clock.
    #[must_use]
    pub fn placement(self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.0.as_bytes())
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::of_text(text).ok_or_else(|| {
            let problem = match text.len() {
                36 => "it holds something else than hexadecimal digits and hyphens".to_owned(),
                bytes => format!("it has {bytes} bytes"),
            };
            IdError::new("event id", problem, "a UUID of the form 8-4-4-4-12 hexadecimal digits")
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}
serde_as_text!(EventId);

/// One try to write one row of a chain. Its objects carry it in their names, and a row that is read back tells
/// by it whether a lost reply had been a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// An attempt that no other process has: never derived from what is being written, and never used for two rows.
    pub fn fresh<H: Host>(host: &H) -> Self {
        let bits = (u128::from(host.random()) << 64) | u128::from(host.random());
        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    }

    /// An attempt of known bits, for tests and tools.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }
}

impl FromStr for AttemptId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let expected = "32 lower-case hexadecimal digits";
        let plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match Uuid::try_parse(text) {
            Ok(uuid) if plain => Ok(Self(uuid)),
            _ => Err(IdError::new("attempt id", "it has another form", expected)),
        }
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}
serde_as_text!(AttemptId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_id_has_one_spelling_apart_from_case() {
        let id = "67E55044-10B1-426F-9247-BB680E5FE0C8".parse::<EventId>();
        assert_eq!(id.map(|id| id.to_string()), Ok("67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned()));
        for text in ["67e5504410b1426f9247bb680e5fe0c8", "{67e55044-10b1-426f-9247-bb680e5fe0c8}", "", "evt_1"] {
            assert!(text.parse::<EventId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_event_id_reads_back_from_its_text(bits: u128) {
            let id = EventId::new(Uuid::from_u128(bits));
            let mut place = [0; 36];
            let text = id.encode(&mut place);
            prop_assert_eq!(text, id.to_string());
            prop_assert_eq!(EventId::of_text(text), Some(id));
        }
    }

    #[test]
    fn the_placement_of_an_id_never_changes() {
        let id = EventId::new(Uuid::from_u128(0x67e55044_10b1_426f_9247_bb680e5fe0c8));
        assert_eq!(id.placement(), 15_504_276_320_438_635_411);
    }
}
