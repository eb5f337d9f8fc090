//! The security settings of a vault, each an ordered scale on which up is stronger.

use serde::{Deserialize, Serialize};

/// A security feature that may be off, on, or on for good (contract 4.2: `AlwaysON`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Feature {
    /// Off: what is deleted is gone.
    Disabled,
    /// On, and it can be switched off (with consent, when a guard is linked).
    Enabled,
    /// On for good. No consent opens it.
    AlwaysOn,
}

impl Feature {
    /// Reads Azure's spelling in any case (`Disabled`, `Disable`, `Enabled`, `Enable`, `AlwaysOn`, `AlwaysON`).
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "disabled" | "disable" => Some(Self::Disabled),
            "enabled" | "enable" => Some(Self::Enabled),
            "alwayson" => Some(Self::AlwaysOn),
            _ => None,
        }
    }

    /// Azure's spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Enabled => "Enabled",
            Self::AlwaysOn => "AlwaysON",
        }
    }
}

/// Soft delete: whether deleted backups are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftDelete {
    /// How long a deleted item is kept, in days: 14 to 180.
    pub retention_days: u16,
    /// Off, on, or on for good.
    pub state: Feature,
}

impl SoftDelete {
    /// The shortest and the longest period that may be set, in days (contract 4.2).
    pub const DAYS: std::ops::RangeInclusive<u16> = 14..=180;
}

impl Default for SoftDelete {
    /// Secure by default: on, 14 days.
    fn default() -> Self {
        Self { state: Feature::Enabled, retention_days: *Self::DAYS.start() }
    }
}

/// Immutability of a vault: no operation may lose a recovery point before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Immutability {
    /// Off.
    #[default]
    Disabled,
    /// On, and it can be switched off (with consent, when a guard is linked).
    Unlocked,
    /// On for good. No consent opens it.
    Locked,
}

impl Immutability {
    /// Reads Azure's spelling in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "disabled" => Some(Self::Disabled),
            "unlocked" => Some(Self::Unlocked),
            "locked" => Some(Self::Locked),
            _ => None,
        }
    }

    /// Azure's spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Unlocked => "Unlocked",
            Self::Locked => "Locked",
        }
    }
}
