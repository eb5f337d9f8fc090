//! What was done with a vault and what was refused: the activity log, which is the ledger.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::jobs::{SPANS, quoted, since};
use super::vault::Vault;
use crate::portal::ask::is_hidden;
use crate::portal::ledger::entry::Entry;
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;

/// Events on one page.
const PAGE: &str = "60";

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
    events: Vec<Entry>,
    next: Option<String>,
    hidden: bool,
}

impl ActivityPage {
    /// What an event was about, as seen from the vault.
    fn about<'a>(&self, event: &'a Entry) -> &'a str {
        match event.target.get(self.vault.len()..) {
            Some("") => "the vault",
            Some(below) => below.trim_start_matches('/'),
            None => &event.target,
        }
    }

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
    let mut query = vec![("$top", PAGE)];
    if !filter.is_empty() {
        query.push(("$filter", filter.as_str()));
    }
    if !wanted.after.is_empty() {
        query.push(("$skiptoken", wanted.after.as_str()));
    }
    let (events, next, hidden) = match viewer.events(&vault.id, &query).await {
        Ok(part) => (part.entries, part.next, false),
        Err(error) if is_hidden(&error) => (Vec::new(), None, true),
        Err(error) => return Err(error),
    };
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
