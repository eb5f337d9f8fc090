//! The high-water mark of time: the latest instant that the server has seen, kept across restarts so that a clock set
//! back revives nothing. Servers on one store move one mark, and none of them moves it back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{ClockMark, Store};
use tokio::sync::watch;

use crate::app::App;

/// How often the mark is moved.
const INTERVAL: Duration = Duration::from_secs(60);
/// How far the mark may be ahead of this server's clock before that is worth a word: servers should agree on the time.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

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
        match app.blocking(|app| advance(&app.store, app.edge.now())).await {
            Ok(ahead) if ahead > TOLERANCE => {
                tracing::warn!(%ahead, "the clock of another server on this store is ahead of this one's");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(internal = error.internal, "the clock's high-water mark could not be kept");
            }
        }
        if stopping {
            return;
        }
    }
}

/// Moves the mark to an instant, unless it is there already. Returns how far it was ahead.
fn advance(store: &Store, now: Timestamp) -> ::arm::Result<SignedDuration> {
    store.transact(|tx| {
        let mark = tx.get::<ClockMark>(ClockMark::KEY)?.map(|mark| mark.at);
        if let Some(mark) = mark.filter(|mark| *mark >= now) {
            return Ok(mark.duration_since(now));
        }
        tx.put(&ClockMark { at: now })?;
        Ok(SignedDuration::ZERO)
    })
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

    #[test]
    fn several_servers_never_move_the_mark_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(advance(&store, at(100)), Ok(SignedDuration::ZERO));
        assert_eq!(advance(&store, at(90)), Ok(SignedDuration::from_secs(10)));
        assert_eq!(clock_mark(&store).unwrap(), Some(at(100)));
        std::thread::scope(|scope| {
            for server in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for step in 0..25 {
                        advance(store, at(1000 + (step * 7 + server * 13) % 50)).unwrap();
                    }
                });
            }
        });
        let highest = (0..4).flat_map(|server| (0..25).map(move |step| (step * 7 + server * 13) % 50)).max();
        assert_eq!(clock_mark(&store).unwrap(), Some(at(1000 + highest.unwrap())));
    }
}
