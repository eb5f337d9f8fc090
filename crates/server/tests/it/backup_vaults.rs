//! Backup vaults, their settings and policies (contract 3.1 to 3.3, 7.4).

use serde_json::{Value, json};
use vault::Vault;

use crate::estate::{group, vault_path};
use crate::harness::{ALICE, Answer, BACKUP_SUB, BOB, Harness};

/// A Backup vault in the resource group for vaults.
pub fn backup_vault(name: &str) -> String {
    format!("{}/providers/Microsoft.DataProtection/backupVaults/{name}", group(BACKUP_SUB, "backup"))
}

pub const DISKS: &str = "Microsoft.Compute/disks";

/// A policy for disks: daily at two, kept for so many days.
pub fn disk_policy(days: u32) -> Value {
    json!({"properties": {"objectType": "BackupPolicy", "datasourceTypes": [DISKS], "policyRules": [
        {"objectType": "AzureBackupRule", "name": "BackupDaily",
            "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
            "dataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"},
            "trigger": {"objectType": "ScheduleBasedTriggerContext",
                "schedule": {"repeatingTimeIntervals": ["R/2026-01-01T02:00:00+00:00/P1D"], "timeZone": "UTC"},
                "taggingCriteria": [{"isDefault": true, "taggingPriority": 99,
                    "tagInfo": {"id": "Default_", "tagName": "Default"}}]}},
        {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": true, "lifecycles": [{
            "sourceDataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"},
            "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": format!("P{days}D")}}]}]}})
}

#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
}

fn security(settings: Value) -> Value {
    json!({"properties": {"securitySettings": settings}})
}

fn path() -> String {
    backup_vault("Vault1")
}

/// What az sends.
fn az_body() -> Value {
    json!({"location": "West Europe", "identity": {"type": "SystemAssigned"}, "tags": {"team": "backup"},
        "properties": {
            "securitySettings": {"softDeleteSettings": {"retentionDurationInDays": 14.0, "state": "On"}},
            "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}})
}

async fn server_with_vault() -> Harness {
    let server = Harness::with_groups().await;
    server.as_(ALICE).put(&path(), az_body()).await.expect(201);
    server
}

#[tokio::test]
async fn a_new_vault_is_secure_by_default_and_can_be_polled_for() {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    let created = alice.put(&path(), json!({"location": "westeurope"})).await;
    let poll = created.header("azure-asyncoperation").to_string();
    assert_eq!(created.header("retry-after"), "1");
    let created = created.expect(201);
    let status = alice.get(&poll).await.expect(200);
    assert_eq!(status["status"], "Succeeded");
    assert_eq!(status["id"].as_str().unwrap().rsplit('/').next(), status["name"].as_str());
    let vault = alice.get(&path().to_lowercase()).await.expect(200);
    assert_eq!(vault, created);
    assert_eq!((&vault["id"], &vault["name"]), (&json!(path()), &json!("Vault1")));
    assert_eq!(vault["type"], "Microsoft.DataProtection/backupVaults");
    let properties = &vault["properties"];
    assert_eq!(
        properties["securitySettings"],
        json!({"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14.0},
            "immutabilitySettings": {"state": "Disabled"}})
    );
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(properties["isVaultProtectedByResourceGuard"], false);
    assert_eq!(
        (&properties["secureScore"], &properties["bcdrSecurityLevel"]),
        (&json!("None"), &json!("Poor"))
    );
    assert_eq!(vault["systemData"]["createdBy"], "alice@contoso.example");
    assert_eq!(server.stored::<Vault>(&path()).unwrap().short.len(), 16);
    // Only its own vault knows an operation.
    alice.put(&backup_vault("other"), json!({"location": "westeurope"})).await.expect(201);
    let elsewhere = poll.replace("/Vault1/", "/other/");
    assert_refused(&alice.get(&elsewhere).await, 404, "ResourceNotFound");
    let operation = status["name"].as_str().unwrap();
    let azure = format!(
        "/subscriptions/{BACKUP_SUB}/providers/Microsoft.DataProtection/locations/westeurope/operationStatus/{operation}"
    );
    assert_eq!(alice.get(&azure).await.expect(200)["status"], "Succeeded");
}

#[tokio::test]
async fn what_is_left_out_stays() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let set = security(json!({
        "softDeleteSettings": {"state": "on", "retentionDurationInDays": 30.0},
        "immutabilitySettings": {"state": "Unlocked"},
        "encryptionSettings": {"state": "Enabled", "keyVaultProperties": {"keyUri": "https://keys.example/1"}},
    }));
    let before = alice.patch(&path(), set).await.expect(200);
    let same = |a: &Value, b: &Value| {
        let strip = |value: &Value| {
            let mut value = value.clone();
            value.as_object_mut().unwrap().retain(|name, _| name != "eTag" && name != "systemData");
            value
        };
        assert_eq!(strip(a), strip(b));
    };
    for body in [
        json!({}),
        json!({"properties": {}}),
        security(json!({})),
        security(json!({"softDeleteSettings": {}, "immutabilitySettings": null, "encryptionSettings": {}})),
    ] {
        same(&alice.patch(&path(), body).await.expect(200), &before);
    }
    same(&alice.put(&path(), json!({"location": "westeurope"})).await.expect(200), &before);
    // az reads the vault and writes it back whole.
    same(&alice.put(&path(), before.clone()).await.expect(200), &before);
    assert_eq!(before["tags"], json!({"team": "backup"}));
    assert_eq!(before["identity"]["type"], "SystemAssigned");
    let free = json!({"tags": {"a": "b"}, "properties": {
        "featureSettings": {"crossSubscriptionRestoreSettings": {"state": "Enabled"}},
        "monitoringSettings": {"azureMonitorAlertSettings": {"alertsForAllJobFailures": "Disabled"}}}});
    let changed = alice.patch(&path(), free).await.expect(200);
    assert_eq!(changed["tags"], json!({"a": "b"}));
    let properties = &changed["properties"];
    assert_eq!(properties["featureSettings"]["crossSubscriptionRestoreSettings"]["state"], "Enabled");
    assert_eq!(
        properties["monitoringSettings"]["azureMonitorAlertSettings"]["alertsForAllJobFailures"],
        "Disabled"
    );
}

#[tokio::test]
async fn settings_out_of_range_and_steps_down_from_for_ever_are_refused() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let soft = |settings: Value| security(json!({"softDeleteSettings": settings}));
    let immutable = |state: &str| security(json!({"immutabilitySettings": {"state": state}}));
    for (body, code) in [
        (soft(json!({"retentionDurationInDays": 13.0})), "UserErrorInvalidSoftDeleteRetentionPeriod"),
        (soft(json!({"retentionDurationInDays": 181})), "UserErrorInvalidSoftDeleteRetentionPeriod"),
        (soft(json!({"retentionDurationInDays": 1e9})), "UserErrorInvalidSoftDeleteRetentionPeriod"),
        (soft(json!({"retentionDurationInDays": 14.5})), "InvalidRequestContent"),
        (soft(json!({"retentionDurationInDays": -14})), "InvalidRequestContent"),
        (soft(json!({"state": "Enabled"})), "InvalidRequestContent"),
        (immutable("Sometimes"), "InvalidRequestContent"),
        (json!({"properties": {"storageSettings": {}}}), "InvalidRequestContent"),
        (json!({"properties": {"storageSettings": ["x"]}}), "InvalidRequestContent"),
        (json!({"location": "northeurope"}), "InvalidResourceLocation"),
    ] {
        let refused = alice.patch(&path(), body.clone()).await;
        assert_eq!(refused.code(), code, "{body}");
    }
    let before = server.stored::<Vault>(&path());
    alice.patch(&path(), soft(json!({"state": "AlwaysOn"}))).await.expect(200);
    alice.patch(&path(), immutable("Locked")).await.expect(200);
    assert_ne!(server.stored::<Vault>(&path()), before);
    for state in ["On", "Off"] {
        let refused = alice.patch(&path(), soft(json!({"state": state}))).await;
        assert_refused(&refused, 400, "UserErrorDisableSoftDeleteNotAllowed");
    }
    for state in ["Unlocked", "Disabled"] {
        let refused = alice.patch(&path(), immutable(state)).await;
        assert_refused(&refused, 400, "UserErrorUnsupportedVaultImmutabilityStateChange");
    }
    let vault = alice.get(&path()).await.expect(200);
    assert_eq!(vault["properties"]["securitySettings"]["softDeleteSettings"]["state"], "AlwaysOn");
    assert_eq!(vault["properties"]["bcdrSecurityLevel"], "Good");
}

#[tokio::test]
async fn each_kind_of_vault_has_its_own_list_and_name() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    // The same name is another vault in the other namespace.
    alice.put(&vault_path("Vault1"), json!({"location": "westeurope"})).await.expect(201);
    for (collection, wanted) in [
        ("Microsoft.DataProtection/backupVaults", path()),
        ("Microsoft.RecoveryServices/vaults", vault_path("Vault1")),
    ] {
        for scope in [format!("/subscriptions/{BACKUP_SUB}"), group(BACKUP_SUB, "backup")] {
            let list = alice.get(&format!("{scope}/providers/{collection}")).await.expect(200);
            let ids: Vec<&str> =
                list["value"].as_array().unwrap().iter().map(|vault| vault["id"].as_str().unwrap()).collect();
            assert_eq!(ids, [wanted.as_str()]);
        }
    }
    let resources = alice.get(&format!("{}/resources", group(BACKUP_SUB, "backup"))).await.expect(200);
    let types: Vec<&str> =
        resources["value"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["Microsoft.DataProtection/backupVaults", "Microsoft.RecoveryServices/vaults"]);
    let check = format!(
        "{}/providers/Microsoft.DataProtection/locations/westeurope/checkNameAvailability",
        group(BACKUP_SUB, "backup")
    );
    for (name, available) in [("vault1", false), ("vault2", true), ("1", false)] {
        let body = json!({"name": name, "type": "Microsoft.DataProtection/BackupVaults"});
        let answer = alice.post(&check, body).await.expect(200);
        assert_eq!(answer["nameAvailable"], available, "{name}");
    }
    let refused = alice.put(&backup_vault("-x"), json!({"location": "westeurope"})).await;
    assert_refused(&refused, 400, "InvalidResourceName");
}

#[tokio::test]
async fn an_empty_vault_ends_with_its_policies() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let policy = format!("{}/backupPolicies/p", path());
    alice.put(&policy, disk_policy(30)).await.expect(200);
    assert_eq!(alice.delete(&path()).await.status, 204);
    assert_refused(&alice.get(&path()).await, 404, "ResourceNotFound");
    assert_eq!(alice.delete(&path()).await.status, 204);
    alice.put(&path(), az_body()).await.expect(201);
    assert_refused(&alice.get(&policy).await, 404, "ResourceNotFound");
}

#[tokio::test]
async fn policies_are_kept_as_they_were_sent() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let policy = format!("{}/backupPolicies/Disk30", path());
    let put = alice.put(&policy, disk_policy(30)).await.expect(200);
    assert_eq!(
        put,
        json!({"id": policy, "name": "Disk30", "type": "Microsoft.DataProtection/backupVaults/backupPolicies",
            "properties": disk_policy(30)["properties"]})
    );
    assert_eq!(alice.get(&policy.to_uppercase()).await.expect(200), put);
    let list = alice.get(&format!("{}/backupPolicies", path())).await.expect(200);
    assert_eq!(list["value"], json!([put]));
    let mut broken = disk_policy(30);
    broken["properties"]["policyRules"][1]["lifecycles"][0]["deleteAfter"]["duration"] = json!("never");
    let recovery = json!({"properties": vault::policy::mab_daily(30)});
    for body in [broken, recovery, json!({}), json!({"properties": {}})] {
        assert_eq!(alice.put(&policy, body.clone()).await.status, 400, "{body}");
    }
    // Nor does a Recovery Services vault take one of these.
    alice.put(&vault_path("v1"), json!({"location": "westeurope"})).await.expect(201);
    let refused = alice.put(&format!("{}/backupPolicies/x", vault_path("v1")), disk_policy(30)).await;
    assert_refused(&refused, 400, "BMSUserErrorInvalidPolicyInput");
    assert_eq!(alice.get(&policy).await.expect(200), put);
    assert_eq!(alice.delete(&policy).await.status, 200);
    assert_eq!(alice.delete(&policy).await.status, 204);
}

#[tokio::test]
async fn whoever_holds_nothing_sees_and_changes_nothing() {
    let server = server_with_vault().await;
    let bob = server.as_(BOB);
    let before = server.ledger().len();
    for (method, below, body) in [
        ("GET", "", Value::Null),
        ("PUT", "", az_body()),
        ("PATCH", "", json!({})),
        ("DELETE", "", Value::Null),
        ("PUT", "/backupPolicies/p", disk_policy(1)),
        ("GET", "/backupInstances", Value::Null),
        ("POST", "/validateForBackup", json!({})),
        ("GET", "/backupResourceGuardProxies", Value::Null),
    ] {
        let refused = bob.call(method, &format!("{}{below}", path()), body).await;
        assert_refused(&refused, 403, "AuthorizationFailed");
    }
    assert_eq!(server.ledger().len(), before);
}
