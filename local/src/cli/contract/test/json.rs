//! JSON as expectations are compared: by its values, number by number as they are written, and not as floats.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Levels of a value that is compared; no contract takes deeper events.
const DEPTH_MAX: usize = 160;

/// The members of an object, in their order, those of the same name as well.
pub struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The one spelling of a value: without white space, strings with the fewest escapes, numbers without zeros at the end
/// of their fraction.
///
/// # Errors
/// Where the value is nested too deep.
pub fn canonical(value: &RawValue) -> serde_json::Result<String> {
    let mut text = String::new();
    write(value, &mut text, 0)?;
    Ok(text)
}

fn write(value: &RawValue, into: &mut String, depth: usize) -> serde_json::Result<()> {
    if depth > DEPTH_MAX {
        return Err(serde_json::Error::custom(format!("it has more than {DEPTH_MAX} levels")));
    }
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            into.push('{');
            for (at, (name, value)) in serde_json::from_str::<Members<'_>>(text)?.0.into_iter().enumerate() {
                into.push_str(if at > 0 { "," } else { "" });
                into.push_str(&serde_json::to_string(&name)?);
                into.push(':');
                write(value, into, depth + 1)?;
            }
            into.push('}');
        }
        Some(b'[') => {
            into.push('[');
            for (at, value) in serde_json::from_str::<Vec<&RawValue>>(text)?.into_iter().enumerate() {
                into.push_str(if at > 0 { "," } else { "" });
                write(value, into, depth + 1)?;
            }
            into.push(']');
        }
        Some(b'"') => into.push_str(&serde_json::to_string(&serde_json::from_str::<String>(text)?)?),
        Some(b'-' | b'0'..=b'9') => into.push_str(number(text)),
        _ => into.push_str(text),
    }
    Ok(())
}

fn number(text: &str) -> &str {
    if text.contains('.') && !text.contains(['e', 'E']) {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        canonical(serde_json::from_str::<&RawValue>(text).unwrap()).unwrap()
    }

    #[test]
    fn values_have_one_spelling_and_keep_their_order_and_digits() {
        for (given, expected) in [
            (
                r#"{ "b" : [ 1.50 , -2.0, 10, 1e2 ] , "a" : null, "a":true }"#,
                r#"{"b":[1.5,-2,10,1e2],"a":null,"a":true}"#,
            ),
            (r#""\u00e4\/""#, "\"ä/\""),
            ("12345678901234567890123456789012345678.10", "12345678901234567890123456789012345678.1"),
            ("[]", "[]"),
            ("{}", "{}"),
        ] {
            assert_eq!(of(given), expected);
        }
    }

    #[test]
    fn a_value_that_is_nested_too_deep_is_an_error() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let read = |levels: usize| canonical(serde_json::from_str::<&RawValue>(&nested(levels)).unwrap());
        assert_eq!(read(DEPTH_MAX).unwrap(), nested(DEPTH_MAX));
        assert_eq!(read(DEPTH_MAX + 2).unwrap_err().to_string(), "it has more than 160 levels");
    }
}
