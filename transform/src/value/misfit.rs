//! Why a value does not fit its column.

/// A side of the decimal point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The digits of whole units.
    Before,
    /// The digits of a fraction.
    Behind,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Behind => "behind",
        })
    }
}

/// Why a value does not fit. The texts complete "the value …" and hold nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is of another JSON type.
    #[error("is {found}, and the column takes {expected}; {}", mend(found, expected))]
    Kind {
        /// What it is.
        found: &'static str,
        /// What would be taken.
        expected: &'static str,
    },
    /// A text that should spell a number does not.
    #[error("is a text that spells no JSON number; send digits as JSON has them, without blanks, plus sign or commas")]
    NotANumber,
    /// A text that should spell a boolean does not.
    #[error("is a text other than true and false; send one of them")]
    NotABoolean,
    /// A number with a fraction where none can be.
    #[error("is not a whole number; send it without a fraction, or make the column a decimal")]
    NotWhole,
    /// A number or a time beyond what the type holds.
    #[error("is beyond the range of {range}; correct its unit, or make the column wider")]
    OutOfRange {
        /// The range.
        range: &'static str,
    },
    /// A number with more digits than the decimal has.
    #[error("has more than {limit} digits {side} the decimal point; send fewer, or make the column wider")]
    TooManyDigits {
        /// On which side of the point.
        side: Side,
        /// How many fit.
        limit: u8,
    },
    /// A time finer than microseconds.
    #[error("is a time with digits other than zero beyond microseconds; send it in whole microseconds")]
    TooPrecise,
    /// A text that is no date.
    #[error("is not a date of the form 2026-11-21 that is on the calendar; send one")]
    NotADate,
    /// A text that is no time.
    #[error("is not {expected}, or is on no calendar; send it so, or correct the contract's time format")]
    NotATime {
        /// The form of a time.
        expected: &'static str,
    },
    /// A leap second, which has no instant of its own among timestamps.
    #[error("is a leap second (:60), which a timestamp cannot tell from the next second; send :59 or the next")]
    LeapSecond,
    /// A text that is no URL, or one without a host.
    #[error("is not a URL with a host, such as https://example.com/; send one, percent-encoded as RFC 3986 has it")]
    NotAUrl,
    /// A text longer than its column takes.
    #[error("has {bytes} bytes, the limit is {limit}; shorten it, or give the column the step truncate")]
    TooLong {
        /// Its size after its steps.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// The kinds that a cast makes of each other.
pub(super) const STRING: &str = "a string";
pub(super) const NUMBER: &str = "a number";
pub(super) const BOOLEAN: &str = "a boolean";

fn mend(found: &str, expected: &str) -> &'static str {
    match (found, expected) {
        (NUMBER | BOOLEAN, STRING) | (STRING, NUMBER | BOOLEAN) => "send it as one, or give the column the step cast",
        _ => "send it as one, or correct the column's type or path",
    }
}

impl Misfit {
    /// The stable name, for metrics and alarms: it never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Kind { .. } => "kind",
            Self::NotANumber => "not_a_number",
            Self::NotABoolean => "not_a_boolean",
            Self::NotWhole => "not_whole",
            Self::OutOfRange { .. } => "out_of_range",
            Self::TooManyDigits { .. } => "too_many_digits",
            Self::TooPrecise => "too_precise",
            Self::NotADate => "not_a_date",
            Self::NotATime { .. } => "not_a_time",
            Self::LeapSecond => "leap_second",
            Self::NotAUrl => "not_a_url",
            Self::TooLong { .. } => "too_long",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mend_names_the_cast_where_one_would_help() {
        let kind = |found, expected| Misfit::Kind { found, expected }.to_string();
        assert_eq!(
            kind(NUMBER, STRING),
            "is a number, and the column takes a string; send it as one, or give the column the step cast"
        );
        assert!(kind(STRING, BOOLEAN).ends_with("the step cast"));
        assert!(!kind("an object", STRING).contains("cast"));
        assert!(!kind(BOOLEAN, NUMBER).contains("cast"));
    }
}
