//! Role assignments. One that was activated for a while is shown as long as it holds, and is removed here like any
//! other; it is neither made nor changed here.

use std::sync::Arc;

use arm::{Error, Fields, Filter, ObjectId, ResourceId, Result, RoleId, TenantId};
use rbac::{Assignment, MAX_DESCRIPTION_CHARS, Origin, PrincipalKind};
use serde_json::{Value, json};
use store::Access;

use super::definitions::shown_id;
use crate::administrators;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{filters, scope};

/// The assignments that have to do with a scope: made at it, above it or below it; with `atScope()` not those below.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let at = call.scope()?;
    let functions = ["atScope", "assignedTo", "asTarget"];
    let properties = ["principalId", "roleDefinitionId"];
    let filter = filters::filter(call, &properties, &functions)?;
    let here = filter.call("atScope").is_some();
    let wanted = Wanted::read(call, &filter)?;
    let now = call.now;
    let (access, tenant) = (call.access()?, call.who().tenant);
    let all = around(call, &at)?;
    let mut found: Vec<&Assignment> = all.iter().flat_map(|some| some.iter().map(Arc::as_ref)).collect();
    found.retain(|assignment| {
        let placed = at.is_within(&assignment.scope) || (!here && assignment.scope.is_within(&at));
        placed
            && holds(assignment, now)
            && wanted.includes(assignment)
            && of_tenant(&access, assignment, tenant)
    });
    Ok(call.page(found, |assignment| assignment.id.folded().to_string(), |assignment| json(assignment)))
}

/// One assignment.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, id) = target(call)?;
    current(call, &id)?.map(|assignment| Reply::ok(json(&assignment))).ok_or_else(|| {
        Error::not_found(
            "RoleAssignmentNotFound",
            format!("The role assignment '{}' is not found.", id.name()),
        )
    })
}

/// Makes an assignment, or describes one anew: nothing else of it can be changed.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let (at, id) = target(call)?;
    scope::check(&at)?;
    let asked = Asked::read(&call.properties()?)?;
    if let Some(before) = call.tx.resource::<Assignment>(&id)? {
        return update(call, before, asked);
    }
    let access = call.access()?;
    let assignment = asked.assignment(call, &access, at, id)?;
    check_unique(call, &access, &assignment)?;
    note(call, &access, &assignment);
    call.tx.put(&assignment)?;
    Ok(Reply::created(json(&assignment)))
}

/// Removes an assignment. It ends with the answer: the next request of whoever held it is decided without.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let (_, id) = target(call)?;
    let Some(assignment) = current(call, &id)? else {
        return Ok(Reply::empty(204));
    };
    let access = call.access()?;
    administrators::check_remaining(&access, call.who().tenant, None, |index| {
        index.remove_assignment(&id);
    })?;
    note(call, &access, &assignment);
    call.tx.delete::<Assignment>(id.folded());
    Ok(Reply::ok(json(&assignment)))
}

/// Whom and what a list is asked for.
struct Wanted {
    principal: Option<ObjectId>,
    holders: Option<Vec<ObjectId>>,
    role: Option<RoleId>,
}

impl Wanted {
    fn read(call: &mut Call<'_>, filter: &Filter) -> Result<Self> {
        let assigned = match filters::argument(filter, "assignedTo")? {
            Some(text) => Some(object_id(text)?),
            None => filter.call("asTarget").map(|_| call.who().object),
        };
        let access = call.access()?;
        Ok(Self {
            principal: filter.equal("principalId").map(object_id).transpose()?,
            holders: assigned.map(|object| {
                let groups = access.groups_of(object);
                std::iter::once(object).chain(groups).collect()
            }),
            role: filter
                .equal("roleDefinitionId")
                .map(|text| role_id(&ResourceId::parse(text)?))
                .transpose()?,
        })
    }

    fn includes(&self, assignment: &Assignment) -> bool {
        self.principal.is_none_or(|principal| assignment.principal == principal)
            && self.role.is_none_or(|role| assignment.role == role)
            && self.holders.as_ref().is_none_or(|holders| holders.contains(&assignment.principal))
    }
}

fn object_id(text: &str) -> Result<ObjectId> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        Error::invalid("InvalidFilter", format!("'{shown}' in $filter is not an object id"))
    })
}

/// All assignments that could have to do with a scope, in key order: those at the root, and those of its subscription. They
/// may be thousands, and are read once.
fn around(call: &mut Call<'_>, at: &ResourceId) -> Result<Vec<Arc<Vec<Arc<Assignment>>>>> {
    let root = ResourceId::parse("/providers/Microsoft.Authorization/roleAssignments")?;
    let subscription = at.subscription_id().map(ResourceId::subscription);
    let places = std::iter::once(root).chain(subscription);
    places.map(|place| call.tx.made_below(&place, |one: Assignment| Arc::new(one), |all| all)).collect()
}

/// Whether a tenant may know of it: those at the root are of the tenant that its holder is in.
fn of_tenant(access: &Access, assignment: &Assignment, tenant: TenantId) -> bool {
    let holder = access.principal(assignment.principal);
    !assignment.scope.is_root() || holder.is_some_and(|holder| holder.tenant == tenant)
}

/// Whether it is shown: an activation that is over, or has not begun, is history or a plan.
fn holds(assignment: &Assignment, now: jiff::Timestamp) -> bool {
    assignment.window.is_none_or(|window| window.contains(now))
}

fn current(call: &mut Call<'_>, id: &ResourceId) -> Result<Option<Assignment>> {
    let (now, tenant) = (call.now, call.who().tenant);
    let access = call.access()?;
    let found: Option<Assignment> = call.tx.resource(id)?;
    // The dispatcher saw to it that a subscription is of the caller's tenant; the root belongs to all of them.
    let foreign = |assignment: &Assignment| {
        let holder = access.principal(assignment.principal);
        assignment.scope.is_root() && holder.is_none_or(|holder| holder.tenant != tenant)
    };
    Ok(found.filter(|assignment| holds(assignment, now) && !foreign(assignment)))
}

fn target(call: &Call<'_>) -> Result<(ResourceId, ResourceId)> {
    let (at, name) = (call.scope()?, call.guid("name")?);
    let id = at.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}"))?;
    Ok((at, id))
}

/// What a request asks for.
struct Asked {
    role: RoleId,
    principal: ObjectId,
    kind: Option<PrincipalKind>,
    description: Option<String>,
}

impl Asked {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let role = fields.id("roleDefinitionId")?;
        let role = role_id(&role.ok_or_else(|| fields.missing("roleDefinitionId"))?)?;
        let principal = fields.required_text("principalId")?;
        let principal = principal.parse().map_err(|_| {
            fields.wrong("principalId", "the object id of a user, a group or a service principal")
        })?;
        let kind = fields.text("principalType")?.filter(|kind| !kind.is_empty());
        if fields.text("condition")?.is_some_and(|condition| !condition.trim().is_empty()) {
            return Err(Error::invalid(
                "RoleAssignmentConditionNotSupported",
                "Conditions on role assignments cannot be evaluated here, so that this one would grant nothing. Assign a \
                 narrower role, or at a narrower scope, without a condition.",
            )
            .with_target("properties.condition"));
        }
        let description = fields.text("description")?.map(String::from);
        if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
            return Err(fields.wrong("description", &format!("at most {MAX_DESCRIPTION_CHARS} characters")));
        }
        Ok(Self { role, principal, kind: kind.map(principal_kind).transpose()?, description })
    }

    /// The new assignment, if its role and its principal are there.
    fn assignment(
        self,
        call: &Call<'_>,
        access: &Access,
        at: ResourceId,
        id: ResourceId,
    ) -> Result<Assignment> {
        let tenant = call.who().tenant;
        let role = access.index(tenant).and_then(|index| index.role(self.role));
        if role.is_none_or(|role| !role.is_assignable_at(&at)) {
            return Err(Error::invalid(
                "RoleDefinitionDoesNotExist",
                format!(
                    "The specified role definition with ID '{}' does not exist, or is not assignable at '{at}'.",
                    self.role
                ),
            ));
        }
        let principal = access
            .principal(self.principal)
            .filter(|principal| principal.tenant == tenant)
            .ok_or_else(|| {
                Error::invalid(
                    "PrincipalNotFound",
                    format!(
                        "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal ID.",
                        self.principal
                    ),
                )
            })?;
        if self.kind.is_some_and(|kind| kind != principal.kind) {
            return Err(unmatched_kind(&format!(
                "the principal '{}' has the type '{:?}'",
                self.principal, principal.kind
            )));
        }
        Ok(Assignment {
            id,
            scope: at,
            role: self.role,
            principal: self.principal,
            principal_kind: principal.kind,
            window: None,
            origin: Origin::Assigned,
            description: self.description,
            condition: None,
            condition_version: None,
            created_on: Some(call.now),
            updated_on: Some(call.now),
            created_by: Some(call.who().object),
            updated_by: Some(call.who().object),
        })
    }
}

fn update(call: &mut Call<'_>, before: Assignment, asked: Asked) -> Result<Reply> {
    let same = before.role == asked.role && before.principal == asked.principal;
    let kind_fits = asked.kind.is_none_or(|kind| kind == before.principal_kind);
    if !same || !kind_fits || before.origin != Origin::Assigned || before.window.is_some() {
        return Err(not_updatable(&before.id));
    }
    let description = asked.description.or_else(|| before.description.clone());
    if description == before.description {
        return Ok(Reply::ok(json(&before)));
    }
    let after =
        Assignment { description, updated_on: Some(call.now), updated_by: Some(call.who().object), ..before };
    let access = call.access()?;
    note(call, &access, &after);
    call.tx.put(&after)?;
    Ok(Reply::ok(json(&after)))
}

/// One name, and one assignment of a role to a principal at a scope.
fn check_unique(call: &mut Call<'_>, access: &Access, new: &Assignment) -> Result<()> {
    let (now, tenant) = (call.now, call.who().tenant);
    let twin = access.index(tenant).and_then(|index| index.twin(new.principal, new.role, &new.scope, now));
    if let Some(twin) = twin {
        return Err(Error::conflict(
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is '{twin}'."
            ),
        ));
    }
    let namesakes: Vec<Assignment> = call.tx.find(&new.id.name().to_ascii_lowercase())?;
    let taken =
        namesakes.iter().any(|other| access.tenant_of(&other.scope) == Some(tenant) && other.id != new.id);
    if taken { Err(not_updatable(&new.id)) } else { Ok(()) }
}

fn not_updatable(id: &ResourceId) -> Error {
    Error::conflict(
        "RoleAssignmentUpdateNotPermitted",
        format!(
            "The name '{}' belongs to another role assignment, or to one whose role, principal and scope differ. These are \
             not allowed to be updated: choose a new GUID, and remove the old assignment if it is not needed any more.",
            id.name()
        ),
    )
}

/// The role that an id names; where the id says the role is makes no difference.
fn role_id(id: &ResourceId) -> Result<RoleId> {
    let kind = id.resource_type().unwrap_or_default();
    let name = id.name().parse().ok();
    name.filter(|_| kind.eq_ignore_ascii_case("Microsoft.Authorization/roleDefinitions")).ok_or_else(|| {
        Error::invalid(
            "InvalidRoleDefinitionId",
            format!(
                "'{id}' is not the id of a role definition: it ends in \
                     '/providers/Microsoft.Authorization/roleDefinitions/<guid>'"
            ),
        )
        .with_target("properties.roleDefinitionId")
    })
}

fn principal_kind(text: &str) -> Result<PrincipalKind> {
    let kinds = [
        ("User", PrincipalKind::User),
        ("Group", PrincipalKind::Group),
        ("ServicePrincipal", PrincipalKind::ServicePrincipal),
    ];
    kinds
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, kind)| kind)
        .ok_or_else(|| unmatched_kind("it is one of 'User', 'Group' and 'ServicePrincipal'"))
}

fn unmatched_kind(why: &str) -> Error {
    Error::invalid(
        "UnmatchedPrincipalType",
        format!("The given principalType is not the principal's: {why}."),
    )
    .with_target("properties.principalType")
}

/// Says in the ledger who holds what.
fn note(call: &mut Call<'_>, access: &Access, assignment: &Assignment) {
    let role = access.index(call.who().tenant).and_then(|index| index.role(assignment.role));
    let name = role.map_or_else(|| assignment.role.to_string(), |role| role.role_name.clone());
    call.fact("role", name);
    call.fact("principal", assignment.principal.to_string());
    if let Some(principal) = access.principal(assignment.principal) {
        call.fact("principalName", principal.name.clone());
    }
}

fn json(assignment: &Assignment) -> Value {
    json!({
        "id": assignment.id,
        "name": assignment.id.name(),
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": shown_id(assignment.role, &assignment.scope),
            "principalId": assignment.principal,
            "principalType": assignment.principal_kind,
            "scope": assignment.scope,
            "description": assignment.description,
            "condition": assignment.condition,
            "conditionVersion": assignment.condition_version,
            "createdOn": assignment.created_on.map(arm::long_timestamp),
            "updatedOn": assignment.updated_on.map(arm::long_timestamp),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.updated_by,
            "delegatedManagedIdentityResourceId": Value::Null,
        },
    })
}
