//! What is found about approvers: a table of who is on the list, who may ask, and what somebody should know.

use std::collections::BTreeSet;

use arm::ObjectId;
use serde_json::{Value, json};

use super::world::{
    ALICE, ALICE_ADMIN, ALICE_HOME, APPROVERS, BOB, Directory, MALLORY, NIGHT_SHIFT, OPERATORS, ROBOT, SAM,
    SAM_TWO, START, TESS, World, approver, at, guard, object, reader, rule_patch, stage_patch,
};
use crate::policy::BACKUP_MUA_OPERATOR;
use crate::{ApproverFinding, Involved, People, RolePolicy};

fn policy(approvers: &[(&str, u128)], needed: u8) -> RolePolicy {
    let list: Vec<Value> = approvers.iter().map(|(kind, number)| approver(kind, *number)).collect();
    let stage = json!({"primaryApprovers": list, "requiredApprovals": needed});
    let policy = RolePolicy::default_for(BACKUP_MUA_OPERATOR, guard(), true);
    policy.patch(&stage_patch(stage), object(SAM), at(START)).unwrap()
}

fn objects(numbers: &[u128]) -> BTreeSet<ObjectId> {
    numbers.iter().copied().map(object).collect()
}

fn told(found: &[ApproverFinding]) -> Vec<String> {
    let line = |finding: &ApproverFinding| {
        let accounts: Vec<String> =
            finding.accounts().iter().map(|account| format!(" {:x}", account.0.as_u128())).collect();
        format!("{}{}", finding.kind(), accounts.concat())
    };
    found.iter().map(line).collect()
}

struct Case {
    what: &'static str,
    approvers: &'static [(&'static str, u128)],
    needed: u8,
    askers: &'static [u128],
    rulers: &'static [u128],
    disabled: &'static [u128],
    found: &'static [&'static str],
}

const CASE: Case = Case {
    what: "",
    approvers: &[("User", SAM), ("User", TESS)],
    needed: 1,
    askers: &[ALICE],
    rulers: &[],
    disabled: &[],
    found: &[],
};

const CASES: [Case; 15] = [
    Case { what: "two approvers, one of whom is enough", ..CASE },
    Case { what: "one approver", approvers: &[("User", SAM)], found: &["OneAbsenceBlocks 51"], ..CASE },
    Case {
        what: "both are needed",
        needed: 2,
        found: &["OneAbsenceBlocks 51", "OneAbsenceBlocks 7e"],
        ..CASE
    },
    Case { what: "more than there are", needed: 3, found: &["Deadlock"], ..CASE },
    Case {
        what: "one of two is disabled",
        needed: 2,
        disabled: &[TESS],
        found: &["Deadlock", "NobodyBehind 7e"],
        ..CASE
    },
    Case {
        what: "the only approver is the one who asks",
        approvers: &[("User", ALICE_ADMIN)],
        found: &["Deadlock a1", "OneAbsenceBlocks a2", "EligibleApprover a1 a2"],
        ..CASE
    },
    Case {
        what: "who asks is one of two approvers: nobody else's request is blocked, and theirs when the other is away",
        approvers: &[("User", SAM), ("User", ALICE_ADMIN)],
        found: &["OneAbsenceBlocks 51", "EligibleApprover a1 a2"],
        ..CASE
    },
    Case {
        what: "one person with two accounts looks like two approvers",
        approvers: &[("User", SAM), ("User", SAM_TWO)],
        needed: 2,
        found: &["Deadlock", "PersonTwice 51 52"],
        ..CASE
    },
    Case {
        what: "one account, listed itself and through a group",
        approvers: &[("User", TESS), ("Group", APPROVERS)],
        found: &["PersonTwice 7e", "NotAPerson b0"],
        ..CASE
    },
    Case {
        what: "a group in a group is one line",
        approvers: &[("Group", APPROVERS)],
        found: &["NotAPerson b0"],
        ..CASE
    },
    Case {
        what: "an application approves nothing",
        approvers: &[("User", ROBOT), ("User", SAM), ("User", TESS)],
        found: &["NobodyBehind b0"],
        ..CASE
    },
    Case {
        what: "a group whose only member is disabled",
        approvers: &[("Group", NIGHT_SHIFT), ("User", SAM)],
        disabled: &[TESS],
        found: &["OneAbsenceBlocks 51", "NobodyBehind 61", "NotAPerson 7e"],
        ..CASE
    },
    Case { what: "an approver who rules, where one is enough anyway", rulers: &[SAM], ..CASE },
    Case {
        what: "an approver who rules could make two one, and a ruler who is no approver is none of this",
        approvers: &[("User", SAM), ("User", TESS), ("User", BOB)],
        needed: 2,
        rulers: &[SAM, MALLORY],
        found: &["ControlsTheQuorum 51"],
        ..CASE
    },
    Case {
        what: "the eligible approve for each other",
        approvers: &[("User", ALICE), ("User", BOB)],
        askers: &[ALICE, BOB],
        found: &["OneAbsenceBlocks a1", "OneAbsenceBlocks b1", "EligibleApprover a1", "EligibleApprover b1"],
        ..CASE
    },
];

#[test]
fn what_is_found_about_approvers() {
    for case in &CASES {
        let mut people = Directory::new();
        people.disabled.extend(case.disabled);
        let involved = Involved {
            askers: objects(case.askers),
            rulers: objects(case.rulers),
            vault_rulers: BTreeSet::new(),
        };
        let policy = policy(case.approvers, case.needed);
        let found = policy.approver_findings(&people, &involved);
        assert_eq!(told(&found), case.found, "{}", case.what);
        for finding in found {
            let json = finding.to_json(&policy, &people);
            assert!(!json["message"].as_str().unwrap().is_empty());
            assert_eq!(json["principals"].as_array().unwrap().len(), finding.accounts().len());
        }
    }
}

#[test]
fn who_says_who_approves_and_changes_the_vault_is_named() {
    let people = Directory::new();
    let involved = Involved { vault_rulers: objects(&[MALLORY]), ..Involved::default() };
    let asks_somebody = policy(&[("User", SAM), ("User", TESS)], 1);
    let found = asks_somebody.approver_findings(&people, &involved);
    assert_eq!(told(&found), ["ControlledFromTheVault 3a"]);
    assert!(found[0].message(&people).contains("mallory@fabsec.example"));
    // A policy that asks nobody has no approvers to speak of.
    let asks_nobody = RolePolicy::default_for(reader(), guard(), false);
    assert!(asks_nobody.approver_findings(&people, &involved).is_empty());
}

#[test]
fn the_eligible_are_those_behind_eligibilities_at_the_scope_and_above() {
    let mut world = World::new();
    let askers = |world: &World| world.policy.askers(&world.eligibilities, &world.people, world.now);
    assert_eq!(askers(&world), objects(&[ALICE, BOB]));
    world.make_eligible(2, MALLORY, "PT1H");
    world.people.disabled.insert(BOB);
    assert_eq!(askers(&world), objects(&[ALICE]), "a principal given as a group has no members");
    world.people.join(OPERATORS, TESS);
    assert_eq!(askers(&world), objects(&[ALICE, TESS]));
    world.pass(24 * 180);
    assert!(askers(&world).is_empty(), "an eligibility that has ended");
    let other = RolePolicy::default_for(reader(), guard(), false);
    assert!(other.askers(&world.eligibilities, &world.people, at(START)).is_empty(), "another role");
}

/// A change of the directory, and whether everybody who found approvers still does.
#[test]
fn a_change_keeps_the_quorum_or_does_not() {
    type Step = fn(&mut Directory);
    let group: &[(&str, u128)] = &[("Group", APPROVERS)];
    let cases: [(&str, u8, &[u128], Step, bool); 9] = [
        ("one of two leaves", 1, &[ALICE], |d| d.leave(APPROVERS, SAM), true),
        ("one of two leaves, and both were needed", 2, &[ALICE], |d| d.leave(APPROVERS, SAM), false),
        ("the nested group leaves", 2, &[ALICE], |d| d.leave(APPROVERS, NIGHT_SHIFT), false),
        ("an application leaves", 2, &[ALICE], |d| d.leave(APPROVERS, ROBOT), true),
        ("somebody is disabled", 2, &[], |d| d.disabled.extend([TESS]), false),
        ("the one besides whoever asks leaves", 1, &[TESS], |d| d.leave(APPROVERS, SAM), false),
        ("it was not enough before", 3, &[ALICE], |d| d.leave(APPROVERS, SAM), true),
        ("two approvers turn out to be one", 2, &[], |d| d.persons.extend([(TESS, "sam")]), false),
        ("an approver turns out to be who asks", 2, &[ALICE], |d| d.persons.extend([(TESS, "alice")]), false),
    ];
    for (what, needed, askers, step, kept) in cases {
        let before = Directory::new();
        let mut after = before.clone();
        step(&mut after);
        let policy = policy(group, needed);
        assert_eq!(policy.check_kept(&before, &after, &objects(askers)).is_ok(), kept, "{what}");
    }
    // Whoever asks is compared by account: the person behind it may be called otherwise afterwards.
    let (before, mut after) = (Directory::new(), Directory::new());
    for account in [ALICE, ALICE_ADMIN, ALICE_HOME] {
        after.persons.insert(account, "sam");
    }
    let one = policy(group, 1);
    assert_eq!(before.person_of(object(ALICE)).unwrap().0, "alice");
    assert!(one.check_kept(&before, &after, &objects(&[ALICE])).is_ok(), "Tess is left");
    after.leave(APPROVERS, NIGHT_SHIFT);
    assert!(one.check_kept(&before, &after, &objects(&[ALICE])).is_err());
}

/// Several stages, each with approvers of its own: nobody fills a place in two of them.
#[test]
fn one_person_in_two_stages_fills_one_place() {
    let people = Directory::new();
    let staged = |stages: [&[(&str, u128)]; 2]| {
        let stages: Vec<Value> = stages
            .iter()
            .map(|list| {
                let list: Vec<Value> = list.iter().map(|(kind, number)| approver(kind, *number)).collect();
                json!({"primaryApprovers": list})
            })
            .collect();
        let rule = json!({"id": "Approval_EndUser_Assignment", "setting": {
            "isApprovalRequired": true, "approvalMode": "Parallel", "approvalStages": stages}});
        let policy = RolePolicy::default_for(BACKUP_MUA_OPERATOR, guard(), true);
        policy.patch(&rule_patch(rule), object(SAM), at(START)).unwrap()
    };
    let found = |policy: &RolePolicy, rulers: &[u128]| {
        let involved = Involved { rulers: objects(rulers), ..Involved::default() };
        told(&policy.approver_findings(&people, &involved))
    };
    let two = staged([&[("User", SAM)], &[("User", SAM_TWO)]]);
    assert_eq!(found(&two, &[]), ["Deadlock", "PersonTwice 51 52"]);
    let enough = staged([&[("User", SAM), ("User", BOB)], &[("User", SAM), ("User", TESS)]]);
    assert_eq!(found(&enough, &[]), ["PersonTwice 51"]);
    assert_eq!(
        found(&enough, &[TESS]),
        ["ControlsTheQuorum 7e", "PersonTwice 51"],
        "one from each is two people"
    );
    let mut after = people.clone();
    after.disabled.extend([BOB]);
    assert!(
        enough.check_kept(&people, &after, &objects(&[ALICE])).is_ok(),
        "Sam in one stage, Tess in the other"
    );
    assert!(enough.check_kept(&people, &after, &objects(&[TESS])).is_err(), "Sam alone for two");
}
