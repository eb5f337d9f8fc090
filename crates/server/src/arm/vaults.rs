//! Recovery Services vaults, their settings and their link to a Resource Guard (contract 4.1 to 4.3, 4.8).

mod config;
mod pin;
pub mod proxy;
pub mod settings;
mod shape;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use arm::{Error, Fields, ResourceId, Result};
use mua::Unlock;
use serde_json::{Value, json};
use store::Document;
use vault::policy::PolicyBody;
use vault::{
    BackupPolicy, Container, Feature, FreeSettings, GuardProxy, Immutability, Job, SoftDelete, Vault,
    VaultChange, VaultKind, vault_of,
};

pub use pin::secret as pin_secret;
pub use shape::etag;

use super::call::Call;
use super::recovery::place;
use super::reply::Reply;
use super::route::{Method, Route, route};
use super::{door, orphans, tracked};

macro_rules! action {
    ($rest:literal) => {
        concat!("Microsoft.RecoveryServices/Vaults/", $rest)
    };
}

macro_rules! vaults {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults",
            $rest
        )
    };
}

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults",
        action!("read"),
        list,
    ),
    route(Method::Get, vaults!(""), action!("read"), list),
    route(Method::Get, vaults!("/{vault}"), action!("read"), get),
    route(Method::Put, vaults!("/{vault}"), action!("write"), put),
    route(Method::Patch, vaults!("/{vault}"), action!("write"), patch),
    route(Method::Delete, vaults!("/{vault}"), action!("delete"), delete),
    route(
        Method::Post,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/locations/{location}/checkNameAvailability",
        "Microsoft.RecoveryServices/locations/checkNameAvailability/action",
        check_name_availability,
    ),
    // Soft delete by its own door.
    route(
        Method::Get,
        vaults!("/{vault}/backupconfig/vaultconfig"),
        action!("backupconfig/read"),
        config::get,
    ),
    route(
        Method::Put,
        vaults!("/{vault}/backupconfig/vaultconfig"),
        action!("backupconfig/write"),
        config::put,
    ),
    route(
        Method::Patch,
        vaults!("/{vault}/backupconfig/vaultconfig"),
        action!("backupconfig/write"),
        config::put,
    ),
    route(
        Method::Get,
        vaults!("/{vault}/backupstorageconfig/vaultstorageconfig"),
        action!("backupstorageconfig/read"),
        config::get_storage,
    ),
    route(
        Method::Put,
        vaults!("/{vault}/backupstorageconfig/vaultstorageconfig"),
        action!("backupstorageconfig/write"),
        config::put_storage,
    ),
    route(
        Method::Patch,
        vaults!("/{vault}/backupstorageconfig/vaultstorageconfig"),
        action!("backupstorageconfig/write"),
        config::patch_storage,
    ),
    route(
        Method::Get,
        vaults!("/{vault}/backupEncryptionConfigs/backupResourceEncryptionConfig"),
        action!("backupEncryptionConfigs/backupResourceEncryptionConfig/read"),
        config::get_encryption,
    ),
    route(
        Method::Put,
        vaults!("/{vault}/backupEncryptionConfigs/backupResourceEncryptionConfig"),
        action!("backupEncryptionConfigs/backupResourceEncryptionConfig/write"),
        config::put_encryption,
    ),
    route(
        Method::Get,
        vaults!("/{vault}/extendedInformation/vaultExtendedInfo"),
        action!("extendedInformation/read"),
        config::get_extended,
    ),
    route(
        Method::Put,
        vaults!("/{vault}/extendedInformation/vaultExtendedInfo"),
        action!("extendedInformation/write"),
        config::put_extended,
    ),
    route(
        Method::Patch,
        vaults!("/{vault}/extendedInformation/vaultExtendedInfo"),
        action!("extendedInformation/write"),
        config::put_extended,
    ),
    route(Method::Get, vaults!("/{vault}/usages"), action!("usages/read"), usage::list),
    route(
        Method::Get,
        vaults!("/{vault}/replicationUsages"),
        action!("replicationUsages/read"),
        usage::replication,
    ),
    route(
        Method::Post,
        vaults!("/{vault}/backupSecurityPIN"),
        action!("backupSecurityPIN/action"),
        pin::issue,
    ),
    // Multi-user authorization.
    route(
        Method::Get,
        vaults!("/{vault}/backupResourceGuardProxies"),
        action!("backupResourceGuardProxies/read"),
        proxy::list,
    ),
    route(
        Method::Get,
        vaults!("/{vault}/backupResourceGuardProxies/{proxy}"),
        action!("backupResourceGuardProxies/read"),
        proxy::get,
    ),
    route(
        Method::Put,
        vaults!("/{vault}/backupResourceGuardProxies/{proxy}"),
        action!("backupResourceGuardProxies/write"),
        proxy::put,
    ),
    route(
        Method::Delete,
        vaults!("/{vault}/backupResourceGuardProxies/{proxy}"),
        action!("backupResourceGuardProxies/delete"),
        proxy::delete,
    ),
    route(
        Method::Post,
        vaults!("/{vault}/backupResourceGuardProxies/{proxy}/unlockDelete"),
        action!("backupResourceGuardProxies/unlockDelete/action"),
        proxy::unlock_delete,
    ),
];

/// What differs between the two kinds of vault when they are read and written.
pub struct Face {
    /// The kind.
    pub kind: VaultKind,
    /// The free settings that a vault has from the start.
    pub defaults: fn() -> BTreeMap<String, Value>,
    /// What the body of a PUT or PATCH makes of a vault.
    pub applied: fn(&Fields<'_>, Vault) -> Result<Vault>,
    /// A vault as answers show it, guarded or not.
    pub shape: fn(&Vault, bool) -> Value,
}

const FACE: Face = Face {
    kind: VaultKind::RecoveryServices,
    defaults: settings::defaults,
    applied: settings::applied,
    shape: shape::vault,
};

fn list(call: &mut Call<'_>) -> Result<Reply> {
    FACE.list(call)
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    FACE.get(call)
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let Some(vault) = FACE.create(call)? else {
        return FACE.update(call);
    };
    for (name, body) in vault::policy::built_in() {
        let policy = BackupPolicy {
            id: vault.id.child(&format!("backupPolicies/{name}"))?,
            body: PolicyBody::parse(&body)?,
        };
        door::change(call, &vault.id, VaultChange::policy(&vault, None, policy)?)?;
    }
    Ok(Reply::created(FACE.show(call, &vault)?))
}

fn patch(call: &mut Call<'_>) -> Result<Reply> {
    FACE.update(call)
}

fn check_name_availability(call: &mut Call<'_>) -> Result<Reply> {
    FACE.name_availability(call)
}

impl Face {
    /// The vaults of this kind in a resource group or subscription.
    pub fn list(&self, call: &mut Call<'_>) -> Result<Reply> {
        let scope = match call.id().resource_group() {
            Some(group) => group,
            None => ResourceId::subscription(call.subscription()?),
        };
        let mut vaults: Vec<Vault> = call.tx.below(&scope)?;
        vaults.retain(|vault| VaultKind::of(&vault.id) == self.kind);
        let proxies: Vec<GuardProxy> = call.tx.below(&scope)?;
        let guarded: BTreeSet<ResourceId> = proxies.iter().filter_map(|proxy| proxy.id.parent()).collect();
        Ok(call.page(
            vaults,
            |vault| vault.id.folded().to_string(),
            |vault| (self.shape)(vault, guarded.contains(&vault.id)),
        ))
    }

    /// One vault.
    pub fn get(&self, call: &mut Call<'_>) -> Result<Reply> {
        let vault = load(call)?;
        Ok(Reply::ok(self.show(call, &vault)?))
    }

    /// Makes the vault that a PUT describes; `None` if it is there already.
    pub fn create(&self, call: &mut Call<'_>) -> Result<Option<Vault>> {
        let body = call.body()?;
        let location = tracked::location(&body)?;
        let id = id_of(call);
        if call.tx.resource::<Vault>(&id)?.is_some() {
            return Ok(None);
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
            free: FreeSettings { properties: (self.defaults)(), ..FreeSettings::default() },
            created: call.stamp(),
            modified: call.stamp(),
        };
        let vault = (self.applied)(&body, vault)?;
        door::change(call, &vault.id, VaultChange::vault(None, vault.clone())?)?;
        Ok(Some(vault))
    }

    /// Changes what the request names; everything else stays.
    pub fn update(&self, call: &mut Call<'_>) -> Result<Reply> {
        let before = load(call)?;
        let body = call.body()?;
        if let Some(location) = tracked::named_location(&body)? {
            tracked::stays(&before.id, &before.location, &location)?;
        }
        let after = (self.applied)(&body, before.clone())?;
        let vault = commit(call, before, after)?;
        Ok(Reply::ok(self.show(call, &vault)?))
    }

    /// Whether a vault of this kind can have a name.
    pub fn name_availability(&self, call: &mut Call<'_>) -> Result<Reply> {
        let body = call.body()?;
        let name = body.required_text("name")?;
        let id = call.group()?.child(&format!("providers/{}/{name}", self.kind.resource_type()))?;
        let (reason, message) = match check_name(&id) {
            Err(error) => (Some("Invalid"), Some(error.message)),
            Ok(()) if call.tx.resource::<Vault>(&id)?.is_some() => {
                let message = format!("There is a vault '{name}' in this resource group already.");
                (Some("AlreadyExists"), Some(message))
            }
            Ok(()) => (None, None),
        };
        Ok(Reply::ok(json!({
            "nameAvailable": reason.is_none(),
            "reason": reason,
            "message": message,
        })))
    }

    /// A vault as it is now.
    pub fn show(&self, call: &mut Call<'_>, vault: &Vault) -> Result<Value> {
        let proxy: Option<GuardProxy> = call.tx.resource(&door::proxy_id(&vault.id)?)?;
        Ok((self.shape)(vault, proxy.is_some()))
    }
}

/// Puts the changed settings of a vault through the door.
pub fn commit(call: &mut Call<'_>, before: Vault, mut after: Vault) -> Result<Vault> {
    after.modified = call.stamp();
    let id = before.id.clone();
    door::change(call, &id, VaultChange::vault(Some(before), after.clone())?)?;
    Ok(after)
}

/// `DELETE` of a vault of either kind. An empty one ends, and what belongs to it ends with it: a later vault of the same
/// name inherits nothing.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let Some(vault) = call.tx.resource::<Vault>(&id_of(call))? else {
        return Ok(Reply::empty(204));
    };
    let id = vault.id.clone();
    let items = place::purged(call, &id, &id)?;
    let containers: Vec<Container> = call.tx.below(&id)?;
    let policies: Vec<BackupPolicy> = call.tx.below(&id)?;
    let proxy: Option<GuardProxy> = call.tx.resource(&door::proxy_id(&id)?)?;
    let change = VaultChange::delete_vault(vault, &items, &containers, policies, proxy)?;
    door::change(call, &id, change)?;
    for job in call.tx.below::<Job>(&id)? {
        call.tx.delete::<Job>(&Document::key(&job));
    }
    for unlock in call.tx.below::<Unlock>(&id)? {
        call.tx.delete::<Unlock>(&unlock.key());
    }
    orphans::remove(call, &id)?;
    Ok(Reply::empty(204))
}

/// The id of the vault that a request is about: the vault's own path, or the beginning of a path below it.
pub fn id_of(call: &Call<'_>) -> ResourceId {
    vault_of(call.id())
}

/// The vault that a request is about.
///
/// # Errors
/// `ResourceNotFound`.
pub fn load(call: &mut Call<'_>) -> Result<Vault> {
    let id = id_of(call);
    call.tx.resource(&id)?.ok_or_else(|| tracked::not_found(&id))
}

/// Azure's rule for the names of vaults.
fn check_name(id: &ResourceId) -> Result<(), Error> {
    let name = id.name();
    let fits = (2..=50).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Ok(());
    }
    Err(tracked::invalid_name(id, "it must be 2 to 50 letters, digits and hyphens, and begin with a letter"))
}
