//! Policies of Backup vaults (contract 7.4).

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};
use vault::VaultKind;
use vault::policy::{PolicyBody, Verdict, compare};

/// One of many policies: how often backups run, how long the default and the weekly tag keep them, and where to.
#[derive(Clone, Debug)]
struct Spec {
    intervals: Vec<String>,
    default_days: u32,
    weekly: Option<(u32, Vec<&'static str>)>,
    copy: Option<&'static str>,
}

impl Spec {
    fn usual() -> Self {
        Self {
            intervals: vec!["R/2026-01-01T02:00:00+00:00/P1D".into()],
            default_days: 30,
            weekly: Some((90, vec!["FirstOfWeek"])),
            copy: Some("ImmediateCopyOption"),
        }
    }

    fn json(&self) -> Value {
        let mut tags = vec![json!({"isDefault": true, "taggingPriority": 99,
            "tagInfo": {"id": "Default_", "tagName": "Default"}})];
        let mut lifecycle = lifecycle_of(self.default_days);
        if let Some(option) = self.copy {
            lifecycle["targetDataStoreCopySettings"] = json!([{
                "dataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "VaultStore"},
                "copyAfter": {"objectType": option},
            }]);
        }
        let mut rules =
            vec![json!({"objectType": "AzureRetentionRule", "name": "Default", "isDefault": true,
            "lifecycles": [lifecycle]})];
        if let Some((days, criteria)) = &self.weekly {
            let criteria: Vec<Value> = criteria
                .iter()
                .map(|one| {
                    json!({"objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": [one],
                    "daysOfTheWeek": null})
                })
                .collect();
            tags.push(json!({"isDefault": false, "taggingPriority": 20, "tagInfo": {"tagName": "Weekly"},
                "criteria": criteria}));
            rules.push(json!({"objectType": "AzureRetentionRule", "name": "weekly", "isDefault": false,
                "lifecycles": [lifecycle_of(*days)]}));
        }
        rules.push(json!({"objectType": "AzureBackupRule", "name": "BackupDaily",
            "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
            "dataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"},
            "trigger": {"objectType": "ScheduleBasedTriggerContext",
                "schedule": {"repeatingTimeIntervals": self.intervals, "timeZone": "UTC"},
                "taggingCriteria": tags}}));
        json!({"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"], "policyRules": rules})
    }
}

fn lifecycle_of(days: u32) -> Value {
    json!({"sourceDataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"},
        "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": format!("P{days}D")}})
}

fn body(json: &Value) -> PolicyBody {
    PolicyBody::parse(json).unwrap_or_else(|error| panic!("{error:?}: {json}"))
}

fn reasons(before: &Value, after: &Value) -> String {
    match compare(&body(before), &body(after)) {
        Verdict::NotWeaker => String::new(),
        Verdict::Weaker(reasons) => {
            assert!(!reasons.is_empty());
            reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn a_policy_is_kept_as_it_was_sent() {
    let mut sent = Spec::usual().json();
    let stored = sent.clone();
    sent["resourceGuardOperationRequests"] = json!(["/x"]);
    let body = body(&sent);
    assert_eq!(body.raw(), &stored);
    assert_eq!((body.vault_kind(), body.management_type()), (VaultKind::Backup, ""));
    assert!(body.is_for("microsoft.compute/DISKS") && !body.is_for("Microsoft.Storage/blobs"));
    // Which backup is the first of its week is not known by the day alone.
    assert_eq!(body.days_kept(date(2026, 2, 11)), 90);
    let again: PolicyBody = serde_json::from_value(serde_json::to_value(&body).unwrap()).unwrap();
    assert_eq!(again, body);
}

/// Each step down from the usual policy, and words of the reason.
#[test]
fn every_step_down_is_weaker() {
    let usual = Spec::usual();
    let with = |change: &dyn Fn(&mut Spec)| {
        let mut spec = usual.clone();
        change(&mut spec);
        spec.json()
    };
    let edited = |path: &str, value: Value| {
        let mut json = usual.json();
        *json.pointer_mut(path).unwrap() = value;
        json
    };
    let without_backups = || {
        let mut json = usual.json();
        json["policyRules"].as_array_mut().unwrap().pop();
        json
    };
    let with_unknown = || {
        let mut json = usual.json();
        json["policyRules"][0]["shortenBy"] = json!(5);
        json
    };
    for (what, after, words) in [
        ("fewer days", with(&|spec| spec.default_days = 29), "falls from 30 to 29 days"),
        (
            "a tag keeps less",
            with(&|spec| spec.weekly = Some((89, vec!["FirstOfWeek"]))),
            "falls from 90 to 89",
        ),
        ("no tag", with(&|spec| spec.weekly = None), "the rule 'weekly' is gone"),
        (
            "another criterion",
            with(&|spec| spec.weekly = Some((90, vec!["FirstOfMonth"]))),
            "the tag 'weekly'",
        ),
        ("rarer", with(&|spec| spec.intervals = vec!["R/2026-01-04T02:00:00Z/P1W".into()]), "gap"),
        ("no copy", with(&|spec| spec.copy = None), "no longer copied to 'vaultstore'"),
        ("a later copy", with(&|spec| spec.copy = Some("CopyOnExpiryOption")), "no longer copied"),
        ("no backups", without_backups(), "the rule 'backupdaily' is gone"),
        (
            "another kind",
            edited("/datasourceTypes/0", json!("Microsoft.Storage/x")),
            "kind of source changes",
        ),
        ("another name", edited("/policyRules/2/name", json!("Other")), "the rule 'backupdaily' is gone"),
        (
            "another store",
            edited("/policyRules/2/dataStore/dataStoreType", json!("ArchiveStore")),
            "data store",
        ),
        ("another type", edited("/policyRules/2/backupParameters/backupType", json!("Full")), "backup type"),
        ("unknown", with_unknown(), "not understood"),
    ] {
        let found = reasons(&usual.json(), &after);
        assert!(found.contains(words), "{what}: {found}");
    }
}

#[test]
fn steps_up_and_sideways_are_not_weaker() {
    let usual = Spec::usual();
    let with = |change: &dyn Fn(&mut Spec)| {
        let mut spec = usual.clone();
        change(&mut spec);
        spec.json()
    };
    let shouted = {
        let mut json = usual.json();
        json["policyRules"][1]["name"] = json!("WEEKLY");
        json["name"] = json!("a name of its own");
        json["policyRules"][0]["unknown"] = json!(null);
        json
    };
    for (what, after) in [
        ("the same", usual.json()),
        ("more days", with(&|spec| spec.default_days = 31)),
        ("more often", with(&|spec| spec.intervals = vec!["R/2026-01-01T02:00:00+00:00/PT4H".into()])),
        ("at another time", with(&|spec| spec.intervals = vec!["R/2025-07-01T05:30:00+00:00/P1D".into()])),
        ("one more interval", with(&|spec| spec.intervals.push("R/2026-01-01T14:00:00+00:00/PT24H".into()))),
        ("more criteria", with(&|spec| spec.weekly = Some((90, vec!["FirstOfWeek", "FirstOfYear"])))),
        ("written otherwise", shouted),
    ] {
        assert_eq!(reasons(&usual.json(), &after), "", "{what}");
    }
    let weekly = |days: &[&str]| {
        let mut spec = Spec::usual();
        spec.intervals = days.iter().map(|day| format!("R/2026-01-{day}T02:00:00Z/P1W")).collect();
        spec.json()
    };
    assert_eq!(reasons(&weekly(&["04"]), &weekly(&["04", "07"])), "");
    assert!(reasons(&weekly(&["04", "07"]), &weekly(&["04"])).contains("Wednesday"));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_member_at_fault() {
    let usual = Spec::usual().json();
    for (path, value) in [
        ("/datasourceTypes", json!([])),
        ("/datasourceTypes", json!("disks")),
        ("/policyRules", json!([])),
        ("/policyRules/0/objectType", json!("OtherRule")),
        ("/policyRules/0/name", json!("")),
        ("/policyRules/0/lifecycles", json!([])),
        ("/policyRules/0/lifecycles/0/deleteAfter/duration", json!("P0D")),
        ("/policyRules/0/lifecycles/0/deleteAfter/duration", json!("-P7D")),
        ("/policyRules/0/lifecycles/0/deleteAfter/duration", json!("PT36H")),
        ("/policyRules/0/lifecycles/0/deleteAfter/duration", json!("P20000Y")),
        ("/policyRules/0/lifecycles/0/deleteAfter/duration", json!("soon")),
        ("/policyRules/0/lifecycles/0/deleteAfter/objectType", json!("RelativeDeleteOption")),
        ("/policyRules/1/name", json!("Default")),
        ("/policyRules/1/name", json!("Monthly")),
        ("/policyRules/2/trigger/objectType", json!("AdhocBasedTriggerContext")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals", json!([])),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R5/2026-01-01T02:00:00Z/P1D")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R/2026-01-01T02:00:00Z/PT7H")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R/2026-01-01T02:00:00Z/P1M")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R/2026-01-01T02:00:00Z/PT0S")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R/2026-01-01T02:00:00Z/P99W")),
        ("/policyRules/2/trigger/schedule/repeatingTimeIntervals/0", json!("R/whenever/P1D")),
        ("/policyRules/2/trigger/taggingCriteria/1/criteria", json!([])),
        ("/policyRules/2/trigger/taggingCriteria/1/tagInfo/tagName", json!("default")),
    ] {
        let mut json = usual.clone();
        *json.pointer_mut(path).unwrap() = value.clone();
        let error = PolicyBody::parse(&json).expect_err(&format!("{path} {value}"));
        assert_eq!(error.code, "BMSUserErrorInvalidPolicyInput", "{path} {value}");
        assert!(error.target.is_some(), "{path} {value}");
    }
    let mut twice = usual.clone();
    twice["DatasourceTypes"] = json!(["x"]);
    PolicyBody::parse(&twice).expect_err("two readings");
}

#[test]
fn durations_are_compared_in_days() {
    let with = |duration: &str| {
        let mut json = Spec::usual().json();
        json["policyRules"][0]["lifecycles"][0]["deleteAfter"]["duration"] = json!(duration);
        json
    };
    for (before, after, weaker) in [
        ("P8W", "P9D", true),
        ("P9D", "P8W", false),
        ("P12M", "P1Y", false),
        ("P1Y", "P12M", true),
        ("P30D", "P1M", false),
        ("P1Y1M1W1D", "P403D", false),
        ("P1Y1M1W1D", "P402D", true),
    ] {
        assert_eq!(!reasons(&with(before), &with(after)).is_empty(), weaker, "{before} to {after}");
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    let intervals = prop_oneof![
        prop::sample::select(vec![4, 6, 8, 12, 24])
            .prop_map(|hours| vec![format!("R/2026-01-01T02:00:00Z/PT{hours}H")]),
        (prop::collection::btree_set(4..11_u32, 1..4), 1..3_u32).prop_map(|(days, weeks)| days
            .into_iter()
            .map(|day| format!("R/2026-01-{day:02}T02:00:00Z/P{weeks}W"))
            .collect()),
    ];
    let criteria = prop::sample::subsequence(vec!["FirstOfDay", "FirstOfWeek", "FirstOfMonth"], 1..3);
    let copy = prop::sample::select(vec![None, Some("ImmediateCopyOption"), Some("CopyOnExpiryOption")]);
    (intervals, 1..5_u32, prop::option::of((1..5_u32, criteria)), copy)
        .prop_map(|(intervals, default_days, weekly, copy)| Spec { intervals, default_days, weekly, copy })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn not_weaker_is_an_order_and_takes_no_days(a in spec(), b in spec(), c in spec()) {
        // Specs whose weeks lie apart make no policy.
        let read = |spec: &Spec| PolicyBody::parse(&spec.json());
        if let (Ok(one), Ok(two), Ok(three)) = (read(&a), read(&b), read(&c)) {
            let free = |a: &PolicyBody, b: &PolicyBody| compare(a, b) == Verdict::NotWeaker;
            prop_assert!(free(&one, &one));
            if free(&one, &two) {
                prop_assert!(a.default_days <= b.default_days);
                prop_assert!(one.days_kept(date(2026, 2, 11)) <= two.days_kept(date(2026, 2, 11)));
                if free(&two, &three) {
                    prop_assert!(free(&one, &three));
                }
            }
        }
    }
}
