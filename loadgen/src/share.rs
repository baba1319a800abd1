//! A share of all, kept as parts in a million, so that it passes through no float on its way through a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const ALL: u32 = 1_000_000;

/// A share: `0.02`, or `2%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u32);

/// A text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a share from 0 to 1 with at most six digits, such as 0.02, or a percentage such as 2%")]
pub struct ShareError;

impl Share {
    /// A share from its parts in a million.
    #[must_use]
    pub const fn of_million(parts: u32) -> Self {
        Self(parts)
    }

    /// Its parts in a million.
    #[must_use]
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let (number, digits) = match text.strip_suffix('%') {
            Some(number) => (number, 4),
            None => (text, 6),
        };
        let (whole, below) = number.split_once('.').unwrap_or((number, ""));
        let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || below.len() > digits || !plain(whole) || !plain(below) {
            return Err(ShareError);
        }
        let parts = format!("{whole}{below:0<digits$}").parse::<u32>().map_err(|_| ShareError)?;
        if parts > ALL { Err(ShareError) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / ALL, self.0 % ALL);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_to_the_digit_and_shown_as_it_is() {
        for (text, parts, shown) in
            [("0", 0, "0"), ("1", ALL, "1"), ("0.02", 20_000, "0.02"), ("2%", 20_000, "0.02"), ("0.5%", 5_000, "0.005")]
        {
            let share = text.parse::<Share>().unwrap();
            assert_eq!((share, share.to_string()), (Share::of_million(parts), shown.to_owned()));
        }
        for text in ["", "-1", "1.1", "101%", "x", ".5", "0.0000001", "%", "1e-3"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text}");
        }
    }
}
