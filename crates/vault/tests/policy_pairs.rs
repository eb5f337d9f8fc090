//! Every rule of the comparison (contract 7.3), as pairs of policies: is the second weaker than the first, and why?

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vault::policy::{PolicyBody, Verdict, compare};

    /// Before, after, and a part of the reason if it is weaker.
    type Pair = (&'static str, Value, Value, Option<&'static str>);

    fn at(hour: u32) -> String {
        format!("2026-01-04T{hour:02}:00:00Z")
    }

    fn keep(count: u32, unit: &str) -> Value {
        json!({ "count": count, "durationType": unit })
    }

    /// File backups: on some weekdays (none: daily) at some hours; four tiers of retention.
    fn mab(days: &[&str], hours: &[u32]) -> Value {
        let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
        let frequency = if days.is_empty() { "Daily" } else { "Weekly" };
        json!({
            "backupManagementType": "MAB",
            "schedulePolicy": {
                "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": frequency,
                "scheduleRunDays": days, "scheduleRunTimes": times, "scheduleWeeklyFrequency": 0,
            },
            "retentionPolicy": {
                "retentionPolicyType": "LongTermRetentionPolicy",
                "dailySchedule": { "retentionTimes": times, "retentionDuration": keep(30, "Days") },
                "weeklySchedule": {
                    "daysOfTheWeek": ["Sunday", "Thursday"], "retentionTimes": times,
                    "retentionDuration": keep(8, "Weeks"),
                },
                "monthlySchedule": {
                    "retentionScheduleFormatType": "Weekly",
                    "retentionScheduleWeekly": { "daysOfTheWeek": ["Sunday"], "weeksOfTheMonth": ["First"] },
                    "retentionScheduleDaily": null,
                    "retentionTimes": times, "retentionDuration": keep(12, "Months"),
                },
                "yearlySchedule": {
                    "retentionScheduleFormatType": "Daily", "monthsOfYear": ["January", "July"],
                    "retentionScheduleDaily": { "daysOfTheMonth": [{ "date": 1, "isLast": false }] },
                    "retentionTimes": times, "retentionDuration": keep(10, "Years"),
                },
            },
        })
    }

    fn daily() -> Value {
        mab(&[], &[2])
    }

    /// File backups with nothing but a daily tier.
    fn plain(days: &[&str], hours: &[u32], every_weeks: u32, first: &str) -> Value {
        let times: Vec<String> = hours
            .iter()
            .map(|hour| format!("{first}T{hour:02}:00:00Z"))
            .collect();
        json!({
            "backupManagementType": "MAB",
            "schedulePolicy": {
                "schedulePolicyType": "SimpleSchedulePolicy",
                "scheduleRunFrequency": if days.is_empty() { "Daily" } else { "Weekly" },
                "scheduleRunDays": days, "scheduleRunTimes": times, "scheduleWeeklyFrequency": every_weeks,
            },
            "retentionPolicy": {
                "retentionPolicyType": "LongTermRetentionPolicy",
                "dailySchedule": { "retentionTimes": times, "retentionDuration": keep(30, "Days") },
            },
        })
    }

    fn vm_hourly(interval: u32, start: u32, window: u32) -> Value {
        json!({
            "backupManagementType": "AzureIaasVM", "policyType": "V2", "instantRpRetentionRangeInDays": 5,
            "schedulePolicy": {
                "schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": "Hourly",
                "hourlySchedule": {
                    "interval": interval, "scheduleWindowStartTime": at(start), "scheduleWindowDuration": window,
                },
            },
            "retentionPolicy": {
                "retentionPolicyType": "LongTermRetentionPolicy",
                "dailySchedule": { "retentionTimes": [at(start)], "retentionDuration": keep(30, "Days") },
            },
        })
    }

    fn vm_v2(member: &str, schedule: &Value) -> Value {
        let mut policy = vm_hourly(4, 8, 12);
        let frequency = if member == "dailySchedule" {
            "Daily"
        } else {
            "Weekly"
        };
        policy["schedulePolicy"] = json!({
            "schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": frequency, member: schedule,
        });
        policy
    }

    fn built_in(name: &str) -> Value {
        let found = vault::policy::built_in().into_iter().find(|(is, _)| *is == name);
        found.unwrap().1
    }

    fn share(hourly: bool) -> Value {
        let schedule = if hourly {
            json!({ "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Hourly",
                "hourlySchedule": { "interval": 4, "scheduleWindowStartTime": at(8), "scheduleWindowDuration": 12 } })
        } else {
            json!({ "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily",
                "scheduleRunTimes": [at(8)] })
        };
        json!({
            "backupManagementType": "AzureStorage", "workLoadType": "AzureFileShare", "timeZone": "UTC",
            "schedulePolicy": schedule,
            "retentionPolicy": {
                "retentionPolicyType": "LongTermRetentionPolicy",
                "dailySchedule": { "retentionTimes": [at(8)], "retentionDuration": keep(30, "Days") },
            },
        })
    }

    fn vaulted_share() -> Value {
        let mut policy = share(false);
        let retention = policy.as_object_mut().unwrap().remove("retentionPolicy").unwrap();
        policy["vaultRetentionPolicy"] =
            json!({ "vaultRetention": retention, "snapshotRetentionInDays": 10 });
        policy
    }

    fn sql_azure(days: u32) -> Value {
        json!({ "backupManagementType": "AzureSql", "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "weeklySchedule": { "daysOfTheWeek": ["Sunday"], "retentionTimes": [at(2)],
                "retentionDuration": keep(days, "Days") } } })
    }

    fn simple(days: u32) -> Value {
        json!({ "retentionPolicyType": "SimpleRetentionPolicy", "retentionDuration": keep(days, "Days") })
    }

    /// The policy with the member at this pointer set.
    fn with(mut policy: Value, pointer: &str, value: Value) -> Value {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = policy.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
            parent => parent[name] = value,
        }
        policy
    }

    fn without(mut policy: Value, pointer: &str) -> Value {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match policy.pointer_mut(parent).unwrap() {
            Value::Array(list) => drop(list.remove(name.parse().unwrap())),
            parent => drop(parent.as_object_mut().unwrap().remove(name)),
        }
        policy
    }

    fn check(pairs: Vec<Pair>) {
        for (name, before, after, weaker) in pairs {
            let [before, after] = [before, after]
                .map(|policy| PolicyBody::parse(&policy).unwrap_or_else(|error| panic!("{name}: {error:?}")));
            let reasons = match compare(&before, &after) {
                Verdict::NotWeaker => Vec::new(),
                Verdict::Weaker(reasons) => reasons.iter().map(ToString::to_string).collect(),
            };
            match weaker {
                None => assert!(reasons.is_empty(), "{name}: not weaker, but {reasons:?}"),
                Some(why) => {
                    assert!(
                        reasons.iter().any(|reason| reason.contains(why)),
                        "{name}: '{why}' not in {reasons:?}"
                    );
                }
            }
        }
    }

    const DAILY: &str = "/retentionPolicy/dailySchedule";
    const WEEKLY: &str = "/retentionPolicy/weeklySchedule";
    const MONTHLY: &str = "/retentionPolicy/monthlySchedule";
    const YEARLY: &str = "/retentionPolicy/yearlySchedule";

    fn tier(tier: &str, member: &str, value: Value) -> Value {
        with(daily(), &format!("{tier}/{member}"), value)
    }

    fn kept(tier_pointer: &str, count: u32, unit: &str) -> Value {
        tier(tier_pointer, "retentionDuration", keep(count, unit))
    }

    #[test]
    fn durations_compare_in_days() {
        check(vec![
            ("the same", daily(), daily(), None),
            (
                "30 to 7",
                daily(),
                kept(DAILY, 7, "Days"),
                Some("daily retention falls from 30 to 7 days"),
            ),
            ("30 to 31", daily(), kept(DAILY, 31, "Days"), None),
            (
                "8 weeks to 9 days",
                daily(),
                kept(WEEKLY, 9, "Days"),
                Some("weekly retention falls from 56 to 9 days"),
            ),
            ("8 weeks to 56 days", daily(), kept(WEEKLY, 56, "Days"), None),
            (
                "8 weeks to 55 days",
                daily(),
                kept(WEEKLY, 55, "Days"),
                Some("from 56 to 55 days"),
            ),
            (
                "8 weeks to 2 months, a lower count",
                daily(),
                kept(WEEKLY, 2, "Months"),
                None,
            ),
            ("12 months to 1 year", daily(), kept(MONTHLY, 1, "Years"), None),
            ("12 months to 59 weeks", daily(), kept(MONTHLY, 59, "Weeks"), None),
            (
                "12 months to 11",
                daily(),
                kept(MONTHLY, 11, "Months"),
                Some("monthly retention falls from 360 to 330"),
            ),
            (
                "10 years to 120 months",
                daily(),
                kept(YEARLY, 120, "Months"),
                Some("yearly retention falls from 3650"),
            ),
            ("10 years to 99", daily(), kept(YEARLY, 99, "Years"), None),
        ]);
    }

    #[test]
    fn a_tier_that_is_gone_is_weaker_and_a_new_one_is_not() {
        let mut pairs: Vec<Pair> = Vec::new();
        for (name, pointer, why) in [
            ("daily", DAILY, "daily retention of 30 days is gone"),
            ("weekly", WEEKLY, "weekly retention of 56 days is gone"),
            ("monthly", MONTHLY, "monthly retention of 360 days is gone"),
            ("yearly", YEARLY, "yearly retention of 3650 days is gone"),
        ] {
            pairs.push((name, daily(), without(daily(), pointer), Some(why)));
            pairs.push((name, daily(), with(daily(), pointer, Value::Null), Some(why)));
            pairs.push((name, without(daily(), pointer), daily(), None));
        }
        let long_daily = without(kept(DAILY, 9999, "Days"), WEEKLY);
        pairs.push((
            "a longer tier makes up for nothing",
            daily(),
            long_daily,
            Some("weekly retention"),
        ));
        check(pairs);
    }

    #[test]
    fn a_tier_may_not_choose_fewer_days() {
        let week = |days: Value| tier(WEEKLY, "daysOfTheWeek", days);
        let month = |days: Value, weeks: Value| {
            let format = json!({ "daysOfTheWeek": days, "weeksOfTheMonth": weeks });
            tier(MONTHLY, "retentionScheduleWeekly", format)
        };
        let numbers = |numbers: &[u32], last: bool| {
            let mut days: Vec<Value> = numbers
                .iter()
                .map(|number| json!({ "date": number, "isLast": false }))
                .collect();
            days.extend(last.then(|| json!({ "date": 0, "isLast": true })));
            let tier = json!({
                "retentionScheduleFormatType": "Daily", "retentionScheduleDaily": { "daysOfTheMonth": days },
                "retentionTimes": [at(2)], "retentionDuration": keep(12, "Months"),
            });
            with(daily(), MONTHLY, tier)
        };
        let first_week: Vec<u32> = (1..=7).collect();
        let fewer = Some("monthly retention no longer keeps all the days it kept");
        let days = |months: Value| tier(YEARLY, "monthsOfYear", months);
        check(vec![
            (
                "one day fewer",
                daily(),
                week(json!(["Sunday"])),
                Some("weekly retention no longer keeps Thursday"),
            ),
            (
                "another day",
                daily(),
                week(json!(["Monday", "Thursday"])),
                Some("no longer keeps Sunday"),
            ),
            (
                "a day more",
                daily(),
                week(json!(["Monday", "sunday", "Thursday"])),
                None,
            ),
            (
                "another order",
                daily(),
                week(json!(["Thursday", "Sunday"])),
                None,
            ),
            (
                "another weekday of the month",
                daily(),
                month(json!(["Monday"]), json!(["First"])),
                fewer,
            ),
            (
                "another week of the month",
                daily(),
                month(json!(["Sunday"]), json!(["Second"])),
                fewer,
            ),
            (
                "a week more",
                daily(),
                month(json!(["Sunday"]), json!(["First", "Last"])),
                None,
            ),
            (
                "a weekday more",
                daily(),
                month(json!(["Sunday", "Monday"]), json!(["First"])),
                None,
            ),
            (
                "by number: another format that keeps the same and more",
                daily(),
                numbers(&first_week, false),
                None,
            ),
            (
                "by number: a day too few",
                daily(),
                numbers(&[1, 2, 3, 4, 5, 6], false),
                fewer,
            ),
            (
                "the 31st is not the last of every month",
                numbers(&[], true),
                numbers(&[31], false),
                fewer,
            ),
            (
                "the last may be any of four",
                numbers(&[], true),
                numbers(&[28, 29, 30, 31], false),
                None,
            ),
            (
                "only three of the four",
                numbers(&[], true),
                numbers(&[29, 30, 31], false),
                fewer,
            ),
            ("last and first", numbers(&[1], false), numbers(&[1], true), None),
            (
                "the first becomes a filler",
                numbers(&[1, 2], false),
                numbers(&[2], true),
                fewer,
            ),
            (
                "the other half of the year",
                daily(),
                days(json!(["January"])),
                Some("yearly retention no longer"),
            ),
            (
                "a month more",
                daily(),
                days(json!(["July", "March", "January"])),
                None,
            ),
        ]);
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
        check(vec![
            (
                "one of two",
                twice(),
                times(twice(), WEEKLY, &[2]),
                Some("weekly retention keeps 1 instead of 2"),
            ),
            (
                "the other one",
                times(twice(), WEEKLY, &[2]),
                times(twice(), WEEKLY, &[14]),
                None,
            ),
            (
                "none named is all",
                times(twice(), WEEKLY, &[2]),
                times(twice(), WEEKLY, &[]),
                None,
            ),
            (
                "all to one",
                times(twice(), WEEKLY, &[]),
                times(twice(), WEEKLY, &[2]),
                Some("1 instead of 2"),
            ),
            (
                "two tiers that kept two backups keep one twice",
                apart.clone(),
                together.clone(),
                Some("daily with weekly retention keeps 1 instead of 2"),
            ),
            ("and the other way round", together, apart, None),
            (
                "a time at which nothing runs",
                daily(),
                missed,
                Some("daily retention keeps 0 instead of 1"),
            ),
            (
                "another run, not kept longer",
                daily(),
                times(daily(), "/retentionPolicy/dailySchedule", &[2, 14]),
                None,
            ),
        ]);
    }

    #[test]
    fn backups_may_not_run_more_rarely() {
        let some = "2026-01-04";
        let daily = || plain(&[], &[2], 0, some);
        let weekly = |days: &[&str]| plain(days, &[2], 1, some);
        let every = |weeks: u32, first: &str| plain(&["Sunday"], &[2], weeks, first);
        check(vec![
            (
                "daily to weekly",
                daily(),
                weekly(&["Sunday"]),
                Some("the longest gap between backups grows from 24 to 168 hours"),
            ),
            (
                "daily to all days of the week",
                daily(),
                weekly(&[
                    "Sunday",
                    "Monday",
                    "Tuesday",
                    "Wednesday",
                    "Thursday",
                    "Friday",
                    "Saturday",
                ]),
                None,
            ),
            ("weekly to daily", weekly(&["Sunday"]), daily(), None),
            (
                "two days to one",
                weekly(&["Monday", "Thursday"]),
                weekly(&["Monday"]),
                Some("from 96 to 168 hours"),
            ),
            (
                "two days closer together",
                weekly(&["Monday", "Thursday"]),
                weekly(&["Monday", "Tuesday"]),
                Some("from 96 to 144 hours"),
            ),
            (
                "a day is lost though no gap grows",
                weekly(&["Monday", "Tuesday", "Thursday"]),
                weekly(&["Monday", "Thursday"]),
                Some("no longer run on Tuesday"),
            ),
            (
                "another day does not compare",
                weekly(&["Sunday"]),
                weekly(&["Monday"]),
                Some("no longer run on Sunday"),
            ),
            (
                "a day more",
                weekly(&["Sunday"]),
                weekly(&["Sunday", "Monday"]),
                None,
            ),
            ("another time of day", daily(), plain(&[], &[3], 0, some), None),
            (
                "another date says nothing, every week",
                daily(),
                plain(&[], &[2], 0, "2020-02-29"),
                None,
            ),
            (
                "twice a day to once",
                plain(&[], &[2, 14], 0, some),
                daily(),
                Some("grows from 12 to 24 hours"),
            ),
            (
                "twice a day, unevenly",
                plain(&[], &[2, 14], 0, some),
                plain(&[], &[2, 13], 0, some),
                Some("grows from 12 to 13 hours"),
            ),
            (
                "fewer runs, better spread",
                plain(&[], &[2, 3, 4], 0, some),
                plain(&[], &[2, 14], 0, some),
                Some("backups a day fall from 3 to 2"),
            ),
            (
                "every week to every second",
                every(1, some),
                every(2, some),
                Some("from 168 to 336 hours"),
            ),
            ("0 weeks is 1", every(0, some), every(1, some), None),
            ("every second to every week", every(2, some), every(1, some), None),
            (
                "every second, other weeks",
                every(2, some),
                every(2, "2026-01-11"),
                Some("run in other weeks"),
            ),
            (
                "every second, the same weeks",
                every(2, some),
                every(2, "2026-01-18"),
                None,
            ),
            (
                "every fourth to every second",
                every(4, some),
                every(2, "2026-01-18"),
                None,
            ),
            (
                "every third to every second does not compare",
                every(3, some),
                every(2, some),
                Some("other weeks"),
            ),
            (
                "daily every second week",
                daily(),
                plain(&[], &[2], 2, some),
                Some("from 24 to 192 hours"),
            ),
        ]);
    }

    #[test]
    fn schedules_of_the_second_version() {
        let daily = |hours: &[u32]| {
            let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
            vm_v2("dailySchedule", &json!({ "scheduleRunTimes": times }))
        };
        let weekly = |days: &[&str]| {
            vm_v2(
                "weeklySchedule",
                &json!({ "scheduleRunDays": days, "scheduleRunTimes": [at(8)] }),
            )
        };
        check(vec![
            (
                "hourly to daily",
                vm_hourly(4, 8, 12),
                daily(&[8]),
                Some("grows from 12 to 24 hours"),
            ),
            ("daily to hourly", daily(&[8]), vm_hourly(4, 8, 12), None),
            (
                "a longer interval",
                vm_hourly(4, 8, 12),
                vm_hourly(6, 8, 12),
                Some("backups a day fall from 4 to 3"),
            ),
            (
                "a shorter window",
                vm_hourly(4, 8, 12),
                vm_hourly(4, 8, 8),
                Some("grows from 12 to 16 hours"),
            ),
            ("a longer window", vm_hourly(4, 8, 12), vm_hourly(4, 8, 16), None),
            ("round the clock", vm_hourly(4, 8, 12), vm_hourly(4, 8, 24), None),
            (
                "later, over midnight",
                vm_hourly(4, 8, 12),
                vm_hourly(4, 20, 12),
                None,
            ),
            (
                "the same runs, written out",
                vm_hourly(12, 8, 24),
                daily(&[8, 20]),
                None,
            ),
            (
                "daily to weekly",
                daily(&[8]),
                weekly(&["Sunday"]),
                Some("grows from 24 to 168 hours"),
            ),
            (
                "fewer weekdays",
                weekly(&["Sunday", "Friday"]),
                weekly(&["Sunday"]),
                Some("no longer run on Friday"),
            ),
            ("weekly to daily", weekly(&["Sunday"]), daily(&[8]), None),
        ]);
    }

    #[test]
    fn schedules_that_follow_the_retention() {
        let follow = |policy: Value| {
            with(
                policy,
                "/schedulePolicy",
                json!({ "schedulePolicyType": "LongTermSchedulePolicy" }),
            )
        };
        let nested = || follow(daily());
        let only = |policy: Value, tiers: &[&str]| {
            [DAILY, WEEKLY, MONTHLY, YEARLY]
                .into_iter()
                .filter(|tier| !tiers.contains(tier))
                .fold(follow(policy), without)
        };
        fn without(policy: Value, pointer: &str) -> Value {
            super::tests::without(policy, pointer)
        }
        let weekly = |days: Value| with(only(daily(), &[WEEKLY]), &format!("{WEEKLY}/daysOfTheWeek"), days);
        let monthly = |hours: &[u32]| {
            let times: Vec<String> = hours.iter().map(|hour| at(*hour)).collect();
            with(
                only(daily(), &[MONTHLY]),
                &format!("{MONTHLY}/retentionTimes"),
                json!(times),
            )
        };
        check(vec![
            ("the same runs", daily(), nested(), None),
            ("and back", nested(), daily(), None),
            (
                "the daily tier is gone",
                nested(),
                only(daily(), &[WEEKLY]),
                Some("grows from 24 to 96 hours"),
            ),
            (
                "a run fewer",
                follow(mab(&[], &[2, 14])),
                nested(),
                Some("grows from 12 to 24 hours"),
            ),
            ("moved", nested(), follow(mab(&[], &[5])), None),
            (
                "a weekday fewer",
                weekly(json!(["Sunday", "Monday"])),
                weekly(json!(["Sunday"])),
                Some("168 hours"),
            ),
            (
                "a weekday more",
                weekly(json!(["Sunday"])),
                weekly(json!(["Sunday", "Monday"])),
                None,
            ),
            ("monthly alone", monthly(&[2]), monthly(&[2]), None),
            (
                "monthly alone, more often",
                monthly(&[2]),
                monthly(&[2, 14]),
                None,
            ),
            (
                "monthly alone, moved",
                monthly(&[2]),
                monthly(&[3]),
                Some("keeps backups of other times of day"),
            ),
            (
                "monthly to daily",
                monthly(&[2]),
                nested(),
                Some("the kind of schedule changes"),
            ),
        ]);
    }

    #[test]
    fn virtual_machines() {
        let vm = || built_in("DefaultPolicy");
        let instant = |days: Value| with(vm(), "/instantRpRetentionRangeInDays", days);
        let archive =
            json!({ "ArchivedRP": { "tieringMode": "TierAfter", "duration": 3, "durationType": "Months" } });
        let tiering = |member: &str, value: Value| {
            let mut tier = archive.clone();
            tier["ArchivedRP"][member] = value;
            with(vm(), "/tieringPolicy", tier)
        };
        let snapshots = json!({ "azureBackupRGNamePrefix": "x" });
        check(vec![
            (
                "instant falls",
                vm(),
                instant(json!(1)),
                Some("instant restore retention falls from 2 to 1 days"),
            ),
            (
                "instant is gone",
                vm(),
                instant(Value::Null),
                Some("instant restore retention of 2 days is gone"),
            ),
            ("instant grows", vm(), instant(json!(5)), None),
            ("instant appears", instant(Value::Null), vm(), None),
            (
                "version 1 to 2",
                vm(),
                with(vm(), "/policyType", json!("V2")),
                None,
            ),
            (
                "version 2 to 1",
                with(vm(), "/policyType", json!("V2")),
                vm(),
                Some("policy type changes from V2 to V1"),
            ),
            (
                "no version is version 1",
                vm(),
                without(vm(), "/policyType"),
                None,
            ),
            ("tiering appears", vm(), tiering("duration", json!(1)), None),
            (
                "tiering changes",
                tiering("duration", json!(9)),
                tiering("tieringMode", json!("DoNotTier")),
                None,
            ),
            (
                "something unknown in it",
                vm(),
                tiering("deleteAfter", json!(1)),
                Some("not understood: tieringPolicy.ArchivedRP.deleteAfter changed"),
            ),
            (
                "consistency",
                vm(),
                with(vm(), "/snapshotConsistencyType", json!("OnlyCrashConsistent")),
                None,
            ),
            (
                "time zone",
                vm(),
                with(vm(), "/timeZone", json!("Tokyo Standard Time")),
                None,
            ),
            (
                "where snapshots are kept",
                vm(),
                with(vm(), "/instantRPDetails", snapshots.clone()),
                Some("not understood: instantRPDetails changed"),
            ),
            (
                "in other spellings",
                with(vm(), "/instantRPDetails", snapshots),
                with(
                    without(vm(), "/instantRPDetails"),
                    "/instantRpDetails",
                    json!({ "azureBackupRgNamePrefix": "x", "azureBackupRgNameSuffix": null }),
                ),
                None,
            ),
        ]);
    }

    #[test]
    fn file_shares() {
        let days = |policy: Value, days: u32| {
            with(
                policy,
                "/vaultRetentionPolicy/snapshotRetentionInDays",
                json!(days),
            )
        };
        let vault_days = "/vaultRetentionPolicy/vaultRetention/dailySchedule/retentionDuration/count";
        let mut both = vaulted_share();
        both["retentionPolicy"] = share(false)["retentionPolicy"].clone();
        check(vec![
            ("daily to hourly", share(false), share(true), None),
            (
                "hourly to daily",
                share(true),
                share(false),
                Some("grows from 12 to 24 hours"),
            ),
            (
                "to the vault",
                share(false),
                vaulted_share(),
                Some("daily retention of 30 days is gone"),
            ),
            ("to the vault as well", share(false), both, None),
            (
                "from the vault",
                vaulted_share(),
                share(false),
                Some("daily vault retention of 30 days is gone"),
            ),
            (
                "snapshots",
                vaulted_share(),
                days(vaulted_share(), 9),
                Some("instant restore retention falls from 10 to 9"),
            ),
            ("more snapshots", vaulted_share(), days(vaulted_share(), 11), None),
            (
                "vault",
                vaulted_share(),
                with(vaulted_share(), vault_days, json!(29)),
                Some("daily vault retention falls from 30 to 29 days"),
            ),
            (
                "another workload",
                share(false),
                with(share(false), "/workLoadType", json!("Client")),
                Some("workload type changes"),
            ),
            (
                "the only workload need not be named",
                share(false),
                without(share(false), "/workLoadType"),
                None,
            ),
        ]);
    }

    #[test]
    fn workloads() {
        let sql = || built_in("HourlyLogBackup");
        let log = "/subProtectionPolicy/1";
        let minutes = |minutes: u32| {
            with(
                sql(),
                &format!("{log}/schedulePolicy/scheduleFrequencyInMins"),
                json!(minutes),
            )
        };
        let count = |count: u32| {
            with(
                sql(),
                &format!("{log}/retentionPolicy/retentionDuration/count"),
                json!(count),
            )
        };
        let mut reversed = sql();
        reversed["subProtectionPolicy"].as_array_mut().unwrap().reverse();
        let mut snapshot = sql();
        let snapshots = |days: u32| {
            json!({ "policyType": "SnapshotFull", "schedulePolicy": sql()["subProtectionPolicy"][0]["schedulePolicy"],
                "snapshotBackupAdditionalDetails": { "instantRpRetentionRangeInDays": days, "instantRPDetails": "rg" } })
        };
        snapshot["subProtectionPolicy"]
            .as_array_mut()
            .unwrap()
            .push(snapshots(5));
        let fewer = with(snapshot.clone(), "/subProtectionPolicy/2", snapshots(4));
        let elsewhere = with(
            snapshot.clone(),
            "/subProtectionPolicy/2/snapshotBackupAdditionalDetails/instantRPDetails",
            json!("other"),
        );
        check(vec![
            (
                "logs more rarely",
                sql(),
                minutes(90),
                Some("Log backups: the longest gap between backups grows from 60 to 90 minutes"),
            ),
            (
                "logs much more rarely",
                sql(),
                minutes(120),
                Some("from 1 to 2 hours"),
            ),
            ("logs more often", sql(), minutes(45), None),
            (
                "logs kept less long",
                sql(),
                count(15),
                Some("Log backups: retention falls from 30 to 15 days"),
            ),
            ("logs kept longer", sql(), count(31), None),
            (
                "no logs",
                sql(),
                without(sql(), log),
                Some("Log backups: they would no longer be made"),
            ),
            (
                "no full backups",
                sql(),
                without(sql(), "/subProtectionPolicy/0"),
                Some("Full backups: they would"),
            ),
            ("logs as well", without(sql(), log), sql(), None),
            ("another order", sql(), reversed, None),
            (
                "full backups",
                sql(),
                with(
                    sql(),
                    "/subProtectionPolicy/0/retentionPolicy/dailySchedule/retentionDuration",
                    keep(3, "Weeks"),
                ),
                Some("Full backups: daily retention falls from 30 to 21 days"),
            ),
            (
                "another kind of schedule",
                sql(),
                with(
                    sql(),
                    &format!("{log}/schedulePolicy"),
                    sql()["subProtectionPolicy"][0]["schedulePolicy"].clone(),
                ),
                Some("Log backups: the kind of schedule changes"),
            ),
            (
                "another kind of retention",
                sql(),
                with(sql(), "/subProtectionPolicy/0/retentionPolicy", simple(9999)),
                Some("Full backups: the kind of retention changes"),
            ),
            (
                "compression",
                sql(),
                with(sql(), "/settings/issqlcompression", json!(true)),
                None,
            ),
            (
                "time zone",
                sql(),
                with(sql(), "/settings/timeZone", json!("Tokyo Standard Time")),
                None,
            ),
            (
                "another workload",
                sql(),
                with(sql(), "/workLoadType", json!("SAPHanaDatabase")),
                Some("workload type"),
            ),
            (
                "another way of backing up",
                sql(),
                with(sql(), "/vmWorkloadPolicyType", json!("SnapshotV1")),
                Some("not understood: vmWorkloadPolicyType changed"),
            ),
            ("snapshots as well", sql(), snapshot.clone(), None),
            (
                "snapshots less long",
                snapshot.clone(),
                fewer,
                Some("SnapshotFull backups: instant restore retention falls from 5 to 4 days"),
            ),
            (
                "snapshots elsewhere",
                snapshot.clone(),
                elsewhere,
                Some("not understood: subProtectionPolicy[SnapshotFull]"),
            ),
            (
                "no snapshots",
                snapshot,
                sql(),
                Some("SnapshotFull backups: they would no longer be made"),
            ),
        ]);
    }

    #[test]
    fn what_is_not_understood_may_not_change() {
        let extra = |value: Value| with(daily(), "/keepForever", value);
        let inert = with(daily(), "/schedulePolicy/scheduleRunDays", json!(["Sunday"]));
        check(vec![
            (
                "appears",
                daily(),
                extra(json!(true)),
                Some("a member that is not understood: keepForever changed"),
            ),
            (
                "vanishes",
                extra(json!(true)),
                daily(),
                Some("keepForever changed"),
            ),
            (
                "changes",
                extra(json!({ "a": 1 })),
                extra(json!({ "a": 2 })),
                Some("keepForever changed"),
            ),
            (
                "stays",
                extra(json!({ "a": 1, "b": null })),
                extra(json!({ "A": 1 })),
                None,
            ),
            ("says nothing", daily(), extra(json!({})), None),
            (
                "in a schedule",
                daily(),
                with(daily(), "/schedulePolicy/skip", json!(2)),
                Some("schedulePolicy.skip"),
            ),
            (
                "in a retention",
                daily(),
                with(daily(), "/retentionPolicy/max", json!(2)),
                Some("retentionPolicy.max"),
            ),
            (
                "in a tier",
                daily(),
                tier(WEEKLY, "max", json!(2)),
                Some("retentionPolicy.weeklySchedule.max"),
            ),
            (
                "in a duration",
                daily(),
                tier(WEEKLY, "retentionDuration/x", json!(2)),
                Some("retentionDuration.x"),
            ),
            (
                "known, but without a meaning there",
                daily(),
                inert,
                Some("schedulePolicy.scheduleRunDays changed"),
            ),
            (
                "the other format of a tier",
                daily(),
                tier(
                    MONTHLY,
                    "retentionScheduleDaily",
                    json!({ "daysOfTheMonth": [{ "date": 1 }] }),
                ),
                Some("retentionPolicy.monthlySchedule.retentionScheduleDaily changed"),
            ),
        ]);
    }

    #[test]
    fn kinds_do_not_compare() {
        let generic = json!({ "backupManagementType": "GenericProtectionPolicy", "timeZone": "UTC", "fabricName": "f",
            "subProtectionPolicy": built_in("HourlyLogBackup")["subProtectionPolicy"] });
        let with_retention = |retention: Value| with(daily(), "/retentionPolicy", retention);
        check(vec![
            (
                "another kind",
                daily(),
                with(daily(), "/backupManagementType", json!("AzureIaasVM")),
                Some("the backup management type changes from MAB to AzureIaasVM"),
            ),
            (
                "another spelling",
                daily(),
                with(daily(), "/backupManagementType", json!("mab")),
                None,
            ),
            (
                "simple falls",
                with_retention(simple(30)),
                with_retention(simple(29)),
                Some("from 30 to 29 days"),
            ),
            (
                "simple grows",
                with_retention(simple(30)),
                with_retention(simple(31)),
                None,
            ),
            (
                "simple to tiers",
                with_retention(simple(3)),
                daily(),
                Some("the kind of retention changes"),
            ),
            ("generic", generic.clone(), generic.clone(), None),
            (
                "generic, another fabric",
                generic.clone(),
                with(generic, "/fabricName", json!("g")),
                Some("not understood: fabricName changed"),
            ),
            (
                "Azure SQL falls",
                sql_azure(30),
                sql_azure(29),
                Some("weekly retention falls from 30 to 29 days"),
            ),
            ("Azure SQL grows", sql_azure(30), sql_azure(31), None),
            (
                "Azure SQL, another time",
                sql_azure(30),
                with(sql_azure(30), &format!("{WEEKLY}/retentionTimes"), json!([at(3)])),
                Some("other times of day"),
            ),
        ]);
    }

    #[test]
    fn a_stored_policy_that_cannot_be_read_compares_with_itself_alone() {
        let unreadable: PolicyBody =
            serde_json::from_value(json!({ "backupManagementType": "New" })).unwrap();
        let other: PolicyBody = serde_json::from_value(json!({ "backupManagementType": "Newer" })).unwrap();
        let readable = PolicyBody::parse(&daily()).unwrap();
        assert_eq!(compare(&unreadable, &unreadable.clone()), Verdict::NotWeaker);
        for (before, after) in [
            (&unreadable, &other),
            (&unreadable, &readable),
            (&readable, &unreadable),
        ] {
            assert!(matches!(compare(before, after), Verdict::Weaker(reasons) if reasons.len() == 1));
        }
    }
}
