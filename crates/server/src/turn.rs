//! Work that is done now and then, beside what is served.
//!
//! Of several servers on one store, the one that holds the lease does it. Nothing is lost when two do.

use std::time::Duration;

use arm::{Error, Result};
use jiff::SignedDuration;
use store::Lease;
use tokio::sync::watch;

use crate::app::App;

/// A kind of such work.
pub struct Turn {
    /// How often it is done.
    pub every: Duration,
    /// The name of the lease.
    pub lease: &'static str,
    /// How long the lease lasts: its holder renews it every time, and once may be late.
    pub term: SignedDuration,
    /// What to say when it fails.
    pub failed: &'static str,
    /// What is done.
    pub work: fn(&App) -> Result<()>,
}

impl Turn {
    /// Does it now and then until the server stops, and then leaves it to another one.
    pub async fn keep(&'static self, app: App, mut stop: watch::Receiver<bool>) {
        let internal = |error: Error| error.internal.unwrap_or(error.message);
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            if let Err(error) = app.blocking(|app| self.take(app)).await {
                tracing::warn!(internal = %internal(error), "{}; it will be tried again", self.failed);
            }
        }
        if let Err(error) = app.blocking(|app| self.leave(app)).await {
            tracing::warn!(internal = %internal(error), "a lease could not be given back; it ends by itself");
        }
    }

    /// Does it, unless it is another server's turn. Returns whether it did.
    ///
    /// # Errors
    /// When the store fails, or the work.
    pub fn take(&self, app: &App) -> Result<bool> {
        let mine =
            app.store.transact(|tx| Lease::hold(tx, self.lease, app.server, app.edge.now(), self.term))?;
        if mine {
            (self.work)(app)?;
        }
        Ok(mine)
    }

    /// Leaves the next turn to another server.
    ///
    /// # Errors
    /// When the store fails.
    pub fn leave(&self, app: &App) -> Result<()> {
        app.store.transact(|tx| Lease::release(tx, self.lease, app.server))
    }
}
