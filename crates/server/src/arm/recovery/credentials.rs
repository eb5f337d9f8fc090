//! Repository credentials: what a backup client signs in with at one item's repository. Countersign's own addition to a
//! protected item.

use arm::{ResourceId, Result};
use directory::Secret;
use serde_json::{Value, json};
use vault::{ProtectedItem, RepositoryCredential, VaultChange};

use super::{item_view, place};
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Post,
        item_path!("/repositoryCredentials"),
        item_action!("repositoryCredentials/action"),
        issue,
    ),
    route(
        Method::Get,
        item_path!("/repositoryCredentials"),
        item_action!("repositoryCredentials/read"),
        list,
    ),
    route(
        Method::Get,
        item_path!("/repositoryCredentials/{user}"),
        item_action!("repositoryCredentials/read"),
        get,
    ),
    route(
        Method::Delete,
        item_path!("/repositoryCredentials/{user}"),
        item_action!("repositoryCredentials/delete"),
        revoke,
    ),
];

/// Answers with a fresh secret, this once: only its digest is kept.
pub fn issue(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::live_item(call)?;
    let secret = Secret::from_random(call.edge.bytes());
    let credential = RepositoryCredential {
        item: item.id.clone(),
        repository: item.short.clone(),
        user_name: call.edge.short_name(),
        secret_hash: secret.digest().to_hex(),
        created: call.now,
        created_by: call.who().name.clone(),
    };
    let answer = json!({
        "userName": credential.user_name,
        "secret": secret.expose(),
        "repositoryUrl": item_view::repository_url(&call.request.origin, &vault, &item),
    });
    call.fact("userName", credential.user_name.clone());
    door::change(call, &vault.id, VaultChange::credential(credential))?;
    Ok(Reply::ok(answer))
}

/// `GET repositoryCredentials`: without their secrets.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    let credentials: Vec<RepositoryCredential> = call.tx.find(&item.short)?;
    Ok(call.page(credentials, |credential| credential.user_name.clone(), view))
}

/// `GET repositoryCredentials/{user}`
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    match named(call, &item)? {
        Some(credential) => Ok(Reply::ok(view(&credential))),
        None => Err(place::not_found(call.id())),
    }
}

/// Takes access away, which a soft-deleted item allows too: a stolen secret must not come back with it.
pub fn revoke(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::item(call)?;
    if let Some(credential) = named(call, &item)? {
        call.fact("userName", credential.user_name.clone());
        door::change(call, &vault.id, VaultChange::revoke(credential))?;
    }
    Ok(Reply::empty(204))
}

/// The credential of this item that the path names.
fn named(call: &mut Call<'_>, item: &ProtectedItem) -> Result<Option<RepositoryCredential>> {
    let user = call.params.get("user").to_ascii_lowercase();
    let found: Option<RepositoryCredential> = call.tx.get(&user)?;
    Ok(found.filter(|credential| credential.item == item.id && credential.repository == item.short))
}

fn view(credential: &RepositoryCredential) -> Value {
    let id = format!("{}/repositoryCredentials/{}", credential.item, credential.user_name);
    json!({
        "id": id,
        "name": credential.user_name,
        "type": ResourceId::parse(&id).ok().and_then(|id| id.resource_type()),
        "userName": credential.user_name,
        "createdTime": arm::timestamp(credential.created),
        "createdBy": credential.created_by,
    })
}
