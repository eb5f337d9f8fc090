//! More time: the holder of something that ends asks for it, and an admin of the role decides.
//!
//! ```text
//!                     +-- AdminExtend, AdminRenew of somebody else --> AdminApproved
//! SelfExtend, --> PendingAdminDecision -- cancel by an admin, AdminRemove --> AdminDenied
//! SelfRenew           +-- cancel by the person who asked --> Canceled
//!                     +-- nobody decides in time: TimedOut, by comparison alone
//! ```
//!
//! The request itself moves nothing: the schedule moves by the admin's own request, which keeps the admin's rules. So
//! there is no way in which silence, or the one who asks, extends anything.

use arm::{ObjectId, RequestId, ResourceId, Result, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::not_an_admins;
use crate::checks::expiration;
use crate::grant::Schedule;
use crate::people::Asker;
use crate::refusal::{
    Broken, does_not_exist, exists, not_yours, pending, policy_rules, schedule, self_extension, settled,
};
use crate::{
    Actor, Authentication, Context, DirectAssignment, Eligibility, Family, Grant, Person, RequestType,
    RolePolicy, ScheduleInfo, ScheduleRequestBody, Status, Ticket, Window,
};

/// How far a request for more time has come. That it timed out is not stored: it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    /// None yet; from `expires` on it is too late.
    Open { expires: Timestamp },
    /// An admin gave more time, by a request of their own.
    Given { by: Actor, at: Timestamp, request: RequestId },
    /// An admin said no.
    Refused { by: Actor, at: Timestamp },
    /// The person who asked took it back.
    TakenBack { by: ObjectId, at: Timestamp },
}

/// A request to extend what ends, or to renew what has ended (`role{Eligibility,Assignment}ScheduleRequests`,
/// `SelfExtend` and `SelfRenew`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionRequest {
    family: Family,
    name: RequestId,
    scope: ResourceId,
    role: RoleId,
    principal: ObjectId,
    person: Person,
    renewal: bool,
    target: RequestId,
    asked: ScheduleInfo,
    justification: String,
    ticket: Ticket,
    signed_in: Authentication,
    created: Timestamp,
    answer: Answer,
}

/// Settles a `SelfExtend` or `SelfRenew` to `roleEligibilityScheduleRequests`. `existing` are the eligibilities of the
/// scope, `requests` its requests for more time (those of other people and roles do no harm).
///
/// # Errors
/// All 400 unless noted.
/// - `InsufficientPermissions` (403): the caller is not a person, or asks for somebody else; a group's eligibility is
///   its admins' matter.
/// - `PendingRoleAssignmentRequest`: the same was asked and waits.
/// - `RoleAssignmentDoesNotExist`: nothing to extend or renew; `RoleAssignmentExists`: what is to be renewed holds still.
/// - `RoleAssignmentRequestPolicyValidationFailed`: `ExpirationRule` of what admins may give, or `JustificationRule`.
/// - `InvalidRoleAssignmentRequestSchedule`: it would not end later than it does.
pub fn extend_eligibility(
    name: RequestId,
    body: &ScheduleRequestBody,
    policy: &RolePolicy,
    existing: &[Eligibility],
    requests: &[ExtensionRequest],
    cx: &Context<'_>,
) -> Result<ExtensionRequest> {
    ask(name, body, policy, existing, requests, cx)
}

/// Settles a `SelfExtend` or `SelfRenew` to `roleAssignmentScheduleRequests`, as [`extend_eligibility`] with the direct
/// assignments of the scope.
///
/// # Errors
/// As [`extend_eligibility`].
pub fn extend_assignment(
    name: RequestId,
    body: &ScheduleRequestBody,
    policy: &RolePolicy,
    existing: &[DirectAssignment],
    requests: &[ExtensionRequest],
    cx: &Context<'_>,
) -> Result<ExtensionRequest> {
    ask(name, body, policy, existing, requests, cx)
}

fn ask<S: Schedule>(
    name: RequestId,
    body: &ScheduleRequestBody,
    policy: &RolePolicy,
    existing: &[S],
    requests: &[ExtensionRequest],
    cx: &Context<'_>,
) -> Result<ExtensionRequest> {
    let renewal = match body.request_type {
        RequestType::SelfExtend => false,
        RequestType::SelfRenew => true,
        other => return Err(not_an_admins(other)),
    };
    policy.check_role(body.role)?;
    let person = holder(body, cx)?;
    let open = |other: &&ExtensionRequest| {
        other.is_about(S::FAMILY, policy.scope(), body.role, body.principal) && other.is_open(cx.now)
    };
    if let Some(other) = requests.iter().find(open) {
        return Err(pending(other.name));
    }
    let mine = existing.iter().map(S::grant).filter(|grant| {
        grant.scope == *policy.scope() && grant.role == body.role && grant.principal == body.principal
    });
    let grant = match renewal {
        false => to_extend(mine, body, cx.now)?,
        true => to_renew(mine, body, cx.now)?,
    };
    let window = body.schedule.window(cx.now)?;
    check(S::FAMILY, &window, body, policy)?;
    if !renewal && !ends_later(&window, grant) {
        return Err(schedule("it would not end later than it does; ask for a time that goes beyond its end"));
    }
    Ok(ExtensionRequest {
        family: S::FAMILY,
        name,
        scope: policy.scope().clone(),
        role: body.role,
        principal: body.principal,
        person,
        renewal,
        target: grant.name,
        asked: body.schedule,
        justification: body.justification.clone(),
        ticket: body.ticket.clone(),
        signed_in: cx.caller.authentication.clone(),
        created: cx.now,
        answer: Answer::Open { expires: policy.deadline(cx.now) },
    })
}

/// The person who asks, who must be the one who holds it.
fn holder(body: &ScheduleRequestBody, cx: &Context<'_>) -> Result<Person> {
    if body.principal != cx.caller.object {
        return Err(not_yours(format!(
            "More time is asked for by whoever holds the role: `principalId` must be your own object id here, {}. For \
             a group, an admin of the role extends it.",
            cx.caller.object
        )));
    }
    cx.human().ok_or_else(|| {
        not_yours(
            "Only people ask for more time: this caller is an application, or an account that is not in use.",
        )
    })
}

/// What is in force or about to be, and ends.
fn to_extend<'g>(
    mut mine: impl Iterator<Item = &'g Grant>,
    body: &ScheduleRequestBody,
    now: Timestamp,
) -> Result<&'g Grant> {
    let fits = |grant: &&Grant| {
        !grant.window.has_ended(now) && body.target.is_none_or(|target| target == grant.name)
    };
    let grant = mine.find(fits).ok_or_else(|| {
        does_not_exist(
            "The Role assignment does not exist: you have nothing of this kind here that could be extended. What has \
             ended is renewed, with SelfRenew; what a group holds, an admin extends.",
        )
    })?;
    match grant.window.end() {
        Some(_) => Ok(grant),
        None => Err(schedule("it does not end by itself, so that there is nothing to extend")),
    }
}

/// What has ended, and nothing has taken its place; of several, what ended last.
fn to_renew<'g>(
    mine: impl Iterator<Item = &'g Grant>,
    body: &ScheduleRequestBody,
    now: Timestamp,
) -> Result<&'g Grant> {
    let (ended, current): (Vec<&Grant>, Vec<&Grant>) = mine.partition(|grant| grant.window.has_ended(now));
    if let Some(current) = current.first() {
        return Err(exists(format!(
            "The Role assignment already exists: the schedule {} is in force or about to be. Extend it, with \
             SelfExtend.",
            current.name
        )));
    }
    let named = ended.into_iter().filter(|grant| body.target.is_none_or(|target| target == grant.name));
    named.max_by_key(|grant| (grant.window.end(), grant.name)).ok_or_else(|| {
        does_not_exist(
            "The Role assignment does not exist: you had nothing of this kind here that has run out.",
        )
    })
}

/// What an admin could not give is not asked for, and whoever decides must see why.
fn check(family: Family, window: &Window, body: &ScheduleRequestBody, policy: &RolePolicy) -> Result<()> {
    let mut broken = Vec::from_iter(expiration(policy, family.occasion(), window));
    if body.justification.is_empty() {
        broken.push(Broken::new("JustificationRule", "Say in `justification` why you need more time."));
    }
    match broken.as_slice() {
        [] => Ok(()),
        broken => Err(policy_rules(broken)),
    }
}

fn ends_later(window: &Window, grant: &Grant) -> bool {
    match (window.end(), grant.window.end()) {
        (Some(new), Some(old)) => new > old,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

impl ExtensionRequest {
    /// Which family it belongs to.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its name, which the client chose.
    pub fn name(&self) -> RequestId {
        self.name
    }

    /// Where.
    pub fn scope(&self) -> &ResourceId {
        &self.scope
    }

    /// Which role.
    pub fn role(&self) -> RoleId {
        self.role
    }

    /// Who asks and holds the role.
    pub fn principal(&self) -> ObjectId {
        self.principal
    }

    /// The person who asks.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The schedule that is to last longer, or has ended.
    pub fn target(&self) -> RequestId {
        self.target
    }

    /// What it wants: `SelfExtend` or `SelfRenew`.
    pub fn request_type(&self) -> RequestType {
        match self.renewal {
            false => RequestType::SelfExtend,
            true => RequestType::SelfRenew,
        }
    }

    /// From when and how long it is asked for.
    pub fn asked(&self) -> &ScheduleInfo {
        &self.asked
    }

    /// Why.
    pub fn justification(&self) -> &str {
        &self.justification
    }

    /// The ticket, if any.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// How whoever asks had signed in.
    pub fn signed_in(&self) -> &Authentication {
        &self.signed_in
    }

    /// When it was asked for.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The first instant at which it is too late to decide, while nobody has.
    pub fn expires(&self) -> Option<Timestamp> {
        match &self.answer {
            Answer::Open { expires } => Some(*expires),
            Answer::Given { .. } | Answer::Refused { .. } | Answer::TakenBack { .. } => None,
        }
    }

    /// What became of it, at `now`.
    pub fn status_at(&self, now: Timestamp) -> Status {
        match &self.answer {
            Answer::Open { expires } if *expires <= now => Status::TimedOut,
            Answer::Open { .. } => Status::PendingAdminDecision,
            Answer::Given { .. } => Status::AdminApproved,
            Answer::Refused { .. } => Status::AdminDenied,
            Answer::TakenBack { .. } => Status::Canceled,
        }
    }

    /// Whether it waits for an admin's decision.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status_at(now) == Status::PendingAdminDecision
    }

    /// Whether it waits for the caller's decision, who may administer roles at its scope if `may_administer` says so.
    pub fn awaits(&self, may_administer: bool, cx: &Context<'_>) -> bool {
        may_administer && self.is_open(cx.now) && !cx.is_voice_of(&self.asker())
    }

    pub(crate) fn is_about(
        &self,
        family: Family,
        scope: &ResourceId,
        role: RoleId,
        principal: ObjectId,
    ) -> bool {
        self.family == family && self.scope == *scope && self.role == role && self.principal == principal
    }

    /// The request after an admin's `AdminExtend` or `AdminRenew` of that name gave what it asks for.
    ///
    /// # Errors
    /// `InsufficientPermissions` (403) when the admin is the person who asked.
    pub(crate) fn given(&self, request: RequestId, cx: &Context<'_>) -> Result<Self> {
        self.check_open(cx)?;
        match cx.is_voice_of(&self.asker()) {
            true => Err(self_extension()),
            false => Ok(self.with(Answer::Given { by: cx.actor(), at: cx.now, request })),
        }
    }

    /// The request cancelled by the caller, while it waits. By the person who asked, under any account, it is taken
    /// back; by an admin of roles at the scope (`may_administer`), it is denied.
    ///
    /// # Errors
    /// `InsufficientPermissions` (403) for others; `RoleAssignmentRequestSettled` (409) for one that does not wait.
    pub fn cancel(&self, may_administer: bool, cx: &Context<'_>) -> Result<Self> {
        let own = cx.is_voice_of(&self.asker());
        if !own && !may_administer {
            return Err(not_yours("Only whoever made the request, or an admin of the role, cancels it."));
        }
        self.check_open(cx)?;
        Ok(self.with(match own {
            true => Answer::TakenBack { by: cx.caller.object, at: cx.now },
            false => Answer::Refused { by: cx.actor(), at: cx.now },
        }))
    }

    fn check_open(&self, cx: &Context<'_>) -> Result<()> {
        match self.is_open(cx.now) {
            true => Ok(()),
            false => Err(settled(format!(
                "The request {} is {} already; it takes a new request.",
                self.name,
                self.status_at(cx.now).as_str()
            ))),
        }
    }

    fn asker(&self) -> Asker<'_> {
        Asker { account: self.principal, person: &self.person }
    }

    fn with(&self, answer: Answer) -> Self {
        Self { answer, ..self.clone() }
    }
}
