//! Asking for a role: every rule that a request must keep before anybody is bothered with it.

use std::collections::BTreeSet;

use arm::{Error, RequestId, Result};
use jiff::Timestamp;

use super::{ActivationRequest, Consent, Progress};
use crate::admin::not_an_admins;
use crate::checks::broken_rules;
use crate::grant::Holding;
use crate::policy::Occasion;
use crate::refusal::{Broken, exists, not_yours, pending, policy_rule, policy_rules, schedule, step_up};
use crate::{Context, Eligibility, Person, RequestType, RolePolicy, ScheduleRequestBody, Status};

/// Settles a `SelfActivate` request. `policies` are those of the body's role at the scope asked for, first, and at the
/// scopes above it; `eligibilities` are those of the same scopes; `others` are the principal's other activations (those of
/// other scopes, roles and people do no harm).
///
/// Whoever is eligible higher up keeps the rules of every policy from there down to the scope asked for, and is approved as
/// the nearest of them that needs approval wants it: to activate at a scope below is no way past the rules above. (The
/// role policies of Azure hold at their own scope alone.)
///
/// # Errors
/// All 400 unless noted.
/// - `InsufficientPermissions` (403): the caller is not a person, or asks for somebody else.
/// - `PendingRoleAssignmentRequest`, `RoleAssignmentExists`: the same was asked before and is open, or in force.
/// - `RoleAssignmentRequestPolicyValidationFailed`, listing `EligibilityRule`, `ExpirationRule`, `JustificationRule`,
///   `TicketingRule`, `MfaRule`; or `ApprovalRule` when nobody besides the caller's own person could approve.
/// - `RoleAssignmentRequestAcrsValidationFailed`: the sign-in lacks an authentication context.
/// - `InvalidRoleAssignmentRequestSchedule`: a window with nothing in it, or outside of the eligibility's.
pub fn activate(
    name: RequestId,
    body: &ScheduleRequestBody,
    policies: &[RolePolicy],
    eligibilities: &[Eligibility],
    others: &[ActivationRequest],
    cx: &Context<'_>,
) -> Result<ActivationRequest> {
    let [policy, ..] = policies else {
        return Err(Error::internal("an activation under no policy"));
    };
    if body.request_type != RequestType::SelfActivate {
        return Err(not_an_admins(body.request_type));
    }
    policies.iter().try_for_each(|policy| policy.check_role(body.role))?;
    let asked_at = policy.scope().clone();
    let person = asker(body, cx)?;
    let (eligibility, holding) = choose(body, policy, eligibilities, cx)?;
    check_others(body, policy, others, cx)?;

    let window = body.schedule.window(cx.now)?;
    let rest_on = &eligibility.grant().scope;
    let ruling = || policies.iter().filter(|policy| policy.scope().is_within(rest_on));
    let occasion = Occasion::EndUserAssignment;
    let mut broken: Vec<Broken> =
        ruling().flat_map(|policy| broken_rules(policy, occasion, body, &window, cx)).collect();
    let mut told = BTreeSet::new();
    broken.retain(|broken| told.insert(broken.rule));
    if !broken.is_empty() {
        return Err(policy_rules(&broken));
    }
    ruling().try_for_each(|policy| check_context(policy, cx))?;
    let policy = ruling().find(|policy| policy.needs_approval()).unwrap_or(policy);
    policy.check_reach(cx.people, Some(&person))?;
    let window = window
        .clipped(eligibility.grant().window.end())
        .ok_or_else(|| schedule("the requested start lies behind the end of your eligibility"))?;

    Ok(ActivationRequest {
        name,
        scope: asked_at,
        policy_scope: Some(policy.scope().clone()),
        role: body.role,
        principal: cx.caller.object,
        person,
        eligibility: eligibility.grant().name,
        eligibility_scope: eligibility.grant().scope.clone(),
        through: match holding {
            Holding::Direct => None,
            Holding::Through(group) => Some(group),
        },
        asked: body.schedule,
        justification: body.justification.clone(),
        ticket: body.ticket.clone(),
        signed_in: cx.caller.authentication.clone(),
        created: cx.now,
        progress: match policy.needs_approval() {
            true => Progress::PendingApproval { expires: policy.deadline(cx.now), approvals: Vec::new() },
            false => Progress::Provisioned { window, consent: Consent::NotRequired },
        },
    })
}

/// The person who asks, who must be the one it is for.
fn asker(body: &ScheduleRequestBody, cx: &Context<'_>) -> Result<Person> {
    if body.principal != cx.caller.object {
        return Err(not_yours(format!(
            "A role is activated by whoever is eligible for it: `principalId` must be your own object id here, {}.",
            cx.caller.object
        )));
    }
    cx.human().ok_or_else(|| {
        not_yours(
            "Only people activate roles: this caller is an application, or an account that is not in use.",
        )
    })
}

/// The eligibility to rest on: the one the body names, else the best there is: given to the caller rather than to a
/// group, and of these the one that lasts longest.
fn choose<'e>(
    body: &ScheduleRequestBody,
    policy: &RolePolicy,
    eligibilities: &'e [Eligibility],
    cx: &Context<'_>,
) -> Result<(&'e Eligibility, Holding)> {
    let principal = cx.caller.object;
    let named = |eligibility: &&Eligibility| {
        body.linked_eligibility.is_none_or(|linked| linked == eligibility.grant().name)
    };
    let mine = eligibilities.iter().filter(named).filter_map(|eligibility| {
        let serves = eligibility.serves(principal, body.role, policy.scope(), cx.people, cx.now);
        let holding = eligibility.holding(principal, cx.people).filter(|_| serves)?;
        Some((eligibility, holding))
    });
    let rank = |(eligibility, holding): &(&Eligibility, Holding)| {
        let end = eligibility.grant().window.end().unwrap_or(Timestamp::MAX);
        (matches!(holding, Holding::Direct), end, eligibility.grant().name)
    };
    mine.max_by_key(rank).ok_or_else(|| ineligible(body, policy))
}

fn ineligible(body: &ScheduleRequestBody, policy: &RolePolicy) -> Error {
    let which = match body.linked_eligibility {
        Some(linked) => format!(" through the eligibility {linked} that the request names"),
        None => String::new(),
    };
    policy_rule(
        "EligibilityRule",
        format!(
            "You are not eligible for the role {} at {}{which}, neither yourself nor through a group, at this \
             moment. Ask an admin of the role to make you eligible.",
            body.role,
            policy.scope()
        ),
    )
}

/// One request at a time for the same role at the same scope.
fn check_others(
    body: &ScheduleRequestBody,
    policy: &RolePolicy,
    others: &[ActivationRequest],
    cx: &Context<'_>,
) -> Result<()> {
    let same = |other: &&ActivationRequest| {
        other.principal == body.principal
            && other.scope == *policy.scope()
            && other.role == body.role
            && other.is_open_or_effective(cx.now)
    };
    match others.iter().find(same) {
        None => Ok(()),
        Some(other) if other.status_at(cx.now) == Status::PendingApproval => Err(pending(other.name)),
        Some(other) => Err(exists(format!(
            "The Role assignment already exists: the activation {} is in force or about to be. Deactivate it first \
             to ask for another time.",
            other.name
        ))),
    }
}

fn check_context(policy: &RolePolicy, cx: &Context<'_>) -> Result<()> {
    let rule = &policy.rules().authentication_context;
    match rule.enabled && !cx.caller.authentication.contexts.contains(&rule.claim) {
        true => Err(step_up(&rule.claim)),
        false => Ok(()),
    }
}
