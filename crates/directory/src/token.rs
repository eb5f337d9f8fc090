//! Tokens: signing keys, access tokens and their verification, and the answer of the token endpoint.
//!
//! Tokens are signed with Ed25519 (JWS algorithm `EdDSA`, RFC 8037). It is the one algorithm here: it needs
//! no randomness, so issuing is a pure function; keys and signatures are small; and no Azure client verifies
//! a token (azure-clients 3.1), so nothing speaks for an older one. A token that names another algorithm is
//! refused before anything else is looked at.
//!
//! Access tokens have the type `at+jwt` (RFC 9068) and ID tokens `JWT`, so that one is never taken for the
//! other. There is no leeway for clocks: issuer and verifier are one program with one clock.

mod access;
mod answer;
mod key;

pub use access::{
    ACCESS_SECONDS, AccessClaims, Expected, IdentityType, MAX_TOKEN_BYTES, Signed, TokenFault, check_caller,
    check_claims, issue, issuer, verify, verify_signature, wrong_tenant,
};
pub use answer::{TokenAnswer, UserRequest, application_tokens, client_info, user_tokens};
pub use key::{SigningKey, StoredSigningKey, jwks};
