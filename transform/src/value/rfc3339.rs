//! RFC 3339 times and dates, read strictly and exactly.
//!
//! Read by hand because the calendar library drops digits beyond nanoseconds without a word, takes forms that are
//! not RFC 3339, folds leap seconds, and takes its time. Rules:
//! - `T` and `Z` may be lower case, as the RFC has it; a space in place of `T` may not stand.
//! - Digits beyond microseconds must be zeros: nothing is rounded or cut.
//! - A leap second (`:60`) is refused under a name of its own. A count of microseconds has no instant for it, and
//!   to move it into a neighbouring second would alter what the event says.
//!
//! There are two ways. The quick one knows the form that nearly all times have, and nothing of errors; what it does
//! not take, the slow one judges.

use super::misfit::Misfit;

/// Not RFC 3339.
const MALFORMED: Misfit = Misfit::NotATime { expected: RFC3339 };
/// What a time should have been.
pub(super) const RFC3339: &str = "an RFC 3339 time such as 2026-11-21T12:30:00.5Z";

const MICROS_PER_SECOND: i64 = 1_000_000;
const MINUTES_PER_DAY: i64 = 24 * 60;
const SECONDS_PER_DAY: i64 = 86_400;

/// The microseconds since 1970 of a text.
///
/// # Errors
/// Where the text has another form, is on no calendar, is a leap second, or is finer than microseconds.
pub(crate) fn micros_of(text: &str) -> Result<i64, Misfit> {
    match quick(text.as_bytes()) {
        Some(micros) => Ok(micros),
        None => slow(text.as_bytes()),
    }
}

/// The days since 1970 of a text `YYYY-MM-DD`; nothing for any other.
pub(super) fn day_of(text: &str) -> Option<i64> {
    day(text.as_bytes().try_into().ok()?)
}

/// `YYYY-MM-DDTHH:MM:SS`, up to six digits of a fraction, and `Z` or `±hh:mm`.
fn quick(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let (time, rest) = rest.split_first_chunk::<9>()?;
    let [b'T', h1, h0, b':', m1, m0, b':', s1, s0] = *time else { return None };
    let (hour, minute, second) = (two(h1, h0)?, two(m1, m0)?, two(s1, s0)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = match rest {
        [b'.', rest @ ..] => quick_fraction(rest)?,
        zone => (0, zone),
    };
    let offset_minutes = match *zone {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h1, h0, b':', m1, m0] => {
            let (hours, minutes) = (two(h1, h0)?, two(m1, m0)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let east = i64::from(hours * 60 + minutes);
            if sign == b'-' { -east } else { east }
        }
        _ => return None,
    };
    let minutes = day(date)? * MINUTES_PER_DAY + i64::from(hour * 60 + minute) - offset_minutes;
    Some((minutes * 60 + i64::from(second)) * MICROS_PER_SECOND + fraction)
}

/// The microseconds of one to six digits, and what follows them.
fn quick_fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = bytes.iter().take(7).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(length);
    if (1..=6).contains(&length) { Some((padded(digits), rest)) } else { None }
}

/// Up to six digits behind a point in microseconds.
fn padded(digits: &[u8]) -> i64 {
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    value * 10_i64.pow(6_u32.saturating_sub(digits.len() as u32))
}

/// The number of two digits.
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then_some(u32::from(tens) * 10 + u32::from(ones))
}

/// The days since 1970 of `YYYY-MM-DD`.
fn day(date: &[u8; 10]) -> Option<i64> {
    let [y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0] = *date else { return None };
    let year = two(y3, y2)? * 100 + two(y1, y0)?;
    let (month, day) = (two(m1, m0)?, two(d1, d0)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    // Years are counted from March, so that a leap day is the last day of one, and 400 years ahead, so that January of
    // the year 0 is no negative number. 306 days lie between the first of March and the end of a year.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    Some(i64::from(days) - DAYS_FROM_MARCH_OF_400_BC_TO_1970)
}

/// From the first of March 400 years before the year 0 to the first of January 1970.
const DAYS_FROM_MARCH_OF_400_BC_TO_1970: i64 = 719_468 + 146_097;

fn slow(text: &[u8]) -> Result<i64, Misfit> {
    let mut rest = Rest(text);
    let date = rest.take::<10>()?;
    rest.literal(b"Tt")?;
    let hour = rest.digits()?;
    rest.literal(b":")?;
    let minute = rest.digits()?;
    rest.literal(b":")?;
    let second = rest.digits()?;
    let fraction = if rest.literal(b".").is_ok() { rest.fraction()? } else { &[] };
    let offset_minutes = rest.offset()?;
    let date = day(date).ok_or(MALFORMED)?;
    if !rest.0.is_empty() || hour > 23 || minute > 59 || second > 60 {
        return Err(MALFORMED);
    }
    if second == 60 {
        return Err(Misfit::LeapSecond);
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second) - offset_minutes * 60;
    // Four digits of a year are at most 10^18 microseconds: nothing here can overflow.
    Ok((date * SECONDS_PER_DAY + seconds) * MICROS_PER_SECOND + micros(fraction)?)
}

/// The fraction of a second in microseconds.
fn micros(fraction: &[u8]) -> Result<i64, Misfit> {
    let (kept, beyond) = fraction.split_at(fraction.len().min(6));
    if beyond.iter().any(|&digit| digit != b'0') { Err(Misfit::TooPrecise) } else { Ok(padded(kept)) }
}

/// What is left of the text.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], Misfit> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(MALFORMED)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The number of two digits.
    fn digits(&mut self) -> Result<u32, Misfit> {
        let [tens, ones] = *self.take()?;
        two(tens, ones).ok_or(MALFORMED)
    }

    /// Takes one byte, if it is one of `any_of`.
    fn literal(&mut self, any_of: &[u8]) -> Result<u8, Misfit> {
        match self.0.split_first() {
            Some((&byte, rest)) if any_of.contains(&byte) => {
                self.0 = rest;
                Ok(byte)
            }
            _ => Err(MALFORMED),
        }
    }

    /// One digit or more.
    fn fraction(&mut self) -> Result<&'a [u8], Misfit> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        if digits.is_empty() { Err(MALFORMED) } else { Ok(digits) }
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Result<i64, Misfit> {
        let sign = match self.literal(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Ok(0),
        };
        let hours = self.digits()?;
        self.literal(b":")?;
        let minutes = self.digits()?;
        if hours > 23 || minutes > 59 { Err(MALFORMED) } else { Ok(sign * i64::from(hours * 60 + minutes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    const FIXED_FORM: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\
                              (\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
    const NEARLY: &str = "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\
                          (\\.[0-9]{0,8})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])?";

    proptest! {
        #[test]
        fn both_ways_agree_on_the_fixed_form(text in FIXED_FORM) {
            let quick = quick(text.as_bytes());
            prop_assert!(quick.is_some());
            prop_assert_eq!(quick, slow(text.as_bytes()).ok());
            let expected = chrono::DateTime::parse_from_rfc3339(&text).unwrap().timestamp_micros();
            prop_assert_eq!(quick, Some(expected));
        }

        #[test]
        fn the_quick_way_takes_nothing_that_the_slow_way_refuses(text in prop_oneof![NEARLY, "[0-9TtZz:.+-]{0,40}"]) {
            if let Some(micros) = quick(text.as_bytes()) {
                prop_assert_eq!(Ok(micros), slow(text.as_bytes()));
            }
        }

        #[test]
        fn every_instant_of_four_digit_years_reads_back(
            micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
        ) {
            prop_assert_eq!(micros_of(&iguazu_lake::ids::Timestamp::from_micros(micros).to_string()), Ok(micros));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = (micros_of(&text), day_of(&text));
        }
    }

    fn read(text: &str) -> Result<String, Misfit> {
        micros_of(text).map(|micros| iguazu_lake::ids::Timestamp::from_micros(micros).to_string())
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
            assert_eq!(read(text), Err(MALFORMED), "{text}");
        }
    }

    #[test]
    fn what_a_timestamp_cannot_hold_is_refused_under_its_own_name() {
        assert_eq!(read("2016-12-31T23:59:60Z"), Err(Misfit::LeapSecond));
        assert_eq!(read("2016-12-31T23:59:60.5Z"), Err(Misfit::LeapSecond));
        assert_eq!(read("2026-11-21T12:30:00.1234567Z"), Err(Misfit::TooPrecise));
        assert_eq!(read("2026-11-21T12:30:00.0000000000000000001Z"), Err(Misfit::TooPrecise));
    }

    #[test]
    fn every_day_of_the_calendar_is_counted_and_no_other() {
        let mut day = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        let epoch = NaiveDate::default();
        while day.year() < 10_000 {
            let days = day.signed_duration_since(epoch).num_days();
            assert_eq!(day_of(&day.to_string()), Some(days), "{day}");
            day = day.succ_opt().unwrap();
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-00-01",
            "2026-13-01",
            "2026-01-00",
            "2026-1-01",
            "2026/01/01",
        ] {
            assert_eq!(day_of(text), None, "{text}");
        }
        assert_eq!(day_of("2000-02-29"), Some(11_016));
    }
}
