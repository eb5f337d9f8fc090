//! Lengths of time as the API writes them: ISO 8601 durations such as `PT8H` and `P180D`.

use std::fmt;

use jiff::fmt::temporal::SpanParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

/// A length of time, more than nothing. Days, months and years are those of UTC's calendar.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(Span);

impl Length {
    /// Reads an ISO 8601 duration; `None` for anything else, for nothing and for less than nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let span = SpanParser::new().parse_span(text).ok()?;
        span.is_positive().then_some(Self(span))
    }

    /// So many whole hours.
    pub(crate) fn hours(hours: u16) -> Self {
        Self(Span::new().hours(hours.max(1)))
    }

    /// So many whole days.
    pub(crate) fn days(days: u16) -> Self {
        Self(Span::new().days(days.max(1)))
    }

    /// The instant that lies this length after `start`; `None` beyond the end of the calendar.
    pub fn after(self, start: Timestamp) -> Option<Timestamp> {
        let end = start.to_zoned(TimeZone::UTC).checked_add(self.0).ok()?;
        Some(end.timestamp())
    }

    /// The length as a count of seconds, a day being 24 hours; `None` for months and years, which have no fixed length.
    pub(crate) fn fixed(self) -> Option<SignedDuration> {
        self.0.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
    }
}

impl PartialEq for Length {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl Eq for Length {}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a length of time"))
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_the_form_they_came_in() {
        for text in ["PT8H", "PT30M", "P180D", "P365D", "P1Y", "P1W", "P1DT12H", "PT90M"] {
            assert_eq!(Length::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn only_iso_8601_and_only_more_than_nothing() {
        for bad in ["", "8h", "8 hours", "PT0S", "P0D", "-PT8H", "PT", "P", "PT8", "PT8Hx"] {
            assert_eq!(Length::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_and_hours_count_in_utc() {
        let start: Timestamp = "2026-03-28T23:00:00Z".parse().unwrap();
        let end = Length::parse("P2DT1H").unwrap().after(start).unwrap();
        assert_eq!(end.to_string(), "2026-03-31T00:00:00Z");
        assert_eq!(Length::parse("P9999Y").unwrap().after(start), None);
    }

    #[test]
    fn months_have_no_fixed_length() {
        assert_eq!(Length::parse("P1M").unwrap().fixed(), None);
        assert_eq!(Length::days(1).fixed(), Some(SignedDuration::from_hours(24)));
    }
}
