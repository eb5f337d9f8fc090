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
    let over: Vec<String> = all.iter().filter(|document| is_over(document, now)).map(D::key).collect();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use directory::oauth::{AZURE_CLI, Scope};
    use directory::throttle::{FAILURES_PER_ADDRESS, SignInThrottle};
    use directory::{Method, Person, SecretDigest, SignIn};
    use parking_lot::Mutex;
    use store::{Document, Store};
    use uuid::Uuid;

    use super::*;
    use crate::edge::{Clock, Edge, SystemEntropy};
    use crate::metrics::Metrics;
    use crate::origin::Origins;

    struct TestClock(Mutex<Timestamp>);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            *self.0.lock()
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn app(folder: &std::path::Path, clock: Arc<TestClock>) -> App {
        App {
            store: Store::open(folder).unwrap(),
            edge: Edge::new(clock, Arc::new(SystemEntropy)),
            keys: Arc::default(),
            origins: Arc::new(Origins { arm_port: 8443, graph_port: 8444, public_name: None }),
            metrics: Metrics::default(),
            work: Default::default(),
            desk: Arc::default(),
        }
    }

    fn count<D: Document>(app: &App) -> usize {
        app.store.transact(|tx| Ok(tx.all::<D>()?.len())).unwrap()
    }

    fn fill(app: &App) {
        let sign_in =
            SignIn { person: Person::Application(Uuid::nil()), methods: vec![Method::Pwd], at: at(0) };
        let family = Uuid::from_u128(7);
        let (_, live) = RefreshToken::start(AZURE_CLI, family, sign_in, at(0), [1; 32]);
        let revoked = RefreshToken { digest: SecretDigest::of("revoked"), ..live.revoke(at(0)) };
        let randoms = ([2; 32], [3; 8]);
        let (_, device) = DeviceCode::start(AZURE_CLI, None, Scope::default(), "page", at(0), randoms);
        let counter = Counter {
            key: "address:192.0.2.1".into(),
            throttle: SignInThrottle::default().failed(FAILURES_PER_ADDRESS, at(0)),
        };
        let written = app.store.transact(|tx| {
            tx.put(&live)?;
            tx.put(&revoked)?;
            tx.put(&device)?;
            tx.put(&counter)?;
            tx.put(&RevokedFamily { family, at: at(0) })
        });
        written.unwrap();
    }

    #[test]
    fn what_is_over_goes_and_what_may_still_count_stays() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(Mutex::new(at(0))));
        let app = app(folder.path(), Arc::clone(&clock));
        fill(&app);
        let counts = || {
            (
                count::<Counter>(&app),
                count::<RevokedFamily>(&app),
                count::<DeviceCode>(&app),
                count::<RefreshToken>(&app),
            )
        };
        let after = |hours| {
            *clock.0.lock() = at(hours);
            tidy(&app).unwrap();
            counts()
        };
        assert_eq!(after(0), (1, 1, 1, 2));
        assert_eq!(after(1), (0, 0, 1, 2), "counted and revoked an hour ago");
        assert_eq!(after(24), (0, 0, 1, 1), "revoked a day ago");
        assert_eq!(after(25), (0, 0, 0, 1), "void for a day");
        assert_eq!(after(90 * 24 - 1), (0, 0, 0, 1));
        assert_eq!(after(90 * 24), (0, 0, 0, 0), "not used for 90 days");
    }
}
