//! JSON scalars to typed values, exactly.
//!
//! A [`Conversion`] is compiled from a column's type and steps, and is then asked for every value of the column. Rules:
//! - Nothing is rounded, cut or guessed but by a step that says so; a double alone rounds, as its name says. What a
//!   type cannot hold is a [`Misfit`].
//! - `1.0`, `1e3` and `10e-1` are whole numbers, because that is what they say; no number passes through a float.
//! - A value is taken from its own JSON type: a text is a number only where the contract says
//!   [`Step::Cast`](crate::contract::Step::Cast).
//! - No text of a misfit quotes the input, because such texts reach logs.
//! - A value costs no allocation: a text that a step makes stands in a [`Scratch`] that is used again. No number of
//!   digits, and no exponent, costs more than a pass over its text.
//!
//! Deliberately absent: null, and the insides of arrays and objects. The decoder takes those apart and asks for their
//! scalars one by one.

mod conversion;
mod id;
mod literal;
mod misfit;
mod number;
mod pattern;
mod plan;
pub(crate) mod rfc3339;
mod secrets;
mod text;
mod time;
mod url;

pub use conversion::{Conversion, ConversionError};
pub use id::{event_id, hashed_id};
pub use literal::check_literal;
pub use misfit::{Misfit, Side};
pub use plan::{StepProblem, check_steps};
pub use secrets::{SecretError, Secrets};
pub use text::Scratch;
pub use time::{TimeReader, time_of};

/// Whether a number is one that no double is near to. What is no number is not.
pub(crate) fn is_beyond_doubles(token: &str) -> bool {
    matches!(number::float(token), Err(Misfit::OutOfRange { .. }))
}

/// A value of an event, as its JSON has it. Null is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A string, decoded.
    Text(&'a str),
    /// A number, as it is written.
    Number(&'a str),
    /// True or false.
    Boolean(bool),
    /// Some array.
    Array,
    /// Some object.
    Object,
}

impl Scalar<'_> {
    /// What it is, for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    /// The misfit of a value of another kind than its column takes.
    pub(crate) const fn unlike(&self, expected: &'static str) -> Misfit {
        Misfit::Kind { found: self.kind(), expected }
    }
}

/// A value that fits its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Of a column of type string.
    Text(&'a str),
    /// Of a column of type int32 or int64, in its range.
    Integer(i64),
    /// Of a column of type decimal: the number times ten to its scale.
    Decimal(i128),
    /// Of a column of type float64, finite.
    Float(f64),
    /// Of a column of type boolean.
    Boolean(bool),
    /// Of a column of type date: days since 1970.
    Date(i32),
    /// Of a column of type timestamp: microseconds since 1970, in UTC.
    Time(i64),
}
