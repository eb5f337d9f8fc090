//! What the form for a policy holds: when backups run and for how long they are kept, in fields that people can fill in.
//! [`super::plan`] and [`super::rules`] read them from the two kinds of policy and write them back.

use std::collections::BTreeSet;

use arm::{Error, Result};

use crate::login::Form;

/// Days of the week, by the API's words.
pub const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Weeks of a month.
pub const WEEKS: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];
/// Months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Units of time.
pub const UNITS: [&str; 4] = ["Days", "Weeks", "Months", "Years"];
/// The tiers of retention.
pub const TIERS: [&str; 4] = ["daily", "weekly", "monthly", "yearly"];

/// When backups run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// `hourly`, `daily` or `weekly`.
    pub frequency: String,
    /// Times of day, such as `02:00, 14:00`. Of an hourly schedule, when it begins.
    pub times: String,
    /// Days of a weekly schedule.
    pub days: BTreeSet<String>,
    /// Hours from one backup to the next of an hourly schedule.
    pub every: String,
    /// For how many hours of the day an hourly schedule runs.
    pub window: String,
}

/// What is kept, and for how long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tier {
    /// Whether anything is.
    pub on: bool,
    /// How many of the unit.
    pub count: String,
    /// One of [`UNITS`].
    pub unit: String,
    /// Days of the week.
    pub days: BTreeSet<String>,
    /// Whether a day of a month is told by `week` or by `day`.
    pub by: String,
    /// Weeks of the month.
    pub weeks: BTreeSet<String>,
    /// Days of the month, such as `1, 15, last`.
    pub numbers: String,
    /// Months of the year.
    pub months: BTreeSet<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// When backups run.
    pub when: When,
    /// What is kept of backups that no tier selects; Backup vaults only.
    pub default: Tier,
    /// What is kept by tier, in the order of [`TIERS`].
    pub tiers: [Tier; 4],
}

/// A box to tick.
pub struct Check {
    /// The field's name, also its id.
    pub name: String,
    /// What it says.
    pub text: &'static str,
    /// Whether it is ticked.
    pub on: bool,
}

/// The boxes for some words.
pub fn checks(prefix: &str, all: &[&'static str], chosen: &BTreeSet<String>) -> Vec<Check> {
    let check =
        |text: &&'static str| Check { name: format!("{prefix}.{text}"), text, on: chosen.contains(*text) };
    all.iter().map(check).collect()
}

fn chosen(form: &Form, prefix: &str, all: &[&str]) -> BTreeSet<String> {
    let ticked = |text: &&&str| form.get(&format!("{prefix}.{text}")).is_some();
    all.iter().filter(ticked).map(|text| (*text).to_string()).collect()
}

impl Fields {
    /// A sensible beginning: daily at two, kept for a month.
    pub fn new() -> Self {
        let tier = |count: &str, unit: &str| Tier {
            count: count.into(),
            unit: unit.into(),
            by: "week".into(),
            days: ["Sunday".to_string()].into(),
            weeks: ["First".to_string()].into(),
            months: ["January".to_string()].into(),
            ..Tier::default()
        };
        let when = When {
            frequency: "daily".into(),
            times: "02:00".into(),
            days: ["Sunday".to_string()].into(),
            every: "4".into(),
            window: "12".into(),
        };
        Self {
            when,
            default: Tier { on: true, ..tier("30", "Days") },
            tiers: [
                Tier { on: true, ..tier("30", "Days") },
                tier("12", "Weeks"),
                tier("12", "Months"),
                tier("10", "Years"),
            ],
        }
    }

    /// What was typed.
    pub fn of(form: &Form) -> Self {
        let text = |name: &str| form.get(name).unwrap_or_default().trim().to_string();
        let tier = |key: &str| Tier {
            on: form.get(&format!("{key}.on")).is_some(),
            count: text(&format!("{key}.count")),
            unit: text(&format!("{key}.unit")),
            days: chosen(form, &format!("{key}.days"), &WEEKDAYS),
            by: text(&format!("{key}.by")),
            weeks: chosen(form, &format!("{key}.weeks"), &WEEKS),
            numbers: text(&format!("{key}.numbers")),
            months: chosen(form, &format!("{key}.months"), &MONTHS),
        };
        Self {
            when: When {
                frequency: text("frequency"),
                times: text("times"),
                days: chosen(form, "days", &WEEKDAYS),
                every: text("every"),
                window: text("window"),
            },
            default: tier("default"),
            tiers: TIERS.map(tier),
        }
    }

    /// The fields by name, to be kept in a page.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |name: String, value: &str| pairs.push((name, value.to_string()));
        let When { frequency, times, days, every, window } = &self.when;
        for (name, value) in
            [("frequency", frequency), ("times", times), ("every", every), ("window", window)]
        {
            add(name.into(), value);
        }
        for day in days {
            add(format!("days.{day}"), "on");
        }
        let tiers = TIERS.into_iter().zip(&self.tiers).chain([("default", &self.default)]);
        for (key, tier) in tiers {
            let Tier { on, count, unit, days, by, weeks, numbers, months } = tier;
            if *on {
                add(format!("{key}.on"), "on");
            }
            for (name, value) in [("count", count), ("unit", unit), ("by", by), ("numbers", numbers)] {
                add(format!("{key}.{name}"), value);
            }
            for (name, words) in [("days", days), ("weeks", weeks), ("months", months)] {
                for word in words {
                    add(format!("{key}.{name}.{word}"), "on");
                }
            }
        }
        pairs
    }
}

impl When {
    /// The times of day, each as `02:00`.
    ///
    /// # Errors
    /// For what is no time, and for none.
    pub fn clock_times(&self) -> Result<Vec<String>> {
        let mut times = Vec::new();
        for text in self.times.split([',', ' ']).map(str::trim).filter(|text| !text.is_empty()) {
            times.push(clock_time(text)?);
        }
        if times.is_empty() {
            return Err(wrong("times", "Say at what time backups run, such as 02:00."));
        }
        Ok(times)
    }

    /// The time that the first backup of the day runs.
    ///
    /// # Errors
    /// See [`Self::clock_times`].
    pub fn first(&self) -> Result<String> {
        Ok(self.clock_times()?.into_iter().next().unwrap_or_default())
    }

    /// The days of a weekly schedule.
    ///
    /// # Errors
    /// For none.
    pub fn weekdays(&self) -> Result<Vec<&str>> {
        some(&self.days, &WEEKDAYS, "Say on which days backups run.")
    }

    /// The hours of an hourly schedule.
    ///
    /// # Errors
    /// For what is no number from 1 to 24.
    pub fn hours(text: &str) -> Result<u32> {
        let number = text.parse().ok().filter(|hours| (1..=24).contains(hours));
        number.ok_or_else(|| wrong("every", "Hours are a number from 1 to 24."))
    }
}

impl Tier {
    /// How many of its unit.
    ///
    /// # Errors
    /// For what is no number from 1 to 9999.
    pub fn number(&self) -> Result<u32> {
        let number = self.count.parse().ok().filter(|number| (1..=9999).contains(number));
        number.ok_or_else(|| wrong("count", "For how long backups are kept is a number from 1 to 9999."))
    }

    /// The days of the month, `None` for the last one.
    ///
    /// # Errors
    /// For what is no day.
    pub fn month_days(&self) -> Result<Vec<Option<u8>>> {
        let mut days = Vec::new();
        for text in self.numbers.split([',', ' ']).map(str::trim).filter(|text| !text.is_empty()) {
            if text.eq_ignore_ascii_case("last") {
                days.push(None);
                continue;
            }
            let day = text.parse().ok().filter(|day| (1..=31).contains(day));
            days.push(Some(day.ok_or_else(|| {
                wrong("numbers", "Days of a month are numbers from 1 to 31, or ‘last’, such as 1, 15, last.")
            })?));
        }
        if days.is_empty() {
            return Err(wrong("numbers", "Say which days of the month, such as 1 or last."));
        }
        Ok(days)
    }

    /// The days of the week.
    ///
    /// # Errors
    /// For none.
    pub fn weekdays(&self) -> Result<Vec<&str>> {
        some(&self.days, &WEEKDAYS, "Say of which days of the week backups are kept.")
    }

    /// The weeks of the month.
    ///
    /// # Errors
    /// For none.
    pub fn weeks(&self) -> Result<Vec<&str>> {
        some(&self.weeks, &WEEKS, "Say of which weeks of the month backups are kept.")
    }

    /// The months of the year.
    ///
    /// # Errors
    /// For none.
    pub fn months(&self) -> Result<Vec<&str>> {
        some(&self.months, &MONTHS, "Say of which months backups are kept.")
    }
}

/// In the order of the calendar.
fn some<'a>(chosen: &BTreeSet<String>, all: &[&'a str], problem: &str) -> Result<Vec<&'a str>> {
    let found: Vec<&str> = all.iter().copied().filter(|word| chosen.contains(*word)).collect();
    if found.is_empty() { Err(wrong("days", problem)) } else { Ok(found) }
}

fn clock_time(text: &str) -> Result<String> {
    let time = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then(|| format!("{hour:02}:{minute:02}"))
    });
    time.ok_or_else(|| wrong("times", "A time of day is written as 02:00."))
}

/// What is wrong with a field.
pub fn wrong(field: &str, text: &str) -> Error {
    Error::invalid("InvalidField", text).with_target(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_keeps_is_what_was_typed() {
        let mut fields = Fields::new();
        fields.tiers[3].on = true;
        fields.tiers[2].numbers = "1, last".into();
        let text: Vec<String> = fields
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+").replace(',', "%2C")))
            .collect();
        assert_eq!(Fields::of(&Form::parse(&text.join("&")).unwrap()), fields);
    }

    #[test]
    fn times_and_days_are_read_as_people_write_them() {
        let when = |times: &str| When { times: times.into(), ..When::default() }.clock_times();
        assert_eq!(when("2:00, 14:30 23:05").unwrap(), ["02:00", "14:30", "23:05"]);
        for bad in ["", "24:00", "2", "02:60", "x"] {
            assert!(when(bad).is_err(), "{bad}");
        }
        let days = |numbers: &str| Tier { numbers: numbers.into(), ..Tier::default() }.month_days();
        assert_eq!(days("1, 15 Last").unwrap(), [Some(1), Some(15), None]);
        for bad in ["", "0", "32", "first"] {
            assert!(days(bad).is_err(), "{bad}");
        }
    }
}
