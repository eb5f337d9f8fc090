//! Whether less is kept, or for less long.
//!
//! Tier by tier (contract 7.3 rule 2): a tier that was there must still be there, for at least as many days, and
//! select at least the same days. That a longer tier might make up for a shorter one counts for nothing.
//!
//! Within a day, tiers may keep different backups, or the same ones. So however tiers overlap, at least as many of
//! the day's backups must be kept: two tiers that keep one backup each keep two, or only one if it is the same.

use std::collections::{BTreeMap, BTreeSet};

use super::super::days::{Day, Days, Weekday, every_day};
use super::super::reason::What;
use super::super::retention::{OUTSIDE, Retention, Tier, TierName};
use super::super::schedule::Schedule;
use super::schedule::names;

type Tiers = BTreeMap<TierName, Tier>;

/// Every way in which `after` keeps less than `before`. Both come with the schedule that feeds them.
pub(super) fn compare(
    what: &str,
    (before, runs_before): (Option<&Retention>, Option<&Schedule>),
    (after, runs_after): (Option<&Retention>, Option<&Schedule>),
) -> Vec<What> {
    match (before, after) {
        (None, _) => Vec::new(),
        (Some(before), None) => gone(what, before),
        (Some(Retention::Simple { days: before }), Some(Retention::Simple { days: after })) => {
            falls(what, *before, *after).into_iter().collect()
        }
        (Some(Retention::LongTerm(before)), Some(Retention::LongTerm(after))) => {
            let mut found: Vec<What> =
                before.iter().flat_map(|(name, tier)| tiers(what, *name, tier, after.get(name))).collect();
            found.extend(less_outside(what, before, after));
            found.extend(fewer_a_day(what, (before, runs_before), (after, runs_after)));
            found.extend(other_times(what, (before, runs_before), (after, runs_after)));
            found
        }
        (Some(Retention::Simple { .. } | Retention::LongTerm(_)), Some(_)) => {
            vec![What::RetentionKind { what: what.to_string() }]
        }
    }
}

fn gone(what: &str, before: &Retention) -> Vec<What> {
    match before {
        Retention::Simple { days } => vec![What::Gone { what: what.to_string(), before: *days }],
        Retention::LongTerm(before) => {
            before.iter().flat_map(|(name, tier)| tiers(what, *name, tier, None)).collect()
        }
    }
}

fn tiers(what: &str, name: TierName, before: &Tier, after: Option<&Tier>) -> Vec<What> {
    let what = format!("{name} {what}");
    let Some(after) = after else {
        return vec![What::Gone { what, before: before.keep }];
    };
    let mut found: Vec<What> = falls(&what, before.keep, after.keep).into_iter().collect();
    if after.days != before.days && !after.days.cover(&before.days) {
        found.push(What::KeptDays { what, gone: weekdays_gone(&before.days, &after.days) });
    }
    found
}

/// Whether what no tier selected, and so was kept for a while, is now kept by a tier for less long.
fn less_outside(what: &str, before: &Tiers, after: &Tiers) -> Option<What> {
    let selects_more =
        |name: &TierName, tier: &Tier| before.get(name).is_none_or(|old| old.days != tier.days);
    let mut short = after.iter().filter(|(name, tier)| tier.keep < OUTSIDE && selects_more(name, tier));
    // What follows looks at each day that there can be.
    if before.contains_key(&TierName::Daily) || short.next().is_none() {
        return None;
    }
    let kept = |tiers: &Tiers, day: &Day| {
        let selecting = tiers.values().filter(|tier| tier.days.select(day));
        selecting.map(|tier| tier.keep).max()
    };
    let outside = every_day().filter(|day| kept(before, day).is_none());
    let least = outside.filter_map(|day| kept(after, &day)).min()?;
    falls(&format!("{what} of days that no tier selected"), OUTSIDE, least)
}

fn falls(what: &str, before: u32, after: u32) -> Option<What> {
    (after < before).then(|| What::Falls { what: what.to_string(), before, after })
}

fn weekdays_gone(before: &Days, after: &Days) -> Option<String> {
    let (Days::OfWeek(before), Days::OfWeek(after)) = (before, after) else {
        return None;
    };
    let gone: BTreeSet<Weekday> = before.difference(after).copied().collect();
    Some(names(&gone))
}

/// Whether of a day that some tiers select, fewer backups are kept: for each set of tiers that there may be.
fn fewer_a_day(
    what: &str,
    (before, runs_before): (&Tiers, Option<&Schedule>),
    (after, runs_after): (&Tiers, Option<&Schedule>),
) -> Option<What> {
    let mut sets: Vec<Vec<TierName>> = vec![Vec::new()];
    for name in before.keys().filter(|name| after.contains_key(name)) {
        let with_it = sets.iter().map(|set| set.iter().chain([name]).copied().collect()).collect::<Vec<_>>();
        sets.extend(with_it);
    }
    let worse = |set: Vec<TierName>| {
        let (before, after) = (kept_a_day(&set, before, runs_before), kept_a_day(&set, after, runs_after));
        let names: Vec<String> = set.iter().map(ToString::to_string).collect();
        let what = format!("{} {what}", names.join(" with "));
        (after < before).then_some(What::KeptADay { what, before, after })
    };
    sets.into_iter().find_map(worse)
}

/// How many backups of one day a set of tiers keeps between them, if all of them select the day.
fn kept_a_day(set: &[TierName], tiers: &Tiers, runs: Option<&Schedule>) -> usize {
    let tiers = set.iter().filter_map(|name| tiers.get(name));
    let Some(Schedule::Cycle(cycle)) = runs else {
        let named: Vec<&BTreeSet<u32>> = tiers.map(|tier| &tier.times).collect();
        let all = named.iter().any(|times| times.is_empty());
        return if all { usize::MAX } else { named.into_iter().flatten().collect::<BTreeSet<_>>().len() };
    };
    let kept = tiers.flat_map(|tier| {
        cycle.times.iter().filter(|time| tier.times.is_empty() || tier.times.contains(*time))
    });
    kept.collect::<BTreeSet<_>>().len()
}

/// Where backups do not run in a cycle, times of day cannot be counted: they must go on as they are.
fn other_times(
    what: &str,
    (before, runs_before): (&Tiers, Option<&Schedule>),
    (after, runs_after): (&Tiers, Option<&Schedule>),
) -> Option<What> {
    if let (Some(Schedule::Cycle(_)), Some(Schedule::Cycle(_))) = (runs_before, runs_after) {
        return None;
    }
    let goes_on =
        |before: &Tier, after: &Tier| after.times.is_empty() || after.times.is_superset(&before.times);
    let changed =
        before.iter().find(|(name, tier)| after.get(name).is_some_and(|after| !goes_on(tier, after)));
    changed.map(|(name, _)| What::KeptTimes { what: format!("{name} {what}") })
}
