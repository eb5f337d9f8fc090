//! Short stories about one request: who does what, whether they may, and how it stands in the end.

use serde_json::json;

use super::world::*;
use crate::Verdict::{Approve, Deny};
use crate::{Consent, Status, Verdict};

/// One thing that happens.
enum Step {
    /// Somebody decides, and it is accepted.
    Takes(u128, Verdict),
    /// Somebody decides, and it is refused with this code.
    Refused(u128, Verdict, &'static str),
    /// Hours pass.
    Pass(i64),
    /// Somebody joins a group.
    Join(u128, u128),
    /// Somebody leaves a group.
    Leave(u128, u128),
    /// An account is disabled.
    Disable(u128),
    /// It turns out that an account belongs to this person.
    Link(u128, &'static str),
    /// Alice's eligibility is taken away.
    Ineligible,
    /// Somebody takes the request back, with or without the right to administer roles.
    Cancel(u128, bool, bool),
}
use Step::*;

const NOT_YOURS: &str = "InsufficientPermissions";
const SETTLED: &str = "RoleAssignmentRequestSettled";
const VOTED: &str = "RoleAssignmentRequestAlreadyReviewed";
const RULE: &str = "RoleAssignmentRequestPolicyValidationFailed";

/// Tells the story of a request of Alice's that needs so many approvals; gives its status and whether it has effect.
fn tell(approvals: u8, steps: &[Step]) -> (Status, bool) {
    let mut world = World::new();
    world.patch(stage_patch(json!({"requiredApprovals": approvals})));
    let mut asked = world.ask(ALICE).unwrap();
    assert_eq!(asked.status_at(world.now), Status::PendingApproval);
    for (at, step) in steps.iter().enumerate() {
        match step {
            Takes(who, verdict) => asked = world.decide(&asked, *who, *verdict).unwrap(),
            Refused(who, verdict, code) => {
                let error = world.decide(&asked, *who, *verdict).unwrap_err();
                assert_eq!(error.code, *code, "step {at}: {}", error.message);
            }
            Pass(hours) => world.pass(*hours),
            Join(group, member) => world.people.join(*group, *member),
            Leave(group, member) => world.people.leave(*group, *member),
            Disable(account) => drop(world.people.disabled.insert(*account)),
            Link(account, person) => drop(world.people.persons.insert(*account, person)),
            Ineligible => world.eligibilities.clear(),
            Cancel(who, administers, allowed) => match asked.cancel(*administers, &world.cx(&caller(*who))) {
                Ok(canceled) => {
                    assert!(allowed, "step {at}");
                    asked = canceled;
                }
                Err(_) => assert!(!allowed, "step {at}"),
            },
        }
    }
    (asked.status_at(world.now), asked.is_effective(world.now))
}

/// A story: its title, what happens, the status in the end, and whether the request has effect then.
type Story = (&'static str, &'static [Step], Status, bool);

const ONE_APPROVAL: &[Story] = &[
    ("nobody decides", &[], Status::PendingApproval, false),
    ("Sam approves", &[Takes(SAM, Approve)], Status::Provisioned, true),
    ("Tess approves through a nested group", &[Takes(TESS, Approve)], Status::Provisioned, true),
    ("Sam denies", &[Takes(SAM, Deny)], Status::Denied, false),
    ("the window ends, the status stays", &[Takes(SAM, Approve), Pass(1)], Status::Provisioned, false),
    ("the window starts with the approval", &[Pass(20), Takes(SAM, Approve)], Status::Provisioned, true),
    ("Alice approves herself", &[Refused(ALICE, Approve, NOT_YOURS)], Status::PendingApproval, false),
    (
        "Alice is an approver herself",
        &[Join(APPROVERS, ALICE), Refused(ALICE, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice's second account is an approver",
        &[Join(NIGHT_SHIFT, ALICE_ADMIN), Refused(ALICE_ADMIN, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice's account at home is an approver",
        &[Join(APPROVERS, ALICE_HOME), Refused(ALICE_HOME, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Mallory turns out to be Alice",
        &[Join(APPROVERS, MALLORY), Link(MALLORY, "alice"), Refused(MALLORY, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice turns out to be Mallory, who is an approver",
        &[Join(APPROVERS, MALLORY), Link(ALICE, "mallory"), Refused(MALLORY, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice is renamed, and her old self is an approver",
        &[Join(APPROVERS, ALICE_ADMIN), Link(ALICE, "x"), Refused(ALICE_ADMIN, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "an application in the group of approvers",
        &[Refused(ROBOT, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "a stranger",
        &[Refused(MALLORY, Approve, NOT_YOURS), Refused(MALLORY, Deny, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Sam's other account is not on the list",
        &[Refused(SAM_TWO, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Sam lost his place",
        &[Leave(APPROVERS, SAM), Refused(SAM, Approve, NOT_YOURS), Refused(SAM, Deny, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Tess lost her place two groups deep",
        &[Leave(APPROVERS, NIGHT_SHIFT), Refused(TESS, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "Sam's account is disabled",
        &[Disable(SAM), Refused(SAM, Approve, NOT_YOURS)],
        Status::PendingApproval,
        false,
    ),
    (
        "somebody becomes an approver while it waits",
        &[Join(APPROVERS, MALLORY), Takes(MALLORY, Approve)],
        Status::Provisioned,
        true,
    ),
    (
        "too late, by a second's comparison",
        &[Pass(24), Refused(SAM, Approve, SETTLED), Refused(SAM, Deny, SETTLED)],
        Status::TimedOut,
        false,
    ),
    ("just in time", &[Pass(23), Takes(SAM, Approve)], Status::Provisioned, true),
    (
        "decided once: approved",
        &[Takes(SAM, Approve), Refused(TESS, Deny, SETTLED), Refused(SAM, Approve, SETTLED)],
        Status::Provisioned,
        true,
    ),
    (
        "decided once: denied",
        &[Takes(TESS, Deny), Refused(SAM, Approve, SETTLED), Refused(TESS, Approve, SETTLED)],
        Status::Denied,
        false,
    ),
    (
        "taken back by Alice",
        &[Cancel(ALICE, false, true), Refused(SAM, Approve, SETTLED)],
        Status::Canceled,
        false,
    ),
    ("taken back by an admin", &[Cancel(MALLORY, true, true)], Status::Canceled, false),
    ("not taken back by a stranger", &[Cancel(MALLORY, false, false)], Status::PendingApproval, false),
    (
        "not taken back once approved",
        &[Takes(SAM, Approve), Cancel(ALICE, false, false)],
        Status::Provisioned,
        true,
    ),
    (
        "Alice is not eligible any more",
        &[Ineligible, Refused(SAM, Approve, RULE), Takes(SAM, Deny)],
        Status::Denied,
        false,
    ),
    (
        "Alice left the group that was eligible",
        &[Leave(OPERATORS, ALICE), Refused(SAM, Approve, RULE)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice's account is disabled",
        &[Disable(ALICE), Refused(SAM, Approve, RULE)],
        Status::PendingApproval,
        false,
    ),
];

const TWO_APPROVALS: &[Story] = &[
    ("one is not enough", &[Takes(SAM, Approve)], Status::PendingApproval, false),
    ("two are", &[Takes(SAM, Approve), Takes(TESS, Approve)], Status::Provisioned, true),
    (
        "the same twice is one",
        &[Takes(SAM, Approve), Refused(SAM, Approve, VOTED)],
        Status::PendingApproval,
        false,
    ),
    (
        "two accounts of one person are one",
        &[Join(APPROVERS, SAM_TWO), Takes(SAM, Approve), Refused(SAM_TWO, Approve, VOTED)],
        Status::PendingApproval,
        false,
    ),
    ("a denial outweighs an approval", &[Takes(SAM, Approve), Takes(TESS, Deny)], Status::Denied, false),
    (
        "Sam thinks better of it",
        &[Takes(SAM, Approve), Takes(SAM, Deny), Refused(TESS, Approve, SETTLED)],
        Status::Denied,
        false,
    ),
    (
        "the first lost the place: the second is the first that counts",
        &[Takes(SAM, Approve), Leave(APPROVERS, SAM), Takes(TESS, Approve)],
        Status::PendingApproval,
        false,
    ),
    (
        "the first was disabled",
        &[Takes(SAM, Approve), Disable(SAM), Takes(TESS, Approve)],
        Status::PendingApproval,
        false,
    ),
    (
        "the first turns out to be Alice",
        &[Takes(SAM, Approve), Link(SAM, "alice"), Takes(TESS, Approve)],
        Status::PendingApproval,
        false,
    ),
    (
        "Alice turns out to be the first",
        &[Takes(SAM, Approve), Link(ALICE, "sam"), Takes(TESS, Approve)],
        Status::PendingApproval,
        false,
    ),
    (
        "a third fills the lost place",
        &[
            Join(APPROVERS, MALLORY),
            Takes(SAM, Approve),
            Leave(APPROVERS, SAM),
            Takes(TESS, Approve),
            Takes(MALLORY, Approve),
        ],
        Status::Provisioned,
        true,
    ),
    ("one and then silence", &[Takes(SAM, Approve), Pass(24)], Status::TimedOut, false),
];

#[test]
fn stories_of_one_approval() {
    for (story, steps, status, effective) in ONE_APPROVAL {
        assert_eq!(tell(1, steps), (*status, *effective), "{story}");
    }
}

#[test]
fn stories_of_two_approvals() {
    for (story, steps, status, effective) in TWO_APPROVALS {
        assert_eq!(tell(2, steps), (*status, *effective), "{story}");
    }
}

#[test]
fn an_approval_remembers_who_gave_it_and_why() {
    let world = World::new();
    let asked = world.decide(&world.ask(ALICE).unwrap(), SAM, Approve).unwrap();
    let Some(Consent::Given { decisive, earlier, stages: 1 }) = asked.consent() else {
        panic!("consent was given");
    };
    assert_eq!((decisive.by, decisive.person.0.as_str()), (object(SAM), "sam"));
    assert_eq!((decisive.justification.as_str(), decisive.at), ("checked the ticket", world.now));
    assert!(earlier.is_empty());
}

#[test]
fn a_decision_needs_a_reason_where_the_policy_says_so() {
    let mut world = World::new();
    let asked = world.ask(ALICE).unwrap();
    let silent = crate::DecisionBody { verdict: Approve, justification: String::new() };
    let sam = caller(SAM);
    let eligibility = world.eligibilities.first().cloned();
    let decide = |world: &World| {
        asked.decide(asked.stage(), &silent, &world.policy, eligibility.as_ref(), &world.cx(&sam))
    };
    let error = decide(&world).unwrap_err();
    assert!(error.message.contains("[\"JustificationRule\"]"), "{}", error.message);
    world.patch(stage_patch(json!({"isApproverJustificationRequired": false})));
    assert_eq!(decide(&world).unwrap().status_at(world.now), Status::Provisioned);
}

#[test]
fn a_decision_goes_to_the_stage_that_is_there() {
    let world = World::new();
    let asked = world.ask(ALICE).unwrap();
    let decision = crate::DecisionBody { verdict: Approve, justification: "x".into() };
    let sam = caller(SAM);
    let error = asked
        .decide(request(9), &decision, &world.policy, world.eligibilities.first(), &world.cx(&sam))
        .unwrap_err();
    assert_eq!(error.kind, arm::ErrorKind::NotFound);
}

#[test]
fn the_window_that_an_approval_gives_keeps_to_what_holds_then() {
    let mut world = World::new();
    let long = json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT8H"}}});
    let asked = world.ask_with(&caller(ALICE), &body("SelfActivate", ALICE, long)).unwrap();
    // The policy was tightened while the request waited.
    world.patch(rule_patch(json!({"id": "Expiration_EndUser_Assignment", "maximumDuration": "PT30M"})));
    world.pass(2);
    let window = world.decide(&asked, SAM, Approve).unwrap().window().unwrap();
    assert_eq!(window.start(), world.now);
    assert_eq!(window.end(), Some(at("2026-02-01T11:30:00Z")));
}

#[test]
fn an_end_that_has_passed_cannot_be_approved() {
    let mut world = World::new();
    let until = json!({"type": "AfterDateTime", "endDateTime": "2026-02-01T10:00:00Z"});
    let more = json!({"scheduleInfo": {"expiration": until}});
    let asked = world.ask_with(&caller(ALICE), &body("SelfActivate", ALICE, more)).unwrap();
    world.pass(1);
    let error = world.decide(&asked, SAM, Approve).unwrap_err();
    assert_eq!(error.code, "InvalidRoleAssignmentRequestSchedule");
    assert_eq!(world.decide(&asked, SAM, Deny).unwrap().status_at(world.now), Status::Denied);
}

#[test]
fn who_may_open_the_approval() {
    let mut world = World::new();
    world.people.join(APPROVERS, ALICE_ADMIN);
    let asked = world.ask(ALICE).unwrap();
    let may = |who: u128, reads: bool| asked.may_see(&world.policy, reads, &world.cx(&caller(who)));
    assert!(may(SAM, false).is_ok() && may(TESS, false).is_ok() && may(MALLORY, true).is_ok());
    assert_eq!(may(MALLORY, false).unwrap_err().kind, arm::ErrorKind::NotFound);
    for alice in [ALICE, ALICE_ADMIN, ALICE_HOME] {
        let error = may(alice, true).unwrap_err();
        assert!(error.message.starts_with("Self-approval is not allowed"), "{}", error.message);
    }
}

#[test]
fn an_asker_whom_the_directory_has_forgotten_opens_nothing() {
    let mut world = World::new();
    let asked = world.ask(ALICE).unwrap();
    world.people.persons.remove(&ALICE);
    let error = asked.may_see(&world.policy, true, &world.cx(&caller(ALICE))).unwrap_err();
    assert_eq!(error.kind, arm::ErrorKind::Forbidden);
}

#[test]
fn the_approvers_of_another_policy_decide_nothing() {
    let mut world = World::new();
    let asked = world.ask(ALICE).unwrap();
    let same_list = world.policy.document().clone();
    let above = crate::PolicyDocument { scope: guard().parent().unwrap(), ..same_list.clone() };
    let other = crate::PolicyDocument { role: reader(), ..same_list };
    for document in [above, other] {
        world.policy = crate::RolePolicy::in_force(document, true);
        for verdict in [Approve, Deny] {
            assert_eq!(world.decide(&asked, SAM, verdict).unwrap_err().code, NOT_YOURS);
        }
        assert!(asked.may_see(&world.policy, false, &world.cx(&caller(SAM))).is_err());
    }
}

#[test]
fn only_the_eligibility_it_was_asked_under_carries_a_request() {
    let mut world = World::new();
    let asked = world.ask(ALICE).unwrap();
    world.make_eligible(7, ALICE, "P5D");
    world.eligibilities.remove(0);
    assert_eq!(world.decide(&asked, SAM, Approve).unwrap_err().code, RULE);
}

#[test]
fn an_approved_window_ends_with_its_eligibility() {
    let mut world = World::new();
    world.eligibilities.clear();
    world.make_eligible(7, ALICE, "PT2H");
    let asked = world.ask(ALICE).unwrap();
    world.now = at("2026-02-01T10:30:00Z");
    let window = world.decide(&asked, SAM, Approve).unwrap().window().unwrap();
    assert_eq!(window.end(), Some(at("2026-02-01T11:00:00Z")));
}
