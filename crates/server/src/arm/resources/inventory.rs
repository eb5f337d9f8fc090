//! The generic list of resources: what there is in a subscription or a group, whatever its type.

use std::collections::BTreeMap;

use arm::{Region, ResourceId, Result};
use mua::ResourceGuard;
use resources::ResourceGroup;
use serde_json::{Value, json};
use vault::{Stamp, Vault, VaultKind};

use super::groups;
use super::subscriptions::demand_visible;
use crate::arm::call::Call;
use crate::arm::filters;
use crate::arm::reply::Reply;

/// What all resources have in common.
pub struct Resource {
    /// The id.
    pub id: ResourceId,
    /// The type, in Azure's spelling.
    pub kind: &'static str,
    location: Region,
    tags: BTreeMap<String, String>,
    sku: Option<Value>,
    identity: Option<Value>,
    created: Stamp,
    modified: Stamp,
}

/// Every resource below a scope, by id. A new type of resource that a resource group can hold belongs in here: then it is
/// listed, keeps its group from being deleted, and keeps its provider from being unregistered.
pub fn below(call: &mut Call<'_>, scope: &ResourceId) -> Result<Vec<Resource>> {
    let vaults = call.tx.below::<Vault>(scope)?.into_iter().map(|vault| Resource {
        kind: VaultKind::of(&vault.id).resource_type(),
        id: vault.id,
        location: vault.location,
        tags: vault.free.tags,
        sku: vault.free.sku,
        identity: vault.free.identity,
        created: vault.created,
        modified: vault.modified,
    });
    let guards = call.tx.below::<ResourceGuard>(scope)?;
    let guards = guards.into_iter().map(|guard| Resource {
        id: guard.id,
        kind: "Microsoft.DataProtection/resourceGuards",
        location: guard.location,
        tags: guard.tags,
        sku: None,
        identity: None,
        created: guard.created,
        modified: guard.modified,
    });
    let mut all: Vec<Resource> = vaults.chain(guards).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// The resources of a subscription that the caller may read.
pub fn in_subscription(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = demand_visible(call, "Microsoft.Resources/subscriptions/resources/read")?;
    listed(call, &ResourceId::subscription(subscription))
}

/// The resources of a group that the caller may read.
pub fn in_group(call: &mut Call<'_>) -> Result<Reply> {
    demand_visible(call, "Microsoft.Resources/subscriptions/resourceGroups/resources/read")?;
    let group = call.group()?;
    if call.tx.resource::<ResourceGroup>(&group)?.is_none() {
        return Err(groups::not_found(group.name()));
    }
    listed(call, &group)
}

fn listed(call: &mut Call<'_>, scope: &ResourceId) -> Result<Reply> {
    let properties = ["resourceType", "resourceGroup", "name", "location"];
    let filter = filters::filter(call, &properties, &[])?;
    let location = filter
        .equal("location")
        .map(|text| Region::parse(text).map_or_else(|| text.to_string(), |region| region.to_string()));
    let mut seen = Vec::new();
    for resource in below(call, scope)? {
        let group = resource.id.resource_group_name().unwrap_or_default();
        let wanted = filter.admits("resourceType", resource.kind)
            && filter.admits("resourceGroup", group)
            && filter.admits("name", resource.id.name())
            && location.as_ref().is_none_or(|location| location == resource.location.as_str());
        if wanted && call.may(&format!("{}/read", resource.kind), &resource.id)? {
            seen.push(resource);
        }
    }
    let expand = call.request.query("$expand").unwrap_or_default().to_lowercase();
    Ok(call.page(seen, |resource| resource.id.folded().to_string(), |resource| json(resource, &expand)))
}

fn json(resource: &Resource, expand: &str) -> Value {
    let mut json = json!({
        "id": resource.id,
        "name": resource.id.name(),
        "type": resource.kind,
        "location": resource.location,
        "tags": resource.tags,
    });
    let optional = [
        ("sku", resource.sku.clone()),
        ("identity", resource.identity.clone()),
        ("createdTime", expanded(expand, "createdtime", resource.created.at)),
        ("changedTime", expanded(expand, "changedtime", resource.modified.at)),
        ("provisioningState", expand.contains("provisioningstate").then(|| "Succeeded".into())),
    ];
    if let Some(object) = json.as_object_mut() {
        let present = optional.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
        object.extend(present);
    }
    json
}

fn expanded(expand: &str, name: &str, at: jiff::Timestamp) -> Option<Value> {
    expand.contains(name).then(|| arm::long_timestamp(at).into())
}
