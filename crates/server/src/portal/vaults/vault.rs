//! A vault of either kind, as the API answers it, and what its settings mean in words.

use std::collections::BTreeMap;

use arm::{ResourceId, Result};
use serde::Deserialize;
use serde_json::Value;
use vault::VaultKind;

use crate::portal::ask::if_shown;
use crate::portal::link;
use crate::portal::places;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

/// The types of the two kinds.
pub const RECOVERY: &str = "Microsoft.RecoveryServices/vaults";
/// See [`RECOVERY`].
pub const BACKUP: &str = "Microsoft.DataProtection/backupVaults";

/// A vault.
#[derive(Clone, Debug, Deserialize)]
pub struct Vault {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its region.
    pub location: String,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    properties: Properties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    security_settings: Security,
    #[serde(default)]
    bcdr_security_level: String,
    #[serde(default)]
    is_vault_protected_by_resource_guard: bool,
    #[serde(default)]
    redundancy_settings: Value,
    #[serde(default)]
    storage_settings: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Security {
    soft_delete_settings: SoftDeleteSettings,
    immutability_settings: State,
    #[serde(default)]
    multi_user_authorization: String,
}

#[derive(Clone, Debug, Deserialize)]
struct SoftDeleteSettings {
    #[serde(rename = "softDeleteState", alias = "state")]
    state: String,
    #[serde(rename = "softDeleteRetentionPeriodInDays", alias = "retentionDurationInDays")]
    days: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct State {
    state: String,
}

/// A switch that can be turned on for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Off.
    Off,
    /// On, and can be turned off.
    On,
    /// On for good.
    Always,
}

/// How well a vault is protected: Azure's four levels, which are three steps above nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Steps taken, 0 to 3.
    pub steps: u8,
    /// Azure's word.
    pub word: &'static str,
    /// The kind of badge that suits it.
    pub badge: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// All levels, the weakest first.
pub const LEVELS: [Level; 4] = [
    Level {
        steps: 0,
        word: "Poor",
        badge: "bad",
        meaning: "One administrator, or one stolen account, can undo every protection there is.",
    },
    Level {
        steps: 1,
        word: "Fair",
        badge: "warn",
        meaning: "Something stands in the way of whoever would destroy backups, but it can be switched off.",
    },
    Level {
        steps: 2,
        word: "Good",
        badge: "ok",
        meaning: "A protection is on for good. Nobody can switch it off.",
    },
    Level {
        steps: 3,
        word: "Excellent",
        badge: "ok",
        meaning: "A protection is on for good, and what it leaves open needs somebody else’s consent.",
    },
];

impl Vault {
    /// Reads one.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn read(viewer: &Viewer, id: &str) -> Result<Self> {
        viewer.read(id, &[]).await
    }

    /// Those of a subscription: all of them for whoever may list them there, and otherwise those that the viewer may read one
    /// by one.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn all_in(viewer: &Viewer, subscription: &str) -> Result<Vec<Self>> {
        let mut vaults = Vec::new();
        let mut refused = Vec::new();
        for kind in [RECOVERY, BACKUP] {
            let list = viewer.list::<Self>(&format!("{subscription}/providers/{kind}"), &[]).await;
            match if_shown(list)? {
                Some(list) => vaults.extend(list),
                None => refused.push(kind),
            }
        }
        if refused.is_empty() {
            return Ok(vaults);
        }
        for resource in places::resources(viewer, subscription).await? {
            if refused.iter().any(|kind| kind.eq_ignore_ascii_case(&resource.kind)) {
                vaults.extend(viewer.read_if_any::<Self>(&resource.id, &[]).await?);
            }
        }
        Ok(vaults)
    }

    /// Whether it is of the kind `Microsoft.DataProtection/backupVaults`.
    pub fn is_backup_vault(&self) -> bool {
        self.kind.eq_ignore_ascii_case(BACKUP)
    }

    /// What its kind is called.
    pub fn kind_name(&self) -> &'static str {
        if self.is_backup_vault() { "Backup vault" } else { "Recovery Services vault" }
    }

    /// The name of its resource group.
    pub fn group(&self) -> String {
        let id = ResourceId::parse(&self.id).ok();
        id.and_then(|id| id.resource_group_name().map(String::from)).unwrap_or_default()
    }

    /// Whether what is deleted is kept for a while.
    pub fn soft_delete(&self) -> Switch {
        match self.properties.security_settings.soft_delete_settings.state.to_ascii_lowercase().as_str() {
            "enabled" | "on" => Switch::On,
            "alwayson" => Switch::Always,
            _ => Switch::Off,
        }
    }

    /// For how many days.
    pub fn soft_delete_days(&self) -> u16 {
        let days = self.properties.security_settings.soft_delete_settings.days;
        // Whole days that the API keeps below 181; a cast of anything else saturates.
        days as u16
    }

    /// Whether recovery points can be lost before their time.
    pub fn immutability(&self) -> Switch {
        match self.properties.security_settings.immutability_settings.state.as_str() {
            "Unlocked" => Switch::On,
            "Locked" => Switch::Always,
            _ => Switch::Off,
        }
    }

    /// Whether it is linked to a Resource Guard.
    pub fn is_guarded(&self) -> bool {
        let Properties { security_settings, is_vault_protected_by_resource_guard, .. } = &self.properties;
        *is_vault_protected_by_resource_guard
            || security_settings.multi_user_authorization.eq_ignore_ascii_case("Enabled")
    }

    /// How well it is protected.
    pub fn level(&self) -> Level {
        let [poor, ..] = LEVELS;
        let named = |level: &Level| level.word.eq_ignore_ascii_case(&self.properties.bcdr_security_level);
        LEVELS.into_iter().find(named).unwrap_or(poor)
    }

    /// How often it keeps its bytes, by Azure's word: `LocallyRedundant`, …
    pub fn redundancy(&self) -> &str {
        let Properties { redundancy_settings, storage_settings, .. } = &self.properties;
        let model = redundancy_settings.get("standardTierStorageRedundancy");
        model.or_else(|| storage_settings.pointer("/0/type")).and_then(Value::as_str).unwrap_or_default()
    }

    /// The path of its link to a Resource Guard.
    pub fn proxy(&self) -> String {
        let kind = if self.is_backup_vault() { VaultKind::Backup } else { VaultKind::RecoveryServices };
        format!("{}/backupResourceGuardProxies/{}", self.id, kind.proxy_name())
    }

    /// The address of a page about it.
    pub fn page(&self, name: &str) -> String {
        link::page(&format!("vaults/{name}"), &self.id)
    }

    /// The frame of one of its tabs.
    pub fn tab(&self, viewer: &Viewer, name: &str) -> Frame {
        let here = self.page(name);
        self.about(viewer, &self.name).tabs(super::tabs(&self.id), &here)
    }

    /// The frame of a page about something in it, with the way to it from the list of vaults.
    pub fn below(&self, viewer: &Viewer, title: &str) -> Frame {
        viewer
            .frame(Section::Vaults, title)
            .crumb("Vaults", "/portal/vaults")
            .crumb(self.name.clone(), self.page("overview"))
    }

    fn about(&self, viewer: &Viewer, title: &str) -> Frame {
        let directory = viewer.directory_of(&self.id).map(|name| format!(" · {name}")).unwrap_or_default();
        let subtitle = format!("{} · {} · {}{directory}", self.kind_name(), self.group(), self.location);
        viewer.frame(Section::Vaults, title).crumb("Vaults", "/portal/vaults").subtitle(subtitle)
    }
}

/// What a vault's link to a Resource Guard says.
#[derive(Clone, Debug, Deserialize)]
pub struct Proxy {
    /// All of it.
    pub properties: ProxyProperties,
}

/// See [`Proxy`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyProperties {
    /// The guard's id.
    pub resource_guard_resource_id: String,
    /// What it protects.
    #[serde(default)]
    pub resource_guard_operation_details: Vec<Protected>,
    /// What the guard's owner wrote, or that the guard is gone.
    pub description: Option<String>,
}

/// A critical operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protected {
    /// Its name.
    pub vault_critical_operation: String,
    /// The guard request that names consent to it.
    #[serde(default)]
    pub default_resource_request: String,
}

impl Protected {
    /// What people call it.
    pub fn title(&self) -> &str {
        let known = mua::CriticalOperation::by_name(&self.vault_critical_operation);
        known.map_or(self.vault_critical_operation.as_str(), |operation| operation.title())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_kinds_say_the_same_in_their_own_words() {
        let recovery: Vault = serde_json::from_value(json!({
            "id": "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v",
            "name": "v", "type": RECOVERY, "location": "westeurope",
            "properties": {"bcdrSecurityLevel": "Good", "securitySettings": {
                "softDeleteSettings": {"softDeleteState": "AlwaysON", "softDeleteRetentionPeriodInDays": 14},
                "immutabilitySettings": {"state": "Unlocked"}, "multiUserAuthorization": "Enabled"},
                "redundancySettings": {"standardTierStorageRedundancy": "GeoRedundant"}},
        }))
        .unwrap();
        let backup: Vault = serde_json::from_value(json!({
            "id": "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/Microsoft.DataProtection/backupVaults/v",
            "name": "v", "type": BACKUP, "location": "westeurope",
            "properties": {"bcdrSecurityLevel": "Good", "isVaultProtectedByResourceGuard": true, "securitySettings": {
                "softDeleteSettings": {"state": "AlwaysOn", "retentionDurationInDays": 14.0},
                "immutabilitySettings": {"state": "Unlocked"}},
                "storageSettings": [{"datastoreType": "VaultStore", "type": "GeoRedundant"}]},
        }))
        .unwrap();
        for vault in [recovery, backup] {
            assert_eq!((vault.soft_delete(), vault.soft_delete_days()), (Switch::Always, 14));
            assert_eq!((vault.immutability(), vault.is_guarded()), (Switch::On, true));
            assert_eq!((vault.level().steps, vault.redundancy()), (2, "GeoRedundant"));
            assert_eq!(vault.group(), "rg");
        }
    }
}
