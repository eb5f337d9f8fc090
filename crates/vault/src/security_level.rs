//! How well a vault is protected against whoever would destroy its backups (contract 8.5).

use crate::{Feature, Immutability, Vault};

/// The four levels, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityLevel {
    /// One administrator can undo every protection there is.
    Poor,
    /// Immutability, or somebody else's consent, stands in the way, and either can be switched off.
    Fair,
    /// A protection is on for good.
    Good,
    /// A protection is on for good, and what it leaves open needs somebody else's consent.
    Excellent,
}

impl SecurityLevel {
    /// The level of a vault, `guarded` by multi-user authorization or not.
    pub fn of(vault: &Vault, guarded: bool) -> Self {
        let for_good =
            vault.immutability == Immutability::Locked || vault.soft_delete.state == Feature::AlwaysOn;
        match (for_good, guarded) {
            (true, true) => Self::Excellent,
            (true, false) => Self::Good,
            (false, true) => Self::Fair,
            (false, false) if vault.immutability == Immutability::Unlocked => Self::Fair,
            (false, false) => Self::Poor,
        }
    }

    /// Azure's `bcdrSecurityLevel`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poor => "Poor",
            Self::Fair => "Fair",
            Self::Good => "Good",
            Self::Excellent => "Excellent",
        }
    }

    /// Azure's `secureScore`, which says the same in other words.
    pub fn score(self) -> &'static str {
        match self {
            Self::Poor => "None",
            Self::Fair => "Minimum",
            Self::Good => "Adequate",
            Self::Excellent => "Maximum",
        }
    }
}
