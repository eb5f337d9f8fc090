//! Quotas: how much the repository of an item, or those of all items of a vault, may hold. Countersign's own addition to
//! both kinds of vault.

use arm::{ResourceId, Result};
use serde_json::{Value, json};
use store::Holder;
use vault::{RepositoryQuota, VaultChange};

use super::place;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

const OF_VAULT: &str = vault_path!("/repositoryQuotas/default");
const OF_ITEM: &str = item_path!("/repositoryQuotas/default");

/// The routes of this part. Those of Backup vaults are with their other routes.
pub const ROUTES: &[Route] = &[
    route(Method::Get, OF_VAULT, vault_action!("repositoryQuotas/read"), get),
    route(Method::Put, OF_VAULT, vault_action!("repositoryQuotas/write"), put),
    route(Method::Delete, OF_VAULT, vault_action!("repositoryQuotas/delete"), delete),
    route(Method::Get, OF_ITEM, item_action!("repositoryQuotas/read"), get),
    route(Method::Put, OF_ITEM, item_action!("repositoryQuotas/write"), put),
    route(Method::Delete, OF_ITEM, item_action!("repositoryQuotas/delete"), delete),
];

/// What a quota is for.
struct Scope {
    vault: ResourceId,
    id: ResourceId,
    holder: Holder,
}

impl Scope {
    /// The vault, or the item in it, that the path names.
    fn of(call: &mut Call<'_>) -> Result<Self> {
        let vault = place::vault(call)?;
        if call.id().parent().is_none_or(|scope| scope == vault.id) {
            let holder = Holder::below(&vault.id);
            return Ok(Self { id: vault.id.clone(), vault: vault.id, holder });
        }
        let (vault, item) = place::item(call)?;
        Ok(Self { vault: vault.id, holder: Holder::repository(&item.short), id: item.id })
    }
}

/// `GET repositoryQuotas/default`: the limit, if there is one, and what is stored.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let scope = Scope::of(call)?;
    let quota: Option<RepositoryQuota> = call.tx.resource(&scope.id)?;
    Ok(Reply::ok(view(call, &scope, quota.map(|quota| quota.limit))?))
}

/// `PUT repositoryQuotas/default`. One that is set or lowered can stop backups, so that it takes the consent that
/// stopping them takes.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let scope = Scope::of(call)?;
    let properties = call.properties()?;
    let name = "limitInBytes";
    let limit = properties.count(name)?.ok_or_else(|| properties.missing(name))?;
    let before: Option<RepositoryQuota> = call.tx.resource(&scope.id)?;
    call.fact(name, limit.to_string());
    let answer = view(call, &scope, Some(limit))?;
    let after = RepositoryQuota { limit, scope: scope.id };
    door::change(call, &scope.vault, VaultChange::quota(before, after))?;
    Ok(Reply::ok(answer))
}

/// `DELETE repositoryQuotas/default`: nothing is limited any more.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let scope = Scope::of(call)?;
    if let Some(quota) = call.tx.resource::<RepositoryQuota>(&scope.id)? {
        door::change(call, &scope.vault, VaultChange::remove_quota(quota))?;
    }
    Ok(Reply::empty(204))
}

fn view(call: &Call<'_>, scope: &Scope, limit: Option<u64>) -> Result<Value> {
    let id = scope.id.child("repositoryQuotas/default")?;
    Ok(json!({
        "id": id,
        "name": id.name(),
        "type": id.resource_type(),
        "properties": { "limitInBytes": limit, "usedInBytes": call.tx.stored(&scope.holder)? },
    }))
}
