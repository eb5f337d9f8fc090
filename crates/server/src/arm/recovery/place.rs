//! Which vault, container or item a path names.

use arm::{Error, ResourceId, Result};
use vault::{BackupPolicy, Container, ProtectedItem, Vault, VaultChange, VaultKind};

use crate::arm::call::Call;
use crate::arm::door;
pub use crate::arm::tracked::not_found;
pub use crate::arm::vaults::load as vault;

/// The one fabric there is. An alias would be a second address for the same resource, and a lock set on the first would
/// not hold for it.
const FABRIC: &str = "Azure";

/// The id of the policy that the path names, whether it exists or not.
pub fn policy_id(call: &Call<'_>, vault: &Vault) -> Result<ResourceId> {
    vault.id.child(&format!("backupPolicies/{}", call.params.get("policy")))
}

/// The policy that the path names.
///
/// # Errors
/// `ResourceNotFound` when it does not exist.
pub fn policy(call: &mut Call<'_>, vault: &Vault) -> Result<BackupPolicy> {
    let id = policy_id(call, vault)?;
    call.tx.resource(&id)?.ok_or_else(|| not_found(&id))
}

/// The id of a container of a vault, by its name.
pub fn container_named(vault: &ResourceId, name: &str) -> Result<ResourceId> {
    vault.child(&format!("backupFabrics/{FABRIC}/protectionContainers/{name}"))
}

/// The id of the container that the path names, whether it exists or not.
///
/// # Errors
/// `ResourceNotFound` for a fabric that does not exist.
pub fn container_id(call: &Call<'_>, vault: &Vault) -> Result<ResourceId> {
    fabric(call, vault)?;
    container_named(&vault.id, call.params.get("container"))
}

/// Refuses a path that names a fabric that does not exist.
///
/// # Errors
/// `ResourceNotFound`.
pub fn fabric(call: &Call<'_>, vault: &Vault) -> Result<()> {
    let fabric = call.params.get("fabric");
    if fabric.eq_ignore_ascii_case(FABRIC) {
        return Ok(());
    }
    Err(Error::not_found(
        "ResourceNotFound",
        format!(
            "The vault '{}' has no fabric '{fabric}'; its containers are in the fabric '{FABRIC}'.",
            vault.id.name()
        ),
    ))
}

/// The container that the path names.
///
/// # Errors
/// `ResourceNotFound` when it does not exist.
pub fn container(call: &mut Call<'_>, vault: &Vault) -> Result<Container> {
    let id = container_id(call, vault)?;
    call.tx.resource(&id)?.ok_or_else(|| not_found(&id))
}

/// The id of the item or instance that the path names, whether it exists or not.
///
/// # Errors
/// `ResourceNotFound` for a fabric that does not exist.
pub fn item_id(call: &Call<'_>, vault: &Vault) -> Result<ResourceId> {
    match VaultKind::of(&vault.id) {
        VaultKind::RecoveryServices => {
            container_id(call, vault)?.child(&format!("protectedItems/{}", call.params.get("item")))
        }
        VaultKind::Backup => vault.id.child(&format!("backupInstances/{}", call.params.get("instance"))),
    }
}

/// The items at or below a resource. A deleted one whose time is over is gone, whether it was purged yet or not.
pub fn items(call: &mut Call<'_>, scope: &ResourceId) -> Result<Vec<ProtectedItem>> {
    let mut items: Vec<ProtectedItem> = call.tx.below(scope)?;
    items.retain(|item| !item.is_gone(call.settled));
    Ok(items)
}

/// The item with this id, if it exists and its time is not over.
pub fn stored_item(call: &mut Call<'_>, id: &ResourceId) -> Result<Option<ProtectedItem>> {
    let item: Option<ProtectedItem> = call.tx.resource(id)?;
    Ok(item.filter(|item| !item.is_gone(call.settled)))
}

/// The items below a resource, after those whose time is over were purged: for whoever ends what they are in.
pub fn purged(call: &mut Call<'_>, vault: &ResourceId, scope: &ResourceId) -> Result<Vec<ProtectedItem>> {
    let items: Vec<ProtectedItem> = call.tx.below(scope)?;
    let (gone, items): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.is_gone(call.settled));
    for item in gone {
        door::change(call, vault, VaultChange::purge(item, call.settled)?)?;
    }
    Ok(items)
}

/// The item with this id, as [`stored_item`]; one whose time is over is purged, so that another can take its name.
pub fn item_or_room(call: &mut Call<'_>, vault: &Vault, id: &ResourceId) -> Result<Option<ProtectedItem>> {
    match call.tx.resource::<ProtectedItem>(id)? {
        Some(item) if item.is_gone(call.settled) => {
            door::change(call, &vault.id, VaultChange::purge(item, call.settled)?)?;
            Ok(None)
        }
        item => Ok(item),
    }
}

/// The vault and the item that the path names.
///
/// # Errors
/// `ResourceNotFound` when one of them does not exist.
pub fn item(call: &mut Call<'_>) -> Result<(Vault, ProtectedItem)> {
    let vault = vault(call)?;
    let id = item_id(call, &vault)?;
    let item = stored_item(call, &id)?.ok_or_else(|| not_found(&id))?;
    Ok((vault, item))
}

/// The vault and the item that the path names, for something that only an item in use can do.
///
/// # Errors
/// As [`item`]; and a refusal while the item is soft-deleted.
pub fn live_item(call: &mut Call<'_>) -> Result<(Vault, ProtectedItem)> {
    let (vault, item) = item(call)?;
    match &item.deletion {
        None => Ok((vault, item)),
        Some(_) => Err(soft_deleted(&item)),
    }
}

/// The refusal for a soft-deleted item.
pub fn soft_deleted(item: &ProtectedItem) -> Error {
    let until =
        item.deletion.as_ref().map(|deletion| format!(" until {}", deletion.until)).unwrap_or_default();
    let how = match VaultKind::of(&item.id) {
        VaultKind::RecoveryServices => "PUT it with 'isRehydrate': true",
        VaultKind::Backup => "POST deletedBackupInstances/{name}/undelete",
    };
    Error::invalid(
        "UserErrorItemSoftDeleted",
        format!(
            "the item '{}' is soft-deleted and kept{until}; undelete it first ({how}), and then do this",
            item.friendly_name
        ),
    )
}
