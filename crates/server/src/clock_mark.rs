//! The high-water mark of time: the latest instant that the server has seen, kept across restarts so that a clock set
//! back revives nothing.

use std::time::Duration;

use jiff::Timestamp;
use store::{ClockMark, Store};
use tokio::sync::watch;

use crate::app::App;

/// How often the mark is moved.
const INTERVAL: Duration = Duration::from_secs(60);

/// The mark that the last run left.
///
/// # Errors
/// When the store cannot be read.
pub fn clock_mark(store: &Store) -> ::arm::Result<Option<Timestamp>> {
    store.transact(|tx| Ok(tx.get::<ClockMark>(ClockMark::KEY)?.map(|mark| mark.at)))
}

/// Moves the mark every minute, and once more when the server stops.
pub(crate) async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::time::timeout(INTERVAL, stop.wait_for(|stop| *stop)).await.is_ok();
        let moved = app.blocking(|app| {
            let mark = ClockMark { at: app.edge.now() };
            app.store.transact(|tx| tx.put(&mark))
        });
        if let Err(error) = moved.await {
            tracing::error!(internal = error.internal, "the clock's high-water mark could not be kept");
        }
        if stopping {
            return;
        }
    }
}
