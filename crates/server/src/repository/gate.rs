//! How much a client may ask of the server at a time: uploads under way, and failed attempts to get in.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use directory::throttle::{Counter, FAILURES_PER_ADDRESS, repository_key};
use jiff::Timestamp;
use parking_lot::Mutex;
use store::Transaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::admission::Client;
use super::refusal::Refusal;
use crate::app::App;

/// Uploads at a time. Each has a thread and a few buffers.
const UPLOADS: usize = 48;
/// Uploads at a time to one repository, so that one client that dawdles cannot take all of them. restic has five.
const UPLOADS_PER_REPOSITORY: usize = 16;
/// How long an upload waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// The turns of uploads. They are those of one process, because the threads and buffers that they bound are those of one
/// machine.
pub struct Gate {
    uploads: Arc<Semaphore>,
    repositories: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { uploads: Arc::new(Semaphore::new(UPLOADS)), repositories: Mutex::default() }
    }
}

/// The turn of one upload, for as long as it lives.
pub struct Turn {
    _server: OwnedSemaphorePermit,
    _repository: OwnedSemaphorePermit,
}

impl Gate {
    /// Waits for an upload's turn.
    ///
    /// # Errors
    /// 503 after half a minute.
    pub async fn turn(&self, repository: &str) -> Result<Turn, Refusal> {
        let of_repository = self.of_repository(repository);
        let turn = async {
            let repository = of_repository.acquire_owned().await.ok()?;
            let server = Arc::clone(&self.uploads).acquire_owned().await.ok()?;
            Some(Turn { _server: server, _repository: repository })
        };
        let busy = || {
            let text = "the server is busy with other uploads; try again in a moment";
            Refusal::later(StatusCode::SERVICE_UNAVAILABLE, 5, text)
        };
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Some(turn)) => Ok(turn),
            Ok(None) | Err(_) => Err(busy()),
        }
    }

    fn of_repository(&self, repository: &str) -> Arc<Semaphore> {
        let mut repositories = self.repositories.lock();
        if let Some(known) = repositories.get(repository).and_then(Weak::upgrade) {
            return known;
        }
        repositories.retain(|_, semaphore| semaphore.strong_count() > 0);
        let fresh = Arc::new(Semaphore::new(UPLOADS_PER_REPOSITORY));
        repositories.insert(repository.to_string(), Arc::downgrade(&fresh));
        fresh
    }
}

/// Counts a refusal for wrong credentials, and turns it into 429 when there were too many from that address. All servers
/// on one store count together; whoever has the right secret adds nothing to the store.
///
/// It is asked after the check, not before: the secrets have 256 random bits, so that no number of guesses matters,
/// and a lock would shut out every good client behind the same address.
pub async fn count_failure(app: &App, client: &Client, refusal: Refusal) -> Refusal {
    let Some(key) = client.address.map(repository_key) else {
        return refusal;
    };
    let counted = app.blocking(move |app| app.store.transact(|tx| count(tx, &key, app.edge.now())));
    match counted.await {
        Ok(None) => refusal,
        Ok(Some(seconds)) => {
            let text = "too many attempts with wrong credentials came from this address";
            Refusal::later(StatusCode::TOO_MANY_REQUESTS, seconds, text)
        }
        Err(error) => {
            // It is refused in any case. When many fail at the same time, some are not counted.
            tracing::debug!(internal = error.internal, "a failed attempt could not be counted");
            refusal
        }
    }
}

/// Counts a failure, or says for how many seconds none is counted any more.
fn count(tx: &mut Transaction, key: &str, now: Timestamp) -> arm::Result<Option<i64>> {
    let throttle = tx.get::<Counter>(key)?.map(|counter| counter.throttle).unwrap_or_default();
    if let Some(until) = throttle.locked_until(now) {
        return Ok(Some(until.as_second() - now.as_second() + 1));
    }
    tx.put(&Counter { key: key.to_string(), throttle: throttle.failed(FAILURES_PER_ADDRESS, now) })?;
    Ok(None)
}
