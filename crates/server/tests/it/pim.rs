//! Just-in-time consent through the front door: ask, not approve oneself, approve, act, give back, expire.

mod expiry;
mod giving;
mod locks;
mod more_time;
mod race;
mod refusals;
mod rules;
mod scopes;
mod seen;
mod stories;
pub mod world;

use jiff::SignedDuration;
use mua::ResourceGuard;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ALICE, ALICE_GUEST, Answer, BOB, Harness, SAM, SECURITY_SUB, SUE};

pub const OPERATOR: &str = "f54b6d04-23c6-443e-b462-9c16ab7b4a52";
const ACTION: &str = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/deleteProtectedItemRequests/action";

pub fn guard() -> String {
    format!(
        "/subscriptions/{SECURITY_SUB}/resourceGroups/sec/providers/Microsoft.DataProtection/resourceGuards/g"
    )
}

pub fn pim(rest: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/{rest}", guard())
}

pub fn role() -> String {
    format!("/subscriptions/{SECURITY_SUB}/providers/Microsoft.Authorization/roleDefinitions/{OPERATOR}")
}

pub fn new_id() -> Uuid {
    server::edge::Edge::new(
        std::sync::Arc::new(server::edge::SystemClock::start(None)),
        std::sync::Arc::new(server::edge::SystemEntropy),
    )
    .uuid()
}

/// A server with a guard that exists, and nothing else.
pub async fn guarded() -> Harness {
    guarded_with(Harness::start().await)
}

/// The same, on a server that was started already.
pub fn guarded_with(server: Harness) -> Harness {
    let stamp = vault::Stamp { by: "sam".into(), kind: "User".into(), at: server.now() };
    let guard = ResourceGuard {
        id: guard().parse_id(),
        location: arm::Region::parse("westeurope").unwrap(),
        tags: Default::default(),
        description: None,
        exempt: Default::default(),
        exempt_names: Default::default(),
        created: stamp.clone(),
        modified: stamp,
    };
    let group = resources::ResourceGroup {
        id: format!("/subscriptions/{SECURITY_SUB}/resourceGroups/sec").parse_id(),
        location: guard.location.clone(),
        tags: Default::default(),
    };
    server.seed(|tx| {
        tx.put(&group)?;
        tx.put(&guard)
    });
    server
}

trait ParseId {
    fn parse_id(&self) -> arm::ResourceId;
}

impl ParseId for String {
    fn parse_id(&self) -> arm::ResourceId {
        arm::ResourceId::parse(self).unwrap()
    }
}

pub async fn name_approver(server: &Harness, approvers: Value) -> Answer {
    let filter = format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role());
    let policy = server.as_(SAM).get(&pim(&filter)).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    let body = json!({"properties": {"rules": [{
        "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
        "setting": {"isApprovalRequired": true, "approvalMode": "SingleStage",
            "approvalStages": [{"isApproverJustificationRequired": false, "primaryApprovers": approvers}]}}]}});
    server.as_(SAM).patch(&policy, body).await
}

pub async fn make_eligible(server: &Harness, principal: arm::ObjectId) -> Answer {
    let body = json!({"properties": {"principalId": principal, "roleDefinitionId": role(), "requestType": "AdminAssign",
        "justification": "on call", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
    server.as_(SAM).put(&pim(&format!("roleEligibilityScheduleRequests/{}", new_id())), body).await
}

pub async fn activate(server: &Harness, duration: &str) -> Answer {
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "SelfActivate",
        "justification": "ticket 1", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": duration}}}});
    server.as_(ALICE_GUEST).put(&pim(&format!("roleAssignmentScheduleRequests/{}", new_id())), body).await
}

fn stage_of(request: &Value) -> String {
    let approval = request["properties"]["approvalId"].as_str().unwrap();
    format!("{approval}/stages")
}

pub async fn decide(server: &Harness, who: arm::ObjectId, request: &Value, verdict: &str) -> Answer {
    let stages = server.as_(SAM).get(&stage_of(request)).await.expect(200);
    let stage = stages["value"][0]["id"].as_str().unwrap();
    server
        .as_(who)
        .patch(stage, json!({"properties": {"reviewResult": verdict, "justification": "ok"}}))
        .await
}

pub fn may(server: &Harness) -> bool {
    let now = server.now();
    let guard = guard().parse_id();
    let store = &server.running.app().store;
    store.transact(|tx| Ok(tx.access()?.may(ALICE_GUEST, ACTION, &guard, now)?.is_some())).unwrap()
}

pub fn sam() -> Value {
    json!([{"id": SAM, "userType": "User", "description": "Sam"}])
}

#[tokio::test]
async fn consent_is_asked_for_approved_by_somebody_else_and_given_back() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    assert_eq!(asked["properties"]["status"], "PendingApproval");
    assert!(!may(&server));

    // She cannot approve herself: not here, not with her account at home, not by reading the approval.
    for who in [ALICE_GUEST, ALICE] {
        let refused = decide(&server, who, &asked, "Approve").await;
        assert_eq!(refused.status, 403, "{}", refused.text);
        let approval = asked["properties"]["approvalId"].as_str().unwrap();
        assert!(server.as_(who).get(approval).await.message().contains("elf-approval"));
    }
    // Nor can a stranger, who does not even learn that there is one.
    assert!(decide(&server, SUE, &asked, "Approve").await.status >= 403);
    assert!(!may(&server));

    let waiting =
        server.as_(SAM).get(&pim("roleAssignmentScheduleRequests?$filter=asApprover()")).await.expect(200);
    assert_eq!(waiting["value"].as_array().unwrap().len(), 1);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    assert!(may(&server), "approved consent works at once");
    assert_eq!(decide(&server, SAM, &asked, "Deny").await.status, 409, "decided once");

    let instances = server
        .as_(ALICE_GUEST)
        .get(&pim("roleAssignmentScheduleInstances?$filter=asTarget()"))
        .await
        .expect(200);
    assert_eq!(instances["value"].as_array().unwrap().len(), 1);
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "SelfDeactivate"}});
    let back = format!("roleAssignmentScheduleRequests/{}", new_id());
    let ended = server.as_(ALICE_GUEST).put(&pim(&back), body).await.expect(201);
    assert_eq!(ended["properties"]["status"], "Revoked");
    assert!(!may(&server), "consent given back is gone at once");
}

#[tokio::test]
async fn consent_ends_at_the_second() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    server.advance(SignedDuration::from_secs(3599));
    assert!(may(&server));
    server.advance(SignedDuration::from_secs(1));
    assert!(!may(&server));
}

#[tokio::test]
async fn a_request_that_nobody_decides_times_out() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    server.advance(SignedDuration::from_hours(24));
    assert_eq!(decide(&server, SAM, &asked, "Approve").await.status, 409);
    assert!(!may(&server));
}

#[tokio::test]
async fn a_denial_is_final() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Deny").await.expect(200);
    assert_eq!(decide(&server, SAM, &asked, "Approve").await.status, 409);
    assert!(!may(&server));
}

#[tokio::test]
async fn without_an_approver_nothing_is_approved_and_the_refusal_says_why() {
    let server = guarded().await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let refused = activate(&server, "PT1H").await;
    assert_eq!((refused.status, refused.code()), (400, "RoleAssignmentRequestPolicyValidationFailed"));
    assert!(refused.message().contains("primaryApprovers"), "{}", refused.message());
    // Alice as the only approver is nobody: her own person never counts. Whoever names her is told so.
    let alice = || json!([{"id": ALICE_GUEST, "userType": "User"}]);
    let named = name_approver(&server, alice()).await;
    assert_eq!((named.status, named.code()), (400, "InvalidPolicy"));
    assert!(named.message().contains("alice_contoso.example#EXT#@fabsec.example"), "{}", named.message());
    assert_eq!(activate(&server, "PT1H").await.status, 400);
    // Before she may ask, she is an approver as good as any.
    let server = guarded().await;
    name_approver(&server, alice()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    assert_eq!(activate(&server, "PT1H").await.status, 400);
}

#[tokio::test]
async fn approval_cannot_be_switched_off_on_a_guard() {
    let server = guarded().await;
    let off = json!({"properties": {"rules": [{"id": "Approval_EndUser_Assignment",
        "ruleType": "RoleManagementPolicyApprovalRule", "setting": {"isApprovalRequired": false}}]}});
    let filter = format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role());
    let policy = server.as_(SAM).get(&pim(&filter)).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    let refused = server.as_(SAM).patch(&policy, off).await;
    assert_eq!((refused.status, refused.code()), (400, "InvalidPolicy"));
}

#[tokio::test]
async fn only_admins_of_roles_make_eligible_and_change_policies() {
    let server = guarded().await;
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "AdminAssign",
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
    let request = pim(&format!("roleEligibilityScheduleRequests/{}", new_id()));
    assert_eq!(server.as_(ALICE_GUEST).put(&request, body.clone()).await.code(), "AuthorizationFailed");
    assert_eq!(server.as_(SUE).put(&request, body.clone()).await.code(), "AuthorizationFailed");
    let foreign = server.as_(BOB).put(&request, body).await;
    assert_eq!((foreign.status, foreign.code()), (401, "InvalidAuthenticationTokenTenant"));
    assert_eq!(activate(&server, "PT1H").await.status, 400, "not eligible");
    let policies = server.as_(SUE).get(&pim("roleManagementPolicies")).await;
    assert_eq!(policies.code(), "AuthorizationFailed");
}

#[tokio::test]
async fn consent_ends_with_the_eligibility_it_rests_on() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    assert!(may(&server));
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "AdminRemove",
        "justification": "left the team"}});
    let request = pim(&format!("roleEligibilityScheduleRequests/{}", new_id()));
    server.as_(SAM).put(&request, body).await.expect(201);
    assert!(!may(&server));
}

#[tokio::test]
async fn every_decision_is_in_the_ledger() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, ALICE, &asked, "Approve").await;
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    let entries = server.ledger();
    let said: Vec<(&str, ledger::Verdict)> =
        entries.iter().skip(2).map(|entry| (entry.operation.as_str(), entry.verdict)).collect();
    use ledger::Verdict::{Done, Refused};
    assert_eq!(
        said,
        [
            ("Microsoft.Authorization/roleManagementPolicies/write", Done),
            ("Microsoft.Authorization/roleEligibilityScheduleRequests/write", Done),
            ("Microsoft.Authorization/roleAssignmentScheduleRequests/write", Done),
            ("Microsoft.Authorization/roleAssignmentApprovals/stages/write", Refused),
            ("Microsoft.Authorization/roleAssignmentApprovals/stages/write", Done),
        ]
    );
}

#[tokio::test]
async fn consent_through_a_group_ends_when_its_holder_leaves_the_group() {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    let group = |members: &[arm::ObjectId]| directory::Group {
        id: arm::ObjectId(Uuid::from_u128(0x6600)),
        tenant: crate::harness::FABSEC,
        name: "Backup admins".into(),
        mail_nickname: "backupadmins".into(),
        description: None,
        members: members.iter().copied().collect(),
    };
    server.seed(|tx| tx.put(&group(&[ALICE_GUEST])));
    make_eligible(&server, group(&[]).id).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    assert!(may(&server));
    server.seed(|tx| tx.put(&group(&[])));
    assert!(!may(&server));
}

#[tokio::test]
async fn a_role_assignment_that_only_says_it_was_activated_gives_nothing() {
    let server = guarded().await;
    let scope = guard().parse_id();
    let assignment = rbac::Assignment {
        origin: rbac::Origin::Activated { request: arm::RequestId(new_id()) },
        ..rbac::Assignment::new(
            scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", new_id())).unwrap(),
            scope,
            OPERATOR.parse().unwrap(),
            ALICE_GUEST,
            rbac::PrincipalKind::User,
        )
    };
    server.seed(|tx| tx.put(&assignment));
    assert!(!may(&server));
}
