//! Role definitions: what a role grants, and where it may be assigned.

use std::collections::BTreeSet;

use arm::{Error, ObjectId, ResourceId, Result, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Action, ActionPattern, builtin_role, builtin_roles};

/// The longest name of a role, in characters, as Azure limits it.
pub const MAX_ROLE_NAME_CHARS: usize = 512;
/// The longest description of a role, in characters, as Azure limits it.
pub const MAX_DESCRIPTION_CHARS: usize = 2048;

/// A block of a role definition: some actions, minus others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// What it grants.
    pub actions: Vec<ActionPattern>,
    /// What it leaves out of `actions`. Another permission may grant it nevertheless.
    pub not_actions: Vec<ActionPattern>,
    /// Kept for clients; no operation of ours is a data action.
    pub data_actions: Vec<ActionPattern>,
    /// Kept for clients.
    pub not_data_actions: Vec<ActionPattern>,
}

impl Permission {
    /// Whether this block grants the action.
    pub fn grants(&self, action: &Action) -> bool {
        self.grants_folded(action.folded())
    }

    fn grants_folded(&self, action: &str) -> bool {
        let among =
            |patterns: &[ActionPattern]| patterns.iter().any(|pattern| pattern.matches_folded(action));
        among(&self.actions) && !among(&self.not_actions)
    }
}

/// Whether a role comes with the program or was made by its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoleKind {
    /// Comes with the program, the same in every tenant, and never changes.
    #[serde(rename = "BuiltInRole")]
    BuiltIn,
    /// Made by a tenant's users.
    #[serde(rename = "CustomRole")]
    Custom,
}

/// A role: a name for some permissions (contract 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleDefinition {
    /// The last segment of its resource id. Built-in roles have the same one below every scope.
    pub id: RoleId,
    /// The name people know it by.
    pub role_name: String,
    /// What it is for.
    pub description: String,
    /// Built in or custom.
    #[serde(rename = "type")]
    pub kind: RoleKind,
    /// The scopes at and below which it may be assigned.
    pub assignable_scopes: Vec<ResourceId>,
    /// What it grants: the union of these.
    pub permissions: Vec<Permission>,
    /// When it was made; absent for built-in roles.
    pub created_on: Option<Timestamp>,
    /// When it was last changed.
    pub updated_on: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<ObjectId>,
    /// Who last changed it.
    pub updated_by: Option<ObjectId>,
}

impl RoleDefinition {
    /// Whether the role grants the action: some permission has it among its actions and not among its notActions.
    pub fn grants(&self, action: &Action) -> bool {
        self.grants_folded(action.folded())
    }

    pub(crate) fn grants_folded(&self, action: &str) -> bool {
        self.permissions.iter().any(|permission| permission.grants_folded(action))
    }

    /// Whether the role may be assigned at the scope. Asked when an assignment is made; one that exists holds
    /// whatever becomes of the role's assignable scopes.
    pub fn is_assignable_at(&self, scope: &ResourceId) -> bool {
        self.assignable_scopes.iter().any(|above| scope.is_within(above))
    }

    /// Checks what the definition alone can show before a custom role is created or replaced. That its name is
    /// not taken by another custom role is for whoever knows them all.
    ///
    /// # Errors
    /// `RoleDefinitionWithSameNameExists` (a conflict) for the name of a built-in role, otherwise a malformed
    /// request: `InvalidRoleDefinitionId` for the id of a built-in role or a definition that calls itself
    /// built in, `InvalidRoleDefinitionName`, `InvalidRoleDefinitionDescription`,
    /// `InvalidRoleDefinitionAssignableScopes`, `InvalidRoleDefinitionPermissions`.
    pub fn validate_custom(&self) -> Result<()> {
        if self.kind == RoleKind::BuiltIn || builtin_role(self.id).is_some() {
            return Err(Error::invalid(
                "InvalidRoleDefinitionId",
                format!("the role '{}' is built in and cannot be changed", self.id),
            )
            .with_target("name"));
        }
        self.validate_texts()?;
        self.validate_scopes()?;
        let grants =
            |permission: &Permission| !permission.actions.is_empty() || !permission.data_actions.is_empty();
        if !self.permissions.iter().any(grants) {
            return Err(Error::invalid(
                "InvalidRoleDefinitionPermissions",
                "a role definition needs at least one permission with at least one action",
            )
            .with_target("properties.permissions"));
        }
        Ok(())
    }

    fn validate_texts(&self) -> Result<()> {
        let name = self.role_name.as_str();
        if name.trim().is_empty() || name.trim() != name || name.chars().count() > MAX_ROLE_NAME_CHARS {
            return Err(Error::invalid(
                "InvalidRoleDefinitionName",
                format!(
                    "a role needs a name of 1 to {MAX_ROLE_NAME_CHARS} characters, without blanks around it"
                ),
            )
            .with_target("properties.roleName"));
        }
        if builtin_roles().iter().any(|role| same_name(&role.role_name, name)) {
            return Err(Error::conflict(
                "RoleDefinitionWithSameNameExists",
                format!("the name '{name}' belongs to a built-in role"),
            )
            .with_target("properties.roleName"));
        }
        if self.description.chars().count() > MAX_DESCRIPTION_CHARS {
            return Err(Error::invalid(
                "InvalidRoleDefinitionDescription",
                format!("the description of a role has at most {MAX_DESCRIPTION_CHARS} characters"),
            )
            .with_target("properties.description"));
        }
        Ok(())
    }

    fn validate_scopes(&self) -> Result<()> {
        let scopes = &self.assignable_scopes;
        let distinct: BTreeSet<_> = scopes.iter().collect();
        if scopes.is_empty() || scopes.iter().any(ResourceId::is_root) || distinct.len() < scopes.len() {
            return Err(Error::invalid(
                "InvalidRoleDefinitionAssignableScopes",
                "a custom role needs at least one assignable scope, each named once, and none of them '/'",
            )
            .with_target("properties.assignableScopes"));
        }
        Ok(())
    }
}

/// Names of roles compare without case: two that only differ in it would be one to a hasty reader.
fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use arm::ErrorKind;
    use uuid::Uuid;

    use super::*;
    use crate::role_ids;

    fn patterns(texts: &[&str]) -> Vec<ActionPattern> {
        texts.iter().map(|text| ActionPattern::parse(text).unwrap()).collect()
    }

    fn role() -> RoleDefinition {
        RoleDefinition {
            id: RoleId(Uuid::from_u128(1)),
            role_name: "Policy keeper".into(),
            description: String::new(),
            kind: RoleKind::Custom,
            assignable_scopes: vec![ResourceId::parse("/subscriptions/s").unwrap()],
            permissions: vec![Permission { actions: patterns(&["A.B/*"]), ..Permission::default() }],
            created_on: None,
            updated_on: None,
            created_by: None,
            updated_by: None,
        }
    }

    #[test]
    fn not_actions_subtract_from_their_own_permission_only() {
        let mut role = role();
        role.permissions[0].not_actions = patterns(&["*/DELETE", "a.b/c/write"]);
        let grants = |role: &RoleDefinition, text| role.grants(&Action::parse(text).unwrap());
        assert!(grants(&role, "A.B/c/read"));
        assert!(!grants(&role, "A.B/c/delete"));
        assert!(!grants(&role, "A.B/c/write"));
        role.permissions.push(Permission { actions: patterns(&["A.B/c/delete"]), ..Permission::default() });
        assert!(grants(&role, "A.B/c/delete"));
        assert!(!grants(&role, "A.B/d/delete"));
    }

    #[test]
    fn data_actions_grant_no_action() {
        let mut role = role();
        role.permissions = vec![Permission { data_actions: patterns(&["*"]), ..Permission::default() }];
        assert!(!role.grants(&crate::action!("A.B/c/read")));
        assert_eq!(role.validate_custom(), Ok(()));
    }

    #[test]
    fn a_custom_role_is_checked() {
        assert_eq!(role().validate_custom(), Ok(()));
        type Spoil = fn(&mut RoleDefinition);
        let cases: [(&str, Spoil); 11] = [
            ("InvalidRoleDefinitionId", |role| role.kind = RoleKind::BuiltIn),
            ("InvalidRoleDefinitionId", |role| role.id = role_ids::OWNER),
            ("InvalidRoleDefinitionName", |role| role.role_name = " ".into()),
            ("InvalidRoleDefinitionName", |role| role.role_name = " Reader".into()),
            ("InvalidRoleDefinitionName", |role| role.role_name = "x".repeat(513)),
            ("RoleDefinitionWithSameNameExists", |role| role.role_name = "backup reader".into()),
            ("InvalidRoleDefinitionDescription", |role| role.description = "x".repeat(2049)),
            ("InvalidRoleDefinitionAssignableScopes", |role| role.assignable_scopes.clear()),
            ("InvalidRoleDefinitionAssignableScopes", |role| role.assignable_scopes.push(ResourceId::root())),
            ("InvalidRoleDefinitionPermissions", |role| role.permissions.clear()),
            ("InvalidRoleDefinitionPermissions", |role| role.permissions[0].actions.clear()),
        ];
        for (code, spoil) in cases {
            let mut role = role();
            spoil(&mut role);
            let error = role.validate_custom().unwrap_err();
            assert_eq!(error.code, code);
            let conflict = code == "RoleDefinitionWithSameNameExists";
            assert_eq!(error.kind == ErrorKind::Conflict, conflict);
        }
        let mut twice = role();
        twice.assignable_scopes.push(ResourceId::parse("/SUBSCRIPTIONS/S").unwrap());
        assert!(twice.validate_custom().is_err());
    }

    #[test]
    fn a_role_is_assignable_at_and_below_its_scopes() {
        let at = |text: &str| role().is_assignable_at(&ResourceId::parse(text).unwrap());
        assert!(at("/subscriptions/S/resourceGroups/r"));
        assert!(!at("/subscriptions/t"));
        assert!(!at("/"));
    }

    #[test]
    fn json_has_arms_names() {
        let json = serde_json::to_value(role()).unwrap();
        assert_eq!(json["type"], "CustomRole");
        assert_eq!(json["permissions"][0]["notDataActions"], serde_json::json!([]));
        assert_eq!(serde_json::from_value::<RoleDefinition>(json).unwrap(), role());
    }
}
