//! Containers: the servers and virtual machines that a vault's items are on (contract 4.4, 4.6).

use std::collections::BTreeMap;

use arm::{Error, ResourceId, Result};
use serde_json::{Value, json};
use vault::{Container, Feature, Job, ProtectedItem, Vault, VaultChange};

use super::operations::{Links, accepted};
use super::{items, place};
use crate::arm::call::{Call, authorization_failed};
use crate::arm::dispatch::check_scope_locks;
use crate::arm::door;
use crate::arm::filters::Asked;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/backupProtectionContainers"),
        vault_action!("backupProtectionContainers/read"),
        list,
    ),
    route(
        Method::Get,
        vault_path!("/backupDeletedProtectionContainers"),
        vault_action!("backupDeletedProtectionContainers/read"),
        list_deleted,
    ),
    route(Method::Get, container_path!(""), vault_action!("backupFabrics/protectionContainers/read"), get),
    route(Method::Put, container_path!(""), vault_action!("backupFabrics/protectionContainers/write"), put),
    route(
        Method::Delete,
        container_path!(""),
        vault_action!("backupFabrics/protectionContainers/delete"),
        delete,
    ),
    route(
        Method::Post,
        vault_path!("/backupFabrics/{fabric}/refreshContainers"),
        vault_action!("backupFabrics/refreshContainers/action"),
        refresh,
    ),
    route(
        Method::Delete,
        vault_path!("/registeredIdentities/{identity}"),
        vault_action!("registeredIdentities/delete"),
        delete_identity,
    ),
];

/// What the name of every server's container begins with.
const SERVER_PREFIX: &str = "Windows;";

/// A container's items: all, and those that are soft-deleted.
#[derive(Clone, Copy, Default)]
struct Items {
    all: usize,
    deleted: usize,
}

/// A vault's containers with what they hold.
struct Contents {
    items: BTreeMap<ResourceId, Items>,
    sources: BTreeMap<ResourceId, ResourceId>,
}

fn list(call: &mut Call<'_>) -> Result<Reply> {
    list_where(call, |_, _| true)
}

/// Containers of which nothing is left but what can be undeleted.
fn list_deleted(call: &mut Call<'_>) -> Result<Reply> {
    list_where(call, |contents, container| contents.status(container) == "SoftDeleted")
}

fn list_where(call: &mut Call<'_>, keep: impl Fn(&Contents, &Container) -> bool) -> Result<Reply> {
    let vault = place::vault(call)?;
    let names = ["backupManagementType", "status", "friendlyName", "containerType", "fabricName"];
    let asked = Asked::read(call, &names, &[])?;
    let contents = Contents::load(call, &vault.id)?;
    let mut containers: Vec<Container> = call.tx.below(&vault.id)?;
    containers.retain(|container| {
        keep(&contents, container)
            && asked.admits("backupManagementType", &container.backup_management_type)
            && asked.admits("status", contents.status(container))
            && asked.admits("friendlyName", &container.friendly_name)
            && asked.admits("containerType", &container.container_type)
            && asked.admits("fabricName", "Azure")
    });
    Ok(call.page(
        containers,
        |container| container.id.folded().to_string(),
        |container| contents.view(container),
    ))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let container = place::container(call, &vault)?;
    let contents = Contents::load(call, &container.id)?;
    Ok(Reply::ok(contents.view(&container)))
}

/// Registers a server, or refreshes its registration.
fn put(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::container_id(call, &vault)?;
    let before: Option<Container> = call.tx.resource(&id)?;
    let after = match &before {
        Some(before) => before.clone(),
        None => server(call, id)?,
    };
    check_body(call, &after)?;
    let contents = Contents::load(call, &after.id)?;
    let answer = contents.view(&after);
    door::change(call, &vault.id, VaultChange::container(before, after))?;
    Ok(Reply::ok(answer))
}

fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let id = place::container_id(call, &vault)?;
    let Some(container) = call.tx.resource::<Container>(&id)? else {
        return Ok(Reply::empty(204));
    };
    let items = place::purged(call, &vault.id, &container.id)?;
    let change = VaultChange::delete_container(container, &items)?;
    door::change(call, &vault.id, change)?;
    accepted(call, &vault, &Links::of_vault(&vault), None)
}

/// Containers are never found by looking for them: servers register, machines come with their first item.
fn refresh(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    place::fabric(call, &vault)?;
    accepted(call, &vault, &Links::of_fabric(&vault), None)
}

/// `az backup container unregister` for a server: its name alone, outside of its own address. The server's backups are
/// deleted with it (contract 4.1); as long as some of them can be undeleted, their server is there, too.
fn delete_identity(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let name = format!("{SERVER_PREFIX}{}", call.params.get("identity"));
    let id = place::container_named(&vault.id, &name)?;
    let Some(container) = call.tx.resource::<Container>(&id)? else {
        return Ok(Reply::empty(204));
    };
    // The path is not the container's, so that the locks on the container were not looked at yet.
    check_scope_locks(call, &container.id)?;
    let items = place::purged(call, &vault.id, &container.id)?;
    let deletion = match vault.soft_delete.state {
        Feature::Disabled => None,
        Feature::Enabled | Feature::AlwaysOn => Some(items::deletion(call, &vault)?),
    };
    for item in items.iter().filter(|item| item.deletion.is_none()) {
        end_item(call, &vault, item)?;
        if let Some(deletion) = &deletion {
            call.fact("recoverableUntil", deletion.until.to_string());
        }
    }
    door::change(call, &vault.id, VaultChange::unregister(&vault, container, items, deletion)?)?;
    Ok(Reply::empty(204))
}

/// An item that goes with its server: whoever unregisters the server could delete the item, too; and its job.
fn end_item(call: &mut Call<'_>, vault: &Vault, item: &ProtectedItem) -> Result<()> {
    let action = item_action!("delete");
    if !call.may(action, &item.id)? {
        return Err(authorization_failed(call.who(), action, &item.id));
    }
    check_scope_locks(call, &item.id)?;
    let name = call.edge.uuid().to_string();
    call.tx.put(&Job::about(item, &vault.id, &name, "DeleteBackupData", call.now)?)
}

/// What a client means by an id: `<vault>/registeredIdentities/{server}` is another name of the server's container.
pub fn meant_by(vault: &ResourceId, id: ResourceId) -> Result<ResourceId> {
    let is_identity =
        id.parent().as_ref() == Some(vault) && id.type_name().eq_ignore_ascii_case("registeredIdentities");
    match is_identity {
        true => place::container_named(vault, &format!("{SERVER_PREFIX}{}", id.name())),
        false => Ok(id),
    }
}

/// The registration of a server under this id.
fn server(call: &Call<'_>, id: ResourceId) -> Result<Container> {
    let (kind, server) = id.name().split_once(';').unwrap_or_default();
    if !SERVER_PREFIX.trim_end_matches(';').eq_ignore_ascii_case(kind) || server.is_empty() {
        return Err(invalid(
            "a container that is registered is a server, and called 'Windows;{server}'; the container of a virtual \
             machine comes with its first protected item",
        ));
    }
    Ok(Container {
        container_type: "Windows".into(),
        backup_management_type: "MAB".into(),
        friendly_name: server.to_string(),
        registered: call.now,
        id,
    })
}

/// What a body says about a container must be true of it. Its name for people is its own name, because servers are
/// unregistered by it.
fn check_body(call: &Call<'_>, container: &Container) -> Result<()> {
    let properties = call.properties()?;
    if properties.is_absent() {
        return Err(call.body()?.missing("properties"));
    }
    let stated = [
        ("containerType", &container.container_type),
        ("backupManagementType", &container.backup_management_type),
        ("friendlyName", &container.friendly_name),
    ];
    for (member, actual) in stated {
        let text = properties.text(member)?.filter(|text| !text.is_empty());
        if text.is_some_and(|text| !text.eq_ignore_ascii_case(actual)) {
            let message =
                format!("the container '{}' has the {member} '{actual}' and no other", container.id.name());
            return Err(invalid(message).with_target(format!("properties.{member}")));
        }
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("BMSUserErrorInvalidContainerRegistrationRequest", message)
}

impl Contents {
    fn load(call: &mut Call<'_>, scope: &ResourceId) -> Result<Self> {
        let mut contents = Self { items: BTreeMap::new(), sources: BTreeMap::new() };
        for item in place::items(call, scope)? {
            let Some(container) = item.id.parent() else {
                continue;
            };
            let items = contents.items.entry(container.clone()).or_default();
            items.all += 1;
            items.deleted += usize::from(item.deletion.is_some());
            if let Some(source) = item.source {
                contents.sources.entry(container).or_insert(source);
            }
        }
        Ok(contents)
    }

    fn of(&self, container: &Container) -> Items {
        self.items.get(&container.id).copied().unwrap_or_default()
    }

    /// Azure's `registrationStatus`.
    fn status(&self, container: &Container) -> &'static str {
        let items = self.of(container);
        if items.all > 0 && items.all == items.deleted { "SoftDeleted" } else { "Registered" }
    }

    fn view(&self, container: &Container) -> Value {
        let mut properties = json!({
            "containerType": container.container_type,
            "backupManagementType": container.backup_management_type,
            "friendlyName": container.friendly_name,
            "registrationStatus": self.status(container),
            "healthStatus": "Healthy",
        });
        let special = match container.backup_management_type.as_str() {
            "MAB" => json!({
                "canReRegister": true,
                "protectedItemCount": self.of(container).all,
                "containerHealthState": "Healthy",
                "mabContainerHealthDetails": [],
                "extendedInfo": {
                    "lastRefreshedAt": arm::timestamp(container.registered),
                    "backupItemType": "FileFolder",
                },
            }),
            _ => self.of_machine(container),
        };
        if let (Some(properties), Value::Object(special)) = (properties.as_object_mut(), special) {
            properties.extend(special);
        }
        json!({
            "id": container.id,
            "name": container.id.name(),
            "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers",
            "properties": properties,
        })
    }

    /// A machine's container knows its machine by the item in it.
    fn of_machine(&self, container: &Container) -> Value {
        let machine = self.sources.get(&container.id);
        json!({
            "virtualMachineId": machine,
            "virtualMachineVersion": "Compute",
            "resourceGroup": machine.and_then(ResourceId::resource_group_name),
            "protectableObjectType": container.container_type,
        })
    }
}
