//! Resource groups.

use std::collections::BTreeMap;

use arm::{Error, ResourceId, Result};
use resources::ResourceGroup;
use serde_json::{Value, json};
use vault::Operation;

use super::inventory;
use super::subscriptions::demand_visible;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{filters, orphans, tags, tracked};

/// What reading a group needs.
pub const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
/// The longest name of a group, in characters.
const MAX_NAME_CHARS: usize = 90;

/// The groups of a subscription that the caller may read.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = demand_visible(call, READ)?;
    let filter = filters::filter(call, &["tagName", "tagValue"], &[])?;
    let mut groups: Vec<ResourceGroup> = Vec::new();
    for group in call.tx.below::<ResourceGroup>(&ResourceId::subscription(subscription))? {
        let tagged = filter.equal("tagName").is_none_or(|name| {
            let found = tag(&group.tags, name);
            found.is_some_and(|value| filter.equal("tagValue").is_none_or(|wanted| wanted == value))
        });
        if tagged && call.may(READ, &group.id)? {
            groups.push(group);
        }
    }
    Ok(call.page(groups, |group| group.id.folded().to_string(), json))
}

/// Names of tags compare without case.
fn tag<'a>(tags: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Whether the group exists.
pub fn head(call: &mut Call<'_>) -> Result<Reply> {
    existing(call)?;
    Ok(Reply::empty(204))
}

/// One group.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(json(&existing(call)?)))
}

/// Creates a group, or sets the tags of one.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let body = call.body()?;
    let asked = tracked::location(&body)?;
    let tags = tags::read(&body)?;
    let before: Option<ResourceGroup> = call.tx.resource(call.id())?;
    let created = before.is_none();
    let after = match before {
        Some(group) if asked != group.location => {
            return Err(Error::conflict(
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{asked}'. The resource group '{}' already exists in location '{}'.",
                    group.id.name(),
                    group.location
                ),
            ));
        }
        Some(group) => ResourceGroup { tags: tags.unwrap_or(group.tags), ..group },
        None => ResourceGroup { id: new_id(call)?, location: asked, tags: tags.unwrap_or_default() },
    };
    call.tx.put(&after)?;
    Ok(Reply::put(created, json(&after)))
}

/// Sets the tags of a group.
pub fn patch(call: &mut Call<'_>) -> Result<Reply> {
    let before = existing(call)?;
    let tags = tags::read(&call.body()?)?;
    let after = ResourceGroup { tags: tags.unwrap_or_else(|| before.tags.clone()), ..before.clone() };
    if after != before {
        call.tx.put(&after)?;
    }
    Ok(Reply::ok(json(&after)))
}

/// Deletes a group that holds nothing.
///
/// Azure deletes what is inside as well, and stops half-way at a vault with backups. Here a vault or a guard, even an
/// empty one, is deleted under its own name and by its own rules, or not at all: one call must not be a way around.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let group = existing(call)?;
    let inside = inventory::below(call, &group.id)?;
    if !inside.is_empty() {
        let names: Vec<&str> = inside.iter().map(|resource| resource.id.as_str()).collect();
        return Err(Error::conflict(
            "ResourceGroupDeletionBlocked",
            format!(
                "The resource group '{}' cannot be deleted while vaults or Resource Guards are in it, because that could \
                 destroy backups, or the consent that protects them. Delete these one by one first: '{}'.",
                group.id.name(),
                names.join("', '")
            ),
        ));
    }
    // A group of the same name must not come into being with the rights of this one.
    orphans::remove(call, &group.id)?;
    call.tx.delete::<ResourceGroup>(group.id.folded());
    let operation = Operation { id: call.edge.uuid().to_string(), vault: group.id, at: call.now, job: None };
    call.tx.put(&operation)?;
    let subscription = call.subscription()?;
    let path = format!("/subscriptions/{subscription}/operationresults/{}", operation.id);
    Ok(Reply::empty(202).with_header("Location", call.request.url(&path)).with_header("Retry-After", "1"))
}

/// What became of a deletion: it was finished before its first answer was sent.
pub fn deletion_result(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = call.subscription()?;
    let name = call.params.get("operation").to_ascii_lowercase();
    let operation: Option<Operation> = call.tx.get(&name)?;
    operation
        .filter(|operation| operation.vault.subscription_id() == Some(subscription))
        .map(|_| Reply::empty(200))
        .ok_or_else(|| Error::not_found("OperationNotFound", format!("there is no operation '{name}'")))
}

fn existing(call: &mut Call<'_>) -> Result<ResourceGroup> {
    call.tx.resource(call.id())?.ok_or_else(|| not_found(call.id().name()))
}

/// The refusal for a group that does not exist.
pub fn not_found(name: &str) -> Error {
    Error::not_found("ResourceGroupNotFound", format!("Resource group '{name}' could not be found."))
}

/// The id of a new group: Azure's spelling, with the name as the client wrote it.
fn new_id(call: &Call<'_>) -> Result<ResourceId> {
    let name = call.params.get("group");
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')');
    if name.chars().count() > MAX_NAME_CHARS || name.ends_with('.') || !name.chars().all(allowed) {
        return Err(Error::invalid(
            "InvalidParameter",
            format!(
                "the name of a resource group has at most {MAX_NAME_CHARS} characters: letters, digits, '_', '-', '(', ')' \
                 and '.', and does not end in '.'"
            ),
        )
        .with_target("resourceGroupName"));
    }
    ResourceId::subscription(call.subscription()?).child(&format!("resourceGroups/{name}"))
}

fn json(group: &ResourceGroup) -> Value {
    json!({
        "id": group.id,
        "name": group.id.name(),
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}
