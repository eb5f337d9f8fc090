//! Which days of the calendar a tier of retention keeps, and whether one choice covers another.
//!
//! Choices come in formats that do not compare by looking at them (`Last Sunday` against `the 28th`). But what a
//! choice depends on is small: month, day, weekday and length of the month. There are 91 different months, so one
//! choice covers another exactly when it does on each of their days.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

/// A day of the week, in Azure's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weekday {
    Sunday,
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
}

impl Weekday {
    /// All of them, from Sunday.
    pub(super) const ALL: [Self; 7] = [
        Self::Sunday,
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
    ];

    /// As the API writes them.
    pub(super) const WORDS: [(&str, Self); 7] = [
        ("Sunday", Self::Sunday),
        ("Monday", Self::Monday),
        ("Tuesday", Self::Tuesday),
        ("Wednesday", Self::Wednesday),
        ("Thursday", Self::Thursday),
        ("Friday", Self::Friday),
        ("Saturday", Self::Saturday),
    ];

    /// Days since Sunday.
    pub(super) fn since_sunday(self) -> u32 {
        self as u32
    }

    /// The weekday of a day.
    pub(super) fn of(date: Date) -> Self {
        match date.weekday() {
            jiff::civil::Weekday::Sunday => Self::Sunday,
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
        }
    }
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which of a month's Sundays, Mondays, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Week {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

impl Week {
    /// As the API writes them.
    pub(super) const WORDS: [(&str, Self); 5] = [
        ("First", Self::First),
        ("Second", Self::Second),
        ("Third", Self::Third),
        ("Fourth", Self::Fourth),
        ("Last", Self::Last),
    ];

    fn has(self, day: &Day) -> bool {
        match self {
            Self::First => (1..=7).contains(&day.number),
            Self::Second => (8..=14).contains(&day.number),
            Self::Third => (15..=21).contains(&day.number),
            Self::Fourth => (22..=28).contains(&day.number),
            Self::Last => day.number.saturating_add(7) > day.month_length,
        }
    }
}

/// Days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfMonth {
    /// Weekdays in some of its weeks: the first Sunday.
    Weekdays { weekdays: BTreeSet<Weekday>, weeks: BTreeSet<Week> },
    /// Days by number, and perhaps the last one.
    Numbers { numbers: BTreeSet<u8>, last: bool },
}

/// The days that a tier keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// Every day.
    All,
    /// The same days every week.
    OfWeek(BTreeSet<Weekday>),
    /// The same days every month.
    OfMonth(OfMonth),
    /// The same days in some months, 1 to 12, of every year.
    OfYear(BTreeSet<u8>, OfMonth),
}

/// A day, as far as a choice can tell it from others.
pub(super) struct Day {
    month: u8,
    number: u8,
    month_length: u8,
    weekday: Weekday,
}

impl Day {
    /// What this date is.
    pub(super) fn of(date: Date) -> Self {
        let small = |number: i8| u8::try_from(number).unwrap_or_default();
        Self {
            month: small(date.month()),
            number: small(date.day()),
            month_length: small(date.days_in_month()),
            weekday: Weekday::of(date),
        }
    }
}

impl Days {
    /// Whether this day is among them.
    pub(super) fn select(&self, day: &Day) -> bool {
        match self {
            Self::All => true,
            Self::OfWeek(weekdays) => weekdays.contains(&day.weekday),
            Self::OfMonth(days) => days.select(day),
            Self::OfYear(months, days) => months.contains(&day.month) && days.select(day),
        }
    }

    /// Whether every day of the other choice is among these, in every year to come.
    pub(super) fn cover(&self, other: &Self) -> bool {
        every_day().all(|day| !other.select(&day) || self.select(&day))
    }
}

impl OfMonth {
    fn select(&self, day: &Day) -> bool {
        match self {
            Self::Weekdays { weekdays, weeks } => {
                weekdays.contains(&day.weekday) && weeks.iter().any(|week| week.has(day))
            }
            Self::Numbers { numbers, last } => {
                numbers.contains(&day.number) || (*last && day.number == day.month_length)
            }
        }
    }
}

/// Every day that there can be: each month in each length, beginning on each weekday.
pub(super) fn every_day() -> impl Iterator<Item = Day> {
    let months = (1..=12).flat_map(|month| {
        let lengths: &[u8] = match month {
            2 => &[28, 29],
            4 | 6 | 9 | 11 => &[30],
            _ => &[31],
        };
        lengths.iter().map(move |length| (month, *length))
    });
    let beginnings = months.flat_map(|month| (0..7).map(move |first| (month, first)));
    beginnings.flat_map(|((month, month_length), first)| {
        let weekdays = Weekday::ALL.into_iter().cycle().skip(first);
        (1..=month_length).zip(weekdays).map(move |(number, weekday)| Day {
            month,
            number,
            month_length,
            weekday,
        })
    })
}
