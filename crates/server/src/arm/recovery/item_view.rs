//! A protected item as answers show it (contract 4.6, and recordings of real answers).

use std::collections::BTreeMap;
use std::sync::Arc;

use arm::{ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use vault::{BackupPolicy, Deletion, ProtectedItem, Protection, RecoveryPoint, Vault};

use crate::arm::call::Call;

/// What an answer shows for the time of the last backup of a machine that had none (recorded).
const NEVER: &str = "2001-01-01T00:00:00Z";

/// How many recovery points an item has, and from when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    count: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Points {
    fn add(&mut self, at: Timestamp) {
        self.count += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = self.newest.max(Some(at));
    }
}

/// What the views of a vault's items have in common.
pub struct Views {
    origin: String,
    now: Timestamp,
    settled: Timestamp,
    vault: Vault,
    policies: BTreeMap<ResourceId, BackupPolicy>,
    points: Arc<BTreeMap<ResourceId, Points>>,
}

/// One item.
pub fn one(call: &mut Call<'_>, vault: &Vault, item: &ProtectedItem) -> Result<Value> {
    Ok(Views::load(call, vault, &item.id)?.view(item))
}

impl Views {
    /// Reads what the views of the items at or below a resource need.
    pub fn load(call: &mut Call<'_>, vault: &Vault, scope: &ResourceId) -> Result<Self> {
        // Of ten thousand points, three numbers are of interest here.
        let arrival = |point: RecoveryPoint| (point.id.parent().map(Arc::new), point.at);
        let points = call.tx.made_below(scope, arrival, |all| {
            let mut points: BTreeMap<ResourceId, Points> = BTreeMap::new();
            for (item, at) in all {
                let Some(item) = item else { continue };
                match points.get_mut(item.as_ref()) {
                    Some(points) => points.add(at),
                    None => points.entry(ResourceId::clone(&item)).or_default().add(at),
                }
            }
            points
        })?;
        let policies: Vec<BackupPolicy> = call.tx.below(&vault.id)?;
        Ok(Self {
            origin: call.request.origin.clone(),
            now: call.now,
            settled: call.settled,
            vault: vault.clone(),
            policies: policies.into_iter().map(|policy| (policy.id.clone(), policy)).collect(),
            points,
        })
    }

    /// The policy that answers show. A stopped item keeps its policy, so that the next one can be compared with it, but
    /// as long as nothing runs by it, answers show none (recorded).
    pub fn policy(&self, item: &ProtectedItem) -> Option<&BackupPolicy> {
        if item.deletion.is_some() || item.protection == Protection::Stopped {
            return None;
        }
        self.policies.get(item.policy.as_ref()?)
    }

    /// The name of that policy; empty when there is none.
    pub fn policy_name(&self, item: &ProtectedItem) -> &str {
        self.policy(item).map_or("", |policy| policy.id.name())
    }

    /// The item.
    pub fn view(&self, item: &ProtectedItem) -> Value {
        let points = self.points.get(&item.id).copied().unwrap_or_default();
        let mut properties = self.common(item, points);
        match item.management_type() {
            "MAB" => properties.extend(self.of_files(item, points)),
            _ => properties.extend(self.of_machine(item, points)),
        }
        if let Some(deletion) = &item.deletion {
            properties.extend(self.of_deletion(deletion, item.upcoming_purge(self.settled).is_some()));
        }
        let mut view = json!({
            "id": item.id,
            "name": item.id.name(),
            "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
            "repositoryUrl": repository_url(&self.origin, &self.vault, item),
            "frozen": super::thaw::view(item),
            "properties": properties,
        });
        if let (Some(deletion), Some(view)) = (&item.deletion, view.as_object_mut()) {
            view.insert("recoverableUntil".into(), arm::timestamp(deletion.until).into());
        }
        view
    }

    fn common(&self, item: &ProtectedItem, points: Points) -> Map<String, Value> {
        let policy = self.policy(item);
        let backed_up = if points.count > 0 { "Completed" } else { "" };
        let mut properties = object(json!({
            "friendlyName": item.friendly_name,
            "protectedItemType": item.item_type,
            "backupManagementType": item.management_type(),
            "workloadType": item.workload_type(),
            "containerName": item.container_name(),
            "policyId": policy.map_or("", |policy| policy.id.as_str()),
            "policyName": self.policy_name(item),
            "protectionState": state(item, points),
            "lastBackupStatus": backed_up,
            "vaultId": format!("{}{}", self.origin, self.vault.id),
            "sourceLocation": self.vault.location,
            "isScheduledForDeferredDelete": false,
            "isArchiveEnabled": false,
            "softDeleteRetentionPeriod": 0,
            "softDeleteRetentionPeriodInDays": 0,
        }));
        if let Some(source) = &item.source {
            properties.insert("sourceResourceId".into(), source.as_str().into());
        }
        if let Some(newest) = points.newest {
            properties.insert("lastRecoveryPoint".into(), arm::timestamp(newest).into());
            properties.insert("lastBackupTime".into(), arm::timestamp(newest).into());
        }
        properties
    }

    fn of_files(&self, item: &ProtectedItem, points: Points) -> Map<String, Value> {
        let mut extended = extended_info(points);
        extended.insert("lastRefreshedAt".into(), arm::timestamp(self.now).into());
        object(json!({
            "computerName": item.container_name(),
            "extendedInfo": extended,
        }))
    }

    fn of_machine(&self, item: &ProtectedItem, points: Points) -> Map<String, Value> {
        let mut extended = extended_info(points);
        extended.insert("policyInconsistent".into(), false.into());
        let policy = item.policy.as_ref().and_then(|id| self.policies.get(id));
        let policy_type = policy
            .and_then(|policy| policy.body.raw().get("policyType"))
            .and_then(Value::as_str)
            .unwrap_or("V1");
        let mut properties = object(json!({
            "virtualMachineId": item.source,
            "protectionStatus": "Healthy",
            "healthStatus": "Passed",
            "protectedItemDataId": item.short,
            "policyType": policy_type,
            "extendedInfo": extended,
        }));
        if points.newest.is_none() {
            properties.insert("lastBackupTime".into(), NEVER.into());
        }
        properties
    }

    /// `deferredDeleteTimeInUTC` is when it was deleted; how long it is still kept is in the remaining time (recorded).
    /// Until when that is stands beside the properties, as an addition of our own.
    fn of_deletion(&self, deletion: &Deletion, upcoming: bool) -> Map<String, Value> {
        let days = deletion.until.duration_since(deletion.at).as_hours() / 24;
        let remaining = deletion.until.duration_since(self.settled).max(SignedDuration::ZERO);
        object(json!({
            "isScheduledForDeferredDelete": true,
            "isDeferredDeleteScheduleUpcoming": upcoming,
            "deferredDeleteTimeInUTC": arm::long_timestamp(deletion.at),
            "deferredDeleteTimeRemaining": time_span(remaining),
            "softDeleteRetentionPeriod": days,
            "softDeleteRetentionPeriodInDays": days,
        }))
    }
}

/// Where a backup client finds an item's repository.
pub fn repository_url(origin: &str, vault: &Vault, item: &ProtectedItem) -> String {
    format!("{origin}/repositories/{}/{}/", vault.short, item.short)
}

/// Where a client reads the repository as a recovery point saw it, whatever was deleted since.
pub fn view_url(origin: &str, vault: &Vault, item: &ProtectedItem, point: &RecoveryPoint) -> String {
    format!("{origin}/repositories/{}/{}@{}/", vault.short, item.short, point.snapshot)
}

/// Azure's `protectionState`.
fn state(item: &ProtectedItem, points: Points) -> &'static str {
    match item.protection {
        _ if item.deletion.is_some() => "ProtectionStopped",
        Protection::Stopped => "ProtectionStopped",
        Protection::Suspended => "BackupsSuspended",
        // IR stands for initial replication: the first backup is still to come.
        Protection::Protected if points.count == 0 => "IRPending",
        Protection::Protected => "Protected",
    }
}

fn extended_info(points: Points) -> Map<String, Value> {
    let mut info = object(json!({ "recoveryPointCount": points.count }));
    if let Some(oldest) = points.oldest {
        info.insert("oldestRecoveryPoint".into(), arm::timestamp(oldest).into());
    }
    info
}

/// A time span as .NET writes one: `13.23:59:44.0256366`.
fn time_span(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let ticks = span.subsec_nanos() / 100;
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let fraction = if ticks > 0 { format!(".{ticks:07}") } else { String::new() };
    format!("{days}{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_written_as_recorded() {
        let span = |seconds, nanos| time_span(SignedDuration::new(seconds, nanos));
        assert_eq!(span(14 * 86_400 - 16, 25_636_600), "13.23:59:44.0256366");
        assert_eq!(span(3_661, 0), "01:01:01");
        assert_eq!(span(0, 0), "00:00:00");
    }

    #[test]
    fn points_know_their_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut points = Points::default();
        [5, 3, 9].into_iter().for_each(|second| points.add(at(second)));
        assert_eq!(points, Points { count: 3, oldest: Some(at(3)), newest: Some(at(9)) });
    }
}
