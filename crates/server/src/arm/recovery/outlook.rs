//! `backupOutlook` of an item or instance, an addition of ours: how its backups stand. When the last one arrived and when the next
//! is expected, what is kept for how long, and how much is stored. Each part is for whoever may read where it comes from.

use arm::Result;
use serde_json::{Map, Value, json};
use store::Holder;
use vault::watch::Watch;
use vault::{ProtectedItem, RepositoryQuota, VaultKind};

use super::calendar::{self, Listed};
use super::place;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::{keeping, watching};

/// What is needed to read an instance.
pub const READ_INSTANCE: &str = "Microsoft.DataProtection/backupVaults/backupInstances/read";

/// The routes of this part. That of instances is with their recovery points.
pub const ROUTES: &[Route] = &[route(Method::Get, item_path!("/backupOutlook"), item_action!("read"), get)];

/// Reads it.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::item(call)?;
    let (count, oldest, newest) = calendar::extent(call, &item)?;
    let mut properties = expected(call, &item, newest)?;
    let (points, policy, quota) = match VaultKind::of(&vault.id) {
        VaultKind::RecoveryServices => (
            item_action!("recoveryPoints/read"),
            vault_action!("backupPolicies/read"),
            item_action!("repositoryQuotas/read"),
        ),
        VaultKind::Backup => (
            "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read",
            "Microsoft.DataProtection/backupVaults/backupPolicies/read",
            "Microsoft.DataProtection/backupVaults/backupInstances/repositoryQuotas/read",
        ),
    };
    if call.may(points, &item.id)? {
        let oldest = oldest.map(|oldest| arm::long_timestamp(oldest.term.at));
        properties.insert("recoveryPointCount".into(), count.into());
        properties.insert("oldestRecoveryPointTime".into(), oldest.into());
    }
    if call.may(policy, item.policy.as_ref().unwrap_or(&vault.id))? {
        properties.extend(retention(call, &item)?);
    }
    if call.may(quota, &item.id)? {
        let limit: Option<RepositoryQuota> = call.tx.resource(&item.id)?;
        properties.insert("usedInBytes".into(), call.tx.stored(&Holder::repository(&item.short))?.into());
        properties.insert("limitInBytes".into(), limit.map(|quota| quota.limit).into());
    }
    let id = call.id();
    Ok(Reply::ok(json!({
        "id": id,
        "name": id.name(),
        "type": id.resource_type(),
        "properties": properties,
    })))
}

/// When the last backup arrived, and by when the next one is to, going by the longest time that the policy's schedule leaves
/// between two. Nothing is expected while protection is stopped.
fn expected(call: &mut Call<'_>, item: &ProtectedItem, newest: Option<Listed>) -> Result<Map<String, Value>> {
    let last = newest.map(|newest| newest.term.at);
    let gap = watching::gap(call.tx, item)?;
    let watch: Option<Watch> = call.tx.resource(&item.id)?;
    // Since protection was resumed, if that was later: nobody is late for what they could not do.
    let waits_since = watch.as_ref().and_then(Watch::waits_since).max(last).unwrap_or(item.created);
    let next = gap.and_then(|gap| waits_since.checked_add(gap).ok());
    let is_silent = gap.is_some() && watch.is_some_and(|watch| watch.is_silent());
    let text = |at: jiff::Timestamp| arm::long_timestamp(at);
    Ok(object(json!({
        "lastRecoveryPointTime": last.map(text),
        "expectedIntervalInSeconds": gap.map(|gap| gap.as_secs()),
        "nextExpectedTime": next.map(text),
        "isOverdue": next.is_some_and(|next| next < call.now),
        // After two such times, an alert says so.
        "isMissed": is_silent,
    })))
}

/// What the item's policy keeps for how long. A stopped item remembers its policy, but what it has is kept without an end.
fn retention(call: &mut Call<'_>, item: &ProtectedItem) -> Result<Map<String, Value>> {
    let policy = keeping::policy_of(call.tx, item)?;
    let tiers = policy.iter().flat_map(|policy| policy.body.tiers());
    let shown =
        |tier: vault::policy::KeptTier| json!({"part": tier.part, "tier": tier.name, "days": tier.days});
    Ok(object(json!({
        "policyId": item.policy,
        "retention": tiers.map(shown).collect::<Vec<_>>(),
    })))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
