//! Backup policies (contract 4.4, 7.2).

use arm::{Error, Result};
use serde_json::{Map, Value, json};
use vault::policy::PolicyBody;
use vault::{BackupPolicy, ProtectedItem, VaultChange};

use super::place;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::filters::Asked;
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

/// Members that are about the policy and not of it: how many items use it, and the consent to this change.
const NOT_STORED: [&str; 2] = ["protectedItemsCount", "resourceGuardOperationRequests"];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let asked = Asked::read(call, &["backupManagementType", "workloadType"], &[])?;
    let items = place::items(call, &vault.id)?;
    let mut policies: Vec<BackupPolicy> = call.tx.below(&vault.id)?;
    policies.retain(|policy| {
        asked.admits("backupManagementType", policy.body.management_type())
            && asked.admits("workloadType", workload_type(policy))
    });
    Ok(call.page(policies, |policy| policy.id.folded().to_string(), |policy| view(policy, &items)))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let policy = place::policy(call, &vault)?;
    let items = place::items(call, &vault.id)?;
    Ok(Reply::ok(view(&policy, &items)))
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::policy_id(call, &vault)?;
    let before: Option<BackupPolicy> = call.tx.resource(&id)?;
    let body = body_of(call)?;
    if let Some(before) = &before {
        check_same_kind(before, &body)?;
    }
    let after = BackupPolicy { id: before.as_ref().map_or(id, |before| before.id.clone()), body };
    let items = place::items(call, &vault.id)?;
    let answer = view(&after, &items);
    door::change(call, &vault.id, VaultChange::policy(&vault, before, after)?)?;
    Ok(Reply::ok(answer))
}

/// `DELETE` of a policy of either kind of vault: one that nothing uses.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::policy_id(call, &vault)?;
    let Some(policy) = call.tx.resource::<BackupPolicy>(&id)? else {
        return Ok(Reply::empty(204));
    };
    let items = place::items(call, &vault.id)?;
    door::change(call, &vault.id, VaultChange::delete_policy(policy, &items)?)?;
    Ok(Reply::empty(200))
}

fn body_of(call: &Call<'_>) -> Result<PolicyBody> {
    let properties = call.properties()?;
    if properties.is_absent() {
        return Err(call.body()?.missing("properties"));
    }
    let stored: Map<String, Value> = properties
        .members()
        .filter(|(name, _)| !NOT_STORED.iter().any(|not| not.eq_ignore_ascii_case(name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    PolicyBody::parse(&Value::Object(stored))
}

/// The items that use a policy are of one kind, so it stays the policy of that kind.
fn check_same_kind(before: &BackupPolicy, after: &PolicyBody) -> Result<()> {
    let (from, to) = (before.body.management_type(), after.management_type());
    if from.eq_ignore_ascii_case(to) {
        return Ok(());
    }
    Err(Error::invalid(
        "BMSUserErrorInvalidPolicyInput",
        format!(
            "the policy '{}' is for '{from}' and cannot become one for '{to}'; create another policy",
            before.id.name()
        ),
    )
    .with_target("properties.backupManagementType"))
}

/// Azure's name for what a policy backs up.
fn workload_type(policy: &BackupPolicy) -> &str {
    let stated = policy.body.raw().get("workLoadType").and_then(Value::as_str);
    stated.unwrap_or(match policy.body.management_type() {
        "MAB" => "FileFolder",
        "AzureStorage" => "AzureFileShare",
        "AzureIaasVM" => "VM",
        _ => "",
    })
}

/// A policy as answers show it. All items that hold it count, the stopped ones too: it cannot be deleted while they do.
pub fn view(policy: &BackupPolicy, items: &[ProtectedItem]) -> Value {
    let users = items.iter().filter(|item| item.policy.as_ref() == Some(&policy.id)).count();
    let mut properties = policy.body.raw().clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("protectedItemsCount".into(), users.into());
    }
    json!({
        "id": policy.id,
        "name": policy.id.name(),
        "type": "Microsoft.RecoveryServices/vaults/backupPolicies",
        "properties": properties,
    })
}
