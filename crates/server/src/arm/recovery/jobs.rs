//! Jobs: what people read about operations that are over (contract 4.7).

use std::sync::Arc;

use arm::Result;
use serde_json::{Value, json};
use vault::{Job, Vault};

use super::place;
use crate::arm::call::Call;
use crate::arm::filters::{Asked, Span};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, vault_path!("/backupJobs"), vault_action!("backupJobs/read"), list),
    route(Method::Get, vault_path!("/backupJobs/{job}"), vault_action!("backupJobs/read"), get),
];

/// Every job is over before anybody can ask for it.
pub const STATUS: &str = "Completed";

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let names = ["status", "operation", "backupManagementType", "jobId", "startTime", "endTime"];
    let asked = Asked::read(call, &names, &[])?;
    // The two times are the ends of a span, although clients write them with `eq`.
    let span = Span { from: asked.instant("startTime")?, to: asked.instant("endTime")? };
    let all = of_vault(call, &vault)?;
    let fits = |job: &Job| {
        asked.admits("status", STATUS)
            && asked.admits("operation", &job.operation)
            && asked.admits("backupManagementType", &job.management_type)
            && asked.admits("jobId", job.id.name())
            && span.holds(job.at)
    };
    Ok(all.page(call, fits, |job| view(job, false)))
}

/// The jobs of a vault, the newest first, each with the key by which it is listed. A list shows few of many.
pub struct Jobs(Vec<Arc<(String, Job)>>);

/// Those of a vault.
///
/// # Errors
/// When the store fails.
pub fn of_vault(call: &mut Call<'_>, vault: &Vault) -> Result<Arc<Jobs>> {
    let keyed = |job: Job| Arc::new((format!("{}{}", arm::newest_first(job.at), job.id.name()), job));
    call.tx.made_below(&vault.id, keyed, |mut jobs| {
        jobs.sort_by(|one, other| one.0.cmp(&other.0));
        Jobs(jobs)
    })
}

impl Jobs {
    /// The page that was asked for, of those that fit.
    pub fn page(&self, call: &Call<'_>, fits: impl Fn(&Job) -> bool, json: impl Fn(&Job) -> Value) -> Reply {
        let found: Vec<&Arc<(String, Job)>> = self.0.iter().filter(|keyed| fits(&keyed.1)).collect();
        call.page(found, |keyed| keyed.0.clone(), |keyed| json(&keyed.1))
    }
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, job) = named(call)?;
    Ok(Reply::ok(view(&job, true)))
}

/// The job that the path names, with its vault.
pub fn named(call: &mut Call<'_>) -> Result<(Vault, Job)> {
    let vault = place::vault(call)?;
    let id = vault.id.child(&format!("backupJobs/{}", call.params.get("job")))?;
    let job = call.tx.resource(&id)?.ok_or_else(|| place::not_found(&id))?;
    Ok((vault, job))
}

fn view(job: &Job, extended: bool) -> Value {
    let at = arm::long_timestamp(job.at);
    let mut properties = json!({
        "jobType": job_type(&job.management_type),
        "containerName": job.container,
        "entityFriendlyName": job.item,
        "backupManagementType": job.management_type,
        "operation": job.operation,
        "status": STATUS,
        "startTime": at,
        "endTime": at,
        "duration": "PT0S",
        "activityId": job.id.name(),
        "errorDetails": [],
        "actionsInfo": [],
    });
    if let Some(properties) = properties.as_object_mut() {
        if job.management_type == "MAB" {
            properties.insert("mabServerName".into(), job.container.clone().into());
            properties.insert("mabServerType".into(), "Windows".into());
            properties.insert("workloadType".into(), "FileFolder".into());
        } else {
            properties.insert("virtualMachineVersion".into(), "Compute".into());
        }
        if extended {
            let mut bag = json!({ "Item Name": job.item });
            if let Some(bag) = bag.as_object_mut() {
                bag.extend(job.details.iter().map(|(name, text)| (name.clone(), text.as_str().into())));
            }
            properties.insert("extendedInfo".into(), json!({"tasksList": [], "propertyBag": bag}));
        }
    }
    json!({
        "id": job.id,
        "name": job.id.name(),
        "type": "Microsoft.RecoveryServices/vaults/backupJobs",
        "properties": properties,
    })
}

fn job_type(management_type: &str) -> &'static str {
    match management_type {
        "MAB" => "MabJob",
        _ => "AzureIaaSVMJob",
    }
}
