//! Answers for programs: JSON, as RFC 6749 and MSAL want it.

use axum::http::header::{CONTENT_TYPE, PRAGMA, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::visit::Visit;
use crate::app::App;

/// How long a client that asks too often should wait, in seconds.
const HASTY_SECONDS: i64 = 60;

/// The answer of an endpoint that programs ask.
pub fn json<T: Serialize>(app: &App, visit: &Visit, outcome: Outcome<T>) -> Response {
    match outcome {
        Ok(body) => document(StatusCode::OK, &body),
        Err(fault) => refusal(app, visit.correlation, &fault),
    }
}

/// A JSON document.
pub fn document<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json; charset=utf-8"),
        // For caches older than Cache-Control (RFC 6749, section 5.1).
        (PRAGMA, "no-cache"),
    ];
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, headers, bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "a sign-in answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A refusal in the form that MSAL reads.
pub fn refusal(app: &App, correlation: Uuid, fault: &Fault) -> Response {
    note(correlation, fault);
    let now = app.edge.now();
    let error = fault.error();
    let body = error.json(app.edge.uuid(), correlation, now);
    let mut response = document(status(fault), &body);
    if let Some(seconds) = wait(fault, now) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Writes to the log what only the log may see.
pub fn note(correlation: Uuid, fault: &Fault) {
    if let Fault::Failed(error) = fault {
        let internal = error.internal.as_deref().unwrap_or(&error.message);
        tracing::error!(%correlation, code = %error.code, %internal, "a sign-in request failed");
    }
}

/// The HTTP status of a refusal: 401 for a client that is not who it says, else 400 (RFC 6749, section 5.2).
pub fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::Refused(error) if error.error == "invalid_client" => StatusCode::UNAUTHORIZED,
        Fault::Refused(_) | Fault::Locked(_) => StatusCode::BAD_REQUEST,
        Fault::Hasty => StatusCode::TOO_MANY_REQUESTS,
        Fault::Failed(error) if error.kind == arm::ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When to come back, in seconds from now.
pub fn wait(fault: &Fault, now: Timestamp) -> Option<i64> {
    match fault {
        Fault::Locked(until) => Some(until.duration_since(now).as_secs().saturating_add(1)),
        Fault::Hasty => Some(HASTY_SECONDS),
        Fault::Failed(error) if error.kind == arm::ErrorKind::Unavailable => Some(1),
        Fault::Refused(_) | Fault::Failed(_) => None,
    }
}
