//! Deleted instances, as long as they are kept (contract 3.4).

use arm::{Error, Result};
use vault::{Edit, ProtectedItem, Protection, Vault};

use super::operations::accepted;
use super::view;
use crate::arm::call::Call;
use crate::arm::recovery::{items, place};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/deletedBackupInstances"),
        vault_action!("deletedBackupInstances/read"),
        list,
    ),
    route(
        Method::Get,
        vault_path!("/deletedBackupInstances/{instance}"),
        vault_action!("deletedBackupInstances/read"),
        get,
    ),
    route(
        Method::Post,
        vault_path!("/deletedBackupInstances/{instance}/undelete"),
        vault_action!("deletedBackupInstances/undelete/action"),
        undelete,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let mut instances = place::items(call, &vault.id)?;
    instances.retain(|instance| instance.deletion.is_some());
    let origin = call.request.origin.clone();
    Ok(call.page(
        instances,
        |instance| instance.id.folded().to_string(),
        |instance| view::deleted(&origin, &vault, instance),
    ))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, instance) = deleted(call)?;
    Ok(Reply::ok(view::deleted(&call.request.origin, &vault, &instance)))
}

/// Undeleting leaves an instance stopped, with the policy it had: the next one is compared with that.
fn undelete(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, before) = deleted(call)?;
    let job = items::job(call, &vault, &before, "Undelete")?;
    let after = ProtectedItem { deletion: None, protection: Protection::Stopped, ..before.clone() };
    items::change(call, &vault, Edit::replace(before, after))?;
    accepted(call, &vault, Some(job))
}

fn deleted(call: &mut Call<'_>) -> Result<(Vault, ProtectedItem)> {
    let vault = place::vault(call)?;
    let id = place::item_id(call, &vault)?;
    let stored = place::stored_item(call, &id)?;
    match stored.filter(|instance| instance.deletion.is_some()) {
        Some(instance) => Ok((vault, instance)),
        // Recorded.
        None => Err(Error::not_found(
            "UserErrorGenericResourceNotFound",
            format!("The vault '{}' has no deleted backup instance '{}'.", vault.id.name(), id.name()),
        )),
    }
}
