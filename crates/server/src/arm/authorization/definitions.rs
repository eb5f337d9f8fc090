//! Role definitions: the built-in ones, which nobody changes, and a tenant's own.

use std::collections::BTreeSet;

use arm::{Error, Fields, Filter, ResourceId, Result, RoleId, TenantId};
use rbac::{ActionPattern, Assignment, Permission, RoleDefinition, RoleKind, builtin_role, builtin_roles};
use serde_json::{Value, json};
use store::Access;

use crate::administrators;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{filters, scope};

/// What writing a role needs, at every scope where it may be assigned.
pub const WRITE: &str = "Microsoft.Authorization/roleDefinitions/write";
/// What deleting one needs, likewise.
pub const DELETE: &str = "Microsoft.Authorization/roleDefinitions/delete";
/// How many patterns of actions a role may have: every decision runs through them.
const MAX_PATTERNS: usize = 1024;
/// How many scopes.
const MAX_SCOPES: usize = 256;

/// The built-in roles, at the root.
pub fn list_built_in(call: &mut Call<'_>) -> Result<Reply> {
    let filter = definitions_filter(call)?;
    let roles = builtin_roles().to_vec();
    Ok(reply_with(call, roles, &filter, &ResourceId::root()))
}

/// A built-in role, at the root.
pub fn get_built_in(call: &mut Call<'_>) -> Result<Reply> {
    let id = RoleId(call.guid("name")?.0);
    builtin_role(id).map(|role| Reply::ok(json(role, &ResourceId::root()))).ok_or_else(|| not_found(id))
}

/// The roles that can be assigned at a scope; with `atScopeAndBelow()` also those that can below it.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let at = call.scope()?;
    let filter = definitions_filter(call)?;
    let below = filter.call("atScopeAndBelow").is_some();
    let mut roles = builtin_roles().to_vec();
    for role in custom_roles(call, call.who().tenant)? {
        let inside = |assignable: &ResourceId| assignable.is_within(&at);
        if role.is_assignable_at(&at) || (below && role.assignable_scopes.iter().any(inside)) {
            roles.push(role);
        }
    }
    Ok(reply_with(call, roles, &filter, &at))
}

/// One role.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let at = call.scope()?;
    let id = RoleId(call.guid("name")?.0);
    if let Some(role) = builtin_role(id) {
        return Ok(Reply::ok(json(role, &at)));
    }
    let role = custom_role(call, id)?.filter(|role| {
        let mut scopes = role.assignable_scopes.iter();
        scopes.any(|assignable| scope::related(assignable, &at))
    });
    role.map(|role| Reply::ok(json(&role, &at))).ok_or_else(|| not_found(id))
}

/// Creates a custom role, or changes one. Whoever does needs the right at every scope where it can be assigned, before
/// and after: the change reaches everybody who holds the role there.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let at = call.scope()?;
    scope::check(&at)?;
    let id = RoleId(call.guid("name")?.0);
    let access = call.access()?;
    let tenant = call.who().tenant;
    let before: Option<RoleDefinition> = call.tx.get(&id.to_string())?;
    if before.as_ref().is_some_and(|role| !belongs_to(&access, role, tenant)) {
        return Err(Error::conflict(
            "RoleDefinitionExists",
            format!("the name '{id}' is taken; choose a new GUID for the role"),
        ));
    }
    let after = read(call, id, before.as_ref())?;
    after.validate_custom()?;
    check_reach(call, &access, &after)?;
    let scopes: BTreeSet<ResourceId> =
        before.iter().chain([&after]).flat_map(|role| role.assignable_scopes.iter().cloned()).collect();
    for assignable in &scopes {
        call.demand(WRITE, assignable)?;
    }
    check_name(call, &after, tenant)?;
    check_still_assignable(call, &after)?;
    administrators::check_remaining(&access, tenant, None, |index| index.put_role(after.clone()))?;
    call.fact("role", after.role_name.clone());
    call.tx.put(&after)?;
    Ok(Reply::created(json(&after, &at)))
}

/// Deletes a custom role that nobody holds.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let at = call.scope()?;
    let id = RoleId(call.guid("name")?.0);
    if builtin_role(id).is_some() {
        return Err(Error::invalid(
            "InvalidRoleDefinitionId",
            format!("the role '{id}' is built in and cannot be deleted"),
        ));
    }
    let Some(role) = custom_role(call, id)? else {
        return Ok(Reply::empty(204));
    };
    for assignable in &role.assignable_scopes {
        call.demand(DELETE, assignable)?;
    }
    if !holders(call, id)?.is_empty() {
        return Err(has_assignments(&role, "it is assigned; remove its assignments first"));
    }
    if is_eligible(call, id)? {
        let why = "somebody is eligible for it; remove the eligibilities first";
        return Err(has_assignments(&role, why));
    }
    call.fact("role", role.role_name.clone());
    call.tx.delete::<RoleDefinition>(&id.to_string());
    Ok(Reply::ok(json(&role, &at)))
}

/// The role's id as it is shown at a scope: below its subscription, or at the root.
pub fn shown_id(role: RoleId, at: &ResourceId) -> String {
    let base = at.subscription_id().map(|subscription| format!("/subscriptions/{subscription}"));
    format!("{}/providers/Microsoft.Authorization/roleDefinitions/{role}", base.unwrap_or_default())
}

fn definitions_filter(call: &Call<'_>) -> Result<Filter> {
    filters::filter(call, &["roleName", "type"], &["atScope", "atScopeAndBelow"])
}

fn reply_with(call: &Call<'_>, mut roles: Vec<RoleDefinition>, filter: &Filter, at: &ResourceId) -> Reply {
    roles.retain(|role| {
        let kind = match role.kind {
            RoleKind::BuiltIn => "BuiltInRole",
            RoleKind::Custom => "CustomRole",
        };
        let named =
            filter.equal("roleName").is_none_or(|name| name.to_lowercase() == role.role_name.to_lowercase());
        named && filter.admits("type", kind)
    });
    roles.sort_by_key(|role| role.id);
    call.page(roles, |role| role.id.to_string(), |role| json(role, at))
}

/// The custom roles of a tenant.
fn custom_roles(call: &mut Call<'_>, tenant: TenantId) -> Result<Vec<RoleDefinition>> {
    let access = call.access()?;
    let mut roles: Vec<RoleDefinition> = call.tx.all()?;
    roles.retain(|role| belongs_to(&access, role, tenant));
    Ok(roles)
}

/// A custom role of the caller's tenant.
fn custom_role(call: &mut Call<'_>, id: RoleId) -> Result<Option<RoleDefinition>> {
    let access = call.access()?;
    let tenant = call.who().tenant;
    let role: Option<RoleDefinition> = call.tx.get(&id.to_string())?;
    Ok(role.filter(|role| belongs_to(&access, role, tenant)))
}

fn belongs_to(access: &Access, role: &RoleDefinition, tenant: TenantId) -> bool {
    let mut scopes = role.assignable_scopes.iter();
    scopes.any(|assignable| access.tenant_of(assignable) == Some(tenant))
}

/// Reads the role that the request describes. What it leaves out stays as it was.
fn read(call: &Call<'_>, id: RoleId, before: Option<&RoleDefinition>) -> Result<RoleDefinition> {
    let fields = call.properties()?;
    let name = match (fields.text("roleName")?, before) {
        (Some(name), _) => name.to_string(),
        (None, Some(before)) => before.role_name.clone(),
        (None, None) => return Err(fields.missing("roleName")),
    };
    if let Some(kind) = fields.text("type")?
        && !kind.eq_ignore_ascii_case("CustomRole")
    {
        return Err(fields.wrong("type", "'CustomRole': built-in roles cannot be made"));
    }
    let assignable_scopes = match before.filter(|_| fields.get("assignableScopes").is_none()) {
        Some(before) => before.assignable_scopes.clone(),
        None => fields.ids("assignableScopes")?,
    };
    let permissions = match before.filter(|_| fields.get("permissions").is_none()) {
        Some(before) => before.permissions.clone(),
        None => read_permissions(&fields)?,
    };
    let description = fields.text("description")?.map(String::from);
    let who = call.who().object;
    Ok(RoleDefinition {
        id,
        role_name: name,
        description: description
            .or_else(|| before.map(|before| before.description.clone()))
            .unwrap_or_default(),
        kind: RoleKind::Custom,
        assignable_scopes,
        permissions,
        created_on: before.map_or(Some(call.now), |before| before.created_on),
        updated_on: Some(call.now),
        created_by: before.map_or(Some(who), |before| before.created_by),
        updated_by: Some(who),
    })
}

fn read_permissions(fields: &Fields<'_>) -> Result<Vec<Permission>> {
    let mut permissions = Vec::new();
    for value in fields.list("permissions")? {
        let permission = Fields::of(value).map_err(|_| fields.wrong("permissions", "a list of objects"))?;
        if permission.text("condition")?.is_some_and(|condition| !condition.is_empty()) {
            return Err(Error::invalid(
                "InvalidRoleDefinitionPermissions",
                "conditions in permissions are not supported: they would not be checked",
            )
            .with_target("properties.permissions"));
        }
        permissions.push(Permission {
            actions: patterns(&permission, "actions")?,
            not_actions: patterns(&permission, "notActions")?,
            data_actions: patterns(&permission, "dataActions")?,
            not_data_actions: patterns(&permission, "notDataActions")?,
        });
    }
    let count: usize = permissions
        .iter()
        .map(|p| p.actions.len() + p.not_actions.len() + p.data_actions.len() + p.not_data_actions.len())
        .sum();
    if count > MAX_PATTERNS {
        return Err(fields.wrong("permissions", &format!("a list of at most {MAX_PATTERNS} actions")));
    }
    Ok(permissions)
}

fn patterns(permission: &Fields<'_>, name: &str) -> Result<Vec<ActionPattern>> {
    let texts = permission.texts(name)?;
    texts.into_iter().map(ActionPattern::parse).collect()
}

/// A role reaches over subscriptions and groups of its own tenant, and over nothing else.
fn check_reach(call: &Call<'_>, access: &Access, role: &RoleDefinition) -> Result<()> {
    if role.assignable_scopes.len() > MAX_SCOPES {
        return Err(invalid_scopes(format!("a role has at most {MAX_SCOPES} assignable scopes")));
    }
    for assignable in &role.assignable_scopes {
        scope::check(assignable).map_err(|error| invalid_scopes(error.message))?;
        if access.tenant_of(assignable) != Some(call.who().tenant) {
            return Err(invalid_scopes(format!(
                "'{assignable}' is not in a subscription of the tenant that the role belongs to"
            )));
        }
    }
    Ok(())
}

fn invalid_scopes(message: String) -> Error {
    Error::invalid("InvalidRoleDefinitionAssignableScopes", message)
        .with_target("properties.assignableScopes")
}

fn check_name(call: &mut Call<'_>, role: &RoleDefinition, tenant: TenantId) -> Result<()> {
    let name = role.role_name.to_lowercase();
    let taken = custom_roles(call, tenant)?
        .into_iter()
        .any(|other| other.id != role.id && other.role_name.to_lowercase() == name);
    if taken {
        return Err(Error::conflict(
            "RoleDefinitionWithSameNameExists",
            format!("another role of the tenant is called '{}'", role.role_name),
        ));
    }
    Ok(())
}

/// A role stays assignable where it is assigned.
fn check_still_assignable(call: &mut Call<'_>, role: &RoleDefinition) -> Result<()> {
    let stranded =
        holders(call, role.id)?.into_iter().find(|assignment| !role.is_assignable_at(&assignment.scope));
    match stranded {
        None => Ok(()),
        Some(assignment) => Err(has_assignments(
            role,
            &format!("it is assigned at '{}' and has to stay assignable there", assignment.scope),
        )),
    }
}

/// The assignments of a role that hold now or will.
fn holders(call: &mut Call<'_>, role: RoleId) -> Result<Vec<Assignment>> {
    let now = call.now;
    let mut assignments: Vec<Assignment> = call.tx.all()?;
    assignments
        .retain(|assignment| assignment.role == role && assignment.expires().is_none_or(|end| now < end));
    Ok(assignments)
}

/// Whether somebody may still ask for the role.
fn is_eligible(call: &mut Call<'_>, role: RoleId) -> Result<bool> {
    let now = call.now;
    let eligibilities: Vec<pim::Eligibility> = call.tx.all()?;
    Ok(eligibilities.iter().any(|eligibility| {
        let grant = eligibility.grant();
        grant.role == role && !grant.window.has_ended(now)
    }))
}

fn has_assignments(role: &RoleDefinition, why: &str) -> Error {
    Error::invalid(
        "RoleDefinitionHasAssignments",
        format!("There are existing role assignments referencing the role '{}': {why}.", role.role_name),
    )
}

fn not_found(id: RoleId) -> Error {
    Error::not_found(
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{id}' does not exist."),
    )
}

fn json(role: &RoleDefinition, at: &ResourceId) -> Value {
    json!({
        "id": shown_id(role.id, at),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.role_name,
            "type": role.kind,
            "description": role.description,
            "assignableScopes": role.assignable_scopes,
            "permissions": role.permissions,
            "createdOn": role.created_on.map(arm::long_timestamp),
            "updatedOn": role.updated_on.map(arm::long_timestamp),
            "createdBy": role.created_by,
            "updatedBy": role.updated_by,
        },
    })
}
