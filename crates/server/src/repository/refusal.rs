//! What is answered when something is refused: a status that the client acts on, and one line that it shows.

use arm::{Error, ErrorKind};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::app::status;

/// A refusal in the protocol's terms.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status. Clients give up on 401, 403, 404, 416 and 507, and try again on anything else.
    pub status: StatusCode,
    text: String,
    headers: HeaderMap,
    /// What only the log may see.
    internal: Option<String>,
}

impl Refusal {
    /// A refusal with a line for people.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), headers: HeaderMap::new(), internal: None }
    }

    /// Nothing of the protocol is at this address.
    pub fn no_such_address() -> Self {
        let text = "no such address: a repository is at /repositories/{vault}/{item}/, a recovery point's view at \
                    /repositories/{vault}/{item}@{recovery-point}/, and in it are config, and data, \
                    index, keys, locks and snapshots with names of 64 lower-case hexadecimal digits";
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// The method means nothing there.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        let text = format!("only {allowed} can be sent to this address");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, text).with(ALLOW, allowed)
    }

    /// Something that the client does better later.
    pub fn later(status: StatusCode, seconds: i64, text: impl Into<String>) -> Self {
        Self::new(status, text).with(RETRY_AFTER, &seconds.max(1).to_string())
    }

    /// Adds a header.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(status(error.kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut refusal = Self::new(status, error.message);
        refusal.internal = error.internal;
        match error.kind {
            ErrorKind::Unauthenticated => {
                refusal.with(WWW_AUTHENTICATE, "Basic realm=\"repository\", charset=\"UTF-8\"")
            }
            ErrorKind::Unavailable => refusal.with(RETRY_AFTER, "1"),
            _ => refusal,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Some(internal) = &self.internal {
            tracing::error!(status = self.status.as_u16(), %internal, "a repository request failed");
        }
        // Names that people gave may be in it, and it must stay one line.
        let line = self.text.replace(char::is_control, " ");
        let mut response = (self.status, format!("{line}\n")).into_response();
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}
