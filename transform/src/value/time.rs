//! Points in time, in every form that a contract may name.
//!
//! They are microseconds since 1970 in UTC, of the years 0 to 9999 there: the years that every reader of the lake
//! writes with four digits.

use iguazu_lake::ids::Timestamp;

use super::Scalar;
use super::misfit::{Misfit, NUMBER};
use super::number::{self, Unscaled};
use super::pattern::{self, Pattern};
use super::rfc3339;
use crate::contract::{DatePart, TimeFormat};

/// The first microsecond of the year 0 and the first of the year 10000.
const YEARS: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// A time's misfit where no year of four digits has it.
const BEYOND: Misfit = Misfit::OutOfRange { range: "the years 0 to 9999" };

/// The point in time of a value.
///
/// A pattern is read anew with every call: who has many values keeps a [`TimeReader`].
///
/// # Errors
/// Where the value is of another kind or form, is on no calendar, or cannot be held exactly.
pub fn time_of(format: &TimeFormat, scalar: Scalar<'_>) -> Result<Timestamp, Misfit> {
    let micros = match format {
        TimeFormat::Rfc3339 => Form::Rfc3339.micros(scalar, false),
        TimeFormat::EpochSeconds => Form::Epoch { digits: 6 }.micros(scalar, false),
        TimeFormat::EpochMillis => Form::Epoch { digits: 3 }.micros(scalar, false),
        TimeFormat::EpochMicros => Form::Epoch { digits: 0 }.micros(scalar, false),
        TimeFormat::Pattern(text) => match scalar {
            Scalar::Text(value) => pattern::read(value, chrono::format::StrftimeItems::new(text)),
            other => Err(other.unlike(TIME_TEXT)),
        },
    };
    within(micros?).map(Timestamp::from_micros)
}

/// What a time in words should have been.
const TIME_TEXT: &str = "a time as a string";

/// Reads points in time of one format.
#[derive(Clone, Debug)]
pub struct TimeReader {
    form: Form,
    /// Whether a text may spell the number that the form asks for, and a number the text.
    cast: bool,
}

#[derive(Clone, Debug)]
enum Form {
    Rfc3339,
    /// Since 1970, in units with this many decimal digits of microseconds in them.
    Epoch {
        digits: u8,
    },
    Pattern(Pattern),
}

impl TimeReader {
    /// The reader of a format.
    ///
    /// # Errors
    /// Where the format is a pattern that says no exact time; the text says why.
    pub fn new(format: &TimeFormat) -> Result<Self, String> {
        let form = match format {
            TimeFormat::Rfc3339 => Form::Rfc3339,
            TimeFormat::EpochSeconds => Form::Epoch { digits: 6 },
            TimeFormat::EpochMillis => Form::Epoch { digits: 3 },
            TimeFormat::EpochMicros => Form::Epoch { digits: 0 },
            TimeFormat::Pattern(text) => Form::Pattern(Pattern::new(text)?),
        };
        Ok(Self { form, cast: false })
    }

    /// The reader of what every value of type timestamp is without a format.
    pub(super) const fn rfc3339() -> Self {
        Self { form: Form::Rfc3339, cast: false }
    }

    /// Whether the format is one of numbers.
    pub(super) const fn takes_numbers(&self) -> bool {
        matches!(self.form, Form::Epoch { .. })
    }

    /// Whether no number ever spells a time of the format.
    pub(super) const fn takes_texts_only(&self) -> bool {
        matches!(self.form, Form::Rfc3339)
    }

    /// The same, for texts that spell numbers and numbers that are read as texts.
    pub(super) fn with_cast(self, cast: bool) -> Self {
        Self { cast, ..self }
    }

    /// The point in time of a value, in microseconds since 1970.
    ///
    /// # Errors
    /// Where the value is of another kind or form, is on no calendar, or cannot be held exactly.
    pub fn read(&self, scalar: Scalar<'_>) -> Result<i64, Misfit> {
        within(self.form.micros(scalar, self.cast)?)
    }
}

impl Form {
    fn micros(&self, scalar: Scalar<'_>, cast: bool) -> Result<i64, Misfit> {
        match (self, scalar) {
            (Self::Rfc3339, Scalar::Text(text)) => rfc3339::micros_of(text),
            (Self::Rfc3339, other) => Err(other.unlike(TIME_TEXT)),
            (Self::Epoch { digits }, Scalar::Number(token)) => epoch(token, *digits),
            (Self::Epoch { digits }, Scalar::Text(text)) if cast => epoch(text, *digits),
            (Self::Epoch { .. }, other) => Err(other.unlike(NUMBER)),
            (Self::Pattern(pattern), Scalar::Text(text)) => pattern.read(text),
            (Self::Pattern(pattern), Scalar::Number(token)) if cast => pattern.read(token),
            (Self::Pattern(_), other) => Err(other.unlike(if cast { TIME_TEXT } else { super::misfit::STRING })),
        }
    }
}

fn epoch(token: &str, digits: u8) -> Result<i64, Misfit> {
    let micros = number::scaled(token, digits).map_err(|problem| match problem {
        Unscaled::NotANumber => Misfit::NotANumber,
        Unscaled::TooFine => Misfit::TooPrecise,
        Unscaled::TooLarge => BEYOND,
    })?;
    i64::try_from(micros).map_err(|_| BEYOND)
}

fn within(micros: i64) -> Result<i64, Misfit> {
    if YEARS.contains(&micros) { Ok(micros) } else { Err(BEYOND) }
}

/// The day of a point in time, in days since 1970.
pub(super) fn day_of(micros: i64) -> Result<i32, Misfit> {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).map_err(|_| BEYOND)
}

/// A part of a point in time.
pub(super) fn part_of(part: DatePart, micros: i64) -> Result<i64, Misfit> {
    use chrono::Datelike as _;
    let date = || Timestamp::from_micros(micros).date().ok_or(BEYOND);
    let minute_of_day = micros.rem_euclid(MICROS_PER_DAY) / MICROS_PER_MINUTE;
    Ok(match part {
        DatePart::Year => i64::from(date()?.year()),
        DatePart::Quarter => i64::from(date()?.month0() / 3 + 1),
        DatePart::Month => i64::from(date()?.month()),
        DatePart::Day => i64::from(date()?.day()),
        DatePart::Hour => minute_of_day / 60,
        DatePart::Minute => minute_of_day % 60,
        // The first of January 1970 was a Thursday.
        DatePart::Weekday => (i64::from(day_of(micros)?) + 3).rem_euclid(7) + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Datelike, Timelike};
    use proptest::prelude::*;

    fn read(format: TimeFormat, scalar: Scalar<'_>) -> Result<String, Misfit> {
        let by_reader = TimeReader::new(&format).unwrap().read(scalar);
        let by_call = time_of(&format, scalar);
        assert_eq!(by_reader, by_call.map(Timestamp::micros), "both ways agree");
        by_call.map(|time| time.to_string())
    }

    proptest! {
        #[test]
        fn the_parts_of_a_time_are_those_of_the_calendar_library(micros in YEARS) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            for (part, expected) in [
                (DatePart::Year, i64::from(time.year())),
                (DatePart::Quarter, i64::from(time.quarter())),
                (DatePart::Month, i64::from(time.month())),
                (DatePart::Day, i64::from(time.day())),
                (DatePart::Hour, i64::from(time.hour())),
                (DatePart::Minute, i64::from(time.minute())),
                (DatePart::Weekday, i64::from(time.weekday().number_from_monday())),
            ] {
                prop_assert_eq!(part_of(part, micros), Ok(expected), "{:?}", part);
            }
        }

        #[test]
        fn an_epoch_reads_back_in_every_unit(micros in YEARS) {
            let token = |unit: i64| {
                let sign = if micros < 0 { "-" } else { "" };
                let (whole, part) = (micros.unsigned_abs() / unit as u64, micros.unsigned_abs() % unit as u64);
                format!("{sign}{whole}.{part:0width$}", width = unit.ilog10() as usize)
            };
            let expected = Ok(Timestamp::from_micros(micros));
            prop_assert_eq!(time_of(&TimeFormat::EpochSeconds, Scalar::Number(&token(1_000_000))), expected);
            prop_assert_eq!(time_of(&TimeFormat::EpochMillis, Scalar::Number(&token(1_000))), expected);
            prop_assert_eq!(time_of(&TimeFormat::EpochMicros, Scalar::Number(&micros.to_string())), expected);
        }
    }

    #[test]
    fn an_epoch_is_exact_or_refused() {
        use TimeFormat::{EpochMicros, EpochMillis, EpochSeconds};
        let half_past = || Ok("2026-11-21T12:30:00.500000Z".to_owned());
        assert_eq!(read(EpochSeconds, Scalar::Number("1795264200.5")), half_past());
        assert_eq!(read(EpochSeconds, Scalar::Number("17952642005e-1")), half_past());
        assert_eq!(read(EpochMillis, Scalar::Number("1795264200500")), half_past());
        assert_eq!(read(EpochMicros, Scalar::Number("1795264200500000")), half_past());
        assert_eq!(read(EpochMillis, Scalar::Number("-0.001")), Ok("1969-12-31T23:59:59.999999Z".to_owned()));
        assert_eq!(read(EpochSeconds, Scalar::Number("1.0000001")), Err(Misfit::TooPrecise));
        assert_eq!(read(EpochMillis, Scalar::Number("1.0001")), Err(Misfit::TooPrecise));
        assert_eq!(read(EpochMicros, Scalar::Number("1.5")), Err(Misfit::TooPrecise));
        for token in ["1795264200500", "253402300800", "1e400000000", "-62167219201"] {
            assert_eq!(read(EpochSeconds, Scalar::Number(token)), Err(BEYOND), "{token}");
        }
        let kind = Misfit::Kind { found: "a string", expected: "a number" };
        assert_eq!(read(EpochSeconds, Scalar::Text("1795264200")), Err(kind));
    }

    #[test]
    fn a_cast_reads_numbers_from_texts_and_patterns_from_numbers() {
        let reader = |format| TimeReader::new(&format).unwrap().with_cast(true);
        assert_eq!(reader(TimeFormat::EpochSeconds).read(Scalar::Text("1.5")), Ok(1_500_000));
        assert_eq!(reader(TimeFormat::EpochSeconds).read(Scalar::Text("+1")), Err(Misfit::NotANumber));
        let basic = reader(TimeFormat::Pattern("%Y%m%d".to_owned()));
        assert_eq!(basic.read(Scalar::Number("19700102")), Ok(MICROS_PER_DAY));
    }

    #[test]
    fn an_offset_may_not_leave_the_years_of_four_digits() {
        let text = |text| read(TimeFormat::Rfc3339, Scalar::Text(text));
        assert_eq!(text("9999-12-31T23:59:59-01:00"), Err(BEYOND));
        assert_eq!(text("0000-01-01T00:00:00+01:00"), Err(BEYOND));
        assert_eq!(text("0000-01-01T00:00:00Z"), Ok("0000-01-01T00:00:00.000000Z".to_owned()));
    }
}
