//! Who could approve: the people behind a policy's approver lists, as the directory knows them now.

use std::collections::BTreeSet;

use arm::{ObjectId, Result};

use super::matching::filled;
use super::{ApprovalStage, Approver, ApproverKind, RolePolicy};
use crate::refusal::policy_rule;
use crate::{People, Person};

impl ApprovalStage {
    /// Whether the object is on the stage's approver list now: itself, or through a group, nested ones too.
    pub fn lists(&self, object: ObjectId, people: &dyn People) -> bool {
        let groups = people.groups_of(object);
        let listed = |approver: &Approver| match approver.kind {
            ApproverKind::User => approver.id == object,
            ApproverKind::Group => groups.contains(&approver.id),
        };
        self.approvers.iter().any(listed)
    }

    /// The people who could approve in this stage now: every human behind its list, each person once.
    pub fn people(&self, people: &dyn People) -> BTreeSet<Person> {
        let objects = |approver: &Approver| match approver.kind {
            ApproverKind::User => BTreeSet::from([approver.id]),
            ApproverKind::Group => people.members_of(approver.id),
        };
        let accounts = self.approvers.iter().flat_map(objects);
        accounts
            .filter(|account| people.is_human(*account))
            .filter_map(|account| people.person_of(account))
            .collect()
    }
}

impl RolePolicy {
    /// Whether the object is on an approver list now: itself, or through a group, nested ones too.
    pub fn lists_as_approver(&self, object: ObjectId, people: &dyn People) -> bool {
        self.rules().approval.stages().any(|stage| stage.lists(object, people))
    }

    /// The people who could approve now: every human behind the approver lists, each person once.
    pub fn approvers(&self, people: &dyn People) -> BTreeSet<Person> {
        self.rules().approval.stages().flat_map(|stage| stage.people(people)).collect()
    }

    /// Whether enough people could approve a request of `requester` (or of anybody, when none is given): for every
    /// stage as many as it needs, where nobody counts in two stages.
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
        let numbers: Vec<&Person> = approvers.iter().collect();
        let mut places = Vec::new();
        for stage in self.rules().approval.stages() {
            let able = stage.people(people);
            let able: Vec<usize> = (0..numbers.len())
                .filter(|at| numbers.get(*at).is_some_and(|one| able.contains(one)))
                .collect();
            places.extend(std::iter::repeat_n(able, stage.needed()));
        }
        if filled(&places) == places.len() {
            return Ok(());
        }
        let besides = if requester.is_some() { " besides whoever asks" } else { "" };
        let stages = match self.rules().approval.stages().count() {
            1 => String::new(),
            count => format!(
                " in {count} stages, each from approvers of its own and nobody in two of them, which these people \
                 cannot all fill"
            ),
        };
        Err(policy_rule(
            "ApprovalRule",
            format!(
                "Activating the role {} at {} requires {} approval(s){stages}, and {} person(s){besides} could give \
                 one. Nothing is approved automatically: a security admin who may write role policies there must \
                 name enough people or groups as `primaryApprovers` in the rule Approval_EndUser_Assignment of {}.",
                self.role(),
                self.scope(),
                places.len(),
                approvers.len(),
                self.id(),
            ),
        ))
    }
}
