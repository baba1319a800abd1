//! What is done to a column's values, compiled from its contract.

use super::misfit::{BOOLEAN, Misfit, NUMBER, STRING};
use super::plan::{Plan, StepProblem};
use super::text::{self, Scratch, TextStep};
use super::time::{self, TimeReader};
use super::{Scalar, Secrets, Value, number, rfc3339};
use crate::contract::{ColumnType, DatePart, SecretName, Step};

/// What stands in place of a value that may not be seen.
const REDACTED: &str = "[redacted]";

/// What is done to a column's values.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The steps that make a text of a text.
    texts: Box<[TextStep]>,
    /// Whether values of other kinds are taken.
    cast: bool,
    target: Target,
}

/// What becomes of the value behind its steps on texts.
#[derive(Clone, Debug)]
enum Target {
    Text,
    Redacted,
    Integer {
        min: i64,
        max: i64,
        range: &'static str,
    },
    Part(DatePart, TimeReader),
    Float,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Boolean,
    /// A day as it is written.
    Date,
    /// The day of a point in time.
    DateOf(TimeReader),
    Time(TimeReader),
    /// No scalar, but this.
    Compound(&'static str),
}

/// A contract's steps that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// One does not fit the column or those before it.
    #[error(transparent)]
    Step(#[from] StepProblem),
    /// A secret is not there.
    #[error("the secret {name} is not there; hand it in, or correct its name in the contract")]
    UnknownSecret {
        /// Which one.
        name: SecretName,
    },
}

impl Conversion {
    /// The conversion of a column or an element without steps.
    #[must_use]
    pub fn of(kind: &ColumnType) -> Self {
        Self { texts: Box::default(), cast: false, target: Target::of(kind, Plan::default()) }
    }

    /// The conversion of a column.
    ///
    /// # Errors
    /// Where steps do not fit or a secret is not there.
    pub fn compile(kind: &ColumnType, steps: &[Step], secrets: &Secrets) -> Result<Self, ConversionError> {
        let mut plan = Plan::of(kind, steps)?;
        let steps = std::mem::take(&mut plan.texts);
        let texts = steps.into_iter().filter_map(|step| text_step(step, secrets).transpose());
        Ok(Self { texts: texts.collect::<Result<_, _>>()?, cast: plan.cast, target: Target::of(kind, plan) })
    }

    /// The value of a scalar. A text that a step makes stands in `scratch`.
    ///
    /// A column of type list, struct or json takes no scalar at all: for one, every scalar is of another kind.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn apply<'a>(
        &self,
        scalar: Scalar<'a>,
        string_bytes_max: usize,
        scratch: &'a mut Scratch,
    ) -> Result<Value<'a>, Misfit> {
        match &self.target {
            Target::Text => {
                let text = text::run(&self.texts, self.text_of(scalar)?, scratch)?;
                if text.len() > string_bytes_max {
                    return Err(Misfit::TooLong { bytes: text.len(), limit: string_bytes_max });
                }
                Ok(Value::Text(text))
            }
            Target::Redacted => Ok(Value::Text(REDACTED)),
            target => {
                let scalar = match scalar {
                    Scalar::Text(text) => Scalar::Text(text::run(&self.texts, text, scratch)?),
                    other => other,
                };
                target.typed(scalar, self.cast)
            }
        }
    }

    /// What the steps of a string column begin with.
    fn text_of<'a>(&self, scalar: Scalar<'a>) -> Result<&'a str, Misfit> {
        match scalar {
            Scalar::Text(text) => Ok(text),
            Scalar::Number(token) if self.cast => Ok(token),
            Scalar::Boolean(value) if self.cast => Ok(if value { "true" } else { "false" }),
            other => Err(other.unlike(STRING)),
        }
    }
}

impl Target {
    /// What values of a type become, by the rest of a plan.
    fn of(kind: &ColumnType, plan: Plan<'_>) -> Self {
        let time = plan.time.map(|reader| reader.with_cast(plan.cast));
        match (kind, plan.part) {
            (ColumnType::String, _) if plan.redact => Self::Redacted,
            (ColumnType::String, _) => Self::Text,
            (ColumnType::Int32 | ColumnType::Int64, Some(part)) => {
                Self::Part(part, time.unwrap_or(TimeReader::rfc3339()))
            }
            (ColumnType::Int32, None) => {
                Self::Integer { min: i64::from(i32::MIN), max: i64::from(i32::MAX), range: "an int32" }
            }
            (ColumnType::Int64, None) => Self::Integer { min: i64::MIN, max: i64::MAX, range: "an int64" },
            (ColumnType::Float64, _) => Self::Float,
            (&ColumnType::Decimal { precision, scale }, _) => Self::Decimal { precision, scale },
            (ColumnType::Boolean, _) => Self::Boolean,
            (ColumnType::Date, _) => time.map_or(Self::Date, Self::DateOf),
            (ColumnType::Timestamp, _) => Self::Time(time.unwrap_or(TimeReader::rfc3339())),
            (ColumnType::Json, _) => Self::Compound("any JSON, as it is written"),
            (ColumnType::List(_), _) => Self::Compound("an array"),
            (ColumnType::Struct(_), _) => Self::Compound("an object"),
        }
    }

    /// The value of a scalar that is no text column's.
    fn typed(&self, scalar: Scalar<'_>, cast: bool) -> Result<Value<'static>, Misfit> {
        Ok(match self {
            &Self::Integer { min, max, range } => {
                Value::Integer(number::integer(number_of(scalar, cast)?, min, max, range)?)
            }
            &Self::Decimal { precision, scale } => {
                Value::Decimal(number::decimal(number_of(scalar, cast)?, precision, scale)?)
            }
            Self::Float => Value::Float(number::float(number_of(scalar, cast)?)?),
            Self::Boolean => Value::Boolean(boolean_of(scalar, cast)?),
            Self::Time(reader) => Value::Time(reader.read(scalar)?),
            Self::DateOf(reader) => Value::Date(time::day_of(reader.read(scalar)?)?),
            Self::Part(part, reader) => Value::Integer(time::part_of(*part, reader.read(scalar)?)?),
            Self::Date => Value::Date(date_of(scalar)?),
            Self::Compound(expected) => return Err(scalar.unlike(expected)),
            // Texts go another way, because they borrow from the scratch.
            Self::Text | Self::Redacted => return Err(scalar.unlike(STRING)),
        })
    }
}

fn number_of(scalar: Scalar<'_>, cast: bool) -> Result<&str, Misfit> {
    match scalar {
        Scalar::Number(token) => Ok(token),
        Scalar::Text(text) if cast => Ok(text),
        other => Err(other.unlike(NUMBER)),
    }
}

fn boolean_of(scalar: Scalar<'_>, cast: bool) -> Result<bool, Misfit> {
    match scalar {
        Scalar::Boolean(value) => Ok(value),
        Scalar::Text("true") if cast => Ok(true),
        Scalar::Text("false") if cast => Ok(false),
        Scalar::Text(_) if cast => Err(Misfit::NotABoolean),
        other => Err(other.unlike(BOOLEAN)),
    }
}

fn date_of(scalar: Scalar<'_>) -> Result<i32, Misfit> {
    let Scalar::Text(text) = scalar else { return Err(scalar.unlike("a date as a string")) };
    let day = rfc3339::day_of(text).ok_or(Misfit::NotADate)?;
    i32::try_from(day).map_err(|_| Misfit::NotADate)
}

/// A step on texts with its secret; nothing of a step that makes no text of one.
fn text_step(step: &Step, secrets: &Secrets) -> Result<Option<TextStep>, ConversionError> {
    Ok(Some(match step {
        Step::Trim => TextStep::Trim,
        Step::Lower => TextStep::Lower,
        Step::Upper => TextStep::Upper,
        Step::Truncate { chars } => TextStep::Truncate { chars: *chars as usize },
        Step::UrlHost => TextStep::UrlHost,
        Step::HmacSha256 { secret } => {
            let keyed = secrets.keyed(secret);
            let keyed = keyed.ok_or_else(|| ConversionError::UnknownSecret { name: secret.clone() })?;
            TextStep::Hmac(Box::new(keyed.clone()))
        }
        Step::Cast | Step::ParseTime(_) | Step::DatePart(_) | Step::Redact => return Ok(None),
    }))
}

#[cfg(test)]
mod tests;
