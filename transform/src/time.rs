//! The time of an event by the built-in contract: RFC 3339, under the reasons of its own.

use iguazu_lake::ids::Timestamp;

use crate::reason::Reason;
use crate::value::{Misfit, rfc3339};

/// The instant of a text.
///
/// # Errors
/// Where the text has another form, is on no calendar, is a leap second, or is finer than microseconds.
pub(crate) fn parse(text: &str) -> Result<Timestamp, Reason> {
    match rfc3339::micros_of(text) {
        Ok(micros) => Ok(Timestamp::from_micros(micros)),
        Err(Misfit::LeapSecond) => Err(Reason::TimeLeapSecond),
        Err(Misfit::TooPrecise) => Err(Reason::TimeTooPrecise),
        Err(_) => Err(Reason::TimeNotRfc3339),
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
