//! All guards that somebody may read, in all their directories.

use std::collections::BTreeMap;

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::{Guard, linked};
use crate::portal::link;
use crate::portal::places;
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
    let names: BTreeMap<String, String> =
        places::of_viewer(viewer).await?.into_iter().map(|place| (place.id, place.name)).collect();
    let line = |(guard, directory): (Guard, String)| Line {
        subscription: names.get(&guard.subscription()).cloned().unwrap_or_default(),
        vaults: 0,
        directory,
        guard,
    };
    let mut lines: Vec<Line> = super::of_viewer(viewer).await?.into_iter().map(line).collect();
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
