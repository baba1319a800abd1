//! A JSON document in the making: objects with what stands in them, and values as their text, so that a number passes
//! through no float.

use std::fmt::Write;

/// An object, or the JSON text of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A value's text.
    Value(String),
    /// An object's members, in order.
    Object(Vec<(String, Node)>),
}

impl Default for Node {
    fn default() -> Self {
        Self::Object(Vec::new())
    }
}

impl Node {
    /// Puts a text at a place, making the objects on the way. A place within a value stays as it is, and the answer
    /// is no.
    pub fn put(&mut self, place: &[String], json: &str) -> bool {
        let Some((name, rest)) = place.split_first() else {
            *self = Self::Value(json.to_owned());
            return true;
        };
        let Self::Object(members) = self else { return false };
        let at = members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            members.push((name.clone(), Self::default()));
            members.len() - 1
        });
        members.get_mut(at).is_some_and(|(_, node)| node.put(rest, json))
    }

    /// Takes out what stands at a place.
    pub fn remove(&mut self, place: &[String]) {
        let (Self::Object(members), Some((name, rest))) = (self, place.split_first()) else { return };
        if rest.is_empty() {
            members.retain(|(known, _)| known != name);
        } else if let Some((_, node)) = members.iter_mut().find(|(known, _)| known == name) {
            node.remove(rest);
        }
    }

    /// A member of the outermost object.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(640);
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Value(json) => text.push_str(json),
            Self::Object(members) => {
                text.push('{');
                for (at, (name, node)) in members.iter().enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    text.push_str(&quoted(name));
                    text.push(':');
                    node.write(text);
                }
                text.push('}');
            }
        }
    }
}

/// A text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..='\x1F' => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(letter));
            }
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_put_stands_where_it_was_put() {
        let mut node = Node::default();
        assert!(node.put(&place("a/b"), "1") && node.put(&place("c"), "\"x\"") && node.put(&place("a/d"), "1.50"));
        assert_eq!(node.text(), r#"{"a":{"b":1,"d":1.50},"c":"x"}"#);
        assert!(!node.put(&place("c/d"), "2"), "a value has no members");
        node.remove(&place("a/b"));
        node.remove(&place("nowhere/b"));
        assert_eq!(node.text(), r#"{"a":{"d":1.50},"c":"x"}"#);
    }

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
        }
    }
}
