//! Long-running operations (contract 1.5). Each is finished before its first answer is sent, because the change was
//! committed with it; what clients poll only says so.

use arm::{Error, ResourceId, Result};
use serde_json::json;
use vault::{BackupPolicy, Job, Operation, Vault};

use super::{item_view, place, policies};
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/backupOperations/{operation}"),
        vault_action!("backupOperations/read"),
        status,
    ),
    route(
        Method::Get,
        vault_path!("/backupOperationResults/{operation}"),
        vault_action!("backupOperationResults/read"),
        nothing_more,
    ),
    route(
        Method::Get,
        vault_path!("/backupFabrics/{fabric}/operationResults/{operation}"),
        vault_action!("backupFabrics/operationResults/read"),
        nothing_more,
    ),
    route(
        Method::Get,
        item_path!("/operationsStatus/{operation}"),
        item_action!("operationsStatus/read"),
        status,
    ),
    route(
        Method::Get,
        item_path!("/operationResults/{operation}"),
        item_action!("operationResults/read"),
        item_result,
    ),
    route(
        Method::Get,
        vault_path!("/backupPolicies/{policy}/operations/{operation}"),
        vault_action!("backupPolicies/operations/read"),
        status,
    ),
    route(
        Method::Get,
        vault_path!("/backupPolicies/{policy}/operationResults/{operation}"),
        vault_action!("backupPolicies/operationResults/read"),
        policy_result,
    ),
];

/// Where clients poll.
pub struct Links {
    /// Where `Azure-AsyncOperation` leads.
    status: String,
    /// Where `Location` leads.
    result: String,
}

impl Links {
    /// For a PUT of an item (recorded): below the item.
    pub fn of_item(item: &ResourceId) -> Self {
        Self { status: format!("{item}/operationsStatus"), result: format!("{item}/operationResults") }
    }

    /// For a deletion (recorded): below the vault, because what was deleted may be gone.
    pub fn of_vault(vault: &Vault) -> Self {
        Self {
            status: format!("{}/backupOperations", vault.id),
            result: format!("{}/backupOperationResults", vault.id),
        }
    }

    /// For a refresh of containers (recorded): below the fabric.
    pub fn of_fabric(vault: &Vault) -> Self {
        Self {
            status: format!("{}/backupOperations", vault.id),
            result: format!("{}/backupFabrics/Azure/operationResults", vault.id),
        }
    }
}

/// Keeps an operation that is over, and its job if it has one.
pub fn remember(call: &mut Call<'_>, vault: &Vault, job: Option<Job>) -> Result<Operation> {
    let operation = Operation {
        id: call.edge.uuid().to_string(),
        vault: vault.id.clone(),
        at: call.now,
        job: job.as_ref().map(|job| job.id.name().to_string()),
    };
    if let Some(job) = &job {
        call.tx.put(job)?;
    }
    call.tx.put(&operation)?;
    Ok(operation)
}

/// Answers 202 for something that is already decided, and remembers operation and job in the same commit.
pub fn accepted(call: &mut Call<'_>, vault: &Vault, links: &Links, job: Option<Job>) -> Result<Reply> {
    let operation = remember(call, vault, job)?;
    let url = |base: &str| call.request.url(&format!("{base}/{}", operation.id));
    Ok(Reply::empty(202)
        .with_header("Azure-AsyncOperation", url(&links.status))
        .with_header("Location", url(&links.result))
        .with_header("Retry-After", "1"))
}

/// The operation that the path names. Those of other vaults do not exist here.
fn find(call: &mut Call<'_>) -> Result<(Vault, Operation)> {
    let vault = place::vault(call)?;
    let id = call.params.get("operation").to_ascii_lowercase();
    match call.tx.get::<Operation>(&id)? {
        Some(operation) if operation.vault == vault.id => Ok((vault, operation)),
        _ => Err(Error::not_found(
            "ResourceNotFound",
            format!("The vault '{}' had no operation '{id}'.", vault.id.name()),
        )),
    }
}

fn status(call: &mut Call<'_>) -> Result<Reply> {
    let (_, operation) = find(call)?;
    let at = arm::long_timestamp(operation.at);
    let mut body = json!({
        "id": operation.id,
        "name": operation.id,
        "status": "Succeeded",
        "startTime": at,
        "endTime": at,
    });
    if let (Some(job), Some(body)) = (&operation.job, body.as_object_mut()) {
        let properties = json!({"objectType": "OperationStatusJobExtendedInfo", "jobId": job});
        body.insert("properties".into(), properties);
    }
    Ok(Reply::ok(body))
}

fn nothing_more(call: &mut Call<'_>) -> Result<Reply> {
    find(call)?;
    Ok(Reply::empty(204))
}

/// The item as it is now, or nothing if it is gone.
fn item_result(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, _) = find(call)?;
    let id = place::item_id(call, &vault)?;
    match place::stored_item(call, &id)? {
        Some(item) => Ok(Reply::ok(item_view::one(call, &vault, &item)?)),
        None => Ok(Reply::empty(204)),
    }
}

/// The policy as it is now, or nothing if it is gone.
fn policy_result(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, _) = find(call)?;
    let id = place::policy_id(call, &vault)?;
    let items = place::items(call, &vault.id)?;
    Ok(match call.tx.resource::<BackupPolicy>(&id)? {
        Some(policy) => Reply::ok(policies::view(&policy, &items)),
        None => Reply::empty(204),
    })
}
