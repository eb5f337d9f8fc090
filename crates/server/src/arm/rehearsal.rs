//! `validateOnly=true` on any request that changes something: what would it come to, and who would have to consent?
//!
//! The request is decided as any other, by the same handler, door and classification, and then nothing of it is written: no
//! change, and no refusal in the ledger, because nobody tried.

use arm::{Error, ErrorKind, Result};
use mua::{Consent, ConsentState, Missing};
use serde_json::{Value, json};

use super::call::{Call, Request};
use super::door::Considered;
use super::reply::Reply;
use super::route::{Handler, Needs, Route};

/// Whether a request is made only to see what it would come to.
///
/// # Errors
/// `InvalidQueryParameterValue` for a value that is neither `true` nor `false`, and where nothing can be rehearsed: a request
/// that only means to look must never do anything.
pub fn is_asked(request: &Request, route: &Route) -> Result<bool> {
    let refuse = |why: &str| Error::invalid("InvalidQueryParameterValue", format!("validateOnly {why}"));
    match request.query("validateOnly") {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) if !value.eq_ignore_ascii_case("true") => Err(refuse("is 'true' or 'false'")),
        Some(_) if request.method.is_read() => Err(refuse("is for requests that change something")),
        Some(_) if route.needs == Needs::SignedIn => {
            Err(refuse("is not offered here; schedule requests have '…/validate' for it"))
        }
        Some(_) => Ok(true),
    }
}

/// Decides a request, tells what it would come to, and lets nothing of it be written.
///
/// # Errors
/// When it cannot be told.
pub fn run(call: &mut Call<'_>, handler: Handler) -> Result<Reply> {
    call.tx.rehearse();
    call.rehearsal = Some(Vec::new());
    let outcome = handler(call);
    let considered = call.rehearsal.take().unwrap_or_default();
    let error = match outcome {
        Err(error) if matches!(error.kind, ErrorKind::Internal | ErrorKind::Unavailable) => {
            return Err(error);
        }
        Err(error) => error.envelope().get("error").cloned(),
        Ok(_) => None,
    };
    let needed = |one: &&Considered| one.standing.consent != ConsentState::NotNeeded;
    let required = considered.iter().any(|one| needed(&one));
    let held = |one: &Considered| matches!(one.standing.consent, ConsentState::Yes(_));
    Ok(Reply::ok(json!({
        "isAllowed": error.is_none(),
        "isCritical": !considered.is_empty(),
        "isConsentRequired": required,
        "isConsentHeld": required && considered.iter().filter(needed).all(held),
        "criticalOperations": considered.iter().map(operation).collect::<Vec<_>>(),
        "error": error,
    })))
}

fn operation(considered: &Considered) -> Value {
    let standing = &considered.standing;
    let operation = standing.finding.operation;
    let guard = considered.guard.as_ref().filter(|_| standing.consent != ConsentState::NotNeeded);
    let until = match &standing.consent {
        ConsentState::Yes(right) => right.until.map(arm::long_timestamp),
        ConsentState::NotNeeded | ConsentState::No(_) => None,
    };
    let consent = match (&standing.consent, operation.consent()) {
        (ConsentState::NotNeeded, _) => None,
        (_, Consent::InRequest) => Some("resourceGuardOperationRequests"),
        (_, Consent::ByUnlock) => Some("unlockDelete"),
    };
    json!({
        "vaultCriticalOperation": operation.name(),
        "title": operation.title(),
        // Each operation says all that becomes weaker in one sentence, part by part.
        "weakenings": standing.finding.why.split("; ").collect::<Vec<_>>(),
        "isConsentRequired": standing.consent != ConsentState::NotNeeded,
        "isConsentHeld": matches!(standing.consent, ConsentState::Yes(_)),
        "isExcludedByGuard": considered.guard.is_some() && standing.consent == ConsentState::NotNeeded,
        "consentUntil": until,
        "consentBy": consent,
        "isUnlocked": standing.unlocked,
        "resourceGuardId": guard,
        "resourceGuardOperationRequest": guard.map(|guard| format!("{guard}/{}/default", operation.request_kind())),
        "description": standing.description,
        "missing": missing(&standing.consent),
    })
}

fn missing(consent: &ConsentState) -> Option<String> {
    match consent {
        ConsentState::No(Missing::Right { action }) => {
            Some(format!("Backup MUA Operator on the guard, or another role with '{action}'"))
        }
        ConsentState::No(Missing::Guard { why }) => Some(format!("an answer of the guard: {why}")),
        ConsentState::No(Missing::Request | Missing::Unlock | Missing::Window)
        | ConsentState::NotNeeded
        | ConsentState::Yes(_) => None,
    }
}
