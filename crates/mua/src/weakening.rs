//! What both kinds of vault can lose, and what that is called on each.

use vault::VaultKind;

use crate::CriticalOperation;

/// A step down that there is on both kinds of vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakening {
    /// An item would be lost, or kept for less long.
    Delete,
    /// Backups stop, and what exists is kept for ever.
    Stop,
    /// Backups stop, and what exists is kept as the policy says.
    Suspend,
    /// An item would be protected less.
    ModifyItem,
    /// A policy would become weaker for all that use it.
    ModifyPolicy,
    /// Soft delete would end or last less long.
    SoftDelete,
    /// Immutability would end.
    Immutability,
    /// The encryption settings would change.
    Encryption,
    /// Backups would be read out of the vault.
    Restore,
    /// The link to the guard would end.
    RemoveMua,
}

impl Weakening {
    /// The operation that it is on a kind of vault (contract 2.4, 2.5).
    pub(crate) fn on(self, kind: VaultKind) -> CriticalOperation {
        use CriticalOperation as Is;
        use VaultKind::{Backup, RecoveryServices};
        match (self, kind) {
            (Self::Delete, RecoveryServices) => Is::DeleteProtection,
            (Self::Delete, Backup) => Is::DeleteInstance,
            (Self::Stop | Self::Suspend, RecoveryServices) => Is::StopProtection,
            (Self::Stop, Backup) => Is::StopInstance,
            (Self::Suspend, Backup) => Is::SuspendInstance,
            (Self::ModifyItem, RecoveryServices) => Is::ModifyProtection,
            (Self::ModifyPolicy, RecoveryServices) => Is::ModifyPolicy,
            // Azure lets anybody weaken a policy of a Backup vault, and only guards which policy an instance has.
            // Weakening the policy weakens every instance that has it, so that here it needs the same consent.
            (Self::ModifyItem | Self::ModifyPolicy, Backup) => Is::ModifyInstance,
            (Self::SoftDelete, RecoveryServices) => Is::DisableSoftDelete,
            (Self::SoftDelete, Backup) => Is::ReduceSoftDelete,
            (Self::Immutability, RecoveryServices) => Is::ReduceImmutability,
            (Self::Immutability, Backup) => Is::ReduceBackupImmutability,
            (Self::Encryption, RecoveryServices) => Is::ModifyEncryption,
            (Self::Encryption, Backup) => Is::ModifyBackupEncryption,
            (Self::Restore, RecoveryServices) => Is::Restore,
            (Self::Restore, Backup) => Is::RestoreInstance,
            (Self::RemoveMua, RecoveryServices) => Is::RemoveMua,
            (Self::RemoveMua, Backup) => Is::RemoveBackupMua,
        }
    }
}
