//! The shape of every answer: its key paths and their types, against lists written from contract 6.4 to 6.7.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::*;
use crate::policy::RuleId;
use crate::{
    Change, MemberType, PrincipalKind, Standing, Status, Verdict, child_resource_json, request_assignment,
};

/// Every path to a leaf with the leaf's type, e.g. `properties.scope string`. The elements of a list share one path.
fn paths(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Object(object) if !object.is_empty() => {
                for (key, value) in object {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(value, &path, found);
                }
                return;
            }
            Value::Array(list) if !list.is_empty() => {
                return list.iter().for_each(|value| walk(value, &format!("{path}[]"), found));
            }
            Value::Object(_) => "object",
            Value::Array(_) => "list",
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
        };
        found.insert(format!("{path} {kind}"));
    }
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    found
}

/// Compares with a list in which `p.` stands for `properties.` and lines without a type are strings.
fn has_shape(value: &Value, expected: &str) {
    let lines = expected.split_whitespace().map(|line| {
        let line = line.replacen("p.", "properties.", usize::from(line.starts_with("p.")));
        match line.split_once(':') {
            Some((path, kind)) => format!("{path} {kind}"),
            None => format!("{line} string"),
        }
    });
    let expected: BTreeSet<String> = lines.collect();
    let found = paths(value);
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "missing {missing:?}\nsurplus {surplus:?}\nin {value:#}"
    );
}

/// What every entry has.
const COMMON: &str =
    "id name type p.scope p.roleDefinitionId p.principalId p.principalType p.status p.createdOn
    p.expandedProperties.scope.id p.expandedProperties.scope.displayName p.expandedProperties.scope.type
    p.expandedProperties.roleDefinition.id p.expandedProperties.roleDefinition.displayName
    p.expandedProperties.roleDefinition.type p.expandedProperties.principal.id
    p.expandedProperties.principal.displayName p.expandedProperties.principal.type ";
/// What a user's entry has more than a group's.
const EMAIL: &str = "p.expandedProperties.principal.email ";
/// What every request has.
const REQUEST: &str = "p.requestType p.scheduleInfo.startDateTime p.scheduleInfo.expiration.type
    p.scheduleInfo.expiration.duration p.requestorId p.justification ";
/// What every schedule and instance has.
const SCHEDULE: &str = "p.memberType p.startDateTime p.endDateTime p.condition:null p.conditionVersion:null ";

fn joined(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn an_admins_request() {
    let world = World::new();
    let sam = caller(SAM);
    let more = json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT30M"}}});
    let body = body("AdminAssign", ALICE, more);
    let (cx, user) = (world.cx(&sam), PrincipalKind::User);
    let settled =
        request_assignment(request(20), &body, user, &world.policy, Standing::default(), &cx).unwrap();
    let shown = settled.record.to_json(&world.people, world.now);
    has_shape(
        &shown,
        &joined(&[COMMON, EMAIL, REQUEST, "p.ticketInfo:object p.targetRoleAssignmentScheduleId"]),
    );
    let below = format!("{}/providers/Microsoft.Authorization", guard());
    assert_eq!(shown["id"], format!("{below}/roleAssignmentScheduleRequests/{}", request(20)));
    assert_eq!(shown["type"], "Microsoft.Authorization/roleAssignmentScheduleRequests");
    let properties = &shown["properties"];
    assert_eq!(properties["status"], "Provisioned");
    assert_eq!(properties["scheduleInfo"]["startDateTime"], "2026-02-01T09:00:00.0000000Z");
    assert_eq!(properties["expandedProperties"]["scope"]["type"], "Microsoft.DataProtection/resourceGuards");
    assert_eq!(properties["expandedProperties"]["principal"]["email"], "alice@fabsec.example");
    assert_eq!(
        properties["roleDefinitionId"],
        format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{}", world.policy.role())
    );
    let Change::Put(given) = settled.change else { panic!("put") };
    let more = "p.assignmentType ";
    let shown = given.schedule_json(MemberType::Direct, &world.people, world.now).unwrap();
    let own = "p.updatedOn p.roleAssignmentScheduleRequestId";
    has_shape(&shown, &joined(&[COMMON, EMAIL, SCHEDULE, more, own]));
    assert_eq!(shown["properties"]["assignmentType"], "Assigned");
    let shown = given.instance_json(MemberType::Direct, &world.people, world.now).unwrap();
    let own = "p.roleAssignmentScheduleId p.originRoleAssignmentId";
    has_shape(&shown, &joined(&[COMMON, EMAIL, SCHEDULE, more, own]));
}

#[test]
fn an_activation_on_its_way() {
    let mut world = World::new();
    let more = json!({"ticketInfo": {"ticketNumber": "T1", "ticketSystem": "X"}});
    let waiting = world.ask_with(&caller(ALICE), &body("SelfActivate", ALICE, more)).unwrap();
    let own =
        "p.ticketInfo.ticketNumber p.ticketInfo.ticketSystem p.approvalId p.linkedRoleEligibilityScheduleId ";
    let shown = waiting.to_json(&world.people, waiting.status_at(world.now));
    has_shape(&shown, &joined(&[COMMON, EMAIL, REQUEST, own, "p.targetRoleAssignmentScheduleId:null"]));
    let properties = &shown["properties"];
    assert_eq!(properties["status"], "PendingApproval");
    assert_eq!(
        properties["approvalId"],
        format!("/providers/Microsoft.Authorization/roleAssignmentApprovals/{}", request(42))
    );
    assert_eq!(properties["linkedRoleEligibilityScheduleId"], request(1).to_string());
    assert_eq!(
        waiting.to_json(&world.people, waiting.status_of_dry_run())["properties"]["status"],
        "PendingEvaluation"
    );
    assert_eq!(waiting.schedule_json(&world.people, world.now), None);

    let approved = world.decide(&waiting, SAM, Verdict::Approve).unwrap();
    let shown = approved.to_json(&world.people, approved.status_at(world.now));
    has_shape(&shown, &joined(&[COMMON, EMAIL, REQUEST, own, "p.targetRoleAssignmentScheduleId"]));
    let more = "p.assignmentType p.linkedRoleEligibilityScheduleId ";
    let shown = approved.schedule_json(&world.people, world.now).unwrap();
    let own = "p.updatedOn p.roleAssignmentScheduleRequestId";
    has_shape(&shown, &joined(&[COMMON, EMAIL, SCHEDULE, more, own]));
    assert_eq!(shown["properties"]["assignmentType"], "Activated");
    assert_eq!(shown["properties"]["memberType"], "Group");
    let shown = approved.instance_json(&world.people, world.now).unwrap();
    let own = "p.roleAssignmentScheduleId p.originRoleAssignmentId p.linkedRoleEligibilityScheduleInstanceId";
    has_shape(&shown, &joined(&[COMMON, EMAIL, SCHEDULE, more, own]));
    assert_eq!(shown["properties"]["endDateTime"], "2026-02-01T10:00:00.0000000Z");
    world.pass(1);
    assert_eq!(approved.schedule_json(&world.people, world.now), None, "it disappears from the lists");
    assert_eq!(approved.instance_json(&world.people, world.now), None);
    assert_eq!(approved.status_at(world.now), Status::Provisioned, "and the request keeps its last status");
}

#[test]
fn an_eligibility() {
    let world = World::new();
    let eligibility = &world.eligibilities[0];
    let shown = eligibility.schedule_json(MemberType::Group, &world.people, world.now).unwrap();
    has_shape(&shown, &joined(&[COMMON, SCHEDULE, "p.updatedOn p.roleEligibilityScheduleRequestId"]));
    assert_eq!(shown["properties"]["principalType"], "Group");
    let shown = eligibility.instance_json(MemberType::Group, &world.people, world.now).unwrap();
    has_shape(&shown, &joined(&[COMMON, SCHEDULE, "p.roleEligibilityScheduleId"]));
    assert_eq!(shown["type"], "Microsoft.Authorization/roleEligibilityScheduleInstances");
    let over = eligibility.grant().window.end().unwrap();
    assert_eq!(eligibility.schedule_json(MemberType::Group, &world.people, over), None);
    has_shape(&child_resource_json(&guard(), &world.people), "id name type");
}

#[test]
fn an_approval_and_its_stage() {
    let world = World::new();
    let waiting = world.ask(ALICE).unwrap();
    let stage = "p.stages[].id p.stages[].name p.stages[].type p.stages[].properties.displayName:null
        p.stages[].properties.status p.stages[].properties.assignedToMe:bool p.stages[].properties.reviewResult
        p.stages[].properties.justification ";
    let open = "p.stages[].properties.reviewedBy:null p.stages[].properties.reviewedDateTime:null ";
    let done = "p.stages[].properties.reviewedDateTime p.stages[].properties.reviewedBy.principalId
        p.stages[].properties.reviewedBy.principalType p.stages[].properties.reviewedBy.principalName
        p.stages[].properties.reviewedBy.userPrincipalName ";
    let show = |asked: &crate::ActivationRequest, who: u128| {
        asked.approval_json(&world.policy, &world.people, &world.cx(&caller(who))).unwrap()
    };
    let shown = show(&waiting, SAM);
    has_shape(&shown, &joined(&["id name type ", stage, open]));
    assert_eq!(shown["type"], "Microsoft.Authorization/RoleAssignmentApproval");
    assert_eq!(shown["name"], waiting.name().to_string());
    let inner = &shown["properties"]["stages"][0];
    let id = shown["id"].as_str().unwrap();
    assert_eq!(inner["id"], format!("{id}/stages/{}", waiting.stage()));
    assert_eq!(inner["type"], "Microsoft.Authorization/RoleAssignmentApproval/stages");
    let facts = |shown: &Value| {
        let properties = &shown["properties"]["stages"][0]["properties"];
        ["status", "reviewResult", "assignedToMe"].map(|key| properties[key].to_string().replace('"', ""))
    };
    assert_eq!(facts(&shown), ["InProgress", "NotReviewed", "true"]);
    assert_eq!(facts(&show(&waiting, MALLORY)), ["InProgress", "NotReviewed", "false"]);
    let approved = world.decide(&waiting, SAM, Verdict::Approve).unwrap();
    let shown = show(&approved, SAM);
    has_shape(&shown, &joined(&["id name type ", stage, done]));
    assert_eq!(facts(&shown), ["Completed", "Approve", "false"]);
    let reviewer = &shown["properties"]["stages"][0]["properties"]["reviewedBy"];
    assert_eq!(reviewer["userPrincipalName"], "sam@fabsec.example");
    let denied = world.decide(&waiting, TESS, Verdict::Deny).unwrap();
    assert_eq!(facts(&show(&denied, SAM)), ["Completed", "Deny", "false"]);
    let canceled = waiting.cancel(true, &world.cx(&caller(SAM))).unwrap();
    assert_eq!(facts(&show(&canceled, SAM)), ["Completed", "NotReviewed", "false"]);
    let mut later = world.clone();
    later.pass(24);
    let late = waiting.approval_json(&later.policy, &later.people, &later.cx(&caller(SAM))).unwrap();
    assert_eq!(facts(&late), ["Expired", "NotReviewed", "false"]);
}

/// What every rule has.
const RULE: &str = "id ruleType target.caller target.operations[] target.level target.targetObjects:null
    target.inheritableSettings:null target.enforcedSettings:null ";

#[test]
fn a_policy_has_all_seventeen_rules() {
    let world = World::new();
    let shown = world.policy.to_json(&world.people);
    let rules = shown["properties"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 17);
    assert_eq!(shown["properties"]["effectiveRules"], shown["properties"]["rules"]);
    for (rule, id) in rules.iter().zip(RuleId::all()) {
        let own = match id {
            RuleId::Expiration(_) => "isExpirationRequired:bool maximumDuration",
            RuleId::Enablement(crate::policy::Occasion::AdminEligibility) => "enabledRules:list",
            RuleId::Enablement(_) => "enabledRules[]",
            RuleId::AuthenticationContext => "isEnabled:bool claimValue",
            RuleId::Notification(..) => {
                "notificationType recipientType isDefaultRecipientsEnabled:bool notificationLevel
                 notificationRecipients:null"
            }
            RuleId::Approval => {
                "setting.isApprovalRequired:bool setting.isApprovalRequiredForExtension:bool
                 setting.isRequestorJustificationRequired:bool setting.approvalMode
                 setting.approvalStages[].approvalStageTimeOutInDays:number
                 setting.approvalStages[].isApproverJustificationRequired:bool
                 setting.approvalStages[].escalationTimeInMinutes:number
                 setting.approvalStages[].isEscalationEnabled:bool setting.approvalStages[].escalationApprovers:null
                 setting.approvalStages[].requiredApprovals:number setting.approvalStages[].primaryApprovers[].id
                 setting.approvalStages[].primaryApprovers[].description
                 setting.approvalStages[].primaryApprovers[].isBackup:bool
                 setting.approvalStages[].primaryApprovers[].userType"
            }
        };
        has_shape(rule, &joined(&[RULE, own]));
        assert_eq!(rule["id"], id.to_string());
    }
    let shown = without_rules(shown);
    let scope =
        "p.policyProperties.scope.id p.policyProperties.scope.displayName p.policyProperties.scope.type ";
    let modified =
        "p.lastModifiedDateTime p.lastModifiedBy.id p.lastModifiedBy.displayName p.lastModifiedBy.email
        p.lastModifiedBy.type ";
    let own = "id name type p.scope p.displayName:null p.description:null p.isOrganizationDefault:bool ";
    has_shape(&shown, &joined(&[own, scope, modified]));
}

#[test]
fn a_policys_assignment() {
    let world = World::new();
    let shown = world.policy.assignment_json(&world.people);
    assert_eq!(shown["properties"]["effectiveRules"].as_array().unwrap().len(), 17);
    assert_eq!(shown["properties"]["policyId"], world.policy.to_json(&world.people)["id"]);
    let inner = "p.policyAssignmentProperties.";
    let parts = "scope.id scope.displayName scope.type roleDefinition.id roleDefinition.displayName
        roleDefinition.type policy.id policy.lastModifiedDateTime policy.lastModifiedBy.id
        policy.lastModifiedBy.displayName policy.lastModifiedBy.email policy.lastModifiedBy.type";
    let inner: String = parts.split_whitespace().map(|part| format!("{inner}{part} ")).collect();
    let own = "id name type p.scope p.roleDefinitionId p.policyId ";
    has_shape(&without_rules(shown), &joined(&[own, &inner]));
}

fn without_rules(shown: Value) -> Value {
    let mut shown = shown;
    let properties = shown["properties"].as_object_mut().unwrap();
    properties.remove("rules");
    properties.remove("effectiveRules");
    shown
}

#[test]
fn the_defaults_are_azures() {
    let names = Directory::new();
    let policy = crate::RolePolicy::default_for(reader(), guard(), false);
    let shown = policy.to_json(&names);
    assert_eq!(shown["properties"]["lastModifiedBy"], Value::Null);
    let rules = shown["properties"]["rules"].as_array().unwrap();
    let rule = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap().clone();
    for (id, maximum) in [
        ("Expiration_Admin_Eligibility", "P365D"),
        ("Expiration_Admin_Assignment", "P180D"),
        ("Expiration_EndUser_Assignment", "PT8H"),
    ] {
        assert_eq!(rule(id)["maximumDuration"], maximum);
        assert_eq!(rule(id)["isExpirationRequired"], true);
    }
    assert_eq!(rule("Enablement_Admin_Eligibility")["enabledRules"], json!([]));
    assert_eq!(rule("Enablement_EndUser_Assignment")["enabledRules"], json!(["Justification"]));
    let setting = &rule("Approval_EndUser_Assignment")["setting"];
    assert_eq!(setting["isApprovalRequired"], false);
    assert_eq!(setting["approvalStages"][0]["primaryApprovers"], json!([]));
    let target = &rule("Notification_Approver_EndUser_Assignment")["target"];
    assert_eq!((&target["caller"], &target["level"]), (&json!("EndUser"), &json!("Assignment")));
}
