//! Asking for a role: every rule, one by one, and giving the role back.

use std::collections::BTreeSet;

use arm::{ErrorKind, RequestId};
use serde_json::{Value, json};

use super::world::*;
use crate::{
    Authentication, Caller, Change, PolicyDocument, RolePolicy, Standing, Status, Verdict, deactivate,
    request_eligibility,
};

const RULE: &str = "RoleAssignmentRequestPolicyValidationFailed";

/// A world whose policy asks for nobody's approval: that of a role which opens no guard.
fn lenient() -> World {
    let mut world = World::new();
    let document = RolePolicy::default_for(reader(), guard(), false).document().clone();
    world.policy = RolePolicy::in_force(document, false);
    world.eligibilities.clear();
    let body = reader_body("AdminAssign", OPERATORS, json!({"scheduleInfo": duration("P10D")}));
    let sam = caller(SAM);
    let kind = crate::PrincipalKind::Group;
    let settled =
        request_eligibility(request(1), &body, kind, &world.policy, Standing::default(), &world.cx(&sam))
            .unwrap();
    let Change::Put(eligibility) = settled.change else { panic!("put") };
    world.eligibilities.push(eligibility);
    world
}

fn reader_body(kind: &str, principal: u128, more: Value) -> crate::ScheduleRequestBody {
    let mut more = more;
    more["roleDefinitionId"] = format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}").into();
    body(kind, principal, more)
}

fn duration(length: &str) -> Value {
    json!({"expiration": {"type": "AfterDuration", "duration": length}})
}

fn signed_in(methods: &[&str], contexts: &[&str]) -> Caller {
    let set = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    Caller {
        object: object(ALICE),
        authentication: Authentication {
            methods: set(methods),
            contexts: set(contexts),
            at: None,
            factor_enrolled: None,
        },
    }
}

/// Alice asks for Reader with these fields; the code and the message of the refusal.
fn refusal(world: &World, more: Value) -> (String, String) {
    let body = reader_body("SelfActivate", ALICE, more);
    let error = world.ask_with(&caller(ALICE), &body).unwrap_err();
    (error.code, error.message)
}

#[test]
fn without_approval_the_role_holds_at_once() {
    let world = lenient();
    let body = reader_body("SelfActivate", ALICE, json!({}));
    let asked = world.ask_with(&caller(ALICE), &body).unwrap();
    assert_eq!(asked.status_at(world.now), Status::Provisioned);
    assert_eq!(asked.status_of_dry_run(), Status::Granted);
    assert!(asked.is_effective(world.now) && !asked.has_approval());
    assert_eq!(asked.window().unwrap().end(), Some(at("2026-02-01T10:00:00Z")));
    assert_eq!(asked.through(), Some(object(OPERATORS)));
    assert_eq!(asked.eligibility(), request(1));
    // There is no approval to see or to decide.
    let sam = caller(SAM);
    assert_eq!(asked.may_see(&world.policy, true, &world.cx(&sam)).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn only_the_eligible_ask_and_only_for_themselves() {
    let mut world = World::new();
    let code = |result: arm::Result<_>| result.map(|_: crate::ActivationRequest| ()).unwrap_err().code;
    assert_eq!(code(world.ask(MALLORY)), RULE);
    assert_eq!(code(world.ask(ALICE_HOME)), RULE);
    world.people.join(OPERATORS, ROBOT);
    assert_eq!(code(world.ask(ROBOT)), "InsufficientPermissions");
    world.people.disabled.insert(BOB);
    assert_eq!(code(world.ask(BOB)), "InsufficientPermissions");
    let for_bob = body("SelfActivate", BOB, json!({}));
    assert_eq!(code(world.ask_with(&caller(ALICE), &for_bob)), "InsufficientPermissions");
    world.people.leave(OPERATORS, ALICE);
    let error = world.ask(ALICE).unwrap_err();
    assert!(error.message.contains("[\"EligibilityRule\"]"), "{}", error.message);
    world.people.join(OPERATORS, ALICE);
    assert!(world.ask(ALICE).is_ok());
    world.pass(24 * 180);
    assert_eq!(code(world.ask(ALICE)), RULE, "the eligibility has ended");
}

#[test]
fn an_eligibility_that_has_not_started_serves_nobody() {
    let mut world = World::new();
    world.eligibilities.clear();
    let later = json!({"startDateTime": "2026-03-01T00:00:00Z",
        "expiration": {"type": "AfterDuration", "duration": "P10D"}});
    let body = body("AdminAssign", ALICE, json!({"scheduleInfo": later}));
    let sam = caller(SAM);
    let kind = crate::PrincipalKind::User;
    let settled =
        request_eligibility(request(3), &body, kind, &world.policy, Standing::default(), &world.cx(&sam))
            .unwrap();
    assert_eq!(settled.record.status_at(world.now), Status::Granted);
    let Change::Put(eligibility) = settled.change else { panic!("put") };
    world.eligibilities.push(eligibility);
    assert_eq!(world.ask(ALICE).unwrap_err().code, RULE);
    world.now = at("2026-03-01T00:00:00Z");
    assert!(world.ask(ALICE).is_ok());
}

#[test]
fn the_eligibility_that_is_named_must_be_ones_own() {
    let mut world = World::new();
    world.make_eligible(7, BOB, "P30D");
    world.make_eligible(8, ALICE, "P5D");
    let through = |linked: Option<RequestId>| {
        let body = body("SelfActivate", ALICE, json!({"linkedRoleEligibilityScheduleId": linked}));
        world.ask_with(&caller(ALICE), &body).map(|asked| asked.eligibility())
    };
    assert_eq!(through(None), Ok(request(8)), "one's own before a group's");
    assert_eq!(through(Some(request(1))), Ok(request(1)));
    for wrong in [request(7), request(99)] {
        let error = through(Some(wrong)).unwrap_err();
        assert_eq!(error.code, RULE);
        assert!(error.message.contains(&wrong.to_string()));
    }
}

#[test]
fn an_eligibility_above_serves_below_and_not_the_other_way() {
    let mut world = World::new();
    let above = guard().parent().unwrap();
    let sam = caller(SAM);
    let policy = RolePolicy::default_for(crate::policy::BACKUP_MUA_OPERATOR, above, true);
    let assign = body("AdminAssign", ALICE, json!({"scheduleInfo": duration("P5D")}));
    let kind = crate::PrincipalKind::User;
    let settled =
        request_eligibility(request(5), &assign, kind, &policy, Standing::default(), &world.cx(&sam))
            .unwrap();
    let Change::Put(higher) = settled.change else { panic!("put") };
    let lower = std::mem::replace(&mut world.eligibilities, vec![higher]);
    assert_eq!(world.ask(ALICE).unwrap().eligibility(), request(5));
    world.eligibilities = lower;
    world.policy = RolePolicy::in_force(
        PolicyDocument { scope: policy.scope().clone(), ..world.policy.document().clone() },
        true,
    );
    assert_eq!(world.ask(ALICE).unwrap_err().code, RULE);
}

#[test]
fn every_broken_rule_is_named_at_once() {
    let mut world = lenient();
    world.patch(rule_patch(json!({"id": "Enablement_EndUser_Assignment",
        "enabledRules": ["MultiFactorAuthentication", "Justification", "Ticketing"]})));
    let (code, message) = refusal(
        &world,
        json!({"justification": "  ", "scheduleInfo": duration("PT8H1S"),
        "ticketInfo": {"ticketSystem": "Jira"}}),
    );
    assert_eq!(code, RULE);
    let rules = r#"["ExpirationRule","JustificationRule","TicketingRule","MfaRule"]"#;
    assert!(message.starts_with(&format!("The following policy rules failed: {rules}")), "{message}");
    let good = reader_body("SelfActivate", ALICE, json!({"ticketInfo": {"ticketNumber": "T1"}}));
    assert!(world.ask_with(&signed_in(&["pwd", "mfa"], &[]), &good).is_ok());
}

#[test]
fn an_activation_always_ends() {
    let world = lenient();
    for info in [json!(null), json!({}), json!({"expiration": {"type": "NoExpiration"}}), duration("P1D")] {
        let (code, message) = refusal(&world, json!({"scheduleInfo": info}));
        assert_eq!(code, RULE);
        assert!(message.contains("[\"ExpirationRule\"]"), "{message}");
    }
    for (info, code) in [
        (
            json!({"expiration": {"type": "AfterDateTime", "endDateTime": "2026-02-01T08:00:00Z"}}),
            "InvalidRoleAssignmentRequestSchedule",
        ),
        (duration("P9999Y"), "InvalidRoleAssignmentRequestSchedule"),
    ] {
        assert_eq!(refusal(&world, json!({"scheduleInfo": info})).0, code);
    }
}

#[test]
fn not_even_a_stored_policy_lets_an_activation_last_forever() {
    let mut world = lenient();
    let mut document = serde_json::to_value(world.policy.document()).unwrap();
    document["rules"]["expiration"]["end_user_assignment"]["required"] = false.into();
    world.policy = RolePolicy::in_force(serde_json::from_value(document).unwrap(), false);
    assert!(refusal(&world, json!({"scheduleInfo": null})).1.contains("[\"ExpirationRule\"]"));
}

#[test]
fn an_activation_ends_with_its_eligibility() {
    let mut world = lenient();
    world.now = at("2026-02-11T07:00:00Z");
    let body = reader_body("SelfActivate", ALICE, json!({"scheduleInfo": duration("PT8H")}));
    let asked = world.ask_with(&caller(ALICE), &body).unwrap();
    assert_eq!(asked.window().unwrap().end(), Some(at("2026-02-11T09:00:00Z")));
    let beyond = json!({"startDateTime": "2026-02-12T00:00:00Z", "expiration": {"duration": "PT1H"}});
    assert_eq!(refusal(&world, json!({"scheduleInfo": beyond})).0, "InvalidRoleAssignmentRequestSchedule");
}

#[test]
fn an_activation_that_starts_later_is_granted_until_then() {
    let world = lenient();
    let later = json!({"startDateTime": "2026-02-01T12:00:00+01:00", "expiration": {"duration": "PT1H"}});
    let body = reader_body("SelfActivate", ALICE, json!({"scheduleInfo": later}));
    let asked = world.ask_with(&caller(ALICE), &body).unwrap();
    assert_eq!(asked.status_at(world.now), Status::Granted);
    assert!(!asked.is_effective(world.now));
    let start = at("2026-02-01T11:00:00Z");
    assert!(asked.is_effective(start) && asked.status_at(start) == Status::Provisioned);
}

#[test]
fn an_authentication_context_asks_for_a_step_up() {
    let mut world = lenient();
    world.patch(rule_patch(json!({"id": "AuthenticationContext_EndUser_Assignment",
        "isEnabled": true, "claimValue": "c1"})));
    let body = reader_body("SelfActivate", ALICE, json!({}));
    let error = world.ask_with(&signed_in(&["mfa"], &["c2"]), &body).unwrap_err();
    assert_eq!(error.code, "RoleAssignmentRequestAcrsValidationFailed");
    assert!(error.message.contains(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#));
    assert!(world.ask_with(&signed_in(&[], &["c1"]), &body).is_ok());
}

#[test]
fn approval_wants_a_reason_even_if_nothing_else_does() {
    let mut world = World::new();
    world.patch(rule_patch(json!({"id": "Enablement_EndUser_Assignment", "enabledRules": []})));
    let silent = body("SelfActivate", ALICE, json!({"justification": ""}));
    let error = world.ask_with(&caller(ALICE), &silent).unwrap_err();
    assert!(error.message.contains("[\"JustificationRule\"]"), "{}", error.message);
}

#[test]
fn one_request_at_a_time() {
    let mut world = World::new();
    let first = world.ask(ALICE).unwrap();
    world.others = vec![first.clone()];
    assert_eq!(world.ask(ALICE).unwrap_err().code, "PendingRoleAssignmentRequest");
    assert!(world.ask(BOB).is_ok(), "another's request is not in the way");
    let approved = world.decide(&first, SAM, Verdict::Approve).unwrap();
    world.others = vec![approved.clone()];
    assert_eq!(world.ask(ALICE).unwrap_err().code, "RoleAssignmentExists");
    world.pass(1);
    assert!(world.ask(ALICE).is_ok(), "the window is over");
    world.others = vec![first];
    world.pass(23);
    assert!(world.ask(ALICE).is_ok(), "the first timed out");
}

#[test]
fn nothing_is_approved_for_want_of_approvers() {
    let mut world = World::new();
    world.policy = RolePolicy::default_for(crate::policy::BACKUP_MUA_OPERATOR, guard(), true);
    let error = world.ask(ALICE).unwrap_err();
    assert!(error.message.contains("[\"ApprovalRule\"]"), "{}", error.message);
    assert!(error.message.contains(guard().as_str()), "{}", error.message);
    world.patch(stage_patch(json!({"primaryApprovers": [approver("User", ALICE_ADMIN)]})));
    assert!(world.ask(ALICE).is_err(), "the only approver is the one who asks");
    assert!(world.ask(BOB).is_ok());
    world.patch(stage_patch(json!({"primaryApprovers": [approver("User", ROBOT)]})));
    assert!(world.ask(ALICE).is_err(), "an application approves nothing");
    world.patch(stage_patch(json!({"primaryApprovers": [approver("User", SAM)], "requiredApprovals": 2})));
    assert!(world.ask(ALICE).is_err(), "one person cannot fill two places");
}

#[test]
fn a_policy_of_another_role_decides_nothing() {
    let mut world = World::new();
    world.policy = RolePolicy::default_for(reader(), guard(), false);
    assert_eq!(world.ask(ALICE).unwrap_err().kind, ErrorKind::Internal);
    let asked = World::new().ask(ALICE).unwrap();
    assert_eq!(world.decide(&asked, SAM, Verdict::Approve).unwrap_err().kind, ErrorKind::Forbidden);
}

#[test]
fn what_is_held_can_be_given_back_at_once() {
    let world = World::new();
    let asked = world.decide(&world.ask(ALICE).unwrap(), SAM, Verdict::Approve).unwrap();
    let give = |who: u128, principal: u128, more: Value| {
        let mut raw = raw_body("SelfDeactivate", principal, more);
        raw["properties"]["scheduleInfo"] = Value::Null;
        raw["properties"]["justification"] = Value::Null;
        let body = crate::ScheduleRequestBody::parse(&raw).unwrap();
        let caller = caller(who);
        deactivate(request(43), &body, &guard(), std::slice::from_ref(&asked), &world.cx(&caller))
    };
    // Azure's five minutes are not waited for.
    let done = give(ALICE, ALICE, json!({"linkedRoleEligibilityScheduleId": request(1)})).unwrap();
    assert_eq!(done.record.status_at(world.now), Status::Revoked);
    assert_eq!(done.record.target, asked.name());
    assert_eq!(done.ended.status_at(world.now), Status::Revoked);
    assert!(!done.ended.is_effective(world.now) && done.ended.window().is_none());
    assert!(done.ended.consent().is_some(), "it is remembered why it had held");
    let code = |result: arm::Result<crate::Deactivation>| result.unwrap_err().code;
    assert_eq!(code(give(SAM, ALICE, json!({}))), "InsufficientPermissions");
    assert_eq!(code(give(BOB, BOB, json!({}))), "RoleAssignmentDoesNotExist");
    let other = json!({"linkedRoleEligibilityScheduleId": request(2)});
    assert_eq!(code(give(ALICE, ALICE, other)), "RoleAssignmentDoesNotExist");
    assert_eq!(
        done.ended.admin_revoke(&world.cx(&caller(SAM))).unwrap_err().code,
        "RoleAssignmentDoesNotExist"
    );
}

#[test]
fn an_activation_follows_its_eligibility() {
    let world = World::new();
    let asked = world.decide(&world.ask(ALICE).unwrap(), SAM, Verdict::Approve).unwrap();
    let sam = caller(SAM);
    let cx = world.cx(&sam);
    assert_eq!(asked.follow(world.eligibilities.first(), &cx), None);
    assert_eq!(asked.follow(None, &cx).unwrap().status_at(world.now), Status::Revoked);
    let mut left = world.clone();
    left.people.leave(OPERATORS, ALICE);
    assert!(asked.follow(world.eligibilities.first(), &left.cx(&sam)).is_some());
    let shorten = body("AdminUpdate", OPERATORS, json!({"scheduleInfo": duration("PT10M")}));
    let kind = crate::PrincipalKind::Group;
    let existing = Standing { schedules: &world.eligibilities, ..Standing::default() };
    let settled = request_eligibility(request(2), &shorten, kind, &world.policy, existing, &cx).unwrap();
    let Change::Put(shorter) = settled.change else { panic!("put") };
    let clipped = asked.follow(Some(&shorter), &cx).unwrap();
    assert_eq!(clipped.window().unwrap().end(), Some(at("2026-02-01T09:10:00Z")));
    assert_eq!(world.ask(ALICE).unwrap().follow(None, &cx), None, "a request that waits is left alone");
}

#[test]
fn requests_of_other_kinds_are_sent_elsewhere() {
    let world = World::new();
    for kind in ["SelfExtend", "SelfRenew", "AdminAssign", "SelfDeactivate"] {
        let error = world.ask_with(&caller(ALICE), &body(kind, ALICE, json!({}))).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("properties.requestType"));
    }
}
