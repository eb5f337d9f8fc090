//! Bearer tokens of a request: from header text to [`SignedIn`].

use arm::{Error, ErrorKind, Result};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use directory::token::{AccessClaims, Expected, IdentityType, verify};
use jiff::Timestamp;
use ledger::ActorKind;

use crate::app::App;
use crate::arm::call::SignedIn;

/// How many auxiliary tokens ARM takes (contract 5).
const AUXILIARY_TOKENS: usize = 3;

/// The main token of a request, verified for one of the audiences.
///
/// # Errors
/// 401 with ARM's code.
pub fn main_token(app: &App, headers: &HeaderMap, audiences: &[String]) -> Result<SignedIn> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    })?;
    let token = header.to_str().ok().and_then(bearer).ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        )
    })?;
    read(app, token, audiences)
}

/// The tokens of `x-ms-authorization-auxiliary`, each verified like the main one.
///
/// # Errors
/// `InvalidAuxiliaryTokens` for a malformed header, 401 for a token that does not count.
pub fn auxiliary_tokens(app: &App, headers: &HeaderMap, audiences: &[String]) -> Result<Vec<SignedIn>> {
    let invalid = |what: &str| {
        let message = format!("The 'x-ms-authorization-auxiliary' header {what}.");
        Error::new(ErrorKind::Unauthenticated, "InvalidAuxiliaryTokens", message)
    };
    let mut tokens = Vec::new();
    for value in headers.get_all("x-ms-authorization-auxiliary") {
        let value = value.to_str().map_err(|_| invalid("is not text"))?;
        for part in value.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            let token =
                bearer(part).ok_or_else(|| invalid("must hold 'Bearer' tokens, separated by commas"))?;
            tokens.push(read(app, token, audiences)?);
        }
    }
    if tokens.len() > AUXILIARY_TOKENS {
        return Err(invalid("holds more than three tokens"));
    }
    Ok(tokens)
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn read(app: &App, token: &str, audiences: &[String]) -> Result<SignedIn> {
    let origins = app.origins.arm();
    let expected = Expected { audiences, origins: &origins };
    let claims = verify(&app.keys, token, &expected, app.edge.now()).map_err(|fault| fault.to_error())?;
    Ok(signed_in(&claims))
}

fn signed_in(claims: &AccessClaims) -> SignedIn {
    let kind = match claims.idtyp {
        IdentityType::User => ActorKind::User,
        IdentityType::App => ActorKind::ServicePrincipal,
    };
    let name = claims.upn.clone().or_else(|| claims.unique_name.clone());
    SignedIn {
        tenant: claims.tid,
        object: claims.oid,
        person: claims.person.to_string(),
        kind,
        name: name.unwrap_or_else(|| claims.appid.to_string()),
        amr: claims
            .amr
            .iter()
            .filter_map(|method| serde_json::to_value(method).ok()?.as_str().map(String::from))
            .collect(),
        auth_time: claims.auth_time.and_then(|at| Timestamp::from_second(at).ok()),
        family: claims.sid,
    }
}
