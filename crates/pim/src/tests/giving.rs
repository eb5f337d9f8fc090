//! What admins give, change and take: eligibilities and direct assignments.

use serde_json::{Value, json};

use super::world::*;
use crate::{
    Change, DirectAssignment, Eligibility, PrincipalKind, Settled, Standing, Status, Verdict,
    eligible_child_scopes, request_assignment, request_eligibility,
};

fn lasting(length: &str) -> Value {
    json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": length}}})
}

fn eligibility(world: &World, name: u128, kind: &str, more: Value) -> arm::Result<Settled<Eligibility>> {
    let body = body(kind, ALICE, more);
    let sam = caller(SAM);
    let cx = world.cx(&sam);
    let existing = Standing { schedules: &world.eligibilities, activations: &[], extensions: &[] };
    request_eligibility(request(name), &body, PrincipalKind::User, &world.policy, existing, &cx)
}

fn assignment(
    world: &World,
    kind: &str,
    more: Value,
    existing: &[DirectAssignment],
) -> arm::Result<Settled<DirectAssignment>> {
    let body = body(kind, ALICE, more);
    let sam = caller(SAM);
    let (cx, user) = (world.cx(&sam), PrincipalKind::User);
    let existing = Standing { schedules: existing, activations: &world.others, extensions: &[] };
    request_assignment(request(20), &body, user, &world.policy, existing, &cx)
}

fn put<S>(settled: Settled<S>) -> S {
    match settled.change {
        Change::Put(schedule) => schedule,
        Change::Remove(_) | Change::Revoke(_) => panic!("a schedule is put"),
    }
}

#[test]
fn an_eligibility_lasts_as_long_as_the_rule_allows() {
    let mut world = World::new();
    world.eligibilities.clear();
    let given = eligibility(&world, 10, "AdminAssign", lasting("P365D")).unwrap();
    assert_eq!(given.record.status_at(world.now), Status::Provisioned);
    assert_eq!(given.record.by.person.as_ref().unwrap().0, "sam");
    let given = put(given);
    assert_eq!(given.grant().window.end(), Some(at("2027-02-01T09:00:00Z")));
    assert_eq!((given.grant().name, given.grant().request), (request(10), request(10)));
    for more in [
        lasting("P366D"),
        json!({"scheduleInfo": null}),
        json!({"scheduleInfo": {"expiration":
        {"type": "NoExpiration"}}}),
    ] {
        let error = eligibility(&world, 10, "AdminAssign", more).unwrap_err();
        assert!(error.message.contains("[\"ExpirationRule\"]"), "{}", error.message);
    }
    world.patch(rule_patch(json!({"id": "Expiration_Admin_Eligibility", "isExpirationRequired": false})));
    let forever = put(eligibility(&world, 10, "AdminAssign", json!({"scheduleInfo": null})).unwrap());
    assert_eq!(forever.grant().window.end(), None);
}

#[test]
fn an_admin_gives_reasons_where_the_policy_wants_them() {
    let mut world = World::new();
    world.eligibilities.clear();
    let mut silent = lasting("P1D");
    silent["justification"] = Value::Null;
    assert!(eligibility(&world, 10, "AdminAssign", silent.clone()).is_ok(), "not wanted by default");
    let error = assignment(&world, "AdminAssign", silent.clone(), &[]).unwrap_err();
    assert!(error.message.contains("[\"JustificationRule\"]"), "wanted by default for assignments");
    world.patch(rule_patch(json!({"id": "Enablement_Admin_Eligibility",
        "enabledRules": ["Justification", "Ticketing", "MultiFactorAuthentication"]})));
    let error = eligibility(&world, 10, "AdminAssign", silent).unwrap_err();
    let rules = r#"["JustificationRule","TicketingRule","MfaRule"]"#;
    assert!(error.message.contains(rules), "{}", error.message);
}

#[test]
fn nobody_is_made_eligible_twice() {
    let mut world = World::new();
    let first = put(eligibility(&world, 10, "AdminAssign", lasting("P1D")).unwrap());
    world.eligibilities.push(first);
    assert_eq!(
        eligibility(&world, 11, "AdminAssign", lasting("P1D")).unwrap_err().code,
        "RoleAssignmentExists"
    );
    assert_eq!(
        eligibility(&world, 11, "AdminRenew", lasting("P1D")).unwrap_err().code,
        "RoleAssignmentExists"
    );
    world.pass(24);
    assert!(eligibility(&world, 11, "AdminRenew", lasting("P1D")).is_ok(), "the first has ended");
}

#[test]
fn an_eligibility_is_changed_and_removed() {
    let mut world = World::new();
    assert_eq!(
        eligibility(&world, 12, "AdminRemove", json!({})).unwrap_err().code,
        "RoleAssignmentDoesNotExist"
    );
    assert_eq!(
        eligibility(&world, 12, "AdminExtend", lasting("P2D")).unwrap_err().code,
        "RoleAssignmentDoesNotExist"
    );
    let first = put(eligibility(&world, 10, "AdminAssign", lasting("P1D")).unwrap());
    let start = first.grant().window.start();
    world.eligibilities.push(first);
    world.pass(1);
    let longer = put(eligibility(&world, 12, "AdminExtend", lasting("P2D")).unwrap());
    assert_eq!((longer.grant().name, longer.grant().request), (request(10), request(12)));
    assert_eq!(longer.grant().window.start(), start);
    assert_eq!(longer.grant().window.end(), Some(at("2026-02-03T10:00:00Z")));
    assert_eq!(longer.grant().updated, Some(world.now));
    assert!(eligibility(&world, 12, "AdminUpdate", lasting("P400D")).is_err());

    let other = json!({"targetRoleEligibilityScheduleId": request(1)});
    assert!(eligibility(&world, 13, "AdminRemove", other).is_err(), "that one is the group's");
    let removed = eligibility(&world, 13, "AdminRemove", json!({})).unwrap();
    assert_eq!(removed.record.status_at(world.now), Status::Revoked);
    assert_eq!(removed.record.target, request(10));
    assert!(matches!(removed.change, Change::Remove(gone) if gone.grant().name == request(10)));
    world.pass(48);
    let ended = eligibility(&world, 14, "AdminRemove", json!({}));
    assert_eq!(ended.unwrap_err().code, "RoleAssignmentDoesNotExist", "what has ended is gone");
}

#[test]
fn a_direct_assignment_is_given_for_a_time() {
    let world = World::new();
    let given = put(assignment(&world, "AdminAssign", lasting("P180D"), &[]).unwrap());
    assert!(given.is_effective(world.now));
    assert!(!given.is_effective(given.grant().window.end().unwrap()));
    assert!(assignment(&world, "AdminAssign", lasting("P181D"), &[]).is_err());
    let existing = [given];
    assert_eq!(
        assignment(&world, "AdminAssign", lasting("P1D"), &existing).unwrap_err().code,
        "RoleAssignmentExists"
    );
    let removed = assignment(&world, "AdminRemove", json!({}), &existing).unwrap();
    assert!(matches!(removed.change, Change::Remove(_)));
}

#[test]
fn an_admin_ends_an_activation() {
    let mut world = World::new();
    let waiting = world.ask(ALICE).unwrap();
    world.others = vec![waiting.clone()];
    let remove = |world: &World| assignment(world, "AdminRemove", json!({}), &[]);
    assert_eq!(remove(&world).unwrap_err().code, "RoleAssignmentDoesNotExist", "it only waits");
    world.others = vec![world.decide(&waiting, SAM, Verdict::Approve).unwrap()];
    let settled = remove(&world).unwrap();
    assert_eq!(settled.record.target, waiting.name());
    let Change::Revoke(ended) = settled.change else { panic!("an activation is ended") };
    assert!(!ended.is_effective(world.now));
    world.others = vec![*ended];
    assert_eq!(remove(&world).unwrap_err().code, "RoleAssignmentDoesNotExist");
}

#[test]
fn holders_requests_are_not_admins() {
    let world = World::new();
    for kind in ["SelfActivate", "SelfDeactivate", "SelfExtend", "SelfRenew"] {
        let error = eligibility(&world, 10, kind, lasting("P1D")).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("properties.requestType"));
        assert!(assignment(&world, kind, lasting("P1D"), &[]).is_err());
    }
}

#[test]
fn the_scopes_below_at_which_somebody_is_eligible() {
    let world = World::new();
    let subscription = arm::ResourceId::parse(SUBSCRIPTION).unwrap();
    let children = |who: u128, scope: &arm::ResourceId| {
        eligible_child_scopes(&world.eligibilities, scope, object(who), &world.people, world.now)
    };
    assert_eq!(children(ALICE, &subscription).into_iter().collect::<Vec<_>>(), [guard()]);
    assert!(children(ALICE, &guard()).is_empty());
    assert!(children(MALLORY, &subscription).is_empty());
}
