//! What admins ask: to make somebody eligible, to assign a role for a time, to change that and to take it away.
//!
//! That the caller may administer roles at the scope (`roleAssignments/write`) is decided before, by RBAC.

use arm::{RequestId, Result};

use crate::checks::broken_rules;
use crate::grant::Schedule;
use crate::record::Outcome;
use crate::refusal::{content, does_not_exist, exists, policy_rules};
use crate::{
    ActivationRequest, Context, DirectAssignment, Eligibility, ExtensionRequest, Family, Grant,
    PrincipalKind, RequestRecord, RequestType, RolePolicy, ScheduleRequestBody, Window,
};

/// What a request of an admin does to the schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<S> {
    /// Store this schedule, new or in place of the one of its name.
    Put(S),
    /// Delete this schedule.
    Remove(S),
    /// Store this activation, which the admin ended.
    Revoke(Box<ActivationRequest>),
}

/// A request of an admin, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled<S> {
    /// The request, to be stored.
    pub record: RequestRecord,
    /// What it does.
    pub change: Change<S>,
    /// The holder's request for more time that it decides, as it is now, to be stored.
    pub answered: Option<ExtensionRequest>,
}

/// What there is at a scope: what a request is decided against. Others' and other roles' do no harm.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a, S> {
    /// The schedules of the family.
    pub schedules: &'a [S],
    /// The activations; only requests about assignments look at them.
    pub activations: &'a [ActivationRequest],
    /// The requests for more time.
    pub extensions: &'a [ExtensionRequest],
}

/// Settles an admin's request to `roleEligibilityScheduleRequests`. `existing` is what there is at the scope; `policy`
/// is that of the scope and the body's role.
///
/// An `AdminExtend` or `AdminRenew` decides the holder's open request for more time, an `AdminRemove` denies it.
///
/// When an eligibility is removed or shortened, the caller passes every activation that rests on it through
/// [`ActivationRequest::follow`].
///
/// # Errors
/// `RoleAssignmentExists` for a principal who is eligible already, `RoleAssignmentDoesNotExist` when there is
/// nothing to change or remove, `RoleAssignmentRequestPolicyValidationFailed` for broken rules,
/// `InvalidRoleAssignmentRequestSchedule`, `InvalidRequestContent` for a request type that is not an admin's, and
/// `InsufficientPermissions` (403) for an admin who would decide on their own request for more time.
pub fn request_eligibility(
    name: RequestId,
    body: &ScheduleRequestBody,
    principal_kind: PrincipalKind,
    policy: &RolePolicy,
    existing: Standing<'_, Eligibility>,
    cx: &Context<'_>,
) -> Result<Settled<Eligibility>> {
    settle(&Ask { name, body, principal_kind, policy, cx }, existing)
}

/// Settles an admin's request to `roleAssignmentScheduleRequests`. As [`request_eligibility`], with the direct
/// assignments of the scope; an `AdminRemove` that finds none ends the principal's activation instead, if there is one
/// that is in force or about to be.
///
/// # Errors
/// As [`request_eligibility`].
pub fn request_assignment(
    name: RequestId,
    body: &ScheduleRequestBody,
    principal_kind: PrincipalKind,
    policy: &RolePolicy,
    existing: Standing<'_, DirectAssignment>,
    cx: &Context<'_>,
) -> Result<Settled<DirectAssignment>> {
    let ask = Ask { name, body, principal_kind, policy, cx };
    if body.request_type == RequestType::AdminRemove && ask.find(existing.schedules).is_none() {
        let theirs = existing.activations.iter().find(|activation| ask.is_about(activation));
        if let Some(activation) = theirs {
            let record = ask.record(Family::Assignment, None, activation.name());
            let ended = activation.ended_by(cx.caller.object, cx.now)?;
            return Ok(Settled { record, change: Change::Revoke(Box::new(ended)), answered: None });
        }
    }
    settle(&ask, existing)
}

/// Nothing at all.
impl<S> Default for Standing<'_, S> {
    fn default() -> Self {
        Self { schedules: &[], activations: &[], extensions: &[] }
    }
}

/// An admin's request and what it is decided by.
struct Ask<'a> {
    name: RequestId,
    body: &'a ScheduleRequestBody,
    principal_kind: PrincipalKind,
    policy: &'a RolePolicy,
    cx: &'a Context<'a>,
}

fn settle<S: Schedule>(ask: &Ask<'_>, existing: Standing<'_, S>) -> Result<Settled<S>> {
    ask.policy.check_role(ask.body.role)?;
    let (record, change) = match ask.body.request_type {
        RequestType::AdminAssign | RequestType::AdminRenew => ask.assign(existing.schedules),
        RequestType::AdminUpdate | RequestType::AdminExtend => ask.update(existing.schedules),
        RequestType::AdminRemove => ask.remove(existing.schedules),
        RequestType::SelfActivate
        | RequestType::SelfDeactivate
        | RequestType::SelfExtend
        | RequestType::SelfRenew => Err(not_an_admins(ask.body.request_type)),
    }?;
    Ok(Settled { record, change, answered: ask.answer(S::FAMILY, existing.extensions)? })
}

/// Refuses the request types that are not made here.
pub(crate) fn not_an_admins(request_type: RequestType) -> arm::Error {
    let kind = request_type.as_str();
    content("properties.requestType", format!("{kind} is not a request for this collection or this function"))
}

impl Ask<'_> {
    /// The holder's open request for more time, as it is after this one.
    fn answer(&self, family: Family, requests: &[ExtensionRequest]) -> Result<Option<ExtensionRequest>> {
        let open = requests.iter().find(|request| {
            let (scope, role) = (self.policy.scope(), self.body.role);
            request.is_about(family, scope, role, self.body.principal) && request.is_open(self.cx.now)
        });
        let Some(open) = open else { return Ok(None) };
        match self.body.request_type {
            RequestType::AdminExtend | RequestType::AdminRenew => open.given(self.name, self.cx).map(Some),
            RequestType::AdminRemove => open.cancel(true, self.cx).map(Some),
            _ => Ok(None),
        }
    }

    fn assign<S: Schedule>(&self, existing: &[S]) -> Result<(RequestRecord, Change<S>)> {
        let window = self.window::<S>()?;
        let overlaps = |other: &&S| self.is_for(other.grant()) && other.grant().window.overlaps(&window);
        if let Some(other) = existing.iter().find(overlaps) {
            return Err(exists(format!(
                "The Role assignment already exists: the principal has this role at this scope through the schedule \
                 {}. Change that with AdminUpdate, or remove it first.",
                other.grant().name
            )));
        }
        let grant = Grant {
            name: self.name,
            scope: self.policy.scope().clone(),
            role: self.body.role,
            principal: self.body.principal,
            principal_kind: self.principal_kind,
            window,
            asked: self.body.schedule,
            created: self.cx.now,
            updated: None,
            request: self.name,
        };
        let record = self.record(S::FAMILY, Some(window), grant.name);
        Ok((record, Change::Put(S::around(grant))))
    }

    fn update<S: Schedule>(&self, existing: &[S]) -> Result<(RequestRecord, Change<S>)> {
        let window = self.window::<S>()?;
        let mut grant = self.find(existing).ok_or_else(|| self.nothing_there())?.grant().clone();
        // What has started goes on; the new time moves its end.
        let start = match grant.window.contains(self.cx.now) && self.body.schedule.start.is_none() {
            true => grant.window.start(),
            false => window.start(),
        };
        grant.window = Window::new(start, window.end()).unwrap_or(window);
        grant.asked = self.body.schedule;
        grant.updated = Some(self.cx.now);
        grant.request = self.name;
        let record = self.record(S::FAMILY, Some(window), grant.name);
        Ok((record, Change::Put(S::around(grant))))
    }

    fn remove<S: Schedule>(&self, existing: &[S]) -> Result<(RequestRecord, Change<S>)> {
        let schedule = self.find(existing).ok_or_else(|| self.nothing_there())?;
        let record = self.record(S::FAMILY, None, schedule.grant().name);
        Ok((record, Change::Remove(schedule.clone())))
    }

    /// The window asked for, if it keeps the policy's rules.
    fn window<S: Schedule>(&self) -> Result<Window> {
        let window = self.body.schedule.window(self.cx.now)?;
        match broken_rules(self.policy, S::FAMILY.occasion(), self.body, &window, self.cx).as_slice() {
            [] => Ok(window),
            broken => Err(policy_rules(broken)),
        }
    }

    /// Whether the grant gives what the request is about.
    fn is_for(&self, grant: &Grant) -> bool {
        grant.scope == *self.policy.scope()
            && grant.role == self.body.role
            && grant.principal == self.body.principal
    }

    /// The schedule the request is about: the one it names, else the one that is in force or about to be.
    fn find<'s, S: Schedule>(&self, existing: &'s [S]) -> Option<&'s S> {
        existing.iter().find(|schedule| {
            let grant = schedule.grant();
            self.is_for(grant)
                && !grant.window.has_ended(self.cx.now)
                && self.body.target.is_none_or(|target| target == grant.name)
        })
    }

    /// Whether the request is about this activation, and there is something to end.
    fn is_about(&self, activation: &ActivationRequest) -> bool {
        activation.scope() == self.policy.scope()
            && activation.role() == self.body.role
            && activation.principal() == self.body.principal
            && activation.is_open_or_effective(self.cx.now)
            && activation.window().is_some()
            && self.body.target.is_none_or(|target| target == activation.name())
    }

    fn nothing_there(&self) -> arm::Error {
        does_not_exist(format!(
            "The Role assignment does not exist: {} has no current schedule of this kind for the role {} at {}.",
            self.body.principal,
            self.body.role,
            self.policy.scope()
        ))
    }

    fn record(&self, family: Family, window: Option<Window>, target: RequestId) -> RequestRecord {
        let outcome = Outcome {
            family,
            name: self.name,
            scope: self.policy.scope(),
            principal_kind: self.principal_kind,
            window,
            target,
            linked_eligibility: None,
        };
        RequestRecord::new(self.body, outcome, self.cx)
    }
}
