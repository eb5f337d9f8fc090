//! Backup vaults themselves (contract 3.1, 3.2).

use std::collections::BTreeSet;

use arm::{Error, ResourceId, Result};
use serde_json::Value;
use vault::{Feature, FreeSettings, GuardProxy, Immutability, SoftDelete, Vault, VaultChange, VaultKind};

use super::{operations, settings, shape};
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::arm::vaults::{check_name, commit, delete, id_of, load, name_availability};
use crate::arm::{door, tracked};

macro_rules! vaults {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults",
            $rest
        )
    };
}

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/backupVaults",
        vault_action!("read"),
        list,
    ),
    route(Method::Get, vaults!(""), vault_action!("read"), list),
    route(Method::Get, vault_path!(""), vault_action!("read"), get),
    route(Method::Put, vault_path!(""), vault_action!("write"), put),
    route(Method::Patch, vault_path!(""), vault_action!("write"), update),
    route(Method::Delete, vault_path!(""), vault_action!("delete"), delete),
    route(
        Method::Post,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/locations/{location}/checkNameAvailability",
        "Microsoft.DataProtection/locations/checkNameAvailability/action",
        check_name_availability,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/deletedVaults",
        vault_action!("read"),
        deleted_vaults,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let scope = match call.id().resource_group() {
        Some(group) => group,
        None => ResourceId::subscription(call.subscription()?),
    };
    let mut vaults: Vec<Vault> = call.tx.below(&scope)?;
    vaults.retain(|vault| VaultKind::of(&vault.id) == VaultKind::Backup);
    let proxies: Vec<GuardProxy> = call.tx.below(&scope)?;
    let guarded: BTreeSet<ResourceId> = proxies.iter().filter_map(|proxy| proxy.id.parent()).collect();
    Ok(call.page(
        vaults,
        |vault| vault.id.folded().to_string(),
        |vault| shape::vault(vault, guarded.contains(&vault.id)),
    ))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    Ok(Reply::ok(show(call, &vault)?))
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let body = call.body()?;
    let location = tracked::location(&body)?;
    let id = id_of(call);
    if call.tx.resource::<Vault>(&id)?.is_some() {
        return update(call);
    }
    check_name(&id)?;
    let vault = Vault {
        id,
        short: call.edge.short_name(),
        location,
        soft_delete: SoftDelete::default(),
        // Only Recovery Services vaults can switch them.
        enhanced_security: Feature::Enabled,
        immutability: Immutability::default(),
        encryption: None,
        free: FreeSettings { properties: settings::defaults(), ..FreeSettings::default() },
        created: call.stamp(),
        modified: call.stamp(),
    };
    let vault = settings::applied(&body, vault)?;
    door::change(call, &vault.id, VaultChange::vault(None, vault.clone())?)?;
    let answer = Reply::created(show(call, &vault)?);
    operations::with_status(call, &vault, answer)
}

/// Changes what the request names; everything else stays.
fn update(call: &mut Call<'_>) -> Result<Reply> {
    let before = load(call)?;
    let body = call.body()?;
    if let Some(location) = tracked::named_location(&body)? {
        tracked::stays(&before.id, &before.location, &location)?;
    }
    let after = settings::applied(&body, before.clone())?;
    let vault = commit(call, before, after)?;
    Ok(Reply::ok(show(call, &vault)?))
}

fn check_name_availability(call: &mut Call<'_>) -> Result<Reply> {
    name_availability(call, VaultKind::Backup)
}

/// A vault ends only when it is empty, so that there is nothing of it to keep.
fn deleted_vaults(_call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::list(Vec::new()))
}

fn show(call: &mut Call<'_>, vault: &Vault) -> Result<Value, Error> {
    let proxy: Option<GuardProxy> = call.tx.resource(&door::proxy_id(&vault.id)?)?;
    Ok(shape::vault(vault, proxy.is_some()))
}
