//! The fields of a policy of a Recovery Services vault: read from what the API answers, and written back. What the fields do
//! not cover, and what was not changed, stays as it is.

use std::collections::BTreeSet;

use arm::Result;
use serde_json::{Map, Value, json};

use super::fields::{Fields, TIERS, Tier, UNITS, WEEKDAYS, When};

/// The kinds of backup that the portal makes a policy for, by the API's word.
pub const KINDS: [(&str, &str); 2] =
    [("MAB", "Files and folders of servers"), ("AzureIaasVM", "Virtual machines")];

/// The date that times are written with; only the time of day counts.
const DATE: &str = "2026-01-01";

/// The fields of a policy's `properties`; `None` for a policy that has more to it than fields can hold.
pub fn read(properties: &Value) -> Option<Fields> {
    let known = ["subProtectionPolicy", "vaultRetentionPolicy"];
    if known.iter().any(|name| properties.get(name).is_some()) {
        return None;
    }
    let when = read_when(properties.get("schedulePolicy")?)?;
    let retention = properties.get("retentionPolicy")?;
    if text(retention, "retentionPolicyType")? != "LongTermRetentionPolicy" {
        return None;
    }
    let mut fields = Fields { when, ..Fields::new() };
    for (name, tier) in TIERS.iter().zip(&mut fields.tiers) {
        match retention.get(format!("{name}Schedule")).filter(|tier| !tier.is_null()) {
            Some(found) => *tier = Tier { on: true, ..read_tier(found, tier.clone())? },
            None => tier.on = false,
        }
    }
    Some(fields)
}

fn read_when(schedule: &Value) -> Option<When> {
    let weeks = schedule.get("scheduleWeeklyFrequency").and_then(Value::as_u64).unwrap_or_default();
    let frequency = text(schedule, "scheduleRunFrequency")?.to_ascii_lowercase();
    let at = match (text(schedule, "schedulePolicyType")?, frequency.as_str()) {
        _ if weeks > 1 => return None,
        ("SimpleSchedulePolicy", _) => schedule,
        ("SimpleSchedulePolicyV2", "daily" | "weekly") => schedule.get(format!("{frequency}Schedule"))?,
        ("SimpleSchedulePolicyV2", _) => schedule,
        _ => return None,
    };
    let mut when = When { frequency: frequency.clone(), ..Fields::new().when };
    match frequency.as_str() {
        "hourly" => {
            let hourly = schedule.get("hourlySchedule")?;
            when.every = hourly.get("interval")?.as_u64()?.to_string();
            when.window = hourly.get("scheduleWindowDuration")?.as_u64()?.to_string();
            when.times = clock(text(hourly, "scheduleWindowStartTime")?)?;
        }
        "daily" => when.times = clocks(at, "scheduleRunTimes")?,
        "weekly" => {
            when.times = clocks(at, "scheduleRunTimes")?;
            when.days = words(at, "scheduleRunDays")?;
        }
        _ => return None,
    }
    Some(when)
}

fn read_tier(found: &Value, mut tier: Tier) -> Option<Tier> {
    let duration = found.get("retentionDuration")?;
    tier.count = duration.get("count")?.as_u64()?.to_string();
    tier.unit = text(duration, "durationType")?.to_string();
    if !UNITS.contains(&tier.unit.as_str()) {
        return None;
    }
    if found.get("daysOfTheWeek").is_some() {
        tier.days = words(found, "daysOfTheWeek")?;
    }
    if found.get("monthsOfYear").is_some() {
        tier.months = words(found, "monthsOfYear")?;
    }
    match found.get("retentionScheduleFormatType").and_then(Value::as_str) {
        Some("Weekly") => {
            let chosen = found.get("retentionScheduleWeekly")?;
            tier.by = "week".into();
            tier.days = words(chosen, "daysOfTheWeek")?;
            tier.weeks = words(chosen, "weeksOfTheMonth")?;
        }
        Some("Daily") => {
            let days = found.pointer("/retentionScheduleDaily/daysOfTheMonth")?.as_array()?;
            tier.by = "day".into();
            let number = |day: &Value| match day.get("isLast").and_then(Value::as_bool) {
                Some(true) => Some("last".to_string()),
                _ => Some(day.get("date")?.as_u64()?.to_string()),
            };
            tier.numbers = days.iter().map(number).collect::<Option<Vec<_>>>()?.join(", ");
        }
        Some(_) => return None,
        None => {}
    }
    Some(tier)
}

/// The `properties` of a new policy.
///
/// # Errors
/// For fields that make no sense.
pub fn new(kind: &str, fields: &Fields) -> Result<Value> {
    let mut properties = json!({"backupManagementType": kind});
    if kind == "AzureIaasVM" {
        let hourly = fields.when.frequency == "hourly";
        properties = json!({
            "backupManagementType": kind,
            "policyType": if hourly { "V2" } else { "V1" },
            "instantRpRetentionRangeInDays": 2,
            "timeZone": "UTC",
            "schedulePolicy": {"schedulePolicyType":
                if hourly { "SimpleSchedulePolicyV2" } else { "SimpleSchedulePolicy" }},
        });
    }
    write(&properties, fields)
}

/// What the fields make of a policy's `properties`.
///
/// # Errors
/// For fields that make no sense.
pub fn write(before: &Value, fields: &Fields) -> Result<Value> {
    let was = read(before);
    let mut after = before.as_object().cloned().unwrap_or_default();
    let moved = was.as_ref().is_none_or(|was| was.when != fields.when);
    if moved {
        let version = before.pointer("/schedulePolicy/schedulePolicyType").and_then(Value::as_str);
        let second = version == Some("SimpleSchedulePolicyV2");
        after.insert("schedulePolicy".into(), write_when(&fields.when, second)?);
    }
    let mut retention = before.get("retentionPolicy").and_then(Value::as_object).cloned().unwrap_or_default();
    retention.insert("retentionPolicyType".into(), json!("LongTermRetentionPolicy"));
    let times = if fields.when.frequency == "hourly" {
        vec![fields.when.first()?]
    } else {
        fields.when.clock_times()?
    };
    let times: Vec<String> = times.iter().map(|time| stamp(time)).collect();
    for (number, (name, tier)) in TIERS.iter().zip(&fields.tiers).enumerate() {
        let member = format!("{name}Schedule");
        if !tier.on {
            retention.remove(&member);
            continue;
        }
        let old = retention.get(&member).and_then(Value::as_object).cloned();
        let same = was.as_ref().and_then(|was| was.tiers.get(number)) == Some(tier);
        let mut written = match old {
            Some(old) if same => old,
            old => write_tier(name, tier, old.unwrap_or_default())?,
        };
        if moved || !written.contains_key("retentionTimes") {
            written.insert("retentionTimes".into(), json!(times));
        }
        retention.insert(member, Value::Object(written));
    }
    after.insert("retentionPolicy".into(), Value::Object(retention));
    Ok(Value::Object(after))
}

fn write_when(when: &When, second: bool) -> Result<Value> {
    let times: Vec<String> = when.clock_times()?.iter().map(|time| stamp(time)).collect();
    let kind = if second { "SimpleSchedulePolicyV2" } else { "SimpleSchedulePolicy" };
    Ok(match when.frequency.as_str() {
        "hourly" => json!({"schedulePolicyType": kind, "scheduleRunFrequency": "Hourly", "hourlySchedule": {
            "interval": When::hours(&when.every)?,
            "scheduleWindowStartTime": stamp(&when.first()?),
            "scheduleWindowDuration": When::hours(&when.window)?,
        }}),
        "weekly" if second => json!({"schedulePolicyType": kind, "scheduleRunFrequency": "Weekly",
            "weeklySchedule": {"scheduleRunDays": when.weekdays()?, "scheduleRunTimes": times}}),
        "weekly" => json!({"schedulePolicyType": kind, "scheduleRunFrequency": "Weekly",
            "scheduleRunDays": when.weekdays()?, "scheduleRunTimes": times, "scheduleWeeklyFrequency": 1}),
        _ if second => json!({"schedulePolicyType": kind, "scheduleRunFrequency": "Daily",
            "dailySchedule": {"scheduleRunTimes": times}}),
        _ => json!({"schedulePolicyType": kind, "scheduleRunFrequency": "Daily", "scheduleRunTimes": times,
            "scheduleWeeklyFrequency": 0}),
    })
}

/// A tier over what was there, whose times of day stay.
fn write_tier(name: &str, tier: &Tier, old: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut written = Map::new();
    written.insert("retentionDuration".into(), json!({"count": tier.number()?, "durationType": tier.unit}));
    if let Some(times) = old.get("retentionTimes") {
        written.insert("retentionTimes".into(), times.clone());
    }
    match name {
        "weekly" => {
            written.insert("daysOfTheWeek".into(), json!(tier.weekdays()?));
        }
        "monthly" => of_month(tier, &mut written)?,
        "yearly" => {
            written.insert("monthsOfYear".into(), json!(tier.months()?));
            of_month(tier, &mut written)?;
        }
        _ => {}
    }
    Ok(written)
}

fn of_month(tier: &Tier, written: &mut Map<String, Value>) -> Result<()> {
    if tier.by == "day" {
        let day = |day: Option<u8>| json!({"date": day.unwrap_or_default(), "isLast": day.is_none()});
        let days: Vec<Value> = tier.month_days()?.into_iter().map(day).collect();
        written.insert("retentionScheduleFormatType".into(), json!("Daily"));
        written.insert("retentionScheduleDaily".into(), json!({"daysOfTheMonth": days}));
        return Ok(());
    }
    let chosen = json!({"daysOfTheWeek": tier.weekdays()?, "weeksOfTheMonth": tier.weeks()?});
    written.insert("retentionScheduleFormatType".into(), json!("Weekly"));
    written.insert("retentionScheduleWeekly".into(), chosen);
    Ok(())
}

fn stamp(time: &str) -> String {
    format!("{DATE}T{time}:00Z")
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// `02:00` of a moment; nothing for one with seconds, which fields do not hold.
pub fn clock(moment: &str) -> Option<String> {
    let at: jiff::civil::DateTime = match moment.parse::<jiff::Timestamp>() {
        Ok(at) => jiff::tz::Offset::UTC.to_datetime(at),
        Err(_) => moment.parse().ok()?,
    };
    (at.second() == 0).then(|| format!("{:02}:{:02}", at.hour(), at.minute()))
}

fn clocks(value: &Value, name: &str) -> Option<String> {
    let times = value.get(name)?.as_array()?;
    let times = times.iter().map(|time| clock(time.as_str()?)).collect::<Option<Vec<_>>>()?;
    (!times.is_empty()).then(|| times.join(", "))
}

fn words(value: &Value, name: &str) -> Option<BTreeSet<String>> {
    let list = value.get(name)?.as_array()?;
    list.iter().map(|word| Some(capital(word.as_str()?))).collect()
}

/// `Sunday`, however it was written.
fn capital(word: &str) -> String {
    let known = WEEKDAYS.iter().chain(&super::fields::WEEKS).chain(&super::fields::MONTHS);
    known.copied().find(|known| known.eq_ignore_ascii_case(word)).unwrap_or(word).to_string()
}

#[cfg(test)]
mod tests {
    use vault::policy::{PolicyBody, built_in, mab_daily};

    use super::*;

    #[test]
    fn what_is_not_changed_stays_as_it_is() {
        let mut seen = 0;
        for (name, policy) in built_in().into_iter().chain([("files", mab_daily(30))]) {
            let Some(fields) = read(&policy) else { continue };
            seen += 1;
            assert_eq!(write(&policy, &fields).unwrap(), policy, "{name}");
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn every_field_is_read_as_it_was_written() {
        let mut fields = Fields::new();
        for tier in &mut fields.tiers {
            tier.on = true;
        }
        fields.tiers[3].by = "day".into();
        fields.tiers[3].numbers = "1, last".into();
        fields.when.frequency = "weekly".into();
        fields.when.days = ["Monday".to_string(), "Friday".to_string()].into();
        for kind in KINDS {
            for frequency in ["hourly", "daily", "weekly"] {
                fields.when.frequency = frequency.into();
                let written = new(kind.0, &fields).unwrap();
                PolicyBody::parse(&written).unwrap();
                let read = read(&written).unwrap();
                assert_eq!(write(&written, &read).unwrap(), written);
                assert_eq!(
                    (&read.when.frequency, &read.when.times),
                    (&fields.when.frequency, &fields.when.times)
                );
                for (one, other) in read.tiers.iter().zip(&fields.tiers) {
                    assert_eq!(
                        (&one.count, &one.unit, &one.numbers),
                        (&other.count, &other.unit, &other.numbers)
                    );
                }
                assert_eq!(read.tiers[3].months, fields.tiers[3].months);
            }
        }
    }

    #[test]
    fn a_longer_day_changes_that_alone() {
        let policy = mab_daily(30);
        let mut fields = read(&policy).unwrap();
        fields.tiers[0].count = "60".into();
        assert_eq!(write(&policy, &fields).unwrap(), mab_daily(60));
    }
}
