//! Times by a pattern of `strftime`, read by chrono and held to the exactness of the other formats.
//!
//! A pattern is tried out once, on a time that is written and read by it. Refused are the parts that do not say what
//! they seem to: `%Z`, whose name of a zone chrono skips; `%f`, which counts nanoseconds and so reads the `.5` of half
//! a second as five of them; and `%+`, which RFC 3339 has a reader of its own for. A pattern without a time of day
//! means midnight, one without minutes the full hour.

use chrono::format::{Fixed, Item, Numeric, Parsed, StrftimeItems};
use chrono::{DateTime, FixedOffset, Timelike as _};

use super::misfit::Misfit;

/// A pattern that was tried out.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Item<'static>>);

/// What the text is not.
const MALFORMED: Misfit = Misfit::NotATime { expected: "a time of the contract's pattern" };

impl Pattern {
    /// The pattern of a text.
    ///
    /// # Errors
    /// Where it says no exact time; the text says why.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let items = StrftimeItems::new(text).parse_to_owned();
        let items = items.map_err(|_| "the pattern has a part that strftime does not know".to_owned())?;
        if let Some(problem) = items.iter().find_map(inexact) {
            return Err(problem.to_owned());
        }
        let pattern = Self(items);
        if pattern.reads_what_it_writes() {
            Ok(pattern)
        } else {
            Err("the pattern does not say a day, or says a time of day without its hour: \
                 it needs parts such as %Y-%m-%d %H:%M:%S"
                .to_owned())
        }
    }

    /// The microseconds since 1970 of a text.
    pub(super) fn read(&self, text: &str) -> Result<i64, Misfit> {
        read(text, self.0.iter())
    }

    fn reads_what_it_writes(&self) -> bool {
        use std::fmt::Write as _;
        let Ok(probe) = DateTime::parse_from_rfc3339("2026-11-21T13:30:45+01:30") else { return false };
        let probe: DateTime<FixedOffset> = probe;
        let mut text = String::new();
        write!(text, "{}", probe.format_with_items(self.0.iter())).is_ok() && self.read(&text).is_ok()
    }
}

/// Why a part says no exact time.
fn inexact(item: &Item<'_>) -> Option<&'static str> {
    match item {
        Item::Error => Some("the pattern has a part that strftime does not know"),
        Item::Fixed(Fixed::TimezoneName) => Some("%Z is a name, not an offset: use %z"),
        Item::Fixed(Fixed::RFC3339 | Fixed::RFC2822) => Some("%+ is not a pattern of its own: use the format rfc3339"),
        Item::Numeric(Numeric::Nanosecond, _) => {
            Some("%f is a count of nanoseconds: use %.f, which is a fraction with its point")
        }
        _ => None,
    }
}

/// The microseconds since 1970 of a text, by the parts of a pattern.
pub(super) fn read<'i, I, B>(text: &str, items: I) -> Result<i64, Misfit>
where
    I: Iterator<Item = B>,
    B: std::borrow::Borrow<Item<'i>>,
{
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, items).map_err(|_| MALFORMED)?;
    if finer_than_nanoseconds(text) {
        return Err(Misfit::TooPrecise);
    }
    let hour = parsed.hour_div_12().or(parsed.hour_mod_12());
    let beyond_hour = parsed.minute().or(parsed.second()).or(parsed.nanosecond());
    let time_of_day = hour.is_some() || beyond_hour.is_some();
    if hour.is_some() && beyond_hour.is_none() {
        parsed.set_minute(0).map_err(|_| MALFORMED)?;
    }
    let offset = parsed.offset().unwrap_or(0);
    let time = if time_of_day || parsed.timestamp().is_some() {
        parsed.to_naive_datetime_with_offset(offset).map_err(|_| MALFORMED)?
    } else {
        parsed.to_naive_date().map_err(|_| MALFORMED)?.into()
    };
    match time.nanosecond() {
        1_000_000_000.. => Err(Misfit::LeapSecond),
        nanos if !nanos.is_multiple_of(1_000) => Err(Misfit::TooPrecise),
        // Chrono's years end at 262142, well within 2^63 microseconds.
        _ => Ok(time.and_utc().timestamp_micros() - i64::from(offset) * 1_000_000),
    }
}

/// Whether a digit other than zero stands beyond the ninth behind a point: chrono drops those without a word.
fn finer_than_nanoseconds(text: &str) -> bool {
    let behind_points = text.split('.').skip(1);
    behind_points.map(str::as_bytes).any(|part| {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit());
        digits.skip(9).any(|&digit| digit != b'0')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use iguazu_lake::ids::Timestamp;
    use proptest::prelude::*;

    fn read_by(pattern: &str, text: &str) -> Result<String, Misfit> {
        Pattern::new(pattern).unwrap().read(text).map(|micros| Timestamp::from_micros(micros).to_string())
    }

    proptest! {
        #[test]
        fn what_chrono_writes_reads_back(
            micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000, hours in -12_i32..14,
        ) {
            let offset = FixedOffset::east_opt(hours * 3600).unwrap();
            let time = DateTime::from_timestamp_micros(micros).unwrap().with_timezone(&offset);
            let pattern = "%Y/%j %H.%M.%S%.f %z";
            let text = time.format(pattern).to_string();
            prop_assert_eq!(Pattern::new(pattern).unwrap().read(&text), Ok(micros), "{}", text);
        }

        #[test]
        fn no_text_makes_a_pattern_panic(pattern in "(%[a-zA-Z+.:#]{0,2}|[ -/]|\\PC){0,8}", text in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let _ = pattern.read(&text);
            }
            let _ = read(&text, StrftimeItems::new(&pattern));
        }
    }

    #[test]
    fn a_pattern_says_a_time() {
        for (pattern, text, expected) in [
            ("%d.%m.%Y %H:%M", "21.11.2026 12:30", "2026-11-21T12:30:00.000000Z"),
            ("%Y-%m-%d", "2026-11-21", "2026-11-21T00:00:00.000000Z"),
            ("%Y-%m-%d-%H", "2026-11-21-09", "2026-11-21T09:00:00.000000Z"),
            ("%d/%b/%Y:%H:%M:%S %z", "21/Nov/2026:12:30:00 +0130", "2026-11-21T11:00:00.000000Z"),
            ("%m/%d/%Y %I:%M %p", "11/21/2026 01:30 PM", "2026-11-21T13:30:00.000000Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-11-21 12:30:00", "2026-11-21T12:30:00.000000Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-11-21 12:30:00.5", "2026-11-21T12:30:00.500000Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-11-21 12:30:00.123456000000", "2026-11-21T12:30:00.123456Z"),
            ("%Y%m%d%H%M%S%3f", "20261121123000500", "2026-11-21T12:30:00.500000Z"),
            ("%s", "1795264200", "2026-11-21T12:30:00.000000Z"),
            ("%G-W%V-%u", "2026-W47-6", "2026-11-21T00:00:00.000000Z"),
        ] {
            assert_eq!(read_by(pattern, text), Ok(expected.to_owned()), "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        let pattern = "%Y-%m-%d %H:%M:%S%.f";
        assert_eq!(read_by(pattern, "2026-11-21 12:30:00.1234567"), Err(Misfit::TooPrecise));
        assert_eq!(read_by(pattern, "2026-11-21 12:30:00.0000000000001"), Err(Misfit::TooPrecise));
        assert_eq!(read_by(pattern, "2016-12-31 23:59:60"), Err(Misfit::LeapSecond));
        for text in ["", "2026-11-21", "2026-02-29 12:30:00", "2026-11-21 12:30:00Z", "2026-11-21 25:30:00"] {
            assert_eq!(read_by(pattern, text), Err(MALFORMED), "{text}");
        }
        assert_eq!(read_by("%A %Y-%m-%d", "Monday 2026-11-21"), Err(MALFORMED), "it was a Saturday");
    }

    #[test]
    fn patterns_that_do_not_say_what_they_seem_to_are_refused() {
        for (pattern, word) in [
            ("%Y-%m-%d %H:%M:%S.%f", "%.f"),
            ("%Y-%m-%d %H:%M:%S %Z", "%z"),
            ("%+", "rfc3339"),
            ("%Y-%m", "a day"),
            ("%H:%M", "a day"),
            ("%Y-%m-%d %I:%M", "hour"),
            ("%Y-%m-%d :%M", "hour"),
            ("%Y-%m-%d %S", "hour"),
            ("%Y-%m-%d %H:%S", "hour"),
            ("%Q", "strftime"),
            ("", "a day"),
            ("at noon", "a day"),
        ] {
            let problem = Pattern::new(pattern).err().unwrap_or_default();
            assert!(problem.contains(word), "{pattern}: {problem}");
        }
    }
}
