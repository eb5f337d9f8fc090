//! What a handler answers: a status, a body and the headers that clients act on.

use serde_json::{Value, json};

/// An answer, free of the HTTP framework.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body, if there is one.
    pub body: Option<Value>,
    /// Headers besides the usual ones.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), headers: Vec::new() }
    }

    /// 201 with a body.
    pub fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body), headers: Vec::new() }
    }

    /// 200 or 201 with a body.
    pub fn put(created: bool, body: Value) -> Self {
        if created { Self::created(body) } else { Self::ok(body) }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    /// 200 with a list that is complete.
    pub fn list(value: Vec<Value>) -> Self {
        Self::ok(json!({ "value": value }))
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
