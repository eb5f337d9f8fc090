//! Lengths of time: as the API writes them, and in words.

use jiff::{Span, SpanRelativeTo};

use super::super::consent::{Schedule, ScheduleInfo};
use super::super::moment::Moment;

/// How long a request wants something.
pub fn wanted(request: &Schedule) -> String {
    of(request.properties.schedule_info.as_ref())
}

/// How long something is wanted.
pub fn of(info: Option<&ScheduleInfo>) -> String {
    let expiration = info.map(|info| &info.expiration);
    match expiration.map(|expiration| (&expiration.duration, expiration.end_date_time)) {
        Some((Some(duration), _)) => in_words(duration),
        Some((None, Some(end))) => format!("until {}", Moment(end).day()),
        _ => "without end".into(),
    }
}

/// An ISO 8601 duration in words: `PT8H` is `8 hours`. What is none stays as it is.
pub fn in_words(text: &str) -> String {
    let Ok(span) = text.parse::<Span>() else { return text.to_string() };
    let (hours, minutes) = (i64::from(span.get_hours()) + span.get_minutes() / 60, span.get_minutes() % 60);
    let parts = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_weeks()), "week"),
        (i64::from(span.get_days()), "day"),
        (hours, "hour"),
        (minutes, "minute"),
        (span.get_seconds(), "second"),
    ];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number != 0)
        .map(|(number, unit)| if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") })
        .collect();
    words.join(" ")
}

/// Its whole minutes, a day being 24 hours; `None` for months and years, and for what is none.
pub fn minutes(text: &str) -> Option<i64> {
    let span = text.parse::<Span>().ok()?;
    Some(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.as_mins())
}

/// A number of minutes in words: `90` is `1 hour 30 minutes`.
pub fn of_minutes(minutes: i64) -> String {
    in_words(&format!("PT{minutes}M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_words() {
        for (text, words) in [
            ("PT8H", "8 hours"),
            ("P1D", "1 day"),
            ("P1DT12H", "1 day 12 hours"),
            ("PT90M", "1 hour 30 minutes"),
            ("PT60M", "1 hour"),
            ("P1Y", "1 year"),
            ("soon", "soon"),
        ] {
            assert_eq!(in_words(text), words);
        }
        assert_eq!((minutes("P1DT1H"), minutes("P1M"), minutes("")), (Some(1500), None, None));
        assert_eq!((of_minutes(90), of_minutes(480)), ("1 hour 30 minutes".into(), "8 hours".into()));
    }
}
