//! Where something stands in an event: a JSON pointer, as RFC 6901 has it.

use std::fmt;
use std::str::FromStr;

/// A place in a document. It has at least one token, since the document itself is never a value of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(Vec<String>);

/// A text that is no pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin as one.
    #[error("expected a JSON pointer, which begins with a slash, such as /user/id")]
    NoSlash,
    /// `~` stands for something only before 0 and 1.
    #[error("`~` is written ~0 in a JSON pointer, and `/` within a name ~1")]
    Tilde,
    /// It goes deeper than any event may.
    #[error("a pointer has at most {TOKENS_MAX} names")]
    TooDeep,
}

const TOKENS_MAX: usize = 32;

impl Pointer {
    /// The pointer of these names.
    pub(crate) fn of<const N: usize>(names: [&str; N]) -> Self {
        const { assert!(N > 0) };
        Self(names.map(str::to_owned).to_vec())
    }

    /// The names on the way, outermost first. One of digits is also the position in an array.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.0
    }

    /// Whether the other place is this one or within it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let names = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let tokens = names.split('/').map(unescaped).collect::<Result<Vec<_>, _>>()?;
        if tokens.len() > TOKENS_MAX { Err(PointerError::TooDeep) } else { Ok(Self(tokens)) }
    }
}

fn unescaped(token: &str) -> Result<String, PointerError> {
    let mut parts = token.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (plain, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', &part[1..]),
            Some(b'1') => ('/', &part[1..]),
            _ => return Err(PointerError::Tilde),
        };
        name.push(plain);
        name.push_str(rest);
    }
    Ok(name)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_as_it_is_written() {
        for text in ["/id", "/a/b/0", "/a~1b/c~0d", "/", "//x", "/~01"] {
            assert_eq!(text.parse::<Pointer>().map(|pointer| pointer.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(
            "/a~1b/c~0d/~01".parse::<Pointer>().map(|it| it.0),
            Ok(vec!["a/b".into(), "c~d".into(), "~1".into()])
        );
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!("id".parse::<Pointer>(), Err(PointerError::NoSlash));
        assert_eq!("".parse::<Pointer>(), Err(PointerError::NoSlash));
        assert_eq!("$.id".parse::<Pointer>(), Err(PointerError::NoSlash));
        assert_eq!("/a~".parse::<Pointer>(), Err(PointerError::Tilde));
        assert_eq!("/a~2".parse::<Pointer>(), Err(PointerError::Tilde));
        assert_eq!("/a".repeat(33).parse::<Pointer>(), Err(PointerError::TooDeep));
    }
}
