//! Approvals and their stage as the API shows them (contract 6.6). Ask [`ActivationRequest::may_see`] first.

use arm::{ObjectId, RequestId, long_timestamp};
use serde_json::{Value, json};

use super::names::Names;
use crate::{ActivationRequest, Consent, Context, Progress, RolePolicy, Status, Vote, paths};

impl ActivationRequest {
    /// The approval as `roleAssignmentApprovals/{name}`; none when no approval was sought.
    pub fn approval_json(&self, policy: &RolePolicy, names: &dyn Names, cx: &Context<'_>) -> Option<Value> {
        let stages = self.stages_json(policy, names, cx);
        self.has_approval().then(|| {
            json!({
                "id": paths::approval_id(self.name()),
                "name": self.name(),
                "type": "Microsoft.Authorization/RoleAssignmentApproval",
                "properties": {"stages": stages},
            })
        })
    }

    /// The approval's stages, in their order.
    pub fn stages_json(&self, policy: &RolePolicy, names: &dyn Names, cx: &Context<'_>) -> Vec<Value> {
        let stages = self.stages(policy).into_iter();
        stages.filter_map(|stage| self.stage_json(stage, policy, names, cx)).collect()
    }

    /// The approval's stage of this name; none when there is no such stage.
    pub fn stage_json(
        &self,
        stage: RequestId,
        policy: &RolePolicy,
        names: &dyn Names,
        cx: &Context<'_>,
    ) -> Option<Value> {
        let place = self.stage_place(stage, policy)?;
        let (status, result, vote) = self.review(place, policy, cx);
        Some(json!({
            "id": paths::stage_id(self.name(), stage),
            "name": stage,
            "type": "Microsoft.Authorization/RoleAssignmentApproval/stages",
            "properties": {
                "displayName": null,
                "status": status,
                "assignedToMe": self.awaits_in(place, policy, cx),
                "reviewResult": result,
                "justification": vote.map_or("", |vote| vote.justification.as_str()),
                "reviewedBy": vote.map(|vote| reviewer(vote.by, names)),
                "reviewedDateTime": vote.map(|vote| long_timestamp(vote.at)),
            },
        }))
    }

    /// The stages as their approvers need to know them: how many people it takes, and who has said what so far.
    pub(super) fn stages_in_detail(&self, policy: &RolePolicy, names: &dyn Names) -> Vec<Value> {
        let votes: Vec<(&Vote, &str)> = match self.progress() {
            Progress::PendingApproval { approvals, .. } | Progress::Canceled { approvals, .. } => {
                approvals.iter().map(|vote| (vote, "Approve")).collect()
            }
            Progress::Denied { denial, earlier, .. } => {
                let earlier = earlier.iter().map(|vote| (vote, "Approve"));
                earlier.chain([(denial, "Deny")]).collect()
            }
            Progress::Provisioned { consent: Consent::Given { decisive, earlier, .. }, .. }
            | Progress::Revoked { consent: Consent::Given { decisive, earlier, .. }, .. } => {
                earlier.iter().chain([decisive]).map(|vote| (vote, "Approve")).collect()
            }
            Progress::Provisioned { .. } | Progress::Revoked { .. } => Vec::new(),
        };
        let stages = self.stages(policy).into_iter().enumerate();
        stages
            .map(|(place, name)| {
                let rule = policy.rules().approval.stages().nth(place);
                let cast = votes.iter().filter(|(vote, _)| usize::from(vote.stage) == place).map(
                    |(vote, result)| {
                        json!({
                            "reviewResult": result,
                            "justification": vote.justification,
                            "reviewedBy": reviewer(vote.by, names),
                            "reviewedDateTime": long_timestamp(vote.at),
                        })
                    },
                );
                json!({
                    "name": name,
                    "requiredApprovals": rule.map(crate::policy::ApprovalStage::needed),
                    "isApproverJustificationRequired": rule.is_some_and(|rule| rule.approver_justification),
                    "reviews": cast.collect::<Vec<_>>(),
                })
            })
            .collect()
    }

    /// How a stage stands: its status, the decision, and the vote that settled it.
    fn review(
        &self,
        place: u8,
        policy: &RolePolicy,
        cx: &Context<'_>,
    ) -> (&'static str, &'static str, Option<&Vote>) {
        match self.progress() {
            Progress::Provisioned { consent: Consent::Given { decisive, earlier, .. }, .. }
            | Progress::Revoked { consent: Consent::Given { decisive, earlier, .. }, .. } => {
                let mut votes = earlier.iter().chain([decisive]).rev();
                ("Completed", "Approve", votes.find(|vote| vote.stage == place))
            }
            Progress::Denied { denial, .. } if denial.stage == place => ("Completed", "Deny", Some(denial)),
            Progress::PendingApproval { .. } if self.status_at(cx.now) == Status::TimedOut => {
                ("Expired", "NotReviewed", None)
            }
            // Of several stages, one may be done before the others.
            Progress::PendingApproval { approvals, .. }
                if self.is_filled(place, approvals, policy, cx.people) =>
            {
                ("Completed", "Approve", approvals.iter().rev().find(|vote| vote.stage == place))
            }
            Progress::PendingApproval { .. } => ("InProgress", "NotReviewed", None),
            Progress::Denied { .. }
            | Progress::Canceled { .. }
            | Progress::Provisioned { .. }
            | Progress::Revoked { .. } => ("Completed", "NotReviewed", None),
        }
    }
}

fn reviewer(by: ObjectId, names: &dyn Names) -> Value {
    let name = names.principal(by);
    json!({
        "principalId": by,
        "principalType": name.kind.as_str(),
        "principalName": name.display_name,
        "userPrincipalName": name.user_name,
    })
}
