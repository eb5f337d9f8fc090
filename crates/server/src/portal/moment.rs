//! Times on pages: in UTC, which the script turns into the reader's zone.

use std::fmt;

use arm::timestamp;
use askama::filters::HtmlSafe;
use jiff::{SignedDuration, Timestamp};

/// A point in time, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl Moment {
    /// Reads a time as the API writes it.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// How it stands to a time: `in 3 h 20 min`, `2 days ago`.
    pub fn distance_from(self, now: Timestamp) -> String {
        let left = self.0.duration_since(now);
        match left.as_mins() {
            0 if left.is_negative() || left.is_zero() => "just now".into(),
            _ if left.is_negative() => format!("{} ago", span(left.abs())),
            _ => format!("in {}", span(left)),
        }
    }

    /// The same as an element that the script keeps up to date.
    pub fn countdown(self, now: Timestamp) -> Countdown {
        Countdown { at: self, now }
    }

    /// The day alone, in UTC.
    pub fn day(self) -> String {
        self.0.strftime("%-d %b %Y").to_string()
    }
}

/// Written as an element whose text is in UTC.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<time datetime=\"{}\">{} UTC</time>",
            timestamp(self.0),
            self.0.strftime("%-d %b %Y, %H:%M")
        )
    }
}

impl HtmlSafe for Moment {}

/// A time as the distance from now.
#[derive(Clone, Copy, Debug)]
pub struct Countdown {
    at: Moment,
    now: Timestamp,
}

impl fmt::Display for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moment(at) = self.at;
        let utc = at.strftime("%-d %b %Y, %H:%M");
        write!(
            f,
            "<time datetime=\"{}\" data-distance title=\"{utc} UTC\">{}</time>",
            timestamp(at),
            self.at.distance_from(self.now)
        )
    }
}

impl HtmlSafe for Countdown {}

/// A length of time in its two largest units.
pub fn span(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, rest) {
        (0, 0, 0) => "less than a minute".into(),
        (0, 0, rest) => format!("{rest} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, rest) => format!("{hours} h {rest} min"),
        (1, 0, _) => "1 day".into(),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, _, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_machines_and_people() {
        let at = Moment::parse("2026-11-22T14:05:09Z").unwrap();
        assert!(at.to_string().contains(">22 Nov 2026, 14:05 UTC</time>"), "{at}");
        let later = |minutes| at.0.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        assert_eq!(at.distance_from(later(-42)), "in 42 min");
        assert_eq!(at.distance_from(later(200)), "3 h 20 min ago");
        assert_eq!(at.distance_from(later(1440)), "1 day ago");
        assert_eq!(at.distance_from(later(5000)), "3 days ago");
        assert_eq!(at.distance_from(at.0), "just now");
    }
}
