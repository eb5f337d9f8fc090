//! What an approver sees: the stages as Azure shows them, and beside them, for those who may see the approval, who asks
//! for what, why and for how long, and what that would open.

use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE, ALICE_GUEST, CONTOSO, SAM, SUE};

async fn approval(world: &World, who: arm::ObjectId, asked: &Value) -> Value {
    world.server.as_(who).get(asked["properties"]["approvalId"].as_str().unwrap()).await.expect(200)
}

fn stages(approval: &Value) -> Vec<[String; 3]> {
    let stages = approval["properties"]["stages"].as_array().unwrap();
    let facts = |stage: &Value| {
        ["status", "reviewResult", "assignedToMe"]
            .map(|key| stage["properties"][key].to_string().replace('"', ""))
    };
    stages.iter().map(facts).collect()
}

#[tokio::test]
async fn who_asks_for_what_and_what_it_opens() {
    let world = World::start().await;
    world.give(ELIGIBILITY, "AdminAssign", OPERATORS, &lasting("P30D")).await.expect(201);
    let exclude = json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList":
        ["Microsoft.RecoveryServices/vaults/backupPolicies/write"]}});
    world.server.as_(SAM).put(&guard(), exclude).await.expect(200);
    let mut more = lasting("PT2H");
    more["ticketInfo"] = json!({"ticketNumber": "T7", "ticketSystem": "Jira"});
    let asked = world.ask(&more).await.expect(201);
    world.pass(600);
    let shown = approval(&world, TESS, &asked).await;
    let request = &shown["properties"]["request"];
    assert_eq!(request["id"], asked["id"]);
    assert_eq!(request["requestor"]["id"], json!(ALICE_GUEST));
    assert_eq!(request["requestor"]["displayName"], "Alice Backup");
    assert!(request["requestor"]["email"].as_str().unwrap().contains("alice"));
    assert_eq!(request["homeTenant"], json!({"id": CONTOSO, "name": "Contoso"}));
    assert!(request["signedIn"]["amr"].as_array().unwrap().contains(&json!("pwd")));
    assert!(request["signedIn"]["authTime"].is_string());
    assert_eq!(request["roleDefinition"]["displayName"], "Backup MUA Operator");
    assert_eq!(request["scope"]["id"], guard());
    assert_eq!(request["eligibleThrough"]["id"], json!(OPERATORS));
    assert_eq!(request["justification"], "ticket 1: the host is gone");
    assert_eq!(request["ticketInfo"], json!({"ticketNumber": "T7", "ticketSystem": "Jira"}));
    let in_two_hours = world.server.now() + jiff::SignedDuration::from_hours(2);
    assert_eq!(request["startDateTime"], arm::long_timestamp(world.server.now()));
    assert_eq!(request["endDateTime"], arm::long_timestamp(in_two_hours));
    let [guard_shown] = request["resourceGuards"].as_array().unwrap().as_slice() else {
        panic!("{request:#}")
    };
    assert_eq!(guard_shown["id"], guard());
    let vaults = guard_shown["linkedVaults"].as_array().unwrap();
    assert_eq!(vaults.iter().map(|vault| &vault["id"]).collect::<Vec<_>>(), [world.vault()]);
    let names: Vec<&str> = guard_shown["criticalOperations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["name"].as_str().unwrap())
        .collect();
    let protected = world.server.as_(SAM).get(&guard()).await.expect(200);
    let protected = protected["properties"]["resourceGuardOperations"].as_array().unwrap().clone();
    assert_eq!(names.len(), protected.len());
    for operation in &protected {
        assert!(names.contains(&operation["vaultCriticalOperation"].as_str().unwrap()), "{operation}");
    }
    assert!(!names.contains(&"Microsoft.RecoveryServices/vaults/backupPolicies/write"), "exempt");

    let listed = world
        .server
        .as_(TESS)
        .get("/providers/Microsoft.Authorization/roleAssignmentApprovals")
        .await
        .expect(200);
    assert_eq!(listed["value"], json!([shown]));
}

#[tokio::test]
async fn the_request_is_told_to_nobody_who_may_not_see_the_approval() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let path = asked["properties"]["approvalId"].as_str().unwrap();
    for (who, status) in [(ALICE_GUEST, 403), (ALICE, 403), (ALICE_SECOND, 403), (SUE, 404), (THEO, 404)] {
        for path in [path.to_string(), format!("{}{path}", guard())] {
            // Alice's account at home cannot even ask below a scope of another tenant.
            let answer = world.server.as_(who).get(&path).await;
            assert!(answer.status == status || answer.status == 401, "{who} {path}: {}", answer.text);
            assert!(!answer.text.contains("ticket 1"), "{}", answer.text);
        }
        let listed =
            world.server.as_(who).get("/providers/Microsoft.Authorization/roleAssignmentApprovals").await;
        assert_eq!(listed.expect(200)["value"], json!([]));
    }
    assert_eq!(
        approval(&world, UMA, &asked).await["properties"]["request"]["id"],
        asked["id"],
        "a reader of the scope"
    );
}

#[tokio::test]
async fn above_the_guards_all_of_them_are_told() {
    let world = World::start().await;
    let other = format!("{}2", guard());
    world.server.as_(SAM).put(&other, json!({"location": "westeurope", "properties": {}})).await.expect(200);
    let give = body("AdminAssign", ALICE_GUEST, OPERATOR, &lasting("P1D"));
    world.request(SAM, ELIGIBILITY, &subscription(), fresh(), give).await.expect(201);
    let rule = json!({"id": "Approval_EndUser_Assignment",
        "setting": {"approvalStages": [stage(1, &[approver("User", SAM)])]}});
    world.patch(&subscription(), OPERATOR, &rule).await.expect(200);
    let ask = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
    let asked = world.request(ALICE_GUEST, ASSIGNMENT, &subscription(), fresh(), ask).await.expect(201);
    let shown = approval(&world, SAM, &asked).await;
    let guards = shown["properties"]["request"]["resourceGuards"].as_array().unwrap();
    let facts: Vec<(&str, usize)> = guards
        .iter()
        .map(|guard| (guard["id"].as_str().unwrap(), guard["linkedVaults"].as_array().unwrap().len()))
        .collect();
    assert_eq!(facts, [(guard().as_str(), 1), (other.as_str(), 0)]);
}

#[tokio::test]
async fn each_stage_tells_how_it_stands() {
    let world = World::eligible().await;
    let first = stage(1, &[approver("User", SAM), approver("User", TESS)]);
    let second = stage(2, &[approver("User", TESS), approver("User", THEO), approver("User", UMA)]);
    world.approve_in(&json!("Parallel"), &[first, second]).await.expect(200);
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let open = |mine: &str| ["InProgress", "NotReviewed", mine].map(String::from);
    let done = ["Completed", "Approve", "false"].map(String::from);
    assert_eq!(stages(&approval(&world, SAM, &asked).await), [open("true"), open("false")]);
    assert_eq!(stages(&approval(&world, TESS, &asked).await), [open("true"), open("true")]);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    assert_eq!(stages(&approval(&world, TESS, &asked).await), [done.clone(), open("true")]);
    assert_eq!(stages(&approval(&world, SAM, &asked).await), [done.clone(), open("false")]);
    world.decide(THEO, &asked, 1, "Approve").await.expect(200);
    assert_eq!(stages(&approval(&world, TESS, &asked).await), [done.clone(), open("true")]);
    world.decide(UMA, &asked, 1, "Approve").await.expect(200);
    assert!(world.acts().await);
    // As it was when it was settled, whatever becomes of the policy.
    world.approve_in(&json!("SingleStage"), &[stage(1, &[approver("User", SAM)])]).await.expect(200);
    let settled = approval(&world, SAM, &asked).await;
    assert_eq!(stages(&settled), [done.clone(), done]);
    let reviewers: Vec<&Value> = settled["properties"]["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| &stage["properties"]["reviewedBy"]["principalId"])
        .collect();
    assert_eq!(reviewers, [&json!(SAM), &json!(UMA)]);
}

#[tokio::test]
async fn stages_that_these_people_cannot_all_fill_are_refused_when_they_are_named_and_when_it_is_asked() {
    let world = World::eligible().await;
    for (stages, enough) in [
        (vec![stage(1, &[approver("User", SAM)]), stage(1, &[approver("User", SAM)])], false),
        (vec![stage(1, &[approver("User", SAM)]), stage(1, &[approver("Group", APPROVERS)])], true),
        (vec![stage(2, &[approver("Group", APPROVERS)]), stage(1, &[approver("Group", NIGHT)])], false),
        (vec![stage(1, &[approver("User", ALICE_SECOND)]), stage(1, &[approver("User", SAM)])], false),
    ] {
        let named = world.approve_in(&json!("Parallel"), &stages).await;
        assert_eq!(named.status == 200, enough, "{}", named.text);
        // They may have become too few since.
        world.approved_in(&json!("Parallel"), &stages);
        let answer = world.ask(&lasting("PT1H")).await;
        assert_eq!(answer.status == 201, enough, "{}", answer.text);
        if enough {
            world.cancel(ALICE_GUEST, &answer.expect(201)).await.expect(200);
        } else {
            assert!(answer.message().contains("[\"ApprovalRule\"]"), "{}", answer.text);
        }
    }
}
