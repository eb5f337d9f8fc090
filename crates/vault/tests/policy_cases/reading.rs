//! How policies are read (contract 7.2): what is refused, what is tolerated, what is kept.

use jiff::civil::date;
use serde_json::{Value, json};
use vault::policy::{PolicyBody, Verdict, built_in, compare, mab_daily};

use super::shapes::*;

/// The policy is refused, and the error names this member.
fn refused(policy: &Value, member: &str) {
    match PolicyBody::parse(policy) {
        Ok(_) => panic!("{member} should have been refused: {policy}"),
        Err(error) => {
            assert_eq!(error.code, "BMSUserErrorInvalidPolicyInput");
            assert_eq!(error.target.as_deref(), Some(member), "{}", error.message);
            assert!(error.message.contains(member), "{}", error.message);
        }
    }
}

fn same(one: &Value, other: &Value) {
    let [one, other] = [one, other].map(|policy| PolicyBody::parse(policy).unwrap());
    assert_eq!(compare(&one, &other), Verdict::NotWeaker);
    assert_eq!(compare(&other, &one), Verdict::NotWeaker);
}

#[test]
fn what_makes_no_sense_is_refused() {
    refused(&json!([]), "properties");
    refused(&Value::Null, "properties.backupManagementType");
    refused(&json!({}), "properties.backupManagementType");
    refused(&json!({ "backupManagementType": "DPM" }), "properties.backupManagementType");
    refused(&json!({ "backupManagementType": 1 }), "properties.backupManagementType");
    refused(&json!({ "objectType": "BackupPolicy" }), "properties.datasourceTypes");
    refused_at("schedulePolicy", json!(null));
    refused_at("schedulePolicy", json!("daily"));
    refused_at("retentionPolicy", json!(null));
    refused_at("timeZone", json!(1));
    refused_at("protectedItemsCount", json!("many"));
}

/// File backups with this member set to this value are refused, naming the member.
fn refused_at(member: &str, value: Value) {
    let pointer = format!("/{}", member.replace('.', "/"));
    refused(&with(daily(), &pointer, value), &format!("properties.{member}"));
}

#[test]
fn schedules_that_make_no_sense_are_refused() {
    refused_at("schedulePolicy.schedulePolicyType", json!("Other"));
    refused_at("schedulePolicy.schedulePolicyType", json!(null));
    refused_at("schedulePolicy.scheduleRunFrequency", json!("Invalid"));
    refused_at("schedulePolicy.scheduleRunTimes", json!([]));
    refused_at("schedulePolicy.scheduleRunTimes", json!(["noon"]));
    refused_at("schedulePolicy.scheduleRunTimes", json!([7]));
    refused_at("schedulePolicy.scheduleRunTimes", json!(vec![at(2); 101]));
    refused_at("schedulePolicy.scheduleWeeklyFrequency", json!(53));
    refused_at("schedulePolicy.scheduleWeeklyFrequency", json!(-1));
}

#[test]
fn durations_that_make_no_sense_are_refused() {
    refused_at("retentionPolicy.retentionPolicyType", json!("Other"));
    refused_at("retentionPolicy.dailySchedule.retentionDuration", json!(null));
    for count in [json!(0), json!(10_000), json!(-1), json!(1.5), json!("30"), json!(null)] {
        refused_at("retentionPolicy.dailySchedule.retentionDuration.count", count);
    }
    refused_at("retentionPolicy.dailySchedule.retentionDuration.durationType", json!("Invalid"));
    refused_at("retentionPolicy.dailySchedule.retentionTimes", json!(["2026-13-01T00:00:00Z"]));
}

#[test]
fn days_that_make_no_sense_are_refused() {
    refused_at("retentionPolicy.weeklySchedule.daysOfTheWeek", json!([]));
    refused_at("retentionPolicy.weeklySchedule.daysOfTheWeek", json!(["Someday"]));
    refused_at("retentionPolicy.monthlySchedule.retentionScheduleFormatType", json!("Invalid"));
    refused_at("retentionPolicy.monthlySchedule.retentionScheduleWeekly", json!(null));
    refused_at("retentionPolicy.monthlySchedule.retentionScheduleWeekly.weeksOfTheMonth", json!(["Invalid"]));
    refused_at("retentionPolicy.yearlySchedule.monthsOfYear", json!(["Invalid"]));
    refused_at("retentionPolicy.yearlySchedule.retentionScheduleDaily.daysOfTheMonth", json!([]));
    let days = "retentionPolicy.yearlySchedule.retentionScheduleDaily.daysOfTheMonth";
    let pointer = format!("/{}/0", days.replace('.', "/"));
    for (value, member) in [(json!({}), ".date"), (json!({ "date": 32 }), ".date"), (json!(1), "")] {
        refused(&with(daily(), &pointer, value), &format!("properties.{days}[0]{member}"));
    }
}

#[test]
fn each_kind_names_what_it_lacks() {
    let no_tiers = json!({ "retentionPolicyType": "LongTermRetentionPolicy", "dailySchedule": null });
    refused(&with(daily(), "/retentionPolicy", no_tiers), "properties.retentionPolicy.dailySchedule");
    let hourly = |member: &str, value: Value| {
        let name = format!("/schedulePolicy/hourlySchedule/{member}");
        refused(&with(vm_hourly(4, 8, 12), &name, value), &format!("properties{}", name.replace('/', ".")));
    };
    hourly("interval", json!(0));
    hourly("interval", json!(25));
    hourly("scheduleWindowDuration", json!(0));
    hourly("scheduleWindowDuration", json!(null));
    hourly("scheduleWindowStartTime", json!(null));
    refused(
        &without(vm_hourly(4, 8, 12), "/schedulePolicy/hourlySchedule"),
        "properties.schedulePolicy.hourlySchedule",
    );
    let vm = vm_v2("weeklySchedule", &json!({ "scheduleRunTimes": [at(2)] }));
    refused(&vm, "properties.schedulePolicy.weeklySchedule.scheduleRunDays");
    let vm = vm_v2("dailySchedule", &json!({ "scheduleRunTimes": null }));
    refused(&vm, "properties.schedulePolicy.dailySchedule.scheduleRunTimes");
    let vm = |member: &str, value: Value| {
        let policy = with(built_in_policy("DefaultPolicy"), &format!("/{member}"), value);
        refused(&policy, &format!("properties.{member}"));
    };
    vm("policyType", json!("V3"));
    vm("instantRpRetentionRangeInDays", json!(0));
    vm("tieringPolicy", json!([]));
    vm("snapshotConsistencyType", json!(1));
    refused(&without(share(false), "/retentionPolicy"), "properties.retentionPolicy");
    refused(
        &without(vaulted_share(), "/vaultRetentionPolicy/snapshotRetentionInDays"),
        "properties.vaultRetentionPolicy.snapshotRetentionInDays",
    );
    refused(
        &without(vaulted_share(), "/vaultRetentionPolicy/vaultRetention"),
        "properties.vaultRetentionPolicy.vaultRetention",
    );
    let mut both = vaulted_share();
    both["retentionPolicy"] = share(false)["retentionPolicy"].clone();
    refused(&both, "properties.retentionPolicy");
    refused(&json!({ "backupManagementType": "AzureSql" }), "properties.retentionPolicy");
}

#[test]
fn sub_policies_name_what_they_lack() {
    let sql = || built_in_policy("HourlyLogBackup");
    let part = "/subProtectionPolicy/1";
    refused(&without(sql(), "/workLoadType"), "properties.workLoadType");
    refused(&with(sql(), "/subProtectionPolicy", json!([])), "properties.subProtectionPolicy");
    refused(&with(sql(), part, json!({})), "properties.subProtectionPolicy[1].policyType");
    refused(&with(sql(), part, sql()["subProtectionPolicy"][0].clone()), "properties.subProtectionPolicy");
    refused(
        &with(sql(), &format!("{part}/policyType"), json!("Other")),
        "properties.subProtectionPolicy[Other].policyType",
    );
    refused(
        &without(sql(), &format!("{part}/retentionPolicy")),
        "properties.subProtectionPolicy[Log].retentionPolicy",
    );
    refused(
        &without(sql(), &format!("{part}/schedulePolicy")),
        "properties.subProtectionPolicy[Log].schedulePolicy",
    );
    refused(
        &with(sql(), &format!("{part}/schedulePolicy/scheduleFrequencyInMins"), json!(0)),
        "properties.subProtectionPolicy[Log].schedulePolicy.scheduleFrequencyInMins",
    );
    refused(
        &with(sql(), "/settings", json!({ "isCompression": "yes" })),
        "properties.settings.isCompression",
    );
}

#[test]
fn a_schedule_that_follows_the_retention_needs_its_times() {
    let follow = json!({ "schedulePolicyType": "LongTermSchedulePolicy" });
    let policy = with(daily(), "/schedulePolicy", follow);
    let named = "properties.schedulePolicy.schedulePolicyType";
    refused(&without(policy.clone(), "/retentionPolicy/monthlySchedule/retentionTimes"), named);
    refused(&with(policy, "/retentionPolicy", simple(30)), named);
}

#[test]
fn two_spellings_with_two_values_are_refused() {
    let mut policy = daily();
    policy["retentionpolicy"] = policy["retentionPolicy"].clone();
    assert!(PolicyBody::parse(&policy).is_ok());
    policy["retentionpolicy"]["dailySchedule"]["retentionDuration"]["count"] = json!(1);
    let error = PolicyBody::parse(&policy).unwrap_err();
    assert_eq!(error.code, "BMSUserErrorInvalidPolicyInput");
    assert!(error.message.contains("twice"), "{}", error.message);
    policy["retentionpolicy"] = Value::Null;
    assert!(PolicyBody::parse(&policy).is_err());
}

#[test]
fn what_clients_write_differently_means_the_same() {
    let vm = built_in_policy("DefaultPolicy");
    // As `az backup policy show` prints it, and `az backup policy set` sends it.
    let from_az = json!({
        "protectedItemsCount": 1, "backupManagementType": "AzureIaasVM", "resourceGuardOperationRequests": null,
        "instantRpDetails": { "azureBackupRgNamePrefix": null, "azureBackupRgNameSuffix": null },
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily", "scheduleRunDays": null,
            "scheduleRunTimes": ["2026-01-01T02:00:00+00:00"], "hourlySchedule": null,
            "scheduleWeeklyFrequency": 0,
        },
        "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {
                "retentionTimes": ["2026-01-01T02:00:00.000Z"],
                "retentionDuration": { "count": 30, "durationType": "Days" },
            },
            "weeklySchedule": null, "monthlySchedule": null, "yearlySchedule": null,
        },
        "tieringPolicy": null, "instantRpRetentionRangeInDays": 2, "timeZone": "UTC", "policyType": "V1",
        "snapshotConsistencyType": null,
    });
    same(&vm, &from_az);
    let odd = vm.to_string().replace("schedulePolicy\"", "SchedulePolicy\"").replace("\"Days\"", "\"days\"");
    same(&vm, &serde_json::from_str(&odd).unwrap());
    same(&vm, &with(vm.clone(), "/schedulePolicy/scheduleRunTimes", json!(["2026-01-01T04:00:00+02:00"])));
    same(&vm, &with(vm.clone(), "/schedulePolicy/scheduleRunTimes", json!(["2026-01-01T02:00:00"])));
    same(&vm, &with(vm.clone(), "/instantRpRetentionRangeInDays", json!(2.0)));
}

#[test]
fn a_get_echoes_what_was_put() {
    let mut policy = daily();
    policy["somethingNew"] = json!({ "a": [1, null] });
    let mut request = policy.clone();
    request["resourceGuardOperationRequests"] = json!(["/guard/updateProtectionPolicyRequests/default"]);
    request["ProtectedItemsCount"] = json!(3);
    let body = PolicyBody::parse(&request).unwrap();
    assert_eq!(*body.raw(), policy);
    let stored = serde_json::to_value(&body).unwrap();
    assert_eq!(stored, policy);
    assert_eq!(serde_json::from_value::<PolicyBody>(stored).unwrap(), body);
}

#[test]
fn the_management_type_is_in_azures_spelling() {
    let spelt = with(daily(), "/backupManagementType", json!("mab"));
    assert_eq!(PolicyBody::parse(&spelt).unwrap().management_type(), "MAB");
    let unreadable: PolicyBody = serde_json::from_value(json!({ "backupManagementType": "New" })).unwrap();
    assert_eq!(unreadable.management_type(), "New");
}

#[test]
fn the_built_in_policies_are_policies() {
    let kinds: Vec<(&str, String)> = built_in()
        .into_iter()
        .map(|(name, policy)| (name, PolicyBody::parse(&policy).unwrap().management_type().to_string()))
        .collect();
    let expected = [
        ("DefaultPolicy", "AzureIaasVM".to_string()),
        ("EnhancedPolicy", "AzureIaasVM".to_string()),
        ("HourlyLogBackup", "AzureWorkload".to_string()),
    ];
    assert_eq!(kinds, expected);
    for days in [1, 30, 9999] {
        let body = PolicyBody::parse(&mab_daily(days)).unwrap();
        assert_eq!(body.days_kept(date(2026, 5, 5)), days);
    }
    free(
        "from the default to the enhanced",
        &built_in_policy("DefaultPolicy"),
        &built_in_policy("EnhancedPolicy"),
    );
}

#[test]
fn a_point_is_kept_as_long_as_the_longest_tier_of_its_day_says() {
    let kept = |policy: &Value, day| PolicyBody::parse(policy).unwrap().days_kept(day);
    assert_eq!(kept(&daily(), date(2026, 2, 3)), 30, "a Tuesday");
    assert_eq!(kept(&daily(), date(2026, 2, 5)), 56, "a Thursday");
    assert_eq!(kept(&daily(), date(2026, 2, 1)), 360, "the first Sunday of a month");
    assert_eq!(kept(&daily(), date(2026, 7, 1)), 3650, "the 1st of July");
    assert_eq!(kept(&sql_azure(30), date(2026, 2, 3)), 0, "a day that no tier selects");
    assert_eq!(kept(&vaulted_share(), date(2026, 2, 3)), 30);
    let unreadable: PolicyBody = serde_json::from_value(json!({ "backupManagementType": "New" })).unwrap();
    assert_eq!(unreadable.days_kept(date(2026, 2, 3)), u32::MAX, "what cannot be read keeps everything");
}
