//! A place in a document, and passing over what stands there.

use super::text;
use super::{Fault, Span};
use crate::value::is_beyond_doubles;

/// The digits that the largest double has before its point; fewer, without an exponent, are always in range.
const DOUBLE_DIGITS: usize = 308;

/// What is wrong where neither a comma nor the closing bracket stands.
pub(crate) const END_OF_LEVEL: &str = "a comma or the end of the level is expected here";

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A place in a text of UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    /// The beginning of a text.
    #[must_use]
    pub fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Another place in the same text.
    #[must_use]
    pub fn moved(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Passes over white space and says what stands behind it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                found => return found.copied(),
            }
        }
    }

    /// Passes over white space and one byte.
    #[inline]
    pub fn take(&mut self) -> Option<u8> {
        let found = self.peek();
        self.at += usize::from(found.is_some());
        found
    }

    /// Passes over white space and a certain byte, which must be there.
    ///
    /// # Errors
    /// Where something else is.
    #[inline]
    pub fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), Fault> {
        match self.take() {
            Some(found) if found == byte => Ok(()),
            found => Err(self.unexpected(found, problem)),
        }
    }

    /// What is wrong with what [`Self::take`] gave last.
    #[cold]
    #[must_use]
    pub fn unexpected(&self, found: Option<u8>, problem: &'static str) -> Fault {
        match found {
            Some(_) => Fault::Syntax { byte: self.at.saturating_sub(1), problem },
            None => Fault::Syntax { byte: self.at, problem: "the document ends too early" },
        }
    }

    /// Passes over a string behind its opening quote.
    ///
    /// # Errors
    /// Where it is none.
    #[inline]
    pub fn string(&mut self) -> Result<Span, Fault> {
        let span = text::string(self.bytes, self.at)?;
        self.at = span.end + 1;
        Ok(span)
    }

    /// Passes over a member's name and the colon behind it, from where white space before the name may begin.
    ///
    /// # Errors
    /// Where something else stands there.
    #[inline]
    pub fn name(&mut self) -> Result<Span, Fault> {
        self.expect(b'"', "a member's name is expected here")?;
        let name = self.string()?;
        self.expect(b':', "a colon is expected behind a member's name")?;
        Ok(name)
    }

    /// Passes over a number whose first byte was passed already.
    ///
    /// # Errors
    /// Where it is none, or beyond the range of a double.
    #[inline]
    pub fn number(&mut self) -> Result<(), Fault> {
        let start = self.at - 1;
        if self.bytes.get(start) == Some(&b'-') {
            self.at += 1;
            if !matches!(self.bytes.get(self.at - 1), Some(b'0'..=b'9')) {
                return Err(self.in_number("a minus needs a digit behind it"));
            }
        }
        let first = self.bytes.get(self.at - 1);
        let digits = self.digits();
        if first == Some(&b'0') && digits > 0 {
            self.at -= digits - 1;
            return Err(self.in_number("a number has no leading zeros"));
        }
        let mut suspect = digits >= DOUBLE_DIGITS;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                self.at += 1;
                return Err(self.in_number("a point needs a digit behind it"));
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            suspect = true;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                self.at += 1;
                return Err(self.in_number("an exponent needs a digit"));
            }
        }
        if suspect { self.judge_range(start) } else { Ok(()) }
    }

    /// Passes over digits and counts them.
    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    #[cold]
    fn in_number(&self, problem: &'static str) -> Fault {
        if self.at > self.bytes.len() {
            return Fault::Syntax { byte: self.bytes.len(), problem: "the document ends too early" };
        }
        Fault::Syntax { byte: self.at - 1, problem }
    }

    #[cold]
    fn judge_range(&self, start: usize) -> Result<(), Fault> {
        let token = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        if is_beyond_doubles(token) { Err(Fault::Range { byte: start }) } else { Ok(()) }
    }

    /// Passes over the rest of `true`, `false` or `null`, whose first byte was passed already.
    ///
    /// # Errors
    /// Where it is none of them.
    #[inline]
    pub fn word(&mut self, first: u8) -> Result<Kind, Fault> {
        let (rest, kind): (&[u8], _) = match first {
            b't' => (b"rue", Kind::Boolean),
            b'f' => (b"alse", Kind::Boolean),
            b'n' => (b"ull", Kind::Null),
            _ => return Err(self.unexpected(Some(first), "a value is expected here")),
        };
        let found = self.bytes.get(self.at..).unwrap_or_default();
        if found.starts_with(rest) {
            self.at += rest.len();
            Ok(kind)
        } else if rest.starts_with(found) {
            Err(Fault::Syntax { byte: self.bytes.len(), problem: "the document ends too early" })
        } else {
            Err(Fault::Syntax { byte: self.at - 1, problem: "a value is expected here" })
        }
    }

    /// Passes over a value, nested no deeper than `depth_max` levels of its own.
    ///
    /// # Errors
    /// Where there is none, or it is too deep.
    pub fn skip(&mut self, depth_max: usize) -> Result<Kind, Fault> {
        // One bit a level: whether it is an object.
        let mut levels = Vec::new();
        let mut whole = None;
        loop {
            let kind = match self.take() {
                Some(b'"') => self.string().map(|_| Kind::Text)?,
                Some(b'-' | b'0'..=b'9') => self.number().map(|()| Kind::Number)?,
                Some(open @ (b'{' | b'[')) => {
                    if levels.len() == depth_max {
                        return Err(Fault::Depth { byte: self.at - 1, limit: depth_max });
                    }
                    let object = open == b'{';
                    let kind = if object { Kind::Object } else { Kind::Array };
                    whole = whole.or(Some(kind));
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        levels.push(object);
                        if object {
                            self.name()?;
                        }
                        continue;
                    }
                    kind
                }
                Some(first) => self.word(first)?,
                None => return Err(self.unexpected(None, "a value is expected here")),
            };
            let whole = *whole.get_or_insert(kind);
            // Behind a value: leave every level that ends here.
            loop {
                let Some(&object) = levels.last() else { return Ok(whole) };
                match (self.take(), object) {
                    (Some(b','), true) => {
                        self.name()?;
                        break;
                    }
                    (Some(b','), false) => break,
                    (Some(b'}'), true) | (Some(b']'), false) => levels.truncate(levels.len() - 1),
                    (found, _) => return Err(self.unexpected(found, END_OF_LEVEL)),
                }
            }
        }
    }

    /// Whether nothing but white space is left.
    #[must_use]
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Kind, Fault> {
        let mut cursor = Cursor::new(text.as_bytes());
        let kind = cursor.skip(8)?;
        if cursor.at_end() { Ok(kind) } else { Err(Fault::Syntax { byte: cursor.at(), problem: "more" }) }
    }

    #[test]
    fn every_kind_of_value_is_passed_over_whole() {
        for (text, kind) in [
            ("null", Kind::Null),
            (" true\n", Kind::Boolean),
            ("-0.5E+10", Kind::Number),
            ("\"\"", Kind::Text),
            ("[[],{},[1,\"]\",{\"a\":[null]}]]", Kind::Array),
            (" { \"a\" : { \"b\" : [ ] } , \"a\" : 1 } ", Kind::Object),
            ("[[[[[[[[]]]]]]]]", Kind::Array),
        ] {
            assert_eq!(whole(text), Ok(kind), "{text}");
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let fault = |byte, problem| Err(Fault::Syntax { byte, problem });
        let early = "the document ends too early";
        let level = "a comma or the end of the level is expected here";
        let value = "a value is expected here";
        for (text, expected) in [
            ("", fault(0, early)),
            ("  ", fault(2, early)),
            ("tru", fault(3, early)),
            ("trux", fault(0, value)),
            ("[1", fault(2, early)),
            ("[1}", fault(2, level)),
            ("{\"a\":1]", fault(6, level)),
            ("[1,]", fault(3, value)),
            ("{\"a\":1,}", fault(7, "a member's name is expected here")),
            ("{\"a\" 1}", fault(5, "a colon is expected behind a member's name")),
            ("{a:1}", fault(1, "a member's name is expected here")),
            ("01", fault(1, "a number has no leading zeros")),
            ("-012", fault(2, "a number has no leading zeros")),
            ("-", fault(1, early)),
            ("-x", fault(1, "a minus needs a digit behind it")),
            ("1.", fault(2, early)),
            ("1.e1", fault(2, "a point needs a digit behind it")),
            ("1ex", fault(2, "an exponent needs a digit")),
            (".5", fault(0, value)),
            ("+1", fault(0, value)),
            ("1e309", Err(Fault::Range { byte: 0 })),
            ("[[[[[[[[[]]]]]]]]]", Err(Fault::Depth { byte: 8, limit: 8 })),
            ("1 2", fault(2, "more")),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_in_range_exactly_if_a_double_is() {
        for text in ["1.7976931348623157e308", "-1.7976931348623157E+308", "1e-999", &"9".repeat(308), "0e999", "123"] {
            assert_eq!(whole(text), Ok(Kind::Number), "{text}");
        }
        for text in ["1e309", "-1e999", "1E+400", &"9".repeat(400), &format!("1{}", "0".repeat(309))] {
            assert_eq!(whole(text), Err(Fault::Range { byte: 0 }), "{text}");
        }
    }
}
