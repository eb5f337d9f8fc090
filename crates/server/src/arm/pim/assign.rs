//! The role assignment that an activation or a direct assignment amounts to: it is the assignment that opens doors.

use arm::{Error, RequestId, ResourceId, Result, RoleId};
use pim::{ActivationRequest, DirectAssignment};
use rbac::{Assignment, Origin, PrincipalKind, Window};

use super::notify;
use crate::arm::call::Call;

/// Stores an activation, and its role assignment exactly while there is a window for it to hold in.
pub(super) fn store_activation(call: &mut Call<'_>, request: &ActivationRequest) -> Result<()> {
    notify::activation(call, request)?;
    call.tx.put(request)?;
    let id = assignment_id(request.scope(), request.name())?;
    let Some(window) = request.window() else {
        remove(call, &id)?;
        return Ok(());
    };
    let origin = Origin::Activated { request: request.name() };
    let window = Window { start: window.start(), end: window.end() };
    let holder = (request.principal(), PrincipalKind::User);
    put(call, id, request.scope(), request.role(), holder, window, origin)
}

/// Stores a direct assignment and its role assignment.
pub(super) fn store_direct(call: &mut Call<'_>, assignment: &DirectAssignment) -> Result<()> {
    call.tx.put(assignment)?;
    let grant = assignment.grant();
    let kind = match grant.principal_kind {
        pim::PrincipalKind::User => PrincipalKind::User,
        pim::PrincipalKind::Group => PrincipalKind::Group,
        pim::PrincipalKind::ServicePrincipal => PrincipalKind::ServicePrincipal,
        pim::PrincipalKind::ForeignGroup | pim::PrincipalKind::Device => {
            return Err(Error::invalid(
                "UnmatchedPrincipalType",
                "only users, groups and service principals can hold roles",
            ));
        }
    };
    let window = Window { start: grant.window.start(), end: grant.window.end() };
    let id = assignment_id(&grant.scope, grant.name)?;
    put(call, id, &grant.scope, grant.role, (grant.principal, kind), window, Origin::Assigned)
}

/// Removes a direct assignment and its role assignment.
pub(super) fn remove_direct(call: &mut Call<'_>, assignment: &DirectAssignment) -> Result<()> {
    let grant = assignment.grant();
    call.tx.delete::<DirectAssignment>(&store::Document::key(assignment));
    let id = assignment_id(&grant.scope, grant.name)?;
    remove(call, &id)
}

fn assignment_id(scope: &ResourceId, name: RequestId) -> Result<ResourceId> {
    scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}"))
}

fn put(
    call: &mut Call<'_>,
    id: ResourceId,
    scope: &ResourceId,
    role: RoleId,
    (principal, principal_kind): (arm::ObjectId, PrincipalKind),
    window: Window,
    origin: Origin,
) -> Result<()> {
    let (now, by) = (call.now, call.who().object);
    call.tx.put(&Assignment {
        window: Some(window),
        origin,
        created_on: Some(now),
        updated_on: Some(now),
        created_by: Some(by),
        updated_by: Some(by),
        ..Assignment::new(id, scope.clone(), role, principal, principal_kind)
    })
}

fn remove(call: &mut Call<'_>, id: &ResourceId) -> Result<()> {
    if call.tx.resource::<Assignment>(id)?.is_some() {
        call.tx.delete::<Assignment>(id.folded());
    }
    Ok(())
}
