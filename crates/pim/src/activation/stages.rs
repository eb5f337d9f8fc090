//! The stages of an approval: what they are called, and which of them have the approvals that they need.
//!
//! The policy in force decides about both the number of stages and who counts, until the request is settled. A vote
//! knows the place of its stage: if the policy's list is changed meanwhile, votes of people who are not approvers of
//! what stands in that place now do not count.

use std::collections::BTreeSet;

use arm::RequestId;

use super::{ActivationRequest, Consent, Progress, Vote};
use crate::derived::guid;
use crate::policy::ApprovalStage;
use crate::{People, RolePolicy};

impl ActivationRequest {
    /// The name of the approval's first stage, of which most have no more.
    pub fn stage(&self) -> RequestId {
        self.stage_name(0)
    }

    /// The names of the approval's stages, in their order: those of the policy in force, or those that there were when
    /// the request was settled.
    pub fn stages(&self, policy: &RolePolicy) -> Vec<RequestId> {
        (0..self.stage_count(policy)).map(|at| self.stage_name(at)).collect()
    }

    fn stage_name(&self, at: u8) -> RequestId {
        let (kind, name) = ("roleAssignmentApprovalStage", self.name.to_string());
        RequestId(match at {
            0 => guid(&[kind, &name]),
            _ => guid(&[kind, &name, &at.to_string()]),
        })
    }

    /// The place of the stage of this name, if the approval has one.
    pub(crate) fn stage_place(&self, name: RequestId, policy: &RolePolicy) -> Option<u8> {
        (0..self.stage_count(policy)).find(|at| self.stage_name(*at) == name)
    }

    fn stage_count(&self, policy: &RolePolicy) -> u8 {
        match &self.progress {
            Progress::Provisioned { consent: Consent::Given { stages, .. }, .. }
            | Progress::Revoked { consent: Consent::Given { stages, .. }, .. }
            | Progress::Denied { stages, .. } => *stages,
            Progress::Provisioned { consent: Consent::NotRequired, .. }
            | Progress::Revoked { consent: Consent::NotRequired, .. } => 0,
            Progress::PendingApproval { .. } | Progress::Canceled { .. } => count(policy),
        }
    }

    /// Whether an approval counts now: its person is still that person, still an approver in this stage, and not the one
    /// who asked.
    fn counts(&self, vote: &Vote, policy: &RolePolicy, people: &dyn People) -> bool {
        stage_at(policy, vote.stage).is_some_and(|stage| stage.lists(vote.by, people))
            && people.is_human(vote.by)
            && people.person_of(vote.by).as_ref() == Some(&vote.person)
            && !self.asker().is(&vote.person, people)
    }

    /// For each stage of the policy, whether as many different people as it needs have approved there. Nobody counts
    /// twice, in whatever stages.
    pub(crate) fn reached(&self, votes: &[Vote], policy: &RolePolicy, people: &dyn People) -> Vec<bool> {
        let mut seen = BTreeSet::new();
        let counted: Vec<u8> = votes
            .iter()
            .filter(|vote| self.counts(vote, policy, people) && seen.insert(&vote.person))
            .map(|vote| vote.stage)
            .collect();
        let has = |at: usize| counted.iter().filter(|stage| usize::from(**stage) == at).count();
        policy.rules().approval.stages().enumerate().map(|(at, stage)| has(at) >= stage.needed()).collect()
    }

    /// Whether a stage is done while another is not: it takes no further approvals, and whoever could give one is
    /// free for the others.
    pub(crate) fn is_filled(
        &self,
        place: u8,
        votes: &[Vote],
        policy: &RolePolicy,
        people: &dyn People,
    ) -> bool {
        let reached = self.reached(votes, policy, people);
        reached.get(usize::from(place)) == Some(&true) && reached.contains(&false)
    }
}

/// The stage that stands in a place of the policy's list.
pub(super) fn stage_at(policy: &RolePolicy, place: u8) -> Option<&ApprovalStage> {
    policy.rules().approval.stages().nth(usize::from(place))
}

/// How many stages the policy has.
pub(super) fn count(policy: &RolePolicy) -> u8 {
    u8::try_from(policy.rules().approval.stages().count()).unwrap_or(u8::MAX)
}
