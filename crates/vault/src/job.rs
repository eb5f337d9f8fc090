//! The traces of long-running operations: operations that clients poll, and jobs that people read.

use arm::ResourceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// What it did: `Backup`, `DeleteBackupData`, `Undelete`, `ConfigureBackup`, `DisableBackup`.
    pub operation: String,
    /// The item, by the name people use.
    pub item: String,
    /// The kind of item: `MAB`, `AzureIaasVM`, …
    pub management_type: String,
    /// When it ran.
    pub at: Timestamp,
}
