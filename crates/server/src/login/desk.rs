//! What the sign-in keeps in memory: the places where passwords are checked, open pages, and who starts how much.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use arm::{Error, ErrorKind};
use directory::Secret;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::attempts::{Attempt, Attempts};
use super::fault::{Fault, Outcome};
use super::gate::address_key;
use super::pace::Pace;
use super::visit::Visit;
use crate::app::App;

/// How many passwords are checked at once, per core. Each takes 19 MiB for about 20 ms.
const CHECKS_PER_CORE: usize = 2;
/// How long somebody waits for a place before being told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sign-in's memory. Nothing in it outlives the process.
pub struct Desk {
    checks: Arc<Semaphore>,
    attempts: Mutex<Attempts>,
    pace: Mutex<Pace>,
}

impl Default for Desk {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            checks: Arc::new(Semaphore::new(cores.saturating_mul(CHECKS_PER_CORE))),
            attempts: Mutex::default(),
            pace: Mutex::default(),
        }
    }
}

impl Desk {
    /// Forgets what has expired.
    pub fn tidy(&self, now: jiff::Timestamp) {
        self.attempts.lock().tidy(now);
    }
}

/// Keeps what somebody is in the middle of; the secret goes into the page.
pub fn keep(app: &App, visit: &Visit, attempt: Attempt) -> Secret {
    let (random, now) = (app.edge.bytes(), app.edge.now());
    let mut attempts = app.desk.attempts.lock();
    attempts.put(attempt, &address_key(visit), now, random)
}

/// Takes it out again, once.
pub fn take(app: &App, secret: &str) -> Option<Attempt> {
    app.desk.attempts.lock().take(secret, app.edge.now())
}

/// Counts the start of a device code.
///
/// # Errors
/// When the address starts too many.
pub fn pace(app: &App, visit: &Visit) -> Outcome<()> {
    if app.desk.pace.lock().allows(&address_key(visit), app.edge.now()) { Ok(()) } else { Err(Fault::Hasty) }
}

/// Runs an attempt to prove something, from the question to the throttle to its commit, in one of the few places
/// there are. The place is held until the work has ended, also when the client has gone away meanwhile.
pub async fn proving<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let place = timeout(PATIENCE, Arc::clone(&app.desk.checks).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        let busy = "too many sign-ins are being checked; try again";
        return Err(Error::new(ErrorKind::Unavailable, "ServerBusy", busy).into());
    };
    let outcome = app.blocking(move |app| {
        let outcome = work(app);
        drop(place);
        Ok(outcome)
    });
    outcome.await?
}
