//! Backup instances: configuring, changing, stopping, resuming and deleting their protection (contract 3.4).

use arm::{ResourceId, Result};
use vault::policy::PolicyBody;
use vault::{Edit, ProtectedItem, Protection, Vault};

use super::ask::{self, Ask};
use super::operations::{accepted, with_links};
use super::view;
use crate::arm::call::Call;
use crate::arm::recovery::{credentials, integrity, items, place, quotas, thaw};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::arm::tracked::not_found;

const VAULT_QUOTA: &str = vault_path!("/repositoryQuotas/default");
const INSTANCE_QUOTA: &str = instance_path!("/repositoryQuotas/default");

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, vault_path!("/backupInstances"), vault_action!("backupInstances/read"), list),
    route(Method::Get, instance_path!(""), instance_action!("read"), get),
    route(Method::Put, instance_path!(""), instance_action!("write"), put),
    route(Method::Delete, instance_path!(""), instance_action!("delete"), delete),
    route(
        Method::Post,
        vault_path!("/validateForBackup"),
        vault_action!("validateForBackup/action"),
        validate_for_backup,
    ),
    route(
        Method::Post,
        instance_path!("/validateForModifyBackup"),
        instance_action!("validateForModifyBackup/action"),
        validate_for_modify,
    ),
    route(Method::Post, instance_path!("/backup"), instance_action!("backup/action"), items::backup_now),
    route(
        Method::Post,
        instance_path!("/stopProtection"),
        instance_action!("stopProtection/action"),
        stop_protection,
    ),
    route(
        Method::Post,
        instance_path!("/suspendBackups"),
        instance_action!("suspendBackups/action"),
        suspend_backups,
    ),
    route(
        Method::Post,
        instance_path!("/resumeProtection"),
        instance_action!("resumeProtection/action"),
        resume,
    ),
    route(Method::Post, instance_path!("/resumeBackups"), instance_action!("resumeBackups/action"), resume),
    route(Method::Post, instance_path!("/sync"), instance_action!("sync/action"), sync),
    // Our own, as for protected items.
    route(
        Method::Post,
        instance_path!("/repositoryCredentials"),
        instance_action!("repositoryCredentials/action"),
        credentials::issue,
    ),
    route(
        Method::Get,
        instance_path!("/repositoryCredentials"),
        instance_action!("repositoryCredentials/read"),
        credentials::list,
    ),
    route(
        Method::Get,
        instance_path!("/repositoryCredentials/{user}"),
        instance_action!("repositoryCredentials/read"),
        credentials::get,
    ),
    route(
        Method::Post,
        instance_path!("/repositoryCredentials/{user}/rotate"),
        instance_action!("repositoryCredentials/action"),
        credentials::rotate,
    ),
    route(
        Method::Delete,
        instance_path!("/repositoryCredentials/{user}"),
        instance_action!("repositoryCredentials/delete"),
        credentials::revoke,
    ),
    route(
        Method::Get,
        vault_path!("/repositoryIntegrity"),
        vault_action!("repositoryIntegrity/read"),
        integrity::show,
    ),
    route(Method::Get, VAULT_QUOTA, vault_action!("repositoryQuotas/read"), quotas::get),
    route(Method::Put, VAULT_QUOTA, vault_action!("repositoryQuotas/write"), quotas::put),
    route(Method::Delete, VAULT_QUOTA, vault_action!("repositoryQuotas/delete"), quotas::delete),
    route(Method::Get, INSTANCE_QUOTA, instance_action!("repositoryQuotas/read"), quotas::get),
    route(Method::Put, INSTANCE_QUOTA, instance_action!("repositoryQuotas/write"), quotas::put),
    route(Method::Delete, INSTANCE_QUOTA, instance_action!("repositoryQuotas/delete"), quotas::delete),
    route(Method::Post, instance_path!("/thaw"), instance_action!("thaw/action"), thaw::thaw),
];

/// Those that are not deleted; the others have a list of their own.
fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let mut instances = place::items(call, &vault.id)?;
    instances.retain(|instance| instance.deletion.is_none());
    let origin = call.request.origin.clone();
    Ok(call.page(
        instances,
        |instance| instance.id.folded().to_string(),
        |instance| view::instance(&origin, &vault, instance),
    ))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, instance) = place::item(call)?;
    match &instance.deletion {
        None => Ok(Reply::ok(view::instance(&call.request.origin, &vault, &instance))),
        Some(_) => Err(not_found(call.id())),
    }
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::item_id(call, &vault)?;
    let before = place::item_or_room(call, &vault, &id)?;
    let body = call.body()?;
    let properties = call.properties()?;
    if properties.is_absent() {
        return Err(body.missing("properties"));
    }
    let ask = Ask::read(&properties, &body)?;
    let after = planned(call, &vault, ask, before.as_ref(), id)?;
    let operation = if before.is_none() { "ConfigureProtection" } else { "UpdateProtection" };
    let job = items::job(call, &vault, &after, operation)?;
    let answer = Reply::put(before.is_none(), view::instance(&call.request.origin, &vault, &after));
    items::change(call, &vault, Edit::put(before, after))?;
    with_links(call, &vault, Some(job), answer)
}

/// What a request would make of an instance.
fn planned(
    call: &mut Call<'_>,
    vault: &Vault,
    mut ask: Ask<'_>,
    before: Option<&ProtectedItem>,
    id: ResourceId,
) -> Result<ProtectedItem> {
    let named = ask.policy.take().map(|policy| items::policy_of(call, vault, &policy)).transpose()?;
    ask.policy = named.as_ref().map(|policy| policy.id.clone());
    let after = match before {
        Some(before) if before.deletion.is_some() => return Err(place::soft_deleted(before)),
        Some(before) => ask.change(before)?,
        None => ask.create(id, call.edge.short_name(), call.now)?,
    };
    if let Some(policy) = &named {
        check_kind(policy.id.name(), &policy.body, &after)?;
    }
    Ok(after)
}

fn check_kind(name: &str, policy: &PolicyBody, instance: &ProtectedItem) -> Result<()> {
    if policy.is_for(&instance.item_type) {
        return Ok(());
    }
    let message = format!("the policy '{name}' is not for a '{}', which the instance is", instance.item_type);
    Err(ask::invalid("policyInfo", message))
}

/// The instance that a request to check one describes.
fn sent<'a>(call: &Call<'a>) -> Result<Ask<'a>> {
    let body = call.body()?;
    let sent = body.object("backupInstance")?;
    if sent.is_absent() {
        return Err(body.missing("backupInstance"));
    }
    Ask::read(&sent, &body)
}

/// Checks an instance as a PUT would, and changes nothing.
fn validate_for_backup(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let ask = sent(call)?;
    let id = vault.id.child("backupInstances/validated")?;
    planned(call, &vault, ask, None, id)?;
    accepted(call, &vault, None)
}

/// Checks a change of an instance as a PUT would, and changes nothing.
fn validate_for_modify(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, instance) = place::live_item(call)?;
    let ask = sent(call)?;
    planned(call, &vault, ask, Some(&instance), instance.id.clone())?;
    accepted(call, &vault, None)
}

fn stop_protection(call: &mut Call<'_>) -> Result<Reply> {
    protect(call, Protection::Stopped, "StopProtection")
}

fn suspend_backups(call: &mut Call<'_>) -> Result<Reply> {
    protect(call, Protection::Suspended, "SuspendBackups")
}

/// Backups run again, whichever way they were stopped.
fn resume(call: &mut Call<'_>) -> Result<Reply> {
    protect(call, Protection::Protected, "ResumeProtection")
}

/// What is known of an instance is what its repository holds, so that there is never anything to catch up with.
fn sync(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, _) = place::live_item(call)?;
    accepted(call, &vault, None)
}

fn protect(call: &mut Call<'_>, protection: Protection, operation: &str) -> Result<Reply> {
    let (vault, before) = place::live_item(call)?;
    if before.protection == protection {
        // Recorded: nothing happens, and nothing is there to poll.
        return Ok(Reply::empty(200));
    }
    let job = items::job(call, &vault, &before, operation)?;
    let after = ProtectedItem { protection, ..before.clone() };
    items::change(call, &vault, Edit::replace(before, after))?;
    accepted(call, &vault, Some(job))
}

fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::item_id(call, &vault)?;
    let stored = place::stored_item(call, &id)?;
    let Some(instance) = stored.filter(|instance| instance.deletion.is_none()) else {
        return Ok(Reply::empty(204));
    };
    let job = items::job(call, &vault, &instance, "Delete")?;
    items::delete_item(call, &vault, instance)?;
    accepted(call, &vault, Some(job))
}
