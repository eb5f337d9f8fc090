//! A policy as a client wrote it, together with what it means.

use arm::{Error, Result};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::plan::Plan;

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
    plan: Option<Plan>,
}

impl PolicyBody {
    /// Reads the `properties` of a policy that a client sends (contract 7.2).
    ///
    /// # Errors
    /// `BMSUserErrorInvalidPolicyInput`, with the member at fault as target: an unknown discriminator, a wrong type,
    /// a count of nought or beyond 9999, a missing schedule or retention.
    pub fn parse(properties: &Value) -> Result<Self> {
        let plan = Plan::read(properties).map_err(|error| Error { code: CODE.to_string(), ..error })?;
        Ok(Self { raw: cleaned(properties), plan: Some(plan) })
    }

    /// What a GET answers as `properties`: what was PUT, without the members that are no part of the policy.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// Azure's `backupManagementType`, in Azure's spelling: `AzureIaasVM`, `MAB`, …
    pub fn management_type(&self) -> &str {
        let written = || self.raw.get("backupManagementType").and_then(Value::as_str).unwrap_or_default();
        self.plan.as_ref().map_or_else(written, |plan| plan.kind.as_str())
    }

    /// For how many days a recovery point of this day is kept: the longest of everything that selects the day, and 0
    /// when nothing does. By this account a tier keeps *every* point of a day it selects: backup clients do not
    /// arrive on the minute, so `retentionTimes` cannot choose among them.
    pub fn days_kept(&self, day: Date) -> u32 {
        self.plan.as_ref().map_or(u32::MAX, |plan| plan.days_kept(day))
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
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
        let plan = Plan::read(&raw).ok();
        Ok(Self { raw, plan })
    }
}

fn cleaned(properties: &Value) -> Value {
    let mut raw = properties.clone();
    if let Some(members) = raw.as_object_mut() {
        members.retain(|name, _| !NOT_THE_POLICYS.iter().any(|other| name.eq_ignore_ascii_case(other)));
    }
    raw
}
