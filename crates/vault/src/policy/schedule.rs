//! When backups run.

use std::collections::{BTreeMap, BTreeSet};

use arm::{Fields, Result};
use jiff::SignedDuration;
use jiff::civil::Date;

use super::days::{Days, Weekday};
use super::read::{
    COUNTS, Moment, moments, number, required_moment, required_number, required_word, required_words, times,
};
use super::rest::Rest;
use super::retention::{Retention, Tier, TierName};

const HOUR: u32 = 60 * 60;
/// Seconds.
pub(super) const DAY: u32 = 24 * HOUR;
const WEEK: u32 = 7 * DAY;

/// No schedule waits longer than a year between two of its weeks.
const MAX_WEEKS: u32 = 52;

/// A Sunday, from which weeks are counted.
const SOME_SUNDAY: Date = Date::constant(1970, 1, 4);

/// When backups run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Schedule {
    /// On the same days and at the same times, every week or every few weeks.
    Cycle(Cycle),
    /// Every few minutes, round the clock (logs).
    Every {
        /// Minutes from one to the next.
        minutes: u32,
    },
    /// On the days and at the times that the tiers of retention name, in a way that makes no cycle of weeks.
    WithRetention,
}

/// A timeline of some weeks that comes round again (contract 7.3 rule 1). Only its first week has runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cycle {
    /// How many weeks it lasts.
    pub(super) weeks: u32,
    /// Which weeks are its first: those with this number since [`SOME_SUNDAY`], modulo `weeks`.
    pub(super) phase: u32,
    /// On which days of that week backups run.
    pub(super) weekdays: BTreeSet<Weekday>,
    /// At which times of such a day, in seconds since midnight.
    pub(super) times: BTreeSet<u32>,
}

impl Cycle {
    /// Every day at these times.
    pub(super) fn daily(times: BTreeSet<u32>) -> Self {
        Self { weeks: 1, phase: 0, weekdays: Weekday::ALL.into(), times }
    }

    /// The longest time from one run to the next, in seconds, the way round included.
    pub(super) fn longest_gap(&self) -> u64 {
        let on = |day: &Weekday| u64::from(day.since_sunday().saturating_mul(DAY));
        let runs = self.weekdays.iter().flat_map(|day| self.times.iter().map(move |time| (day, time)));
        let runs: Vec<u64> = runs.map(|(day, time)| on(day).saturating_add(u64::from(*time))).collect();
        let whole = u64::from(WEEK).saturating_mul(u64::from(self.weeks));
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return u64::MAX;
        };
        let round = whole.saturating_sub(last.saturating_sub(*first));
        let gaps = runs.iter().zip(runs.iter().skip(1)).map(|(one, next)| next.saturating_sub(*one));
        gaps.fold(round, u64::max)
    }
}

/// The discriminator `schedulePolicyType`.
#[derive(Clone, Copy)]
enum Kind {
    Simple,
    SimpleV2,
    LongTerm,
    Log,
}

const KINDS: [(&str, Kind); 4] = [
    ("SimpleSchedulePolicy", Kind::Simple),
    ("SimpleSchedulePolicyV2", Kind::SimpleV2),
    ("LongTermSchedulePolicy", Kind::LongTerm),
    ("LogSchedulePolicy", Kind::Log),
];

/// `scheduleRunFrequency`.
#[derive(Clone, Copy)]
enum Frequency {
    Hourly,
    Daily,
    Weekly,
}

const FREQUENCIES: [(&str, Frequency); 3] =
    [("Hourly", Frequency::Hourly), ("Daily", Frequency::Daily), ("Weekly", Frequency::Weekly)];

impl Schedule {
    /// The longest time from one run to the next; `None` when the schedule does not say.
    pub(super) fn longest_gap(&self) -> Option<SignedDuration> {
        match self {
            Self::Cycle(cycle) => i64::try_from(cycle.longest_gap()).ok().map(SignedDuration::from_secs),
            Self::Every { minutes } => Some(SignedDuration::from_mins(i64::from(*minutes))),
            Self::WithRetention => None,
        }
    }

    /// Reads the member `schedulePolicy`, which must be there.
    pub(super) fn required(
        parent: &Fields<'_>,
        retention: Option<&Retention>,
        rest: &mut Rest,
    ) -> Result<Self> {
        let fields = parent.object("schedulePolicy")?;
        if fields.is_absent() {
            return Err(parent.missing("schedulePolicy"));
        }
        match required_word(&fields, "schedulePolicyType", &KINDS)? {
            Kind::Simple => simple(&fields, rest).map(Self::Cycle),
            Kind::SimpleV2 => simple_v2(&fields, rest).map(Self::Cycle),
            Kind::LongTerm => {
                rest.keep_all_but(&fields, &["schedulePolicyType"]);
                with_retention(&fields, retention)
            }
            Kind::Log => {
                rest.keep_all_but(&fields, &["schedulePolicyType", "scheduleFrequencyInMins"]);
                Ok(Self::Every { minutes: required_number(&fields, "scheduleFrequencyInMins", COUNTS)? })
            }
        }
    }
}

/// `SimpleSchedulePolicy`: times and days stand side by side; every n weeks.
fn simple(fields: &Fields<'_>, rest: &mut Rest) -> Result<Cycle> {
    let mut understood = vec!["schedulePolicyType", "scheduleRunFrequency", "scheduleWeeklyFrequency"];
    // Clients write 0 where it does not apply.
    let weeks = number(fields, "scheduleWeeklyFrequency", 0..=MAX_WEEKS)?.unwrap_or_default().max(1);
    let (start, mut cycle) = match required_word(fields, "scheduleRunFrequency", &FREQUENCIES)? {
        Frequency::Hourly => {
            understood.push("hourlySchedule");
            hourly(fields, rest)?
        }
        Frequency::Daily => {
            understood.push("scheduleRunTimes");
            at_run_times(fields, Weekday::ALL.into())?
        }
        Frequency::Weekly => {
            understood.extend(["scheduleRunTimes", "scheduleRunDays"]);
            at_run_times(fields, required_words(fields, "scheduleRunDays", &Weekday::WORDS)?)?
        }
    };
    rest.keep_all_but(fields, &understood);
    cycle.weeks = weeks;
    cycle.phase = week_number(start).rem_euclid(i64::from(weeks)).try_into().unwrap_or_default();
    Ok(cycle)
}

/// `SimpleSchedulePolicyV2`: one object for each frequency.
fn simple_v2(fields: &Fields<'_>, rest: &mut Rest) -> Result<Cycle> {
    let frequency = required_word(fields, "scheduleRunFrequency", &FREQUENCIES)?;
    let (member, understood): (&str, &[&str]) = match frequency {
        Frequency::Hourly => ("hourlySchedule", &[]),
        Frequency::Daily => ("dailySchedule", &["scheduleRunTimes"]),
        Frequency::Weekly => ("weeklySchedule", &["scheduleRunTimes", "scheduleRunDays"]),
    };
    rest.keep_all_but(fields, &["schedulePolicyType", "scheduleRunFrequency", member]);
    let chosen = fields.object(member)?;
    if chosen.is_absent() {
        return Err(fields.missing(member));
    }
    let weekdays = match frequency {
        Frequency::Hourly => return hourly(fields, rest).map(|(_, cycle)| cycle),
        Frequency::Daily => Weekday::ALL.into(),
        Frequency::Weekly => required_words(&chosen, "scheduleRunDays", &Weekday::WORDS)?,
    };
    rest.keep_all_but(&chosen, understood);
    at_run_times(&chosen, weekdays).map(|(_, cycle)| cycle)
}

/// Every few hours from the start of a window to its end, both included.
fn hourly(parent: &Fields<'_>, rest: &mut Rest) -> Result<(Date, Cycle)> {
    let fields = parent.object("hourlySchedule")?;
    if fields.is_absent() {
        return Err(parent.missing("hourlySchedule"));
    }
    rest.keep_all_but(&fields, &["interval", "scheduleWindowStartTime", "scheduleWindowDuration"]);
    let interval = required_number(&fields, "interval", 1..=24)?;
    let window = required_number(&fields, "scheduleWindowDuration", 1..=24)?;
    let Moment { date, second } = required_moment(&fields, "scheduleWindowStartTime")?;
    let hours = (0..=window).step_by(usize::try_from(interval).unwrap_or(1));
    let at = |hour: u32| second.saturating_add(hour.saturating_mul(HOUR)).rem_euclid(DAY);
    Ok((date, Cycle::daily(hours.map(at).collect())))
}

fn at_run_times(fields: &Fields<'_>, weekdays: BTreeSet<Weekday>) -> Result<(Date, Cycle)> {
    let runs = moments(fields, "scheduleRunTimes")?;
    let Some(first) = runs.first() else {
        return Err(fields.missing("scheduleRunTimes"));
    };
    let times = times(fields, "scheduleRunTimes")?;
    Ok((first.date, Cycle { weekdays, ..Cycle::daily(times) }))
}

/// How many weeks lie between [`SOME_SUNDAY`] and the week of a day.
pub(super) fn week_number(date: Date) -> i64 {
    date.duration_since(SOME_SUNDAY).as_hours().div_euclid(7 * 24)
}

/// `LongTermSchedulePolicy`: backups run when a tier of retention wants one.
fn with_retention(fields: &Fields<'_>, retention: Option<&Retention>) -> Result<Schedule> {
    let Some(Retention::LongTerm(tiers)) = retention else {
        return Err(fields.wrong("schedulePolicyType", "another one, as there is no long-term retention"));
    };
    if tiers.values().any(|tier| tier.times.is_empty()) {
        return Err(
            fields.wrong("schedulePolicyType", "another one, as a tier of retention has no retentionTimes")
        );
    }
    Ok(cycle_of(tiers).map_or(Schedule::WithRetention, Schedule::Cycle))
}

/// The cycle of weeks that the tiers make, if all of them take their backups from those of one.
fn cycle_of(tiers: &BTreeMap<TierName, Tier>) -> Option<Cycle> {
    let base = tiers.get(&TierName::Daily).or_else(|| tiers.get(&TierName::Weekly))?;
    let weekdays = match &base.days {
        Days::All => Weekday::ALL.into(),
        Days::OfWeek(weekdays) => weekdays.clone(),
        Days::OfMonth(_) | Days::OfYear(..) => return None,
    };
    let within_base = |tier: &Tier| base.days.cover(&tier.days) && base.times.is_superset(&tier.times);
    tiers.values().all(within_base).then(|| Cycle { weekdays, ..Cycle::daily(base.times.clone()) })
}
