//! The two kinds of vault.

use arm::ResourceId;
use serde::{Deserialize, Serialize};

/// The two kinds of vault. Both are one sort of document; which of the two a vault is, its id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VaultKind {
    /// `Microsoft.RecoveryServices/vaults`
    RecoveryServices,
    /// `Microsoft.DataProtection/backupVaults`
    Backup,
}

/// How many segments the id of a vault has.
const SEGMENTS: usize = 8;

/// The vault that this is, or that this lies in.
pub fn vault_of(id: &ResourceId) -> ResourceId {
    id.first(SEGMENTS)
}

impl VaultKind {
    /// The kind of the vault that this is, or that this lies in.
    pub fn of(id: &ResourceId) -> Self {
        match vault_of(id).is_of_type(Self::Backup.resource_type()) {
            true => Self::Backup,
            false => Self::RecoveryServices,
        }
    }

    /// The resource type, which is the prefix of its operations.
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::RecoveryServices => "Microsoft.RecoveryServices/vaults",
            Self::Backup => "Microsoft.DataProtection/backupVaults",
        }
    }

    /// The one name that the link to a guard has (contract 3.6, 4.8).
    pub fn proxy_name(self) -> &'static str {
        match self {
            Self::RecoveryServices => "VaultProxy",
            Self::Backup => "DppResourceGuardProxy",
        }
    }
}
