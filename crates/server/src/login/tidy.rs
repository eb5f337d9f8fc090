//! Deleting what nobody can use any more. No decision waits for it: expiry is a comparison, made when it is asked.

use std::time::Duration;

use arm::Result;
use directory::oauth::{AuthorizationCode, DeviceCode, RefreshToken, RevokedFamily};
use directory::throttle::Counter;
use jiff::{SignedDuration, Timestamp};
use store::Free;
use tokio::sync::watch;

use crate::app::App;

/// How often it is done.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How long a code is kept after it has expired: a used one that turns up again has leaked, and still has to name the
/// family that is to be revoked.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// How many documents go into one commit.
const AT_ONCE: usize = 200;

/// Tidies up now and then until the server stops.
pub async fn keep_tidy(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = app.blocking(tidy).await {
            let internal = error.internal.as_deref().unwrap_or(&error.message);
            tracing::warn!(%internal, "the sign-in could not be tidied up; it will be tried again");
        }
    }
}

/// Deletes expired codes and tokens, and throttles that say nothing any more.
///
/// # Errors
/// When the store fails.
pub fn tidy(app: &App) -> Result<()> {
    let past = |expires: Timestamp, now: Timestamp| now.duration_since(expires) >= REMEMBERED;
    app.desk.tidy(app.edge.now());
    sweep(app, |code: &AuthorizationCode, now| past(code.expires, now))?;
    sweep(app, |code: &DeviceCode, now| past(code.expires, now))?;
    sweep(app, |token: &RefreshToken, now| {
        now >= token.expires || token.revoked.is_some_and(|at| past(at, now))
    })?;
    sweep(app, |family: &RevokedFamily, now| family.is_moot(now))?;
    sweep(app, |counter: &Counter, now| counter.throttle.is_idle(now))
}

/// Finds in one look, and deletes a few at a time after looking at each again: a decision about all documents of a kind
/// would be made again for every one that changes meanwhile.
fn sweep<D: Free>(app: &App, is_over: impl Fn(&D, Timestamp) -> bool) -> Result<()> {
    let now = app.edge.now();
    let all: Vec<D> = app.store.transact(|tx| tx.all())?;
    let over: Vec<String> = all
        .iter()
        .filter(|document| is_over(document, now))
        .map(D::key)
        .collect();
    for keys in over.chunks(AT_ONCE) {
        app.store.transact(|tx| {
            for key in keys {
                if tx.get::<D>(key)?.is_some_and(|document| is_over(&document, now)) {
                    tx.delete::<D>(key);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}
