//! Who approves: stories about approvers who leave, who are disabled, who turn out to be one, and about those who would
//! like to be two. Each step says who does what, what is answered, and what is known of the approvers afterwards.

use ::mua::alert::APPROVERS_UNREACHABLE;
use arm::ObjectId;
use directory::{Group, Tenant, Upn, User};
use rbac::role_ids;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::estate::{vault_body, vault_path};
use crate::graph::{graph, reference};
use crate::harness::{
    ALICE, ALICE_GUEST, AUTOMATION_GUEST, Answer, BACKUP_SUB, BOB, CONTOSO, FABSEC, Harness, SAM,
    SECURITY_SUB, SUE,
};
use crate::mua::{PLACES, link, proxy};
use crate::pim::{OPERATOR, guard, guarded, new_id, pim, role};

/// A second owner of the security subscription.
const TESS: ObjectId = ObjectId(Uuid::from_u128(0x7e55));
/// Somebody of the security team without rights, like Sue.
const UMA: ObjectId = ObjectId(Uuid::from_u128(0x50f));
/// Sam's second account.
const SAM_TWO: ObjectId = ObjectId(Uuid::from_u128(0x5a12));
/// Accounts of Alice's besides the usual one: in the security tenant, and at home with a guest of it.
const ALICE_SEC: ObjectId = ObjectId(Uuid::from_u128(0xa11ce3));
const ALICE_ADM: ObjectId = ObjectId(Uuid::from_u128(0xa11ce4));
const ALICE_ADM_GUEST: ObjectId = ObjectId(Uuid::from_u128(0xa11ce5));
/// Bob as a guest of the security tenant.
const BOB_GUEST: ObjectId = ObjectId(Uuid::from_u128(0xb0b2));
/// The group of approvers, and one within it.
const TEAM: ObjectId = ObjectId(Uuid::from_u128(0x6e01));
const NIGHT: ObjectId = ObjectId(Uuid::from_u128(0x6e02));

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Names the approvers, of whom so many must agree.
    Name(&'static [ObjectId], u8),
    /// Sets the policy back to its defaults.
    Reset,
    /// Lets somebody ask.
    Eligible(ObjectId),
    /// Asks for an hour.
    Ask,
    /// Approves what was asked for.
    Approve,
    /// Takes it back.
    Cancel,
    Join(ObjectId, ObjectId),
    Leave(ObjectId, ObjectId),
    DeleteGroup(ObjectId),
    Disable(ObjectId),
    Enable(ObjectId),
    Delete(ObjectId),
    Link(ObjectId, ObjectId),
    Unlink(ObjectId, ObjectId),
}
use Do::*;

/// Who, what, the status that is answered, and the state after: what is found about the approvers, how many alerts there
/// are, and what became of the request.
struct Step<'a>(ObjectId, Do, u16, &'a str);

/// The members of the groups to begin with.
type Groups = [(ObjectId, &'static [ObjectId])];

struct Story {
    server: Harness,
    asked: Option<Value>,
    stage: String,
}

impl Story {
    async fn begin(groups: &Groups) -> Self {
        let server = guarded().await;
        people(&server);
        for (id, members) in groups {
            server.seed(|tx| tx.put(&group(*id, members)));
        }
        server.grant(TESS, role_ids::OWNER, &format!("/subscriptions/{SECURITY_SUB}"));
        server.grant(AUTOMATION_GUEST, role_ids::READER, &format!("/subscriptions/{SECURITY_SUB}"));
        server.grant(BOB, role_ids::OWNER, &format!("/subscriptions/{BACKUP_SUB}"));
        Self { server, asked: None, stage: String::new() }
    }

    async fn run(&mut self, steps: &[Step<'_>]) {
        for (number, Step(who, what, status, after)) in steps.iter().enumerate() {
            let answer = self.act(*who, *what).await;
            assert_eq!(answer.status, *status, "step {number}, {what:?}: {}", answer.text);
            assert_eq!(self.state().await, *after, "after step {number}, {what:?}");
        }
    }

    async fn act(&mut self, who: ObjectId, what: Do) -> Answer {
        let server = &self.server;
        let user = |id: ObjectId| format!("/users/{id}");
        let (method, path, body) = match what {
            Name(approvers, needed) => return name(server, who, approvers, needed).await,
            Reset => return server.as_(who).delete(&policy(server).await).await,
            Eligible(principal) => {
                let body = json!({"properties": {"principalId": principal, "roleDefinitionId": role(),
                    "requestType": "AdminAssign", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
                let path = pim(&format!("roleEligibilityScheduleRequests/{}", new_id()));
                return server.as_(who).put(&path, body).await;
            }
            Ask => return self.ask(who).await,
            Approve => {
                let body = json!({"properties": {"reviewResult": "Approve", "justification": "ok"}});
                return server.as_(who).patch(&self.stage, body).await;
            }
            Cancel => {
                let path = format!("{}/cancel", self.asked.as_ref().unwrap()["id"].as_str().unwrap());
                return server.as_(who).post(&path, Value::Null).await;
            }
            Join(group, member) => {
                ("POST", format!("/groups/{group}/members/$ref"), reference(server, &member.to_string()))
            }
            Leave(group, member) => ("DELETE", format!("/groups/{group}/members/{member}/$ref"), Value::Null),
            DeleteGroup(group) => ("DELETE", format!("/groups/{group}"), Value::Null),
            Disable(account) => ("PATCH", user(account), json!({"accountEnabled": false})),
            Enable(account) => ("PATCH", user(account), json!({"accountEnabled": true})),
            Delete(account) => ("DELETE", user(account), Value::Null),
            Link(one, other) => {
                ("POST", format!("/users/{one}/linkedAccounts/$ref"), reference(server, &other.to_string()))
            }
            Unlink(one, other) => {
                ("DELETE", format!("/users/{one}/linkedAccounts/{other}/$ref"), Value::Null)
            }
        };
        graph(server, who, method, &path, body).await
    }

    async fn ask(&mut self, who: ObjectId) -> Answer {
        let body = json!({"properties": {"principalId": who, "roleDefinitionId": role(), "requestType": "SelfActivate",
            "justification": "ticket 1", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}});
        let path = pim(&format!("roleAssignmentScheduleRequests/{}", new_id()));
        let answer = self.server.as_(who).put(&path, body).await;
        if answer.status == 201 {
            let approval = answer.body["properties"]["approvalId"].as_str().unwrap();
            let stages =
                self.server.as_(AUTOMATION_GUEST).get(&format!("{approval}/stages")).await.expect(200);
            self.stage = stages["value"][0]["id"].as_str().unwrap().to_string();
            self.asked = Some(answer.body.clone());
        }
        answer
    }

    async fn state(&self) -> String {
        let found = findings(&self.server).await;
        let kinds: Vec<String> = found.iter().map(spoken).collect();
        let mut state = kinds.join(", ");
        let lost =
            self.server.ledger().iter().filter(|entry| entry.operation == APPROVERS_UNREACHABLE).count();
        if lost > 0 {
            state = format!("{state}; {lost} told");
        }
        if let Some(asked) = &self.asked {
            let now = self.server.as_(AUTOMATION_GUEST).get(asked["id"].as_str().unwrap()).await.expect(200);
            state = format!("{state}; {}", now["properties"]["status"].as_str().unwrap());
        }
        state
    }
}

/// A finding in short: its kind, and the names before the @ of those it is about.
fn spoken(finding: &Value) -> String {
    let principals = finding["principals"].as_array().unwrap().iter();
    let mut said = finding["kind"].as_str().unwrap().to_string();
    for principal in principals {
        let name = principal["email"].as_str().or(principal["displayName"].as_str()).unwrap();
        said = format!("{said} {}", name.split(['@', '_']).next().unwrap());
    }
    said
}

async fn findings(server: &Harness) -> Vec<Value> {
    let found = server.as_(AUTOMATION_GUEST).get(&format!("{}/approverFindings", guard())).await.expect(200);
    found["value"].as_array().unwrap().clone()
}

fn people(server: &Harness) {
    let now = server.now();
    server.seed(|tx| {
        let contoso: Tenant = tx.get(&CONTOSO.to_string())?.unwrap();
        let fabsec: Tenant = tx.get(&FABSEC.to_string())?.unwrap();
        let member = |tenant: &Tenant, id: ObjectId, name: &str| {
            User::member(tenant, id, Upn::parse(&format!("{name}@{}", tenant.domain))?, name, now)
        };
        for (id, name) in [(TESS, "tess"), (UMA, "uma"), (SAM_TWO, "sam2"), (ALICE_SEC, "alice-sec")] {
            tx.put(&member(&fabsec, id, name)?)?;
        }
        let adm = member(&contoso, ALICE_ADM, "alice-adm")?;
        tx.put(&adm)?;
        tx.put(&adm.as_guest_of(&fabsec, ALICE_ADM_GUEST, now)?)?;
        let bob: User = tx.get(&BOB.to_string())?.unwrap();
        tx.put(&bob.as_guest_of(&fabsec, BOB_GUEST, now)?)
    });
}

fn group(id: ObjectId, members: &[ObjectId]) -> Group {
    Group {
        id,
        tenant: FABSEC,
        name: if id == TEAM { "team".into() } else { "night".into() },
        mail_nickname: "group".into(),
        description: None,
        members: members.iter().copied().collect(),
    }
}

async fn policy(server: &Harness) -> String {
    let filter = format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role());
    let policies = server.as_(AUTOMATION_GUEST).get(&pim(&filter)).await.expect(200);
    policies["value"][0]["properties"]["policyId"].as_str().unwrap().to_string()
}

async fn name(server: &Harness, who: ObjectId, approvers: &[ObjectId], needed: u8) -> Answer {
    let list: Vec<Value> = approvers
        .iter()
        .map(|id| {
            let kind = if [TEAM, NIGHT].contains(id) { "Group" } else { "User" };
            json!({"id": id, "userType": kind})
        })
        .collect();
    let body = json!({"properties": {"rules": [{
        "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
        "setting": {"isApprovalRequired": true, "approvalMode": "SingleStage", "approvalStages": [{
            "isApproverJustificationRequired": false, "primaryApprovers": list, "requiredApprovals": needed}]}}]}});
    server.as_(who).patch(&policy(server).await, body).await
}

/// Nothing but disabling an account takes the last approver, and that is told.
#[tokio::test]
async fn the_last_approver_leaves() {
    let mut story = Story::begin(&[(TEAM, &[SUE])]).await;
    let one = "OneAbsenceBlocks sue";
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, one),
            Step(SAM, Eligible(ALICE_GUEST), 201, one),
            Step(SAM, Leave(TEAM, SUE), 412, one),
            Step(SAM, DeleteGroup(TEAM), 412, one),
            Step(SAM, Delete(SUE), 412, one),
            // Somebody else first, and it works.
            Step(SAM, Join(TEAM, TESS), 204, ""),
            Step(SAM, Leave(TEAM, SUE), 204, "OneAbsenceBlocks tess"),
            // Stolen at night: nothing stands in the way.
            Step(SAM, Disable(TESS), 204, "Deadlock, NobodyBehind team, NotAPerson tess; 1 told"),
            Step(ALICE_GUEST, Ask, 400, "Deadlock, NobodyBehind team, NotAPerson tess; 1 told"),
            // There is nothing left to lose.
            Step(SAM, Delete(TESS), 204, "Deadlock, NobodyBehind team; 1 told"),
            Step(SAM, Join(TEAM, SUE), 204, "OneAbsenceBlocks sue; 1 told"),
            Step(ALICE_GUEST, Ask, 201, "OneAbsenceBlocks sue; 1 told; PendingApproval"),
            Step(SUE, Approve, 200, "OneAbsenceBlocks sue; 1 told; Provisioned"),
        ])
        .await;
    let server = &story.server;
    let alerts = format!("{}/providers/Microsoft.AlertsManagement/alerts", guard());
    let alerts = server.as_(SAM).get(&alerts).await.expect(200);
    let told: Vec<&str> =
        alerts["value"].as_array().unwrap().iter().map(|alert| alert["name"].as_str().unwrap()).collect();
    assert_eq!(told, ["Approvers Unreachable"]);
    let about = alerts["value"][0]["properties"]["essentials"]["description"].as_str().unwrap();
    assert!(about.contains("sam@fabsec.example") && about.contains("0 person(s)"), "{about}");
    let entries = server.ledger();
    let disabled = entries.iter().find(|entry| entry.operation == "directory.users.update").unwrap();
    assert!(disabled.facts["approverFindings"].starts_with("Deadlock"), "{:?}", disabled.facts);
}

#[tokio::test]
async fn the_refusal_says_which_policy_who_is_left_and_what_to_do() {
    let mut story = Story::begin(&[(TEAM, &[SUE, UMA])]).await;
    story.run(&[Step(SAM, Name(&[TEAM], 2), 200, "OneAbsenceBlocks sue, OneAbsenceBlocks uma")]).await;
    let refused = story.act(SAM, Leave(TEAM, SUE)).await;
    assert_eq!((refused.status, refused.code()), (412, "ApproversWouldBeUnreachable"));
    let policy = policy(&story.server).await;
    for part in [
        "sue@fabsec.example",
        "'team'",
        "'Backup MUA Operator'",
        OPERATOR,
        &guard(),
        &policy,
        "2 approval",
        "1 person",
        "disabled",
    ] {
        assert!(refused.message().contains(part), "{part} in {}", refused.message());
    }
}

#[tokio::test]
async fn groups_in_groups() {
    let mut story = Story::begin(&[(TEAM, &[SUE, NIGHT]), (NIGHT, &[UMA])]).await;
    let both = "OneAbsenceBlocks sue, OneAbsenceBlocks uma";
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 2), 200, both),
            Step(SAM, Leave(TEAM, NIGHT), 412, both),
            Step(SAM, Leave(NIGHT, UMA), 412, both),
            Step(SAM, DeleteGroup(NIGHT), 412, both),
            // The same one by another way, and then the way through the group may go.
            Step(SAM, Join(TEAM, UMA), 204, both),
            Step(SAM, DeleteGroup(NIGHT), 204, both),
        ])
        .await;
}

#[tokio::test]
async fn an_approver_is_disabled_between_request_and_decision() {
    let mut story = Story::begin(&[]).await;
    story
        .run(&[
            Step(SAM, Name(&[SUE, UMA], 2), 200, "OneAbsenceBlocks sue, OneAbsenceBlocks uma"),
            Step(SAM, Name(&[SUE, UMA, SAM_TWO], 2), 200, ""),
            Step(SAM, Eligible(ALICE_GUEST), 201, ""),
            Step(ALICE_GUEST, Ask, 201, "; PendingApproval"),
            Step(SUE, Approve, 200, "; PendingApproval"),
            Step(
                SAM,
                Disable(SUE),
                204,
                "OneAbsenceBlocks uma, OneAbsenceBlocks sam2, NobodyBehind sue; PendingApproval",
            ),
            // Sue's voice does not count any more: Uma's is the first, and it takes two.
            Step(
                UMA,
                Approve,
                200,
                "OneAbsenceBlocks uma, OneAbsenceBlocks sam2, NobodyBehind sue; PendingApproval",
            ),
            Step(
                SUE,
                Approve,
                401,
                "OneAbsenceBlocks uma, OneAbsenceBlocks sam2, NobodyBehind sue; PendingApproval",
            ),
            Step(
                SAM_TWO,
                Approve,
                200,
                "OneAbsenceBlocks uma, OneAbsenceBlocks sam2, NobodyBehind sue; Provisioned",
            ),
            Step(SAM, Enable(SUE), 204, "; Provisioned"),
        ])
        .await;
}

/// Whoever asks never counts: not as a guest, not at home, not through a group; and is named when they could.
#[tokio::test]
async fn the_requesters_guest_is_among_the_approvers() {
    let mut story = Story::begin(&[(TEAM, &[SUE, NIGHT]), (NIGHT, &[ALICE_GUEST])]).await;
    let one = "OneAbsenceBlocks sue, EligibleApprover alice";
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, ""),
            Step(SAM, Eligible(ALICE_GUEST), 201, one),
            Step(ALICE_GUEST, Ask, 201, &format!("{one}; PendingApproval")),
            Step(ALICE_GUEST, Approve, 403, &format!("{one}; PendingApproval")),
            Step(ALICE, Approve, 403, &format!("{one}; PendingApproval")),
            // She would be alone with herself.
            Step(SAM, Leave(TEAM, SUE), 412, &format!("{one}; PendingApproval")),
            Step(SUE, Approve, 200, &format!("{one}; Provisioned")),
        ])
        .await;
}

/// A backup admin has no way into the approvers of the other tenant, under either account.
#[tokio::test]
async fn the_backup_admin_tries_the_approver_group() {
    let mut story = Story::begin(&[(TEAM, &[SUE, UMA])]).await;
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, ""),
            Step(SAM, Eligible(ALICE_GUEST), 201, ""),
            Step(ALICE, Join(TEAM, ALICE_GUEST), 404, ""),
            Step(ALICE_GUEST, Join(TEAM, ALICE_GUEST), 403, ""),
            Step(ALICE_GUEST, Link(SUE, UMA), 403, ""),
            Step(ALICE_GUEST, Name(&[ALICE_GUEST], 1), 403, ""),
            Step(ALICE_GUEST, Disable(SUE), 403, ""),
            // What is hers is her tenant: who is a guest from there may be stopped there, and nobody else.
            Step(SAM, Join(TEAM, BOB_GUEST), 204, ""),
            Step(ALICE, Disable(BOB), 204, "NotAPerson bob"),
        ])
        .await;
}

/// One tenant does not refuse what another one does to its own people. It is told.
#[tokio::test]
async fn an_approver_is_a_guest_whose_home_is_elsewhere() {
    let mut story = Story::begin(&[(TEAM, &[BOB_GUEST])]).await;
    let lost = "Deadlock, NobodyBehind team, NotAPerson bob";
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, "OneAbsenceBlocks bob"),
            Step(ALICE, Disable(BOB), 204, &format!("{lost}; 1 told")),
            Step(ALICE, Enable(BOB), 204, "OneAbsenceBlocks bob; 1 told"),
            // Deleting the account at home is told as well, and what it was at home is said nowhere else.
            Step(ALICE, Delete(BOB), 204, &format!("{lost}; 2 told")),
        ])
        .await;
    let own = story.server.ledger().into_iter().find(|entry| entry.operation == "directory.users.delete");
    assert!(
        !own.unwrap().facts.contains_key("approverFindings"),
        "another tenant's policies are not told of here"
    );
}

/// A security admin puts a second account of theirs into the group, so that two approvals are one person's. Until somebody
/// says that they are one.
#[tokio::test]
async fn the_second_account_of_a_security_admin() {
    let mut story = Story::begin(&[(TEAM, &[SAM, SUE, UMA])]).await;
    let (rules, both) = ("ControlsTheQuorum sam", "ControlsTheQuorum sam sam2, PersonTwice sam sam2");
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 2), 200, rules),
            Step(SAM, Eligible(ALICE_GUEST), 201, rules),
            Step(SAM, Join(TEAM, SAM_TWO), 204, rules),
            Step(ALICE_GUEST, Ask, 201, &format!("{rules}; PendingApproval")),
            Step(SAM, Approve, 200, &format!("{rules}; PendingApproval")),
            Step(TESS, Link(SAM, SAM_TWO), 204, &format!("{both}; PendingApproval")),
            Step(SAM_TWO, Approve, 409, &format!("{both}; PendingApproval")),
            Step(SUE, Approve, 200, &format!("{both}; Provisioned")),
        ])
        .await;
}

/// The same when the account that approved first is not the one that stands for both afterwards.
#[tokio::test]
async fn a_voice_given_before_the_link_is_not_counted_twice() {
    let mut story = Story::begin(&[(TEAM, &[SAM, SAM_TWO, SUE, UMA])]).await;
    let (rules, both) = ("ControlsTheQuorum sam", "ControlsTheQuorum sam sam2, PersonTwice sam sam2");
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 2), 200, rules),
            Step(SAM, Eligible(ALICE_GUEST), 201, rules),
            Step(ALICE_GUEST, Ask, 201, &format!("{rules}; PendingApproval")),
            Step(SAM_TWO, Approve, 200, &format!("{rules}; PendingApproval")),
            Step(TESS, Link(SAM_TWO, SAM), 204, &format!("{both}; PendingApproval")),
            Step(SAM, Approve, 200, &format!("{both}; PendingApproval")),
            Step(SAM_TWO, Approve, 409, &format!("{both}; PendingApproval")),
            Step(SUE, Approve, 200, &format!("{both}; Provisioned")),
        ])
        .await;
}

/// Linked with whom they ask, an approver is nobody; linking that would leave nobody is refused.
#[tokio::test]
async fn another_account_of_the_requester() {
    let mut story = Story::begin(&[(TEAM, &[ALICE_SEC])]).await;
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, "OneAbsenceBlocks alice-sec"),
            Step(SAM, Eligible(ALICE_GUEST), 201, "OneAbsenceBlocks alice-sec"),
            Step(SAM, Link(ALICE_SEC, ALICE_GUEST), 412, "OneAbsenceBlocks alice-sec"),
            Step(SAM, Join(TEAM, SUE), 204, ""),
            Step(ALICE_GUEST, Ask, 201, "; PendingApproval"),
            // While it waits: it counts at once.
            Step(
                SAM,
                Link(ALICE_SEC, ALICE_GUEST),
                204,
                "OneAbsenceBlocks sue, EligibleApprover alice alice-sec; PendingApproval",
            ),
            Step(
                ALICE_SEC,
                Approve,
                403,
                "OneAbsenceBlocks sue, EligibleApprover alice alice-sec; PendingApproval",
            ),
            Step(SUE, Approve, 200, "OneAbsenceBlocks sue, EligibleApprover alice alice-sec; Provisioned"),
        ])
        .await;
    // The ledger names the account that asked, not only the person that its accounts are.
    let entries = story.server.ledger();
    let approved = entries.iter().rfind(|entry| entry.operation.ends_with("stages/write")).unwrap();
    assert_eq!(approved.facts["requesterAccount"], ALICE_GUEST.to_string());
}

/// Two accounts of one tenant, guests of another one: whoever administers one of the two does not split them.
#[tokio::test]
async fn a_link_is_undone_by_every_tenant_and_never_by_oneself() {
    let mut story = Story::begin(&[(TEAM, &[ALICE_ADM_GUEST, SUE])]).await;
    let linked = "OneAbsenceBlocks sue, EligibleApprover alice alice-adm";
    let waits = &format!("{linked}; PendingApproval");
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, ""),
            Step(SAM, Eligible(ALICE_GUEST), 201, ""),
            Step(BOB, Link(ALICE, ALICE_ADM), 204, linked),
            Step(BOB, Link(ALICE_ADM, ALICE), 400, linked),
            Step(ALICE_GUEST, Ask, 201, waits),
            Step(ALICE_ADM_GUEST, Approve, 403, waits),
            // Alice owns her tenant, and agrees about nothing that is herself.
            Step(ALICE, Unlink(ALICE, ALICE_ADM), 403, waits),
            Step(BOB, Unlink(ALICE, ALICE_ADM), 202, waits),
            Step(BOB, Unlink(ALICE, ALICE_ADM), 202, waits),
            Step(ALICE_ADM_GUEST, Approve, 403, waits),
            Step(SUE, Unlink(ALICE_GUEST, ALICE_ADM_GUEST), 403, waits),
            Step(SAM, Unlink(ALICE_GUEST, UMA), 404, waits),
            // Not while it would make an approver out of her.
            Step(SAM, Unlink(ALICE_GUEST, ALICE_ADM_GUEST), 409, waits),
            Step(ALICE_GUEST, Cancel, 200, &format!("{linked}; Canceled")),
            // Said again, it takes both to agree again.
            Step(BOB, Link(ALICE, ALICE_ADM), 204, &format!("{linked}; Canceled")),
            Step(SAM, Unlink(ALICE_GUEST, ALICE_ADM_GUEST), 202, &format!("{linked}; Canceled")),
            Step(BOB, Unlink(ALICE, ALICE_ADM), 204, "; Canceled"),
            Step(BOB, Unlink(ALICE, ALICE_ADM), 404, "; Canceled"),
        ])
        .await;
    let entries = story.server.ledger();
    let undone =
        entries.iter().rfind(|entry| entry.operation == "directory.users.linkedAccounts.remove").unwrap();
    assert!(undone.facts["accounts"].contains(&ALICE.to_string()), "{:?}", undone.facts);
    assert!(undone.facts["haveAgreed"].contains(&FABSEC.to_string()), "{:?}", undone.facts);
}

/// Links of links hold, and a deleted account in between does not break the chain.
#[tokio::test]
async fn a_chain_of_links_outlives_its_middle() {
    let mut story = Story::begin(&[(TEAM, &[ALICE_SEC, SUE])]).await;
    let linked = "OneAbsenceBlocks sue, EligibleApprover alice alice-sec";
    story
        .run(&[
            Step(SAM, Name(&[TEAM], 1), 200, ""),
            Step(SAM, Eligible(ALICE_GUEST), 201, ""),
            Step(BOB, Link(ALICE, ALICE_ADM), 204, ""),
            Step(SAM, Link(ALICE_ADM_GUEST, ALICE_SEC), 204, linked),
            Step(SAM, Link(ALICE_SEC, ALICE_GUEST), 204, linked),
            Step(SAM, Unlink(ALICE_SEC, ALICE_GUEST), 202, linked),
            Step(BOB, Unlink(ALICE, ALICE_SEC), 204, linked),
            Step(BOB, Delete(ALICE_ADM), 204, linked),
            Step(SAM, Delete(ALICE_ADM_GUEST), 204, linked),
            Step(ALICE_GUEST, Ask, 201, &format!("{linked}; PendingApproval")),
            Step(ALICE_SEC, Approve, 403, &format!("{linked}; PendingApproval")),
        ])
        .await;
    let links =
        graph(&story.server, ALICE, "GET", "/users/alice@contoso.example/linkedAccounts", Value::Null).await;
    let links = links.expect(200);
    let tenants = |link: &Value, name: &str| link["removal"][name].as_array().unwrap().len();
    assert_eq!(links["value"].as_array().unwrap().len(), 2, "{links}");
    for link in links["value"].as_array().unwrap() {
        assert_eq!((tenants(link, "mustAgree"), tenants(link, "haveAgreed")), (2, 0), "{link}");
    }
}

#[tokio::test]
async fn what_cannot_be_linked() {
    let story = Story::begin(&[(TEAM, &[SUE])]).await;
    let server = &story.server;
    for (who, account, other, status) in [
        (SAM, ALICE_GUEST, ALICE_GUEST, 400),
        (SAM, ALICE_GUEST, TEAM, 404),
        (SAM, ALICE_GUEST, AUTOMATION_GUEST, 404),
        // Not known here.
        (SAM, ALICE_GUEST, ALICE, 404),
        (SAM, ALICE, SAM, 404),
        (SUE, SAM, SAM_TWO, 403),
    ] {
        let path = format!("/users/{account}/linkedAccounts/$ref");
        let refused = graph(server, who, "POST", &path, reference(server, &other.to_string())).await;
        assert_eq!(refused.status, status, "{account} {other}: {}", refused.text);
    }
    let put = graph(server, SAM, "PUT", &format!("/users/{SUE}/linkedAccounts"), Value::Null).await;
    assert_eq!(put.status, 405);
    let none = graph(server, SUE, "GET", &format!("/users/{SUE}/linkedAccounts"), Value::Null).await;
    assert_eq!(none.expect(200)["value"], json!([]));
}

/// What is said when approvers are named: too few is refused, the rest is in the answer, in the ledger and with the policy.
#[tokio::test]
async fn naming_approvers_says_what_is_wrong_with_them() {
    let mut story = Story::begin(&[(TEAM, &[SUE])]).await;
    story
        .run(&[
            Step(
                SAM,
                Name(&[SAM, SAM_TWO], 2),
                200,
                "ControlsTheQuorum sam, OneAbsenceBlocks sam, OneAbsenceBlocks sam2",
            ),
            Step(SAM, Reset, 200, "; 1 told"),
            Step(TESS, Link(SAM, SAM_TWO), 204, "; 1 told"),
            Step(SAM, Name(&[SAM, SAM_TWO], 2), 400, "; 1 told"),
            Step(SAM, Name(&[AUTOMATION_GUEST], 1), 400, "; 1 told"),
            Step(
                SAM,
                Name(&[TEAM, SUE, AUTOMATION_GUEST], 1),
                200,
                "OneAbsenceBlocks sue, PersonTwice sue, NobodyBehind automation; 1 told",
            ),
        ])
        .await;
    let server = &story.server;
    let policy = policy(server).await;
    let shown = server.as_(SAM).get(&policy).await.expect(200);
    let shown = &shown["properties"]["approverFindings"];
    assert_eq!(*shown, json!(findings(server).await));
    assert_eq!((&shown[1]["kind"], &shown[1]["severity"]), (&json!("PersonTwice"), &json!("Warning")));
    assert_eq!(shown[1]["policyId"], policy);
    let entries = server.ledger();
    let named =
        entries.iter().rfind(|entry| entry.operation.ends_with("roleManagementPolicies/write")).unwrap();
    assert!(
        named.facts["approverFindings"].contains("sue@fabsec.example is on the list"),
        "{:?}",
        named.facts
    );
    // Other rules of a policy that nobody could approve by can be changed.
    story.run(&[Step(SAM, Reset, 200, "; 2 told")]).await;
    let server = &story.server;
    let rule = json!({"id": "Expiration_EndUser_Assignment", "ruleType": "RoleManagementPolicyExpirationRule",
        "maximumDuration": "PT2H", "isExpirationRequired": true});
    server.as_(SAM).patch(&policy, json!({"properties": {"rules": [rule]}})).await.expect(200);
    // Only readers of the guard see the findings, and only of one that is there.
    let path = format!("{}/approverFindings", guard());
    assert_eq!(server.as_(SUE).get(&path).await.code(), "AuthorizationFailed");
    let gone = path.replace("resourceGuards/g/", "resourceGuards/none/");
    assert_eq!(server.as_(SAM).get(&gone).await.code(), "ResourceNotFound");
}

/// In one subscription the backup admin who owns it also says who approves. That is named with the policy.
#[tokio::test]
async fn who_changes_the_vault_says_who_approves() {
    let place = &PLACES[0];
    let server = place.server().await;
    let (vault, guard) = (vault_path("v1"), place.guard());
    server.as_(BOB).put(&vault, vault_body()).await.expect(201);
    server.as_(BOB).put(&proxy(&vault), link(&guard)).await.expect(200);
    let list = format!(
        "{guard}/providers/Microsoft.Authorization/roleManagementPolicyAssignments?$filter=roleDefinitionId eq \
        '/subscriptions/{BACKUP_SUB}/providers/Microsoft.Authorization/roleDefinitions/{OPERATOR}'"
    );
    let policy = server.as_(ALICE).get(&list).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    let body = json!({"properties": {"rules": [{
        "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
        "setting": {"isApprovalRequired": true, "approvalMode": "SingleStage", "approvalStages": [
            {"primaryApprovers": [{"id": ALICE, "userType": "User"}]}]}}]}});
    let named = server.as_(ALICE).patch(&policy, body).await.expect(200);
    let said: Vec<String> =
        named["properties"]["approverFindings"].as_array().unwrap().iter().map(spoken).collect();
    assert_eq!(said, ["ControlledFromTheVault alice", "OneAbsenceBlocks alice"]);
}

/// Whoever makes an approver eligible is told what it means, and the ledger as well.
#[tokio::test]
async fn an_approver_is_made_eligible() {
    let mut story = Story::begin(&[]).await;
    story.run(&[Step(SAM, Name(&[SUE, UMA], 2), 200, "OneAbsenceBlocks sue, OneAbsenceBlocks uma")]).await;
    let said = |answer: &Answer| {
        let found = answer.body["properties"]["approverFindings"].as_array().cloned().unwrap_or_default();
        found.iter().map(spoken).collect::<Vec<_>>()
    };
    let stranger = story.act(SAM, Eligible(ALICE_GUEST)).await;
    assert_eq!((stranger.status, said(&stranger)), (201, vec![]));
    let approver = story.act(SAM, Eligible(SUE)).await;
    assert_eq!(
        (approver.status, said(&approver)),
        (201, vec!["Deadlock sue".into(), "EligibleApprover sue".into()])
    );
    let entry = story.server.ledger().pop().unwrap();
    assert!(entry.facts["approverFindings"].contains("A request of sue@fabsec.example"), "{:?}", entry.facts);
}
