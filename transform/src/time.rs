//! RFC 3339 times, read strictly and exactly.
//!
//! Read by hand because the calendar library drops digits beyond nanoseconds without a word, takes forms that are
//! not RFC 3339, and folds leap seconds. Rules:
//! - `T` and `Z` may be lower case, as the RFC has it; a space in place of `T` may not stand.
//! - Digits beyond microseconds must be zeros: nothing is rounded or cut.
//! - A leap second (`:60`) is refused under a code of its own. A count of microseconds has no instant for it, and
//!   to move it into a neighbouring second would alter what the event says.

use chrono::NaiveDate;
use iguazu_lake::ids::Timestamp;

use crate::reason::Reason;

/// The instant of a text.
///
/// # Errors
/// Where the text has another form, is on no calendar, is a leap second, or is finer than microseconds.
pub(crate) fn parse(text: &str) -> Result<Timestamp, Reason> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    rest.literal(b"-")?;
    let month = rest.digits(2)?;
    rest.literal(b"-")?;
    let day = rest.digits(2)?;
    rest.literal(b"Tt")?;
    let hour = rest.digits(2)?;
    rest.literal(b":")?;
    let minute = rest.digits(2)?;
    rest.literal(b":")?;
    let second = rest.digits(2)?;
    let fraction = if rest.literal(b".").is_ok() { rest.fraction()? } else { &[] };
    let offset_minutes = rest.offset()?;
    let date = NaiveDate::from_ymd_opt(year as i32, month, day).ok_or(Reason::TimeNotRfc3339)?;
    if !rest.0.is_empty() || hour > 23 || minute > 59 || second > 60 {
        return Err(Reason::TimeNotRfc3339);
    }
    if second == 60 {
        return Err(Reason::TimeLeapSecond);
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second) - offset_minutes * 60;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    // Four digits of a year are at most 10^18 microseconds: nothing here can overflow.
    Ok(Timestamp::from_micros((days * 86_400 + seconds) * 1_000_000 + micros(fraction)?))
}

/// The fraction of a second in microseconds.
fn micros(fraction: &[u8]) -> Result<i64, Reason> {
    let (kept, beyond) = fraction.split_at(fraction.len().min(6));
    if beyond.iter().any(|&digit| digit != b'0') {
        return Err(Reason::TimeTooPrecise);
    }
    let padding = 10_i64.pow(6 - kept.len() as u32);
    Ok(kept.iter().fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')) * padding)
}

/// What is left of the text.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn digits(&mut self, count: usize) -> Result<u32, Reason> {
        let (digits, rest) = self.0.split_at_checked(count).ok_or(Reason::TimeNotRfc3339)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| match digit {
            b'0'..=b'9' => Ok(number * 10 + u32::from(digit - b'0')),
            _ => Err(Reason::TimeNotRfc3339),
        })
    }

    /// Takes one byte, if it is one of `any_of`.
    fn literal(&mut self, any_of: &[u8]) -> Result<u8, Reason> {
        match self.0.split_first() {
            Some((&byte, rest)) if any_of.contains(&byte) => {
                self.0 = rest;
                Ok(byte)
            }
            _ => Err(Reason::TimeNotRfc3339),
        }
    }

    /// One digit or more.
    fn fraction(&mut self) -> Result<&'a [u8], Reason> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        if digits.is_empty() { Err(Reason::TimeNotRfc3339) } else { Ok(digits) }
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Result<i64, Reason> {
        let sign = match self.literal(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Ok(0),
        };
        let hours = self.digits(2)?;
        self.literal(b":")?;
        let minutes = self.digits(2)?;
        if hours > 23 || minutes > 59 {
            Err(Reason::TimeNotRfc3339)
        } else {
            Ok(sign * i64::from(hours * 60 + minutes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, Reason> {
        parse(text).map(|time| time.to_string())
    }

    proptest! {
        #[test]
        fn every_instant_of_four_digit_years_reads_back(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(parse(&time.to_string()), Ok(time));
        }

        #[test]
        fn what_is_read_is_what_the_calendar_library_reads(
            text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-][01][0-9]:[0-5][0-9])",
        ) {
            let expected = chrono::DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_micros());
            prop_assert_eq!(parse(&text).ok().map(Timestamp::micros), expected);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", near in "[0-9TtZz:.+-]{0,40}") {
            let _ = (parse(&text), parse(&near));
        }
    }

    #[test]
    fn the_forms_of_the_rfc_are_read() {
        for (text, expected) in [
            ("2026-11-21T12:30:00Z", "2026-11-21T12:30:00.000000Z"),
            ("2026-11-21t12:30:00z", "2026-11-21T12:30:00.000000Z"),
            ("2026-11-21T12:30:00.5+01:30", "2026-11-21T11:00:00.500000Z"),
            ("2026-11-21T23:30:00-01:00", "2026-11-22T00:30:00.000000Z"),
            ("2026-11-21T12:30:00.123456000000000000Z", "2026-11-21T12:30:00.123456Z"),
            ("2026-11-21T12:30:00-00:00", "2026-11-21T12:30:00.000000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "now",
            "1795264200",
            "2026-11-21",
            "2026-11-21 12:30:00Z",
            "2026-11-21T12:30:00",
            "2026-11-21T12:30Z",
            "2026-11-21T12:30:00.Z",
            "2026-11-21T12:30:00,5Z",
            "2026-11-21T12:30:00+0100",
            "2026-11-21T12:30:00+01",
            "2026-11-21T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-21T12:60:00Z",
            "2026-11-21T12:30:61Z",
            "2026-11-21T12:30:00+24:00",
            "2026-11-21T12:30:00+01:60",
            "+2026-11-21T12:30:00Z",
            "12026-11-21T12:30:00Z",
            "2026-11-21T12:30:00Z ",
            " 2026-11-21T12:30:00Z",
            "2026-11-21T12:30:00\u{2212}01:00",
            "２026-11-21T12:30:00Z",
            "2026-1-21T12:30:00Z",
        ] {
            assert_eq!(read(text), Err(Reason::TimeNotRfc3339), "{text}");
        }
    }

    #[test]
    fn what_a_timestamp_cannot_hold_is_refused_under_its_own_name() {
        assert_eq!(read("2016-12-31T23:59:60Z"), Err(Reason::TimeLeapSecond));
        assert_eq!(read("2016-12-31T23:59:60.5Z"), Err(Reason::TimeLeapSecond));
        assert_eq!(read("2026-11-21T12:30:00.1234567Z"), Err(Reason::TimeTooPrecise));
        assert_eq!(read("2026-11-21T12:30:00.0000000000000000001Z"), Err(Reason::TimeTooPrecise));
    }
}
