//! Where: the scopes that the viewer sees, in all their directories.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::places::{self, Place, Resource};
use super::super::shell::Frame;
use super::super::viewer::Viewer;
use super::super::{link, words};
use super::{ASSIGNMENTS, SETTINGS, scope_of};

/// How many scopes stand on the page. Whoever looks for another one types a part of its name.
const SHOWN: usize = 150;

#[derive(Template)]
#[template(path = "portal/privileged/scopes.html")]
struct ScopesPage {
    frame: Frame,
    what: &'static str,
    q: String,
    scopes: Vec<Scope>,
    more: bool,
    problem: Option<String>,
}

/// Which scopes, or which one.
#[derive(Default, Deserialize)]
pub struct Which {
    /// A part of the name.
    #[serde(default)]
    q: String,
    /// The scope's id.
    #[serde(default)]
    scope: String,
}

/// A scope to choose.
struct Scope {
    name: String,
    kind: String,
    place: String,
    href: String,
}

/// `GET /portal/privileged/assignments`
pub async fn of_assignments(viewer: Viewer, Query(which): Query<Which>) -> Response {
    viewer.answer(page(&viewer, which, "privileged/assignments", "Assignments", ASSIGNMENTS).await)
}

/// `GET /portal/privileged/settings`
pub async fn of_settings(viewer: Viewer, Query(which): Query<Which>) -> Response {
    viewer.answer(page(&viewer, which, "privileged/settings", "Role settings", SETTINGS).await)
}

async fn page(
    viewer: &Viewer,
    which: Which,
    name: &str,
    title: &'static str,
    here: &str,
) -> Result<Response> {
    let mut problem = None;
    if !which.scope.trim().is_empty() {
        match scope_of(&which.scope) {
            Ok(scope) => return Ok(Redirect::to(&link::page(name, scope.as_str())).into_response()),
            Err(error) => problem = Some(error.message),
        }
    }
    let mut scopes = Vec::new();
    for place in places::of_viewer(viewer).await? {
        scopes.extend(within(viewer, &place, name).await?);
    }
    let wanted = which.q.trim().to_lowercase();
    scopes.retain(|scope| wanted.is_empty() || scope.name.to_lowercase().contains(&wanted));
    let more = scopes.len() > SHOWN;
    scopes.truncate(SHOWN);
    let frame = viewer.privileged(title, here).subtitle("Choose where");
    Ok(viewer.page(&ScopesPage { frame, what: title, q: which.q, scopes, more, problem }))
}

/// A subscription with what is in it.
async fn within(viewer: &Viewer, place: &Place, page: &str) -> Result<Vec<Scope>> {
    let scope = |name: String, kind: &str, place: String, id: &str| Scope {
        name,
        kind: kind.into(),
        place,
        href: link::page(page, id),
    };
    let Place { id, name, directory, .. } = place;
    let mut scopes = vec![scope(name.clone(), "Subscription", directory.clone(), id)];
    let groups: Vec<Resource> = viewer.list_if_any(&format!("{id}/resourceGroups"), &[]).await?;
    let group = |one: Resource| scope(one.name, "Resource group", format!("{name} in {directory}"), &one.id);
    scopes.extend(groups.into_iter().map(group));
    let inside = |one: &Resource| format!("{name}, {}, in {directory}", group_of(&one.id));
    let resource = |one: Resource| scope(one.name.clone(), one.sort(), inside(&one), &one.id);
    scopes.extend(places::resources(viewer, id).await?.into_iter().map(resource));
    Ok(scopes)
}

fn group_of(id: &str) -> String {
    arm::ResourceId::parse(id)
        .ok()
        .and_then(|id| id.resource_group_name().map(|name| format!("resource group {name}")))
        .unwrap_or_else(|| words::scope(id))
}
