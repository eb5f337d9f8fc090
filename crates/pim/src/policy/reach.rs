//! Who could approve: the people behind a policy's approver list, as the directory knows them now.

use std::collections::BTreeSet;

use arm::{ObjectId, Result};

use super::{Approver, ApproverKind, RolePolicy};
use crate::refusal::policy_rule;
use crate::{People, Person};

impl RolePolicy {
    /// Whether the object is on the approver list now: itself, or through a group, nested ones too.
    pub fn lists_as_approver(&self, object: ObjectId, people: &dyn People) -> bool {
        let groups = people.groups_of(object);
        let listed = |approver: &Approver| match approver.kind {
            ApproverKind::User => approver.id == object,
            ApproverKind::Group => groups.contains(&approver.id),
        };
        self.rules().approval.stage.approvers.iter().any(listed)
    }

    /// The people who could approve now: every human behind the approver list, each person once.
    pub fn approvers(&self, people: &dyn People) -> BTreeSet<Person> {
        let objects = |approver: &Approver| match approver.kind {
            ApproverKind::User => BTreeSet::from([approver.id]),
            ApproverKind::Group => people.members_of(approver.id),
        };
        let accounts = self.rules().approval.stage.approvers.iter().flat_map(objects);
        accounts
            .filter(|account| people.is_human(*account))
            .filter_map(|account| people.person_of(account))
            .collect()
    }

    /// Whether enough people could approve a request of `requester` (or of anybody, when none is given).
    ///
    /// # Errors
    /// `RoleAssignmentRequestPolicyValidationFailed` that says which role at which scope has too few approvers, and
    /// what a security admin must set. There is no way around it: nothing is ever approved because nobody could.
    pub fn check_reach(&self, people: &dyn People, requester: Option<&Person>) -> Result<()> {
        if !self.needs_approval() {
            return Ok(());
        }
        let mut approvers = self.approvers(people);
        if let Some(requester) = requester {
            approvers.remove(requester);
        }
        let needed = usize::from(self.rules().approval.stage.approvals.max(1));
        if approvers.len() >= needed {
            return Ok(());
        }
        let besides = if requester.is_some() { " besides whoever asks" } else { "" };
        Err(policy_rule(
            "ApprovalRule",
            format!(
                "Activating the role {} at {} requires {needed} approval(s), and {} person(s){besides} could give \
                 one. Nothing is approved automatically: a security admin who may write role policies there must \
                 name enough people or groups as `primaryApprovers` in the rule Approval_EndUser_Assignment of {}.",
                self.role(),
                self.scope(),
                approvers.len(),
                self.id(),
            ),
        ))
    }
}
