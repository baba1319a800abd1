//! Sizes and durations as people write them: `64 KiB`, `36 hours`. Whole numbers of a unit, never fractions.

use std::time::Duration;

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("bytes", 1),
];

const DURATIONS: [(&str, u64); 5] =
    [("week", 7 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

/// The number and the unit behind it.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// The bytes of `64 KiB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, size) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*size)
}

/// The time of `36 hours`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, seconds) = DURATIONS.iter().find(|(name, _)| unit == *name || unit.strip_suffix('s') == Some(name))?;
    number.checked_mul(*seconds).map(Duration::from_secs)
}

/// A size in the largest binary unit that divides it.
pub(super) fn bytes_text(bytes: usize) -> String {
    let bytes = bytes as u64;
    let binary = SIZES.iter().filter(|(name, _)| name.contains('i') || *name == "bytes");
    let unit = binary.into_iter().find(|(_, size)| bytes != 0 && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} bytes"), |(name, size)| format!("{} {name}", bytes / size))
}

/// A duration in days or the largest smaller unit that divides it.
pub(super) fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let unit = DURATIONS.iter().skip(1).find(|(_, unit)| seconds.is_multiple_of(*unit));
    let (name, size) = unit.copied().unwrap_or(("second", 1));
    let number = seconds / size;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_they_are_written() {
        for size in [0, 1, 1000, 1024, 1536, 64 << 10, 1 << 20, 3 << 30] {
            assert_eq!(bytes(&bytes_text(size)), Some(size as u64));
        }
        for seconds in [0, 1, 59, 60, 3600, 5400, 86_400, 36 * 3600, 3660 * 86_400] {
            assert_eq!(duration(&duration_text(Duration::from_secs(seconds))), Some(Duration::from_secs(seconds)));
        }
        assert_eq!((bytes_text(64 << 10), bytes_text(1000)), ("64 KiB".into(), "1000 bytes".into()));
        assert_eq!(duration_text(Duration::from_secs(36 * 3600)), "36 hours");
        assert_eq!(
            (bytes("2 kb"), bytes("1MiB"), duration("2 weeks")),
            (Some(2000), Some(1 << 20), duration("14 days"))
        );
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "1", "1.5 MiB", "-1 KiB", "1 XiB", "99999999999999999999 KiB", "18446744073709551615 GiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        for text in ["", "day", "1", "1.5 days", "1 fortnight", "1 dayss", "18446744073709551615 days"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
