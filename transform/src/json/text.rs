//! Strings: where one ends, what its escapes spell, and a number that tells most of them apart.

use super::Fault;

/// Where a string's content stands: behind its opening quote and before its closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it holds escapes, and so reads otherwise than it is written.
    pub escaped: bool,
}

impl Span {
    /// The content as it is written.
    #[must_use]
    pub fn raw<'t>(&self, bytes: &'t [u8]) -> &'t [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether all of it is ASCII, and so surely UTF-8.
    #[must_use]
    pub fn is_ascii(&self, bytes: &[u8]) -> bool {
        self.raw(bytes).is_ascii()
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The top bit of each byte that is zero. Bytes above the lowest one found may be marked wrongly, which is why only
/// the lowest is ever looked at.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & TOPS
}

/// Marks what ends a run of plain characters: a quote, a backslash, a control character.
const fn marks(word: u64) -> u64 {
    let quote = zeros(word ^ (ONES * b'"' as u64));
    let backslash = zeros(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
    quote | backslash | control
}

/// The position of the first quote, backslash or control character at or behind `at`.
#[inline]
fn end_of_run(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// Passes over a string, from behind its opening quote.
#[inline]
pub(super) fn string(bytes: &[u8], start: usize) -> Result<Span, Fault> {
    let end = end_of_run(bytes, start);
    if bytes.get(end) == Some(&b'"') {
        return Ok(Span { start, end, escaped: false });
    }
    escaped_string(bytes, start, end)
}

#[cold]
fn escaped_string(bytes: &[u8], start: usize, mut at: usize) -> Result<Span, Fault> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(Span { start, end: at, escaped: true }),
            Some(b'\\') => at = escape(bytes, at)?,
            Some(_) => return Err(Fault::Syntax { byte: at, problem: "a control character stands in a string" }),
            None => return Err(Fault::Syntax { byte: at, problem: "the document ends within a string" }),
        }
        at = end_of_run(bytes, at);
    }
}

/// Passes over an escape: two bytes, or six, or the twelve of a surrogate pair.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let unit = code_unit(bytes, at)
                .ok_or(Fault::Syntax { byte: at, problem: "an escape \\u needs four hexadecimal digits" })?;
            match unit {
                0xD800..=0xDBFF if matches!(code_unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => Ok(at + 12),
                0xD800..=0xDFFF => Err(Fault::Syntax { byte: at, problem: "an escape is half of a surrogate pair" }),
                _ => Ok(at + 6),
            }
        }
        Some(_) => Err(Fault::Syntax { byte: at, problem: "an escape is not one of JSON" }),
        None => Err(Fault::Syntax { byte: at + 1, problem: "the document ends within a string" }),
    }
}

/// The code unit of a `\uXXXX` at a position, if there is one.
fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

/// What a string's content spells. A content without escapes is its own text; another is put into `scratch`.
#[must_use]
pub fn decoded<'a>(raw: &'a str, escaped: bool, scratch: &'a mut String) -> &'a str {
    if !escaped {
        return raw;
    }
    scratch.clear();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        scratch.push_str(&rest[..at]);
        let (spelled, length) = spelled(&rest.as_bytes()[at..]);
        scratch.push(spelled);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    scratch.push_str(rest);
    scratch
}

/// The character that an escape spells, and its length. It was passed over before, so it is one.
fn spelled(escape: &[u8]) -> (char, usize) {
    let simple = |character| (character, 2);
    match escape.get(1) {
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => match (code_unit(escape, 0), code_unit(escape, 6)) {
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            (None, _) => simple(char::REPLACEMENT_CHARACTER),
        },
        Some(&other) => simple(char::from(other)),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// What tells texts apart without looking at them again: their length and their first and last bytes. Of texts of up
/// to [`Mark::EXACT_BYTES`] that is all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    first: u64,
    last: u64,
    length: u32,
}

impl Mark {
    /// Texts no longer than this are equal exactly if their marks are.
    pub(crate) const EXACT_BYTES: u32 = 16;

    #[inline]
    pub(crate) fn of(text: &[u8]) -> Self {
        let length = text.len() as u32;
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            Self { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), length }
        } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            Self { first: u32::from_le_bytes(*first).into(), last: u32::from_le_bytes(*last).into(), length }
        } else {
            Self { first: text.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), last: 0, length }
        }
    }

    /// Whether texts of equal marks may yet differ.
    #[inline]
    pub(crate) fn is_exact(self) -> bool {
        self.length <= Self::EXACT_BYTES
    }

    /// One of 64 bits, so that a set of them tells most names that are new.
    #[inline]
    pub(crate) fn bit(self) -> u64 {
        let mixed =
            (self.first ^ self.last.rotate_left(29) ^ u64::from(self.length)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        1 << (mixed >> 58)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(text: &str) -> Result<(usize, bool), Fault> {
        string(text.as_bytes(), 0).map(|span| (span.end, span.escaped))
    }

    #[test]
    fn a_string_ends_at_its_first_bare_quote() {
        assert_eq!(span("\""), Ok((0, false)));
        assert_eq!(span("abcdefgh\" \""), Ok((8, false)));
        assert_eq!(span("abcdefghijklmnopq\""), Ok((17, false)));
        assert_eq!(span(r#"a\"b\\" "#), Ok((6, true)));
        assert_eq!(span("äöü€𝄞\u{7f}\""), Ok((14, false)));
    }

    #[test]
    fn what_is_no_string_is_told_with_its_place() {
        let fault = |byte, problem| Err(Fault::Syntax { byte, problem });
        assert_eq!(span("abc"), fault(3, "the document ends within a string"));
        assert_eq!(span("abc\\"), fault(4, "the document ends within a string"));
        assert_eq!(span("0123456\t\""), fault(7, "a control character stands in a string"));
        assert_eq!(span("01234567\0\""), fault(8, "a control character stands in a string"));
        assert_eq!(span("a\\x\""), fault(1, "an escape is not one of JSON"));
        assert_eq!(span("a\\u12G4\""), fault(1, "an escape \\u needs four hexadecimal digits"));
        for lone in ["\\uD83D\"", "\\uDE00\"", "\\uD83D\\u0041\"", "\\uD83D\\n\"", "\\ud800\\ud800\""] {
            assert_eq!(span(lone), fault(0, "an escape is half of a surrogate pair"), "{lone}");
        }
    }

    proptest! {
        #[test]
        fn a_string_reads_as_serde_json_reads_it(text in "([\\PC\u{0}-\u{20}\"\\\\]|\\\\[\"\\\\/bfnrtux]|\\\\u[dD][89cC][0-9a-f]{2}|\\\\u00[0-9a-f]{2}){0,24}") {
            let document = format!("{text}\"");
            let quoted = format!("\"{text}\"");
            let theirs = serde_json::from_str::<String>(&quoted).ok();
            let ours = string(document.as_bytes(), 0).ok().filter(|span| span.end == text.len()).map(|span| {
                decoded(&text[span.start..span.end], span.escaped, &mut String::new()).to_owned()
            });
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn short_texts_are_equal_exactly_if_their_marks_are(left in "[ab\u{0}]{0,18}", right in "[ab\u{0}]{0,18}") {
            let marks = (Mark::of(left.as_bytes()), Mark::of(right.as_bytes()));
            prop_assert_eq!(marks.0 == marks.1 && marks.0.is_exact(), left == right && left.len() <= 16);
        }
    }
}
