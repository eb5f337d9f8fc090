//! The Recovery Services vault itself.

use std::collections::BTreeMap;

use arm::{Region, ResourceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::purge_rule::capture_window;
use crate::{Feature, Immutability, SoftDelete};

/// Who touched a resource last or first, for ARM's `systemData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// The user's principal name or the application's id.
    pub by: String,
    /// `User` or `Application`.
    pub kind: String,
}

/// A Recovery Services vault (contract 4.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vault {
    /// Who created it.
    pub created: Stamp,
    /// Customer-managed key settings, as sent; `None` for the platform's own keys.
    pub encryption: Option<Value>,
    /// The "security features" for hybrid backups (`enhancedSecurityState`).
    pub enhanced_security: Feature,
    /// Settings that no guard protects.
    pub free: FreeSettings,
    /// Its resource id, in the case it was created with.
    pub id: ResourceId,
    /// Whether recovery points can be lost before their time.
    pub immutability: Immutability,
    /// Where it is; never changes. A guard must be in the same region.
    pub location: Region,
    /// Who changed it last.
    pub modified: Stamp,
    /// The short name in repository addresses; never changes.
    pub short: String,
    /// Whether and how long deleted backups are kept.
    pub soft_delete: SoftDelete,
}

impl Vault {
    /// How long before a recovery point a deletion may have been that the point's backup could not know of. Its views and
    /// the purge go by it alike.
    pub fn capture_window(&self) -> SignedDuration {
        capture_window(match self.soft_delete.state {
            Feature::Disabled => 0,
            Feature::Enabled | Feature::AlwaysOn => self.soft_delete.retention_days.into(),
        })
    }
}

/// Settings of a vault whose change never weakens a backup, kept as the client sent them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FreeSettings {
    /// Managed identity.
    pub identity: Option<Value>,
    /// The other settings of `properties` by their name: monitoring, redundancy, restore, network access.
    pub properties: BTreeMap<String, Value>,
    /// SKU, e.g. `{"name":"Standard"}`.
    pub sku: Option<Value>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}
