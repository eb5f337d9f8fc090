//! Backup policies: what they look like, and what making one weaker takes.

use mua::CriticalOperation;
use serde_json::{Value, json};

use crate::fixture::{Fixture, at, files_policy, guard_request, in_vault, machine_policy};
use crate::harness::BOB;

const FILES30: &str = "backupPolicies/Files30";

fn names(list: &Value) -> Vec<&str> {
    let value = list["value"].as_array().unwrap();
    value.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn policies_are_listed_and_shown() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let all = alice.get(&at("backupPolicies")).await.expect(200);
    assert_eq!(names(&all), ["DefaultPolicy", "Files30", "Files7"]);
    let files = at("backupPolicies?$filter=backupManagementType eq 'mab'");
    assert_eq!(names(&alice.get(&files).await.expect(200)), ["Files30", "Files7"]);
    let machines = at("backupPolicies?$filter=workloadType eq 'VM'");
    assert_eq!(names(&alice.get(&machines).await.expect(200)), ["DefaultPolicy"]);
    // Any case of the path; the answer echoes the stored one.
    let shown = alice.get(&at("BACKUPPOLICIES/defaultpolicy")).await.expect(200);
    assert_eq!(shown["id"], at("backupPolicies/DefaultPolicy"));
    assert_eq!(shown["type"], "Microsoft.RecoveryServices/vaults/backupPolicies");
    let mut expected = machine_policy(30);
    expected["protectedItemsCount"] = json!(0);
    assert_eq!(shown["properties"], expected);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let fixture = Fixture::start().await;
    let mut next = at("backupPolicies?$top=2");
    let mut seen = Vec::new();
    loop {
        let page = fixture.alice().get(&next).await.expect(200);
        assert!(page["value"].as_array().unwrap().len() <= 2);
        seen.extend(names(&page).into_iter().map(String::from));
        match page["nextLink"].as_str() {
            Some(link) => next = link.to_string(),
            None => break,
        }
    }
    assert_eq!(seen, ["DefaultPolicy", "Files30", "Files7"]);
}

#[tokio::test]
async fn a_policy_is_created_and_deleted() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let path = at("backupPolicies/New");
    let mut properties = files_policy(14);
    properties["resourceGuardOperationRequests"] = json!(null);
    properties["protectedItemsCount"] = json!(77);
    let made = alice.put(&path, json!({"properties": properties})).await.expect(200);
    assert_eq!((&made["id"], &made["name"]), (&json!(path), &json!("New")));
    assert_eq!(made["properties"]["protectedItemsCount"], 0);
    assert!(made["properties"].get("resourceGuardOperationRequests").is_none());
    assert_eq!(made["properties"]["retentionPolicy"], files_policy(14)["retentionPolicy"]);
    assert_eq!(alice.get(&path).await.expect(200), made);
    assert_eq!(alice.delete(&path).await.status, 200);
    assert_eq!(alice.get(&path).await.code(), "ResourceNotFound");
    assert_eq!(alice.delete(&path).await.status, 204);
}

#[tokio::test]
async fn a_policy_in_use_is_not_deleted_even_when_its_item_is_stopped() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    for step in ["in use", "stopped"] {
        let refused = alice.delete(&at(FILES30)).await;
        assert_eq!((refused.status, refused.code()), (400, "BMSUserErrorPolicyInUse"), "{step}");
        let shown = alice.get(&at(FILES30)).await.expect(200);
        assert_eq!(shown["properties"]["protectedItemsCount"], 1, "{step}");
        let stop = json!({"policyId": "", "protectionState": "ProtectionStopped"});
        fixture.put_item(crate::fixture::FILES, stop).await.expect(202);
    }
}

#[tokio::test]
async fn without_a_guard_a_policy_may_become_weaker() {
    let fixture = Fixture::start().await;
    let body = json!({"properties": files_policy(7)});
    fixture.alice().put(&at(FILES30), body).await.expect(200);
}

#[tokio::test]
async fn with_a_guard_a_weaker_policy_needs_consent() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let alice = fixture.alice_with_guest_token();
    let refused = alice.put(&at(FILES30), json!({"properties": files_policy(7)})).await;
    assert_eq!((refused.status, refused.code()), (403, "UserErrorResourceGuardOperationRequestMissing"));
    assert!(refused.message().contains("ask sam@fabsec.example"), "{}", refused.message());
    let mut asking = files_policy(7);
    asking["resourceGuardOperationRequests"] = json!([guard_request(CriticalOperation::ModifyPolicy)]);
    let asking = json!({"properties": asking});
    let refused = alice.put(&at(FILES30), asking.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"));
    let expected = (CriticalOperation::ModifyPolicy.name(), at(FILES30));
    assert_eq!(fixture.refusals(), [expected.clone(), expected]);
    let unchanged = alice.get(&at(FILES30)).await.expect(200);
    assert_eq!(unchanged["properties"]["retentionPolicy"], files_policy(30)["retentionPolicy"]);

    fixture.consent();
    // Without the token of the guard's tenant nobody there knows her.
    let refused = fixture.alice().put(&at(FILES30), asking.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"));
    let changed = alice.put(&at(FILES30), asking).await.expect(200);
    assert_eq!(changed["properties"]["retentionPolicy"], files_policy(7)["retentionPolicy"]);
    let entry = fixture.server.ledger().pop().unwrap();
    assert_eq!(entry.target, at(FILES30));
    assert_eq!(entry.consent.len(), 1);
    assert_eq!(entry.consent[0].operation, CriticalOperation::ModifyPolicy.name());
}

#[tokio::test]
async fn with_a_guard_everything_else_is_free() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let alice = fixture.alice();
    let stronger = json!({"properties": files_policy(60)});
    alice.put(&at(FILES30), stronger.clone()).await.expect(200);
    alice.put(&at(FILES30), stronger).await.expect(200);
    let new = json!({"properties": files_policy(1)});
    alice.put(&at("backupPolicies/Weak"), new).await.expect(200);
    assert_eq!(alice.delete(&at("backupPolicies/Weak")).await.status, 200);
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test]
async fn an_immutable_vault_keeps_its_policies_whoever_agrees() {
    let fixture = Fixture::start().await;
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Unlocked);
    let body = json!({"properties": files_policy(7)});
    let refused = fixture.alice().put(&at(FILES30), body).await;
    assert_eq!((refused.status, refused.code()), (400, "UserErrorOperationDeniedOnImmutableItem"));
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let before = fixture.server.ledger().len();
    let bodies = [
        Value::Null,
        json!([]),
        json!("x"),
        json!({}),
        json!({"properties": null}),
        json!({"properties": []}),
        json!({"properties": {}}),
        json!({"properties": {"backupManagementType": 5}}),
        json!({"properties": {"backupManagementType": "MAB", "resourceGuardOperationRequests": "x"}}),
        json!({"properties": machine_policy(30)}),
    ];
    for body in bodies {
        let refused = alice.put(&at(FILES30), body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(!refused.code().is_empty());
    }
    for filter in ["x eq 'y'", "backupManagementType ne 'MAB'", "(", "backupManagementType"] {
        let refused = alice.get(&at(&format!("backupPolicies?$filter={filter}"))).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidFilter"), "{filter}");
    }
    let nowhere = in_vault("other", "backupPolicies");
    assert_eq!(alice.get(&nowhere).await.code(), "ResourceNotFound");
    assert_eq!(alice.put(&format!("{nowhere}/p"), json!({"properties": files_policy(7)})).await.status, 404);
    assert_eq!(alice.patch(&at(FILES30), json!({})).await.status, 405);
    let bob = fixture.server.as_(BOB);
    assert_eq!(bob.get(&at(FILES30)).await.code(), "AuthorizationFailed");
    assert_eq!(bob.delete(&at(FILES30)).await.code(), "AuthorizationFailed");
    assert_eq!(fixture.server.ledger().len(), before);
}
