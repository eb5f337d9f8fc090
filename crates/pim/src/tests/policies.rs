//! Policies: what holds without anybody's doing, how a patch changes it, and what no patch changes.

use std::collections::BTreeSet;

use arm::{ErrorKind, ResourceId};
use serde_json::{Value, json};

use super::world::*;
use crate::policy::{
    ApprovalMode, ApproverKind, BACKUP_MUA_ADMIN, BACKUP_MUA_OPERATOR, Occasion, Requirement, RuleId,
    policy_name, role_of_assignment,
};
use crate::{Person, PolicyDocument, RolePolicy};

fn patched(policy: &RolePolicy, rule: Value) -> arm::Result<RolePolicy> {
    policy.patch(&rule_patch(rule), object(SAM), at(START))
}

fn ordinary() -> RolePolicy {
    RolePolicy::default_for(reader(), guard(), false)
}

fn guarding() -> RolePolicy {
    RolePolicy::default_for(BACKUP_MUA_OPERATOR, guard(), true)
}

#[test]
fn a_policy_exists_for_every_scope_and_role_under_one_name() {
    let scope = guard();
    let shouted = ResourceId::parse(&scope.as_str().to_uppercase()).unwrap();
    let name = policy_name(&scope, reader());
    assert_eq!(name, policy_name(&shouted, reader()));
    assert_ne!(name, policy_name(&scope, BACKUP_MUA_OPERATOR));
    assert_ne!(name, policy_name(&scope.parent().unwrap(), reader()));
    let assignment = ordinary().assignment_name();
    assert_eq!(assignment, format!("{name}_{READER}"));
    assert_eq!(role_of_assignment(&scope, &assignment), Some(reader()));
    assert_eq!(role_of_assignment(&scope, &format!("{name}_{BACKUP_MUA_OPERATOR}")), None);
    assert_eq!(role_of_assignment(&scope.parent().unwrap(), &assignment), None);
    for bad in ["", "_", "x_y", &name.to_string()] {
        assert_eq!(role_of_assignment(&scope, bad), None);
    }
}

#[test]
fn consent_needs_approval_from_the_start() {
    assert!(!ordinary().needs_approval());
    assert!(guarding().needs_approval());
    // A custom role that opens a guard, and the two built-in ones even if the caller says they open none.
    assert!(RolePolicy::default_for(reader(), guard(), true).needs_approval());
    for role in [BACKUP_MUA_OPERATOR, BACKUP_MUA_ADMIN] {
        let policy = RolePolicy::default_for(role, ResourceId::root(), false);
        assert!(policy.needs_approval() && policy.rules().approval.is_on());
    }
}

#[test]
fn no_stored_policy_switches_approval_for_consent_off() {
    let off = ordinary().document().clone();
    assert!(!RolePolicy::in_force(off.clone(), false).needs_approval());
    // The role has come to open a guard since.
    let now = RolePolicy::in_force(off.clone(), true);
    assert!(now.needs_approval() && now.rules().approval.is_on());
    let mut none = off.clone();
    none.rules.approval.mode = ApprovalMode::NoApproval;
    assert!(RolePolicy::in_force(none, true).rules().approval.is_on());
    let operator = PolicyDocument { role: BACKUP_MUA_OPERATOR, ..off };
    assert!(RolePolicy::in_force(operator, false).needs_approval());
}

#[test]
fn only_what_a_patch_mentions_changes() {
    let before = guarding();
    let approval = json!({"id": "Approval_EndUser_Assignment", "setting":
        {"approvalStages": [{"primaryApprovers": [approver("Group", APPROVERS)]}]}});
    let named = patched(&before, approval).unwrap();
    let stage = &named.rules().approval.first;
    assert_eq!(stage.approvers[0].kind, ApproverKind::Group);
    assert_eq!((stage.timeout_days, stage.approver_justification, stage.approvals), (1, true, 1));
    assert!(named.rules().approval.requestor_justification);
    assert_eq!(named.rules().expiration, before.rules().expiration);
    assert_eq!(named.modified().unwrap().by, object(SAM));

    let shorter = json!({"id": "Expiration_EndUser_Assignment", "maximumDuration": "PT1H"});
    let shorter = patched(&named, shorter).unwrap();
    assert_eq!(shorter.rules().approval, named.rules().approval);
    assert_eq!(shorter.rules().expiration.get(Occasion::EndUserAssignment).maximum.to_string(), "PT1H");

    let nothing = shorter.patch(&json!({"properties": {"rules": null}}), object(SAM), at(START)).unwrap();
    assert_eq!(nothing.rules(), shorter.rules());
}

#[test]
fn what_real_clients_send_is_taken() {
    // EasyPIM writes booleans as strings and words in lower case; others send the whole list back.
    let rule = json!({"id": "approval_enduser_assignment", "setting": {
        "isApprovalRequired": "true", "approvalMode": "SingleStage", "approvalStages": [{
            "approvalStageTimeOutInDays": 1, "isApproverJustificationRequired": "false", "escalationTimeInMinutes": 0,
            "isEscalationEnabled": false, "escalationApprovers": [],
            "primaryApprovers": [{"id": object(SAM), "description": "king", "isBackup": false, "userType": "user"}]}]}});
    let policy = patched(&ordinary(), rule).unwrap();
    assert!(policy.needs_approval() && !policy.rules().approval.first.approver_justification);
    let names = Directory::new();
    let sent_back = json!({"properties": {"rules": policy.to_json(&names)["properties"]["rules"]}});
    let again = policy.patch(&sent_back, object(SAM), at(START)).unwrap();
    assert_eq!(again.rules(), policy.rules());
}

#[test]
fn every_rule_can_be_changed() {
    let with_mfa = json!({"id": "Enablement_EndUser_Assignment",
        "enabledRules": ["multiFactorAuthentication", "Ticketing"]});
    let policy = patched(&ordinary(), with_mfa).unwrap();
    let enabled = &policy.rules().enablement.end_user_assignment.enabled;
    assert_eq!(enabled, &BTreeSet::from([Requirement::MultiFactorAuthentication, Requirement::Ticketing]));
    for id in RuleId::all() {
        let changed = match id {
            RuleId::Expiration(_) => json!({"maximumDuration": "PT2H"}),
            RuleId::Enablement(_) => json!({"enabledRules": []}),
            RuleId::Approval => json!({"setting": {"isRequestorJustificationRequired": false}}),
            RuleId::AuthenticationContext => json!({"isEnabled": true, "claimValue": "c1"}),
            RuleId::Notification(..) => json!({"notificationLevel": "Critical",
                "isDefaultRecipientsEnabled": false, "notificationRecipients": ["soc@fabsec.example"]}),
        };
        let mut rule = changed;
        rule["id"] = id.to_string().into();
        rule["ruleType"] = id.rule_type().into();
        let patched = patched(&ordinary(), rule).unwrap_or_else(|error| panic!("{id}: {}", error.message));
        let unchanged = id == RuleId::Enablement(Occasion::AdminEligibility);
        assert_eq!(patched.rules() == ordinary().rules(), unchanged, "{id}");
    }
}

#[test]
fn what_makes_no_policy_is_refused() {
    let approval = |setting: Value| json!({"id": "Approval_EndUser_Assignment", "setting": setting});
    let stage = |stage: Value| approval(json!({"isApprovalRequired": true, "approvalStages": [stage]}));
    let activation = |rule: Value| {
        let mut rule = rule;
        rule["id"] = "Expiration_EndUser_Assignment".into();
        rule
    };
    let sam = approver("User", SAM);
    let many: Vec<Value> = (0..51).map(|number| approver("User", number)).collect();
    let bad = vec![
        json!({"id": "Approval_Admin_Assignment"}),
        json!({"ruleType": "RoleManagementPolicyExpirationRule"}),
        json!({"id": "Expiration_Admin_Eligibility", "ruleType": "RoleManagementPolicyApprovalRule"}),
        json!({"id": "Expiration_Admin_Eligibility", "isExpirationRequired": "perhaps"}),
        json!({"id": "Expiration_Admin_Eligibility", "maximumDuration": "180 days"}),
        json!({"id": "Expiration_Admin_Eligibility", "maximumDuration": 180}),
        activation(json!({"maximumDuration": "PT29M"})),
        activation(json!({"maximumDuration": "PT24H1S"})),
        activation(json!({"maximumDuration": "P1M"})),
        activation(json!({"isExpirationRequired": false})),
        json!({"id": "Enablement_Admin_Assignment", "enabledRules": ["Prayer"]}),
        json!({"id": "Enablement_Admin_Assignment", "enabledRules": "Justification"}),
        json!({"id": "AuthenticationContext_EndUser_Assignment", "isEnabled": true}),
        json!({"id": "AuthenticationContext_EndUser_Assignment", "isEnabled": true, "claimValue": "c1\"}"}),
        json!({"id": "Notification_Admin_Admin_Eligibility", "recipientType": "Approver"}),
        json!({"id": "Notification_Admin_Admin_Eligibility", "notificationType": "Pigeon"}),
        json!({"id": "Notification_Admin_Admin_Eligibility", "notificationRecipients": ["a@b\r\nBcc: c@d"]}),
        json!({"id": "Notification_Admin_Admin_Eligibility", "notificationRecipients": ["nobody"]}),
        approval(json!({"isApprovalRequired": true})),
        approval(json!({"isApprovalRequired": true, "approvalStages": []})),
        approval(json!({"approvalMode": "Serial"})),
        approval(json!({"approvalStages": [{}, {}]})),
        approval(json!("yes")),
        stage(json!({"primaryApprovers": []})),
        stage(json!({"primaryApprovers": [{"userType": "User"}]})),
        stage(json!({"primaryApprovers": [{"id": object(SAM)}]})),
        stage(json!({"primaryApprovers": [{"id": "sam", "userType": "User"}]})),
        stage(json!({"primaryApprovers": [{"id": object(SAM), "userType": "Robot"}]})),
        stage(json!({"primaryApprovers": [{"id": object(SAM), "userType": "User", "isBackup": true}]})),
        stage(json!({"primaryApprovers": many})),
        stage(json!({"primaryApprovers": [sam], "isEscalationEnabled": true})),
        stage(json!({"primaryApprovers": [sam], "escalationApprovers": [sam]})),
        stage(json!({"primaryApprovers": [sam], "approvalStageTimeOutInDays": 0})),
        stage(json!({"primaryApprovers": [sam], "requiredApprovals": 0})),
        stage(json!({"primaryApprovers": [sam], "requiredApprovals": "1"})),
    ];
    for rule in bad {
        let error = patched(&ordinary(), rule.clone()).expect_err(&rule.to_string());
        assert_eq!(error.kind, ErrorKind::Invalid, "{rule}");
        assert!(["InvalidPolicy", "InvalidRequestContent"].contains(&error.code.as_str()), "{rule}");
        assert!(error.code == "InvalidPolicy" || error.target.is_some(), "{rule}");
    }
    for body in [json!(null), json!([]), json!({}), json!({"properties": {"rules": {}}})] {
        assert!(ordinary().patch(&body, object(SAM), at(START)).is_err(), "{body}");
    }
}

#[test]
fn rules_that_do_not_go_together_are_refused() {
    let mfa = json!({"id": "Enablement_EndUser_Assignment", "enabledRules": ["MultiFactorAuthentication"]});
    let context =
        json!({"id": "AuthenticationContext_EndUser_Assignment", "isEnabled": true, "claimValue": "c1"});
    let both = json!({"properties": {"rules": [mfa, context]}});
    assert_eq!(ordinary().patch(&both, object(SAM), at(START)).unwrap_err().code, "InvalidPolicy");
    let twice = json!({"properties": {"rules": [mfa, mfa]}});
    assert_eq!(ordinary().patch(&twice, object(SAM), at(START)).unwrap_err().code, "InvalidPolicy");
}

#[test]
fn approval_for_consent_cannot_be_switched_off() {
    let named = patched(
        &guarding(),
        json!({"id": "Approval_EndUser_Assignment", "setting":
            {"approvalStages": [{"primaryApprovers": [approver("User", SAM)]}]}}),
    )
    .unwrap();
    for setting in [json!({"isApprovalRequired": false}), json!({"approvalMode": "NoApproval"})] {
        let rule = json!({"id": "Approval_EndUser_Assignment", "setting": setting});
        let error = patched(&named, rule.clone()).unwrap_err();
        assert!(error.message.contains("cannot be switched off"), "{}", error.message);
        assert!(error.message.contains(guard().as_str()));
        // For a role that opens nothing, it is allowed, and both words mean the same.
        let plain =
            RolePolicy::in_force(PolicyDocument { role: reader(), ..named.document().clone() }, false);
        assert!(!patched(&plain, rule).unwrap().needs_approval());
    }
    let emptied = json!({"id": "Approval_EndUser_Assignment", "setting":
        {"approvalStages": [{"primaryApprovers": []}]}});
    assert!(patched(&named, emptied).is_err());
}

#[test]
fn reach_counts_people_not_accounts() {
    let mut people = Directory::new();
    let list = |approvers: Value| {
        let policy = guarding();
        policy.patch(&stage_patch(json!({"primaryApprovers": approvers})), object(SAM), at(START)).unwrap()
    };
    let group = list(json!([approver("Group", APPROVERS)]));
    let found: Vec<String> = group.approvers(&people).into_iter().map(|person| person.0).collect();
    assert_eq!(found, ["sam", "tess"]);
    let twins = list(json!([approver("User", SAM), approver("User", SAM_TWO), approver("User", SAM)]));
    assert_eq!(twins.rules().approval.first.approvers.len(), 2);
    assert_eq!(twins.approvers(&people).len(), 1);
    assert!(list(json!([approver("User", ROBOT)])).approvers(&people).is_empty());

    let alice = Person("alice".into());
    let only_alice = list(json!([approver("User", ALICE_ADMIN), approver("User", ALICE_HOME)]));
    assert!(only_alice.check_reach(&people, None).is_ok());
    let error = only_alice.check_reach(&people, Some(&alice)).unwrap_err();
    for part in [guard().as_str(), &BACKUP_MUA_OPERATOR.to_string(), "primaryApprovers", "security admin"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    people.disabled.insert(SAM);
    assert!(list(json!([approver("User", SAM)])).check_reach(&people, None).is_err());
    assert!(guarding().check_reach(&people, None).is_err());
    assert!(ordinary().check_reach(&people, None).is_ok());
}

/// Who is in two stages, and whether everybody needed is there.
#[test]
fn reach_of_several_stages_is_a_matching() {
    let mut people = Directory::new();
    people.join(APPROVERS, MALLORY);
    let sam = approver("User", SAM);
    let twin = approver("User", SAM_TWO);
    let tess = approver("User", TESS);
    let group = approver("Group", APPROVERS);
    let reaches = |stages: &[(u8, &[Value])], requester: Option<&str>| {
        let policy = guarding().patch(&parallel_patch(stages), object(SAM), at(START)).unwrap();
        let requester = requester.map(|name| Person(name.into()));
        policy.check_reach(&people, requester.as_ref())
    };
    for (stages, requester, enough) in [
        ([(1, std::slice::from_ref(&sam)), (1, std::slice::from_ref(&tess))], None, true),
        ([(1, std::slice::from_ref(&sam)), (1, std::slice::from_ref(&sam))], None, false),
        ([(1, std::slice::from_ref(&sam)), (1, std::slice::from_ref(&twin))], None, false),
        ([(1, std::slice::from_ref(&group)), (1, std::slice::from_ref(&sam))], None, true),
        ([(2, std::slice::from_ref(&group)), (1, std::slice::from_ref(&sam))], None, true),
        ([(2, std::slice::from_ref(&group)), (2, std::slice::from_ref(&group))], None, false),
        ([(1, std::slice::from_ref(&group)), (1, std::slice::from_ref(&group))], Some("sam"), true),
        ([(2, std::slice::from_ref(&group)), (1, std::slice::from_ref(&group))], Some("sam"), false),
    ] {
        let reach = reaches(&stages, requester);
        assert_eq!(reach.is_ok(), enough, "{stages:?}");
        if let Err(error) = reach {
            assert!(error.message.contains("2 stages"), "{}", error.message);
        }
    }
}

#[test]
fn several_stages_are_patched_in_their_places() {
    let sam = [approver("User", SAM)];
    let tess = [approver("User", TESS)];
    let policy = guarding().patch(&parallel_patch(&[(1, &sam), (2, &tess)]), object(SAM), at(START)).unwrap();
    let numbers = |policy: &RolePolicy| -> Vec<(u8, u8)> {
        policy.rules().approval.stages().map(|stage| (stage.approvals, stage.timeout_days)).collect()
    };
    assert_eq!(numbers(&policy), [(1, 1), (2, 1)]);
    let approval = |setting: Value| json!({"id": "Approval_EndUser_Assignment", "setting": setting});
    let later =
        patched(&policy, approval(json!({"approvalStages": [{}, {"approvalStageTimeOutInDays": 9}]})))
            .unwrap();
    assert_eq!(numbers(&later), [(1, 1), (2, 9)]);
    let fewer = patched(&policy, approval(json!({"approvalStages": [{}]}))).unwrap();
    assert_eq!(numbers(&fewer), [(1, 1)]);
    assert!(matches!(&fewer.rules().approval.mode, ApprovalMode::Parallel(more) if more.is_empty()));
    for bad in [
        json!({"approvalMode": "SingleStage"}),
        json!({"approvalMode": "SingleStage", "approvalStages": [{}, {}]}),
        json!({"approvalMode": "NoApproval"}),
        json!({"approvalMode": "Serial"}),
        json!({"approvalStages": []}),
        json!({"approvalStages": [{}, {}, {}]}),
        json!({"approvalStages": [{}, {"primaryApprovers": []}]}),
        json!({"approvalStages": [{}, {}, {}, {}, {}, {}]}),
    ] {
        assert_eq!(patched(&policy, approval(bad.clone())).unwrap_err().code, "InvalidPolicy", "{bad}");
    }
    // What was stored survives, and what guards consent stays as it is.
    let text = serde_json::to_string(policy.document()).unwrap();
    let read: PolicyDocument = serde_json::from_str(&text).unwrap();
    assert_eq!(RolePolicy::in_force(read, true), policy);
    let shown = policy.to_json(&Directory::new());
    let sent_back = json!({"properties": {"rules": shown["properties"]["rules"]}});
    assert_eq!(policy.patch(&sent_back, object(SAM), at(START)).unwrap().rules(), policy.rules());
}
