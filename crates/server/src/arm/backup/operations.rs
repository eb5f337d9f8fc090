//! Long-running operations of Backup vaults, in both of Azure's styles (contract 1.5). Each is finished before its first
//! answer is sent, because the change was committed with it; what clients poll only says so.

use arm::{Error, ResourceId, Result};
use serde_json::json;
use vault::{Job, Operation, Vault};

use crate::arm::call::Call;
use crate::arm::recovery::operations::remember;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::arm::vaults::id_of;

/// The routes of this part. Answers lead to the first two: whoever may act on a vault may not be allowed to read at the
/// whole subscription. The others are those that Azure leads to.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        vault_path!("/operationStatus/{operation}"),
        vault_action!("operationStatus/read"),
        status_in_vault,
    ),
    route(
        Method::Get,
        vault_path!("/operationResults/{operation}"),
        vault_action!("operationResults/read"),
        result_in_vault,
    ),
    route(
        Method::Get,
        instance_path!("/operationResults/{operation}"),
        instance_action!("operationResults/read"),
        result_in_vault,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/operationStatus/{operation}",
        "Microsoft.DataProtection/locations/operationStatus/read",
        status_in_subscription,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/operationResults/{operation}",
        "Microsoft.DataProtection/locations/operationResults/read",
        result_in_subscription,
    ),
];

/// Remembers an operation, and its job if it has one, and tells in an answer where to poll for its end.
pub fn with_links(call: &mut Call<'_>, vault: &Vault, job: Option<Job>, answer: Reply) -> Result<Reply> {
    let operation = remember(call, vault, job)?;
    let url = |kind: &str| call.request.url(&format!("{}/{kind}/{}", vault.id, operation.id));
    Ok(answer
        .with_header("Azure-AsyncOperation", url("operationStatus"))
        .with_header("Location", url("operationResults"))
        .with_header("Retry-After", "1"))
}

/// The same for a vault, whose final state is the vault (recorded: without `Location`).
pub fn with_status(call: &mut Call<'_>, vault: &Vault, answer: Reply) -> Result<Reply> {
    let operation = remember(call, vault, None)?;
    let url = call.request.url(&format!("{}/operationStatus/{}", vault.id, operation.id));
    Ok(answer.with_header("Azure-AsyncOperation", url).with_header("Retry-After", "1"))
}

/// Answers 202 for something that is already decided.
pub fn accepted(call: &mut Call<'_>, vault: &Vault, job: Option<Job>) -> Result<Reply> {
    with_links(call, vault, job, Reply::empty(202))
}

/// The operation that the path names, if it is one of a vault in this scope. Others do not exist here.
fn find(call: &mut Call<'_>, scope: &ResourceId) -> Result<Operation> {
    let id = call.params.get("operation").to_ascii_lowercase();
    match call.tx.get::<Operation>(&id)? {
        Some(operation) if operation.vault.is_within(scope) => Ok(operation),
        _ => Err(Error::not_found("ResourceNotFound", format!("There was no operation '{id}' here."))),
    }
}

fn status_in_vault(call: &mut Call<'_>) -> Result<Reply> {
    let operation = find(call, &id_of(call))?;
    Ok(status(call, &operation))
}

fn status_in_subscription(call: &mut Call<'_>) -> Result<Reply> {
    let operation = find(call, &ResourceId::subscription(call.subscription()?))?;
    Ok(status(call, &operation))
}

fn result_in_vault(call: &mut Call<'_>) -> Result<Reply> {
    Ok(result(&find(call, &id_of(call))?))
}

fn result_in_subscription(call: &mut Call<'_>) -> Result<Reply> {
    Ok(result(&find(call, &ResourceId::subscription(call.subscription()?))?))
}

fn status(call: &Call<'_>, operation: &Operation) -> Reply {
    let at = arm::long_timestamp(operation.at);
    let mut body = json!({
        "id": call.id(),
        "name": operation.id,
        "status": "Succeeded",
        "startTime": at,
        "endTime": at,
    });
    if let (Some(job), Some(body)) = (&operation.job, body.as_object_mut()) {
        let properties = json!({ "objectType": "OperationJobExtendedInfo", "jobId": job });
        body.insert("properties".into(), properties);
    }
    Reply::ok(body)
}

fn result(operation: &Operation) -> Reply {
    let mut body = json!({ "objectType": "OperationJobExtendedInfo" });
    if let (Some(job), Some(body)) = (&operation.job, body.as_object_mut()) {
        body.insert("jobId".into(), job.as_str().into());
    }
    Reply::ok(body)
}
