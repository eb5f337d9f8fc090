//! Lists about a vault as a whole: counts by kind, and what this server has none of (contract 4.4).

use std::collections::BTreeMap;

use arm::{Error, Result};
use serde_json::{Value, json};
use vault::Container;

use super::place;
use crate::arm::call::Call;
use crate::arm::filters::Asked;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/backupUsageSummaries"),
        vault_action!("backupUsageSummaries/read"),
        usage,
    ),
    route(
        Method::Get,
        vault_path!("/backupProtectableItems"),
        vault_action!("backupProtectableItems/read"),
        none,
    ),
    route(Method::Get, vault_path!("/backupEngines"), vault_action!("backupEngines/read"), none),
    route(
        Method::Get,
        vault_path!("/backupProtectionIntents"),
        vault_action!("backupProtectionIntents/read"),
        none,
    ),
];

/// Nothing is found by looking around: items are named by whoever protects them, and there are no backup servers
/// between a client and its vault.
fn none(call: &mut Call<'_>) -> Result<Reply> {
    place::vault(call)?;
    Ok(Reply::list(Vec::new()))
}

/// Counts items, or containers if asked for, by kind.
fn usage(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let asked = Asked::read(call, &["type"], &[])?;
    let wanted = asked.equal("type").unwrap_or("BackupProtectedItemCountSummary").to_ascii_lowercase();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = |kind: &str| *counts.entry(kind.to_string()).or_default() += 1;
    match wanted.as_str() {
        "backupprotecteditemcountsummary" => {
            place::items(call, &vault.id)?.iter().for_each(|item| count(item.management_type()))
        }
        "backupprotectioncontainercountsummary" => call
            .tx
            .below::<Container>(&vault.id)?
            .iter()
            .for_each(|container| count(&container.backup_management_type)),
        _ => {
            let message =
                "'type' is 'BackupProtectedItemCountSummary' or 'BackupProtectionContainerCountSummary'";
            return Err(Error::invalid("InvalidFilter", message));
        }
    }
    Ok(Reply::list(counts.iter().map(view).collect()))
}

fn view((kind, count): (&String, &u64)) -> Value {
    json!({
        "name": {"value": kind, "localizedValue": kind},
        "unit": "Count",
        "currentValue": count,
        "limit": -1,
        "nextResetTime": "0001-01-01T00:00:00Z",
    })
}
