//! Where: the scopes that the viewer sees, in all their directories.

use arm::Result;
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::shell::Frame;
use super::super::viewer::{Account, Viewer};
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    display_name: String,
}

#[derive(Deserialize)]
struct Resource {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
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
    for account in viewer.directories() {
        scopes.extend(within(viewer, account, name).await?);
    }
    let wanted = which.q.trim().to_lowercase();
    scopes.retain(|scope| wanted.is_empty() || scope.name.to_lowercase().contains(&wanted));
    let more = scopes.len() > SHOWN;
    scopes.truncate(SHOWN);
    let frame = viewer.privileged(title, here).subtitle("Choose where");
    Ok(viewer.page(&ScopesPage { frame, what: title, q: which.q, scopes, more, problem }))
}

/// The subscriptions of a directory with what is in them.
async fn within(viewer: &Viewer, account: &Account, page: &str) -> Result<Vec<Scope>> {
    let mut scopes = Vec::new();
    let all: Vec<Subscription> = viewer.list_in(Some(account.tenant), "/subscriptions", &[]).await?;
    for subscription in all {
        let place = |inner: &str| match inner {
            "" => account.directory.clone(),
            inner => format!("{}, {inner}, in {}", subscription.display_name, account.directory),
        };
        scopes.push(Scope {
            name: subscription.display_name.clone(),
            kind: "Subscription".into(),
            place: place(""),
            href: link::page(page, &subscription.id),
        });
        for (rest, group) in [("resourceGroups", true), ("resources", false)] {
            let found: Vec<Resource> =
                viewer.list_if_any(&format!("{}/{rest}", subscription.id), &[]).await?;
            scopes.extend(found.into_iter().map(|resource| Scope {
                kind: if group { "Resource group".into() } else { kind_of(&resource.kind).into() },
                place: match group {
                    true => format!("{} in {}", subscription.display_name, account.directory),
                    false => place(&group_of(&resource.id)),
                },
                href: link::page(page, &resource.id),
                name: resource.name,
            }));
        }
    }
    Ok(scopes)
}

/// What a resource is, in words.
fn kind_of(kind: &str) -> &str {
    match kind.to_ascii_lowercase().as_str() {
        "microsoft.dataprotection/resourceguards" => "Resource Guard",
        "microsoft.dataprotection/backupvaults" => "Backup vault",
        "microsoft.recoveryservices/vaults" => "Recovery Services vault",
        _ => kind,
    }
}

fn group_of(id: &str) -> String {
    arm::ResourceId::parse(id)
        .ok()
        .and_then(|id| id.resource_group_name().map(|name| format!("resource group {name}")))
        .unwrap_or_else(|| words::scope(id))
}
