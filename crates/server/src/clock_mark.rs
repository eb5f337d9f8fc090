//! The high-water mark of time: the latest instant that the server has seen, kept across restarts so that a clock set
//! back revives nothing.

use std::time::Duration;

use jiff::Timestamp;
use store::{ClockMark, Store};
use tokio::sync::watch;

use crate::app::App;

/// How often the mark is moved.
const INTERVAL: Duration = Duration::from_secs(60);

/// The latest instant that the last run is known to have seen: its mark, or the last entry of the ledger if it was killed
/// after that.
///
/// # Errors
/// When the store cannot be read.
pub fn clock_mark(store: &Store) -> ::arm::Result<Option<Timestamp>> {
    store.transact(|tx| {
        let mark = tx.get::<ClockMark>(ClockMark::KEY)?.map(|mark| mark.at);
        let last = tx.ledger_back(None, 1)?.first().map(|entry| entry.at);
        Ok(mark.max(last))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_server_remembers_its_last_decision() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(clock_mark(&store).unwrap(), None);
        let at = |second| Timestamp::from_second(second).unwrap();
        store.transact(|tx| tx.put(&ClockMark { at: at(1_000) })).unwrap();
        assert_eq!(clock_mark(&store).unwrap(), Some(at(1_000)));
        let entry: ledger::Entry = serde_json::from_value(serde_json::json!({
            "sequence": 0, "at": at(2_000), "correlation": uuid::Uuid::nil(), "operation": "test", "target": "/",
            "actor": {"person": "system", "object": uuid::Uuid::nil(), "tenant": uuid::Uuid::nil(), "kind": "system",
                "name": "test", "authentication": []},
            "verdict": "done", "reason": "test", "consent": [], "facts": {},
        }))
        .unwrap();
        store
            .transact(|tx| {
                tx.record(entry.clone());
                Ok(())
            })
            .unwrap();
        assert_eq!(clock_mark(&store).unwrap(), Some(at(2_000)));
    }
}
