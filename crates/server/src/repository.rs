//! The data plane: restic's REST protocol, versions 1 and 2.
//!
//! Names are verified hashes, nothing is ever overwritten, every delete but a lock's is a tombstone, and a snapshot that
//! arrives for the first time is a recovery point. The state of the item, and the credential, are read by the same
//! decision that makes an upload visible: one that races with the item's deletion does not slip in.
//!
//! Every recovery point has a view, in which the repository is what it was then, for reading.
//!
//! Answers to refusals are one plain line, because that is what clients show.

mod address;
mod admission;
mod arrival;
mod deleting;
mod gate;
mod listing;
mod pin;
mod range;
mod reading;
mod refusal;
mod rights;
mod room;
mod saving;
mod usage;
mod view;
mod view_locks;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use store::ObjectType;

use self::address::{Address, Place};
use self::admission::Client;
use self::gate::Gate;
use self::refusal::Refusal;
use self::rights::Act;
use self::usage::Uses;
use self::view_locks::ViewLocks;
use crate::app::App;
use crate::metrics::BlobLabels;

/// The routes of this face.
pub fn router() -> Router<App> {
    Router::new()
        .route("/repositories", any(serve))
        .route("/repositories/", any(serve))
        .route("/repositories/{*path}", any(serve))
        .layer(Extension(Shared::default()))
}

/// What the requests to all repositories share, in one process.
#[derive(Clone, Default)]
struct Shared {
    gate: Arc<Gate>,
    view_locks: Arc<ViewLocks>,
    uses: Arc<Uses>,
}

/// One request to one repository.
#[derive(Clone)]
struct Visit {
    app: App,
    gate: Arc<Gate>,
    view_locks: Arc<ViewLocks>,
    uses: Arc<Uses>,
    client: Arc<Client>,
    address: Arc<Address>,
}

impl Visit {
    fn labels(&self, object_type: ObjectType) -> BlobLabels {
        BlobLabels {
            user: self.client.user.clone(),
            repo: self.address.repository(),
            r#type: object_type.as_str(),
        }
    }
}

async fn serve(
    State(app): State<App>,
    Extension(shared): Extension<Shared>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match answer(&app, shared, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    app.metrics.request("repository", parts.method.as_str(), response.status().as_u16());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn answer(app: &App, shared: Shared, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    let address = Address::parse(parts.uri.path()).ok_or_else(Refusal::no_such_address)?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    let client = Client::of(&parts.headers, peer, &app.edge)?;
    let (client, address) = (Arc::new(client), Arc::new(address));
    let Shared { gate, view_locks, uses } = shared;
    let visit = Visit { app: app.clone(), gate, view_locks, uses, client, address };
    match route(&visit, parts, body).await {
        Ok(response) => {
            usage::note(&visit).await;
            Ok(response)
        }
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            Err(gate::count_failure(app, &visit.client, refusal).await)
        }
        Err(refusal) => Err(refusal),
    }
}

async fn route(visit: &Visit, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    if visit.address.point.is_some() {
        return view::route(visit, parts, body).await;
    }
    let (get, head) = (parts.method == Method::GET, parts.method == Method::HEAD);
    let (post, delete) = (parts.method == Method::POST, parts.method == Method::DELETE);
    match &visit.address.place {
        Place::Repository if post => create(visit, parts.uri.query()).await,
        Place::Repository if delete => Err(deleting::refuse_repository(visit).await),
        Place::Folder(object_type) if get || head => {
            listing::list(visit, *object_type, listing::Version::of(&parts.headers)).await
        }
        Place::Object(object_type, name) if get || head => {
            let range = parts.headers.get(header::RANGE).filter(|_| get);
            reading::read(visit, *object_type, name, head, range).await
        }
        Place::Object(object_type, name) if post => saving::save(visit, *object_type, name, body).await,
        Place::Object(object_type, name) if delete => deleting::delete(visit, *object_type, name).await,
        Place::Repository => Err(Refusal::method_not_allowed("POST, DELETE")),
        Place::Folder(_) => Err(Refusal::method_not_allowed("GET, HEAD")),
        Place::Object(..) => Err(Refusal::method_not_allowed("GET, HEAD, POST, DELETE")),
    }
}

/// `POST {base}?create=true`: an item has its repository from the beginning, so there is nothing to do but to say so.
async fn create(visit: &Visit, query: Option<&str>) -> Result<Response, Refusal> {
    if !query.is_some_and(|query| query.split('&').any(|pair| pair == "create=true")) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "to create a repository, say ?create=true"));
    }
    let (client, address) = (Arc::clone(&visit.client), Arc::clone(&visit.address));
    visit
        .app
        .blocking(move |app| {
            let config = ObjectType::Config;
            app.store.transact(|tx| admission::admit(tx, &client, &address, Act::Store, config).map(drop))
        })
        .await?;
    Ok(StatusCode::OK.into_response())
}
