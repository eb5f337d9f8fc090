//! A small world to test in: a guard in the security tenant, the people around it, and short ways to ask.

use std::collections::{BTreeMap, BTreeSet};

use arm::{ObjectId, RequestId, ResourceId, Result, RoleId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::policy::BACKUP_MUA_OPERATOR;
use crate::{
    ActivationRequest, Authentication, Caller, Change, Context, DecisionBody, Eligibility, Names, People,
    Person, PrincipalKind, PrincipalName, RoleName, RolePolicy, ScheduleRequestBody, Standing, Verdict,
    activate, request_eligibility,
};

/// The security tenant's subscription.
pub(crate) const SUBSCRIPTION: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590";
/// The moment at which most tests start.
pub(crate) const START: &str = "2026-02-01T09:00:00Z";
/// Azure's role Reader, which opens no guard.
pub(crate) const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// Alice, who asks: as a guest of the security tenant.
pub(crate) const ALICE: u128 = 0xa1;
/// Alice's second account in the security tenant.
pub(crate) const ALICE_ADMIN: u128 = 0xa2;
/// Alice at home.
pub(crate) const ALICE_HOME: u128 = 0xa3;
/// Sam, who approves.
pub(crate) const SAM: u128 = 0x51;
/// Sam's second account.
pub(crate) const SAM_TWO: u128 = 0x52;
/// Tess, who approves too.
pub(crate) const TESS: u128 = 0x7e;
/// Mallory, who is nobody's approver.
pub(crate) const MALLORY: u128 = 0x3a;
/// An application.
pub(crate) const ROBOT: u128 = 0xb0;
/// Bob, who backs up like Alice.
pub(crate) const BOB: u128 = 0xb1;
/// The group of approvers.
pub(crate) const APPROVERS: u128 = 0x60;
/// A group inside of the approvers.
pub(crate) const NIGHT_SHIFT: u128 = 0x61;
/// The group of backup operators.
pub(crate) const OPERATORS: u128 = 0x62;

pub(crate) fn object(number: u128) -> ObjectId {
    ObjectId(Uuid::from_u128(number))
}

pub(crate) fn request(number: u128) -> RequestId {
    RequestId(Uuid::from_u128(number))
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn guard() -> ResourceId {
    let below = "resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/Guard";
    ResourceId::parse(&format!("{SUBSCRIPTION}/{below}")).unwrap()
}

pub(crate) fn reader() -> RoleId {
    READER.parse().unwrap()
}

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) persons: BTreeMap<u128, &'static str>,
    pub(crate) disabled: BTreeSet<u128>,
    pub(crate) groups: BTreeMap<u128, BTreeSet<u128>>,
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            persons: BTreeMap::from([
                (ALICE, "alice"),
                (ALICE_ADMIN, "alice"),
                (ALICE_HOME, "alice"),
                (SAM, "sam"),
                (SAM_TWO, "sam"),
                (TESS, "tess"),
                (MALLORY, "mallory"),
                (BOB, "bob"),
            ]),
            disabled: BTreeSet::new(),
            groups: BTreeMap::from([
                (APPROVERS, BTreeSet::from([SAM, NIGHT_SHIFT, ROBOT])),
                (NIGHT_SHIFT, BTreeSet::from([TESS])),
                (OPERATORS, BTreeSet::from([ALICE, BOB])),
            ]),
        }
    }

    pub(crate) fn join(&mut self, group: u128, member: u128) {
        self.groups.get_mut(&group).unwrap().insert(member);
    }

    pub(crate) fn leave(&mut self, group: u128, member: u128) {
        self.groups.get_mut(&group).unwrap().remove(&member);
    }

    fn groups_above(&self, member: u128) -> BTreeSet<u128> {
        let direct = self.groups.iter().filter(|(_, members)| members.contains(&member));
        direct.flat_map(|(group, _)| self.groups_above(*group).into_iter().chain([*group])).collect()
    }

    fn members_below(&self, group: u128) -> BTreeSet<u128> {
        let members = self.groups.get(&group).into_iter().flatten();
        members
            .flat_map(|member| match self.groups.contains_key(member) {
                true => self.members_below(*member),
                false => BTreeSet::from([*member]),
            })
            .collect()
    }
}

impl People for Directory {
    fn person_of(&self, object: ObjectId) -> Option<Person> {
        let person = self.persons.get(&object.0.as_u128())?;
        Some(Person(person.to_string()))
    }

    fn is_human(&self, object: ObjectId) -> bool {
        let number = object.0.as_u128();
        self.persons.contains_key(&number) && !self.disabled.contains(&number)
    }

    fn groups_of(&self, member: ObjectId) -> BTreeSet<ObjectId> {
        self.groups_above(member.0.as_u128()).into_iter().map(object).collect()
    }

    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
        self.members_below(group.0.as_u128()).into_iter().map(object).collect()
    }
}

impl Names for Directory {
    fn principal(&self, principal: ObjectId) -> PrincipalName {
        let person = self.persons.get(&principal.0.as_u128());
        PrincipalName {
            display_name: person.map_or("a group".into(), ToString::to_string),
            user_name: person.map(|person| format!("{person}@fabsec.example")),
            kind: match person {
                Some(_) => PrincipalKind::User,
                None => PrincipalKind::Group,
            },
        }
    }

    fn role(&self, _: RoleId) -> RoleName {
        RoleName { display_name: "Backup MUA Operator".into(), built_in: true }
    }

    fn scope(&self, scope: &ResourceId) -> String {
        scope.name().to_string()
    }
}

pub(crate) fn caller(number: u128) -> Caller {
    Caller { object: object(number), authentication: Authentication::default() }
}

/// The body of a schedule request about the guard's operator role.
pub(crate) fn body(kind: &str, principal: u128, more: Value) -> ScheduleRequestBody {
    ScheduleRequestBody::parse(&raw_body(kind, principal, more)).unwrap()
}

pub(crate) fn raw_body(kind: &str, principal: u128, more: Value) -> Value {
    let role = BACKUP_MUA_OPERATOR;
    let mut properties = json!({
        "principalId": object(principal),
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "requestType": kind,
        "justification": "delete old item #42",
        "scheduleInfo": {"startDateTime": null, "expiration": {"type": "AfterDuration", "duration": "PT1H"}},
    });
    for (key, value) in more.as_object().unwrap() {
        properties[key] = value.clone();
    }
    json!({"properties": properties})
}

/// One line of an approver list.
pub(crate) fn approver(kind: &str, number: u128) -> Value {
    json!({"id": object(number), "userType": kind, "isBackup": false, "description": "Security admins"})
}

/// A patch that lets approval be sought in several stages at once: how many of whom.
pub(crate) fn parallel_patch(stages: &[(u8, &[Value])]) -> Value {
    let stages = stages.iter().map(|(needed, approvers)| {
        json!({"requiredApprovals": needed, "primaryApprovers": approvers, "isApproverJustificationRequired": false})
    });
    rule_patch(json!({
        "id": "Approval_EndUser_Assignment",
        "setting": {"isApprovalRequired": true, "approvalMode": "Parallel", "approvalStages": stages.collect::<Vec<_>>()},
    }))
}

/// A patch of the approval rule's stage.
pub(crate) fn stage_patch(stage: Value) -> Value {
    rule_patch(json!({
        "id": "Approval_EndUser_Assignment",
        "ruleType": "RoleManagementPolicyApprovalRule",
        "setting": {"isApprovalRequired": true, "approvalStages": [stage]},
    }))
}

pub(crate) fn rule_patch(rule: Value) -> Value {
    json!({"properties": {"rules": [rule]}})
}

/// The guard, its operator role's policy and eligibility, and the time.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) people: Directory,
    pub(crate) policy: RolePolicy,
    pub(crate) eligibilities: Vec<Eligibility>,
    pub(crate) others: Vec<ActivationRequest>,
    pub(crate) now: Timestamp,
}

impl World {
    /// A world where the operators are eligible, and the group of approvers decides.
    pub(crate) fn new() -> Self {
        let policy = RolePolicy::default_for(BACKUP_MUA_OPERATOR, guard(), true);
        let mut world = Self {
            people: Directory::new(),
            policy,
            eligibilities: Vec::new(),
            others: Vec::new(),
            now: at(START),
        };
        world.patch(stage_patch(json!({"primaryApprovers": [approver("Group", APPROVERS)]})));
        world.make_eligible(1, OPERATORS, "P180D");
        world
    }

    pub(crate) fn patch(&mut self, patch: Value) {
        self.policy = self.policy.patch(&patch, object(SAM), self.now).unwrap();
    }

    pub(crate) fn pass(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
    }

    pub(crate) fn cx<'a>(&'a self, caller: &'a Caller) -> Context<'a> {
        Context { caller, people: &self.people, now: self.now }
    }

    pub(crate) fn make_eligible(&mut self, name: u128, principal: u128, duration: &str) {
        let expiration = json!({"expiration": {"type": "AfterDuration", "duration": duration}});
        let body = body("AdminAssign", principal, json!({"scheduleInfo": expiration}));
        let sam = caller(SAM);
        let cx = self.cx(&sam);
        let kind = PrincipalKind::Group;
        let existing = Standing { schedules: &self.eligibilities, ..Standing::default() };
        let settled = request_eligibility(request(name), &body, kind, &self.policy, existing, &cx).unwrap();
        let Change::Put(eligibility) = settled.change else {
            panic!("an assignment puts a schedule");
        };
        self.eligibilities.push(eligibility);
    }

    /// Alice, or somebody else, asks with this body.
    pub(crate) fn ask_with(&self, who: &Caller, body: &ScheduleRequestBody) -> Result<ActivationRequest> {
        let cx = self.cx(who);
        activate(
            request(42),
            body,
            std::slice::from_ref(&self.policy),
            &self.eligibilities,
            &self.others,
            &cx,
        )
    }

    /// Somebody asks for an hour.
    pub(crate) fn ask(&self, who: u128) -> Result<ActivationRequest> {
        self.ask_with(&caller(who), &body("SelfActivate", who, json!({})))
    }

    /// Somebody decides in the first stage.
    pub(crate) fn decide(
        &self,
        asked: &ActivationRequest,
        who: u128,
        verdict: Verdict,
    ) -> Result<ActivationRequest> {
        self.decide_in(asked, 0, who, verdict)
    }

    /// Somebody decides in the stage of this place.
    pub(crate) fn decide_in(
        &self,
        asked: &ActivationRequest,
        place: usize,
        who: u128,
        verdict: Verdict,
    ) -> Result<ActivationRequest> {
        let decision = DecisionBody { verdict, justification: "checked the ticket".into() };
        let caller = caller(who);
        let stage = asked.stages(&self.policy).get(place).copied().unwrap_or(request(0xbad));
        asked.decide(stage, &decision, &self.policy, self.eligibilities.first(), &self.cx(&caller))
    }
}
