//! Conditions on rows: `--where reason=id_missing --where 'arrival>=2026-11-21'`. All of them must hold.
//!
//! Rules:
//! - A command says which fields it has. Texts are compared by `=` and `!=`, times by `>=` and `<=` as well.
//! - A row without a value is equal to the empty text and to no time.

use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::TimeFormat;
use iguazu_transform::value::{Scalar, time_of};

/// A field that conditions may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A point in time.
    Time,
}

/// A field of a text.
pub const fn text(name: &'static str) -> Field {
    Field { name, kind: Kind::Text }
}

/// A field of a point in time.
pub const fn time(name: &'static str) -> Field {
    Field { name, kind: Kind::Time }
}

/// What a row has in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A text; the empty one where it has none.
    Text(&'a str),
    /// Either of two texts, such as a name and a longer form of it.
    Either(&'a str, &'a str),
    /// A point in time.
    Time(Option<Timestamp>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    AtLeast,
    AtMost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Text(String),
    Time(Timestamp),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    field: &'static str,
    comparison: Comparison,
    wanted: Wanted,
}

/// A text that is no condition.
#[derive(Clone, Debug, PartialEq, Eq, miette::Diagnostic, thiserror::Error)]
#[error("--where {text:?} is no condition: {problem}")]
pub struct ConditionError {
    text: String,
    problem: String,
    #[help]
    help: String,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// Reads conditions about some fields.
    ///
    /// # Errors
    /// At the first text that is none.
    pub fn read(texts: &[String], fields: &[Field]) -> Result<Self, ConditionError> {
        texts.iter().map(|text| Condition::read(text, fields)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a row, by what it has in a field, meets all of them.
    pub fn hold<'a>(&self, found: impl Fn(&'static str) -> Found<'a>) -> bool {
        self.0.iter().all(|condition| condition.holds(found(condition.field)))
    }
}

impl Condition {
    fn read(text: &str, fields: &[Field]) -> Result<Self, ConditionError> {
        let names = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        let wrong = |problem: String, help: String| ConditionError { text: text.to_owned(), problem, help };
        let at = text.find(['=', '!', '<', '>']).unwrap_or(text.len());
        let (name, rest) = text.split_at(at);
        let operators = [
            ("!=", Comparison::Unequal),
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("=", Comparison::Equal),
        ];
        let found = operators.iter().find_map(|(sign, comparison)| Some((*comparison, rest.strip_prefix(sign)?)));
        let Some((comparison, value)) = found else {
            let problem = "it has none of =, !=, >= and <= behind a field".to_owned();
            return Err(wrong(problem, format!("write FIELD=VALUE, where FIELD is one of {}", names())));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(wrong(format!("there is no field {name:?}"), format!("the fields are {}", names())));
        };
        let wanted = match field.kind {
            Kind::Text if matches!(comparison, Comparison::Equal | Comparison::Unequal) => Wanted::Text(value.into()),
            Kind::Text => {
                let problem = format!("{name} is a text, which is compared by = and != only");
                return Err(wrong(problem, format!("write {name}=VALUE or {name}!=VALUE")));
            }
            Kind::Time => Wanted::Time(instant(value).ok_or_else(|| {
                let help = format!("write {name}>=2026-11-21 or {name}>=2026-11-21T12:30:00Z");
                wrong(format!("{value:?} is neither a day nor a time with its offset"), help)
            })?),
        };
        Ok(Self { field: field.name, comparison, wanted })
    }

    fn holds(&self, found: Found<'_>) -> bool {
        match (&self.wanted, found) {
            (Wanted::Text(wanted), Found::Text(text)) => self.as_wanted(wanted == text),
            (Wanted::Text(wanted), Found::Either(one, other)) => self.as_wanted(wanted == one || wanted == other),
            (Wanted::Time(wanted), Found::Time(Some(time))) => match self.comparison {
                Comparison::Equal => time == *wanted,
                Comparison::Unequal => time != *wanted,
                Comparison::AtLeast => time >= *wanted,
                Comparison::AtMost => time <= *wanted,
            },
            (Wanted::Time(_), Found::Time(None)) => self.comparison == Comparison::Unequal,
            // A field holds what its kind says.
            _ => false,
        }
    }

    fn as_wanted(&self, equal: bool) -> bool {
        equal == (self.comparison == Comparison::Equal)
    }
}

/// A point in time, or the beginning of a day in UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    let read = |text: &str| time_of(&TimeFormat::Rfc3339, Scalar::Text(text)).ok();
    read(text).or_else(|| if text.len() == 10 { read(&format!("{text}T00:00:00Z")) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 3] = [text("reason"), text("stream"), time("arrival")];

    fn holds(conditions: &[&str]) -> bool {
        let texts: Vec<_> = conditions.iter().map(ToString::to_string).collect();
        Conditions::read(&texts, &FIELDS).unwrap().hold(|field| match field {
            "reason" => Found::Text("id_missing"),
            "stream" => Found::Either("orders", "orders.7"),
            _ => Found::Time(instant("2026-11-21T12:30:00Z")),
        })
    }

    #[test]
    fn all_conditions_must_hold() {
        for (conditions, expected) in [
            (&[][..], true),
            (&["reason=id_missing"], true),
            (&["reason = id_missing"], true),
            (&["reason!=id_missing"], false),
            (&["reason=id_missing", "stream=orders"], true),
            (&["stream=orders.7"], true),
            (&["stream!=orders.7"], false),
            (&["stream!=others"], true),
            (&["reason=id_missing", "stream=others"], false),
            (&["reason="], false),
            (&["arrival>=2026-11-21"], true),
            (&["arrival<=2026-11-21"], false),
            (&["arrival>=2026-11-21T12:30:00Z", "arrival<=2026-11-21T13:30:00+01:00"], true),
            (&["arrival=2026-11-21T12:30:00Z"], true),
            (&["arrival!=2026-11-21"], true),
        ] {
            assert_eq!(holds(conditions), expected, "{conditions:?}");
        }
    }

    #[test]
    fn what_is_no_condition_is_said_with_what_to_write() {
        for (given, expected) in [
            (
                "reason",
                "it has none of =, !=, >= and <= behind a field; write FIELD=VALUE, where FIELD is one of reason, stream, arrival",
            ),
            (
                "reason~x",
                "it has none of =, !=, >= and <= behind a field; write FIELD=VALUE, where FIELD is one of reason, stream, arrival",
            ),
            (
                "reason>x",
                "it has none of =, !=, >= and <= behind a field; write FIELD=VALUE, where FIELD is one of reason, stream, arrival",
            ),
            ("raeson=x", "there is no field \"raeson\"; the fields are reason, stream, arrival"),
            ("reason>=x", "reason is a text, which is compared by = and != only; write reason=VALUE or reason!=VALUE"),
            (
                "arrival>=noon",
                "\"noon\" is neither a day nor a time with its offset; write arrival>=2026-11-21 or arrival>=2026-11-21T12:30:00Z",
            ),
            (
                "arrival>=2026-11-21T12:30:00",
                "\"2026-11-21T12:30:00\" is neither a day nor a time with its offset; write arrival>=2026-11-21 or arrival>=2026-11-21T12:30:00Z",
            ),
            (
                "",
                "it has none of =, !=, >= and <= behind a field; write FIELD=VALUE, where FIELD is one of reason, stream, arrival",
            ),
        ] {
            let error = Conditions::read(&[given.to_owned()], &FIELDS).unwrap_err();
            assert_eq!(format!("{}; {}", error.problem, error.help), expected);
        }
    }
}
