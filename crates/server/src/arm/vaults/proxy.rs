//! A vault's link to a Resource Guard: multi-user authorization on and off (contract 3.6, 4.8).
//!
//! Nothing here decides about consent. Linking takes the right to see the guard; everything else is the door's.

use arm::{Error, ResourceId, Result, SubscriptionId, long_timestamp};
use mua::alert::SEPARATION_OF_DUTIES;
use mua::{CriticalOperation, ResourceGuard};
use resources::Registration;
use serde_json::{Value, json};
use vault::{GuardProxy, Vault, VaultChange, VaultKind};

use super::load;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{door, guards, separation, tracked};

/// What must be registered in the subscriptions of either side (contract 2.7).
fn namespaces(kind: VaultKind) -> &'static [&'static str] {
    match kind {
        VaultKind::RecoveryServices => &["Microsoft.RecoveryServices", "Microsoft.DataProtection"],
        VaultKind::Backup => &["Microsoft.DataProtection"],
    }
}

/// What a proxy says when its guard is gone.
const GUARD_GONE: &str = "The Resource Guard does not exist any more. Until a guard with this id exists again and \
                          consents, every critical operation of the vault stays protected.";

/// `GET backupResourceGuardProxies`: none or one.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let proxies = match linked(call, &vault)? {
        Some(proxy) => vec![show(call, &proxy)?],
        None => Vec::new(),
    };
    Ok(Reply::list(proxies))
}

/// `GET backupResourceGuardProxies/{name}`
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    match linked(call, &vault)?.filter(|proxy| proxy.id == *call.id()) {
        Some(proxy) => Ok(Reply::ok(show(call, &proxy)?)),
        None => Err(tracked::not_found(call.id())),
    }
}

/// `PUT backupResourceGuardProxies/{name}`: multi-user authorization is on afterwards.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let id = door::proxy_id(&vault.id)?;
    if id != *call.id() {
        return Err(tracked::invalid_name(
            call.id(),
            &format!(
                "the link of this kind of vault to a Resource Guard is always named '{}'",
                VaultKind::of(&vault.id).proxy_name()
            ),
        ));
    }
    let guard = guard_named(call)?;
    let before = linked(call, &vault)?;
    if let Some(proxy) = before.as_ref().filter(|proxy| proxy.guard == guard) {
        let warning = separation::warning(call, &vault.id, &guard)?;
        return Ok(Reply::ok(with_warning(show(call, proxy)?, warning)));
    }
    let guard = check_guard(call, &vault, &guard)?;
    let after = GuardProxy { id, guard: guard.id, updated: call.now };
    door::change(call, &vault.id, VaultChange::link(before, after.clone()))?;
    call.fact("guard", after.guard.to_string());
    let warning = separation::warning(call, &vault.id, &after.guard)?;
    if let Some(warning) = &warning {
        call.fact(SEPARATION_OF_DUTIES, warning.said.clone());
    }
    Ok(Reply::ok(with_warning(show(call, &after)?, warning)))
}

/// Says in the answer who is not bound by what was just enabled.
fn with_warning(mut shown: Value, warning: Option<separation::Warning>) -> Value {
    let properties = shown.get_mut("properties").and_then(Value::as_object_mut);
    if let (Some(properties), Some(warning)) = (properties, warning) {
        properties.insert("separationOfDuties".into(), warning.shown);
    }
    shown
}

/// `DELETE backupResourceGuardProxies/{name}`: multi-user authorization is off afterwards.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let Some(proxy) = linked(call, &vault)?.filter(|proxy| proxy.id == *call.id()) else {
        return Ok(Reply::empty(204));
    };
    call.fact("guard", proxy.guard.to_string());
    door::change(call, &vault.id, VaultChange::unlink(proxy))?;
    Ok(Reply::ok(json!({})))
}

/// `POST backupResourceGuardProxies/{name}/unlockDelete`
pub fn unlock_delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    if !call.params.get("proxy").eq_ignore_ascii_case(VaultKind::of(&vault.id).proxy_name()) {
        return Err(tracked::not_found(call.id()));
    }
    let unlock = door::unlock(call, &vault.id)?;
    Ok(Reply::ok(json!({
        "unlockDeleteExpiryTime": long_timestamp(unlock.expires),
    })))
}

fn linked(call: &mut Call<'_>, vault: &Vault) -> Result<Option<GuardProxy>> {
    call.tx.resource(&door::proxy_id(&vault.id)?)
}

/// The guard that the request names, which need not exist.
fn guard_named(call: &Call<'_>) -> Result<ResourceId> {
    let properties = call.properties()?;
    let name = "resourceGuardResourceId";
    let guard = properties.id(name)?.ok_or_else(|| properties.missing(name))?;
    let is_guard = guard
        .resource_type()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.DataProtection/resourceGuards"));
    let is_whole = guard.subscription_id().is_some() && guard.segments().count() == 8;
    if is_guard && is_whole && guard.resource_group_name().is_some() {
        return Ok(guard);
    }
    Err(properties.wrong(name, "the resource id of a Resource Guard"))
}

/// Checks that a vault may be linked to a guard. Whoever may not see the guard does not learn whether there is one.
fn check_guard(call: &mut Call<'_>, vault: &Vault, id: &ResourceId) -> Result<ResourceGuard> {
    if !may_see(call, id)? {
        return Err(not_linkable(call, id));
    }
    let Some(guard) = call.tx.resource::<ResourceGuard>(id)? else {
        return Err(tracked::not_found(id).with_target("properties.resourceGuardResourceId"));
    };
    for subscription in [vault.id.subscription_id(), guard.id.subscription_id()] {
        let subscription =
            subscription.ok_or_else(|| Error::internal("a vault or guard outside of any subscription"))?;
        check_registered(call, subscription, VaultKind::of(&vault.id))?;
    }
    if guard.location != vault.location {
        return Err(Error::invalid(
            "UserErrorResourceGuardRegionMismatch",
            format!(
                "The Resource Guard '{}' is in '{}' and the vault '{}' in '{}'. A vault can only be linked to a \
                 Resource Guard of its own region.",
                guard.id.name(),
                guard.location,
                vault.id.name(),
                vault.location
            ),
        ));
    }
    Ok(guard)
}

/// Whether the caller may read the guard, by the main token or by one of the guard's tenant.
fn may_see(call: &mut Call<'_>, guard: &ResourceId) -> Result<bool> {
    let access = call.access()?;
    for caller in call.request.callers() {
        if access.may(caller.object, guards::READ, guard, call.now)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn not_linkable(call: &Call<'_>, guard: &ResourceId) -> Error {
    let who = call.who();
    Error::forbidden(
        "LinkedAuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' has permission to perform action '{}' on scope '{}'; however, it does \
             not have permission to perform action '{}' on the linked scope(s) '{guard}' or the linked scope(s) are \
             invalid. Ask the owner of the Resource Guard for the role Reader on it; if it is in another tenant, send \
             a token of that tenant in x-ms-authorization-auxiliary as well.",
            who.name,
            who.object,
            call.action,
            call.id(),
            guards::READ
        ),
    )
}

fn check_registered(call: &mut Call<'_>, subscription: SubscriptionId, kind: VaultKind) -> Result<()> {
    for namespace in namespaces(kind) {
        let key = format!("{subscription}/{}", namespace.to_ascii_lowercase());
        if call.tx.get::<Registration>(&key)?.is_none() {
            return Err(Error::conflict(
                "MissingSubscriptionRegistration",
                format!(
                    "The subscription '{subscription}' is not registered to use namespace '{namespace}'. Multi-user \
                     authorization needs it in the subscriptions of the vault and of the Resource Guard."
                ),
            ));
        }
    }
    Ok(())
}

/// A proxy, with what its guard protects now: an exemption holds for all linked vaults at once.
fn show(call: &mut Call<'_>, proxy: &GuardProxy) -> Result<Value> {
    let kind = VaultKind::of(&proxy.id);
    let guard: Option<ResourceGuard> = call.tx.resource(&proxy.guard)?;
    let operations = match &guard {
        Some(guard) => door::protected_operations(guard, kind),
        None => CriticalOperation::ALL
            .iter()
            .copied()
            .filter(|operation| operation.vault_kind() == kind)
            .collect(),
    };
    let description = match guard {
        Some(guard) => guard.description,
        None => Some(GUARD_GONE.to_string()),
    };
    let mut details = Vec::with_capacity(operations.len());
    for operation in operations {
        details.push(json!({
            "vaultCriticalOperation": operation.name(),
            "defaultResourceRequest": ResourceGuard::default_request(&proxy.guard, operation)?,
        }));
    }
    Ok(json!({
        "id": proxy.id,
        "name": proxy.id.name(),
        "type": type_of(kind),
        "properties": {
            "resourceGuardResourceId": proxy.guard,
            "resourceGuardOperationDetails": details,
            "lastUpdatedTime": long_timestamp(proxy.updated),
            "description": description,
        },
    }))
}

/// The type that answers show. That of a Backup vault's proxy is not its own type in Azure either (recorded).
fn type_of(kind: VaultKind) -> &'static str {
    match kind {
        VaultKind::RecoveryServices => "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies",
        VaultKind::Backup => "Microsoft.DataProtection/vaults/backupResourceGuardProxies",
    }
}
