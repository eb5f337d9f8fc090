//! What is kept, and for how long (contract 7.3 rule 2).

use serde_json::{Value, json};

use super::shapes::*;

#[test]
fn durations_compare_in_days() {
    free("the same", &daily(), &daily());
    weaker("30 to 7", &daily(), &kept(DAILY, 7, "Days"), "daily retention falls from 30 to 7 days");
    free("30 to 31", &daily(), &kept(DAILY, 31, "Days"));
    weaker(
        "8 weeks to 9 days",
        &daily(),
        &kept(WEEKLY, 9, "Days"),
        "weekly retention falls from 56 to 9 days",
    );
    free("8 weeks to 56 days", &daily(), &kept(WEEKLY, 56, "Days"));
    weaker("8 weeks to 55 days", &daily(), &kept(WEEKLY, 55, "Days"), "from 56 to 55 days");
    free("8 weeks to 2 months, a lower count", &daily(), &kept(WEEKLY, 2, "Months"));
    free("12 months to 1 year", &daily(), &kept(MONTHLY, 1, "Years"));
    free("12 months to 59 weeks", &daily(), &kept(MONTHLY, 59, "Weeks"));
    weaker(
        "12 months to 11",
        &daily(),
        &kept(MONTHLY, 11, "Months"),
        "monthly retention falls from 360 to 330",
    );
    weaker(
        "10 years to 120 months",
        &daily(),
        &kept(YEARLY, 120, "Months"),
        "yearly retention falls from 3650",
    );
    free("10 years to 99", &daily(), &kept(YEARLY, 99, "Years"));
}

#[test]
fn a_tier_that_is_gone_is_weaker_and_a_new_one_is_not() {
    for (name, pointer, why) in [
        ("daily", DAILY, "daily retention of 30 days is gone"),
        ("weekly", WEEKLY, "weekly retention of 56 days is gone"),
        ("monthly", MONTHLY, "monthly retention of 360 days is gone"),
        ("yearly", YEARLY, "yearly retention of 3650 days is gone"),
    ] {
        weaker(name, &daily(), &without(daily(), pointer), why);
        weaker(name, &daily(), &with(daily(), pointer, Value::Null), why);
        free(name, &without(daily(), pointer), &daily());
    }
    let long_daily = without(kept(DAILY, 9999, "Days"), WEEKLY);
    weaker("a longer tier makes up for nothing", &daily(), &long_daily, "weekly retention of 56 days");
}

const FEWER: &str = "monthly retention no longer keeps all the days it kept";

#[test]
fn a_tier_may_not_choose_fewer_days_of_the_week() {
    let week = |days: Value| tier(WEEKLY, "daysOfTheWeek", days);
    let monday = week(json!(["Monday", "Thursday"]));
    let more = week(json!(["Monday", "sunday", "Thursday"]));
    weaker("one fewer", &daily(), &week(json!(["Sunday"])), "weekly retention no longer keeps Thursday");
    weaker("another", &daily(), &monday, "weekly retention no longer keeps Sunday");
    free("one more", &daily(), &more);
    free("another order", &daily(), &week(json!(["Thursday", "Sunday"])));
}

#[test]
fn a_tier_may_not_choose_fewer_days_of_the_month() {
    let month = |days: &[&str], weeks: &[&str]| {
        let format = json!({ "daysOfTheWeek": days, "weeksOfTheMonth": weeks });
        tier(MONTHLY, "retentionScheduleWeekly", format)
    };
    weaker("another weekday", &daily(), &month(&["Monday"], &["First"]), FEWER);
    weaker("another week", &daily(), &month(&["Sunday"], &["Second"]), FEWER);
    free("a week more", &daily(), &month(&["Sunday"], &["First", "Last"]));
    free("a weekday more", &daily(), &month(&["Sunday", "Monday"], &["First"]));
    let fourth = month(&["Sunday"], &["Fourth"]);
    weaker("the fourth is not always the last", &fourth, &month(&["Sunday"], &["Last"]), FEWER);
    weaker("nor the last the fourth", &month(&["Sunday"], &["Last"]), &fourth, FEWER);
}

#[test]
fn a_tier_may_not_choose_fewer_days_by_number() {
    let numbers = |numbers: &[u32], last: bool| {
        let number = |number: &u32| json!({ "date": number, "isLast": false });
        let mut days: Vec<Value> = numbers.iter().map(number).collect();
        days.extend(last.then(|| json!({ "date": 0, "isLast": true })));
        let tier = json!({
            "retentionScheduleFormatType": "Daily", "retentionScheduleDaily": { "daysOfTheMonth": days },
            "retentionTimes": [at(2)], "retentionDuration": keep(12, "Months"),
        });
        with(daily(), MONTHLY, tier)
    };
    let last = numbers(&[], true);
    free("the first week has the first Sunday", &daily(), &numbers(&[1, 2, 3, 4, 5, 6, 7], false));
    weaker("not without the seventh", &daily(), &numbers(&[1, 2, 3, 4, 5, 6], false), FEWER);
    weaker("the 31st is not the last of every month", &last, &numbers(&[31], false), FEWER);
    free("the last may be any of four", &last, &numbers(&[28, 29, 30, 31], false));
    weaker("only three of the four", &last, &numbers(&[29, 30, 31], false), FEWER);
    weaker("the 31st is a day", &numbers(&[30, 31], false), &numbers(&[30], false), FEWER);
    weaker("not the 29th of leap years", &last, &numbers(&[28, 30, 31], false), FEWER);
    free("the last as well", &numbers(&[1], false), &numbers(&[1], true));
    weaker("the last instead", &numbers(&[1, 2], false), &numbers(&[2], true), FEWER);
}

#[test]
fn a_tier_may_not_choose_fewer_months() {
    let months = |months: Value| tier(YEARLY, "monthsOfYear", months);
    let why = "yearly retention no longer keeps all the days it kept";
    weaker("one fewer", &daily(), &months(json!(["January"])), why);
    weaker("another", &daily(), &months(json!(["January", "June"])), why);
    let february = |dates: Value| {
        let days = with(months(json!(["February"])), &format!("{YEARLY}/retentionScheduleDaily"), dates);
        with(days, &format!("{YEARLY}/retentionTimes"), json!([]))
    };
    let both = february(json!({ "daysOfTheMonth": [{ "date": 28 }, { "date": 29 }] }));
    weaker("the leap day is a day", &both, &february(json!({ "daysOfTheMonth": [{ "date": 28 }] })), why);
    free("one more", &daily(), &months(json!(["July", "March", "January"])));
}

#[test]
fn a_tier_may_not_keep_fewer_backups_of_a_day() {
    let twice = || mab(&[], &[2, 14]);
    let times = |policy: Value, pointer: &str, hours: &[u32]| {
        let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
        with(policy, &format!("{pointer}/retentionTimes"), json!(times))
    };
    let apart = times(times(twice(), DAILY, &[2]), WEEKLY, &[14]);
    let together = times(times(twice(), DAILY, &[2]), WEEKLY, &[2]);
    let missed = times(daily(), DAILY, &[3]);
    weaker("one of two", &twice(), &times(twice(), WEEKLY, &[2]), "weekly retention keeps 1 instead of 2");
    free("the other one", &times(twice(), WEEKLY, &[2]), &times(twice(), WEEKLY, &[14]));
    free("none named is all", &times(twice(), WEEKLY, &[2]), &times(twice(), WEEKLY, &[]));
    weaker("all to one", &times(twice(), WEEKLY, &[]), &times(twice(), WEEKLY, &[2]), "1 instead of 2");
    weaker(
        "two tiers that kept two backups keep one twice",
        &apart.clone(),
        &together.clone(),
        "daily with weekly retention keeps 1 instead of 2",
    );
    free("and the other way round", &together, &apart);
    weaker("a time at which nothing runs", &daily(), &missed, "daily retention keeps 0 instead of 1");
    free(
        "another run, not kept longer",
        &daily(),
        &times(daily(), "/retentionPolicy/dailySchedule", &[2, 14]),
    );
}
