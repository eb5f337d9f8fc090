//! What an item of a Backup vault has besides (contract 3.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What only a backup instance has, kept as its client wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// `dataSourceInfo`: what is backed up. It never changes: another source is another instance.
    pub data_source: Value,
    /// Other members of `properties` by their name, which say nothing about what is kept.
    pub free: BTreeMap<String, Value>,
    /// `policyInfo.policyParameters`: what the policy applies to within the source.
    pub parameters: Option<Value>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}
