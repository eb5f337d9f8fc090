//! A backup instance as answers show it (contract 3.4, and recordings of real answers).

use serde_json::{Map, Value, json};
use vault::{Deletion, ProtectedItem, Protection, Vault};

use super::ask::FREE;
use crate::arm::recovery::item_view::repository_url;
use crate::arm::recovery::thaw;

/// An instance.
pub fn instance(origin: &str, vault: &Vault, instance: &ProtectedItem) -> Value {
    let mut properties = properties(instance);
    properties.insert("objectType".into(), "BackupInstance".into());
    resource(origin, vault, instance, "backupInstances", properties)
}

/// A deleted instance. How long it is still kept is in its `deletionInfo`.
pub fn deleted(origin: &str, vault: &Vault, instance: &ProtectedItem) -> Value {
    let mut properties = properties(instance);
    properties.insert("objectType".into(), "DeletedBackupInstance".into());
    let info = |deletion: &Deletion| {
        json!({
            "deletionTime": arm::long_timestamp(deletion.at),
            "billingEndDate": arm::long_timestamp(deletion.at),
            "scheduledPurgeTime": arm::long_timestamp(deletion.until),
            "deleteActivityID": "",
        })
    };
    properties.insert("deletionInfo".into(), instance.deletion.as_ref().map(info).into());
    resource(origin, vault, instance, "deletedBackupInstances", properties)
}

fn resource(
    origin: &str,
    vault: &Vault,
    instance: &ProtectedItem,
    kind: &str,
    properties: Map<String, Value>,
) -> Value {
    let name = instance.id.name();
    json!({
        "id": format!("{}/{kind}/{name}", vault.id),
        "name": name,
        "type": format!("Microsoft.DataProtection/backupVaults/{kind}"),
        "tags": instance.instance.as_ref().map(|instance| &instance.tags),
        "repositoryUrl": repository_url(origin, vault, instance),
        "frozen": thaw::view(instance),
        "properties": properties,
    })
}

fn properties(item: &ProtectedItem) -> Map<String, Value> {
    let state = state(item);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_string(), value);
    set("friendlyName", json!(item.friendly_name));
    set("protectionStatus", json!({ "status": state }));
    set("currentProtectionState", json!(state));
    set("provisioningState", json!("Succeeded"));
    let mut policy = json!({ "policyId": item.policy, "policyVersion": "" });
    if let Some(instance) = &item.instance {
        set("dataSourceInfo", instance.data_source.clone());
        for name in FREE {
            if let Some(value) = instance.free.get(name) {
                set(name, value.clone());
            }
        }
        if let (Some(parameters), Some(policy)) = (&instance.parameters, policy.as_object_mut()) {
            policy.insert("policyParameters".into(), parameters.clone());
        }
    }
    set("policyInfo", policy);
    properties
}

/// Azure's state of protection. A suspended one is called so in recordings.
fn state(item: &ProtectedItem) -> &'static str {
    match item.protection {
        _ if item.deletion.is_some() => "SoftDeleted",
        Protection::Stopped => "ProtectionStopped",
        Protection::Suspended => "BackupsSuspended",
        Protection::Protected => "ProtectionConfigured",
    }
}
