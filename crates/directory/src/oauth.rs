//! The OAuth 2.0 grants that the Azure clients use, as pure state machines (RFC 6749, 7636, 8252, 8628).
//!
//! Each grant is a document. A step takes the request, the document as stored now, the time and fresh random
//! bytes, and returns the answer together with the document to write. Store both in one commit, so that a
//! code is redeemed once even when two requests race for it.
//!
//! There is one public client, the az CLI's ([`AZURE_CLI`]), which the Azure SDKs borrow for people too.
//! Applications with a secret use the client credentials grant alone ([`crate::application_sign_in`]).

mod authorize;
mod claims;
mod client;
mod code;
mod device;
mod error;
mod pkce;
mod redirect;
mod refresh;
mod revoked;
mod scope;

use arm::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::SignIn;

pub use authorize::{Authorization, AuthorizeRequest, ResponseMode};
pub use claims::ClaimsRequest;
pub use client::{AZURE_CLI, public_client};
pub use code::{AuthorizationCode, CODE_SECONDS, CodeFault, CodeRedemption};
pub use device::{DEVICE_CODE_SECONDS, DeviceAnswer, DeviceCode, DeviceState, POLL_SECONDS, UserCode};
pub use error::OAuthError;
pub use pkce::Challenge;
pub use redirect::RedirectUri;
pub use refresh::{REFRESH_SECONDS, RefreshToken};
pub use revoked::RevokedFamily;
pub use scope::Scope;

/// What a redeemed code entitles to: the input of [`crate::token::user_tokens`] and of
/// [`RefreshToken::start`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The tenant of the tokens.
    pub tenant: TenantId,
    /// The client that they go to.
    pub client: Uuid,
    /// What was asked for.
    pub scope: Scope,
    /// To be repeated in the ID token.
    pub nonce: Option<String>,
    /// Who signed in, how and when.
    pub sign_in: SignIn,
    /// The family of all tokens that descend from this sign-in: their `sid`, and what is revoked as one.
    pub family: Uuid,
}

#[cfg(test)]
pub(crate) mod tests {
    use arm::ObjectId;
    use jiff::Timestamp;

    use super::*;
    use crate::{Method, Person};

    pub(crate) const ARM_SCOPE: &str = "https://localhost:8443/.default offline_access openid profile";

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    pub(crate) fn contoso() -> TenantId {
        TenantId(Uuid::from_u128(1))
    }

    pub(crate) fn sign_in() -> SignIn {
        let person = Person::Human { tenant: contoso(), object: ObjectId(Uuid::from_u128(10)) };
        SignIn { person, methods: vec![Method::Pwd], at: at(0) }
    }
}
