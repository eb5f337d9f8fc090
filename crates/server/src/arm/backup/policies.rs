//! Backup policies of Backup vaults (contract 3.3, 7.4).

use arm::{Error, Result};
use serde_json::{Value, json};
use vault::policy::PolicyBody;
use vault::{BackupPolicy, ProtectedItem, VaultChange};

use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::recovery::place;
use crate::arm::recovery::policies::delete;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, vault_path!("/backupPolicies"), vault_action!("backupPolicies/read"), list),
    route(Method::Get, vault_path!("/backupPolicies/{policy}"), vault_action!("backupPolicies/read"), get),
    route(Method::Put, vault_path!("/backupPolicies/{policy}"), vault_action!("backupPolicies/write"), put),
    route(
        Method::Delete,
        vault_path!("/backupPolicies/{policy}"),
        vault_action!("backupPolicies/delete"),
        delete,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let policies: Vec<BackupPolicy> = call.tx.below(&vault.id)?;
    Ok(call.page(policies, |policy| policy.id.folded().to_string(), view))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    Ok(Reply::ok(view(&place::policy(call, &vault)?)))
}

/// 200 also when it is new, as Azure answers.
fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::policy_id(call, &vault)?;
    let before: Option<BackupPolicy> = call.tx.resource(&id)?;
    let sent = call.body()?;
    let properties = sent.get("properties").ok_or_else(|| sent.missing("properties"))?;
    let body = PolicyBody::parse(properties)?;
    let after = BackupPolicy { id: before.as_ref().map_or(id, |before| before.id.clone()), body };
    check_users(call, &after)?;
    let answer = view(&after);
    door::change(call, &vault.id, VaultChange::policy(&vault, before, after)?)?;
    Ok(Reply::ok(answer))
}

/// A policy stays one for the instances that have it.
fn check_users(call: &mut Call<'_>, policy: &BackupPolicy) -> Result<()> {
    let vault = policy.id.parent().unwrap_or_else(|| policy.id.clone());
    let items = place::items(call, &vault)?;
    let other = |item: &&ProtectedItem| {
        item.policy.as_ref() == Some(&policy.id) && !policy.body.is_for(&item.item_type)
    };
    match items.iter().find(other) {
        None => Ok(()),
        Some(item) => Err(Error::invalid(
            "BMSUserErrorInvalidPolicyInput",
            format!(
                "the policy '{}' is the one of '{}', a '{}', and must stay one for that; create another policy",
                policy.id.name(),
                item.friendly_name,
                item.item_type
            ),
        )
        .with_target("properties.datasourceTypes")),
    }
}

fn view(policy: &BackupPolicy) -> Value {
    json!({
        "id": policy.id,
        "name": policy.id.name(),
        "type": "Microsoft.DataProtection/backupVaults/backupPolicies",
        "properties": policy.body.raw(),
    })
}
