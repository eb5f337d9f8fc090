//! What a durable write over HTTP costs others: the same TLS, the same router, and a handler that does nothing, or writes
//! rows of the same size into SQLite, with one transaction per request or many requests in one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use rusqlite::{Connection, params};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// How large the rows are, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub document: usize,
    pub entry: usize,
}

/// The product's tables that a write touches.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE documents (
        kind TEXT NOT NULL, key TEXT NOT NULL, lookup TEXT, revision INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;
    CREATE TABLE ledger (
        sequence INTEGER NOT NULL PRIMARY KEY, canonical BLOB NOT NULL, leaf BLOB NOT NULL, chain BLOB NOT NULL
    ) STRICT;";

/// Serves a router as the product serves its own. It ends with the process.
pub async fn serve(router: Router, tls: Arc<ServerConfig>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (keep, stop) = watch::channel(false);
    tokio::spawn(async move {
        server::serve_router(listener, tls, router, stop).await;
        drop(keep);
    });
    Ok(address)
}

/// A handler that reads the body and sends it back.
pub fn noop() -> Router {
    Router::new().fallback(|body: Bytes| async move { (StatusCode::OK, body) })
}

/// A handler that makes one durable transaction per request.
pub fn one_transaction(file: &Path, sizes: Sizes) -> anyhow::Result<Router> {
    let rows = Arc::new(Mutex::new(Rows::create(file, sizes)?));
    let handler = |State(rows): State<Arc<Mutex<Rows>>>, uri: Uri, body: Bytes| async move {
        let write = move || {
            let mut rows = rows.lock().map_err(|_| anyhow::anyhow!("a writer panicked"))?;
            rows.connection.execute_batch("BEGIN IMMEDIATE")?;
            rows.write(uri.path())?;
            rows.connection.execute_batch("COMMIT")?;
            anyhow::Ok(())
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => (StatusCode::OK, body),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
        }
    };
    Ok(Router::new().fallback(handler).with_state(rows))
}

/// A handler whose rows are written by one thread, which commits all that wait in one transaction.
pub fn group_commit(file: &Path, sizes: Sizes) -> anyhow::Result<Router> {
    let rows = Rows::create(file, sizes)?;
    let (queue, jobs) = channel::<Job>();
    std::thread::Builder::new().name("bare-writer".into()).spawn(move || write_groups(rows, &jobs))?;
    let handler = |State(queue): State<Sender<Job>>, uri: Uri, body: Bytes| async move {
        let (done, answer) = oneshot::channel();
        if queue.send((uri, done)).is_ok() && answer.await.is_ok() {
            (StatusCode::OK, body)
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
        }
    };
    Ok(Router::new().fallback(handler).with_state(queue))
}

type Job = (Uri, oneshot::Sender<()>);

fn write_groups(mut rows: Rows, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let waiting: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(255)).collect();
        let mut write = || {
            rows.connection.execute_batch("BEGIN IMMEDIATE")?;
            for (uri, _) in &waiting {
                rows.write(uri.path())?;
            }
            rows.connection.execute_batch("COMMIT")
        };
        if let Err(error) = write() {
            return eprintln!("the bare writer ended: {error}");
        }
        for (_, done) in waiting {
            let _ = done.send(());
        }
    }
}

struct Rows {
    connection: Connection,
    sequence: i64,
    document: String,
    entry: Vec<u8>,
}

impl Rows {
    fn create(file: &Path, sizes: Sizes) -> anyhow::Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection,
            sequence: 0,
            document: "x".repeat(sizes.document),
            entry: vec![b'x'; sizes.entry],
        })
    }

    /// One document and one row of the ledger.
    fn write(&mut self, key: &str) -> rusqlite::Result<()> {
        self.sequence += 1;
        self.connection
            .prepare_cached(
                "INSERT INTO documents (kind, key, lookup, revision, body) VALUES (?1, ?2, NULL, ?3, ?4)
                 ON CONFLICT (kind, key) DO UPDATE SET revision = excluded.revision, body = excluded.body",
            )?
            .execute(params!["policy", key, self.sequence, self.document])?;
        self.connection
            .prepare_cached("INSERT INTO ledger (sequence, canonical, leaf, chain) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.sequence, self.entry, [1u8; 32], [2u8; 32]])?;
        Ok(())
    }
}
