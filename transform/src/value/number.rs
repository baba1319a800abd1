//! The tokens of JSON numbers to integers, decimals and doubles.
//!
//! Every function takes any text and judges it by JSON's grammar, so that it serves texts under a cast as well. The
//! value of a token is its digits times a power of ten. Both are taken from the token in one pass and held apart, so
//! neither `1e400000000` nor a million digits costs more than that pass.

use super::misfit::{Misfit, Side};

/// Digits that an `i64` always holds.
const SHORT_DIGITS: usize = 18;

/// Up to this far from zero the standard library surely takes an exponent at its word: it stops reading at the sixth
/// digit. Only a token of as many digits can be in the range of doubles with a greater one.
const STD_EXPONENT_MAX: i64 = 60_000;

/// Beyond any power of ten that a type here holds, also when the million digits of a token work against it.
const EXPONENT_MAX: i64 = 1 << 60;

/// The integer of a token, within `min..=max`; `range` is what to call that.
///
/// # Errors
/// Where it is no number, not whole, or out of range.
pub(super) fn integer(token: &str, min: i64, max: i64, range: &'static str) -> Result<i64, Misfit> {
    let value = match short(token) {
        Some((value, 0)) => i128::from(value),
        _ => match scaled(token, 0) {
            Ok(value) => value,
            Err(Unscaled::NotANumber) => return Err(Misfit::NotANumber),
            Err(Unscaled::TooFine) => return Err(Misfit::NotWhole),
            Err(Unscaled::TooLarge) => return Err(Misfit::OutOfRange { range }),
        },
    };
    match i64::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(Misfit::OutOfRange { range }),
    }
}

/// The number of a token times ten to `scale`, of at most `precision` digits.
///
/// # Errors
/// Where it is no number, or a digit other than zero would be cut on either side.
pub(super) fn decimal(token: &str, precision: u8, scale: u8) -> Result<i128, Misfit> {
    let before = Misfit::TooManyDigits { side: Side::Before, limit: precision.saturating_sub(scale) };
    let value = scaled(token, scale).map_err(|problem| match problem {
        Unscaled::NotANumber => Misfit::NotANumber,
        Unscaled::TooFine => Misfit::TooManyDigits { side: Side::Behind, limit: scale },
        Unscaled::TooLarge => before,
    })?;
    let limit = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    if value.unsigned_abs() < limit { Ok(value) } else { Err(before) }
}

/// The double next to the number of a token.
///
/// # Errors
/// Where it is no number, or beyond the range of doubles.
pub(super) fn float(token: &str) -> Result<f64, Misfit> {
    // The grammar is checked first, because the parser also takes `+1`, `.5`, `inf` and `nan`.
    let parts = Parts::of(token).ok_or(Misfit::NotANumber)?;
    let plain = parts.exponent.abs() < STD_EXPONENT_MAX;
    match if plain { token.parse::<f64>() } else { parts.normal().parse() } {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(Misfit::OutOfRange { range: "a double" }),
        Err(_) => Err(Misfit::NotANumber),
    }
}

/// Why a token gives no scaled integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unscaled {
    /// It is no JSON number.
    NotANumber,
    /// A digit other than zero would be cut.
    TooFine,
    /// It has more than 38 digits.
    TooLarge,
}

/// The number of a token times ten to `scale`, if that is an integer of at most 38 digits.
pub(super) fn scaled(token: &str, scale: u8) -> Result<i128, Unscaled> {
    if let Some((value, behind)) = short(token)
        && let Some(missing) = u32::from(scale).checked_sub(behind)
        && missing <= 20
    {
        return Ok(i128::from(value) * 10_i128.pow(missing));
    }
    Parts::of(token).ok_or(Unscaled::NotANumber)?.scaled(scale)
}

/// The digits of a short token without an exponent as an integer, and how many of them stand behind the point.
/// Nothing where the token is another: that says nothing about it.
fn short(token: &str) -> Option<(i64, u32)> {
    let bytes = token.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > SHORT_DIGITS {
        return None;
    }
    if digits[0] == b'0' && digits.len() > 1 && digits[1] != b'.' {
        return None;
    }
    let mut value = 0_i64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + i64::from(digit);
        } else if byte == b'.' && point.is_none() && at > 0 && at + 1 < digits.len() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let behind = point.map_or(0, |at| digits.len() - at - 1);
    Some((if negative { -value } else { value }, behind as u32))
}

/// A number, taken apart.
struct Parts<'a> {
    negative: bool,
    /// The digits before the point: at least one, and no zero before others.
    whole: &'a [u8],
    /// The digits behind it.
    fraction: &'a [u8],
    /// The power of ten behind `e`, no further from zero than [`EXPONENT_MAX`].
    exponent: i64,
}

impl<'a> Parts<'a> {
    /// The parts of a token; nothing if it is no JSON number.
    fn of(token: &'a str) -> Option<Self> {
        let bytes = token.as_bytes();
        let (negative, rest) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (whole, rest) = digits(rest);
        if whole.is_empty() || (whole[0] == b'0' && whole.len() > 1) {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => match digits(rest) {
                ([], _) => return None,
                parts => parts,
            },
            rest => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    /// Where the first and the last digit stand that are no zeros, among all digits; a zero has none.
    fn significant(&self) -> Option<(usize, usize)> {
        let first = self.digits().position(|&digit| digit != b'0')?;
        let last_of = |digits: &[u8]| digits.iter().rposition(|&digit| digit != b'0');
        let last = match last_of(self.fraction) {
            Some(at) => self.whole.len() + at,
            None => last_of(self.whole)?,
        };
        Some((first, last))
    }

    fn digits(&self) -> impl Iterator<Item = &u8> {
        self.whole.iter().chain(self.fraction)
    }

    /// The power of ten of the digit at a position. A position fits an i64 and an exponent is no further from zero
    /// than 2^60, so nothing overflows.
    fn power(&self, at: usize) -> i64 {
        self.whole.len() as i64 - 1 - at as i64 + self.exponent
    }

    fn scaled(&self, scale: u8) -> Result<i128, Unscaled> {
        let Some((first, last)) = self.significant() else { return Ok(0) };
        let (power_max, power_min) = (self.power(first) + i64::from(scale), self.power(last) + i64::from(scale));
        if power_min < 0 {
            return Err(Unscaled::TooFine);
        }
        if power_max >= 38 {
            return Err(Unscaled::TooLarge);
        }
        let significant = self.digits().skip(first).take(last - first + 1);
        let value = significant.fold(0_i128, |value, &digit| value * 10 + i128::from(digit - b'0'));
        let value = value * 10_i128.pow(power_min as u32);
        Ok(if self.negative { -value } else { value })
    }

    /// The same number with one digit before its point.
    fn normal(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let Some((first, last)) = self.significant() else { return format!("{sign}0") };
        let mut text = String::with_capacity(last - first + 16);
        text.push_str(sign);
        for (at, &digit) in self.digits().skip(first).take(last - first + 1).enumerate() {
            text.push(char::from(digit));
            if at == 0 {
                text.push('.');
            }
        }
        // A power that is out of range is so at a thousand as well.
        text.push_str(&format!("0e{}", self.power(first).clamp(-1000, 1000)));
        text
    }
}

/// The digits at the beginning, and what follows them.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(length)
}

/// An exponent from behind its `e`; nothing if it is malformed.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (digits, rest) = digits(bytes);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let value = digits
        .iter()
        .fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(EXPONENT_MAX));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn int64(token: &str) -> Result<i64, Misfit> {
        integer(token, i64::MIN, i64::MAX, "an int64")
    }

    /// A number written out as digits before and behind the point, by moving the point in its text. Only for small
    /// exponents.
    fn written_out(token: &str) -> (bool, String, String) {
        let negative = token.starts_with('-');
        let token = token.trim_start_matches('-').to_ascii_lowercase();
        let (mantissa, exponent) = token.split_once('e').unwrap_or((&token, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
        let exponent: i32 = exponent.parse().unwrap();
        for _ in 0..exponent {
            let moved = if fraction.is_empty() { '0' } else { fraction.remove(0) };
            whole.push(moved);
        }
        for _ in exponent..0 {
            fraction.insert(0, whole.pop().unwrap_or('0'));
        }
        let whole = whole.trim_start_matches('0').to_owned();
        (negative, whole, fraction.trim_end_matches('0').to_owned())
    }

    fn decimal_by_text(token: &str, precision: u8, scale: u8) -> Option<i128> {
        let (negative, whole, fraction) = written_out(token);
        if fraction.len() > usize::from(scale) || whole.len() > usize::from(precision - scale) {
            return None;
        }
        let text = format!("0{whole}{fraction:0<width$}", width = usize::from(scale));
        let value: i128 = text.parse().unwrap();
        Some(if negative { -value } else { value })
    }

    const TOKEN: &str = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?";
    const SHORT: &str = "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9}0{0,4})?([eE][+-]?[0-9])?";

    proptest! {
        #[test]
        fn a_decimal_is_what_moving_the_point_in_the_text_gives(
            token in prop_oneof![TOKEN, SHORT], precision in 1_u8..=38, scale in 0_u8..=38,
        ) {
            let scale = scale.min(precision);
            prop_assert_eq!(decimal(&token, precision, scale).ok(), decimal_by_text(&token, precision, scale));
        }

        #[test]
        fn an_integer_is_what_moving_the_point_in_the_text_gives(token in prop_oneof![TOKEN, SHORT]) {
            let expected = decimal_by_text(&token, 38, 0).and_then(|value| i64::try_from(value).ok());
            prop_assert_eq!(int64(&token).ok(), expected);
        }

        #[test]
        fn every_integer_reads_back(value: i64, decimal_value in -(10_i128.pow(38) - 1)..10_i128.pow(38)) {
            prop_assert_eq!(int64(&value.to_string()), Ok(value));
            prop_assert_eq!(decimal(&decimal_value.to_string(), 38, 0), Ok(decimal_value));
        }

        #[test]
        fn a_finite_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(float(&format!("{value:e}")).map(f64::to_bits), Ok(bits));
            }
        }

        #[test]
        fn a_double_is_the_same_in_normal_form(token in prop_oneof![TOKEN, SHORT]) {
            let normal = Parts::of(&token).unwrap().normal();
            prop_assert_eq!(normal.parse().map(f64::to_bits), token.parse().map(f64::to_bits), "{}", normal);
        }

        #[test]
        fn the_grammar_is_that_of_json(text in "[0-9.eE+-]{0,12}") {
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(Parts::of(&text).is_some(), expected);
            prop_assert_eq!(int64(&text) != Err(Misfit::NotANumber), expected);
            prop_assert_eq!(decimal(&text, 38, 9) != Err(Misfit::NotANumber), expected);
            prop_assert_eq!(float(&text) != Err(Misfit::NotANumber), expected);
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC{0,40}") {
            let _ = (int64(&text), decimal(&text, 38, 38), float(&text));
        }
    }

    #[test]
    fn an_integer_is_what_its_token_says_however_it_is_written() {
        for (token, expected) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0e5", 0),
            ("0e999999999999", 0),
            ("0.000e-99999999999999999999999", 0),
            ("1.0", 1),
            ("1e3", 1000),
            ("10e-1", 1),
            ("1.5e1", 15),
            ("-12.50e+1", -125),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-9223372036854775808.000", i64::MIN),
            ("922337203685477580700e-2", i64::MAX),
            ("999999999999999999", 999_999_999_999_999_999),
            ("1000000000000000000", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(int64(token), Ok(expected), "{token}");
        }
        for token in
            ["1.5", "1e-1", "0.1", "15e-1", "1e-400000000", "1e-99999999999999999999999", "0.0000000000000000001"]
        {
            assert_eq!(int64(token), Err(Misfit::NotWhole), "{token}");
        }
        for token in [
            "9223372036854775808",
            "-9223372036854775809",
            "1e19",
            "1e38",
            "1e400000000",
            "-1e99999999999999999999999",
            "123456789012345678901234567890123456789012345678901234567890",
        ] {
            assert_eq!(int64(token), Err(Misfit::OutOfRange { range: "an int64" }), "{token}");
        }
        let int32 = |token| integer(token, i64::from(i32::MIN), i64::from(i32::MAX), "an int32");
        assert_eq!(int32("2147483647"), Ok(2_147_483_647));
        assert_eq!(int32("-2147483648"), Ok(-2_147_483_648));
        assert_eq!(int32("2147483648"), Err(Misfit::OutOfRange { range: "an int32" }));
    }

    #[test]
    fn a_decimal_is_exact_or_refused() {
        let before = |limit| Err(Misfit::TooManyDigits { side: Side::Before, limit });
        let behind = |limit| Err(Misfit::TooManyDigits { side: Side::Behind, limit });
        for (token, precision, scale, expected) in [
            ("12.30", 10, 2, Ok(1230)),
            ("12.3", 10, 2, Ok(1230)),
            ("12.300000000000000000000000000000000000000000000", 10, 2, Ok(1230)),
            ("-12.345", 10, 2, behind(2)),
            ("12.345", 10, 3, Ok(12_345)),
            ("99.99", 4, 2, Ok(9999)),
            ("100", 4, 2, before(2)),
            ("0.99", 2, 2, Ok(99)),
            ("1", 2, 2, before(0)),
            ("1e2", 3, 0, Ok(100)),
            ("1e3", 3, 0, before(3)),
            ("1e-38", 38, 38, Ok(1)),
            ("1e-39", 38, 38, behind(38)),
            ("1e37", 38, 0, Ok(10_i128.pow(37))),
            ("1e38", 38, 0, before(38)),
            ("1e400000000", 38, 0, before(38)),
            ("1e-400000000", 38, 0, behind(0)),
            ("0e999999999999", 38, 38, Ok(0)),
            ("-0", 5, 1, Ok(0)),
            ("5", 38, 30, Ok(5 * 10_i128.pow(30))),
            ("123456789012345678", 38, 20, Ok(123_456_789_012_345_678 * 10_i128.pow(20))),
            ("1234567890123456789", 38, 20, before(18)),
            ("+1", 5, 1, Err(Misfit::NotANumber)),
            ("007", 5, 1, Err(Misfit::NotANumber)),
            ("", 5, 1, Err(Misfit::NotANumber)),
        ] {
            assert_eq!(decimal(token, precision, scale), expected, "{token} {precision} {scale}");
        }
    }

    #[test]
    fn a_token_of_a_mebibyte_is_read_like_any_other() {
        let zeros = "0".repeat(1 << 20);
        assert_eq!(int64(&format!("1.{zeros}")), Ok(1));
        assert_eq!(int64(&format!("1{zeros}e-1048576")), Ok(1));
        assert_eq!(int64(&format!("0.{zeros}7e1048577")), Ok(7));
        assert_eq!(int64(&format!("0.{zeros}7e1048576")), Err(Misfit::NotWhole));
        assert_eq!(int64(&format!("1{zeros}")), Err(Misfit::OutOfRange { range: "an int64" }));
        assert_eq!(
            decimal(&format!("1.{zeros}1"), 38, 10),
            Err(Misfit::TooManyDigits { side: Side::Behind, limit: 10 })
        );
        assert_eq!(int64(&format!("1e{zeros}3")), Ok(1000));
        assert_eq!(float(&format!("1{zeros}e-1048576")), Ok(1.0));
        assert_eq!(float(&format!("-0.{zeros}15e1048577")), Ok(-1.5));
        assert_eq!(float(&format!("0.{zeros}1e-1048577")), Ok(0.0));
        assert_eq!(float(&format!("1{zeros}e1048576")), Err(Misfit::OutOfRange { range: "a double" }));
        assert_eq!(float(&format!("1e{zeros}3")), Ok(1000.0));
    }

    #[test]
    fn a_double_is_the_nearest_one_and_never_infinite() {
        for (token, expected) in
            [("0.1", 0.1), ("1e-400", 0.0), ("0e999999999999", 0.0), ("1.7976931348623157e308", f64::MAX), ("3", 3.0)]
        {
            assert_eq!(float(token), Ok(expected), "{token}");
        }
        for token in ["1e309", "-1e309", "1e400000000"] {
            assert_eq!(float(token), Err(Misfit::OutOfRange { range: "a double" }), "{token}");
        }
        for token in ["inf", "NaN", "+1", ".5", "1.", "0x1", "1e", " 1", "1 ", "", "-", "01"] {
            assert_eq!(float(token), Err(Misfit::NotANumber), "{token}");
        }
    }
}
