//! Policies to compare, and ways to change them.

use serde_json::{Value, json};
use vault::policy::{PolicyBody, Verdict, compare};

pub(crate) const DAILY: &str = "/retentionPolicy/dailySchedule";
pub(crate) const WEEKLY: &str = "/retentionPolicy/weeklySchedule";
pub(crate) const MONTHLY: &str = "/retentionPolicy/monthlySchedule";
pub(crate) const YEARLY: &str = "/retentionPolicy/yearlySchedule";

pub(crate) fn at(hour: u32) -> String {
    format!("2026-01-04T{hour:02}:00:00Z")
}

pub(crate) fn keep(count: u32, unit: &str) -> Value {
    json!({ "count": count, "durationType": unit })
}

/// File backups: on some weekdays (none: daily) at some hours; four tiers of retention.
pub(crate) fn mab(days: &[&str], hours: &[u32]) -> Value {
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

pub(crate) fn daily() -> Value {
    mab(&[], &[2])
}

/// File backups with nothing but a daily tier.
pub(crate) fn plain(days: &[&str], hours: &[u32], every_weeks: u32, first: &str) -> Value {
    let times: Vec<String> = hours.iter().map(|hour| format!("{first}T{hour:02}:00:00Z")).collect();
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

pub(crate) fn vm_hourly(interval: u32, start: u32, window: u32) -> Value {
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

pub(crate) fn vm_v2(member: &str, schedule: &Value) -> Value {
    let mut policy = vm_hourly(4, 8, 12);
    let frequency = if member == "dailySchedule" { "Daily" } else { "Weekly" };
    policy["schedulePolicy"] = json!({
        "schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": frequency, member: schedule,
    });
    policy
}

pub(crate) fn built_in_policy(name: &str) -> Value {
    let found = vault::policy::built_in().into_iter().find(|(is, _)| *is == name);
    found.unwrap().1
}

pub(crate) fn share(hourly: bool) -> Value {
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

pub(crate) fn vaulted_share() -> Value {
    let mut policy = share(false);
    let retention = policy.as_object_mut().unwrap().remove("retentionPolicy").unwrap();
    policy["vaultRetentionPolicy"] = json!({ "vaultRetention": retention, "snapshotRetentionInDays": 10 });
    policy
}

pub(crate) fn sql_azure(days: u32) -> Value {
    json!({ "backupManagementType": "AzureSql", "retentionPolicy": {
        "retentionPolicyType": "LongTermRetentionPolicy",
        "weeklySchedule": { "daysOfTheWeek": ["Sunday"], "retentionTimes": [at(2)],
            "retentionDuration": keep(days, "Days") } } })
}

pub(crate) fn simple(days: u32) -> Value {
    json!({ "retentionPolicyType": "SimpleRetentionPolicy", "retentionDuration": keep(days, "Days") })
}

/// The policy with the member at this pointer set.
pub(crate) fn with(mut policy: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = policy.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    policy
}

pub(crate) fn without(mut policy: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match policy.pointer_mut(parent).unwrap() {
        Value::Array(list) => drop(list.remove(name.parse().unwrap())),
        parent => drop(parent.as_object_mut().unwrap().remove(name)),
    }
    policy
}

pub(crate) fn tier(tier: &str, member: &str, value: Value) -> Value {
    with(daily(), &format!("{tier}/{member}"), value)
}

pub(crate) fn kept(tier_pointer: &str, count: u32, unit: &str) -> Value {
    tier(tier_pointer, "retentionDuration", keep(count, unit))
}

/// The second policy is not weaker than the first.
pub(crate) fn free(name: &str, before: &Value, after: &Value) {
    let reasons = reasons(name, before, after);
    assert!(reasons.is_empty(), "{name}: not weaker, but {reasons:?}");
}

/// The second policy is weaker than the first, and a reason contains this.
pub(crate) fn weaker(name: &str, before: &Value, after: &Value, why: &str) {
    let reasons = reasons(name, before, after);
    assert!(reasons.iter().any(|reason| reason.contains(why)), "{name}: '{why}' not in {reasons:?}");
}

fn reasons(name: &str, before: &Value, after: &Value) -> Vec<String> {
    let [before, after] = [before, after]
        .map(|policy| PolicyBody::parse(policy).unwrap_or_else(|error| panic!("{name}: {error:?}")));
    match compare(&before, &after) {
        Verdict::NotWeaker => Vec::new(),
        Verdict::Weaker(reasons) => reasons.iter().map(ToString::to_string).collect(),
    }
}
