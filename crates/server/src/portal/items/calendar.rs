//! A month of the calendar as a table, and the way to the months beside it.

use jiff::ToSpan;
use jiff::civil::Date;

/// A month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: Date,
}

impl Month {
    /// The month of a day.
    pub fn of(day: Date) -> Self {
        Self { first: day.first_of_month() }
    }

    /// Reads `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        Self::holds(first).then_some(Self { first })
    }

    /// Whether a day is in the years that are shown. There are days before and after those.
    pub fn holds(day: Date) -> bool {
        (1900..=2999).contains(&day.year())
    }

    /// As in an address: `2026-11`.
    pub fn key(self) -> String {
        self.first.strftime("%Y-%m").to_string()
    }

    /// As people say it: `November 2026`.
    pub fn words(self) -> String {
        self.first.strftime("%B %Y").to_string()
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.first.year()
    }

    /// Its days, from the first to the last.
    pub fn days(self) -> (Date, Date) {
        (self.first, self.first.last_of_month())
    }

    /// All months of its year.
    pub fn of_its_year(self) -> impl Iterator<Item = Self> {
        let first = Date::constant(self.year(), 1, 1);
        std::iter::successors(Some(Self { first }), |month| Some(month.after())).take(12)
    }

    /// The month before.
    pub fn before(self) -> Self {
        Self { first: self.first.saturating_sub(1.month()) }
    }

    /// The month after.
    pub fn after(self) -> Self {
        Self { first: self.first.saturating_add(1.month()) }
    }

    /// Its weeks from Monday on; days of other months are left out.
    pub fn weeks(self) -> Vec<[Option<Date>; 7]> {
        let mut weeks = Vec::new();
        let mut week = [None; 7];
        for number in 1..=self.first.days_in_month() {
            let Ok(day) = self.first.with().day(number).build() else { continue };
            let place = day.weekday().to_monday_zero_offset();
            if place == 0 && number > 1 {
                weeks.push(week);
                week = [None; 7];
            }
            if let Some(slot) = usize::try_from(place).ok().and_then(|place| week.get_mut(place)) {
                *slot = Some(day);
            }
        }
        weeks.push(week);
        weeks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_weeks() {
        let month = Month::parse("2026-11").unwrap();
        assert_eq!((month.words(), month.key()), ("November 2026".into(), "2026-11".into()));
        let weeks = month.weeks();
        assert_eq!(weeks.len(), 6);
        let numbers = |week: &[Option<Date>; 7]| week.map(|day| day.map_or(0, Date::day));
        assert_eq!(numbers(&weeks[0]), [0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(numbers(&weeks[5]), [30, 0, 0, 0, 0, 0, 0]);
        assert_eq!((month.before().key(), month.after().key()), ("2026-10".into(), "2026-12".into()));
        let february = Month::parse("2027-02").unwrap().weeks();
        assert_eq!((february.len(), numbers(&february[3])), (4, [22, 23, 24, 25, 26, 27, 28]));
    }

    #[test]
    fn what_is_no_month_is_none() {
        for text in ["", "2026", "2026-13", "2026-00", "11-2026", "9999-12", "-1-1", "2026-1-1"] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }
}
