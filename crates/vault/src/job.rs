//! The traces of long-running operations: operations that clients poll, and jobs that people read.

use std::collections::BTreeMap;

use arm::{ResourceId, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ProtectedItem;

/// A long-running operation. It is finished before its first answer is sent: the change was committed with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id: a GUID in text.
    pub id: String,
    /// The vault.
    pub vault: ResourceId,
    /// When it ran.
    pub at: Timestamp,
    /// The job that shows it, if any.
    pub job: Option<String>,
}

/// A job, as the portal's list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `<vault>/backupJobs/{guid}`.
    pub id: ResourceId,
    /// What it did: `Backup`, `DeleteBackupData`, `Undelete`, `ConfigureBackup`, `DisableBackup`,
    /// `Restore`.
    pub operation: String,
    /// The item, by the name people use.
    pub item: String,
    /// The container that the item is in, by its name without the kind: `srv01`.
    pub container: String,
    /// The kind of item: `MAB`, `AzureIaasVM`, …
    pub management_type: String,
    /// When it ran.
    pub at: Timestamp,
    /// What else there is to say, by its name for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// What it is about, in a Backup vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<JobInstance>,
}

/// A backup instance as it was when a job ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobInstance {
    /// The instance.
    pub id: ResourceId,
    /// What it backs up.
    pub source: Option<ResourceId>,
    /// Its `datasourceType`.
    pub source_type: String,
    /// Its policy.
    pub policy: Option<ResourceId>,
}

impl JobInstance {
    fn of(item: &ProtectedItem) -> Self {
        Self {
            id: item.id.clone(),
            source: item.source.clone(),
            source_type: item.item_type.clone(),
            policy: item.policy.clone(),
        }
    }
}

impl Job {
    /// A job about an item of a vault; `name` is a fresh GUID.
    ///
    /// # Errors
    /// For a name that no resource can have.
    pub fn about(
        item: &ProtectedItem,
        vault: &ResourceId,
        name: &str,
        operation: &str,
        at: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            id: vault.child(&format!("backupJobs/{name}"))?,
            operation: operation.to_string(),
            item: item.friendly_name.clone(),
            container: item.container_name().to_string(),
            management_type: item.management_type().to_string(),
            at,
            details: BTreeMap::new(),
            instance: item.instance.as_ref().map(|_| JobInstance::of(item)),
        })
    }
}
