//! Containers: registering a server, seeing it, and unregistering it in both ways.

use resources::{Lock, LockLevel};
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, SERVER, at, vault_id};
use crate::harness::{BACKUP_SUB, BOB};

const IDENTITY: &str = "registeredIdentities/srv01";

#[tokio::test]
async fn a_server_is_registered_and_unregistered() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let body = json!({"properties": {"containerType": "Windows", "backupManagementType": "MAB", "friendlyName": "SRV01"}});
    let made = alice.put(&at(SERVER), body.clone()).await.expect(200);
    assert_eq!(made["id"], at(SERVER));
    for (name, value) in [
        ("containerType", json!("Windows")),
        ("backupManagementType", json!("MAB")),
        ("friendlyName", json!("srv01")),
        ("registrationStatus", json!("Registered")),
        ("healthStatus", json!("Healthy")),
        ("protectedItemCount", json!(0)),
    ] {
        assert_eq!(made["properties"][name], value, "{name}");
    }
    assert_eq!(alice.put(&at(SERVER), body).await.expect(200), made);
    assert_eq!(alice.get(&at(SERVER)).await.expect(200), made);
    assert_eq!(alice.delete(&at(IDENTITY)).await.status, 204);
    assert_eq!(alice.get(&at(SERVER)).await.code(), "ResourceNotFound");
    assert_eq!(alice.delete(&at(IDENTITY)).await.status, 204);
    assert_eq!(alice.delete(&at(SERVER)).await.status, 204);

    alice.put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    let deleted = alice.delete(&at(SERVER)).await;
    assert_eq!(deleted.status, 202);
    alice.get(deleted.header("azure-asyncoperation")).await.expect(200);
    assert_eq!(alice.get(&at(SERVER)).await.status, 404);
}

#[tokio::test]
async fn containers_are_listed_with_filters() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    for (filter, count) in [
        ("", 1),
        ("backupManagementType eq 'MAB' and status eq 'Registered'", 1),
        ("backupManagementType eq 'MAB' and friendlyName eq 'SRV01'", 1),
        ("friendlyName eq 'srv02'", 0),
        ("backupManagementType eq 'AzureIaasVM'", 0),
        ("status eq 'SoftDeleted'", 0),
    ] {
        let list = fixture.alice().get(&at(&format!("backupProtectionContainers?$filter={filter}"))).await;
        let list = list.expect(200);
        assert_eq!(list["value"].as_array().unwrap().len(), count, "{filter}");
    }
    let deleted = fixture.alice().get(&at("backupDeletedProtectionContainers")).await.expect(200);
    assert_eq!(deleted["value"], json!([]));
}

#[tokio::test]
async fn a_server_with_items_stays_registered() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    for deleted in [false, true] {
        let refused = alice.delete(&at(SERVER)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "BMSUserErrorContainerHasDatasources"),
            "{deleted}"
        );
        alice.delete(&at(FILES)).await.expect(202);
    }
    alice.get(&at(SERVER)).await.expect(200);
}

#[tokio::test]
async fn an_unregistered_server_takes_its_backups_along() {
    for soft_delete in [true, false] {
        let fixture = Fixture::start().await;
        fixture.protect_files().await;
        if !soft_delete {
            fixture.set_vault(|vault| vault.soft_delete.state = vault::Feature::Disabled);
        }
        let alice = fixture.alice();
        alice.delete(&at(IDENTITY)).await.expect(204);
        let jobs = alice.get(&at("backupJobs?$filter=operation eq 'DeleteBackupData'")).await.expect(200);
        assert_eq!(jobs["value"].as_array().unwrap().len(), 1);
        if !soft_delete {
            assert_eq!(alice.get(&at(FILES)).await.status, 404);
            assert_eq!(alice.get(&at(SERVER)).await.status, 404);
            continue;
        }
        let item = fixture.item(FILES).await;
        assert_eq!(item["properties"]["isScheduledForDeferredDelete"], true);
        // As long as something of it can be undeleted, the server is there.
        let shown = alice.get(&at(SERVER)).await.expect(200);
        assert_eq!(shown["properties"]["registrationStatus"], "SoftDeleted");
        alice.delete(&at(IDENTITY)).await.expect(204);
        assert_eq!(fixture.item(FILES).await["recoverableUntil"], item["recoverableUntil"]);
        fixture.server.advance(jiff::SignedDuration::from_hours(24 * 14));
        alice.delete(&at(IDENTITY)).await.expect(204);
        assert_eq!(alice.get(&at(SERVER)).await.status, 404);
        assert!(
            fixture
                .server
                .running
                .app()
                .store
                .transact(|tx| tx.all::<vault::ProtectedItem>())
                .unwrap()
                .is_empty()
        );
    }
}

/// Unregistering is no way round what keeps an item.
#[tokio::test]
async fn a_server_is_unregistered_only_by_who_may_delete_its_items() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let item = vault_id("v1").child(FILES).unwrap();
    let lock = item.child("providers/Microsoft.Authorization/locks/keep").unwrap();
    fixture.server.seed(|tx| {
        let (id, scope) = (lock.clone(), item.clone());
        tx.put(&Lock { id, scope, level: LockLevel::CanNotDelete, notes: None })
    });
    let refused = fixture.alice().delete(&at(IDENTITY)).await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"), "{}", refused.text);
    fixture.server.seed(|tx| {
        tx.delete::<Lock>(lock.folded());
        Ok(())
    });

    // Somebody who may unregister servers and nothing else.
    let scope = arm::ResourceId::subscription(BACKUP_SUB);
    let role = json!({"properties": {"roleName": "Registrar", "type": "CustomRole", "assignableScopes": [scope],
        "permissions": [{"actions": ["Microsoft.RecoveryServices/Vaults/registeredIdentities/delete"]}]}});
    let name = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";
    let path = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}");
    fixture.alice().put(&path, role).await.expect(201);
    fixture.grant(BOB, arm::RoleId(name.parse().unwrap()), &scope);
    let refused = fixture.server.as_(BOB).delete(&at(IDENTITY)).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"), "{}", refused.text);
    assert!(refused.message().contains("protectedItems/delete"), "{}", refused.text);
    assert_eq!(fixture.item(FILES).await["properties"]["isScheduledForDeferredDelete"], false);
    fixture.alice().delete(&at(FILES)).await.expect(202);
    fixture.server.as_(BOB).delete(&at(IDENTITY)).await.expect(204);
}

#[tokio::test]
async fn an_immutable_vault_keeps_a_server_with_backups_whoever_agrees() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Unlocked);
    let refused = fixture.alice().delete(&at(IDENTITY)).await;
    assert_eq!((refused.status, refused.code()), (400, "UserErrorOperationDeniedOnImmutableItem"));
    assert_eq!(fixture.item(FILES).await["properties"]["isScheduledForDeferredDelete"], false);
}

#[tokio::test]
async fn a_lock_on_a_server_holds_for_its_name_too() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    alice.put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    let scope = vault_id("v1").child(SERVER).unwrap();
    let id = scope.child("providers/Microsoft.Authorization/locks/keep").unwrap();
    fixture.server.seed(|tx| {
        tx.put(&Lock { id: id.clone(), scope: scope.clone(), level: LockLevel::CanNotDelete, notes: None })
    });
    for path in [IDENTITY, SERVER] {
        let refused = alice.delete(&at(path)).await;
        assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"), "{path}");
    }
}

#[tokio::test]
async fn only_servers_are_registered() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let before = fixture.server.ledger().len();
    let containers = "backupFabrics/Azure/protectionContainers";
    for name in ["Windows;", "Windows", "IaasVMContainer;iaasvmcontainerv2;rg;vm1", ";x"] {
        let refused = alice.put(&at(&format!("{containers}/{name}")), json!({"properties": {}})).await;
        assert_eq!(refused.status, 400, "{name}: {}", refused.text);
    }
    for properties in [
        json!({"containerType": "StorageContainer"}),
        json!({"backupManagementType": "AzureStorage"}),
        json!({"friendlyName": "srv02"}),
        json!({"friendlyName": 7}),
        json!("x"),
    ] {
        let refused = alice.put(&at(SERVER), json!({"properties": properties})).await;
        assert_eq!(refused.status, 400, "{properties}: {}", refused.text);
    }
    let elsewhere = SERVER.replace("Azure", "Other");
    assert_eq!(alice.put(&at(&elsewhere), json!({"properties": {}})).await.code(), "ResourceNotFound");
    assert_eq!(fixture.server.ledger().len(), before);
}

#[tokio::test]
async fn a_refresh_finds_nothing_and_says_so() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let accepted = alice.post(&at("backupFabrics/Azure/refreshContainers"), Value::Null).await;
    assert_eq!(accepted.status, 202);
    assert_eq!(alice.get(accepted.header("location")).await.status, 204);
    for list in ["backupProtectableItems", "backupEngines", "backupProtectionIntents"] {
        let list = alice.get(&at(&format!("{list}?$filter=backupManagementType eq 'AzureIaasVM'"))).await;
        assert_eq!(list.expect(200), json!({"value": []}));
    }
}

#[tokio::test]
async fn usage_is_counted_by_kind() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    for kind in ["BackupProtectedItemCountSummary", "BackupProtectionContainerCountSummary"] {
        let path = at(&format!("backupUsageSummaries?$filter=type eq '{kind}'"));
        let counts = fixture.alice().get(&path).await.expect(200);
        assert_eq!(counts["value"][0]["name"]["value"], "MAB", "{kind}");
        assert_eq!(counts["value"][0]["currentValue"], 1, "{kind}");
    }
    let bad = fixture.alice().get(&at("backupUsageSummaries?$filter=type eq 'x'")).await;
    assert_eq!((bad.status, bad.code()), (400, "InvalidFilter"));
}
