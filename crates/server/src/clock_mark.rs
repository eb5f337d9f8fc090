//! The high-water mark of time: the latest instant that the server has seen, kept across restarts so that a clock set
//! back revives nothing, and the settled time ([`crate::edge::Clock::settled`]), so that a clock set forward destroys nothing.
//! Servers on one store move one mark, and none of them moves it back.
//!
//! A clock in doubt is told of in the ledger, once for every vault, so that it is an alert of each. Whoever knows that it is
//! right says so on the host (`countersign clock accept`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::Entry;
use mua::alert::{CLOCK_ACCEPTED, CLOCK_IN_DOUBT};
use store::{ClockMark, Store, Transaction};
use tokio::sync::watch;
use uuid::Uuid;
use vault::Vault;

use crate::app::App;
use crate::edge::Edge;
use crate::own_work::entry_of;

/// How often the mark is moved.
const INTERVAL: Duration = Duration::from_secs(60);
/// How far the mark may be ahead of this server's clock before that is worth a word: servers should agree on the time.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// How much time that nobody saw pass, or how far a clock is off, is worth an alert.
const DOUBT: SignedDuration = SignedDuration::from_hours(1);

/// The mark that the last run left, and if it was killed, at the last entry of the ledger.
///
/// # Errors
/// When the store cannot be read.
pub fn clock_mark(store: &Store) -> ::arm::Result<Option<ClockMark>> {
    store.transact(|tx| {
        let last = tx.ledger_back(None, 1)?.first().map(|entry| entry.at);
        Ok(match (tx.get::<ClockMark>(ClockMark::KEY)?, last) {
            (Some(mark), last) => {
                // What was settled stays what it was.
                let settled = Some(mark.settled());
                Some(ClockMark { at: last.map_or(mark.at, |last| last.max(mark.at)), settled, ..mark })
            }
            // A first run that did not last for a minute: nothing is old enough to be destroyed.
            (None, Some(last)) => Some(ClockMark { at: last, settled: None, told: 0 }),
            (None, None) => None,
        })
    })
}

/// Moves the mark every minute, and once more when the server stops.
pub(crate) async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    let mut told_off = false;
    let mut stopping = false;
    while !stopping {
        stopping = tokio::time::timeout(INTERVAL, stop.wait_for(|stop| *stop)).await.is_ok();
        match app.blocking(move |app| keep_once(app, told_off)).await {
            Ok(told) => told_off = told,
            Err(error) => {
                tracing::error!(internal = error.internal, "the clock's high-water mark could not be kept");
            }
        }
    }
}

/// Moves the mark, takes over what is settled by it, and tells of a clock in doubt: of one that is off, if that was not told
/// yet. Returns whether it is told now.
///
/// # Errors
/// When the store fails.
pub fn keep_once(app: &App, told_off: bool) -> ::arm::Result<bool> {
    let ahead = advance(&app.store, &app.edge)?;
    if ahead > TOLERANCE {
        tracing::warn!(%ahead, "the clock of another server on this store is ahead of this one's");
    }
    app.metrics.keeping.clock_lag.set(app.edge.now().duration_since(app.edge.settled()).as_secs());
    let off = app.edge.clock_off();
    if off.abs() < DOUBT {
        return Ok(false);
    }
    if !told_off {
        let side = if off.is_negative() { "behind" } else { "ahead of" };
        let reason = format!(
            "the clock of the server's host was set: it is {} {side} the time that has passed, and is not followed",
            in_words(off.abs())
        );
        let correlation = app.edge.uuid();
        app.store.transact(|tx| tell(tx, CLOCK_IN_DOUBT, &reason, app.edge.now(), correlation))?;
    }
    Ok(true)
}

/// Moves the mark to now, and the settled time with it, where they are not there already; takes over what others have
/// settled; and tells of time that nobody saw pass. Returns how far the mark was ahead.
fn advance(store: &Store, edge: &Edge) -> ::arm::Result<SignedDuration> {
    let correlation = edge.uuid();
    let (ahead, settled) = store.transact(|tx| {
        let (now, settled) = (edge.now(), edge.settled());
        let before = tx.get::<ClockMark>(ClockMark::KEY)?;
        let mut mark = before.clone().unwrap_or(ClockMark { at: now, settled: Some(settled), told: 0 });
        let ahead = mark.at.duration_since(now).max(SignedDuration::ZERO);
        mark = ClockMark { at: mark.at.max(now), settled: Some(mark.settled().max(settled)), ..mark };
        let lag = mark.lag();
        if lag.as_secs().saturating_sub(mark.told) >= DOUBT.as_secs() {
            tell(tx, CLOCK_IN_DOUBT, &unseen(lag), now, correlation)?;
        }
        if (lag.as_secs() - mark.told).abs() >= DOUBT.as_secs() || lag < DOUBT {
            mark.told = if lag < DOUBT { 0 } else { lag.as_secs() };
        }
        let settled = mark.settled();
        if before.as_ref() != Some(&mark) {
            tx.put(&mark)?;
        }
        Ok((ahead, settled))
    })?;
    edge.settle(settled);
    Ok(ahead)
}

fn unseen(lag: SignedDuration) -> String {
    format!(
        "the clock is {} ahead of the time that servers here have seen pass: they were down for so long, or it was set. \
         Expiry and purges wait for so much longer, unless somebody who knows that the clock is right says so: \
         `countersign clock accept`, on the host",
        in_words(lag)
    )
}

/// A length of time in days, hours and minutes.
pub fn in_words(time: SignedDuration) -> String {
    let (hours, minutes) = (time.as_hours(), time.as_mins() % 60);
    match hours / 24 {
        0 => format!("{hours} h {minutes} min"),
        days => format!("{days} d {} h", hours % 24),
    }
}

/// What somebody vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The settled time before.
    pub before: Timestamp,
    /// The settled time from now on.
    pub after: Timestamp,
}

/// Takes the time of the wall clock for true: everything up to then is settled. Nothing that lies ahead of it is, so that a
/// clock that was set forward once and is right again settles no more than what has passed.
///
/// # Errors
/// When the store fails.
pub fn accept_clock(store: &Store, wall: Timestamp, correlation: Uuid) -> ::arm::Result<Accepted> {
    store.transact(|tx| {
        let mark = tx.get::<ClockMark>(ClockMark::KEY)?.unwrap_or(ClockMark::at(wall));
        let before = mark.settled();
        let accepted = Accepted { before, after: before.max(wall) };
        let at = mark.at.max(wall);
        let told = at.duration_since(accepted.after).as_secs();
        tx.put(&ClockMark { at, settled: Some(accepted.after), told })?;
        let gained = accepted.after.duration_since(before);
        let reason = format!(
            "somebody on the host vouched for the clock: {} that nobody saw pass count from now on",
            in_words(gained)
        );
        tell(tx, CLOCK_ACCEPTED, &reason, at, correlation)?;
        Ok(accepted)
    })
}

/// Says something about the clock in the ledger: of every vault, whose owners it concerns.
fn tell(
    tx: &mut Transaction,
    operation: &str,
    reason: &str,
    now: Timestamp,
    correlation: Uuid,
) -> ::arm::Result<()> {
    tracing::warn!("{reason}");
    let vaults: Vec<Vault> = tx.all()?;
    let mut targets: Vec<String> = vaults.into_iter().map(|vault| vault.id.to_string()).collect();
    if targets.is_empty() {
        targets.push("/".into());
    }
    for target in targets {
        let operation = operation.to_string();
        tx.record(Entry { operation, correlation, ..entry_of(target, now, reason.to_string()) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use crate::edge::{Clock, GuardedClock, SystemEntropy, Timepiece};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The wall clock and what has passed, in seconds, as a test says.
    #[derive(Clone, Default)]
    struct Hands(Arc<[AtomicI64; 2]>);

    impl Hands {
        fn add(&self, wall: i64, passed: i64) {
            self.0[0].fetch_add(wall, Ordering::SeqCst);
            self.0[1].fetch_add(passed, Ordering::SeqCst);
        }
    }

    impl Timepiece for Hands {
        fn wall(&self) -> Timestamp {
            at(self.0[0].load(Ordering::SeqCst))
        }

        fn passed(&self) -> SignedDuration {
            SignedDuration::from_secs(self.0[1].load(Ordering::SeqCst))
        }
    }

    /// A server's edge, started on the mark that the store has.
    fn start(store: &Store, hands: &Hands) -> Edge {
        let clock = GuardedClock::on(hands.clone(), clock_mark(store).unwrap().as_ref());
        Edge::new(Arc::new(clock), Arc::new(SystemEntropy))
    }

    fn told(store: &Store) -> usize {
        store.transact(|tx| Ok(tx.ledger(0, 100)?.len())).unwrap()
    }

    const HOUR: i64 = 3600;
    const YEAR: i64 = 365 * 24 * HOUR;

    #[test]
    fn time_that_nobody_saw_pass_is_not_settled() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hands = Hands::default();
        hands.add(1_000_000, 0);
        let edge = start(&store, &hands);
        hands.add(HOUR, HOUR);
        assert_eq!((edge.now(), edge.settled()), (at(1_000_000 + HOUR), at(1_000_000 + HOUR)));
        advance(&store, &edge).unwrap();
        // A minute's restart is no news. Set forward by a year, twice, it lags by both, and people are told of each.
        hands.add(60, 60);
        let edge = start(&store, &hands);
        advance(&store, &edge).unwrap();
        assert_eq!((edge.settled(), told(&store)), (at(1_000_000 + HOUR), 0));
        for (jump, news) in [(1, 1), (2, 2)] {
            hands.add(YEAR, 0);
            let edge = start(&store, &hands);
            assert_eq!(edge.now(), at(1_000_060 + HOUR + jump * YEAR));
            assert_eq!(edge.settled(), at(1_000_000 + HOUR), "no time passed");
            for _ in 0..2 {
                advance(&store, &edge).unwrap();
                assert_eq!(told(&store), news);
            }
        }
        let edge = start(&store, &hands);
        hands.add(HOUR, HOUR);
        assert_eq!(edge.settled(), at(1_000_000 + 2 * HOUR), "it goes on with what is seen to pass");
        // Set back again, nothing runs back.
        hands.add(-2 * YEAR, 0);
        let edge = start(&store, &hands);
        assert!(edge.now() >= at(1_000_000 + 2 * YEAR) && edge.settled() <= at(1_000_000 + 2 * HOUR));
    }

    #[test]
    fn restarting_often_gains_no_slack() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hands = Hands::default();
        hands.add(1_000_000, 0);
        advance(&store, &start(&store, &hands)).unwrap();
        for _ in 0..100 {
            hands.add(5 * 60, 0);
            let edge = start(&store, &hands);
            hands.add(5 * 60, 0);
            advance(&store, &edge).unwrap();
        }
        assert_eq!(start(&store, &hands).settled(), at(1_000_000));
    }

    #[test]
    fn whoever_vouches_for_the_clock_settles_what_has_passed_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hands = Hands::default();
        hands.add(1_000_000, 0);
        advance(&store, &start(&store, &hands)).unwrap();
        // A weekend off, and then somebody sets the clock a year ahead, and back.
        hands.add(48 * HOUR, 0);
        advance(&store, &start(&store, &hands)).unwrap();
        hands.add(YEAR, 0);
        let running = start(&store, &hands);
        advance(&store, &running).unwrap();
        hands.add(-YEAR, 0);
        let accepted = accept_clock(&store, hands.wall(), Uuid::nil()).unwrap();
        assert_eq!((accepted.before, accepted.after), (at(1_000_000), at(1_000_000 + 48 * HOUR)));
        // A server that runs takes it over.
        assert_eq!(running.settled(), at(1_000_000));
        advance(&store, &running).unwrap();
        assert_eq!(running.settled(), at(1_000_000 + 48 * HOUR));
        assert_eq!(start(&store, &hands).settled(), at(1_000_000 + 48 * HOUR));
    }

    #[test]
    fn a_killed_server_remembers_its_last_decision() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(clock_mark(&store).unwrap(), None);
        store.transact(|tx| tx.put(&ClockMark::at(at(1_000)))).unwrap();
        assert_eq!(clock_mark(&store).unwrap(), Some(ClockMark::at(at(1_000))));
        let entry = Entry { operation: "test".into(), ..entry_of("/".into(), at(2_000), "test".into()) };
        store
            .transact(|tx| {
                tx.record(entry.clone());
                Ok(())
            })
            .unwrap();
        let mark = clock_mark(&store).unwrap().unwrap();
        assert_eq!((mark.at, mark.settled()), (at(2_000), at(1_000)));
    }

    #[test]
    fn several_servers_never_move_the_mark_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let advance_to = |second| {
            let hands = Hands::default();
            hands.add(second, 0);
            let clock = GuardedClock::on(hands, None);
            assert_eq!(clock.now(), at(second));
            advance(&store, &Edge::new(Arc::new(clock), Arc::new(SystemEntropy)))
        };
        assert_eq!(advance_to(100), Ok(SignedDuration::ZERO));
        assert_eq!(advance_to(90), Ok(SignedDuration::from_secs(10)));
        assert_eq!(clock_mark(&store).unwrap().unwrap().at, at(100));
        std::thread::scope(|scope| {
            for server in 0..4 {
                let advance_to = &advance_to;
                scope.spawn(move || {
                    for step in 0..25 {
                        advance_to(1000 + (step * 7 + server * 13) % 50).unwrap();
                    }
                });
            }
        });
        let highest = (0..4).flat_map(|server| (0..25).map(move |step| (step * 7 + server * 13) % 50)).max();
        assert_eq!(clock_mark(&store).unwrap().unwrap().at, at(1000 + highest.unwrap()));
    }
}
