//! Protected items: configuring, changing, stopping, deleting and undeleting their protection (contract 4.4, 4.6).

use arm::{Error, ResourceId, Result};
use jiff::SignedDuration;
use vault::{
    BackupPolicy, Container, Deletion, Edit, Feature, Job, ProtectedItem, Protection, Vault, VaultChange,
};

use super::item_view::{self, Views};
use super::operations::{Links, accepted};
use super::place;
use super::protect::Ask;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::filters::Asked;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/backupProtectedItems"),
        vault_action!("backupProtectedItems/read"),
        list,
    ),
    route(Method::Get, item_path!(""), item_action!("read"), get),
    route(Method::Put, item_path!(""), item_action!("write"), put),
    route(Method::Delete, item_path!(""), item_action!("delete"), delete),
    route(Method::Post, item_path!("/backup"), item_action!("backup/action"), backup_now),
];

/// What every container of a virtual machine is called.
const MACHINE_PREFIX: &str = "iaasvmcontainer;";

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let names =
        ["backupManagementType", "itemType", "policyName", "containerName", "friendlyName", "healthState"];
    let asked = Asked::read(call, &names, &[])?;
    let views = Views::load(call, &vault, &vault.id)?;
    let mut items = place::items(call, &vault.id)?;
    items.retain(|item| {
        let container = item.id.parent();
        let container = container.as_ref().map_or("", ResourceId::name);
        asked.admits("backupManagementType", item.management_type())
            && asked.admits("itemType", item.workload_type())
            && asked.admits("policyName", views.policy_name(item))
            && asked.admits("friendlyName", &item.friendly_name)
            && asked.admits("healthState", "Passed")
            && (asked.admits("containerName", container)
                || asked.admits("containerName", item.container_name()))
    });
    Ok(call.page(items, |item| item.id.folded().to_string(), |item| views.view(item)))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::item(call)?;
    Ok(Reply::ok(item_view::one(call, &vault, &item)?))
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::item_id(call, &vault)?;
    let before = place::item_or_room(call, &vault, &id)?;
    let properties = call.properties()?;
    if properties.is_absent() {
        return Err(call.body()?.missing("properties"));
    }
    let mut ask = Ask::read(&properties)?;
    let named = ask.policy.take().map(|policy| policy_of(call, &vault, &policy)).transpose()?;
    ask.policy = named.as_ref().map(|policy| policy.id.clone());
    let step = match &before {
        Some(before) => ask.change(before)?,
        None => ask.create(id, call.edge.short_name(), call.now)?,
    };
    if let Some(policy) = &named {
        check_kind(policy, &step.after)?;
    }
    let links = Links::of_item(&step.after.id);
    let job = job(call, &vault, &step.after, step.job)?;
    if before.is_none() {
        check_container(call, &vault, &step.after)?;
    }
    change(call, &vault, Edit::put(before, step.after))?;
    accepted(call, &vault, &links, Some(job))
}

fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::item_id(call, &vault)?;
    let Some(item) = place::stored_item(call, &id)? else {
        return Ok(Reply::empty(204));
    };
    let links = Links::of_vault(&vault);
    if item.deletion.is_some() {
        return accepted(call, &vault, &links, None);
    }
    let job = job(call, &vault, &item, "DeleteBackupData")?;
    delete_item(call, &vault, item)?;
    accepted(call, &vault, &links, Some(job))
}

/// Deletes an item through the door: softly, where that is on.
pub fn delete_item(call: &mut Call<'_>, vault: &Vault, item: ProtectedItem) -> Result<()> {
    let edit = match vault.soft_delete.state {
        Feature::Disabled => Edit::delete(item),
        Feature::Enabled | Feature::AlwaysOn => {
            let deletion = deletion(call, vault)?;
            call.fact("recoverableUntil", deletion.until.to_string());
            let after =
                ProtectedItem { protection: Protection::Stopped, deletion: Some(deletion), ..item.clone() };
            Edit::replace(item, after)
        }
    };
    change(call, vault, edit)
}

/// The client that holds the data makes the backup; the server could not even read it.
pub fn backup_now(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::live_item(call)?;
    let url = item_view::repository_url(&call.request.origin, &vault, &item);
    Err(Error::invalid(
        "UserErrorBackupRunsOnClient",
        format!(
            "backups of '{}' are made by the client that holds the data: run 'restic -r rest:{url} backup <path>' \
             there, with credentials from POST {}/repositoryCredentials",
            item.friendly_name, item.id
        ),
    ))
}

/// Changes an item through the door, with the policies it moves between.
pub fn change(call: &mut Call<'_>, vault: &Vault, edit: Edit<ProtectedItem>) -> Result<()> {
    let edit = match (edit.before(), edit.after()) {
        (Some(before), Some(after)) => {
            let standstill = before.standstill_in(after.protection, call.now, vault.capture_window());
            Edit::replace(before.clone(), ProtectedItem { standstill, ..after.clone() })
        }
        _ => edit,
    };
    let policy_before = policy_at(call, edit.before())?;
    let policy_after = policy_at(call, edit.after())?;
    if let Some(item) = edit.after().or(edit.before()) {
        call.fact("item", item.friendly_name.clone());
    }
    let change = VaultChange::item(vault, edit, policy_before, policy_after)?;
    door::change(call, &vault.id, change)
}

fn policy_at(call: &mut Call<'_>, item: Option<&ProtectedItem>) -> Result<Option<BackupPolicy>> {
    match item.and_then(|item| item.policy.as_ref()) {
        Some(policy) => call.tx.resource(policy),
        None => Ok(None),
    }
}

/// The policy that a request names: one of the same vault.
///
/// # Errors
/// `BMSUserErrorInvalidConfigureProtectionRequest` for any other.
pub fn policy_of(call: &mut Call<'_>, vault: &Vault, id: &ResourceId) -> Result<BackupPolicy> {
    let belongs =
        id.parent().as_ref() == Some(&vault.id) && id.type_name().eq_ignore_ascii_case("backupPolicies");
    let found = match belongs {
        true => call.tx.resource(id)?,
        false => None,
    };
    found.ok_or_else(|| invalid("policyId", format!("the vault '{}' has no policy '{id}'", vault.id.name())))
}

fn check_kind(policy: &BackupPolicy, item: &ProtectedItem) -> Result<()> {
    let (given, needed) = (policy.body.management_type(), item.management_type());
    if given.eq_ignore_ascii_case(needed) {
        return Ok(());
    }
    let message =
        format!("the policy '{}' is for '{given}', and the item needs one for '{needed}'", policy.id.name());
    Err(invalid("policyId", message))
}

/// A server is registered before its files are protected. A virtual machine's container comes with its first item.
fn check_container(call: &mut Call<'_>, vault: &Vault, item: &ProtectedItem) -> Result<()> {
    let id = place::container_id(call, vault)?;
    let kind = item.management_type();
    if let Some(container) = call.tx.resource::<Container>(&id)? {
        return if container.backup_management_type.eq_ignore_ascii_case(kind) {
            Ok(())
        } else {
            let message = format!(
                "the container '{}' is for '{}', and the item is one of '{kind}'",
                id.name(),
                container.backup_management_type
            );
            Err(invalid("protectedItemType", message))
        };
    }
    match &item.source {
        Some(source) if kind != "MAB" && id.name().to_ascii_lowercase().starts_with(MACHINE_PREFIX) => {
            let container = Container {
                container_type: item.item_type.clone(),
                backup_management_type: kind.to_string(),
                friendly_name: source.name().to_string(),
                registered: call.now,
                id,
            };
            door::change(call, &vault.id, VaultChange::container(None, container))
        }
        _ => Err(Error::invalid(
            "BMSContainerStatusNotRegistered",
            format!(
                "the container '{}' is not registered in the vault '{}': PUT it first, or use the container \
                 'IaasVMContainer;…' for a virtual machine",
                id.name(),
                vault.id.name()
            ),
        )),
    }
}

/// A soft deletion that begins now.
pub fn deletion(call: &Call<'_>, vault: &Vault) -> Result<Deletion> {
    let kept = SignedDuration::from_hours(24 * i64::from(vault.soft_delete.retention_days));
    let until = call.now.checked_add(kept);
    Ok(Deletion {
        at: call.now,
        until: until.map_err(|error| Error::internal(error.to_string()))?,
        by: call.who().name.clone(),
    })
}

/// A job about an item.
pub fn job(call: &Call<'_>, vault: &Vault, item: &ProtectedItem, operation: &str) -> Result<Job> {
    let name = call.edge.uuid().to_string();
    Job::about(item, &vault.id, &name, operation, call.now)
}

fn invalid(member: &str, message: impl Into<String>) -> Error {
    Error::invalid("BMSUserErrorInvalidConfigureProtectionRequest", message)
        .with_target(format!("properties.{member}"))
}
