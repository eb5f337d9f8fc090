//! Restoring from an instance (contract 3.5).
//!
//! The client that holds the password restores; nobody else could. What the control plane does is to find the recovery
//! point, to see to it that reading it is agreed to, and to say where it is.

use arm::{Error, Fields, Result};
use jiff::Timestamp;
use vault::{ProtectedItem, RecoveryPoint, VaultChange};

use super::operations::accepted;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::filters::Span;
use crate::arm::recovery::{calendar, items, place, restore};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Post,
        instance_path!("/validateRestore"),
        instance_action!("validateRestore/action"),
        validate,
    ),
    route(Method::Post, instance_path!("/restore"), instance_action!("restore/action"), order),
];

/// Finds the recovery point as a restore would, and changes nothing.
fn validate(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, instance) = place::live_item(call)?;
    let request = call.body()?.object("restoreRequestObject")?;
    if request.is_absent() {
        return Err(call.body()?.missing("restoreRequestObject"));
    }
    point_of(call, &instance, &request)?;
    accepted(call, &vault, None)
}

fn order(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, instance) = place::live_item(call)?;
    let point = point_of(call, &instance, &call.body()?)?;
    let mut job = items::job(call, &vault, &instance, "Restore")?;
    job.details = restore::details(call, &vault, &instance, &point);
    call.fact("item", instance.friendly_name.clone());
    call.fact("recoveryPoint", point.snapshot.clone());
    door::change(call, &vault.id, VaultChange::restore(&instance, &point))?;
    accepted(call, &vault, Some(job))
}

/// The recovery point that a restore request names, by its id, or by a time: the last one until then.
fn point_of(call: &mut Call<'_>, instance: &ProtectedItem, request: &Fields<'_>) -> Result<RecoveryPoint> {
    let kind = request.required_text("objectType")?.to_ascii_lowercase();
    match kind.as_str() {
        "azurebackuprecoverypointbasedrestorerequest" | "azurebackuprestorewithrehydrationrequest" => {
            let named = request.required_text("recoveryPointId")?;
            let name = named.rsplit('/').next().unwrap_or_default();
            let id = instance.id.child(&format!("recoveryPoints/{name}"))?;
            let points = calendar::kept(call, instance, &Span { from: None, to: None })?;
            let points: Vec<_> =
                points.into_iter().filter(|point| point.name.eq_ignore_ascii_case(id.name())).collect();
            let named = calendar::full(call, instance, &points)?.into_iter().next();
            named.ok_or_else(|| {
                none("there is no such recovery point, or its retention is over", "recoveryPointId")
            })
        }
        "azurebackuprecoverytimebasedrestorerequest" => {
            let member = "recoveryPointTime";
            let until: Timestamp = request
                .required_text(member)?
                .parse()
                .map_err(|_| request.wrong(member, "a time such as 2026-01-01T12:00:00Z"))?;
            let points = calendar::kept(call, instance, &Span { from: None, to: Some(until) })?;
            calendar::full(call, instance, points.first())?
                .into_iter()
                .next()
                .ok_or_else(|| none("no recovery point from that time or before is kept", member))
        }
        _ => Err(request.wrong(
            "objectType",
            "'AzureBackupRecoveryPointBasedRestoreRequest', 'AzureBackupRecoveryTimeBasedRestoreRequest' or \
             'AzureBackupRestoreWithRehydrationRequest'",
        )),
    }
}

fn none(message: &str, member: &str) -> Error {
    Error::invalid("UserErrorRecoveryPointNotFound", message).with_target(member)
}
