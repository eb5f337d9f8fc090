//! What was done with a guard: the activity log of it, newest first.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::{Guard, frame_of, read_guard};
use crate::portal::ledger::words::operation;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::{name_of, short_ids};

/// How many events one page shows.
const PAGE: usize = 50;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    status: String,
    #[serde(default)]
    before: String,
}

/// An event of the activity log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    correlation_id: String,
    event_timestamp: jiff::Timestamp,
    caller: String,
    operation_name: Word,
    status: Word,
    resource_id: String,
    #[serde(default)]
    authorization: Option<Authorization>,
    properties: Properties,
}

#[derive(Deserialize)]
struct Authorization {
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct Word {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    message: String,
    ledger_sequence: String,
}

#[derive(Template)]
#[template(path = "portal/guards/activity.html")]
struct ActivityPage {
    frame: Frame,
    guard: Guard,
    events: Vec<Event>,
    status: String,
    more: Option<String>,
    begins: bool,
}

/// `GET /portal/guards/activity/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        page(&viewer, guard, asked).await
    };
    viewer.answer(page.await)
}

async fn page(viewer: &Viewer, guard: Guard, asked: Asked) -> Result<Response> {
    let path = format!("{}/providers/Microsoft.Insights/eventtypes/management/values", guard.id);
    let mut query = Vec::new();
    match asked.status.as_str() {
        "Failed" => query.push(("$filter", "status eq 'Failed'")),
        "Succeeded" => query.push(("$filter", "status eq 'Succeeded'")),
        _ => {}
    }
    if !asked.before.is_empty() {
        query.push(("$skiptoken", asked.before.as_str()));
    }
    let part = viewer.part::<Event>(&path, &query).await?;
    let longer = part.next.is_some() || part.entries.len() > PAGE;
    let events: Vec<Event> = part.entries.into_iter().take(PAGE).collect();
    let here = link::with(&guard.page("activity"), "status", &asked.status);
    // The list goes on before an entry of the ledger.
    let last = events.last().map(|event| event.properties.ledger_sequence.as_str());
    let last = last.or(part.next.as_deref()).filter(|_| longer);
    let page = ActivityPage {
        frame: frame_of(viewer, &guard, "guards/activity"),
        guard,
        more: last.map(|last| link::with(&here, "before", last)),
        events,
        status: asked.status,
        begins: asked.before.is_empty(),
    };
    Ok(viewer.page(&page))
}

impl Event {
    fn at(&self) -> Moment {
        Moment(self.event_timestamp)
    }

    fn story(&self) -> String {
        link::page("ledger/story", &self.correlation_id)
    }

    /// What was done, in words.
    fn what(&self) -> String {
        operation(&self.operation_name.value)
    }

    /// Why, in a sentence.
    fn says(&self) -> String {
        short_ids(&self.properties.message)
    }

    fn was_refused(&self) -> bool {
        self.status.value == "Failed"
    }

    /// On what: the guard itself, or a vault that it was asked about.
    fn target(&self) -> &str {
        let at = self.authorization.as_ref().map(|authorization| authorization.scope.as_str());
        name_of(at.filter(|scope| !scope.is_empty()).unwrap_or(&self.resource_id))
    }
}
