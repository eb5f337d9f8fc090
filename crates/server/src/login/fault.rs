//! Why a sign-in request gets nothing.

use directory::oauth::OAuthError;
use jiff::Timestamp;

use crate::app::App;
use store::Transaction;

/// The outcome of a step that can be refused.
pub type Outcome<T> = Result<T, Fault>;

/// A refusal, or a failure.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Refused, with the reason that the client learns.
    Refused(OAuthError),
    /// Refused unseen, until then: there were too many failures.
    Locked(Timestamp),
    /// Refused: too many requests of this kind in a short time.
    Hasty,
    /// The server failed or is overloaded.
    Failed(arm::Error),
}

impl Fault {
    /// What the client learns.
    pub fn error(&self) -> OAuthError {
        match self {
            Self::Refused(error) => error.clone(),
            Self::Locked(_) => OAuthError::locked(),
            Self::Hasty => OAuthError::unavailable(),
            Self::Failed(error) if error.kind == arm::ErrorKind::Unavailable => OAuthError::unavailable(),
            Self::Failed(_) => OAuthError::server_error(),
        }
    }

    /// Whether it is this refusal.
    pub fn is(&self, error: &OAuthError) -> bool {
        matches!(self, Self::Refused(refused) if refused == error)
    }
}

impl From<OAuthError> for Fault {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<arm::Error> for Fault {
    fn from(error: arm::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs a decision against the store. What it wrote is committed when it refuses, too; nothing is when it fails.
pub fn decide<T>(
    app: &App,
    mut decision: impl FnMut(&mut Transaction, Timestamp) -> Outcome<T>,
) -> Outcome<T> {
    app.store.transact(|tx| match decision(tx, app.edge.now()) {
        Err(Fault::Failed(error)) => Err(error),
        decided => Ok(decided),
    })?
}

/// Runs something that asks the store, off the threads that serve connections.
pub async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    app.blocking(move |app| Ok(work(app))).await?
}
