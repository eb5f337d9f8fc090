//! How a vault looks in answers (contract 4.2).

use serde_json::{Map, Value, json};
use vault::{Immutability, SecurityLevel, Vault};

use super::settings::FREE;
use crate::arm::tracked;

/// A vault, `guarded` by multi-user authorization or not.
pub fn vault(vault: &Vault, guarded: bool) -> Value {
    let mut body = json!({
        "id": vault.id,
        "name": vault.id.name(),
        "type": "Microsoft.RecoveryServices/vaults",
        "location": vault.location,
        "etag": etag(vault),
        "tags": vault.free.tags,
        "sku": vault.free.sku.clone().unwrap_or_else(|| json!({ "name": "Standard" })),
        "properties": properties(vault, guarded),
        "systemData": tracked::system_data(&vault.created, &vault.modified),
    });
    if let (Some(identity), Some(body)) = (&vault.free.identity, body.as_object_mut()) {
        body.insert("identity".into(), identity.clone());
    }
    body
}

/// In the form of Azure's: when the vault was changed last.
pub fn etag(vault: &Vault) -> String {
    let at = arm::timestamp(vault.modified.at).replace(':', "%3A");
    format!("W/\"datetime'{at}'\"")
}

fn properties(vault: &Vault, guarded: bool) -> Value {
    let level = SecurityLevel::of(vault, guarded);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_string(), value);
    set("provisioningState", json!("Succeeded"));
    set("privateEndpointStateForBackup", json!("None"));
    set("privateEndpointStateForSiteRecovery", json!("None"));
    set("backupStorageVersion", json!("V2"));
    set("securitySettings", security(vault, guarded));
    set("secureScore", json!(level.score()));
    set("bcdrSecurityLevel", json!(level.as_str()));
    for name in FREE {
        if let Some(value) = vault.free.properties.get(name) {
            set(name, value.clone());
        }
    }
    if let Some(encryption) = &vault.encryption {
        set("encryption", encryption.clone());
    }
    Value::Object(properties)
}

fn security(vault: &Vault, guarded: bool) -> Value {
    let mut immutability = json!({ "state": vault.immutability.as_str() });
    if let (true, Some(object)) = (vault.immutability != Immutability::Disabled, immutability.as_object_mut())
    {
        object.insert("configuration".into(), json!({ "type": "AsPerPolicy" }));
    }
    json!({
        "softDeleteSettings": {
            "softDeleteState": vault.soft_delete.state.as_str(),
            "softDeleteRetentionPeriodInDays": vault.soft_delete.retention_days,
            "enhancedSecurityState": vault.enhanced_security.as_str(),
        },
        "immutabilitySettings": immutability,
        "multiUserAuthorization": if guarded { "Enabled" } else { "Disabled" },
        "sourceScanConfiguration": { "state": "Disabled" },
    })
}
