//! A policy as a client wrote it, together with what it means.

use arm::{Error, Result};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::plan::Plan;
use super::rules::{OBJECT_TYPE, Rules};
use crate::VaultKind;
use crate::keeping::Arrival;

/// The error code for a policy that makes no sense.
const CODE: &str = "BMSUserErrorInvalidPolicyInput";

/// Members of a request that are no part of the policy: consent for this one request, and a number that only the
/// server knows.
const NOT_THE_POLICYS: [&str; 2] = ["resourceGuardOperationRequests", "protectedItemsCount"];

/// A policy's `properties` as a client wrote them, and what they mean.
///
/// Only what the client wrote is stored; the meaning is read again from it. A stored policy that can no longer be
/// read stays readable as text, is weaker than everything else and everything else is weaker than it, and keeps
/// every recovery point.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyBody {
    raw: Value,
    meaning: Option<Meaning>,
}

/// Something that a policy keeps, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTier {
    /// The sub-policy that it belongs to, for workloads that have several.
    pub part: Option<String>,
    /// `daily`, `weekly`, `monthly` or `yearly`; `all` where every backup is kept alike, `snapshot` for instant restore;
    /// of a Backup vault's policy the tag.
    pub name: String,
    /// For how many days.
    pub days: u32,
}

/// What a policy means, for each kind of vault.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// Of a Recovery Services vault (contract 7.2).
    Plan(Plan),
    /// Of a Backup vault (contract 7.4).
    Rules(Rules),
}

impl Meaning {
    fn read(properties: &Value) -> Result<Self> {
        match kind_of(properties) {
            VaultKind::RecoveryServices => Plan::read(properties).map(Self::Plan),
            VaultKind::Backup => Rules::read(properties).map(Self::Rules),
        }
    }
}

/// The kind of vault whose policies look like this.
fn kind_of(properties: &Value) -> VaultKind {
    let object = properties.as_object();
    let named =
        object.and_then(|object| object.iter().find(|(name, _)| name.eq_ignore_ascii_case("objectType")));
    match named.and_then(|(_, value)| value.as_str()) {
        Some(text) if text.eq_ignore_ascii_case(OBJECT_TYPE) => VaultKind::Backup,
        Some(_) | None => VaultKind::RecoveryServices,
    }
}

impl PolicyBody {
    /// Reads the `properties` of a policy that a client sends (contract 7.2, 7.4).
    ///
    /// # Errors
    /// `BMSUserErrorInvalidPolicyInput`, with the member at fault as target: an unknown discriminator, a wrong type,
    /// a count of nought or beyond 9999, a missing schedule or retention.
    pub fn parse(properties: &Value) -> Result<Self> {
        let meaning = Meaning::read(properties).map_err(|error| Error { code: CODE.to_string(), ..error })?;
        Ok(Self { raw: cleaned(properties), meaning: Some(meaning) })
    }

    /// What a GET answers as `properties`: what was PUT, without the members that are no part of the policy.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The kind of vault that it is a policy for.
    pub fn vault_kind(&self) -> VaultKind {
        kind_of(&self.raw)
    }

    /// Azure's `backupManagementType`, in Azure's spelling: `AzureIaasVM`, `MAB`, …; empty for Backup vaults.
    pub fn management_type(&self) -> &str {
        match &self.meaning {
            Some(Meaning::Plan(plan)) => plan.kind.as_str(),
            Some(Meaning::Rules(_)) => "",
            None => self.raw.get("backupManagementType").and_then(Value::as_str).unwrap_or_default(),
        }
    }

    /// Whether a policy of a Backup vault is for this kind of source, by its `datasourceType`.
    pub fn is_for(&self, datasource_type: &str) -> bool {
        match &self.meaning {
            Some(Meaning::Rules(rules)) => {
                rules.datasource_types.contains(&datasource_type.to_ascii_lowercase())
            }
            Some(Meaning::Plan(_)) | None => false,
        }
    }

    /// For how many days a recovery point of this day is kept: the longest of everything that selects the day, and 0
    /// when nothing does. By this account a tier keeps *every* point of a day it selects: backup clients do not
    /// arrive on the minute, so `retentionTimes` cannot choose among them. Of a Backup vault's policy it is the most
    /// that a point of the day may be kept.
    pub fn days_kept(&self, day: Date) -> u32 {
        match &self.meaning {
            Some(Meaning::Plan(plan)) => plan.days_kept(day),
            Some(Meaning::Rules(rules)) => rules.most_days(),
            None => u32::MAX,
        }
    }

    /// For how many days a recovery point is kept, given its arrival; `None`: without end, because the policy cannot be read.
    ///
    /// Recovery Services plans go by the day, see [`Self::days_kept`]; what no tier selects is kept for 30 days, as in Azure a backup
    /// outside the schedule. Of a Backup vault's policy all rules count whose
    /// tag the point gets; where anything is not understood, the longest of all.
    pub fn kept(&self, arrival: &Arrival<'_>) -> Option<u32> {
        match &self.meaning {
            Some(Meaning::Plan(plan)) => Some(plan.kept(arrival)),
            Some(Meaning::Rules(rules)) => Some(rules.kept(arrival)),
            None => None,
        }
    }

    /// What is kept for how long, for people: the tiers of a Recovery Services vault's policy, the tags of a Backup vault's. Empty
    /// when the policy cannot be read. What is kept of a certain point, [`Self::kept`] says.
    pub fn tiers(&self) -> Vec<KeptTier> {
        match &self.meaning {
            Some(Meaning::Plan(plan)) => plan.tiers(),
            Some(Meaning::Rules(rules)) => rules.tiers(),
            None => Vec::new(),
        }
    }

    /// The longest time from one backup to the next by the schedule, the shortest of all its parts; `None` when there is no
    /// schedule, or none that says so.
    pub fn longest_gap(&self) -> Option<SignedDuration> {
        match &self.meaning {
            Some(Meaning::Plan(plan)) => plan.longest_gap(),
            Some(Meaning::Rules(rules)) => rules.longest_gap(),
            None => None,
        }
    }

    pub(super) fn meaning(&self) -> Option<&Meaning> {
        self.meaning.as_ref()
    }
}

impl Serialize for PolicyBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        let meaning = Meaning::read(&raw).ok();
        Ok(Self { raw, meaning })
    }
}

fn cleaned(properties: &Value) -> Value {
    let mut raw = properties.clone();
    if let Some(members) = raw.as_object_mut() {
        members.retain(|name, _| !NOT_THE_POLICYS.iter().any(|other| name.eq_ignore_ascii_case(other)));
    }
    raw
}
