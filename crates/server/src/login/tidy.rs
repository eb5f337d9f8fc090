//! Deleting what nobody can use any more. No decision waits for it: expiry is a comparison, made when it is asked.

use std::time::Duration;

use arm::Result;
use directory::oauth::{AuthorizationCode, DeviceCode, RefreshToken, RevokedFamily};
use directory::page::OpenPage;
use directory::session::Session;
use directory::throttle::{Counter, Pace};
use jiff::{SignedDuration, Timestamp};
use store::{Draft, Free};

use crate::app::App;
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(5 * 60),
    lease: "tidy-sign-in",
    term: SignedDuration::from_mins(11),
    failed: "the sign-in could not be tidied up",
    work: tidy,
};
/// How long a code is kept after it has expired: a used one that turns up again has leaked, and still has to name the
/// family that is to be revoked.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// How many documents go into one commit.
const AT_ONCE: usize = 200;

/// Deletes expired pages, codes and tokens, and throttles that say nothing any more.
///
/// # Errors
/// When the store fails.
fn tidy(app: &App) -> Result<()> {
    let past = |expires: Timestamp, now: Timestamp| now.duration_since(expires) >= REMEMBERED;
    sweep(app, |page: &OpenPage, now| page.is_over(now))?;
    sweep(app, |session: &Session, now| session.is_over(now))?;
    sweep(app, |draft: &Draft, now| draft.is_over(now))?;
    sweep(app, |code: &AuthorizationCode, now| past(code.expires, now))?;
    sweep(app, |code: &DeviceCode, now| past(code.expires, now))?;
    sweep(app, |token: &RefreshToken, now| {
        now >= token.expires || token.revoked.is_some_and(|at| past(at, now))
    })?;
    sweep(app, |family: &RevokedFamily, now| family.is_moot(now))?;
    sweep(app, |pace: &Pace, now| pace.is_over(now))?;
    sweep(app, |counter: &Counter, now| counter.throttle.is_idle(now))
}

/// Finds in one look, and deletes a few at a time after looking at each again: a decision about all documents of a kind
/// would be made again for every one that changes meanwhile.
pub fn sweep<D: Free>(app: &App, is_over: impl Fn(&D, Timestamp) -> bool) -> Result<()> {
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

    use directory::oauth::AZURE_CLI;
    use directory::page::Attempt;
    use directory::throttle::{FAILURES_PER_ADDRESS, SignInThrottle};
    use directory::{Method, Person, SecretDigest, SignIn};
    use parking_lot::Mutex;
    use store::{Document, Store};
    use uuid::Uuid;

    use super::*;
    use crate::edge::{Clock, Edge, SystemEntropy};
    use crate::mail::Post;
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

    fn origins() -> Origins {
        Origins { arm_port: 8443, graph_port: 8444, public_name: None }
    }

    fn app(folder: &std::path::Path, clock: Arc<TestClock>) -> App {
        App {
            scrubbing: crate::scrub::Pace::default(),
            store: Store::open(folder).unwrap(),
            edge: Edge::new(clock, Arc::new(SystemEntropy)),
            keys: Arc::default(),
            bearers: Arc::default(),
            post: Arc::new(Post::new(&Default::default(), &origins())),
            origins: Arc::new(origins()),
            metrics: Metrics::default(),
            server: Uuid::from_u128(1),
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
        let (_, device) = DeviceCode::start(AZURE_CLI, None, Default::default(), "page", at(0), randoms);
        let counter = Counter {
            key: "address:192.0.2.1".into(),
            throttle: SignInThrottle::default().failed(FAILURES_PER_ADDRESS, at(0)),
        };
        let page = OpenPage::open([(0, None)], SecretDigest::of("page"), "address", Attempt::UserCode, at(0));
        let written = app.store.transact(|tx| {
            tx.put(page.as_ref().unwrap())?;
            tx.put(&Pace::start(None, "address", at(0)).unwrap())?;
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
                count::<OpenPage>(&app) + count::<Pace>(&app),
            )
        };
        let after = |hours| {
            *clock.0.lock() = at(hours);
            tidy(&app).unwrap();
            counts()
        };
        assert_eq!(after(0), (1, 1, 1, 2, 2));
        assert_eq!(after(1), (0, 0, 1, 2, 0), "counted and revoked an hour ago");
        assert_eq!(after(24), (0, 0, 1, 1, 0), "revoked a day ago");
        assert_eq!(after(25), (0, 0, 0, 1, 0), "void for a day");
        assert_eq!(after(90 * 24 - 1), (0, 0, 0, 1, 0));
        assert_eq!(after(90 * 24), (0, 0, 0, 0, 0), "not used for 90 days");
    }

    #[test]
    fn one_of_two_servers_tidies_up_and_the_other_one_takes_over() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(Mutex::new(at(0))));
        let a = app(folder.path(), Arc::clone(&clock));
        let b = App { server: Uuid::from_u128(2), ..a.clone() };
        let turns = || (TURN.take(&a).unwrap(), TURN.take(&b).unwrap());
        let passed = |minutes| *clock.0.lock() = at(0) + SignedDuration::from_mins(minutes);
        assert_eq!(turns(), (true, false));
        passed(5);
        assert_eq!(turns(), (true, false));
        TURN.leave(&b).unwrap();
        assert_eq!(turns(), (true, false), "nobody gives back what another holds");
        TURN.leave(&a).unwrap();
        assert!(TURN.take(&b).unwrap(), "a stop gives it back at once");
        // The holder dies.
        passed(15);
        assert!(!TURN.take(&a).unwrap());
        passed(16);
        fill(&a);
        assert!(TURN.take(&a).unwrap());
        assert_eq!(count::<OpenPage>(&a), 0, "and does what there was to do");
    }
}
