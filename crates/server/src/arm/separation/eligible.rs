//! Eligibilities that are as good as the right itself: their holder activates alone, whenever they like.
//!
//! Each scope has a policy of its own, and an eligibility can be activated at its scope and anywhere below. So one place on
//! the way at which the role's policy asks nobody for approval is enough. Where others must approve it is no conflict:
//! nobody approves their own request.

use arm::{ResourceId, Result};
use pim::{Eligibility, PrincipalKind};
use rbac::{Action, Holding, Index};
use serde_json::{Value, json};

use crate::arm::approvers;
use crate::arm::call::Call;
use crate::arm::pim::policies::policy_of;

/// An eligibility that needs nobody's approval.
pub struct Alone {
    /// What it grants, as if it were held; the id is that of the eligibility schedule.
    pub holding: Holding,
    /// A scope at which it may be activated alone.
    pub at: ResourceId,
}

/// Those that hold now and would grant some of these actions at a scope or, if `below` is set, at something in it.
pub fn look(
    call: &mut Call<'_>,
    index: &Index,
    scope: &ResourceId,
    actions: &[Action],
    below: bool,
) -> Result<Vec<Alone>> {
    let mut found = Vec::new();
    for eligibility in approvers::eligibilities(call, scope)? {
        let grant = eligibility.grant();
        let above = scope.is_within(&grant.scope);
        // Only people activate.
        let person = grant.principal_kind != PrincipalKind::ServicePrincipal;
        let counts = person && (above || (below && grant.scope.is_within(scope)));
        let Some(role) = index.role(grant.role).filter(|_| counts && eligibility.is_live(call.now)) else {
            continue;
        };
        let granted = actions.iter().enumerate().filter(|(_, action)| role.grants(action));
        let granted: Vec<usize> = granted.map(|(at, _)| at).collect();
        if granted.is_empty() {
            continue;
        }
        let Some(at) = open_at(call, &eligibility, if above { scope } else { &grant.scope })? else {
            continue;
        };
        let schedule = format!("providers/Microsoft.Authorization/roleEligibilitySchedules/{}", grant.name);
        let holding = Holding {
            assignment: grant.scope.child(&schedule)?,
            scope: grant.scope.clone(),
            role: grant.role,
            role_name: role.role_name.clone(),
            holder: grant.principal,
            expires: grant.window.end(),
            actions: granted,
        };
        found.push(Alone { holding, at });
    }
    Ok(found)
}

/// The first scope, from the eligibility's own down to `lowest`, at which it may be activated without approval.
fn open_at(
    call: &mut Call<'_>,
    eligibility: &Eligibility,
    lowest: &ResourceId,
) -> Result<Option<ResourceId>> {
    let grant = eligibility.grant();
    let mut scopes: Vec<ResourceId> =
        lowest.lineage().take_while(|scope| scope.is_within(&grant.scope)).collect();
    scopes.reverse();
    for scope in scopes {
        if !policy_of(call, &scope, grant.role)?.needs_approval() {
            return Ok(Some(scope));
        }
    }
    Ok(None)
}

/// What a report says of such an eligibility.
pub fn show(role: &str, at: &ResourceId) -> Value {
    json!({
        "scope": at,
        "isApprovalRequired": false,
        "message": format!(
            "Eligible, and activates {role} at {at} with nobody's approval: set isApprovalRequired in the role's policy \
             there."
        ),
    })
}
