//! Retention that is fixed on arrival.
#![cfg(test)]

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use vault::keeping::{Arrival, Group, later};
use vault::policy::{PolicyBody, Verdict, compare};
use vault::{ProtectedItem, Protection, RecoveryPoint, VaultChange};

/// A policy of a Backup vault: the default rule's days, and tags with their criteria and days.
fn policy(default: u32, tags: &[(&str, Value, u32)]) -> PolicyBody {
    let rule = |name: &str, days: u32| {
        json!({"objectType": "AzureRetentionRule", "name": name, "isDefault": name == "Default", "lifecycles": [{
            "sourceDataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "VaultStore"},
            "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": format!("P{days}D")}}]})
    };
    let mut rules = vec![rule("Default", default)];
    let mut tagging =
        vec![json!({"isDefault": true, "taggingPriority": 99, "tagInfo": {"tagName": "Default"}})];
    for (name, criterion, days) in tags {
        rules.push(rule(name, *days));
        tagging.push(json!({"isDefault": false, "taggingPriority": 20, "tagInfo": {"tagName": name},
            "criteria": [criterion]}));
    }
    rules.push(json!({"objectType": "AzureBackupRule", "name": "Daily",
        "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Full"},
        "dataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "VaultStore"},
        "trigger": {"objectType": "ScheduleBasedTriggerContext",
            "schedule": {"repeatingTimeIntervals": ["R/2026-01-01T02:00:00Z/P1D"], "timeZone": "UTC"},
            "taggingCriteria": tagging}}));
    let whole = json!({"objectType": "BackupPolicy", "datasourceTypes": ["x"], "policyRules": rules});
    PolicyBody::parse(&whole).unwrap_or_else(|error| panic!("{error:?}"))
}

fn absolute(word: &str) -> Value {
    json!({"objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": [word], "daysOfTheWeek": null})
}

fn noon(year: i16, month: i8, day: i8) -> Timestamp {
    date(year, month, day).at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

#[test]
fn the_first_day_of_a_period_is_kept_longer_and_all_that_arrives_on_it() {
    let tags = [
        ("Weekly", absolute("FirstOfWeek"), 60),
        ("Monthly", absolute("FirstOfMonth"), 300),
        ("Yearly", absolute("FirstOfYear"), 3000),
    ];
    let body = policy(10, &tags);
    let kept = |at, earlier: &[Timestamp]| {
        body.kept(&Arrival::new(at, &Group::of(earlier.iter().copied()))).unwrap()
    };
    // Monday, 2 March 2026.
    let monday = noon(2026, 3, 2);
    assert_eq!(kept(monday, &[]), 3000);
    assert_eq!(kept(monday, &[noon(2026, 1, 5)]), 300);
    assert_eq!(kept(monday, &[noon(2026, 3, 1)]), 10, "Sunday begins the week, and the 1st the month");
    assert_eq!(kept(monday, &[monday, monday]), 3000, "what arrives on the same day takes nothing away");
    assert_eq!(kept(noon(2026, 3, 9), &[monday]), 60);
    assert_eq!(kept(noon(2026, 3, 10), &[monday, noon(2026, 3, 9)]), 10);
    assert_eq!(kept(monday, &[noon(2026, 3, 7), noon(2027, 1, 1)]), 3000, "a clock that ran ahead");
    assert_eq!(kept(noon(2027, 1, 1), &[noon(2026, 12, 31)]), 3000, "the first of another year");
}

#[test]
fn what_is_not_understood_keeps_for_the_longest_time() {
    let odd = [
        absolute("FirstOfDecade"),
        json!({"objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": ["FirstOfWeek"], "daysOfTheWeek": ["Monday"]}),
        json!({"objectType": "ScheduleBasedBackupCriteria", "daysOfTheWeek": ["Monday"]}),
        json!({"objectType": "OtherCriteria", "absoluteCriteria": ["FirstOfWeek"]}),
        absolute("AllBackup"),
        absolute("FirstOfDay"),
    ];
    for criterion in odd {
        let body = policy(10, &[("Odd", criterion.clone(), 60)]);
        let group = Group::of([noon(2026, 3, 9)]);
        let arrival = Arrival::new(noon(2026, 3, 10), &group);
        assert_eq!(body.kept(&arrival), Some(60), "{criterion}");
    }
    let unreadable: PolicyBody = serde_json::from_value(json!({"objectType": "BackupPolicy"})).unwrap();
    assert_eq!(unreadable.kept(&Arrival::new(noon(2026, 3, 10), &Group::default())), None);
}

#[test]
fn the_later_end_wins_and_none_is_the_latest() {
    let (soon, late) = (Some(noon(2026, 1, 1)), Some(noon(2027, 1, 1)));
    assert_eq!(later(soon, late), late);
    assert_eq!(later(late, soon), late);
    assert_eq!(later(soon, None), None);
    assert_eq!(later(None, soon), None);
}

#[test]
fn retention_only_goes_up_and_nothing_that_runs_expires() {
    let id = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/\
              Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/protectionContainers/c/protectedItems/i";
    let id = arm::ResourceId::parse(id).unwrap();
    let (start, hour) = (noon(2026, 1, 1), SignedDuration::from_hours(1));
    let item = ProtectedItem {
        id: id.clone(),
        short: "i".into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: "i".into(),
        source: None,
        policy: None,
        protection: Protection::Protected,
        deletion: None,
        frozen: None,
        instance: None,
        created: start,
    };
    let point = |retain_until| RecoveryPoint {
        at: start,
        id: id.child("recoveryPoints/a").unwrap(),
        policy: None,
        repository: "i".into(),
        retain_until,
        snapshot: "a".into(),
        written_by: "c".into(),
    };
    let extended = |from, to| VaultChange::extend_retention(point(from), to).is_ok();
    assert!(extended(Some(start), Some(start + hour)) && extended(Some(start), None));
    assert!(!extended(Some(start + hour), Some(start)) && !extended(Some(start), Some(start)));
    assert!(!extended(None, Some(start)) && !extended(None, None));
    // It can still be extended for an hour.
    let expires = |item: &ProtectedItem, until, now| VaultChange::expire(item, point(until), now).is_ok();
    assert!(expires(&item, Some(start), start + hour));
    assert!(!expires(&item, Some(start), start + hour - SignedDuration::from_secs(1)));
    assert!(!expires(&item, None, start + hour));
    let stopped = ProtectedItem { protection: Protection::Stopped, ..item.clone() };
    assert!(!expires(&stopped, Some(start), start + hour * 1000), "kept as long as it is stopped");
    let other =
        ProtectedItem { id: arm::ResourceId::parse(&id.to_string().replace("/c/", "/d/")).unwrap(), ..item };
    assert!(!expires(&other, Some(start), start + hour), "another item says nothing about it");
}

fn some_policy() -> impl Strategy<Value = PolicyBody> {
    let word =
        prop::sample::select(vec!["AllBackup", "FirstOfDay", "FirstOfWeek", "FirstOfMonth", "FirstOfYear"]);
    let tag = (prop::sample::select(vec!["A", "B", "C"]), word, 1..6_u32);
    (1..6_u32, prop::collection::vec(tag, 0..3)).prop_map(|(default, mut tags)| {
        tags.sort_unstable();
        tags.dedup_by_key(|(name, ..)| *name);
        let tags: Vec<_> = tags.into_iter().map(|(name, word, days)| (name, absolute(word), days)).collect();
        policy(default, &tags)
    })
}

/// Arrivals over two years, in the order in which they came, whatever the clock said.
fn some_arrivals() -> impl Strategy<Value = Vec<Timestamp>> {
    prop::collection::vec(0..730_i64 * 24, 1..40).prop_map(|hours| {
        hours.into_iter().map(|hours| noon(2026, 1, 1) + SignedDuration::from_hours(hours)).collect()
    })
}

fn each_kept(body: &PolicyBody, arrivals: &[Timestamp]) -> Vec<u32> {
    let kept = |(index, at): (usize, &Timestamp)| {
        body.kept(&Arrival::new(*at, &Group::of(arrivals[..index].to_vec())))
    };
    arrivals.iter().enumerate().map(|one| kept(one).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whoever may write as much as they like afterwards changes nothing of what was there.
    #[test]
    fn later_arrivals_change_nothing(
        body in some_policy(), arrivals in some_arrivals(), more in some_arrivals(),
    ) {
        let before = each_kept(&body, &arrivals);
        let after = each_kept(&body, &[arrivals, more].concat());
        prop_assert_eq!(&before[..], &after[..before.len()]);
    }

    /// No point has less than the default rule gives, nor more than the longest rule.
    #[test]
    fn retention_is_between_the_default_and_the_longest(body in some_policy(), arrivals in some_arrivals()) {
        let longest = body.days_kept(date(2026, 1, 1));
        let default = body.raw().pointer("/policyRules/0/lifecycles/0/deleteAfter/duration").unwrap();
        let default: u32 = default.as_str().unwrap().trim_matches(['P', 'D']).parse().unwrap();
        for kept in each_kept(&body, &arrivals) {
            prop_assert!((default..=longest).contains(&kept));
        }
    }

    /// What is not weaker gives no point less.
    #[test]
    fn a_policy_that_is_not_weaker_gives_no_less(
        one in some_policy(), two in some_policy(), arrivals in some_arrivals(),
    ) {
        if compare(&one, &two) == Verdict::NotWeaker {
            for (before, after) in each_kept(&one, &arrivals).into_iter().zip(each_kept(&two, &arrivals)) {
                prop_assert!(before <= after);
            }
        }
    }
}
