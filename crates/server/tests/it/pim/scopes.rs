//! Where and through what somebody is eligible: users and nested groups; guard, resource group and subscription; and
//! what each list shows to whom.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, SAM, SUE};

async fn make_eligible(world: &World, scope: &str, whom: arm::ObjectId) -> Value {
    let body = body("AdminAssign", whom, OPERATOR, &lasting("P30D"));
    world.request(SAM, ELIGIBILITY, scope, fresh(), body).await.expect(201)
}

async fn name_approver(world: &World, scope: &str) {
    let rule = json!({"id": "Approval_EndUser_Assignment",
        "setting": {"approvalStages": [stage(1, &[approver("User", SAM)])]}});
    world.patch(scope, OPERATOR, &rule).await.expect(200);
}

fn names(entries: &[Value]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_role_is_activated_where_one_is_eligible_or_below() {
    for scope in [guard(), group_of_guard(), subscription()] {
        for whom in [ALICE_GUEST, OPERATORS] {
            let world = World::start().await;
            let eligible = make_eligible(&world, &scope, whom).await;
            let member = if whom == OPERATORS { "Group" } else { "Direct" };
            // On the guard itself, by the guard's policy, whatever the scope of the eligibility.
            let asked = world
                .ask(&json!({"linkedRoleEligibilityScheduleId": eligible["name"],
                "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}))
                .await
                .expect(201);
            world.decide(SAM, &asked, 0, "Approve").await.expect(200);
            assert!(world.acts().await, "{scope} {whom}");
            let held =
                world.list(ALICE_GUEST, &guard(), "roleAssignmentScheduleInstances?$filter=asTarget()").await;
            assert_eq!(names(&held), BTreeSet::from([asked["name"].as_str().unwrap()]));
            let shown = &held[0]["properties"];
            assert_eq!(
                (&shown["assignmentType"], &shown["memberType"]),
                (&json!("Activated"), &json!(member))
            );
            let linked = shown["linkedRoleEligibilityScheduleId"].as_str().unwrap();
            assert_eq!(
                linked,
                below(&scope, &format!("roleEligibilitySchedules/{}", eligible["name"].as_str().unwrap()))
            );
            world.give_back().await.expect(201);
            assert!(!world.acts().await);

            // At the scope of the eligibility, by the policy there, it opens the guard below.
            name_approver(&world, &scope).await;
            let body = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
            let asked = world.request(ALICE_GUEST, ASSIGNMENT, &scope, fresh(), body).await.expect(201);
            assert!(!world.acts().await);
            world.decide(SAM, &asked, 0, "Approve").await.expect(200);
            assert!(world.acts().await, "{scope} {whom}");
        }
    }
}

#[tokio::test]
async fn above_a_guard_consent_is_no_easier_to_get() {
    let world = World::start().await;
    for scope in [group_of_guard(), subscription()] {
        make_eligible(&world, &scope, ALICE_GUEST).await;
        let setting = &world.rule(&scope, OPERATOR, "Approval_EndUser_Assignment").await["setting"];
        assert_eq!(setting["isApprovalRequired"], true);
        let body = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
        let refused = world.request(ALICE_GUEST, ASSIGNMENT, &scope, fresh(), body).await;
        assert!(refused.message().contains("[\"ApprovalRule\"]"), "{}", refused.text);
        let off = json!({"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": false}});
        assert_eq!(world.patch(&scope, OPERATOR, &off).await.code(), "InvalidPolicy");
    }
}

/// To activate further down is no way past the rules above: neither past those where one is eligible, nor past those in
/// between.
#[tokio::test]
async fn below_where_one_is_eligible_the_rules_above_hold_too() {
    for ruling in [subscription(), group_of_guard()] {
        let world = World::start().await;
        let give = body("AdminAssign", ALICE_GUEST, READER, &lasting("P30D"));
        world.request(SAM, ELIGIBILITY, &subscription(), fresh(), give).await.expect(201);
        let ask = async |duration: &str| {
            let body = body("SelfActivate", ALICE_GUEST, READER, &lasting(duration));
            world.request(ALICE_GUEST, ASSIGNMENT, &guard(), fresh(), body).await
        };
        let short = json!({"id": "Expiration_EndUser_Assignment", "maximumDuration": "PT2H"});
        world.patch(&ruling, READER, &short).await.expect(200);
        let refused = ask("PT3H").await;
        assert!(refused.message().contains("[\"ExpirationRule\"]"), "{}", refused.text);
        let approval = json!({"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": true,
            "approvalMode": "SingleStage", "approvalStages": [stage(1, &[approver("User", TESS)])]}});
        world.patch(&ruling, READER, &approval).await.expect(200);
        let asked = ask("PT1H").await.expect(201);
        assert_eq!(asked["properties"]["status"], "PendingApproval", "{ruling}");
        assert_eq!(ask("PT1H").await.code(), "PendingRoleAssignmentRequest");
        let waiting = format!("{ASSIGNMENT}Requests?$filter=asApprover()");
        assert_eq!(world.list(TESS, &guard(), &waiting).await.len(), 1);
        world.server.as_(TESS).get(asked["id"].as_str().unwrap()).await.expect(200);
        assert_eq!(world.server.as_(THEO).get(asked["id"].as_str().unwrap()).await.status, 403);
        assert_eq!(world.decide(THEO, &asked, 0, "Approve").await.status, 403, "he is on no list");
        world.decide(TESS, &asked, 0, "Approve").await.expect(200);
        let path = below(&guard(), &format!("{ASSIGNMENT}Requests/{}", asked["name"].as_str().unwrap()));
        let shown = world.server.as_(ALICE_GUEST).get(&path).await.expect(200);
        assert_eq!(shown["properties"]["status"], "Provisioned");
        // Where the scope asked for has approvers of its own, they decide.
        let body = body("SelfDeactivate", ALICE_GUEST, READER, &json!({}));
        world.request(ALICE_GUEST, ASSIGNMENT, &guard(), fresh(), body).await.expect(201);
        let own = json!({"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": true,
            "approvalMode": "SingleStage", "approvalStages": [stage(1, &[approver("User", SAM)])]}});
        world.patch(&guard(), READER, &own).await.expect(200);
        let asked = ask("PT1H").await.expect(201);
        assert_eq!(world.decide(TESS, &asked, 0, "Approve").await.status, 403);
        world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    }
}

#[tokio::test]
async fn not_beside_and_not_above_where_one_is_eligible() {
    let world = World::eligible().await;
    for scope in [group_of_guard(), subscription(), format!("{}x", guard())] {
        name_approver(&world, &scope).await;
        let body = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
        let refused = world.request(ALICE_GUEST, ASSIGNMENT, &scope, fresh(), body).await;
        assert!(refused.message().contains("[\"EligibilityRule\"]"), "{scope}: {}", refused.text);
    }
}

#[tokio::test]
async fn leaving_the_nested_group_ends_it_and_coming_back_is_eligible_again() {
    let world = World::start().await;
    make_eligible(&world, &guard(), OPERATORS).await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    assert!(world.acts().await);
    world.leave(OPERATORS, CREW);
    assert!(!world.acts().await, "two groups deep");
    assert!(
        world.list(ALICE_GUEST, &guard(), "roleEligibilitySchedules?$filter=asTarget()").await.is_empty()
    );
    assert_eq!(world.ask(&lasting("PT1H")).await.status, 400);
    world.join(OPERATORS, CREW);
    assert!(world.acts().await);
}

/// What lists show: at which scope, in which list, with which filter, to whom, and how many entries.
#[tokio::test]
async fn every_filter_shows_what_it_says() {
    let world = World::start().await;
    make_eligible(&world, &guard(), ALICE_GUEST).await;
    make_eligible(&world, &guard(), OPERATORS).await;
    make_eligible(&world, &subscription(), SUE).await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let of = |filter: &str| format!("roleEligibilitySchedules?$filter={filter}");
    let requests = |family: &str, filter: &str| format!("{family}Requests?$filter={filter}");
    let reader = role_id(READER);
    let (up, here) = (subscription(), guard());
    for (who, scope, list, count) in [
        (SAM, &here, "roleEligibilitySchedules".to_string(), 3),
        (SAM, &here, of("atScope()"), 3),
        (SAM, &up, of("atScope()"), 1),
        (SAM, &up, "roleEligibilitySchedules".to_string(), 3),
        (SAM, &up, "roleEligibilityScheduleInstances".to_string(), 3),
        (ALICE_GUEST, &here, of("asTarget()"), 2),
        (ALICE_GUEST, &up, of("asTarget()"), 2),
        (SUE, &here, of("asTarget()"), 1),
        (TESS, &here, of("asTarget()"), 0),
        (SAM, &here, of(&format!("principalId eq '{ALICE_GUEST}'")), 1),
        (SAM, &here, of(&format!("assignedTo('{ALICE_GUEST}')")), 2),
        (SAM, &here, of(&format!("roleDefinitionId eq '{}'", role_id(OPERATOR))), 3),
        (SAM, &here, of(&format!("roleDefinitionId eq '{reader}'")), 0),
        (SAM, &here, requests(ELIGIBILITY, "asRequestor()"), 3),
        (ALICE_GUEST, &here, requests(ELIGIBILITY, "asRequestor()"), 0),
        (ALICE_GUEST, &here, requests(ASSIGNMENT, "asRequestor()"), 1),
        (ALICE_GUEST, &here, requests(ASSIGNMENT, "asTarget()"), 1),
        (SUE, &here, requests(ASSIGNMENT, "asTarget()"), 0),
        (SAM, &here, requests(ASSIGNMENT, "asApprover()"), 1),
        (TESS, &here, requests(ASSIGNMENT, "asApprover()"), 1),
        (THEO, &here, requests(ASSIGNMENT, "asApprover()"), 0),
        (ALICE_GUEST, &here, requests(ASSIGNMENT, "asApprover()"), 0),
        (SAM, &here, requests(ASSIGNMENT, "status eq 'PendingApproval'"), 1),
        (SAM, &here, requests(ASSIGNMENT, "status eq 'Denied'"), 0),
    ] {
        assert_eq!(world.list(who, scope, &list).await.len(), count, "{who} {scope} {list}");
    }
    for filter in ["", "atScope()", "principalId eq '0'"] {
        let path = below(&here, &of(filter));
        assert!(world.server.as_(SUE).get(&path).await.status >= 400, "others' are for readers: {filter}");
    }
    let unknown = world.server.as_(SAM).get(&below(&here, &of("asJudge()"))).await;
    assert_eq!((unknown.status, unknown.code()), (400, "InvalidFilter"));
    for (who, status) in [(ALICE_GUEST, 200), (SAM, 200), (TESS, 200), (SUE, 403)] {
        assert_eq!(world.server.as_(who).get(asked["id"].as_str().unwrap()).await.status, status, "{who}");
    }
}

#[tokio::test]
async fn how_an_eligibility_concerns_whoever_lists_it() {
    let world = World::start().await;
    make_eligible(&world, &guard(), ALICE_GUEST).await;
    make_eligible(&world, &group_of_guard(), OPERATORS).await;
    let member = async |who, scope: &str, filter: &str| -> BTreeSet<String> {
        let found = world.list(who, scope, &format!("roleEligibilityScheduleInstances{filter}")).await;
        found.iter().map(|one| one["properties"]["memberType"].as_str().unwrap().to_string()).collect()
    };
    let set = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(member(ALICE_GUEST, &guard(), "?$filter=asTarget()").await, set(&["Direct", "Group"]));
    assert_eq!(member(SAM, &guard(), "").await, set(&["Direct", "Inherited"]));
    assert_eq!(member(SAM, &subscription(), "").await, set(&["Direct"]));
}

#[tokio::test]
async fn the_scopes_below_at_which_one_is_eligible() {
    let world = World::start().await;
    make_eligible(&world, &guard(), OPERATORS).await;
    make_eligible(&world, &group_of_guard(), ALICE_GUEST).await;
    let children = async |who, scope: &str| -> Vec<(String, String)> {
        let found = world.list(who, scope, "eligibleChildResources").await;
        let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_string();
        found.iter().map(|one| (text(one, "id"), text(one, "type"))).collect()
    };
    let group = (group_of_guard(), "resourcegroup".to_string());
    let guard_entry = (guard(), "Microsoft.DataProtection/resourceGuards".to_string());
    assert_eq!(children(ALICE_GUEST, &subscription()).await, [group, guard_entry.clone()]);
    assert_eq!(children(ALICE_GUEST, &group_of_guard()).await, [guard_entry]);
    assert!(children(ALICE_GUEST, &guard()).await.is_empty());
    assert!(children(SUE, &subscription()).await.is_empty());
    world.pass(30 * 86_400);
    assert!(children(ALICE_GUEST, &subscription()).await.is_empty(), "what has ended is not eligible");
}
