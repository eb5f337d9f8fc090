//! Thawing an item that was frozen because something out of the ordinary was noticed (`vault::watch`). Countersign's own
//! addition to protected items and backup instances. What was kept meanwhile is destroyed in time afterwards, so that it takes
//! the consent that moving the item to a weaker policy takes.

use arm::Result;
use serde_json::{Value, json};
use vault::watch::Watch;
use vault::{Freeze, ProtectedItem, VaultChange};

use super::place;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[route(Method::Post, item_path!("/thaw"), item_action!("thaw/action"), thaw)];

/// `POST thaw`: lets things go on. From now on it is watched as if it were new.
pub fn thaw(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::item(call)?;
    let why = item.frozen.as_ref().map(|freeze| freeze.why.join("; ")).unwrap_or_default();
    let id = item.id.clone();
    let change = VaultChange::thaw(item)?;
    door::change(call, &vault.id, change)?;
    call.tx.delete::<Watch>(id.folded());
    call.fact("frozenBecause", why);
    Ok(Reply::ok(json!({ "id": id, "frozen": null })))
}

/// What answers show of a frozen item besides; `None` for one that is not.
pub fn view(item: &ProtectedItem) -> Option<Value> {
    let Freeze { at, why } = item.frozen.as_ref()?;
    Some(json!({ "since": arm::timestamp(*at), "reasons": why }))
}
