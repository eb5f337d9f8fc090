//! Small text formats: regions, time stamps, api-versions.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A region name in its canonical form: lower case, without blanks (`West Europe` and `westeurope` are one).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(String);

impl Region {
    /// Reads a region; `None` when nothing of it is left or it holds anything but letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let name: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect();
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
        (plain && !name.is_empty() && name.len() <= 64).then_some(Self(name))
    }

    /// The canonical name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 3339 in UTC with as many fractional digits as the value has.
pub fn timestamp(at: Timestamp) -> String {
    at.to_string()
}

/// RFC 3339 in UTC with seven fractional digits, as .NET services write it (contract 3.6).
pub fn long_timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string()
}

/// Whether a text has the shape of an api-version: a date from 2014 on, optionally `-preview` or the like.
///
/// Clients mix a dozen versions (contract 1.7), so any plausible date is taken.
pub fn plausible_api_version(text: &str) -> bool {
    let (date, suffix) = match text.char_indices().nth(10) {
        Some((at, _)) => (text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default()),
        None => (text, ""),
    };
    let suffix_fits = suffix.is_empty()
        || (suffix.len() <= 32
            && suffix.starts_with('-')
            && suffix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')));
    // The library also reads `20260101`, which no api-version is written as.
    let hyphens = date.char_indices().filter(|(_, c)| *c == '-').map(|(at, _)| at).eq([4, 7]);
    let date = date.parse::<jiff::civil::Date>().ok().filter(|_| hyphens);
    suffix_fits && date.is_some_and(|date| (2014..2100).contains(&date.year())) && text.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_one_form() {
        assert_eq!(Region::parse("West Europe"), Region::parse("westeurope"));
        assert_eq!(Region::parse("  "), None);
        assert_eq!(Region::parse("west/europe"), None);
    }

    #[test]
    fn any_plausible_date_is_an_api_version() {
        for good in ["2015-01-01", "2026-11-01", "2022-05-01-preview", "2018-07-01-beta.1"] {
            assert!(plausible_api_version(good), "{good}");
        }
        for bad in ["", "latest", "2022-13-01", "1999-01-01", "2022-05-01preview", "2022-05-0é"] {
            assert!(!plausible_api_version(bad), "{bad}");
        }
    }

    #[test]
    fn long_time_stamps_have_seven_digits() {
        let at: Timestamp = "2026-02-11T09:30:00Z".parse().unwrap();
        assert_eq!(long_timestamp(at), "2026-02-11T09:30:00.0000000Z");
    }
}
