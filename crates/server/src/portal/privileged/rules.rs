//! The rules of a role's policy, as the API shows them.

use std::collections::BTreeSet;

use arm::Result;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::consent::Named;
use super::super::moment::Moment;
use super::super::viewer::Viewer;
use super::super::words::name_of;
use super::length;
use crate::portal::ask::authorization;

/// A policy's assignment: which rules hold for a role at a scope.
#[derive(Clone, Debug, Deserialize)]
pub struct PolicyAssignment {
    /// What it holds.
    pub properties: PolicyAssignmentProperties,
}

/// What a policy's assignment says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAssignmentProperties {
    /// The role.
    pub role_definition_id: String,
    /// The policy's id.
    pub policy_id: String,
    /// The rules.
    pub effective_rules: Rules,
    /// Names for people.
    pub policy_assignment_properties: Expanded,
}

/// Names for people, and the last change.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expanded {
    /// The role.
    pub role_definition: Named,
    /// The policy.
    pub policy: LastChange,
}

/// The last change of a policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastChange {
    /// When; never, for the defaults.
    pub last_modified_date_time: Option<Timestamp>,
}

impl PolicyAssignment {
    /// What the role is called.
    pub fn role(&self) -> &str {
        &self.properties.policy_assignment_properties.role_definition.display_name
    }
}

impl PolicyAssignmentProperties {
    /// When it was changed; never, for the defaults.
    pub fn changed(&self) -> Option<Moment> {
        self.policy_assignment_properties.policy.last_modified_date_time.map(Moment)
    }
}

/// All rules, by their ids.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Rules(Vec<Rule>);

/// A rule: what its kind has, and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `Expiration_EndUser_Assignment`, …
    pub id: String,
    /// Whether it must end by itself.
    #[serde(default)]
    pub is_expiration_required: bool,
    /// How long it may last, in ISO 8601.
    #[serde(default)]
    pub maximum_duration: String,
    /// What a request must come with.
    #[serde(default)]
    pub enabled_rules: BTreeSet<String>,
    /// Whether an authentication context is asked for.
    #[serde(default)]
    pub is_enabled: bool,
    /// Which one.
    #[serde(default)]
    pub claim_value: String,
    /// Who has to agree.
    pub setting: Option<Approval>,
    /// Whether those whom the rule is named after are mailed.
    #[serde(default)]
    pub is_default_recipients_enabled: bool,
    /// `All`, `Critical` or `None`.
    #[serde(default)]
    pub notification_level: String,
    /// Who is mailed besides.
    pub notification_recipients: Option<Vec<String>>,
}

/// Whether somebody else has to agree, and who.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Whether anybody has to.
    pub is_approval_required: bool,
    /// Whether whoever asks must say why.
    #[serde(default)]
    pub is_requestor_justification_required: bool,
    /// `SingleStage`, `Parallel` or `NoApproval`.
    #[serde(default)]
    pub approval_mode: String,
    /// The stages, all open at once.
    #[serde(default)]
    pub approval_stages: Vec<Stage>,
}

/// One stage of an approval.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Days until silence is a denial.
    #[serde(rename = "approvalStageTimeOutInDays")]
    pub timeout_days: u8,
    /// Whether approvers must say why.
    #[serde(default)]
    pub is_approver_justification_required: bool,
    /// How many of them have to agree.
    #[serde(default = "one")]
    pub required_approvals: u8,
    /// Who may decide.
    #[serde(default)]
    pub primary_approvers: Vec<Approver>,
}

/// A person or group that may decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approver {
    /// The object id.
    pub id: String,
    /// What the list calls them.
    #[serde(default)]
    pub description: String,
    /// `User` or `Group`.
    pub user_type: String,
}

fn one() -> u8 {
    1
}

impl Rules {
    /// The rule of an id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.id == id)
    }

    /// Whether a rule asks for something: `Justification`, `Ticketing`, `MultiFactorAuthentication`.
    pub fn asks(&self, id: &str, what: &str) -> bool {
        self.get(id).is_some_and(|rule| rule.enabled_rules.contains(what))
    }

    /// Whether and by whom an activation is approved.
    pub fn approval(&self) -> Option<&Approval> {
        let approval = self.get("Approval_EndUser_Assignment")?.setting.as_ref()?;
        (approval.is_approval_required && approval.approval_mode != "NoApproval").then_some(approval)
    }

    /// The authentication context that an activation asks for.
    pub fn context(&self) -> Option<&str> {
        let rule = self.get("AuthenticationContext_EndUser_Assignment")?;
        rule.is_enabled.then_some(rule.claim_value.as_str())
    }
}

/// What an activation takes, by all the policies that it is decided by.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// The longest that it may last, in minutes.
    pub longest: Option<i64>,
    /// Whether to say why.
    pub reason: bool,
    /// Whether to name a ticket.
    pub ticket: bool,
    /// Whether a second factor is asked for.
    pub second_factor: bool,
    /// The authentication contexts that are asked for.
    pub contexts: BTreeSet<String>,
    /// Who has to agree.
    pub approval: Option<Approval>,
}

impl Demands {
    /// Takes over what one more policy asks for. That of the narrowest scope comes first.
    fn add(&mut self, rules: &Rules) {
        const RULE: &str = "Enablement_EndUser_Assignment";
        let longest = rules
            .get("Expiration_EndUser_Assignment")
            .and_then(|rule| length::minutes(&rule.maximum_duration));
        self.longest = [self.longest, longest].into_iter().flatten().min();
        let approval = rules.approval();
        self.reason |= rules.asks(RULE, "Justification")
            || approval.is_some_and(|approval| approval.is_requestor_justification_required);
        self.ticket |= rules.asks(RULE, "Ticketing");
        self.second_factor |= rules.asks(RULE, "MultiFactorAuthentication");
        self.contexts.extend(rules.context().map(String::from));
        if self.approval.is_none() {
            self.approval = approval.cloned();
        }
    }

    /// The longest that it may last, in words.
    pub fn longest_in_words(&self) -> Option<String> {
        self.longest.map(length::of_minutes)
    }
}

impl Viewer {
    /// The rules of a role at a scope.
    ///
    /// # Errors
    /// What ARM answers.
    pub(super) async fn policy(&self, scope: &str, role: &str) -> Result<Option<PolicyAssignment>> {
        let path = authorization(scope, "roleManagementPolicyAssignments");
        let filter = format!("roleDefinitionId eq '{}'", name_of(role));
        let found: Vec<PolicyAssignment> = self.list(&path, &[("$filter", &filter)]).await?;
        Ok(found.into_iter().next())
    }

    /// What it takes to activate a role at a scope, when one is eligible for it there or above.
    ///
    /// # Errors
    /// What ARM answers but for a refusal.
    pub(super) async fn demands(&self, scope: &str, eligible_at: &str, role: &str) -> Result<Demands> {
        let (scope, top) = (arm::ResourceId::parse(scope)?, arm::ResourceId::parse(eligible_at)?);
        let mut demands = Demands::default();
        for at in scope.lineage().take_while(|at| at.is_within(&top)) {
            match self.policy(at.as_str(), role).await {
                Ok(Some(policy)) => demands.add(&policy.properties.effective_rules),
                Ok(None) => {}
                Err(error) if error.kind == arm::ErrorKind::Forbidden => {}
                Err(error) => return Err(error),
            }
        }
        Ok(demands)
    }
}
