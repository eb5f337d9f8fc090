//! Retention that is fixed on arrival.
#![cfg(test)]

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use vault::keeping::{Arrival, Group, Kept, later};
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

fn item() -> ProtectedItem {
    let id = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/\
              Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/protectionContainers/c/protectedItems/i";
    ProtectedItem {
        standstill: None,
        id: arm::ResourceId::parse(id).unwrap(),
        short: "i".into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: "i".into(),
        source: None,
        policy: None,
        protection: Protection::Protected,
        deletion: None,
        frozen: None,
        instance: None,
        created: noon(2026, 1, 1),
    }
}

fn point(at: Timestamp, retain_until: Option<Timestamp>) -> RecoveryPoint {
    RecoveryPoint {
        label: None,
        at,
        id: item().id.child("recoveryPoints/a").unwrap(),
        policy: None,
        repository: "i".into(),
        retain_until,
        snapshot: "a".into(),
        written_by: "c".into(),
    }
}

#[test]
fn retention_only_goes_up_and_nothing_that_runs_expires() {
    let (start, hour) = (noon(2026, 1, 1), SignedDuration::from_hours(1));
    let newer = point(start + hour, None);
    let point = |retain_until| point(start, retain_until);
    let extended = |from, to| VaultChange::extend_retention(point(from), to).is_ok();
    assert!(extended(Some(start), Some(start + hour)) && extended(Some(start), None));
    assert!(!extended(Some(start + hour), Some(start)) && !extended(Some(start), Some(start)));
    assert!(!extended(None, Some(start)) && !extended(None, None));
    // It can still be extended for an hour.
    let expires = |item: &ProtectedItem, until, now| {
        VaultChange::expire(&Kept::of(item, [&point(until), &newer], now), point(until)).is_ok()
    };
    let item = item();
    assert!(expires(&item, Some(start), start + hour));
    assert!(!expires(&item, Some(start), start + hour - SignedDuration::from_secs(1)));
    assert!(!expires(&item, None, start + hour));
    let stopped = ProtectedItem { protection: Protection::Stopped, ..item.clone() };
    assert!(!expires(&stopped, Some(start), start + hour * 1000), "kept as long as it is stopped");
    let id = arm::ResourceId::parse(&item.id.to_string().replace("/c/", "/d/")).unwrap();
    let other = ProtectedItem { id, ..item };
    assert!(!expires(&other, Some(start), start + hour), "another item says nothing about it");
}

/// What is written with another credential, or under another label, takes nothing from it.
#[test]
fn each_group_has_first_points_of_its_own() {
    let body = policy(10, &[("Weekly", absolute("FirstOfWeek"), 60)]);
    let policy = vault::BackupPolicy { id: item().id.child("backupPolicies/p").unwrap(), body };
    // Monday, 2 March 2026, and the days after it.
    let monday = noon(2026, 3, 2);
    let written = |days: i32, by: &str, label: Option<&str>| RecoveryPoint {
        written_by: by.into(),
        label: label.map(Into::into),
        ..point(monday + SignedDuration::from_hours(24) * days, Some(monday))
    };
    let mut points = [
        written(3, "c", Some("home")),
        written(0, "c", None),
        written(1, "c", None),
        written(1, "d", None),
        written(2, "c", Some("home")),
    ];
    let mut changed = Vec::new();
    vault::keeping::extend(Some(&policy), &mut points, monday, |before, after| {
        changed.push((before.retain_until, after.clone()));
    });
    let kept = |point: &RecoveryPoint| point.retain_until.unwrap().duration_since(point.at).as_hours() / 24;
    assert_eq!(points.iter().map(kept).collect::<Vec<_>>(), [60, 10, 60, 60, 10]);
    assert_eq!(changed.len(), 5);
    assert!(changed.iter().zip(&points).all(|((was, now), point)| *was == Some(monday) && now == point));
    // Nothing more to do; and a point whose time is over is not promised again.
    vault::keeping::extend(Some(&policy), &mut points, monday, |_, _| panic!("extended twice"));
    points[0].retain_until = Some(monday);
    let later = monday + SignedDuration::from_hours(24 * 5);
    vault::keeping::extend(Some(&policy), &mut points[..1], later, |_, _| panic!("promised again"));
}

#[test]
fn the_newest_point_never_ends() {
    let (start, day) = (noon(2026, 1, 1), SignedDuration::from_hours(24));
    let [old, new, beside] = [start, start + day, start + day].map(|at| point(at, Some(start + day * 30)));
    let (item, years) = (item(), start + day * 3650);
    let keeps = |points: &[&RecoveryPoint], one: &RecoveryPoint| {
        Kept::of(&item, points.iter().copied(), years).keeps(one)
    };
    assert!(keeps(&[&old], &old));
    assert!(keeps(&[&new, &old, &beside], &new) && keeps(&[&new, &old, &beside], &beside));
    assert!(!keeps(&[&new, &old, &beside], &old));
}

#[test]
fn no_time_runs_out_while_an_item_is_stopped_nor_shortly_after() {
    let (start, day) = (noon(2026, 1, 1), SignedDuration::from_hours(24));
    let window = day * 14;
    let [over, kept] = [5, 20].map(|days| point(start, Some(start + day * days)));
    let newest = point(start + day, None);
    let keeps = |item: &ProtectedItem, point: &RecoveryPoint, days: i64| {
        Kept::of(item, [&over, &kept, &newest], start + day * i32::try_from(days).unwrap()).keeps(point)
    };
    let to = |item: &ProtectedItem, protection, days: i32| ProtectedItem {
        standstill: item.standstill_in(protection, start + day * days, window),
        protection,
        ..item.clone()
    };
    let stopped = to(&item(), Protection::Stopped, 10);
    assert!(!keeps(&stopped, &over, 11), "what it needs may be gone");
    assert!(keeps(&stopped, &kept, 4000));
    assert_eq!(to(&stopped, Protection::Stopped, 50), stopped, "stopped again, or deleted");
    // Resumed, which takes nobody's consent, nothing ends at once; and then by its own time.
    let resumed = to(&stopped, Protection::Protected, 100);
    assert!(keeps(&resumed, &kept, 113) && !keeps(&resumed, &kept, 114) && !keeps(&resumed, &over, 101));
    assert_eq!(resumed.standstill.map(|still| still.since), Some(start + day * 10));
    // On and off again does not put it off, and takes nothing away.
    let again = to(&to(&resumed, Protection::Suspended, 105), Protection::Protected, 106);
    assert!(keeps(&again, &kept, 113) && !keeps(&again, &kept, 114));
    let stopped_again = to(&resumed, Protection::Stopped, 110);
    assert!(keeps(&stopped_again, &kept, 4000));
    // What was stopped before anybody noted when.
    let unnoted = ProtectedItem { protection: Protection::Stopped, ..item() };
    assert!(keeps(&unnoted, &over, 4000));
    assert_eq!(to(&unnoted, Protection::Stopped, 50), unnoted);
    assert!(keeps(&to(&unnoted, Protection::Protected, 100), &over, 113));
    // Without a stop there is no such time.
    assert_eq!(to(&to(&item(), Protection::Suspended, 10), Protection::Protected, 20), item());
}

/// A policy of a Recovery Services vault that keeps what arrives on Sundays for so many weeks, and nothing else.
fn sundays(weeks: u32, zone: Value) -> Value {
    let times = json!(["2026-01-04T02:00:00Z"]);
    json!({"backupManagementType": "AzureIaasVM", "timeZone": zone,
        "schedulePolicy": {"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Weekly",
            "scheduleRunDays": ["Sunday"], "scheduleRunTimes": times},
        "retentionPolicy": {"retentionPolicyType": "LongTermRetentionPolicy", "weeklySchedule": {
            "daysOfTheWeek": ["Sunday"], "retentionTimes": times,
            "retentionDuration": {"count": weeks, "durationType": "Weeks"}}}})
}

fn with_daily(mut policy: Value, days: u32) -> Value {
    policy["retentionPolicy"]["dailySchedule"] = json!({"retentionTimes": ["2026-01-04T02:00:00Z"],
        "retentionDuration": {"count": days, "durationType": "Days"}});
    policy
}

fn kept_at(policy: &Value, at: &str) -> u32 {
    let at: Timestamp = at.parse().unwrap();
    PolicyBody::parse(policy).unwrap().kept(&Arrival::new(at, &Group::default())).unwrap()
}

#[test]
fn what_no_tier_selects_is_kept_for_a_month() {
    let weekly = sundays(52, json!("UTC"));
    assert_eq!(kept_at(&weekly, "2026-03-01T12:00:00Z"), 364, "a Sunday");
    assert_eq!(kept_at(&weekly, "2026-03-02T12:00:00Z"), 30, "a Monday");
    assert_eq!(
        kept_at(&with_daily(weekly.clone(), 7), "2026-03-02T12:00:00Z"),
        7,
        "what a tier selects is its own"
    );
    // So a tier that keeps these days for less than that takes something away.
    let is_weaker = |days| {
        let [before, after] =
            [&weekly, &with_daily(weekly.clone(), days)].map(|p| PolicyBody::parse(p).unwrap());
        compare(&before, &after) != Verdict::NotWeaker
    };
    assert!(is_weaker(29) && !is_weaker(30));
}

#[test]
fn a_day_in_another_zone_may_be_the_one_before_or_after() {
    let in_zone = |zone: &str, at: &str| kept_at(&sundays(52, json!(zone)), at);
    // Sunday, 1 March, from midnight to midnight where the day is furthest ahead, and furthest behind.
    for (at, utc, elsewhere) in [
        ("2026-02-28T09:59:59Z", 30, 30),
        ("2026-02-28T10:00:00Z", 30, 364),
        ("2026-03-01T00:00:00Z", 364, 364),
        ("2026-03-01T23:59:59Z", 364, 364),
        ("2026-03-02T11:59:59Z", 30, 364),
        ("2026-03-02T12:00:00Z", 30, 30),
    ] {
        assert_eq!(in_zone("UTC", at), utc, "{at}");
        assert_eq!(in_zone("Tokyo Standard Time", at), elsewhere, "{at}");
        assert_eq!(kept_at(&sundays(52, Value::Null), at), utc, "{at}");
    }
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
