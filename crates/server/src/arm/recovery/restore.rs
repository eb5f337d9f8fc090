//! Restoring a recovery point (contract 4.4). The server cannot restore: only clients have the key. What it does is to
//! see to the consent, to open the repository for reading where a guard protects that, and to say where to read.

use std::collections::BTreeMap;

use arm::{Result, timestamp};
use vault::{Job, ProtectedItem, RecoveryPoint, Vault, VaultChange};

use super::operations::{Links, accepted};
use super::{item_view, place, points};
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[route(
    Method::Post,
    item_path!("/recoveryPoints/{point}/restore"),
    item_action!("recoveryPoints/restore/action"),
    restore,
)];

fn restore(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::live_item(call)?;
    let point = points::named(call, &item)?;
    let properties = call.properties()?;
    if properties.is_absent() {
        return Err(call.body()?.missing("properties"));
    }
    // How clients say what to restore to where. It is for them to do.
    for member in ["objectType", "recoveryType"] {
        properties.text(member)?;
    }
    let name = call.edge.uuid().to_string();
    let mut job = Job::about(&item, &vault.id, &name, "Restore", call.now)?;
    job.details = details(call, &vault, &item, &point);
    call.fact("item", item.friendly_name.clone());
    call.fact("recoveryPoint", point.snapshot.clone());
    door::change(call, &vault.id, VaultChange::restore(&item, &point))?;
    accepted(call, &vault, &Links::of_item(&item.id), Some(job))
}

/// Where and how a client reads a recovery point, by its name for people.
pub fn details(
    call: &Call<'_>,
    vault: &Vault,
    item: &ProtectedItem,
    point: &RecoveryPoint,
) -> BTreeMap<String, String> {
    let url = item_view::view_url(&call.request.origin, vault, item, point);
    [
        ("Recovery point time", timestamp(point.at)),
        ("Snapshot", point.snapshot.clone()),
        ("Command", format!("restic -r rest:{url} restore {} --target <path>", point.snapshot)),
        ("Repository", url),
        ("Readable until", timestamp(mua::restore_until(call.now))),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into()
}
