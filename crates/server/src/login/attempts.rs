//! What people are in the middle of at the sign-in pages.
//!
//! It is kept in memory, for minutes: a stranger who opens pages writes nothing to the disk, and a password that was
//! right waits for its second factor as the proof that it is, and not as text. A restart loses it, and people start
//! again where they came from.

use std::collections::HashMap;

use arm::TenantId;
use directory::oauth::{Authorization, RedirectUri};
use directory::{PasswordProof, Secret, SecretDigest};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How long a page can be filled in.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How many pages can be open at once; the oldest give way.
const OPEN_PAGES: usize = 4096;
/// How many of them one address can have, so that one does not crowd out all others.
const OPEN_PAGES_PER_ADDRESS: usize = 256;

/// What the next form is for.
#[derive(Clone)]
pub enum Attempt {
    /// A person types the code that a device shows.
    UserCode,
    /// A person decides whether to sign in the client that shows the code.
    Consent(Purpose),
    /// A person gives user name and password.
    Password(Purpose),
    /// The password was right; a one-time password is wanted.
    SecondFactor {
        /// What for.
        purpose: Purpose,
        /// The name as it was typed.
        username: String,
        /// The proof of the password.
        proof: PasswordProof,
    },
}

/// What somebody signs in for.
#[derive(Clone)]
pub struct Purpose {
    /// The client that gets the tokens.
    pub client: Uuid,
    /// The tenant that was asked for, with its name; `None` for the home of whoever signs in.
    pub tenant: Option<(TenantId, String)>,
    /// Where the forms are posted to.
    pub action: String,
    /// How it ends.
    pub end: End,
}

/// How a sign-in ends.
#[derive(Clone)]
pub enum End {
    /// The browser brings a code to the client.
    Browser(Box<Authorization>),
    /// A device code is approved.
    Device(SecretDigest),
}

impl Purpose {
    /// The name of the tenant that was asked for.
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.as_ref().map(|(_, name)| name.as_str())
    }

    /// Where the browser goes in the end, if anywhere.
    pub fn redirect(&self) -> Option<&RedirectUri> {
        match &self.end {
            End::Browser(request) => Some(&request.redirect),
            End::Device(_) => None,
        }
    }

    /// The way, for the log.
    pub fn way(&self) -> &'static str {
        match self.end {
            End::Browser(_) => "browser",
            End::Device(_) => "device",
        }
    }
}

/// All of them.
#[derive(Default)]
pub struct Attempts {
    open: HashMap<SecretDigest, Open>,
    count: u64,
}

struct Open {
    attempt: Attempt,
    address: String,
    expires: Timestamp,
    number: u64,
}

impl Attempts {
    /// Keeps an attempt; the secret goes into the page.
    pub fn put(&mut self, attempt: Attempt, address: &str, now: Timestamp, random: [u8; 32]) -> Secret {
        self.tidy(now);
        let mine = |open: &&Open| open.address == address;
        if self.open.values().filter(mine).count() >= OPEN_PAGES_PER_ADDRESS {
            self.drop_oldest(Some(address));
        }
        if self.open.len() >= OPEN_PAGES {
            self.drop_oldest(None);
        }
        self.count += 1;
        let secret = Secret::from_random(random);
        let open = Open {
            attempt,
            address: address.into(),
            expires: now.checked_add(LIFE).unwrap_or(Timestamp::MAX),
            number: self.count,
        };
        self.open.insert(secret.digest(), open);
        secret
    }

    /// Takes an attempt out: its form counts once.
    pub fn take(&mut self, secret: &str, now: Timestamp) -> Option<Attempt> {
        let open = self.open.remove(&SecretDigest::of(secret))?;
        (now < open.expires).then_some(open.attempt)
    }

    /// Forgets what has expired.
    pub fn tidy(&mut self, now: Timestamp) {
        self.open.retain(|_, open| now < open.expires);
    }

    fn drop_oldest(&mut self, address: Option<&str>) {
        let oldest = self
            .open
            .iter()
            .filter(|(_, open)| address.is_none_or(|address| open.address == address))
            .min_by_key(|(_, open)| open.number)
            .map(|(key, _)| *key);
        if let Some(key) = oldest {
            self.open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn random(n: usize) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        bytes
    }

    fn put(attempts: &mut Attempts, address: &str, n: usize) -> Secret {
        attempts.put(Attempt::UserCode, address, at(0), random(n))
    }

    #[test]
    fn a_page_counts_once_and_not_for_long() {
        let mut attempts = Attempts::default();
        let page = put(&mut attempts, "a", 1);
        assert!(attempts.take(page.expose(), at(599)).is_some());
        assert!(attempts.take(page.expose(), at(599)).is_none());
        let page = put(&mut attempts, "a", 2);
        assert!(attempts.take(page.expose(), at(600)).is_none());
        assert!(attempts.take("", at(0)).is_none());
    }

    #[test]
    fn one_address_crowds_out_itself_alone() {
        let mut attempts = Attempts::default();
        let other = put(&mut attempts, "b", 0);
        let pages: Vec<Secret> =
            (1..=OPEN_PAGES_PER_ADDRESS + 1).map(|n| put(&mut attempts, "a", n)).collect();
        assert!(attempts.take(pages[0].expose(), at(1)).is_none(), "the oldest");
        assert!(attempts.take(pages[1].expose(), at(1)).is_some());
        assert!(attempts.take(other.expose(), at(1)).is_some());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut attempts = Attempts::default();
        for n in 0..OPEN_PAGES + 10 {
            put(&mut attempts, &n.to_string(), n);
        }
        assert_eq!(attempts.open.len(), OPEN_PAGES);
    }
}
