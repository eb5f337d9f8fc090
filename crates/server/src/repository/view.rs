//! `/repositories/{vault}/{item}@{recovery-point}/`: the repository as the point saw it, for reading.
//!
//! Nothing that came after the point is in its view, and nothing that was there is missing, whatever clients deleted
//! since. So any client restores from it, with a password of that time. Locks, which clients make also for reading, are
//! kept in memory alone.

use arm::{Error, Result};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use ledger::Digest;
use store::{Object, ObjectType, Past, Transaction};
use vault::RecoveryPoint;

use super::Visit;
use super::address::Place;
use super::admission::{Admitted, admit};
use super::listing::{self, Version};
use super::reading;
use super::refusal::Refusal;
use super::rights::Act;
use super::saving;
use super::view_locks::{LOCK_BYTES, Lock, ViewId};
use crate::keeping;

/// Answers a request to a view.
///
/// # Errors
/// 404 when there is no such recovery point, 403 for everything that would write.
pub async fn route(visit: &Visit, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    let (get, head) = (parts.method == Method::GET, parts.method == Method::HEAD);
    let (post, delete) = (parts.method == Method::POST, parts.method == Method::DELETE);
    let version = Version::of(&parts.headers);
    let range = parts.headers.get(header::RANGE).filter(|_| get);
    match &visit.address.place {
        Place::Folder(ObjectType::Locks) if get || head => list_locks(visit, version).await,
        Place::Folder(object_type) if get || head => listing::list(visit, *object_type, version).await,
        Place::Object(ObjectType::Locks, name) if get || head => {
            let lock = find_lock(visit, name).await?;
            let part = reading::Part::of(range, lock.object.size)?;
            Ok(part.response(if head { Body::empty() } else { Body::from(part.of_bytes(&lock.bytes)) }))
        }
        Place::Object(object_type, name) if get || head => {
            reading::read(visit, *object_type, name, head, range).await
        }
        Place::Object(ObjectType::Locks, name) if post => keep_lock(visit, name, body).await,
        Place::Object(ObjectType::Locks, name) if delete => {
            let view = enter(visit, Act::Remove).await?;
            visit.view_locks.remove(&view, name);
            Ok(StatusCode::OK.into_response())
        }
        Place::Repository | Place::Object(..) if post || delete => Err(refuse_write(visit, body).await),
        _ => Err(Refusal::method_not_allowed("GET, HEAD")),
    }
}

/// What the view of the point that is asked for shows; `None` outside a view.
///
/// # Errors
/// 404 when there is no such point, its retention is over, or what is known of its arrival does not fit together.
pub fn past(tx: &mut Transaction, visit: &Visit, admitted: &Admitted) -> Result<Option<Past>> {
    let Some(name) = &visit.address.point else {
        return Ok(None);
    };
    let point = find_point(tx, admitted, name)?;
    if let Some(why) = keeping::is_over(tx, &admitted.item, &point, visit.app.edge.settled())? {
        return Err(Error::not_found("RecoveryPointExpired", why));
    }
    let arrival = tx.arrival(&admitted.item.short, ObjectType::Snapshots, &point.snapshot, point.at)?;
    let arrival = arrival.ok_or_else(|| {
        let text = "the snapshot of this recovery point is not kept any more, so that it cannot be viewed";
        Error::not_found("RecoveryPointNotFound", text)
    })?;
    Ok(Some(Past::new(arrival, admitted.vault.capture_window())))
}

fn find_point(tx: &mut Transaction, admitted: &Admitted, name: &str) -> Result<RecoveryPoint> {
    let item = &admitted.item.id;
    let none = || Error::not_found("RecoveryPointNotFound", format!("there is no recovery point {name}"));
    if name.len() == 64 {
        return tx.resource(&item.child(&format!("recoveryPoints/{name}"))?)?.ok_or_else(none);
    }
    let mut points: Vec<RecoveryPoint> = tx.below(item)?;
    points.retain(|point| point.snapshot.starts_with(name));
    match (points.pop(), points.is_empty()) {
        (Some(point), true) => Ok(point),
        (None, _) => Err(none()),
        (Some(_), false) => {
            let text = format!("several recovery points begin with {name}; give more of the name");
            Err(Error::not_found("RecoveryPointAmbiguous", text))
        }
    }
}

/// Lets a client do something with the locks of a view, and names the view as they do.
async fn enter(visit: &Visit, act: Act) -> Result<ViewId> {
    let asking = visit.clone();
    let enter = move |tx: &mut Transaction| {
        let admitted = admit(tx, &asking.client, &asking.address, act, ObjectType::Locks)?;
        let name = asking.address.point.as_deref().unwrap_or_default();
        let point = find_point(tx, &admitted, name)?;
        Ok(ViewId { repository: admitted.item.short, point: point.snapshot })
    };
    visit.app.blocking(move |app| app.store.transact(&enter)).await
}

async fn list_locks(visit: &Visit, version: Version) -> Result<Response, Refusal> {
    let view = enter(visit, Act::List).await?;
    let locks = visit.view_locks.list(&view, visit.app.edge.now());
    Ok(listing::whole(&locks, version))
}

async fn find_lock(visit: &Visit, name: &str) -> Result<Lock, Refusal> {
    let view = enter(visit, Act::Read).await?;
    visit
        .view_locks
        .get(&view, name, visit.app.edge.now())
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such object in locks"))
}

/// Keeps a lock for as long as clients honour one. It keeps nobody from anything: a view does not change.
async fn keep_lock(visit: &Visit, name: &str, body: Body) -> Result<Response, Refusal> {
    let view = enter(visit, Act::Store).await?;
    let _turn = visit.gate.turn(&view.repository).await?;
    let whole = tokio::time::timeout(saving::IDLE, Limited::new(body, LOCK_BYTES).collect()).await;
    let bytes = match whole {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let text = format!("a lock in a recovery point's view may have {LOCK_BYTES} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(Err(_)) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "the upload broke off")),
        Err(_) => {
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the upload stood still for too long"));
        }
    };
    let content = Digest::of(&bytes).to_string();
    if content != name {
        let text = format!("the bytes sent as locks/{name} hash to {content}; nothing was stored");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    let (at, size) = (visit.app.edge.now(), bytes.len() as u64);
    let object =
        Object { name: content.clone(), content, size, at, by: visit.client.user.clone(), checksum: None };
    visit.view_locks.keep(view, Lock { object, bytes });
    Ok(StatusCode::OK.into_response())
}

/// Why a view takes nothing: for those who may read it, a line that clients show.
async fn refuse_write(visit: &Visit, body: Body) -> Refusal {
    if let Err(error) = enter(visit, Act::Read).await {
        return error.into();
    }
    saving::drain(body).await;
    let text = "this is a view of a recovery point: it can be read and restored from, and never changes; write to the \
                repository's own address, without @ and what follows";
    Refusal::new(StatusCode::FORBIDDEN, text)
}
