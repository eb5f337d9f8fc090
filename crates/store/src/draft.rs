//! What somebody set out to do in the portal, kept while consent is asked for.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// How long a draft is kept. Consent that takes longer is asked for again.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A request to the API that was refused for want of consent, with what was typed, so that the page can go on where it
/// stopped. It gives no right: when it is sent again, it is decided like any other request of its person at that time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Its id; the key of the document.
    pub id: Uuid,
    /// Whose it is, the same person in every tenant. Nobody else sees it.
    pub person: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// What it does, in words that complete "You were about to …".
    pub title: String,
    /// What it says when it is done.
    pub done: String,
    /// The path of the portal's page that it began on and goes back to.
    pub back: String,
    /// The vault.
    pub vault: String,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The body of the request, without consent.
    pub body: Value,
    /// What refused it: the `ResourceGuardOperation` of the refusal. Null before the first try.
    pub refusal: Value,
}

impl Draft {
    /// Whether nobody will go on with it.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.begun) >= KEPT
    }
}
