//! From a request to the settings it would give a vault. What the request leaves out stays as it is, and whether the
//! result may be is decided elsewhere.

use std::collections::BTreeMap;

use arm::{Fields, Result};
use serde_json::{Map, Value, json};
use vault::{Feature, Immutability, Vault};

use crate::arm::tags;

/// The settings of `properties` that no guard protects, and that are kept as they were sent.
pub const FREE: [&str; 5] = [
    "monitoringSettings",
    "redundancySettings",
    "restoreSettings",
    "publicNetworkAccess",
    "costManagementSettings",
];

/// Those that a vault has from the start. Redundancy is what one folder on one machine can give.
pub fn defaults() -> BTreeMap<String, Value> {
    let settings = [
        (
            "monitoringSettings",
            json!({
                "azureMonitorAlertSettings": { "alertsForAllJobFailures": "Enabled" },
                "classicAlertSettings": { "alertsForCriticalOperations": "Enabled" },
            }),
        ),
        (
            "redundancySettings",
            json!({ "standardTierStorageRedundancy": "LocallyRedundant", "crossRegionRestore": "Disabled" }),
        ),
        (
            "restoreSettings",
            json!({ "crossSubscriptionRestoreSettings": { "crossSubscriptionRestoreState": "Enabled" } }),
        ),
        ("publicNetworkAccess", json!("Enabled")),
    ];
    settings.map(|(name, value)| (name.to_string(), value)).into()
}

/// What a PUT or PATCH of a vault would make of it.
pub fn applied(body: &Fields<'_>, mut vault: Vault) -> Result<Vault> {
    if let Some(tags) = tags::read(body)? {
        vault.free.tags = tags;
    }
    let sku = body.object("sku")?;
    if !sku.is_absent() {
        sku.required_text("name")?;
        vault.free.sku = body.get("sku").cloned();
    }
    identity(body, &mut vault)?;
    let properties = body.object("properties")?;
    free(&properties, &mut vault)?;
    let security = properties.object("securitySettings")?;
    soft_delete(&security.object("softDeleteSettings")?, "softDeleteState", &mut vault)?;
    let mode = security.object("immutabilitySettings")?;
    immutability(&mode, &mut vault)?;
    // The other mode, a number of days for the whole vault, is not offered, so it must not seem to be.
    choice(&mode.object("configuration")?, "type", &["AsPerPolicy"])?;
    if !properties.object("encryption")?.is_absent() {
        vault.encryption = properties.get("encryption").map(|sent| merged(vault.encryption.as_ref(), sent));
    }
    Ok(vault)
}

fn free(properties: &Fields<'_>, vault: &mut Vault) -> Result<()> {
    redundancy(&properties.object("redundancySettings")?, "standardTierStorageRedundancy", vault)?;
    if let Some(access) = choice(properties, "publicNetworkAccess", &["Enabled", "Disabled"])? {
        lay(vault, "publicNetworkAccess", &json!(access));
    }
    for name in ["monitoringSettings", "restoreSettings", "costManagementSettings"] {
        properties.object(name)?;
        if let Some(sent) = properties.get(name) {
            lay(vault, name, sent);
        }
    }
    Ok(())
}

/// Lays what was sent over a free setting.
pub fn lay(vault: &mut Vault, name: &str, sent: &Value) {
    let settings = &mut vault.free.properties;
    let value = merged(settings.get(name), sent);
    settings.insert(name.to_string(), value);
}

/// Soft delete and the security features, as the vault's own settings and `vaultconfig` name them: the name of the
/// state is all that differs.
pub fn soft_delete(settings: &Fields<'_>, state: &str, vault: &mut Vault) -> Result<()> {
    if let Some(state) = feature(settings, state)? {
        vault.soft_delete.state = state;
    }
    if let Some(state) = feature(settings, "enhancedSecurityState")? {
        vault.enhanced_security = state;
    }
    retention(settings, "softDeleteRetentionPeriodInDays", vault)
}

/// For how many days deleted items are kept.
pub fn retention(settings: &Fields<'_>, name: &str, vault: &mut Vault) -> Result<()> {
    if let Some(days) = settings.count(name)? {
        // Out of range either way; the vault's own rule says what the range is.
        vault.soft_delete.retention_days = u16::try_from(days).unwrap_or(u16::MAX);
    }
    Ok(())
}

fn feature(settings: &Fields<'_>, name: &str) -> Result<Option<Feature>> {
    let parse = |text: &str| {
        Feature::parse(text).ok_or_else(|| settings.wrong(name, "'Enabled', 'Disabled' or 'AlwaysON'"))
    };
    settings.text(name)?.map(parse).transpose()
}

/// The identity, kept as it was sent.
pub fn identity(body: &Fields<'_>, vault: &mut Vault) -> Result<()> {
    let identity = body.object("identity")?;
    if !identity.is_absent() {
        identity.required_text("type")?;
        vault.free.identity = body.get("identity").cloned();
    }
    Ok(())
}

/// Whether recovery points can be lost before their time.
pub fn immutability(settings: &Fields<'_>, vault: &mut Vault) -> Result<()> {
    if let Some(text) = settings.text("state")? {
        vault.immutability = Immutability::parse(text)
            .ok_or_else(|| settings.wrong("state", "'Disabled', 'Unlocked' or 'Locked'"))?;
    }
    Ok(())
}

/// Redundancy, as the vault's own settings and `vaultstorageconfig` name it: the name of the model is all that
/// differs.
pub fn redundancy(settings: &Fields<'_>, model: &str, vault: &mut Vault) -> Result<()> {
    let models = ["LocallyRedundant", "ZoneRedundant", "GeoRedundant"];
    let model = choice(settings, model, &models)?;
    let restore = choice(settings, "crossRegionRestore", &["Enabled", "Disabled"])?;
    let sent = json!({ "standardTierStorageRedundancy": model, "crossRegionRestore": restore });
    lay(vault, "redundancySettings", &sent);
    Ok(())
}

/// One of several words, compared without case and taken over as it is written here.
pub fn choice<'w>(settings: &Fields<'_>, name: &str, words: &[&'w str]) -> Result<Option<&'w str>> {
    let Some(text) = settings.text(name)? else {
        return Ok(None);
    };
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    word.copied().map(Some).ok_or_else(|| settings.wrong(name, &format!("one of '{}'", words.join("', '"))))
}

/// One JSON value laid over another. Members that are absent or null keep what was there; names compare without case.
pub fn merged(before: Option<&Value>, sent: &Value) -> Value {
    let Value::Object(sent) = sent else {
        return sent.clone();
    };
    let mut object = match before {
        Some(Value::Object(before)) => before.clone(),
        _ => Map::new(),
    };
    for (name, value) in sent.iter().filter(|(_, value)| !value.is_null()) {
        let known = object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
        let name = known.unwrap_or_else(|| name.clone());
        let value = merged(object.get(&name), value);
        object.insert(name, value);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_or_null_stays() {
        let before = json!({"a": {"x": 1, "y": 2}, "b": "kept"});
        let sent = json!({"A": {"y": 3, "z": null}, "b": null, "c": []});
        assert_eq!(merged(Some(&before), &sent), json!({"a": {"x": 1, "y": 3}, "b": "kept", "c": []}));
        assert_eq!(merged(None, &sent), json!({"A": {"y": 3}, "c": []}));
    }
}
