//! What all ways of signing in share: the places where passwords are checked, and the pages that are open.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use arm::{Error, ErrorKind};
use directory::page::{Attempt, LOOKS, OpenPage};
use directory::throttle::Pace;
use directory::{Secret, SecretDigest};
use jiff::Timestamp;
use store::{Document, Transaction};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::fault::{Fault, Outcome, blocking, decide};
use super::gate::address_key;
use super::visit::Visit;
use crate::app::App;

/// How many passwords are checked at once, per core. Each takes 19 MiB for about 20 ms.
const CHECKS_PER_CORE: usize = 2;
/// How many device codes are started at once. Those from one address are counted in one document, so that two would only
/// make each other start again.
const STARTS: usize = 1;
/// How long somebody waits for a place before being told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the sign-in keeps in memory: the places where passwords are checked and device codes started. They are those of
/// one process, because the memory and the cores that they bound are those of one machine.
pub struct Desk {
    checks: Arc<Semaphore>,
    starts: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            checks: Arc::new(Semaphore::new(cores.saturating_mul(CHECKS_PER_CORE))),
            starts: Arc::new(Semaphore::new(STARTS)),
        }
    }
}

/// Keeps what somebody is in the middle of, for whichever server the form is sent to; the secret goes into the page.
///
/// # Errors
/// When the store fails.
pub async fn keep(app: &App, visit: &Visit, attempt: Attempt) -> Outcome<Secret> {
    let address = address_key(visit);
    let put = blocking(app, move |app| {
        decide(app, |tx, now| {
            let secret = Secret::from_random(app.edge.bytes());
            let random: [u8; LOOKS] = app.edge.bytes();
            let mut looked_at = Vec::new();
            for place in OpenPage::places(&address, random) {
                looked_at.push((place, tx.get::<OpenPage>(&OpenPage::key_of(place))?));
            }
            let page = OpenPage::open(looked_at, secret.digest(), &address, attempt.clone(), now);
            tx.put(&page.ok_or_else(|| Error::internal("no place was looked at for a page"))?)?;
            Ok(secret)
        })
    });
    put.await
}

/// Takes it out again, once: of two servers that get the same form, one finds the page.
///
/// # Errors
/// When the store fails.
pub async fn take(app: &App, secret: &str) -> Outcome<Option<Attempt>> {
    let digest = SecretDigest::of(secret).to_string();
    let taken = blocking(app, move |app| {
        decide(app, |tx, now| {
            let Some(page) = tx.find::<OpenPage>(&digest)?.pop() else {
                return Ok(None);
            };
            tx.delete::<OpenPage>(&page.key());
            Ok(page.take(now))
        })
    });
    taken.await
}

/// Counts the start of a device code, with the decision that makes it.
///
/// # Errors
/// When the address starts too many.
pub fn pace(tx: &mut Transaction, visit: &Visit, now: Timestamp) -> Outcome<()> {
    let key = address_key(visit);
    let before = tx.get::<Pace>(&key)?;
    tx.put(&Pace::start(before, &key, now).ok_or(Fault::Hasty)?)?;
    Ok(())
}

/// Runs an attempt to prove something, from the question to the throttle to its commit, in one of the few places
/// there are. The place is held until the work has ended, also when the client has gone away meanwhile.
pub async fn proving<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    at_a_place(app, &app.desk.checks, work).await
}

/// Runs the start of a device code in one of the few places there are.
pub async fn starting<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    at_a_place(app, &app.desk.starts, work).await
}

async fn at_a_place<T: Send + 'static>(
    app: &App,
    places: &Arc<Semaphore>,
    work: impl FnOnce(&App) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let place = timeout(PATIENCE, Arc::clone(places).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        let busy = "too many sign-ins are under way; try again";
        return Err(Error::new(ErrorKind::Unavailable, "ServerBusy", busy).into());
    };
    let outcome = app.blocking(move |app| {
        let outcome = work(app);
        drop(place);
        Ok(outcome)
    });
    outcome.await?
}
