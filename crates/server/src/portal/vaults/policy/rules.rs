//! The fields of a policy of a Backup vault: read from what the API answers, and written back. What the fields do not cover,
//! and what was not changed, stays as it is.

use arm::Result;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::fields::{Fields, TIERS, Tier, WEEKDAYS, When};
use super::plan::clock;

/// The kinds of source that the portal makes a policy for, by the API's word.
pub const KINDS: [(&str, &str); 5] = [
    ("Microsoft.Compute/disks", "Disks"),
    ("Microsoft.Storage/storageAccounts/blobServices", "Blobs"),
    ("Microsoft.DBforPostgreSQL/flexibleServers", "PostgreSQL databases"),
    ("Microsoft.DBforMySQL/flexibleServers", "MySQL databases"),
    ("Microsoft.ContainerService/managedClusters", "Kubernetes clusters"),
];

/// What tags the first backup of a time, by tier.
const FIRST: [&str; 4] = ["FirstOfDay", "FirstOfWeek", "FirstOfMonth", "FirstOfYear"];
/// The names of the rules for those.
const NAMES: [&str; 4] = ["Daily", "Weekly", "Monthly", "Yearly"];
/// The name of the rule for all others.
const DEFAULT: &str = "Default";
/// A Monday.
const MONDAY: Date = jiff::civil::date(2026, 1, 5);

/// The fields of a policy's `properties`; `None` for a policy that has more to it than fields can hold.
pub fn read(properties: &Value) -> Option<Fields> {
    let rules = properties.get("policyRules")?.as_array()?;
    let (backups, retentions): (Vec<&Value>, Vec<&Value>) =
        rules.iter().partition(|rule| text(rule, "objectType") == Some("AzureBackupRule"));
    let [backup] = backups.as_slice() else { return None };
    let intervals = backup.pointer("/trigger/schedule/repeatingTimeIntervals")?.as_array()?;
    let intervals: Vec<&str> = intervals.iter().map(Value::as_str).collect::<Option<_>>()?;
    let mut fields = Fields { when: read_when(&intervals)?, ..Fields::new() };
    fields.default.on = false;
    for tier in &mut fields.tiers {
        tier.on = false;
    }
    for rule in retentions {
        let name = text(rule, "name")?;
        let tier = match tag_of(backup, name)? {
            None => &mut fields.default,
            Some(number) => fields.tiers.get_mut(number)?,
        };
        if tier.on {
            return None;
        }
        let (count, unit) = read_duration(rule)?;
        *tier = Tier { on: true, count, unit, ..tier.clone() };
    }
    fields.default.on.then_some(fields)
}

/// Which tier a rule's tag is for, or `None` for the default one.
fn tag_of(backup: &Value, rule: &str) -> Option<Option<usize>> {
    let tags = backup.pointer("/trigger/taggingCriteria").and_then(Value::as_array);
    let named = |tag: &&Value| {
        tag.pointer("/tagInfo/tagName")
            .and_then(Value::as_str)
            .is_some_and(|name| name.eq_ignore_ascii_case(rule))
    };
    let Some(tag) = tags.into_iter().flatten().find(named) else {
        return rule.eq_ignore_ascii_case(DEFAULT).then_some(None);
    };
    if tag.get("isDefault").and_then(Value::as_bool) == Some(true) {
        return Some(None);
    }
    let [criterion] = tag.get("criteria")?.as_array()?.as_slice() else { return None };
    let [word] = criterion.get("absoluteCriteria")?.as_array()?.as_slice() else { return None };
    Some(Some(FIRST.iter().position(|first| word.as_str() == Some(first))?))
}

fn read_duration(rule: &Value) -> Option<(String, String)> {
    let [lifecycle] = rule.get("lifecycles")?.as_array()?.as_slice() else { return None };
    let copies = lifecycle.get("targetDataStoreCopySettings").and_then(Value::as_array);
    if copies.is_some_and(|copies| !copies.is_empty()) {
        return None;
    }
    duration(lifecycle.pointer("/deleteAfter/duration")?.as_str()?)
}

/// `P30D` as a number of a unit.
pub fn duration(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix('P')?;
    let units = [('D', "Days"), ('W', "Weeks"), ('M', "Months"), ('Y', "Years")];
    units.into_iter().find_map(|(letter, unit)| {
        let number: u32 = rest.strip_suffix(letter)?.parse().ok()?;
        Some((number.to_string(), unit.to_string()))
    })
}

fn read_when(intervals: &[&str]) -> Option<When> {
    let mut when = Fields::new().when;
    let mut times = Vec::new();
    let mut periods = Vec::new();
    when.days.clear();
    for interval in intervals {
        let [_, start, period] = interval.split('/').collect::<Vec<_>>().try_into().ok()?;
        let at = clock(start)?;
        if !times.contains(&at) {
            times.push(at);
        }
        periods.push(period);
        when.days.insert(weekday(start)?.to_string());
    }
    periods.dedup();
    let [period] = periods.as_slice() else { return None };
    when.times = times.join(", ");
    when.frequency = match (*period, times.len()) {
        ("P1D", _) => "daily".into(),
        ("P1W" | "P7D", 1) => "weekly".into(),
        (hours, 1) => {
            when.every = hours.strip_prefix("PT")?.strip_suffix('H')?.parse::<u32>().ok()?.to_string();
            "hourly".into()
        }
        _ => return None,
    };
    if when.frequency != "weekly" {
        when.days = Fields::new().when.days;
    }
    Some(when)
}

/// The day of the week of a moment, in UTC.
fn weekday(moment: &str) -> Option<&'static str> {
    let date = match moment.parse::<jiff::Timestamp>() {
        Ok(at) => jiff::tz::Offset::UTC.to_datetime(at).date(),
        Err(_) => moment.parse::<jiff::civil::DateTime>().ok()?.date(),
    };
    let number = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
    WEEKDAYS.get(number).copied()
}

/// The `properties` of a new policy.
///
/// # Errors
/// For fields that make no sense.
pub fn new(kind: &str, fields: &Fields) -> Result<Value> {
    let store = json!({"objectType": "DataStoreInfoBase", "dataStoreType": "VaultStore"});
    let properties = json!({"objectType": "BackupPolicy", "datasourceTypes": [kind], "policyRules": [{
        "objectType": "AzureBackupRule",
        "name": "Backup",
        "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Full"},
        "dataStore": store,
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": {"repeatingTimeIntervals": [], "timeZone": "UTC"},
            "taggingCriteria": [{
                "isDefault": true, "taggingPriority": 99, "tagInfo": {"id": "Default_", "tagName": DEFAULT}}],
        },
    }]});
    write(&properties, fields)
}

/// What the fields make of a policy's `properties`.
///
/// # Errors
/// For fields that make no sense.
pub fn write(before: &Value, fields: &Fields) -> Result<Value> {
    let was = read(before);
    let rules = before.get("policyRules").and_then(Value::as_array).cloned().unwrap_or_default();
    let (backups, mut retentions): (Vec<Value>, Vec<Value>) =
        rules.into_iter().partition(|rule| text(rule, "objectType") == Some("AzureBackupRule"));
    let mut backup = backups.into_iter().next().unwrap_or_default();
    if was.as_ref().is_none_or(|was| was.when != fields.when) {
        let intervals = write_when(&fields.when)?;
        if let Some(place) = backup.pointer_mut("/trigger/schedule/repeatingTimeIntervals") {
            *place = json!(intervals);
        }
    }
    let store = backup.get("dataStore").cloned().unwrap_or_default();
    write_rule(&mut retentions, DEFAULT, &fields.default, true, &store)?;
    for (number, tier) in fields.tiers.iter().enumerate() {
        let (Some(name), Some(first)) = (NAMES.get(number), FIRST.get(number)) else { continue };
        let there = tag_name(&backup, first);
        let name = there.clone().unwrap_or_else(|| (*name).to_string());
        match tier.on {
            true => {
                write_rule(&mut retentions, &name, tier, false, &store)?;
                if there.is_none() {
                    add_tag(&mut backup, &name, first, number);
                }
            }
            false => {
                let other = |value: &Value, at: &str| {
                    value
                        .pointer(at)
                        .and_then(Value::as_str)
                        .is_none_or(|known| !known.eq_ignore_ascii_case(&name))
                };
                if there.is_some() {
                    retentions.retain(|rule| other(rule, "/name"));
                    if let Some(tags) = tags_of(&mut backup) {
                        tags.retain(|tag| other(tag, "/tagInfo/tagName"));
                    }
                }
            }
        }
    }
    let mut after = before.clone();
    if let Some(after) = after.as_object_mut() {
        let rules: Vec<Value> = std::iter::once(backup).chain(retentions).collect();
        after.insert("policyRules".into(), json!(rules));
    }
    Ok(after)
}

fn write_when(when: &When) -> Result<Vec<String>> {
    let interval = |date: Date, time: &str, period: &str| format!("R/{date}T{time}:00+00:00/{period}");
    Ok(match when.frequency.as_str() {
        "hourly" => {
            let hours = When::hours(&when.every)?;
            vec![interval(MONDAY, &when.first()?, &format!("PT{hours}H"))]
        }
        "weekly" => {
            let time = when.first()?;
            let on = |day: &&str| {
                let number = WEEKDAYS.iter().position(|known| known == day).unwrap_or_default();
                let days = jiff::Span::new().days(i64::try_from(number).unwrap_or_default());
                interval(MONDAY.checked_add(days).unwrap_or(MONDAY), &time, "P1W")
            };
            when.weekdays()?.iter().map(on).collect()
        }
        _ => when.clock_times()?.iter().map(|time| interval(MONDAY, time, "P1D")).collect(),
    })
}

fn write_rule(rules: &mut Vec<Value>, name: &str, tier: &Tier, default: bool, store: &Value) -> Result<()> {
    let letter = tier.unit.chars().next().unwrap_or('D');
    let duration = format!("P{}{letter}", tier.number()?);
    let named = |rule: &&mut Value| {
        rule.get("name").and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    if let Some(rule) = rules.iter_mut().find(named) {
        if let Some(place) = rule.pointer_mut("/lifecycles/0/deleteAfter/duration") {
            *place = json!(duration);
        }
        return Ok(());
    }
    rules.push(
        json!({"objectType": "AzureRetentionRule", "name": name, "isDefault": default, "lifecycles": [{
            "sourceDataStore": store,
            "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": duration},
            "targetDataStoreCopySettings": [],
        }]}),
    );
    Ok(())
}

fn tags_of(backup: &mut Value) -> Option<&mut Vec<Value>> {
    backup.pointer_mut("/trigger/taggingCriteria")?.as_array_mut()
}

/// The name of the tag that the first backup of a time gets.
fn tag_name(backup: &Value, first: &str) -> Option<String> {
    let tags = backup.pointer("/trigger/taggingCriteria")?.as_array()?;
    let tag = tags
        .iter()
        .find(|tag| tag.pointer("/criteria/0/absoluteCriteria/0").and_then(Value::as_str) == Some(first))?;
    Some(tag.pointer("/tagInfo/tagName")?.as_str()?.to_string())
}

fn add_tag(backup: &mut Value, name: &str, first: &str, number: usize) {
    let Some(tags) = tags_of(backup) else { return };
    tags.push(json!({
        "isDefault": false,
        // The rarer, the sooner.
        "taggingPriority": 20 + 5 * (TIERS.len().saturating_sub(number)),
        "tagInfo": {"id": format!("{name}_"), "tagName": name},
        "criteria": [{"objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": [first]}],
    }));
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use vault::policy::PolicyBody;

    use super::*;

    #[test]
    fn every_field_is_read_as_it_was_written_and_nothing_else_changes() {
        let mut fields = Fields::new();
        for tier in &mut fields.tiers {
            tier.on = true;
        }
        for (frequency, times) in [("daily", "02:00, 14:00"), ("weekly", "03:30"), ("hourly", "01:00")] {
            fields.when.frequency = frequency.into();
            fields.when.times = times.into();
            if frequency == "weekly" {
                fields.when.days = ["Wednesday".to_string(), "Sunday".to_string()].into();
            } else {
                fields.when.days = Fields::new().when.days;
            }
            let written = new("Microsoft.Compute/disks", &fields).unwrap();
            PolicyBody::parse(&written).unwrap();
            assert_eq!(read(&written).unwrap(), fields, "{written}");
            assert_eq!(write(&written, &fields).unwrap(), written);
        }
        let all = new("Microsoft.Compute/disks", &fields).unwrap();
        for tier in &mut fields.tiers {
            tier.on = false;
        }
        let less = write(&all, &fields).unwrap();
        assert_eq!(read(&less).unwrap(), fields);
        assert_eq!(less["policyRules"].as_array().unwrap().len(), 2);
        PolicyBody::parse(&less).unwrap();
    }

    #[test]
    fn what_fields_cannot_hold_is_not_read() {
        let policy = new("Microsoft.Compute/disks", &Fields::new()).unwrap();
        let mut copies = policy.clone();
        copies["policyRules"][1]["lifecycles"][0]["targetDataStoreCopySettings"] = json!([{}]);
        let mut twice = policy.clone();
        let rule = twice["policyRules"][0].clone();
        twice["policyRules"].as_array_mut().unwrap().push(rule);
        let mut odd = policy.clone();
        odd["policyRules"][0]["trigger"]["schedule"]["repeatingTimeIntervals"] =
            json!(["R/2026-01-01T02:00:00Z/P2W"]);
        for policy in [copies, twice, odd] {
            assert_eq!(read(&policy), None, "{policy}");
        }
    }
}
