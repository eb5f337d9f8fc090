//! The list of groups, and creating one.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::find::{Asked, Rows};
use super::{GROUPS, Listed, Typed, is_for_the_form, tabs};
use crate::portal::ask::of;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/groups.html")]
struct GroupsPage {
    frame: Frame,
    asked: Asked,
    rows: Rows,
    writes: bool,
}

#[derive(Template)]
#[template(path = "portal/directory/new_group.html")]
struct NewGroupPage {
    frame: Frame,
    typed: Typed,
    writes: bool,
    problem: Option<String>,
}

/// `GET /portal/groups`
pub async fn list(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    viewer.answer(list_page(&viewer, asked).await)
}

async fn list_page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let found = viewer.find_objects("groups", &["displayName"], &asked.q, "").await?;
    let rows = asked.cut(GROUPS, found);
    let frame =
        viewer.frame(Section::Directory, "Groups").subtitle(viewer.directory_name()).tabs(tabs(), GROUPS);
    let writes = viewer.writes_directory(None).await?;
    Ok(viewer.page(&GroupsPage { frame, asked, rows, writes }))
}

/// `GET /portal/groups/new`
pub async fn new(viewer: Viewer) -> Response {
    viewer.answer(new_page(&viewer, Typed::default(), None).await)
}

/// `POST /portal/groups/new`
pub async fn create(Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match make(&viewer, &typed).await {
        Ok(group) => {
            let what = format!("The group {} was created. It has no members yet.", group.display_name);
            Ok(viewer.done(&format!("{GROUPS}/{}", group.id), &what))
        }
        Err(error) if is_for_the_form(&error) => new_page(&viewer, typed, Some(error)).await,
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn make(viewer: &Viewer, typed: &Typed) -> Result<Listed> {
    let body = json!({
        "displayName": typed.get("name"),
        "description": typed.get("description"),
        "mailEnabled": false,
        "mailNickname": nickname(typed.get("name")),
        "securityEnabled": true,
    });
    of(viewer.graph(None, "POST", "groups", &[], body).await?)
}

/// Graph wants one although these groups have no mail.
fn nickname(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let nickname: String = name.trim().chars().map(kept).take(64).collect();
    if nickname.is_empty() { "group".into() } else { nickname }
}

async fn new_page(viewer: &Viewer, typed: Typed, error: Option<Error>) -> Result<Response> {
    let page = NewGroupPage {
        frame: viewer
            .frame(Section::Directory, "Create a group")
            .subtitle(viewer.directory_name())
            .crumb("Groups", GROUPS),
        typed,
        writes: viewer.writes_directory(None).await?,
        problem: error.as_ref().map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}
