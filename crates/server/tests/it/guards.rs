//! Resource Guards (contract 2).

use rbac::role_ids;
use resources::{Lock, LockLevel};
use serde_json::{Value, json};

use crate::estate::{group, guard_path, vault_body, vault_path};
use crate::harness::{ALICE, ALICE_GUEST, BACKUP_SUB, Harness, SAM, SECURITY_SUB, SUE};

const RESTORE: &str = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action";
const PIN: &str = "Microsoft.RecoveryServices/vaults/backupSecurityPIN/action";

fn path() -> String {
    guard_path(SECURITY_SUB, "Guard1")
}

async fn server_with_guard() -> Harness {
    let server = Harness::with_groups().await;
    server.as_(SAM).put(&path(), json!({"location": "West Europe"})).await.expect(200);
    server
}

fn operations(guard: &Value) -> Vec<&str> {
    guard["properties"]["resourceGuardOperations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["vaultCriticalOperation"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_new_guard_protects_everything() {
    let server = server_with_guard().await;
    let sam = server.as_(SAM);
    let guard = sam.get(&path().to_uppercase()).await.expect(200);
    assert_eq!(guard["id"], path(), "ids keep the case they were created with");
    assert_eq!(guard["type"], "Microsoft.DataProtection/resourceGuards");
    assert_eq!(guard["location"], "westeurope");
    assert_eq!((&guard["tags"], &guard["eTag"]), (&json!({}), &Value::Null));
    let properties = &guard["properties"];
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(properties["allowAutoApprovals"], true);
    assert_eq!(properties["vaultCriticalOperationExclusionList"], json!([]));
    let operations = operations(&guard);
    assert_eq!(operations.len(), 20);
    assert_eq!(
        operations[0],
        "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/delete"
    );
    assert_eq!(
        properties["resourceGuardOperations"][0]["requestResourceType"],
        "Microsoft.DataProtection/resourceGuards/deleteProtectedItemRequests"
    );
    let instance = &properties["resourceGuardOperations"][11];
    assert_eq!(
        instance["vaultCriticalOperation"],
        "Microsoft.DataProtection/backupVaults/backupInstances/delete"
    );
    assert_eq!(instance["requestResourceType"], instance["vaultCriticalOperation"]);
    assert_eq!(guard["systemData"]["createdBy"], "sam@fabsec.example");
    assert_eq!(guard["systemData"]["createdByType"], "User");
}

#[tokio::test]
async fn what_is_left_out_stays_and_an_empty_list_clears() {
    let server = server_with_guard().await;
    let sam = server.as_(SAM);
    let excluded = |guard: &Value| guard["properties"]["vaultCriticalOperationExclusionList"].clone();
    let body = json!({"location": "westeurope", "tags": {"team": "sec"}, "properties": {
        "description": "Ask sam", "vaultCriticalOperationExclusionList": [PIN.to_uppercase(), RESTORE]}});
    let guard = sam.put(&path(), body).await.expect(200);
    assert_eq!(excluded(&guard), json!([PIN, RESTORE]), "in the table's order and spelling");
    assert_eq!(operations(&guard).len(), 18);
    assert!(!operations(&guard).contains(&PIN));

    let kept = sam.put(&path(), json!({"location": "westeurope"})).await.expect(200);
    assert_eq!(kept["properties"], guard["properties"]);
    assert_eq!(kept["tags"], json!({"team": "sec"}));
    let tagged = sam.patch(&path(), json!({"tags": {"a": "b"}})).await.expect(200);
    assert_eq!((&tagged["tags"], &tagged["properties"]), (&json!({"a": "b"}), &guard["properties"]));

    let one = json!({"properties": {"vaultCriticalOperationExclusionList": [PIN], "description": ""}});
    let patched = sam.patch(&path(), one).await.expect(200);
    assert_eq!(excluded(&patched), json!([PIN]));
    assert_eq!(patched["properties"]["description"], Value::Null);
    let none = json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": []}});
    let cleared = sam.put(&path(), none).await.expect(200);
    assert_eq!((excluded(&cleared), operations(&cleared).len()), (json!([]), 20));
}

/// What Azure takes and clients send, although no operation goes by it.
#[tokio::test]
async fn names_that_exempt_nothing_are_kept() {
    let server = server_with_guard().await;
    let names = [
        "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs/backupResourceEncryptionConfig/write",
        "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/delete",
        "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/write",
        "Microsoft.RecoveryServices/vaults/backupconfig/delete",
    ];
    let sent: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let body = json!({"properties": {"vaultCriticalOperationExclusionList": sent}});
    let guard = server.as_(SAM).patch(&path(), body).await.expect(200);
    assert_eq!(guard["properties"]["vaultCriticalOperationExclusionList"], json!(names));
    assert_eq!(operations(&guard).len(), 20, "everything is protected still");
    let none = json!({"properties": {"vaultCriticalOperationExclusionList": []}});
    let guard = server.as_(SAM).patch(&path(), none).await.expect(200);
    assert_eq!(guard["properties"]["vaultCriticalOperationExclusionList"], json!([]));
}

#[tokio::test]
async fn mandatory_and_unknown_operations_cannot_be_excluded() {
    let server = server_with_guard().await;
    for name in [
        "Microsoft.RecoveryServices/vaults/backupconfig/write",
        "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete",
        "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/delete",
        "microsoft.dataprotection/backupvaults/WRITE#reduceSoftDeleteSecurity",
        "deleteProtection",
        "",
    ] {
        let body = json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": [PIN, name]}});
        for method in ["PUT", "PATCH"] {
            let refused = server.as_(SAM).call(method, &path(), body.clone()).await;
            assert_eq!(
                (refused.status, refused.code()),
                (400, "BMSUserErrorInvalidCriticalOperationExclusionList"),
                "{name}"
            );
        }
    }
    let guard = server.as_(SAM).get(&path()).await.expect(200);
    assert_eq!(operations(&guard).len(), 20);
}

#[tokio::test]
async fn a_guard_has_a_place_that_never_changes() {
    let server = server_with_guard().await;
    let sam = server.as_(SAM);
    let new = guard_path(SECURITY_SUB, "new");
    for body in [json!({}), json!({"location": null, "tags": {}})] {
        let refused = sam.put(&new, body).await;
        assert_eq!((refused.status, refused.code()), (400, "LocationRequired"));
    }
    for (method, body) in
        [("PUT", json!({"location": "northeurope"})), ("PATCH", json!({"location": "northeurope"}))]
    {
        let refused = sam.call(method, &path(), body).await;
        assert_eq!((refused.status, refused.code()), (409, "InvalidResourceLocation"));
    }
    assert_eq!(sam.get(&new).await.status, 404);
}

#[tokio::test]
async fn bad_input_is_a_bad_request_and_changes_nothing() {
    let server = server_with_guard().await;
    let before = server.as_(SAM).get(&path()).await.expect(200);
    for body in [
        json!([]),
        json!("x"),
        json!({"location": 5}),
        json!({"location": "a/b"}),
        json!({"location": "westeurope", "tags": []}),
        json!({"location": "westeurope", "tags": {"a": 1}}),
        json!({"location": "westeurope", "properties": 7}),
        json!({"location": "westeurope", "properties": {"description": {}}}),
        json!({"location": "westeurope", "properties": {"description": "x".repeat(1025)}}),
        json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": "x"}}),
        json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": [1]}}),
    ] {
        for (method, path) in [("PUT", path()), ("PATCH", path()), ("PUT", guard_path(SECURITY_SUB, "new"))] {
            let refused = server.as_(SAM).call(method, &path, body.clone()).await;
            assert_eq!(refused.status, 400, "{method} {body}: {}", refused.text);
        }
    }
    for name in ["a%3Cb", "a%7Cb", "x."] {
        let path = guard_path(SECURITY_SUB, name);
        let refused = server.as_(SAM).put(&path, json!({"location": "westeurope"})).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidResourceName"), "{name}");
    }
    assert_eq!(server.as_(SAM).get(&path()).await.expect(200), before);
}

#[tokio::test]
async fn guards_are_listed_by_group_and_by_subscription() {
    let server = server_with_guard().await;
    let sam = server.as_(SAM);
    for name in ["guard2", "guard3"] {
        let body = json!({"location": "westeurope"});
        sam.put(&guard_path(SECURITY_SUB, name), body).await.expect(200);
    }
    let by_group =
        format!("{}/providers/Microsoft.DataProtection/resourceGuards", group(SECURITY_SUB, "security"));
    let by_subscription =
        format!("/subscriptions/{SECURITY_SUB}/providers/Microsoft.DataProtection/resourceGuards");
    for path in [&by_group, &by_subscription] {
        let list = sam.get(path).await.expect(200);
        assert_eq!(list["value"].as_array().unwrap().len(), 3, "{path}");
        let page = sam.get(&format!("{path}?$top=2")).await.expect(200);
        assert_eq!(page["value"].as_array().unwrap().len(), 2);
        let next = page["nextLink"].as_str().unwrap();
        let rest = sam.get(next).await.expect(200);
        assert_eq!(rest["value"][0]["name"], "guard3");
        assert_eq!(rest.get("nextLink"), None);
        let refused = server.as_(SUE).get(path).await;
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    }
}

/// What somebody may choose from when they link a vault: what they may read, wherever in the tenant it is, and nothing else.
#[tokio::test]
async fn guards_are_found_by_those_who_may_read_them() {
    let server = server_with_guard().await;
    let second = guard_path(SECURITY_SUB, "Guard2");
    server.as_(SAM).put(&second, json!({"location": "westeurope"})).await.expect(200);
    let elsewhere = guard_path(BACKUP_SUB, "Guard3");
    server.as_(ALICE).put(&elsewhere, json!({"location": "westeurope"})).await.expect(200);
    let seen = async |who| {
        let all = "/providers/Microsoft.DataProtection/resourceGuards";
        let list = server.as_(who).get(all).await.expect(200);
        let ids =
            list["value"].as_array().unwrap().iter().map(|guard| guard["id"].as_str().unwrap().to_string());
        ids.collect::<Vec<_>>()
    };
    let of_subscription =
        format!("/subscriptions/{SECURITY_SUB}/providers/Microsoft.DataProtection/resourceGuards");
    let subscriptions = async |who| {
        let list = server.as_(who).get("/subscriptions").await.expect(200);
        list["value"].as_array().unwrap().len()
    };
    assert_eq!(seen(SAM).await, [path(), second.clone()]);
    assert_eq!(seen(ALICE).await, [elsewhere]);
    for nobody in [SUE, ALICE_GUEST] {
        assert_eq!((seen(nobody).await, subscriptions(nobody).await), (Vec::new(), 0));
        assert_eq!(server.as_(nobody).get(&of_subscription).await.status, 403);
    }
    // A guest who may read one of two guards finds it, and by the subscription's list, which wants a right there, neither.
    server.grant(ALICE_GUEST, role_ids::READER, &path());
    assert_eq!((seen(ALICE_GUEST).await, subscriptions(ALICE_GUEST).await), (vec![path()], 1));
    assert_eq!(server.as_(ALICE_GUEST).get(&of_subscription).await.status, 403);
    server.grant(SUE, role_ids::READER, &format!("/subscriptions/{SECURITY_SUB}"));
    assert_eq!(seen(SUE).await, [path(), second]);
    assert_eq!(server.as_(SUE).get(&of_subscription).await.expect(200)["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn each_protected_kind_has_its_request_object() {
    let server = server_with_guard().await;
    let sam = server.as_(SAM);
    for kind in [
        "updateProtectionPolicyRequests",
        "modifyEncryptionSettings",
        "deleteResourceGuardProxyRequests",
        "deleteMABIdentityRequests",
        "dppModifyPolicy",
        "dppTriggerRestoreRequests",
    ] {
        let id = format!("{}/{kind}/default", path());
        let object = json!({"id": id, "name": "default",
            "type": format!("Microsoft.DataProtection/resourceGuards/{kind}")});
        assert_eq!(sam.get(&id.to_lowercase()).await.expect(200), object);
        let list = sam.get(&format!("{}/{kind}", path())).await.expect(200);
        assert_eq!(list["value"], json!([object]));
    }
    let exclude =
        json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": [PIN]}});
    sam.put(&path(), exclude).await.expect(200);
    for missing in [
        "getBackupSecurityPINRequests",
        "getBackupSecurityPINRequests/default",
        "makeCoffeeRequests",
        "makeCoffeeRequests/default",
        "updateProtectionPolicyRequests/other",
    ] {
        let absent = sam.get(&format!("{}/{missing}", path())).await;
        assert_eq!((absent.status, absent.code()), (404, "ResourceNotFound"), "{missing}");
    }
    let nowhere = guard_path(SECURITY_SUB, "nowhere");
    let absent = sam.get(&format!("{nowhere}/updateProtectionPolicyRequests/default")).await;
    assert_eq!(absent.status, 404);
}

/// Contract 8.2 and 10: who may do what to a guard.
#[tokio::test]
async fn rights_on_a_guard_are_those_of_its_roles() {
    let server = server_with_guard().await;
    let put = json!({"location": "westeurope"});
    for (role, sees, writes, deletes) in [
        (None, 403, 403, 403),
        (Some(role_ids::READER), 200, 403, 403),
        (Some(role_ids::BACKUP_MUA_OPERATOR), 200, 403, 403),
        (Some(role_ids::BACKUP_CONTRIBUTOR), 403, 403, 403),
        (Some(role_ids::BACKUP_MUA_ADMIN), 200, 200, 204),
    ] {
        let missing = guard_path(SECURITY_SUB, "missing");
        let grants: Vec<String> = role
            .into_iter()
            .flat_map(|role| [path(), missing.clone()].map(|scope| server.grant(SUE, role, &scope)))
            .collect();
        let sue = server.as_(SUE);
        let found = [
            sue.get(&path()).await.status,
            sue.put(&path(), put.clone()).await.status,
            sue.delete(&missing).await.status,
        ];
        assert_eq!(found, [sees, writes, deletes], "{role:?}");
        let kind = sue.get(&format!("{}/disableSoftDeleteRequests/default", path())).await;
        assert_eq!(kind.status, sees, "{role:?}");
        for grant in grants {
            server.revoke(&grant);
        }
    }
    let refused = server.as_(SUE).put(&path(), put).await;
    assert_eq!(refused.code(), "AuthorizationFailed");
    let action = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/write";
    assert!(refused.message().contains(action) && refused.message().contains("Guard1"), "{}", refused.text);
    // Another tenant's token is none for this subscription.
    assert_eq!(server.as_(ALICE).get(&path()).await.code(), "InvalidAuthenticationTokenTenant");
}

#[tokio::test]
async fn a_guard_ends_only_when_no_vault_is_linked() {
    let server = server_with_guard().await;
    server.grant(ALICE_GUEST, role_ids::READER, &path());
    let (alice, sam) = (server.as_(ALICE).with(ALICE_GUEST), server.as_(SAM));
    let linked = format!("{}/linkedVaults", path());
    assert_eq!(sam.get(&linked).await.expect(200), json!({"value": []}));
    alice.put(&vault_path("v1"), vault_body()).await.expect(201);
    let proxy = format!("{}/backupResourceGuardProxies/VaultProxy", vault_path("v1"));
    let link = json!({"properties": {"resourceGuardResourceId": path().to_lowercase()}});
    alice.put(&proxy, link).await.expect(200);

    let list = sam.get(&linked).await.expect(200);
    assert_eq!(list["value"][0]["id"], vault_path("v1"));
    assert_eq!(list["value"][0]["type"], "Microsoft.RecoveryServices/vaults");
    assert_eq!(server.as_(SUE).get(&linked).await.status, 403);
    let refused = sam.delete(&path()).await;
    assert_eq!((refused.status, refused.code()), (409, "UserErrorResourceGuardHasLinkedVaults"));
    sam.get(&path()).await.expect(200);

    alice.delete(&vault_path("v1")).await.expect(204);
    assert_eq!(sam.delete(&path()).await.expect(200), Value::Null);
    assert_eq!(sam.get(&path()).await.code(), "ResourceNotFound");
    sam.delete(&path()).await.expect(204);
}

#[tokio::test]
async fn a_lock_keeps_a_guard_from_its_owner() {
    let server = server_with_guard().await;
    let scope = arm::ResourceId::parse(&path()).unwrap();
    let lock = Lock {
        id: scope.child("providers/Microsoft.Authorization/locks/keep").unwrap(),
        scope,
        level: LockLevel::CanNotDelete,
        notes: None,
    };
    server.seed(|tx| tx.put(&lock));
    let refused = server.as_(SAM).delete(&path()).await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"));
}

#[tokio::test]
async fn changes_of_a_guard_are_in_the_ledger() {
    let server = server_with_guard().await;
    let body =
        json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": [RESTORE]}});
    server.as_(SAM).put(&path(), body).await.expect(200);
    server.as_(SAM).delete(&path()).await.expect(200);
    let ledger = server.ledger();
    let [.., put, delete] = ledger.as_slice() else { panic!("two entries at least") };
    assert!(put.operation.ends_with("resourceGuards/write") && put.target == path());
    assert_eq!(put.facts["exempt"], RESTORE);
    assert_eq!(put.actor.name, "sam@fabsec.example");
    assert!(delete.operation.ends_with("resourceGuards/delete"));
}

#[tokio::test]
async fn tags_have_the_same_limits_everywhere() {
    let server = server_with_guard().await;
    let tags = serde_json::json!({"location": "westeurope", "tags": {"n".repeat(600): "x"}});
    for (who, path) in [(SAM, path()), (crate::harness::ALICE, crate::estate::vault_path("v1"))] {
        let refused = server.as_(who).put(&path, tags.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidTagValue"), "{}", refused.text);
    }
}
