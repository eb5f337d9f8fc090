//! What admins give for a time: eligibilities and direct assignments, from when, for how long, changed, extended, renewed
//! and taken away.

use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, AUTOMATION_GUEST, SAM, SUE};

const DAY: i64 = 86_400;

fn at(world: &World, seconds: i64) -> String {
    arm::long_timestamp(world.server.now() + jiff::SignedDuration::from_secs(seconds))
}

fn from_to(start: Option<String>, end: &str) -> Value {
    json!({"scheduleInfo": {"startDateTime": start, "expiration": {"type": "AfterDateTime", "endDateTime": end}}})
}

/// The one schedule of a family at the guard that is about the person, if there is one.
async fn schedule(world: &World, family: &str, view: &str, whom: arm::ObjectId) -> Option<Value> {
    let found = world.list(SAM, &guard(), &format!("{family}{view}?$filter=principalId eq '{whom}'")).await;
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next()
}

#[tokio::test]
async fn a_schedule_is_given_changed_extended_and_taken_away() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        let given = world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        assert_eq!(given["properties"]["status"], "Provisioned");
        assert_eq!(given["properties"]["requestorId"], SAM.to_string());
        let name = given["name"].as_str().unwrap();
        let shown = schedule(&world, family, "s", ALICE_GUEST).await.unwrap();
        assert_eq!(shown["name"], name);
        assert_eq!(shown["properties"]["endDateTime"], at(&world, DAY));
        assert_eq!(shown["properties"]["status"], "Provisioned");
        assert!(schedule(&world, family, "Instances", ALICE_GUEST).await.is_some());

        let again = world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await;
        assert_eq!((again.status, again.code()), (400, "RoleAssignmentExists"));
        let early = world.give(family, "AdminRenew", ALICE_GUEST, &lasting("P1D")).await;
        assert_eq!((early.status, early.code()), (400, "RoleAssignmentExists"));

        world.pass(3600);
        let shorter = from_to(None, &at(&world, 3600));
        world.give(family, "AdminUpdate", ALICE_GUEST, &shorter).await.expect(201);
        let shown = schedule(&world, family, "s", ALICE_GUEST).await.unwrap();
        assert_eq!(
            (&shown["name"], &shown["properties"]["endDateTime"]),
            (&json!(name), &json!(at(&world, 3600)))
        );
        assert_eq!(shown["properties"]["startDateTime"], at(&world, -3600), "what has started goes on");
        world.give(family, "AdminExtend", ALICE_GUEST, &lasting("P2D")).await.expect(201);
        let shown = schedule(&world, family, "s", ALICE_GUEST).await.unwrap();
        assert_eq!(shown["properties"]["endDateTime"], at(&world, 2 * DAY));

        let gone = world.give(family, "AdminRemove", ALICE_GUEST, &json!({})).await.expect(201);
        assert_eq!(gone["properties"]["status"], "Revoked");
        assert_eq!(schedule(&world, family, "s", ALICE_GUEST).await, None);
        for kind in ["AdminRemove", "AdminUpdate", "AdminExtend"] {
            let nothing = world.give(family, kind, ALICE_GUEST, &lasting("P1D")).await;
            assert_eq!((nothing.status, nothing.code()), (400, "RoleAssignmentDoesNotExist"), "{kind}");
        }
    }
}

#[tokio::test]
async fn what_ran_out_is_renewed() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        world.pass(DAY);
        assert_eq!(schedule(&world, family, "s", ALICE_GUEST).await, None, "it disappears at its end");
        let late = world.give(family, "AdminExtend", ALICE_GUEST, &lasting("P1D")).await;
        assert_eq!(late.code(), "RoleAssignmentDoesNotExist");
        world.give(family, "AdminRenew", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        assert!(schedule(&world, family, "Instances", ALICE_GUEST).await.is_some());
    }
}

#[tokio::test]
async fn what_starts_later_is_granted_until_then() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        let window = from_to(Some(at(&world, 3600)), &at(&world, 7200));
        let given = world.give(family, "AdminAssign", ALICE_GUEST, &window).await.expect(201);
        assert_eq!(given["properties"]["status"], "Granted");
        let shown = schedule(&world, family, "s", ALICE_GUEST).await.unwrap();
        assert_eq!(shown["properties"]["status"], "Granted");
        assert_eq!(schedule(&world, family, "Instances", ALICE_GUEST).await, None);
        world.pass(3599);
        assert_eq!(schedule(&world, family, "Instances", ALICE_GUEST).await, None);
        assert!(!world.acts().await);
        world.pass(1);
        assert!(schedule(&world, family, "Instances", ALICE_GUEST).await.is_some());
        assert_eq!(world.status(&given).await, "Provisioned");
        assert_eq!(world.acts().await, family == ASSIGNMENT);
        assert_eq!(world.ask(&lasting("PT30M")).await.status, if family == ASSIGNMENT { 400 } else { 201 });
        world.pass(3600);
        assert_eq!(schedule(&world, family, "s", ALICE_GUEST).await, None);
        assert!(!world.acts().await);
    }
}

#[tokio::test]
async fn an_activation_may_start_later_and_is_granted_until_then() {
    let world = World::eligible().await;
    let start = at(&world, 7200);
    let more = json!({"scheduleInfo": {"startDateTime": start, "expiration": {"type": "AfterDuration",
        "duration": "PT1H"}}});
    let asked = world.ask(&more).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    assert_eq!(world.status(&asked).await, "Granted");
    assert!(!world.acts().await);
    world.pass(7199);
    assert!(!world.acts().await);
    world.pass(1);
    assert_eq!(world.status(&asked).await, "Provisioned");
    assert!(world.acts().await);
    world.pass(3600);
    assert!(!world.acts().await);
}

#[tokio::test]
async fn without_an_end_only_where_the_policy_lets() {
    let world = World::start().await;
    let forever = json!({"scheduleInfo": {"expiration": {"type": "NoExpiration"}}});
    for (family, id) in
        [(ELIGIBILITY, "Expiration_Admin_Eligibility"), (ASSIGNMENT, "Expiration_Admin_Assignment")]
    {
        let refused = world.give(family, "AdminAssign", ALICE_GUEST, &forever).await;
        assert!(refused.message().contains("[\"ExpirationRule\"]"), "{}", refused.text);
        let rule = json!({"id": id, "isExpirationRequired": false});
        world.patch(&guard(), OPERATOR, &rule).await.expect(200);
        world.give(family, "AdminAssign", ALICE_GUEST, &forever).await.expect(201);
        let shown = schedule(&world, family, "s", ALICE_GUEST).await.unwrap();
        assert_eq!(shown["properties"]["endDateTime"], Value::Null);
    }
}

#[tokio::test]
async fn applications_may_hold_a_role_and_activate_none() {
    let world = World::start().await;
    world.give(ASSIGNMENT, "AdminAssign", AUTOMATION_GUEST, &lasting("P1D")).await.expect(201);
    world.give(ELIGIBILITY, "AdminAssign", AUTOMATION_GUEST, &lasting("P1D")).await.expect(201);
    let body = body("SelfActivate", AUTOMATION_GUEST, OPERATOR, &lasting("PT1H"));
    let refused = world.request(AUTOMATION_GUEST, ASSIGNMENT, &guard(), fresh(), body).await;
    assert_eq!((refused.status, refused.code()), (403, "InsufficientPermissions"));
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_keeps_nothing() {
    let world = World::start().await;
    let run = async |who, family: &str, kind: &str, whom, more: &Value| {
        let path = below(&guard(), &format!("{family}Requests/{}/validate", fresh()));
        world.server.as_(who).post(&path, body(kind, whom, OPERATOR, more)).await
    };
    let entries = world.server.ledger().len();
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let tried = run(SAM, family, "AdminAssign", SUE, &lasting("P1D")).await.expect(200);
        assert_eq!(tried["properties"]["status"], "Provisioned");
        let refused = run(SAM, family, "AdminAssign", SUE, &lasting("P999D")).await;
        assert_eq!(refused.code(), "RoleAssignmentRequestPolicyValidationFailed");
        assert_eq!(run(SUE, family, "AdminAssign", SUE, &lasting("P1D")).await.code(), "AuthorizationFailed");
        assert_eq!(
            run(SAM, family, "AdminRemove", SUE, &json!({})).await.code(),
            "RoleAssignmentDoesNotExist"
        );
        assert!(world.list(SAM, &guard(), &format!("{family}s")).await.is_empty());
        assert!(world.list(SAM, &guard(), &format!("{family}Requests")).await.is_empty());
    }
    let not_eligible = run(ALICE_GUEST, ASSIGNMENT, "SelfActivate", ALICE_GUEST, &lasting("PT1H")).await;
    assert!(not_eligible.message().contains("[\"EligibilityRule\"]"));
    assert_eq!(world.server.ledger().len(), entries);

    world.give(ELIGIBILITY, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
    let tried = run(ALICE_GUEST, ASSIGNMENT, "SelfActivate", ALICE_GUEST, &lasting("PT1H")).await.expect(200);
    assert_eq!(tried["properties"]["status"], "PendingEvaluation");
    let tried = run(ALICE_GUEST, ELIGIBILITY, "SelfExtend", ALICE_GUEST, &lasting("P2D")).await.expect(200);
    assert_eq!(tried["properties"]["status"], "PendingEvaluation");
    let nothing = run(ALICE_GUEST, ASSIGNMENT, "SelfDeactivate", ALICE_GUEST, &json!({})).await;
    assert_eq!(nothing.code(), "RoleAssignmentDoesNotExist");
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let tried = run(ALICE_GUEST, ASSIGNMENT, "SelfDeactivate", ALICE_GUEST, &json!({})).await.expect(200);
    assert_eq!(tried["properties"]["status"], "Revoked");
    assert!(world.acts().await, "it was only tried");
}

#[tokio::test]
async fn a_direct_assignment_opens_while_it_holds_for_users_and_nested_groups() {
    for whom in [ALICE_GUEST, OPERATORS] {
        let world = World::start().await;
        world.give(ASSIGNMENT, "AdminAssign", whom, &lasting("P1D")).await.expect(201);
        assert!(world.acts().await);
        let shorter = from_to(None, &at(&world, 60));
        world.give(ASSIGNMENT, "AdminUpdate", whom, &shorter).await.expect(201);
        world.pass(59);
        assert!(world.acts().await);
        world.pass(1);
        assert!(!world.acts().await, "shortened");
        world.give(ASSIGNMENT, "AdminRenew", whom, &lasting("P1D")).await.expect(201);
        assert!(world.acts().await);
        world.leave(OPERATORS, CREW);
        assert_eq!(world.acts().await, whom == ALICE_GUEST, "a group's is its members'");
        world.join(OPERATORS, CREW);
        world.give(ASSIGNMENT, "AdminRemove", whom, &json!({})).await.expect(201);
        assert!(!world.acts().await);
    }
}

#[tokio::test]
async fn shortening_an_eligibility_shortens_what_rests_on_it() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let shorter = from_to(None, &at(&world, 600));
    world.give(ELIGIBILITY, "AdminUpdate", ALICE_GUEST, &shorter).await.expect(201);
    world.pass(599);
    assert!(world.acts().await);
    world.pass(1);
    assert!(!world.acts().await);
    // Lengthened again, it revives nothing.
    world.give(ELIGIBILITY, "AdminRenew", ALICE_GUEST, &lasting("P30D")).await.expect(201);
    assert!(!world.acts().await);
}
