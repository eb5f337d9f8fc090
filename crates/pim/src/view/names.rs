//! The names that answers give beside ids (`expandedProperties`, contract 6.4).

use arm::{ObjectId, ResourceId, RoleId};
use serde_json::{Value, json};

use crate::{PrincipalKind, paths};

/// What a principal is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalName {
    /// The name shown to people.
    pub display_name: String,
    /// The user principal name, which is also the mail address here; groups and applications have none.
    pub user_name: Option<String>,
    /// What sort of principal it is.
    pub kind: PrincipalKind,
}

/// What a role is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName {
    /// The role's name, e.g. `Backup MUA Operator`.
    pub display_name: String,
    /// Whether it is one of the built-in roles.
    pub built_in: bool,
}

/// What things are called. Every question has an answer: for something unknown, its id.
pub trait Names {
    /// A user, group or application.
    fn principal(&self, principal: ObjectId) -> PrincipalName;
    /// A role definition.
    fn role(&self, role: RoleId) -> RoleName;
    /// A scope: the name of a subscription or management group; its last segment for the rest.
    fn scope(&self, scope: &ResourceId) -> String;
}

/// `expandedProperties` of schedules, instances and requests.
pub(crate) fn expanded(names: &dyn Names, scope: &ResourceId, role: RoleId, principal: ObjectId) -> Value {
    json!({
        "principal": expanded_principal(names, principal),
        "roleDefinition": expanded_role(names, scope, role),
        "scope": expanded_scope(names, scope),
    })
}

pub(crate) fn expanded_principal(names: &dyn Names, principal: ObjectId) -> Value {
    let name = names.principal(principal);
    let mut expanded = json!({
        "id": principal,
        "displayName": name.display_name,
        "type": name.kind.as_str(),
    });
    if let (Some(email), Some(object)) = (name.user_name, expanded.as_object_mut()) {
        object.insert("email".into(), email.into());
    }
    expanded
}

pub(crate) fn expanded_role(names: &dyn Names, scope: &ResourceId, role: RoleId) -> Value {
    let name = names.role(role);
    json!({
        "id": paths::role_definition_id(scope, role),
        "displayName": name.display_name,
        "type": if name.built_in { "BuiltInRole" } else { "CustomRole" },
    })
}

pub(crate) fn expanded_scope(names: &dyn Names, scope: &ResourceId) -> Value {
    json!({
        "id": scope.as_str(),
        "displayName": names.scope(scope),
        "type": scope_kind(scope),
    })
}

/// What sort of scope it is, in the words of PIM: `subscription`, `resourcegroup`, `managementgroup`; a resource's
/// type for the rest, and `tenant` for the root, for which Azure has no word.
pub(crate) fn scope_kind(scope: &ResourceId) -> String {
    if scope.is_root() {
        return "tenant".into();
    }
    match scope.resource_type() {
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.Management/managementGroups") => {
            "managementgroup".into()
        }
        Some(kind) => kind,
        None if scope.resource_group_name().is_some() => "resourcegroup".into(),
        None => "subscription".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_the_words_of_pim() {
        for (scope, kind) in [
            ("/", "tenant"),
            ("/providers/Microsoft.Management/managementGroups/mg", "managementgroup"),
            ("/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590", "subscription"),
            ("/subscriptions/x/resourceGroups/rg", "resourcegroup"),
            (
                "/subscriptions/x/resourceGroups/rg/providers/Microsoft.DataProtection/resourceGuards/g",
                "Microsoft.DataProtection/resourceGuards",
            ),
        ] {
            assert_eq!(scope_kind(&ResourceId::parse(scope).unwrap()), kind);
        }
    }
}
