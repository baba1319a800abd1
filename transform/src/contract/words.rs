//! The words of a contract for its choices, in the one place that both reads and writes them.

use std::fmt;

use super::{DatePart, DuplicateKeys, Keep, MeasureKind, TimeFormat, UnknownFields, Window};

/// Each word with what it says.
pub(super) type Words<T, const N: usize> = [(&'static str, T); N];

pub(super) const UNKNOWN_FIELDS: Words<UnknownFields, 3> =
    [("keep", UnknownFields::Keep), ("ignore", UnknownFields::Ignore), ("quarantine", UnknownFields::Quarantine)];

pub(super) const DUPLICATE_KEYS: Words<DuplicateKeys, 2> =
    [("reject", DuplicateKeys::Reject), ("last", DuplicateKeys::Last)];

pub(super) const KEEPS: Words<Keep, 2> = [("latest", Keep::Latest), ("first", Keep::First)];

pub(super) const WINDOWS: Words<Window, 3> = [("hour", Window::Hour), ("day", Window::Day), ("month", Window::Month)];

pub(super) const MEASURES: Words<MeasureKind, 3> =
    [("sum", MeasureKind::Sum), ("min", MeasureKind::Min), ("max", MeasureKind::Max)];

pub(super) const DATE_PARTS: Words<DatePart, 7> = [
    ("year", DatePart::Year),
    ("quarter", DatePart::Quarter),
    ("month", DatePart::Month),
    ("day", DatePart::Day),
    ("hour", DatePart::Hour),
    ("minute", DatePart::Minute),
    ("weekday", DatePart::Weekday),
];

/// The time formats that have a name; any other is a pattern.
pub(super) const TIME_FORMATS: Words<TimeFormat, 4> = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("epoch_seconds", TimeFormat::EpochSeconds),
    ("epoch_millis", TimeFormat::EpochMillis),
    ("epoch_micros", TimeFormat::EpochMicros),
];

macro_rules! words {
    ($($type:ty: $words:ident),+) => {$(
        impl $type {
            /// Its word in a contract.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                $words.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words!(UnknownFields: UNKNOWN_FIELDS, DuplicateKeys: DUPLICATE_KEYS, Keep: KEEPS);
words!(Window: WINDOWS, MeasureKind: MEASURES, DatePart: DATE_PARTS);

impl TimeFormat {
    /// Its word in a contract, or its pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pattern(pattern) => pattern,
            named => TIME_FORMATS.iter().find(|(_, format)| format == named).map_or("", |(word, _)| word),
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
