//! The kinds of policies (contract 7.2), and what does not compare.

use serde_json::{Value, json};
use vault::policy::{PolicyBody, Verdict, compare};

use super::shapes::*;

#[test]
fn virtual_machines() {
    let vm = || built_in_policy("DefaultPolicy");
    let instant = |days: Value| with(vm(), "/instantRpRetentionRangeInDays", days);
    let archive =
        json!({ "ArchivedRP": { "tieringMode": "TierAfter", "duration": 3, "durationType": "Months" } });
    let tiering = |member: &str, value: Value| {
        let mut tier = archive.clone();
        tier["ArchivedRP"][member] = value;
        with(vm(), "/tieringPolicy", tier)
    };
    let snapshots = json!({ "azureBackupRGNamePrefix": "x" });
    weaker("instant falls", &vm(), &instant(json!(1)), "instant restore retention falls from 2 to 1 days");
    weaker("instant is gone", &vm(), &instant(Value::Null), "instant restore retention of 2 days is gone");
    free("instant grows", &vm(), &instant(json!(5)));
    free("instant appears", &instant(Value::Null), &vm());
    free("version 1 to 2", &vm(), &with(vm(), "/policyType", json!("V2")));
    weaker(
        "version 2 to 1",
        &with(vm(), "/policyType", json!("V2")),
        &vm(),
        "policy type changes from V2 to V1",
    );
    free("no version is version 1", &vm(), &without(vm(), "/policyType"));
    free("tiering appears", &vm(), &tiering("duration", json!(1)));
    free("tiering changes", &tiering("duration", json!(9)), &tiering("tieringMode", json!("DoNotTier")));
    weaker(
        "something unknown in it",
        &vm(),
        &tiering("deleteAfter", json!(1)),
        "not understood: tieringPolicy.ArchivedRP.deleteAfter changed",
    );
    free("consistency", &vm(), &with(vm(), "/snapshotConsistencyType", json!("OnlyCrashConsistent")));
    free("time zone", &vm(), &with(vm(), "/timeZone", json!("Tokyo Standard Time")));
    weaker(
        "where snapshots are kept",
        &vm(),
        &with(vm(), "/instantRPDetails", snapshots.clone()),
        "not understood: instantRPDetails changed",
    );
    free(
        "in other spellings",
        &with(vm(), "/instantRPDetails", snapshots),
        &with(
            without(vm(), "/instantRPDetails"),
            "/instantRpDetails",
            json!({ "azureBackupRgNamePrefix": "x", "azureBackupRgNameSuffix": null }),
        ),
    );
}

#[test]
fn file_shares() {
    let days =
        |policy: Value, days: u32| with(policy, "/vaultRetentionPolicy/snapshotRetentionInDays", json!(days));
    let vault_days = "/vaultRetentionPolicy/vaultRetention/dailySchedule/retentionDuration/count";
    free("daily to hourly", &share(false), &share(true));
    weaker("hourly to daily", &share(true), &share(false), "grows from 12 to 24 hours");
    weaker("to the vault", &share(false), &vaulted_share(), "daily retention of 30 days is gone");
    weaker("from the vault", &vaulted_share(), &share(false), "daily vault retention of 30 days is gone");
    weaker(
        "snapshots",
        &vaulted_share(),
        &days(vaulted_share(), 9),
        "instant restore retention falls from 10 to 9",
    );
    free("more snapshots", &vaulted_share(), &days(vaulted_share(), 11));
    weaker(
        "vault",
        &vaulted_share(),
        &with(vaulted_share(), vault_days, json!(29)),
        "daily vault retention falls from 30 to 29 days",
    );
    weaker(
        "another workload",
        &share(false),
        &with(share(false), "/workLoadType", json!("Client")),
        "workload type changes",
    );
    free("the only workload need not be named", &share(false), &without(share(false), "/workLoadType"));
}

fn sql() -> Value {
    built_in_policy("HourlyLogBackup")
}

const FULL: &str = "/subProtectionPolicy/0";
const LOG: &str = "/subProtectionPolicy/1";

fn log(member: &str, value: Value) -> Value {
    with(sql(), &format!("{LOG}/{member}"), value)
}

#[test]
fn logs() {
    let minutes = |minutes: u32| log("schedulePolicy/scheduleFrequencyInMins", json!(minutes));
    let days = |days: u32| log("retentionPolicy/retentionDuration/count", json!(days));
    let as_full = log("schedulePolicy", sql()["subProtectionPolicy"][0]["schedulePolicy"].clone());
    let gap = "Log backups: the longest gap between backups grows from 60 to 90 minutes";
    weaker("more rarely", &sql(), &minutes(90), gap);
    weaker("much more rarely", &sql(), &minutes(120), "from 1 to 2 hours");
    free("more often", &sql(), &minutes(45));
    weaker("less long", &sql(), &days(15), "Log backups: retention falls from 30 to 15 days");
    free("longer", &sql(), &days(31));
    weaker("like full ones", &sql(), &as_full, "Log backups: the kind of schedule changes");
}

#[test]
fn sub_policies() {
    let mut reversed = sql();
    reversed["subProtectionPolicy"].as_array_mut().unwrap().reverse();
    let duration = format!("{FULL}/retentionPolicy/dailySchedule/retentionDuration");
    let shorter = with(sql(), &duration, keep(3, "Weeks"));
    let other_retention = with(sql(), &format!("{FULL}/retentionPolicy"), simple(9999));
    let no_logs = without(sql(), LOG);
    weaker("no logs", &sql(), &no_logs, "Log backups: they would no longer be made");
    weaker("no full ones", &sql(), &without(sql(), FULL), "Full backups: they would no longer be made");
    free("logs as well", &no_logs, &sql());
    free("another order", &sql(), &reversed);
    weaker("shorter", &sql(), &shorter, "Full backups: daily retention falls from 30 to 21 days");
    weaker("another kind", &sql(), &other_retention, "Full backups: the kind of retention changes");
}

#[test]
fn snapshots_of_databases() {
    const DETAILS: &str = "/subProtectionPolicy/2/snapshotBackupAdditionalDetails";
    let mut snapshots = sql();
    snapshots["subProtectionPolicy"].as_array_mut().unwrap().push(json!({
        "policyType": "SnapshotFull",
        "schedulePolicy": sql()["subProtectionPolicy"][0]["schedulePolicy"],
        "snapshotBackupAdditionalDetails": { "instantRpRetentionRangeInDays": 5, "instantRPDetails": "rg" },
    }));
    let change = |member: &str, value: Value| with(snapshots.clone(), &format!("{DETAILS}/{member}"), value);
    let fewer = change("instantRpRetentionRangeInDays", json!(4));
    let falls = "SnapshotFull backups: instant restore retention falls from 5 to 4 days";
    let elsewhere = change("instantRPDetails", json!("other"));
    free("as well", &sql(), &snapshots);
    weaker("less long", &snapshots, &fewer, falls);
    weaker("elsewhere", &snapshots, &elsewhere, "not understood: subProtectionPolicy[SnapshotFull]");
    weaker("no longer", &snapshots, &sql(), "SnapshotFull backups: they would no longer be made");
}

#[test]
fn settings_of_workloads() {
    let set = |member: &str, value: Value| with(sql(), member, value);
    let hana = set("/workLoadType", json!("SAPHanaDatabase"));
    let streaming = set("/vmWorkloadPolicyType", json!("Streaming"));
    free("compression", &sql(), &set("/settings/issqlcompression", json!(true)));
    free("time zone", &sql(), &set("/settings/timeZone", json!("Tokyo Standard Time")));
    free("a repair", &sql(), &set("/makePolicyConsistent", json!(true)));
    weaker(
        "another setting",
        &sql(),
        &set("/settings/skip", json!(1)),
        "not understood: settings.skip changed",
    );
    weaker(
        "another workload",
        &sql(),
        &hana,
        "the workload type changes from sqldatabase to saphanadatabase",
    );
    weaker("another way", &sql(), &streaming, "not understood: vmWorkloadPolicyType changed");
}

#[test]
fn kinds_do_not_compare() {
    let generic = json!({ "backupManagementType": "GenericProtectionPolicy", "timeZone": "UTC", "fabricName": "f",
        "subProtectionPolicy": built_in_policy("HourlyLogBackup")["subProtectionPolicy"] });
    let with_retention = |retention: Value| with(daily(), "/retentionPolicy", retention);
    weaker(
        "another kind",
        &daily(),
        &with(daily(), "/backupManagementType", json!("AzureIaasVM")),
        "the backup management type changes from MAB to AzureIaasVM",
    );
    free("another spelling", &daily(), &with(daily(), "/backupManagementType", json!("mab")));
    weaker("simple falls", &with_retention(simple(30)), &with_retention(simple(29)), "from 30 to 29 days");
    free("simple grows", &with_retention(simple(30)), &with_retention(simple(31)));
    weaker("simple to tiers", &with_retention(simple(3)), &daily(), "the kind of retention changes");
    free("generic", &generic.clone(), &generic.clone());
    weaker(
        "generic, another fabric",
        &generic.clone(),
        &with(generic, "/fabricName", json!("g")),
        "not understood: fabricName changed",
    );
    weaker("Azure SQL falls", &sql_azure(30), &sql_azure(29), "weekly retention falls from 30 to 29 days");
    free("Azure SQL grows", &sql_azure(30), &sql_azure(31));
    weaker(
        "Azure SQL, another time",
        &sql_azure(30),
        &with(sql_azure(30), &format!("{WEEKLY}/retentionTimes"), json!([at(3)])),
        "other times of day",
    );
}

#[test]
fn a_stored_policy_that_cannot_be_read_compares_with_itself_alone() {
    let unreadable: PolicyBody = serde_json::from_value(json!({ "backupManagementType": "New" })).unwrap();
    let other: PolicyBody = serde_json::from_value(json!({ "backupManagementType": "Newer" })).unwrap();
    let readable = PolicyBody::parse(&daily()).unwrap();
    assert_eq!(compare(&unreadable, &unreadable.clone()), Verdict::NotWeaker);
    for (before, after) in [(&unreadable, &other), (&unreadable, &readable), (&readable, &unreadable)] {
        assert!(matches!(compare(before, after), Verdict::Weaker(reasons) if reasons.len() == 1));
    }
}
