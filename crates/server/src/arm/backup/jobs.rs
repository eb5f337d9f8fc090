//! Jobs of a Backup vault: what people read about operations that are over (contract 3.5).

use arm::{ResourceId, Result};
use serde_json::{Value, json};
use vault::Job;

use crate::arm::call::Call;
use crate::arm::filters::{Asked, Span};
use crate::arm::recovery::jobs::{STATUS, named, of_vault};
use crate::arm::recovery::place;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, vault_path!("/backupJobs"), vault_action!("backupJobs/read"), list),
    route(Method::Get, vault_path!("/backupJobs/{job}"), vault_action!("backupJobs/read"), get),
];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let names = ["status", "operation", "datasourceType", "startTime", "endTime"];
    let asked = Asked::read(call, &names, &[])?;
    // The two times are the ends of a span, although clients write them with `eq`.
    let span = Span { from: asked.instant("startTime")?, to: asked.instant("endTime")? };
    let all = of_vault(call, &vault)?;
    let fits = |job: &Job| {
        let kind = job.instance.as_ref().map_or("", |instance| instance.source_type.as_str());
        asked.admits("status", STATUS)
            && asked.admits("operation", &job.operation)
            && asked.admits("datasourceType", kind)
            && span.holds(job.at)
    };
    Ok(all.page(call, fits, |job| view(job, &vault.id)))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, job) = named(call)?;
    Ok(Reply::ok(view(&job, &vault.id)))
}

fn view(job: &Job, vault: &ResourceId) -> Value {
    let at = arm::long_timestamp(job.at);
    let instance = job.instance.as_ref();
    let source = instance.and_then(|instance| instance.source.as_ref());
    let policy = instance.and_then(|instance| instance.policy.as_ref());
    json!({
        "id": job.id,
        "name": job.id.name(),
        "type": "Microsoft.DataProtection/backupVaults/backupJobs",
        "properties": {
            "activityID": job.id.name(),
            "backupInstanceFriendlyName": job.item,
            "backupInstanceId": instance.map(|instance| &instance.id),
            "dataSourceId": source,
            "dataSourceLocation": "",
            "dataSourceName": source.map(|source| source.name()),
            "dataSourceType": instance.map(|instance| instance.source_type.as_str()),
            "duration": "PT0S",
            "startTime": at,
            "endTime": at,
            "operation": job.operation,
            "operationCategory": job.operation,
            "status": STATUS,
            "errorDetails": [],
            "extendedInfo": { "additionalDetails": job.details, "subTasks": [] },
            "isUserTriggered": job.operation != "Backup",
            "progressEnabled": false,
            "supportedActions": [],
            "vaultName": vault.name(),
            "policyId": policy,
            "policyName": policy.map(|policy| policy.name()),
            "sourceResourceGroup": source.and_then(|source| source.resource_group_name()).unwrap_or_default(),
            "sourceSubscriptionID": vault.subscription_id().map(|id| id.to_string()),
            "subscriptionId": vault.subscription_id().map(|id| id.to_string()),
            "etag": "",
        },
    })
}
