//! What a change would come to, asked before it is made: what becomes weaker, in the API's own words, and whose consent it
//! needs.

use arm::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::route::Method;
use crate::portal::ask;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// The API's answer to a request that is only considered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Whether it would be done.
    is_allowed: bool,
    is_consent_required: bool,
    is_consent_held: bool,
    critical_operations: Vec<Critical>,
    error: Option<Refusal>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Critical {
    weakenings: Vec<String>,
    resource_guard_id: Option<String>,
    description: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Refusal {
    message: String,
}

impl Outlook {
    /// What becomes weaker.
    pub fn weakenings(&self) -> impl Iterator<Item = &str> {
        self.critical_operations.iter().flat_map(|one| one.weakenings.iter().map(String::as_str))
    }

    /// Whether anything does.
    pub fn is_critical(&self) -> bool {
        !self.critical_operations.is_empty()
    }

    /// Whether somebody else has to consent before it can be done.
    pub fn needs_consent(&self) -> bool {
        self.is_consent_required && !self.is_consent_held
    }

    /// Whether consent is needed, and there already.
    pub fn has_consent(&self) -> bool {
        self.is_consent_required && self.is_consent_held
    }

    /// The guard whose owner consents: its id and name.
    pub fn guard(&self) -> Option<(&str, &str)> {
        let id = self.critical_operations.iter().find_map(|one| one.resource_guard_id.as_deref())?;
        Some((id, name_of(id)))
    }

    /// What its owner wrote on whom to ask.
    pub fn description(&self) -> Option<&str> {
        self.critical_operations.iter().find_map(|one| one.description.as_deref())
    }

    /// Why it cannot be done by any consent.
    pub fn refusal(&self) -> Option<&str> {
        let refused = !self.is_allowed && !self.is_consent_required;
        self.error.as_ref().filter(|_| refused).map(|error| error.message.as_str())
    }
}

/// Asks what a change would come to. Nothing is changed.
///
/// # Errors
/// What ARM answers to whoever may not even try.
pub async fn consider(viewer: &Viewer, method: Method, path: &str, body: Value) -> Result<Outlook> {
    let body = if body.is_null() && method != Method::Delete { json!({}) } else { body };
    ask::of(viewer.arm(method, path, &[("validateOnly", "true")], body).await?)
}
