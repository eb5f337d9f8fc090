//! Whether backups run more rarely.
//!
//! The longest gap alone is not enough: three backups in one hour, or two spread over the day? Nor are the runs:
//! two an hour apart, or two spread over the day? So backups must go on running in the same weeks, on the same days
//! and at least as many times a day, *and* the longest gap may not grow. They may move within the day.

use std::collections::BTreeSet;

use super::super::days::Weekday;
use super::super::reason::What;
use super::super::schedule::{Cycle, Schedule};

/// Every way in which `after` runs more rarely than `before`.
pub(super) fn compare(before: Option<&Schedule>, after: Option<&Schedule>) -> Vec<What> {
    let Some(before) = before else { return Vec::new() };
    let Some(after) = after else {
        return vec![What::ScheduleGone];
    };
    match (before, after) {
        (Schedule::Cycle(before), Schedule::Cycle(after)) => cycles(before, after),
        (Schedule::Every { minutes: before }, Schedule::Every { minutes: after }) => {
            let seconds = |minutes: u32| u64::from(minutes).saturating_mul(60);
            gap(seconds(*before), seconds(*after)).into_iter().collect()
        }
        // The tiers name days and times, and are compared as such: see `retention::other_times`.
        (Schedule::WithRetention, Schedule::WithRetention) => Vec::new(),
        (Schedule::Cycle(_) | Schedule::Every { .. } | Schedule::WithRetention, _) => {
            vec![What::ScheduleKind]
        }
    }
}

fn cycles(before: &Cycle, after: &Cycle) -> Vec<What> {
    let mut found: Vec<What> = gap(before.longest_gap(), after.longest_gap()).into_iter().collect();
    let gone: BTreeSet<Weekday> = before.weekdays.difference(&after.weekdays).copied().collect();
    if !gone.is_empty() {
        found.push(What::RunDays { gone: names(&gone) });
    }
    if !weeks_go_on(before, after) {
        found.push(What::RunWeeks);
    }
    let (runs, runs_after) = (before.times.len(), after.times.len());
    if runs_after < runs {
        found.push(What::RunsADay { before: runs, after: runs_after });
    }
    found
}

fn gap(before: u64, after: u64) -> Option<What> {
    (after > before).then_some(What::Gap { before, after })
}

/// Whether each week with backups is one still: every third week goes on in every week and in every third from the
/// same one, but not in every second.
fn weeks_go_on(before: &Cycle, after: &Cycle) -> bool {
    let divides = before.weeks.checked_rem(after.weeks) == Some(0);
    divides && before.phase.checked_rem(after.weeks) == Some(after.phase)
}

/// "Monday, Thursday".
pub(super) fn names(days: &BTreeSet<Weekday>) -> String {
    let names: Vec<String> = days.iter().map(ToString::to_string).collect();
    names.join(", ")
}
