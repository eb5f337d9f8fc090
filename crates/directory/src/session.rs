//! A person's session with the portal, in a browser.

use arm::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::later::later;
use crate::{SecretDigest, SignIn};

/// How long a session lasts at the most, in seconds: a working day. It is never made longer; one signs in again.
pub const SESSION_SECONDS: i64 = 12 * 60 * 60;
/// After how many seconds without a request a session is over.
pub const IDLE_SECONDS: i64 = 60 * 60;
/// How exactly it is known when a session was used last, in seconds: so often it is written down at the most.
pub const SEEN_SECONDS: i64 = 5 * 60;

/// A session. The browser holds a secret in a cookie, the document its digest. It says who signed in and how, and
/// nothing of what they may do: that is asked at every request, like that of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The digest of the cookie's secret; the key of the document.
    pub digest: SecretDigest,
    /// Who signed in, how and when.
    pub sign_in: SignIn,
    /// The family: the session ends when that is revoked.
    pub family: Uuid,
    /// The directory that the person looks at. Which directories know them is asked each time.
    pub directory: TenantId,
    /// When it was used last, to [`SEEN_SECONDS`].
    pub seen: Timestamp,
}

impl Session {
    /// When it is over unless it is used meanwhile.
    pub fn ends(&self) -> Timestamp {
        let idle = later(self.seen, IDLE_SECONDS.saturating_add(SEEN_SECONDS));
        idle.min(later(self.sign_in.at, SESSION_SECONDS))
    }

    /// Whether it is over, so that the document may be deleted.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends()
    }

    /// The session with the time of this use, if that is worth a commit.
    pub fn used(&self, now: Timestamp) -> Option<Self> {
        (now >= later(self.seen, SEEN_SECONDS)).then(|| Self { seen: now, ..self.clone() })
    }

    /// The session with another directory before the person's eyes.
    pub fn turned_to(&self, directory: TenantId) -> Self {
        Self { directory, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use arm::ObjectId;

    use super::*;
    use crate::{Method, Person};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn session(seen: i64) -> Session {
        let tenant = TenantId(Uuid::from_u128(1));
        let person = Person::Human { tenant, object: ObjectId(Uuid::from_u128(2)) };
        Session {
            digest: SecretDigest::of("secret"),
            sign_in: SignIn { person, methods: vec![Method::Pwd], at: at(0) },
            family: Uuid::from_u128(3),
            directory: tenant,
            seen: at(seen),
        }
    }

    #[test]
    fn it_ends_when_nobody_uses_it() {
        let last = IDLE_SECONDS + SEEN_SECONDS;
        assert!(!session(0).is_over(at(last - 1)) && session(0).is_over(at(last)));
    }

    #[test]
    fn no_use_makes_it_longer_than_a_working_day() {
        let used = session(SESSION_SECONDS - 60);
        assert!(!used.is_over(at(SESSION_SECONDS - 1)) && used.is_over(at(SESSION_SECONDS)));
    }

    #[test]
    fn its_use_is_written_down_now_and_then() {
        assert_eq!(session(0).used(at(SEEN_SECONDS - 1)), None);
        assert_eq!(session(0).used(at(SEEN_SECONDS)), Some(session(SEEN_SECONDS)));
    }
}
