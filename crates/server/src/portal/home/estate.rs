//! The vaults that somebody may read, in all their directories: what of them is not protected, and how safe they are; and which
//! alerts are new.
//!
//! A subscription is asked for its vaults and alerts as a whole; whoever holds roles on single things in it only
//! is told of those. A vault is asked for its items as a whole.

use std::cmp::Reverse;

use arm::Result;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::alert::{Alert, SEVERITIES};
use super::super::link;
use super::super::moment::Moment;
use super::super::places;
use super::super::vaults::vault::{LEVELS, Level, Switch, Vault};
use super::super::viewer::Viewer;

/// How many items are asked whether a backup is late: those whose last one is oldest. A late one is an alert, too, however
/// many there are.
const DOUBTFUL: usize = 40;
/// How many gaps and alerts the page shows; the rest is counted.
const SHOWN: usize = 8;

/// What there is.
#[derive(Default)]
pub struct Estate {
    /// The ids of the subscriptions in which the viewer holds a role.
    pub subscriptions: Vec<String>,
    /// The vaults that they may read, each with the name of its directory.
    pub vaults: Vec<(Vault, String)>,
    /// Items that are not protected as they should be, the worst first.
    pub gaps: Vec<Gap>,
    /// How many items there are.
    pub items: usize,
    /// Alerts that nobody has looked at.
    pub alerts: Alerts,
}

/// An item that is not protected as it should be.
pub struct Gap {
    /// What it is called.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Its vault.
    pub vault: String,
    /// Where that is.
    pub directory: String,
    /// What is wrong with it.
    pub what: What,
    /// When it was backed up last.
    pub last: Option<Moment>,
}

/// What is wrong with an item, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Something out of the ordinary was noticed.
    Frozen,
    /// No backup came although one should have.
    Overdue,
    /// No backup has come yet.
    Never,
    /// Somebody stopped its protection.
    Stopped,
    /// Somebody suspended its backups.
    Suspended,
}

impl What {
    /// The same in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Frozen => "Frozen",
            Self::Overdue => "Overdue",
            Self::Never => "Never backed up",
            Self::Stopped => "Stopped",
            Self::Suspended => "Suspended",
        }
    }

    /// How its badge looks.
    pub fn badge(self) -> &'static str {
        match self {
            Self::Frozen | Self::Overdue => "bad",
            Self::Never | Self::Stopped | Self::Suspended => "warn",
        }
    }
}

/// An alert with the directory of what it is about.
pub struct Placed {
    /// The alert.
    pub alert: Alert,
    /// The directory's name.
    pub directory: String,
}

/// Alerts that nobody has looked at.
#[derive(Default)]
pub struct Alerts {
    /// How many of each severity, the worst first: in a word, how its badge looks, and the number.
    pub severities: Vec<(&'static str, &'static str, usize)>,
    /// How many in all.
    pub total: usize,
    /// The newest of the worst.
    pub shown: Vec<Placed>,
    /// Whether there are more than were counted.
    pub more: bool,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    name: String,
    frozen: Option<Value>,
    properties: ItemProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemProperties {
    friendly_name: Option<String>,
    protection_state: Option<String>,
    current_protection_state: Option<String>,
    last_recovery_point: Option<Timestamp>,
    #[serde(default)]
    is_scheduled_for_deferred_delete: bool,
}

/// How an item's backups stand.
#[derive(Deserialize)]
struct Outlook {
    properties: OutlookProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutlookProperties {
    last_recovery_point_time: Option<Timestamp>,
    #[serde(default)]
    is_overdue: bool,
}

impl Viewer {
    /// All that the viewer may read.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn estate(&self) -> Result<Estate> {
        let mut estate = Estate::default();
        let mut alerts = Vec::new();
        for place in places::of_viewer(self).await? {
            let vaults = Vault::all_in(self, &place.id).await?;
            estate.vaults.extend(vaults.into_iter().map(|vault| (vault, place.directory.clone())));
            let placed = |alert| Placed { alert, directory: place.directory.clone() };
            alerts.extend(self.new_alerts(&place.id).await?.into_iter().map(placed));
            estate.subscriptions.push(place.id);
        }
        let mut doubtful = Vec::new();
        for vault in &estate.vaults {
            for item in self.items_of(&vault.0).await? {
                estate.items += 1;
                match item.gap() {
                    Standing::Wrong(what) => estate.gaps.push(item.shown(vault, what)),
                    Standing::Expected => doubtful.push((vault, item)),
                    Standing::Left => {}
                }
            }
        }
        doubtful.sort_by_key(|(_, item)| item.properties.last_recovery_point);
        for (vault, mut item) in doubtful.into_iter().take(DOUBTFUL) {
            let path = format!("{}/backupOutlook", item.id);
            let Some(outlook) = self.read_if_any::<Outlook>(&path, &[]).await? else { continue };
            item.properties.last_recovery_point = outlook.properties.last_recovery_point_time;
            match outlook.properties.last_recovery_point_time {
                _ if outlook.properties.is_overdue => estate.gaps.push(item.shown(vault, What::Overdue)),
                None => estate.gaps.push(item.shown(vault, What::Never)),
                Some(_) => {}
            }
        }
        estate.gaps.sort_by(|one, other| (one.what, &one.name).cmp(&(other.what, &other.name)));
        estate.alerts.of(alerts);
        Ok(estate)
    }

    async fn items_of(&self, vault: &Vault) -> Result<Vec<Item>> {
        let below = if vault.is_backup_vault() { "backupInstances" } else { "backupProtectedItems" };
        self.list_if_any(&format!("{}/{below}", vault.id), &[]).await
    }
}

/// How an item stands, as far as a list tells.
enum Standing {
    /// It is not protected as it should be.
    Wrong(What),
    /// Backups are expected; whether one is late, its outlook tells.
    Expected,
    /// Nobody expects backups of it any more.
    Left,
}

impl Item {
    fn gap(&self) -> Standing {
        let properties = &self.properties;
        let state = properties.protection_state.as_deref().or(properties.current_protection_state.as_deref());
        let deleted = properties.is_scheduled_for_deferred_delete || state == Some("SoftDeleted");
        match state {
            _ if self.frozen.is_some() => Standing::Wrong(What::Frozen),
            _ if deleted => Standing::Left,
            Some("ProtectionStopped") => Standing::Wrong(What::Stopped),
            Some("BackupsSuspended") => Standing::Wrong(What::Suspended),
            Some("IRPending") => Standing::Wrong(What::Never),
            _ => Standing::Expected,
        }
    }

    fn shown(&self, (vault, directory): &(Vault, String), what: What) -> Gap {
        let properties = &self.properties;
        Gap {
            name: properties.friendly_name.clone().unwrap_or_else(|| self.name.clone()),
            href: link::page("items/overview", &self.id),
            vault: vault.name.clone(),
            directory: directory.clone(),
            what,
            last: properties.last_recovery_point.map(Moment),
        }
    }
}

impl Alerts {
    fn of(&mut self, mut alerts: Vec<Placed>) {
        self.total = alerts.len();
        let counted = |(place, (_, word, badge)): (usize, (&str, &'static str, &'static str))| {
            let count = alerts.iter().filter(|placed| placed.alert.gravity() == place).count();
            (count > 0).then_some((word, badge, count))
        };
        self.severities = SEVERITIES.into_iter().enumerate().filter_map(counted).collect();
        alerts.sort_by_key(|Placed { alert, .. }| (alert.gravity(), Reverse(alert.raised().0)));
        self.more = alerts.len() > SHOWN;
        alerts.truncate(SHOWN);
        self.shown = alerts;
    }
}

impl Estate {
    /// How many vaults there are of each security level, the best first.
    pub fn levels(&self) -> Vec<(&'static str, usize)> {
        let of = |level: &Level| self.vaults.iter().filter(|(vault, _)| vault.level() == *level).count();
        LEVELS.iter().rev().map(|level| (level.word, of(level))).collect()
    }

    /// How many vaults keep what is deleted, are immutable, are protected by a guard.
    pub fn protections(&self) -> [(&'static str, usize); 3] {
        let count = |is: fn(&Vault) -> bool| self.vaults.iter().filter(|(vault, _)| is(vault)).count();
        [
            ("Soft delete", count(|vault| vault.soft_delete() != Switch::Off)),
            ("Immutability", count(|vault| vault.immutability() != Switch::Off)),
            ("Multi-user authorization", count(Vault::is_guarded)),
        ]
    }

    /// The gaps that are shown.
    pub fn worst(&self) -> &[Gap] {
        self.gaps.get(..SHOWN).unwrap_or(&self.gaps)
    }

    /// How many gaps are not shown.
    pub fn more_gaps(&self) -> usize {
        self.gaps.len().saturating_sub(SHOWN)
    }
}
