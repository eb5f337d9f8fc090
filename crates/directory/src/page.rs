//! What people are in the middle of at the sign-in pages.
//!
//! An open page is a document, so that its form may be sent to any server. The page holds a secret, the document its
//! digest, and the form takes the document away: it counts once.
//!
//! Strangers open pages without showing anything. What they make the store keep is therefore bounded by its keys: there
//! are [`PLACES`] places for pages, and [`PLACES_PER_ADDRESS`] of them can hold pages of one address. Whoever opens a
//! page looks at a few of its places, drawn at random, and takes the best. So nobody counts pages, nobody reads many of
//! them, and two who open pages at the same time are seldom in each other's way.

use arm::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::later::later;
use crate::oauth::{Authorization, ClaimsRequest, RedirectUri};
use crate::{PasswordProof, SecretDigest, SignIn, TotpSecret};

/// How long a page can be filled in, in seconds.
pub const PAGE_SECONDS: i64 = 10 * 60;
/// How many pages can be open at once; the oldest give way.
pub const PLACES: u16 = 4096;
/// How many of the places one address can fill, so that one does not crowd out all others. It is the number of values
/// of the byte that draws a place.
pub const PLACES_PER_ADDRESS: usize = 256;
/// How many places are looked at for a new page. With half of all places taken, one in 256 pages displaces another.
pub const LOOKS: usize = 8;

/// What the next form is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// A person types the code that a device shows.
    UserCode,
    /// A person decides whether to sign in the client that shows the code.
    Consent(Purpose),
    /// A person gives user name and password.
    Password(Purpose),
    /// The password was right; a one-time password is wanted.
    SecondFactor(Box<Proved>),
    /// A person is to show that their authenticator knows the secret that the page offers.
    Enrol(Box<Enrolling>),
    /// A person has signed in, and looks at something before it goes on.
    Present(Box<Present>),
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// What for.
    pub purpose: Purpose,
    /// The name as it was typed.
    pub username: String,
    /// What was shown, and when. However many pages follow, it counts for [`PAGE_SECONDS`].
    pub sign_in: SignIn,
}

/// Somebody who enrols a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolling {
    /// Who, and what for.
    pub present: Present,
    /// The secret that is offered. It counts for nothing until it is proved.
    pub secret: TotpSecret,
}

/// A password that was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// What for.
    pub purpose: Purpose,
    /// The name as it was typed.
    pub username: String,
    /// The proof of the password.
    pub proof: PasswordProof,
    /// When it was shown. However often a page is shown again, the proof counts for [`PAGE_SECONDS`].
    pub at: Timestamp,
}

/// What somebody signs in for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The client that gets the tokens.
    pub client: Uuid,
    /// The tenant that was asked for, with its name; `None` for the home of whoever signs in.
    pub tenant: Option<(TenantId, String)>,
    /// Where the forms are posted to.
    pub action: String,
    /// What the tokens have to say.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// How it ends.
    pub end: End,
}

/// How a sign-in ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The browser brings a code to the client.
    Browser(Box<Authorization>),
    /// A device code is approved.
    Device(SecretDigest),
    /// The person sees to the security of their own account.
    Account,
    /// The browser gets a session with the portal and goes on at this path of ours.
    Portal(String),
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
            End::Device(_) | End::Account | End::Portal(_) => None,
        }
    }

    /// The way, for the log.
    pub fn way(&self) -> &'static str {
        match self.end {
            End::Browser(_) => "browser",
            End::Device(_) => "device",
            End::Account => "account",
            End::Portal(_) => "portal",
        }
    }
}

/// An open page, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPage {
    /// Its place; the key of the document. Another page may take it.
    pub place: u16,
    /// The digest of the page's secret, by which the form finds it.
    pub digest: SecretDigest,
    /// The address that opened it, as [`crate::throttle::address_key`] has it.
    address: String,
    attempt: Attempt,
    expires: Timestamp,
}

impl OpenPage {
    /// The key of the document at a place.
    pub fn key_of(place: u16) -> String {
        format!("{place:03x}")
    }

    /// Places that a new page of an address may take, one per random byte.
    pub fn places(address: &str, random: [u8; LOOKS]) -> [u16; LOOKS] {
        random.map(|byte| {
            let [high, low, ..] = SecretDigest::of(&format!("{byte} {address}")).to_bytes();
            u16::from_be_bytes([high, low]) % PLACES
        })
    }

    /// The page, at the best of the places looked at: a free one; or else that of the address's own oldest page; or
    /// else that of the oldest. `None` when none was looked at.
    pub fn open(
        looked_at: impl IntoIterator<Item = (u16, Option<Self>)>,
        digest: SecretDigest,
        address: &str,
        attempt: Attempt,
        now: Timestamp,
    ) -> Option<Self> {
        let rank = |taken: &Option<Self>| match taken.as_ref().filter(|page| !page.is_over(now)) {
            None => (0, Timestamp::MIN),
            Some(page) if page.address == address => (1, page.expires),
            Some(page) => (2, page.expires),
        };
        let (place, _) = looked_at.into_iter().min_by_key(|(_, taken)| rank(taken))?;
        let from = match &attempt {
            Attempt::SecondFactor(proved) => proved.at,
            Attempt::Enrol(enrolling) => enrolling.present.sign_in.at,
            Attempt::Present(present) => present.sign_in.at,
            Attempt::UserCode | Attempt::Consent(_) | Attempt::Password(_) => now,
        };
        let expires = later(from, PAGE_SECONDS);
        Some(Self { place, digest, address: address.into(), attempt, expires })
    }

    /// What the form goes on with, unless it comes too late.
    pub fn take(self, now: Timestamp) -> Option<Attempt> {
        (!self.is_over(now)).then_some(self.attempt)
    }

    /// Whether its time is over, so that the document may be deleted.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{PasswordHash, prove};

    type Table = BTreeMap<u16, OpenPage>;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// Draws that are the same each time and well spread.
    fn random(n: usize) -> [u8; LOOKS] {
        SecretDigest::of(&n.to_string()).to_bytes()[..LOOKS].try_into().unwrap()
    }

    fn put(table: &mut Table, address: &str, n: usize) -> SecretDigest {
        let digest = SecretDigest::of(&format!("{address} {n}"));
        let places = OpenPage::places(address, random(n));
        let looked_at = places.map(|place| (place, table.get(&place).cloned()));
        let now = at(i64::try_from(n).unwrap() / 1000);
        let page = OpenPage::open(looked_at, digest, address, Attempt::UserCode, now).unwrap();
        assert!(places.contains(&page.place));
        table.insert(page.place, page);
        digest
    }

    fn is_open(table: &Table, digest: SecretDigest) -> bool {
        table.values().any(|page| page.digest == digest)
    }

    #[test]
    fn a_page_is_open_for_a_while() {
        let mut table = Table::new();
        put(&mut table, "a", 0);
        let (_, page) = table.pop_first().unwrap();
        assert!(!page.is_over(at(599)) && page.is_over(at(600)));
        assert_eq!(page.clone().take(at(599)), Some(Attempt::UserCode));
        assert_eq!(page.take(at(600)), None);
    }

    #[test]
    fn one_address_crowds_out_itself_alone() {
        let mut table = Table::new();
        let others: Vec<SecretDigest> = (0..40).map(|n| put(&mut table, &format!("other {n}"), n)).collect();
        let mine: Vec<SecretDigest> = (0..20_000).map(|n| put(&mut table, "a", n)).collect();
        assert!(others.iter().all(|other| is_open(&table, *other)));
        let open = mine.iter().filter(|page| is_open(&table, **page)).count();
        assert!((200..=PLACES_PER_ADDRESS).contains(&open), "{open}");
        assert!(is_open(&table, mine[19_999]), "the newest");
        assert!(!is_open(&table, mine[0]), "the oldest");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut table = Table::new();
        for n in 0..30_000 {
            put(&mut table, &n.to_string(), n);
        }
        assert!(table.len() > 3500 && table.len() <= usize::from(PLACES), "{}", table.len());
    }

    #[test]
    fn an_office_loses_no_page() {
        let mut table = Table::new();
        let pages: Vec<SecretDigest> = (0..50).map(|n| put(&mut table, "office", n)).collect();
        assert!(pages.iter().all(|page| is_open(&table, *page)));
    }

    #[test]
    fn a_place_whose_page_is_over_is_free() {
        let page = |place, address: &str, now| {
            let digest = SecretDigest::of(address);
            (place, OpenPage::open([(place, None)], digest, address, Attempt::UserCode, at(now)))
        };
        let digest = SecretDigest::of("new");
        let open = |looked_at: Vec<(u16, Option<OpenPage>)>, now| {
            OpenPage::open(looked_at, digest, "a", Attempt::UserCode, at(now)).map(|page| page.place)
        };
        let taken = || vec![page(1, "b", 0), page(2, "a", 200), page(3, "a", 100)];
        assert_eq!(open(taken(), 300), Some(3), "my oldest");
        assert_eq!(open(taken(), 600), Some(1), "over");
        assert_eq!(open([taken(), vec![(4, None)]].concat(), 300), Some(4), "free");
        assert_eq!(open(vec![page(1, "b", 50), page(2, "b", 0)], 300), Some(2), "the oldest");
        assert_eq!(open(Vec::new(), 0), None);
    }

    #[test]
    fn a_password_that_was_right_does_not_count_for_longer_than_a_page() {
        let hash = PasswordHash::new("correct horse", [1; 16]).unwrap();
        let proof = prove(Some(&hash), "correct horse").unwrap();
        let purpose = Purpose {
            client: Uuid::nil(),
            tenant: None,
            action: "/device".into(),
            claims: ClaimsRequest::default(),
            end: End::Device(SecretDigest::of("device")),
        };
        let proved = Proved { purpose, username: "alice".into(), proof, at: at(0) };
        let attempt = Attempt::SecondFactor(Box::new(proved));
        let digest = SecretDigest::of("page");
        // Shown again after nine minutes, because the code was wrong.
        let again = OpenPage::open([(7, None)], digest, "a", attempt.clone(), at(540)).unwrap();
        let stored: OpenPage = serde_json::from_str(&serde_json::to_string(&again).unwrap()).unwrap();
        assert_eq!(stored, again);
        assert_eq!(stored.clone().take(at(599)), Some(attempt));
        assert_eq!(stored.take(at(600)), None);
    }
}
