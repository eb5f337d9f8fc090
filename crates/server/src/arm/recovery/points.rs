//! Recovery points of an item (contract 4.7).

use arm::{Error, Result};
use serde_json::{Value, json};
use store::ObjectType;
use vault::{ProtectedItem, RecoveryPoint};

use super::{calendar, place};
use crate::arm::call::Call;
use crate::arm::filters::{Asked, Span};
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::keeping::is_over;

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, item_path!("/recoveryPoints"), item_action!("recoveryPoints/read"), list),
    route(Method::Get, item_path!("/recoveryPoints/{point}"), item_action!("recoveryPoints/read"), get),
    // Countersign's own addition, also to instances.
    route(
        Method::Get,
        item_path!("/recoveryPointSummaries"),
        item_action!("recoveryPoints/read"),
        calendar::of_item,
    ),
];

/// How much of a snapshot's name restic shows.
const SHORT_NAME: usize = 8;

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    // What clients also send describes points that exist in Azure alone, or asks for members that are always there.
    let names = ["startDate", "endDate", "extendedInfo", "restorePointQueryType", "includeSoftDeletedRP"];
    let asked = Asked::read(call, &names, &[])?;
    let span = Span { from: asked.instant("startDate")?, to: asked.instant("endDate")? };
    calendar::page(call, &item, &span, view)
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    let point = named(call, &item)?;
    let view = view(&point, &item);
    Ok(Reply::ok(with_snapshot(call, &point, view)?))
}

/// The recovery point of an item that the path names.
pub fn named(call: &mut Call<'_>, item: &ProtectedItem) -> Result<RecoveryPoint> {
    let id = item.id.child(&format!("recoveryPoints/{}", call.params.get("point")))?;
    let point = call.tx.resource(&id)?.ok_or_else(|| place::not_found(&id))?;
    match is_over(call.tx, item, &point, call.settled)? {
        Some(why) => Err(Error::not_found("RecoveryPointExpired", why)),
        None => Ok(point),
    }
}

/// A snapshot's name as restic shows it.
pub fn short_name(point: &RecoveryPoint) -> String {
    point.snapshot.chars().take(SHORT_NAME).collect()
}

/// Adds to what answers show of a point where its snapshot came from, and whether a client has removed that since: the point is
/// kept all the same. Our own addition, to both kinds of vault.
pub fn with_snapshot(call: &mut Call<'_>, point: &RecoveryPoint, mut view: Value) -> Result<Value> {
    let RecoveryPoint { repository, snapshot, label, written_by, .. } = point;
    let is_there = call.tx.object(repository, ObjectType::Snapshots, snapshot)?.is_some();
    let is_removed = !is_there && call.tx.object_known(repository, ObjectType::Snapshots, snapshot)?;
    if let Some(view) = view.as_object_mut() {
        let origin =
            json!({ "name": snapshot, "label": label, "writtenBy": written_by, "isRemoved": is_removed });
        view.insert("snapshot".into(), origin);
    }
    Ok(view)
}

fn view(point: &RecoveryPoint, item: &ProtectedItem) -> Value {
    let object_type = match item.management_type() {
        "MAB" => "GenericRecoveryPoint",
        _ => "IaasVMRecoveryPoint",
    };
    json!({
        "id": point.id,
        "name": point.id.name(),
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": object_type,
            "friendlyName": short_name(point),
            "recoveryPointType": "FileSystemConsistent",
            "recoveryPointTime": arm::timestamp(point.at),
            "recoveryPointAdditionalInfo": point.snapshot,
            "recoveryPointProperties": {
                "expiryTime": point.retain_until.map(arm::timestamp),
                "isSoftDeleted": item.deletion.is_some(),
            },
        },
    })
}
