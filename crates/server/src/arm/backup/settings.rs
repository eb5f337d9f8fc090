//! From a request to the settings it would give a Backup vault (contract 3.2). What the request leaves out stays as it
//! is, and whether the result may be is decided elsewhere.

use std::collections::BTreeMap;

use arm::{Fields, Result};
use serde_json::{Value, json};
use vault::{Feature, Vault};

use crate::arm::tags;
use crate::arm::vaults::settings::{identity, immutability, lay, merged, retention};

/// The settings of `properties` that no guard protects, and that are kept as they were sent.
pub const FREE: [&str; 4] =
    ["storageSettings", "monitoringSettings", "featureSettings", "costManagementSettings"];

/// The settings that a vault has from the start. Redundancy is what one folder on one machine can give.
pub fn defaults() -> BTreeMap<String, Value> {
    let settings = [
        ("storageSettings", json!([{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }])),
        (
            "monitoringSettings",
            json!({ "azureMonitorAlertSettings": { "alertsForAllJobFailures": "Enabled" } }),
        ),
    ];
    settings.map(|(name, value)| (name.to_string(), value)).into()
}

/// What a PUT or PATCH of a vault would make of it.
pub fn applied(body: &Fields<'_>, mut vault: Vault) -> Result<Vault> {
    if let Some(tags) = tags::read(body)? {
        vault.free.tags = tags;
    }
    identity(body, &mut vault)?;
    let properties = body.object("properties")?;
    free(&properties, &mut vault)?;
    let security = properties.object("securitySettings")?;
    soft_delete(&security.object("softDeleteSettings")?, &mut vault)?;
    immutability(&security.object("immutabilitySettings")?, &mut vault)?;
    if !security.object("encryptionSettings")?.is_absent() {
        let sent = security.get("encryptionSettings");
        vault.encryption = sent.map(|sent| merged(vault.encryption.as_ref(), sent));
    }
    Ok(vault)
}

fn free(properties: &Fields<'_>, vault: &mut Vault) -> Result<()> {
    let stores = properties.list("storageSettings")?;
    if stores.iter().any(|store| !store.is_object()) {
        return Err(properties.wrong("storageSettings", "a list of objects"));
    }
    for name in ["monitoringSettings", "featureSettings", "costManagementSettings"] {
        properties.object(name)?;
    }
    for name in FREE {
        if let Some(sent) = properties.get(name) {
            lay(vault, name, sent);
        }
    }
    Ok(())
}

fn soft_delete(settings: &Fields<'_>, vault: &mut Vault) -> Result<()> {
    if let Some(text) = settings.text("state")? {
        vault.soft_delete.state =
            feature(text).ok_or_else(|| settings.wrong("state", "'Off', 'On' or 'AlwaysOn'"))?;
    }
    retention(settings, "retentionDurationInDays", vault)
}

/// The words of a Backup vault for what a Recovery Services vault calls disabled and enabled.
const FEATURES: [(&str, Feature); 3] =
    [("Off", Feature::Disabled), ("On", Feature::Enabled), ("AlwaysOn", Feature::AlwaysOn)];

fn feature(text: &str) -> Option<Feature> {
    let found = FEATURES.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, feature)| feature)
}

/// The word for it.
pub fn word(feature: Feature) -> &'static str {
    match feature {
        Feature::Disabled => "Off",
        Feature::Enabled => "On",
        Feature::AlwaysOn => "AlwaysOn",
    }
}
