//! More time: a holder asks to extend what ends, or to renew what has ended; an admin who is somebody else decides.

use arm::ObjectId;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, AUTOMATION_GUEST, SAM, SUE};

const WAITS: &str = "PendingAdminDecision";
const DAY: i64 = 86_400;

async fn ask(world: &World, who: ObjectId, family: &str, kind: &str, more: &Value) -> crate::harness::Answer {
    world.request(who, family, &guard(), fresh(), body(kind, who, OPERATOR, more)).await
}

async fn admin(
    world: &World,
    who: ObjectId,
    family: &str,
    kind: &str,
    whom: ObjectId,
    length: &str,
) -> (u16, String) {
    let body = body(kind, whom, OPERATOR, &lasting(length));
    let answer = world.request(who, family, &guard(), fresh(), body).await;
    (answer.status, answer.code().to_string())
}

/// When the schedule of a principal ends, if there is one.
async fn end_of(world: &World, family: &str, whom: ObjectId) -> Option<String> {
    let found = world.list(SAM, &guard(), &format!("{family}s?$filter=principalId eq '{whom}'")).await;
    assert!(found.len() < 2);
    Some(found.first()?["properties"]["endDateTime"].as_str().unwrap().to_string())
}

fn after(world: &World, seconds: i64) -> String {
    arm::long_timestamp(world.server.now() + SignedDuration::from_secs(seconds))
}

#[tokio::test]
async fn an_admin_gives_what_was_asked_for() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        let end = after(&world, DAY);
        let asked = ask(&world, ALICE_GUEST, family, "SelfExtend", &lasting("P2D")).await.expect(201);
        assert_eq!(asked["properties"]["status"], WAITS);
        assert_eq!(asked["properties"]["requestType"], "SelfExtend");
        assert_eq!(end_of(&world, family, ALICE_GUEST).await, Some(end), "asking moves nothing");
        let again = ask(&world, ALICE_GUEST, family, "SelfExtend", &lasting("P3D")).await;
        assert_eq!((again.status, again.code()), (400, "PendingRoleAssignmentRequest"));

        let waiting = async |who| {
            world.list(who, &guard(), &format!("{family}Requests?$filter=asApprover()")).await.len()
        };
        assert_eq!((waiting(SAM).await, waiting(UMA).await), (1, 1));
        assert_eq!((waiting(ALICE_GUEST).await, waiting(SUE).await, waiting(TESS).await), (0, 0, 0));
        let mine =
            world.list(ALICE_GUEST, &guard(), &format!("{family}Requests?$filter=asRequestor()")).await;
        assert_eq!(mine.len(), 1);
        assert_eq!(world.server.as_(SUE).get(asked["id"].as_str().unwrap()).await.status, 403);

        assert_eq!(admin(&world, SUE, family, "AdminExtend", ALICE_GUEST, "P2D").await.0, 403);
        assert_eq!(world.status(&asked).await, WAITS);
        assert_eq!(admin(&world, UMA, family, "AdminExtend", ALICE_GUEST, "P2D").await.0, 201);
        assert_eq!(world.status(&asked).await, "AdminApproved");
        assert_eq!(end_of(&world, family, ALICE_GUEST).await, Some(after(&world, 2 * DAY)));
        assert_eq!(waiting(SAM).await, 0);
        let cancel = world.cancel(ALICE_GUEST, &asked).await;
        assert_eq!((cancel.status, cancel.code()), (409, "RoleAssignmentRequestSettled"));
        let entry = world.server.ledger().pop().unwrap();
        assert_eq!(entry.facts["answers"], asked["name"].as_str().unwrap());
    }
}

#[tokio::test]
async fn what_has_ended_is_renewed() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        let nothing = ask(&world, ALICE_GUEST, family, "SelfRenew", &lasting("P1D")).await;
        assert_eq!((nothing.status, nothing.code()), (400, "RoleAssignmentDoesNotExist"));
        world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        let early = ask(&world, ALICE_GUEST, family, "SelfRenew", &lasting("P1D")).await;
        assert_eq!((early.status, early.code()), (400, "RoleAssignmentExists"));
        world.pass(DAY);
        let late = ask(&world, ALICE_GUEST, family, "SelfExtend", &lasting("P1D")).await;
        assert_eq!((late.status, late.code()), (400, "RoleAssignmentDoesNotExist"));
        let asked = ask(&world, ALICE_GUEST, family, "SelfRenew", &lasting("P1D")).await.expect(201);
        assert_eq!(
            (world.status(&asked).await.as_str(), end_of(&world, family, ALICE_GUEST).await),
            (WAITS, None)
        );
        assert!(!world.acts().await);
        assert_eq!(admin(&world, UMA, family, "AdminRenew", ALICE_GUEST, "P1D").await.0, 201);
        assert_eq!(world.status(&asked).await, "AdminApproved");
        assert_eq!(end_of(&world, family, ALICE_GUEST).await, Some(after(&world, DAY)));
        assert_eq!(world.acts().await, family == ASSIGNMENT);
    }
}

/// Who ends the request, how, and what it is then. `Expire` is nobody.
#[tokio::test]
async fn however_else_it_ends_nothing_is_extended() {
    let stories: [(&str, ObjectId, &str); 4] = [
        ("cancel", ALICE_GUEST, "Canceled"),
        ("cancel", UMA, "AdminDenied"),
        ("remove", UMA, "AdminDenied"),
        ("silence", UMA, "TimedOut"),
    ];
    for family in [ELIGIBILITY, ASSIGNMENT] {
        for (how, who, status) in stories {
            let world = World::start().await;
            world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P2D")).await.expect(201);
            let end = after(&world, 2 * DAY);
            let asked = ask(&world, ALICE_GUEST, family, "SelfExtend", &lasting("P9D")).await.expect(201);
            assert_eq!(world.cancel(SUE, &asked).await.code(), "InsufficientPermissions");
            match how {
                "cancel" => drop(world.cancel(who, &asked).await.expect(200)),
                "remove" => {
                    assert_eq!(admin(&world, who, family, "AdminRemove", ALICE_GUEST, "P1D").await.0, 201)
                }
                _ => {
                    world.pass(DAY - 1);
                    assert_eq!(world.status(&asked).await, WAITS);
                    world.pass(1);
                }
            }
            assert_eq!(world.status(&asked).await, status, "{family} {how}");
            let left = if how == "remove" { None } else { Some(end) };
            assert_eq!(end_of(&world, family, ALICE_GUEST).await, left);
            assert_eq!(world.cancel(UMA, &asked).await.status, 409, "settled once");
            if how == "silence" {
                // An admin may still extend; it does not answer the request that timed out.
                assert_eq!(admin(&world, UMA, family, "AdminExtend", ALICE_GUEST, "P9D").await.0, 201);
                assert_eq!(world.status(&asked).await, status);
            }
        }
    }
}

#[tokio::test]
async fn nobody_gives_themselves_more_time() {
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let world = World::start().await;
        world.give(family, "AdminAssign", UMA, &lasting("P1D")).await.expect(201);
        let end = end_of(&world, family, UMA).await;
        let asked = ask(&world, UMA, family, "SelfExtend", &lasting("P2D")).await.expect(201);
        let own = admin(&world, UMA, family, "AdminExtend", UMA, "P2D").await;
        assert_eq!(own, (403, "InsufficientPermissions".to_string()));
        assert_eq!(
            (world.status(&asked).await.as_str(), end_of(&world, family, UMA).await),
            (WAITS, end.clone())
        );
        // To cancel one's own request is to take it back, admin or not.
        world.cancel(UMA, &asked).await.expect(200);
        assert_eq!(world.status(&asked).await, "Canceled");
        assert_eq!(end_of(&world, family, UMA).await, end);
    }
    // Nor through another account: Alice's second one administers roles.
    let world = World::eligible().await;
    world.server.grant(ALICE_SECOND, rbac::role_ids::OWNER, &subscription());
    let asked = ask(&world, ALICE_GUEST, ELIGIBILITY, "SelfExtend", &lasting("P60D")).await.expect(201);
    let own = admin(&world, ALICE_SECOND, ELIGIBILITY, "AdminExtend", ALICE_GUEST, "P60D").await;
    assert_eq!(own, (403, "InsufficientPermissions".to_string()));
    let waiting =
        world.list(ALICE_SECOND, &guard(), "roleEligibilityScheduleRequests?$filter=asApprover()").await;
    assert!(waiting.is_empty());
    assert_eq!(world.status(&asked).await, WAITS);
    world.cancel(ALICE_SECOND, &asked).await.expect(200);
    assert_eq!(world.status(&asked).await, "Canceled", "her own, by whatever account");
}

#[tokio::test]
async fn what_is_not_asked_for() {
    let world = World::start().await;
    for (family, id) in
        [(ELIGIBILITY, "Expiration_Admin_Eligibility"), (ASSIGNMENT, "Expiration_Admin_Assignment")]
    {
        world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P5D")).await.expect(201);
        world.give(family, "AdminAssign", OPERATORS, &lasting("P5D")).await.expect(201);
        world.give(family, "AdminAssign", AUTOMATION_GUEST, &lasting("P5D")).await.expect(201);
        let rule = json!({"id": id, "isExpirationRequired": false});
        world.patch(&guard(), OPERATOR, &rule).await.expect(200);
        let forever = json!({"scheduleInfo": {"expiration": {"type": "NoExpiration"}}});
        world.give(family, "AdminAssign", SUE, &forever).await.expect(201);
        let rule = json!({"id": id, "isExpirationRequired": true});
        world.patch(&guard(), OPERATOR, &rule).await.expect(200);
        let mut silent = lasting("P9D");
        silent["justification"] = Value::Null;
        for (who, whom, more, answer) in [
            (ALICE_GUEST, ALICE_GUEST, lasting("P5D"), "400 InvalidRoleAssignmentRequestSchedule"),
            (ALICE_GUEST, ALICE_GUEST, lasting("P1D"), "400 InvalidRoleAssignmentRequestSchedule"),
            (ALICE_GUEST, ALICE_GUEST, lasting("P999D"), "400 RoleAssignmentRequestPolicyValidationFailed"),
            (ALICE_GUEST, ALICE_GUEST, silent, "400 RoleAssignmentRequestPolicyValidationFailed"),
            (ALICE_GUEST, OPERATORS, lasting("P9D"), "403 InsufficientPermissions"),
            (SAM, ALICE_GUEST, lasting("P9D"), "403 InsufficientPermissions"),
            (TESS, TESS, lasting("P9D"), "400 RoleAssignmentDoesNotExist"),
            (SUE, SUE, lasting("P9D"), "400 InvalidRoleAssignmentRequestSchedule"),
            (AUTOMATION_GUEST, AUTOMATION_GUEST, lasting("P9D"), "403 InsufficientPermissions"),
        ] {
            let body = body("SelfExtend", whom, OPERATOR, &more);
            let given = world.request(who, family, &guard(), fresh(), body.clone()).await;
            assert_eq!(format!("{} {}", given.status, given.code()), answer, "{family} {who} {body}");
        }
    }
}
