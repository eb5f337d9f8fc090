//! What a vault holds.

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::policy::PolicyBody;
use crate::{Freeze, Instance};

/// A backup policy of a vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupPolicy {
    /// What it says.
    pub body: PolicyBody,
    /// `<vault>/backupPolicies/{name}`.
    pub id: ResourceId,
}

/// A registered source of backups: a server, for file backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// `MAB`, `AzureIaasVM`, …
    pub backup_management_type: String,
    /// `Windows` for servers that back up files themselves.
    pub container_type: String,
    /// The server's name.
    pub friendly_name: String,
    /// `<vault>/backupFabrics/{fabric}/protectionContainers/{name}`.
    pub id: ResourceId,
    /// When it was registered.
    pub registered: Timestamp,
}

/// How far an item is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protection {
    /// No new backups; what exists is kept for ever.
    Stopped,
    /// No new backups; what exists is kept as the policy says.
    Suspended,
    /// Backups run and are kept as the policy says.
    Protected,
}

/// A soft deletion under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// When it was deleted.
    pub at: Timestamp,
    /// Who deleted it.
    pub by: String,
    /// Until when it can be undeleted.
    pub until: Timestamp,
}

/// How long before a purge people are warned of it, in hours: as Azure does, two days.
const WARNING_HOURS: i64 = 48;

/// That people were warned of a deleted item's purge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PurgeWarning {
    /// The item.
    pub item: ResourceId,
    /// When it will be purged. One that was undeleted and deleted again has another time, and another warning.
    pub until: Timestamp,
}

/// One thing backed up in a vault, with a repository that a backup client writes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtectedItem {
    /// When protection was configured first.
    pub created: Timestamp,
    /// Set while it is soft-deleted.
    pub deletion: Option<Deletion>,
    /// What people call it.
    pub friendly_name: String,
    /// Set while nothing of it is destroyed, because something out of the ordinary was noticed.
    #[serde(default)]
    pub frozen: Option<Freeze>,
    /// `<container>/protectedItems/{name}`, or `<vault>/backupInstances/{name}`.
    pub id: ResourceId,
    /// What only an item of a Backup vault has.
    #[serde(default)]
    pub instance: Option<Instance>,
    /// `MabFileFolderProtectedItem`, `Microsoft.Compute/virtualMachines`, …; of an instance its `datasourceType`.
    pub item_type: String,
    /// The policy that gives recovery points their retention.
    pub policy: Option<ResourceId>,
    /// How far it is protected.
    pub protection: Protection,
    /// The short name in the repository's address; never changes and is never used again.
    pub short: String,
    /// The resource that is backed up, for kinds that have one.
    pub source: Option<ResourceId>,
    /// Since when its protection is stopped with its data retained, or until when that goes on having an effect.
    #[serde(default)]
    pub standstill: Option<Standstill>,
}

/// While an item is stopped with its data retained, or deleted, no time runs out for its recovery points: those that were
/// kept when it began are kept. They do not end the moment that protection is resumed, either, which takes nobody's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// When it began. What was over by then may be gone.
    pub since: Timestamp,
    /// When it ends; `None` as long as the item is stopped.
    pub until: Option<Timestamp>,
}

/// One restorable state of an item: for restic, one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// When its last object arrived, by the server's clock.
    pub at: Timestamp,
    /// `<item>/recoveryPoints/{name}`.
    pub id: ResourceId,
    /// The label in the address that it was written to: which of several sources in one repository it is of.
    #[serde(default)]
    pub label: Option<String>,
    /// The policy in force when it arrived.
    pub policy: Option<ResourceId>,
    /// The item's repository, by the item's short name.
    pub repository: String,
    /// Until when it is kept, whatever becomes of the policy; `None`: without end.
    #[serde(default)]
    pub retain_until: Option<Timestamp>,
    /// The name of the snapshot object: its SHA-256 in hex.
    pub snapshot: String,
    /// Which repository credential wrote it.
    pub written_by: String,
}

/// A vault's link to its guard: it exists while multi-user authorization is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardProxy {
    /// The guard.
    pub guard: ResourceId,
    /// `<vault>/backupResourceGuardProxies/{name}`; the name depends on the kind of vault alone.
    pub id: ResourceId,
    /// When it was linked or re-linked.
    pub updated: Timestamp,
}

impl ProtectedItem {
    /// Whether time stands still for its recovery points when it has this state of protection from `now` on. `window`: for how
    /// long they still do not end once protection is resumed; that of its vault ([`crate::Vault::capture_window`]).
    pub fn standstill_in(
        &self,
        protection: Protection,
        now: Timestamp,
        window: SignedDuration,
    ) -> Option<Standstill> {
        let was_stopped = self.protection == Protection::Stopped;
        let running = self.standstill.filter(|still| still.until.is_none_or(|until| now < until));
        let standstill = match running {
            // Stopped before anybody noted when: then all of its points count.
            None if was_stopped && protection == Protection::Stopped => return None,
            None if was_stopped => Standstill { since: Timestamp::UNIX_EPOCH, until: None },
            None if protection == Protection::Stopped => Standstill { since: now, until: None },
            running => running?,
        };
        let until = match protection {
            Protection::Stopped => None,
            Protection::Suspended | Protection::Protected => {
                standstill.until.or_else(|| now.checked_add(window).ok())
            }
        };
        Some(Standstill { until, ..standstill })
    }

    /// Whether it was deleted and the time in which it could be undeleted is over: then it is gone, also as long as
    /// nobody has tidied it away. A frozen one is not, however long ago.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.frozen.is_none() && self.deletion.as_ref().is_some_and(|deletion| deletion.until <= now)
    }

    /// What to warn of at `now`: a purge that is two days away, or less, and can still be averted.
    pub fn upcoming_purge(&self, now: Timestamp) -> Option<PurgeWarning> {
        let until = self.deletion.as_ref()?.until;
        let is_near = until.duration_since(now) <= SignedDuration::from_hours(WARNING_HOURS);
        (self.frozen.is_none() && is_near && now < until)
            .then(|| PurgeWarning { item: self.id.clone(), until })
    }

    /// Azure's `backupManagementType` of this kind of item.
    pub fn management_type(&self) -> &'static str {
        match self.item_type.as_str() {
            // Items of Backup vaults have no such type; they go by their `datasourceType` alone.
            _ if self.instance.is_some() => "",
            kind if kind.eq_ignore_ascii_case("MabFileFolderProtectedItem") => "MAB",
            kind if kind.eq_ignore_ascii_case("AzureFileShareProtectedItem") => "AzureStorage",
            kind if kind.to_ascii_lowercase().starts_with("azurevmworkload") => "AzureWorkload",
            _ => "AzureIaasVM",
        }
    }

    /// The container's name without the kind in front of it, as Azure shows it: `srv01` for `Windows;srv01`.
    pub fn container_name(&self) -> &str {
        let container = self.id.segments().rev().nth(2).unwrap_or_default();
        container.split_once(';').map_or(container, |(_, name)| name)
    }

    /// Azure's `workloadType` of this kind of item.
    pub fn workload_type(&self) -> &'static str {
        match self.management_type() {
            "MAB" => "FileFolder",
            "AzureStorage" => "AzureFileShare",
            "AzureWorkload" => "SQLDataBase",
            _ => "VM",
        }
    }
}
