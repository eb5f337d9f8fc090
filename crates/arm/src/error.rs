//! One error type for the whole control plane, free of HTTP.
//!
//! What a client may see ([`Error::message`]) and what only the log may see ([`Error::internal`]) are separate
//! fields. The error has no `Display`, so that neither half reaches a client or a log by accident; the edge
//! decides what goes where.

use serde_json::Value;

/// What a fallible control-plane function returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The nature of a failure; the edge turns it into an HTTP status (contract 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed or breaks a rule nobody can waive (400).
    Invalid,
    /// Nobody is signed in, or not for this tenant (401).
    Unauthenticated,
    /// The caller is known and may not do this (403).
    Forbidden,
    /// What the request names does not exist (404).
    NotFound,
    /// The resource exists, but not for this method (405).
    MethodNotAllowed,
    /// The state of the resource does not allow it now (409).
    Conflict,
    /// A condition the client set does not hold (412).
    PreconditionFailed,
    /// The body is larger than anything a client sends (413).
    TooLarge,
    /// Too many requests, or too many failed ones (429).
    Throttled,
    /// The server failed (500); the message never says how.
    Internal,
    /// The server cannot answer just now and the client should retry (503).
    Unavailable,
    /// There is no room for what the client sent, and trying again does not help (507).
    Full,
}

/// A failure in ARM's terms: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// ARM's error code, e.g. `AuthorizationFailed`.
    pub code: String,
    /// One sentence for the client: what was refused, why, and what to do next.
    pub message: String,
    /// The part of the request that is at fault, when one is.
    pub target: Option<String>,
    /// Errors below this one.
    pub details: Vec<Error>,
    /// Structured facts for programs: pairs of type and value (ARM's `additionalInfo`).
    pub additional_info: Vec<(String, Value)>,
    /// What only the log may see.
    pub internal: Option<String>,
}

impl Error {
    /// An error of the given kind with ARM's code and a sentence for the client.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            target: None,
            details: Vec::new(),
            additional_info: Vec::new(),
            internal: None,
        }
    }

    /// A malformed request or a broken rule.
    pub fn invalid(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }

    /// A known caller who may not do this.
    pub fn forbidden(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, code, message)
    }

    /// Something the request names does not exist.
    pub fn not_found(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, code, message)
    }

    /// The state of the resource does not allow it.
    pub fn conflict(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
    }

    /// A failure of the server; `why` goes to the log alone.
    pub fn internal(why: impl Into<String>) -> Self {
        let mut error = Self::new(
            ErrorKind::Internal,
            "InternalServerError",
            "the server could not complete the request; nothing was changed",
        );
        error.internal = Some(why.into());
        error
    }

    /// Names the part of the request that is at fault.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Adds a structured fact for programs.
    #[must_use]
    pub fn with_info(mut self, kind: impl Into<String>, info: Value) -> Self {
        self.additional_info.push((kind.into(), info));
        self
    }

    /// ARM's error envelope (contract 1.3). Holds no internal text.
    pub fn envelope(&self) -> Value {
        serde_json::json!({ "error": self.body() })
    }

    fn body(&self) -> Value {
        let mut body = serde_json::Map::new();
        body.insert("code".into(), self.code.clone().into());
        body.insert("message".into(), self.message.clone().into());
        if let Some(target) = &self.target {
            body.insert("target".into(), target.clone().into());
        }
        if !self.details.is_empty() {
            body.insert("details".into(), self.details.iter().map(Self::body).collect());
        }
        if !self.additional_info.is_empty() {
            let info = self
                .additional_info
                .iter()
                .map(|(kind, info)| serde_json::json!({ "type": kind, "info": info }));
            body.insert("additionalInfo".into(), info.collect());
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_never_holds_internal_text() {
        let error = Error::internal("disk sda1 is full");
        assert!(!error.envelope().to_string().contains("sda1"));
    }

    #[test]
    fn the_envelope_has_arms_shape() {
        let error =
            Error::forbidden("LinkedAuthorizationFailed", "no").with_target("x").with_info("T", 1.into());
        let expected = serde_json::json!({"error": {
            "code": "LinkedAuthorizationFailed", "message": "no", "target": "x",
            "additionalInfo": [{"type": "T", "info": 1}]}});
        assert_eq!(error.envelope(), expected);
    }
}
