//! Protecting something: a new item of a Recovery Services vault, or a new instance of a Backup vault.

use arm::{Error, ErrorKind, ResourceId, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vault::VaultKind;

use super::connect::is_label;
use super::retention::Policy;
use crate::arm::route::Method;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::vaults::vault::Vault;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// What was typed.
#[derive(Default)]
struct Typed {
    name: String,
    host: String,
    policy: String,
    label: String,
    source: String,
}

#[derive(Template)]
#[template(path = "portal/items/new.html")]
struct NewPage {
    frame: Frame,
    policies: Vec<Policy>,
    policies_page: String,
    list_page: String,
    is_backup_vault: bool,
    typed: Typed,
    problem: Option<String>,
}

/// `GET /portal/items/new/{vault}`
pub async fn show(viewer: Viewer, Path(vault): Path<String>) -> Response {
    viewer.answer(page(&viewer, &vault, Typed::default(), None).await)
}

/// `POST /portal/items/new/{vault}`
pub async fn act(Path(vault): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let text = |name: &str| form.get(name).unwrap_or_default().trim().to_string();
    let typed = Typed {
        name: text("name"),
        host: text("host"),
        policy: text("policy"),
        label: text("label"),
        source: text("source"),
    };
    match protect(&viewer, &vault, &typed).await {
        Ok(item) => {
            let connect = link::page("items/connect", &item);
            let next =
                if typed.label.is_empty() { connect } else { link::with(&connect, "label", &typed.label) };
            viewer.done(&next, "It is protected. Now tell restic where to put its backups.")
        }
        Err(error) => viewer.answer(page(&viewer, &vault, typed, Some(&error)).await),
    }
}

async fn page(viewer: &Viewer, vault: &str, typed: Typed, error: Option<&Error>) -> Result<Response> {
    let vault = ResourceId::parse(vault)?;
    let mut policies: Vec<Policy> = viewer.list(&format!("{vault}/backupPolicies"), &[]).await?;
    policies.retain(is_usable);
    policies.sort_by_key(|policy| (policy.source_words().to_string(), policy.name.to_lowercase()));
    let list_page = link::page("items/list", vault.as_str());
    let page = NewPage {
        frame: Vault::read(viewer, vault.as_str())
            .await?
            .below(viewer, "Protect something")
            .crumb("Backup items", list_page.as_str()),
        policies,
        policies_page: link::page("vaults/policies", vault.as_str()),
        list_page,
        is_backup_vault: VaultKind::of(&vault) == VaultKind::Backup,
        typed,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// Whether something can be protected by a policy here: files and machines, and all that Backup vaults have.
fn is_usable(policy: &Policy) -> bool {
    let kind = policy.source_type();
    kind == "MAB" || kind == "AzureIaasVM" || kind.contains('/')
}

/// Makes the item, and answers with its id.
async fn protect(viewer: &Viewer, vault: &str, typed: &Typed) -> Result<String> {
    let vault = ResourceId::parse(vault)?;
    let name = safe(&typed.name);
    if name.is_empty() {
        return Err(Error::invalid("NameMissing", "Give it a name, for example documents or db1."));
    }
    if !typed.label.is_empty() && !is_label(&typed.label) {
        return Err(Error::invalid(
            "LabelInvalid",
            "A label has letters, digits, dots, hyphens and underscores.",
        ));
    }
    if typed.policy.is_empty() {
        return Err(Error::invalid("PolicyMissing", "Choose a policy: it says how long backups are kept."));
    }
    let policy: Policy = viewer.read(&typed.policy, &[]).await?;
    let wish = wish(&vault, &policy, typed, &name)?;
    check_free(viewer, &wish.id, &typed.name).await?;
    if let Some((container, body)) = wish.container {
        viewer.arm(Method::Put, &container, &[], body).await?;
    }
    viewer.arm(Method::Put, &wish.id, &[], wish.body).await?;
    Ok(wish.id)
}

/// A PUT of what exists already would change it.
async fn check_free(viewer: &Viewer, id: &str, name: &str) -> Result<()> {
    match viewer.arm(Method::Get, id, &[], Value::Null).await {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let message = format!("“{name}” is there already. Give this one another name.");
            Err(Error::invalid("NameTaken", message))
        }
    }
}

/// The requests that make an item.
struct Wish {
    id: String,
    body: Value,
    container: Option<(String, Value)>,
}

fn wish(vault: &ResourceId, policy: &Policy, typed: &Typed, name: &str) -> Result<Wish> {
    let fabric = format!("{vault}/backupFabrics/Azure/protectionContainers");
    let source = match typed.source.as_str() {
        "" => made_up(vault, policy.source_type(), name)?,
        source => ResourceId::parse(source)?.to_string(),
    };
    let group = vault.resource_group_name().unwrap_or("none");
    Ok(match policy.source_type() {
        "MAB" => {
            let host = match safe(&typed.host) {
                host if host.is_empty() => name.to_string(),
                host => host,
            };
            let container = format!("{fabric}/Windows;{host}");
            Wish {
                id: format!("{container}/protectedItems/FileFolder;{name}"),
                body: json!({"properties": {"protectedItemType": "MabFileFolderProtectedItem",
                    "friendlyName": typed.name, "policyId": policy.id}}),
                container: Some((container, json!({"properties": {"containerType": "Windows"}}))),
            }
        }
        "AzureIaasVM" => {
            let machine = format!("iaasvmcontainerv2;{group};{name}");
            Wish {
                id: format!("{fabric}/IaasVMContainer;{machine}/protectedItems/VM;{machine}"),
                body: json!({"properties": {"protectedItemType": "Microsoft.Compute/virtualMachines",
                    "friendlyName": typed.name, "policyId": policy.id, "sourceResourceId": source}}),
                container: None,
            }
        }
        kind => Wish {
            id: format!("{vault}/backupInstances/{name}"),
            body: json!({"properties": {"objectType": "BackupInstance", "friendlyName": typed.name,
                "dataSourceInfo": {"objectType": "Datasource", "datasourceType": kind, "resourceID": source,
                    "resourceName": name_of(&source), "resourceType": kind},
                "policyInfo": {"policyId": policy.id}}}),
            container: None,
        },
    })
}

/// The id of a source that is no resource of any cloud: a name of its own beside the vault.
fn made_up(vault: &ResourceId, kind: &str, name: &str) -> Result<String> {
    let group = vault.resource_group().unwrap_or_else(|| vault.clone());
    let mut parts = kind.split('/');
    let (namespace, kind) = match (parts.next(), parts.next()) {
        (Some(namespace), Some(kind)) => (namespace, kind),
        _ => ("Microsoft.Compute", "virtualMachines"),
    };
    Ok(group.child(&format!("providers/{namespace}/{kind}/{name}"))?.to_string())
}

/// A name as a segment of an id: letters, digits, dots, hyphens and underscores.
fn safe(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
    name.chars().map(allowed).collect::<String>().trim_matches(['-', '.']).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(kind: &str) -> ResourceId {
        ResourceId::parse(&format!("/subscriptions/s/resourceGroups/rg/providers/{kind}/v1")).unwrap()
    }

    fn policy(properties: Value) -> Policy {
        Policy { id: "/p".into(), name: "p".into(), properties }
    }

    #[test]
    fn names_become_segments() {
        assert_eq!(safe("Alice’s documents"), "Alice-s-documents");
        assert_eq!(safe("../.."), "");
        assert_eq!(safe("db1.example"), "db1.example");
    }

    #[test]
    fn a_server_is_the_item_itself_when_nobody_says() {
        let typed = Typed { name: "db1".into(), ..Typed::default() };
        let vault = vault("Microsoft.RecoveryServices/vaults");
        let wish = wish(&vault, &policy(json!({"backupManagementType": "MAB"})), &typed, "db1").unwrap();
        assert!(
            wish.id.ends_with("/protectionContainers/Windows;db1/protectedItems/FileFolder;db1"),
            "{}",
            wish.id
        );
    }

    #[test]
    fn a_source_that_is_no_resource_gets_an_id() {
        let typed = Typed { name: "disk 1".into(), ..Typed::default() };
        let vault = vault("Microsoft.DataProtection/backupVaults");
        let kind = policy(json!({"datasourceTypes": ["Microsoft.Compute/disks"]}));
        let wish = wish(&vault, &kind, &typed, "disk-1").unwrap();
        let source = wish.body.pointer("/properties/dataSourceInfo/resourceID").and_then(Value::as_str);
        assert_eq!(
            source,
            Some("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/disk-1")
        );
        assert!(wish.id.ends_with("/backupInstances/disk-1"), "{}", wish.id);
    }
}
