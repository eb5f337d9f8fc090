//! The authorization code grant with PKCE (RFC 6749, section 4.1; RFC 7636).

use arm::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Challenge, Granted, OAuthError, RedirectUri};
use crate::SecretDigest;

/// How long a code may be redeemed, in seconds (RFC 6749, section 4.1.2).
pub const CODE_SECONDS: i64 = 10 * 60;

/// A code that was handed out, stored under its digest. [`super::Authorization::approve`] makes it.
///
/// Keep it for a while after it expired: a used code that turns up again has leaked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// The key of the document.
    pub digest: SecretDigest,
    /// Where the code went.
    pub redirect: RedirectUri,
    /// What the client has to prove.
    pub challenge: Challenge,
    /// What the code is good for.
    pub granted: Granted,
    /// From when on it is void.
    pub expires: Timestamp,
    /// Whether it was redeemed.
    pub used: bool,
}

/// A token request with a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeRedemption<'a> {
    /// The client that redeems it.
    pub client: Uuid,
    /// The tenant in the request's path; `None` for `organizations` and `common`.
    pub authority: Option<TenantId>,
    /// The same address as in the authorization request, byte by byte.
    pub redirect_uri: Option<&'a str>,
    /// The PKCE verifier.
    pub verifier: Option<&'a str>,
}

/// Why a code is refused, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeFault {
    /// The answer.
    pub error: OAuthError,
    /// The family of tokens to revoke, together with the refusal: the code came a second time, so either it
    /// or the tokens given for it are in the wrong hands (RFC 6749, section 4.1.2).
    pub revoke: Option<Uuid>,
}

impl From<OAuthError> for CodeFault {
    fn from(error: OAuthError) -> Self {
        Self { error, revoke: None }
    }
}

impl AuthorizationCode {
    /// Redeems the code: what it entitles to, and the document to write. A refused attempt changes nothing,
    /// and leaves the code to the client that holds the verifier.
    ///
    /// # Errors
    /// AADSTS54005 for a used code (with the family to revoke), AADSTS70008 for an expired one, AADSTS70000
    /// for another client, tenant or redirect address, AADSTS501481 for a wrong verifier.
    pub fn redeem(&self, request: CodeRedemption<'_>, now: Timestamp) -> Result<(Granted, Self), CodeFault> {
        if self.used {
            return Err(CodeFault {
                error: OAuthError::already_redeemed(),
                revoke: Some(self.granted.family),
            });
        }
        if now >= self.expires {
            return Err(OAuthError::grant_expired().into());
        }
        let same_client = request.client == self.granted.client;
        let same_tenant = request.authority.is_none_or(|tenant| tenant == self.granted.tenant);
        if !same_client || !same_tenant || request.redirect_uri != Some(self.redirect.as_str()) {
            return Err(OAuthError::invalid_grant().into());
        }
        let verifier = request.verifier.ok_or_else(|| OAuthError::missing_parameter("code_verifier"))?;
        if !self.challenge.is_met_by(verifier) {
            return Err(OAuthError::verifier_mismatch().into());
        }
        Ok((self.granted.clone(), Self { used: true, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::authorize::tests::request;
    use crate::oauth::tests::{at, contoso, sign_in};
    use crate::oauth::{AZURE_CLI, Scope};

    const FAMILY: Uuid = Uuid::from_u128(77);
    const RIGHT: CodeRedemption<'_> = CodeRedemption {
        client: AZURE_CLI,
        authority: None,
        redirect_uri: Some("http://localhost:54321"),
        verifier: Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    };

    fn code() -> AuthorizationCode {
        let (secret, code) =
            request().check().unwrap().approve(contoso(), sign_in(), FAMILY, at(1000), [9; 32]);
        assert!(code.digest.matches(secret.expose()));
        code
    }

    #[test]
    fn the_right_request_gets_what_was_asked_for() {
        let (granted, after) = code().redeem(RIGHT, at(1001)).unwrap();
        assert_eq!(granted.scope, Scope::parse(crate::oauth::tests::ARM_SCOPE).unwrap());
        assert_eq!(
            (granted.sign_in, granted.family, granted.nonce.as_deref()),
            (sign_in(), FAMILY, Some("nonce"))
        );
        assert!(after.used);
    }

    #[test]
    fn wrong_requests_are_refused_and_change_nothing() {
        let by_client = |client| CodeRedemption { client, ..RIGHT };
        let elsewhere = |redirect_uri| CodeRedemption { redirect_uri, ..RIGHT };
        let proved_by = |verifier| CodeRedemption { verifier, ..RIGHT };
        let at_tenant = |n| CodeRedemption { authority: Some(TenantId(Uuid::from_u128(n))), ..RIGHT };
        let last = 1000 + CODE_SECONDS - 1;
        let cases = [
            ("another client", by_client(Uuid::nil()), last, 70000),
            ("another tenant", at_tenant(2), last, 70000),
            ("another port", elsewhere(Some("http://localhost:1")), last, 70000),
            ("a slash more", elsewhere(Some("http://localhost:54321/")), last, 70000),
            ("no redirect", elsewhere(None), last, 70000),
            ("no verifier", proved_by(None), last, 900_144),
            ("a wrong verifier", proved_by(Some("x")), last, 501_481),
            ("too late", RIGHT, last + 1, 70008),
        ];
        for (what, request, now, code_number) in cases {
            let fault = code().redeem(request, at(now)).unwrap_err();
            assert_eq!((fault.error.code, fault.revoke), (code_number, None), "{what}");
        }
        assert!(code().redeem(at_tenant(1), at(last)).is_ok());
    }

    #[test]
    fn a_second_use_is_refused_and_names_what_to_revoke() {
        let (_, after) = code().redeem(RIGHT, at(1001)).unwrap();
        for now in [1002, 1000 + CODE_SECONDS + 1] {
            let fault = after.redeem(RIGHT, at(now)).unwrap_err();
            assert_eq!((fault.error.code, fault.revoke), (54005, Some(FAMILY)));
        }
    }
}
