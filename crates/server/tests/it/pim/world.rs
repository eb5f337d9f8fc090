//! A vault of Alice's, linked to the security team's guard, and the people around it; short ways to ask, to decide and to
//! see whether consent holds: by what the vault does, through the front door.

use arm::{ObjectId, ResourceId, RoleId};
use directory::{Group, PasswordHash, Tenant, Upn, User};
use jiff::SignedDuration;
use rbac::{PrincipalKind, role_ids};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ALICE, ALICE_GUEST, Answer, CONTOSO, FABSEC, Harness, PASSWORD, SAM, SECURITY_SUB};
use crate::mua::PLACES;
use crate::unlocking::{unlock, unlock_path};

pub const OPERATOR: RoleId = role_ids::BACKUP_MUA_OPERATOR;
pub const READER: RoleId = role_ids::READER;
/// Tess and Theo approve like Sam.
pub const TESS: ObjectId = ObjectId(Uuid::from_u128(0x7e55));
pub const THEO: ObjectId = ObjectId(Uuid::from_u128(0x7e0));
/// Uma administers roles, like Sam.
pub const UMA: ObjectId = ObjectId(Uuid::from_u128(0x0a));
/// A second account of Alice's at the security team.
pub const ALICE_SECOND: ObjectId = ObjectId(Uuid::from_u128(0xa11ce3));
/// Sam is in the approvers, Tess in the night shift, which is in the approvers.
pub const APPROVERS: ObjectId = ObjectId(Uuid::from_u128(0x6001));
pub const NIGHT: ObjectId = ObjectId(Uuid::from_u128(0x6002));
/// Alice is in the day crew, which is in the operators.
pub const OPERATORS: ObjectId = ObjectId(Uuid::from_u128(0x6003));
pub const CREW: ObjectId = ObjectId(Uuid::from_u128(0x6004));

/// Where a kind of schedule requests lives.
pub const ELIGIBILITY: &str = "roleEligibilitySchedule";
pub const ASSIGNMENT: &str = "roleAssignmentSchedule";

pub struct World {
    pub server: Harness,
    vault: String,
}

pub fn guard() -> String {
    PLACES[2].guard()
}

pub fn subscription() -> String {
    format!("/subscriptions/{SECURITY_SUB}")
}

/// The resource group of the guard.
pub fn group_of_guard() -> String {
    format!("{}/resourceGroups/security", subscription())
}

pub fn below(scope: &str, rest: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{rest}")
}

pub fn role_id(role: RoleId) -> String {
    below(&subscription(), &format!("roleDefinitions/{role}"))
}

pub fn fresh() -> Uuid {
    crate::pim::new_id()
}

pub fn lasting(duration: &str) -> Value {
    json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": duration}}})
}

/// One line of an approver list.
pub fn approver(kind: &str, id: ObjectId) -> Value {
    json!({"id": id, "userType": kind, "isBackup": false, "description": "Security"})
}

/// A stage of this list, of which so many must approve.
pub fn stage(needed: u8, approvers: &[Value]) -> Value {
    json!({"isApproverJustificationRequired": false, "requiredApprovals": needed, "primaryApprovers": approvers})
}

/// The body of a schedule request, with what `more` adds to its properties or takes out of them.
pub fn body(kind: &str, principal: ObjectId, role: RoleId, more: &Value) -> Value {
    let mut properties = json!({
        "principalId": principal, "roleDefinitionId": role_id(role), "requestType": kind,
        "justification": "ticket 1: the host is gone",
    });
    for (key, value) in more.as_object().unwrap() {
        properties[key] = value.clone();
    }
    json!({"properties": properties})
}

impl World {
    /// The group of approvers decides, one of it, and nobody is eligible.
    pub async fn start() -> Self {
        let place = &PLACES[2];
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        add_people(&server);
        let world = Self { server, vault };
        world
            .approve_in(&json!("SingleStage"), &[stage(1, &[approver("Group", APPROVERS)])])
            .await
            .expect(200);
        world
    }

    /// As [`World::start`], and Alice is eligible to consent.
    pub async fn eligible() -> Self {
        let world = Self::start().await;
        world.give(ELIGIBILITY, "AdminAssign", ALICE_GUEST, &lasting("P30D")).await.expect(201);
        world
    }

    /// Whether the vault's guard lets Alice do what takes consent.
    pub async fn acts(&self) -> bool {
        let place = &PLACES[2];
        let answer = place.admin(&self.server).post(&unlock_path(&self.vault), unlock(place)).await;
        assert!(matches!(answer.status, 200 | 403), "{}", answer.text);
        answer.status == 200
    }

    /// Ends the server and starts another one on the same data.
    pub async fn restart(self) -> Self {
        Self { server: self.server.restart().await, vault: self.vault }
    }

    pub fn vault(&self) -> &str {
        &self.vault
    }

    pub fn pass(&self, seconds: i64) {
        self.server.advance(SignedDuration::from_secs(seconds));
    }

    /// The path of the policy of a role at a scope.
    pub async fn policy(&self, scope: &str, role: RoleId) -> String {
        let filter =
            format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role_id(role));
        let found = self.server.as_(SAM).get(&below(scope, &filter)).await.expect(200);
        found["value"][0]["properties"]["policyId"].as_str().unwrap().to_string()
    }

    pub async fn patch(&self, scope: &str, role: RoleId, rule: &Value) -> Answer {
        let policy = self.policy(scope, role).await;
        self.server.as_(SAM).patch(&policy, json!({"properties": {"rules": [rule]}})).await
    }

    /// A rule of a policy, as it is now.
    pub async fn rule(&self, scope: &str, role: RoleId, id: &str) -> Value {
        let policy = self.policy(scope, role).await;
        let shown = self.server.as_(SAM).get(&policy).await.expect(200);
        let rules = shown["properties"]["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["id"] == id).unwrap().clone()
    }

    /// Who approves consent.
    pub async fn approve_in(&self, mode: &Value, stages: &[Value]) -> Answer {
        let rule = json!({"id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
            "setting": {"isApprovalRequired": true, "approvalMode": mode, "approvalStages": stages}});
        self.patch(&guard(), OPERATOR, &rule).await
    }

    /// The same, set when there were enough of them.
    pub fn approved_in(&self, mode: &Value, stages: &[Value]) {
        let rule = json!({"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": true,
            "approvalMode": mode, "approvalStages": stages}});
        let scope = arm::ResourceId::parse(&guard()).unwrap();
        let (body, now) = (json!({"properties": {"rules": [rule]}}), self.server.now());
        self.server.seed(|tx| {
            let key = store::pim_key(&scope, "rolemanagementpolicies", &OPERATOR);
            let known: ::pim::PolicyDocument = tx.get(&key)?.unwrap();
            tx.put(::pim::RolePolicy::in_force(known, true).patch(&body, SAM, now)?.document())
        });
    }

    /// Somebody sends a schedule request about a role at a scope.
    pub async fn request(&self, who: ObjectId, family: &str, scope: &str, name: Uuid, body: Value) -> Answer {
        self.server.as_(who).put(&below(scope, &format!("{family}Requests/{name}")), body).await
    }

    /// Sam gives, changes or takes away something about the guard's operator role.
    pub async fn give(&self, family: &str, kind: &str, whom: ObjectId, more: &Value) -> Answer {
        self.request(SAM, family, &guard(), fresh(), body(kind, whom, OPERATOR, more)).await
    }

    /// Alice asks for consent.
    pub async fn ask(&self, more: &Value) -> Answer {
        let body = body("SelfActivate", ALICE_GUEST, OPERATOR, more);
        self.request(ALICE_GUEST, ASSIGNMENT, &guard(), fresh(), body).await
    }

    pub async fn give_back(&self) -> Answer {
        let body = body("SelfDeactivate", ALICE_GUEST, OPERATOR, &json!({}));
        self.request(ALICE_GUEST, ASSIGNMENT, &guard(), fresh(), body).await
    }

    /// The request as Sam sees it now.
    pub async fn status(&self, request: &Value) -> String {
        let shown = self.server.as_(SAM).get(request["id"].as_str().unwrap()).await.expect(200);
        shown["properties"]["status"].as_str().unwrap().to_string()
    }

    /// Somebody decides in one of the approval's stages.
    pub async fn decide(&self, who: ObjectId, request: &Value, stage: usize, verdict: &str) -> Answer {
        let stages = format!("{}/stages", request["properties"]["approvalId"].as_str().unwrap());
        let stages = self.server.as_(SAM).get(&stages).await.expect(200);
        let stage = stages["value"][stage]["id"].as_str().unwrap();
        let decision = json!({"properties": {"reviewResult": verdict, "justification": "ok"}});
        self.server.as_(who).patch(stage, decision).await
    }

    pub async fn cancel(&self, who: ObjectId, request: &Value) -> Answer {
        let path = format!("{}/cancel", request["id"].as_str().unwrap());
        self.server.as_(who).post(&path, Value::Null).await
    }

    /// The entries of a list, as somebody sees it.
    pub async fn list(&self, who: ObjectId, scope: &str, rest: &str) -> Vec<Value> {
        let page = self.server.as_(who).get(&below(scope, rest)).await.expect(200);
        page["value"].as_array().unwrap().clone()
    }

    pub fn join(&self, group: ObjectId, member: ObjectId) {
        self.change(group, |group: &mut Group| {
            group.members.insert(member);
        });
    }

    pub fn leave(&self, group: ObjectId, member: ObjectId) {
        self.change(group, |group: &mut Group| {
            group.members.remove(&member);
        });
    }

    pub fn disable(&self, user: ObjectId) {
        self.change(user, |user: &mut User| user.enabled = false);
    }

    fn change<D: store::Free>(&self, id: ObjectId, change: impl Fn(&mut D)) {
        self.server.seed(|tx| {
            let mut document = tx.get::<D>(&id.to_string())?.unwrap();
            change(&mut document);
            tx.put(&document)
        });
    }
}

fn add_people(server: &Harness) {
    let now = server.now();
    server.seed(|tx| {
        let fabsec: Tenant = tx.get(&FABSEC.to_string())?.unwrap();
        for (id, name) in [(TESS, "tess"), (THEO, "theo"), (UMA, "uma")] {
            let upn = Upn::parse(&format!("{name}@{}", fabsec.domain))?;
            let mut user = User::member(&fabsec, id, upn, name, now)?;
            user.password = Some(PasswordHash::new(PASSWORD, [7; 16])?);
            tx.put(&user)?;
        }
        let alice: User = tx.get(&ALICE.to_string())?.unwrap();
        assert_eq!(alice.tenant, CONTOSO);
        let mut second = alice.as_guest_of(&fabsec, ALICE_SECOND, now)?;
        second.upn = Upn::parse("alice.second_contoso.example#EXT#@fabsec.example")?;
        tx.put(&second)?;
        for (id, name, members) in [
            (APPROVERS, "Approvers", [SAM, NIGHT].as_slice()),
            (NIGHT, "Night shift", &[TESS]),
            (OPERATORS, "Operators", &[CREW]),
            (CREW, "Day crew", &[ALICE_GUEST]),
        ] {
            tx.put(&Group {
                id,
                tenant: FABSEC,
                name: name.into(),
                mail_nickname: "group".into(),
                description: None,
                members: members.iter().copied().collect(),
            })?;
        }
        let scope = ResourceId::subscription(SECURITY_SUB);
        let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{UMA}"))?;
        tx.put(&rbac::Assignment::new(id, scope, role_ids::OWNER, UMA, PrincipalKind::User))
    });
}
