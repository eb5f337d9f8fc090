//! Recovery Services vaults and their settings (contract 4.1 to 4.3).

use jiff::SignedDuration;
use mua::{Presented, VaultKind};
use rbac::role_ids;
use serde_json::{Value, json};
use vault::{BackupPolicy, Container, Vault, VaultChange};

use crate::estate::{group, vault_body, vault_path};
use crate::harness::{ALICE, BACKUP_SUB, BOB, Harness};

async fn server_with_vault() -> Harness {
    let server = Harness::with_groups().await;
    server.as_(ALICE).put(&vault_path("Vault1"), json!({"location": "West Europe"})).await.expect(201);
    server
}

fn path() -> String {
    vault_path("Vault1")
}

fn config() -> String {
    format!("{}/backupconfig/vaultconfig", path())
}

fn soft_delete(vault: &Value) -> &Value {
    &vault["properties"]["securitySettings"]["softDeleteSettings"]
}

#[tokio::test]
async fn a_new_vault_is_secure_by_default() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let vault = alice.get(&path().to_lowercase()).await.expect(200);
    assert_eq!(vault["id"], path(), "ids keep the case they were created with");
    assert_eq!((&vault["name"], &vault["location"]), (&json!("Vault1"), &json!("westeurope")));
    assert_eq!(vault["type"], "Microsoft.RecoveryServices/vaults");
    assert_eq!(vault["properties"]["provisioningState"], "Succeeded");
    let expected = json!({"softDeleteState": "Enabled", "softDeleteRetentionPeriodInDays": 14,
        "enhancedSecurityState": "Enabled"});
    assert_eq!(soft_delete(&vault), &expected);
    let security = &vault["properties"]["securitySettings"];
    assert_eq!(security["multiUserAuthorization"], "Disabled");
    assert_eq!(security["immutabilitySettings"], json!({"state": "Disabled"}));
    assert_eq!(vault["properties"]["bcdrSecurityLevel"], "Poor");
    assert_eq!(vault["systemData"]["createdBy"], "alice@contoso.example");
    let stored: Vault = server.stored(&path()).unwrap();
    assert_eq!(stored.short.len(), 16);
    let policies: Vec<BackupPolicy> = server.seed(|tx| tx.below(&arm::ResourceId::parse(&path()).unwrap()));
    let names: Vec<&str> = policies.iter().map(|policy| policy.id.name()).collect();
    let mut expected: Vec<&str> = vault::policy::built_in().iter().map(|(name, _)| *name).collect();
    expected.sort_unstable_by_key(|name| name.to_lowercase());
    assert_eq!(names, expected);
}

#[tokio::test]
async fn creation_takes_what_az_sends() {
    let server = Harness::with_groups().await;
    let body = json!({"location": "eastus", "sku": {"name": "Standard"}, "tags": {"team": "backup"},
        "properties": {
            "securitySettings": {"softDeleteSettings": {"enhancedSecurityState": "AlwaysOn",
                "softDeleteState": "AlwaysOn", "softDeleteRetentionPeriodInDays": 14}},
            "publicNetworkAccess": "Enabled",
            "monitoringSettings": {"azureMonitorAlertSettings": {"alertsForAllJobFailures": "Disabled"},
                "classicAlertSettings": null},
            "costManagementSettings": {"granularityLevel": "VaultLevel"}}});
    let vault = server.as_(ALICE).put(&vault_path("v1"), body).await.expect(201);
    assert_eq!(soft_delete(&vault)["softDeleteState"], "AlwaysON");
    assert_eq!(vault["properties"]["bcdrSecurityLevel"], "Good");
    assert_eq!(vault["tags"], json!({"team": "backup"}));
    let monitoring = &vault["properties"]["monitoringSettings"];
    assert_eq!(monitoring["azureMonitorAlertSettings"]["alertsForAllJobFailures"], "Disabled");
    assert_eq!(monitoring["classicAlertSettings"]["alertsForCriticalOperations"], "Enabled");
    assert_eq!(vault["properties"]["costManagementSettings"]["granularityLevel"], "VaultLevel");
}

#[tokio::test]
async fn what_is_left_out_stays() {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    let mut body = vault_body();
    body["tags"] = json!({"a": "1"});
    let created = alice.put(&vault_path("v1"), body).await.expect(201);
    server.advance(SignedDuration::from_secs(5));
    for (method, body) in [
        ("PUT", json!({"location": "westeurope"})),
        ("PATCH", json!({})),
        (
            "PATCH",
            json!({"tags": null, "properties": {"securitySettings": {"softDeleteSettings": null,
            "immutabilitySettings": {"state": null}}, "encryption": {"keyVaultProperties": null}}}),
        ),
    ] {
        let vault = alice.call(method, &vault_path("v1"), body.clone()).await.expect(200);
        for member in ["id", "location", "tags", "sku", "properties"] {
            assert_eq!(vault[member], created[member], "{method} {body}: {member}");
        }
        assert_ne!(vault["etag"], created["etag"]);
    }
    let patched = alice
        .patch(&vault_path("v1"), json!({"tags": {"b": "2"}, "identity": {"type": "SystemAssigned"}}))
        .await
        .expect(200);
    assert_eq!(
        (&patched["tags"], &patched["identity"]["type"]),
        (&json!({"b": "2"}), &json!("SystemAssigned"))
    );
    assert_eq!(patched["properties"], created["properties"]);
}

#[tokio::test]
async fn soft_delete_has_two_doors_and_one_state() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let body = json!({"properties": {"softDeleteFeatureState": "Disable", "enhancedSecurityState": "Disabled",
        "softDeleteRetentionPeriodInDays": 20}});
    let found = alice.patch(&config(), body).await.expect(200);
    let expected = json!({"id": config(), "name": "vaultconfig",
        "type": "Microsoft.RecoveryServices/vaults/backupconfig",
        "properties": {"softDeleteFeatureState": "Disabled", "enhancedSecurityState": "Disabled",
            "softDeleteRetentionPeriodInDays": 20, "isSoftDeleteFeatureStateEditable": true}});
    assert_eq!(found, expected);
    let vault = alice.get(&path()).await.expect(200);
    let seen = json!({"softDeleteState": "Disabled", "softDeleteRetentionPeriodInDays": 20,
        "enhancedSecurityState": "Disabled"});
    assert_eq!(soft_delete(&vault), &seen);

    let on = json!({"properties": {"securitySettings": {"softDeleteSettings": {
        "softDeleteState": "AlwaysOn", "softDeleteRetentionPeriodInDays": 30.0}}}});
    alice.patch(&path(), on).await.expect(200);
    let found = alice.get(&config()).await.expect(200);
    let seen = json!({"softDeleteFeatureState": "AlwaysON", "enhancedSecurityState": "Disabled",
        "softDeleteRetentionPeriodInDays": 30, "isSoftDeleteFeatureStateEditable": false});
    assert_eq!(found["properties"], seen);
    let put =
        alice.put(&config(), json!({"properties": {"enhancedSecurityState": "Enabled"}})).await.expect(200);
    assert_eq!(put["properties"]["softDeleteFeatureState"], "AlwaysON");
    assert_eq!(put["properties"]["enhancedSecurityState"], "Enabled");
}

#[tokio::test]
async fn one_way_settings_stay_whatever_door_is_tried() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let security =
        |settings: Value| json!({"location": "westeurope", "properties": {"securitySettings": settings}});
    let lock = security(json!({"softDeleteSettings": {"softDeleteState": "AlwaysON"},
        "immutabilitySettings": {"state": "Locked"}}));
    alice.patch(&path(), lock).await.expect(200);
    let before = alice.get(&path()).await.expect(200);
    let soft = security(json!({"softDeleteSettings": {"softDeleteState": "Enabled"}}));
    let off = json!({"properties": {"softDeleteFeatureState": "Disabled"}});
    let unlock = security(json!({"immutabilitySettings": {"state": "Unlocked"}}));
    let disable = security(json!({"immutabilitySettings": {"state": "Disabled"}}));
    let (soft_delete, immutability) =
        ("UserErrorDisableSoftDeleteNotAllowed", "UserErrorUnsupportedVaultImmutabilityStateChange");
    for (method, path, body, code) in [
        ("PATCH", path(), soft.clone(), soft_delete),
        ("PUT", path(), soft, soft_delete),
        ("PATCH", config(), off.clone(), soft_delete),
        ("PUT", config(), off, soft_delete),
        ("PATCH", path(), unlock.clone(), immutability),
        ("PUT", path(), unlock, immutability),
        ("PATCH", path(), disable, immutability),
    ] {
        let refused = alice.call(method, &path, body).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{method} {path}");
    }
    assert_eq!(alice.get(&path()).await.expect(200), before);
}

#[tokio::test]
async fn bad_input_is_a_bad_request_and_changes_nothing() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let before = alice.get(&path()).await.expect(200);
    let soft = |settings: Value| {
        json!({"location": "westeurope",
        "properties": {"securitySettings": {"softDeleteSettings": settings}}})
    };
    let properties = |members: Value| json!({"location": "westeurope", "properties": members});
    for body in [
        json!([]),
        json!(7),
        json!({"location": ["westeurope"]}),
        json!({"location": "westeurope", "sku": "Standard"}),
        json!({"location": "westeurope", "sku": {"tier": "Standard"}}),
        json!({"location": "westeurope", "identity": {"type": 1}}),
        json!({"location": "westeurope", "tags": {"a": {}}}),
        properties(json!("x")),
        properties(json!({"securitySettings": "x"})),
        properties(json!({"monitoringSettings": "x"})),
        properties(json!({"publicNetworkAccess": "Sometimes"})),
        properties(json!({"redundancySettings": {"standardTierStorageRedundancy": "None"}})),
        properties(json!({"encryption": "x"})),
        properties(json!({"securitySettings": {"immutabilitySettings": {"state": "On"}}})),
        properties(
            json!({"securitySettings": {"immutabilitySettings": {"configuration": {"type": "TimeBased"}}}}),
        ),
        soft(json!({"softDeleteState": "Invalid"})),
        soft(json!({"softDeleteState": true})),
        soft(json!({"softDeleteState": ""})),
        soft(json!({"softDeleteRetentionPeriodInDays": 13})),
        soft(json!({"softDeleteRetentionPeriodInDays": 181})),
        soft(json!({"softDeleteRetentionPeriodInDays": 65550})),
        soft(json!({"softDeleteRetentionPeriodInDays": -14})),
        soft(json!({"softDeleteRetentionPeriodInDays": 14.5})),
        soft(json!({"softDeleteRetentionPeriodInDays": "14"})),
    ] {
        for (method, path) in [("PUT", path()), ("PATCH", path()), ("PUT", vault_path("new"))] {
            let refused = alice.call(method, &path, body.clone()).await;
            assert_eq!(refused.status, 400, "{method} {body}: {}", refused.text);
        }
    }
    for days in [json!(13), json!(181), json!("x")] {
        let body = json!({"properties": {"softDeleteRetentionPeriodInDays": days}});
        assert_eq!(alice.patch(&config(), body).await.status, 400);
    }
    assert_eq!(alice.get(&path()).await.expect(200), before);
    assert_eq!(alice.get(&vault_path("new")).await.status, 404);
}

#[tokio::test]
async fn a_vault_has_a_name_and_a_place_that_fit() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let body = json!({"location": "westeurope"});
    let long = format!("v{}", "x".repeat(50));
    for name in ["v", "1vault", "-vault", "my_vault", "my.vault", "väult", &long] {
        let refused = alice.put(&vault_path(name), body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidResourceName"), "{name}");
    }
    let longest = "x".repeat(50);
    alice.put(&vault_path(&longest), body).await.expect(201);
    let refused = alice.put(&vault_path("new"), json!({"tags": {}})).await;
    assert_eq!(refused.code(), "LocationRequired");
    for method in ["PUT", "PATCH"] {
        let refused = alice.call(method, &path(), json!({"location": "northeurope"})).await;
        assert_eq!((refused.status, refused.code()), (409, "InvalidResourceLocation"));
    }
    let check = format!(
        "{}/providers/Microsoft.RecoveryServices/locations/westeurope/checkNameAvailability",
        group(BACKUP_SUB, "backup")
    );
    for (name, reason) in [("vault1", json!("AlreadyExists")), ("1", json!("Invalid")), ("free", Value::Null)]
    {
        let body = json!({"name": name, "type": "Microsoft.RecoveryServices/vaults"});
        let answer = alice.post(&check, body).await.expect(200);
        assert_eq!((&answer["reason"], &answer["nameAvailable"]), (&reason, &json!(reason.is_null())));
    }
}

#[tokio::test]
async fn vaults_are_listed_by_group_and_by_subscription() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    alice.put(&vault_path("vault2"), vault_body()).await.expect(201);
    let by_group = format!("{}/providers/Microsoft.RecoveryServices/vaults", group(BACKUP_SUB, "BACKUP"));
    let by_subscription = format!("/subscriptions/{BACKUP_SUB}/providers/Microsoft.RecoveryServices/vaults");
    for path in [by_group, by_subscription] {
        let list = alice.get(&path).await.expect(200);
        let names: Vec<&Value> =
            list["value"].as_array().unwrap().iter().map(|vault| &vault["name"]).collect();
        assert_eq!(names, ["Vault1", "vault2"]);
        let page = alice.get(&format!("{path}?$top=1")).await.expect(200);
        let rest = alice.get(page["nextLink"].as_str().unwrap()).await.expect(200);
        assert_eq!(rest["value"][0]["name"], "vault2");
        assert_eq!(server.as_(BOB).get(&path).await.code(), "AuthorizationFailed");
    }
}

#[tokio::test]
async fn storage_and_encryption_have_a_second_view_too() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let storage = format!("{}/backupstorageconfig/vaultstorageconfig", path());
    let properties = alice.get(&storage).await.expect(200)["properties"].clone();
    assert_eq!(properties["storageModelType"], "LocallyRedundant");
    assert_eq!(properties["crossRegionRestoreFlag"], false);
    let body = json!({"properties": {"storageModelType": "georedundant", "crossRegionRestoreFlag": true}});
    let patched = alice.patch(&storage, body).await;
    assert_eq!((patched.status, patched.text.as_str()), (204, ""));
    let vault = alice.get(&path()).await.expect(200);
    let expected = json!({"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Enabled"});
    assert_eq!(vault["properties"]["redundancySettings"], expected);
    let body =
        json!({"properties": {"redundancySettings": {"standardTierStorageRedundancy": "LocallyRedundant"}}});
    alice.patch(&path(), body).await.expect(200);
    let put = alice.put(&storage, json!({"properties": {}})).await.expect(200);
    assert_eq!(put["properties"]["storageType"], "LocallyRedundant");
    assert_eq!(put["properties"]["crossRegionRestoreFlag"], true);

    let encryption = format!("{}/backupEncryptionConfigs/backupResourceEncryptionConfig", path());
    let found = alice.get(&encryption).await.expect(200);
    assert_eq!(found["properties"]["encryptionAtRestType"], "MicrosoftManaged");
    let body = json!({"properties": {"encryptionAtRestType": "CustomerManaged"}});
    assert_eq!(alice.put(&encryption, body).await.status, 400);
    let body = json!({"properties": {"encryptionAtRestType": "CustomerManaged", "keyUri": "https://keys.example/1"}});
    let put = alice.put(&encryption, body).await.expect(200);
    assert_eq!(put["properties"]["keyUri"], "https://keys.example/1");
    let vault = alice.get(&path()).await.expect(200);
    let key = vault.pointer("/properties/encryption/keyVaultProperties/keyUri");
    assert_eq!(key, Some(&json!("https://keys.example/1")));
}

#[tokio::test]
async fn usages_and_extended_information_tell_what_is_there() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    register_container(&server);
    let usages = alice.get(&format!("{}/usages", path())).await.expect(200);
    let of = |name: &str| {
        let all = usages["value"].as_array().unwrap();
        all.iter().find(|usage| usage["name"]["value"] == name).unwrap()["currentValue"].clone()
    };
    assert_eq!(
        (of("ProtectedItemCount"), of("ProtectedServerCount"), of("StorageUsed")),
        (json!(0), json!(1), json!(0))
    );
    let replication = alice.get(&format!("{}/replicationUsages", path())).await.expect(200);
    assert_eq!(replication, json!({"value": []}));

    let extended = format!("{}/extendedInformation/vaultExtendedInfo", path());
    let info = alice.get(&extended).await.expect(200);
    assert_eq!(info["properties"], json!({"algorithm": "None"}));
    let body = json!({"properties": {"integrityKey": "a2V5", "algorithm": "None"}});
    alice.put(&extended, body).await.expect(200);
    let info = alice.patch(&extended, json!({"properties": {"algorithm": "None"}})).await.expect(200);
    assert_eq!(info["properties"]["integrityKey"], "a2V5");
    assert!(!alice.get(&path()).await.text.contains("a2V5"));
}

/// Puts a container into the vault, by the door that stands open while there is no guard.
fn register_container(server: &Harness) {
    let container = Container {
        id: arm::ResourceId::parse(&path())
            .unwrap()
            .child("backupFabrics/Azure/protectionContainers/Windows;host")
            .unwrap(),
        container_type: "Windows".into(),
        backup_management_type: "MAB".into(),
        friendly_name: "host".into(),
        registered: server.now(),
    };
    let now = server.now();
    server.seed(|tx| {
        let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
        let nobody = |_: &mua::GuardQuestion| -> mua::GuardAnswer { panic!("there is no guard") };
        let change = VaultChange::container(None, container.clone());
        let clearance = mua::clear(change, VaultKind::RecoveryServices, None, &presented, &nobody, now)?;
        tx.apply(clearance.unwrap())
    });
}

#[tokio::test]
async fn only_an_empty_vault_can_be_deleted_and_nothing_of_it_stays() {
    let server = server_with_vault().await;
    let alice = server.as_(ALICE);
    let first: Vault = server.stored(&path()).unwrap();
    alice.delete(&path()).await.expect(204);
    assert_eq!(alice.get(&path()).await.code(), "ResourceNotFound");
    alice.delete(&path()).await.expect(204);
    let vault = arm::ResourceId::parse(&path()).unwrap();
    assert_eq!(server.seed(|tx| tx.below::<BackupPolicy>(&vault)), []);

    alice.put(&path(), json!({"location": "westeurope"})).await.expect(201);
    let second: Vault = server.stored(&path()).unwrap();
    assert_ne!(first.short, second.short);
    register_container(&server);
    let refused = alice.delete(&path()).await;
    assert_eq!((refused.status, refused.code()), (400, "ServiceResourceNotEmptyWithBackendMessage"));
    assert_eq!(server.stored::<Vault>(&path()), Some(second));
}

#[tokio::test]
async fn rights_on_a_vault_are_those_of_its_roles() {
    let server = server_with_vault().await;
    let scope = group(BACKUP_SUB, "backup");
    let put = json!({"location": "westeurope"});
    let soft = json!({"properties": {"softDeleteRetentionPeriodInDays": 20}});
    for (role, expected) in [
        (None, [403; 5]),
        (Some(role_ids::READER), [200, 403, 403, 200, 403]),
        (Some(role_ids::BACKUP_READER), [200, 403, 403, 200, 403]),
        (Some(role_ids::BACKUP_OPERATOR), [200, 403, 403, 403, 403]),
        (Some(role_ids::BACKUP_CONTRIBUTOR), [200, 200, 403, 200, 200]),
        (Some(role_ids::CONTRIBUTOR), [200, 200, 204, 200, 200]),
    ] {
        let grant = role.map(|role| server.grant(BOB, role, &scope));
        let bob = server.as_(BOB);
        let found = [
            bob.get(&path()).await.status,
            bob.put(&path(), put.clone()).await.status,
            bob.delete(&vault_path("missing")).await.status,
            bob.get(&config()).await.status,
            bob.patch(&config(), soft.clone()).await.status,
        ];
        assert_eq!(found, expected, "{role:?}");
        grant.iter().for_each(|grant| server.revoke(grant));
    }
    let refused = server.as_(BOB).patch(&config(), soft).await;
    assert_eq!(refused.code(), "AuthorizationFailed");
    assert!(refused.message().contains("backupconfig/write"), "{}", refused.text);
}

#[tokio::test]
async fn what_lies_below_a_missing_vault_is_missing() {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    for rest in [
        "",
        "/backupconfig/vaultconfig",
        "/backupstorageconfig/vaultstorageconfig",
        "/backupEncryptionConfigs/backupResourceEncryptionConfig",
        "/extendedInformation/vaultExtendedInfo",
        "/usages",
        "/replicationUsages",
        "/backupResourceGuardProxies",
        "/backupResourceGuardProxies/VaultProxy",
    ] {
        let missing = alice.get(&format!("{}{rest}", path())).await;
        assert_eq!((missing.status, missing.code()), (404, "ResourceNotFound"), "{rest}");
        assert!(missing.message().contains("vaults/Vault1"));
    }
    let nowhere = format!("{}/providers/Microsoft.RecoveryServices/vaults/v1", group(BACKUP_SUB, "nowhere"));
    let refused = alice.put(&nowhere, json!({"location": "westeurope"})).await;
    assert_eq!((refused.status, refused.code()), (404, "ResourceGroupNotFound"));
}
