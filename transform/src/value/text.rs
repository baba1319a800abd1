//! The steps that make a text of a text.
//!
//! A step that only cuts moves the ends of the text; a step that writes does so in a [`Scratch`].

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::misfit::Misfit;
use super::url;

/// Where the texts stand that steps make. One serves any number of values, one after the other.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    /// What the next step writes to, while it reads the text.
    next: String,
}

impl Scratch {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: String::new(), next: String::new() }
    }
}

/// A step, ready to run.
#[derive(Clone)]
pub(super) enum TextStep {
    Trim,
    Lower,
    Upper,
    Truncate { chars: usize },
    UrlHost,
    Hmac(Box<Hmac<Sha256>>),
}

/// The key of an HMAC is not shown.
impl fmt::Debug for TextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trim => f.write_str("Trim"),
            Self::Lower => f.write_str("Lower"),
            Self::Upper => f.write_str("Upper"),
            Self::Truncate { chars } => write!(f, "Truncate({chars})"),
            Self::UrlHost => f.write_str("UrlHost"),
            Self::Hmac(_) => f.write_str("Hmac"),
        }
    }
}

/// The text that the steps make of a text, one after the other.
pub(super) fn run<'a>(steps: &[TextStep], input: &'a str, scratch: &'a mut Scratch) -> Result<&'a str, Misfit> {
    let mut held = Held { untouched: Some(input), scratch };
    for step in steps {
        held.step(step)?;
    }
    Ok(match held.untouched {
        Some(text) => text,
        None => &held.scratch.text,
    })
}

/// The text between two steps: a part of the input, as long as that will do, or else the scratch's.
struct Held<'a> {
    untouched: Option<&'a str>,
    scratch: &'a mut Scratch,
}

impl Held<'_> {
    fn text(&self) -> &str {
        self.untouched.unwrap_or(&self.scratch.text)
    }

    fn step(&mut self, step: &TextStep) -> Result<(), Misfit> {
        match step {
            TextStep::Trim => {
                let text = self.text();
                let start = text.len() - text.trim_start().len();
                let end = text.trim_end().len();
                self.cut(start.min(end)..end);
            }
            TextStep::Truncate { chars } => {
                let text = self.text();
                // A text of no more bytes than characters may stay is short enough.
                if text.len() > *chars {
                    let end = text.char_indices().nth(*chars).map_or(text.len(), |(at, _)| at);
                    self.cut(0..end);
                }
            }
            TextStep::Lower => {
                if self.text().bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
                    self.write(push_lower);
                }
            }
            TextStep::Upper => {
                if self.text().bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii()) {
                    self.write(push_upper);
                }
            }
            TextStep::UrlHost => {
                let host = url::host(self.text()).ok_or(Misfit::NotAUrl)?;
                self.cut(host);
                if self.text().bytes().any(|byte| byte.is_ascii_uppercase()) {
                    self.write(url::push_lower);
                }
            }
            TextStep::Hmac(keyed) => self.write(|text, next| push_hmac(keyed, text, next)),
        }
        Ok(())
    }

    /// Keeps a part of the text. Its ends are between characters.
    fn cut(&mut self, range: std::ops::Range<usize>) {
        match &mut self.untouched {
            Some(text) => *text = &text[range],
            None => {
                self.scratch.text.truncate(range.end);
                self.scratch.text.drain(..range.start);
            }
        }
    }

    /// Lets a function write another text.
    fn write(&mut self, push: impl FnOnce(&str, &mut String)) {
        let Scratch { text, next } = &mut *self.scratch;
        next.clear();
        push(self.untouched.unwrap_or(text), next);
        std::mem::swap(text, next);
        self.untouched = None;
    }
}

fn push_lower(text: &str, into: &mut String) {
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
}

fn push_upper(text: &str, into: &mut String) {
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_uppercase();
    } else {
        into.extend(text.chars().flat_map(char::to_uppercase));
    }
}

fn push_hmac(keyed: &Hmac<Sha256>, text: &str, into: &mut String) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let sum = keyed.clone().chain_update(text).finalize().into_bytes();
    into.extend(sum.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::KeyInit as _;
    use proptest::prelude::*;

    fn hmac(key: &[u8]) -> TextStep {
        TextStep::Hmac(Box::new(Hmac::new_from_slice(key).unwrap()))
    }

    fn plainly(steps: &[TextStep], input: &str) -> Option<String> {
        let mut text = input.to_owned();
        for step in steps {
            text = match step {
                TextStep::Trim => text.trim().to_owned(),
                TextStep::Lower => text.chars().flat_map(char::to_lowercase).collect(),
                TextStep::Upper => text.chars().flat_map(char::to_uppercase).collect(),
                TextStep::Truncate { chars } => text.chars().take(*chars).collect(),
                TextStep::UrlHost => {
                    let mut host = String::new();
                    url::push_lower(&text[url::host(&text)?], &mut host);
                    host
                }
                TextStep::Hmac(keyed) => {
                    let sum = Hmac::clone(keyed).chain_update(&text).finalize().into_bytes();
                    sum.iter().map(|byte| format!("{byte:02x}")).collect()
                }
            };
        }
        Some(text)
    }

    fn any_step() -> impl Strategy<Value = TextStep> {
        prop_oneof![
            Just(TextStep::Trim),
            Just(TextStep::Lower),
            Just(TextStep::Upper),
            (0_usize..20).prop_map(|chars| TextStep::Truncate { chars }),
            Just(TextStep::UrlHost),
            Just(hmac(b"a key of 16 byte")),
        ]
    }

    proptest! {
        #[test]
        fn steps_in_the_scratch_are_steps_on_fresh_texts(
            steps in prop::collection::vec(any_step(), 0..6),
            input in prop_oneof!["\\PC{0,30}", " {0,2}[a-zA-ZéÉßİ ]{0,12}\u{2003}?", "HTTPS://[a-zA-Z.]{1,10}(/x)?"],
        ) {
            let mut scratch = Scratch::new();
            for _ in 0..2 {
                let text = run(&steps, &input, &mut scratch).ok().map(str::to_owned);
                prop_assert_eq!(text, plainly(&steps, &input), "{:?}", steps);
            }
        }
    }

    #[test]
    fn an_hmac_is_that_of_the_rfc() {
        // RFC 4231, test case 2.
        let mut scratch = Scratch::new();
        let sum = run(&[hmac(b"Jefe")], "what do ya want for nothing?", &mut scratch);
        assert_eq!(sum, Ok("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", hmac(b"Jefe")), "Hmac");
    }
}
