//! The table of critical operations (contract 2.4 and 2.5): the one place that knows Azure's names for them.

use serde::{Deserialize, Serialize};
use vault::VaultKind;

/// How consent for an operation reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// In the `resourceGuardOperationRequests` of the request itself.
    InRequest,
    /// By `unlockDelete` beforehand, because an HTTP DELETE has no body (contract 3.6).
    ByUnlock,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $operation:literal, $request:literal, $mandatory:literal, $consent:ident, $title:literal;)*) => {
        /// An operation that weakens or destroys what a vault holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum CriticalOperation {
            $($(#[$doc])* $name,)*
        }

        impl CriticalOperation {
            /// All of them, in the order a real guard lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind of vault it belongs to.
            pub fn vault_kind(self) -> VaultKind {
                match self { $(Self::$name => VaultKind::$kind,)* }
            }

            /// What follows the vault's resource type and a slash in `vaultCriticalOperation`.
            fn suffix(self) -> &'static str {
                match self { $(Self::$name => $operation,)* }
            }

            /// The kind of guard request that consents to it: the `{kind}` of `<guard>/{kind}/default`.
            pub fn request_kind(self) -> &'static str {
                match self { $(Self::$name => $request,)* }
            }

            /// Whether the guard's owner cannot exempt it (contract 2.3).
            pub fn is_mandatory(self) -> bool {
                match self { $(Self::$name => $mandatory,)* }
            }

            /// How consent reaches the server.
            pub fn consent(self) -> Consent {
                match self { $(Self::$name => Consent::$consent,)* }
            }

            /// What people call it.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

operations! {
    /// Delete a protected item and its backup data.
    DeleteProtection: RecoveryServices, "backupFabrics/protectionContainers/protectedItems/delete", "deleteProtectedItemRequests", false, ByUnlock, "delete protection";
    /// Move an item to a weaker policy.
    ModifyProtection: RecoveryServices, "backupFabrics/protectionContainers/protectedItems/write", "updateProtectedItemRequests", false, InRequest, "modify protection";
    /// Make a policy weaker.
    ModifyPolicy: RecoveryServices, "backupPolicies/write", "updateProtectionPolicyRequests", false, InRequest, "modify policy";
    /// Remove the link to the guard.
    RemoveMua: RecoveryServices, "backupResourceGuardProxies/delete", "deleteResourceGuardProxyRequests", true, ByUnlock, "remove MUA protection";
    /// Get the security PIN.
    SecurityPin: RecoveryServices, "backupSecurityPIN/action", "getBackupSecurityPINRequests", false, InRequest, "get the security PIN";
    /// Disable or shorten soft delete, or disable the security features.
    DisableSoftDelete: RecoveryServices, "backupconfig/write", "disableSoftDeleteRequests", true, InRequest, "disable soft delete or security features";
    /// Stop backups and keep the data.
    StopProtection: RecoveryServices, "backupFabrics/protectionContainers/protectedItems/write#stopProtectionWithRetainData", "stopProtectionWithRetainDataRequests", false, InRequest, "stop backup and retain data";
    /// Disable immutability.
    ReduceImmutability: RecoveryServices, "write#reduceImmutabilityState", "reduceImmutabilityStateRequests", false, InRequest, "disable immutability";
    /// Restore.
    Restore: RecoveryServices, "backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action", "triggerRestoreRequests", false, InRequest, "restore";
    /// Modify encryption settings.
    ModifyEncryption: RecoveryServices, "write#modifyEncryptionSettings", "modifyEncryptionSettings", false, InRequest, "modify encryption settings";
    /// Delete a registered server and its backups.
    DeleteServer: RecoveryServices, "registeredIdentities/delete", "deleteMABIdentityRequests", false, ByUnlock, "delete a registered server";
    /// Delete a backup instance.
    DeleteInstance: Backup, "backupInstances/delete", "deleteBackupInstanceRequests", false, ByUnlock, "delete backup instance";
    /// Remove the link to the guard.
    RemoveBackupMua: Backup, "backupResourceGuardProxies/delete", "deleteResourceGuardProxyRequests", true, ByUnlock, "remove MUA protection";
    /// Disable immutability.
    ReduceBackupImmutability: Backup, "write#reduceImmutabilityState", "dppReduceImmutabilityStateRequests", false, InRequest, "disable immutability";
    /// Disable or shorten soft delete.
    ReduceSoftDelete: Backup, "write#reduceSoftDeleteSecurity", "dppReduceSoftDeleteSecurityRequests", true, InRequest, "disable soft delete";
    /// Modify encryption settings.
    ModifyBackupEncryption: Backup, "write#modifyEncryptionSettings", "dppModifyEncryptionSettingsRequests", false, InRequest, "modify encryption settings";
    /// Stop backups and keep the data for ever.
    StopInstance: Backup, "backupInstances/stopProtection/action", "dppDisableStopProtectionRequests", false, InRequest, "stop backup and retain forever";
    /// Stop backups and keep the data as the policy says.
    SuspendInstance: Backup, "backupInstances/suspendBackups/action", "dppDisableSuspendBackupsRequests", false, InRequest, "stop backup and retain as per policy";
    /// Move an instance to a weaker policy.
    ModifyInstance: Backup, "backupInstances/write", "dppModifyPolicy", false, InRequest, "modify protection";
    /// Restore.
    RestoreInstance: Backup, "backupInstances/restore/action", "dppTriggerRestoreRequests", false, InRequest, "restore";
}

/// The namespace and type of guards: the prefix of request types.
const GUARD_TYPE: &str = "Microsoft.DataProtection/resourceGuards";

impl CriticalOperation {
    /// `vaultCriticalOperation`: the operation's full name, in the exact case that clients compare with.
    pub fn name(self) -> String {
        format!("{}/{}", self.vault_kind().resource_type(), self.suffix())
    }

    /// `requestResourceType` as the guard lists it. For Backup vaults that is the operation's own name (contract 2.5).
    pub fn request_resource_type(self) -> String {
        match self.vault_kind() {
            VaultKind::RecoveryServices => format!("{GUARD_TYPE}/{}", self.request_kind()),
            VaultKind::Backup => self.name(),
        }
    }

    /// The action a caller needs on the guard (contract 2.6).
    pub fn guard_action(self) -> String {
        let kind = self.request_kind();
        format!(
            "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/{kind}/action"
        )
    }

    /// The operation with this full name, compared without case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name().eq_ignore_ascii_case(name))
    }

    /// The operation of a kind of vault that this kind of request consents to, compared without case.
    pub fn by_request(vault: VaultKind, kind: &str) -> Option<Self> {
        let fits = |o: &Self| o.vault_kind() == vault && o.request_kind().eq_ignore_ascii_case(kind);
        Self::ALL.iter().copied().find(fits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_kinds_find_their_operation() {
        for operation in CriticalOperation::ALL {
            assert_eq!(CriticalOperation::by_name(&operation.name().to_uppercase()), Some(*operation));
            let found = CriticalOperation::by_request(operation.vault_kind(), operation.request_kind());
            assert_eq!(found, Some(*operation));
        }
    }

    #[test]
    fn the_table_is_the_contracts() {
        let names: BTreeSet<String> = CriticalOperation::ALL.iter().map(|o| o.name()).collect();
        assert_eq!((CriticalOperation::ALL.len(), names.len()), (20, 20));
        let mandatory: Vec<String> =
            CriticalOperation::ALL.iter().filter(|o| o.is_mandatory()).map(|o| o.name()).collect();
        assert_eq!(
            mandatory,
            [
                "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete",
                "Microsoft.RecoveryServices/vaults/backupconfig/write",
                "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/delete",
                "Microsoft.DataProtection/backupVaults/write#reduceSoftDeleteSecurity",
            ]
        );
    }
}
