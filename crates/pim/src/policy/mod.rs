//! The policy of a role at a scope: what activating or giving it away takes.
//!
//! Every (scope, role) has a policy without anybody creating it: its name follows from the two, and until somebody
//! changes it, it is [`RolePolicy::default_for`]. Only a changed policy is stored, as a [`PolicyDocument`], and it
//! becomes a [`RolePolicy`] again only together with the answer to the question whether the role opens a Resource
//! Guard there. So no stored document can switch off approval for consent.

mod matching;
mod patch;
mod patch_approval;
mod reach;
mod render;
mod rule_id;
mod rules;

use arm::{Error, ObjectId, RequestId, ResourceId, Result, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::Length;
use crate::derived::guid;
use crate::paths;
pub use rule_id::RuleId;
pub use rules::{
    ApprovalMode, ApprovalRule, ApprovalStage, Approver, ApproverKind, AuthenticationContextRule,
    EnablementRule, ExpirationRule, NotificationLevel, NotificationRule, Occasion, PerOccasion, PerRecipient,
    Recipient, Requirement, Rules,
};

/// The built-in role *Backup MUA Operator*, whose holder passes a Resource Guard (contract 10).
pub const BACKUP_MUA_OPERATOR: RoleId = RoleId(uuid!("f54b6d04-23c6-443e-b462-9c16ab7b4a52"));
/// The built-in role *Backup MUA Admin*, whose holder owns Resource Guards (contract 10).
pub const BACKUP_MUA_ADMIN: RoleId = RoleId(uuid!("c2a970b4-16a7-4a51-8c84-8a8ea6ee0bb8"));

/// The most approvers a stage may name.
pub const MAX_APPROVERS: usize = 50;
/// The most stages in which approval may be sought.
pub const MAX_STAGES: usize = 5;

/// Who changed a policy last, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// Who.
    pub by: ObjectId,
    /// When.
    pub at: Timestamp,
}

/// A changed policy as it is stored. Not yet one to decide by: see [`RolePolicy::in_force`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// The scope it is about.
    pub scope: ResourceId,
    /// The role it is about.
    pub role: RoleId,
    /// Its rules.
    pub rules: Rules,
    /// Its last change.
    pub modified: Option<Modified>,
}

/// The policy of a role at a scope, as it holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePolicy {
    document: PolicyDocument,
    guards_consent: bool,
}

impl RolePolicy {
    /// The policy that holds until somebody changes it: Azure's defaults, but approval is required from the start
    /// where consent is at stake, with no approver named yet. Such a policy refuses every activation until a
    /// security admin names approvers.
    ///
    /// `guards_consent` says whether holding `role` at `scope` would open a Resource Guard that is at the scope *or
    /// below it*: an activation higher up is inherited, and must not be an easier way in. The two Backup MUA roles
    /// count as such anywhere.
    pub fn default_for(role: RoleId, scope: ResourceId, guards_consent: bool) -> Self {
        let guards_consent = guards_consent || opens_guards(role);
        Self {
            document: PolicyDocument {
                scope,
                role,
                rules: Rules::azure_defaults(guards_consent),
                modified: None,
            },
            guards_consent,
        }
    }

    /// The policy that a stored document gives, where `guards_consent` is as in [`RolePolicy::default_for`], asked
    /// anew: a role may have come to open a guard since the document was written, and then needs approval.
    pub fn in_force(document: PolicyDocument, guards_consent: bool) -> Self {
        let mut document = document;
        let guards_consent = guards_consent || opens_guards(document.role);
        let approval = &mut document.rules.approval;
        if guards_consent {
            approval.required = true;
            if approval.mode == ApprovalMode::NoApproval {
                approval.mode = ApprovalMode::SingleStage;
            }
        }
        Self { document, guards_consent }
    }

    /// The scope the policy is about.
    pub fn scope(&self) -> &ResourceId {
        &self.document.scope
    }

    /// The role the policy is about.
    pub fn role(&self) -> RoleId {
        self.document.role
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.document.rules
    }

    /// The last change, if there was one.
    pub fn modified(&self) -> Option<Modified> {
        self.document.modified
    }

    /// What to store after a change.
    pub fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Whether the role opens a Resource Guard here, so that approval cannot be switched off.
    pub fn guards_consent(&self) -> bool {
        self.guards_consent
    }

    /// Whether an activation waits for somebody else.
    pub fn needs_approval(&self) -> bool {
        self.guards_consent || self.document.rules.approval.is_on()
    }

    /// When silence about something asked at `now` has become a denial: after the shortest of the stages' times. At the
    /// end of the calendar there is no time left to decide.
    pub(crate) fn deadline(&self, now: Timestamp) -> Timestamp {
        let days = self.rules().approval.stages().map(|stage| stage.timeout_days).min().unwrap_or_default();
        Length::days(days.into()).after(now).unwrap_or(now)
    }

    /// A guard against deciding by the policy of another role.
    pub(crate) fn check_role(&self, role: RoleId) -> Result<()> {
        match self.role() == role {
            true => Ok(()),
            false => Err(Error::internal(format!(
                "the policy {} was loaded to decide about the role {role}",
                self.id()
            ))),
        }
    }

    /// The policy's name.
    pub fn name(&self) -> Uuid {
        policy_name(self.scope(), self.role())
    }

    /// The policy's resource id.
    pub fn id(&self) -> String {
        paths::below(self.scope(), "roleManagementPolicies", &self.name().to_string())
    }

    /// The name of the policy's assignment, `{policy}_{role}`.
    pub fn assignment_name(&self) -> String {
        format!("{}_{}", self.name(), self.role())
    }

    /// The resource id of the policy's assignment.
    pub fn assignment_id(&self) -> String {
        paths::below(self.scope(), "roleManagementPolicyAssignments", &self.assignment_name())
    }
}

/// The name of the policy of `role` at `scope`. It does not depend on the case in which the scope is written.
///
/// A name does not lead back to its role: to find a policy by name, compare it with those of the roles that the
/// scope knows.
pub fn policy_name(scope: &ResourceId, role: RoleId) -> Uuid {
    guid(&["roleManagementPolicy", scope.folded(), &role.to_string()])
}

/// The role in the name of a policy assignment, if the name is that of an assignment at this scope.
pub fn role_of_assignment(scope: &ResourceId, name: &str) -> Option<RoleId> {
    let (policy, role) = name.split_once('_')?;
    let role: RoleId = role.parse().ok()?;
    let policy: RequestId = policy.parse().ok()?;
    (policy.0 == policy_name(scope, role)).then_some(role)
}

/// Whether the role is one of the two that are about Resource Guards and nothing else.
fn opens_guards(role: RoleId) -> bool {
    role == BACKUP_MUA_OPERATOR || role == BACKUP_MUA_ADMIN
}
