//! The security PIN: what a backup host shows for a request on a repository that its rules keep shut (contract 4.4).

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A PIN that was issued for a vault and not used yet. A vault has one at a time; a new one takes the place of the last.
///
/// A PIN has a million values, so it does not last: not for long, not for a second use, and not for many tries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityPin {
    /// The first instant at which it is no longer good.
    pub expires: Timestamp,
    /// A slow, salted hash of the PIN: to go through all values takes longer than a PIN lasts.
    pub hash: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// Who asked for it.
    pub issued_by: String,
    /// What answers and the ledger call it: a GUID.
    pub token: String,
    /// How often a PIN may still be tried.
    pub tries_left: u8,
    /// The vault.
    pub vault: ResourceId,
}

impl SecurityPin {
    /// How long a PIN is good, in minutes. Azure's number.
    pub const MINUTES: i64 = 5;
    /// How often one may be tried, the right time included.
    pub const TRIES: u8 = 5;
    /// How many decimal digits it has.
    pub const DIGITS: usize = 6;

    /// When a PIN that is issued now ends.
    pub fn expiry(now: Timestamp) -> Timestamp {
        now.checked_add(SignedDuration::from_mins(Self::MINUTES)).unwrap_or(now)
    }

    /// Whether its time is not over.
    pub fn is_current(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// Whether something can be a PIN at all.
    pub fn is_well_formed(text: &str) -> bool {
        text.len() == Self::DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}
