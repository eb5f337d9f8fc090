//! What all faces share.

use std::sync::Arc;

use arm::{Error, ErrorKind, Result};
use directory::token::SigningKey;
use store::Store;
use uuid::Uuid;

use crate::edge::Edge;
use crate::login::Desk;
use crate::metrics::Metrics;
use crate::origin::Origins;

/// The running server's parts. Cloning is cheap.
#[derive(Clone)]
pub struct App {
    /// Everything that is kept.
    pub store: Store,
    /// Time and randomness.
    pub edge: Edge,
    /// The keys that sign tokens, the one in use first.
    pub keys: Arc<Vec<SigningKey>>,
    /// The addresses that clients may use.
    pub origins: Arc<Origins>,
    /// Numbers about the server.
    pub metrics: Metrics,
    /// This server, from its start to its stop, among those that share the store: who holds its leases.
    pub server: Uuid,
    /// What the sign-in keeps in memory.
    pub(crate) desk: Arc<Desk>,
}

impl App {
    /// Runs something that waits for the disk or works hard, off the threads that serve connections.
    ///
    /// # Errors
    /// What it returned; `Internal` when it panicked.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let app = self.clone();
        match tokio::task::spawn_blocking(move || work(&app)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal(format!("a request's task ended abnormally: {error}"))),
        }
    }
}

/// The HTTP status of an error: the last step, and the only place that knows.
pub fn status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Invalid => 400,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::MethodNotAllowed => 405,
        ErrorKind::Conflict => 409,
        ErrorKind::PreconditionFailed => 412,
        ErrorKind::TooLarge => 413,
        ErrorKind::Throttled => 429,
        ErrorKind::Internal => 500,
        ErrorKind::Unavailable => 503,
        ErrorKind::Full => 507,
    }
}
