//! Choosing where to look: directories, their subscriptions, and what is in them.

use std::collections::BTreeMap;

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use crate::portal::link;
use crate::portal::places::{self, Resource};
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

/// How many groups and resources the page shows in all.
const SHOWN: usize = 150;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// A resource group, with what is in it.
struct Group {
    id: String,
    name: String,
    resources: Vec<Resource>,
}

/// A subscription, with its groups.
struct Branch {
    id: String,
    name: String,
    directory: String,
    groups: Vec<Group>,
}

#[derive(Template)]
#[template(path = "portal/guards/choose.html")]
struct ChoosePage {
    frame: Frame,
    branches: Vec<Branch>,
    q: String,
    left_out: bool,
}

/// `GET /portal/access`
pub async fn show(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    let page = page(&viewer, asked).await;
    viewer.answer(page)
}

async fn page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let q = asked.q.trim().to_lowercase();
    let fits = |name: &str| name.to_lowercase().contains(&q);
    let mut branches = Vec::new();
    let mut room = SHOWN;
    let mut left_out = false;
    for place in places::of_viewer(viewer).await? {
        let known: Vec<Resource> = viewer.list_if_any(&format!("{}/resourceGroups", place.id), &[]).await?;
        let mut groups: BTreeMap<String, Group> =
            known.into_iter().map(|one| (one.name.to_lowercase(), Group::new(one.id, one.name))).collect();
        for resource in places::resources(viewer, &place.id).await? {
            let name = resource.id.split('/').nth(4).unwrap_or_default().to_string();
            let id = format!("{}/resourceGroups/{name}", place.id);
            groups
                .entry(name.to_lowercase())
                .or_insert_with(|| Group::new(id, name))
                .resources
                .push(resource);
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        if !fits(&place.name) {
            for group in groups.iter_mut().filter(|group| !fits(&group.name)) {
                group.resources.retain(|resource| fits(&resource.name));
            }
            groups.retain(|group| fits(&group.name) || !group.resources.is_empty());
        }
        if groups.is_empty() && !fits(&place.name) {
            continue;
        }
        for group in &mut groups {
            left_out |= group.resources.len() > room;
            group.resources.truncate(room);
            room = room.saturating_sub(group.resources.len() + 1);
        }
        branches.push(Branch { id: place.id, name: place.name, directory: place.directory, groups });
    }
    let frame = viewer
        .frame(Section::Access, "Access control")
        .subtitle("Choose where to look: a role that is held somewhere holds for everything below it");
    Ok(viewer.page(&ChoosePage { frame, branches, q: asked.q, left_out }))
}

impl Group {
    fn new(id: String, name: String) -> Self {
        Self { id, name, resources: Vec::new() }
    }
}

impl ChoosePage {
    fn page(&self, id: &str) -> String {
        link::page("access/scope", id)
    }
}
