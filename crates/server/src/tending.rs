//! The daily walk through the bucket, if the repositories are in one: [`store::Store::tend_bucket`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arm::Error;
use tokio::sync::watch;

use crate::app::App;

/// How often it is looked whether it is time.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Does it when it is time, until the server stops: then it stops, too, and the next server begins again.
pub async fn keep(app: App, sweep: bool, mut stop: watch::Receiver<bool>) {
    let halt = Arc::new(AtomicBool::new(false));
    loop {
        let halted = Arc::clone(&halt);
        let mut walk = std::pin::pin!(app.blocking(move |app| Ok(app.store.tend_bucket(sweep, &halted)?)));
        let walked = tokio::select! {
            walked = &mut walk => walked,
            () = stopped(&mut stop) => {
                halt.store(true, Ordering::Relaxed);
                walk.await
            }
        };
        let internal = |error: Error| error.internal.unwrap_or(error.message);
        match walked {
            Ok(Some(tended)) if tended.failed > 0 => {
                tracing::error!(?tended, "the bucket was looked through, and locks could not be made longer");
            }
            Ok(Some(tended)) => tracing::info!(?tended, "the bucket was looked through"),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(internal = %internal(error), "the bucket could not be looked through")
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped, too.
    drop(stop.wait_for(|stop| *stop).await);
}
