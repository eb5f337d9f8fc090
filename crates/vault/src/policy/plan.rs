//! What a whole policy means.

use std::collections::BTreeMap;
use std::fmt;

use arm::{Fields, Result};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::body::KeptTier;
use super::kinds;
use super::rest::{Rest, refuse_ambiguity};
use super::retention::{OUTSIDE, Retention};
use super::schedule::Schedule;
use crate::keeping::Arrival;

/// What a policy means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// What it is for.
    pub(super) kind: Kind,
    /// Which workload, in lower case, for kinds that have several.
    pub(super) workload: Option<String>,
    /// Whether its days are those of UTC.
    pub(super) is_in_utc: bool,
    /// What runs and what is kept: one part, or one for each sub-policy of a workload.
    pub(super) parts: BTreeMap<PartName, Part>,
    /// Members that nobody understands, outside the sub-policies.
    pub(super) rest: Rest,
}

/// One schedule with its retention.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    /// When backups run. Some kinds leave that to others.
    pub(super) schedule: Option<Schedule>,
    /// What is kept.
    pub(super) retention: Option<Retention>,
    /// What is kept in the vault, where snapshots are kept elsewhere (file shares).
    pub(super) vault_retention: Option<Retention>,
    /// For how many days snapshots are kept for instant restore.
    pub(super) instant_days: Option<u32>,
    /// Members of a sub-policy that nobody understands.
    pub(super) rest: Rest,
}

/// The discriminator `backupManagementType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Virtual machines, with a policy of version 1 or 2.
    IaasVm {
        version: u8,
    },
    Mab,
    Storage,
    Workload,
    Sql,
    Generic,
}

impl Kind {
    /// As Azure spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::IaasVm { .. } => "AzureIaasVM",
            Self::Mab => "MAB",
            Self::Storage => "AzureStorage",
            Self::Workload => "AzureWorkload",
            Self::Sql => "AzureSql",
            Self::Generic => "GenericProtectionPolicy",
        }
    }
}

/// Which part of a policy: the only one, or a sub-policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartName {
    Whole,
    Full,
    Differential,
    Incremental,
    Log,
    CopyOnlyFull,
    SnapshotFull,
    SnapshotCopyOnlyFull,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Plan {
    /// Reads a policy's `properties`.
    pub(super) fn read(properties: &Value) -> Result<Self> {
        refuse_ambiguity(properties, "properties")?;
        let whole = json!({ "properties": properties });
        kinds::read(&Fields::of(&whole)?.object("properties")?)
    }

    /// See [`super::PolicyBody::longest_gap`].
    pub(super) fn longest_gap(&self) -> Option<SignedDuration> {
        self.parts.values().filter_map(|part| part.schedule.as_ref()?.longest_gap()).min()
    }

    /// For how many days a point with this arrival is kept. In a zone other than UTC it may belong to the day before or
    /// after, whose tiers then count as well.
    pub(super) fn kept(&self, arrival: &Arrival<'_>) -> u32 {
        let (day, days) = ([arrival.day()], arrival.days_anywhere());
        let days = if self.is_in_utc { &day[..] } else { &days[..] };
        self.parts.values().map(|part| part.kept(days)).max().unwrap_or(OUTSIDE)
    }

    /// See [`super::PolicyBody::tiers`].
    pub(super) fn tiers(&self) -> Vec<KeptTier> {
        let of_part = |(name, part): (&PartName, &Part)| {
            let part_name = (*name != PartName::Whole).then(|| name.to_string());
            let retentions = part.retention.iter().chain(&part.vault_retention).flat_map(Retention::tiers);
            let instant = part.instant_days.map(|days| ("snapshot".to_string(), days));
            let tier = |(name, days)| KeptTier { part: part_name.clone(), name, days };
            retentions.chain(instant).map(tier).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(of_part).collect()
    }

    /// See [`super::PolicyBody::days_kept`].
    pub(super) fn days_kept(&self, day: Date) -> u32 {
        self.parts.values().map(|part| part.days_kept(day)).max().unwrap_or_default()
    }
}

impl Part {
    fn kept(&self, days: &[Date]) -> u32 {
        let retentions = self.retention.iter().chain(&self.vault_retention);
        let longest = retentions.map(|retention| retention.kept(days)).max();
        longest.max(self.instant_days).unwrap_or(OUTSIDE)
    }

    fn days_kept(&self, day: Date) -> u32 {
        let retentions = self.retention.iter().chain(&self.vault_retention);
        let longest = retentions.map(|retention| retention.days_kept(day)).max();
        longest.max(self.instant_days).unwrap_or_default()
    }
}
