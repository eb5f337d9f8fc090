//! Claims challenges: how a client learns that its token shows too little, or is over, and what to ask for.
//!
//! Azure's clients act on a challenge with a 401 alone (azure-core's `ARMChallengeAuthenticationPolicy`), and only those
//! that put the capability `CP1` into their tokens understand one. So those get a 401 and step up by themselves where
//! they can; others get the error with its own status. All get the header, the claims in the body, and the command.

use arm::{Error, ErrorKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::SignedIn;
use super::reply::Reply;
use crate::app::status;

/// The answer to a request whose token was read and does not do; `None` for errors of any other sort.
pub fn reply(error: &Error, who: &SignedIn, origin: &str, now: Timestamp) -> Option<Reply> {
    let asked = error.additional_info.iter().find(|(kind, _)| kind == "ClaimsChallenge");
    if let Some(claims) = asked.and_then(|(_, info)| info.get("claims")) {
        return Some(step_up(error.clone(), claims, who, origin));
    }
    // The session has ended. A client that keeps tokens does not get another one unless it is asked for what no token
    // of before has: this is what continuous access evaluation asks.
    let ended = error.kind == ErrorKind::Unauthenticated && error.code == "InvalidAuthenticationToken";
    (ended && who.answers_challenges).then(|| {
        let nbf = json!({"essential": true, "value": now.as_second().to_string()});
        with_header(error, 401, &json!({"access_token": {"nbf": nbf}}), who, origin)
    })
}

fn step_up(mut error: Error, claims: &Value, who: &SignedIn, origin: &str) -> Reply {
    // No quotation marks: this is copied out of JSON in which they would be escaped.
    error.message = format!(
        "{} With the Azure CLI: az logout; az login --tenant {} --scope {origin}/.default --claims-challenge {}",
        error.message,
        who.tenant,
        encoded(claims)
    );
    let status = if who.answers_challenges { 401 } else { status(error.kind) };
    with_header(&error, status, claims, who, origin)
}

fn with_header(error: &Error, status: u16, claims: &Value, who: &SignedIn, origin: &str) -> Reply {
    let header = format!(
        "Bearer realm=\"\", authorization_uri=\"{origin}/{}/oauth2/v2.0/authorize\", error=\"insufficient_claims\", \
         claims=\"{}\"",
        who.tenant,
        encoded(claims)
    );
    Reply { status, body: Some(error.envelope()), headers: Vec::new() }
        .with_header("x-ms-error-code", error.code.clone())
        .with_header("www-authenticate", header)
}

fn encoded(claims: &Value) -> String {
    STANDARD.encode(claims.to_string())
}
