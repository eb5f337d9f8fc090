//! The nine built-in roles (contract 10), with the ids and actions that Azure gives them.
//!
//! They are evaluated literally. In particular, Backup MUA Admin holds no action that ends in `/action` below
//! `resourceGuards`, so it does **not** pass a guard's check of `…/resourceGuards/{kind}/action` (contract 2.6),
//! although Azure's documentation says that it does: who owns a guard need not be able to act on the vaults behind
//! it. Nothing is lost, because the role can lift a protection openly, by changing the guard's exclusion list, and
//! that is an entry in the ledger of its own.

use std::sync::LazyLock;

use arm::{ResourceId, RoleId};
use serde::Deserialize;

use crate::{ActionPattern, Permission, RoleDefinition, RoleKind};

/// The ids of the built-in roles, which are the same everywhere.
pub mod role_ids {
    use arm::RoleId;
    use uuid::uuid;

    /// Owner.
    pub const OWNER: RoleId = RoleId(uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635"));
    /// Contributor.
    pub const CONTRIBUTOR: RoleId = RoleId(uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"));
    /// Reader.
    pub const READER: RoleId = RoleId(uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7"));
    /// User Access Administrator.
    pub const USER_ACCESS_ADMINISTRATOR: RoleId = RoleId(uuid!("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"));
    /// Backup Contributor.
    pub const BACKUP_CONTRIBUTOR: RoleId = RoleId(uuid!("5e467623-bb1f-42f4-a55d-6e525e11384b"));
    /// Backup Operator.
    pub const BACKUP_OPERATOR: RoleId = RoleId(uuid!("00c29273-979b-4161-815c-10b084fb9324"));
    /// Backup Reader.
    pub const BACKUP_READER: RoleId = RoleId(uuid!("a795c7a0-d4a2-40c1-ae25-d81f01202912"));
    /// Backup MUA Admin.
    pub const BACKUP_MUA_ADMIN: RoleId = RoleId(uuid!("c2a970b4-16a7-4a51-8c84-8a8ea6ee0bb8"));
    /// Backup MUA Operator.
    pub const BACKUP_MUA_OPERATOR: RoleId = RoleId(uuid!("f54b6d04-23c6-443e-b462-9c16ab7b4a52"));
}

/// The facts, in a layout of our own: what is the same for all of them is not repeated.
const DATA: &str = include_str!("../data/builtin-roles.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fact {
    name: String,
    id: RoleId,
    description: String,
    actions: Vec<ActionPattern>,
    not_actions: Vec<ActionPattern>,
}

impl From<Fact> for RoleDefinition {
    fn from(fact: Fact) -> Self {
        Self {
            id: fact.id,
            role_name: fact.name,
            description: fact.description,
            kind: RoleKind::BuiltIn,
            assignable_scopes: vec![ResourceId::root()],
            permissions: vec![Permission {
                actions: fact.actions,
                not_actions: fact.not_actions,
                ..Permission::default()
            }],
            created_on: None,
            updated_on: None,
            created_by: None,
            updated_by: None,
        }
    }
}

/// The built-in roles.
pub fn builtin_roles() -> &'static [RoleDefinition] {
    // Were the file unreadable, there would be no roles, and nobody could do anything; a test sees to it that it is.
    static ROLES: LazyLock<Vec<RoleDefinition>> = LazyLock::new(|| {
        let facts: Vec<Fact> = serde_json::from_str(DATA).unwrap_or_default();
        facts.into_iter().map(RoleDefinition::from).collect()
    });
    &ROLES
}

/// The built-in role with this id.
pub fn builtin_role(id: RoleId) -> Option<&'static RoleDefinition> {
    builtin_roles().iter().find(|role| role.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, action};

    #[test]
    fn there_are_nine_with_as_many_actions_as_the_contract_counts() {
        let counts: Vec<(&str, RoleId, usize, usize)> = builtin_roles()
            .iter()
            .map(|role| {
                let [permission] = role.permissions.as_slice() else { panic!("one permission each") };
                (role.role_name.as_str(), role.id, permission.actions.len(), permission.not_actions.len())
            })
            .collect();
        let expected = [
            ("Owner", role_ids::OWNER, 1, 0),
            ("Contributor", role_ids::CONTRIBUTOR, 1, 11),
            ("Reader", role_ids::READER, 1, 0),
            ("User Access Administrator", role_ids::USER_ACCESS_ADMINISTRATOR, 3, 0),
            ("Backup Contributor", role_ids::BACKUP_CONTRIBUTOR, 84, 0),
            ("Backup Operator", role_ids::BACKUP_OPERATOR, 98, 0),
            ("Backup Reader", role_ids::BACKUP_READER, 60, 0),
            ("Backup MUA Admin", role_ids::BACKUP_MUA_ADMIN, 26, 0),
            ("Backup MUA Operator", role_ids::BACKUP_MUA_OPERATOR, 3, 0),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn they_are_assignable_everywhere_and_have_a_description() {
        for role in builtin_roles() {
            assert!(role.assignable_scopes.iter().all(ResourceId::is_root), "{}", role.role_name);
            assert!(!role.description.is_empty(), "{}", role.role_name);
            assert_eq!(builtin_role(role.id), Some(role));
        }
    }

    /// Contract 2.6, and the decision recorded above.
    #[test]
    fn who_passes_a_guards_check_by_the_letter_of_the_roles() {
        let consent: Action = action!(
            "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/deleteProtectedItemRequests/action"
        );
        let pass: Vec<RoleId> =
            builtin_roles().iter().filter(|role| role.grants(&consent)).map(|role| role.id).collect();
        let expected = [role_ids::OWNER, role_ids::CONTRIBUTOR, role_ids::BACKUP_MUA_OPERATOR];
        assert_eq!(pass, expected);
    }
}
