//! How often somebody may fail to sign in.
//!
//! Two counters stand before every password, client secret, one-time password, recovery code and temporary
//! access pass: one per account ([`account_key`]) and one per address ([`address_key`]). Ask both before the
//! slow check, and write both after it.
//!
//! The account's counter is keyed by the name as it was typed, known or not, so a lock does not tell whether
//! an account exists. Anybody can lock an account for minutes by failing on purpose; refresh tokens work on
//! meanwhile, and no lock lasts longer than [`LONGEST_LOCK_SECONDS`] beyond the last failure.
//!
//! Attempts that run at the same time pass the gate together. The pool that runs Argon2 bounds how many.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::SecretDigest;
use crate::later::later;

/// Failures are counted over this period, in seconds: a person who mistypes now and then never meets a lock.
pub const WINDOW_SECONDS: i64 = 15 * 60;
/// Failures per account before it is locked. Ten is beyond forgetting which of one's passwords it was, and is
/// what Entra's smart lockout has.
pub const FAILURES_PER_ACCOUNT: usize = 10;
/// Failures per address. An office shares one, so it is wider; it is there for the attempt of one password on
/// many accounts.
pub const FAILURES_PER_ADDRESS: usize = 50;
/// The first lock, in seconds; each further one within [`STRIKES_FADE_SECONDS`] is twice as long.
pub const FIRST_LOCK_SECONDS: i64 = 60;
/// No lock is longer, in seconds. Together with the window it leaves a guesser about a thousand passwords a
/// day.
pub const LONGEST_LOCK_SECONDS: i64 = 15 * 60;
/// A day without a lock, and the next one is a first one again, in seconds.
pub const STRIKES_FADE_SECONDS: i64 = 24 * 60 * 60;

/// The failed sign-ins of one account or one address, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInThrottle {
    /// The failures of the last [`WINDOW_SECONDS`], oldest first; never more than the limit.
    failures: Vec<Timestamp>,
    /// How many locks there were without a day's pause between them.
    strikes: u32,
    /// The end of the last lock.
    locked_until: Option<Timestamp>,
}

/// A throttle with the key that it is stored under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// An [`account_key`] or an [`address_key`].
    pub key: String,
    /// What was counted.
    pub throttle: SignInThrottle,
}

impl SignInThrottle {
    /// Whether an attempt may be made.
    pub fn allowed(&self, now: Timestamp) -> bool {
        self.locked_until(now).is_none()
    }

    /// The end of the lock that holds now, for `Retry-After`. Refuse with
    /// [`crate::oauth::OAuthError::locked`], without looking at the password and without counting the
    /// attempt.
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| now < *until)
    }

    /// The state after a failure, given the account's or the address's limit.
    #[must_use]
    pub fn failed(&self, limit: usize, now: Timestamp) -> Self {
        let mut failures: Vec<Timestamp> =
            self.failures.iter().copied().filter(|at| in_window(*at, now)).collect();
        failures.push(now);
        let excess = failures.len().saturating_sub(limit);
        failures.drain(..excess);
        let strikes = if self.strikes_faded(now) { 0 } else { self.strikes };
        if failures.len() < limit {
            return Self { failures, strikes, locked_until: self.locked_until };
        }
        let doubled = FIRST_LOCK_SECONDS.checked_shl(strikes.min(30)).unwrap_or(LONGEST_LOCK_SECONDS);
        let until = later(now, doubled.min(LONGEST_LOCK_SECONDS));
        Self { failures, strikes: strikes.saturating_add(1), locked_until: Some(until) }
    }

    /// The state of an *account* after a success: nothing is remembered. An address has no such reset, or an
    /// attacker with one account of their own could guess for ever.
    #[must_use]
    pub fn succeeded(&self) -> Self {
        Self::default()
    }

    /// Whether the document says nothing any more and may be deleted.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.strikes_faded(now) && !self.failures.iter().any(|at| in_window(*at, now))
    }

    fn strikes_faded(&self, now: Timestamp) -> bool {
        self.locked_until.is_none_or(|until| now >= later(until, STRIKES_FADE_SECONDS))
    }
}

fn in_window(at: Timestamp, now: Timestamp) -> bool {
    now < later(at, WINDOW_SECONDS)
}

/// The key of an account's counter: the user name or application id as it was sent, whether it exists or not.
/// A digest, so that what a stranger types neither grows the store nor shows in it.
pub fn account_key(name: &str) -> String {
    format!("account:{}", SecretDigest::of(&name.trim().to_lowercase()))
}

/// How many counters there are of addresses that failed to open a repository.
const REPOSITORY_COUNTERS: u16 = 4096;

/// The key of the counter of failed attempts to open a repository from an address. It is asked after the check, so
/// that it holds up nobody who has the right secret. That is why addresses may share one, and why there need be no
/// more of them than a few thousand, however many addresses somebody has.
pub fn repository_key(address: IpAddr) -> String {
    let [high, low, ..] = SecretDigest::of(&address_key(address)).to_bytes();
    format!("repository:{:03x}", u16::from_be_bytes([high, low]) % REPOSITORY_COUNTERS)
}

/// How many things that are kept for a while an address may start within [`PACE_SECONDS`].
pub const STARTS_PER_WINDOW: u32 = 30;
/// The window in which starts are counted, in seconds.
pub const PACE_SECONDS: i64 = 60;

/// What an address has started within the present window, as stored. Each start is a document of its own besides, so
/// that there are never more of these than of those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// An [`address_key`], or the name of something else that is counted.
    pub key: String,
    /// When the window began.
    pub since: Timestamp,
    /// How many starts there were in it.
    pub starts: u32,
}

impl Pace {
    /// Counts a start; the document to write. `None` when there were too many: then nothing is written.
    pub fn start(before: Option<Self>, key: &str, now: Timestamp) -> Option<Self> {
        let before = before.filter(|pace| !pace.is_over(now));
        let pace = before.unwrap_or_else(|| Self { key: key.to_string(), since: now, starts: 0 });
        (pace.starts < STARTS_PER_WINDOW).then(|| Self { starts: pace.starts + 1, ..pace })
    }

    /// Whether the window has ended, so that the document says nothing any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= later(self.since, PACE_SECONDS)
    }
}

/// The key of an address's counter. An IPv6 client owns at least a /64, so the rest of the address does not
/// count.
pub fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("address:{v4}"),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn ten_failures_lock_and_each_lock_doubles() {
        let mut state = SignInThrottle::default();
        for second in 0..9 {
            state = state.failed(FAILURES_PER_ACCOUNT, at(second));
            assert!(state.allowed(at(second)));
        }
        let mut now = 9;
        for minutes in [1, 2, 4, 8] {
            state = state.failed(FAILURES_PER_ACCOUNT, at(now));
            assert_eq!(state.locked_until(at(now)), Some(at(now + minutes * 60)));
            assert!(!state.allowed(at(now + minutes * 60 - 1)));
            now += minutes * 60;
            assert!(state.allowed(at(now)), "the end of a lock is outside the lock");
        }
        // By now the window holds the last failures only, and the next locks have the full length.
        for _ in 0..2 {
            while state.allowed(at(now)) {
                state = state.failed(FAILURES_PER_ACCOUNT, at(now));
            }
            assert_eq!(state.locked_until(at(now)), Some(at(now + LONGEST_LOCK_SECONDS)));
            now += LONGEST_LOCK_SECONDS;
        }
    }

    #[test]
    fn a_success_clears_and_a_day_without_a_lock_forgives() {
        let locked =
            (0..10).fold(SignInThrottle::default(), |state, s| state.failed(FAILURES_PER_ACCOUNT, at(s)));
        assert_eq!(locked.succeeded(), SignInThrottle::default());
        let next_day = 69 + STRIKES_FADE_SECONDS;
        assert!(!locked.is_idle(at(next_day - 1)));
        assert!(locked.is_idle(at(next_day)));
        let again = (0..10).fold(locked, |state, s| state.failed(FAILURES_PER_ACCOUNT, at(next_day + s)));
        assert_eq!(again.locked_until(at(next_day + 9)), Some(at(next_day + 9 + FIRST_LOCK_SECONDS)));
    }

    #[test]
    fn keys_fold_what_is_the_same() {
        assert_eq!(account_key(" Alice@Contoso.example"), account_key("alice@contoso.example"));
        assert_ne!(account_key("alice"), account_key("bob"));
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn counters_of_repositories_are_bounded_and_apart_from_those_of_sign_ins() {
        let keys: std::collections::BTreeSet<String> =
            (0..100_000_u32).map(|n| repository_key(std::net::Ipv4Addr::from(n).into())).collect();
        assert_eq!(keys.len(), usize::from(REPOSITORY_COUNTERS));
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        assert_ne!(repository_key(address), address_key(address));
        assert_eq!(repository_key("::ffff:192.0.2.1".parse().unwrap()), repository_key(address));
    }

    #[test]
    fn a_pace_lets_so_many_start_and_no_more_until_its_window_is_over() {
        let start = |pace: Option<Pace>, now| Pace::start(pace, "a", at(now));
        let mut pace = None;
        for _ in 0..STARTS_PER_WINDOW {
            pace = start(pace, 0);
            assert!(pace.is_some());
        }
        let full = pace;
        assert_eq!(start(full.clone(), PACE_SECONDS - 1), None);
        let next = start(full, PACE_SECONDS).unwrap();
        assert_eq!((next.since, next.starts), (at(PACE_SECONDS), 1));
        assert!(!next.is_over(at(2 * PACE_SECONDS - 1)) && next.is_over(at(2 * PACE_SECONDS)));
    }

    proptest! {
        /// Whatever the pace of the attempts: no more failures get through in any window than the limit plus
        /// the few between growing locks, no lock is longer than the longest, and none comes without enough
        /// failures.
        #[test]
        fn no_pace_beats_the_limit(
            pauses in proptest::collection::vec(0_i64..400, 1..300),
            limit in prop::sample::select(vec![FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS]),
        ) {
            let (mut state, mut now, mut through) = (SignInThrottle::default(), 0, Vec::new());
            for pause in pauses {
                now += pause;
                if !state.allowed(at(now)) {
                    continue;
                }
                state = state.failed(limit, at(now));
                through.push(now);
                let recent = through.iter().filter(|then| now < **then + WINDOW_SECONDS).count();
                prop_assert!(recent <= limit + 4, "{recent} failures in one window");
                match state.locked_until(at(now)) {
                    Some(until) => {
                        prop_assert!(recent >= limit);
                        prop_assert!(until <= at(now + LONGEST_LOCK_SECONDS));
                    }
                    None => prop_assert!(recent < limit),
                }
                prop_assert!(state.failures.len() <= limit);
                prop_assert!(!state.is_idle(at(now)));
            }
        }
    }
}
