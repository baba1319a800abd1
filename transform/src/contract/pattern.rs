//! Which types of event a table takes: names, and names with `*` for any run of characters.

use std::cmp::Ordering;
use std::fmt;

/// A name, or a pattern of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypePattern(String);

impl TypePattern {
    /// A pattern. Every text but the empty one is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The pattern of every name.
    #[must_use]
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The pattern's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, where it is one and no pattern.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether a type of event is meant.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == kind };
        let Some(mut left) = kind.strip_prefix(head) else { return false };
        // Each inner piece is taken where it first occurs: if any choice lets the rest match, that one does.
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let tail = pieces.pop().unwrap_or_default();
        for piece in pieces {
            match left.find(piece) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        left.ends_with(tail)
    }

    /// Which of two patterns speaks for a type that both match: a name before a pattern, then the one that spells
    /// more of it, then the one that comes first by its text. `Greater` is this one.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| (pattern.name().is_some(), pattern.0.bytes().filter(|&byte| byte != b'*').count());
        rank(self).cmp(&rank(other)).then_with(|| other.0.cmp(&self.0))
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, kind: &str) -> bool {
        TypePattern::new(pattern).unwrap().matches(kind)
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, kind) in [
            ("order.placed", "order.placed"),
            ("order.*", "order.placed"),
            ("order.*", "order."),
            ("*", "x"),
            ("*.placed", "order.placed"),
            ("a*b*c", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("*ab*ab", "abab"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, kind), "{pattern} {kind}");
        }
        for (pattern, kind) in [
            ("order.*", "order"),
            ("order", "order.placed"),
            ("*ab*ab", "ab"),
            ("a*a", "a"),
            ("a*b*c", "acb"),
            ("A", "a"),
        ] {
            assert!(!matches(pattern, kind), "{pattern} {kind}");
        }
    }

    #[test]
    fn the_more_exact_pattern_speaks_for_a_type() {
        let pattern = |text| TypePattern::new(text).unwrap();
        let mut all = ["*", "order.*", "order.placed", "*.placed", "ordex.*"].map(pattern);
        all.sort_by(|a, b| b.precedence(a));
        assert_eq!(all.map(|pattern| pattern.to_string()), ["order.placed", "*.placed", "order.*", "ordex.*", "*"]);
    }
}
