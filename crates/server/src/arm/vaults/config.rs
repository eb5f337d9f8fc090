//! The second views of a vault's settings: soft delete, storage, encryption, extended information (contract 4.3, 4.4).
//! Each reads and writes the vault itself, so that what one door protects, the other cannot open.

use arm::Result;
use serde_json::{Value, json};
use vault::{Feature, Vault};

use super::{commit, load, settings, shape};
use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// Where extended information is kept among the free settings. No client sets it by that name.
const EXTENDED: &str = "vaultExtendedInfo";

/// `GET backupconfig/vaultconfig`
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(soft_delete(&load(call)?)?))
}

/// `PUT` and `PATCH backupconfig/vaultconfig`: either changes what it names.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let before = load(call)?;
    let mut after = before.clone();
    settings::soft_delete(&call.properties()?, "softDeleteFeatureState", &mut after)?;
    Ok(Reply::ok(soft_delete(&commit(call, before, after)?)?))
}

fn soft_delete(vault: &Vault) -> Result<Value> {
    Ok(json!({
        "id": vault.id.child("backupconfig/vaultconfig")?,
        "name": "vaultconfig",
        "type": "Microsoft.RecoveryServices/vaults/backupconfig",
        "properties": {
            "enhancedSecurityState": vault.enhanced_security.as_str(),
            "softDeleteFeatureState": vault.soft_delete.state.as_str(),
            "softDeleteRetentionPeriodInDays": vault.soft_delete.retention_days,
            "isSoftDeleteFeatureStateEditable": vault.soft_delete.state != Feature::AlwaysOn,
        },
    }))
}

/// `GET backupstorageconfig/vaultstorageconfig`
pub fn get_storage(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(storage(&load(call)?)?))
}

/// `PUT backupstorageconfig/vaultstorageconfig`
pub fn put_storage(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(storage(&change_storage(call)?)?))
}

/// `PATCH backupstorageconfig/vaultstorageconfig`, which answers nothing.
pub fn patch_storage(call: &mut Call<'_>) -> Result<Reply> {
    change_storage(call)?;
    Ok(Reply::empty(204))
}

fn change_storage(call: &mut Call<'_>) -> Result<Vault> {
    let before = load(call)?;
    let mut after = before.clone();
    let properties = call.properties()?;
    // Older clients know the model by its older name only.
    let model = if properties.get("storageModelType").is_some() { "storageModelType" } else { "storageType" };
    settings::redundancy(&properties, model, &mut after)?;
    if let Some(flag) = properties.boolean("crossRegionRestoreFlag")? {
        let state = if flag { "Enabled" } else { "Disabled" };
        settings::lay(&mut after, "redundancySettings", &json!({ "crossRegionRestore": state }));
    }
    commit(call, before, after)
}

fn storage(vault: &Vault) -> Result<Value> {
    let redundancy = vault.free.properties.get("redundancySettings");
    let member = |name: &str| redundancy.and_then(|settings| settings.get(name)).and_then(Value::as_str);
    let model = member("standardTierStorageRedundancy");
    Ok(json!({
        "id": vault.id.child("backupstorageconfig/vaultstorageconfig")?,
        "name": "vaultstorageconfig",
        "type": "Microsoft.RecoveryServices/vaults/backupstorageconfig",
        "properties": {
            "storageModelType": model,
            "storageType": model,
            "storageTypeState": "Unlocked",
            "dedupState": "Disabled",
            "xcoolState": "Disabled",
            "crossRegionRestoreFlag": member("crossRegionRestore") == Some("Enabled"),
        },
    }))
}

/// `GET backupEncryptionConfigs/backupResourceEncryptionConfig`
pub fn get_encryption(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(encryption(&load(call)?)?))
}

/// `PUT backupEncryptionConfigs/backupResourceEncryptionConfig`
pub fn put_encryption(call: &mut Call<'_>) -> Result<Reply> {
    let before = load(call)?;
    let mut after = before.clone();
    let properties = call.properties()?;
    let own_key =
        settings::choice(&properties, "encryptionAtRestType", &["CustomerManaged", "MicrosoftManaged"])?;
    let infrastructure =
        settings::choice(&properties, "infrastructureEncryptionState", &["Enabled", "Disabled"])?;
    let key = properties.text("keyUri")?;
    let sent = json!({
        "keyVaultProperties": key.map(|uri| json!({ "keyUri": uri })),
        "infrastructureEncryption": infrastructure,
    });
    after.encryption = match own_key {
        Some("MicrosoftManaged") => None,
        Some(_) if key.is_none() => return Err(properties.missing("keyUri")),
        Some(_) => Some(settings::merged(before.encryption.as_ref(), &sent)),
        None if key.is_some() || infrastructure.is_some() => {
            Some(settings::merged(before.encryption.as_ref(), &sent))
        }
        None => before.encryption.clone(),
    };
    Ok(Reply::ok(encryption(&commit(call, before, after)?)?))
}

fn encryption(vault: &Vault) -> Result<Value> {
    let at = |pointer: &str| vault.encryption.as_ref().and_then(|settings| settings.pointer(pointer));
    let key = at("/keyVaultProperties/keyUri");
    Ok(json!({
        "id": vault.id.child("backupEncryptionConfigs/backupResourceEncryptionConfig")?,
        "name": "backupResourceEncryptionConfig",
        "type": "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs",
        "properties": {
            "encryptionAtRestType": if key.is_some() { "CustomerManaged" } else { "MicrosoftManaged" },
            "keyUri": key,
            "infrastructureEncryptionState": at("/infrastructureEncryption").unwrap_or(&json!("Disabled")),
            "lastUpdateStatus": if vault.encryption.is_some() { "Succeeded" } else { "NotEnabled" },
        },
    }))
}

/// `GET extendedInformation/vaultExtendedInfo`
pub fn get_extended(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(extended(&load(call)?)?))
}

/// `PUT` and `PATCH extendedInformation/vaultExtendedInfo`: agents keep their integrity key here.
pub fn put_extended(call: &mut Call<'_>) -> Result<Reply> {
    let before = load(call)?;
    let mut after = before.clone();
    let properties = call.properties()?;
    let sent = json!({
        "algorithm": properties.text("algorithm")?,
        "integrityKey": properties.text("integrityKey")?,
        "encryptionKey": properties.text("encryptionKey")?,
        "encryptionKeyThumbprint": properties.text("encryptionKeyThumbprint")?,
    });
    settings::lay(&mut after, EXTENDED, &sent);
    Ok(Reply::ok(extended(&commit(call, before, after)?)?))
}

fn extended(vault: &Vault) -> Result<Value> {
    let known = vault.free.properties.get(EXTENDED);
    Ok(json!({
        "id": vault.id.child("extendedInformation/vaultExtendedInfo")?,
        "name": EXTENDED,
        "type": "Microsoft.RecoveryServices/vaults/extendedInformation",
        "etag": shape::etag(vault),
        "properties": known.cloned().unwrap_or_else(|| json!({ "algorithm": "None" })),
    }))
}
