//! What a policy keeps, and for how long.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use arm::{Fields, Result};
use jiff::civil::Date;
use serde_json::Value;

use super::days::{Day, Days, OfMonth, Week, Weekday};
use super::read::{COUNTS, each, number, required_number, required_word, required_words, times};
use super::rest::Rest;

/// What a policy keeps, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Retention {
    /// Every backup for the same number of days.
    Simple {
        /// How long.
        days: u32,
    },
    /// Some backups longer than others. At least one tier.
    LongTerm(BTreeMap<TierName, Tier>),
}

/// For how many days a backup is kept that no tier selects.
pub(super) const OUTSIDE: u32 = 30;

/// The tiers of long-term retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TierName {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl TierName {
    const ALL: [(&str, Self); 4] = [
        ("dailySchedule", Self::Daily),
        ("weeklySchedule", Self::Weekly),
        ("monthlySchedule", Self::Monthly),
        ("yearlySchedule", Self::Yearly),
    ];
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        })
    }
}

/// One tier: the backups of some days, for so long.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tier {
    /// The days whose backups it keeps.
    pub(super) days: Days,
    /// Which backups of such a day, in seconds since midnight. Empty: all of them.
    pub(super) times: BTreeSet<u32>,
    /// For how many days it keeps them.
    pub(super) keep: u32,
}

/// The discriminator `retentionPolicyType`.
#[derive(Clone, Copy)]
enum Kind {
    Simple,
    LongTerm,
}

const KINDS: [(&str, Kind); 2] =
    [("SimpleRetentionPolicy", Kind::Simple), ("LongTermRetentionPolicy", Kind::LongTerm)];

/// Units of a duration in days (contract 7.1: a count alone says nothing).
const UNITS: [(&str, u32); 4] = [("Days", 1), ("Weeks", 7), ("Months", 30), ("Years", 365)];

const MONTHS: [(&str, u8); 12] = [
    ("January", 1),
    ("February", 2),
    ("March", 3),
    ("April", 4),
    ("May", 5),
    ("June", 6),
    ("July", 7),
    ("August", 8),
    ("September", 9),
    ("October", 10),
    ("November", 11),
    ("December", 12),
];

impl Retention {
    /// Reads the member with this name, which must be there.
    pub(super) fn required(parent: &Fields<'_>, name: &str, rest: &mut Rest) -> Result<Self> {
        Self::read(parent, name, rest)?.ok_or_else(|| parent.missing(name))
    }

    /// Reads the member with this name.
    pub(super) fn read(parent: &Fields<'_>, name: &str, rest: &mut Rest) -> Result<Option<Self>> {
        let fields = parent.object(name)?;
        if fields.is_absent() {
            return Ok(None);
        }
        match required_word(&fields, "retentionPolicyType", &KINDS)? {
            Kind::Simple => {
                rest.keep_all_but(&fields, &["retentionPolicyType", "retentionDuration"]);
                Ok(Some(Self::Simple { days: duration(&fields, rest)? }))
            }
            Kind::LongTerm => long_term(&fields, rest).map(Some),
        }
    }

    /// For how many days a backup is kept that arrives on any of these days. What arrives on days that no tier selects is
    /// kept as Azure keeps backups outside the schedule.
    pub(super) fn kept(&self, dates: &[Date]) -> u32 {
        let kept = |date: &Date| match self.days_kept(*date) {
            0 => OUTSIDE,
            days => days,
        };
        dates.iter().map(kept).max().unwrap_or(OUTSIDE)
    }

    /// Its tiers by their names, and for how many days each keeps something.
    pub(super) fn tiers(&self) -> Vec<(String, u32)> {
        match self {
            Self::Simple { days } => vec![("all".into(), *days)],
            Self::LongTerm(tiers) => tiers.iter().map(|(name, tier)| (name.to_string(), tier.keep)).collect(),
        }
    }

    /// For how many days a backup of this day is kept; 0 if no tier selects it.
    pub(super) fn days_kept(&self, date: Date) -> u32 {
        let day = Day::of(date);
        match self {
            Self::Simple { days } => *days,
            Self::LongTerm(tiers) => {
                let selecting = tiers.values().filter(|tier| tier.days.select(&day));
                selecting.map(|tier| tier.keep).max().unwrap_or_default()
            }
        }
    }
}

fn long_term(fields: &Fields<'_>, rest: &mut Rest) -> Result<Retention> {
    let mut understood = vec!["retentionPolicyType"];
    let mut tiers = BTreeMap::new();
    for (member, name) in TierName::ALL {
        understood.push(member);
        let tier = fields.object(member)?;
        if !tier.is_absent() {
            tiers.insert(name, read_tier(&tier, name, rest)?);
        }
    }
    if tiers.is_empty() {
        return Err(fields.missing("dailySchedule"));
    }
    rest.keep_all_but(fields, &understood);
    Ok(Retention::LongTerm(tiers))
}

fn read_tier(fields: &Fields<'_>, name: TierName, rest: &mut Rest) -> Result<Tier> {
    let mut understood = vec!["retentionTimes", "retentionDuration"];
    let days = match name {
        TierName::Daily => Days::All,
        TierName::Weekly => {
            understood.push("daysOfTheWeek");
            Days::OfWeek(required_words(fields, "daysOfTheWeek", &Weekday::WORDS)?)
        }
        TierName::Monthly => Days::OfMonth(read_of_month(fields, &mut understood, rest)?),
        TierName::Yearly => {
            understood.push("monthsOfYear");
            let months = required_words(fields, "monthsOfYear", &MONTHS)?;
            Days::OfYear(months, read_of_month(fields, &mut understood, rest)?)
        }
    };
    rest.keep_all_but(fields, &understood);
    Ok(Tier { days, times: times(fields, "retentionTimes")?, keep: duration(fields, rest)? })
}

/// The days of a monthly or yearly tier, in one of two formats. The other format may be there too: it means nothing.
fn read_of_month(fields: &Fields<'_>, understood: &mut Vec<&str>, rest: &mut Rest) -> Result<OfMonth> {
    const BY_WEEKDAY: &str = "retentionScheduleWeekly";
    const BY_NUMBER: &str = "retentionScheduleDaily";
    const FORMATS: [(&str, &str); 2] = [("Weekly", BY_WEEKDAY), ("Daily", BY_NUMBER)];
    let format = required_word(fields, "retentionScheduleFormatType", &FORMATS)?;
    understood.extend(["retentionScheduleFormatType", format]);
    let chosen = fields.object(format)?;
    if chosen.is_absent() {
        return Err(fields.missing(format));
    }
    if format == BY_WEEKDAY {
        rest.keep_all_but(&chosen, &["daysOfTheWeek", "weeksOfTheMonth"]);
        let weekdays = required_words(&chosen, "daysOfTheWeek", &Weekday::WORDS)?;
        return Ok(OfMonth::Weekdays {
            weekdays,
            weeks: required_words(&chosen, "weeksOfTheMonth", &Week::WORDS)?,
        });
    }
    rest.keep_all_but(&chosen, &["daysOfTheMonth"]);
    read_numbers(&chosen, rest)
}

fn read_numbers(fields: &Fields<'_>, rest: &mut Rest) -> Result<OfMonth> {
    let label = |index: usize, _: &Value| index.to_string();
    let days = each(fields, "daysOfTheMonth", label, |day| {
        let last = day.boolean("isLast")?.unwrap_or_default();
        let number = number(day, "date", 0..=31)?.unwrap_or_default();
        // Beside `isLast` the number is a filler; one that looks like a day is not understood.
        let understood: &[&str] = if last && number > 0 { &["isLast"] } else { &["date", "isLast"] };
        rest.keep_all_but(day, understood);
        match u8::try_from(number).ok().filter(|number| *number > 0) {
            _ if last => Ok(None),
            None => Err(day.wrong("date", "a day of the month, from 1 to 31")),
            number => Ok(number),
        }
    })?;
    if days.is_empty() {
        return Err(fields.missing("daysOfTheMonth"));
    }
    let last = days.contains(&None);
    Ok(OfMonth::Numbers { numbers: days.into_iter().flatten().collect(), last })
}

fn duration(parent: &Fields<'_>, rest: &mut Rest) -> Result<u32> {
    let fields = parent.object("retentionDuration")?;
    if fields.is_absent() {
        return Err(parent.missing("retentionDuration"));
    }
    rest.keep_all_but(&fields, &["count", "durationType"]);
    let count = required_number(&fields, "count", COUNTS)?;
    Ok(count.saturating_mul(required_word(&fields, "durationType", &UNITS)?))
}
