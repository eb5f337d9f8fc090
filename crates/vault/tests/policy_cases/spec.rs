//! Policies drawn at random, and a naive simulator of what they keep.
//!
//! It shares nothing with the code under test: it walks through the calendar day by day.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use proptest::prelude::*;
use serde_json::{Value, json};

/// When backups run.
#[derive(Clone, Debug)]
pub(crate) enum Runs {
    /// On these weekdays (none: daily), at these hours; every so many weeks, counted from the week of this day.
    Simple { days: Vec<Weekday>, hours: Vec<i8>, weeks: i32, first: Date },
    /// Every so many hours for so long.
    Hourly { interval: i8, start: i8, window: i8 },
    /// Whenever a tier wants one.
    WithRetention,
}

/// Days of a month.
#[derive(Clone, Debug)]
pub(crate) enum InMonth {
    /// Weekdays, and weeks from 1 to 4; 5 is the last.
    Weekdays(Vec<Weekday>, Vec<i8>),
    /// Numbers; 0 is the last.
    Numbers(Vec<i8>),
}

/// The days of a tier.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    Daily,
    Weekly(Vec<Weekday>),
    Monthly(InMonth),
    Yearly(Vec<i8>, InMonth),
}

/// A tier: its days, which hours of them (none: all), for how long.
#[derive(Clone, Debug)]
pub(crate) struct Tier {
    choice: Choice,
    hours: Vec<i8>,
    keep: (i64, &'static str),
}

/// A policy.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) runs: Runs,
    pub(crate) tiers: [Option<Tier>; 4],
    pub(crate) instant: Option<i64>,
}

/// Which backups of a day a tier keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// Those of the hours it names.
    Strict,
    /// All of them.
    Lenient,
}

const MEMBERS: [&str; 4] = ["dailySchedule", "weeklySchedule", "monthlySchedule", "yearlySchedule"];
const MONTHS: [&str; 12] = [
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
const WEEKS: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];

// ---- as JSON

fn time(date: Date, hour: i8) -> String {
    format!("{date}T{hour:02}:00:00Z")
}

fn day_names(days: &[Weekday]) -> Vec<String> {
    days.iter().map(|day| format!("{day:?}")).collect()
}

impl InMonth {
    fn add_to(&self, tier: &mut Value) {
        match self {
            Self::Weekdays(days, weeks) => {
                let weeks: Vec<&str> = weeks.iter().map(|week| WEEKS[*week as usize - 1]).collect();
                tier["retentionScheduleFormatType"] = json!("Weekly");
                tier["retentionScheduleWeekly"] =
                    json!({ "daysOfTheWeek": day_names(days), "weeksOfTheMonth": weeks });
            }
            Self::Numbers(numbers) => {
                let days: Vec<Value> =
                    numbers.iter().map(|number| json!({ "date": number, "isLast": *number == 0 })).collect();
                tier["retentionScheduleFormatType"] = json!("Daily");
                tier["retentionScheduleDaily"] = json!({ "daysOfTheMonth": days });
            }
        }
    }
}

impl Spec {
    pub(crate) fn json(&self) -> Value {
        let some_day = Date::constant(2026, 1, 1);
        let schedule = match &self.runs {
            Runs::Simple { days, hours, weeks, first } => json!({
                "schedulePolicyType": "SimpleSchedulePolicy",
                "scheduleRunFrequency": if days.is_empty() { "Daily" } else { "Weekly" },
                "scheduleRunDays": day_names(days),
                "scheduleRunTimes": hours.iter().map(|hour| time(*first, *hour)).collect::<Vec<_>>(),
                "scheduleWeeklyFrequency": weeks,
            }),
            Runs::Hourly { interval, start, window } => json!({
                "schedulePolicyType": "SimpleSchedulePolicyV2",
                "scheduleRunFrequency": "Hourly",
                "hourlySchedule": {
                    "interval": interval, "scheduleWindowDuration": window,
                    "scheduleWindowStartTime": time(some_day, *start),
                },
            }),
            Runs::WithRetention => json!({ "schedulePolicyType": "LongTermSchedulePolicy" }),
        };
        let mut retention = json!({ "retentionPolicyType": "LongTermRetentionPolicy" });
        for (member, tier) in MEMBERS.iter().zip(&self.tiers) {
            let Some(Tier { choice, hours, keep }) = tier else {
                continue;
            };
            let mut tier = json!({
                "retentionTimes": hours.iter().map(|hour| time(some_day, *hour)).collect::<Vec<_>>(),
                "retentionDuration": { "count": keep.0, "durationType": keep.1 },
            });
            match choice {
                Choice::Daily => {}
                Choice::Weekly(days) => tier["daysOfTheWeek"] = json!(day_names(days)),
                Choice::Monthly(days) => days.add_to(&mut tier),
                Choice::Yearly(months, days) => {
                    let months: Vec<&str> = months.iter().map(|month| MONTHS[*month as usize - 1]).collect();
                    tier["monthsOfYear"] = json!(months);
                    days.add_to(&mut tier);
                }
            }
            retention[member] = tier;
        }
        json!({
            "backupManagementType": "AzureIaasVM", "policyType": "V2", "schedulePolicy": schedule,
            "retentionPolicy": retention, "instantRpRetentionRangeInDays": self.instant,
        })
    }
}

// ---- as time goes by

/// The first day of the simulated year.
const START: Date = Date::constant(2027, 12, 1);

/// How many days it has: somewhat more than a year, and a multiple of 1, 2, 3 and 4 weeks.
const DAYS_SIMULATED: i64 = 420;

/// The days of the simulated year, a leap year.
pub(crate) fn year() -> impl Iterator<Item = Date> {
    START.series(1.day()).take(DAYS_SIMULATED as usize)
}

impl InMonth {
    fn has(&self, date: Date) -> bool {
        let last = date.last_of_month();
        match self {
            Self::Weekdays(days, weeks) => {
                let nth = |week: i8| if week == 5 { -1 } else { week };
                let is = |week: &i8| {
                    date.nth_weekday_of_month(nth(*week), date.weekday()).is_ok_and(|it| it == date)
                };
                days.contains(&date.weekday()) && weeks.iter().any(is)
            }
            Self::Numbers(numbers) => {
                numbers.iter().any(|number| if *number == 0 { date == last } else { date.day() == *number })
            }
        }
    }
}

impl Tier {
    fn has_day(&self, date: Date) -> bool {
        match &self.choice {
            Choice::Daily => true,
            Choice::Weekly(days) => days.contains(&date.weekday()),
            Choice::Monthly(days) => days.has(date),
            Choice::Yearly(months, days) => months.contains(&date.month()) && days.has(date),
        }
    }

    fn has_hour(&self, hour: i8, reading: Reading) -> bool {
        match reading {
            Reading::Strict => self.hours.is_empty() || self.hours.contains(&hour),
            Reading::Lenient => true,
        }
    }

    fn days(&self) -> i64 {
        let unit = match self.keep.1 {
            "Days" => 1,
            "Weeks" => 7,
            "Months" => 30,
            _ => 365,
        };
        self.keep.0 * unit
    }
}

/// Whether a day is in a week that lies a multiple of so many weeks from that of another.
fn weeks_apart(date: Date, first: Date, weeks: i32) -> bool {
    let sunday = |date: Date| date.saturating_sub(i64::from(date.weekday().to_sunday_zero_offset()).days());
    weeks <= 1 || (sunday(date) - sunday(first)).get_days() / 7 % weeks == 0
}

impl Spec {
    fn tiers(&self) -> impl Iterator<Item = &Tier> {
        self.tiers.iter().flatten()
    }

    /// The hours of a day at which backups run.
    pub(crate) fn hours(&self, date: Date) -> Vec<i8> {
        let mut hours = match &self.runs {
            Runs::Simple { days, hours, weeks, first } => {
                let today = days.is_empty() || days.contains(&date.weekday());
                if today && weeks_apart(date, *first, *weeks) { hours.clone() } else { Vec::new() }
            }
            Runs::Hourly { interval, start, window } => {
                let steps = (0..=*window).filter(|hour| hour % interval == 0);
                steps.map(|hour| (start + hour) % 24).collect()
            }
            Runs::WithRetention => {
                self.tiers().filter(|tier| tier.has_day(date)).flat_map(|tier| tier.hours.clone()).collect()
            }
        };
        hours.sort_unstable();
        hours.dedup();
        hours
    }

    /// For how many days a backup is kept.
    pub(crate) fn kept(&self, date: Date, hour: i8, reading: Reading) -> i64 {
        let tiers = self.tiers().filter(|tier| tier.has_hour(hour, reading) && tier.has_day(date));
        tiers.map(Tier::days).chain(self.instant).max().unwrap_or(0)
    }

    /// For how many days each backup of a day is kept, the longest first.
    pub(crate) fn kept_of(&self, date: Date, hours: &[i8], reading: Reading) -> Vec<i64> {
        let mut kept: Vec<i64> = hours.iter().map(|hour| self.kept(date, *hour, reading)).collect();
        kept.sort_unstable_by(|one, other| other.cmp(one));
        kept
    }

    /// The longest gap between backups in the simulated year, which comes round again, in hours.
    pub(crate) fn longest_gap(&self) -> i64 {
        let on = |date: Date| i64::from((date - START).get_days()) * 24;
        let run = |date: Date| self.hours(date).into_iter().map(move |hour| on(date) + i64::from(hour));
        let mut runs: Vec<i64> = year().flat_map(run).collect();
        runs.extend(runs.first().map(|first| first + DAYS_SIMULATED * 24));
        runs.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(i64::MAX)
    }
}

// ---- at random

fn some_of<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> {
    proptest::sample::subsequence(all.to_vec(), 1..=all.len().min(3))
}

const DAYS: [Weekday; 4] = [Weekday::Sunday, Weekday::Monday, Weekday::Wednesday, Weekday::Saturday];
const HOURS: [i8; 4] = [0, 2, 8, 14];
const KEEP: [(i64, &str); 9] = [
    (5, "Days"),
    (9, "Days"),
    (30, "Days"),
    (56, "Days"),
    (8, "Weeks"),
    (2, "Months"),
    (12, "Months"),
    (1, "Years"),
    (2, "Years"),
];

pub(crate) fn runs() -> impl Strategy<Value = Runs> {
    let simple = |days: BoxedStrategy<Vec<Weekday>>| {
        (days, some_of(&HOURS), 0..5i32, 0..4i64).prop_map(|(days, hours, weeks, offset)| Runs::Simple {
            days,
            hours,
            weeks,
            first: Date::constant(2026, 1, 6).saturating_add((offset * 7).days()),
        })
    };
    let hourly = (1..=12i8, 0..24i8, 1..=24i8).prop_map(|(interval, start, window)| Runs::Hourly {
        interval,
        start,
        window,
    });
    prop_oneof![
        3 => simple(Just(Vec::new()).boxed()),
        3 => simple(some_of(&DAYS).boxed()),
        2 => hourly,
        1 => Just(Runs::WithRetention),
    ]
}

fn in_month() -> impl Strategy<Value = InMonth> {
    prop_oneof![
        (some_of(&DAYS[..2]), some_of(&[1, 4, 5])).prop_map(|(days, weeks)| InMonth::Weekdays(days, weeks)),
        some_of(&[0, 1, 28, 29, 30, 31]).prop_map(InMonth::Numbers),
        Just(InMonth::Numbers((1..=7).collect())),
        Just(InMonth::Numbers((1..=31).collect())),
    ]
}

fn choice(tier: usize) -> BoxedStrategy<Choice> {
    match tier {
        0 => Just(Choice::Daily).boxed(),
        1 => some_of(&DAYS).prop_map(Choice::Weekly).boxed(),
        2 => in_month().prop_map(Choice::Monthly).boxed(),
        _ => {
            (some_of(&[1, 2, 7]), in_month()).prop_map(|(months, days)| Choice::Yearly(months, days)).boxed()
        }
    }
}

pub(crate) fn tier(number: usize, times_needed: bool) -> impl Strategy<Value = Tier> {
    let hours = if times_needed {
        some_of(&HOURS).boxed()
    } else {
        prop_oneof![Just(Vec::new()), some_of(&HOURS), Just(HOURS.to_vec())].boxed()
    };
    (choice(number), hours, proptest::sample::select(&KEEP[..])).prop_map(|(choice, hours, keep)| Tier {
        choice,
        hours,
        keep,
    })
}

/// A policy. It always has a daily or a weekly tier, as those whose schedule follows the retention need some.
pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    runs().prop_flat_map(|runs| {
        let needed = matches!(runs, Runs::WithRetention);
        let maybe = |number: usize| proptest::option::weighted(0.3, tier(number, needed));
        let tiers = (maybe(0), maybe(1), maybe(2), maybe(3), tier(0, needed)).prop_map(
            |(daily, weekly, monthly, yearly, other)| {
                let some = daily.is_some() || weekly.is_some() || monthly.is_some() || yearly.is_some();
                [if some { daily } else { Some(other) }, weekly, monthly, yearly]
            },
        );
        (Just(runs), tiers, proptest::option::of(1..8i64)).prop_map(|(runs, tiers, instant)| Spec {
            runs,
            tiers,
            instant,
        })
    })
}

/// A change of the hours that a tier keeps.
pub(crate) fn hours_change() -> impl Strategy<Value = Change> {
    (0..4usize, some_of(&HOURS)).prop_map(|(number, hours)| Change::Hours(number, hours))
}

/// A change of one thing in a policy, up or down.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Runs(Runs),
    MoreHours(i8),
    Shift(i8),
    Tier(usize, Tier),
    Keep(usize, (i64, &'static str)),
    Hours(usize, Vec<i8>),
    Drop(usize),
    Instant(Option<i64>),
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let any_tier = || 0..4usize;
    prop_oneof![
        1 => runs().prop_map(Change::Runs),
        2 => (0..24i8).prop_map(Change::MoreHours),
        2 => (1..24i8).prop_map(Change::Shift),
        3 => any_tier().prop_flat_map(|number| (Just(number), tier(number, true))).prop_map(|(n, t)| Change::Tier(n, t)),
        3 => (any_tier(), proptest::sample::select(&KEEP[..])).prop_map(|(n, keep)| Change::Keep(n, keep)),
        2 => hours_change(),
        1 => any_tier().prop_map(Change::Drop),
        1 => proptest::option::of(1..8i64).prop_map(Change::Instant),
    ]
}

impl Spec {
    pub(crate) fn changed(&self, change: &Change) -> Self {
        let mut spec = self.clone();
        match change.clone() {
            Change::Runs(runs) => spec.runs = runs,
            Change::MoreHours(hour) => {
                if let Runs::Simple { hours, .. } = &mut spec.runs {
                    hours.push(hour);
                }
                spec.tiers.iter_mut().flatten().filter(|tier| !tier.hours.is_empty()).for_each(|tier| {
                    tier.hours.push(hour);
                });
            }
            Change::Shift(by) => {
                let shift = |hour: &mut i8| *hour = (*hour + by) % 24;
                match &mut spec.runs {
                    Runs::Simple { hours, .. } => hours.iter_mut().for_each(shift),
                    Runs::Hourly { start, .. } => shift(start),
                    Runs::WithRetention => {}
                }
                spec.tiers.iter_mut().flatten().flat_map(|tier| &mut tier.hours).for_each(shift);
            }
            Change::Tier(number, tier) => spec.tiers[number] = Some(tier),
            Change::Keep(number, keep) => {
                if let Some(tier) = &mut spec.tiers[number] {
                    tier.keep = keep;
                }
            }
            Change::Hours(number, hours) => {
                if let Some(tier) = &mut spec.tiers[number] {
                    tier.hours = hours;
                }
            }
            Change::Drop(number) => {
                if spec.tiers().count() > 1 {
                    spec.tiers[number] = None;
                }
            }
            Change::Instant(days) => spec.instant = days,
        }
        // Tiers that make the schedule must name their hours.
        if matches!(spec.runs, Runs::WithRetention) {
            spec.tiers.iter_mut().flatten().filter(|tier| tier.hours.is_empty()).for_each(|tier| {
                tier.hours.push(2);
            });
        }
        spec
    }
}
