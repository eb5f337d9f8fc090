//! The rules of a policy that every request meets, admins' and holders' alike. All that fail are told at once.

use jiff::Timestamp;

use crate::policy::{Occasion, Requirement};
use crate::refusal::Broken;
use crate::{Context, RolePolicy, ScheduleRequestBody, Window};

/// Which rules the request breaks, in a window that starts and ends as given.
pub(crate) fn broken_rules(
    policy: &RolePolicy,
    occasion: Occasion,
    body: &ScheduleRequestBody,
    window: &Window,
    cx: &Context<'_>,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    broken.extend(expiration(policy, occasion, window));
    if body.justification.is_empty() && justification_required(policy, occasion) {
        broken.push(Broken::new("JustificationRule", "Say in `justification` why you need this."));
    }
    let requires = |requirement| policy.rules().enablement.get(occasion).enabled.contains(&requirement);
    if requires(Requirement::Ticketing) && !body.ticket.names_one() {
        broken.push(Broken::new("TicketingRule", "Name the ticket in `ticketInfo.ticketNumber`."));
    }
    if requires(Requirement::MultiFactorAuthentication) && !cx.caller.authentication.shows_mfa() {
        broken.push(Broken::new("MfaRule", "Sign in again with a second factor and repeat the request."));
    }
    broken
}

fn justification_required(policy: &RolePolicy, occasion: Occasion) -> bool {
    let rules = policy.rules();
    let by_approval = occasion == Occasion::EndUserAssignment
        && policy.needs_approval()
        && rules.approval.requestor_justification;
    by_approval || rules.enablement.get(occasion).enabled.contains(&Requirement::Justification)
}

/// When a window that starts at `start` has to end at the latest; no limit when it need not end.
pub(crate) fn latest_end(policy: &RolePolicy, occasion: Occasion, start: Timestamp) -> Option<Timestamp> {
    let rule = policy.rules().expiration.get(occasion);
    // An activation ends by itself whatever the rule says.
    let bounded = rule.required || occasion == Occasion::EndUserAssignment;
    // A maximum that runs off the calendar leaves no room at all: the rule cannot be kept.
    bounded.then(|| rule.maximum.after(start).unwrap_or(start))
}

/// The rule about the longest time, if the window breaks it.
pub(crate) fn expiration(policy: &RolePolicy, occasion: Occasion, window: &Window) -> Option<Broken> {
    let latest = latest_end(policy, occasion, window.start())?;
    let keeps = window.end().is_some_and(|end| end <= latest);
    let maximum = policy.rules().expiration.get(occasion).maximum;
    (!keeps).then(|| {
        Broken::new(
            "ExpirationRule",
            format!("It may last {maximum} at the most; ask for that or less in `scheduleInfo.expiration`."),
        )
    })
}
