//! `DELETE`: what a client removes is hidden from it and kept. Locks alone really go.

use arm::{Error, Result};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::{Object, ObjectType, Transaction};

use super::Visit;
use super::admission::{Purpose, admit};
use super::refusal::Refusal;
use super::{arrival, saving};
use crate::app::App;

/// Hides an object. One that is not there is fine: a client whose answer was lost asks again.
///
/// # Errors
/// 403 for the config, without which nothing in the repository can be read.
pub async fn delete(visit: &Visit, object_type: ObjectType, name: &str) -> Result<Response, Refusal> {
    let (asking, name) = (visit.clone(), name.to_string());
    let hidden = visit
        .app
        .blocking(move |app| {
            let object = app.store.transact(|tx| decide(tx, app, &asking, object_type, &name))?;
            if let (ObjectType::Locks, Some(lock)) = (object_type, &object) {
                saving::discard(app, &asking.address.item, ObjectType::Locks, &lock.content);
            }
            Ok(object)
        })
        .await?;
    if let Some(object) = hidden {
        let (metrics, labels) = (&visit.app.metrics, visit.labels(object_type));
        metrics.blob_deletes.get_or_create(&labels).inc();
        metrics.blob_delete_bytes.get_or_create(&labels).inc_by(object.size);
    }
    Ok(StatusCode::OK.into_response())
}

/// `DELETE {base}`: nobody deletes a repository from here.
pub async fn refuse_repository(visit: &Visit) -> Refusal {
    let asking = visit.clone();
    let admitted = visit.app.blocking(move |app| {
        app.store.transact(|tx| admit(tx, &asking.client, &asking.address, Purpose::Write).map(drop))
    });
    match admitted.await {
        Ok(()) => Refusal::new(
            StatusCode::FORBIDDEN,
            "a repository is deleted with its protected item, in the vault",
        ),
        Err(error) => error.into(),
    }
}

fn decide(
    tx: &mut Transaction,
    app: &App,
    visit: &Visit,
    object_type: ObjectType,
    name: &str,
) -> Result<Option<Object>> {
    let purpose = match object_type {
        ObjectType::Locks => Purpose::Lock,
        _ => Purpose::Write,
    };
    let admitted = admit(tx, &visit.client, &visit.address, purpose)?;
    if object_type == ObjectType::Config {
        return Err(Error::forbidden(
            "ConfigIsKept",
            "the config cannot be removed: without it nothing in the repository can be read",
        ));
    }
    let repository = &admitted.item.short;
    let Some(object) = tx.object(repository, object_type, name)? else {
        return Ok(None);
    };
    if object_type == ObjectType::Locks {
        tx.forget_lock(repository, name);
    } else {
        let now = app.edge.now();
        tx.tombstone_object(repository, object_type, name, now, &visit.client.user);
        arrival::hidden(tx, &admitted, &visit.client, object_type, name, now);
    }
    Ok(Some(object))
}
