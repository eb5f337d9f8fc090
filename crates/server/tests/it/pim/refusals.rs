//! Every refusal of a schedule request: what is asked, by whom, and the code that clients go by (contract 6.5).

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::*;
use crate::harness::{ALICE, ALICE_GUEST, BOB, SAM, SUE};

const RULE: &str = "RoleAssignmentRequestPolicyValidationFailed";
const SCHEDULE: &str = "InvalidRoleAssignmentRequestSchedule";

async fn refused(world: &World, more: &Value) -> (u16, String, String) {
    let answer = world.ask(more).await;
    (answer.status, answer.code().to_string(), answer.message().to_string())
}

#[tokio::test]
async fn broken_rules_are_all_named() {
    let world = World::eligible().await;
    let rule = json!({"id": "Enablement_EndUser_Assignment",
        "enabledRules": ["MultiFactorAuthentication", "Justification", "Ticketing"]});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    let more = json!({"justification": null, "ticketInfo": {"ticketSystem": "Jira"},
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT8H1S"}}});
    let (status, code, message) = refused(&world, &more).await;
    assert_eq!((status, code.as_str()), (400, RULE));
    let all = r#"["ExpirationRule","JustificationRule","TicketingRule","MfaRule"]"#;
    assert!(message.contains(all), "{message}");
}

#[tokio::test]
async fn windows_that_make_no_sense() {
    let world = World::eligible().await;
    let now = world.server.now();
    let at = |hours: i64| arm::long_timestamp(now + jiff::SignedDuration::from_hours(hours));
    let info = |info: Value| json!({"scheduleInfo": info});
    for (more, code) in [
        (info(json!({"expiration": {"type": "AfterDateTime", "endDateTime": at(-1)}})), SCHEDULE),
        (
            info(
                json!({"startDateTime": at(3), "expiration": {"type": "AfterDateTime", "endDateTime": at(2)}}),
            ),
            SCHEDULE,
        ),
        (
            info(
                json!({"startDateTime": at(24 * 31), "expiration": {"type": "AfterDuration", "duration": "PT1H"}}),
            ),
            SCHEDULE,
        ),
        (info(json!({"expiration": {"type": "AfterDuration", "duration": "P9999Y"}})), SCHEDULE),
        (info(json!({"expiration": {"type": "NoExpiration"}})), RULE),
        (info(Value::Null), RULE),
        (
            info(json!({"expiration": {"type": "AfterDuration", "duration": "an hour"}})),
            "InvalidRequestContent",
        ),
        (
            info(json!({"expiration": {"type": "AfterDuration", "duration": "-PT1H"}})),
            "InvalidRequestContent",
        ),
        (info(json!({"expiration": {"type": "Sometimes"}})), "InvalidRequestContent"),
        (info(json!({"startDateTime": "tomorrow"})), "InvalidRequestContent"),
    ] {
        let (status, given, message) = refused(&world, &more).await;
        assert_eq!((status, given.as_str()), (400, code), "{more}: {message}");
    }
    let past =
        info(json!({"startDateTime": at(-5), "expiration": {"type": "AfterDuration", "duration": "PT1H"}}));
    assert_eq!(refused(&world, &past).await.0, 201, "a start that has passed means now");
}

#[tokio::test]
async fn who_and_what_a_request_is_about() {
    let world = World::eligible().await;
    let ask = async |who, family: &str, body: Value| {
        let answer = world.request(who, family, &guard(), fresh(), body).await;
        format!("{} {}", answer.status, answer.code())
    };
    let hour = lasting("PT1H");
    let role = |id: Uuid| json!({"roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{id}")});
    let nobody = arm::ObjectId(Uuid::from_u128(0xdead));
    for (who, family, body, answer) in [
        (ALICE_GUEST, ASSIGNMENT, body("SelfActivate", SUE, OPERATOR, &hour), "403 InsufficientPermissions"),
        (SAM, ASSIGNMENT, body("SelfActivate", ALICE_GUEST, OPERATOR, &hour), "403 InsufficientPermissions"),
        (
            ALICE_GUEST,
            ELIGIBILITY,
            body("SelfActivate", ALICE_GUEST, OPERATOR, &hour),
            "400 InvalidRequestContent",
        ),
        (
            SUE,
            ASSIGNMENT,
            body("SelfDeactivate", ALICE_GUEST, OPERATOR, &json!({})),
            "403 InsufficientPermissions",
        ),
        (SUE, ASSIGNMENT, body("AdminAssign", SUE, OPERATOR, &hour), "403 AuthorizationFailed"),
        (SUE, ELIGIBILITY, body("AdminExtend", SUE, OPERATOR, &hour), "403 AuthorizationFailed"),
        (BOB, ASSIGNMENT, body("SelfActivate", BOB, OPERATOR, &hour), "401 InvalidAuthenticationTokenTenant"),
        (SAM, ELIGIBILITY, body("AdminAssign", nobody, OPERATOR, &hour), "400 SubjectNotFound"),
        (SAM, ELIGIBILITY, body("AdminAssign", ALICE, OPERATOR, &hour), "400 SubjectNotFound"),
        (
            SAM,
            ELIGIBILITY,
            body("AdminAssign", SUE, OPERATOR, &role(fresh())),
            "400 RoleDefinitionDoesNotExist",
        ),
        (SAM, ELIGIBILITY, body("AdminTake", SUE, OPERATOR, &hour), "400 InvalidRequestContent"),
        (
            SAM,
            ELIGIBILITY,
            body("AdminAssign", SUE, OPERATOR, &json!({"principalId": 7})),
            "400 InvalidRequestContent",
        ),
        (
            SAM,
            ELIGIBILITY,
            body("AdminAssign", SUE, OPERATOR, &json!({"condition": "@x"})),
            "400 ConditionsNotSupported",
        ),
        (
            ALICE_GUEST,
            ASSIGNMENT,
            body("SelfDeactivate", ALICE_GUEST, OPERATOR, &json!({})),
            "400 RoleAssignmentDoesNotExist",
        ),
    ] {
        assert_eq!(ask(who, family, body.clone()).await, answer, "{who} {family} {body}");
    }
}

#[tokio::test]
async fn a_name_is_used_once_on_the_whole_server() {
    let world = World::eligible().await;
    let name = fresh();
    let hour = lasting("PT1H");
    let body_of = |kind, whom| body(kind, whom, OPERATOR, &hour);
    world.request(SAM, ELIGIBILITY, &guard(), name, body_of("AdminAssign", SUE)).await.expect(201);
    for (who, family, scope, body) in [
        (SAM, ELIGIBILITY, guard(), body_of("AdminAssign", TESS)),
        (SAM, ASSIGNMENT, subscription(), body_of("AdminAssign", TESS)),
        (ALICE_GUEST, ASSIGNMENT, guard(), body_of("SelfActivate", ALICE_GUEST)),
        (SUE, ELIGIBILITY, guard(), body("SelfExtend", SUE, OPERATOR, &lasting("PT2H"))),
    ] {
        let answer = world.request(who, family, &scope, name, body).await;
        assert_eq!((answer.status, answer.code()), (409, "RoleAssignmentRequestExists"));
    }
    let hour = body_of("SelfActivate", ALICE_GUEST);
    let path = below(&guard(), "roleAssignmentScheduleRequests/not-a-guid");
    let answer = world.server.as_(ALICE_GUEST).put(&path, hour).await;
    assert_eq!((answer.status, answer.code()), (400, "InvalidRequestUri"));
}

#[tokio::test]
async fn what_was_settled_at_once_cannot_be_cancelled() {
    let world = World::start().await;
    for family in [ELIGIBILITY, ASSIGNMENT] {
        let given = world.give(family, "AdminAssign", ALICE_GUEST, &lasting("P1D")).await.expect(201);
        let answer = world.cancel(SAM, &given).await;
        assert_eq!((answer.status, answer.code()), (409, "RoleAssignmentRequestSettled"));
        assert_eq!(world.cancel(ALICE_GUEST, &given).await.code(), "AuthorizationFailed");
        let path = below(&guard(), &format!("{family}Requests/{}/cancel", fresh()));
        let answer = world.server.as_(SAM).post(&path, Value::Null).await;
        assert_eq!((answer.status, answer.code()), (404, "RoleAssignmentRequestNotFound"));
    }
}

#[tokio::test]
async fn decisions_that_are_none() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let approval = asked["properties"]["approvalId"].as_str().unwrap();
    let stages = world.server.as_(SAM).get(&format!("{approval}/stages")).await.expect(200);
    let stage = stages["value"][0]["id"].as_str().unwrap();
    for body in
        [json!({}), json!({"reviewResult": "NotReviewed"}), json!({"properties": {"reviewResult": "Maybe"}})]
    {
        let answer = world.server.as_(SAM).patch(stage, body).await;
        assert_eq!((answer.status, answer.code()), (400, "InvalidRequestContent"));
    }
    let yes = json!({"reviewResult": "Approve", "justification": "flat form"});
    let nowhere = format!("{approval}/stages/{}", fresh());
    assert_eq!(world.server.as_(SAM).patch(&nowhere, yes.clone()).await.status, 404);
    assert_eq!(world.status(&asked).await, "PendingApproval");
    world.server.as_(SAM).put(stage, yes).await.expect(200);
    assert!(world.acts().await, "the flat form, by PUT");
}

#[tokio::test]
async fn a_stage_may_want_reasons() {
    let world = World::eligible().await;
    let mut wanting = stage(1, &[approver("User", SAM)]);
    wanting["isApproverJustificationRequired"] = json!(true);
    world.approve_in(&json!("SingleStage"), &[wanting]).await.expect(200);
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let approval = asked["properties"]["approvalId"].as_str().unwrap();
    let stages = world.server.as_(SAM).get(&format!("{approval}/stages")).await.expect(200);
    let stage = stages["value"][0]["id"].as_str().unwrap();
    let silent = world.server.as_(SAM).patch(stage, json!({"reviewResult": "Deny"})).await;
    assert!(silent.message().contains("[\"JustificationRule\"]"), "{}", silent.text);
    world.decide(SAM, &asked, 0, "Deny").await.expect(200);
}
