//! Backup policies: what they mean, and which of two is weaker (contract 7). First version: every difference is weaker.

use std::fmt;

use arm::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A policy's `properties`, as a client wrote them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyBody {
    raw: Value,
}

impl PolicyBody {
    /// Reads a policy's `properties`.
    ///
    /// # Errors
    /// `BMSUserErrorInvalidPolicyInput` when it is not a policy.
    pub fn parse(properties: &Value) -> Result<Self> {
        if properties.get("backupManagementType").is_none() {
            return Err(Error::invalid(
                "BMSUserErrorInvalidPolicyInput",
                "'properties.backupManagementType' is missing",
            ));
        }
        Ok(Self {
            raw: properties.clone(),
        })
    }

    /// What a GET answers as `properties`.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// Azure's `backupManagementType`.
    pub fn management_type(&self) -> &str {
        self.raw
            .get("backupManagementType")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// What [`compare`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least as strong.
    NotWeaker,
    /// Weaker, or not provably as strong.
    Weaker(Vec<Reason>),
}

/// Why a policy is weaker, as a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `after` is weaker than `before`.
pub fn compare(before: &PolicyBody, after: &PolicyBody) -> Verdict {
    if before == after {
        Verdict::NotWeaker
    } else {
        Verdict::Weaker(vec![Reason("the policy differs".into())])
    }
}

/// The policies every Recovery Services vault starts with.
pub fn built_in() -> Vec<(&'static str, Value)> {
    Vec::new()
}

/// A policy for files of a server: one backup a day, kept for so many days.
pub fn mab_daily(days: u32) -> Value {
    json!({"backupManagementType": "MAB", "days": days})
}
