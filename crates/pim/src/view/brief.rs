//! What approvers are told of a request beside the approval's stages: our own addition to Azure's approval, which clients
//! that do not know it pass over.

use arm::long_timestamp;
use serde_json::{Value, json};

use super::names::{Names, expanded_principal, expanded_role, expanded_scope};
use super::request::{schedule_info, ticket};
use crate::{ActivationRequest, Context, Eligibility, Progress, RolePolicy, paths};

impl ActivationRequest {
    /// Who asks, how they had signed in, for what, why, how long it would hold if it were agreed now, and until when that
    /// can be. `eligibility` is the document as it is now that the request rests on.
    pub fn brief_json(
        &self,
        policy: &RolePolicy,
        eligibility: Option<&Eligibility>,
        names: &dyn Names,
        cx: &Context<'_>,
    ) -> Value {
        let request = paths::below(self.scope(), "roleAssignmentScheduleRequests", &self.name().to_string());
        let linked = paths::below(
            self.eligibility_scope(),
            "roleEligibilitySchedules",
            &self.eligibility().to_string(),
        );
        // What is settled is in the request; only of what waits there is something to be told beforehand.
        let (decide_by, window) = match self.progress() {
            Progress::PendingApproval { expires, .. } => {
                (Some(*expires), self.window_if_approved(policy, eligibility, cx).ok())
            }
            _ => (None, self.window()),
        };
        json!({
            "id": request,
            "status": self.status_at(cx.now).as_str(),
            "requestor": expanded_principal(names, self.principal()),
            "signedIn": {
                "amr": self.signed_in().methods,
                "acrs": self.signed_in().contexts,
                "authTime": self.signed_in().at.map(long_timestamp),
                "factorEnrolled": self.signed_in().factor_enrolled.map(long_timestamp),
            },
            "scope": expanded_scope(names, self.scope()),
            "roleDefinition": expanded_role(names, self.scope(), self.role()),
            "linkedRoleEligibilityScheduleId": linked,
            "eligibleThrough": self.through().map(|group| expanded_principal(names, group)),
            "justification": self.justification(),
            "ticketInfo": ticket(self.ticket()),
            "scheduleInfo": schedule_info(self.asked().start.unwrap_or(self.created()), self.asked()),
            "startDateTime": window.map(|window| long_timestamp(window.start())),
            "endDateTime": window.and_then(|window| window.end()).map(long_timestamp),
            "createdOn": long_timestamp(self.created()),
            "decideBefore": decide_by.map(long_timestamp),
            "stages": self.stages_in_detail(policy, names),
        })
    }
}
