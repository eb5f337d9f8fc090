//! What all faces share.

use std::pin::Pin;
use std::sync::Arc;

use arm::{Error, ErrorKind, Result};
use directory::token::SigningKey;
use store::{Store, Transaction};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::bearer::Bearers;
use crate::edge::Edge;
use crate::login::Desk;
use crate::mail::Post;
use crate::metrics::Metrics;
use crate::origin::Origins;
use crate::scrub::Pace;

/// The running server's parts. Cloning is cheap.
#[derive(Clone)]
pub struct App {
    /// Everything that is kept.
    pub store: Store,
    /// Time and randomness.
    pub edge: Edge,
    /// The keys that sign tokens, the one in use first.
    pub keys: Arc<Vec<SigningKey>>,
    /// Tokens whose signatures were verified.
    pub(crate) bearers: Arc<Bearers>,
    /// The addresses that clients may use.
    pub origins: Arc<Origins>,
    /// Where links lead, and where what is to be sent goes.
    pub post: Arc<Post>,
    /// Numbers about the server.
    pub metrics: Metrics,
    /// Where it does what takes long.
    pub work: Work,
    /// This server, from its start to its stop, among those that share the store: who holds its leases.
    pub server: Uuid,
    /// How what is stored is verified.
    pub scrubbing: Pace,
    /// What the sign-in keeps in memory.
    pub(crate) desk: Arc<Desk>,
}

/// Where work is done that waits for the disk.
#[derive(Clone, Default)]
pub enum Work {
    /// On threads of its own, while others serve connections.
    #[default]
    Threads,
    /// One piece after the other, as a simulation says.
    Simulated(Arc<dyn Steering>),
}

/// A piece of work.
pub type Job = Box<dyn FnOnce() + Send>;

/// Says when a piece of work goes on.
pub trait Steering: Send + Sync {
    /// Does it, to its end, also when nobody waits for that any more.
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>>;
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
        let ended = |error: &dyn std::fmt::Display| {
            Error::internal(format!("a request's task ended abnormally: {error}"))
        };
        match &self.work {
            Work::Threads => match tokio::task::spawn_blocking(move || work(&app)).await {
                Ok(outcome) => outcome,
                Err(error) => Err(ended(&error)),
            },
            Work::Simulated(steering) => {
                let (done, outcome) = oneshot::channel();
                let job = move || drop(done.send(work(&app)));
                steering.run(Box::new(job)).await;
                outcome.await.unwrap_or_else(|error| Err(ended(&error)))
            }
        }
    }

    /// Makes a decision and commits it.
    ///
    /// # Errors
    /// What the decision returned; `Internal` when it panicked.
    pub async fn decide<T: Send + 'static>(
        &self,
        decide: impl FnMut(&mut Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.work {
            Work::Threads => self.store.decide(decide).await,
            Work::Simulated(_) => self.blocking(move |app| app.store.transact(decide)).await,
        }
    }

    /// Whether work runs beside what is served, so that the two can wait for each other.
    pub(crate) fn works_beside(&self) -> bool {
        matches!(self.work, Work::Threads)
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
