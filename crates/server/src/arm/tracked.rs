//! What guards and vaults have in common: names, places, and who made them.

use arm::{Error, Fields, Region, ResourceId, Result, long_timestamp};
use serde_json::{Value, json};
use vault::Stamp;

/// ARM's `systemData`.
pub fn system_data(created: &Stamp, modified: &Stamp) -> Value {
    json!({
        "createdBy": created.by,
        "createdByType": created.kind,
        "createdAt": long_timestamp(created.at),
        "lastModifiedBy": modified.by,
        "lastModifiedByType": modified.kind,
        "lastModifiedAt": long_timestamp(modified.at),
    })
}

/// The place that a PUT must name.
///
/// # Errors
/// `LocationRequired`, or what is wrong with it.
pub fn location(body: &Fields<'_>) -> Result<Region> {
    named_location(body)?.ok_or_else(|| {
        Error::invalid("LocationRequired", "The location property is required for this definition.")
            .with_target("location")
    })
}

/// The place that a request names, if it does.
pub fn named_location(body: &Fields<'_>) -> Result<Option<Region>> {
    let parse = |text: &str| {
        Region::parse(text).ok_or_else(|| body.wrong("location", "the name of a region such as 'westeurope'"))
    };
    body.text("location")?.map(parse).transpose()
}

/// Refuses to move a resource.
///
/// # Errors
/// `InvalidResourceLocation` when the two differ.
pub fn stays(id: &ResourceId, from: &Region, to: &Region) -> Result<()> {
    if from == to {
        return Ok(());
    }
    Err(Error::conflict(
        "InvalidResourceLocation",
        format!(
            "The resource '{}' already exists in location '{from}' and cannot be moved to '{to}'.",
            id.name()
        ),
    ))
}

/// There is no such resource.
pub fn not_found(id: &ResourceId) -> Error {
    let (_, resource) = id.as_str().rsplit_once("/providers/").unwrap_or(("", id.as_str()));
    let group = id.resource_group_name().unwrap_or_default();
    Error::not_found(
        "ResourceNotFound",
        format!("The Resource '{resource}' under resource group '{group}' was not found."),
    )
}

/// A name that cannot be given.
pub fn invalid_name(id: &ResourceId, rule: &str) -> Error {
    Error::invalid("InvalidResourceName", format!("The resource name '{}' is invalid: {rule}.", id.name()))
}
