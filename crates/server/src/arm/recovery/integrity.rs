//! What is known of the state of a vault's stored bytes (`crate::scrub`). Countersign's own addition to vaults of both kinds.

use arm::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use vault::damage::{Damaged, Pass, Scrub};

use super::place;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[route(
    Method::Get,
    vault_path!("/repositoryIntegrity"),
    vault_action!("repositoryIntegrity/read"),
    show,
)];

/// `GET repositoryIntegrity`: the passes over all bytes of this server, and what of this vault is damaged.
pub fn show(call: &mut Call<'_>) -> Result<Reply> {
    let vault = place::vault(call)?;
    let scrub: Scrub = call.tx.get(Scrub::KEY)?.unwrap_or_default();
    let mut damaged: Vec<Damaged> = call.tx.all()?;
    damaged.retain(|known| known.item.is_within(&vault.id));
    let objects = damaged.iter().flat_map(|known| known.objects.iter().map(move |object| (known, object)));
    let objects: Vec<Value> = objects
        .map(|(known, (place, damage))| {
            json!({
                "item": known.item,
                "object": place,
                "since": arm::timestamp(damage.at),
                "reason": damage.why,
            })
        })
        .collect();
    Ok(Reply::ok(json!({
        "id": format!("{}/repositoryIntegrity", vault.id),
        "name": "repositoryIntegrity",
        "properties": {
            "lastPass": scrub.last.as_ref().map(pass),
            "currentPass": scrub.current.as_ref().map(|(current, _)| pass(current)),
            "damagedObjects": objects,
        },
    })))
}

fn pass(pass: &Pass) -> Value {
    let Pass { bytes, damaged, finished, objects, started } = pass;
    let at = |at: &Timestamp| arm::timestamp(*at);
    json!({
        "startTime": at(started),
        "endTime": finished.as_ref().map(at),
        "objectsVerified": objects,
        "bytesVerified": bytes,
        "objectsDamaged": damaged,
    })
}
