//! `DELETE`: what a client removes is hidden from it and kept. Locks alone really go, and the config takes a security PIN.

use arm::{Error, ErrorKind, Result};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::{Object, ObjectType, Transaction};
use vault::Immutability;
use vault::watch::Anomaly;

use super::Visit;
use super::admission::{Admitted, admit};
use super::pin::{self, Shown};
use super::refusal::Refusal;
use super::rights::{Act, Reach, reach};
use super::{arrival, saving};
use crate::app::App;
use crate::watching;

/// Hides an object. One that is not there is fine: a client whose answer was lost asks again.
///
/// # Errors
/// 403 for the config, without which nothing in the repository can be read, unless a security PIN comes along.
pub async fn delete(visit: &Visit, object_type: ObjectType, name: &str) -> Result<Response, Refusal> {
    let (asking, name) = (visit.clone(), name.to_string());
    let hidden = visit
        .app
        .blocking(move |app| {
            let object = match object_type {
                ObjectType::Config => remove_config(app, &asking, &name)?,
                _ => app.store.transact(|tx| decide(tx, app, &asking, object_type, &name, None))?,
            };
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
        app.store.transact(|tx| {
            admit(tx, &asking.client, &asking.address, Act::Store, ObjectType::Locks).map(drop)
        })
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
    shown: Option<&Shown>,
) -> Result<Option<Object>> {
    let admitted = admit(tx, &visit.client, &visit.address, Act::Remove, object_type)?;
    let repository = &admitted.item.short;
    let Some(object) = tx.object(repository, object_type, name)? else {
        return Ok(None);
    };
    if admitted.reach == Reach::Own && object.by != visit.client.user {
        return Err(admitted
            .refuse(Act::Remove, object_type, |right| reach(right, Act::Remove, object_type) == Reach::All));
    }
    if object_type == ObjectType::Locks {
        tx.forget_lock(repository, name);
    } else {
        // What a security PIN opens, somebody consented to.
        if object_type != ObjectType::Config {
            watching::refuse_delete(&admitted.item)?;
        }
        let now = app.edge.now();
        let change = match object_type {
            ObjectType::Config => {
                check_config(&admitted)?;
                Some(pin::spend(tx, &admitted, &visit.client, shown, now)?)
            }
            _ => None,
        };
        tx.tombstone_object(repository, object_type, name, now, &visit.client.user);
        arrival::hidden(tx, &admitted, &visit.client, object_type, name, now, change);
    }
    Ok(Some(object))
}

/// Hides the config, or freezes the item of whoever tries that without a security PIN.
fn remove_config(app: &App, visit: &Visit, name: &str) -> Result<Option<Object>> {
    let hidden = show_pin(app, visit).and_then(|shown| {
        app.store.transact(|tx| decide(tx, app, visit, ObjectType::Config, name, shown.as_ref()))
    });
    if hidden.as_ref().is_err_and(|refused| refused.kind == ErrorKind::Forbidden) {
        app.store.transact(|tx| suspect(tx, app, visit))?;
    }
    hidden
}

fn suspect(tx: &mut Transaction, app: &App, visit: &Visit) -> Result<()> {
    let Admitted { item, .. } = admit(tx, &visit.client, &visit.address, Act::Remove, ObjectType::Config)?;
    let config = tx.object(&item.short, ObjectType::Config, ObjectType::Config.as_str())?;
    if item.frozen.is_some() || config.is_none() {
        return Ok(());
    }
    watching::freeze(tx, item, &[Anomaly::Config], app.edge.now(), visit.client.correlation)
}

/// Looks at the security PIN that came along, for a config that is there.
fn show_pin(app: &App, visit: &Visit) -> Result<Option<Shown>> {
    let counted = app.store.transact(|tx| {
        let admitted = admit(tx, &visit.client, &visit.address, Act::Remove, ObjectType::Config)?;
        let config = tx.object(&admitted.item.short, ObjectType::Config, ObjectType::Config.as_str())?;
        if config.is_none() {
            return Ok(None);
        }
        check_config(&admitted)?;
        let hash = pin::count_try(tx, &admitted, &visit.client, app.edge.now())?;
        Ok(Some((admitted, hash)))
    })?;
    let check = |(admitted, hash): (Admitted, String)| pin::check(app, &admitted, &visit.client, &hash);
    counted.map(check).transpose()
}

/// Whoever may put another config in its place can shut every recovery point, so that an immutable vault keeps it.
fn check_config(admitted: &Admitted) -> Result<()> {
    if admitted.vault.immutability == Immutability::Disabled {
        return Ok(());
    }
    let text = "the vault is immutable: the config, without which nothing in the repository can be read, cannot be removed";
    Err(Error::forbidden("ConfigIsKept", text))
}
