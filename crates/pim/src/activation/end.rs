//! Ending a request or an activation. To give consent back is strengthening, and is never refused to its holder.

use arm::{ObjectId, RequestId, ResourceId, Result};
use jiff::Timestamp;

use super::{ActivationRequest, Progress};
use crate::admin::not_an_admins;
use crate::record::Outcome;
use crate::refusal::{does_not_exist, not_yours, settled};
use crate::{
    Context, Eligibility, Family, PrincipalKind, RequestRecord, RequestType, ScheduleRequestBody, Status,
};

/// A `SelfDeactivate` request, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deactivation {
    /// The request, to be stored.
    pub record: RequestRecord,
    /// The activation as it is now, to be stored; its role assignment is to be deleted.
    pub ended: ActivationRequest,
}

/// Settles a `SelfDeactivate` request at `scope`: ends the caller's own activation that is in force or about to be.
///
/// Azure refuses this in the first five minutes (`ActiveDurationTooShort`). We do not: there is no reason to make
/// somebody keep a right that they want to give back.
///
/// # Errors
/// `RoleAssignmentDoesNotExist` (400) when there is nothing to end; `InsufficientPermissions` (403) for somebody
/// else's activation, which an admin ends with `AdminRemove`.
pub fn deactivate(
    name: RequestId,
    body: &ScheduleRequestBody,
    scope: &ResourceId,
    activations: &[ActivationRequest],
    cx: &Context<'_>,
) -> Result<Deactivation> {
    if body.request_type != RequestType::SelfDeactivate {
        return Err(not_an_admins(body.request_type));
    }
    if body.principal != cx.caller.object {
        return Err(not_yours("Only the holder gives a role back; an admin takes it away with AdminRemove."));
    }
    let mine = |activation: &&ActivationRequest| {
        activation.principal == cx.caller.object
            && activation.role == body.role
            && activation.scope == *scope
            && activation.window().is_some_and(|window| !window.has_ended(cx.now))
            && body.linked_eligibility.is_none_or(|linked| linked == activation.eligibility)
            && body.target.is_none_or(|target| target == activation.name)
    };
    let Some(activation) = activations.iter().find(mine) else {
        return Err(does_not_exist(format!(
            "The Role assignment does not exist: you have no activation of the role {} at {scope} to give back.",
            body.role
        )));
    };
    let outcome = Outcome {
        family: Family::Assignment,
        name,
        scope,
        principal_kind: PrincipalKind::User,
        window: None,
        target: activation.name,
        linked_eligibility: Some(activation.eligibility),
    };
    Ok(Deactivation {
        record: RequestRecord::new(body, outcome, cx),
        ended: activation.ended_by(cx.caller.object, cx.now)?,
    })
}

impl ActivationRequest {
    /// The request taken back by the caller, while it waits for its decision. The person who asked may, and whoever
    /// may administer roles at the scope (`may_administer`).
    ///
    /// # Errors
    /// `InsufficientPermissions` (403) for others; `RoleAssignmentRequestSettled` (409) for a request that does not
    /// wait any more. What is in force already is given back with `SelfDeactivate`.
    pub fn cancel(&self, may_administer: bool, cx: &Context<'_>) -> Result<Self> {
        if cx.caller.object != self.principal && !may_administer {
            return Err(not_yours("Only whoever made the request, or an admin of the role, cancels it."));
        }
        match &self.progress {
            Progress::PendingApproval { approvals, .. }
                if self.status_at(cx.now) == Status::PendingApproval =>
            {
                Ok(self.with(Progress::Canceled {
                    by: cx.caller.object,
                    at: cx.now,
                    approvals: approvals.clone(),
                }))
            }
            _ => Err(settled(format!(
                "The request {} is {} already; there is nothing to cancel.",
                self.name,
                self.status_at(cx.now).as_str()
            ))),
        }
    }

    /// The activation ended by an admin of the role. That the caller is one is decided before, by RBAC.
    ///
    /// # Errors
    /// `RoleAssignmentDoesNotExist` (400) when it is not in force and will not be.
    pub fn admin_revoke(&self, cx: &Context<'_>) -> Result<Self> {
        self.ended_by(cx.caller.object, cx.now)
    }

    /// What becomes of an activation when the eligibility it rests on has changed, or is gone (`None`): it ends with
    /// the eligibility. `None` when nothing changes. A request that still waits is left alone: approving it checks
    /// the eligibility anyway.
    pub fn follow(&self, eligibility: Option<&Eligibility>, cx: &Context<'_>) -> Option<Self> {
        let Progress::Provisioned { window, consent } = &self.progress else {
            return None;
        };
        let rests_on = |eligibility: &&Eligibility| {
            eligibility.grant().name == self.eligibility
                && eligibility.serves(self.principal, self.role, &self.scope, cx.people, cx.now)
        };
        if window.has_ended(cx.now) {
            return None;
        }
        let clipped = eligibility
            .filter(rests_on)
            .and_then(|eligibility| window.clipped(eligibility.grant().window.end()));
        match clipped {
            Some(clipped) if clipped == *window => None,
            Some(window) => Some(self.with(Progress::Provisioned { window, consent: consent.clone() })),
            None => self.ended_by(cx.caller.object, cx.now).ok(),
        }
    }

    pub(crate) fn ended_by(&self, by: ObjectId, now: Timestamp) -> Result<Self> {
        match &self.progress {
            Progress::Provisioned { window, consent } if !window.has_ended(now) => {
                Ok(self.with(Progress::Revoked { window: *window, consent: consent.clone(), by, at: now }))
            }
            _ => Err(does_not_exist(format!(
                "The Role assignment does not exist: the activation {} is not in force.",
                self.name
            ))),
        }
    }
}
