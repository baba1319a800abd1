//! Which steps fit which column, and what they come to.
//!
//! Rules, beside what each step takes and gives:
//! - A column of type list, struct or json takes no steps.
//! - In a column of type string a cast comes first. Behind a step, numbers would pass by that step on their way to the
//!   cast, and one past an HMAC would be kept in the clear.
//! - In any other column a step on texts comes before the cast. There it is for the texts, and values of the column's
//!   own kind need none.
//! - A step without effect is refused, because it was meant to have one.

use crate::contract::{ColumnType, DatePart, Step, TimeFormat};
use crate::value::TimeReader;

/// A step that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {}: {problem}", step + 1)]
pub struct StepProblem {
    /// Which one, counted from 0.
    pub step: usize,
    /// Why, and what would.
    pub problem: String,
}

/// Whether steps fit a column's type and each other.
///
/// # Errors
/// Where one does not.
pub fn check_steps(kind: &ColumnType, steps: &[Step]) -> Result<(), StepProblem> {
    Plan::of(kind, steps).map(|_| ())
}

/// What steps come to.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// Those that make a text of a text, in their order.
    pub texts: Vec<&'a Step>,
    /// Whether values of other kinds are taken.
    pub cast: bool,
    /// How a point in time is read, if one is and it is not as RFC 3339 has it.
    pub time: Option<TimeReader>,
    /// Which part of it is the value.
    pub part: Option<DatePart>,
    /// Whether the value is replaced.
    pub redact: bool,
}

/// What a column takes without a cast.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    /// Numbers, or booleans.
    Plain,
    /// Points in time and their parts.
    Time,
}

impl<'a> Plan<'a> {
    pub(super) fn of(kind: &ColumnType, steps: &'a [Step]) -> Result<Self, StepProblem> {
        let mut plan = Self::default();
        let Some(family) = family(kind, steps) else {
            let problem = format!("a column of type {} takes no steps; remove them", name(kind));
            return if steps.is_empty() { Ok(plan) } else { Err(StepProblem { step: 0, problem }) };
        };
        for (at, step) in steps.iter().enumerate() {
            let fail = |problem: String| Err(StepProblem { step: at, problem });
            if let Some(problem) = plan.out_of_order(at, step) {
                return fail(problem.to_owned());
            }
            match step {
                Step::Cast if plan.cast => return fail("cast stands here a second time; remove it".to_owned()),
                Step::Cast if family == Family::Text && at > 0 => {
                    return fail("in a column of type string, cast comes first; move it there".to_owned());
                }
                Step::Cast => plan.cast = true,
                Step::ParseTime(format) => plan.time = Some(read_time(kind, family, at, format)?),
                Step::DatePart(part) if matches!(kind, ColumnType::Int32 | ColumnType::Int64) => {
                    plan.part = Some(*part);
                }
                Step::DatePart(_) => return fail("date_part gives a whole number; make the column int32".to_owned()),
                step => {
                    if let Some(problem) = text_problem(step, family, plan.cast) {
                        return fail(format!("{problem}, and the column is of type {}", name(kind)));
                    }
                    plan.redact = *step == Step::Redact;
                    plan.texts.push(step);
                }
            }
        }
        match plan.without_effect(family, steps) {
            Some(problem) => Err(problem),
            None => Ok(plan),
        }
    }

    /// Why a step may not stand behind those before it.
    fn out_of_order(&self, at: usize, step: &Step) -> Option<&'static str> {
        if self.redact {
            Some("nothing is left of a value behind redact; remove this step")
        } else if *step == Step::Redact && at > 0 {
            Some("redact takes any value, so the steps before it have no effect; remove them")
        } else if self.part.is_some() {
            Some("date_part is the last step; remove those behind it")
        } else if self.time.is_some() && !matches!(step, Step::DatePart(_)) {
            Some("behind parse_time the value is a point in time; only date_part may follow")
        } else {
            None
        }
    }

    /// The step that could never do anything.
    fn without_effect(&self, family: Family, steps: &[Step]) -> Option<StepProblem> {
        let is_cast = |step: &Step| *step == Step::Cast;
        let is_text = |step: &Step| !matches!(step, Step::Cast | Step::ParseTime(_) | Step::DatePart(_));
        let takes_texts = match family {
            Family::Text => true,
            Family::Plain => self.cast,
            Family::Time => self.cast || !self.time.as_ref().is_some_and(TimeReader::takes_numbers),
        };
        let (found, problem) = if !takes_texts {
            (steps.iter().position(is_text), "the value is no text without a cast; put one behind this step")
        } else if family == Family::Time && self.time.as_ref().is_none_or(TimeReader::takes_texts_only) {
            (steps.iter().position(is_cast), "the value is a text in any case; remove the cast")
        } else {
            (None, "")
        };
        found.map(|step| StepProblem { step, problem: problem.to_owned() })
    }
}

/// What a column takes; nothing of one that takes no steps. A part of a time is read from a time.
fn family(kind: &ColumnType, steps: &[Step]) -> Option<Family> {
    let has_part = || steps.iter().any(|step| matches!(step, Step::DatePart(_)));
    match kind {
        ColumnType::String => Some(Family::Text),
        ColumnType::Int32 | ColumnType::Int64 if has_part() => Some(Family::Time),
        ColumnType::Int32 | ColumnType::Int64 | ColumnType::Float64 | ColumnType::Decimal { .. } => Some(Family::Plain),
        ColumnType::Boolean => Some(Family::Plain),
        ColumnType::Date | ColumnType::Timestamp => Some(Family::Time),
        ColumnType::Json | ColumnType::List(_) | ColumnType::Struct(_) => None,
    }
}

fn read_time(kind: &ColumnType, family: Family, at: usize, format: &TimeFormat) -> Result<TimeReader, StepProblem> {
    let fail = |problem| StepProblem { step: at, problem };
    if family != Family::Time {
        return Err(fail(format!(
            "parse_time gives a point in time, and the column is of type {}; make it timestamp or date, \
             or take a part of the time by date_part",
            name(kind)
        )));
    }
    TimeReader::new(format).map_err(fail)
}

/// Why a step on texts does not fit a column.
fn text_problem(step: &Step, family: Family, cast: bool) -> Option<&'static str> {
    match (step, family) {
        (Step::Truncate { chars: 0 }, _) => Some("truncate to 0 characters leaves nothing; remove the column"),
        (_, Family::Text) => None,
        (Step::UrlHost | Step::HmacSha256 { .. } | Step::Redact, _) => Some("the step gives a text"),
        (Step::Truncate { .. }, Family::Plain) => Some("truncate would make another number of one"),
        _ if cast => Some("behind cast the value is no text; put the step before it"),
        _ => None,
    }
}

/// A type as contracts write it.
fn name(kind: &ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "string",
        ColumnType::Int32 => "int32",
        ColumnType::Int64 => "int64",
        ColumnType::Float64 => "float64",
        ColumnType::Decimal { .. } => "decimal",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Json => "json",
        ColumnType::List(_) => "list",
        ColumnType::Struct(_) => "struct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUNCATE: Step = Step::Truncate { chars: 10 };
    const DECIMAL: ColumnType = ColumnType::Decimal { precision: 10, scale: 2 };

    fn hmac() -> Step {
        Step::HmacSha256 { secret: "pepper".parse().unwrap() }
    }

    fn pattern(text: &str) -> Step {
        Step::ParseTime(TimeFormat::Pattern(text.to_owned()))
    }

    #[test]
    fn steps_that_fit() {
        use ColumnType::{Boolean, Date, Float64, Int32, Int64, String, Timestamp};
        use Step::{Cast, Lower, ParseTime, Redact, Trim, Upper, UrlHost};
        for (kind, steps) in [
            (ColumnType::Json, vec![]),
            (String, vec![Cast, Trim, Lower, TRUNCATE]),
            (String, vec![Trim, UrlHost, hmac(), TRUNCATE]),
            (String, vec![Redact]),
            (Int64, vec![Trim, Cast]),
            (DECIMAL, vec![Cast]),
            (Float64, vec![Upper, Cast]),
            (Boolean, vec![Trim, Lower, Cast]),
            (Date, vec![]),
            (Date, vec![TRUNCATE]),
            (Date, vec![ParseTime(TimeFormat::EpochMillis)]),
            (Timestamp, vec![Trim, ParseTime(TimeFormat::Rfc3339)]),
            (Timestamp, vec![Trim, Cast, ParseTime(TimeFormat::EpochSeconds)]),
            (Timestamp, vec![Cast, pattern("%Y%m%d")]),
            (Int32, vec![Step::DatePart(DatePart::Hour)]),
            (Int64, vec![Trim, pattern("%Y-%m-%d"), Step::DatePart(DatePart::Weekday)]),
        ] {
            assert_eq!(check_steps(&kind, &steps), Ok(()), "{kind:?} {steps:?}");
        }
    }

    #[test]
    fn steps_that_do_not_fit_are_named() {
        use ColumnType::{Boolean, Date, Int32, Int64, Json, String, Timestamp};
        use Step::{Cast, Lower, ParseTime, Redact, Trim, UrlHost};
        let part = || Step::DatePart(DatePart::Hour);
        let epoch = || ParseTime(TimeFormat::EpochSeconds);
        for (kind, steps, step, word) in [
            (Json, vec![Trim], 0, "type json takes no steps"),
            (ColumnType::List(Box::new(String)), vec![Trim], 0, "type list takes no steps"),
            (ColumnType::Struct(vec![]), vec![Trim], 0, "type struct takes no steps"),
            (String, vec![hmac(), Cast], 1, "cast comes first"),
            (String, vec![Cast, Cast], 1, "second time"),
            (String, vec![Trim, Redact], 1, "no effect"),
            (String, vec![Redact, Trim], 1, "nothing is left"),
            (String, vec![Trim, Step::Truncate { chars: 0 }], 1, "leaves nothing"),
            (String, vec![epoch()], 0, "make it timestamp"),
            (String, vec![part()], 0, "int32"),
            (Int64, vec![Trim], 0, "without a cast"),
            (Int64, vec![Cast, Trim], 1, "behind cast"),
            (Int64, vec![TRUNCATE, Cast], 0, "another number"),
            (Int64, vec![hmac()], 0, "gives a text, and the column is of type int64"),
            (Int64, vec![epoch()], 0, "or take a part"),
            (Boolean, vec![Lower], 0, "without a cast"),
            (Boolean, vec![Redact], 0, "gives a text"),
            (DECIMAL, vec![part()], 0, "int32"),
            (Timestamp, vec![UrlHost], 0, "gives a text"),
            (Timestamp, vec![part()], 0, "int32"),
            (Timestamp, vec![Cast], 0, "remove the cast"),
            (Date, vec![Trim, Cast], 1, "remove the cast"),
            (Timestamp, vec![Cast, ParseTime(TimeFormat::Rfc3339)], 0, "remove the cast"),
            (Timestamp, vec![Trim, epoch()], 0, "without a cast"),
            (Timestamp, vec![epoch(), Cast], 1, "only date_part"),
            (Timestamp, vec![epoch(), epoch()], 1, "only date_part"),
            (Timestamp, vec![pattern("%H:%M")], 0, "a day"),
            (Int32, vec![part(), part()], 1, "last step"),
            (Int32, vec![epoch(), part(), Trim], 2, "last step"),
            (Int32, vec![Cast, part()], 0, "remove the cast"),
        ] {
            let problem = check_steps(&kind, &steps).unwrap_err();
            assert_eq!(problem.step, step, "{kind:?} {steps:?} {problem}");
            assert!(problem.problem.contains(word), "{kind:?} {steps:?} {problem}");
        }
    }
}
