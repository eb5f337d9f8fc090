//! All guards that somebody may read, in all their directories.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::{Guard, linked, places};
use crate::portal::link;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;
use crate::portal::words::count;

/// How many one page shows.
const PAGE: usize = 50;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

/// A line of the list.
struct Line {
    guard: Guard,
    directory: String,
    subscription: String,
    vaults: usize,
}

#[derive(Template)]
#[template(path = "portal/guards/list.html")]
struct ListPage {
    frame: Frame,
    lines: Vec<Line>,
    /// Whether there are any at all, whatever is looked for.
    any: bool,
    q: String,
    more: Option<String>,
}

/// `GET /portal/guards`
pub async fn show(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    let page = page(&viewer, asked).await;
    viewer.answer(page)
}

async fn page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let mut lines = Vec::new();
    for place in places::of_viewer(viewer).await? {
        let path = format!("{}/providers/{}", place.id, super::GUARD_TYPE);
        let guards: Vec<Guard> = match viewer.list_if_any(&path, &[]).await? {
            guards if guards.is_empty() => readable(viewer, &place.id).await?,
            guards => guards,
        };
        lines.extend(guards.into_iter().map(|guard| Line {
            guard,
            directory: place.directory.clone(),
            subscription: place.name.clone(),
            vaults: 0,
        }));
    }
    let any = !lines.is_empty();
    lines.retain(|line| line.matches(&asked.q));
    let more = (lines.len() > (asked.page + 1) * PAGE).then(|| {
        let here = link::with(super::LIST, "q", &asked.q);
        link::with(&here, "page", &(asked.page + 1).to_string())
    });
    let mut lines: Vec<Line> = lines.into_iter().skip(asked.page.saturating_mul(PAGE)).take(PAGE).collect();
    for line in &mut lines {
        line.vaults = linked::read(viewer, &line.guard.id).await?.len();
    }
    let frame = viewer
        .frame(Section::Guards, "Resource Guards")
        .subtitle("Each says which operations on vaults need the consent of its owner");
    Ok(viewer.page(&ListPage { frame, lines, any, q: asked.q, more }))
}

/// The guards of a subscription that somebody may read one by one, without reading the subscription's list.
async fn readable(viewer: &Viewer, subscription: &str) -> Result<Vec<Guard>> {
    let mut guards = Vec::new();
    for resource in places::resources(viewer, subscription).await? {
        if resource.kind.eq_ignore_ascii_case(super::GUARD_TYPE) {
            guards.extend(viewer.read_if_any::<Guard>(&resource.id, &[]).await?);
        }
    }
    Ok(guards)
}

impl Line {
    fn matches(&self, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        let description = self.guard.description().unwrap_or_default();
        [self.guard.name.as_str(), &self.directory, &self.subscription, &self.guard.location, description]
            .into_iter()
            .any(|one| one.to_lowercase().contains(&text))
    }

    fn linked(&self) -> String {
        match self.vaults {
            0 => "None".into(),
            some => count(some, "vault"),
        }
    }

    fn protected(&self) -> usize {
        self.guard.properties.resource_guard_operations.len()
    }
}
