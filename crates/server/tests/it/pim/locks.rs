//! A locked scope, and a disabled subscription: what would give something fails and says so, what takes away goes on
//! (contract 6.5).

use directory::{Subscription, SubscriptionState};
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, SAM, SECURITY_SUB};

const FAILED: &str = "FailedAsResourceIsLocked";

async fn lock(world: &World, scope: &str, level: &str) {
    let body = json!({"properties": {"level": level}});
    world.server.as_(SAM).put(&below(scope, "locks/l"), body).await.expect(201);
}

async fn unlock(world: &World, scope: &str) {
    world.server.as_(SAM).delete(&below(scope, "locks/l")).await.expect(200);
}

fn status(request: &Value) -> &str {
    request["properties"]["status"].as_str().unwrap()
}

#[tokio::test]
async fn what_would_give_something_fails_and_leaves_nothing_but_the_request() {
    for scope in [guard(), group_of_guard(), subscription()] {
        let world = World::eligible().await;
        lock(&world, &scope, "ReadOnly").await;
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        assert_eq!((status(&asked), world.status(&asked).await.as_str()), (FAILED, FAILED));
        assert_eq!(asked["properties"]["approvalId"], Value::Null);
        for (family, kind, whom) in [
            (ELIGIBILITY, "AdminAssign", TESS),
            (ELIGIBILITY, "AdminExtend", ALICE_GUEST),
            (ASSIGNMENT, "AdminAssign", ALICE_GUEST),
        ] {
            let given = world.give(family, kind, whom, &lasting("P60D")).await.expect(201);
            assert_eq!(status(&given), FAILED, "{family} {kind}");
            assert_eq!(world.status(&given).await, FAILED);
        }
        let more = body("SelfExtend", ALICE_GUEST, OPERATOR, &lasting("P60D"));
        let more = world.request(ALICE_GUEST, ELIGIBILITY, &guard(), fresh(), more).await.expect(201);
        assert_eq!(status(&more), FAILED);
        assert_eq!(world.list(SAM, &guard(), "roleEligibilitySchedules").await.len(), 1);
        assert!(world.list(SAM, &guard(), "roleAssignmentSchedules").await.is_empty());
        assert!(!world.acts().await);
        let path = below(&guard(), &format!("{ASSIGNMENT}Requests/{}/validate", fresh()));
        let body = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
        let tried = world.server.as_(ALICE_GUEST).post(&path, body).await.expect(200);
        assert_eq!(status(&tried), FAILED);
        let rule = json!({"id": "Expiration_EndUser_Assignment", "maximumDuration": "PT1H"});
        assert_eq!(world.patch(&guard(), OPERATOR, &rule).await.code(), "ScopeLocked");

        unlock(&world, &scope).await;
        assert_eq!(status(&world.ask(&lasting("PT1H")).await.expect(201)), "PendingApproval");
    }
}

#[tokio::test]
async fn a_request_that_waits_is_denied_but_not_approved_under_a_lock() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    lock(&world, &guard(), "ReadOnly").await;
    let refused = world.decide(SAM, &asked, 0, "Approve").await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"));
    assert_eq!(world.status(&asked).await, "PendingApproval");
    world.decide(SAM, &asked, 0, "Deny").await.expect(200);
    assert_eq!(world.status(&asked).await, "Denied");
}

#[tokio::test]
async fn no_lock_keeps_consent_alive() {
    for level in ["ReadOnly", "CanNotDelete"] {
        let world = World::eligible().await;
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        world.decide(SAM, &asked, 0, "Approve").await.expect(200);
        lock(&world, &guard(), level).await;
        assert!(world.acts().await);
        assert_eq!(status(&world.give_back().await.expect(201)), "Revoked");
        assert!(!world.acts().await, "{level}");
        let gone = world.give(ELIGIBILITY, "AdminRemove", ALICE_GUEST, &json!({})).await.expect(201);
        assert_eq!(status(&gone), "Revoked");
    }
}

#[tokio::test]
async fn a_guard_that_cannot_be_deleted_still_gives_consent() {
    let world = World::eligible().await;
    lock(&world, &guard(), "CanNotDelete").await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    assert!(world.acts().await);
    world.pass(3600);
    assert!(!world.acts().await, "and it ends by itself");
}

#[tokio::test]
async fn nothing_is_given_in_a_disabled_subscription_and_everything_taken_away() {
    const DISABLED: (u16, &str) = (409, "ReadOnlyDisabledSubscription");
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let set = |state: SubscriptionState| {
        world.server.seed(|tx| {
            let mut subscription: Subscription = tx.get(&SECURITY_SUB.to_string())?.unwrap();
            subscription.state = state;
            tx.put(&subscription)
        });
    };
    set(SubscriptionState::Disabled);
    let given = world.give(ELIGIBILITY, "AdminAssign", TESS, &lasting("P1D")).await;
    assert_eq!((given.status, given.code()), DISABLED);
    world.give_back().await.expect(201);
    assert!(!world.acts().await);
    let again = world.ask(&lasting("PT1H")).await;
    assert_eq!((again.status, again.code()), DISABLED);

    set(SubscriptionState::Enabled);
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    set(SubscriptionState::Disabled);
    let approved = world.decide(SAM, &asked, 0, "Approve").await;
    assert_eq!((approved.status, approved.code()), DISABLED);
    world.decide(SAM, &asked, 0, "Deny").await.expect(200);
    world.give(ELIGIBILITY, "AdminRemove", ALICE_GUEST, &json!({})).await.expect(201);
    assert!(world.list(SAM, &guard(), "roleEligibilitySchedules").await.is_empty());
}

#[tokio::test]
async fn nothing_is_given_in_a_group_that_is_not_there() {
    let world = World::start().await;
    let nowhere = format!("{}/resourceGroups/nowhere", subscription());
    let give = body("AdminAssign", ALICE_GUEST, OPERATOR, &lasting("P1D"));
    let answer = world.request(SAM, ELIGIBILITY, &nowhere, fresh(), give).await;
    assert_eq!((answer.status, answer.code()), (404, "ResourceGroupNotFound"));
}
