//! What is checked of a document before the JSON parser sees it: how deep it nests, whether a double holds its
//! numbers, and whether its escapes spell text.
//!
//! The parser captures values without looking into them, and so checks the grammar and nothing else. It does that
//! without recursion, and so does this scan: a document of a hundred thousand brackets costs a pass and no stack.
//! The scan does not know the grammar: on what is not JSON it may say anything true, or nothing.

use crate::reason::Reason;

/// The digits that the largest double has before its point; fewer, without an exponent, are always in range.
const DOUBLE_DIGITS: usize = 308;

/// Passes over a document once.
///
/// # Errors
/// At the first thing that is too deep, out of range, or an escape of half a character.
pub(crate) fn scan(text: &str, depth_max: usize) -> Result<(), Reason> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => string(bytes, at + 1)?,
            b'-' | b'0'..=b'9' => number(text, at)?,
            b'[' | b'{' => {
                depth += 1;
                if depth > depth_max {
                    return Err(Reason::TooDeep { byte: at, limit: depth_max });
                }
                at + 1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            _ => at + 1,
        };
    }
    Ok(())
}

/// Passes over a number and returns where it ends.
fn number(text: &str, start: usize) -> Result<usize, Reason> {
    let rest = &text.as_bytes()[start..];
    let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let length = length.unwrap_or(rest.len());
    let suspect = length > DOUBLE_DIGITS || rest[..length].iter().any(|byte| matches!(byte, b'e' | b'E'));
    if suspect && text[start..start + length].parse::<f64>().is_ok_and(f64::is_infinite) {
        return Err(Reason::NumberOutOfRange { byte: start });
    }
    Ok(start + length)
}

/// Passes over a string, from behind its opening quote to behind its closing one.
fn string(bytes: &[u8], start: usize) -> Result<usize, Reason> {
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(bytes, at)?,
            _ => at += 1,
        }
    }
    Ok(at)
}

/// Passes over an escape: two bytes, or six, or the twelve of a surrogate pair.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Reason> {
    let lone = Reason::JsonSyntax { byte: at, problem: "an escape is half of a surrogate pair" };
    match code_unit(bytes, at) {
        Some(0xD800..=0xDBFF) => match code_unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => Ok(at + 12),
            _ => Err(lone),
        },
        Some(0xDC00..=0xDFFF) => Err(lone),
        Some(_) => Ok(at + 6),
        None => Ok(at + 2),
    }
}

/// The code unit of a `\uXXXX` at a position, if there is one.
fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_not_levels() {
        assert_eq!(scan(r#"{"a":"[[[[\"[[[[","b":["\\",[1]]}"#, 3), Ok(()));
        assert_eq!(scan(r#"{"a":"[[[[\"[[[[","b":["\\",[1]]}"#, 2), Err(Reason::TooDeep { byte: 28, limit: 2 }));
    }

    #[test]
    fn a_number_is_in_range_exactly_if_a_double_is() {
        for text in ["1.7976931348623157e308", "-1.7976931348623157E+308", "1e-999", &"9".repeat(308), "0e999", "123"] {
            assert_eq!(scan(text, 1), Ok(()), "{text}");
        }
        for text in ["1e309", "-1e999", "1E+400", &"9".repeat(400), &format!("1{}", "0".repeat(309))] {
            assert_eq!(scan(text, 1), Err(Reason::NumberOutOfRange { byte: 0 }), "{text}");
        }
        assert_eq!(scan(r#"{"a":"1e999"}"#, 1), Ok(()));
        assert_eq!(scan(r#"{"a":1e999}"#, 1), Err(Reason::NumberOutOfRange { byte: 5 }));
    }

    #[test]
    fn only_whole_surrogate_pairs_are_text() {
        let lone = |byte| Err(Reason::JsonSyntax { byte, problem: "an escape is half of a surrogate pair" });
        assert_eq!(scan(r#""\uD83D\uDE00 \u00e4 \\ud800""#, 1), Ok(()));
        assert_eq!(scan(r#""\uD83D""#, 1), lone(1));
        assert_eq!(scan(r#""a\uDE00""#, 1), lone(2));
        assert_eq!(scan(r#""\uD83D\u0041""#, 1), lone(1));
        assert_eq!(scan(r#""\uD83D\n""#, 1), lone(1));
        assert_eq!(scan(r#""\uD8"#, 1), Ok(()));
    }
}
