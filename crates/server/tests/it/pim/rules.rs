//! Role policies: all seventeen rules, patched one by one, what each takes and what it refuses; by whom, and where.

use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, AUTOMATION_GUEST, SAM, SUE};

/// The rules of a policy by their ids.
async fn rules(world: &World, scope: &str) -> Vec<Value> {
    let policy = world.policy(scope, OPERATOR).await;
    let shown = world.server.as_(SAM).get(&policy).await.expect(200);
    assert_eq!(shown["properties"]["rules"], shown["properties"]["effectiveRules"]);
    shown["properties"]["rules"].as_array().unwrap().clone()
}

/// A change for every rule, and where it shows.
fn changes() -> Vec<(String, Value)> {
    let mut changes = vec![
        (
            "Expiration_Admin_Eligibility".to_string(),
            json!({"isExpirationRequired": false, "maximumDuration": "P90D"}),
        ),
        (
            "Expiration_Admin_Assignment".into(),
            json!({"isExpirationRequired": false, "maximumDuration": "P15D"}),
        ),
        ("Expiration_EndUser_Assignment".into(), json!({"maximumDuration": "PT30M"})),
        ("Enablement_Admin_Eligibility".into(), json!({"enabledRules": ["Justification", "Ticketing"]})),
        ("Enablement_Admin_Assignment".into(), json!({"enabledRules": ["MultiFactorAuthentication"]})),
        ("Enablement_EndUser_Assignment".into(), json!({"enabledRules": []})),
        ("AuthenticationContext_EndUser_Assignment".into(), json!({"isEnabled": true, "claimValue": "c1"})),
    ];
    for occasion in ["Admin_Eligibility", "Admin_Assignment", "EndUser_Assignment"] {
        for recipient in ["Admin", "Requestor", "Approver"] {
            let rule = json!({"recipientType": recipient, "notificationType": "Email",
                "isDefaultRecipientsEnabled": false, "notificationLevel": "Critical",
                "notificationRecipients": ["soc@fabsec.example"]});
            changes.push((format!("Notification_{recipient}_{occasion}"), rule));
        }
    }
    changes
}

#[tokio::test]
async fn each_rule_is_patched_alone_and_the_others_stay() {
    for scope in [guard(), group_of_guard(), subscription()] {
        let world = World::start().await;
        assert_eq!(rules(&world, &scope).await.len(), 17);
        assert_eq!(changes().len() + 1, 17, "and the approval rule");
        for (id, change) in changes() {
            let before = rules(&world, &scope).await;
            let mut rule = change.clone();
            rule["id"] = json!(id);
            world.patch(&scope, OPERATOR, &rule).await.expect(200);
            for (old, new) in before.iter().zip(rules(&world, &scope).await) {
                if new["id"] != json!(id) {
                    assert_eq!(*old, new, "{id} changed another rule");
                    continue;
                }
                assert_ne!(*old, new, "{id} did not change");
                for (key, value) in change.as_object().unwrap() {
                    assert_eq!(new[key], *value, "{id} {key}");
                }
                for key in ["ruleType", "target"] {
                    assert_eq!(old[key], new[key]);
                }
            }
        }
    }
}

#[tokio::test]
async fn the_approval_rule_is_patched_part_by_part() {
    let world = World::start().await;
    let setting =
        async || world.rule(&guard(), OPERATOR, "Approval_EndUser_Assignment").await["setting"].clone();
    for (change, path, value) in [
        (json!({"isApprovalRequiredForExtension": true}), "/isApprovalRequiredForExtension", json!(true)),
        (
            json!({"isRequestorJustificationRequired": false}),
            "/isRequestorJustificationRequired",
            json!(false),
        ),
        (
            json!({"approvalStages": [{"approvalStageTimeOutInDays": 14}]}),
            "/approvalStages/0/approvalStageTimeOutInDays",
            json!(14),
        ),
        (
            json!({"approvalStages": [{"requiredApprovals": 2}]}),
            "/approvalStages/0/requiredApprovals",
            json!(2),
        ),
        (
            json!({"approvalStages": [{"isApproverJustificationRequired": true}]}),
            "/approvalStages/0/isApproverJustificationRequired",
            json!(true),
        ),
        (
            json!({"approvalStages": [{"primaryApprovers": [approver("User", SAM), approver("User", TESS)]}]}),
            "/approvalStages/0/primaryApprovers",
            json!([approver("User", SAM), approver("User", TESS)]),
        ),
    ] {
        let before = setting().await;
        let rule = json!({"id": "Approval_EndUser_Assignment", "setting": change});
        world.patch(&guard(), OPERATOR, &rule).await.expect(200);
        let mut after = setting().await;
        assert_eq!(after.pointer(path), Some(&value));
        *after.pointer_mut(path).unwrap() = before.pointer(path).unwrap().clone();
        assert_eq!(after, before, "{path}: the rest stays");
    }
}

#[tokio::test]
async fn several_stages_are_set_read_back_and_given_up_in_so_many_words() {
    let world = World::start().await;
    let setting =
        async || world.rule(&guard(), OPERATOR, "Approval_EndUser_Assignment").await["setting"].clone();
    let [one, two, three] = [SAM, TESS, THEO].map(|id| stage(1, &[approver("User", id)]));
    world.approve_in(&json!("Parallel"), &[one.clone(), two, three]).await.expect(200);
    let shown = setting().await;
    assert_eq!(shown["approvalMode"], "Parallel");
    let stages = shown["approvalStages"].as_array().unwrap();
    assert_eq!(stages.len(), 3);
    assert_eq!(stages[2]["primaryApprovers"][0]["id"], json!(THEO));
    // What was read can be sent back as it is.
    let rule = json!({"id": "Approval_EndUser_Assignment", "setting": shown});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    assert_eq!(setting().await, shown);
    // A stage is changed in its place; the others stay.
    let rule = json!({"id": "Approval_EndUser_Assignment", "setting": {"approvalStages": [
        {}, {"approvalStageTimeOutInDays": 3}, {}]}});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    let mut expected = shown.clone();
    expected["approvalStages"][1]["approvalStageTimeOutInDays"] = json!(3);
    assert_eq!(setting().await, expected);
    // Back to one stage only if it says which.
    let quiet = json!({"id": "Approval_EndUser_Assignment", "setting": {"approvalMode": "SingleStage"}});
    assert_eq!(world.patch(&guard(), OPERATOR, &quiet).await.code(), "InvalidPolicy");
    world.approve_in(&json!("SingleStage"), &[one]).await.expect(200);
    assert_eq!(setting().await["approvalStages"].as_array().unwrap().len(), 1);
}

/// One rule with these fields.
fn one_rule(id: &str, more: Value) -> Value {
    let mut rule = more;
    rule["id"] = json!(id);
    json!([rule])
}

/// Lists of rules that are refused, and with which code.
fn no_rules() -> Vec<(Value, &'static str)> {
    let of = one_rule;
    let end_user = |more| of("Expiration_EndUser_Assignment", more);
    let mail = |more| of("Notification_Admin_Admin_Eligibility", more);
    vec![
        (of("Expiration_EndUser_Eligibility", json!({})), "InvalidPolicy"),
        (json!([{"maximumDuration": "PT1H"}]), "InvalidRequestContent"),
        (json!([7]), "InvalidRequestContent"),
        (json!({}), "InvalidRequestContent"),
        (
            json!([{"id": "Expiration_EndUser_Assignment"}, {"id": "expiration_enduser_assignment"}]),
            "InvalidPolicy",
        ),
        (end_user(json!({"ruleType": "RoleManagementPolicyEnablementRule"})), "InvalidRequestContent"),
        (end_user(json!({"maximumDuration": "PT29M"})), "InvalidPolicy"),
        (end_user(json!({"maximumDuration": "PT24H1S"})), "InvalidPolicy"),
        (end_user(json!({"maximumDuration": "P1M"})), "InvalidPolicy"),
        (end_user(json!({"isExpirationRequired": false})), "InvalidPolicy"),
        (end_user(json!({"isExpirationRequired": "maybe"})), "InvalidRequestContent"),
        (of("Expiration_Admin_Eligibility", json!({"maximumDuration": "1 year"})), "InvalidRequestContent"),
        (of("Expiration_Admin_Assignment", json!({"maximumDuration": "PT0S"})), "InvalidRequestContent"),
        (of("Enablement_EndUser_Assignment", json!({"enabledRules": ["Prayer"]})), "InvalidRequestContent"),
        (
            of("Enablement_Admin_Assignment", json!({"enabledRules": "Justification"})),
            "InvalidRequestContent",
        ),
        (of("AuthenticationContext_EndUser_Assignment", json!({"isEnabled": true})), "InvalidRequestContent"),
        (
            of("AuthenticationContext_EndUser_Assignment", json!({"claimValue": "c1 c2"})),
            "InvalidRequestContent",
        ),
        (
            json!([{"id": "AuthenticationContext_EndUser_Assignment", "isEnabled": true, "claimValue": "c1"},
                {"id": "Enablement_EndUser_Assignment", "enabledRules": ["MultiFactorAuthentication"]}]),
            "InvalidPolicy",
        ),
        (mail(json!({"notificationLevel": "Some"})), "InvalidRequestContent"),
        (mail(json!({"recipientType": "Approver"})), "InvalidRequestContent"),
        (mail(json!({"notificationType": "Pigeon"})), "InvalidRequestContent"),
        (mail(json!({"notificationRecipients": ["a@b.example\nBcc: x@y.example"]})), "InvalidRequestContent"),
        (mail(json!({"notificationRecipients": ["nobody"]})), "InvalidRequestContent"),
    ]
}

/// The same of the approval rule.
fn no_approvals() -> Vec<(Value, &'static str)> {
    let approval = |setting: Value| one_rule("Approval_EndUser_Assignment", json!({"setting": setting}));
    let one = |stage: Value| approval(json!({"approvalStages": [stage]}));
    let nobody = arm::ObjectId(fresh());
    let many: Vec<Value> = (0..51).map(|_| approver("User", SAM)).collect();
    vec![
        (approval(json!({"isApprovalRequired": false})), "InvalidPolicy"),
        (approval(json!({"approvalMode": "NoApproval"})), "InvalidPolicy"),
        (approval(json!({"approvalMode": "Serial"})), "InvalidPolicy"),
        (approval(json!({"approvalMode": "Random"})), "InvalidRequestContent"),
        (approval(json!({"approvalStages": []})), "InvalidPolicy"),
        (approval(json!({"approvalStages": [{}, {}]})), "InvalidPolicy"),
        (approval(json!({"approvalMode": "Parallel", "approvalStages": [{}, {}]})), "InvalidPolicy"),
        (approval(json!({"approvalMode": "Parallel", "approvalStages": []})), "InvalidPolicy"),
        (
            approval(json!({"approvalMode": "Parallel", "approvalStages": [{}, {}, {}, {}, {}, {}]})),
            "InvalidPolicy",
        ),
        (one(json!({"primaryApprovers": []})), "InvalidPolicy"),
        (one(json!({"primaryApprovers": many})), "InvalidPolicy"),
        (one(json!({"primaryApprovers": [approver("User", nobody)]})), "InvalidPolicy"),
        (one(json!({"primaryApprovers": [{"id": SAM, "userType": "Robot"}]})), "InvalidRequestContent"),
        (one(json!({"primaryApprovers": [{"userType": "User"}]})), "InvalidRequestContent"),
        (
            one(json!({"primaryApprovers": [{"id": SAM, "userType": "User", "isBackup": true}]})),
            "InvalidPolicy",
        ),
        (one(json!({"approvalStageTimeOutInDays": 0})), "InvalidRequestContent"),
        (one(json!({"approvalStageTimeOutInDays": 15})), "InvalidRequestContent"),
        (one(json!({"approvalStageTimeOutInDays": 1.5})), "InvalidRequestContent"),
        (one(json!({"requiredApprovals": 0})), "InvalidRequestContent"),
        (one(json!({"requiredApprovals": 21})), "InvalidRequestContent"),
        (one(json!({"isEscalationEnabled": true})), "InvalidPolicy"),
        (one(json!({"escalationApprovers": [approver("User", SAM)]})), "InvalidPolicy"),
    ]
}

#[tokio::test]
async fn what_no_rule_takes() {
    let world = World::start().await;
    let policy = world.policy(&guard(), OPERATOR).await;
    let before = world.server.as_(SAM).get(&policy).await.expect(200);
    for (rules, code) in no_rules().into_iter().chain(no_approvals()) {
        let answer = world.server.as_(SAM).patch(&policy, json!({"properties": {"rules": rules}})).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{rules}: {}", answer.text);
        assert!(answer.message().len() > 20, "{}", answer.text);
    }
    let half = json!([{"id": "Expiration_Admin_Eligibility", "maximumDuration": "P1D"},
        {"id": "Expiration_EndUser_Assignment", "maximumDuration": "P9D"}]);
    let answer = world.server.as_(SAM).patch(&policy, json!({"properties": {"rules": half}})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(world.server.as_(SAM).get(&policy).await.expect(200), before, "nothing of it is kept");
}

#[tokio::test]
async fn serial_says_what_to_use_instead() {
    let world = World::start().await;
    let refused = world.approve_in(&json!("Serial"), &[stage(1, &[approver("User", SAM)])]).await;
    assert!(refused.message().contains("Parallel"), "{}", refused.text);
}

#[tokio::test]
async fn policies_are_their_admins_and_go_back_to_the_defaults() {
    let world = World::start().await;
    let policy = world.policy(&guard(), OPERATOR).await;
    let rule = json!({"properties": {"rules": [{"id": "Expiration_EndUser_Assignment", "maximumDuration": "PT2H"}]}});
    for who in [SUE, ALICE_GUEST, AUTOMATION_GUEST, TESS] {
        assert_eq!(world.server.as_(who).patch(&policy, rule.clone()).await.code(), "AuthorizationFailed");
        assert_eq!(world.server.as_(who).delete(&policy).await.code(), "AuthorizationFailed");
    }
    let shown = world.server.as_(UMA).patch(&policy, rule).await.expect(200);
    assert_eq!(shown["properties"]["lastModifiedBy"]["id"], json!(UMA));
    world.server.as_(UMA).delete(&policy).await.expect(200);
    world.server.as_(UMA).delete(&policy).await.expect(204);
    let setting = &world.rule(&guard(), OPERATOR, "Approval_EndUser_Assignment").await["setting"];
    assert_eq!(
        (&setting["isApprovalRequired"], &setting["approvalStages"][0]["primaryApprovers"]),
        (&json!(true), &json!([]))
    );
    let nowhere = below(&guard(), &format!("roleManagementPolicies/{}", fresh()));
    assert_eq!(world.server.as_(SAM).get(&nowhere).await.status, 404);
}

/// What the rules for admins and for those who activate make of requests.
#[tokio::test]
async fn rules_bind_those_whom_they_name() {
    let world = World::eligible().await;
    let wants = async |id: &str, what: &[&str]| {
        world.patch(&guard(), OPERATOR, &json!({"id": id, "enabledRules": what})).await.expect(200);
    };
    wants("Enablement_Admin_Eligibility", &["Ticketing"]).await;
    wants("Enablement_Admin_Assignment", &["Justification"]).await;
    wants("Enablement_EndUser_Assignment", &[]).await;
    let message = async |answer: crate::harness::Answer| answer.message().to_string();
    let eligible = world.give(ELIGIBILITY, "AdminAssign", SUE, &lasting("P1D")).await;
    assert!(message(eligible).await.contains("[\"TicketingRule\"]"));
    let mut more = lasting("P1D");
    more["ticketInfo"] = json!({"ticketNumber": "T1"});
    world.give(ELIGIBILITY, "AdminAssign", SUE, &more).await.expect(201);
    let mut silent = lasting("P1D");
    silent["justification"] = Value::Null;
    let assigned = world.give(ASSIGNMENT, "AdminAssign", SUE, &silent).await;
    assert!(message(assigned).await.contains("[\"JustificationRule\"]"));
    world.give(ASSIGNMENT, "AdminAssign", SUE, &lasting("P1D")).await.expect(201);
    // The approval rule wants a reason even where the enablement rule does not.
    let mut silent = lasting("PT1H");
    silent["justification"] = Value::Null;
    assert!(message(world.ask(&silent).await).await.contains("[\"JustificationRule\"]"));
    let rule =
        json!({"id": "Approval_EndUser_Assignment", "setting": {"isRequestorJustificationRequired": false}});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    world.ask(&silent).await.expect(201);
}

#[tokio::test]
async fn a_role_that_opens_nothing_may_be_activated_without_approval() {
    let world = World::start().await;
    let give = body("AdminAssign", SUE, READER, &lasting("P1D"));
    world.request(SAM, ELIGIBILITY, &guard(), fresh(), give).await.expect(201);
    assert_eq!(world.server.as_(SUE).get(&guard()).await.status, 403);
    let ask = body("SelfActivate", SUE, READER, &lasting("PT1H"));
    let asked = world.request(SUE, ASSIGNMENT, &guard(), fresh(), ask.clone()).await.expect(201);
    assert_eq!(asked["properties"]["status"], "Provisioned");
    assert_eq!(asked["properties"]["approvalId"], Value::Null);
    assert_eq!(world.server.as_(SUE).get(&guard()).await.status, 200);
    let again = world.request(SUE, ASSIGNMENT, &guard(), fresh(), ask).await;
    assert_eq!((again.status, again.code()), (400, "RoleAssignmentExists"));
    world.pass(3600);
    assert_eq!(world.server.as_(SUE).get(&guard()).await.status, 403);
}
