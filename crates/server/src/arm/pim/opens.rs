//! What a request would open: what its approvers need to know, and what Azure's approval does not say.

use arm::{Result, long_timestamp};
use mua::{CriticalOperation, ResourceGuard};
use pim::{ActivationRequest, RolePolicy};
use rbac::RoleDefinition;
use serde_json::{Value, json};
use vault::GuardProxy;

use super::people::Directory;
use super::policies::{consents_to, role_at};
use super::requests::eligibility_behind;
use crate::arm::call::Call;
use crate::arm::guards;

/// `properties.request` of an approval: the request itself, the home of the person who asks and their account there, and the guards that the role
/// would open, each with its critical operations and the vaults that are linked to it.
pub(super) fn brief(
    call: &mut Call<'_>,
    request: &ActivationRequest,
    policy: &RolePolicy,
    people: &Directory,
) -> Result<Value> {
    let eligibility = eligibility_behind(call, request)?;
    let mut brief = request.brief_json(policy, eligibility.as_ref(), people, &people.context());
    let home = people.home_of(request.principal());
    let guards = guards(call, request)?;
    if let Some(brief) = brief.as_object_mut() {
        brief.insert("homeTenant".into(), json!(home.map(|(id, name)| json!({"id": id, "name": name}))));
        brief.insert("homeAccount".into(), json!(people.known_as(request.principal()).1));
        brief.insert("resourceGuards".into(), guards.into());
    }
    Ok(brief)
}

/// The guards at the scope and below it for which the role consents to something.
fn guards(call: &mut Call<'_>, request: &ActivationRequest) -> Result<Vec<Value>> {
    let Some(role) = role_at(call, request.scope(), request.role())? else { return Ok(Vec::new()) };
    let mut shown = Vec::new();
    for guard in guards::within(call.tx, request.scope())? {
        let named =
            |operation: CriticalOperation| json!({"name": operation.name(), "title": operation.title()});
        let operations: Vec<Value> = operations(&guard, &role).map(named).collect();
        if operations.is_empty() {
            continue;
        }
        let linked: Vec<GuardProxy> = call.tx.find(guard.id.folded())?;
        let vaults: Vec<Value> = linked.iter().filter_map(linked_vault).collect();
        shown.push(json!({
            "id": guard.id,
            "name": guard.id.name(),
            "criticalOperations": operations,
            "linkedVaults": vaults,
        }));
    }
    Ok(shown)
}

/// What the guard protects and the role consents to.
pub(super) fn operations(
    guard: &ResourceGuard,
    role: &RoleDefinition,
) -> impl Iterator<Item = CriticalOperation> {
    guard.protected().filter(|operation| consents_to(role, *operation))
}

fn linked_vault(proxy: &GuardProxy) -> Option<Value> {
    let vault = proxy.id.parent()?;
    Some(json!({
        "id": vault,
        "name": vault.name(),
        "type": vault.resource_type(),
        "linkedTime": long_timestamp(proxy.updated),
    }))
}
