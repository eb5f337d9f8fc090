//! Starting and stopping.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use directory::token::{SigningKey, StoredSigningKey};
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, Work};
use crate::edge::Edge;
use crate::mail::Post;
use crate::metrics::{Channel, Metrics};
use crate::origin::Origins;
use crate::scrub::Pace;
use crate::settings::Settings;
use crate::{listen, tls};

/// What a server needs to know to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where ARM, sign-in and repositories listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where Graph listens. Port 0 takes a free one.
    pub graph_listen: SocketAddr,
    /// Where the `userrealm` call of password sign-ins is answered besides: clients make it to port 443.
    pub userrealm_listen: Option<SocketAddr>,
    /// The name that clients know the server by, besides localhost.
    pub public_name: Option<String>,
    /// Where mail and webhooks go.
    pub settings: Settings,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// An address could not be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// A key could not be read or made.
    #[error("the signing keys could not be prepared: {0}")]
    Keys(String),
}

/// A server that serves.
pub struct Running {
    /// The address to tell people: `https://127.0.0.1:8443`.
    pub address: String,
    /// The same for Graph.
    pub graph_address: String,
    app: App,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops accepting, lets requests under way finish, and gives back what the server held. The store stays open: it
    /// may have other servers. Close it afterwards if it has none.
    pub async fn stop(self) {
        // Nobody listening any more is what we want anyway.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener ended abnormally");
            }
        }
    }

    /// What the faces share, for tests that look behind them.
    pub fn app(&self) -> &App {
        &self.app
    }
}

/// Starts a server on an open store, which several servers may share. Clients take them for one when they have one
/// public name and listen on the same ports: tokens and addresses in answers name both.
///
/// # Errors
/// When an address is taken, or TLS or keys cannot be prepared.
pub async fn start(config: &Config, store: Store, edge: Edge) -> Result<Running, StartError> {
    check_repositories(&store, &edge).await?;
    let tls = tls::configure(&config.data.join("tls"), config.public_name.as_deref(), &edge, &store)?;
    let arm = bind(config.listen).await?;
    let graph = bind(config.graph_listen).await?;
    let (arm_at, graph_at) = (local(&arm, config.listen)?, local(&graph, config.graph_listen)?);
    let origins = Origins {
        arm_port: arm_at.port(),
        graph_port: graph_at.port(),
        public_name: config.public_name.clone(),
    };
    let post = Arc::new(Post::new(&config.settings, &origins));
    let app = assemble(store, edge, origins, Work::Threads)
        .map_err(|error| StartError::Keys(error.internal.unwrap_or(error.message)))?;
    let app = App { post, scrubbing: config.settings.scrub, ..app };
    let (stop, stopped) = watch::channel(false);
    let mut tasks = vec![
        tokio::spawn(listen::serve(arm, Arc::clone(&tls), arm_router(&app), stopped.clone())),
        tokio::spawn(listen::serve(graph, Arc::clone(&tls), graph_router(&app), stopped.clone())),
        tokio::spawn(crate::login::TIDYING.keep(app.clone(), stopped.clone())),
    ];
    tasks.push(tokio::spawn(crate::clock_mark::keep(app.clone(), stopped.clone())));
    tasks.push(tokio::spawn(crate::freeing::TURN.keep(app.clone(), stopped.clone())));
    tasks.push(tokio::spawn(crate::keeping::TURN.keep(app.clone(), stopped.clone())));
    tasks.push(tokio::spawn(crate::scrub::keep(app.clone(), stopped.clone())));
    tasks.push(tokio::spawn(crate::watching::TURN.keep(app.clone(), stopped.clone())));
    tasks.push(tokio::spawn(crate::purging::TURN.keep(app.clone(), stopped.clone())));
    if let Some(bucket) = &config.settings.bucket {
        tasks.push(tokio::spawn(crate::tending::keep(app.clone(), bucket.sweep, stopped.clone())));
    }
    for channel in [Channel::Mail, Channel::Webhook] {
        tasks.push(tokio::spawn(crate::mail::keep(app.clone(), channel, stopped.clone())));
    }
    tasks.push(tokio::spawn(crate::mail::TIDYING.keep(app.clone(), stopped.clone())));
    if let Some(address) = config.userrealm_listen {
        tasks.push(tokio::spawn(listen::serve(bind(address).await?, tls, userrealm_router(&app), stopped)));
    }
    let name = config.public_name.clone().unwrap_or_else(|| dialled(arm_at.ip()));
    Ok(Running {
        address: format!("https://{name}:{}", arm_at.port()),
        graph_address: format!("https://{name}:{}", graph_at.port()),
        app,
        stop,
        tasks,
    })
}

/// Asks the storage, which may be slow, off the threads that serve.
async fn check_repositories(store: &Store, edge: &Edge) -> Result<(), StartError> {
    let (store, fresh) = (store.clone(), edge.uuid());
    let checking = tokio::task::spawn_blocking(move || store.check_repositories(fresh));
    let checked = checking.await.unwrap_or_else(|error| Err(StoreError::Storage(error.to_string())));
    Ok(checked?)
}

/// Puts the parts of a server together that its faces share.
///
/// # Errors
/// When the signing keys can be neither read nor made.
pub fn assemble(store: Store, edge: Edge, origins: Origins, work: Work) -> ::arm::Result<App> {
    let keys = Arc::new(signing_keys(&store, &edge)?);
    let post = Arc::new(Post::new(&Settings::default(), &origins));
    let (origins, metrics, server) = (Arc::new(origins), Metrics::default(), edge.uuid());
    let (bearers, desk) = (Arc::default(), Arc::default());
    Ok(App {
        store,
        edge,
        keys,
        bearers,
        origins,
        post,
        metrics,
        work,
        server,
        desk,
        scrubbing: Pace::default(),
    })
}

/// What is served on the first address: ARM, sign-in, repositories, health and metrics.
pub fn arm_router(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(crate::login::router(app))
        .merge(crate::portal::router(app))
        .merge(crate::repository::router())
        .fallback(crate::arm::face::serve)
        .with_state(app.clone())
}

/// What is served on the second address: Graph.
pub fn graph_router(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(crate::graph::router())
        .with_state(app.clone())
}

fn userrealm_router(app: &App) -> Router {
    crate::login::userrealm_router(app).with_state(app.clone())
}

/// Ready means that the store answers.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.blocking(|app| app.store.transact(|tx| tx.is_pristine())).await {
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer"),
    }
}

async fn metrics(State(app): State<App>) -> ([(&'static str, &'static str); 1], String) {
    let text = app.metrics.render(&app.store);
    ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

/// The stored signing keys, newest first; one is made at first start, by one of the servers that start.
fn signing_keys(store: &Store, edge: &Edge) -> ::arm::Result<Vec<SigningKey>> {
    let (fresh, now) = (edge.bytes(), edge.now());
    let mut stored = store.transact(|tx| {
        let stored: Vec<StoredSigningKey> = tx.all()?;
        if stored.is_empty() {
            let key = StoredSigningKey::from_seed(fresh, now);
            tx.put(&key)?;
            return Ok(vec![key]);
        }
        Ok(stored)
    })?;
    stored.reverse();
    stored.iter().map(SigningKey::open).collect()
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen(address, error))
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen(asked, error))
}

/// The name by which to dial a listening address: one that listens everywhere is dialled on loopback.
fn dialled(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => "127.0.0.1".into(),
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) if v6.is_unspecified() => "[::1]".into(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{SystemClock, SystemEntropy};

    fn edge() -> Edge {
        Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy))
    }

    fn names(store: &Store, edge: &Edge) -> Vec<String> {
        let keys = signing_keys(store, edge).unwrap();
        keys.iter().map(|key| key.kid().to_string()).collect()
    }

    #[test]
    fn servers_that_start_at_once_have_the_same_keys() {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let barrier = std::sync::Barrier::new(2);
            let start = || {
                let edge = edge();
                barrier.wait();
                names(&store, &edge)
            };
            let (a, b) = std::thread::scope(|scope| {
                let other = scope.spawn(start);
                (start(), other.join().unwrap())
            });
            assert_eq!((a.len(), &a), (1, &b));
        }
    }
}
