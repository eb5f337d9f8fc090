//! Sign-ins that were revoked as a whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::later::later;
use crate::token::ACCESS_SECONDS;

/// A family of tokens that was revoked. Whoever believes an access token asks for this with the token's `sid`, so
/// that the tokens which are already out end at once and not an hour later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedFamily {
    /// The family; the key of the document.
    pub family: Uuid,
    /// Since when it is revoked.
    pub at: Timestamp,
}

impl RevokedFamily {
    /// Whether every access token of the family has expired by itself, so that the document may be deleted. Refresh
    /// tokens note the revocation in their own documents.
    pub fn is_moot(&self, now: Timestamp) -> bool {
        now >= later(self.at, ACCESS_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::tests::at;

    #[test]
    fn it_is_kept_as_long_as_a_token_may_live() {
        let revoked = RevokedFamily { family: Uuid::nil(), at: at(100) };
        assert!(!revoked.is_moot(at(100 + ACCESS_SECONDS - 1)));
        assert!(revoked.is_moot(at(100 + ACCESS_SECONDS)));
    }
}
