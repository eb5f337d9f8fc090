//! A policy in lines that people read, and what stands between two of them.

use serde_json::Value;
use vault::policy::PolicyBody;

use super::fields::{TIERS, Tier};
use super::{plan, rules};

/// One line: `Daily backups: kept 30 days`.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is about.
    pub what: String,
    /// What it says.
    pub text: String,
    /// Words by which the API's reasons name it.
    keys: Vec<String>,
    /// How strong it is, the larger the stronger; lines without do not compare.
    strength: Option<i64>,
}

/// How a line changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It does not.
    Same,
    /// Less is kept, or for less long.
    Weaker,
    /// More is kept, or for longer.
    Stronger,
    /// It is another thing that nobody counts as weaker.
    Other,
}

/// A line before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it is about.
    pub what: String,
    /// What it said; nothing for a line that is new.
    pub before: Option<String>,
    /// What it says; nothing for one that is gone.
    pub after: Option<String>,
    /// How it changes.
    pub step: Step,
}

impl Step {
    /// The class of a row.
    pub fn class(self) -> &'static str {
        match self {
            Self::Weaker => "weaker",
            Self::Stronger => "stronger",
            Self::Same | Self::Other => "",
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "As before",
            Self::Weaker => "Weaker",
            Self::Stronger => "Stronger",
            Self::Other => "Different",
        }
    }

    /// The kind of badge.
    pub fn badge(self) -> &'static str {
        match self {
            Self::Same => "quiet",
            Self::Weaker => "bad",
            Self::Stronger => "ok",
            Self::Other => "info",
        }
    }
}

/// When backups run, in a few words.
pub fn schedule(properties: &Value) -> String {
    let line = lines(properties).into_iter().find(|line| line.what == RUNS);
    line.map_or_else(|| "See the policy".into(), |line| line.text)
}

/// For how long backups are kept, in a few words.
pub fn retention(properties: &Value) -> Vec<String> {
    let kept = |line: &Line| line.what.starts_with("Kept");
    let lines = lines(properties).into_iter().filter(kept);
    lines
        .map(|line| {
            format!("{}: {}", line.what.trim_start_matches("Kept ").trim_start_matches("of "), line.text)
        })
        .collect()
}

const RUNS: &str = "Backups run";

/// A policy of either kind in lines.
pub fn lines(properties: &Value) -> Vec<Line> {
    let is_rules = properties.get("policyRules").is_some();
    let fields = if is_rules { rules::read(properties) } else { plan::read(properties) };
    let Some(fields) = fields else { return raw("", properties) };
    let mut lines = vec![runs(properties, &fields)];
    if is_rules {
        lines.push(Line { what: "Kept of all others".into(), ..kept("", &fields.default, "rule 'default'") });
    }
    for (name, tier) in TIERS.iter().zip(&fields.tiers) {
        if !tier.on {
            continue;
        }
        let line = match is_rules {
            true => kept("", tier, &format!("rule '{name}'")),
            false => kept(&selection(name, tier), tier, &format!("{name} retention")),
        };
        let what = match (is_rules, *name) {
            (true, "daily") => "Kept of the first backup of a day".into(),
            (true, "weekly") => "Kept of the first backup of a week".into(),
            (true, "monthly") => "Kept of the first backup of a month".into(),
            (true, _) => "Kept of the first backup of a year".into(),
            (false, name) => format!("Kept of {name} backups"),
        };
        lines.push(Line { what, ..line });
    }
    if !is_rules {
        lines.extend(others(properties));
    }
    lines
}

fn runs(properties: &Value, fields: &super::fields::Fields) -> Line {
    let when = &fields.when;
    let zone = properties.get("timeZone").and_then(Value::as_str).unwrap_or("UTC");
    let text = match when.frequency.as_str() {
        "hourly" if properties.get("policyRules").is_some() => {
            format!("every {} hours, from {} {zone}", when.every, when.times)
        }
        "hourly" => {
            format!("every {} hours, for {} hours from {} {zone}", when.every, when.window, when.times)
        }
        "weekly" => format!("on {} at {} {zone}", in_order(&when.days, &super::fields::WEEKDAYS), when.times),
        _ => format!("every day at {} {zone}", when.times),
    };
    let gap = PolicyBody::parse(properties).ok().and_then(|body| body.longest_gap());
    Line {
        what: RUNS.into(),
        text,
        keys: ["gap between backups", "no longer run", "other weeks", "backups a day", "schedule"]
            .map(String::from)
            .into(),
        strength: gap.map(|gap| gap.as_secs().saturating_neg()),
    }
}

fn kept(selection: &str, tier: &Tier, key: &str) -> Line {
    let unit = tier.unit.trim_end_matches('s').to_lowercase();
    let plural = if tier.count == "1" { "" } else { "s" };
    let days = match tier.unit.as_str() {
        "Weeks" => 7,
        "Months" => 30,
        "Years" => 365,
        _ => 1,
    };
    let count: Option<i64> = tier.count.parse().ok();
    Line {
        what: String::new(),
        text: format!("{}{} {unit}{plural}", selection, tier.count),
        keys: vec![key.into()],
        strength: count.map(|count| count.saturating_mul(days)),
    }
}

/// Of which days, as a beginning of what is said of a tier.
fn selection(name: &str, tier: &Tier) -> String {
    use super::fields::{MONTHS, WEEKDAYS, WEEKS};
    let of_month = || match tier.by.as_str() {
        "day" => format!("day {} of the month", tier.numbers),
        _ => format!(
            "{} {} of the month",
            in_order(&tier.weeks, &WEEKS).to_lowercase(),
            in_order(&tier.days, &WEEKDAYS)
        ),
    };
    match name {
        "weekly" => format!("{}, ", in_order(&tier.days, &WEEKDAYS)),
        "monthly" => format!("{}, ", of_month()),
        "yearly" => format!("{} in {}, ", of_month(), in_order(&tier.months, &MONTHS)),
        _ => String::new(),
    }
}

fn in_order(chosen: &std::collections::BTreeSet<String>, all: &[&str]) -> String {
    all.iter().copied().filter(|word| chosen.contains(*word)).collect::<Vec<_>>().join(", ")
}

/// What else a policy of a Recovery Services vault says.
fn others(properties: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    let instant = properties.get("instantRpRetentionRangeInDays").and_then(Value::as_i64);
    if let Some(days) = instant {
        lines.push(Line {
            what: "Kept for instant restore".into(),
            text: if days == 1 { "1 day".into() } else { format!("{days} days") },
            keys: vec!["instant restore retention".into()],
            strength: Some(days),
        });
    }
    let known = [
        "schedulePolicy",
        "retentionPolicy",
        "instantRpRetentionRangeInDays",
        "backupManagementType",
        "protectedItemsCount",
        "timeZone",
        "instantRPDetails",
        "policyType",
    ];
    let members = properties.as_object().into_iter().flatten();
    for (name, value) in members.filter(|(name, _)| !known.contains(&name.as_str())) {
        lines.extend(raw(name, value));
    }
    lines
}

/// Whatever it is, leaf by leaf.
fn raw(name: &str, value: &Value) -> Vec<Line> {
    let below = |key: &str| if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "protectedItemsCount")
            .flat_map(|(key, value)| raw(&below(key), value))
            .collect(),
        Value::Array(entries) if entries.iter().any(Value::is_object) => entries
            .iter()
            .enumerate()
            .flat_map(|(number, value)| raw(&below(&(number + 1).to_string()), value))
            .collect(),
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), String::from);
            vec![Line { what: name.into(), text, keys: Vec::new(), strength: None }]
        }
    }
}

/// What changes from one policy to another, line by line; `weakenings` are the API's reasons to call it weaker.
pub fn changes(before: &Value, after: &Value, weakenings: &[String]) -> Vec<Change> {
    let (before, after) = (lines(before), lines(after));
    let mut changes = Vec::new();
    for line in &before {
        let now = after.iter().find(|now| now.what == line.what);
        changes.push(Change {
            what: line.what.clone(),
            before: Some(line.text.clone()),
            after: now.map(|now| now.text.clone()),
            step: step(Some(line), now, weakenings),
        });
    }
    for line in after.iter().filter(|line| before.iter().all(|was| was.what != line.what)) {
        changes.push(Change {
            what: line.what.clone(),
            before: None,
            after: Some(line.text.clone()),
            step: step(None, Some(line), weakenings),
        });
    }
    changes
}

fn step(before: Option<&Line>, after: Option<&Line>, weakenings: &[String]) -> Step {
    let named = |line: &Line| {
        let says = |key: &String| weakenings.iter().any(|why| why.to_lowercase().contains(key.as_str()));
        line.keys.iter().any(says)
    };
    match (before, after) {
        (Some(before), Some(after)) if before.text == after.text => Step::Same,
        (Some(before), _) if named(before) => Step::Weaker,
        (Some(before), None) if before.strength.is_some() => Step::Weaker,
        (None, Some(after)) if after.strength.is_some() => Step::Stronger,
        (Some(before), Some(after)) => match (before.strength, after.strength) {
            (Some(before), Some(after)) if after < before => Step::Weaker,
            (Some(before), Some(after)) if after > before => Step::Stronger,
            _ => Step::Other,
        },
        _ => Step::Other,
    }
}

#[cfg(test)]
mod tests {
    use vault::policy::{Verdict, compare, mab_daily};

    use super::super::fields::Fields;
    use super::*;

    fn reasons(before: &Value, after: &Value) -> Vec<String> {
        let read = |value| PolicyBody::parse(value).unwrap();
        match compare(&read(before), &read(after)) {
            Verdict::NotWeaker => Vec::new(),
            Verdict::Weaker(reasons) => reasons.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_is_weaker_is_called_so_and_nothing_else() {
        let before = mab_daily(30);
        let mut fields = plan::read(&before).unwrap();
        fields.tiers[0].count = "7".into();
        fields.tiers[2] = Tier { on: true, ..Fields::new().tiers[2].clone() };
        let after = plan::write(&before, &fields).unwrap();
        let found = changes(&before, &after, &reasons(&before, &after));
        let said: Vec<(&str, Step)> =
            found.iter().map(|change| (change.what.as_str(), change.step)).collect();
        assert_eq!(
            said,
            [
                ("Backups run", Step::Same),
                ("Kept of daily backups", Step::Weaker),
                ("Kept of monthly backups", Step::Stronger),
            ]
        );
        assert_eq!(found[1].before.as_deref(), Some("30 days"));
        assert_eq!(found[2].after.as_deref(), Some("first Sunday of the month, 12 months"));
    }

    #[test]
    fn other_days_are_weaker_when_the_api_says_so() {
        let before = plan::new("MAB", &{
            let mut fields = Fields::new();
            fields.tiers[1].on = true;
            fields
        })
        .unwrap();
        let mut fields = plan::read(&before).unwrap();
        fields.tiers[1].days = ["Monday".to_string()].into();
        fields.when.frequency = "weekly".into();
        let after = plan::write(&before, &fields).unwrap();
        let reasons = reasons(&before, &after);
        let found = changes(&before, &after, &reasons);
        for what in ["Backups run", "Kept of weekly backups"] {
            let change = found.iter().find(|change| change.what == what).unwrap();
            assert_eq!(change.step, Step::Weaker, "{what}: {reasons:?}");
        }
    }

    #[test]
    fn policies_that_fields_cannot_hold_are_told_leaf_by_leaf() {
        let (_, before) = vault::policy::built_in().into_iter().next_back().unwrap();
        let mut after = before.clone();
        after["subProtectionPolicy"][1]["retentionPolicy"]["retentionDuration"]["count"] = 7.into();
        let changed: Vec<Change> =
            changes(&before, &after, &[]).into_iter().filter(|change| change.step != Step::Same).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert_eq!((changed[0].before.as_deref(), changed[0].after.as_deref()), (Some("30"), Some("7")));
    }
}
