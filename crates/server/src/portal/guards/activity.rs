//! What was done with a guard: the activity log of it, newest first.

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::{Guard, frame_of, read_guard};
use crate::portal::ledger::entry::Entry;
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::{name_of, short_ids};

/// How many events one page shows.
const PAGE: &str = "50";

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    status: String,
    #[serde(default)]
    before: String,
}

#[derive(Template)]
#[template(path = "portal/guards/activity.html")]
struct ActivityPage {
    frame: Frame,
    guard: Guard,
    events: Vec<Entry>,
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
    let mut query = vec![("$top", PAGE)];
    match asked.status.as_str() {
        "Failed" => query.push(("$filter", "status eq 'Failed'")),
        "Succeeded" => query.push(("$filter", "status eq 'Succeeded'")),
        _ => {}
    }
    if !asked.before.is_empty() {
        query.push(("$skiptoken", asked.before.as_str()));
    }
    let part = viewer.events(&guard.id, &query).await?;
    let here = link::with(&guard.page("activity"), "status", &asked.status);
    let page = ActivityPage {
        frame: frame_of(viewer, &guard, "guards/activity"),
        guard,
        more: part.next.map(|next| link::with(&here, "before", &next)),
        events: part.entries,
        status: asked.status,
        begins: asked.before.is_empty(),
    };
    Ok(viewer.page(&page))
}

impl ActivityPage {
    /// Why, in a sentence.
    fn says(&self, event: &Entry) -> String {
        short_ids(&event.reason)
    }

    /// On what: the guard itself, or a vault that it was asked about.
    fn target<'a>(&self, event: &'a Entry) -> &'a str {
        name_of(&event.target)
    }
}
