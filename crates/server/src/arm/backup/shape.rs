//! How a Backup vault looks in answers (contract 3.2, and recordings of real answers).

use serde_json::{Map, Value, json};
use vault::{SecurityLevel, Vault};

use super::settings::{FREE, word};
use crate::arm::tracked;

/// A vault, `guarded` by multi-user authorization or not.
pub fn vault(vault: &Vault, guarded: bool) -> Value {
    let mut body = json!({
        "id": vault.id,
        "name": vault.id.name(),
        "type": "Microsoft.DataProtection/backupVaults",
        "location": vault.location,
        "eTag": crate::arm::vaults::etag(vault),
        "tags": vault.free.tags,
        "properties": properties(vault, guarded),
        "systemData": tracked::system_data(&vault.created, &vault.modified),
    });
    if let (Some(identity), Some(body)) = (&vault.free.identity, body.as_object_mut()) {
        body.insert("identity".into(), identity.clone());
    }
    body
}

fn properties(vault: &Vault, guarded: bool) -> Value {
    let level = SecurityLevel::of(vault, guarded);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_string(), value);
    set("provisioningState", json!("Succeeded"));
    set("isVaultProtectedByResourceGuard", json!(guarded));
    set("securitySettings", security(vault));
    set("secureScore", json!(level.score()));
    set("bcdrSecurityLevel", json!(level.as_str()));
    set("replicatedRegions", json!([]));
    for name in FREE {
        if let Some(value) = vault.free.properties.get(name) {
            set(name, value.clone());
        }
    }
    Value::Object(properties)
}

fn security(vault: &Vault) -> Value {
    let mut security = json!({
        "softDeleteSettings": {
            "state": word(vault.soft_delete.state),
            "retentionDurationInDays": f64::from(vault.soft_delete.retention_days),
        },
        "immutabilitySettings": { "state": vault.immutability.as_str() },
    });
    if let (Some(encryption), Some(security)) = (&vault.encryption, security.as_object_mut()) {
        security.insert("encryptionSettings".into(), encryption.clone());
    }
    security
}
