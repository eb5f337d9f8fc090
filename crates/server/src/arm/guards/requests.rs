//! What lies below a guard: the request objects that consent goes by (contract 2.4), and who is linked to it.

use arm::{ResourceId, Result, long_timestamp};
use mua::ResourceGuard;
use serde_json::{Value, json};
use vault::GuardProxy;

use super::parent;
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::tracked;

/// `G/{kind}`: a protected kind has one request object, which is always there.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::list(vec![request(call)?]))
}

/// `G/{kind}/default`.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    if !call.params.get("request").eq_ignore_ascii_case("default") {
        return Err(tracked::not_found(call.id()));
    }
    Ok(Reply::ok(request(call)?))
}

/// The request object of a kind. A kind that the guard does not protect has none.
fn request(call: &mut Call<'_>) -> Result<Value> {
    let guard = parent(call)?;
    let asked = call.params.get("kind");
    let operation = guard
        .protected()
        .find(|operation| operation.request_kind().eq_ignore_ascii_case(asked))
        .ok_or_else(|| tracked::not_found(call.id()))?;
    Ok(json!({
        "id": ResourceGuard::default_request(&guard.id, operation)?,
        "name": "default",
        "type": format!("Microsoft.DataProtection/resourceGuards/{}", operation.request_kind()),
    }))
}

/// `G/linkedVaults`, our own: the vaults whose critical operations need this guard's consent.
pub fn linked_vaults(call: &mut Call<'_>) -> Result<Reply> {
    let guard = parent(call)?;
    let linked: Vec<GuardProxy> = call.tx.find(guard.id.folded())?;
    let vault = |proxy: &GuardProxy| {
        let id = proxy.id.parent().unwrap_or_else(ResourceId::root);
        json!({
            "id": id,
            "name": id.name(),
            "type": id.resource_type(),
            "properties": { "linkedTime": long_timestamp(proxy.updated) },
        })
    };
    Ok(call.page(linked, |proxy| proxy.id.folded().to_string(), vault))
}
