//! A policy as the API shows it (contract 6.7).

use arm::long_timestamp;
use serde_json::{Map, Value, json};

use super::{
    ApprovalMode, ApprovalRule, ApprovalStage, ApproverKind, Modified, Occasion, Recipient, RolePolicy,
    RuleId, Rules,
};
use crate::paths;
use crate::view::{Names, expanded_principal, expanded_role, expanded_scope};

impl RolePolicy {
    /// The policy as `roleManagementPolicies/{name}`, with all seventeen rules.
    pub fn to_json(&self, names: &dyn Names) -> Value {
        let rules = rules(self.rules());
        let (modified_by, modified_at) = modified(self.modified(), names);
        json!({
            "id": self.id(),
            "name": self.name(),
            "type": "Microsoft.Authorization/roleManagementPolicies",
            "properties": {
                "scope": self.scope().as_str(),
                "displayName": null,
                "description": null,
                "isOrganizationDefault": false,
                "lastModifiedBy": modified_by,
                "lastModifiedDateTime": modified_at,
                "rules": rules,
                "effectiveRules": rules,
                "policyProperties": {"scope": expanded_scope(names, self.scope())},
            },
        })
    }

    /// The policy's assignment as `roleManagementPolicyAssignments/{policy}_{role}`.
    pub fn assignment_json(&self, names: &dyn Names) -> Value {
        let (modified_by, modified_at) = modified(self.modified(), names);
        json!({
            "id": self.assignment_id(),
            "name": self.assignment_name(),
            "type": "Microsoft.Authorization/roleManagementPolicyAssignments",
            "properties": {
                "scope": self.scope().as_str(),
                "roleDefinitionId": paths::role_definition_id(self.scope(), self.role()),
                "policyId": self.id(),
                "effectiveRules": rules(self.rules()),
                "policyAssignmentProperties": {
                    "scope": expanded_scope(names, self.scope()),
                    "roleDefinition": expanded_role(names, self.scope(), self.role()),
                    "policy": {
                        "id": self.id(),
                        "lastModifiedBy": modified_by,
                        "lastModifiedDateTime": modified_at,
                    },
                },
            },
        })
    }
}

/// Who changed the policy last, and when; nobody and never for one that was never changed.
fn modified(modified: Option<Modified>, names: &dyn Names) -> (Value, Value) {
    match modified {
        Some(modified) => (expanded_principal(names, modified.by), long_timestamp(modified.at).into()),
        None => (Value::Null, Value::Null),
    }
}

fn rules(rules: &Rules) -> Value {
    RuleId::all().map(|id| rule(id, rules)).collect()
}

fn rule(id: RuleId, rules: &Rules) -> Value {
    let content = match id {
        RuleId::Expiration(occasion) => {
            let rule = rules.expiration.get(occasion);
            json!({"isExpirationRequired": rule.required, "maximumDuration": rule.maximum})
        }
        RuleId::Enablement(occasion) => {
            let enabled = rules.enablement.get(occasion).enabled.iter();
            json!({"enabledRules": enabled.map(|requirement| requirement.as_str()).collect::<Vec<_>>()})
        }
        RuleId::Approval => json!({"setting": approval(&rules.approval)}),
        RuleId::AuthenticationContext => json!({
            "isEnabled": rules.authentication_context.enabled,
            "claimValue": rules.authentication_context.claim,
        }),
        RuleId::Notification(recipient, occasion) => notification(rules, recipient, occasion),
    };
    let mut rule = Map::new();
    rule.insert("id".into(), id.to_string().into());
    rule.insert("ruleType".into(), id.rule_type().into());
    rule.insert("target".into(), target(id.occasion()));
    if let Value::Object(content) = content {
        rule.extend(content);
    }
    Value::Object(rule)
}

fn target(occasion: Occasion) -> Value {
    json!({
        "caller": occasion.caller(),
        "operations": ["All"],
        "level": occasion.level(),
        "targetObjects": null,
        "inheritableSettings": null,
        "enforcedSettings": null,
    })
}

fn notification(rules: &Rules, recipient: Recipient, occasion: Occasion) -> Value {
    let rule = rules.notification.get(occasion).get(recipient);
    let recipients = match rule.recipients.as_slice() {
        [] => Value::Null,
        recipients => json!(recipients),
    };
    json!({
        "notificationType": "Email",
        "recipientType": recipient.as_str(),
        "isDefaultRecipientsEnabled": rule.default_recipients,
        "notificationLevel": rule.level.as_str(),
        "notificationRecipients": recipients,
    })
}

fn approval(rule: &ApprovalRule) -> Value {
    json!({
        "isApprovalRequired": rule.required,
        "isApprovalRequiredForExtension": rule.required_for_extension,
        "isRequestorJustificationRequired": rule.requestor_justification,
        "approvalMode": match rule.mode {
            ApprovalMode::SingleStage => "SingleStage",
            ApprovalMode::Parallel(_) => "Parallel",
            ApprovalMode::NoApproval => "NoApproval",
        },
        "approvalStages": rule.stages().map(stage).collect::<Vec<_>>(),
    })
}

fn stage(stage: &ApprovalStage) -> Value {
    let approvers = stage.approvers.iter().map(|approver| {
        json!({
            "id": approver.id,
            "description": approver.description,
            "isBackup": false,
            "userType": match approver.kind {
                ApproverKind::User => "User",
                ApproverKind::Group => "Group",
            },
        })
    });
    json!({
        "approvalStageTimeOutInDays": stage.timeout_days,
        "isApproverJustificationRequired": stage.approver_justification,
        "escalationTimeInMinutes": 0,
        "isEscalationEnabled": false,
        "escalationApprovers": null,
        "primaryApprovers": approvers.collect::<Vec<_>>(),
        "requiredApprovals": stage.approvals,
    })
}
