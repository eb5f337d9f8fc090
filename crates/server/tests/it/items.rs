//! Protected items: configuring, changing, stopping, deleting and undeleting, with and without a guard.

use mua::CriticalOperation;
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, MACHINE, SERVER, at, guard_request, in_vault};
use crate::harness::{Answer, BOB};

const VM: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1";

fn files30() -> Value {
    json!({"policyId": at("backupPolicies/Files30")})
}

fn files7() -> Value {
    json!({"policyId": at("backupPolicies/Files7")})
}

fn stop() -> Value {
    json!({"policyId": "", "protectionState": "ProtectionStopped"})
}

fn undelete() -> Value {
    json!({"policyId": "", "protectionState": "ProtectionStopped", "isRehydrate": true})
}

fn asking(mut properties: Value, operation: CriticalOperation) -> Value {
    properties["resourceGuardOperationRequests"] = json!([guard_request(operation)]);
    properties
}

async fn put_with_guest_token(fixture: &Fixture, properties: Value) -> Answer {
    let body = json!({"properties": properties});
    fixture.alice_with_guest_token().put(&at(FILES), body).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
}

#[tokio::test]
async fn files_are_protected_once_their_server_is_registered() {
    let fixture = Fixture::start().await;
    let refused = fixture.put_item(FILES, files30()).await;
    assert_refused(&refused, 400, "BMSContainerStatusNotRegistered");
    let item = fixture.protect_files().await;
    assert_eq!(item["id"], at(FILES));
    assert_eq!(item["name"], "FileFolder;data");
    let properties = &item["properties"];
    for (name, value) in [
        ("protectedItemType", json!("MabFileFolderProtectedItem")),
        ("backupManagementType", json!("MAB")),
        ("workloadType", json!("FileFolder")),
        ("friendlyName", json!("data")),
        ("computerName", json!("srv01")),
        ("containerName", json!("srv01")),
        ("policyId", json!(at("backupPolicies/Files30"))),
        ("policyName", json!("Files30")),
        ("protectionState", json!("IRPending")),
        ("lastBackupStatus", json!("")),
        ("isScheduledForDeferredDelete", json!(false)),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    assert_eq!(properties["extendedInfo"]["recoveryPointCount"], 0);
    let url = item["repositoryUrl"].as_str().unwrap();
    let below = format!("{}/repositories/shortv1/", fixture.server.origin());
    let short = url.strip_prefix(&below).unwrap().strip_suffix('/').unwrap();
    assert_eq!(short.len(), 16);
    // Doing it again changes nothing, least of all where the backups are.
    fixture.put_item(FILES, files30()).await.expect(202);
    assert_eq!(fixture.item(FILES).await["repositoryUrl"], url);
}

#[tokio::test]
async fn a_machine_brings_its_container() {
    let fixture = Fixture::start().await;
    let body = json!({"properties": {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": VM,
        "policyId": at("backupPolicies/DefaultPolicy"),
    }});
    let alice = fixture.alice();
    alice.put(&at(MACHINE), body).await.expect(202);
    let item = fixture.item(MACHINE).await;
    for (name, value) in [
        ("friendlyName", "vm1"),
        ("virtualMachineId", VM),
        ("sourceResourceId", VM),
        ("containerName", "iaasvmcontainerv2;rg;vm1"),
        ("backupManagementType", "AzureIaasVM"),
        ("workloadType", "VM"),
        ("policyType", "V1"),
        ("healthStatus", "Passed"),
        ("lastBackupTime", "2001-01-01T00:00:00Z"),
    ] {
        assert_eq!(item["properties"][name], value, "{name}");
    }
    let containers = at(
        "backupProtectionContainers?$filter=backupManagementType eq 'AzureIaasVM' and status eq 'Registered'",
    );
    let containers = alice.get(&containers).await.expect(200);
    let container = &containers["value"][0];
    assert_eq!(container["name"], "IaasVMContainer;iaasvmcontainerv2;rg;vm1");
    assert_eq!(container["properties"]["virtualMachineId"], VM);
    assert_eq!(container["properties"]["resourceGroup"], "rg");
}

#[tokio::test]
async fn an_item_takes_only_a_policy_of_its_vault_and_kind() {
    let fixture = Fixture::start().await;
    fixture.add_vault("v2");
    fixture.alice().put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    for policy in [
        in_vault("v2", "backupPolicies/Files30"),
        at("backupPolicies/Missing"),
        at("backupPolicies/DefaultPolicy"),
        at("otherThings/Files30"),
        "/x".into(),
    ] {
        let refused = fixture.put_item(FILES, json!({"policyId": policy})).await;
        assert_refused(&refused, 400, "BMSUserErrorInvalidConfigureProtectionRequest");
    }
    assert_eq!(fixture.alice().get(&at(FILES)).await.code(), "ResourceNotFound");
}

#[tokio::test]
async fn items_are_listed_with_filters() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let body = json!({"properties": {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": VM,
        "policyId": at("backupPolicies/DefaultPolicy"),
    }});
    fixture.alice().put(&at(MACHINE), body).await.expect(202);
    for (filter, names) in [
        ("", &["VM;iaasvmcontainerv2;rg;vm1", "FileFolder;data"][..]),
        ("backupManagementType eq 'MAB'", &["FileFolder;data"]),
        ("backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'", &["VM;iaasvmcontainerv2;rg;vm1"]),
        ("backupManagementType eq 'MAB' and itemType eq 'VM'", &[]),
        ("policyName eq 'files30'", &["FileFolder;data"]),
        ("containerName eq 'Windows;srv01'", &["FileFolder;data"]),
        ("containerName eq 'srv01' and friendlyName eq 'data'", &["FileFolder;data"]),
        ("friendlyName eq 'nothing'", &[]),
    ] {
        let list = fixture.alice().get(&at(&format!("backupProtectedItems?$filter={filter}"))).await;
        let list = list.expect(200);
        let listed: Vec<&str> =
            list["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(listed, names, "{filter}");
    }
    let bad = fixture.alice().get(&at("backupProtectedItems?$filter=colour eq 'red'")).await;
    assert_refused(&bad, 400, "InvalidFilter");
    let first = fixture.alice().get(&at("backupProtectedItems?$top=1")).await.expect(200);
    let second = fixture.alice().get(first["nextLink"].as_str().unwrap()).await.expect(200);
    assert_eq!(second["value"][0]["name"], "FileFolder;data");
    assert!(second.get("nextLink").is_none());
}

#[tokio::test]
async fn what_is_deleted_is_still_seen() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    alice.delete(&at(FILES)).await.expect(202);
    let deleted_at = fixture.server.now();
    fixture.server.advance(jiff::SignedDuration::from_secs(90));

    let shown = fixture.item(FILES).await;
    let until = deleted_at + jiff::SignedDuration::from_hours(24 * 14);
    assert_eq!(shown["recoverableUntil"], until.to_string());
    let deleted = shown["properties"].clone();
    assert_eq!(deleted["deferredDeleteTimeInUTC"], arm::long_timestamp(deleted_at));
    assert_eq!(deleted["isScheduledForDeferredDelete"], true);
    assert_eq!(deleted["protectionState"], "ProtectionStopped");
    assert_eq!(deleted["deferredDeleteTimeRemaining"], "13.23:58:30");
    assert_eq!(deleted["softDeleteRetentionPeriodInDays"], 14);
    assert_eq!((&deleted["policyId"], &deleted["policyName"]), (&json!(""), &json!("")));
    let listed = alice.get(&at("backupProtectedItems")).await.expect(200);
    assert_eq!(listed["value"][0]["properties"]["isScheduledForDeferredDelete"], true);
    let containers = alice.get(&at("backupDeletedProtectionContainers")).await.expect(200);
    assert_eq!(containers["value"][0]["properties"]["registrationStatus"], "SoftDeleted");
}

#[tokio::test]
async fn what_is_deleted_can_only_be_undeleted() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    alice.delete(&at(FILES)).await.expect(202);
    let deleted = fixture.item(FILES).await;
    for properties in [files30(), stop(), json!({})] {
        assert_refused(&fixture.put_item(FILES, properties).await, 400, "UserErrorItemSoftDeleted");
    }
    let credentials = format!("{FILES}/repositoryCredentials");
    for action in [credentials.as_str(), &format!("{FILES}/backup")] {
        assert_refused(&alice.post(&at(action), Value::Null).await, 400, "UserErrorItemSoftDeleted");
    }
    // Deleting it again neither hurries nor delays anything.
    fixture.server.advance(jiff::SignedDuration::from_secs(90));
    alice.delete(&at(FILES)).await.expect(202);
    let again = fixture.item(FILES).await;
    assert_eq!(again["recoverableUntil"], deleted["recoverableUntil"]);
    assert_refused(&alice.delete(&at(SERVER)).await, 400, "BMSUserErrorContainerHasDatasources");
}

#[tokio::test]
async fn undeleting_brings_an_item_back_and_leaves_it_stopped() {
    let fixture = Fixture::start().await;
    let item = fixture.protect_files().await;
    fixture.arrive(FILES, "a1", fixture.server.now());
    fixture.alice().delete(&at(FILES)).await.expect(202);
    // Undeleting is one step, giving it a policy another.
    let both = json!({"policyId": at("backupPolicies/Files30"), "isRehydrate": true});
    let refused = fixture.put_item(FILES, both).await;
    assert_refused(&refused, 400, "BMSUserErrorInvalidConfigureProtectionRequest");
    fixture.put_item(FILES, undelete()).await.expect(202);
    let back = fixture.item(FILES).await;
    assert_eq!(back["properties"]["protectionState"], "ProtectionStopped");
    assert_eq!(back["properties"]["isScheduledForDeferredDelete"], false);
    assert!(back.get("recoverableUntil").is_none());
    assert!(back["properties"].get("deferredDeleteTimeRemaining").is_none());
    assert_eq!(back["properties"]["extendedInfo"]["recoveryPointCount"], 1);
    assert_eq!(back["repositoryUrl"], item["repositoryUrl"]);
    let refused = fixture.put_item(FILES, undelete()).await;
    assert_refused(&refused, 400, "BMSUserErrorInvalidConfigureProtectionRequest");
    fixture.put_item(FILES, files30()).await.expect(202);
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "Protected");
}

#[tokio::test]
async fn an_item_can_be_undeleted_until_its_time_is_over_and_not_a_second_longer() {
    for (second, alive) in [(-1, true), (0, false)] {
        let fixture = Fixture::start().await;
        fixture.protect_files().await;
        fixture.alice().delete(&at(FILES)).await.expect(202);
        let period = jiff::SignedDuration::from_hours(24 * 14);
        fixture.server.advance(period + jiff::SignedDuration::from_secs(second));
        if alive {
            let deleted = fixture.item(FILES).await;
            assert_eq!(deleted["properties"]["deferredDeleteTimeRemaining"], "00:00:01");
            fixture.put_item(FILES, undelete()).await.expect(202);
            continue;
        }
        assert_refused(&fixture.alice().get(&at(FILES)).await, 404, "ResourceNotFound");
        assert_refused(&fixture.put_item(FILES, undelete()).await, 404, "ResourceNotFound");
    }
}

#[tokio::test]
async fn without_soft_delete_an_item_is_gone_with_all_that_was_its() {
    let fixture = Fixture::start().await;
    let item = fixture.protect_files().await;
    fixture.arrive(FILES, "a1", fixture.server.now());
    let alice = fixture.alice();
    let credentials = at(&format!("{FILES}/repositoryCredentials"));
    let issued = alice.post(&credentials, Value::Null).await.expect(200);
    let url = item["repositoryUrl"].as_str().unwrap();
    let short = url.trim_end_matches('/').rsplit('/').next().unwrap();
    let folder = fixture.server.folder.path().join("repositories").join(short);
    std::fs::create_dir_all(folder.join("data")).unwrap();

    fixture.set_vault(|vault| vault.soft_delete.state = vault::Feature::Disabled);
    alice.delete(&at(FILES)).await.expect(202);
    assert_refused(&alice.get(&at(FILES)).await, 404, "ResourceNotFound");
    assert_eq!(alice.delete(&at(FILES)).await.status, 204);
    let store = &fixture.server.running.app().store;
    let user = issued["userName"].as_str().unwrap();
    store
        .transact(|tx| {
            assert_eq!(tx.get::<vault::RepositoryCredential>(user)?, None);
            assert!(tx.all::<vault::RecoveryPoint>()?.is_empty());
            Ok(())
        })
        .unwrap();
    store.finish_purges().unwrap();
    assert!(!folder.exists());

    // The same name again is another item, with another repository.
    let again = fixture.protect_files().await;
    assert_ne!(again["repositoryUrl"], item["repositoryUrl"]);
    assert_eq!(again["properties"]["extendedInfo"]["recoveryPointCount"], 0);
    let none = alice.get(&credentials).await.expect(200);
    assert_eq!(none["value"], json!([]));
}

#[tokio::test]
async fn with_a_guard_deleting_needs_an_unlock() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    let alice = fixture.alice_with_guest_token();
    let refused = alice.delete(&at(FILES)).await;
    assert_refused(&refused, 403, "UserErrorDeleteNotUnlocked");
    let expected = (CriticalOperation::DeleteProtection.name(), at(FILES));
    assert_eq!(fixture.refusals(), std::slice::from_ref(&expected));
    assert_eq!(fixture.item(FILES).await["properties"]["isScheduledForDeferredDelete"], false);

    // An unlock does not outlive the consent it came from.
    fixture.unlock(CriticalOperation::DeleteProtection, FILES);
    assert_refused(&alice.delete(&at(FILES)).await, 403, "LinkedAuthorizationFailed");
    fixture.consent();
    fixture.alice().delete(&at(FILES)).await.expect(202);
    assert_eq!(fixture.item(FILES).await["properties"]["isScheduledForDeferredDelete"], true);
    let entry = fixture.server.ledger().pop().unwrap();
    assert_eq!(entry.consent[0].operation, expected.0);
    assert_eq!(entry.facts["item"], "data");
    assert!(entry.facts.contains_key("recoverableUntil"));

    // Getting it back is free, and the unlock is used up.
    fixture.put_item(FILES, undelete()).await.expect(202);
    assert_refused(&alice.delete(&at(FILES)).await, 403, "UserErrorDeleteNotUnlocked");
    assert_eq!(fixture.refusals().len(), 3);
}

#[tokio::test]
async fn with_a_guard_moving_to_a_weaker_policy_needs_consent() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    let refused = put_with_guest_token(&fixture, files7()).await;
    assert_refused(&refused, 403, "UserErrorResourceGuardOperationRequestMissing");
    let with_request = asking(files7(), CriticalOperation::ModifyProtection);
    let refused = put_with_guest_token(&fixture, with_request.clone()).await;
    assert_refused(&refused, 403, "LinkedAuthorizationFailed");
    assert_eq!(fixture.item(FILES).await["properties"]["policyName"], "Files30");
    fixture.consent();
    put_with_guest_token(&fixture, with_request).await.expect(202);
    assert_eq!(fixture.item(FILES).await["properties"]["policyName"], "Files7");
    // The way up is free.
    fixture.put_item(FILES, files30()).await.expect(202);
    assert_eq!(fixture.item(FILES).await["properties"]["policyName"], "Files30");
}

#[tokio::test]
async fn stopping_first_is_no_way_to_a_weaker_policy() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.put_item(FILES, stop()).await.expect(202);
    fixture.link_guard();
    let refused = fixture.put_item(FILES, files7()).await;
    assert_refused(&refused, 403, "UserErrorResourceGuardOperationRequestMissing");
    fixture.put_item(FILES, files30()).await.expect(202);
    let item = fixture.item(FILES).await;
    assert_eq!(item["properties"]["protectionState"], "IRPending");
    assert_eq!(item["properties"]["policyName"], "Files30");
}

#[tokio::test]
async fn with_a_guard_stopping_needs_consent() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    let suspend = json!({"protectionState": "BackupsSuspended"});
    for properties in [stop(), suspend.clone()] {
        let refused = put_with_guest_token(&fixture, properties).await;
        assert_refused(&refused, 403, "UserErrorResourceGuardOperationRequestMissing");
    }
    let expected = (CriticalOperation::StopProtection.name(), at(FILES));
    assert_eq!(fixture.refusals(), [expected.clone(), expected]);
    fixture.consent();
    let suspend = asking(suspend, CriticalOperation::StopProtection);
    put_with_guest_token(&fixture, suspend).await.expect(202);
    let suspended = fixture.item(FILES).await;
    assert_eq!(suspended["properties"]["protectionState"], "BackupsSuspended");
    assert_eq!(suspended["properties"]["policyName"], "Files30");
    let stop = asking(stop(), CriticalOperation::StopProtection);
    put_with_guest_token(&fixture, stop).await.expect(202);
    let stopped = fixture.item(FILES).await;
    assert_eq!(stopped["properties"]["protectionState"], "ProtectionStopped");
    assert_eq!(stopped["properties"]["policyId"], "");
}

#[tokio::test]
async fn what_a_request_leaves_out_stays() {
    let fixture = Fixture::start().await;
    let before = fixture.protect_files().await;
    fixture.link_guard();
    for properties in [json!({}), json!({"policyId": ""}), json!({"policyId": null, "protectionState": ""})] {
        fixture.put_item(FILES, properties).await.expect(202);
    }
    let after = fixture.item(FILES).await;
    for name in ["policyId", "protectionState", "friendlyName"] {
        assert_eq!(after["properties"][name], before["properties"][name], "{name}");
    }
    fixture.put_item(FILES, json!({"friendlyName": "C:\\Data"})).await.expect(202);
    let renamed = fixture.item(FILES).await;
    assert_eq!(renamed["properties"]["friendlyName"], "C:\\Data");
    assert_eq!(renamed["properties"]["policyName"], "Files30");
}

#[tokio::test]
async fn an_immutable_vault_deletes_nothing_whoever_agrees() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Unlocked);
    let refused = fixture.alice().delete(&at(FILES)).await;
    assert_refused(&refused, 400, "UserErrorOperationDeniedOnImmutableItem");
}

#[tokio::test]
async fn a_backup_is_made_by_its_client() {
    let fixture = Fixture::start().await;
    let item = fixture.protect_files().await;
    let refused = fixture.alice().post(&at(&format!("{FILES}/backup")), json!({})).await;
    assert_refused(&refused, 400, "UserErrorBackupRunsOnClient");
    let address = format!("restic -r rest:{}", item["repositoryUrl"].as_str().unwrap());
    assert!(refused.message().contains(&address), "{}", refused.message());
}

/// Bodies that ask an item of files for something that makes no sense.
fn nonsense() -> Vec<Value> {
    let policy = at("backupPolicies/Files30");
    vec![
        Value::Null,
        json!([1]),
        json!({}),
        json!({"properties": "x"}),
        json!({"properties": {"protectedItemType": 1}}),
        json!({"properties": {"protectedItemType": "AzureSqlProtectedItem", "policyId": policy}}),
        json!({"properties": {"protectedItemType": "Microsoft.Compute/virtualMachines", "policyId": policy}}),
        json!({"properties": {"policyId": 5}}),
        json!({"properties": {"policyId": "/a/../b"}}),
        json!({"properties": {"policyId": "x".repeat(5000)}}),
        json!({"properties": {"sourceResourceId": VM, "policyId": policy}}),
        json!({"properties": {"protectionState": "Gone"}}),
        json!({"properties": {"protectionState": ["ProtectionStopped"]}}),
        json!({"properties": {"protectionState": "ProtectionStopped", "policyId": at("backupPolicies/Files7")}}),
        json!({"properties": {"isRehydrate": true}}),
        json!({"properties": {"isRehydrate": "true"}}),
        json!({"properties": {"friendlyName": "a\u{7}b"}}),
        json!({"properties": {"friendlyName": "x".repeat(300)}}),
        json!({"properties": {"resourceGuardOperationRequests": [1], "protectionState": "ProtectionStopped"}}),
    ]
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let item = fixture.protect_files().await;
    let alice = fixture.alice();
    let before = fixture.server.ledger().len();
    for body in nonsense() {
        let refused = alice.put(&at(FILES), body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(!refused.code().is_empty() && !refused.message().is_empty());
    }
    // There is one fabric, whatever its case; another name is no way around a lock on the first.
    let elsewhere = FILES.replace("Azure", "Other");
    assert_refused(&alice.get(&at(&elsewhere)).await, 404, "ResourceNotFound");
    assert_refused(&alice.delete(&at(&elsewhere)).await, 404, "ResourceNotFound");
    alice.get(&at(&FILES.to_uppercase())).await.expect(200);
    assert_refused(
        &alice.get(&at(&format!("{SERVER}/protectedItems/nothing"))).await,
        404,
        "ResourceNotFound",
    );
    let bob = fixture.server.as_(BOB);
    for answer in
        [bob.get(&at(FILES)).await, bob.delete(&at(FILES)).await, bob.put(&at(FILES), json!({})).await]
    {
        assert_refused(&answer, 403, "AuthorizationFailed");
    }
    assert_eq!(fixture.server.ledger().len(), before);
    let mut after = fixture.item(FILES).await;
    after["properties"]["extendedInfo"] = item["properties"]["extendedInfo"].clone();
    assert_eq!(after, item);
}

#[tokio::test]
async fn nonsense_creates_nothing() {
    let fixture = Fixture::start().await;
    fixture.alice().put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    let alice = fixture.alice();
    let before = fixture.server.ledger().len();
    let other = format!("{SERVER}/protectedItems/FileFolder;other");
    for body in nonsense() {
        let refused = alice.put(&at(&other), body.clone()).await;
        assert!((400..500).contains(&refused.status), "{body}: {}", refused.text);
    }
    for properties in [stop(), json!({"protectedItemType": "MabFileFolderProtectedItem"}), files30()] {
        let refused = alice.put(&at(&other), json!({"properties": properties})).await;
        assert_refused(&refused, 400, "BMSUserErrorInvalidConfigureProtectionRequest");
    }
    let machine = json!({"properties": {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": VM,
        "policyId": at("backupPolicies/DefaultPolicy"),
    }});
    let in_server = alice.put(&at(&other), machine.clone()).await;
    assert_refused(&in_server, 400, "BMSUserErrorInvalidConfigureProtectionRequest");
    let nowhere = "backupFabrics/Azure/protectionContainers/Some;where/protectedItems/x";
    let unregistered = alice.put(&at(nowhere), machine).await;
    assert_refused(&unregistered, 400, "BMSContainerStatusNotRegistered");
    assert_refused(&alice.put(&at(&other), json!({"properties": undelete()})).await, 404, "ResourceNotFound");
    assert_eq!(fixture.server.ledger().len(), before);
}
