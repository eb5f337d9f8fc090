//! Eligibilities that are as good as the right itself: their holder activates alone, whenever they like.
//!
//! The role's policy at the scope of the eligibility decides that: activating further down takes what it asks for, too.
//! Where others must approve it is no conflict: nobody approves their own request.

use arm::{ResourceId, Result};
use pim::PrincipalKind;
use rbac::{Action, Holding, Index};
use serde_json::{Value, json};

use crate::arm::approvers;
use crate::arm::call::Call;
use crate::arm::pim::policies::policy_of;

/// What the eligibilities that hold now would grant of these actions at a scope or, if `below` is set, at something in it,
/// and need nobody's approval. Each is as if it were held, with the id of the eligibility schedule.
pub fn look(
    call: &mut Call<'_>,
    index: &Index,
    scope: &ResourceId,
    actions: &[Action],
    below: bool,
) -> Result<Vec<Holding>> {
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
        if granted.is_empty() || policy_of(call, &grant.scope, grant.role)?.needs_approval() {
            continue;
        }
        let schedule = format!("providers/Microsoft.Authorization/roleEligibilitySchedules/{}", grant.name);
        found.push(Holding {
            assignment: grant.scope.child(&schedule)?,
            scope: grant.scope.clone(),
            role: grant.role,
            role_name: role.role_name.clone(),
            holder: grant.principal,
            expires: grant.window.end(),
            actions: granted,
        });
    }
    Ok(found)
}

/// What a report says of such an eligibility.
pub fn show(holding: &Holding) -> Value {
    let (role, at) = (&holding.role_name, &holding.scope);
    json!({
        "scope": at,
        "isApprovalRequired": false,
        "message": format!(
            "Eligible, and activates {role} at {at} with nobody's approval: set isApprovalRequired in the role's policy \
             there."
        ),
    })
}
