//! What people ask about, as the actions that it takes.

use mua::CriticalOperation;
use vault::VaultKind;

use super::Scope;
use crate::portal::guards::table::sentence;

/// Something that somebody may or may not do.
pub struct Task {
    /// Where it stands in the list.
    pub group: &'static str,
    /// What it is called in addresses.
    pub key: String,
    /// In words that complete "Can … ?".
    pub words: String,
    /// The action that it takes.
    pub action: String,
}

/// Approving comes from being on a list, and from no role.
pub const APPROVE: &str = "approve";

/// Where a task is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Recovery,
    Backup,
    Guard,
    Any,
}

const TASKS: [(On, &str, &str, &str); 26] = [
    (On::Recovery, "rsv-see", "see a Recovery Services vault", "Microsoft.RecoveryServices/Vaults/read"),
    (
        On::Recovery,
        "rsv-backup",
        "back up an item now",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action",
    ),
    (
        On::Recovery,
        "rsv-protect",
        "protect an item, or move it to another policy",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write",
    ),
    (
        On::Recovery,
        "rsv-restore",
        "restore an item",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action",
    ),
    (
        On::Recovery,
        "rsv-delete-item",
        "delete a backup item",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/delete",
    ),
    (
        On::Recovery,
        "rsv-policy",
        "change a backup policy",
        "Microsoft.RecoveryServices/Vaults/backupPolicies/write",
    ),
    (
        On::Recovery,
        "rsv-soft-delete",
        "change soft delete and security features",
        "Microsoft.RecoveryServices/Vaults/backupconfig/write",
    ),
    (
        On::Recovery,
        "rsv-vault",
        "change the vault and its immutability",
        "Microsoft.RecoveryServices/Vaults/write",
    ),
    (
        On::Recovery,
        "rsv-pin",
        "get the security PIN",
        "Microsoft.RecoveryServices/Vaults/backupSecurityPIN/action",
    ),
    (
        On::Recovery,
        "rsv-link",
        "link the vault to a guard",
        "Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/write",
    ),
    (
        On::Recovery,
        "rsv-unlink",
        "take the vault away from its guard",
        "Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/delete",
    ),
    (On::Backup, "bv-see", "see a Backup vault", "Microsoft.DataProtection/backupVaults/read"),
    (
        On::Backup,
        "bv-backup",
        "back up an instance now",
        "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
    ),
    (
        On::Backup,
        "bv-protect",
        "protect an instance, or move it to another policy",
        "Microsoft.DataProtection/backupVaults/backupInstances/write",
    ),
    (
        On::Backup,
        "bv-restore",
        "restore an instance",
        "Microsoft.DataProtection/backupVaults/backupInstances/restore/action",
    ),
    (
        On::Backup,
        "bv-delete",
        "delete a backup instance",
        "Microsoft.DataProtection/backupVaults/backupInstances/delete",
    ),
    (
        On::Backup,
        "bv-policy",
        "change a backup policy of a Backup vault",
        "Microsoft.DataProtection/backupVaults/backupPolicies/write",
    ),
    (
        On::Backup,
        "bv-vault",
        "change the Backup vault, its soft delete and its immutability",
        "Microsoft.DataProtection/backupVaults/write",
    ),
    (
        On::Backup,
        "bv-unlink",
        "take the Backup vault away from its guard",
        "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/delete",
    ),
    (
        On::Guard,
        "guard-see",
        "see the guard",
        "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/read",
    ),
    (
        On::Guard,
        "guard-change",
        "change the guard and what it protects",
        "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/write",
    ),
    (
        On::Guard,
        "guard-delete",
        "delete the guard",
        "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/delete",
    ),
    (On::Any, "access-give", "give somebody a role", "Microsoft.Authorization/roleAssignments/write"),
    (On::Any, "access-take", "take a role from somebody", "Microsoft.Authorization/roleAssignments/delete"),
    (
        On::Any,
        "access-approvers",
        "say who approves activations",
        "Microsoft.Authorization/roleManagementPolicies/write",
    ),
    (On::Any, "access-see", "see who holds what", "Microsoft.Authorization/roleAssignments/read"),
];

impl On {
    fn title(self) -> &'static str {
        match self {
            Self::Recovery => "Recovery Services vaults",
            Self::Backup => "Backup vaults",
            Self::Guard => "The Resource Guard",
            Self::Any => "Access",
        }
    }
}

/// Tasks that stand together, with what they have in common.
pub fn groups(tasks: &[Task]) -> Vec<(&'static str, Vec<&Task>)> {
    let mut groups: Vec<(&'static str, Vec<&Task>)> = Vec::new();
    for task in tasks {
        match groups.iter_mut().find(|(title, _)| *title == task.group) {
            Some((_, list)) => list.push(task),
            None => groups.push((task.group, vec![task])),
        }
    }
    groups
}

/// What makes sense to ask about at a scope.
pub fn at(scope: &Scope) -> Vec<Task> {
    let fits = |on: On| match on {
        On::Recovery => !matches!(scope.sort, "Backup vault" | "Resource Guard"),
        On::Backup => !matches!(scope.sort, "Recovery Services vault" | "Resource Guard"),
        On::Guard => !scope.is_vault(),
        On::Any => true,
    };
    let mut tasks: Vec<Task> = TASKS
        .iter()
        .filter(|(on, ..)| fits(*on))
        .map(|(on, key, words, action)| Task {
            group: on.title(),
            key: (*key).into(),
            words: (*words).into(),
            action: (*action).into(),
        })
        .collect();
    if scope.is_guard() {
        tasks.push(Task {
            group: On::Any.title(),
            key: APPROVE.into(),
            words: "approve requests for consent".into(),
            action: String::new(),
        });
    }
    if fits(On::Guard) {
        let mut seen = std::collections::BTreeSet::new();
        let consents = CriticalOperation::ALL.iter().filter(|one| seen.insert(one.request_kind()));
        tasks.extend(consents.map(|operation| Task {
            group: match operation.vault_kind() {
                VaultKind::RecoveryServices => "Consent for Recovery Services vaults",
                VaultKind::Backup => "Consent for Backup vaults",
            },
            key: format!("consent-{operation:?}"),
            words: format!("consent to “{}”", operation.title()),
            action: operation.guard_action(),
        }));
    }
    tasks
}

impl Task {
    /// With a capital letter, for a list.
    pub fn title(&self) -> String {
        sentence(&self.words)
    }
}
