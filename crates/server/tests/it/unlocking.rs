//! `unlockDelete`, removing multi-user authorization, and linking another guard (contract 3.6).

use jiff::SignedDuration;
use mua::Unlock;
use rbac::role_ids;
use serde_json::{Value, json};
use store::Document;
use vault::GuardProxy;

use crate::estate::guard_path;
use crate::harness::{ALICE, ALICE_GUEST, BACKUP_SUB, BOB, Harness, SECURITY_SUB, SUE};
use crate::mua::{PLACES, Place, link, proxy};

const REMOVE: &str = "deleteResourceGuardProxyRequests";

pub fn unlock_path(vault: &str) -> String {
    format!("{}/unlockDelete", proxy(vault))
}

/// What az sends.
pub fn unlock(place: &Place) -> Value {
    json!({"resourceGuardOperationRequests": [place.request(REMOVE)]})
}

fn is_linked(server: &Harness, vault: &str) -> bool {
    server.stored::<GuardProxy>(&proxy(vault)).is_some()
}

#[tokio::test]
async fn removing_mua_takes_consent_wherever_the_guard_is() {
    for place in &PLACES {
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        let admin = place.admin(&server);
        let refusals = server.refusals().len();
        let refused = admin.delete(&proxy(&vault)).await;
        assert_eq!((refused.status, refused.code()), (403, "UserErrorDeleteNotUnlocked"), "{}", place.name);
        let refused = admin.post(&unlock_path(&vault), unlock(place)).await;
        assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"));
        assert!(refused.message().contains("Ask the security team"));
        let refused = admin.delete(&proxy(&vault)).await;
        assert_eq!(refused.code(), "UserErrorDeleteNotUnlocked", "a refused unlock opens nothing");
        let entries = &server.refusals()[refusals..];
        assert_eq!(entries.len(), 3);
        for entry in entries {
            assert_eq!(
                entry.operation,
                "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete"
            );
        }
        assert!(is_linked(&server, &vault));

        place.consent(&server);
        let answer = admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
        let half_an_hour = server.now() + SignedDuration::from_mins(30);
        assert_eq!(answer, json!({"unlockDeleteExpiryTime": arm::long_timestamp(half_an_hour)}));
        // The DELETE may come without the token of the guard's tenant.
        let done = server.as_(place.admin).delete(&proxy(&vault)).await;
        assert_eq!(done.expect(200), json!({}));
        assert!(!is_linked(&server, &vault));
        let entry = server.ledger().pop().unwrap();
        assert_eq!(entry.consent.len(), 1, "{}", place.name);
        assert_eq!(entry.facts["guard"], place.guard());
        admin.delete(&proxy(&vault)).await.expect(204);
        let off = admin.post(&unlock_path(&vault), unlock(place)).await;
        assert_eq!((off.status, off.code()), (404, "ResourceNotFound"));
        let shown = admin.get(&vault).await.expect(200);
        assert_eq!(shown["properties"]["securitySettings"]["multiUserAuthorization"], "Disabled");
    }
}

#[tokio::test]
async fn an_unlock_works_once() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let admin = place.admin(&server);
    place.consent(&server);
    admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
    admin.delete(&proxy(&vault)).await.expect(200);
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    let refused = admin.delete(&proxy(&vault)).await;
    assert_eq!(refused.code(), "UserErrorDeleteNotUnlocked");
    assert!(is_linked(&server, &vault));
}

#[tokio::test]
async fn an_unlock_is_good_for_thirty_minutes_and_not_for_more() {
    let place = &PLACES[1];
    for (passed, status) in [(SignedDuration::from_mins(30), 403), (SignedDuration::from_secs(1799), 200)] {
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        let admin = place.admin(&server);
        place.consent(&server);
        admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
        server.advance(passed);
        assert_eq!(admin.delete(&proxy(&vault)).await.status, status, "after {passed}");
        assert_eq!(is_linked(&server, &vault), status == 403);
    }
}

#[tokio::test]
async fn an_unlock_is_for_its_caller_and_its_resource() {
    let place = &PLACES[2];
    let server = place.server().await;
    let (first, second) =
        (place.guarded_vault(&server, "v1").await, place.guarded_vault(&server, "v2").await);
    let admin = place.admin(&server);
    place.consent(&server);
    admin.post(&unlock_path(&first), unlock(place)).await.expect(200);
    for (what, answer) in [
        ("another admin", server.as_(BOB).delete(&proxy(&first)).await),
        ("another vault", admin.delete(&proxy(&second)).await),
    ] {
        assert_eq!((answer.status, answer.code()), (403, "UserErrorDeleteNotUnlocked"), "{what}");
    }
    // An item of the second vault is unlocked; that does not open the vault's link.
    let item =
        format!("{second}/backupFabrics/Azure/protectionContainers/Windows;h/protectedItems/FileFolder;x");
    let body = json!({"resourceGuardOperationRequests": [place.request("deleteProtectedItemRequests")],
        "resourceToBeDeleted": item});
    admin.post(&unlock_path(&second), body).await.expect(200);
    assert_eq!(admin.delete(&proxy(&second)).await.code(), "UserErrorDeleteNotUnlocked");
    assert!(is_linked(&server, &first) && is_linked(&server, &second));
    admin.delete(&proxy(&first)).await.expect(200);
}

#[tokio::test]
async fn an_unlock_ends_with_the_consent_it_came_from() {
    for place in &PLACES {
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        let admin = place.admin(&server);
        let consent = place.consent(&server);
        admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
        server.revoke(&consent);
        let refused = admin.delete(&proxy(&vault)).await;
        assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"), "{}", place.name);
        assert!(is_linked(&server, &vault));
        // It is not used up: with the consent back and the time not over, it is good.
        place.consent(&server);
        admin.delete(&proxy(&vault)).await.expect(200);
    }
}

#[tokio::test]
async fn unlock_requests_that_make_no_sense_are_bad_requests() {
    let place = &PLACES[1];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let admin = place.admin(&server);
    place.consent(&server);
    let delete = place.request("deleteProtectedItemRequests");
    let elsewhere = format!("{}/x/y", vault.replace("/v1", "/v2"));
    for body in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"resourceGuardOperationRequests": "x"}),
        json!({"resourceGuardOperationRequests": [5]}),
        json!({"resourceGuardOperationRequests": []}),
        json!({"resourceGuardOperationRequests": [place.request("disableSoftDeleteRequests")]}),
        json!({"resourceGuardOperationRequests": [place.request(REMOVE), delete]}),
        json!({"resourceGuardOperationRequests": [delete]}),
        json!({"resourceGuardOperationRequests": [delete], "resourceToBeDeleted": vault}),
        json!({"resourceGuardOperationRequests": [delete], "resourceToBeDeleted": elsewhere}),
        json!({"resourceGuardOperationRequests": [delete], "resourceToBeDeleted": 7}),
        json!({"resourceGuardOperationRequests": [place.request(REMOVE)], "resourceToBeDeleted": vault}),
    ] {
        let refused = admin.post(&unlock_path(&vault), body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
    }
    assert_eq!(server.seed(|tx| tx.all::<Unlock>()), []);
}

/// Backup Operator may unlock; a reader of the vault may not even ask.
#[tokio::test]
async fn unlocking_takes_rights_on_the_vault_too() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.consent(&server);
    server.grant(SUE, role_ids::BACKUP_MUA_OPERATOR, &place.guard());
    let refused = server.as_(SUE).post(&unlock_path(&vault), unlock(place)).await;
    assert_eq!(refused.code(), "InvalidAuthenticationTokenTenant");
    for assignment in server.seed(|tx| tx.all::<rbac::Assignment>()) {
        if assignment.principal == BOB {
            server.revoke(&assignment.key());
        }
    }
    server.grant(BOB, role_ids::BACKUP_READER, &vault);
    for answer in [
        server.as_(BOB).post(&unlock_path(&vault), unlock(place)).await,
        server.as_(BOB).delete(&proxy(&vault)).await,
        server.as_(BOB).put(&proxy(&vault), link(&place.guard())).await,
    ] {
        assert_eq!((answer.status, answer.code()), (403, "AuthorizationFailed"));
        assert!(answer.message().contains("backupResourceGuardProxies"), "{}", answer.text);
    }
}

/// Linking another guard is removing the first one: it takes the consent of the first.
#[tokio::test]
async fn another_guard_takes_the_consent_of_the_present_one() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let own = guard_path(BACKUP_SUB, "own");
    server.as_(ALICE).put(&own, json!({"location": "westeurope"})).await.expect(200);
    let admin = place.admin(&server);
    // Alice owns the second guard, and that is worth nothing.
    let refused = admin.put(&proxy(&vault), link(&own)).await;
    assert_eq!((refused.status, refused.code()), (403, "UserErrorDeleteNotUnlocked"));
    assert!(refused.message().contains(&place.guard()));
    let linked = |id: &str| {
        let proxy: GuardProxy = server.stored(&proxy(&vault)).unwrap();
        assert_eq!(proxy.guard.as_str(), id);
    };
    linked(&place.guard());
    place.consent(&server);
    admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
    admin.put(&proxy(&vault), link(&own)).await.expect(200);
    linked(&own);
    let back = admin.put(&proxy(&vault), link(&place.guard())).await;
    assert_eq!(back.code(), "UserErrorDeleteNotUnlocked", "the unlock is used up");
    linked(&own);
}

/// A vault that is deleted and made again is another vault: what was unlocked for the first is shut for the second.
#[tokio::test]
async fn a_new_vault_of_the_same_name_inherits_no_unlock() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let admin = place.admin(&server);
    place.consent(&server);
    admin.post(&unlock_path(&vault), unlock(place)).await.expect(200);
    admin.delete(&vault).await.expect(204);
    place.guarded_vault(&server, "v1").await;
    assert_eq!(admin.delete(&proxy(&vault)).await.code(), "UserErrorDeleteNotUnlocked");
}

/// The person is the same, and yet a token of the guard's tenant alone is none for the vault.
#[tokio::test]
async fn the_guest_account_alone_cannot_touch_the_vault() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.consent(&server);
    server.grant(ALICE_GUEST, role_ids::OWNER, &format!("/subscriptions/{SECURITY_SUB}"));
    let refused = server.as_(ALICE_GUEST).post(&unlock_path(&vault), unlock(place)).await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationTokenTenant"));
}
