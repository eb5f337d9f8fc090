//! A request that was settled the moment it was made: what admins ask, what holders give back, and what a lock made fail.
//!
//! It is history and never changes. The schedule it made or ended is another document.

use arm::{ObjectId, RequestId, ResourceId, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Window;
use crate::{
    Actor, Context, Family, PrincipalKind, RequestType, ScheduleInfo, ScheduleRequestBody, Status, Ticket,
};

/// A schedule request without a life of its own (`role{Eligibility,Assignment}ScheduleRequests`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Which family it belongs to.
    pub family: Family,
    /// Its name, which the client chose.
    pub name: RequestId,
    /// Where.
    pub scope: ResourceId,
    /// Which role.
    pub role: RoleId,
    /// Whom it is about.
    pub principal: ObjectId,
    /// What sort of principal that is.
    pub principal_kind: PrincipalKind,
    /// What it wanted.
    pub request_type: RequestType,
    /// What it asked for.
    pub asked: ScheduleInfo,
    /// The window it gave; none for one that took something away.
    pub window: Option<Window>,
    /// Why; empty when nothing was said.
    pub justification: String,
    /// The ticket, if any.
    pub ticket: Ticket,
    /// The schedule it made, changed or ended.
    pub target: RequestId,
    /// The eligibility that stands behind what was given back, if any.
    pub linked_eligibility: Option<RequestId>,
    /// Who made it.
    pub by: Actor,
    /// When.
    pub created: Timestamp,
    /// Whether nothing came of it because the scope is locked.
    #[serde(default)]
    pub locked: bool,
}

/// What a record adds to the body it came with.
pub(crate) struct Outcome<'a> {
    pub(crate) family: Family,
    pub(crate) name: RequestId,
    pub(crate) scope: &'a ResourceId,
    pub(crate) principal_kind: PrincipalKind,
    pub(crate) window: Option<Window>,
    pub(crate) target: RequestId,
    pub(crate) linked_eligibility: Option<RequestId>,
}

impl RequestRecord {
    pub(crate) fn new(body: &ScheduleRequestBody, outcome: Outcome<'_>, cx: &Context<'_>) -> Self {
        Self {
            family: outcome.family,
            name: outcome.name,
            scope: outcome.scope.clone(),
            role: body.role,
            principal: body.principal,
            principal_kind: outcome.principal_kind,
            request_type: body.request_type,
            asked: body.schedule,
            window: outcome.window,
            justification: body.justification.clone(),
            ticket: body.ticket.clone(),
            target: outcome.target,
            linked_eligibility: outcome.linked_eligibility,
            by: cx.actor(),
            created: cx.now,
            locked: false,
        }
    }

    /// What is left of a request that would have given something, at a scope that a lock keeps from being changed
    /// (contract 6.5): the request itself, and nothing that follows from it.
    pub fn of_locked(
        family: Family,
        name: RequestId,
        body: &ScheduleRequestBody,
        scope: &ResourceId,
        principal_kind: PrincipalKind,
        cx: &Context<'_>,
    ) -> Self {
        let linked_eligibility = body.linked_eligibility;
        let outcome =
            Outcome { family, name, scope, principal_kind, window: None, target: name, linked_eligibility };
        Self { locked: true, ..Self::new(body, outcome, cx) }
    }

    /// What became of it: `Revoked` for one that took something away, else `Granted` until its window starts and
    /// `Provisioned` from then on (contract 6.5: a request keeps its last status).
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.window {
            _ if self.locked => Status::FailedAsResourceIsLocked,
            None => Status::Revoked,
            Some(window) if window.start() > now => Status::Granted,
            Some(_) => Status::Provisioned,
        }
    }
}
