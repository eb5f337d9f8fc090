//! The authorization request: what a browser brings to the sign-in page (RFC 6749, section 4.1.1).

use arm::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AuthorizationCode, CODE_SECONDS, Challenge, ClaimsRequest, Granted, OAuthError, RedirectUri, Scope,
    public_client,
};
use crate::later::later;
use crate::{Secret, SignIn};

/// The longest `state` and `nonce` accepted, in bytes.
const MAX_ECHO_BYTES: usize = 2048;

/// The parameters as they came, unchecked. Those not listed are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuthorizeRequest {
    /// The client.
    pub client_id: Option<String>,
    /// `code`.
    pub response_type: Option<String>,
    /// `form_post` or `query`; the latter when missing.
    pub response_mode: Option<String>,
    /// Where the code goes.
    pub redirect_uri: Option<String>,
    /// What is asked for.
    pub scope: Option<String>,
    /// Repeated to the client as it is.
    pub state: Option<String>,
    /// Repeated in the ID token.
    pub nonce: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<String>,
    /// `S256`.
    pub code_challenge_method: Option<String>,
    /// What the tokens have to say.
    pub claims: Option<String>,
}

/// How the code travels back to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// In the query of the redirect address (MSAL for JavaScript).
    Query,
    /// In a form that the page posts by itself (MSAL for Python, which accepts nothing else).
    FormPost,
}

/// A checked authorization request: all that the sign-in page needs until somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The client.
    pub client: Uuid,
    /// Where the code goes.
    pub redirect: RedirectUri,
    /// How it goes there.
    pub mode: ResponseMode,
    /// What is asked for.
    pub scope: Scope,
    /// To be repeated to the client.
    pub state: Option<String>,
    /// What the tokens have to say.
    #[serde(default)]
    pub claims: ClaimsRequest,
    nonce: Option<String>,
    challenge: Challenge,
}

impl AuthorizeRequest {
    /// Checks the request.
    ///
    /// # Errors
    /// Show them on a page and do not redirect: until the request is known to be good, so is its redirect
    /// address not.
    pub fn check(&self) -> Result<Authorization, OAuthError> {
        let client = public_client(self.client_id.as_deref())?;
        let redirect = RedirectUri::parse(self.redirect_uri.as_deref())?;
        if self.response_type.as_deref() != Some("code") {
            return Err(OAuthError::malformed("response_type must be 'code'"));
        }
        let mode = match self.response_mode.as_deref() {
            None | Some("query") => ResponseMode::Query,
            Some("form_post") => ResponseMode::FormPost,
            Some(_) => {
                return Err(OAuthError::malformed("response_mode must be 'form_post' or 'query'"));
            }
        };
        if [&self.state, &self.nonce].into_iter().flatten().any(|text| text.len() > MAX_ECHO_BYTES) {
            return Err(OAuthError::malformed("state or nonce is too long"));
        }
        Ok(Authorization {
            client,
            redirect,
            mode,
            scope: Scope::parse(self.scope.as_deref().unwrap_or_default())?,
            state: self.state.clone(),
            claims: ClaimsRequest::parse(self.claims.as_deref()),
            nonce: self.nonce.clone(),
            challenge: Challenge::parse(
                self.code_challenge.as_deref(),
                self.code_challenge_method.as_deref(),
            )?,
        })
    }
}

impl Authorization {
    /// Ends the request with a sign-in: the code to hand out, and the document to store under its digest.
    pub fn approve(
        &self,
        tenant: TenantId,
        sign_in: SignIn,
        family: Uuid,
        now: Timestamp,
        random: [u8; 32],
    ) -> (Secret, AuthorizationCode) {
        let code = Secret::from_random(random);
        let granted = Granted {
            tenant,
            client: self.client,
            scope: self.scope.clone(),
            nonce: self.nonce.clone(),
            sign_in,
            family,
        };
        let document = AuthorizationCode {
            digest: code.digest(),
            redirect: self.redirect.clone(),
            challenge: self.challenge.clone(),
            granted,
            expires: later(now, CODE_SECONDS),
            used: false,
        };
        (code, document)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::oauth::tests::ARM_SCOPE;

    /// What az sends, with the challenge of RFC 7636, appendix B.
    pub(crate) fn request() -> AuthorizeRequest {
        let some = |text: &str| Some(text.to_string());
        AuthorizeRequest {
            client_id: some("04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
            response_type: some("code"),
            response_mode: some("form_post"),
            redirect_uri: some("http://localhost:54321"),
            scope: some(ARM_SCOPE),
            state: some("state"),
            nonce: some("nonce"),
            code_challenge: some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            code_challenge_method: some("S256"),
            claims: None,
        }
    }

    #[test]
    fn what_az_sends_is_good() {
        let checked = request().check().unwrap();
        assert_eq!(checked.mode, ResponseMode::FormPost);
        assert_eq!(checked.redirect.as_str(), "http://localhost:54321");
        assert_eq!(checked.scope, Scope::parse(ARM_SCOPE).unwrap());
    }

    #[test]
    fn each_flaw_is_refused() {
        let set = |change: fn(&mut AuthorizeRequest)| {
            let mut request = request();
            change(&mut request);
            request.check().map_err(|error| error.code)
        };
        assert_eq!(set(|r| r.client_id = Some("evil".into())), Err(700_016));
        assert_eq!(set(|r| r.redirect_uri = Some("https://evil.example".into())), Err(50011));
        assert_eq!(set(|r| r.response_type = Some("token".into())), Err(9_002_313));
        assert_eq!(set(|r| r.response_mode = Some("fragment".into())), Err(9_002_313));
        assert_eq!(set(|r| r.state = Some("x".repeat(5000))), Err(9_002_313));
        assert_eq!(set(|r| r.scope = Some("User.Read".into())), Err(70011));
        assert_eq!(set(|r| r.code_challenge = None), Err(9_002_325));
        assert_eq!(set(|r| r.code_challenge_method = Some("plain".into())), Err(9_002_325));
        assert!(set(|r| r.response_mode = None).is_ok());
    }
}
