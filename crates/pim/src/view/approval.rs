//! Approvals and their stage as the API shows them (contract 6.6). Ask [`ActivationRequest::may_see`] first.

use arm::{ObjectId, RequestId, long_timestamp};
use serde_json::{Value, json};

use super::names::Names;
use crate::{ActivationRequest, Consent, Context, Progress, RolePolicy, Status, Vote, paths};

impl ActivationRequest {
    /// The approval as `roleAssignmentApprovals/{name}`; none when no approval was sought.
    pub fn approval_json(&self, policy: &RolePolicy, names: &dyn Names, cx: &Context<'_>) -> Option<Value> {
        let stage = self.stage_json(self.stage(), policy, names, cx)?;
        Some(json!({
            "id": paths::approval_id(self.name()),
            "name": self.name(),
            "type": "Microsoft.Authorization/RoleAssignmentApproval",
            "properties": {"stages": [stage]},
        }))
    }

    /// The approval's stage of this name; none when there is no such stage.
    pub fn stage_json(
        &self,
        stage: RequestId,
        policy: &RolePolicy,
        names: &dyn Names,
        cx: &Context<'_>,
    ) -> Option<Value> {
        if !self.has_approval() || stage != self.stage() {
            return None;
        }
        let (result, vote) = self.review();
        Some(json!({
            "id": paths::stage_id(self.name(), stage),
            "name": stage,
            "type": "Microsoft.Authorization/RoleAssignmentApproval/stages",
            "properties": {
                "displayName": null,
                "status": match self.status_at(cx.now) {
                    Status::PendingApproval => "InProgress",
                    Status::TimedOut => "Expired",
                    _ => "Completed",
                },
                "assignedToMe": self.awaits(policy, cx),
                "reviewResult": result,
                "justification": vote.map_or("", |vote| vote.justification.as_str()),
                "reviewedBy": vote.map(|vote| reviewer(vote.by, names)),
                "reviewedDateTime": vote.map(|vote| long_timestamp(vote.at)),
            },
        }))
    }

    /// The decision, and the vote that settled it.
    fn review(&self) -> (&'static str, Option<&Vote>) {
        match self.progress() {
            Progress::Provisioned { consent: Consent::Given { decisive, .. }, .. }
            | Progress::Revoked { consent: Consent::Given { decisive, .. }, .. } => {
                ("Approve", Some(decisive))
            }
            Progress::Denied { denial, .. } => ("Deny", Some(denial)),
            Progress::Provisioned { .. }
            | Progress::Revoked { .. }
            | Progress::PendingApproval { .. }
            | Progress::Canceled { .. } => ("NotReviewed", None),
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
