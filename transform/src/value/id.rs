//! Ids of events: UUIDs as they are written, and UUIDs made of other ids.

use iguazu_lake::ids::EventId;
use uuid::Uuid;

/// The id of a text; nothing if it is no UUID of the form 8-4-4-4-12 hexadecimal digits.
#[must_use]
pub fn event_id(text: &str) -> Option<EventId> {
    EventId::of_text(text)
}

/// The id of something that is no UUID, or of several things together: version 5 under a namespace.
///
/// One part is hashed as its bytes, as any other maker of such UUIDs would. Of several the netstrings are
/// (`<bytes>:<text>,`), so that `ab` and `c` are not taken for `a` and `bc`.
#[must_use]
pub fn hashed_id(namespace: Uuid, parts: &[&str]) -> EventId {
    let uuid = match parts {
        [part] => Uuid::new_v5(&namespace, part.as_bytes()),
        parts => Uuid::new_v5(&namespace, netstrings(parts).as_bytes()),
    };
    EventId::new(uuid)
}

fn netstrings(parts: &[&str]) -> String {
    use std::fmt::Write as _;
    // A length has at most 20 digits.
    let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 22).sum());
    for part in parts {
        let written = write!(text, "{}:{part},", part.len());
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_hashed_as_everyone_does() {
        // The example of RFC 9562, appendix A.4.
        let id = hashed_id(Uuid::NAMESPACE_DNS, &["www.example.com"]);
        assert_eq!(id.to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    #[test]
    fn parts_are_told_apart() {
        let id = |parts: &[&str]| hashed_id(Uuid::NAMESPACE_URL, parts);
        assert_eq!(netstrings(&["ab", "", "ü"]), "2:ab,0:,2:ü,");
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_ne!(id(&["a", ""]), id(&["a"]));
        assert_ne!(id(&["a", "b"]), id(&["b", "a"]));
        assert_eq!(id(&["a", "b"]), id(&["1:a,1:b,"]), "the hash of the netstrings");
    }

    #[test]
    fn an_id_is_the_uuid_of_its_text() {
        assert_eq!(
            event_id("67e55044-10b1-426f-9247-bb680e5fe0c8").map(EventId::uuid),
            Some(Uuid::from_u128(0x67e55044_10b1_426f_9247_bb680e5fe0c8))
        );
        assert_eq!(event_id("evt_1"), None);
    }
}
