//! Refresh tokens: how az stays signed in, and how it gets tokens of a second tenant.
//!
//! A refresh token is *not* replaced when it is used. Right after signing in, az redeems the same one at
//! every tenant of the person, several at a time, and several az processes share a cache; whoever is a moment
//! late would hold a dead token, and "somebody used an old token" would mean nothing. So it stays valid until
//! it has not been used for 90 days or its family is revoked, and the answer repeats it. What limits the harm
//! of a stolen one: it is bound to the person and the client, [`crate::admit`] is asked at every use, and
//! ending the person's sessions voids it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::OAuthError;
use crate::later::later;
use crate::{Secret, SecretDigest, SignIn};

/// How long a refresh token lives without being used, in seconds (90 days, as Entra's).
pub const REFRESH_SECONDS: i64 = 90 * 24 * 60 * 60;
/// The life of a token is prolonged at most this often, in seconds, so that most uses write nothing.
const SLIDE_SECONDS: i64 = 24 * 60 * 60;

/// A refresh token, stored under its digest. It belongs to a person, not to a tenant: it is redeemable
/// wherever the person is a member or a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// The key of the document.
    pub digest: SecretDigest,
    /// The family of all tokens that descend from one sign-in; index it, revocation comes by family.
    pub family: Uuid,
    /// The client it was given to.
    pub client: Uuid,
    /// Who signed in, how and when. New access tokens repeat it.
    pub sign_in: SignIn,
    /// From when on it is void, unless it is used before.
    pub expires: Timestamp,
    /// Since when it is revoked.
    pub revoked: Option<Timestamp>,
}

impl RefreshToken {
    /// Makes the refresh token of a new sign-in: the secret to hand out, and the document to store.
    pub fn start(
        client: Uuid,
        family: Uuid,
        sign_in: SignIn,
        now: Timestamp,
        random: [u8; 32],
    ) -> (Secret, Self) {
        let secret = Secret::from_random(random);
        let expires = later(now, REFRESH_SECONDS);
        let document = Self { digest: secret.digest(), family, client, sign_in, expires, revoked: None };
        (secret, document)
    }

    /// Checks a use of the token. Returns the document to write, if its life is to be prolonged. Ask
    /// [`crate::admit`] next, with the users as stored now, and repeat the token itself in the answer.
    ///
    /// # Errors
    /// AADSTS70000 for another client, AADSTS50173 when it is revoked, AADSTS70008 when it has expired.
    pub fn redeem(&self, client: Uuid, now: Timestamp) -> Result<Option<Self>, OAuthError> {
        if client != self.client {
            return Err(OAuthError::invalid_grant());
        }
        if self.revoked.is_some() {
            return Err(OAuthError::session_revoked());
        }
        if now >= self.expires {
            return Err(OAuthError::grant_expired());
        }
        let expires = later(now, REFRESH_SECONDS);
        let worth_writing = expires.duration_since(self.expires) >= SignedDuration::from_secs(SLIDE_SECONDS);
        Ok(worth_writing.then(|| Self { expires, ..self.clone() }))
    }

    /// The document with the family revoked; the first revocation stands.
    #[must_use]
    pub fn revoke(&self, now: Timestamp) -> Self {
        Self { revoked: self.revoked.or(Some(now)), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::AZURE_CLI;
    use crate::oauth::tests::{at, sign_in};

    const DAY: i64 = 24 * 60 * 60;

    fn token() -> RefreshToken {
        let (secret, token) = RefreshToken::start(AZURE_CLI, Uuid::from_u128(77), sign_in(), at(0), [5; 32]);
        assert!(token.digest.matches(secret.expose()));
        token
    }

    #[test]
    fn it_may_be_used_many_times_at_once() {
        for _ in 0..3 {
            assert_eq!(token().redeem(AZURE_CLI, at(1)), Ok(None));
        }
    }

    #[test]
    fn use_prolongs_its_life_once_a_day() {
        assert_eq!(token().redeem(AZURE_CLI, at(DAY - 1)), Ok(None));
        let prolonged = token().redeem(AZURE_CLI, at(DAY)).unwrap().unwrap();
        assert_eq!(prolonged, RefreshToken { expires: at(DAY + REFRESH_SECONDS), ..token() });
        assert!(prolonged.redeem(AZURE_CLI, at(REFRESH_SECONDS)).is_ok());
    }

    #[test]
    fn expired_revoked_and_foreign_ones_are_refused() {
        let revoked = token().revoke(at(5));
        let code =
            |token: &RefreshToken, client, now| token.redeem(client, at(now)).map_err(|error| error.code);
        assert_eq!(code(&token(), AZURE_CLI, REFRESH_SECONDS), Err(70008));
        assert!(code(&token(), AZURE_CLI, REFRESH_SECONDS - 1).is_ok());
        assert_eq!(code(&revoked, AZURE_CLI, 6), Err(50173));
        assert_eq!(code(&token(), Uuid::nil(), 1), Err(70000));
        assert_eq!(revoked.revoke(at(9)).revoked, Some(at(5)));
    }
}
