//! What was done with a vault and what was refused: the activity log, which is the ledger.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::jobs::{SPANS, quoted, since};
use super::vault::Vault;
use crate::portal::ask::is_hidden;
use crate::portal::ledger::words::operation;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;

/// Events on one page: fewer than the API answers with, so that a page stays light.
const PAGE: usize = 60;

/// An event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    correlation_id: String,
    event_timestamp: String,
    caller: String,
    resource_id: String,
    operation_name: Word,
    status: Word,
    properties: Facts,
}

#[derive(Deserialize)]
struct Word {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    #[serde(default)]
    message: String,
    #[serde(default)]
    ledger_sequence: String,
    #[serde(default)]
    consent_held_by: String,
}

/// What is looked for.
#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    caller: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    after: String,
}

#[derive(Template)]
#[template(path = "portal/vaults/activity.html")]
struct ActivityPage {
    frame: Frame,
    wanted: Wanted,
    vault: String,
    events: Vec<Event>,
    next: Option<String>,
    hidden: bool,
}

impl Event {
    fn at(&self) -> Option<Moment> {
        Moment::parse(&self.event_timestamp)
    }

    fn refused(&self) -> bool {
        self.status.value == "Failed"
    }

    /// What was done.
    fn what(&self) -> String {
        operation(&self.operation_name.value)
    }

    /// What it was about, as seen from the vault.
    fn about(&self, vault: &str) -> &str {
        match self.resource_id.get(vault.len()..) {
            Some("") => "the vault",
            Some(below) => below.trim_start_matches('/'),
            None => &self.resource_id,
        }
    }

    fn story(&self) -> String {
        story(&self.correlation_id, self.at())
    }
}

/// The address of a request's whole story, which was told at that time.
pub fn story(correlation: &str, at: Option<Moment>) -> String {
    let href = format!("/portal/ledger/story/{correlation}");
    match at {
        Some(Moment(at)) => link::with(&href, "at", &arm::timestamp(at)),
        None => href,
    }
}

impl ActivityPage {
    fn spans(&self) -> [(&'static str, &'static str); 4] {
        SPANS
    }
}

impl Wanted {
    fn filter(&self, now: jiff::Timestamp) -> String {
        let named = [("caller", self.caller.trim()), ("status", self.status.trim())];
        let given = named.into_iter().filter(|(_, value)| !value.is_empty());
        let mut clauses: Vec<String> =
            given.map(|(name, value)| format!("{name} eq '{}'", quoted(value))).collect();
        if let Some(since) = since(&self.hours, now) {
            clauses.push(format!("eventTimestamp ge '{}'", arm::timestamp(since)));
        }
        clauses.join(" and ")
    }
}

/// `GET /portal/vaults/activity/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    viewer.answer(page(&viewer, &id, wanted).await)
}

async fn page(viewer: &Viewer, id: &str, wanted: Wanted) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let filter = wanted.filter(viewer.now);
    let mut query = Vec::new();
    if !filter.is_empty() {
        query.push(("$filter", filter.as_str()));
    }
    if !wanted.after.is_empty() {
        query.push(("$skiptoken", wanted.after.as_str()));
    }
    let path = format!("{}/providers/Microsoft.Insights/eventtypes/management/values", vault.id);
    let (mut events, mut next, hidden) = match viewer.part::<Event>(&path, &query).await {
        Ok(part) => (part.entries, part.next, false),
        Err(error) if is_hidden(&error) => (Vec::new(), None, true),
        Err(error) => return Err(error),
    };
    if events.len() > PAGE {
        events.truncate(PAGE);
        // The list goes on below an entry of the ledger, whichever that is.
        next = events.last().map(|event| event.properties.ledger_sequence.clone());
    }
    let next = next.map(|next| {
        let filters = [("caller", &wanted.caller), ("status", &wanted.status), ("hours", &wanted.hours)];
        let href = filters
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(vault.page("activity"), |href, (name, value)| link::with(&href, name, value));
        link::with(&href, "after", &next)
    });
    let frame = vault.tab(viewer, "activity");
    Ok(viewer.page(&ActivityPage { frame, wanted, vault: vault.id, events, next, hidden }))
}
