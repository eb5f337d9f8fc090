//! What a policy of a Backup vault means (contract 7.4).
//!
//! A backup rule says when backups run, and which of them get which tag; a retention rule says for how long those with
//! its tag are kept. A backup with several tags is kept for the longest of them. So priorities decide nothing here, and
//! neither one more tag nor one more rule ever takes anything away.

use std::collections::{BTreeMap, BTreeSet};

use arm::{Fields, Result};
use jiff::{SignedDuration, Span, SpanRelativeTo, Unit};
use serde_json::{Value, json};

use super::body::KeptTier;
use super::days::Weekday;
use super::read::{COUNTS, Moment, each, moment, required_word};
use super::rest::{Rest, plain, refuse_ambiguity};
use super::schedule::{Cycle, DAY, Schedule, week_number};
use crate::keeping::{Arrival, Period};

/// The discriminator `objectType` of a policy.
pub(super) const OBJECT_TYPE: &str = "BackupPolicy";

/// The name of the rule for whatever no other rule keeps, in lower case.
const DEFAULT_RULE: &str = "default";

/// More weeks between two backups than anybody plans.
const MAX_WEEKS: i64 = 52;

/// What a policy means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    /// What it is for, in lower case.
    pub(super) datasource_types: BTreeSet<String>,
    /// When backups run, by the name of the rule in lower case.
    pub(super) backups: BTreeMap<String, BackupRule>,
    /// For how long backups are kept, by their tag in lower case.
    pub(super) retentions: BTreeMap<String, Lifecycles>,
    /// Members that nobody understands.
    pub(super) rest: Rest,
}

/// When backups run, and which of them get which tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BackupRule {
    /// `Incremental`, `Full`, …, in lower case.
    pub(super) backup_type: String,
    /// Where they go, in lower case.
    pub(super) store: String,
    pub(super) schedule: Schedule,
    /// Which backups get a tag, by the tag in lower case.
    pub(super) tags: BTreeMap<String, Selection>,
}

/// Which of a rule's backups get a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection {
    /// All: it is the default tag.
    All,
    /// Those that one of these criteria selects, each as it is written, in lower case.
    Some(BTreeSet<String>),
}

/// For how long a backup is kept in each store, by the store in lower case.
pub(super) type Lifecycles = BTreeMap<String, Lifecycle>;

/// For how long a backup is kept in one store, and where it goes from there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lifecycle {
    pub(super) days: u32,
    /// When copies are made, by where to in lower case.
    pub(super) copies: BTreeMap<String, CopyTime>,
}

/// When a backup is copied to another store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CopyTime {
    /// As soon as it is there.
    AtOnce,
    /// Later, as it is written, in lower case.
    Later(String),
}

/// `objectType` of a rule.
#[derive(Clone, Copy)]
enum Kind {
    Backup,
    Retention,
}

const KINDS: [(&str, Kind); 2] = [("AzureBackupRule", Kind::Backup), ("AzureRetentionRule", Kind::Retention)];

/// One rule that was read, by its name in lower case.
enum Rule {
    Backup(String, BackupRule),
    Retention(String, Lifecycles),
}

impl Rules {
    /// See [`super::PolicyBody::longest_gap`].
    pub(super) fn longest_gap(&self) -> Option<SignedDuration> {
        self.backups.values().filter_map(|rule| rule.schedule.longest_gap()).min()
    }

    /// Reads a policy's `properties`.
    pub(super) fn read(properties: &Value) -> Result<Self> {
        refuse_ambiguity(properties, "properties")?;
        let whole = json!({ "properties": properties });
        let fields = Fields::of(&whole)?.object("properties")?;
        let mut rest = Rest::default();
        fields.texts("resourceGuardOperationRequests")?;
        let own = ["objectType", "name", "datasourceTypes", "policyRules", "resourceGuardOperationRequests"];
        rest.keep_all_but(&fields, &own);
        let datasource_types = fields.texts("datasourceTypes")?;
        if datasource_types.is_empty() {
            return Err(fields.missing("datasourceTypes"));
        }
        let mut rules = Self {
            datasource_types: datasource_types.into_iter().map(str::to_ascii_lowercase).collect(),
            backups: BTreeMap::new(),
            retentions: BTreeMap::new(),
            rest: Rest::default(),
        };
        for rule in each(&fields, "policyRules", label("name"), |rule| read_rule(rule, &mut rest))? {
            let twin = match rule {
                Rule::Backup(name, rule) => rules.backups.insert(name, rule).is_some(),
                Rule::Retention(name, rule) => rules.retentions.insert(name, rule).is_some(),
            };
            if twin {
                return Err(fields.wrong("policyRules", "a list of rules with different names"));
            }
        }
        rules.rest = rest;
        rules.check_tags(&fields)?;
        Ok(rules)
    }

    fn check_tags(&self, fields: &Fields<'_>) -> Result<()> {
        let mut tags = self.backups.values().flat_map(|rule| rule.tags.keys());
        if self.retentions.is_empty() || tags.any(|tag| !self.retentions.contains_key(tag)) {
            let wanted = "a list with an 'AzureRetentionRule' for every tag, one at the least";
            return Err(fields.wrong("policyRules", wanted));
        }
        Ok(())
    }

    /// The most days for which a backup may be kept. Which backup is the first of its week or month is known only when
    /// it arrives, so that by its day alone any may be.
    pub(super) fn most_days(&self) -> u32 {
        let lifecycles = self.retentions.values().flat_map(BTreeMap::values);
        lifecycles.map(|lifecycle| lifecycle.days).max().unwrap_or_default()
    }
}

impl Rules {
    /// For how many days a point with this arrival is kept: the longest of the default rule and of the rules of all tags
    /// that it gets. Which of several backup rules made it cannot be told, so the tags of all of them count. Where anything
    /// is not understood, and where nothing is tagged, it is the longest of all rules.
    pub(super) fn kept(&self, arrival: &Arrival<'_>) -> u32 {
        if !self.rest.is_empty() || !self.tags_anything() {
            return self.most_days();
        }
        let tags = self.backups.values().flat_map(|rule| &rule.tags);
        let given = tags.filter(|(_, selection)| selection.selects(arrival)).map(|(tag, _)| tag.as_str());
        let rules = given.chain([DEFAULT_RULE]).filter_map(|tag| self.retentions.get(tag));
        rules.flat_map(BTreeMap::values).map(|lifecycle| lifecycle.days).max().unwrap_or_default()
    }

    /// See [`super::PolicyBody::tiers`]. Of several stores of a tag the longest counts.
    pub(super) fn tiers(&self) -> Vec<KeptTier> {
        let days =
            |lifecycles: &Lifecycles| lifecycles.values().map(|one| one.days).max().unwrap_or_default();
        let tier = |(tag, lifecycles): (&String, &Lifecycles)| KeptTier {
            part: None,
            name: tag.clone(),
            days: days(lifecycles),
        };
        self.retentions.iter().map(tier).collect()
    }

    /// Whether any backup gets a tag.
    pub(super) fn tags_anything(&self) -> bool {
        self.backups.values().any(|rule| !rule.tags.is_empty())
    }
}

impl Selection {
    fn selects(&self, arrival: &Arrival<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Some(criteria) => criteria.iter().any(|criterion| criterion_selects(criterion, arrival)),
        }
    }
}

/// Whether a criterion, as it is written in lower case, selects a point. One that is not understood selects all.
fn criterion_selects(criterion: &str, arrival: &Arrival<'_>) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_str(criterion) else {
        return true;
    };
    let understood = members.keys().all(|name| ["objecttype", "absolutecriteria"].contains(&name.as_str()))
        && members.get("objecttype").and_then(Value::as_str) == Some("schedulebasedbackupcriteria");
    let words = members.get("absolutecriteria").and_then(Value::as_array).filter(|words| !words.is_empty());
    let Some(words) = words.filter(|_| understood) else {
        return true;
    };
    words.iter().any(|word| match word.as_str() {
        Some("firstofday") => arrival.is_first_of(Period::Day),
        Some("firstofweek") => arrival.is_first_of(Period::Week),
        Some("firstofmonth") => arrival.is_first_of(Period::Month),
        Some("firstofyear") => arrival.is_first_of(Period::Year),
        // `AllBackup`, and what nobody knows.
        Some(_) | None => true,
    })
}

/// Names an element of a list by one of its own members.
fn label(member: &'static str) -> impl Fn(usize, &Value) -> String {
    move |index, element| {
        element.get(member).and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_string)
    }
}

fn lower(fields: &Fields<'_>, name: &str) -> Result<String> {
    Ok(fields.required_text(name)?.to_ascii_lowercase())
}

fn read_rule(fields: &Fields<'_>, rest: &mut Rest) -> Result<Rule> {
    let name = lower(fields, "name")?;
    match required_word(fields, "objectType", &KINDS)? {
        Kind::Backup => Ok(Rule::Backup(name, backup_rule(fields, rest)?)),
        Kind::Retention => Ok(Rule::Retention(name, retention_rule(fields, rest)?)),
    }
}

fn backup_rule(fields: &Fields<'_>, rest: &mut Rest) -> Result<BackupRule> {
    rest.keep_all_but(fields, &["objectType", "name", "backupParameters", "dataStore", "trigger"]);
    let parameters = fields.object("backupParameters")?;
    rest.keep_all_but(&parameters, &["objectType", "backupType"]);
    let trigger = fields.object("trigger")?;
    required_word(&trigger, "objectType", &[("ScheduleBasedTriggerContext", ())])?;
    rest.keep_all_but(&trigger, &["objectType", "schedule", "taggingCriteria"]);
    let schedule = trigger.object("schedule")?;
    // The time zone moves backups, but makes them neither fewer nor rarer (contract 7.3 rule 4).
    schedule.text("timeZone")?;
    rest.keep_all_but(&schedule, &["repeatingTimeIntervals", "timeZone"]);
    let mut tags = BTreeMap::new();
    let criterion = |index: usize, element: &Value| {
        let name = element.pointer("/tagInfo/tagName").and_then(Value::as_str);
        name.map_or_else(|| index.to_string(), str::to_string)
    };
    for (tag, selection) in each(&trigger, "taggingCriteria", criterion, |tag| read_tag(tag, rest))? {
        if tags.insert(tag, selection).is_some() {
            return Err(trigger.wrong("taggingCriteria", "a list with each tag once"));
        }
    }
    Ok(BackupRule {
        backup_type: parameters.text("backupType")?.unwrap_or_default().to_ascii_lowercase(),
        store: store(fields, "dataStore", rest)?,
        schedule: Schedule::Cycle(cycle(&schedule)?),
        tags,
    })
}

fn store(parent: &Fields<'_>, name: &str, rest: &mut Rest) -> Result<String> {
    let fields = parent.object(name)?;
    rest.keep_all_but(&fields, &["objectType", "dataStoreType"]);
    lower(&fields, "dataStoreType")
}

fn read_tag(fields: &Fields<'_>, rest: &mut Rest) -> Result<(String, Selection)> {
    fields.count("taggingPriority")?;
    rest.keep_all_but(fields, &["isDefault", "taggingPriority", "tagInfo", "criteria"]);
    let info = fields.object("tagInfo")?;
    rest.keep_all_but(&info, &["id", "tagName", "eTag"]);
    let tag = lower(&info, "tagName")?;
    if fields.boolean("isDefault")?.unwrap_or_default() {
        return Ok((tag, Selection::All));
    }
    let criteria = fields.list("criteria")?;
    if criteria.is_empty() {
        return Err(fields.missing("criteria"));
    }
    let written = criteria.iter().map(|criterion| plain(criterion).to_string().to_ascii_lowercase());
    Ok((tag, Selection::Some(written.collect())))
}

fn retention_rule(fields: &Fields<'_>, rest: &mut Rest) -> Result<Lifecycles> {
    fields.boolean("isDefault")?;
    rest.keep_all_but(fields, &["objectType", "name", "isDefault", "lifecycles"]);
    let by_store = |index: usize, element: &Value| {
        let name = element.pointer("/sourceDataStore/dataStoreType").and_then(Value::as_str);
        name.map_or_else(|| index.to_string(), str::to_string)
    };
    let mut lifecycles = Lifecycles::new();
    for (store, lifecycle) in each(fields, "lifecycles", by_store, |one| read_lifecycle(one, rest))? {
        if lifecycles.insert(store, lifecycle).is_some() {
            return Err(fields.wrong("lifecycles", "a list with each sourceDataStore once"));
        }
    }
    if lifecycles.is_empty() {
        return Err(fields.missing("lifecycles"));
    }
    Ok(lifecycles)
}

fn read_lifecycle(fields: &Fields<'_>, rest: &mut Rest) -> Result<(String, Lifecycle)> {
    rest.keep_all_but(fields, &["sourceDataStore", "deleteAfter", "targetDataStoreCopySettings"]);
    let delete = fields.object("deleteAfter")?;
    required_word(&delete, "objectType", &[("AbsoluteDeleteOption", ())])?;
    rest.keep_all_but(&delete, &["objectType", "duration"]);
    let mut copies = BTreeMap::new();
    let by_index = |index: usize, _: &Value| index.to_string();
    for (target, time) in each(fields, "targetDataStoreCopySettings", by_index, |copy| read_copy(copy, rest))?
    {
        if copies.insert(target, time).is_some() {
            return Err(fields.wrong("targetDataStoreCopySettings", "a list with each dataStore once"));
        }
    }
    let lifecycle = Lifecycle { days: days(&delete)?, copies };
    Ok((store(fields, "sourceDataStore", rest)?, lifecycle))
}

fn read_copy(fields: &Fields<'_>, rest: &mut Rest) -> Result<(String, CopyTime)> {
    rest.keep_all_but(fields, &["dataStore", "copyAfter"]);
    let after = fields.object("copyAfter")?;
    let time = match after.required_text("objectType")? {
        kind if kind.eq_ignore_ascii_case("ImmediateCopyOption") => {
            rest.keep_all_but(&after, &["objectType"]);
            CopyTime::AtOnce
        }
        _ => {
            let written = fields.get("copyAfter").map(|after| plain(after).to_string());
            CopyTime::Later(written.unwrap_or_default().to_ascii_lowercase())
        }
    };
    Ok((store(fields, "dataStore", rest)?, time))
}

/// A duration such as `P7D`, `P3M` or `P1Y` in days, with the lengths of contract 7.1.
fn days(fields: &Fields<'_>) -> Result<u32> {
    let text = fields.required_text("duration")?;
    let wanted = || fields.wrong("duration", "whole days, weeks, months or years, such as P30D or P1Y");
    let span: Span = text.parse().map_err(|_| wanted())?;
    let units = [
        (i64::from(span.get_days()), 1),
        (i64::from(span.get_weeks()), 7),
        (i64::from(span.get_months()), 30),
        (i64::from(span.get_years()), 365),
    ];
    let whole = units.iter().try_fold(0_i64, |sum, (count, days)| {
        let negative = *count < 0;
        (!negative).then(|| sum.saturating_add(count.saturating_mul(*days)))
    });
    let whole = whole.and_then(|days| u32::try_from(days).ok()).ok_or_else(wanted)?;
    let most = COUNTS.end().saturating_mul(365);
    if has_time(&span) || !(1..=most).contains(&whole) {
        return Err(wanted());
    }
    Ok(whole)
}

fn has_time(span: &Span) -> bool {
    let below_days = [
        i64::from(span.get_hours()),
        span.get_minutes(),
        span.get_seconds(),
        span.get_milliseconds(),
        span.get_microseconds(),
        span.get_nanoseconds(),
    ];
    below_days.iter().any(|count| *count != 0)
}

/// One of the `repeatingTimeIntervals`.
enum Interval {
    /// At these seconds of every day.
    Daily(BTreeSet<u32>),
    /// Every few weeks, on the weekday and at the time of its start.
    Weekly { weeks: u32, phase: u32, weekday: Weekday, second: u32 },
}

/// Puts `repeatingTimeIntervals` together to one timeline (contract 7.3 rule 1).
fn cycle(fields: &Fields<'_>) -> Result<Cycle> {
    const NAME: &str = "repeatingTimeIntervals";
    let texts = fields.texts(NAME)?;
    let wanted = "such as R/2026-01-01T02:00:00+00:00/P1D: periods that divide a day, or all of them the same number \
                  of weeks at the same time";
    let mut intervals = texts.into_iter().map(interval);
    let first = intervals.next().ok_or_else(|| fields.missing(NAME))?;
    let first = first.ok_or_else(|| fields.wrong(NAME, wanted))?;
    let mut cycle = match first {
        Interval::Daily(times) => Cycle::daily(times),
        Interval::Weekly { weeks, phase, weekday, second } => {
            Cycle { weeks, phase, weekdays: [weekday].into(), times: [second].into() }
        }
    };
    let daily = cycle.weekdays.len() == Weekday::ALL.len();
    for next in intervals {
        match next.ok_or_else(|| fields.wrong(NAME, wanted))? {
            Interval::Daily(times) if daily => cycle.times.extend(times),
            Interval::Weekly { weeks, phase, weekday, second }
                if !daily
                    && (weeks, phase) == (cycle.weeks, cycle.phase)
                    && cycle.times.contains(&second) =>
            {
                cycle.weekdays.insert(weekday);
            }
            Interval::Daily(_) | Interval::Weekly { .. } => return Err(fields.wrong(NAME, wanted)),
        }
    }
    Ok(cycle)
}

/// Reads `R/{start}/{period}`.
fn interval(text: &str) -> Option<Interval> {
    let mut parts = text.split('/');
    let (repeat, start, period) = (parts.next()?, parts.next()?, parts.next()?);
    // A number of repeats behind the R would mean that backups end some day.
    if !repeat.eq_ignore_ascii_case("R") || parts.next().is_some() {
        return None;
    }
    let Moment { date, second } = moment(start)?;
    let span: Span = period.parse().ok()?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return None;
    }
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).ok()?;
    // Whole seconds, and few enough of them to be exact.
    let seconds: u32 = format!("{seconds}").parse().ok().filter(|seconds| *seconds > 0)?;
    let week = DAY.saturating_mul(7);
    if DAY.is_multiple_of(seconds) {
        let at = |times: u32| second.saturating_add(times.saturating_mul(seconds)).rem_euclid(DAY);
        return Some(Interval::Daily((0..DAY.checked_div(seconds)?).map(at).collect()));
    }
    if !seconds.is_multiple_of(week) {
        return None;
    }
    let weeks = i64::from(seconds.checked_div(week)?);
    let phase = u32::try_from(week_number(date).rem_euclid(weeks)).ok()?;
    let weeks = u32::try_from(weeks).ok().filter(|weeks| i64::from(*weeks) <= MAX_WEEKS)?;
    Some(Interval::Weekly { weeks, phase, weekday: Weekday::of(date), second })
}
