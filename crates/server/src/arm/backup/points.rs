//! Recovery points of an instance (contract 3.5).

use arm::Result;
use serde_json::{Value, json};
use vault::{ProtectedItem, RecoveryPoint};

use crate::arm::call::Call;
use crate::arm::filters::{Asked, Span};
use crate::arm::recovery::calendar::{self, Listed};
use crate::arm::recovery::points::{named, short_name, with_snapshot};
use crate::arm::recovery::{outlook, place};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, instance_path!("/recoveryPoints"), instance_action!("recoveryPoints/read"), list),
    route(
        Method::Get,
        instance_path!("/recoveryPoints/{point}"),
        instance_action!("recoveryPoints/read"),
        get,
    ),
    route(
        Method::Get,
        instance_path!("/recoveryPointSummaries"),
        instance_action!("recoveryPoints/read"),
        calendar::of_instance,
    ),
    route(Method::Get, instance_path!("/backupOutlook"), outlook::READ_INSTANCE, outlook::get),
    route(
        Method::Post,
        instance_path!("/findRestorableTimeRanges"),
        instance_action!("findRestorableTimeRanges/action"),
        time_ranges,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let (_, instance) = place::live_item(call)?;
    // The two times are the ends of a span, although clients write them with `eq`. What else clients send describes
    // points that exist in Azure alone.
    let names = ["startTime", "endTime", "startDate", "endDate", "isVisible", "restorePointDataStoreId"];
    let asked = Asked::read(call, &names, &[])?;
    let span = Span {
        from: asked.instant("startTime")?.max(asked.instant("startDate")?),
        to: match (asked.instant("endTime")?, asked.instant("endDate")?) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        },
    };
    calendar::page(call, &instance, &span, view)
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, instance) = place::live_item(call)?;
    let point = named(call, &instance)?;
    let view = view(&point, &instance);
    Ok(Reply::ok(with_snapshot(call, &point, view)?))
}

/// There is nothing between two recovery points, so that each is a range by itself.
fn time_ranges(call: &mut Call<'_>) -> Result<Reply> {
    let (_, instance) = place::live_item(call)?;
    let body = call.body()?;
    let at = |name: &str| -> Result<Option<jiff::Timestamp>> {
        let parse =
            |text: &str| text.parse().map_err(|_| body.wrong(name, "a time such as 2026-01-01T12:00:00Z"));
        body.text(name)?.map(parse).transpose()
    };
    let span = Span { from: at("startTime")?, to: at("endTime")? };
    let mut points = calendar::kept(call, &instance, &span)?;
    points.reverse();
    let range = |point: &Listed| {
        let at = arm::timestamp(point.term.at);
        json!({ "objectType": "RestorableTimeRange", "startTime": at, "endTime": at })
    };
    Ok(Reply::ok(json!({
        "id": call.id(),
        "name": "findRestorableTimeRanges",
        "type": "Microsoft.DataProtection/backupVaults/backupInstances/findRestorableTimeRanges",
        "properties": {
            "objectType": "AzureBackupFindRestorableTimeRangesResponse",
            "restorableTimeRanges": points.iter().map(range).collect::<Vec<_>>(),
        },
    })))
}

fn view(point: &RecoveryPoint, instance: &ProtectedItem) -> Value {
    let at = arm::long_timestamp(point.at);
    let expiry = point.retain_until.map(arm::long_timestamp);
    json!({
        "id": point.id,
        "name": point.id.name(),
        "type": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints",
        "properties": {
            "objectType": "AzureBackupDiscreteRecoveryPoint",
            "recoveryPointId": point.id.name(),
            "recoveryPointTime": at,
            "recoveryPointType": "Incremental",
            "friendlyName": short_name(point),
            "policyName": point.policy.as_ref().map(|policy| policy.name()),
            "policyVersion": null,
            "expiryTime": expiry,
            "recoveryPointState": "Completed",
            "recoveryPointDataStoresDetails": [{
                "id": instance.short,
                "type": "VaultStore",
                "state": "COMMITTED",
                "creationTime": at,
                "expiryTime": expiry,
                "visible": true,
            }],
        },
    })
}
