//! Values of a contract: a TOML scalar as JSON text. A number's digits are kept as they stand in the file.

use toml::de::DeValue;

use super::super::Literal;
use super::super::problem::Complaint;
use super::node::{Node, Reader};

const EXPECTED: &str = "a text, a number, true, false or a time";

/// Bytes of a value.
const LITERAL_BYTES_MAX: usize = 64 << 10;

/// Reads a value.
pub(super) fn literal(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<Literal> {
    let text = match node.value {
        DeValue::String(text) => Some(serde_json::Value::from(&**text).to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) => {
            let written = reader.source(&node.place).replace(' ', "T");
            Some(serde_json::Value::from(written).to_string())
        }
        DeValue::Integer(integer) if integer.radix() == 10 => Some(unsigned(integer.as_str())),
        DeValue::Integer(integer) => {
            u128::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(float) => {
            let text = unsigned(float.as_str());
            (!text.contains(['n', 'i'])).then_some(text)
        }
        DeValue::Array(_) | DeValue::Table(_) => None,
    };
    let fits = text.filter(|text| text.len() <= LITERAL_BYTES_MAX);
    if fits.is_none() {
        let found = match node.value {
            DeValue::Array(_) => "it is a list",
            DeValue::Table(_) => "it is a table",
            DeValue::Float(_) => "JSON has no such number",
            _ => "it is too long",
        };
        reader.add(&node.place, Complaint::new(found).expected(EXPECTED));
    }
    fits.map(Literal)
}

/// JSON knows no plus sign before a number.
fn unsigned(text: &str) -> String {
    text.strip_prefix('+').unwrap_or(text).to_owned()
}
