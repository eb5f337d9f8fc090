//! How often backups run (contract 7.3 rule 1).

use serde_json::{Value, json};

use super::shapes::*;

const SOME_SUNDAY: &str = "2026-01-04";

fn weekly(days: &[&str]) -> Value {
    plain(days, &[2], 1, SOME_SUNDAY)
}

fn at_hours(hours: &[u32]) -> Value {
    plain(&[], hours, 0, SOME_SUNDAY)
}

#[test]
fn backups_may_not_run_on_fewer_days() {
    let daily = at_hours(&[2]);
    let all = weekly(&["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]);
    let sunday = weekly(&["Sunday"]);
    let two = weekly(&["Monday", "Thursday"]);
    let three = weekly(&["Monday", "Tuesday", "Thursday"]);
    let gap = "the longest gap between backups grows from 24 to 168 hours";
    weaker("daily to weekly", &daily, &sunday, gap);
    free("daily to all days of the week", &daily, &all);
    free("and back", &all, &daily);
    free("weekly to daily", &sunday, &daily);
    weaker("two days to one", &two, &weekly(&["Monday"]), "from 96 to 168 hours");
    weaker("closer together", &two, &weekly(&["Monday", "Tuesday"]), "from 96 to 144 hours");
    weaker("a day is lost though no gap grows", &three, &two, "no longer run on Tuesday");
    weaker("another day does not compare", &sunday, &weekly(&["Monday"]), "no longer run on Sunday");
    free("a day more", &sunday, &weekly(&["Sunday", "Monday"]));
}

#[test]
fn backups_may_not_run_at_fewer_times() {
    let once = at_hours(&[2]);
    let twice = at_hours(&[2, 14]);
    free("another time of day", &once, &at_hours(&[3]));
    free("another date says nothing, every week", &once, &plain(&[], &[2], 0, "2020-02-29"));
    free("once more", &once, &twice);
    weaker("once fewer", &twice, &once, "grows from 12 to 24 hours");
    weaker("unevenly", &twice, &at_hours(&[2, 13]), "grows from 12 to 13 hours");
    weaker("fewer, but better spread", &at_hours(&[2, 3, 4]), &twice, "backups a day fall from 3 to 2");
}

#[test]
fn backups_may_not_run_in_fewer_weeks() {
    let every = |weeks: u32, first: &str| plain(&["Sunday"], &[2], weeks, first);
    let every_second = every(2, SOME_SUNDAY);
    let daily = plain(&[], &[2], 0, SOME_SUNDAY);
    let one_week_later = "2026-01-11";
    let two_weeks_later = "2026-01-18";
    weaker("to every second", &every(1, SOME_SUNDAY), &every_second, "from 168 to 336 hours");
    free("0 weeks is 1", &every(0, SOME_SUNDAY), &every(1, SOME_SUNDAY));
    free("from every second", &every_second, &every(1, SOME_SUNDAY));
    weaker("other weeks", &every_second, &every(2, one_week_later), "run in other weeks");
    free("the same weeks", &every_second, &every(2, two_weeks_later));
    free("every fourth to every second", &every(4, SOME_SUNDAY), &every(2, two_weeks_later));
    weaker("every third to every second", &every(3, SOME_SUNDAY), &every_second, "run in other weeks");
    weaker("daily every second week", &daily, &plain(&[], &[2], 2, SOME_SUNDAY), "from 24 to 192 hours");
}

#[test]
fn schedules_of_the_second_version() {
    let daily = |hours: &[u32]| {
        let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
        vm_v2("dailySchedule", &json!({ "scheduleRunTimes": times }))
    };
    let weekly = |days: &[&str]| {
        vm_v2("weeklySchedule", &json!({ "scheduleRunDays": days, "scheduleRunTimes": [at(8)] }))
    };
    weaker("hourly to daily", &vm_hourly(4, 8, 12), &daily(&[8]), "grows from 12 to 24 hours");
    free("daily to hourly", &daily(&[8]), &vm_hourly(4, 8, 12));
    weaker("a longer interval", &vm_hourly(4, 8, 12), &vm_hourly(6, 8, 12), "backups a day fall from 4 to 3");
    weaker("a shorter window", &vm_hourly(4, 8, 12), &vm_hourly(4, 8, 8), "grows from 12 to 16 hours");
    free("a longer window", &vm_hourly(4, 8, 12), &vm_hourly(4, 8, 16));
    free("round the clock", &vm_hourly(4, 8, 12), &vm_hourly(4, 8, 24));
    free("later, over midnight", &vm_hourly(4, 8, 12), &vm_hourly(4, 20, 12));
    free("the same runs, written out", &vm_hourly(12, 8, 24), &daily(&[8, 20]));
    weaker("daily to weekly", &daily(&[8]), &weekly(&["Sunday"]), "grows from 24 to 168 hours");
    weaker("fewer weekdays", &weekly(&["Sunday", "Friday"]), &weekly(&["Sunday"]), "no longer run on Friday");
    free("weekly to daily", &weekly(&["Sunday"]), &daily(&[8]));
}

#[test]
fn runs_of_their_own_that_a_tier_makes_count() {
    let follow = |yearly_hour: u32| {
        let policy =
            with(daily(), "/schedulePolicy", json!({ "schedulePolicyType": "LongTermSchedulePolicy" }));
        with(policy, &format!("{YEARLY}/retentionTimes"), json!([at(yearly_hour)]))
    };
    weaker("on the days of a tier, once fewer", &follow(14), &follow(2), "the kind of schedule changes");
    weaker("and moved", &follow(14), &follow(15), "yearly retention keeps backups of other times of day");
    weaker("none are left out", &follow(14), &daily(), "the kind of schedule changes");
}

#[test]
fn schedules_that_follow_the_retention() {
    let follow = |policy: Value| {
        with(policy, "/schedulePolicy", json!({ "schedulePolicyType": "LongTermSchedulePolicy" }))
    };
    let nested = || follow(daily());
    let only = |policy: Value, tiers: &[&str]| {
        [DAILY, WEEKLY, MONTHLY, YEARLY]
            .into_iter()
            .filter(|tier| !tiers.contains(tier))
            .fold(follow(policy), without)
    };
    let weekly = |days: Value| with(only(daily(), &[WEEKLY]), &format!("{WEEKLY}/daysOfTheWeek"), days);
    let monthly = |hours: &[u32]| {
        let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
        with(only(daily(), &[MONTHLY]), &format!("{MONTHLY}/retentionTimes"), json!(times))
    };
    free("the same runs", &daily(), &nested());
    free("and back", &nested(), &daily());
    weaker("the daily tier is gone", &nested(), &only(daily(), &[WEEKLY]), "grows from 24 to 96 hours");
    weaker("a run fewer", &follow(mab(&[], &[2, 14])), &nested(), "grows from 12 to 24 hours");
    free("moved", &nested(), &follow(mab(&[], &[5])));
    weaker("a weekday fewer", &weekly(json!(["Sunday", "Monday"])), &weekly(json!(["Sunday"])), "168 hours");
    free("a weekday more", &weekly(json!(["Sunday"])), &weekly(json!(["Sunday", "Monday"])));
    free("monthly alone", &monthly(&[2]), &monthly(&[2]));
    free("monthly alone, more often", &monthly(&[2]), &monthly(&[2, 14]));
    weaker("monthly alone, moved", &monthly(&[2]), &monthly(&[3]), "keeps backups of other times of day");
    weaker("monthly to daily", &monthly(&[2]), &nested(), "the kind of schedule changes");
}
