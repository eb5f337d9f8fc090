//! Repository credentials: what a backup client signs in with at one item's repository. Countersign's own addition to a
//! protected item.

use arm::{ResourceId, Result};
use directory::Secret;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use vault::{CredentialUse, ProtectedItem, RepositoryCredential, RepositoryRight, Vault, VaultChange};

use super::{item_view, place};
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};

/// How long a secret works on after it was rotated, in hours, if nobody says: a day, for hosts that back up at night.
const OVERLAP_HOURS: u64 = 24;
/// The longest that it may.
const LONGEST_OVERLAP_HOURS: u64 = 30 * 24;

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
        Method::Post,
        item_path!("/repositoryCredentials/{user}/rotate"),
        item_action!("repositoryCredentials/action"),
        rotate,
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
    let right = right(call)?;
    let secret = Secret::from_random(call.edge.bytes());
    let credential = RepositoryCredential {
        item: item.id.clone(),
        previous: None,
        repository: item.short.clone(),
        right,
        user_name: call.edge.short_name(),
        secret_hash: secret.digest().to_hex(),
        created: call.now,
        created_by: call.who().name.clone(),
    };
    let answer = issued(call, &vault, &item, &credential, &secret);
    call.fact("userName", credential.user_name.clone());
    call.fact("right", right.as_str());
    door::change(call, &vault.id, VaultChange::credential(credential))?;
    Ok(Reply::ok(answer))
}

/// `POST repositoryCredentials/{user}/rotate`: answers with a new secret, this once. The present one works on for as many
/// hours as `overlapInHours` says, so that no backup fails while hosts are told the new one.
pub fn rotate(call: &mut Call<'_>) -> Result<Reply> {
    let (vault, item) = place::live_item(call)?;
    let body = call.body()?;
    let hours = body.count("overlapInHours")?.unwrap_or(OVERLAP_HOURS);
    let Some(hours) = i64::try_from(hours).ok().filter(|_| hours <= LONGEST_OVERLAP_HOURS) else {
        return Err(body.wrong("overlapInHours", &format!("0 to {LONGEST_OVERLAP_HOURS}")));
    };
    let credential = named(call, &item)?.ok_or_else(|| place::not_found(call.id()))?;
    let retires = call.now + SignedDuration::from_hours(hours);
    let secret = Secret::from_random(call.edge.bytes());
    let mut answer = issued(call, &vault, &item, &credential, &secret);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("previousSecret".into(), json!({ "expiresOn": arm::timestamp(retires) }));
    }
    call.fact("userName", credential.user_name.clone());
    call.fact("previousSecretExpiresOn", arm::timestamp(retires));
    door::change(call, &vault.id, VaultChange::rotate(credential, secret.digest().to_hex(), retires))?;
    Ok(Reply::ok(answer))
}

/// What is shown once.
fn issued(
    call: &Call<'_>,
    vault: &Vault,
    item: &ProtectedItem,
    credential: &RepositoryCredential,
    secret: &Secret,
) -> Value {
    json!({
        "userName": credential.user_name,
        "secret": secret.expose(),
        "right": credential.right.as_str(),
        "repositoryUrl": item_view::repository_url(&call.request.origin, vault, item),
    })
}

/// The right that is asked for. Absent, it is the whole one, as before there were others.
fn right(call: &Call<'_>) -> Result<RepositoryRight> {
    let body = call.body()?;
    let known = || RepositoryRight::ALL.map(RepositoryRight::as_str).join(", ");
    let read = |text| {
        RepositoryRight::parse(text).ok_or_else(|| body.wrong("right", &format!("one of {}", known())))
    };
    Ok(body.text("right")?.map(read).transpose()?.unwrap_or_default())
}

/// `GET repositoryCredentials`: without their secrets.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    let credentials: Vec<RepositoryCredential> = call.tx.find(&item.short)?;
    let mut shown = Vec::new();
    for credential in credentials {
        let usage = call.tx.get(&credential.user_name)?;
        shown.push((view(&credential, usage.as_ref(), call.now), credential.user_name));
    }
    Ok(call.page(shown, |(_, user)| user.clone(), |(view, _)| view.clone()))
}

/// `GET repositoryCredentials/{user}`
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    match named(call, &item)? {
        Some(credential) => {
            let usage = call.tx.get(&credential.user_name)?;
            Ok(Reply::ok(view(&credential, usage.as_ref(), call.now)))
        }
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

/// A credential as it is listed: with the days on which its secrets were used last, never with the secrets.
fn view(credential: &RepositoryCredential, usage: Option<&CredentialUse>, now: Timestamp) -> Value {
    let last_used = |hash: &str| usage.and_then(|usage| usage.days.get(hash)).map(ToString::to_string);
    let previous = credential.previous.as_ref().filter(|previous| now < previous.expires).map(|previous| {
        json!({
            "expiresOn": arm::timestamp(previous.expires),
            "lastUsedOn": last_used(&previous.secret_hash),
        })
    });
    let id = format!("{}/repositoryCredentials/{}", credential.item, credential.user_name);
    json!({
        "id": id,
        "name": credential.user_name,
        "type": ResourceId::parse(&id).ok().and_then(|id| id.resource_type()),
        "userName": credential.user_name,
        "right": credential.right.as_str(),
        "createdTime": arm::timestamp(credential.created),
        "createdBy": credential.created_by,
        "lastUsedOn": last_used(&credential.secret_hash),
        "previousSecret": previous,
    })
}
