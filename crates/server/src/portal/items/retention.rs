//! A policy's retention in words, for both kinds of policy. What is kept in truth the server decides; this is how it is told.

use jiff::Span;
use serde::Deserialize;
use serde_json::Value;

use crate::portal::words::name_of;

/// A backup policy, as the API shows it.
#[derive(Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub properties: Value,
}

/// Backups of some sort, and for how long they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Which: `Daily`, `Weekly`, …
    pub name: String,
    /// The backups that it selects, in words: `the backups of Sunday`.
    pub of: String,
    /// For how long, as the policy says it: `12 months`.
    pub length: String,
    /// The same in days.
    pub days: u32,
}

impl Policy {
    /// What it keeps and for how long, the longest last.
    pub fn tiers(&self) -> Vec<Tier> {
        let mut tiers = tiers(&self.properties);
        tiers.sort_by_key(|tier| tier.days);
        tiers
    }

    /// The same in one line: `daily 30 days, weekly 12 weeks`.
    pub fn in_words(&self) -> String {
        let tiers: Vec<String> =
            self.tiers().iter().map(|tier| format!("{}: {}", tier.name, tier.length)).collect();
        if tiers.is_empty() { "Without end".into() } else { tiers.join(", ") }
    }

    /// The kind of source that it is for: Azure's `backupManagementType`, or the first of its `datasourceTypes`.
    pub fn source_type(&self) -> &str {
        let of = |pointer| self.properties.pointer(pointer).and_then(Value::as_str);
        of("/backupManagementType").or(of("/datasourceTypes/0")).unwrap_or_default()
    }

    /// That kind in words.
    pub fn source_words(&self) -> &str {
        match self.source_type() {
            "MAB" => "Files of a server",
            "AzureIaasVM" => "Virtual machine",
            "AzureWorkload" => "Database",
            "AzureStorage" => "File share",
            other => name_of(other),
        }
    }
}

fn tiers(properties: &Value) -> Vec<Tier> {
    if let Some(rules) = properties.get("policyRules").and_then(Value::as_array) {
        return of_rules(rules);
    }
    let parts = properties.get("subProtectionPolicy").and_then(Value::as_array);
    match parts {
        Some(parts) => parts
            .iter()
            .flat_map(|part| of_retention(part, part.get("policyType").and_then(Value::as_str)))
            .collect(),
        None => of_retention(properties, None),
    }
}

/// Of a policy of a Recovery Services vault. `part`: what it is called when there are several.
fn of_retention(policy: &Value, part: Option<&str>) -> Vec<Tier> {
    const TIERS: [(&str, &str); 4] = [
        ("dailySchedule", "Daily"),
        ("weeklySchedule", "Weekly"),
        ("monthlySchedule", "Monthly"),
        ("yearlySchedule", "Yearly"),
    ];
    let Some(retention) = policy.get("retentionPolicy") else { return Vec::new() };
    let titled = |name: &str| part.map_or(name.into(), |part| format!("{part}, {}", name.to_lowercase()));
    if let Some((length, days)) = duration(retention) {
        return vec![Tier { name: titled("All"), of: "every backup".into(), length, days }];
    }
    let tier = |(member, name): (&str, &str)| {
        let tier = retention.get(member)?;
        let (length, days) = duration(tier)?;
        Some(Tier { name: titled(name), of: days_of(tier), length, days })
    };
    TIERS.into_iter().filter_map(tier).collect()
}

fn duration(tier: &Value) -> Option<(String, u32)> {
    let duration = tier.get("retentionDuration")?;
    let count = u32::try_from(duration.get("count")?.as_u64()?).ok()?;
    let unit = duration.get("durationType")?.as_str()?.to_ascii_lowercase();
    let days = match unit.as_str() {
        "weeks" => 7,
        "months" => 30,
        "years" => 365,
        _ => 1,
    };
    let unit = unit.trim_end_matches('s');
    let plural = if count == 1 { "" } else { "s" };
    Some((format!("{count} {unit}{plural}"), count.saturating_mul(days)))
}

/// The days that a tier selects, in words.
fn days_of(tier: &Value) -> String {
    let words = |value: &Value, member: &str| -> Vec<String> {
        let list = value.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(String::from).collect()
    };
    let months = match words(tier, "monthsOfYear") {
        months if months.is_empty() => String::new(),
        months => format!(" of {}", months.join(", ")),
    };
    if let Some(weekly) = tier.get("retentionScheduleWeekly").filter(|weekly| weekly.is_object()) {
        let weeks: Vec<String> =
            words(weekly, "weeksOfTheMonth").iter().map(|week| week.to_lowercase()).collect();
        let days = words(weekly, "daysOfTheWeek").join(", ");
        let of = if months.is_empty() { " of the month" } else { months.as_str() };
        return format!("the {} {days}{of}", weeks.join(" and "));
    }
    if let Some(daily) = tier.get("retentionScheduleDaily").filter(|daily| daily.is_object()) {
        let days = daily.get("daysOfTheMonth").and_then(Value::as_array);
        let day = |day: &Value| match day.get("isLast").and_then(Value::as_bool) {
            Some(true) => Some("last".to_string()),
            _ => day.get("date").and_then(Value::as_u64).map(|day| day.to_string()),
        };
        let days: Vec<String> = days.into_iter().flatten().filter_map(day).collect();
        let of = if months.is_empty() { " of the month" } else { months.as_str() };
        return format!("day {}{of}", days.join(", "));
    }
    match words(tier, "daysOfTheWeek") {
        days if days.is_empty() => "every day".into(),
        days => days.join(", "),
    }
}

/// Of a policy of a Backup vault.
fn of_rules(rules: &[Value]) -> Vec<Tier> {
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
    };
    let kept = |rule: &Value| {
        let name = text(rule, "/name");
        let lifecycles = rule.get("lifecycles").and_then(Value::as_array)?;
        let spans = lifecycles.iter().map(|one| text(one, "/deleteAfter/duration"));
        let (length, days) = spans.filter_map(|span| span_of(&span)).max_by_key(|(_, days)| *days)?;
        Some(Tier { of: selected_by(rules, &name), name, length, days })
    };
    rules.iter().filter(|rule| text(rule, "/objectType") == "AzureRetentionRule").filter_map(kept).collect()
}

/// A length in ISO 8601, such as `P30D`, in words and in days.
fn span_of(text: &str) -> Option<(String, u32)> {
    let span: Span = text.parse().ok()?;
    let parts = [
        (i32::from(span.get_years()), "year", 365),
        (span.get_months(), "month", 30),
        (span.get_weeks(), "week", 7),
        (span.get_days(), "day", 1),
    ];
    let parts = parts.into_iter().filter(|(count, _, _)| *count > 0);
    let (mut words, mut days) = (Vec::new(), 0_u32);
    for (count, unit, length) in parts {
        let count = u32::try_from(count).ok()?;
        words.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        days = days.saturating_add(count.saturating_mul(length));
    }
    if words.is_empty() { None } else { Some((words.join(" "), days)) }
}

/// Which backups get a tag, in words.
fn selected_by(rules: &[Value], tag: &str) -> String {
    let criteria = rules.iter().filter_map(|rule| rule.pointer("/trigger/taggingCriteria")?.as_array());
    let named = |criterion: &&Value| {
        let name = criterion.pointer("/tagInfo/tagName").and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(tag))
    };
    let found = criteria.flatten().find(named);
    let words = found.and_then(|found| found.pointer("/criteria/0/absoluteCriteria/0")?.as_str());
    match words {
        Some("FirstOfDay") => "the first of each day".into(),
        Some("FirstOfWeek") => "the first of each week".into(),
        Some("FirstOfMonth") => "the first of each month".into(),
        Some("FirstOfYear") => "the first of each year".into(),
        Some(_) => "selected backups".into(),
        None => "every backup".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(properties: Value) -> Policy {
        Policy { id: "/p".into(), name: "p".into(), properties }
    }

    #[test]
    fn tiers_are_told_as_the_policy_says_them() {
        let retention = json!({
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {"retentionDuration": {"count": 30, "durationType": "Days"}},
            "weeklySchedule": {"daysOfTheWeek": ["Sunday"], "retentionDuration": {"count": 12, "durationType": "Weeks"}},
            "monthlySchedule": {
                "retentionScheduleFormatType": "Daily",
                "retentionScheduleDaily": {"daysOfTheMonth": [{"date": 1}, {"date": 0, "isLast": true}]},
                "retentionDuration": {"count": 1, "durationType": "Months"},
            },
            "yearlySchedule": {
                "retentionScheduleFormatType": "Weekly",
                "monthsOfYear": ["January"],
                "retentionScheduleWeekly": {"daysOfTheWeek": ["Sunday"], "weeksOfTheMonth": ["First"]},
                "retentionDuration": {"count": 10, "durationType": "Years"},
            },
        });
        let tiers = policy(json!({"backupManagementType": "MAB", "retentionPolicy": retention})).tiers();
        let told: Vec<(&str, &str, &str, u32)> = tiers
            .iter()
            .map(|tier| (tier.name.as_str(), tier.of.as_str(), tier.length.as_str(), tier.days))
            .collect();
        assert_eq!(
            told,
            [
                ("Daily", "every day", "30 days", 30),
                ("Monthly", "day 1, last of the month", "1 month", 30),
                ("Weekly", "Sunday", "12 weeks", 84),
                ("Yearly", "the first Sunday of January", "10 years", 3650),
            ]
        );
    }

    #[test]
    fn rules_of_backup_vaults_are_told_alike() {
        let rule = |name: &str, span: &str| {
            json!({"objectType": "AzureRetentionRule", "name": name,
                "lifecycles": [{"deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": span}}]})
        };
        let backups = json!({"objectType": "AzureBackupRule", "name": "b", "trigger": {"taggingCriteria": [
            {"isDefault": true, "tagInfo": {"tagName": "Default"}},
            {"tagInfo": {"tagName": "Weekly"}, "criteria": [{"absoluteCriteria": ["FirstOfWeek"]}]}]}});
        let policy = policy(json!({"datasourceTypes": ["Microsoft.Compute/disks"],
            "policyRules": [backups, rule("Weekly", "P3M"), rule("Default", "P7D")]}));
        assert_eq!(policy.in_words(), "Default: 7 days, Weekly: 3 months");
        let weekly = policy.tiers().pop().unwrap();
        assert_eq!((weekly.of.as_str(), weekly.days), ("the first of each week", 90));
        assert_eq!(policy.source_words(), "disks");
    }
}
