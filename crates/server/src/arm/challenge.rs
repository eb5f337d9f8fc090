//! Claims challenges: how a client learns that the sign-in shows too little, and what to ask for.
//!
//! Azure's clients act on a challenge with a 401 alone (azure-core's `ARMChallengeAuthenticationPolicy`), and only those
//! that put the capability `CP1` into their tokens understand one. So those get a 401 and step up by themselves where
//! they can; others get the error with its own status. All get the header, the claims in the body, and the command.

use arm::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::call::SignedIn;
use super::reply::Reply;

/// The claims that an error asks for.
pub fn claims_of(error: &Error) -> Option<&Value> {
    let challenge = error.additional_info.iter().find(|(kind, _)| kind == "ClaimsChallenge");
    challenge.and_then(|(_, info)| info.get("claims"))
}

/// The answer to a request whose sign-in shows too little.
pub fn reply(mut error: Error, status: u16, claims: &Value, who: &SignedIn, origin: &str) -> Reply {
    let encoded = STANDARD.encode(claims.to_string());
    let tenant = who.tenant;
    // No quotation marks: this is copied out of JSON in which they would be escaped.
    error.message = format!(
        "{} With the Azure CLI: az logout; az login --tenant {tenant} --scope {origin}/.default --claims-challenge \
         {encoded}",
        error.message
    );
    let header = format!(
        "Bearer realm=\"\", authorization_uri=\"{origin}/{tenant}/oauth2/v2.0/authorize\", \
         error=\"insufficient_claims\", claims=\"{encoded}\""
    );
    let status = if who.answers_challenges { 401 } else { status };
    Reply { status, body: Some(error.envelope()), headers: Vec::new() }
        .with_header("x-ms-error-code", error.code.clone())
        .with_header("www-authenticate", header)
}
