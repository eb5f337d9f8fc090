//! `validateOnly`: what a change would come to, without trying it.

use mua::CriticalOperation;
use rbac::role_ids;
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, at, files_policy, guard_id, guard_request};
use crate::harness::{ALICE, BOB, Caller, Harness};
use crate::pim::world::below;

const FILES30: &str = "backupPolicies/Files30";

/// Asks what a request would come to; nothing is in the ledger for it.
pub async fn consider(server: &Harness, who: &Caller<'_>, method: &str, path: &str, body: Value) -> Value {
    let before = server.ledger().len();
    let told = who.call(method, &format!("{path}?validateOnly=true"), body).await.expect(200);
    assert_eq!(server.ledger().len(), before, "{told}");
    told
}

impl Fixture {
    async fn consider(&self, who: &Caller<'_>, method: &str, below: &str, properties: Value) -> Value {
        let body = if properties.is_null() { Value::Null } else { json!({"properties": properties}) };
        consider(&self.server, who, method, &at(below), body).await
    }
}

#[tokio::test]
async fn a_weaker_policy_is_told_with_what_becomes_weaker() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice_with_guest_token();
    let before = fixture.item(FILES30).await;
    let mut weaker = files_policy(7);
    weaker["schedulePolicy"] = json!({
        "schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Weekly", "scheduleRunDays": ["Sunday"],
        "scheduleRunTimes": ["2026-01-01T02:00:00Z"], "scheduleWeeklyFrequency": 1,
    });
    // Without a guard it would be done, and it is critical all the same.
    let told = fixture.consider(&alice, "PUT", FILES30, files_policy(7)).await;
    assert_eq!((&told["isAllowed"], &told["isCritical"]), (&json!(true), &json!(true)), "{told}");
    assert_eq!((&told["isConsentRequired"], &told["error"]), (&json!(false), &Value::Null));

    fixture.link_guard();
    let told = fixture.consider(&alice, "PUT", FILES30, weaker.clone()).await;
    assert_eq!((&told["isAllowed"], &told["isConsentHeld"]), (&json!(false), &json!(false)), "{told}");
    assert_eq!(told["error"]["code"], "UserErrorResourceGuardOperationRequestMissing");
    let [one] = told["criticalOperations"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(one["vaultCriticalOperation"], CriticalOperation::ModifyPolicy.name());
    assert_eq!(one["resourceGuardId"], guard_id().as_str());
    assert_eq!(one["resourceGuardOperationRequest"], guard_request(CriticalOperation::ModifyPolicy));
    assert_eq!(one["description"], "ask sam@fabsec.example");
    assert_eq!(one["consentBy"], "resourceGuardOperationRequests");
    assert!(one["missing"].as_str().unwrap().contains("Backup MUA Operator"));
    let weakenings: Vec<&str> =
        one["weakenings"].as_array().unwrap().iter().map(|why| why.as_str().unwrap()).collect();
    assert!(weakenings.len() > 1, "{weakenings:?}");
    assert!(weakenings.iter().any(|why| why.contains("falls from 30 to 7 days")), "{weakenings:?}");

    // With consent, what is missing is only to present it.
    fixture.consent();
    let told = fixture.consider(&alice, "PUT", FILES30, weaker.clone()).await;
    assert_eq!((&told["isAllowed"], &told["isConsentHeld"]), (&json!(false), &json!(true)), "{told}");
    // Without the token of the guard's tenant, Alice is nobody there.
    let told = fixture.consider(&fixture.alice(), "PUT", FILES30, weaker.clone()).await;
    assert_eq!(told["isConsentHeld"], false);
    weaker["resourceGuardOperationRequests"] = json!([guard_request(CriticalOperation::ModifyPolicy)]);
    let told = fixture.consider(&alice, "PUT", FILES30, weaker).await;
    assert_eq!((&told["isAllowed"], &told["error"]), (&json!(true), &Value::Null), "{told}");
    assert_eq!(fixture.item(FILES30).await, before);
}

#[tokio::test]
async fn what_is_no_weaker_needs_nobody() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let alice = fixture.alice();
    for days in [30, 60] {
        let told = fixture.consider(&alice, "PUT", FILES30, files_policy(days)).await;
        assert_eq!((&told["isAllowed"], &told["isCritical"]), (&json!(true), &json!(false)), "{told}");
        assert_eq!(told["criticalOperations"], json!([]));
    }
    // What does not go through the door is no weakening of a vault.
    let lock = json!({"level": "CanNotDelete"});
    let told = fixture.consider(&alice, "PUT", "providers/Microsoft.Authorization/locks/l", lock).await;
    assert_eq!((&told["isAllowed"], &told["isCritical"]), (&json!(true), &json!(false)));
    assert_eq!(alice.get(&at("providers/Microsoft.Authorization/locks/l")).await.status, 404);
}

#[tokio::test]
async fn a_deletion_is_told_with_whether_it_was_unlocked() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    let alice = fixture.alice_with_guest_token();
    for (consent, unlock, held, unlocked, allowed) in [
        (false, false, false, false, false),
        (true, false, true, false, false),
        (false, true, true, true, true),
    ] {
        if consent {
            fixture.consent();
        }
        if unlock {
            fixture.unlock(CriticalOperation::DeleteProtection, FILES);
        }
        let told = fixture.consider(&alice, "DELETE", FILES, Value::Null).await;
        let one = &told["criticalOperations"][0];
        assert_eq!(one["consentBy"], "unlockDelete");
        assert_eq!((&one["isConsentHeld"], &one["isUnlocked"]), (&json!(held), &json!(unlocked)), "{told}");
        assert_eq!(told["isAllowed"], allowed, "{told}");
    }
    // Nothing was used up by looking.
    alice.delete(&at(FILES)).await.expect(202);
}

#[tokio::test]
async fn what_would_be_refused_anyway_is_told_as_the_error() {
    let fixture = Fixture::start().await;
    let alice = fixture.alice();
    let told = fixture.consider(&alice, "PUT", FILES30, json!({"backupManagementType": "MAB"})).await;
    assert_eq!(told["isAllowed"], false);
    assert!(told["error"]["message"].is_string(), "{told}");
    // Whoever may not make the change is not told what it would come to.
    let path = format!("{}?validateOnly=true", at(FILES30));
    let body = json!({"properties": files_policy(7)});
    let refused = fixture.server.as_(BOB).put(&path, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    fixture.grant(BOB, role_ids::READER, &crate::fixture::vault_id("v1"));
    assert_eq!(fixture.server.as_(BOB).put(&path, body.clone()).await.status, 403);

    // Whoever means to look only must never do anything.
    let before = (fixture.server.ledger(), fixture.item(FILES30).await);
    let pim = below(&at(""), "roleAssignmentScheduleRequests/0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f");
    for (method, path) in [
        ("PUT", format!("{}?validateOnly=yes", at(FILES30))),
        ("PUT", format!("{}?VALIDATEONLY=", at(FILES30))),
        ("GET", path.clone()),
        ("PUT", format!("{}?validateOnly=true", pim.replace("//", "/"))),
    ] {
        let body = if method == "GET" { Value::Null } else { body.clone() };
        let refused = alice.call(method, &path, body).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidQueryParameterValue"), "{method} {path}");
    }
    assert_eq!((fixture.server.ledger(), fixture.item(FILES30).await), before);
    let done = format!("{}?validateOnly=false", at(FILES30));
    fixture.server.as_(ALICE).put(&done, body).await.expect(200);
    assert_ne!(fixture.item(FILES30).await, before.1);
}
