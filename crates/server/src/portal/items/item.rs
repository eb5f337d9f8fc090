//! A backup item of either kind of vault, as the API shows it to the viewer, and the requests that change it.

use arm::{ErrorKind, ResourceId, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use vault::{VaultKind, vault_of};

use super::recovery::Point;
use super::retention::Policy;
use crate::arm::route::Method;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;
use crate::portal::words::{name_of, size};

/// A protected item or a backup instance.
pub struct Item {
    /// Its id; of a deleted instance the one that it had.
    pub id: String,
    /// The vault that it is in.
    pub vault: String,
    /// The vault's kind.
    pub kind: VaultKind,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Its policy, where answers show one: they do not while backups are stopped.
    pub policy: Option<String>,
    /// The source: a server, a machine, a disk.
    pub source: String,
    /// Set while nothing of it is destroyed.
    pub frozen: Option<Frozen>,
    /// Where a backup client finds its repository.
    pub repository: String,
    /// How many recovery points it has, where the answer says so.
    pub points: Option<u64>,
    /// The time of the first recovery point.
    pub oldest: Option<Moment>,
    /// The time of the last recovery point.
    pub last: Option<Moment>,
    /// When the next one is expected.
    pub next: Option<Moment>,
    /// Whether that time is over.
    pub overdue: bool,
    /// How much its repository holds; `None` for who may not know.
    pub quota: Option<Quota>,
    /// What its policy keeps, for how many days; also of one whose backups are stopped.
    pub tiers: Vec<KeptTier>,
}

/// Some of an item's backups, and for how many days they are kept.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptTier {
    /// Which backups: `daily`, `weekly`, …
    pub tier: String,
    /// For how many days.
    pub days: i64,
}

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Backups run and are kept as the policy says.
    Protected,
    /// The same, and the first one is still to come.
    First,
    /// No new backups; what there is, is kept without end.
    Stopped,
    /// No new backups; what there is, ends as the policy says.
    Suspended,
    /// Soft-deleted, and kept until then.
    Deleted {
        /// Until when it can be undeleted.
        until: Option<Moment>,
    },
}

/// What the answer says of a frozen item.
#[derive(Clone, Debug, Deserialize)]
pub struct Frozen {
    /// Since when.
    pub since: Timestamp,
    /// What was noticed.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// An answer about an item of either kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    #[serde(default)]
    repository_url: String,
    frozen: Option<Frozen>,
    recoverable_until: Option<Timestamp>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    friendly_name: String,
    container_name: String,
    source_resource_id: Option<String>,
    protection_state: Option<String>,
    current_protection_state: Option<String>,
    policy_id: Option<String>,
    policy_info: PolicyInfo,
    data_source_info: DataSource,
    deletion_info: Option<DeletionInfo>,
    last_recovery_point: Option<Timestamp>,
    is_scheduled_for_deferred_delete: bool,
    extended_info: ExtendedInfo,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PolicyInfo {
    policy_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DataSource {
    #[serde(rename = "resourceID")]
    resource_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletionInfo {
    scheduled_purge_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExtendedInfo {
    recovery_point_count: Option<u64>,
    oldest_recovery_point: Option<Timestamp>,
}

/// How much an item's repository holds and may hold.
#[derive(Clone, Copy)]
pub struct Quota {
    /// In bytes; none without a quota.
    pub limit_in_bytes: Option<u64>,
    /// In bytes.
    pub used_in_bytes: u64,
}

/// How an item's backups stand, each part as far as the viewer may read it.
#[derive(Deserialize)]
struct Outlook {
    properties: OutlookProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutlookProperties {
    last_recovery_point_time: Option<Timestamp>,
    next_expected_time: Option<Timestamp>,
    #[serde(default)]
    is_overdue: bool,
    recovery_point_count: Option<u64>,
    oldest_recovery_point_time: Option<Timestamp>,
    used_in_bytes: Option<u64>,
    limit_in_bytes: Option<u64>,
    #[serde(default)]
    retention: Vec<KeptTier>,
}

impl Answer {
    fn into_item(self) -> Result<Item> {
        let id = ResourceId::parse(&self.id)?;
        let vault = vault_of(&id);
        let kind = VaultKind::of(&id);
        let live = match kind {
            VaultKind::Backup => vault.child(&format!("backupInstances/{}", id.name()))?,
            VaultKind::RecoveryServices => id.clone(),
        };
        let state = self.state();
        let Properties { friendly_name, container_name, source_resource_id, .. } = &self.properties;
        let source = match (source_resource_id, self.properties.data_source_info.resource_id.as_str()) {
            (Some(id), _) => name_of(id),
            (None, "") => container_name,
            (None, id) => name_of(id),
        };
        let policy = self.properties.policy_id.clone().or(self.properties.policy_info.policy_id.clone());
        Ok(Item {
            name: if friendly_name.is_empty() { id.name().into() } else { friendly_name.clone() },
            state,
            policy: policy.filter(|policy| !policy.is_empty()),
            source: source.into(),
            points: self.properties.extended_info.recovery_point_count,
            oldest: self.properties.extended_info.oldest_recovery_point.map(Moment),
            last: self.properties.last_recovery_point.map(Moment),
            next: None,
            overdue: false,
            quota: None,
            tiers: Vec::new(),
            frozen: self.frozen,
            repository: self.repository_url,
            vault: vault.to_string(),
            id: live.to_string(),
            kind,
        })
    }

    fn state(&self) -> State {
        let Properties { protection_state, current_protection_state, .. } = &self.properties;
        let until = self.recoverable_until.or(self
            .properties
            .deletion_info
            .as_ref()
            .and_then(|info| info.scheduled_purge_time));
        if self.properties.is_scheduled_for_deferred_delete || until.is_some() {
            return State::Deleted { until: until.map(Moment) };
        }
        match protection_state.as_deref().or(current_protection_state.as_deref()) {
            Some("ProtectionStopped") => State::Stopped,
            Some("BackupsSuspended") => State::Suspended,
            Some("IRPending") => State::First,
            _ => State::Protected,
        }
    }
}

impl Item {
    /// Reads the item that a page's address names.
    ///
    /// # Errors
    /// What the API answers.
    pub async fn read(viewer: &Viewer, id: &str) -> Result<Self> {
        let id = ResourceId::parse(id)?;
        let answer = match viewer.read::<Answer>(id.as_str(), &[]).await {
            Err(error) if error.kind == ErrorKind::NotFound && VaultKind::of(&id) == VaultKind::Backup => {
                let deleted = deleted_id(&id)?;
                viewer.read_if_any(&deleted, &[]).await?.ok_or(error)
            }
            outcome => outcome,
        };
        let mut item = answer?.into_item()?;
        item.look_closer(viewer).await?;
        Ok(item)
    }

    /// Reads how its backups stand.
    ///
    /// # Errors
    /// What the API answers.
    pub async fn look_closer(&mut self, viewer: &Viewer) -> Result<()> {
        let outlook: Outlook = viewer.read(&format!("{}/backupOutlook", self.id), &[]).await?;
        let outlook = outlook.properties;
        self.last = outlook.last_recovery_point_time.map(Moment);
        self.next = outlook.next_expected_time.map(Moment).filter(|_| self.state.runs());
        self.overdue = outlook.is_overdue && self.state.runs();
        self.points = outlook.recovery_point_count;
        self.oldest = outlook.oldest_recovery_point_time.map(Moment);
        let limit_in_bytes = outlook.limit_in_bytes;
        self.quota = outlook.used_in_bytes.map(|used_in_bytes| Quota { used_in_bytes, limit_in_bytes });
        self.tiers = outlook.retention;
        if self.state == State::Protected && self.last.is_none() {
            self.state = State::First;
        }
        Ok(())
    }

    /// All items of a vault, the deleted ones too.
    ///
    /// # Errors
    /// What the API answers.
    pub async fn all(viewer: &Viewer, vault: &str) -> Result<Vec<Self>> {
        let id = ResourceId::parse(vault)?;
        let mut answers: Vec<Answer> = match VaultKind::of(&id) {
            VaultKind::RecoveryServices => viewer.list(&format!("{id}/backupProtectedItems"), &[]).await?,
            VaultKind::Backup => viewer.list(&format!("{id}/backupInstances"), &[]).await?,
        };
        if VaultKind::of(&id) == VaultKind::Backup {
            answers.extend(viewer.list_if_any(&format!("{id}/deletedBackupInstances"), &[]).await?);
        }
        let mut items = answers.into_iter().map(Answer::into_item).collect::<Result<Vec<_>>>()?;
        items.sort_by_cached_key(|item| (item.state.is_deleted(), item.name.to_lowercase()));
        Ok(items)
    }

    /// Its policy, as far as the viewer may read it.
    ///
    /// # Errors
    /// What the API answers besides.
    pub async fn policy(&self, viewer: &Viewer) -> Result<Option<Policy>> {
        match &self.policy {
            Some(policy) => viewer.read_if_any(policy, &[]).await,
            None => Ok(None),
        }
    }

    /// What stands around a page about it.
    pub fn frame(&self, viewer: &Viewer, page: &str) -> Frame {
        let vault = name_of(&self.vault);
        let tabs = [
            ("items/overview", "Overview"),
            ("items/connect", "How to back up"),
            ("items/points", "Recovery points"),
            ("items/settings", "Settings"),
        ];
        viewer
            .frame(Section::Vaults, &self.name)
            .subtitle(format!("Backup item of {}, in the vault {vault}", self.source))
            .crumb("Vaults", "/portal/vaults")
            .crumb(vault, link::page("vaults/overview", &self.vault))
            .crumb("Backup items", self.list_page())
            .tabs(tabs.map(|(page, text)| (self.page(page), text)), &self.page(page))
    }

    /// The address of a page about it.
    pub fn page(&self, page: &str) -> String {
        link::page(page, &self.id)
    }

    /// The address of the vault's list of items.
    pub fn list_page(&self) -> String {
        link::page("items/list", &self.vault)
    }

    /// Which backups are kept as long as a recovery point is, by the number of days.
    pub fn tier_of(&self, days: i64) -> Option<&str> {
        self.tiers.iter().find(|tier| tier.days == days).map(|tier| tier.tier.as_str())
    }

    /// Why a recovery point of it does not end, if that is so: time stands still for it, or nothing newer is there.
    pub fn keeps_without_end(&self, point: &Point) -> Option<&'static str> {
        match self.state {
            _ if self.frozen.is_some() => Some("as long as the item is frozen"),
            State::Stopped => Some("as long as backups are stopped"),
            State::Deleted { .. } => Some("as long as the item can be undeleted"),
            _ if self.last.is_some_and(|last| last <= point.at()) => Some("without end: it is the newest"),
            _ if point.until().is_none() => Some("without end"),
            _ => None,
        }
    }

    /// The policy's name.
    pub fn policy_name(&self) -> Option<&str> {
        self.policy.as_deref().map(name_of)
    }

    /// Undeletes it: it is stopped then, with all that it had.
    ///
    /// # Errors
    /// What the API answers.
    pub async fn undelete(viewer: &Viewer, id: &str) -> Result<()> {
        let id = ResourceId::parse(id)?;
        let (method, path, body) = match VaultKind::of(&id) {
            VaultKind::RecoveryServices => {
                let state = json!({"isRehydrate": true, "protectionState": "ProtectionStopped"});
                (Method::Put, id.to_string(), json!({ "properties": state }))
            }
            VaultKind::Backup => (Method::Post, format!("{}/undelete", deleted_id(&id)?), json!({})),
        };
        viewer.arm(method, &path, &[], body).await.map(drop)
    }

    /// The request that gives it another policy; one that is stopped goes on by it.
    pub fn policy_change(&self, policy: &str) -> (Method, String, Value) {
        let properties = match self.kind {
            VaultKind::RecoveryServices => json!({ "policyId": policy, "protectionState": "Protected" }),
            VaultKind::Backup => {
                json!({ "objectType": "BackupInstance", "policyInfo": { "policyId": policy } })
            }
        };
        (Method::Put, self.id.clone(), json!({ "properties": properties }))
    }

    /// The request that stops its backups. `retain`: what there is, is kept without end; otherwise as the policy says.
    pub fn stop(&self, retain: bool) -> (Method, String, Value) {
        match (self.kind, retain) {
            (VaultKind::RecoveryServices, _) => {
                let state = if retain { "ProtectionStopped" } else { "BackupsSuspended" };
                (Method::Put, self.id.clone(), json!({ "properties": { "protectionState": state } }))
            }
            (VaultKind::Backup, true) => (Method::Post, format!("{}/stopProtection", self.id), json!({})),
            (VaultKind::Backup, false) => (Method::Post, format!("{}/suspendBackups", self.id), json!({})),
        }
    }

    /// Restic's address of the repository, for one of several sources if they are told apart by a label.
    pub fn repository_for(&self, label: &str) -> String {
        match label {
            "" => format!("rest:{}", self.repository),
            label => format!("rest:{}~{label}/", self.repository),
        }
    }

    /// Restic's address of the repository as a recovery point saw it.
    pub fn view_of(&self, point: &str) -> String {
        format!("rest:{}@{point}/", self.repository.trim_end_matches('/'))
    }
}

fn deleted_id(id: &ResourceId) -> Result<String> {
    Ok(vault_of(id).child(&format!("deletedBackupInstances/{}", id.name()))?.to_string())
}

impl State {
    /// Whether it is soft-deleted.
    pub fn is_deleted(self) -> bool {
        matches!(self, Self::Deleted { .. })
    }

    /// Whether backups run.
    pub fn runs(self) -> bool {
        matches!(self, Self::Protected | Self::First)
    }

    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::Protected => "Protected",
            Self::First => "Waiting for the first backup",
            Self::Stopped => "Stopped, everything kept",
            Self::Suspended => "Stopped, ends by policy",
            Self::Deleted { .. } => "Deleted",
        }
    }

    /// The badge's kind.
    pub fn badge(self) -> &'static str {
        match self {
            Self::Protected => "ok",
            Self::First => "info",
            Self::Stopped | Self::Suspended => "warn",
            Self::Deleted { .. } => "bad",
        }
    }
}

impl Quota {
    /// What is used, in words.
    pub fn used(&self) -> String {
        size(self.used_in_bytes)
    }

    /// What may be used, in words.
    pub fn limit(&self) -> String {
        self.limit_in_bytes.map_or("none".into(), size)
    }

    /// How many hundredths of the quota are used.
    pub fn percent(&self) -> Option<u64> {
        let limit = self.limit_in_bytes?;
        Some(self.used_in_bytes.saturating_mul(100).checked_div(limit).unwrap_or(100).min(100))
    }
}

impl Frozen {
    /// Since when.
    pub fn since(&self) -> Moment {
        Moment(self.since)
    }
}
