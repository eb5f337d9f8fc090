//! `$filter` on PIM's lists.

use arm::{Filter, ResourceId};
use serde_json::json;

use super::world::*;
use crate::policy::BACKUP_MUA_OPERATOR;
use crate::{Listing, MemberType, People, Status, Verdict};

fn listing(filter: &str) -> arm::Result<Listing> {
    Listing::parse(&Filter::parse(filter)?)
}

#[test]
fn lists_show_what_is_asked_for() {
    let world = World::new();
    let eligibility = &world.eligibilities[0];
    let asked = world.ask(ALICE).unwrap();
    let groups = |whom| world.people.groups_of(whom);
    let admits = |filter: &str, entry: crate::Entry<'_>, caller: u128| {
        listing(filter).unwrap().admits(&entry, &guard(), object(caller), &groups)
    };
    for (filter, caller, eligible, requested) in [
        ("", MALLORY, true, true),
        ("asTarget()", ALICE, true, true),
        ("asTarget()", BOB, true, false),
        ("asTarget()", SAM, false, false),
        ("asRequestor()", ALICE, false, true),
        ("asRequestor()", SAM, false, false),
        (&format!("principalId eq '{}'", object(ALICE)), SAM, false, true),
        (&format!("assignedTo('{}')", object(ALICE)), SAM, true, true),
        (&format!("roleDefinitionId eq '/x/{BACKUP_MUA_OPERATOR}'"), SAM, true, true),
        (&format!("roleDefinitionId eq '{READER}'"), SAM, false, false),
        (&format!("asTarget() and roleDefinitionId eq '{READER}'"), ALICE, false, false),
    ] {
        assert_eq!(admits(filter, eligibility.entry(), caller), eligible, "{filter} eligibility");
        assert_eq!(admits(filter, asked.entry(), caller), requested, "{filter} request");
    }
}

#[test]
fn at_scope_leaves_out_what_is_below() {
    let world = World::new();
    let groups = |whom| world.people.groups_of(whom);
    let subscription = ResourceId::parse(SUBSCRIPTION).unwrap();
    let entry = world.eligibilities[0].entry();
    let admits = |filter: &str, scope: &ResourceId| {
        listing(filter).unwrap().admits(&entry, scope, object(SAM), &groups)
    };
    assert!(admits("atScope()", &guard()) && admits("", &subscription));
    assert!(!admits("atScope()", &subscription));
}

#[test]
fn a_filter_that_is_not_understood_is_refused() {
    for bad in [
        "asJudge()",
        "assignedTo()",
        "principalId ne 'x'",
        "principalId eq 'x'",
        "color eq 'red'",
        "a/any(b:b eq 'c')",
    ] {
        assert_eq!(listing(bad).unwrap_err().code, "InvalidFilter", "{bad}");
    }
    assert!(listing("status eq 'pendingapproval'").unwrap().admits_status(Status::PendingApproval));
    assert!(!listing("status eq 'Denied'").unwrap().admits_status(Status::PendingApproval));
}

#[test]
fn what_waits_for_whom() {
    let mut world = World::new();
    world.patch(stage_patch(json!({"requiredApprovals": 2})));
    let asked = world.ask(ALICE).unwrap();
    let awaits =
        |asked: &crate::ActivationRequest, who: u128| asked.awaits(&world.policy, &world.cx(&caller(who)));
    for (who, waits) in [(SAM, true), (TESS, true), (ALICE, false), (MALLORY, false), (ROBOT, false)] {
        assert_eq!(awaits(&asked, who), waits, "{who:x}");
    }
    let once = world.decide(&asked, SAM, Verdict::Approve).unwrap();
    assert!(!awaits(&once, SAM) && awaits(&once, TESS));
    let denied = world.decide(&asked, TESS, Verdict::Deny).unwrap();
    assert!(!awaits(&denied, SAM) && !awaits(&denied, TESS));
}

#[test]
fn how_a_schedule_concerns_whoever_lists_it() {
    let world = World::new();
    let grant = world.eligibilities[0].grant();
    let below = guard().child("x/y").unwrap();
    assert_eq!(MemberType::of(grant, Some(object(ALICE)), &guard()), MemberType::Group);
    assert_eq!(MemberType::of(grant, None, &guard()), MemberType::Direct);
    assert_eq!(MemberType::of(grant, None, &below), MemberType::Inherited);
    assert_eq!(MemberType::of(grant, None, &guard().parent().unwrap()), MemberType::Direct);
}
